"""Sinusoidal encoding of a place with several coordinates, such as (row, column): door 1.

    PE(c_1, .., c_n) = [PE(c_1), .., PE(c_n)],     each PE of dim / n columns, as in 1-D

    with a span:   c_a -> (c_a + 1) / (cells of axis a) * span,  the same angles in every picture

A shift of one coordinate turns its own part of the vector and leaves the others, so the dot
product of two places is a sum over the axes, each term a function of one difference.

Source: Vaswani et al. 2017, "Attention Is All You Need", section 3.5, for each axis; the two
axes side by side: Wang and Liu 2019, "Translating Math Formula Images to LaTeX Sequences". The
span: Carion et al. 2020, "End-to-End Object Detection with Transformers", and the code released
with it (2 pi).

The trap: each part has its own frequencies, base ** (-2i / (dim / n)). Cutting the columns of
one 1-D table of width dim in two gives one axis the high frequencies and the other the low ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Num
from torch import Tensor, nn

from posenc_lib.base import validation
from posenc_lib.base.angles import frequencies64, wave_pairs
from posenc_lib.base.doors import Door, PositionEncoding, Positions, checked_tokens
from posenc_lib.base.float64 import in_float64
from posenc_lib.base.grid import after_prefix, check_cells, checked_shape, grid_coordinates
from posenc_lib.base.precision import add_once_rounded, wide
from posenc_lib.base.registry_entry import NO_CELL, POSITION, RegistryEntry


def axial_sinusoidal_at(
    coordinates: Num[Tensor, "*batch axes"],
    dim: int,
    *,
    base: float = 10000.0,
    split: bool = False,
    dtype: torch.dtype = torch.float32,
) -> Float[Tensor, "*batch {dim}"]:
    """Encode places given by their coordinates, (..., axes), as (..., dim): first axis first.

    Each axis gets dim / axes columns, sin(c w_i) and cos(c w_i) in turn, w_i = base ** (-2i axes
    / dim); with `split` all sines of an axis come before its cosines. Coordinates are any real
    numbers. Angles and sines are computed in float64 and rounded once, to `dtype`.

    Raises TypeError for anything but a tensor of numbers and a `dtype` that is not a float's,
    ValueError for NaN or infinity, for a `dim` that is no multiple of 2 * axes and for base <= 1.

    Source: Vaswani et al. 2017, section 3.5, for each axis; Wang and Liu 2019.

    >>> axial_sinusoidal_at(torch.tensor([[0, 1]]), 4)
    tensor([[0.0000, 1.0000, 0.8415, 0.5403]])
    """
    function = "axial_sinusoidal_at"
    validation.tensor(function, "coordinates", coordinates)
    validation.rank(function, "coordinates", coordinates, axes="... axes")
    # One row of positions for each axis: the check refuses booleans, complex numbers and NaN.
    validation.positions(function, "coordinates", coordinates.flatten(), length=coordinates.numel())
    dim = _columns(function, dim, coordinates.shape[-1])
    base = validation.real(function, "base", base, above=1.0)
    dtype = validation.float_dtype(function, "dtype", dtype)
    at = in_float64(coordinates, function, "coordinates")
    frequency = frequencies64(dim // coordinates.shape[-1], base, at.device)
    angle = at[..., None] * frequency  # (..., axes, pairs)
    waves = wave_pairs(angle, dtype)
    if validation.flag(function, "split", split):
        waves = waves.unflatten(-1, (-1, 2)).transpose(-1, -2).flatten(-2)
    return waves.flatten(-2)


def _columns(function: str, dim: int, axes: int) -> int:
    """Return `dim` if each axis gets the same whole number of (sin, cos) pairs."""
    dim = validation.size(function, "dim", dim)
    if not axes or dim % (2 * axes):
        raise validation.refuse(
            ValueError, function, "dim", dim, f"a multiple of 2 * axes = {2 * axes}",
            "Each axis gets dim / axes columns, in pairs of a sine and a cosine.",
        )  # fmt: skip
    return dim


class AxialSinusoidalEncoding(PositionEncoding):
    """Adds the sinusoid of (row, column, ...) to the cells of a grid, fed row after row.

    `shape` is the grid, such as (rows, columns). Positions are token numbers: the first `prefix`
    numbers, such as a class token, get nothing added, and number t from `prefix` on is cell
    t - prefix = row * columns + column. Nothing to train, nothing to load. Angles are made in
    float64, the sum is rounded once.

    With a `span`, the cells of an axis are spread over (0, span]: DETR takes 2 pi, so that pictures
    of all sizes have the same angles at their far edges, and neighbours in a large one are closer.
    `split` is as in `axial_sinusoidal_at`.

    Raises ValueError for a `dim` that is no multiple of 2 * axes, a shape without axes, prefix < 0,
    base <= 1, a span that is not above 0, dropout outside [0, 1), input of another rank or dim, and
    positions that are negative or past the grid; TypeError for positions that are no integers.

    Source: Vaswani et al. 2017, section 3.5, for each axis; Wang and Liu 2019.

    >>> encode = AxialSinusoidalEncoding(4, shape=(2, 3))
    >>> encode(torch.zeros(1, 6, 4))[0, 4]  # row 1, column 1
    tensor([0.8415, 0.5403, 0.8415, 0.5403])
    >>> encode = AxialSinusoidalEncoding(4, shape=(2, 3), prefix=1)  # a class token, 6 patches
    >>> encode(torch.zeros(1, 7, 4))[0, [0, 5]]
    tensor([[0.0000, 0.0000, 0.0000, 0.0000],
            [0.8415, 0.5403, 0.8415, 0.5403]])
    """

    door = Door.EMBEDDINGS

    def __init__(
        self,
        dim: int,
        shape: Sequence[int],
        *,
        prefix: int = 0,
        base: float = 10000.0,
        span: float | None = None,
        split: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        name = "AxialSinusoidalEncoding"
        self.shape = checked_shape(name, shape)
        self.dim = _columns(name, dim, len(self.shape))
        self.prefix = validation.size(name, "prefix", prefix, minimum=0)
        self.base = validation.real(name, "base", base, above=1.0)
        largest = torch.finfo(torch.float32).max
        self.span = (
            None if span is None else validation.real(name, "span", span, above=0.0, below=largest)
        )
        self.split = validation.flag(name, "split", split)
        self.dropout = nn.Dropout(validation.probability(name, "dropout", dropout))

    def resized(self, shape: Sequence[int]) -> AxialSinusoidalEncoding:
        """A new module for a grid of another shape: a picture of another size.

        >>> AxialSinusoidalEncoding(4, shape=(1, 1)).resized((2, 3)).shape
        (2, 3)
        """
        new = checked_shape("AxialSinusoidalEncoding.resized", shape)
        return AxialSinusoidalEncoding(
            self.dim, new, prefix=self.prefix, base=self.base, span=self.span, split=self.split,
            dropout=self.dropout.p,
        ).train(self.training)  # fmt: skip

    def forward(
        self, x: Float[Tensor, "batch length dim"], positions: Positions | None = None
    ) -> Float[Tensor, "batch length dim"]:
        """Return dropout(x + PE(row, column)); token numbers are 0 .. length - 1 unless given."""
        name = "AxialSinusoidalEncoding"
        positions = checked_tokens(name, x, self.dim, positions)
        check_cells(name, positions, self.shape, self.prefix)
        cells, on_grid = after_prefix(positions, self.prefix)
        coordinates = grid_coordinates(cells, self.shape)
        if self.span is not None:
            cells_of_axis = torch.tensor(self.shape, dtype=torch.float64, device=cells.device)
            coordinates = (coordinates + 1) / cells_of_axis * self.span
        table = axial_sinusoidal_at(
            coordinates, self.dim, base=self.base, split=self.split, dtype=wide(x)
        )
        table = torch.where(on_grid[..., None], table, 0.0) if self.prefix else table
        added: Tensor = self.dropout(add_once_rounded(x, table))
        return added

    def at_embeddings(
        self, x: Float[Tensor, "batch length dim"], positions: Positions
    ) -> Float[Tensor, "batch length dim"]:
        """Door 1: the same as calling the module."""
        return self(x, positions)

    def extra_repr(self) -> str:
        prefix = f"prefix={self.prefix}, " if self.prefix else ""
        more = "" if self.span is None else f", span={self.span:g}"
        more += ", split=True" if self.split else ""
        return f"dim={self.dim}, shape={self.shape}, {prefix}base={self.base:g}{more}"


ENTRIES = [
    RegistryEntry(
        name="sinusoidal_2d",
        title="sinusoidal 2-D",
        cls=AxialSinusoidalEncoding,
        sizes=("dim", "shape"),
        parameters="0",
        depends_on=POSITION,
        longer=NO_CELL,
        takes_longer=False,
        source="Vaswani et al. 2017, section 3.5, for each axis",
    ),
]
