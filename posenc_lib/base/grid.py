"""From a place in the sequence to a place in a picture: flat cell numbers to coordinates.

    cell = row * columns + column      <->      (row, column) = (cell // columns, cell % columns)

An image, a video or a table is fed to attention as one sequence, row after row (row-major
order). The n-D encodings need the coordinates back. `shape` is the grid, such as
(rows, columns) or (frames, rows, columns).

The traps: an image of another width, where the same cell number is another place. And a class
token before the patches, which moves every patch by one cell: 14 x 14 patches and one such token
are 197 numbers for 196 cells. So a number past the grid is an error here, and the encodings take
a `prefix`, the number of tokens that stand before the cells. And an order that is not row-major:
models that merge patches in blocks (Qwen2-VL) feed the vision tower block after block.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float64, Int64, Integer
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.base.float64 import as_float64, moved

PAST_THE_GRID = (
    "Build the encoding with the real shape; a class token needs prefix=1 or no position."
)


def grid_coordinates(
    positions: Integer[Tensor, "*batch length"], shape: Sequence[int]
) -> Int64[Tensor, "*batch length axes"]:
    """The coordinates of flat row-major cell numbers: (row, column) for a 2-D grid.

    cell = row * columns + column. Adds a last axis as long as `shape`.

    Raises TypeError for positions that are no integers, ValueError for negative ones, for numbers
    past the last cell and for a shape that is empty or not made of sizes. While a graph is traced
    and on the meta device the numbers cannot be read, and only shapes and dtypes are checked.

    Source: row-major order, as in Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words",
    section 3.1 (patches in raster order).

    >>> grid_coordinates(torch.tensor([0, 2, 3, 5]), (2, 3))
    tensor([[0, 0],
            [0, 2],
            [1, 0],
            [1, 2]])
    """
    shape = checked_shape("grid_coordinates", shape)
    check_cells("grid_coordinates", positions, shape)
    return torch.stack(axes_of(positions, shape), -1)


def axes_of(cells: Tensor, shape: tuple[int, ...]) -> list[Tensor]:
    """The coordinate of checked cells along each axis."""
    rest, coordinates = cells.long(), []
    for extent in reversed(shape[1:]):  # the last axis runs fastest
        coordinates.append(rest % extent)
        rest = rest // extent
    return [rest, *reversed(coordinates)]


def centred_coordinates(shape: Sequence[int]) -> Float64[Tensor, "cells axes"]:
    """The centres of all cells of a grid that fills [-1, 1], in row-major order.

    coordinate = 2 (index + 1/2) / extent - 1 on each axis, (cells, axes), float64. A picture of
    any size spans the same range, so that a finer grid lies between the places of a coarse one.

    Raises ValueError for a shape that is empty or not made of sizes, TypeError for no sequence.

    Source: Simeoni et al. 2025, "DINOv3", the released code (`get_patches_center_coordinates`).

    >>> centred_coordinates((1, 4))
    tensor([[ 0.0000, -0.7500],
            [ 0.0000, -0.2500],
            [ 0.0000,  0.2500],
            [ 0.0000,  0.7500]], dtype=torch.float64)
    """
    shape = checked_shape("centred_coordinates", shape)
    cells = torch.arange(math.prod(shape))
    return centred(grid_coordinates(cells, shape), shape)


def centred(coordinates: Tensor, shape: tuple[int, ...]) -> Float64[Tensor, "*batch length axes"]:
    """Whole coordinates of a grid as centres in [-1, 1]; checked by those who call this."""
    index = as_float64(coordinates)
    extent = torch.tensor(shape, dtype=torch.float64)
    return (2 * index + 1) / moved(extent, index.device) - 1


def merged_cells(shape: Sequence[int], merge: int) -> Int64[Tensor, " cells"]:
    """The cell numbers of a picture whose patches come block after block, `merge` x `merge` each.

    Blocks come in row-major order, and so do the patches inside each, as the vision towers of
    Qwen2-VL and its relatives take them, so that four neighbours in the row become one token.
    Pass them as positions of an encoding with the same `shape`, (rows, columns).

    Raises ValueError for a shape of other than two axes or one that `merge` does not divide,
    TypeError for sizes that are no integers.

    Source: Wang et al. 2024, "Qwen2-VL", section 2.1, and the released code.

    >>> merged_cells((2, 4), 2).tolist()
    [0, 1, 4, 5, 2, 3, 6, 7]
    """
    name = "merged_cells"
    shape, merge = checked_shape(name, shape), validation.size(name, "merge", merge)
    if len(shape) != 2 or any(extent % merge for extent in shape):
        raise validation.refuse(
            ValueError, name, "shape", shape,
            f"(rows, columns), each a multiple of merge = {merge}",
            "Pad the picture to whole blocks first.",
        )  # fmt: skip
    rows, columns = shape
    cells = torch.arange(rows * columns)
    blocks = cells.reshape(rows // merge, merge, columns // merge, merge)
    return blocks.transpose(1, 2).flatten()


def checked_shape(function: str, shape: Any, argument: str = "shape") -> tuple[int, ...]:
    """The shape of a grid as ints; shared by the n-D encodings."""
    remedy = "Pass one int for each axis, such as (rows, columns)."
    try:
        axes = tuple(shape)
    except TypeError:
        raise validation.refuse(
            TypeError, function, argument, shape, "a sequence of sizes", remedy
        ) from None
    if not axes:
        raise validation.refuse(ValueError, function, argument, axes, "at least one axis", remedy)
    return tuple(
        validation.size(function, f"{argument}[{axis}]", extent) for axis, extent in enumerate(axes)
    )


def check_cells(
    function: str, positions: Any, shape: tuple[int, ...], prefix: int = 0, suffix: int = 0
) -> None:
    """Refuse anything but whole numbers of a grid: 0 up to the number of its cells, with those of
    the prefix and the suffix."""
    validation.whole(
        function, "positions", positions, "A cell of a grid is counted: row * columns + column."
    )
    if not (positions.numel() and validation.readable(positions)):
        return
    low, high, cells = int(positions.min()), int(positions.max()), math.prod(shape)
    if low < 0:
        raise validation.refuse(
            ValueError, function, "positions", low, "cell numbers from 0",
            "A grid has no cell before the first.",
        )  # fmt: skip
    if high >= prefix + cells + suffix:
        before = f", after prefix = {prefix}" if prefix else ""
        before += f", before suffix = {suffix}" if suffix else ""
        raise validation.refuse(
            ValueError, function, "positions", high,
            f"numbers from 0 to {prefix + cells + suffix - 1}: a grid of shape {shape} has {cells} "
            f"cells{before}", PAST_THE_GRID,
        )  # fmt: skip


def after_prefix(positions: Tensor, prefix: int) -> tuple[Tensor, Tensor]:
    """The cell of each token number, and where there is one: number t >= prefix is cell t - prefix.

    The numbers below `prefix` get cell 0, so that a look-up works, and False.
    """
    cells = positions.long() - prefix
    return cells.clamp(min=0), cells >= 0
