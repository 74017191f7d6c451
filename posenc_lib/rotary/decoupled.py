"""Decoupled RoPE: the first features of a head carry content, the last ones are turned.

    q = [q_plain ; R(i) q_turned],      k = [k_plain ; R(j) k_turned]
    q . k = q_plain . k_plain + q_turned . R(j - i) k_turned

In DeepSeek's latent attention all heads share one k_turned, so that the cache holds it once, and
k_plain is a product of a latent vector, through which no rotation could be drawn (`LatentAttention`
does all that). Seen from the scores it is this encoding: a rotation of the last features.

Source: DeepSeek-AI 2024, "DeepSeek-V2", section 2.1.3, equations 14 to 19.

The trap: partial rotation in GPT-NeoX turns the *first* features of a head, this one the last.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.base.doors import Coordinates, Door, KeyPositions, PositionEncoding, QueryPositions
from posenc_lib.base.places import Places
from posenc_lib.base.registry_entry import DISTANCE, UNSEEN, RegistryEntry
from posenc_lib.rotary.rope import RotaryEncoding


class DecoupledRotary(PositionEncoding):
    """Turns the last `rope.head_dim` features of a head by `rope`; those before pass unchanged.

    `rope` is any `RotaryEncoding`, scaled or not; without one it is RoPE on the last half.

    Raises ValueError for a head_dim that is not larger than that of `rope`, TypeError for a `rope`
    that is none.

    Source: DeepSeek-AI 2024, "DeepSeek-V2", section 2.1.3, equations 16 and 17.

    >>> decoupled = DecoupledRotary(6, RotaryEncoding(2))
    >>> decoupled.at_query(torch.ones(1, 1, 1, 6), torch.tensor([1])).numpy().round(2)
    array([[[[ 1.  ,  1.  ,  1.  ,  1.  , -0.3 ,  1.38]]]], dtype=float32)
    """

    door = Door.QUERIES_KEYS
    keeps_turned_keys = True  # where that of `rope` is

    def __init__(self, head_dim: int, rope: RotaryEncoding | None = None) -> None:
        super().__init__()
        name = "DecoupledRotary"
        self.head_dim = validation.size(name, "head_dim", head_dim, minimum=3)
        if rope is None:
            rope = RotaryEncoding(max(self.head_dim // 4 * 2, 2))
        if not isinstance(rope, RotaryEncoding):
            raise validation.refuse(
                TypeError, name, "rope", type(rope).__name__, "a RotaryEncoding or None",
                "Its scalings, such as YarnRotary, are RotaryEncodings too.",
            )  # fmt: skip
        if rope.head_dim >= self.head_dim:
            raise validation.refuse(
                ValueError, name, "head_dim", head_dim,
                f"more than the {rope.head_dim} features that rope turns",
                "The features in front of those pass unchanged.",
            )  # fmt: skip
        self.rope, self.plain = rope, self.head_dim - rope.head_dim
        self.keeps_turned_keys = rope.keeps_turned_keys
        self.lifts_positions = rope.lifts_positions

    def prepare(self, places: Places) -> tuple[Any, Any, Any]:
        """What `rope` prepares."""
        return self.rope.prepare(places)

    def check_positions(
        self, function: str, argument: str, positions: Tensor, length: int, batch: int
    ) -> Tensor:
        """Return positions that `rope` takes."""
        return self.rope.check_positions(function, argument, positions, length, batch)

    def check_continues(self, places: Places) -> None:
        """Refuse a step that a stack with caches cannot take with `rope`."""
        self.rope.check_continues(places)

    def at_query(
        self,
        query: Float[Tensor, "batch heads query head_dim"],
        positions: QueryPositions | Coordinates | Any,
    ) -> Float[Tensor, "batch heads query head_dim"]:
        """Door 2: [q_plain ; R(i) q_turned]."""
        plain, turned = self._parts(query, "query")
        return torch.cat((plain, self.rope.at_query(turned, positions)), -1)

    def at_key(
        self,
        key: Float[Tensor, "batch heads key head_dim"],
        positions: KeyPositions | Coordinates | Any,
    ) -> Float[Tensor, "batch heads key head_dim"]:
        """Door 2: [k_plain ; R(j) k_turned]."""
        plain, turned = self._parts(key, "key")
        return torch.cat((plain, self.rope.at_key(turned, positions)), -1)

    def _parts(self, x: Tensor, argument: str) -> tuple[Tensor, Tensor]:
        validation.floating("DecoupledRotary", argument, x, axes="batch heads length head_dim")
        validation.last_axis("DecoupledRotary", argument, x, "head_dim", self.head_dim)
        return x[..., : self.plain], x[..., self.plain :]

    def extra_repr(self) -> str:
        return f"head_dim={self.head_dim}"


ENTRIES = [
    RegistryEntry(
        name="rope_decoupled",
        title="RoPE, decoupled",
        cls=DecoupledRotary,
        sizes=("head_dim",),
        parameters="0",
        depends_on=DISTANCE,
        longer=UNSEEN,
        on_panels=False,
        source="DeepSeek-AI 2024, DeepSeek-V2, section 2.1.3",
    ),
]
