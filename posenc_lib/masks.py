"""Masks: which key each query may see. True means it may.

The trap: libraries disagree. Here and in `scaled_dot_product_attention` True lets through;
in `nn.MultiheadAttention` a True in `attn_mask` or `key_padding_mask` shuts out.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Integer, Shaped
from torch import Tensor

from posenc_lib import _validate
from posenc_lib.relative import band_mask, relative_positions


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
        raise _validate.refuse(
            TypeError, "causal_mask", "queries, keys",
            (type(queries).__name__, type(keys).__name__), "two lengths or two position tensors",
            "A length says nothing about where the positions of the other start.",
        )  # fmt: skip
    offset = 0
    if not isinstance(queries, Tensor):
        queries = _validate.size("causal_mask", "queries", queries)
        offset = _validate.size("causal_mask", "keys", keys) - queries
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
    length = _validate.size("padding_mask", "length", length)
    device = lengths.device if isinstance(lengths, Tensor) else None
    if isinstance(lengths, Tensor):
        _validate.rank("padding_mask", "lengths", lengths, axes="batch")
        lengths = lengths.tolist()
    if not isinstance(lengths, Sequence) or isinstance(lengths, str):
        raise _validate.refuse(
            TypeError, "padding_mask", "lengths", lengths, "a list or tensor of integers",
            "Give the number of real tokens of each row.",
        )  # fmt: skip
    rows = [_validate.size("padding_mask", "lengths", n, minimum=0) for n in lengths]
    if max(rows, default=0) > length:
        raise _validate.refuse(
            ValueError, "padding_mask", "lengths", max(rows), f"at most length = {length}",
            "Pad to the longest row or cut it.",
        )  # fmt: skip
    ends = torch.tensor(rows, dtype=torch.long, device=device)
    return torch.arange(length, device=device)[None, :] < ends[:, None]
