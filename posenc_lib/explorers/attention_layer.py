"""The untrained layer behind the attention panel: fixed random numbers, cut to the size asked for.

A larger dim or a longer sentence keeps all numbers that were there before, and a word has the
same embedding wherever it stands. So what changes when a control moves is that control's doing.
All runs in float64, as in the page; a reader's own encoding in the dtype of its numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float64
from torch import Tensor, nn

from posenc_lib.base.doors import PositionEncoding, Prepared
from posenc_lib.base.draws import own_draws
from posenc_lib.base.masks import Masks
from posenc_lib.base.precision import product
from posenc_lib.base.relative import band_mask, relative_positions
from posenc_lib.explorers.drawn import WORD, normal
from posenc_lib.layers.dot_product import as_matrix
from posenc_lib.layers.multihead import MultiHeadAttention
from posenc_lib.plots.palette import CYCLE
from posenc_lib.plots.views import MOST_CURVES
from posenc_lib.registry import make_encoding

DIM, STEP, LENGTH, WINDOW = 256, 32, 128, 2
"""The largest layer, the step between sizes, the longest sentence, the keys seen on each side.

Widths in steps of 32 and up to 8 heads: every encoding of the registry fits every head."""

HEADS = (1, 2, 4, 8)

Factory = Callable[[int, int, int], PositionEncoding]
"""(dim, heads, length) -> encoding."""


def tokens_of(sentence: str, length: int) -> tuple[list[str], str]:
    """`length` tokens of a sentence, and what became of its words.

    Raises ValueError for a sentence without a word.

    >>> tokens_of("the cat", 3)
    (['the', 'cat', 'the'], 'the 2 words again and again')
    """
    words = sentence.split()
    if not words:
        raise ValueError("The sentence has no word: type at least one.")
    tokens = (words * length)[:length]
    if length < len(words):
        return tokens, f"the first {length} of {len(words)} words"
    if len(words) == 1:
        return tokens, "one word again and again"
    again = " again and again" if length > len(words) else ""
    return tokens, f"the {len(words)} words{again}"


def shortened(tokens: list[str]) -> list[str]:
    """Tokens as they stand at an axis.

    >>> shortened(["a_rather_long_token"])
    ['a_rather_lo…']
    """
    return [token if len(token) <= 12 else f"{token[:11]}…" for token in tokens]


def styles_of(places: list[int]) -> tuple[int, ...]:
    """The colour and dashes of one encoding or two, from their places in the registry: an encoding
    keeps its own, whichever stands first. Of two of one colour the later takes the next.

    >>> styles_of([0, 3]), styles_of([3, 0]), styles_of([6, 0])
    ((0, 3), (3, 0), (7, 0))
    """
    styles = [place % MOST_CURVES for place in places]
    if len({style % len(CYCLE) for style in styles}) < len(styles):
        later = places.index(max(places))
        styles[later] = (styles[later] + 1) % MOST_CURVES
    return tuple(styles)


def mask_of(mask: str, length: int) -> Bool[Tensor, "{length} {length}"]:
    """What a query sees with "none", "causal" or "window"."""
    before = WINDOW if mask == "window" else None
    after = {"none": None, "causal": 0, "window": WINDOW}[mask]
    return band_mask(relative_positions(length, length), before=before, after=after)


def embeddings(tokens: list[str], dim: int) -> Float64[Tensor, "length {dim}"]:
    """One N(0, 1) vector for each different word.

    >>> x = embeddings(["the", "cat", "the"], 8)
    >>> bool((x[0] == x[2]).all()), bool((x[0] == x[1]).any())
    (True, False)
    """
    return torch.from_numpy(np.concatenate([normal(word, 1, dim, kind=WORD) for word in tokens]))


def projections(dim: int) -> Float64[Tensor, "2 {dim} {dim}"]:
    """W_q and W_k, entries N(0, 1 / dim): queries and keys then spread as embeddings do.

    >>> projections(4).shape
    torch.Size([2, 4, 4])
    """
    made = np.stack([normal(name, dim, dim) for name in ("queries", "keys")])
    return torch.from_numpy(made) / math.sqrt(dim)


class _OpenLayer(MultiHeadAttention):
    """The layer of the library with all its checks, which keeps its scores."""

    scores: Tensor

    def _bias(
        self,
        query: Tensor,
        key: Tensor,
        prepared: Prepared,
        masks: Masks,
        made: Tensor | None = None,
    ) -> tuple[Any, Masks]:
        bias, masks = super()._bias(query, key, prepared, masks, made)
        scores = product(query, key) * self.scale
        matrix, _ = as_matrix(bias, masks)
        self.scores = scores if matrix is None else scores + matrix
        return bias, masks


@own_draws()
def attend(
    x: Float64[Tensor, "length dim"],
    heads: int,
    head: int,
    encoding: PositionEncoding,
    *,
    mask: Bool[Tensor, "length length"],
    scale: float = 1.0,
) -> tuple[Float64[Tensor, "length length"], Float64[Tensor, "length length"]]:
    """Scores and weights of one head of a `MultiHeadAttention` with these projections, no biases.

    `scale` multiplies the queries, beside the usual 1 / sqrt(head_dim).

    Raises like `MultiHeadAttention` where a method of the encoding returns what does not fit.

    >>> from posenc_lib import NoEncoding
    >>> x = embeddings(["the", "cat"], 8)
    >>> scores, weights = attend(x, 2, 0, NoEncoding(), mask=torch.eye(2, dtype=torch.bool))
    >>> scores.shape, weights.tolist()
    (torch.Size([2, 2]), [[1.0, 0.0], [0.0, 1.0]])
    """
    dim, dtype = x.shape[-1], _dtype_of(encoding)
    layer = _OpenLayer(dim, heads, encoding=encoding, causal=encoding.causal_only, bias=False)
    to_query, to_key = projections(dim)
    for linear, matrix in ((layer.to_query, scale * to_query), (layer.to_key, to_key)):
        linear.weight = nn.Parameter(matrix.T.to(dtype))
    for linear in (layer.to_value, layer.to_output):
        linear.to(dtype)
    training = {module: module.training for module in encoding.modules()}
    layer.eval()
    try:
        with torch.no_grad():
            _, weights = layer(x[None].to(dtype), mask=mask)
    finally:
        for module, was in training.items():
            module.training = was
    return layer.scores.expand_as(weights)[0, head].double(), weights[0, head].double()


@own_draws()
def encoding_of(
    encoding: Factory | PositionEncoding | str, dim: int, heads: int, *, causal: bool, length: int
) -> PositionEncoding:
    """The encoding of a factory or of a name in the registry, from one seed that is not the
    reader's; an encoding that is made already stays as it is.

    Trained numbers of a named one are drawn, as strong as the embeddings.

    Raises TypeError when a factory returns something else, ValueError where the encoding is for
    causal layers only.

    >>> encoding_of("nezha", 8, 2, causal=False, length=5).head_dim
    4
    """
    if isinstance(encoding, PositionEncoding):
        chosen = encoding
    elif isinstance(encoding, str):
        chosen = _loud(make_encoding(encoding, dim=dim, heads=heads, length=LENGTH, causal=causal))
    else:
        chosen = encoding(dim, heads, length)
    if not isinstance(chosen, PositionEncoding):
        raise TypeError(
            "attention_explorer: the function of an encoding must return a PositionEncoding, "
            f"but it returned {type(chosen).__name__}."
        )
    return chosen


def check_future(title: str, *, causal_only: bool, mask: str) -> None:
    """Refuse an encoding that knows no future without the causal mask, in words for the panel."""
    if causal_only and mask != "causal":
        raise ValueError(f"{title} knows no future: choose the causal mask.")


def mean_by_distance(
    values: Float64[Tensor, "length length"], seen: Bool[Tensor, "length length"]
) -> Float64[Tensor, " distances"]:
    """Mean at each distance -(length - 1) .. length - 1, NaN where nothing is seen.

    >>> mean_by_distance(torch.eye(2).double(), torch.ones(2, 2, dtype=torch.bool)).tolist()
    [0.0, 1.0, 0.0]
    """
    length = len(values)
    row = (relative_positions(length, length) + length - 1).flatten()
    nothing = torch.zeros(2 * length - 1, dtype=torch.float64)
    count = nothing.index_add(0, row, seen.flatten().double())
    return nothing.index_add(0, row, values.masked_fill(~seen, 0.0).flatten()) / count


def _loud(encoding: PositionEncoding) -> PositionEncoding:
    """Trained numbers by name, the same for every dim: N(0, 1), the weights of linear maps
    N(0, 1 / inputs); single numbers stay as they start. In float64."""
    linear = {name for name, part in encoding.named_modules() if isinstance(part, nn.Linear)}
    encoding.double()
    for name, parameter in encoding.named_parameters():
        if parameter.ndim in (1, 2):
            rows, columns = parameter.shape if parameter.ndim == 2 else (1, len(parameter))
            made = torch.tensor(normal(name, rows, columns)).reshape(parameter.shape)
            owner, _, kind = name.rpartition(".")
            inputs = columns if owner in linear and kind == "weight" else 1
            parameter.data = made / math.sqrt(inputs)
    return encoding


def _dtype_of(encoding: PositionEncoding) -> torch.dtype:
    """float64 for the library's own; for a reader's the dtype of its numbers, or the default."""
    numbers = [part for part in encoding.parameters() if part.is_floating_point()]
    if numbers:
        return numbers[0].dtype
    ours = type(encoding).__module__.startswith("posenc_lib.")
    return torch.float64 if ours else torch.get_default_dtype()
