"""Biases that depend on the distance j - i only: door 3, O(length) numbers for a whole matrix.

    scores_ij = q_i . k_j / sqrt(head_dim) + f_h(j - i)

A matrix whose entry depends on j - i only is a Toeplitz matrix: n queries and m keys have
n + m - 1 different distances, so f is computed that often and not n * m times. T5, ALiBi,
KERPLE and Sandwich are one method on top of this file.

Source: Huang et al. 2018, "Music Transformer", section 3.4.1 (the skew); Golub and Van Loan,
"Matrix Computations", section 4.7 (Toeplitz matrices).

The trap: computing f on the full (query, key) matrix, at every layer and every step.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Num, Shaped
from torch import Tensor

from posenc_lib import _validate
from posenc_lib._precision import wide
from posenc_lib.doors import Door, KeyPositions, PositionEncoding, QueryPositions
from posenc_lib.relative import relative_positions


def toeplitz(
    by_distance: Num[Tensor, "*batch distances"], queries: int
) -> Num[Tensor, "*batch {queries} keys"]:
    """The matrix with entry (i, j) = by_distance[j - i + queries - 1].

    `by_distance` holds one number for each distance, the most negative one first: n queries and
    m keys have n + m - 1. One write of the result, no index matrix; gradients are sums along
    the diagonals.

    Raises ValueError for fewer distances than queries, TypeError for a size that is no integer.

    Source: Golub and Van Loan, "Matrix Computations", section 4.7.

    >>> toeplitz(torch.tensor([-1, 0, 1, 2]), 2)
    tensor([[ 0,  1,  2],
            [-1,  0,  1]])
    """
    _validate.tensor("toeplitz", "by_distance", by_distance)
    _validate.rank("toeplitz", "by_distance", by_distance, axes="... distances")
    queries = _validate.size("toeplitz", "queries", queries)
    keys = by_distance.shape[-1] - queries + 1
    if keys < 1:
        raise _validate.refuse(
            ValueError, "toeplitz", "queries", queries,
            f"at most the number of distances, {by_distance.shape[-1]}",
            "n queries and m keys have n + m - 1 distances.",
        )  # fmt: skip
    # From the back, window i is the row of query i in reverse. Turning rows round is faster than
    # turning the order of the rows: each row is written in one go.
    return by_distance.flip(-1).unfold(-1, keys, 1).flip(-1)


def skew(
    by_distance: Float[Tensor, "*batch query distances"],
) -> Float[Tensor, "*batch query keys"]:
    """A view with entry (i, j) = by_distance[i, j - i + queries - 1]: each row picks its own.

    `by_distance` is (..., query, query + key - 1), the most negative distance first. Nothing is
    copied when its last two axes lie together in memory.

    Raises ValueError for fewer distances than queries.

    Source: Huang et al. 2018, "Music Transformer", section 3.4.1; Dai et al. 2019,
    "Transformer-XL", appendix B (the shift).

    >>> skew(torch.tensor([[-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0]]))
    tensor([[ 0.,  1.],
            [-1.,  0.]])
    """
    _validate.tensor("skew", "by_distance", by_distance)
    _validate.rank("skew", "by_distance", by_distance, axes="... query distances")
    queries, distances = by_distance.shape[-2:]
    keys = distances - queries + 1
    if keys < 1:
        raise _validate.refuse(
            ValueError, "skew", "by_distance.shape[-1]", distances,
            f"at least the number of queries, {queries}",
            "n queries and m keys have n + m - 1 distances.",
        )  # fmt: skip
    if queries == 1:
        return by_distance
    # One step down a row and one distance back is distances - 1 numbers further on.
    flat = by_distance.flatten(-2)[..., queries - 1 : queries - 1 + queries * (distances - 1)]
    return flat.unflatten(-1, (queries, distances - 1))[..., :keys]


def are_consecutive(positions: Shaped[Tensor, "..."]) -> bool:
    """Whether positions are whole numbers in a row, p, p + 1, p + 2 ..., the same for all rows.

    False while a graph is traced, where their values cannot be read.

    Raises TypeError for anything but a tensor.

    >>> are_consecutive(torch.tensor([3, 4, 5])), are_consecutive(torch.tensor([3, 5]))
    (True, False)
    """
    _validate.tensor("are_consecutive", "positions", positions)
    return positions.ndim == 1 and _rows_consecutive(positions)


def all_distances(query_positions: Tensor, key_positions: Tensor) -> Tensor:
    """The query + key - 1 distances between positions in a row, the most negative one first.

    (distances,), or (batch, distances) where one of the two has a batch axis.
    """
    low = key_positions[..., :1].long() - query_positions[..., -1:].long()
    steps = query_positions.shape[-1] + key_positions.shape[-1] - 1
    return low + torch.arange(steps, device=low.device)


def _rows_consecutive(positions: Tensor) -> bool:
    """The same for each row of (length,) or (batch, length)."""
    if positions.is_floating_point() or not positions.numel():
        return False
    return _validate.readable(positions) and bool((positions.long().diff() == 1).all())


class DistanceBias(PositionEncoding):
    """Door 3 for a number that depends on the head and the distance j - i only.

    A subclass says which number, in `by_distance`. Consecutive positions cost
    query + key - 1 evaluations; any others, packed or with gaps, one for each pair.

    Raises NotImplementedError until a subclass says which number; ValueError for positions of
    another length than the queries or keys, and for queries with another number of heads.

    >>> class Recency(DistanceBias):
    ...     def by_distance(self, distance):
    ...         return -distance.abs().double().unsqueeze(0)  # an axis for the heads
    >>> x, positions = torch.zeros(1, 1, 2, 4), torch.arange(2)
    >>> Recency().at_scores(x, x, positions, positions)
    tensor([[[-0., -1.],
             [-1., -0.]]])
    """

    door = Door.SCORES

    def by_distance(self, distance: Num[Tensor, "*shape"]) -> Float[Tensor, "#heads *shape"]:
        """The bias of each head at each distance key - query (negative: the past)."""
        raise NotImplementedError

    def by_pair(
        self, query_positions: QueryPositions, key_positions: KeyPositions
    ) -> Float[Tensor, "#heads *batch query key"]:
        """The bias of each head for each pair, where positions are not consecutive."""
        return self.by_distance(relative_positions(query_positions, key_positions))

    def follows_diagonals(
        self, query_positions: QueryPositions, key_positions: KeyPositions
    ) -> bool:
        """Whether distances alone are enough: positions are consecutive and can be read."""
        return _rows_consecutive(query_positions) and _rows_consecutive(key_positions)

    def at_scores(
        self,
        query: Float[Tensor, "batch heads query head_dim"],
        key: Float[Tensor, "batch heads key head_dim"],
        query_positions: QueryPositions,
        key_positions: KeyPositions,
    ) -> Float[Tensor, "#heads query key"] | Float[Tensor, "#batch #heads query key"]:
        """f_h(j - i), (heads, query, key); (batch, heads, query, key) for batched positions, with
        1 for the batch where every row has the same distances.

        float32, or float64 for float64 queries: a bias in half precision loses far distances.
        """
        self._check(query, key, query_positions, key_positions)
        dtype = wide(query)
        if self.follows_diagonals(query_positions, key_positions):
            distance = all_distances(query_positions, key_positions)
            if distance.ndim == 2 and bool((distance[:, 0] == distance[0, 0]).all()):
                distance = distance[:1]  # all rows count alike, wherever they start
            bias = toeplitz(self.by_distance(distance).to(dtype), query_positions.shape[-1])
        else:
            bias = self.by_pair(query_positions, key_positions).to(dtype)
        return self._one_for_each_head(bias, query).movedim(0, -3)

    def _check(
        self, query: Tensor, key: Tensor, query_positions: Tensor, key_positions: Tensor
    ) -> None:
        """Refuse positions that are not one for each query and one for each key."""
        name = type(self).__name__
        for argument, x, positions in (
            ("query", query, query_positions), ("key", key, key_positions)
        ):  # fmt: skip
            _validate.floating(name, argument, x, axes=f"batch heads {argument} head_dim")
            _validate.positions(
                name, f"{argument}_positions", positions, length=x.shape[-2], batch=x.shape[0]
            )

    def _one_for_each_head(self, bias: Tensor, query: Tensor) -> Tensor:
        """Refuse a bias for another number of heads than the queries have."""
        if bias.shape[0] not in (1, query.shape[1]):
            raise _validate.refuse(
                ValueError, type(self).__name__, "heads", bias.shape[0],
                f"the heads of the queries, {query.shape[1]}", "Build both with the same heads.",
            )  # fmt: skip
        return bias
