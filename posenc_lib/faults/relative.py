"""Faults of relative positions: the matrix key minus query, and the shift that makes it fast.

Each docstring says what is wrong, what it should be, and which test catches it.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from posenc_lib.base.distance_rows import skew
from posenc_lib.base.relative import relative_positions
from posenc_lib.faults.exhibit import exhibit
from posenc_lib.lessons.toy_relative import toy_relative

Matrix = Callable[[int, int], Int[Tensor, "..."]]
Add = Callable[[Float[Tensor, "length dim"], Callable[[int, int], Tensor]], Tensor]
Shift = Callable[[Float[Tensor, "query distances"]], Float[Tensor, "query query"]]


def against_the_loop(make: Matrix) -> bool:
    """Three queries, four keys: entry (i, j) is j - i."""
    return make(3, 4).tolist() == [[j - i for j in range(4)] for i in range(3)]


@exhibit(right=relative_positions, law=against_the_loop)
def no_extra_axis(queries: int, keys: int) -> Int[Tensor, "..."]:
    """Wrong: two vectors are subtracted, which gives a vector (zeros, for as many keys).

    Right: a row of keys minus a column of queries. Caught by `against_the_loop`, because its case
    is not square.

    >>> no_extra_axis(4, 4)
    tensor([0, 0, 0, 0])
    """
    return torch.arange(keys) - torch.arange(queries)


@exhibit(right=relative_positions, law=against_the_loop)
def sign_swapped(queries: int, keys: int) -> Int[Tensor, "{queries} {keys}"]:
    """Wrong: the text says key minus query, the code computes query minus key.

    Right: key minus query, the past is negative. Caught by `against_the_loop`.

    >>> sign_swapped(2, 2)
    tensor([[ 0, -1],
            [ 1,  0]])
    """
    return torch.arange(queries)[:, None] - torch.arange(keys)[None, :]


def every_length(add: Add) -> bool:
    """Runs on 6 tokens of dim 4, where the sizes cannot be mixed up."""
    x = torch.zeros(6, 4)
    return add(x, torch.ones).shape == x.shape


def _row_for_each_key(
    x: Float[Tensor, "length dim"], weight: Callable[[int, int], Tensor]
) -> Float[Tensor, "length dim"]:
    return toy_relative(x, weight(*x.shape))


@exhibit(right=_row_for_each_key, law=every_length)
def square_weight(
    x: Float[Tensor, "length dim"], weight: Callable[[int, int], Tensor]
) -> Float[Tensor, "length dim"]:
    """Wrong: a (length, length) matrix times a (dim, dim) weight, which runs at length = dim.

    `weight` makes the weight from its two sizes. Right: one row for each key, (length, dim).
    Caught by `every_length`.

    >>> square_weight(torch.zeros(2, 2), torch.ones)
    tensor([[ 1.,  1.],
            [-1., -1.]])
    """
    length, dim = x.shape
    return x + relative_positions(length, length).float() @ weight(dim, dim)


def shift_against_the_loop(shift: Shift) -> bool:
    """Entry (i, j) is what query i holds for distance j - i, on both sides of the diagonal."""
    n = 4
    by_distance = torch.arange(n * (2 * n - 1)).reshape(n, -1).float()
    loop = [[by_distance[i, j - i + n - 1].item() for j in range(n)] for i in range(n)]
    return shift(by_distance).tolist() == loop


@exhibit(right=skew, law=shift_against_the_loop)
def causal_shift(
    by_distance: Float[Tensor, "query distances"],
) -> Float[Tensor, "query query"]:
    """Wrong: the shift of a causal Transformer-XL in a layer that sees both directions.

    `by_distance` holds a number for each query and distance, -(n - 1) .. n - 1. The causal trick
    takes the past only, pads, reshapes; a causal mask hides what it leaves above the diagonal,
    which is the past of the *next* query. Right: a shift over all 2n - 1 distances. Caught by
    `shift_against_the_loop`.

    >>> causal_shift(torch.tensor([[-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0]]))
    tensor([[ 0.,  0.],
            [-1.,  0.]])
    """
    n = len(by_distance)
    past = by_distance[:, :n]  # distances -(n - 1) .. 0
    padded = torch.cat([past.new_zeros(n, 1), past], dim=1)  # (n, n + 1)
    return padded.reshape(n + 1, n)[1:]
