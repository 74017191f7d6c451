"""Laws of learned grids in another size, and of tables of a window."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posenc_lib import (
    DecomposedRelative,
    LearnedGridEncoding,
    LevitBias,
    MultiHeadAttention,
    Places,
    SwinV2Bias,
    TransformerStack,
    WindowBias,
    resize_grid,
    resize_weights,
    shifted_window_mask,
)
from tests.reference import randomise
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


# Tables of a window

TABLES = {
    "swin": lambda shape: WindowBias(2, shape),
    "beit": lambda shape: WindowBias(2, shape, prefix=1),
    "levit": lambda shape: LevitBias(2, shape),
    "swin_v2": lambda shape: SwinV2Bias(2, shape, hidden=6),
    "mvit_v2": lambda shape: DecomposedRelative(4, shape, prefix=1),
}
tables = pytest.mark.parametrize("name", TABLES)


def table_of(name, shape):
    return randomise(TABLES[name](shape), 5).double()


def scores(encoding, query, key, content=None):
    """(heads, query, key) of one word throughout, at these token numbers."""
    x = normal(1, 2, 1, 4) if content is None else content
    shapes = [x.expand(1, 2, len(at), 4) for at in (query, key)]
    found = encoding.at_scores(*shapes, query, key)
    return found[0] if found.ndim == 4 else found


@tables
@settings(max_examples=10)
@given(shape=st.tuples(st.integers(1, 4), st.integers(1, 4)))
def test_scores_know_the_differences_of_row_and_column_and_nothing_else(name, shape):
    encoding, columns = table_of(name, shape), shape[1]
    at = torch.arange(shape[0] * columns)
    found, seen = scores(encoding, at + encoding.prefix, at + encoding.prefix), {}
    for i in at.tolist():
        for j in at.tolist():
            difference = (j // columns - i // columns, j % columns - i % columns)
            if name == "levit":
                difference = tuple(map(abs, difference))
            seen.setdefault(difference, []).append(found[:, i, j])
    for same in seen.values():
        torch.testing.assert_close(torch.stack(same), same[0].expand(len(same), 2))
    values = torch.stack([same[0][0] for same in seen.values()])
    assert len(values.unique()) == len(values), "two differences are not told apart"


@tables
def test_the_sign_is_query_minus_key_as_published(name):
    """From the left cell to the right one, d = key - query is + 1, and the row is one before the
    middle."""
    encoding, x = table_of(name, (1, 2)), normal(1, 2, 1, 4)
    left = torch.tensor([encoding.prefix])
    right = left + 1
    there, back = (scores(encoding, *ends, x)[:, 0, 0] for ends in ((left, right), (right, left)))
    if name == "levit":
        expected = (encoding.weight[:, 1],) * 2
    elif name == "mvit_v2":
        row, table = encoding.axes
        expected = [(x[0, :, 0] * (row[0] + table[n])).sum(-1) for n in (0, 2)]
    elif name == "swin_v2":
        expected = [encoding.by_offset(torch.tensor([0, n])) for n in (-1, 1)]
    else:
        expected = encoding.weight[0], encoding.weight[2]
    torch.testing.assert_close((there, back), tuple(expected))


def test_the_class_token_has_three_rows_of_its_own_or_nothing():
    beit, at = table_of("beit", (2, 2)), torch.arange(5)
    found, rows = scores(beit, at, at), beit.weight.T[:, -3:, None]
    assert torch.equal(found[:, 0, 1:], rows[:, 0].expand(2, 4))
    assert torch.equal(found[:, 1:, 0], rows[:, 1].expand(2, 4))
    assert torch.equal(found[:, 0, 0], rows[:, 2, 0])
    plain = WindowBias(2, (2, 2)).double()
    plain.weight.data = beit.weight.data[:-3]
    assert torch.equal(found[:, 1:, 1:], scores(plain, at[:4], at[:4]))
    sam = table_of("mvit_v2", (2, 2))
    assert not scores(sam, at, at)[:, 0].any() and not scores(sam, at, at)[:, :, 0].any()
    assert scores(sam, at, at)[:, 1:, 1:].all()


@tables
def test_some_queries_in_any_order_and_each_batch_row_by_itself(name):
    encoding = table_of(name, (3, 3))
    every = torch.arange(9 + encoding.prefix)
    full, order = scores(encoding, every, every), torch.tensor([8, 1, 3])
    assert torch.equal(scores(encoding, order, every), full[:, order])
    x, rows = normal(1, 2, 1, 4).expand(2, 2, 3, 4), torch.stack([order, order.flip(0)])
    batched = encoding.at_scores(x, x, rows, order)
    for row in (0, 1):
        expected = full[:, rows[row]][..., order]
        torch.testing.assert_close(batched[row].expand_as(expected), expected)


@tables
def test_a_larger_window_holds_the_smaller_one_where_nothing_is_resized(name):
    """Row and column offsets mean the same in every window: so a table cut out of a larger one."""
    large, shape = table_of(name, (4, 5)), (2, 3)
    cells = (torch.arange(2)[:, None] * 5 + torch.arange(3)).flatten() + large.prefix
    small, at = table_of(name, shape), torch.arange(6) + large.prefix
    if name == "levit":
        small.weight.data = large.weight.data.reshape(2, 4, 5)[:, :2, :3].flatten(1)
    elif name == "swin_v2":
        small = large.resized(shape)
        assert small.inner is large.inner and small.trained_shape == (4, 5)
    elif name == "mvit_v2":
        small.axes[0].data, small.axes[1].data = large.axes[0].data[2:5], large.axes[1].data[2:7]
    else:
        cut = large.weight.data[:63].reshape(7, 9, 2)[2:5, 2:7].flatten(0, 1)
        small.weight.data = torch.cat([cut, large.weight.data[63:]])
    torch.testing.assert_close(scores(small, at, at), scores(large, cells, cells))


def test_a_resized_window_keeps_zero_in_the_middle_and_what_is_no_cell():
    beit = table_of("beit", (3, 3))
    for shape in ((6, 6), (2, 7)):
        other, middle = beit.resized(shape), (2 * shape[0] - 1) * (2 * shape[1] - 1) // 2
        torch.testing.assert_close(other.weight[middle], beit.weight[12])  # offset 0, 0
        assert torch.equal(other.weight[-3:], beit.weight[-3:])
    sam = table_of("mvit_v2", (3, 4)).requires_grad_(False).eval()
    other = sam.resized((5, 2))
    assert torch.equal(other.axes[0][4], sam.axes[0][2]) and other.axes[1].shape == (3, 4)
    assert not other.training and not other.axes[0].requires_grad and other.prefix == 1
    linear = resize_grid(sam.axes[0], (5,), (9,), method="bilinear")
    assert torch.equal(other.axes[0], linear)


def test_swin_v2_values_worked_by_hand():
    """log2(1 + 8) / log2(8) = log2(9) / 3 at the far edge, log2(1 + 8 / 7) / 3 one step away."""
    bias = SwinV2Bias(1, (8, 8), hidden=1).double()
    with torch.no_grad():
        for part, value in ((bias.inner.weight, [[1.0, 0.0]]), (bias.outer.weight, [[1.0]])):
            part.copy_(torch.tensor(value))
        bias.inner.bias.fill_(2.0)
    found = bias.by_offset(torch.tensor([[7, 3], [-1, 0], [0, 0]]))[0]
    place = torch.tensor([9.0, 15 / 7, 1.0]).double().log2() / 3 * torch.tensor([1, -1, 1])
    torch.testing.assert_close(found, 16 * (2 + place).sigmoid())
    assert SwinV2Bias(1, (1, 1), hidden=1).table().isfinite().all()  # no step to divide by


def test_layers_with_one_grid_share_the_rows_but_not_the_tables():
    places = Places.counting(9)
    one, two = (table_of("swin", (3, 3)) for _ in range(2))
    first, second = (encoding.prepare(places)[0] for encoding in (one, two))
    assert first.rows[0] is second.rows[0] and first.tables[0] is not second.tables[0]
    assert table_of("swin", (3, 4)).prepare(places)[0].rows[0] is not first.rows[0]
    assert table_of("levit", (3, 3)).prepare(places)[0].rows[0] is not first.rows[0]
    assert WindowBias(2, (3, 3), prefix=1).prepare(places)[0].rows[0] is not first.rows[0]


@settings(max_examples=20)
@given(
    windows=st.tuples(st.integers(1, 3), st.integers(1, 3)), data=st.data(),
    window=st.tuples(st.integers(1, 4), st.integers(1, 4)),
)  # fmt: skip
def test_cells_of_a_rolled_window_see_each_other_where_they_were_neighbours(windows, data, window):
    """Two cells of a window are as far apart in the picture as in the window, or do not meet."""
    shape = [n * size for n, size in zip(windows, window, strict=True)]
    shift = [data.draw(st.integers(0, size - 1)) for size in window]
    picture = torch.stack(
        torch.meshgrid(*map(torch.arange, shape), indexing="ij"), -1
    ).roll([-n for n in shift], (0, 1))  # fmt: skip
    parts = picture.unflatten(1, (-1, window[1])).unflatten(0, (-1, window[0]))
    parts = parts.transpose(1, 2).flatten(0, 1).flatten(1, 2)  # (windows, cells, axes)
    inside = torch.cartesian_prod(*map(torch.arange, window)).reshape(-1, 2)
    apart = parts[:, None] - parts[:, :, None]
    same = (apart == inside[None] - inside[:, None]).all(-1)
    assert torch.equal(shifted_window_mask(shape, window, shift), same)
    assert shifted_window_mask(shape, window, (0, 0)).all()


def test_a_swin_layer_is_attention_in_windows_with_a_bias_and_a_mask():
    """Rolled, cut, attended and put back: a cell's output depends on its own side of a seam."""
    torch.manual_seed(0)
    layer = MultiHeadAttention(8, 2, encoding=WindowBias(2, (2, 2), std=1.0)).double().eval()
    mask = shifted_window_mask((4, 4), (2, 2))

    def through(picture):
        rolled = picture.roll((-1, -1), (0, 1)).reshape(2, 2, 2, 2, 8)
        windows = rolled.transpose(1, 2).reshape(4, 4, 8)
        found = layer(windows, mask=mask[:, None])[0].reshape(2, 2, 2, 2, 8).transpose(1, 2)
        return found.reshape(4, 4, 8).roll((1, 1), (0, 1))

    picture = normal(4, 4, 8)
    changed = picture.clone()
    changed[0, 0] += 1.0  # the corner, whose window holds all four corners
    moved = (through(changed) - through(picture)).abs().amax(-1) > 1e-9
    assert moved.nonzero().tolist() == [[0, 0]]


@pytest.mark.bad_input
def test_what_no_table_has_is_refused_in_words():
    x = torch.zeros(1, 2, 4, 4)
    with pytest.raises(ValueError, match=r"WindowBias: positions = 4 .* 4 cells.*prefix=1"):
        WindowBias(2, (2, 2)).at_scores(x, x, torch.arange(4), torch.arange(4) + 1)
    with pytest.raises(ValueError, match=r"prefix = 2 .* 0, or 1 for a class token"):
        WindowBias(2, (2, 2), prefix=2)
    with pytest.raises(ValueError, match=r"heads = 3 .* heads of the queries, 2"):
        WindowBias(3, (2, 2)).at_scores(x, x, torch.arange(4), torch.arange(4))
    with pytest.raises(ValueError, match=r"window\[1\] = 3 .* a divisor of shape\[1\] = 8"):
        shifted_window_mask((8, 8), (4, 3))
    with pytest.raises(ValueError, match=r"shift\[0\] = 4 .* below the window, 4"):
        shifted_window_mask((8, 8), (4, 4), (4, 0))
    with pytest.raises(ValueError, match=r"trained_shape .* 2 axes"):
        SwinV2Bias(2, (2, 2), trained_shape=(3,))


def test_a_stack_gives_each_layer_a_table_of_its_own():
    stack = TransformerStack(8, 2, 3, encoding="swin", length=9)
    own = {id(layer.attention.encoding.weight) for layer in stack.layers}
    assert len(own) == 3
    assert stack(torch.zeros(1, 9, 8)).shape == (1, 9, 8)
