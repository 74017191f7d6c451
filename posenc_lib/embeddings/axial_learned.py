"""Learned position tables for a grid, one for each axis: door 1, added to the embeddings.

    p(row, column) = [R[row], C[column]],     R of (rows, dim / 2), C of (columns, dim / 2)
    p(row, column) = R[row] + C[column],      R of (rows, dim), C of (columns, dim), `summed`

A full table for 224 rows and 224 columns has 50,176 vectors; two axes have 448 of half the width.

Source: Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words", appendix D.4 (one set of
embeddings of size D / 2 for each axis, joined side by side). The axial embeddings of Reformer's
released code (Kitaev et al. 2020, "Reformer: The Efficient Transformer") are the same form.
Lee et al. 2023, "Pix2Struct", section 2.2 (the sum).

The trap: which axis comes first. Here, as in Reformer, the first axis of `shape` does; DETR puts
the column before the row. Swapped halves load without complaint.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from posenc_lib.base import validation
from posenc_lib.base.doors import Door, PositionEncoding, Positions, checked_tokens
from posenc_lib.base.grid import PAST_THE_GRID, after_prefix, checked_shape, grid_coordinates
from posenc_lib.base.precision import add_once_rounded
from posenc_lib.base.registry_entry import POSITION, RegistryEntry


class AxialLearnedEncoding(PositionEncoding):
    """One trainable table for each axis of a grid; a cell gets one row of each, side by side.

    `shape` is the grid, such as (rows, columns). Positions are token numbers: the first `prefix`
    numbers, such as a class token, get nothing added, and number t from `prefix` on is cell
    t - prefix = row * columns + column. `tables[a]` has shape (shape[a], dim / axes) and starts as
    N(0, std). With `summed` the rows have all `dim` features and are added up.

    Raises ValueError for a `dim` that the number of axes does not divide, a shape without axes,
    prefix < 0, a std below 0 or out of the range of float32, dropout outside [0, 1), or input of
    another rank or dim; TypeError for positions that are no integers; IndexError for negative
    positions and for a cell past the grid.

    Source: Dosovitskiy et al. 2021, appendix D.4.

    >>> encode = AxialLearnedEncoding(8, shape=(2, 3))
    >>> encode(torch.zeros(1, 6, 8)).shape, [tuple(table.shape) for table in encode.tables]
    (torch.Size([1, 6, 8]), [(2, 4), (3, 4)])
    """

    door = Door.EMBEDDINGS

    def __init__(
        self,
        dim: int,
        shape: Sequence[int],
        *,
        prefix: int = 0,
        summed: bool = False,
        std: float = 0.02,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        name = "AxialLearnedEncoding"
        self.shape = checked_shape(name, shape)
        self.dim = validation.size(name, "dim", dim)
        axes = len(self.shape)
        self.summed = validation.flag(name, "summed", summed)
        if self.dim % axes and not self.summed:
            raise validation.refuse(
                ValueError, name, "dim", self.dim, f"a multiple of the number of axes, {axes}",
                "Each axis gets dim / axes columns; summed=True gives it all of them.",
            )  # fmt: skip
        self.prefix = validation.size(name, "prefix", prefix, minimum=0)
        std = validation.spread(name, std)
        self.dropout = nn.Dropout(validation.probability(name, "dropout", dropout))
        self.tables = nn.ParameterList(
            nn.Parameter(torch.randn(size, self.dim if self.summed else self.dim // axes) * std)
            for size in self.shape
        )

    def forward(
        self, x: Float[Tensor, "batch length dim"], positions: Positions | None = None
    ) -> Float[Tensor, "batch length dim"]:
        """Return dropout(x + [R[row], C[column]]); token numbers are 0 .. length - 1 unless given.

        Under mixed precision the sum is made in the wider dtype of x and the tables, then rounded
        once to that of x.
        """
        name = "AxialLearnedEncoding"
        positions = checked_tokens(name, x, self.dim, positions)
        remedy = f"Cells past the grid were never learned. {PAST_THE_GRID}"
        rows = self.prefix + math.prod(self.shape)
        tokens = validation.indices(name, "positions", positions, rows=rows, remedy=remedy)
        cells, on_grid = after_prefix(tokens, self.prefix)
        coordinates = grid_coordinates(cells, self.shape).unbind(-1)  # rows, columns, ...
        parts = [F.embedding(at, table) for at, table in zip(coordinates, self.tables, strict=True)]
        table = torch.stack(parts).sum(0) if self.summed else torch.cat(parts, -1)
        table = torch.where(on_grid[..., None], table, 0.0) if self.prefix else table
        added: Tensor = self.dropout(add_once_rounded(x, table))
        return added

    def at_embeddings(
        self, x: Float[Tensor, "batch length dim"], positions: Positions
    ) -> Float[Tensor, "batch length dim"]:
        """Door 1: the same as calling the module."""
        return self(x, positions)

    def extra_repr(self) -> str:
        prefix = f", prefix={self.prefix}" if self.prefix else ""
        summed = ", summed=True" if self.summed else ""
        return f"dim={self.dim}, shape={self.shape}{prefix}{summed}"


ENTRIES = [
    RegistryEntry(
        name="learned_2d",
        title="learned 2-D",
        cls=AxialLearnedEncoding,
        sizes=("dim", "shape"),
        parameters="sum(shape) * dim // 2",
        depends_on=POSITION,
        longer="no: IndexError past the grid",
        takes_longer=False,
        source="Dosovitskiy et al. 2021, appendix D.4",
    ),
]
