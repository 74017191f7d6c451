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


def _cut(image: Tensor, side: int, *order: int) -> Tensor:
    """Cut into (row, down, column, right), the axes in another order, then flat tokens."""
    rows, columns = image.shape
    cut = image.reshape(rows // side, side, columns // side, side)
    return cut.permute(*order).reshape(-1, side * side)


def _view_first(image: Tensor, side: int) -> Tensor:
    """Counts on through the whole image: (row, column, down, right) by reshape alone."""
    rows, columns = image.shape
    return image.reshape(rows // side, columns // side, side * side).flatten(0, 1)


def _stripes(image: Tensor, side: int) -> Tensor:
    """Columns cut into strips of side * side."""
    return image.T.reshape(-1, side * side)


def _all_but_last(image: Tensor, side: int) -> Tensor:
    found = [
        image[r : r + side, c : c + side].flatten()
        for r in range(0, image.shape[0] - side, side)
        for c in range(0, image.shape[1] - side, side)
    ]
    return torch.stack(found)


def _every_start(image: Tensor, side: int) -> Tensor:
    return image.unfold(0, side, 1).unfold(1, side, 1).flatten(2).flatten(0, 1)


def _images() -> list[tuple]:
    shapes = [(4, 6, 2), (4, 4, 2), (6, 3, 3), (4, 8, 4)]
    draw = torch.Generator().manual_seed(0)  # in no order, so that sorting is seen
    return [(torch.randperm(r * c, generator=draw).float().view(r, c), s) for r, c, s in shapes]


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
        Mistake(
            "all kept", _squares,
            "Your patches still lie in a grid, and each is a square. Flatten both: the first two "
            "axes to tokens, the last two to side * side.",
        ),
        Mistake(
            "cut, not flattened", lambda image, side: image.reshape(
                image.shape[0] // side, side, image.shape[1] // side, side),
            "The image is cut and the axes still stand apart. Swap the middle two and flatten: "
            "permute(0, 2, 1, 3).reshape(-1, side * side).",
        ),
        Mistake(
            "pixels as tokens", lambda image, side: image.reshape(-1, 1),
            "Every pixel is a token of its own in yours. A token holds side * side of them.",
        ),
        Mistake(
            "row of numbers", lambda image, side: _patches(image, side).flatten(),
            "The numbers are right and lie in one long row. Reshape them to (tokens, side * side).",
        ),
        Mistake(
            "axes 0, 3, 1, 2", lambda image, side: _cut(image, side, 0, 3, 1, 2),
            "Your tokens mix pixels of neighbouring patches: the axes stand as 0, 3, 1, 2. Tokens "
            "are axes 0 and 2, pixels 1 and 3: permute(0, 2, 1, 3).",
        ),
        Mistake(
            "axes 1, 3, 0, 2", lambda image, side: _cut(image, side, 1, 3, 0, 2),
            "Your tokens gather the same pixel of all patches. Tokens come first: axes 0 and 2, "
            "then the pixels, 1 and 3: permute(0, 2, 1, 3).",
        ),
        Mistake(
            "axes 0, 1, 3, 2", lambda image, side: _cut(image, side, 0, 1, 3, 2),
            "You swapped the last two axes, the column of the patch and the pixel in it. The "
            "middle two change places: permute(0, 2, 1, 3).",
        ),
        Mistake(
            "axes 1, 0, 2, 3", lambda image, side: _cut(image, side, 1, 0, 2, 3),
            "You swapped the first two axes, the row of the patch and the pixel in it. The middle "
            "two change places: permute(0, 2, 1, 3).",
        ),
        Mistake(
            "axes 1, 2, 0, 3", lambda image, side: _cut(image, side, 1, 2, 0, 3),
            "Axes 1 and 0 are swapped: rows of patches stand where rows of pixels should. "
            "permute(0, 2, 1, 3).",
        ),
        Mistake(
            "strips of columns", _stripes,
            "Your tokens are strips of a column: transposing and reshaping only counts on. Cut "
            "into (rows, side, columns, side) first, and swap the middle two axes.",
        ),
        Mistake(
            "tokens by side", lambda image, side: _patches(image, side).T,
            "Your answer is transposed: (side * side, tokens), so each of your rows gathers every "
            "`side`-th pixel of the image. Tokens are the rows, each a square of neighbours.",
        ),
        Mistake(
            "backwards", lambda image, side: _patches(image, side).flip(0),
            "Your tokens stand in reverse order. The first is the upper left patch.",
        ),
        Mistake(
            "pixels backwards", lambda image, side: _patches(image, side).flip(1),
            "The pixels of each token stand in reverse order. The first is the upper left one.",
        ),
        Mistake(
            "mean of the patch", lambda image, side: _patches(image, side).mean(1),
            "You averaged each patch to one number. A token keeps all side * side of them.",
        ),
        Mistake(
            "mean of the patch, column", lambda image, side: _patches(image, side).mean(1, True),
            "You averaged each patch to one number. A token keeps all side * side pixels.",
        ),
        Mistake(
            "first patch", lambda image, side: _patches(image, side)[:1],
            "That is the first patch alone. The task wants all of them.",
        ),
        Mistake(
            "first row of patches", lambda image, side: _patches(image, side)[
                : image.shape[1] // side],
            "Those are the patches of the first row only. Go on downwards.",
        ),
        Mistake(
            "first column of patches", lambda image, side: _squares(image, side)[:, 0].flatten(1),
            "Those are the patches of the first column only. Go on to the right.",
        ),
        Mistake(
            "diagonal", lambda image, side: torch.stack([
                _squares(image, side)[i, i].flatten()
                for i in range(min(image.shape) // side)]),
            "Those are the patches on the diagonal only. Each row of patches has all columns: two "
            "loops, one inside the other.",
        ),
        Mistake(
            "unfolded, not turned", lambda image, side: _patches(image, side).T[None],
            "F.unfold gives (1, side * side, tokens). Take [0] and transpose: tokens are the "
            "rows.",
        ),
        Mistake(
            "rows of patches", lambda image, side: image.reshape(image.shape[0] // side, -1),
            "Your tokens are whole strips of `side` rows. Cut the columns too.",
        ),
        Mistake(
            "columns step 1", lambda image, side: image.unfold(0, side, side).unfold(
                1, side, 1).flatten(2).flatten(0, 1),
            "Your patches overlap from left to right: columns move on by `side`, not by one.",
        ),
        Mistake(
            "rows step 1", lambda image, side: image.unfold(0, side, 1).unfold(
                1, side, side).flatten(2).flatten(0, 1),
            "Your patches overlap from top to bottom: rows move on by `side`, not by one.",
        ),
        Mistake(
            "last row and column missing", _all_but_last,
            "The last row and the last column of patches are missing: does your range stop at "
            "rows - side? It ends before rows.",
        ),
        Mistake(
            "last row missing", lambda image, side: _squares(image, side)[:-1].flatten(
                2).flatten(0, 1),
            "The last row of patches is missing: does your range stop too early?",
        ),
        Mistake(
            "last column missing", lambda image, side: _squares(image, side)[:, :-1].flatten(
                2).flatten(0, 1),
            "The last column of patches is missing: does your range stop too early?",
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


def _fixed(at: Tensor, dim: int, base: float = BASE) -> np.ndarray:
    return sinusoidal_at(at.numpy(), dim, base=base)


def _based(base: float):
    return lambda r, c, dim: np.concatenate(
        [_fixed(at, dim // 2, base) for at in _coordinates(r, c).T], -1
    )


def _places(of):
    """Row and column changed: a function of the coordinates (row, column), rows and columns."""
    return lambda r, c, dim: _two(of(*_coordinates(r, c).T, r, c), dim)


def _interleaved(rows: int, columns: int, dim: int) -> np.ndarray:
    row, column = (_fixed(at, dim // 2) for at in _coordinates(rows, columns).T)
    return np.stack([row, column], -1).reshape(len(row), -1)


def _sines_first(rows: int, columns: int, dim: int) -> np.ndarray:
    parts = [_fixed(at, dim // 2) for at in _coordinates(rows, columns).T]
    return np.concatenate([np.concatenate([p[:, 0::2], p[:, 1::2]], -1) for p in parts], -1)


def _all_sines_first(rows: int, columns: int, dim: int) -> np.ndarray:
    whole = _two(_coordinates(rows, columns).T, dim)
    return np.concatenate([whole[:, 0::2], whole[:, 1::2]], -1)


def _half_of_each(rows: int, columns: int, dim: int) -> np.ndarray:
    """The first halves of two tables of width dim: fast waves only, for both axes."""
    return np.concatenate(
        [_fixed(at, dim)[:, : dim // 2] for at in _coordinates(rows, columns).T], -1
    )


def _one_axis_only(which: int):
    return lambda r, c, dim: _fixed(_coordinates(r, c)[:, which], dim // 2)


def _whole_axis(which: int):
    return lambda r, c, dim: _fixed(_coordinates(r, c)[:, which], dim)


def _per_axis(rows: int, columns: int, dim: int) -> np.ndarray:
    """The table of the rows on that of the columns: no grid."""
    parts = [_fixed(torch.arange(n), dim // 2) for n in (rows, columns)]
    return np.concatenate(parts)


def _grid_kept(rows: int, columns: int, dim: int) -> np.ndarray:
    return _two(_coordinates(rows, columns).T, dim).reshape(rows, columns, dim)


def _down_first(rows: int, columns: int, dim: int) -> np.ndarray:
    column, row = _coordinates(columns, rows).T
    return _two((row, column), dim)


grid = Exercise(
    name="my_grid",
    solution=lambda rows, columns, dim: axial_sinusoidal_at(
        _coordinates(rows, columns), dim, base=BASE
    ),
    cases=lambda: [(2, 3, 8), (4, 3, 12), (2, 2, 4), (1, 3, 8)],
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
        Mistake(
            "down first, column first", lambda r, c, dim: _two(_coordinates(c, r).T, dim),
            "You divide the number by the rows, so your tokens run down the columns and the "
            "column's "
            "half stands first. Row = number // columns, column = number % columns.",
        ),
        Mistake(
            "twice the column", lambda r, c, dim: _two([_coordinates(r, c)[:, 1]] * 2, dim),
            "Both halves hold the column, so patches of one column are all alike. The first half "
            "is the row's.",
        ),
        Mistake(
            "row by columns, column by rows", _places(lambda row, col, r, c: (
                torch.arange(r * c) // c, torch.arange(r * c) % r)),
            "The row is right; the column is number % columns, not % rows.",
        ),
        Mistake(
            "row by rows, column by columns", _places(lambda row, col, r, c: (
                torch.arange(r * c) // r, torch.arange(r * c) % c)),
            "The column is right; the row is number // columns, not // rows.",
        ),
        Mistake(
            "places from one", _places(lambda row, col, r, c: (row + 1, col + 1)),
            "Rows and columns count from 1 in yours. They count from 0.",
        ),
        Mistake(
            "number from one", _places(lambda row, col, r, c: (
                torch.arange(1, r * c + 1) // c, torch.arange(1, r * c + 1) % c)),
            "Your token numbers count from 1. Token 0 is the first.",
        ),
        Mistake(
            "number for the column", _places(lambda row, col, r, c: (row, row * c + col)),
            "The row is right; the column is number % columns, not the number itself.",
        ),
        Mistake(
            "number for the row", _places(lambda row, col, r, c: (row * c + col, col)),
            "The column is right; the row is number // columns, not the number itself.",
        ),
        Mistake(
            "quarter of dim", lambda r, c, dim: _two(_coordinates(r, c).T, dim // 2),
            "Each axis got a quarter of dim, so the vector is half as long. Give each dim // 2 "
            "columns.",
        ),
        Mistake(
            "row with decimals", _places(lambda row, col, r, c: (
                torch.arange(r * c).double() / c, col)),
            "Your row number has decimals: number / columns. Divide with //.",
        ),
        Mistake(
            "from 0 to 1", _places(lambda row, col, r, c: (
                row.double() / max(r - 1, 1), col.double() / max(c - 1, 1))),
            "You scaled rows and columns to 0 ... 1. Use the whole numbers themselves.",
        ),
        Mistake(
            "divided by the size", _places(lambda row, col, r, c: (
                row.double() / r, col.double() / c)),
            "You divided rows and columns by their number. Use the whole numbers themselves.",
        ),
        Mistake(
            "from the middle", _places(lambda row, col, r, c: (
                row - (r - 1) / 2, col - (c - 1) / 2)),
            "Your places count from the middle. They count from the upper left, from 0.",
        ),
        Mistake(
            "rows from below", _places(lambda row, col, r, c: (r - 1 - row, col)),
            "Your rows count from below. Row 0 is the uppermost.",
        ),
        Mistake(
            "columns from the right", _places(lambda row, col, r, c: (row, c - 1 - col)),
            "Your columns count from the right. Column 0 is the left one.",
        ),
        Mistake(
            "multiplied", lambda r, c, dim: _whole(r, c, dim, lambda p: p[0] * p[1]),
            "You multiplied the two encodings. Put them side by side, each with dim / 2 columns.",
        ),
        Mistake(
            "averaged", lambda r, c, dim: _whole(r, c, dim, lambda p: (p[0] + p[1]) / 2),
            "You averaged the two encodings. Put them side by side, each with dim / 2 columns.",
        ),
        Mistake(
            "sum of the halves", lambda r, c, dim: _whole(r, c, dim // 2, sum),
            "You added the two halves, so only dim / 2 columns are left. Put them side by side.",
        ),
        Mistake(
            "of the sum", lambda r, c, dim: _fixed(_coordinates(r, c).sum(1), dim),
            "That is the encoding of row + column, so (0, 1) and (1, 0) are alike. Encode each and "
            "put them side by side.",
        ),
        Mistake("row only", _one_axis_only(0), "The half of the column is missing."),
        Mistake("column only", _one_axis_only(1), "The half of the row is missing."),
        Mistake(
            "row with all columns", _whole_axis(0),
            "That is the row alone, with all dim columns. The second half belongs to the column.",
        ),
        Mistake(
            "column with all columns", _whole_axis(1),
            "That is the column alone, with all dim columns. The first half belongs to the row.",
        ),
        Mistake(
            "interleaved", _interleaved,
            "Row and column alternate from number to number. The task wants the row's whole half "
            "first, then the column's.",
        ),
        Mistake(
            "sines first", _sines_first,
            "In each half you have all sines, then all cosines. sinusoidal_at interleaves them.",
        ),
        Mistake(
            "all sines first", _all_sines_first,
            "You sorted the columns into sines and cosines. The row's half comes first, as "
            "sinusoidal_at makes it, then the column's.",
        ),
        Mistake(
            "no grid", _per_axis,
            "You have rows + columns vectors. Each token has a row and a column: rows * columns "
            "vectors.",
        ),
        Mistake(
            "grid kept", _grid_kept,
            "The numbers are right and still lie in a grid. Flatten it: (rows * columns, dim).",
        ),
        Mistake(
            "base 10,000", _based(1e4),
            "Your base is 10,000, the one of sinusoidal_at unless told otherwise. The task says "
            "100: base=100.0.",
        ),
        Mistake("base 1,000", _based(1e3), "Your base is 1,000. The task says 100: base=100.0."),
        Mistake(
            "base 10, or first halves", _half_of_each,
            "Your waves slow down too little. Is your base 10 (it is 100), or did you make tables "
            "of width dim and keep the first half of each? Make each with dim // 2 columns.",
        ),
        Mistake(
            "second base", lambda r, c, dim: np.concatenate(
                [_fixed(_coordinates(r, c)[:, 0], dim // 2),
                 _fixed(_coordinates(r, c)[:, 1], dim // 2, 1e4)], -1),
            "The column's half has base 10,000. Pass base=100.0 for both.",
        ),
    ),
)  # fmt: skip
