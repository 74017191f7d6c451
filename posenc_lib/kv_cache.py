"""A key and value cache for decoding token by token.

    step t: one new query sees the keys and values of tokens 0 .. t, of which t are cached

Keys are stored before door 2 and turned again at each step. Storing turned keys saves that
work and is right for plain RoPE, but wrong for an encoding whose angles change as the text
grows (dynamic NTK): its old keys would keep the angles of a shorter text.

Source: Shazeer 2019, "Fast Transformer Decoding: One Write-Head is All You Need", section 2.4.

The trap: the new token is not at position 0. Its position is the number of tokens before it.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from posenc_lib import _validate


class KeyValueCache:
    """Keys, values and positions of the tokens seen so far, for one layer.

    `key` and `value` are (batch, heads, key, head_dim), `positions` (key,) or (batch, key);
    all three are None at the start. `MultiHeadAttention` fills it: pass `cache=cache` at each step.

    Raises ValueError for keys that do not continue those in the cache.

    Source: Shazeer 2019, "Fast Transformer Decoding", section 2.4.

    >>> cache = KeyValueCache()
    >>> new = torch.zeros(1, 2, 3, 4)  # (batch, heads, key, head_dim)
    >>> key, value, positions = cache.append(new, new, torch.arange(3))
    >>> len(cache)
    3
    """

    def __init__(self) -> None:
        self.key: Tensor | None = None
        self.value: Tensor | None = None
        self.positions: Tensor | None = None
        self._layer: int | None = None

    def __len__(self) -> int:
        """The number of tokens in the cache."""
        return 0 if self.key is None else self.key.shape[-2]

    def append(
        self,
        key: Float[Tensor, "batch heads key head_dim"],
        value: Float[Tensor, "batch heads key head_dim"],
        positions: Shaped[Tensor, "#batch key"] | Shaped[Tensor, " key"],
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Add new tokens at the end; return all keys, values and positions.

        Raises ValueError for another batch, heads or head_dim than before, TypeError for
        another dtype.
        """
        joined = self.joined(key, value, positions)
        self.keep(*joined)
        return joined

    def joined(
        self, key: Tensor, value: Tensor, positions: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """All keys, values and positions with the new ones at the end; nothing is kept yet."""
        if self.key is None:
            return key, value, positions.clone()  # the caller may count its own tensor on
        old, new = list(self.key.shape), list(key.shape)
        old[2] = new[2] = -1
        if old != new:
            raise _validate.refuse(
                ValueError, "KeyValueCache.append", "key.shape", tuple(key.shape),
                f"(batch, heads, key, head_dim) like the cached {tuple(self.key.shape)}",
                "One cache serves one layer and one batch: start a new KeyValueCache().",
            )  # fmt: skip
        _validate.same_dtype("KeyValueCache.append", key=key, cached=self.key)
        before, after = self.positions, positions
        if before.ndim != after.ndim or before.shape[:-1] != after.shape[:-1]:
            before, after = (p.expand(key.shape[0], -1) for p in (before, after))
        return (
            torch.cat((self.key, key), -2),
            torch.cat((self.value, value), -2),
            torch.cat((before, after), -1),
        )

    def keep(self, key: Tensor, value: Tensor, positions: Tensor) -> None:
        """Take what `joined` returned; `MultiHeadAttention` does so when a step has succeeded."""
        self.key, self.value, self.positions = key, value, positions

    def claim(self, layer: object) -> None:
        """Serve this layer from now on; another one is a ValueError."""
        if self._layer not in (None, id(layer)):
            raise _validate.refuse(
                ValueError, type(layer).__name__, "cache", "the cache of another layer",
                "a cache of its own for each layer", "Make a KeyValueCache() a layer.",
            )  # fmt: skip
        self._layer = id(layer)
