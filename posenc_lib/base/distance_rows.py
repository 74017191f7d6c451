"""Distances of positions in a row: n + m - 1 numbers for a whole (query, key) matrix.

n queries and m keys that count up one by one have n + m - 1 different distances j - i. A matrix
whose entry depends on the distance only (a Toeplitz matrix) is made from that many numbers.

Source: Golub and Van Loan, "Matrix Computations", section 4.7; Huang et al. 2018, "Music
Transformer", section 3.4.1 (the skew).

The trap: an index matrix, which takes twice the bytes of the float32 matrix it is made for.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from posenc_lib.base import validation


def toeplitz(
    by_distance: Shaped[Tensor, "*batch distances"], queries: int
) -> Shaped[Tensor, "*batch {queries} keys"]:
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
    validation.tensor("toeplitz", "by_distance", by_distance)
    validation.rank("toeplitz", "by_distance", by_distance, axes="... distances")
    queries = validation.size("toeplitz", "queries", queries)
    if by_distance.shape[-1] < queries:
        raise validation.refuse(
            ValueError, "toeplitz", "queries", queries,
            f"at most the number of distances, {by_distance.shape[-1]}",
            "n queries and m keys have n + m - 1 distances.",
        )  # fmt: skip
    return spread(by_distance, queries)


def spread(by_distance: Shaped[Tensor, "..."], queries: int) -> Shaped[Tensor, "..."]:
    """`toeplitz` of checked input."""
    keys = by_distance.shape[-1] - queries + 1
    if not queries:
        return by_distance.new_empty(*by_distance.shape[:-1], 0, keys)
    if not validation.readable(by_distance):  # in a graph sizes stay open, and `unfold` fixes them
        back = torch.arange(queries - 1, -1, -1, device=by_distance.device)
        return by_distance[..., back[:, None] + torch.arange(keys, device=by_distance.device)]
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
    validation.tensor("skew", "by_distance", by_distance)
    validation.rank("skew", "by_distance", by_distance, axes="... query distances")
    queries, distances = by_distance.shape[-2:]
    keys = distances - queries + 1
    if keys < 1:
        raise validation.refuse(
            ValueError, "skew", "by_distance.shape[-1]", distances,
            f"at least the number of queries, {queries}",
            "n queries and m keys have n + m - 1 distances.",
        )  # fmt: skip
    if queries == 1:
        return by_distance
    # One step down a row and one distance back is distances - 1 numbers further on.
    flat = by_distance.flatten(-2)[..., queries - 1 : queries - 1 + queries * (distances - 1)]
    rows: Tensor = flat.unflatten(-1, (queries, distances - 1))
    return rows[..., :keys]
