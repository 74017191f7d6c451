"""Attention that does not show its weights: the same numbers through PyTorch's fused kernel.

    output = softmax(query key^T / sqrt(head_dim) + bias) value

`attention` writes the (query, key) weights to memory because a reader wants to see them. A model
that only needs the output leaves them out; the kernel then works block by block and never holds
them whole.

Source: Vaswani et al. 2017, equation 1; Dao et al. 2022, "FlashAttention", section 3.1 (blocks).

The traps: PyTorch's `is_causal` aligns the first query with the first key, which is wrong when
decoding with more keys than queries; and a mask of three axes, (heads, query, key), is correct
but falls off the fast kernel.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from posenc_lib import _validate
from posenc_lib._precision import wide, without_autocast
from posenc_lib.dot_product import checked_bias, checked_scale, seen_pairs


def attention_output(
    query: Float[Tensor, "*batch query head_dim"],
    key: Float[Tensor, "*batch key head_dim"],
    value: Float[Tensor, "*batch key value_dim"],
    *,
    bias: Float[Tensor, "..."] | None = None,
    mask: Bool[Tensor, "..."] | None = None,
    causal: bool = False,
    padding: Bool[Tensor, "batch key"] | None = None,
    scale: float | None = None,
) -> Float[Tensor, "*batch query value_dim"]:
    """The output of `attention` without its weights, through the fused kernel.

    softmax(q k^T * scale + bias) v. Takes the arguments of `attention` and gives its output,
    (..., query, value_dim), to rounding; a row in which nothing may be seen gives zeros.

    Raises like `attention`.

    Source: Vaswani et al. 2017, equation 1; Dao et al. 2022, "FlashAttention", section 3.1.

    >>> q = torch.tensor([[1.0, 0.0]]); k = torch.eye(2); v = torch.tensor([[10.0], [20.0]])
    >>> attention_output(q, k, v, scale=1.0).numpy().round(3)
    array([[12.689]], dtype=float32)
    """
    scale = checked_scale("attention_output", query, key, value, scale)
    shape = torch.Size([*query.shape[:-1], key.shape[-2]])
    causal = _validate.flag("attention_output", "causal", causal)
    alone = causal and shape[-2] == shape[-1] and bias is mask is padding is None
    added = seen_pairs("attention_output", shape, query.device, mask, causal and not alone, padding)
    dtype = query.dtype
    if bias is not None:
        bias = checked_bias("attention_output", bias, shape, wide(query), values=False)
        # A bias in half precision loses far distances, so all of it is done in float32 then.
        query, key, value = (part.to(bias.dtype) for part in (query, key, value))
        added = bias if added is None else bias.masked_fill(~added, -torch.inf)
    # The kernel wants four axes: (batch, heads, query, head_dim).
    axes = (1,) * (4 - query.ndim)
    query, key, value = (part.reshape(*axes, *part.shape) for part in (query, key, value))
    if added is not None:
        added = added.reshape(*(1,) * (query.ndim - added.ndim), *added.shape)
    with without_autocast(query):
        output = F.scaled_dot_product_attention(
            query, key, value, attn_mask=added, is_causal=alone, scale=scale
        )
    if bias is not None and _validate.readable(output) and bool(output.isnan().any()):
        checked_bias("attention_output", bias, shape, wide(query))  # much larger than the output
    return output.reshape(*shape[:-1], value.shape[-1]).to(dtype)
