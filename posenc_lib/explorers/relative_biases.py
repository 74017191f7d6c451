"""T5 buckets and ALiBi for the panel of relative positions: what a distance adds to a score.

The causal forms leave keys after the query masked, as the layer does: T5 would put them all into
bucket 0, ALiBi would reward them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from posenc_lib.plots.views import Curves, Heatmap, Pick, View
from posenc_lib.scores.alibi import AlibiBias, alibi_slopes
from posenc_lib.scores.t5 import t5_bucket

HEADS, BUCKETS, MAX_DISTANCE = 8, 32, 128
DISTANCE = "key minus query (positions)"
SLOPES = [f"1/{1 / slope:g}" for slope in alibi_slopes(HEADS).tolist()]

BIAS_FORMS = {
    "T5 buckets, both directions": "T5",
    "T5 buckets, causal": "T5 causal",
    "ALiBi, both directions": "ALiBi",
    "ALiBi, causal": "ALiBi causal",
}
"""What the drop-down shows, to the form."""


@dataclass(frozen=True)
class Cell:
    """The cell of the matrix that is shown, and how its views mark and choose it."""

    query: int
    key: int
    queries: int
    keys: int
    offset: int

    @property
    def distance(self) -> int:
        """Key minus query."""
        return self.key - self.query - self.offset

    @property
    def square(self) -> dict[str, Any]:
        """For the matrix: the row of the query, and every cell of the same distance."""
        to = self.offset + self.distance
        alike = [(i, i + to) for i in range(self.queries) if 0 <= i + to < self.keys]
        return {"marks": [(self.query, None), *alike], "picks": ("query", "key")}

    def marks(self, distance: Tensor, clip: Sequence[int] = ()) -> list[tuple[int, str]]:
        """For curves over these distances: the cell's own, and where clipping begins."""
        words: dict[int, str] = {}
        for end in sorted(set(clip)):
            words[end] = "K" if end >= 0 else "−K"
        words[self.distance] = ", ".join(
            [
                f"distance {self.distance}".replace("-", "−"),
                *filter(None, [words.get(self.distance)]),
            ]
        )
        first, last = int(distance[0]), int(distance[-1])
        return [(at, words[at]) for at in sorted(words) if first <= at <= last]

    def pick(self, distance: Tensor) -> Pick:
        """A tap on a distance chooses the key that stands there, seen from the query."""
        keys = (distance + self.query + self.offset).tolist()
        return "key", [key if 0 <= key < self.keys else None for key in keys]


def bias_views(form: str, head: int, relative: Tensor, distance: Tensor, cell: Cell) -> list[View]:
    """The views of one of these forms, for a matrix of distances and for each distance once."""
    kind, *causal = form.split()
    if causal:
        distance = distance[distance <= 0]
    if kind == "T5":
        return _t5(bool(causal), relative, distance, cell)
    return _alibi(bool(causal), head, relative, distance, cell)


def page_data() -> dict[str, object]:
    """What the page takes from the library: the distances at which T5's buckets begin, for both
    directions and causal, and the slopes of ALiBi."""
    away = -torch.arange(MAX_DISTANCE + 1)
    t5 = []
    for causal in (False, True):
        bucket = t5_bucket(away, **_settings(causal))
        edges = torch.searchsorted(bucket, torch.arange(1, int(bucket[-1]) + 1))
        t5.append({"edges": edges.tolist(), "buckets": BUCKETS})
    return {"t5": t5, "alibi": {"slopes": alibi_slopes(HEADS).tolist(), "names": SLOPES}}


def _settings(causal: bool) -> dict[str, Any]:
    return {"buckets": BUCKETS, "max_distance": MAX_DISTANCE, "bidirectional": not causal}


def _t5(causal: bool, relative: Tensor, distance: Tensor, cell: Cell) -> list[View]:
    options = _settings(causal)
    bucket = t5_bucket(relative, **options)
    pairs = torch.bincount(bucket[relative <= 0] if causal else bucket.flatten(), minlength=BUCKETS)
    name = "T5 buckets, causal" if causal else "T5 buckets"
    last = BUCKETS - 1
    own = int(bucket[cell.query, cell.key])
    seen = not causal or cell.distance <= 0
    return [
        Heatmap(
            name, _without_future(bucket, relative, causal), "query", "key", "bucket", (0, last),
            "sequential", square=True, **cell.square,
        ),
        Curves(
            "How many pairs share a bucket", torch.arange(BUCKETS), pairs, "pairs", "bucket",
            "number of pairs", (0.0, 1.05 * float(pairs.max())),
            marks=[(own, f"bucket {own}")] if seen else [],
        ),
        Curves(
            f"{name}, by distance", distance, t5_bucket(distance, **options), "bucket",
            DISTANCE, "bucket", (-0.05 * last, 1.05 * last),
            marks=cell.marks(distance), picks=(cell.pick(distance), None),
        ),
    ]  # fmt: skip


def _alibi(causal: bool, head: int, relative: Tensor, distance: Tensor, cell: Cell) -> list[View]:
    alibi = AlibiBias(HEADS, causal=causal)
    curves = alibi.by_distance(distance)
    labels = [f"head {h} ({slope})" for h, slope in enumerate(SLOPES)]
    name = "ALiBi, causal" if causal else "ALiBi"
    chosen: dict[str, Any] = {
        "marks": cell.marks(distance), "picks": (cell.pick(distance), "head"),
    }  # fmt: skip
    return [
        Heatmap(
            f"{name}, head {head} (slope {SLOPES[head]}): bias",
            _without_future(alibi.by_distance(relative)[head], relative, causal),
            "query", "key", "bias", (min(float(curves.min()), -0.5), 0.0),  # for every head
            "sequential", square=True, **cell.square,
        ),
        Curves(
            "what is left of a weight", distance, curves.exp(), labels, DISTANCE,
            "factor, exp(bias)", (0.0, 1.05), **chosen,
        ),
        Curves(
            "bias of every head (slope)", distance, curves, labels, DISTANCE,
            "added to the score", **chosen
        ),
    ]  # fmt: skip


def _without_future(values: Tensor, relative: Tensor, causal: bool) -> Tensor:
    return values.double().masked_fill(relative > 0, math.nan) if causal else values
