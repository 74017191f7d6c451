"""Where queries and keys stand: checked once, read once, then shared by layers and heads.

    query i stands at query[i], key j at key[j], and their distance is key[j] - query[i]

Positions in a row, p, p + 1, p + 2 ..., are the common case, and what they need is known without a
look at the tensors: n queries and m keys have n + m - 1 distances, a causal mask has one edge.
An encoding turns places into what its doors need, once for all layers, in `prepare`.

The trap: asking a tensor on a GPU whether it counts 0, 1, 2 ... makes the host wait, several times
a layer. What the library counted itself it need not ask; what it was given it asks once.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import torch
from jaxtyping import Bool, Int64, Shaped
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.base.distance_rows import spread
from posenc_lib.base.float64 import float64_device
from posenc_lib.base.relative import band, relative_positions, whole64

Made = TypeVar("Made")


class Places:
    """The positions of queries and keys, and what follows from them before any layer runs.

    `query` and `key` are (length,) or (batch, length); `key` is `query` unless given. `causal`
    shuts out keys after the query, `window` those `window` or more steps away, `chunk` those of
    another chunk: positions 0 .. chunk - 1 are one, the next `chunk` another (Llama 4). Tables are
    made in `dtype`, float32 or float64.

    - `new`: the positions of those keys that no cache holds yet; all of them without a cache.
    - `offset`: key[0] - query[0] where both are whole numbers in a row, in all batch rows alike;
      otherwise None.
    - `start`: key[0] then, if it is the same in all rows.
    - `row`: the query + key - 1 distances then, the most negative one first.
    - `distances`: the distance of every pair, for any positions.
    - `seen`: what causality, window and chunk let through; None where that is everything.

    Raises TypeError and ValueError for what is no finite position, for positions of two batches,
    for a window or chunk below 1 and for a dtype in half precision.

    >>> places = Places(torch.tensor([2, 3]), torch.arange(4), causal=True)
    >>> places.offset, places.row.tolist()
    (-2, [-3, -2, -1, 0, 1])
    >>> places.seen.int()
    tensor([[1, 1, 1, 0],
            [1, 1, 1, 1]], dtype=torch.int32)
    """

    def __init__(
        self,
        query: Shaped[Tensor, "..."],
        key: Shaped[Tensor, "..."] | None = None,
        *,
        causal: bool = False,
        window: int | None = None,
        chunk: int | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        key = query if key is None else key
        for argument, positions in (("query", query), ("key", key)):
            validation.tensor("Places", argument, positions)
            length = positions.shape[-1] if positions.ndim else 1
            validation.positions("Places", argument, positions, length=length)
        if query.ndim == key.ndim == 2 and 1 not in (query.shape[0], key.shape[0]):
            validation.positions("Places", "key", key, length=key.shape[-1], batch=query.shape[0])
        causal = validation.flag("Places", "causal", causal)
        if window is not None:
            window = validation.size("Places", "window", window)
        if chunk is not None:
            chunk = validation.size("Places", "chunk", chunk)
        if dtype not in (torch.float32, torch.float64):
            raise validation.refuse(
                ValueError, "Places", "dtype", dtype, "torch.float32 or torch.float64",
                "Tables are made in float32 at least and rounded at the end.",
            )  # fmt: skip
        self._set(query, key, key, _in_a_row(query, key), causal, window, chunk, dtype)

    @classmethod
    def counting(
        cls,
        queries: int,
        keys: int | None = None,
        *,
        start: int = 0,
        device: torch.device | None = None,
        **set: Any,
    ) -> Places:
        """The last `queries` of `keys` positions start, start + 1 ...: nothing to check or read.

        `set` are the settings of the class, checked by those who call this.
        """
        keys = queries if keys is None else keys
        key = torch.arange(start, start + keys, device=device)
        first = start + keys - queries  # before the first key where there are more queries
        same = queries == keys
        query = key if same else torch.arange(first, start + keys, device=device)
        return cls._checked(query, key, query, (queries - keys, start), **set)

    @classmethod
    def given(cls, query: Tensor, key: Tensor, new: Tensor, **set: Any) -> Places:
        """Positions that were checked; three axes, (batch, length, axes), are coordinates."""
        return cls._checked(query, key, new, _in_a_row(query, key), **set)

    @classmethod
    def _checked(
        cls,
        query: Tensor,
        key: Tensor,
        new: Tensor,
        in_a_row: tuple[int | None, int | None],
        *,
        causal: bool = False,
        window: int | None = None,
        chunk: int | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> Places:
        places = cls.__new__(cls)
        places._set(query, key, new, in_a_row, causal, window, chunk, dtype)
        return places

    def _set(
        self,
        query: Tensor,
        key: Tensor,
        new: Tensor,
        in_a_row: tuple[int | None, int | None],
        causal: bool,
        window: int | None,
        chunk: int | None,
        dtype: torch.dtype,
    ) -> None:
        self.query, self.key, self.new = query, key, new
        self.offset, self.start = in_a_row
        self.causal, self.window, self.chunk, self.dtype = causal, window, chunk, dtype
        self._kept: dict[Hashable, Any] = {}

    @property
    def coordinates(self) -> bool:
        """Whether positions are coordinates, (batch, length, axes). They have no order: tokens
        come as they stand in the row, for causality, a window and a cache."""
        return self.query.ndim == 3

    @property
    def queries(self) -> int:
        """The number of queries."""
        return self.query.shape[-2 if self.coordinates else -1]

    @property
    def keys(self) -> int:
        """The number of keys."""
        return self.key.shape[-2 if self.coordinates else -1]

    @property
    def batch(self) -> int | None:
        """The batch axis of the positions, None without one."""
        alone = 2 if self.coordinates else 1
        rows = [p.shape[0] for p in (self.query, self.key) if p.ndim > alone]
        return max(rows) if rows else None

    def once(self, what: Hashable, make: Callable[[], Made]) -> Made:
        """What `make()` gives, made when it is first asked for. Never of trained numbers."""
        if what not in self._kept:
            self._kept[what] = make()
        kept: Made = self._kept[what]
        return kept

    @property
    def mask(self) -> tuple[bool, int | None, int | None]:
        """Causality, window and chunk, as `masked` takes them."""
        return self.causal, self.window, self.chunk

    def masked(self, causal: bool, window: int | None, chunk: int | None = None) -> Places:
        """The same places for a layer with another mask; what is made once is shared."""
        if (causal, window, chunk) == self.mask:
            return self
        other = copy.copy(self)
        other.causal, other.window, other.chunk = causal, window, chunk
        return other

    def turning_all_keys(self) -> Places:
        """The same places for keys that are all turned again, those of a cache too."""
        other = copy.copy(self)
        other.new = self.key
        return other

    @property
    def row(self) -> Int64[Tensor, " distances"] | None:
        """The query + key - 1 distances of positions in a row, where float64 can be made."""
        if self.offset is None:
            return None
        device = float64_device(self.query.device)
        return self.once("row", lambda: self._counted(device))

    def _counted(self, device: torch.device) -> Tensor:
        low = self.known_first - self.queries + 1
        return torch.arange(low, low + self.queries + self.keys - 1, device=device)

    @property
    def distances(self) -> Shaped[Tensor, "*batch query key"]:
        """key - query of every pair, (query, key) or (batch, query, key)."""
        return self.once("distances", lambda: relative_positions(self.query, self.key))

    @property
    def first_distance(self) -> int | None:
        """What `offset` is for a mask: coordinates have no order, so tokens count as they come."""
        return self.queries - self.keys if self.coordinates else self.offset

    @property
    def known_first(self) -> int:
        """The same for those who know that there is one."""
        first = self.first_distance
        assert first is not None
        return first

    @property
    def hides(self) -> bool:
        """Whether causality, window or chunk may shut anything out."""
        if self.chunks:
            return True
        if not self.causal and self.window is None:
            return False
        first = self.first_distance
        if first is None:
            return True
        ahead = self.causal and bool(first + self.keys > 1)  # the first query's last key
        return ahead or (self.window is not None and self.window < self.farthest)

    @property
    def farthest(self) -> int:
        """One more than the largest distance of positions in a row."""
        first = self.known_first
        return max(self.queries - first, 0 if self.causal else first + self.keys)

    @property
    def square(self) -> bool:
        """Whether the causal mask is what PyTorch calls `is_causal`: token by token, ends meet."""
        if not (self.causal and self.first_distance == 0 and self.queries == self.keys):
            return False
        if self.chunks:
            return False
        return self.window is None or self.window >= self.farthest

    @property
    def seen(self) -> Bool[Tensor, "#batch #one query key"] | Bool[Tensor, "query key"] | None:
        """True for keys that causality, window and chunk let through, with an axis for the heads
        where there is one for the batch; None: all of them."""
        if not self.hides:
            return None
        return self.once(("seen", *self.mask), self._seen)

    def _seen(self) -> Tensor:
        allowed = None
        if self.first_distance is not None:
            allowed = spread(self.seen_row, self.queries)
        elif self.causal or self.window is not None:
            allowed = band(self.distances, *self.reach)
        if self.chunks:
            query, key = self.chunk_numbers()
            together = query.unsqueeze(-1) == key.unsqueeze(-2)
            allowed = together if allowed is None else allowed & together
        assert allowed is not None
        return allowed.unsqueeze(1) if allowed.ndim == 3 else allowed

    @property
    def seen_row(self) -> Bool[Tensor, " distances"]:
        """What causality and window let through, by distance, of positions in a row."""
        return band(self._counted(self.query.device), *self.reach)

    @property
    def chunks(self) -> bool:
        """Whether there may be a key in another chunk than a query: known where both count up."""
        if self.chunk is None:
            return False
        ends = self._ends()
        return ends is None or ends[0] // self.chunk != ends[1] // self.chunk

    def _ends(self) -> tuple[int, int] | None:
        """The first and the last position, where they are known without a look at a tensor."""
        if self.first_distance is None or not validation.readable(self.query):
            return None  # in a graph lengths stay open
        if self.start is None and not self.coordinates:
            return None
        first = 0 if self.start is None else self.start
        query = first - self.first_distance
        return min(first, query), max(first + self.keys, query + self.queries) - 1

    def chunk_numbers(self) -> tuple[Tensor, Tensor]:
        """The chunk of each query and of each key; tokens of a picture count as they come."""
        chunk = self.chunk
        assert chunk is not None
        query, key = self.query, self.key
        if self.coordinates:
            key = torch.arange(self.keys, device=key.device)
            query = torch.arange(self.queries, device=query.device) - self.known_first
        rows = whole64(query).div(chunk, rounding_mode="floor")
        return rows, whole64(key).div(chunk, rounding_mode="floor")

    def mask_mod(self, batch: Tensor, head: Tensor, i: Tensor, j: Tensor) -> Tensor:
        """Causality, window and chunk as `flex_attention` takes them: may query i see key j?

        For positions in a row; pass `places.mask_mod` to `create_block_mask`.
        """
        if self.first_distance is None:
            raise validation.refuse(
                ValueError, "Places.mask_mod", "positions", "not in a row",
                "p, p + 1, p + 2 ..., the same for all batch rows", "Use `seen` for any others.",
            )  # fmt: skip
        before, after = self.reach
        distance = j - i + self.first_distance
        seen = distance == distance
        if after is not None:
            seen = seen & (distance <= after)
        if before is not None:
            seen = seen & (distance >= -before)
        if self.chunks:
            query, key = (p if p.ndim == 2 else p[None] for p in self.chunk_numbers())
            row, column = (batch if p.shape[0] > 1 else batch * 0 for p in (query, key))
            seen = seen & (query[row, i] == key[column, j])
        return seen

    @property
    def reach(self) -> tuple[int | None, int | None]:
        """How many steps back and ahead a query sees; None: all of them."""
        before = None if self.window is None else self.window - 1
        return before, 0 if self.causal else before


def lifted(positions: Tensor, axes: int) -> Tensor:
    """Plain positions as the coordinates (p, p, ..., p), (batch or 1, length, axes)."""
    rows = positions if positions.ndim == 2 else positions[None]
    return rows[..., None].expand(-1, -1, axes)


def _in_a_row(query: Tensor, key: Tensor) -> tuple[int | None, int | None]:
    """`offset` and `start` of positions, found with one read."""
    both = [query] if key is query else [query, key]
    for positions in both:
        countable = positions.ndim < 3 and not positions.is_floating_point() and positions.numel()
        if not (countable and validation.readable(positions)):
            return None, None
    both = [p.long() for p in both]  # uint8 would wrap
    first = both[-1][..., 0]
    offset = (first - both[0][..., 0]).flatten()
    alike = [(numbers == numbers[0]).all() for numbers in (offset, first.flatten())]
    counts = [(p.diff() == 1).all() for p in both]
    facts = torch.stack([offset[0], first.flatten()[0], *alike, *counts]).tolist()
    if not (facts[2] and all(facts[4:])):
        return None, None
    return facts[0], facts[1] if facts[3] else None
