"""Attention through `torch.nn.attention.flex_attention`: a bias without its matrix.

    score_mod(score, batch, head, i, j)  ->  score + f_h(j - i)
    mask_mod(batch, head, i, j)          ->  may query i see key j?

The compiler writes both into its attention kernel. f is a formula (ALiBi) or one of n + m - 1
numbers, so at length 16,384 no matrix of 17 GB is made. A block mask tells the kernel which blocks
of 128 queries and 128 keys to leave out; causality and window say that without a look at any pair.

Source: Dong et al. 2024, "Flex Attention: A Programming Model for Generating Optimized Attention
Kernels".

The traps: `create_block_mask` writes all pairs to memory first, unless it is compiled. And on a
CPU what PyTorch 2.13 compiles has no backward pass, and gives rows of zeros at some lengths (seen
with 8 and 16 features a head, below 128 tokens). So there it runs uncompiled, pair by pair: to see
and to test what a GPU would do, not to save time. Queries get no gradient there.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, flex_attention

from posenc_lib.base import validation
from posenc_lib.base.masks import Masks, with_broken
from posenc_lib.base.places import Places
from posenc_lib.base.precision import without_autocast
from posenc_lib.layers.attention_ways import record_way
from posenc_lib.scores.distance_bias import PreparedBias

_uncompiled: Callable[..., Any] = flex_attention

BLOCK = 128
SMALL_BLOCKS = {"BLOCK_M": 64, "BLOCK_N": 64, "num_stages": 2}
"""With a table beside the blocks, the usual sizes run out of shared memory on a GPU."""

MaskMod = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def flexible(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor | PreparedBias | None,
    masks: Masks,
    scale: float,
    sink: Tensor | None,
) -> Tensor:
    """`attention_output` of checked input by flex_attention, compiled where that is possible."""
    _check(query, key, value, bias, masks, sink)
    key, value, broken = masks.without_broken(key, value, by_choice=True)
    table = bias if isinstance(bias, PreparedBias) else None  # a matrix was refused
    score_mod = None if table is None else table.encoding.modify_scores(table)
    on_gpu = query.device.type == "cuda"
    options = {"kernel_options": SMALL_BLOCKS} if on_gpu and table is not None else {}
    run = _compiled() if on_gpu else _uncompiled
    with without_autocast(query), _many_shapes():
        output = run(
            query, key, value, score_mod=score_mod, block_mask=block_mask(masks),
            scale=scale, enable_gqa=query.shape[1] != key.shape[1],
            return_lse=sink is not None, **options,
        )  # fmt: skip
    record_way("flex" if table is None else f"flex, {table.encoding.modified_by}")
    if sink is not None:  # the sink takes its share of a softmax that did not know of it
        output, log_sum = output
        share = torch.sigmoid(log_sum - sink.to(log_sum.dtype)[:, None])
        output = (output * share[..., None]).to(query.dtype)
    return with_broken(output, broken)


@functools.cache
def _compiled() -> Callable[..., Any]:
    """Compiled once for all lengths."""
    return torch.compile(flex_attention)


def _many_shapes() -> AbstractContextManager[Any]:
    """Room for more shapes than the compiler's own 8; after them it raises.

    Left to itself it goes on uncompiled from the ninth, and writes all scores to memory.
    """
    if torch.compiler.is_compiling():
        return nullcontext()
    limits = {"recompile_limit": 64, "fail_on_recompile_limit_hit": True}
    patched: AbstractContextManager[Any] = torch._dynamo.config.patch(limits)
    return patched


def block_mask(masks: Masks) -> BlockMask | None:
    """The blocks that nobody sees, those seen in part, and those seen whole; None: all are seen.

    From the corners of each block: no pair is looked at, so nothing of (query, key) is made.
    """
    if not masks.anything:
        return None
    places = masks.places
    queries, keys = places.queries, places.keys
    device = places.query.device
    i = torch.arange(0, queries, BLOCK, device=device)[:, None]
    j = torch.arange(0, keys, BLOCK, device=device)[None, :]
    nearest = j + places.known_first - (i + BLOCK - 1).clamp(max=queries - 1)
    farthest = (j + BLOCK - 1).clamp(max=keys - 1) + places.known_first - i
    before, after = places.reach
    low = -math.inf if before is None else -before
    high = math.inf if after is None else after
    some = (nearest <= high) & (farthest >= low)
    whole = (nearest >= low) & (farthest <= high) & (i + BLOCK <= queries) & (j + BLOCK <= keys)
    if masks.mask is not None or masks.padding is not None or places.chunks:
        whole = torch.zeros_like(whole)
    if places.chunks:
        some = some & _share_a_chunk(places, some)
    return BlockMask.from_kv_blocks(
        *_ordered(some & ~whole), *_ordered(whole),
        BLOCK_SIZE=BLOCK, mask_mod=mask_mod(masks), seq_lengths=(queries, keys),
    )  # fmt: skip


def _share_a_chunk(places: Places, some: Tensor) -> Tensor:
    """The blocks in which some query, in any batch row, has the chunk of some key."""
    (low_i, high_i), (low_j, high_j) = (_corners(part) for part in places.chunk_numbers())
    met = (low_j[:, None, :] <= high_i[:, :, None]) & (high_j[:, None, :] >= low_i[:, :, None])
    return met.any(0).expand_as(some)


def _corners(chunks: Tensor) -> tuple[Tensor, Tensor]:
    """The first and the last chunk of each block of tokens, (rows, blocks), for counted tokens."""
    chunks = chunks if chunks.ndim == 2 else chunks[None]
    at = torch.arange(0, chunks.shape[-1], BLOCK, device=chunks.device)
    return chunks[:, at], chunks[:, (at + BLOCK - 1).clamp(max=chunks.shape[-1] - 1)]


def _ordered(blocks: Tensor) -> tuple[Tensor, Tensor]:
    """How many blocks of each row are wanted, and their numbers, those wanted first."""
    order = blocks.to(torch.int8).sort(dim=-1, descending=True, stable=True).indices
    counts = blocks.sum(-1)
    return counts.to(torch.int32)[None, None], order.to(torch.int32)[None, None]


def mask_mod(masks: Masks) -> MaskMod:
    """The masks as flex_attention takes them: a formula for what places hide, else a look-up."""
    places, mask, padding = masks.places, masks.mask, masks.padding

    def may_see(batch: Tensor, head: Tensor, i: Tensor, j: Tensor) -> Tensor:
        seen = places.mask_mod(batch, head, i, j)
        if padding is not None:
            seen = seen & padding[batch, 0, 0, j]
        if mask is not None:
            where = (batch, head, i, j)[4 - mask.ndim :]
            seen = (
                seen
                & mask[tuple(0 if n == 1 else at for n, at in zip(mask.shape, where, strict=True))]
            )
        return seen

    return may_see


def _check(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor | PreparedBias | None,
    masks: Masks,
    sink: Tensor | None,
) -> None:
    """Refuse what flex_attention cannot do."""
    on_cpu = query.device.type == "cpu"
    needs_gradient = torch.is_grad_enabled() and any(t.requires_grad for t in (query, key, value))
    for wrong, why in (
        (isinstance(bias, Tensor), "a bias that is a matrix"),
        (bias is not None and not getattr(bias, "in_row", True), "positions that are not in a row"),
        (masks.places.first_distance is None, "positions that are not in a row"),
        (query.ndim != 4, f"queries with {query.ndim} axes"),
        (needs_gradient and on_cpu, "gradients on a CPU"),
        (sink is not None and on_cpu, "a sink on a CPU"),
    ):
        if wrong:
            raise validation.refuse(
                ValueError, "attention_output", "flex", f"True with {why}",
                "False or None, or what flex_attention can do",
                "The other kernels give the same numbers.",
            )  # fmt: skip
