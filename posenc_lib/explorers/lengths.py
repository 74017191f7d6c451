"""The panel of notebook 07: a short model reads a long row; its weights, its loss place by place.

The models are those of `short_models`: one layer, trained on rows of 32 tokens to add the two
latest tokens. Each is trained when it is first chosen, in a few seconds, and then kept.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from posenc_lib.base.relative import band_mask, relative_positions
from posenc_lib.experiments.data.sequences import NOISE_FLOOR
from posenc_lib.experiments.lengths.by_position import read, window_starts
from posenc_lib.experiments.lengths.evaluation import positions_of, scored_batch
from posenc_lib.experiments.lengths.settings import RANDOMISED
from posenc_lib.experiments.lengths.short_models import SHORT, short_model
from posenc_lib.experiments.lengths.train_short import SCALED, scaled_model
from posenc_lib.experiments.parts.transformer import TinyTransformer
from posenc_lib.explorers.panel import Choice, Panel, Slider
from posenc_lib.plots.views import Curves, Heatmap, View
from posenc_lib.registry import encodings

TRAINED, HALF = SHORT.length, SHORT.length // 2
ROWS = 4  # for the weights; the loss takes all rows of the test split
WAYS = {"plain": "plain", f"window of {TRAINED} keys": "window", "sliding": "sliding"}


def titles() -> dict[str, str]:
    """Name to title, for every encoding that the experiment trains or scales."""
    known = encodings()
    found = {
        name: "randomised positions" if name == RANDOMISED else known[name].title
        for name in SHORT.trained
    }
    return found | SCALED


def length_explorer(**settings: object) -> Panel:
    """A model trained on 32 tokens reads up to 256: what it attends to, and what it loses where.

    - The weights of one head for one row of the test, masked keys grey.
    - How much weight the two tokens get that have to be added: this head, and the mean of all
      heads, over four rows.
    - The loss at each place of the row and its mean up to there, which is what a table reports.

    Controls: `encoding` ("none", "sinusoidal", "learned", "t5", "alibi", "rope", "randomised",
    "rope_pi", "rope_ntk", "rope_yarn"), `reading` ("plain", "window", "sliding"), `length`, `head`.
    The three scalings are the RoPE model with its angles made for 256 tokens. A decoder sees no
    future, so a shorter row is the beginning of a longer one.

    Raises ValueError for a setting out of its range.

    >>> SHORT.longest
    256
    """
    return Panel(
        title="Trained on 32 tokens",
        controls=[
            Choice("encoding", "rope", {title: name for name, title in titles().items()}),
            Choice("reading", "plain", WAYS),
            Slider("length", 128, 2 * TRAINED, SHORT.longest, step=HALF, label="length (tokens)"),
            Slider("head", 0, 0, SHORT.heads - 1, label="head shown"),
        ],
        compute=_views,
        explorer="length_explorer",
        settings=settings,
    )


def _views(encoding: str, reading: str, length: int, head: int) -> list[View]:
    weights, needed, each = (part[..., :length] for part in _whole(encoding, reading))
    place = torch.arange(length)
    return [
        Heatmap(
            f"weights of head {head}", weights[head, :length], "query", "key", "weight", (0.0, 1.0),
            "sequential", square=True,
        ),
        Curves(
            "weight on the two tokens to add", place, torch.stack([needed[head], needed.mean(0)]),
            [f"head {head}", "mean of all heads"], "place of the query (tokens)", "weight",
            (0.0, 1.05),
        ),
        _losses(each, place),
    ]  # fmt: skip


def _losses(each: Float[Tensor, "rows length"], place: Tensor) -> Curves:
    mean = each.nanmean(0)
    past = each.nan_to_num().sum(0).cumsum(0) / each.isfinite().sum(0).cumsum(0)
    curves = {
        "guessing": torch.full(place.shape, NOISE_FLOOR),
        "mean up to here": past,
        f"places 0 to {TRAINED - 1}": mean.masked_fill(place >= TRAINED, math.nan),
        f"places {TRAINED} and on": mean.masked_fill(place < TRAINED, math.nan),
    }
    ys = torch.stack(list(curves.values()))
    top = max(3.0, float(ys.nan_to_num().max()))
    return Curves(
        "loss at each place of the row", place, ys, list(curves), "place in the row (tokens)",
        "loss (nats)", (-0.05 * top, 1.05 * top),
    )  # fmt: skip


@lru_cache
def _whole(encoding: str, reading: str) -> tuple[Tensor, Tensor, Tensor]:
    """One reading of the longest rows; a shorter row is its beginning.

    The weights of the first row (heads, query, key), NaN for a key that a query does not see; the
    weight on the two tokens to add (heads, query), averaged over rows; the losses (rows, place).
    """
    model = _model(encoding)
    batch = scored_batch(SHORT, "sum", "test", SHORT.longest)
    weights = attention_weights(model, batch.x[:ROWS], encoding, reading)
    return weights[0], on_needed(weights), read(model, batch, encoding, SHORT, reading)


def _model(encoding: str) -> TinyTransformer:
    """The trained model; for a scaling, the RoPE model with its angles made for the longest row."""
    if encoding not in SCALED:
        return short_model(encoding)
    return scaled_model(short_model("rope"), SHORT, encoding, float(max(SHORT.length_multiples)))


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
