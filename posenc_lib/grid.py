"""From a place in the sequence to a place in a picture: flat cell numbers to coordinates.

    cell = row * columns + column      <->      (row, column) = (cell // columns, cell % columns)

An image, a video or a table is fed to attention as one sequence, row after row (row-major
order). The n-D encodings need the coordinates back. `shape` is the grid, such as
(rows, columns) or (frames, rows, columns).

The trap: an image of another width. The same cell number is then another place, and every
row after the first is wrong; an image with more rows is harmless. So the first axis has no
upper bound here, and the others are what `shape` says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Int64, Integer
from torch import Tensor

from posenc_lib import _validate


def grid_coordinates(
    positions: Integer[Tensor, "*batch length"], shape: Sequence[int]
) -> Int64[Tensor, "*batch length axes"]:
    """The coordinates of flat row-major cell numbers: (row, column) for a 2-D grid.

    cell = row * columns + column. Adds a last axis as long as `shape`. The first coordinate may
    go past shape[0]: more rows than the shape's are allowed.

    Raises TypeError for positions that are no integers, ValueError for negative ones and for a
    shape that is empty or not made of sizes.

    Source: row-major order, as in Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words",
    section 3.1 (patches in raster order).

    >>> grid_coordinates(torch.tensor([0, 2, 3, 7]), (2, 3))
    tensor([[0, 0],
            [0, 2],
            [1, 0],
            [2, 1]])
    """
    shape = _grid_shape("grid_coordinates", shape)
    _cells("grid_coordinates", positions)
    rest, coordinates = positions.long(), []
    for extent in reversed(shape[1:]):  # the last axis runs fastest
        coordinates.append(rest % extent)
        rest = rest // extent
    return torch.stack([rest, *reversed(coordinates)], -1)


def _grid_shape(function: str, shape: Any) -> tuple[int, ...]:
    """The shape of a grid as ints; shared by the n-D encodings."""
    remedy = "Pass one int for each axis, such as (rows, columns)."
    try:
        axes = tuple(shape)
    except TypeError:
        raise _validate.refuse(
            TypeError, function, "shape", shape, "a sequence of sizes", remedy
        ) from None
    if not axes:
        raise _validate.refuse(ValueError, function, "shape", axes, "at least one axis", remedy)
    return tuple(
        _validate.size(function, f"shape[{axis}]", extent) for axis, extent in enumerate(axes)
    )


def _cells(function: str, positions: Any) -> None:
    """Refuse anything but a tensor of whole numbers from 0."""
    _validate.tensor(function, "positions", positions)
    whole = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
    if positions.dtype not in whole:
        raise _validate.refuse(
            TypeError, function, "positions.dtype", positions.dtype, "an integer dtype",
            "A cell of a grid is counted: row * columns + column.",
        )  # fmt: skip
    if positions.numel() and _validate.readable(positions) and bool((positions < 0).any()):
        raise _validate.refuse(
            ValueError, function, "positions", int(positions.min()), "cell numbers from 0",
            "A grid has no cell before the first.",
        )  # fmt: skip
