"""What a panel draws: heat maps, curves and clocks, as plain numbers with their labels.

A view knows nothing of browsers or matplotlib. A live panel sends its numbers to the page, a still
picture hands them to matplotlib: both draw the same view.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from posenc_lib.plots.clocks import Clocks
from posenc_lib.plots.numbers import extremes_of, number, real_numbers

__all__ = [
    "LARGEST_HEATMAP",
    "MOST_CURVES",
    "Clocks",
    "Curves",
    "Heatmap",
    "Pick",
    "View",
    "number",
]

LARGEST_HEATMAP = 4_194_304
"""Cells in the largest heat map (2,048 x 2,048)."""

MOST_CURVES = 16
"""Curves in one view: more cannot be told apart."""

Pick = str | tuple[str, Sequence[float | str | None]] | None
"""What a tap sets: a control, to the number tapped; or a control with the setting that each row,
column, point or curve stands for, None where it stands for none; or nothing."""


@dataclass(frozen=True, eq=False)
class Heatmap:
    """A matrix of numbers, drawn as coloured cells with row 0 at the top.

    Args:
        name: What it shows; the title.
        values: (rows, columns). Finite, or NaN for a masked cell, which is drawn grey. A copy is
            kept, as float32 when it came as float32 and as float64 otherwise.
        row_label: What a row is ("position", "query").
        column_label: What a column is ("dimension", "key").
        value_label: What the colour means, with its unit if it has one.
        limits: Lowest and highest value of the colour scale. None: symmetric about 0 for the
            diverging palette, the smallest and largest value for the sequential one.
        palette: "diverging" (blue, white, orange) or "sequential" (violet to yellow).
        row_start: Number of the first row.
        column_start: Number of the first column.
        row_ticks: A text for every row (tokens) instead of its number.
        column_ticks: A text for every column.
        square: Draw square cells.
        numbers: Write the value into each cell wherever the cells are large enough.
        texts: A text for every cell, row by row, to be written instead of its value.
        colours: The colour of every cell, (rows, columns) of whole numbers 0xRRGGBB, instead of one
            from the palette: a photograph. Then no colour scale is drawn, and `values` and `texts`
            are what is read of a cell.
        marks: Cells to outline, each as (row, column) by its numbers on the axes; None for one of
            them outlines the whole row or column.
        picks: The controls of a panel that a tap on a cell sets, for its row and its column; None
            where it sets none. A slider takes the number on the axis, a choice the option of
            that place; a `Pick` with settings says what each row or column stands for.

    Raises:
        TypeError: The values are not real numbers.
        ValueError: Empty, not two axes, infinite, too large, or arguments that do not fit.

    >>> view = Heatmap("offsets", [[0, 1], [-1, 0]], "query", "key", "key minus query")
    >>> view.values.shape, view.limits
    ((2, 2), (-1.0, 1.0))
    """

    name: str
    values: Any  # what NumPy can read; an array (rows, columns) after construction
    row_label: str
    column_label: str
    value_label: str
    limits: Any = None  # lowest and highest, two floats after construction
    palette: str = "diverging"
    row_start: int = 0
    column_start: int = 0
    row_ticks: Sequence[str] | None = None
    column_ticks: Sequence[str] | None = None
    square: bool = False
    numbers: bool = True
    texts: Sequence[Sequence[str]] | None = None
    colours: Any = None
    marks: Sequence[tuple[int | None, int | None]] = ()
    picks: tuple[Pick, Pick] = (None, None)
    extremes: tuple[float, float] | None = field(init=False)  # None: every cell is masked

    def __post_init__(self) -> None:
        where = f"Heatmap {self.name!r}"
        values = real_numbers(where, "values", self.values)
        if values.ndim != 2 or values.size == 0:
            raise ValueError(
                f"{where}: values must be a matrix (rows, columns) with at least one cell, "
                f"but its shape is {values.shape}. Pass one slice or reshape it to two axes."
            )
        if values.size > LARGEST_HEATMAP:
            raise ValueError(
                f"{where}: values has {values.shape[0]:,} x {values.shape[1]:,} cells, more than "
                f"{LARGEST_HEATMAP:,}. Draw a part of it, such as values[:2048, :2048]."
            )
        if self.palette not in ("diverging", "sequential"):
            raise ValueError(
                f"{where}: palette must be 'diverging' or 'sequential', but it is {self.palette!r}."
            )
        for axis, argument in enumerate(("row_ticks", "column_ticks")):
            ticks = getattr(self, argument)
            if ticks is None:
                continue
            if isinstance(ticks, str) or len(ticks) != values.shape[axis]:
                raise ValueError(
                    f"{where}: {argument} must hold {values.shape[axis]} texts, one for each "
                    f"{argument.split('_')[0]}, but it is {ticks!r}."
                )
            object.__setattr__(self, argument, tuple(str(tick) for tick in ticks))
        if self.texts is not None:
            texts = tuple(tuple(map(str, row)) for row in self.texts)
            if [len(row) for row in texts] != [values.shape[1]] * values.shape[0]:
                raise ValueError(
                    f"{where}: texts must hold a text for every cell, {values.shape[0]} rows of "
                    f"{values.shape[1]}, but it is {self.texts!r}."
                )
            object.__setattr__(self, "texts", texts)
        if self.colours is not None:
            object.__setattr__(self, "colours", _colours(where, self.colours, values.shape))
        extremes = extremes_of(values)
        low, high = extremes or (0.0, 1.0)
        if self.limits is not None:
            limits = _limits(where, self.limits)
        elif self.palette == "diverging":
            largest = max(-low, high) or 1.0
            limits = (-largest, largest)
        else:
            limits = _wide(low, high)
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "limits", limits)
        object.__setattr__(self, "extremes", extremes)

    @property
    def beyond(self) -> tuple[bool, bool]:
        """Whether some values lie below and above the colour scale (rounding noise aside)."""
        low, high = self.limits
        least, most = self.extremes or self.limits
        noise = 1e-6 * (high - low)
        return least < low - noise, most > high + noise

    @property
    def alt(self) -> str:
        """One sentence for readers who do not see the picture."""
        rows, columns = self.values.shape
        kind = "Heat map" if self.colours is None else "Picture"
        text = f"{kind} of {self.name}: {rows} x {columns} "
        text += f"({self.row_label} by {self.column_label})"
        if self.texts is not None and self.colours is None:
            heads = self.column_ticks or range(self.column_start, self.column_start + columns)
            read = (" ".join(down) for down in zip(*self.texts, strict=True))
            said = (f"{head}: {down}" for head, down in zip(heads, read, strict=True))
            return f"{text}. {'; '.join(said)}."
        if self.extremes is None:
            return f"{text}, every cell masked{self._marked}."
        text += f", {self.value_label} {_span(*self.extremes)}"
        masked = np.count_nonzero(np.isnan(self.values))
        text += f", {masked:,} cells masked" if masked else ""
        return f"{text}{self._marked}."

    @property
    def _marked(self) -> str:
        if not self.marks:
            return ""
        if len(self.marks) > 2:
            return f"; {len(self.marks)} places marked"
        said = []
        for row, column in self.marks:
            down = [f"{self.row_label} {row}"] if row is not None else []
            across = [f"{self.column_label} {column}"] if column is not None else []
            said.append(" and ".join(down + across))
        return f"; marked: {', '.join(said)}"


@dataclass(frozen=True, eq=False)
class Curves:
    """A few curves over one horizontal axis.

    Args:
        name: What they show; the title.
        x: (points,), finite and increasing.
        ys: (curves, points), or (points,) for a single curve. NaN leaves a gap.
        labels: One text for each curve; a single text for a single curve.
        x_label: What the horizontal axis is, with its unit.
        y_label: What the vertical axis is, with its unit.
        limits: Lowest and highest value of the vertical axis; None fits the curves.
        log_x: Logarithmic horizontal axis (every x above 0).
        log_y: Logarithmic vertical axis (every y above 0).
        styles: One number from 0 for each curve: its colour and dashes, in the order in which
            curves get them by themselves. So a name keeps its colour from view to view.
        marks: Places on the horizontal axis to mark with an upright line, each as (x, word).
        picks: The controls of a panel that a tap on a point sets, to its x and to its curve; None
            where it sets none. A slider takes x, or its minimum plus the number of the curve; a
            choice the option of that number; a `Pick` with settings has one for each.
        dots: Draw a dot at every so many points, such as the whole positions of a smooth wave. 0:
            at each of 40 points or fewer, at none of more.

    Raises:
        TypeError: x or ys are not real numbers.
        ValueError: Empty, shapes that do not fit, x not increasing, infinite values.

    >>> view = Curves("waves", [0, 1, 2], [[0.0, 0.8, 0.9]], ["dim 0"], "position", "value")
    >>> view.ys.shape
    (1, 3)
    """

    name: str
    x: Any  # what NumPy can read; arrays (points,) and (curves, points) after construction
    ys: Any
    labels: Sequence[str]
    x_label: str
    y_label: str
    limits: Any = None  # lowest and highest, two floats after construction
    log_x: bool = False
    log_y: bool = False
    styles: Any = None  # numbers, one for each curve, after construction
    marks: Sequence[tuple[float, str]] = ()
    picks: tuple[Pick, Pick] = (None, None)
    dots: int = 0

    def __post_init__(self) -> None:
        where = f"Curves {self.name!r}"
        x, ys = real_numbers(where, "x", self.x), real_numbers(where, "ys", self.ys)
        if ys.ndim == 1:
            ys = ys[None]
        if x.ndim != 1 or x.size == 0 or ys.ndim != 2 or ys.shape[1:] != x.shape or not len(ys):
            raise ValueError(
                f"{where}: ys must be (curves, points) over x (points,) with at least one curve "
                f"and one point, but ys has shape {ys.shape} and x has shape {x.shape}. "
                "Pass ys.T if its axes are swapped."
            )
        if len(ys) > MOST_CURVES:
            raise ValueError(
                f"{where}: {len(ys)} curves cannot be told apart, at most {MOST_CURVES}. "
                "Choose some of them, or draw a Heatmap."
            )
        if not np.all(np.isfinite(x)) or np.any(np.diff(x) <= 0):
            raise ValueError(
                f"{where}: x must be finite and increasing. Sort it, and order ys with it."
            )
        labels = (self.labels,) if isinstance(self.labels, str) else tuple(map(str, self.labels))
        if len(labels) != len(ys):
            raise ValueError(
                f"{where}: labels must hold {len(ys)} texts, one for each curve, "
                f"but it is {labels!r}."
            )
        styles = tuple(range(len(ys))) if self.styles is None else tuple(self.styles)
        fits = all(isinstance(style, int) and 0 <= style < MOST_CURVES for style in styles)
        if not fits or len(set(styles)) != len(styles) or len(styles) != len(ys):
            raise ValueError(
                f"{where}: styles must hold {len(ys)} different whole numbers from 0 to "
                f"{MOST_CURVES - 1}, one for each curve, but it is {self.styles!r}."
            )
        for argument, values, log in (("x", x, self.log_x), ("y", ys, self.log_y)):
            if log and np.any(values <= 0):
                raise ValueError(
                    f"{where}: log_{argument}=True needs every {argument} above 0, but the "
                    f"smallest is {number(np.nanmin(values))}. "
                    "Leave that value out, or use a linear axis."
                )
        limits = self.limits
        if limits is not None:
            limits = _limits(where, limits)
            if self.log_y and limits[0] <= 0:
                raise ValueError(
                    f"{where}: limits must be above 0 on a logarithmic axis, but they are {limits}."
                )
        else:
            limits = _limits_around(extremes_of(ys), self.log_y)
        found = {"x": x, "ys": ys, "labels": labels, "limits": limits, "styles": styles}
        for argument, value in found.items():
            object.__setattr__(self, argument, value)

    @property
    def alt(self) -> str:
        """One sentence for readers who do not see the picture."""
        many = f"{len(self.ys)} curves" if len(self.ys) > 1 else "one curve"
        extremes = extremes_of(self.ys)
        text = f"Curves of {self.name}: {many} ({', '.join(self.labels)}) over {self.x_label} "
        text += f"{number(self.x[0])} to {number(self.x[-1])}"
        if extremes:
            text += f", {self.y_label} {_span(*extremes)}"
        if self.marks:
            said = (f"{word} at {number(at)}" if word else number(at) for at, word in self.marks)
            text += f"; marked: {', '.join(said)}"
        return f"{text}."


View = Heatmap | Curves | Clocks


def _span(low: float, high: float) -> str:
    """Smallest to largest; rounding noise, which differs between machines, is written as 0."""
    noise = 1e-6 * max(abs(low), abs(high))
    low, high = (0.0 if abs(value) <= noise else value for value in (low, high))
    return f"from {number(low)} to {number(high)}"


def _colours(where: str, colours: Any, shape: tuple[int, ...]) -> np.ndarray:
    found = np.asarray(colours)
    if found.shape != shape or found.dtype.kind not in "iu":
        raise ValueError(
            f"{where}: colours must hold a whole number 0xRRGGBB for every cell, {shape}, but they "
            f"are {found.dtype} of shape {found.shape}. Use red * 65536 + green * 256 + blue."
        )
    if found.min() < 0 or found.max() > 0xFFFFFF:
        raise ValueError(
            f"{where}: colours must be from 0 to 0xFFFFFF, but they go from {found.min()} to "
            f"{found.max()}. Each of red, green and blue is a whole number from 0 to 255."
        )
    return found.astype(np.uint32)


def _limits(where: str, limits: Any) -> tuple[float, float]:
    try:
        low, high = (float(limit) for limit in limits)
    except (TypeError, ValueError):
        low, high = np.nan, np.nan
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise ValueError(
            f"{where}: limits must be two finite numbers (lowest, highest), "
            f"but they are {limits!r}."
        )
    return low, high


def _wide(low: float, high: float) -> tuple[float, float]:
    """Room about a single value, so that a constant, rounding noise included, has a scale."""
    if high - low > 1e-6 * max(abs(low), abs(high)):
        return low, high
    room = abs(low) / 2 or 0.5
    return low - room, high + room


def _limits_around(extremes: tuple[float, float] | None, log: bool) -> tuple[float, float]:
    """Axis limits with a little air above and below."""
    low, high = extremes or ((1.0, 10.0) if log else (0.0, 1.0))
    if log:
        return (low / 1.2, high * 1.2) if high > low else (low / 2, high * 2)
    low, high = _wide(low, high)
    air = 0.05 * (high - low)
    return low - air, high + air
