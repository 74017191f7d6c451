"""Masks: which key each query may see. True means it may.

The trap: libraries disagree. Here and in `scaled_dot_product_attention` True lets through;
in `nn.MultiheadAttention` a True in `attn_mask` or `key_padding_mask` shuts out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Integer, Shaped
from torch import Tensor
from torch.nn import functional as F

from posenc_lib.base import validation
from posenc_lib.base.places import Places
from posenc_lib.base.relative import band_mask, relative_positions


def causal_mask(
    queries: int | Shaped[Tensor, "*#batch query"], keys: int | Shaped[Tensor, "*#batch key"]
) -> Bool[Tensor, "*#batch query key"]:
    """True where the key does not stand in the future of the query, shape (query, key).

    Two lengths are aligned at their ends: the last query sees every key, as when decoding with
    a cache. Positions given as tensors are taken as they are.

    Raises TypeError or ValueError for sizes that are not integers of at least 1, and for a
    length beside a tensor.

    Source: Vaswani et al. 2017, section 3.2.3.

    >>> causal_mask(2, 3).int()
    tensor([[1, 1, 0],
            [1, 1, 1]], dtype=torch.int32)
    """
    if isinstance(queries, Tensor) != isinstance(keys, Tensor):
        raise validation.refuse(
            TypeError, "causal_mask", "queries, keys",
            (type(queries).__name__, type(keys).__name__), "two lengths or two position tensors",
            "A length says nothing about where the positions of the other start.",
        )  # fmt: skip
    offset = 0
    if not isinstance(queries, Tensor):
        queries = validation.size("causal_mask", "queries", queries)
        offset = validation.size("causal_mask", "keys", keys) - queries
    return band_mask(relative_positions(queries, keys, offset=offset), before=None, after=0)


def padding_mask(
    lengths: Integer[Tensor, " batch"] | list[int], length: int
) -> Bool[Tensor, "batch {length}"]:
    """True for the real tokens of each right-padded row, shape (batch, length).

    It stands on the device of `lengths`.

    Raises TypeError for lengths that are not integers, ValueError for length < 1, for a row
    longer than `length` and for a negative one.

    >>> padding_mask([3, 1], 4).int()
    tensor([[1, 1, 1, 0],
            [1, 0, 0, 0]], dtype=torch.int32)
    """
    length = validation.size("padding_mask", "length", length)
    device = lengths.device if isinstance(lengths, Tensor) else None
    if isinstance(lengths, Tensor):
        validation.rank("padding_mask", "lengths", lengths, axes="batch")
        lengths = lengths.tolist()
    if not isinstance(lengths, Sequence) or isinstance(lengths, str):
        raise validation.refuse(
            TypeError, "padding_mask", "lengths", lengths, "a list or tensor of integers",
            "Give the number of real tokens of each row.",
        )  # fmt: skip
    rows = [validation.size("padding_mask", "lengths", n, minimum=0) for n in lengths]
    if max(rows, default=0) > length:
        raise validation.refuse(
            ValueError, "padding_mask", "lengths", max(rows), f"at most length = {length}",
            "Pad to the longest row or cut it.",
        )  # fmt: skip
    ends = torch.tensor(rows, dtype=torch.long, device=device)
    return torch.arange(length, device=device)[None, :] < ends[:, None]


class Masks(NamedTuple):
    """All that shuts keys out: causality, window and chunk of the places, a mask, padding, which
    is (batch, 1, ..., 1, key), and a bias where it is -inf. All checked; a bias that cannot be
    -inf is left out."""

    places: Places
    mask: Tensor | None = None
    padding: Tensor | None = None
    bias: Tensor | None = None

    @property
    def anything(self) -> bool:
        """Whether there may be a key that some query does not see."""
        others = (self.mask, self.padding, self.bias)
        return self.places.hides or any(other is not None for other in others)

    def seen(self) -> Bool[Tensor, "..."] | None:
        """The keys that each query sees; None: all of them."""
        finite = None if self.bias is None else self.bias != -torch.inf
        given = (self.places.seen, self.mask, self.padding, finite)
        parts = [part for part in given if part is not None]
        if not parts:
            return None
        seen = parts[0]
        for part in parts[1:]:
            seen = seen & part
        return seen

    def without_broken(
        self, key: Tensor, value: Tensor, *, by_choice: bool = False
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Keys and values without NaN and infinity, and the queries that see a token with such.

        A product would take them past any mask, since 0 * NaN is NaN. Keys stay as they are where
        scores are chosen (`by_choice`) and not added to -inf, unless a gradient may pass them. The
        queries are (..., query, 1), True where NaN is the right answer; None where nothing is shut
        out.
        """
        if not self.anything:
            return key, value, None
        # 0 * NaN and 0 * infinity are NaN: a sum tells four times faster than `isfinite`.
        broken = ((key * 0).sum(-1) + (value * 0).sum(-1)) != 0  # (..., heads, key)
        value = value.nan_to_num(0.0, 0.0, 0.0)
        by_choice = by_choice and not torch.is_grad_enabled()
        key = key if by_choice else key.nan_to_num(0.0, 0.0, 0.0)
        by_pair = self.mask is not None or self.bias is not None
        by_pair = by_pair or self.places.first_distance is None or self.places.chunks
        seen = self.seen() if by_pair else None
        real = None if self.padding is None else self.padding[..., 0, :]
        by_somebody = real if seen is None else seen.any(-2)
        heads = value.ndim > 3  # an axis of their own, beside a batch
        if by_somebody is not None:  # what nobody sees may be anything, also too large a number
            if heads and by_somebody.ndim > 1:
                by_somebody = by_somebody.any(-2, keepdim=True)  # by any head
            value = value * by_somebody[..., None]
            key = key if by_choice else key * by_somebody[..., None]
        if heads:
            broken = broken.any(-2, keepdim=True)  # one head of a token breaks the others
        if seen is not None:
            return key, value, (broken[..., None, :] & seen).any(-1, keepdim=True)
        broken = broken if real is None else broken & real
        return key, value, self._counts(broken)[..., None] > 0

    def _counts(self, broken: Tensor) -> Tensor:
        """How many of these tokens each query sees: a running sum, read at both ends."""
        places, keys = self.places, broken.shape[-1]
        before, after = places.reach
        at = torch.arange(places.queries, device=broken.device) - places.known_first  # own key
        first = torch.zeros_like(at) if before is None else (at - before).clamp(0, keys)
        end = torch.full_like(at, keys) if after is None else (at + after + 1).clamp(0, keys)
        total = F.pad(broken.long().cumsum(-1), (1, 0))
        return total[..., end] - total[..., first].minimum(total[..., end])


def with_broken(output: Tensor, broken: Tensor | None) -> Tensor:
    """NaN for the queries that see a broken token; in place where no gradient needs the output."""
    if broken is None:
        return output
    if torch.is_grad_enabled() and output.requires_grad:
        return output.masked_fill(broken, torch.nan)
    return output.masked_fill_(broken, torch.nan)


def broadcastable(function: str, argument: str, value: Tensor, scores: torch.Size) -> None:
    """Refuse a mask or bias that does not broadcast to the shape of the scores."""
    try:
        fits = torch.broadcast_shapes(value.shape, scores) == scores
    except RuntimeError:
        fits = False
    if not fits:
        raise validation.refuse(
            ValueError, function, f"{argument}.shape", tuple(value.shape),
            f"broadcastable to (..., query, key) = {tuple(scores)}",
            "A mask or bias for each batch row needs a heads axis: mask[:, None].",
        )  # fmt: skip
