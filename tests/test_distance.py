"""Laws of biases that depend on distance only: Toeplitz matrices, the skew, DistanceBias."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from posenc_lib import (
    DistanceBias,
    MultiHeadAttention,
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
def test_toeplitz_is_the_double_loop(queries, keys, batch):
    by_distance = torch.randn(*batch, queries + keys - 1)
    matrix = toeplitz(by_distance, queries)
    assert matrix.shape == (*batch, queries, keys)
    for i in range(queries):
        for j in range(keys):
            assert torch.equal(matrix[..., i, j], by_distance[..., j - i + queries - 1])


@given(sizes, sizes, st.sampled_from([(), (3,), (2, 3)]))
def test_skew_is_the_double_loop(queries, keys, batch):
    by_distance = torch.randn(*batch, queries, queries + keys - 1)
    matrix = skew(by_distance)
    assert matrix.shape == (*batch, queries, keys)
    for i in range(queries):
        for j in range(keys):
            assert torch.equal(matrix[..., i, j], by_distance[..., i, j - i + queries - 1])


@given(sizes, sizes)
def test_skew_of_equal_rows_is_toeplitz(queries, keys):
    row = torch.randn(queries + keys - 1)
    assert torch.equal(skew(row.expand(queries, -1)), toeplitz(row, queries))


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


@pytest.mark.parametrize("dtype", [torch.int64, torch.bfloat16, torch.float64])
def test_any_dtype_is_kept(dtype):
    assert toeplitz(torch.arange(5).to(dtype), 2).dtype == dtype


# Positions


def test_consecutive_means_one_by_one_and_upwards():
    yes = [[0], [5, 6, 7], [-3, -2, -1, 0]]
    yes += [[[0, 1], [0, 1]], [[0, 1], [7, 8]]]
    no = [[], [0, 2], [1, 0], [3, 3], [[0, 1], [0, 2]]]
    assert all(Places(torch.tensor(p)).offset == 0 for p in yes)
    assert all(Places(torch.tensor(p)).offset is None for p in no)
    assert Places(torch.tensor([0.0, 1.0])).offset is None
    assert Places(torch.tensor([254, 255, 0], dtype=torch.uint8)).offset is None


starts = st.integers(-50, 50)


@given(sizes, sizes, starts, starts)
def test_consecutive_positions_give_the_bias_of_each_pair(queries, keys, q_start, k_start):
    q, k = torch.arange(queries) + q_start, torch.arange(keys) + k_start
    bias = Squares()
    with torch.no_grad():
        found = scores(bias, q, k)
    assert bias.asked == queries + keys - 1
    torch.testing.assert_close(found, bias.by_distance(relative_positions(q, k)).detach())


@given(st.lists(st.integers(0, 30), min_size=1, max_size=6), st.data())
def test_any_positions_give_the_bias_of_each_pair(query_positions, data):
    keys = data.draw(st.lists(st.integers(0, 30), min_size=1, max_size=6))
    q, k = torch.tensor(query_positions), torch.tensor(keys)
    found = scores(Squares(heads=1), q, k, heads=1)[0]
    for i, own in enumerate(query_positions):
        for j, other in enumerate(keys):
            assert found[i, j] == (other - own) ** 2 + 3 * (other - own)


@pytest.mark.parametrize(
    "rows",
    [
        [[0, 1, 2, 3], [7, 8, 9, 10]],  # each row starts elsewhere
        [[0, 0, 0, 1], [0, 1, 2, 3]],  # padded on the left
        [[0, 1, 0, 1], [0, 0, 1, 2]],  # packed
        [[0, 5, 6, 9], [1, 2, 3, 4]],  # gaps in one row
    ],
)
def test_each_batch_row_has_its_own_positions(rows):
    positions, bias = torch.tensor(rows), Squares()
    both = scores(bias, positions, positions, batch=2).expand(2, 2, 4, 4)
    for row, p in enumerate(positions):
        assert torch.equal(both[row], bias.by_distance(relative_positions(p, p)))
    shifted = scores(bias, positions + 1, torch.arange(4), batch=2)  # keys are shared
    for row, p in enumerate(positions):
        expected = bias.by_distance(relative_positions(p + 1, torch.arange(4)))
        assert torch.equal(shifted[row], expected)


def test_rows_that_count_alike_share_one_matrix():
    positions = torch.arange(50) + torch.tensor([[0], [9], [100]])
    bias = Squares()
    assert scores(bias, positions, positions, batch=3).shape == (1, 2, 50, 50)
    assert bias.asked == 99
    assert scores(bias, positions, torch.arange(50), batch=3).shape == (3, 2, 50, 50)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.float64])
def test_positions_may_have_any_dtype_of_numbers(dtype):
    positions = torch.arange(5)
    found = scores(Squares(), positions.to(dtype), positions.to(dtype))
    assert torch.equal(found, scores(Squares(), positions, positions))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_the_bias_is_never_in_half_precision(dtype):
    found = scores(Squares(), torch.arange(3), torch.arange(3), dtype=dtype)
    assert found.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)


# Where values cannot be read


class Tiny(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = MultiHeadAttention(8, 2, encoding=Squares())

    def forward(self, x):
        return self.attention(x)[0]


@pytest.mark.unchecked
def test_a_traced_graph_takes_the_way_pair_by_pair():
    model, x = Tiny().eval(), torch.randn(2, 5, 8)
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x), model(x))
    exported = torch.export.export(model, (x,)).module()
    torch.testing.assert_close(exported(x), model(x))
    torch._dynamo.reset()


def test_vmap_and_the_meta_device():
    bias, q = Squares(), torch.zeros(1, 2, 4, 4)
    positions = torch.arange(4) + torch.tensor([[0], [3]])
    mapped = torch.func.vmap(lambda p: bias.at_scores(q, q, p, p))(positions)
    assert torch.equal(mapped[1], scores(bias, positions[1], positions[1]))
    meta = torch.arange(4, device="meta")
    assert Squares().to("meta").at_scores(q.to("meta"), q.to("meta"), meta, meta).is_meta
