"""xPos: RoPE whose pairs also fade with the distance, the fast ones soonest.

    q_i  ->  zeta ** ( i / scale_base) R(i) q_i          (pair by pair)
    k_j  ->  zeta ** (-j / scale_base) R(j) k_j
    zeta_n = (n / (d / 2) + gamma) / (1 + gamma),        n = 0 .. d / 2 - 1,   d = rotary_dim

R(i) is RoPE's rotation; gamma says how fast the fastest pair fades, scale_base (in positions) sets
the pace of all. Pair n of the score is multiplied by zeta_n ** ((i - j) / scale_base): below 1 for
the past, a function of the distance alone. zeta_0 = gamma / (1 + gamma) is the smallest, so the
pair that turns fastest fades first.

Source: Sun et al. 2022, "A Length-Extrapolatable Transformer", section 3.2, equation 9 and
algorithm 1. The paper prints zeta ** p; dividing p by 512, and gamma = 0.4, come from the
authors' code (torchscale), without which zeta_0 ** p would leave float16 after 8 positions.

The traps. A key of the future is amplified, without bound: xPos is for causal models only. The
two factors are huge and tiny, only their product is harmless: at position 100,000 zeta_0 gives
1e-106 and 1e+106, which no float32 holds. Published code puts the zero of the exponent in the
middle of the sequence at hand, which changes queries and keys but no score; a middle that moves
with the length makes the keys in a cache wrong. Here positions mean what they say, and since the
score knows distances only, you may subtract one number from all of them yourself.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.base.angles import cos_sin
from posenc_lib.base.doors import KeyPositions, Positions, QueryPositions
from posenc_lib.base.float64 import in_float64, moved
from posenc_lib.base.places import Places
from posenc_lib.base.precision import wide
from posenc_lib.base.registry_entry import DISTANCE, RegistryEntry
from posenc_lib.rotary.rope import RotaryEncoding, Turns
from posenc_lib.rotary.rotation import turn_heads


class FadingTurns(NamedTuple):
    """What xPos prepares: faded cosines and sines, and the largest position they are made for."""

    cos: Tensor
    sin: Tensor
    farthest: float


class XposRotary(RotaryEncoding):
    """RoPE with queries times zeta ** (p / scale_base) and keys times zeta ** (-p / scale_base).

    zeta_n = (n / (d / 2) + gamma) / (1 + gamma) for pair n of d = rotary_dim features. A larger
    scale_base or gamma fades later; the rest is `RotaryEncoding`.

    The factors may take half of the exponents of the dtype, from 1 / sqrt(max) to sqrt(max), and
    leave the other half to the features: `reach(dtype)` positions either side of 0, 18,130 in
    float32 and 2,266 in float16 at the defaults. Positions beyond are refused, except in a
    traced graph, where they cannot be read.

    Raises ValueError for positions beyond the reach, gamma <= 0 or scale_base <= 0, and like
    `RotaryEncoding`.

    Source: Sun et al. 2022, "A Length-Extrapolatable Transformer", section 3.2, equation 9 and
    algorithm 1.

    >>> xpos, ones = XposRotary(head_dim=2, scale_base=2.0), torch.ones(1, 1, 1, 2)
    >>> query = xpos.at_query(ones, torch.tensor([7]))
    >>> [float(query.flatten() @ xpos.at_key(ones, torch.tensor([j])).flatten()) for j in (7, 5)]
    [2.0, -0.2377...]
    """

    causal_only = True  # a key of the future is amplified

    def __init__(
        self,
        head_dim: int,
        *,
        scale_base: float = 512.0,
        gamma: float = 0.4,
        base: float = 10000.0,
        layout: str = "interleaved",
        rotary_dim: int | None = None,
    ) -> None:
        super().__init__(head_dim, base=base, layout=layout, rotary_dim=rotary_dim)
        self.scale_base = validation.real("XposRotary", "scale_base", scale_base, above=0.0)
        self.gamma = validation.real("XposRotary", "gamma", gamma, above=0.0)

    def zetas(self) -> Float64[Tensor, " pairs"]:
        """zeta of each pair, rising from gamma / (1 + gamma) towards 1, float64."""
        pairs = self.rotary_dim // 2
        n = torch.arange(pairs, dtype=torch.float64)
        return (n / pairs + self.gamma) / (1 + self.gamma)

    def reach(self, dtype: torch.dtype) -> float:
        """How far from 0 a position may be, for queries and keys of this dtype."""
        fastest = math.log(self.gamma / (1 + self.gamma)) / self.scale_base
        if not fastest:
            return math.inf  # so large a gamma that nothing fades
        return math.floor(math.log(torch.finfo(dtype).max) / 2 / -fastest)

    def factors(
        self, positions: Positions, *, sign: float
    ) -> Float64[Tensor, "*batch length pairs"]:
        """zeta ** (sign * position / scale_base), float64."""
        at = in_float64(positions, type(self).__name__)
        return moved(self.zetas(), at.device) ** (sign * at[..., None] / self.scale_base)

    def prepare(self, places: Places) -> tuple[FadingTurns, FadingTurns, None]:
        """Two tables: queries grow with their position, keys shrink."""
        return (
            self._fading(places.query, places.dtype, sign=1.0),
            self._fading(places.new, places.dtype, sign=-1.0),
            None,
        )

    def _fading(self, positions: Tensor, dtype: torch.dtype, sign: float) -> FadingTurns:
        """zeta ** (sign * p / scale_base) times the cosines and sines, and how far p goes."""
        angles, factors = self.angles(positions), self.factors(positions, sign=sign)
        made = cos_sin(angles.unsqueeze(-3), dtype, factors.unsqueeze(-3))
        known = positions.numel() and validation.readable(positions)
        farthest = float(in_float64(positions).abs().max()) if known else 0.0
        cos, sin = (part.to(positions.device) for part in made)
        return FadingTurns(cos, sin, farthest)

    def at_query(
        self,
        query: Float[Tensor, "batch heads query head_dim"],
        positions: QueryPositions | FadingTurns | Any,
    ) -> Float[Tensor, "batch heads query head_dim"]:
        """Door 2: zeta ** (i / scale_base) R(i) q_i."""
        return self._turn_and_fade("query", query, positions, sign=1.0)

    def at_key(
        self,
        key: Float[Tensor, "batch heads key head_dim"],
        positions: KeyPositions | FadingTurns | Any,
    ) -> Float[Tensor, "batch heads key head_dim"]:
        """Door 2: zeta ** (-j / scale_base) R(j) k_j."""
        return self._turn_and_fade("key", key, positions, sign=-1.0)

    def _turn_and_fade(self, argument: str, x: Tensor, positions: Any, sign: float) -> Tensor:
        if not isinstance(positions, FadingTurns):
            self._check(x, positions, argument)
            positions = self._fading(positions, wide(x), sign)
        cos, sin, farthest = positions
        self._check(x, Turns(cos, sin), argument)
        reach = self.reach(x.dtype)  # of queries and keys as they come: autocast makes them half
        if farthest > reach:
            raise validation.refuse(
                ValueError, "XposRotary", "positions", farthest,
                f"positions from -{reach} to {reach} for {x.dtype}",
                "zeta ** (position / scale_base) leaves the range of the dtype. Scores know "
                "distances only: subtract one number from the positions of queries and keys.",
            )  # fmt: skip
        return turn_heads(x, cos, sin, self.layout)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, scale_base={self.scale_base:g}, gamma={self.gamma:g}"


ENTRIES = [
    RegistryEntry(
        name="xpos",
        title="xPos",
        cls=XposRotary,
        sizes=("head_dim",),
        parameters="0",
        depends_on=DISTANCE,
        causal_only=True,
        longer="yes, to position 18,130 in float32 and 2,266 in float16; then ValueError",
        source="Sun et al. 2022, section 3.2, equation 9 and algorithm 1",
    ),
]
