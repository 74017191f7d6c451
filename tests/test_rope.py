"""Laws of rotary position embedding: the rotation, its fast form, positions and layouts."""

import itertools

import pytest
import torch
from hypothesis import given, settings
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
from tests.reference import randomise, tokens
from tests.reference_rope import rope_loop

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


@settings(max_examples=30)
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
    """The same shape, (2, 3, 4, 8), laid out in memory in every way that occurs; small shapes."""
    return {
        "contiguous": normal(2, 3, 4, 8),
        "heads inside, as in attention": normal(2, 4, 3, 8).transpose(1, 2),
        "one of three projections": normal(2, 4, 3, 24).transpose(1, 2).chunk(3, -1)[1],
        "odd start": normal(2, 3, 4, 9)[..., 1:],
        "every second feature": normal(2, 3, 4, 16)[..., ::2],
        "features outside": normal(2, 3, 8, 4).mT,
        "shared by all rows": normal(3, 4, 8).expand(2, 3, 4, 8),
        "no rows": normal(0, 3, 4, 8),
        "no positions": normal(2, 3, 0, 8),
        "one pair": normal(2, 3, 4, 2),
    }


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("order", memory_orders())
@both_layouts
def test_the_fast_form_is_the_textbook_form_in_any_memory_order(layout, order):
    for dtype in (torch.float64, torch.float32, torch.bfloat16, torch.float16):
        x = memory_orders()[order].to(dtype)
        batch, heads, length, head_dim = x.shape
        for pairs, rows in itertools.product((1, 3, 4), ((), (batch, 1), (batch, heads))):
            pairs = min(pairs, head_dim // 2)
            angles = 100 * normal(*rows, length, pairs, seed=1)
            before = x.clone()
            found = rotate(x, angles, layout=layout, magnitude=1.3)
            assert torch.equal(x, before), "the input was written to"
            assert found.dtype == dtype
            assert torch.equal(found[..., 2 * pairs :], x[..., 2 * pairs :])
            textbook = rotate_textbook(x, angles, layout=layout, magnitude=1.3)
            torch.testing.assert_close(found, textbook)


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

    def turn(x, angles=angles):
        return rotate(x, angles, layout=layout, magnitude=1.3)

    kinds = {"check_batched_grad": True, "fast_mode": True}
    assert torch.autograd.gradcheck(turn, x, check_forward_ad=True, **kinds)
    assert torch.autograd.gradgradcheck(turn, x, **kinds)
    assert torch.autograd.gradcheck(
        turn, (x.detach(), angles.clone().requires_grad_()), check_forward_ad=True, fast_mode=True
    )
    rows = torch.func.jacrev(turn)(x.detach())
    torch.testing.assert_close(rows, torch.func.jacfwd(turn)(x.detach()))
    plain = torch.autograd.functional.jacobian(turn, x.detach(), vectorize=True)
    torch.testing.assert_close(rows, plain)
    mapped = torch.vmap(turn)(x.detach(), angles)
    torch.testing.assert_close(mapped, turn(x.detach()))


@pytest.mark.usefixtures("small_pieces")
@both_layouts
def test_forward_gradients_follow_every_piece(layout):
    x, tangent = (normal(2, 3, 5, 8, seed=seed, dtype=torch.float32) for seed in (0, 2))
    angles = normal(2, 1, 5, 3, seed=1)
    with forward_ad.dual_level(), torch.no_grad():
        dual = rotate(forward_ad.make_dual(x, tangent), angles, layout=layout)
        found = forward_ad.unpack_dual(dual).tangent
    torch.testing.assert_close(found, rotate(tangent, angles, layout=layout))


# Laws of the encoding


def test_position_0_changes_nothing_and_fractions_turn_by_fractions():
    rope, x = RotaryEncoding(4), normal(1, 1, 3, 4)
    found = rope.at_query(x, torch.tensor([0, 0.5, -2.25], dtype=torch.float64))
    assert torch.equal(found[..., 0, :], x[..., 0, :])
    torch.testing.assert_close(found[0, 0], rope_loop(x[0, 0], [0, 0.5, -2.25]))


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


@settings(max_examples=15)
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
