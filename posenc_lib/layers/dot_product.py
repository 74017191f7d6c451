"""Scaled dot-product attention that shows its weights.

    output = softmax(query key^T * scale + bias) value,      scale = 1 / sqrt(head_dim)

Where keys have fewer heads than queries, each serves a group of query heads (grouped-query
attention; multi-query with a single one). A sink is one more score that every query sees and no
value stands behind: it takes its share of the softmax, so the weights sum to less than 1.

Source: Vaswani et al. 2017, equation 1; Ainslie et al. 2023, "GQA", section 2.2; the sink is that
of the code released with gpt-oss (OpenAI 2025).

The traps: a row in which every key is masked has softmax(-inf, ..., -inf) = NaN, and one NaN
spreads through the whole model. Here such a row attends to nothing: weights and output are 0. And
a mask by the lowest finite number instead of -inf: a visible score of that size, which a float
padding mask makes, then ties with keys that are shut out.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.base.masks import Masks, broadcastable, with_broken
from posenc_lib.base.places import Places
from posenc_lib.base.precision import product, wide, without_autocast
from posenc_lib.layers.attention_ways import record_way
from posenc_lib.scores.distance_bias import DistanceBias, PreparedBias


def attention(
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
) -> tuple[Float[Tensor, "*batch query value_dim"], Float[Tensor, "*batch query key"]]:
    """Return the output and the weights of softmax(q k^T * scale + bias) v.

    `query` is (..., query, head_dim), `key` (..., key, head_dim), `value` (..., key, value_dim);
    the weights are (..., query, key) and each row sums to 1. Keys and values of
    (batch, heads, key, ...) may have fewer heads, if their number divides that of the queries.

    - `bias`: added to the scaled scores, -inf shuts a key out; or a `DistanceBias` such as
      `AlibiBias(heads)`, for tokens that count up, the last query at the last key.
    - `mask`: boolean, broadcastable to (..., query, key); True may be seen.
    - `causal`: no key after the query; with more keys than queries the ends are aligned.
    - `window`: only keys fewer than `window` steps away, the query's own position among them.
    - `padding`: boolean (batch, key), True for a real token; the first axis is the batch.
    - `scale`: 1 / sqrt(head_dim) unless given (T5 uses 1).
    - `sink`: one score a head, (heads,), that takes part in the softmax and has no value.

    A row in which nothing may be seen gives zeros, weights and output alike, not NaN. What a mask
    shuts out never reaches the output, NaN and infinity included.
    Scores and softmax are computed in float32 at least; the weights have the dtype of `value`.

    Raises ValueError for shapes that do not fit or a bias with NaN or +inf, TypeError for
    integer input or a mask that is not boolean.

    Source: Vaswani et al. 2017, equation 1.

    >>> q = torch.tensor([[1.0, 0.0]]); k = torch.eye(2); v = torch.tensor([[10.0], [20.0]])
    >>> output, weights = attention(q, k, v, scale=1.0)
    >>> weights.numpy().round(3), output.numpy().round(3)
    (array([[0.731, 0.269]], dtype=float32), array([[12.689]], dtype=float32))
    """
    given = (bias, mask, causal, window, padding, scale, sink)
    return explained(query, key, value, *checked("attention", query, key, value, *given))


def checked(
    function: str,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor | DistanceBias | None,
    mask: Tensor | None,
    causal: bool,
    window: int | None,
    padding: Tensor | None,
    scale: float | None,
    sink: Tensor | None,
    *,
    values: bool = True,
) -> tuple[Tensor | PreparedBias | None, Masks, float, Tensor | None]:
    """The settings of attention, each looked at: bias, masks, scale and sink."""
    scale = checked_scale(function, query, key, value, scale)
    places = places_between(function, query, key, causal, window)
    mask, padding = checked_masks(function, query, key, mask, padding)
    term = checked_bias(function, bias, query, places, values=values)
    masks = Masks(places, mask, padding, term if isinstance(term, Tensor) else None)
    return term, masks, scale, checked_sink(function, sink, query)


def explained(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor | PreparedBias | None,
    masks: Masks,
    scale: float,
    sink: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """`attention` of checked input."""
    record_way("weights")
    bias, masks = as_matrix(bias, masks)
    key, value, broken = masks.without_broken(key, value)
    key, value = (for_each_head(part, query) for part in (key, value))
    with without_autocast(query):
        output, weights = weigh(query, key, value, bias, masks.seen(), scale, sink)
    return with_broken(output, broken), with_broken(weights, broken)


def as_matrix(bias: Tensor | PreparedBias | None, masks: Masks) -> tuple[Tensor | None, Masks]:
    """A prepared bias as its matrix, which the masks look at only where it may be -inf itself."""
    if not isinstance(bias, PreparedBias):
        return bias, masks
    matrix = bias.matrix  # first: making it finds out whether f is -inf anywhere
    return matrix, masks._replace(bias=matrix if bias.shuts_out else None)


def weigh(
    query: Float[Tensor, "*batch query head_dim"],
    key: Float[Tensor, "*batch key head_dim"],
    value: Float[Tensor, "*batch key value_dim"],
    bias: Float[Tensor, "..."] | None,
    seen: Bool[Tensor, "..."] | None,
    scale: float,
    sink: Float[Tensor, " heads"] | None,
) -> tuple[Float[Tensor, "*batch query value_dim"], Float[Tensor, "*batch query key"]]:
    """softmax(q k^T * scale + bias) v over the keys that are seen, and its weights."""
    scores = product(query, key) * scale  # (..., query, key)
    if bias is not None:
        scores = scores + bias
    weights = softmax_of_seen(scores, seen, sink).to(value.dtype)
    return weights @ value, weights


def softmax_of_seen(scores: Tensor, seen: Tensor | None, sink: Tensor | None = None) -> Tensor:
    """Softmax over the keys that are seen; all others, and rows that see nothing, are exactly 0."""
    if seen is not None:
        scores = scores.masked_fill(~seen, -math.inf)
    if sink is not None:  # one more column that every row sees, taken off again
        column = sink.to(scores.dtype)[:, None, None].expand(*scores.shape[:-1], 1)
        weights = torch.cat((scores, column), -1).softmax(-1)[..., :-1]
        return weights if seen is None else weights.masked_fill(~seen, 0.0)
    if seen is None:
        return scores.softmax(-1)
    # Softmax of a row of -inf is NaN, and so is its gradient: such a row is made harmless first.
    alive = seen.any(-1, keepdim=True)
    return scores.masked_fill(~alive, 0.0).softmax(-1).masked_fill(~seen, 0.0)


def for_each_head(x: Tensor, query: Tensor) -> Tensor:
    """Keys or values with as many heads as the queries: each one serves a group of them."""
    if x.ndim < 4 or x.shape[-3] == query.shape[-3]:
        return x
    return x.repeat_interleave(query.shape[-3] // x.shape[-3], -3)


def places_between(
    function: str, query: Tensor, key: Tensor, causal: bool, window: int | None
) -> Places:
    """Queries and keys that count up, the last query at the last key."""
    return Places.counting(
        query.shape[-2], key.shape[-2], device=query.device, dtype=wide(query),
        causal=validation.flag(function, "causal", causal),
        window=None if window is None else validation.size(function, "window", window),
    )  # fmt: skip


def checked_scale(
    function: str, query: Tensor, key: Tensor, value: Tensor, scale: float | None
) -> float:
    """Refuse tensors that do not fit together; return the scale, 1 / sqrt(head_dim) if None."""
    for name, operand, axes in (
        ("query", query, "... query head_dim"),
        ("key", key, "... key head_dim"),
        ("value", value, "... key value_dim"),
    ):
        validation.floating(function, name, operand, axes=axes)
    validation.same_dtype(function, query=query, key=key, value=value)
    validation.last_axis(function, "key", key, "head_dim", query.shape[-1])
    if query.shape[-1] == 0:
        raise validation.refuse(
            ValueError, function, "query.shape[-1]", 0, "a head_dim of at least 1",
            "Without features there is nothing to compare.",
        )  # fmt: skip
    if key.shape[-2] != value.shape[-2] or key.shape[-2] == 0:
        raise validation.refuse(
            ValueError, function, "value.shape[-2]", value.shape[-2],
            f"the number of keys, {key.shape[-2]}, and at least 1", "Each key carries one value.",
        )  # fmt: skip
    (*batch, heads), (*kv_batch, kv_heads) = (
        operand.shape[:-2] if operand.ndim > 3 else (operand.shape[:-2], 1)
        for operand in (query, key)
    )  # heads are an axis of their own beside a batch
    grouped = batch == kv_batch and kv_heads > 0 and heads % kv_heads == 0
    if key.shape[:-2] != value.shape[:-2] or not grouped:
        shapes = [tuple(operand.shape[:-2]) for operand in (query, key, value)]
        raise validation.refuse(
            ValueError, function, "leading axes of query, key, value", shapes,
            "the same (batch, heads) for all three, or fewer heads of keys that divide the others",
            "Expand the shared ones first.",
        )  # fmt: skip
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scale = validation.real(function, "scale", scale, above=0.0)
    largest = torch.finfo(wide(query)).max
    if scale > largest:
        raise validation.refuse(
            ValueError, function, "scale", scale, f"at most {largest:g}, the largest of the scores",
            "T5 uses 1, all others 1 / sqrt(head_dim).",
        )  # fmt: skip
    return scale


def checked_masks(
    function: str, query: Tensor, key: Tensor, mask: Tensor | None, padding: Tensor | None
) -> tuple[Tensor | None, Tensor | None]:
    """Refuse masks that do not fit; return the padding as (batch, 1, ..., 1, key)."""
    shape = torch.Size([*query.shape[:-1], key.shape[-2]])
    if mask is not None:
        validation.boolean(function, "mask", mask)
        broadcastable(function, "mask", mask, shape)
    if padding is None:
        return mask, None
    validation.boolean(function, "padding", padding)
    expected = (shape[0], shape[-1])
    if len(shape) < 3 or tuple(padding.shape) != expected:
        raise validation.refuse(
            ValueError, function, "padding.shape", tuple(padding.shape),
            f"(batch, key) = {expected} beside scores with a batch axis",
            "One row a sentence, True for real tokens.",
        )  # fmt: skip
    return mask, padding.reshape(expected[0], *[1] * (len(shape) - 2), expected[1])


def checked_bias(
    function: str,
    bias: Tensor | DistanceBias | None,
    query: Tensor,
    places: Places,
    *,
    values: bool = True,
) -> Tensor | PreparedBias | None:
    """A bias in the dtype of the scores, without NaN and +inf; a `DistanceBias` prepared."""
    if bias is None:
        return None
    if isinstance(bias, DistanceBias):
        if query.ndim < 3:
            raise validation.refuse(
                ValueError, function, "query.shape", tuple(query.shape),
                "(..., heads, query, head_dim) beside a DistanceBias",
                "Add an axis for the heads: query[None].",
            )  # fmt: skip
        prepared = bias.prepare(places)[0]
        bias.check_heads(prepared.numbers, query)
        return prepared
    validation.floating(function, "bias", bias, axes="... query key")
    shape = torch.Size([*query.shape[:-1], places.keys])
    broadcastable(function, "bias", bias, shape)
    bias = bias.to(places.dtype)  # first: -1e300 becomes -inf in float32
    look = values and bias.numel() and bias.device.type == "cpu" and validation.readable(bias)
    if look and not bool(bias.max() < math.inf):  # max keeps a NaN
        raise validation.refuse(
            ValueError, function, "bias", "NaN or +inf", "finite numbers or -inf",
            "Look for 0 * inf or log of a negative number where the bias is made.",
        )  # fmt: skip
    return bias


def checked_sink(function: str, sink: Tensor | None, query: Tensor) -> Tensor | None:
    """Refuse anything but one score for each query head."""
    if sink is None:
        return None
    validation.floating(function, "sink", sink, axes="heads")
    if query.ndim < 3 or sink.shape[0] != query.shape[-3]:
        heads = query.shape[-3] if query.ndim > 2 else "none, without an axis for them"
        raise validation.refuse(
            ValueError, function, "sink.shape", tuple(sink.shape),
            f"one score for each head of the queries, {heads}", "Give a tensor of shape (heads,).",
        )  # fmt: skip
    return sink
