"""Where a short model looks when it reads a long row, and what it loses: for each way to read.

    needed_i = weight of query i on tokens i and i - 1, the two that have to be added
    loss_i   = mean over rows of the loss at place i,     past_i = its mean up to there

Source: Press et al. 2022, "Train Short, Test Long", appendix B (the sliding window).

The trap: the weights of a sliding reading have holes. A key that no window of the query holds has
no weight, which is not the weight 0.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from posenc_lib.base.relative import band_mask, relative_positions
from posenc_lib.experiments.lengths.by_position import read, window_starts
from posenc_lib.experiments.lengths.evaluation import positions_of, scored_batch
from posenc_lib.experiments.lengths.short_models import SHORT
from posenc_lib.experiments.parts.transformer import TinyTransformer

TRAINED, HALF = SHORT.length, SHORT.length // 2
ROWS = 4  # for the weight on two tokens; the loss takes all rows of the test split


class Numbers(NamedTuple):
    """What one reading of the longest rows comes to; a shorter row is the beginning."""

    needed: Float[Tensor, "heads length"]
    loss: Float[Tensor, " length"]
    past: Float[Tensor, " length"]


def numbers_of(model: TinyTransformer, encoding: str, reading: str) -> Numbers:
    """One reading of the longest test rows by a model of `SHORT`, in float32.

    Raises ValueError for another reading.
    """
    batch = scored_batch(SHORT, "sum", "test", SHORT.longest)
    weights = attention_weights(model, batch.x[:ROWS], encoding, reading)
    each = read(model, batch, encoding, SHORT, reading)
    past = each.nan_to_num().sum(0).cumsum(0) / each.isfinite().sum(0).cumsum(0)
    return Numbers(on_needed(weights), each.nanmean(0), past)


def attention_weights(
    model: TinyTransformer, x: Int64[Tensor, "rows length"], encoding: str, reading: str
) -> Float[Tensor, "rows heads length length"]:
    """What each query gives each key in the first layer, NaN for a key that it does not see."""
    rows, length = x.shape
    if reading != "sliding":
        before = TRAINED - 1 if reading == "window" else None
        return _first_layer(model, x, positions_of(SHORT, encoding, length), before)
    short = x.unfold(1, TRAINED, HALF).flatten(0, 1)
    inside = _first_layer(model, short, positions_of(SHORT, encoding, TRAINED), None)
    inside = inside.unflatten(0, (rows, -1))  # (rows, windows, heads, n, n)
    weights = inside.new_full((rows, inside.shape[2], length, length), math.nan)
    for window, start in enumerate(window_starts(length, TRAINED).unique().tolist()):
        scored = slice(0 if window == 0 else HALF, TRAINED)
        queries = slice(start + scored.start, start + TRAINED)
        weights[:, :, queries, start : start + TRAINED] = inside[:, window, :, scored]
    return weights


@torch.no_grad()
def _first_layer(
    model: TinyTransformer, x: Tensor, positions: Tensor, before: int | None
) -> Tensor:
    hidden = model.at_start.at_embeddings(model.embed(x), positions)
    layer, length = model.layers[0], x.shape[1]
    seen = band_mask(relative_positions(length, length), before=before, after=0)
    weights = layer.attention(layer.norms[0](hidden), positions=positions, mask=seen)[1]
    return weights.masked_fill(~seen, math.nan)


def on_needed(weights: Float[Tensor, "rows heads length length"]) -> Float[Tensor, "heads length"]:
    """The weight of each query on its own token and the one before it, averaged over rows."""
    length = weights.shape[-1]
    needed = band_mask(relative_positions(length, length), before=1, after=0)
    return weights.masked_fill(~needed, 0.0).nan_to_num().sum(-1).mean(0)
