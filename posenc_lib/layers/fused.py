"""Attention that does not show its weights: the same numbers through PyTorch's fused kernels.

    output = softmax(query key^T * scale + bias) value

`attention` writes the (query, key) weights to memory because a reader wants to see them. A model
that only needs the output leaves them out; the kernel then works block by block and never holds
them whole. A bias that depends on distance need not be a matrix either: `flex` gives the kernel
its formula, or n + m - 1 numbers to look up.

Source: Vaswani et al. 2017, equation 1; Dao et al. 2022, "FlashAttention", section 3.1 (blocks);
Dong et al. 2024, "Flex Attention".

The traps: PyTorch's `is_causal` aligns the first query with the first key, which is wrong when
decoding with more keys than queries; and a mask of three axes, (heads, query, key), is correct
but falls off the fast kernel.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from posenc_lib.base import validation
from posenc_lib.base.masks import Masks, with_broken
from posenc_lib.base.precision import wide, without_autocast
from posenc_lib.layers.attention_ways import record_way
from posenc_lib.layers.dot_product import as_matrix, checked, checked_bias
from posenc_lib.scores.distance_bias import DistanceBias, PreparedBias

FLEX_FROM = 4096 * 4096
"""Pairs of query and key from which `flex` is taken on a GPU: the smallest length measured there,
where it took a tenth of the time of a ready bias. Where it starts to pay was not measured."""


def attention_output(
    query: Float[Tensor, "*batch query head_dim"],
    key: Float[Tensor, "*kv_batch key head_dim"],
    value: Float[Tensor, "*kv_batch key value_dim"],
    *,
    bias: Float[Tensor, "..."] | DistanceBias | None = None,
    mask: Bool[Tensor, "..."] | None = None,
    causal: bool = False,
    window: int | None = None,
    padding: Bool[Tensor, "batch key"] | None = None,
    scale: float | None = None,
    sink: Float[Tensor, " heads"] | None = None,
    flex: bool | None = None,
) -> Float[Tensor, "*batch query value_dim"]:
    """The output of `attention` without its weights, through a fused kernel.

    softmax(q k^T * scale + bias) v. Takes the arguments of `attention` and gives its output,
    (..., query, value_dim), to rounding; a row in which nothing may be seen gives zeros.

    `flex` says whether `flex_attention` does it, which needs no (query, key) matrix for a
    `DistanceBias`, a window or a sink. None decides: on a GPU for long texts and in compiled
    graphs. On a CPU it has to be asked for with True, and saves nothing: it runs uncompiled there,
    because what PyTorch 2.13 compiles for a CPU gives wrong rows at some lengths. A graph compiled
    for a CPU leaves it out. `attention_ways` shows which way was taken.

    Raises like `attention`, and ValueError for `flex=True` with what flex_attention cannot do.

    Source: Vaswani et al. 2017, equation 1; Dao et al. 2022, "FlashAttention", section 3.1.

    >>> q = torch.tensor([[1.0, 0.0]]); k = torch.eye(2); v = torch.tensor([[10.0], [20.0]])
    >>> attention_output(q, k, v, scale=1.0).numpy().round(3)
    array([[12.689]], dtype=float32)
    """
    name = "attention_output"
    given = (bias, mask, causal, window, padding, scale, sink)
    term, masks, scale, sink = checked(name, query, key, value, *given, values=False)
    flex = flex if flex is None else validation.flag(name, "flex", flex)
    return fused(query, key, value, term, masks, scale, sink, flex)


def fused(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor | PreparedBias | None,
    masks: Masks,
    scale: float,
    sink: Tensor | None,
    flex: bool | None = None,
) -> Tensor:
    """`attention_output` of checked input: the choice of the way."""
    in_cpu_graph = torch.compiler.is_compiling() and query.device.type == "cpu"  # see flex.py
    if (flex and not in_cpu_graph) or (flex is None and _flex_pays(query, bias, masks, sink)):
        from posenc_lib.layers.flex import flexible  # it loads torch's compiler

        try:
            return flexible(query, key, value, bias, masks, scale, sink)
        except torch._dynamo.exc.FailOnRecompileLimitHit:
            pass  # too many shapes to compile for each: the kernels below need no compiler
    given = masks.bias
    if given is None or given.device.type != "cpu" or not validation.readable(given):
        return _kernel(query, key, value, bias, masks, scale, sink)
    # The output is much smaller than the bias, so -inf and NaN in it are looked for if NaN came.
    output = _kernel(query, key, value, bias, masks._replace(bias=None), scale, sink)
    if bool(output.isnan().any()):
        checked_bias("attention_output", given, query, masks.places)
        output = _kernel(query, key, value, bias, masks, scale, sink)
    return output


def _kernel(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor | PreparedBias | None,
    masks: Masks,
    scale: float,
    sink: Tensor | None,
) -> Tensor:
    """PyTorch's `scaled_dot_product_attention`, told no more than it needs."""
    shape, dtype = (*query.shape[:-1], value.shape[-1]), query.dtype
    alone = masks.places.square and bias is masks.mask is masks.padding is sink is None
    places = masks.places
    if isinstance(bias, PreparedBias):
        bias, masks = as_matrix(bias, masks)
        places = places.masked(False, None, places.chunk)  # the rest is -inf in it already
    key, value, broken = masks.without_broken(key, value, by_choice=alone)
    masks = masks._replace(places=places, bias=None)  # from here on, -inf is a number like others
    seen = None if alone else masks.seen()
    if sink is not None:
        query, key, value, bias, seen = _with_sink(query, key, value, bias, seen, scale, sink)
    if bias is not None:
        # A bias in half precision loses far distances, so all of it is done in float32 then.
        query, key, value = (part.to(bias.dtype) for part in (query, key, value))
        seen = bias if seen is None else bias.masked_fill(~seen, -math.inf)
    # The kernel wants four axes: (batch, heads, query, head_dim).
    axes = (1,) * (4 - query.ndim)
    query, key, value = (part.reshape(*axes, *part.shape) for part in (query, key, value))
    if seen is not None:
        seen = seen.reshape(*(1,) * (query.ndim - seen.ndim), *seen.shape)
    record_way("kernel, is_causal" if alone else "kernel" if seen is None else "kernel, matrix")
    with without_autocast(query):
        output = F.scaled_dot_product_attention(
            query, key, value, attn_mask=seen, is_causal=alone, scale=scale,
            enable_gqa=query.shape[-3] != key.shape[-3],
        )  # fmt: skip
    return with_broken(output.reshape(shape).to(dtype), broken)


def _with_sink(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor | None,
    seen: Tensor | None,
    scale: float,
    sink: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor | None, Tensor | None]:
    """The sink as one more key without a value: its score is a feature that all queries share."""
    dtype = wide(query, sink)
    heads = query.shape[-3]
    query, key, value = (t.to(dtype) for t in (query, key, value))
    key, value = (t.repeat_interleave(heads // t.shape[-3], -3) for t in (key, value))
    query = F.pad(query, (0, 1), value=1.0)
    key = F.pad(key, (0, 1, 0, 1))  # one feature and one key more
    share = F.pad((sink.to(dtype) / scale)[:, None, None], (key.shape[-1] - 1, 0))
    key = torch.cat((key[..., :-1, :], share.expand(*key.shape[:-2], 1, -1)), -2)
    value = F.pad(value, (0, 0, 0, 1))
    bias = None if bias is None else F.pad(bias.expand(*bias.shape[:-1], key.shape[-2] - 1), (0, 1))
    seen = (
        None
        if seen is None
        else F.pad(seen.expand(*seen.shape[:-1], key.shape[-2] - 1), (0, 1), value=True)
    )
    return query, key, value, bias, seen


def _flex_pays(
    query: Tensor, bias: Tensor | PreparedBias | None, masks: Masks, sink: Tensor | None
) -> bool:
    """Whether flex_attention is to do it unasked: on a GPU, for what would need a matrix."""
    places = masks.places
    tensors = isinstance(bias, Tensor) or (isinstance(bias, PreparedBias) and not bias.in_row)
    if query.device.type != "cuda" or tensors or masks.mask is not None or query.ndim != 4:
        return False
    if query.dtype == torch.float64 or places.first_distance is None:
        return False
    if bias is None and sink is None and (places.square or not places.hides):
        return False  # the plain kernel needs no matrix either
    return torch.compiler.is_compiling() or places.queries * places.keys >= FLEX_FROM
