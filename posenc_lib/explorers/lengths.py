"""The panel of notebook 07: a short model reads a long row; its weights, its loss place by place.

The models are those of `short_models`: one layer, trained on rows of 32 tokens to add the two
latest tokens, as they were stored once (`stored_models`): nobody waits for training, and every
machine shows the same. The page gets what the weights of one row need, and computes them; losses
and means over rows it gets as numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from posenc_lib.experiments.data.sequences import NOISE_FLOOR
from posenc_lib.experiments.lengths.evaluation import positions_of, scored_batch
from posenc_lib.experiments.lengths.looks import attention_weights
from posenc_lib.experiments.lengths.settings import RANDOMISED
from posenc_lib.experiments.lengths.short_models import SHORT
from posenc_lib.experiments.lengths.stored_models import stored_model, stored_numbers
from posenc_lib.experiments.lengths.train_short import SCALED
from posenc_lib.explorers.panel import Choice, Panel, Slider
from posenc_lib.explorers.transformer import encoding_tables, exported, precise, start_table
from posenc_lib.plots.views import Curves, Heatmap, View
from posenc_lib.registry import on_panels

TRAINED, HALF = SHORT.length, SHORT.length // 2
WAYS = {"plain": "plain", f"window of {TRAINED} keys": "window", "sliding": "sliding"}
TRAINED_ENDS = (TRAINED, "trained length")
QUESTION = (
    "RoPE, plain, length 256: where does the weight go, and what do the favoured distances have in "
    "common? Then PI and NTK, sliding: which one is lost even where nothing is far?"
)


def titles() -> dict[str, str]:
    """Name to title, for every encoding that the experiment trains or scales."""
    known = on_panels()
    found = {
        name: "randomised positions" if name == RANDOMISED else known[name].title
        for name in SHORT.trained
    }
    return found | SCALED


def length_explorer(
    *, question: str | None = None, front: Sequence[str] | None = None, **settings: object
) -> Panel:
    """A model trained on 32 tokens reads up to 256: what it attends to, and what it loses where.

    - The weight of keys so many steps back, for one row of the test: the mean over the queries
      that see them, of one head and of all.
    - The loss at each place of the row and its mean up to there, which is what a table reports.
    - The weights of the head for that row, masked keys grey.
    - How much weight the two tokens get that have to be added: this head, and the mean of all
      heads, over four rows.

    Controls: `encoding` ("none", "sinusoidal", "learned", "t5", "alibi", "rope", "randomised",
    "rope_pi", "rope_ntk", "rope_yarn", "rope_yarn_short"), `reading` ("plain", "window",
    "sliding"), `length`, `head`.
    The scalings are the RoPE model with its angles made for 256 tokens. A decoder sees no
    future, so a shorter row is the beginning of a longer one. `question` and `front` (the controls
    in sight) stand in the head of the panel instead of its own.

    Raises ValueError for a setting out of its range.

    >>> SHORT.longest
    256
    """
    return Panel(
        title=f"Trained on {TRAINED} tokens",
        controls=[
            Choice("encoding", "rope", {title: name for name, title in titles().items()}),
            Choice("reading", "plain", WAYS),
            Slider("length", 128, 2 * TRAINED, SHORT.longest, step=HALF, label="length (tokens)"),
            Slider("head", 0, 0, SHORT.heads - 1, label="head shown"),
        ],
        compute=_views,
        explorer="length_explorer",
        settings=settings,
        page="length",
        data=_data(),
        question=question or QUESTION,
        front=front or ("encoding", "reading", "length"),
    )


def _views(encoding: str, reading: str, length: int, head: int) -> list[View]:
    weights = _weights(encoding, reading)[:, :length, :length]
    needed, loss, past = (part[..., :length] for part in stored_numbers(encoding, reading))
    needed = needed.double()
    steps, place = by_steps_back(weights), torch.arange(length)
    steps = torch.stack([steps[head], steps.mean(0)])
    top = float(steps.nan_to_num().max())
    legend = [f"head {head}", "mean of all heads"]
    return [
        Curves(
            "weight by steps back", place, steps, legend, "key, steps back from the query (tokens)",
            "mean weight", (-0.02 * top, 1.05 * top), marks=[TRAINED_ENDS],
        ),
        _losses(loss, past, place),
        Heatmap(
            f"weights of head {head}; marked: trained length", weights[head], "query", "key",
            "weight", (0.0, 1.0), "sequential", square=True,
            marks=[(TRAINED, None)],
        ),
        Curves(
            "weight on the two tokens to add", place, torch.stack([needed[head], needed.mean(0)]),
            legend, "place of the query (tokens)", "weight", (0.0, 1.05), marks=[TRAINED_ENDS],
        ),
    ]  # fmt: skip


def _losses(loss: Tensor, past: Tensor, place: Tensor) -> Curves:
    curves = {
        "guessing": torch.full(place.shape, NOISE_FLOOR),
        "mean up to here": past,
        "at this place": loss,
    }
    ys = torch.stack(list(curves.values()))
    top = max(3.0, float(ys.nan_to_num().max()))
    return Curves(
        "loss at each place of the row", place, ys, list(curves), "place in the row (tokens)",
        "loss (nats)", (-0.05 * top, 1.05 * top), marks=[TRAINED_ENDS],
    )  # fmt: skip


def by_steps_back(weights: Float[Tensor, "heads length length"]) -> Float[Tensor, "heads length"]:
    """The weight of the key so many steps before its query: the mean over the queries that see it.

    NaN where no query does.

    >>> by_steps_back(torch.tensor([[[1.0, math.nan], [0.25, 0.75]]]))
    tensor([[0.8750, 0.2500]])
    """
    places = torch.arange(weights.shape[-1])
    key = places[:, None] - places  # (query, steps)
    there = weights.gather(-1, key.clamp(min=0).expand_as(weights))
    return there.masked_fill(key < 0, math.nan).nanmean(-2)


@lru_cache(maxsize=4)
def _weights(encoding: str, reading: str) -> Tensor:
    """The weights of the first of the longest rows, (heads, query, key) in float64."""
    row = scored_batch(SHORT, "sum", "test", SHORT.longest).x[:1]
    return attention_weights(precise(stored_model(encoding)), row, encoding, reading)[0]


def _data() -> dict[str, Any]:
    """What the page takes from the library: see `page_length.js`."""
    models, short, scaled, read_as = {}, {}, {}, {}
    for name in titles():
        model = stored_model(name)
        if name in SCALED:
            encoding = precise(model).layers[0].attention.encoding
            scaled[name] = encoding_tables(encoding, torch.arange(SHORT.longest))
        else:
            longest, shortest = (positions_of(SHORT, name, n) for n in (SHORT.longest, TRAINED))
            models[name] = exported(model, longest, only_weights=True)
            short[name] = start_table(model, shortest)
        read_as[name] = {
            way: {
                part: values.numpy().astype(np.float32).tobytes()
                for part, values in stored_numbers(name, way)._asdict().items()
            }
            for way in WAYS.values()
        }
    row = scored_batch(SHORT, "sum", "test", SHORT.longest).x[0]
    return {
        "models": models,
        "scaled": scaled,
        "short": short,
        "numbers": read_as,
        "row": row.to(torch.uint8).numpy().tobytes(),
        "trained": TRAINED,
        "mark": list(TRAINED_ENDS),
        "guessing": NOISE_FLOOR,
    }
