"""The panel of notebook 11: a bias that rewards the future, beside the penalty it should be."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from posenc_lib.explorers.attention_layer import LENGTH, WINDOW, mask_of, mean_by_distance
from posenc_lib.explorers.panel import Choice, Panel, Slider, UpTo
from posenc_lib.faults import biases
from posenc_lib.layers.dot_product import softmax_of_seen
from posenc_lib.plots.views import Curves, Heatmap, View
from posenc_lib.scores.alibi import alibi_slopes

FAULT = biases.shortcut_both_ways
SLOPES = {f"1/{1 / slope:g}": slope for slope in alibi_slopes(8).tolist()}
MASKS = {"none": "none", "causal": "causal", f"window ({WINDOW} on each side)": "window"}
LABELS = ("adds m·j (wrong)", "takes off m·|i - j| (right)")
QUESTION = (
    "Move the length from 4 to 64. What becomes of the mean weight at distance 0, and which mask "
    "makes the fault invisible?"
)


def museum_explorer(*, question: str | None = None, **settings: object) -> Panel:
    """The fault `faults.biases.shortcut_both_ways` beside its mended form, for equal tokens.

    All tokens are the same word, so the bias alone makes the weights. Controls: `length`, `mask`
    ("none", "causal", "window"), `slope`, `query` (the one whose biases are drawn). `question`
    stands in the head of the panel.

    Raises ValueError for a setting out of its range.

    >>> panel = museum_explorer(length=4, mask="causal")
    >>> wrong, right = panel.views[0].ys
    >>> bool(abs(wrong - right)[:4].max() < 1e-12)
    True
    """
    return Panel(
        title="A bias that rewards the future",
        controls=[
            Slider("length", 12, 2, LENGTH, label="length (tokens)"),
            Choice("mask", "none", MASKS),
            Choice("slope", 0.5, SLOPES),
            Slider("query", 1, 0, LENGTH - 1, label="query shown", upto=UpTo("length", plus=-1)),
        ],
        compute=_views,
        settings=settings,
        explorer="museum_explorer",
        page="museum",
        data={"window": WINDOW},
        question=QUESTION if question is None else question,
        front=("length", "mask", "slope", "query"),
    )


def _views(length: int, mask: str, slope: float, query: int) -> list[View]:
    seen = mask_of(mask, length)
    added = [make(length, slope).double() for make in (FAULT, FAULT.right)]
    weights = [softmax_of_seen(bias, seen) for bias in added]
    most = max(float(part.max()) for part in weights)
    masked = "" if bool(seen.all()) else " (grey: masked)"
    common: dict[str, Any] = {
        "square": True, "marks": ((query, None),), "picks": ("query", None),
    }  # fmt: skip
    return [
        Curves(
            "mean weight by distance", torch.arange(1 - length, length),
            torch.stack([mean_by_distance(part, seen) for part in weights]), LABELS,
            "key minus query (positions)", "mean weight", limits=(0.0, 1.05),
            marks=((0, "distance 0"),),
        ),
        *(
            Heatmap(
                f"weights: {label}", part.masked_fill(~seen, math.nan), "query",
                "key (one word again and again)", f"weight{masked}", (0.0, most), "sequential",
                **common,
            )
            for label, part in zip(LABELS, weights, strict=True)
        ),
        Curves(
            f"what is added to the scores of query {query}", torch.arange(length),
            torch.stack([_row(part, seen, query) for part in added]), LABELS,
            "position of the key", "bias", marks=((query, f"query {query}"),),
        ),
    ]  # fmt: skip


def _row(part: Tensor, seen: Tensor, query: int) -> Tensor:
    return part[query].masked_fill(~seen[query], math.nan)
