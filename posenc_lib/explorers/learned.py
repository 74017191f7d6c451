"""The panel of notebook 02: three position tables, or your own, by value, angle and norm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from posenc_lib.base.arrays import as_table
from posenc_lib.embeddings.minilm_table import minilm_position_table
from posenc_lib.embeddings.sinusoidal import sinusoidal_table
from posenc_lib.explorers.panel import Choice, Panel, Slider
from posenc_lib.lessons.similarity import cosine_matrix
from posenc_lib.plots.views import Curves, Heatmap, View

ROWS, COLUMNS = 512, 384
RANDOM, TRAINED, SINUSOID, OWN = "random start", "trained MiniLM", "sinusoidal", "your own"


def learned_explorer(table: Any = TRAINED, **settings: object) -> Panel:
    """A position table as a heat map, its rows' cosine similarities and norms.

    `table` is "random start" (N(0, 0.02), fixed seed), "trained MiniLM", "sinusoidal", or an
    array or tensor (length, dim) of your own, which joins the list as "your own".
    Controls: `table`, `length` (rows shown), `dim` (the first columns; the sinusoid is made
    with this dim), `start` (first row shown), `reference` (the row that the curve compares with).

    Raises TypeError or ValueError for an array that is not (length, dim), finite and real, or a
    setting that is out of range.

    >>> panel = learned_explorer("random start", length=20, dim=8)
    >>> panel.views[0].values.shape
    (20, 8)
    >>> learned_explorer(np.eye(6)).table
    'your own'
    """
    tables: dict[str, Callable[[int, int], np.ndarray]] = {
        RANDOM: lambda rows, dim: _random()[:rows, :dim],
        TRAINED: lambda rows, dim: minilm_position_table()[:rows, :dim],
        SINUSOID: sinusoidal_table,
    }
    sizes = {RANDOM: (ROWS, COLUMNS), TRAINED: (ROWS, COLUMNS), SINUSOID: (None, None)}
    if not isinstance(table, str):
        own = as_table("learned_explorer", table, rows=2)
        tables[OWN], sizes[OWN] = lambda rows, dim: own[:rows, :dim], own.shape
        table = OWN
    rows, columns = (size or 0 for size in sizes.get(table, (0, 0)))
    last, widest = max(ROWS, rows) - 1, max(COLUMNS, columns)  # your table may be larger
    larger = (last, widest) != (ROWS - 1, COLUMNS)  # then no other table makes the same controls

    def compute(table: str, length: int, dim: int, start: int, reference: int) -> list[View]:
        _fits(table, *sizes[table], length, dim, start, reference)
        values = tables[table](max(start + length, reference + 1), dim)
        return _views(values, length, start, reference)

    return Panel(
        title="Position table",
        controls=[
            Choice("table", table if table in tables else TRAINED, list(tables)),
            Slider("length", min(128, rows or ROWS), 2, ROWS, label="length (rows shown)"),
            Slider("dim", min(64, columns or widest), 1, widest, label="dim (first columns)"),
            Slider("start", 0, 0, last - 1, label="first row shown"),
            Slider(
                "reference", min(20, rows - 1 if rows else last), 0, last, label="reference row"
            ),
        ],
        compute=compute,
        settings={"table": table, **settings},
        explorer="learned_explorer",
        own=list(tables) if larger else [OWN],
    )


def _random() -> np.ndarray:
    return np.random.default_rng(0).normal(0.0, 0.02, (ROWS, COLUMNS))


def _fits(
    name: str, rows: int | None, columns: int | None, length: int, dim: int, start: int, ref: int
) -> None:
    if columns is not None and dim > columns:
        raise ValueError(f"The table '{name}' has {columns} columns: choose dim {columns} or less.")
    if rows is not None and start + length > rows:
        raise ValueError(
            f"The table '{name}' ends at row {rows - 1}, and {length} rows from row {start} on "
            f"would need row {start + length - 1}: choose a smaller length or first row."
        )
    if rows is not None and ref >= rows:
        raise ValueError(f"The table '{name}' has no row {ref}: choose a reference below {rows}.")


def _views(values: np.ndarray, length: int, start: int, reference: int) -> list[View]:
    shown = values[start : start + length]
    position = np.arange(start, start + length)
    cosines = cosine_matrix(np.concatenate([shown, values[reference : reference + 1]]))
    top = float(np.quantile(np.abs(shown), 0.995)) or 1.0  # one huge entry must not hide the rest
    norms = np.linalg.norm(shown, axis=1)
    return [
        Heatmap(
            "table", shown, "position", "dimension", "value", (-top, top), row_start=start
        ),
        Heatmap(
            "similarity of the rows", cosines[:-1, :-1], "position", "position",
            "cosine", (-1, 1), row_start=start, column_start=start, square=True,
        ),
        Curves(
            f"seen from row {reference}", position - reference, cosines[-1, :-1], "cosine",
            f"offset from row {reference} (positions)", "cosine", (-1.05, 1.05),
        ),
        Curves(
            "norms", position, norms, "norm", "position", "norm of the row",
            (0.0, 1.05 * float(norms.max()) or 1.0),
        ),
    ]  # fmt: skip
