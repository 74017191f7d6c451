"""The panel of notebook 03: distances, what is made of them, and how often each one occurs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import torch

from posenc_lib.base.relative import band_mask, clip_relative, relative_positions
from posenc_lib.explorers.panel import Choice, Panel, Slider, Toggle, UpTo
from posenc_lib.explorers.relative_biases import (
    BIAS_FORMS,
    DISTANCE,
    HEADS,
    Cell,
    bias_views,
    page_data,
)
from posenc_lib.plots.views import Curves, Heatmap, View
from posenc_lib.scores.nezha import nezha_table
from posenc_lib.scores.shaw import shaw_scores

FARTHEST, LONGEST, WIDEST = 64, 128, 128
TABLES, ALIBI = ("Shaw", "NEZHA"), ("ALiBi", "ALiBi causal")
FORMS = {
    "key minus query": "raw",
    "clipped": "clipped",
    "band (window)": "band",
    "Shaw scores (random table)": "Shaw",
    "NEZHA scores (fixed table)": "NEZHA",
    **BIAS_FORMS,
}


QUESTIONS = {
    "raw": (
        "Tap a cell: where else does the same distance stand? "
        "Then move the offset: which of its cells stay?",
        ("form", "query", "key", "offset"),
    ),
    "clipped": (
        "From which K on is distance 0 the most frequent value?",
        ("form", "clip", "length", "queries"),
    ),
    "band": (
        "How many pairs are left within K, and how fast does their number grow with K?",
        ("form", "clip", "length", "queries"),
    ),
    **dict.fromkeys(TABLES, (
        "Raise the dim from 2: at which distance does this query look?",
        ("form", "dim", "clip", "same_query"),
    )),
    **dict.fromkeys(("T5", "T5 causal"), (
        "Move the length and the queries to 128: which bucket serves the most pairs?",
        ("form", "length", "queries"),
    )),
    **dict.fromkeys(ALIBI, (
        "For which heads is less than a tenth of a weight left 20 steps back?",
        ("form", "head", "query", "key"),
    )),
}  # fmt: skip
"""For each form that the panel may start with: what it asks, and the controls in sight."""


def relative_explorer(
    *, question: str | None = None, front: Sequence[str] | None = None, **settings: object
) -> Panel:
    """The matrix key minus query, clipped, as a band, as T5 buckets or the bias of ALiBi, or
    turned into scores by a table.

    Controls: `form`, `length` (keys), `queries`, `offset` of the first query, `clip` (K; for
    "band" the window to either side), `dim` (of a head), `same_query` (one query vector for all
    rows, or one each), `head` (0 to 7 of 8), `query` and `key` (the cell shown: it is marked with
    its row and with all cells of its distance). Queries and Shaw's table are N(0, 1) from a fixed
    seed. `question` and `front` (the controls in sight) stand in the head of the panel instead of
    its own, which depend on the form that it starts with.

    Forms: "raw", "clipped", "band", "Shaw", "NEZHA", "T5" (32 buckets, distances to 128), "T5
    causal", "ALiBi" (both directions) and "ALiBi causal". Only "clipped", "band", "Shaw" and
    "NEZHA" use `clip`, only "Shaw" and "NEZHA" `dim` and `same_query`, only ALiBi `head`: the
    others are greyed out.

    Raises ValueError for a setting out of its range.

    >>> panel = relative_explorer(queries=2, length=3)
    >>> panel.views[0].values
    array([[ 0.,  1.,  2.],
           [-1.,  0.,  1.]])
    """
    asked, in_sight = QUESTIONS.get(str(settings.get("form", "raw")), QUESTIONS["raw"])
    return Panel(
        title="Relative positions",
        controls=[
            Choice("form", "raw", FORMS),
            Slider("length", 12, 1, LONGEST, label="length (keys)"),
            Slider("queries", 12, 1, LONGEST),
            Slider("offset", 0, 0, LONGEST, label="offset of the queries"),
            Slider(
                "clip",
                4,
                0,
                FARTHEST,
                label="clip distance K",
                needs=("form", ("clipped", "band", *TABLES)),
            ),
            Slider("dim", 32, 2, WIDEST, step=2, label="dim of a head", needs=("form", TABLES)),
            Toggle(
                "same_query",
                True,
                label="the same query vector everywhere",
                needs=("form", TABLES),
            ),
            Slider("head", 0, 0, HEADS - 1, label="head (ALiBi)", needs=("form", ALIBI)),
            Slider("query", 0, 0, LONGEST - 1, label="query shown", upto=UpTo("queries", plus=-1)),
            Slider("key", 0, 0, LONGEST - 1, label="key shown", upto=UpTo("length", plus=-1)),
        ],
        compute=_views,
        settings=settings,
        explorer="relative_explorer",
        page="relative",
        data=_data(),
        question=question or asked,
        front=front or in_sight,
    )


def _views(
    form: str,
    length: int,
    queries: int,
    offset: int,
    clip: int,
    dim: int,
    same_query: bool,
    head: int,
    query: int,
    key: int,
) -> list[View]:
    relative = relative_positions(queries, length, offset=offset)
    distance = torch.arange(1 - queries - offset, length - offset)  # all that occur
    cell = Cell(query, key, queries, length, offset)
    if form in BIAS_FORMS.values():
        return bias_views(form, head, relative, distance, cell)
    if form in TABLES:
        return _scores(form, relative, distance, clip, dim, same_query, cell)
    matrix, curve = (_form_matrix(form, tensor, clip) for tensor in (relative, distance[None]))
    name = {"raw": "key minus query", "clipped": f"clipped at {clip}", "band": f"within {clip}"}
    far = max(float(distance.abs().max()), 1.0)  # one colour scale, however far K is moved
    found, pairs = np.unique(matrix[np.isfinite(matrix)], return_counts=True)
    if not found.size:  # a band that no key falls into
        found, pairs = np.array([0.0]), np.array([0])
    wide, tall = 1.05 * far, 1.05 * max(float(pairs.max()), 1.0)
    value = matrix[query, key]
    ends = () if form == "raw" else (-clip, clip)
    return [
        _matrix(name[form], matrix, "positions", cell, limits=(-far, far)),
        Curves(
            "How many pairs share a value", found, pairs[None], ["pairs"],
            "value in the matrix (positions)", "number of pairs", limits=(0.0, tall),
            marks=[] if np.isnan(value) else [(value, f"query {query}, key {key}")],
        ),
        Curves(
            f"{name[form]}, by distance", distance.numpy(), curve, ["value"],
            DISTANCE, "positions", limits=(-wide, wide),
            marks=cell.marks(distance, ends), picks=(cell.pick(distance), None),
        ),
    ]  # fmt: skip


def _form_matrix(form: str, relative: torch.Tensor, clip: int) -> np.ndarray:
    if form == "clipped":
        relative = clip_relative(relative, clip)
    made = relative.double()
    if form == "band":
        made[~band_mask(relative, before=clip, after=clip)] = math.nan
    return made.numpy()


def _scores(
    form: str,
    relative: torch.Tensor,
    distance: torch.Tensor,
    clip: int,
    dim: int,
    same_query: bool,
    cell: Cell,
) -> list[View]:
    queries, rows = _draws()
    drawn = queries[:, :dim].astype(float)
    if form == "Shaw":
        table = rows[FARTHEST - clip : FARTHEST + clip + 1, :dim].astype(float)
    else:
        table = nezha_table(clip, dim).astype(float)
    count = len(relative)
    vectors = torch.from_numpy(drawn[np.zeros(count, int) if same_query else np.arange(count)])
    scale = math.sqrt(dim)
    matrix = shaw_scores(vectors[None, None], torch.from_numpy(table), relative)[0, 0] / scale
    chosen = [0] if same_query else sorted({0, count // 2, count - 1})
    if not same_query and cell.query not in chosen:
        chosen.append(cell.query)
    by_row = vectors[chosen].numpy() @ table.T / scale
    curves = by_row[:, distance.clamp(-clip, clip).numpy() + clip]
    labels = ["every query"] if same_query else [f"query {i}" for i in chosen]
    score = f"{form} score"
    row_label = f"distance (positions), K = {clip}"
    return [
        _matrix(f"{form}: q · a", matrix.numpy(), "score", cell),
        Curves(
            f"{score} by distance", distance.numpy(), curves, labels, DISTANCE, "score",
            marks=cell.marks(distance, (-clip, clip)), picks=(cell.pick(distance), None),
        ),
        Heatmap(
            f"{form} table", table, row_label, "dimension", "value", row_start=-clip,
            marks=[(min(max(cell.distance, -clip), clip), None)],
            picks=(cell.pick(torch.arange(-clip, clip + 1)), None),
        ),
    ]  # fmt: skip


def _data() -> dict[str, object]:
    """What the page takes from the library: see `page_relative.js`."""
    queries, rows = _draws()
    draws = {"queries": queries.tobytes(), "rows": rows.tobytes()}
    return page_data() | {"draws": draws | {"columns": WIDEST, "farthest": FARTHEST}}


@cache
def _draws() -> tuple[np.ndarray, np.ndarray]:
    """Query vectors and Shaw's table, drawn at full size so that sliders keep what is shown.

    In float32, as the page gets them.
    """
    rng = np.random.default_rng(0)
    queries = rng.standard_normal((LONGEST, WIDEST))
    rows = rng.standard_normal((2 * FARTHEST + 1, WIDEST))
    return queries.astype(np.float32), rows.astype(np.float32)


def _matrix(name: str, values: np.ndarray, value_label: str, cell: Cell, **options: Any) -> Heatmap:
    return Heatmap(name, values, "query", "key", value_label, square=True, **options, **cell.square)
