"""T5 buckets and ALiBi for the panel of relative positions: what a distance adds to a score.

The causal forms leave keys after the query masked, as the layer does: T5 would put them all into
bucket 0, ALiBi would reward them.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from posenc_lib.plots.views import Curves, Heatmap, View
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


def bias_views(form: str, head: int, relative: Tensor, distance: Tensor) -> list[View]:
    """The views of one of these forms, for a matrix of distances and for each distance once."""
    kind, *causal = form.split()
    if causal:
        distance = distance[distance <= 0]
    if kind == "T5":
        return _t5(bool(causal), relative, distance)
    return _alibi(bool(causal), head, relative, distance)


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


def _t5(causal: bool, relative: Tensor, distance: Tensor) -> list[View]:
    options = _settings(causal)
    bucket = t5_bucket(relative, **options)
    pairs = torch.bincount(bucket[relative <= 0] if causal else bucket.flatten(), minlength=BUCKETS)
    name = "T5 buckets, causal" if causal else "T5 buckets"
    last = BUCKETS - 1
    return [
        Heatmap(
            name, _without_future(bucket, relative, causal), "query", "key", "bucket", (0, last),
            "sequential", square=True,
        ),
        Curves(
            f"{name}, by distance", distance, t5_bucket(distance, **options), "bucket",
            DISTANCE, "bucket", (-0.05 * last, 1.05 * last),
        ),
        Curves(
            "How many pairs share a bucket", torch.arange(BUCKETS), pairs, "pairs", "bucket",
            "number of pairs", (0.0, 1.05 * float(pairs.max())),
        ),
    ]  # fmt: skip


def _alibi(causal: bool, head: int, relative: Tensor, distance: Tensor) -> list[View]:
    alibi = AlibiBias(HEADS, causal=causal)
    curves = alibi.by_distance(distance)
    labels = [f"head {h} ({slope})" for h, slope in enumerate(SLOPES)]
    name = "ALiBi, causal" if causal else "ALiBi"
    return [
        Heatmap(
            f"{name}, head {head} (slope {SLOPES[head]}): bias",
            _without_future(alibi.by_distance(relative)[head], relative, causal),
            "query", "key", "bias", (min(float(curves.min()), -0.5), 0.0),  # for every head
            "sequential", square=True,
        ),
        Curves("bias of every head (slope)", distance, curves, labels, DISTANCE, "bias"),
        Curves(
            "what is left of a weight", distance, curves.exp(), labels, DISTANCE,
            "exp(bias)", (0.0, 1.05),
        ),
    ]  # fmt: skip


def _without_future(values: Tensor, relative: Tensor, causal: bool) -> Tensor:
    return values.double().masked_fill(relative > 0, math.nan) if causal else values
