"""Laws of biases that depend on distance only: Toeplitz matrices, the skew, DistanceBias."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from posenc_lib import (
    DistanceBias,
    Places,
    relative_positions,
    skew,
    toeplitz,
)
from tests.reference import LargestStorage

sizes = st.integers(1, 7)


class Squares(DistanceBias):
    """A bias that tells past from future and counts the distances it was asked for."""

    asked = 0

    def __init__(self, heads=2):
        super().__init__()
        self.slopes = torch.nn.Parameter(torch.arange(1.0, heads + 1))

    def by_distance(self, distance):
        self.asked += distance.numel()
        return self.slopes.view(-1, *[1] * distance.ndim) * (distance**2 + 3 * distance)


def scores(bias, query_positions, key_positions, batch=1, heads=2, dtype=torch.float32):
    """at_scores of queries and keys whose content does not matter."""
    query = torch.zeros(batch, heads, query_positions.shape[-1], 4, dtype=dtype)
    key = torch.zeros(batch, heads, key_positions.shape[-1], 4, dtype=dtype)
    return bias.at_scores(query, key, query_positions, key_positions)


# The matrix


@given(sizes, sizes, st.sampled_from([(), (1,), (3,), (2, 3)]))
def test_toeplitz_and_skew_are_the_double_loop(queries, keys, batch):
    row = torch.randn(*batch, queries + keys - 1)
    rows = torch.randn(*batch, queries, queries + keys - 1)
    for matrix, given_ in ((toeplitz(row, queries), row.unsqueeze(-2)), (skew(rows), rows)):
        assert matrix.shape == (*batch, queries, keys)
        given_ = given_.expand_as(rows)
        for i in range(queries):
            for j in range(keys):
                assert torch.equal(matrix[..., i, j], given_[..., i, j - i + queries - 1])


@pytest.mark.parametrize(("queries", "keys"), [(1, 1), (1, 4), (4, 1), (3, 5)])
def test_gradients_are_sums_along_the_diagonals(queries, keys):
    row = torch.randn(2, queries + keys - 1, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda r: toeplitz(r, queries), row)
    assert torch.autograd.gradgradcheck(lambda r: toeplitz(r, queries).sin(), row)
    rows = torch.randn(2, queries, queries + keys - 1, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(skew, rows)
    (grad,) = torch.autograd.grad(toeplitz(row, queries).sum(), row)
    distances = relative_positions(queries, keys).flatten()
    assert grad[0].tolist() == [(distances == d).sum() for d in range(1 - queries, keys)]


def test_nothing_larger_than_the_result_is_made():
    with LargestStorage() as made:
        result = toeplitz(torch.randn(3, 63), 32)
    assert made.elements == result.numel() == 3 * 32 * 32
    assert result.is_contiguous()
    rows = torch.randn(32, 63)
    assert skew(rows).untyped_storage().data_ptr() == rows.untyped_storage().data_ptr()


# Positions


def test_consecutive_means_one_by_one_and_upwards():
    yes = [[0], [5, 6, 7], [-3, -2, -1, 0]]
    yes += [[[0, 1], [0, 1]], [[0, 1], [7, 8]]]
    no = [[], [0, 2], [1, 0], [3, 3], [[0, 1], [0, 2]]]
    assert all(Places(torch.tensor(p)).offset == 0 for p in yes)
    assert all(Places(torch.tensor(p)).offset is None for p in no)
    assert Places(torch.tensor([0.0, 1.0])).offset is None
    assert Places(torch.tensor([254, 255, 0], dtype=torch.uint8)).offset is None


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=6),
    st.lists(st.integers(0, 30), min_size=1, max_size=6),
    st.sampled_from([torch.int64, torch.uint8, torch.float64]),
)
def test_any_positions_give_the_bias_of_each_pair(queries, keys, dtype):
    found = scores(Squares(heads=1), torch.tensor(queries).to(dtype), torch.tensor(keys), heads=1)
    expected = [[(j - i) ** 2 + 3 * (j - i) for j in keys] for i in queries]
    assert found[0].tolist() == expected


starts = st.integers(-50, 50)


@given(sizes, sizes, starts, starts)
def test_consecutive_positions_give_the_bias_of_each_pair(queries, keys, q_start, k_start):
    q, k = torch.arange(queries) + q_start, torch.arange(keys) + k_start
    bias = Squares()
    with torch.no_grad():
        found = scores(bias, q, k)
    assert bias.asked == queries + keys - 1
    torch.testing.assert_close(found, bias.by_distance(relative_positions(q, k)).detach())


def test_rows_that_count_alike_share_one_matrix():
    positions, bias = torch.arange(50) + torch.tensor([[0], [9], [100]]), Squares()
    assert scores(bias, positions, positions, batch=3).shape == (1, 2, 50, 50)
    assert bias.asked == 99
    assert scores(bias, positions, torch.arange(50), batch=3).shape == (3, 2, 50, 50)
