"""Sinusoids with all sines before all cosines, as Tensor2Tensor, fairseq and Whisper have them.

    PE(p, i)         = sin((p + first) w_i)
    PE(p, pairs + i) = cos((p + first) w_i)         i = 0 .. pairs - 1,  pairs = floor(dim / 2)

    spacing "closed":  w_i = base ** (-i / (pairs - 1)), from 1 to 1 / base, both reached
    spacing "paper":   w_i = base ** (-2i / dim), as in the paper, 1 / base never reached

`order` says which half comes first. An odd dim ends on a zero.

Source: the code released with Tensor2Tensor (Vaswani et al. 2018), which orders and spaces its
waves otherwise than Vaswani et al. 2017, section 3.5; ported to fairseq (M2M-100, XGLM), Whisper
and Pegasus-X. Marian has the order with the paper's spacing, MusicGen the cosines first.

The traps: the tables look alike and are not. With 512 features the slowest wave of one is 3.7 %
longer than that of the other. And fairseq counts from padding_idx + 1: `first` is 2 there.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.base.angles import cos_sin, frequencies64
from posenc_lib.base.doors import Door, PositionEncoding, Positions
from posenc_lib.base.float64 import in_float64, moved
from posenc_lib.base.precision import add_once_rounded, wide
from posenc_lib.base.registry_entry import POSITION, UNSEEN, RegistryEntry

ORDERS, SPACINGS = ("sin_cos", "cos_sin"), ("closed", "paper")


class SplitSinusoidalEncoding(PositionEncoding):
    """Adds sinusoids, all sines before all cosines, to (batch, length, dim) input.

    sin((p + first) w_i), then cos((p + first) w_i), with w_i = base ** (-i / (dim / 2 - 1)) radians
    per position for spacing="closed" and base ** (-2i / dim) for "paper".

    Angles are made in float64 from whole positions and rounded once; nothing is kept.

    Raises ValueError for dim < 4, base <= 1, first < 0, an unknown order or spacing, or input of
    another rank or dim; TypeError for sizes that are no integers and for integer input.

    Source: Vaswani et al. 2018, "Tensor2Tensor", the released code.

    >>> encode = SplitSinusoidalEncoding(4)  # the slower pair: 1 / 10,000 radians a position
    >>> encode.at_embeddings(torch.zeros(1, 2, 4), torch.arange(2))
    tensor([[[0.0000e+00, 0.0000e+00, 1.0000e+00, 1.0000e+00],
             [8.4147e-01, 1.0000e-04, 5.4030e-01, 1.0000e+00]]])
    """

    door = Door.EMBEDDINGS

    def __init__(
        self,
        dim: int,
        *,
        base: float = 10000.0,
        order: str = "sin_cos",
        spacing: str = "closed",
        first: int = 0,
    ) -> None:
        super().__init__()
        name = "SplitSinusoidalEncoding"
        self.dim = validation.size(name, "dim", dim, minimum=4)
        self.base = validation.real(name, "base", base, above=1.0)
        self.order = validation.choice(name, "order", order, ORDERS)
        self.spacing = validation.choice(name, "spacing", spacing, SPACINGS)
        self.first = validation.size(name, "first", first, minimum=0)

    def frequencies(self) -> Float64[Tensor, " pairs"]:
        """w_i in radians per position, float64, falling from 1."""
        pairs = self.dim // 2
        if self.spacing == "paper":
            return frequencies64(self.dim, self.base)[:pairs]
        share = torch.arange(pairs, dtype=torch.float64) / (pairs - 1)
        return self.base**-share

    def at_embeddings(
        self, x: Float[Tensor, "batch length dim"], positions: Positions
    ) -> Float[Tensor, "batch length dim"]:
        """Door 1: x + PE(positions), rounded once."""
        name = "SplitSinusoidalEncoding"
        validation.floating(name, "x", x, axes="batch length dim")
        validation.last_axis(name, "x", x, "dim", self.dim)
        validation.positions(name, "positions", positions, length=x.shape[1], batch=x.shape[0])
        at = in_float64(positions, name) + self.first
        angle = at[..., None] * moved(self.frequencies(), at.device)
        cos, sin = cos_sin(angle, wide(x))
        parts = [sin, cos] if self.order == "sin_cos" else [cos, sin]
        if self.dim % 2:
            parts.append(torch.zeros_like(cos[..., :1]))
        return add_once_rounded(x, torch.cat(parts, -1).to(x.device))

    def extra_repr(self) -> str:
        first = f", first={self.first}" if self.first else ""
        return (
            f"dim={self.dim}, base={self.base:g}, order={self.order!r}, "
            f"spacing={self.spacing!r}{first}"
        )


ENTRIES = [
    RegistryEntry(
        name="sinusoidal_split",
        title="sinusoidal, sines first",
        cls=SplitSinusoidalEncoding,
        sizes=("dim",),
        parameters="0",
        depends_on=POSITION,
        longer=UNSEEN,
        on_panels=False,
        source="Vaswani et al. 2018, Tensor2Tensor, the released code",
    ),
]
