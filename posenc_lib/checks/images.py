"""Exercises of notebook 10: patches from an image, and a 2-D encoding from two 1-D ones."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from posenc_lib.base.grid import grid_coordinates
from posenc_lib.checks.exercise import Exercise, Mistake
from posenc_lib.embeddings.axial_sinusoidal import axial_sinusoidal_at
from posenc_lib.embeddings.sinusoidal import sinusoidal_at
from posenc_lib.experiments.data.digit_images import image_tokens

BASE = 100.0


def _patches(image: Tensor, side: int) -> Tensor:
    return image_tokens(image[None], side)[0]


def _squares(image: Tensor, side: int) -> Tensor:
    """(rows, columns, side, side): the patches where they lie."""
    return image.unfold(0, side, side).unfold(1, side, side)


def _every_start(image: Tensor, side: int) -> Tensor:
    return image.unfold(0, side, 1).unfold(1, side, 1).flatten(2).flatten(0, 1)


def _images() -> list[tuple]:
    shapes = [(4, 6, 2), (8, 8, 2), (6, 9, 3)]
    return [(torch.arange(float(r * c)).view(r, c), side) for r, c, side in shapes]


patches = Exercise(
    name="my_patches",
    solution=_patches,
    cases=_images,
    mistakes=(
        Mistake(
            "strips", lambda image, side: image.reshape(-1, side * side),
            "Your tokens are strips of a row: reshape only counts on. Cut rows and columns into "
            "(rows, side, columns, side) first, and swap the middle two axes.",
        ),
        Mistake(
            "column by column",
            lambda image, side: _squares(image, side).transpose(0, 1).flatten(2).flatten(0, 1),
            "Your second token lies below the first. Row by row: it lies to the right of it.",
        ),
        Mistake(
            "pixels swapped",
            lambda image, side: _squares(image, side).transpose(2, 3).flatten(2).flatten(0, 1),
            "The patches are right, the pixels in them run down first. The second number of a "
            "token is the pixel to the right.",
        ),
        Mistake(
            "image transposed", lambda image, side: _patches(image.T, side),
            "You cut the mirrored image: patches and pixels both run down first. The first axis of "
            "the image is the row.",
        ),
        Mistake(
            "every start", _every_start,
            "Your patches overlap. The next one starts `side` pixels on, not one.",
        ),
        Mistake(
            "squares kept", lambda image, side: _squares(image, side).flatten(0, 1),
            "Your tokens are squares (tokens, side, side). A token is one row of numbers: flatten "
            "the last two axes.",
        ),
        Mistake(
            "grid kept", lambda image, side: _squares(image, side).flatten(2),
            "Your tokens still lie in a grid (rows, columns, side * side). A Transformer reads one "
            "row of tokens: flatten the first two axes.",
        ),
    ),
)  # fmt: skip


def _coordinates(rows: int, columns: int) -> Tensor:
    return grid_coordinates(torch.arange(rows * columns), (rows, columns))


def _two(pair: Iterable[Tensor], dim: int) -> np.ndarray:
    """Two 1-D encodings of `dim` columns in all, side by side."""
    parts = [sinusoidal_at(at.numpy(), dim // 2, base=BASE) for at in pair]
    return np.concatenate(parts, -1)


def _cut_in_two(rows: int, columns: int, dim: int) -> np.ndarray:
    row, column = (
        sinusoidal_at(at.numpy(), dim, base=BASE) for at in _coordinates(rows, columns).T
    )
    return np.concatenate([row[:, : dim // 2], column[:, dim // 2 :]], -1)


def _whole(rows: int, columns: int, dim: int, join) -> np.ndarray:
    """Both axes get all `dim` columns, then they are joined."""
    parts = [sinusoidal_at(at.numpy(), dim, base=BASE) for at in _coordinates(rows, columns).T]
    return join(parts)


def _down_first(rows: int, columns: int, dim: int) -> np.ndarray:
    column, row = _coordinates(columns, rows).T
    return _two((row, column), dim)


grid = Exercise(
    name="my_grid",
    solution=lambda rows, columns, dim: axial_sinusoidal_at(
        _coordinates(rows, columns), dim, base=BASE
    ),
    cases=lambda: [(2, 3, 8), (5, 4, 16), (3, 3, 4)],
    mistakes=(
        Mistake(
            "twice the row", lambda r, c, dim: _two([_coordinates(r, c)[:, 0]] * 2, dim),
            "Both halves hold the row, so patches of one row are all alike. The second half is "
            "the column's.",
        ),
        Mistake(
            "column first", lambda r, c, dim: _two(_coordinates(r, c).T.flip(0), dim),
            "The halves are swapped: the row comes first. Trained weights would read one for the "
            "other.",
        ),
        Mistake(
            "summed", lambda r, c, dim: _whole(r, c, dim, sum),
            "You added the two encodings. Then (1, 2) and (2, 1) get the same vector. Put them "
            "side by side.",
        ),
        Mistake(
            "dim not halved", lambda r, c, dim: _whole(r, c, dim, lambda p: np.concatenate(p, -1)),
            "Each axis got all dim columns, so the vector is twice as long. Give each dim / 2.",
        ),
        Mistake(
            "one table cut in two", _cut_in_two,
            "You cut tables of width dim: the row has the fast waves only, the column the slow "
            "ones. Make each with dim / 2 columns and waves of its own.",
        ),
        Mistake(
            "token number",
            lambda r, c, dim: sinusoidal_at(np.arange(r * c), dim, base=BASE),
            "That is the 1-D encoding of the token's number. Split the number into row and column.",
        ),
        Mistake(
            "down first", _down_first,
            "Your tokens run down the columns. Token 1 is patch (0, 1): column = number % columns.",
        ),
    ),
)  # fmt: skip
