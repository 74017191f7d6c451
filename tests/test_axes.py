"""Laws of several axes: M-RoPE, vision models' RoPE, mixed frequencies, Fourier features."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posenc_lib import (
    AxialRotary,
    KeyValueCache,
    MultiHeadAttention,
    MultimodalRotary,
    RotaryEncoding,
    TransformerStack,
    YarnRotary,
    multimodal_positions,
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
    positions, following = multimodal_positions([1, (2, 2), 1, (2, 1, 2, 2.5), 1])
    assert positions.tolist() == [
        [0, 0, 0],
        [1, 1, 1], [1, 1, 2], [1, 2, 1], [1, 2, 2],
        [3, 3, 3],
        [4, 4, 4], [4, 4, 5], [6, 4, 4], [6, 4, 5],  # 2.5 is rounded down
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
