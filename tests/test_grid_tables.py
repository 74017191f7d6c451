"""Laws of learned grids in another size, and of tables of a window."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posenc_lib import LearnedGridEncoding, resize_grid, resize_weights
from tests.reference_grid import resize_loop


def normal(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.manual_seed(seed), dtype=dtype)


# Resizing

WAYS = [
    {}, {"method": "bilinear"}, {"antialias": True}, {"method": "bilinear", "antialias": True},
    {"align_corners": True}, {"method": "bilinear", "align_corners": True}, {"offset": 0.1},
]  # fmt: skip
ways = pytest.mark.parametrize("how", WAYS, ids=str)
extents = st.integers(1, 9)


@ways
@settings(max_examples=20)
@given(old=st.tuples(extents, extents), new=st.tuples(extents, extents))
def test_a_constant_stays_constant_and_the_same_shape_stays_the_same(how, old, new):
    cells = old[0] * old[1]
    flat = resize_grid(torch.full((cells, 1), 3.7, dtype=torch.float64), old, new, **how)
    torch.testing.assert_close(flat, torch.full((new[0] * new[1], 1), 3.7, dtype=torch.float64))
    table = normal(2 + cells + 1, 3)
    assert torch.equal(resize_grid(table, old, old, prefix=2, suffix=1, **how), table)
    found = resize_grid(table, old, new, prefix=2, suffix=1, **how)
    assert found.shape == (3 + new[0] * new[1], 3)
    assert torch.equal(found[:2], table[:2]) and torch.equal(found[-1:], table[-1:])


@pytest.mark.parametrize(
    ("how", "old", "new"),
    [
        (how, *sizes) for how in WAYS for sizes in ((16, 37), (37, 16), (20, 21))
        if not ("antialias" in how and sizes == (37, 16))  # a stretched filter keeps no slope
    ],
    ids=str,
)  # fmt: skip
def test_a_ramp_stays_a_ramp_inside_but_for_the_cubic_of_the_usual_code(how, old, new):
    """Keys' cubic keeps a slope with a = -1/2 only; a = -3/4 misses it by t (1 - t) (1 - 2 t) / 2
    at the share t between two cells, up to 0.048 of a step."""
    place, offset = torch.arange(new, dtype=torch.float64), how.get("offset", 0.0)
    expected = (place + 0.5) * old / (new + offset) - 0.5
    if "align_corners" in how:
        expected = place * (old - 1) / (new - 1)
    t, ramp = expected.frac(), torch.arange(old, dtype=torch.float64)
    if how.get("method", "bicubic") == "bicubic" and "antialias" not in how:
        expected = expected + t * (1 - t) * (1 - 2 * t) / 2
    found = resize_weights(old, new, **how) @ ramp
    inside = (expected > 2) & (expected < old - 3)
    assert inside.sum() >= 5
    torch.testing.assert_close(found[inside], expected[inside], rtol=0, atol=1e-12)


def test_values_worked_by_hand():
    halves = resize_weights(4, 2, method="bilinear")  # between two cells: the mean
    assert halves.tolist() == [[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]]
    a = -0.75  # f(1/2) = (a + 4) / 8 and f(3/2) = a / 8: 19 / 32 and -3 / 32
    row = [a / 8 + (4 - a) / 8, (4 - a) / 8, a / 8, 0]  # the first cell stands for the one before
    torch.testing.assert_close(resize_weights(4, 2)[0], torch.tensor(row, dtype=torch.float64))
    stretched = resize_weights(4, 2, method="bilinear", antialias=True)  # d / 2 = 1/4, 1/4, 3/4
    torch.testing.assert_close(stretched[0], torch.tensor([3, 3, 1, 0], dtype=torch.float64) / 7)
    corners = resize_weights(3, 5, method="bilinear", align_corners=True)
    ramp = corners @ torch.tensor([0.0, 2.0, 4.0]).double()
    torch.testing.assert_close(ramp, torch.arange(5).double())


def test_axes_are_resized_one_after_the_other_and_a_video_has_three():
    video = normal(2 * 3 * 4, 5)
    found = resize_grid(video, (2, 3, 4), (2, 5, 7)).reshape(2, 35, 5)
    frames = [resize_grid(frame, (3, 4), (5, 7)) for frame in video.reshape(2, 12, 5)]
    torch.testing.assert_close(found, torch.stack(frames))
    torch.testing.assert_close(
        frames[0].reshape(5, 7, 5), resize_loop(video.reshape(2, 3, 4, 5)[0], (5, 7))
    )
    turned = resize_grid(video[:12].reshape(3, 4, 5).transpose(0, 1).flatten(0, 1), (4, 3), (7, 5))
    torch.testing.assert_close(turned.reshape(7, 5, 5).transpose(0, 1).flatten(0, 1), frames[0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_a_resized_table_is_rounded_once(dtype):
    table = normal(26, 8).to(dtype)
    exact = resize_grid(table.double(), (5, 5), (9, 4), prefix=1)
    assert torch.equal(resize_grid(table, (5, 5), (9, 4), prefix=1), exact.to(dtype))


def test_one_can_train_through_a_resized_table():
    table = normal(1 + 6, 2).requires_grad_()
    assert torch.autograd.gradcheck(lambda t: resize_grid(t, (2, 3), (3, 5), prefix=1), table)


# The table of a grid


def test_tokens_before_between_and_after_the_cells_get_their_rows_or_none():
    grid = LearnedGridEncoding(4, (2, 3), prefix=1, registers=2, suffix=2).double()
    found = grid(torch.zeros(1, 11, 4, dtype=torch.float64))[0]
    assert torch.equal(found[0], grid.weight[0])
    assert not found[1:3].any()
    assert torch.equal(found[3:], grid.weight[1:])
    plain = LearnedGridEncoding(4, (2, 3), prefix=1, suffix=2).double()
    plain.weight = grid.weight
    assert torch.equal(plain(torch.zeros(1, 9, 4).double())[0], grid.weight)


def test_a_resized_encoding_is_the_resized_table_and_keeps_its_settings():
    grid = LearnedGridEncoding(4, (2, 3), prefix=1, registers=2, suffix=2, dropout=0.5)
    grid = grid.requires_grad_(False).eval()
    other = grid.resized((4, 4), antialias=True)
    expected = resize_grid(grid.weight, (2, 3), (4, 4), antialias=True, prefix=1, suffix=2)
    assert torch.equal(other.weight, expected)
    assert (other.shape, other.registers, other.training) == ((4, 4), 2, False)
    assert other.dropout.p == 0.5 and not other.weight.requires_grad
    assert torch.equal(grid.resized((2, 3)).weight, grid.weight)
    assert grid.resized((2, 3)).weight is not grid.weight


@pytest.mark.bad_input
def test_what_does_not_fit_is_refused_in_words():
    table = torch.ones(7, 2)
    with pytest.raises(ValueError, match=r"table\.shape\[0\] = 7 .* 0 \+ 6 \+ 0 rows.*prefix=1"):
        resize_grid(table, (2, 3), (4, 4))
    with pytest.raises(ValueError, match=r"new_shape = \(4,\) .* 2 axes"):
        resize_grid(table, (2, 3), (4,), prefix=1)
    for option in ({"antialias": True}, {"offset": 0.1}):
        with pytest.raises(ValueError, match="beside align_corners"):
            resize_grid(table, (2, 3), (4, 4), prefix=1, align_corners=True, **option)
    with pytest.raises(IndexError, match=r"positions = 11 .*resized"):
        LearnedGridEncoding(4, (2, 3), prefix=1, registers=2, suffix=2)(torch.zeros(1, 12, 4))
