"""Laws of the encodings of a grid: a sinusoid for each axis, a learned table for each axis."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from posenc_lib import (
    AxialLearnedEncoding,
    AxialSinusoidalEncoding,
    LearnedEncoding,
    SinusoidalEncoding,
    axial_sinusoidal_at,
    shift_rotation,
)
from tests.reference import sinusoidal_loop

shapes = st.lists(st.integers(1, 5), min_size=1, max_size=3)
pairs = st.integers(1, 4)
bases = st.floats(1.5, 1e6)
places = st.lists(st.integers(-1000, 1000), min_size=2, max_size=2)


def cells(shape):
    """The coordinates of all cells in row-major order, by nested loops."""
    found = [[]]
    for size in shape:
        found = [[*place, c] for place in found for c in range(size)]
    return found


def axial_loop(places, dim, base):
    """Each coordinate's own 1-D sinusoid of dim / axes columns, side by side."""
    part = dim // len(places[0])
    rows = [[v for c in place for v in sinusoidal_loop([c], part, base)[0]] for place in places]
    return torch.tensor(rows, dtype=torch.float64)


# Sinusoidal


@given(shapes, pairs, bases)
def test_a_cell_is_the_sinusoid_of_each_coordinate_side_by_side(shape, pairs, base):
    dim = 2 * pairs * len(shape)
    expected = axial_loop(cells(shape), dim, base)
    x = torch.randn(2, len(expected), dim, dtype=torch.float64)
    found = AxialSinusoidalEncoding(dim, shape, base=base)(x)
    torch.testing.assert_close(found, x + expected, rtol=0, atol=1e-12)


@given(places, places, places, pairs)
def test_the_dot_product_depends_on_the_differences_only(p, q, shift, pairs):
    def product(a, b):
        a, b = axial_sinusoidal_at(torch.tensor([a, b]), 4 * pairs, dtype=torch.float64)
        return float(a @ b)

    moved = [[c + s for c, s in zip(place, shift, strict=True)] for place in (p, q)]
    assert product(p, q) == pytest.approx(product(*moved), abs=1e-9)
    w = [10000.0 ** (-2 * i / (2 * pairs)) for i in range(pairs)]
    by_axis = [math.cos((a - b) * f) for a, b in zip(p, q, strict=True) for f in w]
    assert product(p, q) == pytest.approx(sum(by_axis), abs=1e-9)


@given(places, st.integers(-50, 50), st.integers(-50, 50), pairs)
def test_each_axis_is_turned_by_its_own_shift(place, down, right, pairs):
    here, there = axial_sinusoidal_at(
        torch.tensor([place, [place[0] + down, place[1] + right]]), 4 * pairs, dtype=torch.float64
    )
    turns = [torch.from_numpy(shift_rotation(step, 2 * pairs)) for step in (down, right)]
    torch.testing.assert_close(torch.block_diag(*turns) @ here, there, rtol=0, atol=1e-10)


def test_a_row_of_cells_is_the_sequence():
    x = torch.randn(2, 9, 6)
    line = AxialSinusoidalEncoding(6, (9,))(x)
    torch.testing.assert_close(line, SinusoidalEncoding(6)(x), rtol=0, atol=2.4e-7)


def test_a_grid_of_more_rows_agrees_and_another_width_is_another_place():
    x = torch.zeros(1, 6, 8)
    known, longer = AxialSinusoidalEncoding(8, (2, 3)), AxialSinusoidalEncoding(8, (4, 3))
    assert torch.equal(known(x), longer(x))
    assert not torch.equal(known(x), AxialSinusoidalEncoding(8, (2, 4))(x))


@given(shapes, pairs, st.floats(0.5, 20.0), st.booleans())
def test_with_a_span_the_last_cell_of_each_axis_lies_at_its_end(shape, pairs, span, split):
    axes = len(shape)
    dim = 2 * pairs * axes
    at = [[(c + 1) / size * span for c, size in zip(place, shape, strict=True)]
          for place in cells(shape)]  # fmt: skip
    expected = axial_loop(at, dim, 10000.0)
    if split:  # all sines of an axis, then its cosines
        by_axis = expected.reshape(len(at), axes, pairs, 2)
        expected = by_axis.transpose(-1, -2).reshape(len(at), dim)
    small = AxialSinusoidalEncoding(dim, (1,) * axes, span=span, split=split)
    x = torch.randn(2, len(at), dim, dtype=torch.float64)
    torch.testing.assert_close(small.resized(shape)(x), x + expected, rtol=0, atol=1e-12)


# Learned


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_a_far_cell_is_within_one_rounding(dtype):
    at = torch.arange(100_000, 100_020)
    x = torch.randn(1, 20, 8, generator=torch.manual_seed(0)).to(dtype)
    found = AxialSinusoidalEncoding(8, (40_000, 3))(x, at)[0].double()
    exact = x[0].double() + axial_loop([[p // 3, p % 3] for p in at.tolist()], 8, 10000.0)
    step = torch.finfo(dtype).eps * 2.0 ** torch.frexp(exact)[1].double().sub(1)
    assert ((found - exact).abs() <= step / 2 + (1e-10 if dtype == torch.float64 else 4e-8)).all()


@given(shapes, pairs)
def test_a_cell_gets_one_row_of_each_table(shape, pairs):
    dim = pairs * len(shape)
    encode = AxialLearnedEncoding(dim, shape, std=1.0)
    rows = [[encode.tables[a][c] for a, c in enumerate(place)] for place in cells(shape)]
    expected = torch.stack([torch.cat(row) for row in rows])
    x = torch.randn(2, len(rows), dim)
    assert torch.equal(encode(x), x + expected)


@given(shapes, pairs)
def test_summed_tables_add_a_whole_row_of_each(shape, dim):
    encode = AxialLearnedEncoding(dim, shape, summed=True, std=1.0)
    rows = [sum(encode.tables[a][c] for a, c in enumerate(place)) for place in cells(shape)]
    x = torch.randn(2, len(rows), dim)
    torch.testing.assert_close(encode(x), x + torch.stack(rows), rtol=0, atol=1e-6)


def test_one_axis_is_the_plain_table():
    encode = AxialLearnedEncoding(4, (5,), std=1.0)
    plain = LearnedEncoding.from_table(encode.tables[0])
    x, at = torch.randn(2, 3, 4), torch.tensor([4, 0, 2])
    assert torch.equal(encode(x, at), plain(x, at))


def test_a_cell_trains_its_row_and_its_column():
    encode = AxialLearnedEncoding(4, (3, 5))
    encode(torch.zeros(1, 1, 4), torch.tensor([7])).sum().backward()  # row 1, column 2
    rows, columns = (table.grad.abs().sum(1) for table in encode.tables)
    assert rows.nonzero().tolist() == [[1]]
    assert columns.nonzero().tolist() == [[2]]


@pytest.mark.parametrize(
    "encode", [AxialLearnedEncoding(8, (4, 4), std=1.0), LearnedEncoding(16, 8, std=1.0)]
)
def test_half_precision_input_is_rounded_once(encode):
    x = torch.randn(2, 16, 8, generator=torch.manual_seed(0)).bfloat16()
    with torch.no_grad():
        for parameter in encode.parameters():
            parameter.normal_(generator=torch.manual_seed(1))
        table = encode(torch.zeros(1, 16, 8))  # float32
    assert torch.equal(encode(x), (x.float() + table).bfloat16())
    assert not torch.equal(encode(x), x + table.bfloat16())


# Tokens before the cells


@pytest.mark.parametrize("make", [AxialSinusoidalEncoding, AxialLearnedEncoding])
@given(prefix=st.integers(0, 3), rows=st.integers(1, 4), columns=st.integers(1, 4))
def test_the_first_tokens_get_nothing_and_the_cells_are_counted_after_them(
    make, prefix, rows, columns
):
    cells, x = rows * columns, torch.randn(2, prefix + rows * columns, 8)
    plain, headed = make(8, (rows, columns)), make(8, (rows, columns), prefix=prefix)
    headed.load_state_dict(plain.state_dict())
    found = headed(x)
    assert torch.equal(found[:, :prefix], x[:, :prefix])
    assert torch.equal(found[:, prefix:], plain(x[:, prefix:]))
    numbers = torch.randint(prefix + cells, (2, 5))  # in any order, another for each row
    picked = torch.stack([x[0, :1].expand(5, 8)] * 2)
    added = headed(torch.zeros_like(x[:1]))[0]
    assert torch.equal(headed(picked, numbers), picked + added[numbers])
    assert (f"prefix={prefix}" in repr(headed)) == bool(prefix)


# In a layer


@pytest.mark.parametrize("make", [AxialSinusoidalEncoding, AxialLearnedEncoding])
def test_dropout_acts_on_the_sum_and_settings_are_shown(make):
    encode = make(8, [3, 4], dropout=0.5)
    x = torch.full((4, 12, 8), 3.0)
    assert (encode(x) == 0).double().mean().item() == pytest.approx(0.5, abs=0.15)
    assert not (encode.eval()(x) == 0).any()
    assert "dim=8, shape=(3, 4)" in repr(encode)
    assert torch.equal(encode.at_embeddings(x, torch.arange(12)), encode(x))
