"""Laws of several axes: M-RoPE, vision models' RoPE, mixed frequencies, Fourier features."""

import copy
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posenc_lib import (
    AxialRotary,
    KeyValueCache,
    MixedRotary,
    MultiHeadAttention,
    MultimodalRotary,
    RandomFourierEncoding,
    RotaryEncoding,
    TransformerStack,
    UnpairedAxialRotary,
    UnpairedMultimodalRotary,
    YarnRotary,
    centred_coordinates,
    grid_coordinates,
    merged_cells,
    multimodal_positions,
    random_fourier_features,
)
from tests.reference import tokens
from tests.test_rope import both_layouts, normal

few = settings(max_examples=15, deadline=None)
ARRANGED = [("sections", (2, 3, 3)), ("interleaved", (4, 2, 2)), ("time_last", (2, 3, 3))]
arranged = pytest.mark.parametrize(("arrangement", "sections"), ARRANGED)
PROMPT = [3, (2, 3), 2, (2, 2, 2), 4]  # words, a picture, words, a video, words


def layer_with(encoding, dim=32, heads=2, **settings):
    torch.manual_seed(0)
    layer = MultiHeadAttention(dim, heads, encoding=encoding, causal=True, **settings)
    return layer.double().eval()


# M-RoPE


@both_layouts
@arranged
def test_text_alone_is_plain_rope(layout, arrangement, sections):
    at, x = torch.stack([torch.arange(7) + 4, torch.arange(7) * 3]), normal(2, 3, 7, 16)
    ours = MultimodalRotary(16, sections, base=500.0, layout=layout, arrangement=arrangement)
    rope = RotaryEncoding(16, base=500.0, layout=layout).at_query(x, at)
    assert torch.equal(ours.at_query(x, at), rope)
    assert torch.equal(ours.at_key(x, at[..., None].expand(-1, -1, 3)), rope)


@arranged
def test_each_pair_listens_to_its_own_axis(arrangement, sections):
    rope = MultimodalRotary(16, sections, base=500.0, arrangement=arrangement)
    for axis, count in enumerate(sections):
        at = torch.zeros(1, 1, 3)
        at[..., axis] = 1.0
        angles = rope.angles(at)[0, 0]
        listens = torch.tensor([a == axis for a in rope.pair_axes])
        assert int(listens.sum()) == count
        assert torch.equal(angles, rope.frequencies() * listens)


def test_the_arrangements_written_out():
    """Qwen2-VL, Qwen3-VL and ERNIE 4.5 VL with 8 pairs, by hand."""
    made = [MultimodalRotary(16, s, arrangement=a).pair_axes for a, s in ARRANGED]
    assert made == [(0, 0, 1, 1, 1, 2, 2, 2), (0, 1, 2, 0, 1, 2, 0, 0), (1, 2, 1, 2, 1, 2, 0, 0)]
    assert MultimodalRotary(128).sections == (16, 24, 24)


def test_a_scaling_gives_its_frequencies_and_its_magnitude():
    yarn = YarnRotary(16, 4.0, trained_length=64, base=1e6, layout="half")
    rope, at, x = MultimodalRotary(16, (2, 3, 3), scaled=yarn), torch.arange(5), normal(1, 1, 5, 16)
    assert torch.equal(rope.at_query(x, at), yarn.at_query(x, at))
    assert yarn.magnitude != 1.0
    with pytest.raises(ValueError, match=r"base = 3\.0 is not allowed"):
        MultimodalRotary(16, (2, 3, 3), base=3.0, scaled=yarn)
    with pytest.raises(ValueError, match=r"scaled\.rotary_dim = 16"):
        MultimodalRotary(32, (4, 6, 6), scaled=yarn)


@pytest.mark.bad_input
def test_what_is_no_coordinate_is_refused():
    rope, x = MultimodalRotary(16), normal(2, 1, 5, 16)
    for shape in ((3, 2, 5), (2, 5, 2), (5, 4), (2, 4, 3), (3, 5, 3)):
        with pytest.raises(ValueError, match=r"positions.*is not allowed"):
            rope.at_query(x, torch.zeros(shape, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"permute\(1, 2, 0\)"):
        rope.at_query(x, torch.zeros(3, 2, 5))
    with pytest.raises(ValueError, match="NaN"):
        rope.at_query(x, torch.full((5, 3), torch.nan))
    with pytest.raises(ValueError, match=r"sections = .* alternate"):
        MultimodalRotary(16, (2, 3, 3), arrangement="interleaved")


# Positions of text, pictures and video

segment = st.one_of(
    st.integers(1, 6),
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4)),
    st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.floats(0, 9)),
)


@few
@given(segments=st.lists(segment, min_size=1, max_size=5), start=st.integers(-5, 99))
def test_every_segment_starts_one_past_the_largest_before_it(segments, start):
    """Also the second picture and all after it."""
    positions, following = multimodal_positions(segments, start=start)
    at, after = 0, start
    for one in segments:
        grid = (one,) if isinstance(one, int) else one[:3]
        count = int(torch.tensor(grid).prod())
        part = positions[at : at + count]
        assert part[0].tolist() == [after] * 3 and int(part.min()) == after
        at, after = at + count, int(part.max()) + 1
    assert (at, after) == (len(positions), following)


def test_positions_by_hand():
    positions, following = multimodal_positions([1, (2, 2), 1, (2, 1, 2, 2.7), 1])
    assert positions.tolist() == [
        [0, 0, 0],
        [1, 1, 1], [1, 1, 2], [1, 2, 1], [1, 2, 2],
        [3, 3, 3],
        [4, 4, 4], [4, 4, 5], [6, 4, 4], [6, 4, 5],  # 2.7 is rounded down
        [7, 7, 7],
    ]  # fmt: skip
    assert following == 8
    sides = multimodal_positions([1, (3, 1, 1), 1], after="sides")
    assert sides.positions[:, 0].tolist() == [0, 1, 2, 3, 2] and sides.next == 3


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("segment", "words"),
    [((0, 2), "rows = 0"), ((1, 2, 0), "columns = 0"), ((1, 2, 3, -1.0), "step = -1.0")],
)
def test_a_segment_without_tokens_is_refused(segment, words):
    with pytest.raises(ValueError, match=rf"segments\[1\].{words} is not allowed"):
        multimodal_positions([1, segment])


# Causality, windows, padding and a cache, with coordinates


@arranged
@pytest.mark.parametrize("need_weights", [True, False])
def test_decoding_after_a_picture_is_the_full_pass(arrangement, sections, need_weights):
    """The cache counts on by itself from the largest coordinate, not from the number of tokens."""
    layer = layer_with(MultimodalRotary(16, sections, arrangement=arrangement))
    positions, following = multimodal_positions([*PROMPT, 3])
    length = len(positions)
    x, prompt = tokens(2, length, 32), length - 3
    full = layer(x, positions=positions, need_weights=need_weights)[0]
    cache = KeyValueCache()
    steps = [layer(x[:, :prompt], positions=positions[:prompt], cache=cache)[0]]
    steps += [layer(x[:, t : t + 1], cache=cache)[0] for t in range(prompt, length)]
    torch.testing.assert_close(torch.cat(steps, 1), full)
    assert int(cache.positions[0, -1, 0]) == following - 1 < length - 1


def test_a_picture_may_come_after_text_in_the_cache_and_rows_may_differ():
    layer = layer_with(MultimodalRotary(16))
    rows = [multimodal_positions(s).positions for s in ([4, (2, 3), 2], [4, (3, 2), 2])]
    positions, x = torch.stack(rows), tokens(2, 12, 32)
    full = layer(x, positions=positions)[0]
    cache = KeyValueCache()
    steps = [layer(x[:, :4], cache=cache)[0]]  # counted, plain
    steps.append(layer(x[:, 4:10], positions=positions[:, 4:10], cache=cache)[0])
    assert cache.positions.shape == (2, 10, 3)
    branch = copy.copy(cache)
    branch.crop(5)
    assert branch.positions.shape == (2, 5, 3)
    steps.append(layer(x[:, 10:], cache=cache)[0])
    torch.testing.assert_close(torch.cat(steps, 1), full)
    cache.reorder(torch.tensor([1, 1]))
    assert torch.equal(cache.positions, positions[[1, 1]])


def test_plain_positions_of_a_text_after_a_picture_are_taken_too():
    layer, x = layer_with(MultimodalRotary(16)), tokens(1, 9, 32)
    positions = multimodal_positions([2, (2, 2), 3]).positions
    full, cache = layer(x, positions=positions)[0], KeyValueCache()
    layer(x[:, :6], positions=positions[:6], cache=cache)
    last = layer(x[:, 6:], positions=torch.tensor([4, 5, 6]), cache=cache)[0]
    torch.testing.assert_close(last, full[:, 6:])


def test_coordinates_come_as_they_stand_in_the_row():
    """The last patch of a picture sees the first, though none of its coordinates need be larger."""
    layer, x = layer_with(MultimodalRotary(16), window=4), tokens(1, 10, 32)
    positions = multimodal_positions([2, (2, 3), 2]).positions
    weights = layer(x, positions=positions)[1]
    i, j = torch.arange(10)[:, None], torch.arange(10)
    assert torch.equal((weights > 0)[0, 0], (j <= i) & (i - j < 4))
    shuffled = positions[torch.randperm(10, generator=torch.manual_seed(1))]
    assert torch.equal((layer(x, positions=shuffled)[1] > 0)[0, 0], (j <= i) & (i - j < 4))


def test_left_padding_changes_nothing_beside_a_picture():
    layer, x = layer_with(MultimodalRotary(16)), tokens(1, 12, 32)
    positions = multimodal_positions([4, (2, 3), 2]).positions
    padded = torch.cat([x[:, :2] * 9, x], 1)
    at = torch.cat([torch.zeros(2, 3, dtype=torch.int64), positions])
    padding = torch.tensor([[False] * 2 + [True] * 12])
    found = layer(padded, positions=at, padding=padding)[0][:, 2:]
    torch.testing.assert_close(found, layer(x, positions=positions)[0])


def test_a_stack_decodes_after_a_picture():
    torch.manual_seed(0)
    stack = TransformerStack(32, 2, 3, encoding=MultimodalRotary(16), causal=True).double().eval()
    positions, x = multimodal_positions([3, (2, 3), 4]).positions, tokens(1, 13, 32)
    full, caches = stack(x, positions), stack.new_caches()
    steps = [stack(x[:, :10], positions[:10], caches=caches)]
    steps += [stack(x[:, t : t + 1], caches=caches) for t in range(10, 13)]
    torch.testing.assert_close(torch.cat(steps, 1), full)


@pytest.mark.bad_input
def test_a_grid_has_no_next_cell_and_no_lifted_numbers():
    layer, x = layer_with(AxialRotary(16, (3, 4))), tokens(1, 12, 32)
    cells = torch.stack([torch.arange(12) // 4, torch.arange(12) % 4], -1)
    cache = KeyValueCache()
    layer(x[:, :6], positions=cells[:6], cache=cache)
    with pytest.raises(ValueError, match="positions = None is not allowed; expected coordinates"):
        layer(x[:, 6:], cache=cache)
    with pytest.raises(ValueError, match="plain positions beside coordinates"):
        layer(x[:, 6:], positions=torch.arange(6, 12), cache=cache)
    full = layer(x, positions=cells)[0]
    rest = layer(x[:, 6:], positions=cells[6:], cache=cache)[0]
    torch.testing.assert_close(rest, full[:, 6:])


# RoPE of vision models

OPTIONS = [
    {},
    {"layout": "half"},
    {"layout": "half_each"},
    {"spectrum": "dealt"},
    {"arrangement": "alternating"},
    {"axis_order": (1, 0), "arrangement": "alternating", "spectrum": "dealt"},
    {"cells_at": "centred", "layout": "half_each", "rotary_dim": 8},
    {"cells_at": "from_one", "scale": 0.7},
]
with_options = pytest.mark.parametrize("options", OPTIONS, ids=str)


@with_options
def test_scores_know_the_differences_of_row_and_column_only(options):
    rope, cells = AxialRotary(12, (3, 4), **options), torch.arange(12)
    q, k = (
        normal(1, 1, 1, 12).expand(1, 1, 12, 12),
        normal(1, 1, 1, 12, seed=1).expand(1, 1, 12, 12),
    )
    turned = rope.at_query(q, cells)
    torch.testing.assert_close(turned.norm(dim=-1), q.norm(dim=-1))
    scores = (turned @ rope.at_key(k, cells).mT)[0, 0]
    seen = {}
    for i in range(12):
        for j in range(12):
            difference = (j // 4 - i // 4, j % 4 - i % 4)
            seen.setdefault(difference, []).append(float(scores[i, j]))
    assert all(max(same) - min(same) < 1e-12 for same in seen.values())
    firsts = sorted(same[0] for same in seen.values())
    assert min(b - a for a, b in pairwise(firsts)) > 1e-9  # all are told apart


@with_options
def test_a_layer_prepares_what_the_doors_compute(options):
    """And coordinates that are given lead to the same as the cells that stand there."""
    if options.get("cells_at") == "centred":
        at = 2 * torch.pi * centred_coordinates((3, 4))
    else:
        at = grid_coordinates(torch.arange(12), (3, 4)).double()
        at = (at + (options.get("cells_at") == "from_one")) * options.get("scale", 1.0)
    rope, x = AxialRotary(16, (3, 4), **options), tokens(2, 12, 32)
    layer = MultiHeadAttention(32, 2, encoding=rope).double()
    counted = layer(x)[1]
    torch.testing.assert_close(layer(x, positions=at)[1], counted)
    heads = [layer._split(project(x)) for project in (layer.to_query, layer.to_key)]
    q, k = rope.at_query(heads[0], torch.arange(12)), rope.at_key(heads[1], torch.arange(12))
    torch.testing.assert_close((q @ k.mT / 16**0.5).softmax(-1), counted)


def test_the_angles_of_each_option_written_out():
    """Cell 5 of a grid with 3 columns is row 1, column 2; base 100, 8 features, 4 pairs."""
    written = {
        ("each", "axes", None): [1, 0.1, 2, 0.2],
        ("each", "alternating", None): [1, 2, 0.1, 0.2],
        ("each", "axes", (1, 0)): [2, 0.2, 1, 0.1],
        ("dealt", "axes", None): [1, 0.1, 2 * 100**-0.25, 2 * 100**-0.75],
        ("dealt", "alternating", None): [1, 2 * 100**-0.25, 0.1, 2 * 100**-0.75],
    }
    for (spectrum, arrangement, order), angles in written.items():
        rope = AxialRotary(
            8, (2, 3), spectrum=spectrum, arrangement=arrangement, axis_order=order
        )  # fmt: skip
        expected = torch.tensor([angles], dtype=torch.float64)
        torch.testing.assert_close(rope.angles(torch.tensor([5])), expected)


@pytest.mark.parametrize("cells_at", ["index", "from_one", "centred"])
def test_prefix_and_suffix_stay_unturned_and_move_no_cell(cells_at):
    plain = AxialRotary(16, (2, 3), cells_at=cells_at)
    rope = AxialRotary(16, (2, 3), cells_at=cells_at, prefix=2, suffix=3)
    x = normal(1, 2, 11, 16)
    turned = rope.at_query(x, torch.arange(11))
    for unturned in (slice(0, 2), slice(8, 11)):
        assert torch.equal(turned[:, :, unturned], x[:, :, unturned])
    assert torch.equal(turned[:, :, 2:8], plain.at_query(x[:, :, 2:8], torch.arange(6)))
    at = rope._of_cells(torch.arange(2, 8))
    assert torch.equal(rope.at_query(x, at), turned)  # coordinates of the six cells alone
    with pytest.raises(ValueError, match=r"positions = 11 .*prefix = 2, before suffix = 3"):
        rope.at_query(x, torch.arange(11) + 1)


def test_a_finer_picture_spans_the_same_range():
    coarse, fine = centred_coordinates((2, 3)), centred_coordinates((4, 6))
    assert float(fine.abs().max()) < 1 and torch.equal(coarse, -coarse.flip(0))
    blocks = fine[merged_cells((4, 6), 2)].unflatten(0, (-1, 4)).mean(1)
    torch.testing.assert_close(blocks, coarse)  # each coarse cell holds four fine ones


@few
@given(rows=st.integers(1, 4), columns=st.integers(1, 4), merge=st.integers(1, 3))
def test_merged_cells_come_block_after_block(rows, columns, merge):
    shape = (rows * merge, columns * merge)
    cells = merged_cells(shape, merge)
    assert sorted(cells.tolist()) == list(range(rows * merge * columns * merge))
    at = grid_coordinates(cells, shape).unflatten(0, (-1, merge * merge))
    assert torch.equal(at // merge, at[:, :1] // merge * torch.ones_like(at))
    first = at[:, 0] // merge
    assert torch.equal(first[:, 0] * columns + first[:, 1], torch.arange(rows * columns))


def test_half_each_is_half_of_each_axis():
    x, cells = normal(1, 2, 6, 16), torch.arange(6)
    both = AxialRotary(16, (2, 3), layout="half_each").at_query(x, cells)
    for axis in (0, 1):
        one = RotaryEncoding(8, base=100.0, layout="half")
        at = grid_coordinates(cells, (2, 3))[:, axis]
        part = slice(8 * axis, 8 * axis + 8)
        torch.testing.assert_close(both[..., part], one.at_query(x[..., part], at))


# RoPE-Mixed


def mixed(**options):
    torch.manual_seed(0)
    return MixedRotary(16, 3, (4, 5), **options).double()


def test_axial_frequencies_make_the_mixed_form_axial():
    rope, axial = mixed(), AxialRotary(16, (4, 5), base=10.0)
    with torch.no_grad():
        rope.mixed.zero_()
        rope.mixed[:, :4, 0] = rope.mixed[:, 4:, 1] = axial.frequencies()
    x, cells = normal(2, 3, 20, 16), torch.arange(20)
    torch.testing.assert_close(rope.at_query(x, cells), axial.at_query(x, cells))


def test_it_starts_as_axial_rope_of_a_turned_picture():
    """Two orthogonal directions, alike in length pair by pair, and other ones in each head."""
    rope = mixed()
    first, second = rope.mixed.detach().unflatten(1, (2, 4)).unbind(1)
    each = AxialRotary(16, (4, 5), base=10.0).frequencies().expand(3, 4)
    torch.testing.assert_close(first.norm(dim=-1), each, atol=1e-6, rtol=0)
    torch.testing.assert_close(second.norm(dim=-1), each, atol=1e-6, rtol=0)
    assert (first * second).sum(-1).abs().max() < 1e-6
    directions = first[:, 0] / first[:, :1].norm(dim=-1)
    assert torch.pdist(directions).min() > 0.05
    quarter = torch.stack([-first[..., 1], first[..., 0]], -1)
    torch.testing.assert_close(second, quarter)


def test_a_shift_of_all_cells_changes_no_score_of_the_mixed_form():
    rope, q, k = mixed(), normal(1, 3, 6, 16), normal(1, 3, 6, 16, seed=1)
    at = torch.rand(6, 2, generator=torch.manual_seed(3), dtype=torch.float64)
    scores = [rope.at_query(q, p) @ rope.at_key(k, p).mT for p in (at, at + at.new_tensor([7, -2]))]
    torch.testing.assert_close(*scores)
    diagonal = at + torch.arange(6)[:, None]
    assert (rope.at_query(q, diagonal) @ rope.at_key(k, diagonal).mT - scores[0]).abs().max() > 0.1


def test_each_layer_of_a_stack_trains_its_own_frequencies_but_finds_the_cells_once():
    stack = TransformerStack(32, 4, 2, encoding="rope_mixed", length=9)
    first, second = (layer.attention.encoding for layer in stack.layers)
    assert not torch.equal(first.mixed, second.mixed)
    stack(tokens(1, 9, 32, dtype=torch.float32)).square().sum().backward()
    assert first.mixed.grad.abs().min() > 0 and second.mixed.grad.abs().min() > 0


@pytest.mark.bad_input
def test_other_heads_have_no_frequencies():
    with pytest.raises(ValueError, match=r"query\.shape\[1\] = 2 is not allowed; .*heads = 3"):
        mixed().at_query(normal(1, 2, 20, 16), torch.arange(20))


# Fourier features


def test_the_product_of_two_places_is_a_gaussian_of_their_difference():
    """exp(-2 (pi scale distance)^2), within the noise of 20,000 directions (Rahimi and Recht)."""
    directions = 0.3 * torch.randn(20_000, 2, generator=torch.manual_seed(0))
    places = torch.tensor([[0.0, 0.0], [0.3, 0.4], [-0.6, 0.2], [1.0, -1.0]])
    features = random_fourier_features(places, directions, dtype=torch.float64)
    kernel = features @ features.mT / 20_000
    distance = torch.cdist(places.double(), places.double())
    torch.testing.assert_close(
        kernel, (-2 * (torch.pi * 0.3 * distance) ** 2).exp(), rtol=0, atol=0.03
    )


def test_the_directions_are_part_of_the_model_and_are_never_trained():
    one, two = (RandomFourierEncoding(8, (2, 3), seed=seed) for seed in (0, 1))
    assert not list(one.parameters()) and not torch.equal(one.directions, two.directions)
    assert torch.equal(one.directions, RandomFourierEncoding(8, (2, 3), seed=0).directions)
    two.load_state_dict(one.state_dict())
    x = tokens(1, 6, 8)
    assert torch.equal(one.double()(x), two.double()(x))
    wide = RandomFourierEncoding(8, (2, 3), seed=0, scale=10.0)
    torch.testing.assert_close(wide.directions.double(), 10 * one.directions, rtol=1e-6, atol=0)


def test_a_class_token_gets_no_features():
    encode = RandomFourierEncoding(8, (2, 3), prefix=1, seed=0).double()
    plain = RandomFourierEncoding(8, (2, 3), seed=0).double()
    x = tokens(1, 7, 8)
    assert torch.equal(encode(x)[:, 0], x[:, 0])
    assert torch.equal(encode(x)[:, 1:], plain(x[:, 1:]))


# What two released models compute instead of a rotation


def test_unpaired_features_on_text_are_plain_rope():
    at, x = torch.stack([torch.arange(7) + 4, torch.arange(7) * 3]), normal(2, 3, 7, 16)
    ours = UnpairedMultimodalRotary(16, (2, 2, 2, 2), base=500.0)
    plain = RotaryEncoding(16, base=500.0, layout="half").at_query(x, at)
    torch.testing.assert_close(ours.at_query(x, at), plain)
    torch.testing.assert_close(ours.at_query(x, at[..., None].expand(-1, -1, 4)), plain)


@pytest.mark.parametrize(
    "rope", [UnpairedAxialRotary(8, (4, 4)), UnpairedMultimodalRotary(8, (1, 1, 1, 1))], ids=repr
)
def test_it_is_no_rotation(rope):
    """Norms change, and so do scores when both tokens move by the same."""
    axes = 2 if isinstance(rope, AxialRotary) else 4
    at = torch.arange(3 * axes).reshape(3, axes) % 5
    x, k = normal(1, 1, 3, 8), normal(1, 1, 3, 8, seed=1)
    assert (rope.at_query(x, at.double()).norm(dim=-1) - x.norm(dim=-1)).abs().max() > 0.1
    here, there = (
        rope.at_query(x, p) @ rope.at_key(k, p).mT for p in (at.double(), at.double() + 2)
    )
    assert (here - there).abs().max() > 0.1


def test_one_frequency_an_axis_makes_neighbours_a_pair_again():
    """With two features an axis there is one angle, and V-JEPA 2's form is axial RoPE."""
    x, cells = normal(1, 1, 6, 4), torch.arange(6)
    ours = UnpairedAxialRotary(4, (2, 3), base=50.0).at_query(x, cells)
    torch.testing.assert_close(ours, AxialRotary(4, (2, 3), base=50.0).at_query(x, cells))
