"""How alike the rows of a position table are: the cosine of the angle between them.

    cos(i, j) = w_i . w_j / (|w_i| |w_j|),     1 = same direction, 0 = unrelated, -1 = opposite

The cosine forgets length: a table whose row 0 is five times longer than the others looks no
different. Look at the norms too.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float64

from posenc_lib.base import validation
from posenc_lib.base.arrays import as_table, in_range


def cosine_matrix(
    table: Float[np.ndarray, "length dim"],
) -> Float64[np.ndarray, "length length"]:
    """Cosine similarity of every row of a (length, dim) table with every other.

    Shape (length, length), symmetric, 1 on the diagonal. A row of zeros has no direction: its
    cosines are NaN.

    Raises TypeError for anything but real numbers, ValueError for another rank, NaN or infinity.

    Source: Wang and Chen 2020, "What Do Position Embeddings Learn?", figure 1 (the picture of it).

    >>> cosine_matrix(np.array([[2.0, 0.0], [1.0, 1.0]])).round(3)
    array([[1.   , 0.707],
           [0.707, 1.   ]])
    """
    return _cosines("cosine_matrix", table)


def cosine_by_offset(
    table: Float[np.ndarray, "length dim"], largest: int
) -> Float64[np.ndarray, " offsets"]:
    """Mean cosine of all pairs of rows that lie 0, 1, ... `largest` positions apart.

    Shape (largest + 1,). Pairs with a row of zeros are left out; NaN where no pair remains.

    Raises like `cosine_matrix`, and ValueError when `largest` does not fit into the table.

    Source: the mean along the diagonals of Wang and Chen 2020, figure 1.

    >>> cosine_by_offset(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]), 2)
    array([1., 0., 1.])
    """
    cosines = _cosines("cosine_by_offset", table)
    largest = validation.size("cosine_by_offset", "largest", largest, minimum=0)
    if largest >= len(cosines):
        raise validation.refuse(
            ValueError, "cosine_by_offset", "largest", largest,
            f"an offset below the length {len(cosines)}", "Two rows are at most length - 1 apart.",
        )  # fmt: skip
    diagonals = (np.diagonal(cosines, k) for k in range(largest + 1))
    known = [diagonal[~np.isnan(diagonal)] for diagonal in diagonals]
    return np.array([pairs.mean() if pairs.size else np.nan for pairs in known])


def _cosines(function: str, table: np.ndarray) -> np.ndarray:
    rows = in_range(as_table(function, table), axis=1)  # a cosine forgets length
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit = rows / np.where(norms > 0, norms, np.nan)
    return np.clip(unit @ unit.T, -1.0, 1.0)
