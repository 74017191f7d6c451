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
from posenc_lib.explorers.panel import Choice, LogSlider, Panel, Slider
from posenc_lib.plots.views import Curves, Heatmap, View
from posenc_lib.rotary.axial_rope import AxialRotary

DIM, MOST = 64, 24
ONE_AXIS, TWO_AXES = "1-D sinusoidal", "2-D sinusoidal"
ONES, AHEAD = "2-D RoPE, q = k = ones", "2-D RoPE, looks 2 up, 3 left"
FORMULAS = (ONE_AXIS, TWO_AXES, ONES, AHEAD)
AWAY = 2 * MOST + 3  # the cell 2 rows and 3 columns from the first one, on the largest grid
LEARNED = "learned"


def grid_explorer(
    table: Any = None, shape: Sequence[int] | None = None, **settings: object
) -> Panel:
    """The similarity of one patch with all: on the grid, along its row and column, and in order.

    For an encoding that is added: the cosine of the two vectors. For RoPE: the score of a query q
    in the patch with a key k in each, over the lengths of both. Both are ones, or the key is turned
    beforehand, as training could do it, so that the score is highest 2 up and 3 to the left of the
    patch. 1-D means the number of the token, row * columns + column. All have 64 features.

    `table` is a learned table (rows * columns, dim) for a grid of `shape` (rows, columns); it joins
    the list as "learned". Controls: `encoding`, `rows`, `columns`, `row`, `column` (the patch),
    `base`.

    Raises TypeError or ValueError for a table that does not fit its shape, a setting out of its
    range, and a patch that the grid does not have.

    >>> panel = grid_explorer(encoding="2-D sinusoidal", rows=2, columns=3, row=1, column=0)
    >>> panel.views[0].values.shape, round(float(panel.views[0].values[1, 0]), 6)
    ((2, 3), 1.0)
    """
    learned = None if table is None else _fitting(table, shape)

    def compute(
        encoding: str, rows: int, columns: int, row: int, column: int, base: float
    ) -> list[View]:
        own = None
        if encoding == LEARNED and learned is not None:
            own, (rows, columns) = learned
        for name, at, size in (("row", row, rows), ("column", column, columns)):
            if at >= size:
                raise ValueError(
                    f"this grid has no {name} {at}: it has {name}s 0 to {size - 1}. "
                    "Choose another patch, or a larger grid."
                )
        if own is not None:
            alike = _cosine(torch.from_numpy(own).double(), row * columns + column)
        else:
            alike = _alike(encoding, (rows, columns), row * columns + column, base)
        return _views(alike.reshape(rows, columns), row, column, encoding in (ONES, AHEAD))

    acts = ("encoding", FORMULAS)  # a learned table has its own grid and no base
    return Panel(
        title="One patch and all the others",
        controls=[
            Choice("encoding", ONE_AXIS, FORMULAS if learned is None else (*FORMULAS, LEARNED)),
            Slider("rows", 8, 2, MOST, needs=acts),
            Slider("columns", 8, 2, MOST, needs=acts),
            Slider("row", 3, 0, MOST - 1, label="row of the patch"),
            Slider("column", 3, 0, MOST - 1, label="column of the patch"),
            LogSlider("base", 100.0, 2.0, 100_000.0, needs=acts),
        ],
        compute=compute,
        settings=settings,
        explorer="grid_explorer",
        own=[LEARNED],
    )


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
        key = AxialRotary(DIM, (MOST, MOST), base=base).turn(ones, torch.tensor([AWAY]))
    query = rope.turn(ones, cells[cell : cell + 1])
    keys = rope.turn(key.expand(1, 1, len(cells), -1), cells)
    return (keys @ query.mT)[0, 0, :, 0] / DIM  # the length of both, squared: turning keeps it


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
        ),
        Curves(
            "through the patch", torch.arange(-far, far + 1), along,
            ["along its row", "along its column"], "distance from the patch (patches)",
            measure, (-1.05, 1.05),
        ),
        Curves(
            f"in the order of the tokens; the patch is token {token}",
            torch.arange(rows * columns), alike.flatten(), measure,
            "number of the token (row * columns + column)", measure, (-1.05, 1.05),
        ),
    ]  # fmt: skip
