"""The playground: any two encodings of the registry, side by side in one untrained layer."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool
from torch import Tensor

from posenc_lib.explorers.attention_layer import (
    DIM,
    HEADS,
    LENGTH,
    STEP,
    attend,
    check_future,
    embeddings,
    encoding_of,
    mask_of,
    mean_by_distance,
    shortened,
    styles_of,
    tokens_of,
)
from posenc_lib.explorers.page_forms import layer_data
from posenc_lib.explorers.panel import Choice, Panel, Slider, Text, Toggle, UpTo
from posenc_lib.plots.views import Curves, Heatmap, View
from posenc_lib.registry import on_panels

QUESTION = (
    "Set the second encoding to T5, to both kinds of KERPLE and to Sandwich. "
    "Which score 10 back and 10 ahead alike?"
)
MASKS = ("none", "causal")


def playground_explorer(*, question: str | None = None, **settings: object) -> Panel:
    """Two encodings in the same layer: mean scores by distance, weights, and all scores.

    The layer is that of `attention_explorer`: random, never trained, the same for both. With
    `repeated` it reads the first word of the sentence only, again and again, so that all that
    differs along a row is position. Each encoding has a scale of its own, or with `one_scale` both
    have the same. Controls: `first` and `second` (names of the registry), `distance` (marked),
    `mask` ("none", "causal"), `one_scale`, `length`, `dim`, `heads`, `head` (shown), `sentence`,
    `repeated`. `question` stands in the head of the panel.

    Raises ValueError for a setting out of its range, a head that does not exist, and an encoding
    that knows no future without the causal mask.

    >>> panel = playground_explorer(first="alibi", second="t5", length=6)
    >>> [view.name for view in panel.views[:2]]
    ['mean score by distance: ALiBi', 'mean score by distance: T5']
    """
    choices = {entry.title: name for name, entry in on_panels().items()}
    data = layer_data()
    return Panel(
        title="Two encodings in one untrained layer",
        controls=[
            Choice("first", "alibi", choices, label="first encoding"),
            Choice("second", "t5", choices, label="second encoding"),
            Slider(
                "distance",
                10,
                1,
                LENGTH - 1,
                label="distance marked (positions)",
                upto=UpTo("length", plus=-1),
            ),
            Choice("mask", "none", MASKS),
            Toggle("one_scale", False, label="one scale for both"),
            Slider("length", 32, 2, LENGTH, label="length (tokens)"),
            Slider("dim", 64, STEP, DIM, step=STEP),
            Choice("heads", 2, HEADS),
            Slider("head", 0, 0, HEADS[-1] - 1, label="head shown", upto=UpTo("heads", plus=-1)),
            Text("sentence", "the dog chased the cat"),
            Toggle("repeated", True, label="repeat the first word only"),
        ],
        compute=_views,
        explorer="playground_explorer",
        settings=settings,
        page=None if data is None else "playground",
        data=data,
        question=QUESTION if question is None else question,
        front=("first", "second", "distance", "mask"),
    )


def _views(
    first: str, second: str, distance: int, mask: str, one_scale: bool, length: int, dim: int,
    heads: int, head: int, sentence: str, repeated: bool,
) -> list[View]:  # fmt: skip
    known = on_panels()
    names, causal = (first, second), mask == "causal"
    titles = [known[name].title for name in names]
    for name, title in zip(names, titles, strict=True):
        check_future(title, causal_only=known[name].causal_only, mask=mask)
    tokens, said = tokens_of(sentence, length)
    if repeated:
        tokens, said = tokens[:1] * length, "the first word again and again"
    x, seen = embeddings(tokens, dim), mask_of(mask, length)
    made = [encoding_of(name, dim, heads, causal=causal, length=length) for name in names]
    found = [attend(x, heads, head, encoding, mask=seen) for encoding in made]
    scores, weights = zip(*found, strict=True)
    places = [list(known).index(name) for name in dict.fromkeys(names)]
    styles = styles_of(places)
    marks = [(away, word) for away, word in _marked(distance, causal) if abs(away) < length]
    return [
        *_mean_scores(titles, scores, seen, (styles[0], styles[-1]), marks, one_scale),
        _mean_weights(titles, weights, seen, styles, marks),
        *_maps(titles, scores, seen, tokens, said, one_scale),
    ]


def _marked(distance: int, causal: bool) -> list[tuple[int, str]]:
    back, ahead = (-distance, f"{distance} back"), (distance, f"{distance} ahead")
    return [back] if causal else [back, ahead]


def _together(parts: list[Tensor], one_scale: bool) -> tuple[float, float] | None:
    """The limits that both share, if they are to."""
    every = torch.stack(parts)
    every = every[~every.isnan()]
    low, high = float(every.min()), float(every.max())
    even = high - low <= 1e-5 * max(abs(low), abs(high))  # rounding noise has no scale
    return (low, high) if one_scale and not even else None


def _mean_scores(
    titles: list[str],
    scores: tuple[Tensor, ...],
    seen: Bool[Tensor, "length length"],
    styles: tuple[int, int],
    marks: list[tuple[int, str]],
    one_scale: bool,
) -> list[View]:
    away = _distances(seen)
    means = [mean_by_distance(part, seen)[: len(away)] for part in scores]
    limits = _together(means, one_scale)
    if limits:
        air = 0.05 * (limits[1] - limits[0])
        limits = (limits[0] - air, limits[1] + air)
    return [
        Curves(
            f"mean score by distance: {title}", away, mean, [title],
            "key minus query (positions)", "mean score", limits, styles=(style,), marks=marks,
        )
        for title, mean, style in zip(titles, means, styles, strict=True)
    ]  # fmt: skip


def _mean_weights(
    titles: list[str],
    weights: tuple[Tensor, ...],
    seen: Bool[Tensor, "length length"],
    styles: tuple[int, ...],
    marks: list[tuple[int, str]],
) -> View:
    away = _distances(seen)
    labels = list(dict.fromkeys(titles))  # one curve where both are the same
    means = [mean_by_distance(part, seen)[: len(away)] for part in weights[: len(labels)]]
    return Curves(
        "mean weight by distance", away, torch.stack(means), labels,
        "key minus query (positions)", "mean weight", styles=styles, marks=marks,
    )  # fmt: skip


def _maps(
    titles: list[str],
    scores: tuple[Tensor, ...],
    seen: Bool[Tensor, "length length"],
    tokens: list[str],
    said: str,
    one_scale: bool,
) -> list[View]:
    shown = [part.masked_fill(~seen, math.nan) for part in scores]
    limits = _together(shown, one_scale)
    ticks = None
    if len(set(tokens)) > 1:  # otherwise the numbers of the positions say more
        ticks = shortened(tokens)
    masked = "" if bool(seen.all()) else " (grey: masked)"
    return [
        Heatmap(
            f"scores: {title}{', one scale' * one_scale}", part, "query", f"key ({said})",
            f"score{masked}", limits,
            "sequential", row_ticks=ticks, column_ticks=ticks, square=True,
        )
        for title, part in zip(titles, shown, strict=True)
    ]  # fmt: skip


def _distances(seen: Bool[Tensor, "length length"]) -> Tensor:
    length = len(seen)
    return torch.arange(1 - length, length if seen[0, -1] else 1)
