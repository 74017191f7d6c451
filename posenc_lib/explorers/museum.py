"""The panel of notebook 11: a fault of the museum beside its mended form, and its thread.

The first exhibit is a bias that rewards the future; those of inference stacks stand in
`museum_servers`.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from posenc_lib.explorers import museum_servers
from posenc_lib.explorers.attention_layer import LENGTH, WINDOW, mask_of, mean_by_distance
from posenc_lib.explorers.panel import Choice, Panel, Slider, UpTo
from posenc_lib.faults import biases
from posenc_lib.faults.address import address_of
from posenc_lib.layers.dot_product import softmax_of_seen
from posenc_lib.plots.views import Curves, Heatmap, View
from posenc_lib.scores.alibi import alibi_slopes

FAULT = biases.shortcut_both_ways
SLOPES = {f"1/{1 / slope:g}": slope for slope in alibi_slopes(8).tolist()}
MASKS = {"none": "none", "causal": "causal", f"window ({WINDOW} on each side)": "window"}
_FOUND = address_of(FAULT.__name__)
THREAD = _FOUND.short if _FOUND else ""
LABELS = ("adds m·j (wrong)", "takes off m·|i - j| (right)")
REWARD = "reward"
EXHIBITS = {"ALiBi that likes the future": REWARD} | {
    label: exhibit for exhibit, label in museum_servers.LABELS.items()
}
QUESTIONS = {
    REWARD: "Move the length from 4 to 64. What becomes of the mean weight at distance 0, and "
    "which mask makes the fault invisible?",
    "half": "At which position is a cosine wrong by more than a tenth for the first time?",
    "ntk": "At which length of the long text does the short one begin to suffer?",
    "long": "Move the length over 16. What becomes of the score with the keys that were there?",
    "padding": "Two of the three ways to count give one curve. Which one does RoPE not forgive?",
    "grouped": "How many rows does one key head have, and in which steps were they taken?",
    "llama": "Up to which position would a test with short texts have seen nothing?",
    "t5": "What does the newest token take every key for?",
    "pictures": "From which token on are the two curves apart, and do they meet again?",
    "masks": "What does the first row read, and which of the three masks is to blame?",
}
"""What the panel asks, for each exhibit that it may start with."""


def museum_explorer(*, question: str | None = None, **settings: object) -> Panel:
    """A fault of the museum beside its mended form.

    `exhibit` is "reward" (the fault `faults.biases.shortcut_both_ways`, for equal tokens: the bias
    alone makes the weights) or one of those of inference stacks: "half", "ntk", "long", "padding",
    "grouped", "llama", "t5", "pictures", "masks". The title of a picture ends with the public
    thread of the fault, where there is one. Controls: `exhibit`, `length`; and for "reward" `mask`
    ("none", "causal", "window"), `slope`, `query` (the one whose biases are drawn). `question`
    stands in the head of the panel instead of its own, which depends on the exhibit that it starts
    with.

    Raises ValueError for a setting out of its range.

    >>> panel = museum_explorer(length=4, mask="causal")
    >>> wrong, right = panel.views[0].ys
    >>> bool(abs(wrong - right)[:4].max() < 1e-12)
    True
    >>> museum_explorer(exhibit="t5", length=4).views[0].ys
    array([[0., 0., 0., 0.],
           [3., 2., 1., 0.]])
    """
    asked = QUESTIONS.get(str(settings.get("exhibit", REWARD)), QUESTIONS[REWARD])
    reward = ("exhibit", (REWARD,))
    by_length = [exhibit for exhibit in EXHIBITS.values() if exhibit not in museum_servers.FIXED]
    return Panel(
        title="A fault beside its mended form",
        controls=[
            Choice("exhibit", REWARD, EXHIBITS),
            Slider(
                "length", 12, 2, LENGTH, label="length (tokens)", needs=("exhibit", by_length)
            ),
            Choice("mask", "none", MASKS, needs=reward),
            Choice("slope", 0.5, SLOPES, needs=reward),
            Slider(
                "query", 1, 0, LENGTH - 1, label="query shown", upto=UpTo("length", plus=-1),
                needs=reward,
            ),
        ],
        compute=_views,
        settings=settings,
        explorer="museum_explorer",
        page="museum",
        data={"window": WINDOW, "thread": THREAD} | museum_servers.data(),
        question=asked if question is None else question,
        front=("exhibit", "length", "mask", "query"),
    )  # fmt: skip


def _views(exhibit: str, length: int, mask: str, slope: float, query: int) -> list[View]:
    if exhibit != REWARD:
        return museum_servers.VIEWS[exhibit](length)
    return _reward(length, mask, slope, query)


def _reward(length: int, mask: str, slope: float, query: int) -> list[View]:
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
            f"mean weight by distance ({THREAD})", torch.arange(1 - length, length),
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
