"""A key and value cache for decoding token by token.

    step t: one new query sees the keys and values of tokens 0 .. t, of which t are cached

Keys are stored as the encoding left them where a turned key stays right as the text grows
(`keeps_turned_keys`: plain RoPE, YaRN, xPos), so that each is turned once. Where the angles of old
keys change with the length (dynamic NTK), they are stored before door 2 and all turned again at
each step. `MultiHeadAttention` sees to it.

Source: Shazeer 2019, "Fast Transformer Decoding: One Write-Head is All You Need", section 2.4.

The traps: the new token is not at position 0, its position is the number of tokens before it. And
a cache that copies all keys to append one: that was 71 % of the time of a step. Here new keys are
written into spare room, which doubles when it is full.
"""

from __future__ import annotations

import uuid
from typing import Any

import torch
from jaxtyping import Float, Integer, Shaped
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.base.places import lifted


class KeyValueCache:
    """Keys, values and positions of the tokens seen so far, for one layer.

    `key` and `value` are (batch, heads, key, head_dim), `positions` (key,), (batch, key) or
    coordinates, (batch, key, axes); all three are None at the start. `MultiHeadAttention` fills
    it: pass `cache=cache` at each step. `from_input` is what an encoding made of the input of each
    token, (batch, heads, key, ...), None unless it `needs_input`.

    A shallow copy is a branch of its own: what is appended to one never shows in the other. A deep
    copy or a pickle keeps the numbers and leaves the graph behind; taken together with the layer,
    it belongs to the copied layer.

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
        self.from_input: Tensor | None = None
        self.start: int | None = None  # the first position where they count up, as far as is known
        self._room: _Room | None = None
        self._owner: Identity | None = None

    def __len__(self) -> int:
        """The number of tokens in the cache."""
        return 0 if self.key is None else self.key.shape[-2]

    def append(
        self,
        key: Float[Tensor, "batch heads key head_dim"],
        value: Float[Tensor, "batch heads key head_dim"],
        positions: Shaped[Tensor, "#batch key axes"]
        | Shaped[Tensor, "#batch key"]
        | Shaped[Tensor, " key"],
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Add new tokens at the end; return all keys, values and positions.

        Raises ValueError for another batch, heads or head_dim than before, TypeError for
        another dtype, and for what are no heads and positions.
        """
        name = "KeyValueCache.append"
        validation.floating(name, "key", key, axes="batch heads key head_dim")
        validation.floating(name, "value", value, axes="batch heads key head_dim")
        if key.shape[:-1] != value.shape[:-1]:
            raise validation.refuse(
                ValueError, name, "value.shape", tuple(value.shape),
                f"(batch, heads, key) = {tuple(key.shape[:-1])} first, like key",
                "Each key carries one value.",
            )  # fmt: skip
        for axis in _by_axis(name, positions):
            validation.positions(name, "positions", axis, length=key.shape[-2], batch=key.shape[0])
        every = self.joined_positions(positions, key.shape[0])
        key, value = self.joined(key, value)
        self.keep(key, value, every)
        return key, value, every

    @property
    def _held(self) -> tuple[Tensor, Tensor, Tensor] | None:
        """Keys, values and positions: there are all three or none."""
        if self.key is None or self.value is None or self.positions is None:
            return None
        return self.key, self.value, self.positions

    def joined(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """All keys and values with the new ones at the end; nothing is kept yet."""
        held = self._held
        if held is None:
            return key, value
        old_key, old_value, _ = held
        for argument, old, new in (("key", old_key, key), ("value", old_value, value)):
            before, after = list(old.shape), list(new.shape)
            before[2] = after[2] = -1
            if before != after:
                raise validation.refuse(
                    ValueError, "KeyValueCache.append", f"{argument}.shape", tuple(new.shape),
                    f"(batch, heads, key, head_dim) like the cached {tuple(old.shape)}",
                    "One cache serves one layer and one batch: start a new KeyValueCache().",
                )  # fmt: skip
            validation.same_dtype("KeyValueCache.append", **{argument: new, "cached": old})
        parts = (old_key, old_value, key, value)
        if torch.is_grad_enabled() and any(part.requires_grad for part in parts):
            return torch.cat((old_key, key), -2), torch.cat((old_value, value), -2)
        length = len(self) + key.shape[-2]
        if self._room is None or not self._room.takes(len(self), length):
            self._room = _Room(old_key, old_value, length)
        return self._room.written(len(self), key, value)

    def joined_positions(self, positions: Tensor, batch: int) -> Tensor:
        """All positions, with a batch axis where the old or the new ones have it, and with
        coordinates where one of them has: a plain position p is then (p, p, ..., p)."""
        before, after = self.positions, positions
        if before is None:
            return positions.clone()  # the caller may count its own tensor on
        if 3 in (before.ndim, after.ndim):
            axes = (before if before.ndim == 3 else after).shape[-1]
            both = [p if p.ndim == 3 else lifted(p, axes) for p in (before, after)]
            if both[0].shape[0] != both[1].shape[0]:
                both = [p.expand(batch, -1, -1) for p in both]
            return torch.cat(both, -2)
        if before.ndim != after.ndim or before.shape[:-1] != after.shape[:-1]:
            before, after = (p.expand(batch, -1) for p in (before, after))
        return torch.cat((before, after), -1)

    def joined_from_input(self, made: Tensor) -> Tensor:
        """What was made of the input of all tokens, the new ones at the end."""
        return made if self.from_input is None else torch.cat((self.from_input, made), 2)

    def keep(
        self,
        key: Tensor,
        value: Tensor,
        positions: Tensor,
        *,
        from_input: Tensor | None = None,
        start: int | None = None,
        owner: Identity | None = None,
    ) -> None:
        """Take what `joined` returned; `MultiHeadAttention` does so when a step has succeeded."""
        self.key, self.value, self.positions, self.start = key, value, positions, start
        self.from_input = from_input
        if self._room is not None and self._room.holds(key):
            self._room.filled = key.shape[-2]
        else:  # joined in another way: the room is not written up to here
            self._room = None
        self._owner = owner if owner is not None else self._owner

    def crop(self, length: int) -> None:
        """Forget all but the first `length` tokens, to go on from there.

        Raises ValueError for a negative length or more tokens than there are.
        """
        length = validation.size("KeyValueCache.crop", "length", length, minimum=0)
        if length > len(self):
            raise validation.refuse(
                ValueError, "KeyValueCache.crop", "length", length,
                f"at most the {len(self)} cached tokens", "A cache can only get shorter.",
            )  # fmt: skip
        if length == 0:
            owner = self._owner
            KeyValueCache.__init__(self)
            self._owner = owner
        elif length < len(self) and (held := self._held):
            key, value, positions = held
            self.key, self.value = key[..., :length, :], value[..., :length, :]
            coordinates = positions.ndim == 3
            self.positions = positions[:, :length] if coordinates else positions[..., :length]
            if self.from_input is not None:
                self.from_input = self.from_input[:, :, :length]

    def reorder(self, rows: Integer[Tensor, " rows"]) -> None:
        """Take these batch rows, in this order: row `rows[b]` goes on as row b (beam search).

        Raises TypeError for anything but whole numbers, IndexError for a row that is not there.
        """
        name, remedy = "KeyValueCache.reorder", "Rows are those of the batch, counted from 0."
        validation.whole(name, "rows", rows, remedy)
        validation.rank(name, "rows", rows, axes="rows")
        held = self._held
        if held is None:
            return
        key, value, positions = held
        rows = validation.indices(name, "rows", rows, rows=key.shape[0], remedy=remedy)
        self._room = None  # it holds the rows in their old order
        self.key, self.value = (part[rows.to(part.device)] for part in (key, value))
        if self.from_input is not None:
            self.from_input = self.from_input[rows.to(self.from_input.device)]
        if positions.ndim > 1 and positions.shape[0] > 1:
            self.positions = positions[rows.to(positions.device)]

    def belongs_to(self, owner: Identity) -> bool:
        """Whether it is new, or this layer's own."""
        return self._owner is None or self._owner.serves(owner)

    def __copy__(self) -> KeyValueCache:
        """A branch: the same tensors, until one of the two is appended to."""
        branch = KeyValueCache.__new__(KeyValueCache)
        branch.__dict__.update(self.__dict__)
        return branch

    def __getstate__(self) -> dict[str, Any]:
        """For deep copies and pickles: the numbers, without spare room and without a graph."""
        state = dict(self.__dict__, _room=None)
        for name in ("key", "value", "positions", "from_input"):
            if state[name] is not None:
                state[name] = state[name].detach().clone()
        return state


def _by_axis(function: str, positions: Any) -> tuple[Tensor, ...]:
    """Coordinates axis by axis, plain positions as they are: what a check of positions takes."""
    validation.tensor(function, "positions", positions)
    return positions.unbind(-1) if positions.ndim == 3 else (positions,)


class _Room:
    """Memory for keys and values, twice as long as needed when it was made.

    `filled` says how far it is written. A cache that ends there may write on; any other (a branch,
    or one that was cropped) would write over what somebody else sees, and gets a room of its own.
    """

    def __init__(self, key: Tensor, value: Tensor, length: int) -> None:
        self.filled, self.length = key.shape[-2], max(length, 2 * key.shape[-2])
        self.key, self.value = (
            old.new_empty(*old.shape[:-2], self.length, old.shape[-1]) for old in (key, value)
        )
        self.key[..., : self.filled, :] = key.detach()
        self.value[..., : self.filled, :] = value.detach()

    def takes(self, filled: int, length: int) -> bool:
        """Whether a cache of so many tokens may grow here to this length."""
        closed = self.key.is_inference() and not torch.is_inference_mode_enabled()
        return self.filled == filled and length <= self.length and not closed

    def holds(self, key: Tensor) -> bool:
        """Whether these keys lie here."""
        return key.untyped_storage().data_ptr() == self.key.untyped_storage().data_ptr()

    def written(self, start: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """All keys and values, the new ones written behind the first `start`."""
        length = start + key.shape[-2]
        self.key[..., start:length, :] = key
        self.value[..., start:length, :] = value
        return self.key[..., :length, :], self.value[..., :length, :]


class Identity:
    """Who a layer is, for its cache, through copies and pickles.

    Two are the same by their number. A deep copy gets a new one and remembers what it was copied
    from: a copied cache still serves the layer that it was filled by, a copied layer is another.
    """

    def __init__(self, parent: str | None = None) -> None:
        self.number, self.parent = uuid.uuid4().hex, parent

    def __deepcopy__(self, memo: dict[int, Any]) -> Identity:
        return Identity(parent=self.number)

    def serves(self, layer: Identity) -> bool:
        """Whether the cache with this identity is one of this layer's."""
        return layer.number in (self.number, self.parent)
