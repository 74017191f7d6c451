"""Laws of the grid and of axial RoPE on it."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posenc_lib import (
    AxialRotary,
    MultiHeadAttention,
    RotaryEncoding,
    grid_coordinates,
    make_encoding,
)
from tests.test_rope import both_layouts, normal

shapes = st.lists(st.integers(1, 5), min_size=1, max_size=4)


# Coordinates


@given(shapes, st.sampled_from([torch.int64, torch.int32, torch.uint8, torch.int16]))
def test_coordinates_are_those_of_numpy(shape, dtype):
    cells = torch.arange(min(int(np.prod(shape)), 255)).to(dtype)
    expected = np.stack(np.unravel_index(cells.numpy(), shape), -1)
    found = grid_coordinates(cells, shape)
    assert torch.equal(found, torch.from_numpy(expected))
    assert torch.equal(grid_coordinates(cells.flip(0)[None], tuple(shape)), found.flip(0)[None])


@pytest.mark.bad_input
@given(shapes, st.integers(0, 3), st.sampled_from([torch.int64, torch.int32, torch.uint8]))
def test_a_number_past_the_last_cell_is_refused(shape, past, dtype):
    cells = int(np.prod(shape))
    if cells + past > torch.iinfo(dtype).max:
        return
    last = torch.tensor([0, cells - 1]).to(dtype)
    assert grid_coordinates(last, shape)[1].tolist() == [extent - 1 for extent in shape]
    with pytest.raises(ValueError, match=rf"positions = {cells + past} .* has {cells} cells"):
        grid_coordinates(torch.tensor([0, cells + past]).to(dtype), shape)


@pytest.mark.bad_input
@pytest.mark.parametrize("name", ["sinusoidal_2d", "learned_2d", "rope_2d"])
def test_a_class_token_before_the_patches_is_not_taken_for_a_patch(name):
    layer = MultiHeadAttention(16, 2, encoding=make_encoding(name, dim=16, heads=2, length=196))
    assert layer(torch.zeros(1, 196, 16))[0].shape == (1, 196, 16)
    with pytest.raises((ValueError, IndexError), match=r"positions = 196 .*prefix=1"):
        layer(torch.zeros(1, 197, 16))


# Axial RoPE


@both_layouts
def test_one_axis_is_plain_rope_and_the_layouts_are_one_function(layout):
    x, positions = normal(1, 2, 5, 8), torch.arange(5) + 4
    axial, rope = AxialRotary(8, (9,), layout=layout), RotaryEncoding(8, base=100.0, layout=layout)
    assert torch.equal(axial.at_query(x, positions), rope.at_query(x, positions))
    pairs = torch.arange(8).unflatten(0, (-1, 2)).T.flatten()  # firsts, then seconds
    two = AxialRotary(8, (3, 3)).at_key(x, positions)
    half = AxialRotary(8, (3, 3), layout="half").at_key(x[..., pairs], positions)
    torch.testing.assert_close(two[..., pairs], half)


@both_layouts
@settings(max_examples=15)
@given(rows=st.integers(2, 5), columns=st.integers(2, 5))
def test_scores_know_the_differences_of_row_and_column_only(layout, rows, columns):
    rope, cells = AxialRotary(8, (rows, columns), layout=layout), torch.arange(rows * columns)
    q, k = normal(1, 1, 1, 8), normal(1, 1, 1, 8, seed=1)
    every = (1, 1, len(cells), 8)
    score = (rope.at_query(q.expand(every), cells) @ rope.at_key(k.expand(every), cells).mT)[0, 0]
    seen = {}
    for i, j in itertools.product(range(len(cells)), repeat=2):
        difference = (j // columns - i // columns, j % columns - i % columns)
        seen.setdefault(difference, []).append(float(score[i, j]))
    for same in seen.values():
        assert max(same) - min(same) < 1e-12
    representatives = [same[0] for same in seen.values()]
    gaps = [abs(a - b) for a, b in itertools.combinations(representatives, 2)]
    assert min(gaps) > 1e-9, "two differences are not told apart"


def test_three_axes_norms_and_the_first_cell():
    rope, cells = AxialRotary(12, (2, 3, 4)), torch.arange(24)
    x = normal(2, 2, 24, 12)
    found = rope.at_query(x, cells)
    torch.testing.assert_close(found.norm(dim=-1), x.norm(dim=-1))
    assert torch.equal(found[..., 0, :], x[..., 0, :])
    angles = rope.angles(torch.tensor([12 + 4 + 1]))  # (1, 1, 1)
    torch.testing.assert_close(angles, torch.tensor([[1, 0.1] * 3], dtype=torch.float64))
    rows = torch.stack([cells, cells.flip(0)])
    batched = rope.at_query(x, rows)
    assert torch.equal(batched[0], found[0])
    assert torch.equal(batched[1], rope.at_query(x.flip(-2), cells)[1].flip(-2))
