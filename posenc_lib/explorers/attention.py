"""The panel of notebook 04: one untrained attention layer under your hands."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from posenc_lib.base.doors import PositionEncoding
from posenc_lib.base.no_encoding import NoEncoding
from posenc_lib.base.relative import band_mask, relative_positions
from posenc_lib.explorers.attention_layer import (
    DIM,
    LENGTH,
    Factory,
    attend,
    check_head,
    embeddings,
    encoding_of,
    shortened,
)
from posenc_lib.explorers.panel import Choice, LogSlider, Panel, Slider, Text
from posenc_lib.plots.views import Curves, Heatmap, View
from posenc_lib.registry import encodings as registry

HEADS, WINDOW = 8, 2
MASKS = {"none": "none", "causal": "causal", f"window ({WINDOW} on each side)": "window"}


def attention_explorer(
    *, encodings: Mapping[str, Factory | PositionEncoding | str] | None = None, **settings: object
) -> Panel:
    """Weights, scores and their spread, for a sentence, a mask and a position encoding.

    The sentence is split at spaces, then repeated or cut to `length` tokens. The weights are
    random and never trained. Every encoding of the registry can be chosen, by its name.
    `encodings` adds your own: a name and a `PositionEncoding`, a name of the registry, or a
    function of (dim, heads, length) that returns an encoding. `settings` are first values of the
    controls: sentence, length, dim, heads, head, scale, mask, encoding.

    Raises TypeError for an encoding that is none of these, ValueError for a name that is taken
    and for settings out of range.

    >>> panel = attention_explorer(encoding="nezha", length=7)
    >>> panel.views[0].values.shape
    (7, 7)
    """
    own = _own_encodings(encodings or {})
    titles = {name: entry.title for name, entry in registry().items()} | {n: n for n in own}

    @torch.no_grad()
    def compute(
        sentence: str, length: int, dim: int, heads: int, head: int, scale: float,
        mask: str, encoding: str,
    ) -> list[View]:  # fmt: skip
        check_head(dim, heads, head)
        tokens = (sentence.split() * length)[:length]
        x, seen = embeddings(tokens, dim), _mask_of(mask, length)
        chosen = encoding_of(
            own.get(encoding, encoding), dim, heads, causal=mask == "causal", length=length
        )
        scores, weights = attend(x, heads, head, chosen, mask=seen, scale=scale)
        compared = {encoding: weights}
        if encoding != "none":
            compared["none"] = attend(x, heads, head, NoEncoding(), mask=seen, scale=scale)[1]
        compared = {titles[name]: found for name, found in compared.items()}
        return _maps(tokens, scores, weights, seen) + _curves(compared, seen)

    return Panel(
        title="Attention of one untrained layer",
        controls=[
            Text("sentence", "the dog chased the cat"),
            Slider("length", 5, 2, LENGTH, label="length (tokens)"),
            Slider("dim", 32, 8, DIM, step=8),
            Slider("heads", 2, 1, HEADS),
            Slider("head", 0, 0, HEADS - 1, label="head shown"),
            LogSlider("scale", 1.0, 0.1, 20.0, label="scale (times q·k)"),
            Choice("mask", "none", MASKS),
            Choice("encoding", "none", {title: name for name, title in titles.items()}),
        ],
        compute=compute,
        settings=settings,
        explorer="attention_explorer",
        own=own,
    )


def mean_by_distance(
    weights: Float[Tensor, "length length"], seen: Bool[Tensor, "length length"]
) -> Float[Tensor, " distances"]:
    """Mean weight at each distance -(length - 1) .. length - 1, NaN where nothing is seen.

    >>> mean_by_distance(torch.eye(2), torch.ones(2, 2, dtype=torch.bool)).tolist()
    [0.0, 1.0, 0.0]
    """
    length = len(weights)
    row = (relative_positions(length, length) + length - 1).flatten()
    nothing = torch.zeros(2 * length - 1)
    count = nothing.index_add(0, row, seen.flatten().float())
    return nothing.index_add(0, row, (weights * seen).flatten()) / count


def keys_used(weights: Float[Tensor, "query key"]) -> Float[Tensor, " query"]:
    """exp(entropy) of each row: 1 when all weight lies on one key, n when n share it evenly.

    >>> keys_used(torch.tensor([[1.0, 0.0], [0.5, 0.5]])).tolist()
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


def _mask_of(mask: str, length: int) -> Bool[Tensor, "{length} {length}"]:
    before = WINDOW if mask == "window" else None
    after = {"none": None, "causal": 0, "window": WINDOW}[mask]
    return band_mask(relative_positions(length, length), before=before, after=after)


def _maps(tokens: list[str], scores: Tensor, weights: Tensor, seen: Tensor) -> list[View]:
    ticks = shortened(tokens)
    common: dict[str, Any] = {
        "row_label": "query", "column_label": "key", "row_ticks": ticks, "column_ticks": ticks,
        "square": True,
    }  # fmt: skip
    scores, shown = (part.masked_fill(~seen, math.nan) for part in (scores, weights))
    limits = (0.0, float(weights.max()))
    return [
        Heatmap(
            "weights", shown, value_label="weight", limits=limits, palette="sequential", **common
        ),
        Heatmap("scores", scores, value_label="score", **common),
    ]


def _curves(compared: Mapping[str, Tensor], seen: Tensor) -> list[View]:
    length = len(seen)
    labels = list(compared)
    return [
        Curves(
            "mean weight by distance", torch.arange(1 - length, length),
            torch.stack([mean_by_distance(weights, seen) for weights in compared.values()]), labels,
            "key minus query (positions)", "mean weight",
        ),
        Curves(
            "keys used by each query", torch.arange(length),
            torch.stack([keys_used(weights) for weights in compared.values()]), labels,
            "position of the query", "exp(entropy) (keys)", limits=(0.0, length + 0.5),
        ),
    ]  # fmt: skip
