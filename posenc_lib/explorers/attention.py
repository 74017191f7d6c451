"""The panel of notebook 04: one untrained attention layer under your hands."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Bool, Float64
from torch import Tensor

from posenc_lib.base.doors import PositionEncoding
from posenc_lib.base.no_encoding import NoEncoding
from posenc_lib.explorers.attention_layer import (
    DIM,
    HEADS,
    LENGTH,
    STEP,
    WINDOW,
    Factory,
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
from posenc_lib.explorers.panel import Choice, LogSlider, Panel, Slider, Text, UpTo
from posenc_lib.plots.views import Curves, Heatmap, View
from posenc_lib.registry import encodings as registry
from posenc_lib.registry import on_panels

MASKS = {"none": "none", "causal": "causal", f"window ({WINDOW} on each side)": "window"}
QUESTION = (
    "Type one word, such as la, and set the length to 20: all that varies then is position. "
    "For which encodings are the scores constant along every diagonal?"
)


def attention_explorer(
    *,
    encodings: Mapping[str, Factory | PositionEncoding | str] | None = None,
    question: str | None = None,
    **settings: object,
) -> Panel:
    """Scores, weights and their spread, for a sentence, a mask and a position encoding.

    The sentence is split at spaces, then repeated or cut to `length` tokens. The weights are
    random and never trained. Every encoding of the registry can be chosen, by its name.
    `encodings` adds your own: a name and a `PositionEncoding`, a name of the registry, or a
    function of (dim, heads, length) that returns an encoding. Such a panel is computed in the
    kernel, any other in the page. `question` stands in its head. `settings` are first values of the
    controls: sentence, length, dim, heads, head, query (the one whose weights are drawn), scale,
    mask, encoding.

    Raises TypeError for an encoding that is none of these and for one whose methods return what
    does not fit, ValueError for a name that is taken and for settings out of range.

    >>> panel = attention_explorer(encoding="nezha", length=7)
    >>> panel.views[0].values.shape
    (7, 7)
    """
    own = _own_encodings(encodings or {})
    titles = {name: entry.title for name, entry in on_panels().items()} | {n: n for n in own}
    data = None if own else layer_data()
    question = QUESTION if question is None else question
    if own:
        names = " and ".join(own)
        question = f"{question} This panel needs its kernel, which runs {names}.".strip()

    def compute(
        sentence: str, length: int, dim: int, heads: int, head: int, query: int, scale: float,
        mask: str, encoding: str,
    ) -> list[View]:  # fmt: skip
        if encoding in registry():
            only = registry()[encoding].causal_only
            check_future(titles[encoding], causal_only=only, mask=mask)
        tokens, said = tokens_of(sentence, length)
        x, seen = embeddings(tokens, dim), mask_of(mask, length)
        chosen = encoding_of(
            own.get(encoding, encoding), dim, heads, causal=mask == "causal", length=length
        )
        check_future(titles[encoding], causal_only=chosen.causal_only, mask=mask)
        scores, weights = attend(x, heads, head, chosen, mask=seen, scale=scale)
        compared = {encoding: weights}
        if encoding != "none":
            compared["none"] = attend(x, heads, head, NoEncoding(), mask=seen, scale=scale)[1]
        styles = styles_of([list(titles).index(name) for name in compared])
        drawn = {titles[name]: found for name, found in compared.items()}
        return [
            *_maps(tokens, said, scores, weights, seen, query),
            *_curves(drawn, seen, tokens, query, styles),
        ]

    return Panel(
        title="Attention of one untrained layer",
        controls=[
            Choice("encoding", "none", {title: name for name, title in titles.items()}),
            Choice("mask", "none", MASKS),
            Text("sentence", "the dog chased the cat"),
            Slider("length", 5, 2, LENGTH, label="length (tokens)"),
            LogSlider("scale", 1.0, 0.1, 20.0, label="scale (times q·k)"),
            Slider("query", 1, 0, LENGTH - 1, label="query shown", upto=UpTo("length", plus=-1)),
            Slider("dim", STEP, STEP, DIM, step=STEP),
            Choice("heads", 2, HEADS),
            Slider("head", 0, 0, HEADS[-1] - 1, label="head shown", upto=UpTo("heads", plus=-1)),
        ],
        compute=compute,
        settings=settings,
        explorer="attention_explorer",
        own=own,
        page=None if data is None else "attention",
        data=data,
        question=question,
        front=("encoding", "mask", "sentence", "length"),
    )


def keys_used(weights: Float64[Tensor, "query key"]) -> Float64[Tensor, " query"]:
    """exp(entropy) of each row: 1 when all weight lies on one key, n when n share it evenly.

    >>> keys_used(torch.tensor([[1.0, 0.0], [0.5, 0.5]]).double()).tolist()
    [1.0, 2.0]
    """
    return torch.special.entr(weights).sum(-1).exp()


def _own_encodings(encodings: Mapping[str, Any]) -> dict[str, Any]:
    """The reader's own encodings; a name that is taken or a thing that is none is refused."""
    known = registry()
    taken = {*known, *(entry.title for entry in known.values())}
    for name, encoding in encodings.items():
        if name in taken:
            raise ValueError(f"attention_explorer: the name {name!r} is taken. Choose another.")
        if isinstance(encoding, str) and encoding in known:
            continue
        if isinstance(encoding, str) or not (
            isinstance(encoding, PositionEncoding) or callable(encoding)
        ):
            raise TypeError(
                f"attention_explorer: encodings[{name!r}] = {encoding!r} must be a "
                "PositionEncoding, a name of the registry or a function of (dim, heads, length)."
            )
    return dict(encodings)


def _maps(
    tokens: list[str],
    said: str,
    scores: Tensor,
    weights: Tensor,
    seen: Bool[Tensor, "length length"],
    query: int,
) -> list[View]:
    ticks = shortened(tokens)
    common: dict[str, Any] = {
        "row_ticks": ticks, "column_ticks": ticks, "square": True,
        "marks": ((query, None),), "picks": ("query", None),
    }  # fmt: skip
    labels = ("query", f"key ({said})")
    hidden = ~seen | torch.isinf(scores)  # an encoding of the reader's may shut keys out too
    masked = " (grey: masked)" if bool(hidden.any()) else ""
    scores, shown = (part.masked_fill(hidden, math.nan) for part in (scores, weights))
    return [
        Heatmap("scores", scores, *labels, f"score{masked}", **common),
        Heatmap(
            "weights", shown, *labels, f"weight{masked}", (0.0, float(weights.max()) or 1.0),
            "sequential", **common,
        ),
    ]  # fmt: skip


def _curves(
    compared: Mapping[str, Tensor],
    seen: Bool[Tensor, "length length"],
    tokens: list[str],
    query: int,
    styles: tuple[int, ...],
) -> list[View]:
    length = len(seen)
    labels = list(compared)
    rows = [weights[query].masked_fill(~seen[query], math.nan) for weights in compared.values()]
    most = max(float(weights[query].max()) for weights in compared.values()) or 1.0
    own = ((query, f"query {query}"),)
    return [
        Curves(
            "mean weight by distance", torch.arange(1 - length, length),
            torch.stack([mean_by_distance(weights, seen) for weights in compared.values()]), labels,
            "key minus query (positions)", "mean weight", styles=styles,
        ),
        Curves(
            "keys used by each query", torch.arange(length),
            torch.stack([keys_used(weights) for weights in compared.values()]), labels,
            "position of the query", "exp(entropy) (keys)", limits=(0.0, length + 0.5),
            styles=styles, marks=own, picks=("query", None),
        ),
        Curves(
            f"weights of query {query}: {shortened(tokens)[query]}", torch.arange(length),
            torch.stack(rows), labels, "position of the key", "weight", limits=(0.0, 1.05 * most),
            styles=styles, marks=own,
        ),
    ]  # fmt: skip
