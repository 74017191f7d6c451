"""What a network is told of a pixel's place: raw coordinates, sines along the axes, or drawn ones.

    raw         features(p) = p,     p = (row, column) from -1 to 1
    sines       features(p) = [sin(2 pi B p), cos(2 pi B p)]
    octaves     B = 1/2, 1, 2, 4 ... along each axis              axis sines, NeRF
    drawn       B ~ N(0, scale^2), one direction a row           random Fourier features

Both kinds of sines are one function, and only B differs: how fast its rows turn, how many they
are, and whether they run along the axes or in any direction. `axes_only` draws the speeds and
leaves the diagonals out, so that the last two can be told apart.

Source: Mildenhall et al. 2020, "NeRF", equation 4 (octaves); Tancik et al. 2020, "Fourier Features
Let Networks Learn High Frequency Functions in Low Dimensional Domains", section 5 (drawn).

The trap: a scale means something only beside its coordinates. Tancik et al. count from 0 to 1, so
their scale 10 is 5 here.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.base.grid import centred_coordinates
from posenc_lib.experiments.pictures.photograph import SHAPE


def pixel_places() -> Float[Tensor, "pixels 2"]:
    """The centre of each pixel as (row, column) from -1 to 1, row by row, in float32.

    >>> pixel_places().shape, float(pixel_places().max())
    (torch.Size([4096, 2]), 0.984375)
    """
    return centred_coordinates(SHAPE).float()


def octave_directions(octaves: int) -> Float[Tensor, "half 2"]:
    """Directions along the two axes, each twice as fast as the one before, from half a turn on.

    Raises ValueError for fewer than 1 octave, TypeError for no integer.

    Source: Mildenhall et al. 2020, equation 4.

    >>> octave_directions(2)
    tensor([[0.5000, 0.0000],
            [1.0000, 0.0000],
            [0.0000, 0.5000],
            [0.0000, 1.0000]])
    """
    octaves = validation.size("octave_directions", "octaves", octaves)
    speeds = 0.5 * 2.0 ** torch.arange(octaves)
    return torch.block_diag(speeds[:, None], speeds[:, None])


def drawn_directions(
    scale: float, features: int, seed: int, *, axes_only: bool = False
) -> Float[Tensor, "half 2"]:
    """`features / 2` directions drawn from N(0, scale^2); with `axes_only`, along the axes alone.

    Then half of the speeds belong to rows and half to columns, each drawn from N(0, scale^2) too.

    Raises ValueError for a scale of 0 or less and for features that four does not divide, TypeError
    for what is no number.

    Source: Tancik et al. 2020, section 5.

    >>> drawn_directions(4.0, 8, 0).shape, drawn_directions(4.0, 8, 0, axes_only=True)[0, 1]
    (torch.Size([4, 2]), tensor(0.))
    """
    name = "drawn_directions"
    scale = validation.real(name, "scale", scale, above=0.0)
    features = validation.size(name, "features", features, minimum=4)
    validation.divides(name, "4", 4, "features", features)
    seed = validation.size(name, "seed", seed, minimum=0)
    axes_only = validation.flag(name, "axes_only", axes_only)
    generator = torch.Generator().manual_seed(seed)
    if not axes_only:
        return scale * torch.randn(features // 2, 2, generator=generator)
    speeds = scale * torch.randn(2, features // 4, 1, generator=generator)
    return torch.block_diag(*speeds)
