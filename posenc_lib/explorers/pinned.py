"""The pinned picture beside the live one, as views: for the still picture and the description.

`pinned.js` does the same in the page, from the numbers that were sent when the picture was pinned.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from posenc_lib.plots.views import Clocks, Curves, Heatmap, View

HEATMAPS = ("live", "pinned", "difference")
"""What the heat maps of a panel with a pinned picture can show."""


@dataclass(frozen=True, eq=False)
class Pin:
    """A picture kept as a reference: its settings and its views."""

    settings: Mapping[str, Any]
    views: Sequence[View]


@dataclass(frozen=True, eq=False)
class Drawn:
    """One view as it is drawn: what stands in front, and the pinned curves or clocks behind it."""

    view: View
    behind: Curves | Clocks | None = None

    @property
    def alt(self) -> str:
        text = self.view.alt
        return f"{text} Dashed behind them, pinned: {self.behind.alt}" if self.behind else text


def beside(views: Sequence[View], pinned: Sequence[View], heatmaps: str) -> list[Drawn]:
    """Each live view with its pinned counterpart, which has the same place in the list.

    Curves and clocks get the pinned ones behind them. Heat maps are live, pinned or live minus
    pinned. A view whose counterpart shows another quantity stays as it is, and its name says so.

    >>> live, old = (Heatmap("table", [[v]], "row", "column", "value") for v in (3.0, 1.0))
    >>> [drawn] = beside([live], [old], "difference")
    >>> drawn.view.name, drawn.view.values
    ('table (live minus pinned)', array([[2.]]))
    """
    return [
        _pair(view, pinned[place] if place < len(pinned) else None, heatmaps)
        for place, view in enumerate(views)
    ]


def _pair(view: View, old: View | None, heatmaps: str) -> Drawn:
    if isinstance(view, Heatmap) and isinstance(old, Heatmap) and heatmaps == "pinned":
        return Drawn(replace(old, name=f"{old.name} (pinned)"))
    if _quantity(view) != _quantity(old):
        return Drawn(replace(view, name=f"{view.name} (not comparable with the pinned one)"))
    if isinstance(old, Curves | Clocks):
        return Drawn(view, old)
    if isinstance(view, Heatmap) and isinstance(old, Heatmap) and heatmaps == "difference":
        return Drawn(difference(view, old))
    return Drawn(view)


def _quantity(view: View | None) -> tuple[object, ...]:
    if isinstance(view, Curves):
        return Curves, view.y_label, view.log_x, view.log_y
    if isinstance(view, Clocks):
        return Clocks, view.unit
    return (Heatmap, view.value_label) if view is not None else ()


def difference(live: Heatmap, pinned: Heatmap) -> Heatmap:
    """Live minus pinned at the same row and column numbers, grey where one of them has no value.

    The scale is symmetric and ends at 1, 2 or 5 times a power of ten, so that it stands still
    while a slider moves a little. Where nothing differs, it is as wide as the live one.

    >>> def two(start):
    ...     return Heatmap("m", [[1.0], [5.0]], "row", "column", "value", row_start=start)
    >>> difference(two(0), two(1)).values
    array([[nan],
           [ 4.]])
    """
    values = np.full(live.values.shape, np.nan)
    rows, old_rows = _overlap(live.row_start, pinned.row_start, live, pinned, 0)
    columns, old_columns = _overlap(live.column_start, pinned.column_start, live, pinned, 1)
    values[rows, columns] = live.values[rows, columns]
    values[rows, columns] -= pinned.values[old_rows, old_columns]
    most = float(np.fmax.reduce(np.abs(values), axis=None))
    top = _rounded_up(most if most > 0 else max(map(abs, live.limits)))
    return replace(
        live,
        name=f"{live.name} (live minus pinned)",
        values=values,
        value_label=f"{live.value_label}, live minus pinned",
        limits=(-top, top),
        palette="diverging",
        colours=None,
    )


def _overlap(
    start: int, old_start: int, live: Heatmap, pinned: Heatmap, axis: int
) -> tuple[slice, slice]:
    """The numbers that both have along an axis, as slices into each; empty where there are none."""
    first = max(start, old_start)
    last = min(start + live.values.shape[axis], old_start + pinned.values.shape[axis])
    last = max(first, last)
    return slice(first - start, last - start), slice(first - old_start, last - old_start)


def _rounded_up(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= value * (1 - 1e-6))
