"""Can a position be read off its vector? A linear probe from the row to its index.

    index = row @ weights + bias,     fitted on four fifths of the rows, judged on the last fifth

Source: Wang and Chen 2020, "What Do Position Embeddings Learn?", section 3 (least squares, five
folds, predictions rounded to whole positions, mean absolute error).

The trap: with nearly as many columns as rows, least squares fits noise perfectly and then misses
by more than the guess "the middle". Compare with a table of noise of the same shape.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from posenc_lib.base import validation
from posenc_lib.base.arrays import as_table, in_range


def index_probe(table: Float[np.ndarray, "length dim"], *, folds: int = 5, seed: int = 0) -> float:
    """Mean distance, in positions, between each row's index and a linear guess at it.

    The rows of a (length, dim) table are dealt at random into `folds` parts. Each part is
    guessed by a linear regression that saw the other parts only; guesses are rounded. Always
    answering the middle would miss by length / 4.

    Raises TypeError for sizes that are not integers, ValueError for a table that is not finite
    or has fewer rows than folds, for folds < 2 or seed < 0.

    Source: Wang and Chen 2020, "What Do Position Embeddings Learn?", section 3.

    >>> from posenc_lib import sinusoidal_table
    >>> index_probe(sinusoidal_table(100, 32))
    0.0
    """
    folds = validation.size("index_probe", "folds", folds, minimum=2)
    seed = validation.size("index_probe", "seed", seed, minimum=0)
    rows = in_range(as_table("index_probe", table, rows=folds))  # least squares knows no unit
    index = np.arange(len(rows))
    fold = np.random.default_rng(seed).permutation(index) % folds
    missed = np.empty(len(rows))
    for held_out in range(folds):
        test = fold == held_out
        centre, middle = rows[~test].mean(axis=0), index[~test].mean()
        weights = np.linalg.lstsq(rows[~test] - centre, index[~test] - middle, rcond=None)[0]
        guess = (rows[test] - centre) @ weights + middle
        missed[test] = np.abs(np.round(guess) - index[test])
    return float(missed.mean())
