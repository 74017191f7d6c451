"""The panel of notebook 02: three position tables, or your own, by norm, value and angle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from posenc_lib.base.arrays import as_table
from posenc_lib.embeddings.minilm_table import minilm_position_table
from posenc_lib.embeddings.sinusoidal import sinusoidal_table
from posenc_lib.explorers.drawn import normal
from posenc_lib.explorers.panel import Choice, Panel, Slider, UpTo
from posenc_lib.lessons.similarity import cosine_matrix
from posenc_lib.plots.views import Curves, Heatmap, View

ROWS, COLUMNS = 512, 384
RANDOM, TRAINED, SINUSOID, OWN = "random start", "trained MiniLM", "sinusoidal", "your own"
SPREAD = 0.02
LARGEST = 262_144
"""Numbers in the largest table of the reader's that goes to the page."""

QUESTION = (
    "Row 0 owes most of its norm to one dimension. Move dim: which one is it? Then choose the "
    "sinusoidal table: which row stands out now?"
)


def learned_explorer(
    table: Any = TRAINED,
    *,
    question: str | None = None,
    front: Sequence[str] | None = None,
    **settings: object,
) -> Panel:
    """A position table by its rows' norms, its values, and the cosines between its rows.

    `table` is "random start" (N(0, 0.02), fixed seed), "trained MiniLM", "sinusoidal", or an
    array or tensor (length, dim) of your own: it joins the list as "your own", beside those of the
    others that are as large. One of more than 262,144 numbers stays in the kernel, which then
    computes the panel. Controls: `table`, `length` (rows shown), `dim` (the first columns;
    the sinusoid is made with this dim), `start` (first row shown), `reference` (the row that the
    curve compares with; a tap chooses it). `question` and `front` (the controls in sight) stand in
    the head of the panel instead of its own.

    Raises TypeError or ValueError for an array that is not (length, dim), finite and real, or a
    setting that is out of range.

    >>> panel = learned_explorer("random start", length=20, dim=8)
    >>> panel.views[1].values.shape
    (20, 8)
    >>> learned_explorer(np.eye(6)).table
    'your own'
    """
    tables: dict[str, Callable[[int, int], np.ndarray]] = {
        RANDOM: lambda rows, dim: SPREAD * normal(RANDOM, ROWS, COLUMNS)[:rows, :dim],
        TRAINED: lambda rows, dim: minilm_position_table()[:rows, :dim].astype(float),
        SINUSOID: sinusoidal_table,
    }
    rows, columns = ROWS, COLUMNS
    data: dict[str, object] = {"spread": SPREAD, "shape": [ROWS, COLUMNS]}
    if isinstance(table, str):
        chosen = table if table in tables else TRAINED
    else:
        own = as_table("learned_explorer", table, rows=2).astype(float)
        rows, columns = own.shape
        if rows > ROWS or columns > COLUMNS:
            tables = {}  # only what has all of these rows and columns
        tables[OWN] = lambda rows, dim: own[:rows, :dim]
        table = chosen = OWN
        data |= {"own": own.tobytes(), "shape": [rows, columns]}
    if TRAINED in tables:  # stored as float16, so nothing is lost
        data["trained"] = minilm_position_table().astype(np.float16).tobytes()

    def compute(table: str, length: int, dim: int, start: int, reference: int) -> list[View]:
        values = tables[table](max(start + length, reference + 1), dim)
        return _views(values, length, start, reference)

    return Panel(
        title="Position table",
        controls=[
            Choice("table", chosen, list(tables)),
            Slider("dim", min(64, columns), 1, columns, label="dim (first columns)"),
            Slider("reference", min(20, rows - 1), 0, rows - 1, label="reference row"),
            Slider("length", min(128, rows), 2, rows, label="length (rows shown)"),
            Slider(
                "start", 0, 0, max(rows - 2, 1), label="first row shown",
                upto=UpTo("length", factor=-1, plus=rows),
            ),
        ],
        compute=compute,
        settings={"table": table, **settings},
        explorer="learned_explorer",
        own=list(tables) if OWN in tables else (),  # the sizes are those of the reader's table
        page="learned" if rows * columns <= LARGEST else None,
        data=data if rows * columns <= LARGEST else {},
        question=question or QUESTION,
        front=front or ("table", "dim", "reference"),
    )  # fmt: skip


def _views(values: np.ndarray, length: int, start: int, reference: int) -> list[View]:
    shown = values[start : start + length]
    position = np.arange(start, start + length)
    cosines = cosine_matrix(np.concatenate([shown, values[reference : reference + 1]]))
    top = float(np.quantile(np.abs(shown), 0.995)) or 1.0  # one huge entry must not hide the rest
    norms = np.linalg.norm(shown, axis=1)
    row = f"row {reference}"
    return [
        Curves(
            "norms of the rows", position, norms, "norm", "position", "norm of the row",
            (0.0, 1.05 * float(norms.max()) or 1.0), marks=[(reference, row)],
            picks=("reference", None),
        ),
        Heatmap(
            "table", shown, "position", "dimension", "value", (-top, top), row_start=start,
            marks=[(reference, None)], picks=("reference", None),
        ),
        Heatmap(
            "similarity of the rows", cosines[:-1, :-1], "position", "other position",
            "cosine", (-1, 1), row_start=start, column_start=start, square=True,
            marks=[(reference, None)], picks=("reference", None),
        ),
        Curves(
            f"seen from {row}", position - reference, cosines[-1, :-1], "cosine",
            f"offset from {row} (positions)", "cosine", (-1.05, 1.05), marks=[(0, row)],
        ),
    ]  # fmt: skip
