"""Rotary position embedding (RoPE): door 2, queries and keys are turned.

    (x_2i, x_2i+1)  ->  (x_2i cos a - x_2i+1 sin a,  x_2i sin a + x_2i+1 cos a)
    a = p * w_i,    w_i = base ** (-2i / rotary_dim),   i = 0 .. rotary_dim / 2 - 1

Turning q by i w and k by j w leaves q.k with a function of j - i. Norms are kept, position 0
changes nothing, values are never turned.

Source: Su et al. 2021, "RoFormer", equations 14, 15 and 34.

The traps: two layouts are in use. "interleaved" pairs x_2i with x_2i+1 (the paper, GPT-J),
"half" pairs x_i with x_i+d/2 (GPT-NeoX, Llama in transformers); weights made for one give
nonsense with the other. And angles made in half precision are wrong: float16 knows no whole
numbers past 2,048.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.base.angles import cos_sin, frequencies64
from posenc_lib.base.doors import (
    Coordinates,
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
from posenc_lib.rotary.rotation import LAYOUTS, checked_rotary_dim, turn_heads


class Turns(NamedTuple):
    """What RoPE prepares: cosines and sines, times the magnitude, (*batch, 1, length, pairs)."""

    cos: Tensor
    sin: Tensor


class RotaryEncoding(PositionEncoding):
    """RoPE: turns pair i of queries and keys by position * w_i, w_i = base ** (-2i / rotary_dim).

    `rotary_dim` features are turned, the first ones; the rest pass unchanged (partial rotation,
    as in GPT-NeoX). Positions may start anywhere, repeat (packed batches) and differ by row
    (left padding). Nothing is cached, so nothing can go stale; `prepare` makes the cosines and
    sines of one forward pass, for all its layers.

    A scaling method is a subclass that overrides `frequencies`, `angles` or `magnitude`. One whose
    angles depend on more than a token's own position says `keeps_turned_keys = False`.

    Raises ValueError for an odd or too large rotary_dim, base <= 1 or an unknown layout.

    Source: Su et al. 2021, "RoFormer", equations 14, 15 and 34.

    >>> import torch
    >>> rope = RotaryEncoding(head_dim=2)
    >>> rope.at_query(torch.ones(1, 1, 1, 2), torch.tensor([0]))
    tensor([[[[1., 1.]]]])
    """

    door = Door.QUERIES_KEYS
    keeps_turned_keys = True  # the angle of a key is that of its own position
    magnitude: float = 1.0
    layouts: tuple[str, ...] = LAYOUTS

    def __init__(
        self,
        head_dim: int,
        *,
        base: float = 10000.0,
        layout: str = "interleaved",
        rotary_dim: int | None = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.head_dim = validation.size(name, "head_dim", head_dim)
        self.base = validation.real(name, "base", base, above=1.0)
        self.layout = validation.choice(name, "layout", layout, self.layouts)
        self.rotary_dim = checked_rotary_dim(name, self.head_dim, rotary_dim)

    def frequencies(self) -> Float64[Tensor, " pairs"]:
        """w_i in radians per position, float64, falling from 1."""
        return frequencies64(self.rotary_dim, self.base)

    def angles(self, positions: Positions) -> Float64[Tensor, "*batch length pairs"]:
        """position * w_i, in radians, made in float64 from whole positions."""
        at = in_float64(positions, type(self).__name__)
        return at[..., None] * moved(self.frequencies(), at.device)

    def turns(self, angles: Tensor, dtype: torch.dtype, device: torch.device) -> Turns:
        """magnitude * cos and magnitude * sin of the angles, rounded once, to `dtype`."""
        made = cos_sin(angles.unsqueeze(-3), dtype, self.magnitude)  # an axis for the heads
        return Turns(*(part.to(device) for part in made))

    def prepare(self, places: Places) -> tuple[Turns | Any, Turns | Any, None]:
        """One table of cosines and sines for all layers and heads, queries and keys."""
        dtype, device = places.dtype, places.query.device
        query = self.turns(self.angles(places.query), dtype, device)
        to_turn = places.new if self.keeps_turned_keys else places.key
        if to_turn is places.query:
            return query, query, None
        return query, self.turns(self.angles(to_turn), dtype, device), None

    def at_query(
        self,
        query: Float[Tensor, "batch heads query head_dim"],
        positions: QueryPositions | Coordinates | Turns,
    ) -> Float[Tensor, "batch heads query head_dim"]:
        """Door 2: R(i) q_i."""
        return self.turn(query, positions, "query")

    def at_key(
        self,
        key: Float[Tensor, "batch heads key head_dim"],
        positions: KeyPositions | Coordinates | Turns,
    ) -> Float[Tensor, "batch heads key head_dim"]:
        """Door 2: R(j) k_j."""
        return self.turn(key, positions, "key")

    def turn(
        self,
        x: Float[Tensor, "batch heads length head_dim"],
        positions: Positions | Coordinates | Turns,
        argument: str = "x",
    ) -> Float[Tensor, "batch heads length head_dim"]:
        """Turn (batch, heads, length, head_dim) by its positions, (length,) or (batch, length).

        `argument` is what errors call x.
        """
        positions = self._check(x, positions, argument)
        if not isinstance(positions, Turns):
            positions = self.turns(self.angles(positions), wide(x), x.device)
        return turn_heads(x, positions.cos, positions.sin, self.layout)

    def _check(self, x: Tensor, positions: Tensor | Turns, argument: str) -> Tensor | Turns:
        name = type(self).__name__
        validation.floating(name, argument, x, axes="batch heads length head_dim")
        validation.last_axis(name, argument, x, "head_dim", self.head_dim)
        if type(self).check_positions is PositionEncoding.check_positions:  # no coordinates
            check_heads_first(name, argument, x, positions)
        if not isinstance(positions, Turns):
            return self.check_positions(name, "positions", positions, x.shape[-2], x.shape[0])
        *rows, _, length, _ = positions.cos.shape
        check_prepared(name, argument, x.shape[-2], length, x.shape[0], rows[0] if rows else None)
        return positions

    def extra_repr(self) -> str:
        return (
            f"head_dim={self.head_dim}, base={self.base:g}, layout={self.layout!r}, "
            f"rotary_dim={self.rotary_dim}"
        )


def rotary_frequencies(function: str, rotary_dim: int, base: float) -> Tensor:
    """RoPE's w_i in float64, checked in the name of the public function that was called."""
    rotary_dim = validation.size(function, "rotary_dim", rotary_dim, minimum=2)
    base = validation.real(function, "base", base, above=1.0)
    if rotary_dim % 2:
        raise validation.refuse(
            ValueError, function, "rotary_dim", rotary_dim, "an even integer",
            "Two features make one pair.",
        )  # fmt: skip
    return frequencies64(rotary_dim, base)


ENTRIES = [
    RegistryEntry(
        name="rope",
        title="RoPE",
        cls=RotaryEncoding,
        sizes=("head_dim",),
        parameters="0",
        depends_on=DISTANCE,
        longer=UNSEEN,
        source="Su et al. 2021, equations 14, 15 and 34",
    ),
    RegistryEntry(
        name="rope_half",
        title="RoPE, half layout",
        cls=RotaryEncoding,
        sizes=("head_dim",),
        defaults={"layout": "half"},
        parameters="0",
        depends_on=DISTANCE,
        longer=UNSEEN,
        source="Black et al. 2022, GPT-NeoX-20B",
    ),
]
