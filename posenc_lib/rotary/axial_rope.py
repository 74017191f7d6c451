"""Axial RoPE: rotary encoding of the cells of a grid, such as the patches of an image.

    cell = row * columns + column,     m = head_dim / axes features for each axis
    angle of pair i of axis a  =  coordinate_a * base ** (-2i / m),    i = 0 .. m / 2 - 1

The pairs are shared out evenly: the first ones turn with the row, the next ones with the column.
Each axis is RoPE for itself, so the score depends on the difference of rows and the difference
of columns, and on nothing else.

Source: Su et al. 2021, "RoFormer", equation 34, for each axis; Heo et al. 2024, "Rotary
Position Embedding for Vision Transformer", the variant RoPE-Axial, for base 100.

The traps: RoPE over the flat cell number, which puts the last cell of a row beside the first of
the next. And base 10,000 from language: a picture is some dozen cells wide, and most pairs would
hardly turn on it. Published models with 10,000 exist (Qwen2-VL); the base belongs to the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float64, Num
from torch import Tensor
from torch.nn import functional as F

from posenc_lib.base import validation
from posenc_lib.base.angles import frequencies64
from posenc_lib.base.grid import after_prefix, check_cells, checked_shape, grid_coordinates
from posenc_lib.base.registry_entry import NO_CELL, RegistryEntry
from posenc_lib.rotary.rope import RotaryEncoding


class AxialRotary(RotaryEncoding):
    """RoPE on a grid: pairs of the first axis turn with the row, of the second with the column.

    angle of pair i of axis a = coordinate_a * base ** (-2i / m), m = head_dim / axes.

    Positions are cell numbers in row-major order, row * columns + column for a `shape` of
    (rows, columns); any number of axes will do. A cell past the grid is refused: on a grid of
    another width the same number is another place. The first `prefix` tokens, such as a class
    token, stay unturned and the cells are counted after them, so that token t stands in cell
    t - prefix.

    Instead of cells, positions may be the coordinates of the tokens after the prefix, whole or
    real: (length - prefix, axes), or (batch, length - prefix, axes). They may lie anywhere. Whole
    numbers of two axes that could also be cells, (batch, length), are cells.

    Layout "interleaved" keeps the features of an axis together; "half" puts the firsts of all
    pairs before the seconds, as Qwen2-VL does.

    Raises ValueError for a head_dim that 2 * axes does not divide and for cells outside the grid,
    TypeError for cells that are no integers, and like `RotaryEncoding`.

    Source: Su et al. 2021, "RoFormer", equation 34, for each axis; Heo et al. 2024, "Rotary
    Position Embedding for Vision Transformer", RoPE-Axial.

    >>> rope = AxialRotary(head_dim=4, shape=(2, 3))
    >>> rope.angles(torch.tensor([0, 2, 3, 5]))  # (0, 0), (0, 2), (1, 0), (1, 2)
    tensor([[0., 0.],
            [0., 2.],
            [1., 0.],
            [1., 2.]], dtype=torch.float64)
    """

    def __init__(
        self,
        head_dim: int,
        shape: Sequence[int],
        *,
        base: float = 100.0,
        layout: str = "interleaved",
        prefix: int = 0,
    ) -> None:
        name = type(self).__name__
        shape = checked_shape(name, shape)
        head_dim = validation.size(name, "head_dim", head_dim)
        if head_dim % (2 * len(shape)):
            raise validation.refuse(
                ValueError, name, "head_dim", head_dim,
                f"a multiple of {2 * len(shape)}, two features a pair for {len(shape)} axes",
                "Each axis gets the same whole number of pairs.",
            )  # fmt: skip
        super().__init__(head_dim, base=base, layout=layout)
        self.shape = shape
        self.prefix = validation.size(name, "prefix", prefix, minimum=0)

    def frequencies(self) -> Float64[Tensor, " pairs"]:
        """w_i of one axis, in radians per cell, float64, falling from 1."""
        return frequencies64(self.head_dim // len(self.shape), self.base)

    def angles(self, positions: Num[Tensor, "..."]) -> Float64[Tensor, "*batch length pairs"]:
        """coordinate_a * w_i, in radians, the pairs of the first axis first; 0 in the prefix.

        Of cell numbers, (length,) or (batch, length), or of coordinates, (batch, length, axes).
        """
        coordinates = positions
        if positions.ndim < 3:
            check_cells(type(self).__name__, positions, self.shape, self.prefix)
            cells, _ = after_prefix(positions, self.prefix)  # the prefix turns like cell 0: not
            coordinates = grid_coordinates(cells, self.shape)  # (*batch, length, axes)
        one_axis = super().angles
        return torch.cat([one_axis(axis) for axis in coordinates.unbind(-1)], -1)

    def check_positions(
        self, function: str, argument: str, positions: Any, length: int, batch: int
    ) -> Tensor:
        """Return cells as they are and coordinates as (batch, length, axes), 0 in the prefix."""
        validation.tensor(function, argument, positions)
        shape, axes, patches = tuple(positions.shape), len(self.shape), length - self.prefix
        given = len(shape) in (2, 3) and shape[-2:] == (patches, axes)
        either = len(shape) == 2 and shape[1] == length and shape[0] in (1, batch)
        if not given or (either and not positions.is_floating_point()):  # whole numbers are cells
            return super().check_positions(function, argument, positions, length, batch)
        positions = positions if len(shape) == 3 else positions[None]
        for axis in positions.unbind(-1):
            validation.positions(function, argument, axis, length=patches, batch=batch)
        return F.pad(positions, (0, 0, self.prefix, 0))

    def extra_repr(self) -> str:
        return (
            f"head_dim={self.head_dim}, shape={self.shape}, base={self.base:g}, "
            f"layout={self.layout!r}" + (f", prefix={self.prefix}" if self.prefix else "")
        )


ENTRIES = [
    RegistryEntry(
        name="rope_2d",
        title="RoPE 2-D",
        cls=AxialRotary,
        sizes=("head_dim", "shape"),
        parameters="0",
        depends_on="the differences of row and column",
        longer=NO_CELL,
        takes_longer=False,
        source="Su et al. 2021, equation 34, for each axis",
    ),
]
