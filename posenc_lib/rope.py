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

from jaxtyping import Float, Float64
from torch import Tensor

from posenc_lib import _validate
from posenc_lib._waves import frequencies64, in_float64
from posenc_lib.doors import Door, KeyPositions, PositionEncoding, Positions, QueryPositions
from posenc_lib.rope_layout import _rotary_dim
from posenc_lib.rotation import LAYOUTS, rotate


class RotaryEncoding(PositionEncoding):
    """RoPE: turns pair i of queries and keys by position * w_i, w_i = base ** (-2i / rotary_dim).

    `rotary_dim` features are turned, the first ones; the rest pass unchanged (partial rotation,
    as in GPT-NeoX). Positions may start anywhere, repeat (packed batches) and differ by row
    (left padding). Nothing is cached, so nothing can go stale.

    A scaling method is a subclass that overrides `frequencies`, `angles` or `magnitude`.

    Raises ValueError for an odd or too large rotary_dim, base <= 1 or an unknown layout.

    Source: Su et al. 2021, "RoFormer", equations 14, 15 and 34.

    >>> import torch
    >>> rope = RotaryEncoding(head_dim=2)
    >>> rope.at_query(torch.ones(1, 1, 1, 2), torch.tensor([0]))
    tensor([[[[1., 1.]]]])
    """

    door = Door.QUERIES_KEYS
    magnitude: float = 1.0

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
        self.head_dim = _validate.size(name, "head_dim", head_dim)
        self.base = _validate.real(name, "base", base, above=1.0)
        self.layout = _validate.choice(name, "layout", layout, LAYOUTS)
        self.rotary_dim = _rotary_dim(name, self.head_dim, rotary_dim)

    def frequencies(self) -> Float64[Tensor, " pairs"]:
        """w_i in radians per position, float64, falling from 1."""
        return frequencies64(self.rotary_dim, self.base)

    def angles(self, positions: Positions) -> Float64[Tensor, "*batch length pairs"]:
        """position * w_i, in radians, made in float64 from whole positions."""
        at = in_float64(positions)
        return at[..., None] * self.frequencies().to(at.device)  # `rotate` moves them to x

    def turn(
        self, x: Float[Tensor, "batch heads length head_dim"], positions: Positions
    ) -> Float[Tensor, "batch heads length head_dim"]:
        """Turn (batch, heads, length, head_dim) by its positions, (length,) or (batch, length)."""
        self._check(x, positions)
        return self._turned(x, positions, self.magnitude)

    def _check(self, x: Tensor, positions: Tensor) -> None:
        name = type(self).__name__
        _validate.floating(name, "x", x, axes="batch heads length head_dim")
        _validate.last_axis(name, "x", x, "head_dim", self.head_dim)
        _validate.positions(name, "positions", positions, length=x.shape[-2], batch=x.shape[0])

    def _turned(self, x: Tensor, positions: Tensor, magnitude: float | Tensor) -> Tensor:
        angles = self.angles(positions).unsqueeze(-3)  # an axis for the heads
        return rotate(x, angles, layout=self.layout, magnitude=magnitude)

    def at_query(
        self, query: Float[Tensor, "batch heads query head_dim"], positions: QueryPositions
    ) -> Float[Tensor, "batch heads query head_dim"]:
        """Door 2: R(i) q_i."""
        return self.turn(query, positions)

    def at_key(
        self, key: Float[Tensor, "batch heads key head_dim"], positions: KeyPositions
    ) -> Float[Tensor, "batch heads key head_dim"]:
        """Door 2: R(j) k_j."""
        return self.turn(key, positions)

    def extra_repr(self) -> str:
        return (
            f"head_dim={self.head_dim}, base={self.base:g}, layout={self.layout!r}, "
            f"rotary_dim={self.rotary_dim}"
        )


def rotary_frequencies(function: str, rotary_dim: int, base: float) -> Tensor:
    """RoPE's w_i in float64, checked in the name of the public function that was called."""
    rotary_dim = _validate.size(function, "rotary_dim", rotary_dim, minimum=2)
    base = _validate.real(function, "base", base, above=1.0)
    if rotary_dim % 2:
        raise _validate.refuse(
            ValueError, function, "rotary_dim", rotary_dim, "an even integer",
            "Two features make one pair.",
        )  # fmt: skip
    return frequencies64(rotary_dim, base)
