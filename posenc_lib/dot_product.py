"""Scaled dot-product attention that shows its weights.

    output = softmax(query key^T / sqrt(head_dim) + bias) value

Source: Vaswani et al. 2017, equation 1.

The trap: a row in which every key is masked has softmax(-inf, ..., -inf) = NaN, and one NaN
spreads through the whole model. Here such a row attends to nothing: weights and output are 0.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from posenc_lib import _validate
from posenc_lib._precision import product
from posenc_lib.masks import causal_mask


def attention(
    query: Float[Tensor, "*batch query head_dim"],
    key: Float[Tensor, "*batch key head_dim"],
    value: Float[Tensor, "*batch key value_dim"],
    *,
    bias: Float[Tensor, "..."] | None = None,
    mask: Bool[Tensor, "..."] | None = None,
    causal: bool = False,
    padding: Bool[Tensor, "batch key"] | None = None,
    scale: float | None = None,
) -> tuple[Float[Tensor, "*batch query value_dim"], Float[Tensor, "*batch query key"]]:
    """Return the output and the weights of softmax(q k^T * scale + bias) v.

    `query` is (..., query, head_dim), `key` (..., key, head_dim), `value` (..., key, value_dim);
    the weights are (..., query, key) and each row sums to 1.

    - `bias`: added to the scaled scores; -inf shuts a key out.
    - `mask`: boolean, broadcastable to (..., query, key); True may be seen.
    - `causal`: no key after the query; with more keys than queries the ends are aligned.
    - `padding`: boolean (batch, key), True for a real token; the first axis is the batch.
    - `scale`: 1 / sqrt(head_dim) unless given (T5 uses 1).

    A row in which nothing may be seen gives zeros, weights and output alike, not NaN.
    Scores and softmax are computed in float32 at least; the weights have the dtype of `value`.

    Raises ValueError for shapes that do not fit or a bias with NaN or +inf, TypeError for
    integer input or a mask that is not boolean.

    Source: Vaswani et al. 2017, equation 1.

    >>> q = torch.tensor([[1.0, 0.0]]); k = torch.eye(2); v = torch.tensor([[10.0], [20.0]])
    >>> output, weights = attention(q, k, v, scale=1.0)
    >>> weights.numpy().round(3), output.numpy().round(3)
    (array([[0.731, 0.269]], dtype=float32), array([[12.689]], dtype=float32))
    """
    scale = checked_scale("attention", query, key, value, scale)
    scores = product(query, key) * scale  # (..., query, key)
    if bias is not None:
        bias = checked_bias("attention", bias, scores.shape, scores.dtype)
        scores = scores + bias.masked_fill(bias == -math.inf, 0.0)
    seen = seen_pairs("attention", scores.shape, scores.device, mask, causal, padding)
    if bias is not None:
        finite = bias != -math.inf
        seen = finite if seen is None else seen & finite

    weights = _masked_softmax(scores, seen).to(value.dtype)
    return weights @ value, weights


def _masked_softmax(scores: Tensor, seen: Tensor | None) -> Tensor:
    """Softmax over the last axis; masked entries are exactly 0, fully masked rows too."""
    if seen is None:
        return scores.softmax(-1)
    # A finite floor, not -inf: the gradient of softmax over a row of -inf is NaN as well.
    floor = torch.finfo(scores.dtype).min
    return scores.masked_fill(~seen, floor).softmax(-1).masked_fill(~seen, 0.0)


def seen_pairs(
    function: str,
    shape: torch.Size,
    device: torch.device,
    mask: Tensor | None,
    causal: bool,
    padding: Tensor | None,
) -> Tensor | None:
    """Which keys each query may see, from everything that shuts keys out; None: all of them."""
    allowed = []
    if mask is not None:
        _validate.boolean(function, "mask", mask)
        broadcastable(function, "mask", mask, shape)
        allowed.append(mask)
    if _validate.flag(function, "causal", causal):
        allowed.append(causal_mask(*shape[-2:]).to(device))
    if padding is not None:
        allowed.append(_padding(function, padding, shape))
    if not allowed:
        return None
    seen = allowed[0]
    for other in allowed[1:]:
        seen = seen & other
    return seen


def checked_scale(
    function: str, query: Tensor, key: Tensor, value: Tensor, scale: float | None
) -> float:
    """Refuse tensors that do not fit together; return the scale, 1 / sqrt(head_dim) if None."""
    for name, operand, axes in (
        ("query", query, "... query head_dim"),
        ("key", key, "... key head_dim"),
        ("value", value, "... key value_dim"),
    ):
        _validate.floating(function, name, operand, axes=axes)
    _validate.same_dtype(function, query=query, key=key, value=value)
    _validate.last_axis(function, "key", key, "head_dim", query.shape[-1])
    if query.shape[-1] == 0:
        raise _validate.refuse(
            ValueError, function, "query.shape[-1]", 0, "a head_dim of at least 1",
            "Without features there is nothing to compare.",
        )  # fmt: skip
    if key.shape[-2] != value.shape[-2] or key.shape[-2] == 0:
        raise _validate.refuse(
            ValueError, function, "value.shape[-2]", value.shape[-2],
            f"the number of keys, {key.shape[-2]}, and at least 1", "Each key carries one value.",
        )  # fmt: skip
    if not query.shape[:-2] == key.shape[:-2] == value.shape[:-2]:
        shapes = [tuple(operand.shape[:-2]) for operand in (query, key, value)]
        raise _validate.refuse(
            ValueError, function, "leading axes of query, key, value", shapes,
            "the same (batch, heads) for all three", "Expand the shared ones first.",
        )  # fmt: skip
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    return _validate.real(function, "scale", scale, above=0.0)


def checked_bias(
    function: str, bias: Tensor, shape: torch.Size, dtype: torch.dtype, *, values: bool = True
) -> Tensor:
    """The bias in the dtype of the scores, -inf for what it shuts out; no NaN and no +inf."""
    _validate.floating(function, "bias", bias, axes="... query key")
    broadcastable(function, "bias", bias, shape)
    bias = bias.to(dtype)  # first: -1e300 becomes -inf in float32
    if not (values and bias.numel() and _validate.readable(bias)):
        return bias
    if not bool(bias.max() < math.inf):  # max keeps a NaN
        raise _validate.refuse(
            ValueError, function, "bias", "NaN or +inf", "finite numbers or -inf",
            "Look for 0 * inf or log of a negative number where the bias is made.",
        )  # fmt: skip
    return bias


def broadcastable(function: str, argument: str, value: Tensor, scores: torch.Size) -> None:
    """Refuse a mask or bias that does not broadcast to the shape of the scores."""
    try:
        fits = torch.broadcast_shapes(value.shape, scores) == scores
    except RuntimeError:
        fits = False
    if not fits:
        raise _validate.refuse(
            ValueError, function, f"{argument}.shape", tuple(value.shape),
            f"broadcastable to (..., query, key) = {tuple(scores)}",
            "A mask or bias for each batch row needs a heads axis: mask[:, None].",
        )  # fmt: skip


def _padding(function: str, padding: Tensor, shape: torch.Size) -> Tensor:
    """(batch, key) -> (batch, 1, ..., 1, key)."""
    _validate.boolean(function, "padding", padding)
    expected = (shape[0], shape[-1])
    if len(shape) < 3 or tuple(padding.shape) != expected:
        raise _validate.refuse(
            ValueError, function, "padding.shape", tuple(padding.shape),
            f"(batch, key) = {expected} beside scores with a batch axis",
            "One row a sentence, True for real tokens.",
        )  # fmt: skip
    return padding.reshape(expected[0], *[1] * (len(shape) - 2), expected[1])
