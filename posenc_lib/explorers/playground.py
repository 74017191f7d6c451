"""The playground: any two encodings of the registry, side by side in one untrained layer."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from posenc_lib.base.relative import band_mask, relative_positions
from posenc_lib.explorers.attention import mean_by_distance
from posenc_lib.explorers.attention_layer import (
    DIM,
    LENGTH,
    attend,
    check_head,
    embeddings,
    encoding_of,
    shortened,
)
from posenc_lib.explorers.panel import Choice, Panel, Slider, Text, Toggle
from posenc_lib.plots.views import Curves, Heatmap, View
from posenc_lib.registry import encodings

HEADS = 8


def playground_explorer(**settings: object) -> Panel:
    """Two encodings in the same layer: scores on one colour scale, means by distance.

    The layer is that of `attention_explorer`: random, never trained, the same for both. With
    `repeated` every token is the first word of the sentence, so that all that differs along a row
    is position. Controls: `first` and `second` (names of the registry), `length`, `dim`, `heads`,
    `head` (shown), `mask` ("none", "causal"), `sentence`, `repeated`.

    Raises ValueError for a setting out of its range, heads that do not divide dim, a head that
    does not exist, and an encoding that knows no future without the causal mask.

    >>> panel = playground_explorer(first="alibi", second="t5", length=6)
    >>> [view.name for view in panel.views[:2]]
    ['scores: ALiBi', 'scores: T5']
    """
    known = encodings()
    choices = {entry.title: name for name, entry in known.items()}

    @torch.no_grad()
    def compute(
        first: str, second: str, length: int, dim: int, heads: int, head: int, mask: str,
        sentence: str, repeated: bool,
    ) -> list[View]:  # fmt: skip
        check_head(dim, heads, head)
        causal = mask == "causal"
        for name in (first, second):
            if known[name].causal_only and not causal:
                raise ValueError(f"{known[name].title} knows no future: choose the causal mask.")
        words = sentence.split()
        tokens = words[:1] * length if repeated else (words * length)[:length]
        x = embeddings(tokens, dim)
        seen = band_mask(
            relative_positions(length, length), before=None, after=0 if causal else None
        )
        made = [encoding_of(n, dim, heads, causal=causal, length=length) for n in (first, second)]
        found = [attend(x, heads, head, encoding, mask=seen) for encoding in made]
        titles = [known[name].title for name in (first, second)]
        scores, weights = zip(*found, strict=True)
        return _maps(titles, scores, seen, tokens) + _curves(titles, scores, weights, seen)

    return Panel(
        title="Two encodings in one untrained layer",
        controls=[
            Choice("first", "sinusoidal", choices, label="first encoding"),
            Choice("second", "rope", choices, label="second encoding"),
            Slider("length", 32, 2, LENGTH, label="length (tokens)"),
            Slider("dim", 64, 8, DIM, step=8),
            Slider("heads", 2, 1, HEADS),
            Slider("head", 0, 0, HEADS - 1, label="head shown"),
            Choice("mask", "none", ["none", "causal"]),
            Text("sentence", "the dog chased the cat"),
            Toggle("repeated", True, label="repeat the first word only"),
        ],
        compute=compute,
        explorer="playground_explorer",
        settings=settings,
    )


def _maps(titles: list[str], scores: tuple[Tensor, ...], seen: Tensor, tokens: list[str]) -> list:
    shown = [part.masked_fill(~seen, math.nan) for part in scores]
    every = torch.stack(scores)[:, seen]
    low, high = float(every.min()), float(every.max())
    even = high - low <= 1e-5 * max(abs(low), abs(high))  # rounding noise has no colour scale
    ticks = None
    if len(set(tokens)) > 1:  # otherwise the numbers of the positions say more
        ticks = shortened(tokens)
    return [
        Heatmap(
            f"scores: {title}", part, "query", "key", "score",
            None if even else (low, high), "sequential",
            row_ticks=ticks, column_ticks=ticks, square=True,
        )
        for title, part in zip(titles, shown, strict=True)
    ]  # fmt: skip


def _curves(
    titles: list[str], scores: tuple[Tensor, ...], weights: tuple[Tensor, ...], seen: Tensor
) -> list[View]:
    length, causal = len(seen), not seen[0, -1]
    distance = torch.arange(1 - length, 1 if causal else length)
    labels = list(dict.fromkeys(titles))  # one curve where both are the same
    views: list[View] = []
    for name, parts in (("score", scores), ("weight", weights)):
        means = [
            mean_by_distance(part.masked_fill(~seen, 0.0), seen)[: len(distance)]
            for part in parts[: len(labels)]
        ]
        views.append(
            Curves(
                f"mean {name} by distance", distance, torch.stack(means), labels,
                "key minus query (positions)", f"mean {name}",
            )
        )  # fmt: skip
    return views
