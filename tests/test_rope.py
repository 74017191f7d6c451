"""Laws of rotary position embedding: the rotation, its fast form, positions and layouts."""

import copy
import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import forward_ad

from posenc_lib import (
    MultiHeadAttention,
    RotaryEncoding,
    change_rope_layout,
    half_from_interleaved,
    rotate,
    rotate_textbook,
)
from posenc_lib.rotary import rotation
from tests.reference import RotaryInTwentyLines, randomise, tokens
from tests.reference_rope import rope_loop, usual_half_precision

LAYOUTS = ("interleaved", "half")
both_layouts = pytest.mark.parametrize("layout", LAYOUTS)
sizes = st.integers(1, 4)


def normal(*shape, seed=0, dtype=torch.float64):
    make = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=make, dtype=torch.float64).to(dtype)


@pytest.fixture
def small_pieces(monkeypatch):
    """Cut the work of the fast form into many pieces, as large input would be."""
    monkeypatch.setattr(rotation, "PIECE", 8)


# The rotation


def test_two_pairs_turned_by_hand():
    x, angles = torch.tensor([[1.0, 2.0, 3.0, 4.0]]), torch.tensor([[torch.pi / 2, torch.pi]])
    interleaved = rotate(x, angles)  # (1, 2) a quarter, (3, 4) half a turn
    half = rotate(x, angles, layout="half")  # (1, 3) a quarter, (2, 4) half a turn
    torch.testing.assert_close(interleaved, torch.tensor([[-2.0, 1.0, -3.0, -4.0]]))
    torch.testing.assert_close(half, torch.tensor([[-3.0, -2.0, 1.0, -4.0]]))
    longer = rotate(x, angles[:, :1], magnitude=10.0)  # one pair; what is not turned stays
    torch.testing.assert_close(longer, torch.tensor([[-20.0, 10.0, 3.0, 4.0]]))


@given(
    sizes, sizes, sizes, st.integers(2, 9), st.integers(1, 4), st.sampled_from(LAYOUTS),
    st.floats(1.5, 1e6), st.booleans(),
)  # fmt: skip
def test_it_is_equation_34(batch, heads, length, head_dim, pairs, layout, base, batched):
    pairs = min(pairs, head_dim // 2)
    rope = RotaryEncoding(head_dim, base=base, layout=layout, rotary_dim=2 * pairs)
    x = normal(batch, heads, length, head_dim)
    positions = torch.randint(-50, 5000, (batch, length) if batched else (length,))
    found = rope.at_query(x, positions)
    assert torch.equal(found, rope.at_key(x, positions))
    rows = positions.expand(batch, length)
    for b, h in itertools.product(range(batch), range(heads)):
        expected = rope_loop(x[b, h], rows[b], base=base, layout=layout, rotary_dim=rope.rotary_dim)
        torch.testing.assert_close(found[b, h], expected, rtol=0, atol=1e-11)


def memory_orders():
    """The same shape, (2, 3, 4, 8), laid out in memory in every way that occurs."""
    return {
        "contiguous": normal(2, 3, 4, 8),
        "heads inside, as in attention": normal(2, 4, 3, 8).transpose(1, 2),
        "one of three projections": normal(2, 4, 3, 24).transpose(1, 2).chunk(3, -1)[1],
        "odd start": normal(2, 3, 4, 9)[..., 1:],
        "every second feature": normal(2, 3, 4, 16)[..., ::2],
        "features outside": normal(2, 3, 8, 4).mT,
        "shared by all rows": normal(3, 4, 8).expand(2, 3, 4, 8),
    }


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("order", memory_orders())
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@both_layouts
def test_the_fast_form_is_the_textbook_form_in_any_memory_order(layout, dtype, order):
    x = memory_orders()[order].to(dtype)
    for pairs, rows in itertools.product((1, 3, 4), ((), (2, 1), (2, 3))):
        angles = 100 * normal(*rows, 4, pairs, seed=1)
        before = x.clone()
        found = rotate(x, angles, layout=layout, magnitude=1.3)
        assert torch.equal(x, before), "the input was written to"
        assert found.dtype == dtype
        assert torch.equal(found[..., 2 * pairs :], x[..., 2 * pairs :])
        textbook = rotate_textbook(x, angles, layout=layout, magnitude=1.3)
        torch.testing.assert_close(found, textbook)


@both_layouts
@pytest.mark.parametrize("shape", [(0, 4), (1, 2, 0, 4), (0, 2, 3, 4), (3, 5), (1, 1, 1, 2)])
def test_empty_and_small_shapes(layout, shape):
    x, angles = normal(*shape), normal(shape[-2], 1)
    found = rotate(x, angles, layout=layout)
    assert found.shape == x.shape
    torch.testing.assert_close(found, rotate_textbook(x, angles, layout=layout))


def test_one_magnitude_for_each_position_and_pair():
    x, angles, magnitude = normal(2, 3, 6), normal(3, 2), normal(3, 2, seed=2)
    found = rotate(x, angles, magnitude=magnitude)
    for row, pair in itertools.product(range(3), range(2)):
        one = rotate(x, angles, magnitude=float(magnitude[row, pair]))
        pick = (slice(None), row, slice(2 * pair, 2 * pair + 2))
        torch.testing.assert_close(found[pick], one[pick])
    torch.testing.assert_close(found, rotate_textbook(x, angles, magnitude=magnitude))


# Gradients and transforms


@pytest.mark.usefixtures("small_pieces")
@both_layouts
def test_gradients_of_every_kind(layout):
    x, angles = normal(2, 3, 5, 8).requires_grad_(), normal(2, 1, 5, 3, seed=1)

    def turn(x):
        return rotate(x, angles, layout=layout, magnitude=1.3)

    kinds = {"check_batched_grad": True, "fast_mode": True}
    assert torch.autograd.gradcheck(turn, x, check_forward_ad=True, **kinds)
    assert torch.autograd.gradgradcheck(turn, x, **kinds)
    rows = torch.func.jacrev(turn)(x.detach())
    torch.testing.assert_close(rows, torch.func.jacfwd(turn)(x.detach()))
    plain = torch.autograd.functional.jacobian(turn, x.detach(), vectorize=True)
    torch.testing.assert_close(rows, plain)


@pytest.mark.usefixtures("small_pieces")
@both_layouts
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_forward_gradients_follow_every_piece(layout, dtype):
    x, tangent = normal(2, 3, 5, 8, dtype=dtype), normal(2, 3, 5, 8, seed=2, dtype=dtype)
    angles = normal(2, 1, 5, 3, seed=1)
    with forward_ad.dual_level(), torch.no_grad():
        dual = rotate(forward_ad.make_dual(x, tangent), angles, layout=layout)
        found = forward_ad.unpack_dual(dual).tangent
    torch.testing.assert_close(found, rotate(tangent, angles, layout=layout))


@both_layouts
def test_angles_get_a_gradient_when_they_ask(layout):
    x, angles = normal(2, 5, 8), normal(5, 3, seed=1).requires_grad_()
    weight = normal(2, 5, 8, seed=2)

    def loss(angles):
        return (rotate(x, angles, layout=layout) * weight).sum()

    assert torch.autograd.gradcheck(loss, angles)
    by_function = torch.func.grad(loss)(angles.detach())
    torch.testing.assert_close(by_function, torch.autograd.grad(loss(angles), angles)[0])
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(angles.detach(), torch.ones_like(angles))
        tangent = forward_ad.unpack_dual(loss(dual)).tangent
    torch.testing.assert_close(tangent, by_function.sum())


@both_layouts
def test_vmap_over_x_and_over_angles(layout):
    x, angles = normal(3, 2, 5, 8), normal(3, 5, 4, seed=1)
    found = torch.vmap(lambda x, a: rotate(x, a, layout=layout))(x, angles)
    torch.testing.assert_close(found, rotate(x, angles[:, None], layout=layout))


@both_layouts
@pytest.mark.parametrize("positions", [None, torch.tensor([[5, 6, 7], [0, 1, 9]])])
@pytest.mark.unchecked
def test_compiled_and_exported_attention_gives_the_same_numbers(layout, positions):
    layer = randomise(MultiHeadAttention(8, 2, encoding=RotaryEncoding(4, layout=layout)), seed=0)
    x, options = tokens(2, 3, 8, dtype=torch.float32), {"positions": positions}
    expected = layer(x, **options)
    compiled = torch.compile(layer, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x, **options), expected)
    exported = torch.export.export(layer, (x,), options).module()
    torch.testing.assert_close(exported(x, **options), expected)


# Laws of the encoding


@given(st.integers(1, 8), st.sampled_from(LAYOUTS), st.floats(1.5, 1e6), st.integers(-9999, 9999))
def test_scores_know_distances_only(pairs, layout, base, shift):
    rope = RotaryEncoding(2 * pairs + 1, base=base, layout=layout, rotary_dim=2 * pairs)
    q, k, at = normal(1, 1, 6, 2 * pairs + 1), normal(1, 1, 6, 2 * pairs + 1, seed=1), torch.arange
    near = rope.at_query(q, at(6)) @ rope.at_key(k, at(6)).mT
    far = rope.at_query(q, at(6) + shift) @ rope.at_key(k, at(6) + shift).mT
    torch.testing.assert_close(near, far, rtol=0, atol=1e-9)


def test_distances_are_told_apart_and_so_are_their_signs():
    rope, q, k = RotaryEncoding(8), normal(1, 1, 1, 8), normal(1, 1, 1, 8, seed=1)
    zero = rope.at_query(q, torch.tensor([0]))
    scores = [float((zero * rope.at_key(k, torch.tensor([j]))).sum()) for j in range(-4, 5)]
    gaps = [abs(a - b) for a, b in itertools.combinations(scores, 2)]
    assert min(gaps) > 1e-3


@given(st.integers(1, 8), st.sampled_from(LAYOUTS), st.integers(0, 10**6))
def test_norms_are_kept_and_position_0_changes_nothing(pairs, layout, position):
    rope, x = RotaryEncoding(2 * pairs, layout=layout), normal(2, 3, 1, 2 * pairs)
    found = rope.at_query(x, torch.tensor([position]))
    torch.testing.assert_close(found.norm(dim=-1), x.norm(dim=-1))
    assert torch.equal(rope.at_query(x, torch.tensor([0])), x)


@both_layouts
def test_packed_and_padded_rows_and_one_decoding_step(layout):
    rope, x = RotaryEncoding(8, layout=layout), normal(2, 3, 6, 8)
    full = rope.at_key(x, torch.arange(6))
    packed = rope.at_key(x, torch.tensor([0, 1, 2, 0, 1, 2]))  # two texts in one row
    assert torch.equal(packed[..., :3, :], full[..., :3, :])
    assert torch.equal(packed[..., 3:, :], rope.at_key(x[..., 3:, :], torch.arange(3)))
    rows = torch.tensor([[0, 1, 2, 3, 4, 5], [0, 0, 0, 1, 2, 3]])  # row 1 is padded on the left
    padded = rope.at_key(x, rows)
    assert torch.equal(padded[0], full[0])
    assert torch.equal(padded[1, :, 2:], rope.at_key(x[1:, :, 2:], torch.arange(4))[0])
    for step in range(6):
        one = rope.at_key(x[..., step : step + 1, :], torch.tensor([step]))
        assert torch.equal(one, full[..., step : step + 1, :])


def test_fractions_of_positions():
    rope, x = RotaryEncoding(4), normal(1, 1, 2, 4)
    found = rope.at_query(x, torch.tensor([0.5, -2.25], dtype=torch.float64))
    torch.testing.assert_close(found[0, 0], rope_loop(x[0, 0], [0.5, -2.25]))


@pytest.mark.parametrize("position", [100_000, 1_000_000, 2**25])  # float32 is even past 2**24
@both_layouts
def test_far_positions_are_right_to_one_rounding(layout, position):
    rope, positions = RotaryEncoding(64, layout=layout), torch.arange(position - 20, position)
    for dtype in (torch.bfloat16, torch.float16, torch.float32):
        x = normal(1, 2, 20, 64, dtype=dtype)
        exact = torch.stack([rope_loop(slab, positions, layout=layout) for slab in x[0]])
        error = (rope.at_query(x, positions)[0].double() - exact).abs()
        # Half a step of the dtype at the value, and the float32 product: 2 steps at the pair.
        rounding = exact.abs() * torch.finfo(dtype).eps / 2
        product = x.double().abs().max() * torch.finfo(torch.float32).eps * 2
        assert (error <= rounding + product).all()


def test_the_usual_code_is_not_right_far_out_and_less_exact_near():
    """The two faults the test above is for: float32 angles, and tables in half precision."""
    x, far = normal(20, 64, dtype=torch.float32), torch.arange(999_980, 1_000_000)
    wrong = (usual_half_precision(x, far) - rope_loop(x, far, layout="half")).abs().max()
    assert wrong > 0.01
    x, near = normal(20, 64, dtype=torch.bfloat16), torch.arange(20)
    exact = rope_loop(x, near, layout="half")
    angles = near.double()[:, None] * RotaryEncoding(64).frequencies()
    ours = (rotate(x, angles, layout="half") - exact).abs().mean()
    usual = (usual_half_precision(x, near) - exact).abs().mean()
    assert ours < 0.8 * usual


def test_another_base_gives_another_result_in_any_call_order():
    x, positions = normal(1, 1, 5, 8), torch.arange(5)
    bases = (10.0, 10_000.0, 500_000.0)
    first = [RotaryEncoding(8, base=base).at_query(x, positions) for base in bases]
    again = [RotaryEncoding(8, base=base).at_query(x, positions) for base in bases[::-1]][::-1]
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert all((a - b).abs().max() > 0.01 for a, b in itertools.combinations(first, 2))


def test_nothing_is_stored_and_the_repr_says_all():
    rope = RotaryEncoding(8, base=50.0, layout="half", rotary_dim=4)
    assert not rope.state_dict()
    assert repr(rope) == "RotaryEncoding(head_dim=8, base=50, layout='half', rotary_dim=4)"
    x = torch.randn(1, 1, 3, 8)
    before = rope.at_query(x, torch.arange(3))
    assert torch.equal(rope.half().at_query(x, torch.arange(3)), before)


def test_it_agrees_with_a_learners_twenty_lines():
    mine, theirs = RotaryEncoding(8), RotaryInTwentyLines()
    x, positions = normal(2, 2, 5, 8), torch.arange(5) + 3
    torch.testing.assert_close(mine.at_query(x, positions), theirs.at_query(x, positions))


# From one layout to the other


@given(st.integers(1, 8), st.integers(0, 3))
def test_the_order_puts_pairs_where_the_other_layout_looks(pairs, rest):
    head_dim = 2 * pairs + rest
    order = half_from_interleaved(head_dim, rotary_dim=2 * pairs)
    x, angles = normal(3, head_dim), normal(3, pairs, seed=1)
    turned_then_moved = rotate(x, angles)[:, order]
    moved_then_turned = rotate(x[:, order], angles, layout="half")
    torch.testing.assert_close(turned_then_moved, moved_then_turned)
    assert torch.equal(x[:, order][:, order.argsort()], x)


@given(st.integers(1, 3), st.sampled_from([(8, None), (8, 4), (5, 2)]), st.sampled_from(LAYOUTS))
def test_a_trained_layer_runs_with_the_other_layout_and_not_without_the_change(heads, dims, to):
    head_dim, rotary_dim = dims
    origin = LAYOUTS[1 - LAYOUTS.index(to)]
    layers = {
        layout: MultiHeadAttention(
            heads * head_dim, heads,
            encoding=RotaryEncoding(head_dim, layout=layout, rotary_dim=rotary_dim),
        ).double()
        for layout in LAYOUTS
    }  # fmt: skip
    old, new = randomise(layers[origin], seed=1), layers[to]
    new.load_state_dict(old.state_dict())
    x = tokens(2, 7, heads * head_dim)
    if dims != (5, 2):  # a single pair lies the same way in both layouts
        assert (new(x)[1] - old(x)[1]).abs().max() > 1e-3
    with torch.no_grad():
        for linear in (new.to_query, new.to_key):
            for rows in (linear.weight, linear.bias):
                rows.copy_(change_rope_layout(rows, heads, to=to, rotary_dim=rotary_dim))
    torch.testing.assert_close(new(x), old(x), rtol=0, atol=1e-12)


def test_changing_twice_gives_the_old_rows_and_all_rows_at_once_is_wrong():
    rows = normal(24, 5)
    there = change_rope_layout(rows, 3, to="half")
    assert torch.equal(change_rope_layout(there, 3, to="interleaved"), rows)
    assert not torch.equal(there, change_rope_layout(rows, 1, to="half"))
    kept = copy.deepcopy(rows)
    change_rope_layout(rows, 3, to="half")
    assert torch.equal(rows, kept)
