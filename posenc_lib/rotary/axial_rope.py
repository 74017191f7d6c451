"""Axial RoPE: rotary encoding of the cells of a grid, such as the patches of an image.

    cell = row * columns + column,     m = head_dim / axes features for each axis
    angle of pair i of axis a  =  coordinate_a * base ** (-2i / m),    i = 0 .. m / 2 - 1

The pairs are shared out evenly: the first ones turn with the row, the next ones with the column.
Each axis is RoPE for itself, so the score depends on the difference of rows and the difference
of columns, and on nothing else. Models differ in how they lay it out:

    Qwen2-VL, Qwen3-VL, GLM-4V   base 10,000, layout "half"
    Pixtral                      base 10,000, "half", spectrum "dealt"
    DINOv3, Sapiens 2            base 100, "half", cells_at "centred", prefix
    Llama 4                      base 10,000, columns first, cells_at "from_one", suffix 1
    SAM 2 and 3, Inkling 2       base 10,000, columns first
    Kimi K2.5                    base 10,000, "half", columns first, "alternating"
    Gemma 4                      base 100, "half_each", columns first
    MiniMax M3                   base 10,000, "half", (frames, rows, columns), part of the head

Source: Su et al. 2021, "RoFormer", equation 34, for each axis; Heo et al. 2024, "Rotary
Position Embedding for Vision Transformer", the variant RoPE-Axial, for base 100; the released code
of the models named.

The traps: RoPE over the flat cell number, which puts the last cell of a row beside the first of
the next. And base 10,000 from language: a picture is some dozen cells wide, and most pairs would
hardly turn on it. Published models with 10,000 exist (Qwen2-VL); the base belongs to the weights.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Float64, Num
from torch import Tensor
from torch.nn import functional as F

from posenc_lib.base import validation
from posenc_lib.base.angles import frequencies64
from posenc_lib.base.doors import Coordinates, Positions
from posenc_lib.base.float64 import as_float64, in_float64, moved
from posenc_lib.base.grid import (
    after_prefix,
    centred,
    check_cells,
    checked_shape,
    grid_coordinates,
)
from posenc_lib.base.precision import wide
from posenc_lib.base.registry_entry import NO_CELL, RegistryEntry
from posenc_lib.rotary.rope import RotaryEncoding, Turns
from posenc_lib.rotary.rotation import LAYOUTS, turn


class AxialRotary(RotaryEncoding):
    """RoPE on a grid: pairs of the first axis turn with the row, of the second with the column.

    angle of pair i of axis a = coordinate_a * base ** (-2i / m), m = rotary_dim / axes.

    Positions are cell numbers in row-major order, row * columns + column for a `shape` of
    (rows, columns); any number of axes will do, such as (frames, rows, columns). A cell past the
    grid is refused: on a grid of another width the same number is another place. The first `prefix`
    tokens, such as a class token, stay unturned and the cells are counted after them, so that token
    t stands in cell t - prefix; so do the `suffix` tokens after the last cell.

    Instead of cells, positions may be the coordinates of the tokens between prefix and suffix,
    whole or real, used as they are: (tokens, axes), or (batch, tokens, axes). They may lie
    anywhere. Whole numbers of two axes that could also be cells, (batch, length), are cells.

    What models differ in, beside `base`:

    - `layout`: "interleaved" keeps the features of an axis together; "half" puts the firsts of all
      pairs before the seconds, as Qwen2-VL does; "half_each" does so for each axis by itself.
    - `rotary_dim`: the features that are turned, the first ones; all unless given.
    - `spectrum`: "each" gives every axis the same frequencies; "dealt" deals one series out, pair i
      of axis a gets base ** (-2 (axes i + a) / rotary_dim).
    - `arrangement`: "axes" lays the pairs out axis after axis, "alternating" one of each in turn.
    - `axis_order`: which axis comes first in that, such as (1, 0) for the column.
    - `cells_at`: the coordinates of a cell: its "index" from 0, its index "from_one", so that no
      cell stands where the unturned tokens do, or "centred", 2 pi (2 (index + 1/2) / extent - 1).
    - `scale`: what these are multiplied by, for a grid other than the trained one.

    Raises ValueError for a head_dim that 2 * axes does not divide, for cells outside the grid and
    for options that are none, TypeError for cells that are no integers, and like `RotaryEncoding`.

    Source: Su et al. 2021, "RoFormer", equation 34, for each axis; Heo et al. 2024, "Rotary
    Position Embedding for Vision Transformer", RoPE-Axial; the options: the released code of the
    models that the file names.

    >>> rope = AxialRotary(head_dim=4, shape=(2, 3))
    >>> rope.angles(torch.tensor([0, 2, 3, 5]))  # (0, 0), (0, 2), (1, 0), (1, 2)
    tensor([[0., 0.],
            [0., 2.],
            [1., 0.],
            [1., 2.]], dtype=torch.float64)
    """

    layouts = (*LAYOUTS, "half_each")

    def __init__(
        self,
        head_dim: int,
        shape: Sequence[int],
        *,
        base: float = 100.0,
        layout: str = "interleaved",
        prefix: int = 0,
        suffix: int = 0,
        rotary_dim: int | None = None,
        spectrum: str = "each",
        arrangement: str = "axes",
        axis_order: Sequence[int] | None = None,
        cells_at: str = "index",
        scale: float = 1.0,
    ) -> None:
        name = type(self).__name__
        shape = checked_shape(name, shape)
        argument, features = ("head_dim", head_dim) if rotary_dim is None else (
            "rotary_dim", rotary_dim)  # fmt: skip
        features = validation.size(name, argument, features)
        if features % (2 * len(shape)):
            raise validation.refuse(
                ValueError, name, argument, features,
                f"a multiple of {2 * len(shape)}, two features a pair for {len(shape)} axes",
                "Each axis gets the same whole number of pairs.",
            )  # fmt: skip
        super().__init__(head_dim, base=base, layout=layout, rotary_dim=rotary_dim)
        self.shape = shape
        self.prefix = validation.size(name, "prefix", prefix, minimum=0)
        self.suffix = validation.size(name, "suffix", suffix, minimum=0)
        self.spectrum = validation.choice(name, "spectrum", spectrum, ("each", "dealt"))
        arrangements = ("axes",) if layout == "half_each" else ("axes", "alternating")
        self.arrangement = validation.choice(name, "arrangement", arrangement, arrangements)
        self.axis_order = _checked_order(name, axis_order, len(shape))
        kinds = ("index", "from_one", "centred")
        self.cells_at = validation.choice(name, "cells_at", cells_at, kinds)
        self.scale = validation.real(name, "scale", scale, above=0.0, below=2.0**53)

    def frequencies(self) -> Float64[Tensor, " pairs"]:
        """w_i of one axis, or all that are dealt out, in radians per cell, float64, from 1 down."""
        shares = len(self.shape) if self.spectrum == "each" else 1
        return frequencies64(self.rotary_dim // shares, self.base)

    def angles(self, positions: Num[Tensor, "..."]) -> Float64[Tensor, "*batch length pairs"]:
        """coordinate_a * w_i, in radians, in the arrangement of the pairs; 0 off the grid.

        Of cell numbers, (length,) or (batch, length), or of coordinates, (batch, length, axes).
        """
        at = self._of_cells(positions) if positions.ndim < 3 else positions
        at = in_float64(at, type(self).__name__)
        w, axes = moved(self.frequencies(), at.device), len(self.shape)
        dealt = self.spectrum == "dealt"
        by_axis = [at[..., a, None] * (w[a::axes] if dealt else w) for a in self.axis_order]
        if self.arrangement == "axes":
            return torch.cat(by_axis, -1)
        return torch.stack(by_axis, -1).flatten(-2)

    def _of_cells(self, positions: Tensor) -> Tensor:
        """Where each token stands, (*batch, length, axes), 0 for those of prefix and suffix."""
        check_cells(type(self).__name__, positions, self.shape, self.prefix, self.suffix)
        cells, on_grid = after_prefix(positions, self.prefix)
        if self.suffix:
            on_grid = on_grid & (cells < math.prod(self.shape))
            cells = cells.clamp(max=math.prod(self.shape) - 1)
        at = grid_coordinates(cells, self.shape)
        if self.cells_at == "centred":
            at = 2 * math.pi * centred(at, self.shape)
        elif self.cells_at == "from_one":
            at = at + 1
        at = at if self.scale == 1.0 else as_float64(at) * self.scale
        if self.prefix or self.suffix:
            at = torch.where(on_grid[..., None], at, 0)
        return at

    def turn(
        self,
        x: Float[Tensor, "batch heads length head_dim"],
        positions: Positions | Coordinates | Turns,
        argument: str = "x",
    ) -> Float[Tensor, "batch heads length head_dim"]:
        """Turn (batch, heads, length, head_dim) by its cells or coordinates, or prepared turns."""
        if self.layout != "half_each":
            return super().turn(x, positions, argument)
        positions = self._check(x, positions, argument)
        if not isinstance(positions, Turns):
            positions = self.turns(self.angles(positions), wide(x), x.device)
        axes = (len(self.shape), -1)
        parts = x[..., : self.rotary_dim].unflatten(-1, axes)  # the features of each axis
        cos, sin = positions.cos.unflatten(-1, axes), positions.sin.unflatten(-1, axes)
        turned = turn(parts, cos, sin, "half").flatten(-2)
        rest = x[..., self.rotary_dim :]
        return torch.cat((turned, rest), -1) if rest.shape[-1] else turned

    def check_positions(
        self, function: str, argument: str, positions: Any, length: int, batch: int
    ) -> Tensor:
        """Return cells as they are and coordinates as (batch, length, axes), 0 off the grid."""
        validation.tensor(function, argument, positions)
        patches = length - self.prefix - self.suffix
        shape, axes = tuple(positions.shape), len(self.shape)
        given = len(shape) in (2, 3) and shape[-2:] == (patches, axes)
        either = len(shape) == 2 and shape[1] == length and shape[0] in (1, batch)
        if not given or (either and not positions.is_floating_point()):  # whole numbers are cells
            return super().check_positions(function, argument, positions, length, batch)
        positions = positions if len(shape) == 3 else positions[None]
        for axis in positions.unbind(-1):
            validation.positions(function, argument, axis, length=patches, batch=batch)
        return F.pad(positions, (0, 0, self.prefix, self.suffix))

    def extra_repr(self) -> str:
        more = {
            "prefix": 0, "suffix": 0, "spectrum": "each", "arrangement": "axes",
            "axis_order": tuple(range(len(self.shape))), "cells_at": "index", "scale": 1.0,
            "rotary_dim": self.head_dim,
        }  # fmt: skip
        said = [f"{n}={v!r}" for n, plain in more.items() if (v := getattr(self, n)) != plain]
        plain = f"head_dim={self.head_dim}, shape={self.shape}, base={self.base:g}"
        return ", ".join([plain, f"layout={self.layout!r}", *said])


def _checked_order(function: str, order: Any, axes: int) -> tuple[int, ...]:
    """The axes in the order of their pairs: each one once."""
    if order is None:
        return tuple(range(axes))
    whole = isinstance(order, (tuple, list)) and all(type(axis) is int for axis in order)
    if not whole or sorted(order) != list(range(axes)):
        raise validation.refuse(
            ValueError, function, "axis_order", order,
            f"the axes 0 to {axes - 1}, each one once, as a tuple",
            "(1, 0) lays out the columns before the rows.",
        )  # fmt: skip
    return tuple(order)


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
    RegistryEntry(
        name="rope_2d_dealt",
        title="RoPE 2-D, one series dealt out",
        cls=AxialRotary,
        sizes=("head_dim", "shape"),
        defaults={"base": 10_000.0, "layout": "half", "spectrum": "dealt"},
        parameters="0",
        depends_on="the differences of row and column",
        longer=NO_CELL,
        takes_longer=False,
        on_panels=False,
        source="Agrawal et al. 2024, Pixtral, the released code",
    ),
    RegistryEntry(
        name="rope_2d_centred",
        title="RoPE 2-D, centred",
        cls=AxialRotary,
        sizes=("head_dim", "shape"),
        defaults={"layout": "half", "cells_at": "centred"},
        parameters="0",
        depends_on="the differences of row and column, in parts of the picture",
        longer=NO_CELL,
        takes_longer=False,
        on_panels=False,
        source="Simeoni et al. 2025, DINOv3, the released code",
    ),
]
