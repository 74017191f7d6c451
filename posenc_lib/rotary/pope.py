"""PoPE: what a token is goes into the length of each feature, where it is into its angle.

    feature c of query i:  length softplus(q_ic), angle i w_c
    feature c of key j:    length softplus(k_jc), angle j w_c + delta_c
    scores_ij = sum_c softplus(q_ic) softplus(k_jc) cos((j - i) w_c + delta_c) / sqrt(head_dim)

with w_c = base ** (-c / head_dim). RoPE turns pairs of features, and a pair has an
angle of its own before it is turned: the distance at which a key scores best depends on what it
says. Here the angle before the turn is 0, so with delta = 0 every key scores best at distance 0,
whatever it says, and falls off alike for all. delta_c, trained for each head, moves that best
distance, again for all contents alike.

Source: Gopalakrishnan et al. 2025, "Decoupling the 'What' and 'Where' With Polar Coordinate
Positional Embeddings", section 3: the scores, delta in [-2 pi, 0], 0 at the start.

The traps: each feature becomes two, a cosine and a sine, so queries and keys are twice as wide
behind the door as before it, and so is a cache of turned keys; values are not. The scale stays
1 / sqrt(head_dim) of the features before. And there are as many frequencies as features, where RoPE
has half as many.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn
from torch.nn import functional as F

from posenc_lib.base import validation
from posenc_lib.base.angles import cos_sin, frequencies64
from posenc_lib.base.doors import (
    Door,
    KeyPositions,
    PositionEncoding,
    Positions,
    QueryPositions,
    check_heads_first,
    check_prepared,
)
from posenc_lib.base.float64 import in_float64, moved
from posenc_lib.base.places import Places
from posenc_lib.base.precision import wide
from posenc_lib.base.registry_entry import DISTANCE, UNSEEN, RegistryEntry


class Phases(NamedTuple):
    """Cosines and sines of the angles, (#batch, #heads, length, head_dim)."""

    cos: Tensor
    sin: Tensor


class PolarEncoding(PositionEncoding):
    """PoPE: feature c has the length softplus(x_c) and the angle position * w_c.

    A query or key of head_dim features becomes one of 2 head_dim: all softplus(x_c) cos(angle_c),
    then all softplus(x_c) sin(angle_c). `shift`, delta, (heads, head_dim) radians, is added to the
    angles of keys; it is trained, starts at 0 and acts as if cut to [-2 pi, 0]. `shifted=False`
    leaves it out. w_c = base ** (-c / head_dim) radians per position.

    Raises ValueError for sizes below 1, base <= 1 and for another head_dim or number of heads.

    Source: Gopalakrishnan et al. 2025, section 3.

    >>> pope = PolarEncoding(head_dim=1, heads=1)
    >>> x, positions = torch.zeros(1, 1, 2, 1), torch.tensor([0, 1])
    >>> pope.at_query(x, positions)[0, 0]  # softplus(0) = log 2, at 0 and at 1 radian
    tensor([[0.6931, 0.0000],
            [0.3745, 0.5833]])
    """

    door = Door.QUERIES_KEYS
    keeps_turned_keys = True
    widens = 2

    def __init__(
        self, head_dim: int, heads: int, *, base: float = 10000.0, shifted: bool = True
    ) -> None:
        super().__init__()
        name = "PolarEncoding"
        self.head_dim = validation.size(name, "head_dim", head_dim)
        self.heads = validation.size(name, "heads", heads)
        self.base = validation.real(name, "base", base, above=1.0)
        shifted = validation.flag(name, "shifted", shifted)
        self.shift = nn.Parameter(torch.zeros(self.heads, self.head_dim)) if shifted else None

    def frequencies(self) -> Float64[Tensor, " head_dim"]:
        """w_c in radians per position, float64, falling from 1."""
        return frequencies64(2 * self.head_dim, self.base)

    def angles(self, positions: Positions) -> Float64[Tensor, "*batch length head_dim"]:
        """position * w_c, in radians, made in float64 from whole positions."""
        at = in_float64(positions, "PolarEncoding")
        return at[..., None] * moved(self.frequencies(), at.device)

    def prepare(self, places: Places) -> tuple[Phases, Phases, None]:
        """Cosines and sines for queries, and those for keys, which are shifted."""
        dtype, device = places.dtype, places.query.device
        query = self._phases(places.query, dtype, device)
        if self.shift is None and places.new is places.query:
            return query, query, None
        return query, self._phases(places.new, dtype, device, self.shift), None

    def _phases(
        self,
        positions: Tensor,
        dtype: torch.dtype,
        device: torch.device,
        shift: Tensor | None = None,
    ) -> Phases:
        angles = self.angles(positions).unsqueeze(-3)  # an axis for the heads
        if shift is not None:
            cut = shift.clamp(-2 * math.pi, 0.0).to(angles.device, torch.float64)
            angles = angles + cut[:, None]
        return Phases(*(part.to(device) for part in cos_sin(angles, dtype)))

    def at_query(
        self,
        query: Float[Tensor, "batch heads query head_dim"],
        positions: QueryPositions | Phases,
    ) -> Float[Tensor, "batch heads query wider"]:
        """softplus(q) at the angles of its positions."""
        return self._polar(query, positions, "query", None)

    def at_key(
        self, key: Float[Tensor, "batch heads key head_dim"], positions: KeyPositions | Phases
    ) -> Float[Tensor, "batch heads key wider"]:
        """softplus(k) at the angles of its positions, shifted."""
        return self._polar(key, positions, "key", self.shift)

    def _polar(self, x: Tensor, positions: Any, argument: str, shift: Tensor | None) -> Tensor:
        name = "PolarEncoding"
        validation.floating(name, argument, x, axes="batch heads length head_dim")
        validation.last_axis(name, argument, x, "head_dim", self.head_dim)
        check_heads_first(name, argument, x, positions)
        if shift is not None and x.shape[1] != self.heads:
            raise validation.refuse(
                ValueError, name, "heads", self.heads, f"the heads of the keys, {x.shape[1]}",
                "Build both with the same heads: with grouped keys, those of the keys.",
            )  # fmt: skip
        if isinstance(positions, Phases):
            *rows, _, length, _ = positions.cos.shape
            check_prepared(
                name, argument, x.shape[-2], length, x.shape[0], rows[0] if rows else None
            )
        else:
            validation.positions(name, "positions", positions, length=x.shape[2], batch=x.shape[0])
            positions = self._phases(positions, wide(x), x.device, shift)
        lengths = F.softplus(x.to(wide(x)))
        return torch.cat((lengths * positions.cos, lengths * positions.sin), -1).to(x.dtype)

    def extra_repr(self) -> str:
        return f"head_dim={self.head_dim}, heads={self.heads}, base={self.base:g}"


ENTRIES = [
    RegistryEntry(
        name="pope",
        title="PoPE",
        cls=PolarEncoding,
        sizes=("head_dim", "heads"),
        parameters="heads * head_dim",
        depends_on=DISTANCE,
        longer=UNSEEN,
        source="Gopalakrishnan et al. 2025, section 3",
        on_panels=False,
    ),
]
