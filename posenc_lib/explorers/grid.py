"""The panel of notebook 10: how alike a patch is to every other one of its grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from posenc_lib.base.arrays import as_table
from posenc_lib.base.grid import grid_coordinates
from posenc_lib.embeddings.axial_sinusoidal import axial_sinusoidal_at
from posenc_lib.explorers.panel import Choice, LogSlider, Panel, Slider, UpTo
from posenc_lib.plots.views import Curves, Heatmap, View
from posenc_lib.rotary.axial_rope import AxialRotary

DIM, MOST = 64, 24
ONE_AXIS, TWO_AXES = "1-D sinusoidal", "2-D sinusoidal"
ONES, AHEAD = "2-D RoPE, q = k = ones", "2-D RoPE, looks 2 up, 3 left"
FORMULAS = (ONE_AXIS, TWO_AXES, ONES, AHEAD)
AWAY = (2, 3)
"""Where the key that looks ahead is turned to: rows and columns."""
LEARNED = "learned"
QUESTION = (
    "Tap a patch at the right edge. Which encodings find the beginning of the next row more like "
    "it than the patch right below?"
)


def grid_explorer(
    table: Any = None,
    shape: Sequence[int] | None = None,
    *,
    question: str | None = None,
    front: Sequence[str] | None = None,
    **settings: object,
) -> Panel:
    """The similarity of one patch with all: on the grid, along its row and column, and in order.

    For an encoding that is added: the cosine of the two vectors. For RoPE: the score of a query q
    in the patch with a key k in each, over the lengths of both. Both are ones, or the key is turned
    beforehand, as training could do it, so that the score is highest 2 up and 3 to the left of the
    patch. 1-D means the number of the token, row * columns + column. All have 64 features.

    `table` is a learned table (rows * columns, dim) for a grid of `shape` (rows, columns); it joins
    the list as "learned", and the grid is its own. Controls: `encoding`, `row`, `column` (the
    patch; a tap on the map puts it there), `base`, and without a table `rows` and `columns`.
    `question` and `front` (the controls in sight) stand in the head of the panel instead of its
    own.

    Raises TypeError or ValueError for a table that does not fit its shape, and a setting out of
    its range, such as a patch that the grid does not have.

    >>> panel = grid_explorer(encoding="2-D sinusoidal", rows=2, columns=3, row=1, column=0)
    >>> panel.views[0].values.shape, round(float(panel.views[0].values[1, 0]), 6)
    ((2, 3), 1.0)
    """
    learned, grid = (None, None) if table is None else _fitting(table, shape)

    def compute(encoding: str, row: int, column: int, base: float, **size: int) -> list[View]:
        rows, columns = grid or (size["rows"], size["columns"])
        if encoding == LEARNED and learned is not None:
            alike = _cosine(torch.from_numpy(learned).double(), row * columns + column)
        else:
            alike = _alike(encoding, (rows, columns), row * columns + column, base)
        return _views(alike.reshape(rows, columns), row, column, encoding in (ONES, AHEAD))

    options = FORMULAS if grid is None else (*FORMULAS, LEARNED)
    acts = ("encoding", FORMULAS)  # a learned table has no base
    return Panel(
        title="One patch and all the others",
        controls=[
            Choice("encoding", ONE_AXIS, options),
            *_place(grid),
            LogSlider("base", 100.0, 2.0, 100_000.0, needs=acts),
        ],
        compute=compute,
        settings=settings,
        explorer="grid_explorer",
        own=() if grid is None else options,  # no line of code has the reader's grid
        page="grid",
        data=_data(learned, grid),
        question=question or QUESTION,
        front=front or ("encoding", "row", "column", "base"),
    )


def _place(grid: tuple[int, int] | None) -> list[Slider]:
    """The sliders of the patch, and of the grid unless it is that of a table."""
    patch = [("row", 3), ("column", 3)]
    if grid is not None:
        ends = [size - 1 for size in grid]
        return [
            Slider(name, min(at, end), 0, end, label=f"{name} of the patch")
            for (name, at), end in zip(patch, ends, strict=True)
        ]
    sizes = [Slider(f"{name}s", 8, 2, MOST) for name, _ in patch]
    return [
        *(
            Slider(
                name, at, 0, MOST - 1, label=f"{name} of the patch", upto=UpTo(f"{name}s", plus=-1)
            )
            for name, at in patch
        ),
        *sizes,
    ]


def _data(learned: np.ndarray | None, grid: tuple[int, int] | None) -> dict[str, object]:
    """What the page takes from here: see `page_grid.js`."""
    known: dict[str, object] = {
        "dim": DIM,
        "axes": {ONE_AXIS: 1, TWO_AXES: 2, ONES: 2, AHEAD: 2},
        "scored": [ONES, AHEAD],
        "ahead": {AHEAD: list(AWAY)},
    }
    if learned is not None:
        known |= {"grid": grid, "learned": learned.astype(np.float64).tobytes()}
    return known


def _fitting(table: Any, shape: Sequence[int] | None) -> tuple[np.ndarray, tuple[int, int]]:
    """The table as an array, and its grid."""
    own = as_table("grid_explorer", table, rows=4)
    rows, columns = shape if shape is not None and len(shape) == 2 else (0, 0)
    if rows * columns != len(own) or min(rows, columns) < 2:
        raise ValueError(
            f"grid_explorer: shape = {shape!r} must be (rows, columns) with rows * columns = "
            f"{len(own)}, the rows of the table. Pass the grid that the table was trained for."
        )
    return own, (int(rows), int(columns))


def _alike(
    encoding: str, shape: tuple[int, int], cell: int, base: float
) -> Float[Tensor, " cells"]:
    """The similarity of one cell with all, in row-major order."""
    cells = torch.arange(shape[0] * shape[1])
    if encoding in (ONE_AXIS, TWO_AXES):
        at = cells[:, None] if encoding == ONE_AXIS else grid_coordinates(cells, shape)
        return _cosine(axial_sinusoidal_at(at, DIM, base=base, dtype=torch.float64), cell)
    rope, ones = AxialRotary(DIM, shape, base=base), torch.ones(1, 1, 1, DIM, dtype=torch.float64)
    key = ones
    if encoding == AHEAD:  # R(d) R(2, 3) turns nothing where d, key minus query, is (-2, -3)
        away = AWAY[0] * MOST + AWAY[1]  # as a cell of the largest grid
        key = AxialRotary(DIM, (MOST, MOST), base=base).turn(ones, torch.tensor([away]))
    query = rope.turn(ones, cells[cell : cell + 1])
    keys = rope.turn(key.expand(1, 1, len(cells), -1), cells)
    return (keys @ query.mT)[0, 0, :, 0] / DIM  # the length of both, squared: turning keeps it


def _below(token: int, rows: int, columns: int) -> list[tuple[int, str]]:
    """The patch right below, where there is one."""
    return [(token + columns, "below it")] if token + columns < rows * columns else []


def _cosine(table: Float[Tensor, "cells dim"], cell: int) -> Float[Tensor, " cells"]:
    return torch.nn.functional.cosine_similarity(table, table[cell : cell + 1])


def _views(alike: Float[Tensor, "rows columns"], row: int, column: int, scored: bool) -> list[View]:
    rows, columns = alike.shape
    far = max(rows, columns) - 1
    along = torch.full((2, 2 * far + 1), torch.nan, dtype=alike.dtype)
    along[0, far - column : far - column + columns] = alike[row]
    along[1, far - row : far - row + rows] = alike[:, column]
    token = row * columns + column
    measure = "score" if scored else "cosine"
    return [
        Heatmap(
            f"{measure} of patch ({row}, {column}) with each", alike, "row (patches)",
            "column (patches)", measure, (-1, 1), square=True, numbers=rows * columns <= 64,
            marks=[(row, column)], picks=("row", "column"),
        ),
        Curves(
            "through the patch", torch.arange(-far, far + 1), along,
            ["along its row", "along its column"], "distance from the patch (patches)",
            measure, (-1.05, 1.05), marks=[(0, "the patch")],
        ),
        Curves(
            f"in the order of the tokens; the patch is token {token}",
            torch.arange(rows * columns), alike.flatten(), measure,
            "number of the token (row * columns + column)", measure, (-1.05, 1.05),
            marks=[(token, "the patch"), *_below(token, rows, columns)],
        ),
    ]  # fmt: skip
