"""Random Fourier features of a place: sines and cosines along directions drawn once at random.

    features(x) = [sin(2 pi B x), cos(2 pi B x)],     B of shape (dim / 2, axes), B ~ N(0, scale^2)

x is a place in [-1, 1] on each axis, (2 pixel + 1) / extent - 1 for the centre of a pixel. The dot
product of two places depends on their difference only, and falls with it like a Gaussian of width
1 / (2 pi scale): `scale` decides how fine a detail the features tell apart.

Source: Tancik et al. 2020, "Fourier Features Let Networks Learn High Frequency Functions in Low
Dimensional Domains", equation 5 and section 5; Rahimi and Recht 2007 for the kernel; Kirillov et
al. 2023, "Segment Anything", the released code, for points and the grid of a picture.

The traps: B is never trained, but it is part of the model: a new draw makes trained weights
useless, so it belongs into the state dict. SAM's places are (x, y), column first, its B the
transpose of ours. And its prompts are points of pixels, its grid centres of cells: half a cell lies
between 3 and 3.5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Num
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.base.angles import cos_sin
from posenc_lib.base.doors import Door, PositionEncoding, Positions, checked_tokens
from posenc_lib.base.float64 import as_float64, in_float64
from posenc_lib.base.grid import after_prefix, centred, check_cells, checked_shape, grid_coordinates
from posenc_lib.base.precision import add_once_rounded, wide
from posenc_lib.base.registry_entry import NO_CELL, POSITION, RegistryEntry


def random_fourier_features(
    coordinates: Num[Tensor, "*batch axes"],
    directions: Float[Tensor, "half axes"],
    *,
    dtype: torch.dtype = torch.float32,
) -> Float[Tensor, "*batch columns"]:
    """[sin(2 pi B x), cos(2 pi B x)] of places, (..., axes), as (..., 2 * half): all sines first.

    `directions` is B, in turns per unit of the coordinates, which usually span [-1, 1]. Angles are
    made in float64 and rounded once, to `dtype`.

    Raises TypeError for anything but tensors of numbers and a `dtype` that is no float's,
    ValueError for NaN or infinity and for places with another number of axes than the directions.

    Source: Tancik et al. 2020, equation 5.

    >>> random_fourier_features(torch.tensor([[0.25]]), torch.tensor([[1.0]])).round(decimals=3) + 0
    tensor([[1., 0.]])
    """
    name = "random_fourier_features"
    validation.tensor(name, "coordinates", coordinates)
    validation.rank(name, "coordinates", coordinates, axes="... axes")
    validation.positions(name, "coordinates", coordinates.flatten(), length=coordinates.numel())
    validation.floating(name, "directions", directions, axes="half axes")
    validation.last_axis(name, "coordinates", coordinates, "axes", directions.shape[-1])
    if validation.readable(directions) and not bool(torch.isfinite(directions).all()):
        raise validation.refuse(
            ValueError, name, "directions", "NaN or infinity", "finite directions",
            "Draw them as scale * torch.randn(dim // 2, axes).",
        )  # fmt: skip
    dtype = validation.float_dtype(name, "dtype", dtype)
    at = in_float64(coordinates, name, "coordinates")
    if validation.readable(at) and at.numel() and (far := float(at.abs().max())) > 2**53:
        raise validation.refuse(
            ValueError, name, "coordinates", far, "places within 2**53, usually from -1 to 1",
            "Divide by the extent of the picture first.",
        )  # fmt: skip
    return _features(at, directions, dtype)


def _features(at: Tensor, directions: Tensor, dtype: torch.dtype) -> Tensor:
    """The features of places in float64, without the checks, which read numbers."""
    turns = at @ as_float64(directions).to(at.device).mT
    cos, sin = cos_sin(2 * math.pi * turns, dtype)
    return torch.cat([sin, cos], -1)


class RandomFourierEncoding(PositionEncoding):
    """Adds random Fourier features of (row, column, ...) to the cells of a grid, fed row after row.

    x + [sin(2 pi B c), cos(2 pi B c)], c = 2 (index + 1/2) / extent - 1 on each axis.

    `directions` is B, (dim / 2, axes), drawn from N(0, scale^2) at the start, by `seed` where one
    is given, and kept as a buffer: never trained, and in the state dict. `shape` is the grid, such
    as (rows, columns); the first `prefix` tokens get nothing added, and token t is cell t - prefix.

    Raises ValueError for an odd dim, a shape without axes, scale <= 0, input of another rank or
    dim, and positions that are negative or past the grid; TypeError for positions that are no
    integers.

    Source: Tancik et al. 2020, equation 5; Kirillov et al. 2023, the released code, for the grid.

    >>> encode = RandomFourierEncoding(4, shape=(2, 3), seed=0)
    >>> encode(torch.zeros(1, 6, 4)).shape, list(encode.state_dict())
    (torch.Size([1, 6, 4]), ['directions'])
    """

    door = Door.EMBEDDINGS
    directions: Tensor

    def __init__(
        self,
        dim: int,
        shape: Sequence[int],
        *,
        scale: float = 1.0,
        prefix: int = 0,
        seed: int | None = None,
    ) -> None:
        super().__init__()
        name = "RandomFourierEncoding"
        self.shape = checked_shape(name, shape)
        self.dim = validation.size(name, "dim", dim, minimum=2)
        if self.dim % 2:
            raise validation.refuse(
                ValueError, name, "dim", self.dim, "an even integer",
                "Each direction gets a sine and a cosine.",
            )  # fmt: skip
        self.scale = validation.real(name, "scale", scale, above=0.0, below=2.0**53)
        self.prefix = validation.size(name, "prefix", prefix, minimum=0)
        generator = None
        if seed is not None:
            seed = validation.size(name, "seed", seed, minimum=0)
            generator = torch.Generator().manual_seed(seed)
        drawn = torch.randn(self.dim // 2, len(self.shape), generator=generator)
        self.register_buffer("directions", self.scale * drawn)

    def forward(
        self, x: Float[Tensor, "batch length dim"], positions: Positions | None = None
    ) -> Float[Tensor, "batch length dim"]:
        """Return x + features of the cells; token numbers are 0 .. length - 1 unless given."""
        name = "RandomFourierEncoding"
        positions = checked_tokens(name, x, self.dim, positions)
        check_cells(name, positions, self.shape, self.prefix)
        cells, on_grid = after_prefix(positions, self.prefix)
        at = centred(grid_coordinates(cells, self.shape), self.shape)
        table = _features(at, self.directions, wide(x)).to(x.device)
        table = torch.where(on_grid[..., None], table, 0.0) if self.prefix else table
        return add_once_rounded(x, table)

    def at_embeddings(
        self, x: Float[Tensor, "batch length dim"], positions: Positions
    ) -> Float[Tensor, "batch length dim"]:
        """Door 1: the same as calling the module."""
        return self(x, positions)

    def extra_repr(self) -> str:
        prefix = f", prefix={self.prefix}" if self.prefix else ""
        return f"dim={self.dim}, shape={self.shape}, scale={self.scale:g}{prefix}"


ENTRIES = [
    RegistryEntry(
        name="fourier_2d",
        title="random Fourier features",
        cls=RandomFourierEncoding,
        sizes=("dim", "shape"),
        parameters="0",
        depends_on=POSITION,
        longer=NO_CELL,
        takes_longer=False,
        on_panels=False,
        source="Tancik et al. 2020, equation 5",
    ),
]
