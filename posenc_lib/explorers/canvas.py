"""A panel's half in the page: numbers go there, moves of the hand come back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets
from numpy.typing import NDArray

from posenc_lib.explorers.pinned import HEATMAPS
from posenc_lib.plots.palette import CYCLE, MISSING, PALETTES
from posenc_lib.plots.views import Clocks, Curves, Heatmap, Pick, View

HERE = Path(__file__).parent
SCRIPTS = (
    "numbers.js", "axes.js", "heatmap.js", "curves.js", "clocks.js", "pinned.js", "page_views.js",
    "page_sinusoidal.js", "page_rotary.js", "page_relative.js", "page_drawn.js", "page_layer.js",
    "page_attention.js", "page_playground.js", "page_museum.js", "page_grid.js", "page_learned.js",
    "transformer.js", "page_word_order.js", "page_length.js", "page_shuffle.js",
    "page_forecast.js", "page_who.js", "page_config.js", "page_dates.js",
    "controls.js", "machine.js", "toolbar.js", "pane.js", "arrange.js", "surface.js",
)  # fmt: skip
SHEETS = ("panel.css", "controls.css")

SMALL = 65_536
"""Heat maps of up to so many cells travel with two bytes a cell, larger ones with one."""


class Canvas(anywidget.AnyWidget):
    """The part of a panel that lives in the page: its controls, its buttons and its pictures.

    `declared` says once what the panel is. After that a panel computed here sends the page its
    numbers: every heat map as whole numbers with their range, every curve as float32. The page
    sends back what a hand does. The state holds the last picture, so a reloaded page draws it
    again.

    >>> canvas = Canvas({"title": "A line", "controls": []})
    >>> canvas.show({}, [Curves("line", [0, 1], [0, 1], "y", "x", "y")], "A line.")
    >>> canvas
    A line.
    """

    # One module and one style sheet in the page, which can load no others from here.
    _esm = "\n".join((HERE / name).read_text(encoding="utf-8") for name in SCRIPTS)
    _css = "\n".join((HERE / name).read_text(encoding="utf-8") for name in SHEETS)
    declared = traitlets.Dict().tag(sync=True)
    palettes = traitlets.Dict().tag(sync=True)
    settings = traitlets.Dict().tag(sync=True)
    picture = traitlets.Dict().tag(sync=True)  # stays empty where the page computes it
    pinned = traitlets.Dict().tag(sync=True)
    heatmaps = traitlets.Enum(HEATMAPS, "live").tag(sync=True)
    lecture = traitlets.Bool(False).tag(sync=True)
    message = traitlets.Unicode("").tag(sync=True)
    answered = traitlets.Int(0).tag(sync=True)  # the number of the last wish that was looked at

    def __init__(self, declared: Mapping[str, Any]) -> None:
        scales = {name: colours.tobytes() for name, colours in PALETTES.items()}
        colours = scales | {"cycle": list(CYCLE), "missing": MISSING}
        super().__init__(palettes=colours, declared=dict(declared))
        self._shown = 0

    def show(
        self, settings: Mapping[str, Any], views: Sequence[View], alt: str, code: str = ""
    ) -> None:
        """Draw these views instead of the present ones, and clear the message.

        `code` is the line that the toolbar copies.
        """
        drawn = [encoded(view) for view in views]
        self._shown += 1
        with self.hold_sync():
            # The count stands last: the page compares old and new state from the end, and so
            # sees at once that they differ instead of comparing every byte of the numbers.
            self.picture = {"alt": alt, "code": code, "views": drawn, "count": self._shown}
            self.settings = {"values": dict(settings), "count": self._shown}
            self.message = ""

    def follow(self, settings: Mapping[str, Any], *, from_code: bool) -> None:
        """Tell a page that computes its own picture what the settings are.

        A page takes what was set from code, and its message goes. A move of its own hand it has
        drawn already: the answer only keeps the state right, for a page that is opened later.
        """
        self._shown += from_code
        with self.hold_sync():
            self.settings = {"values": dict(settings), "count": self._shown}
            if from_code:
                self.message = ""

    def pin_at(self, settings: Mapping[str, Any], text: str) -> None:
        """Keep these settings as the reference of a page that computes its own picture."""
        self.pinned = {"settings": text, "at": dict(settings)}

    def pin(self, views: Sequence[View], settings: str) -> None:
        """Keep these views as the reference; `settings` says in words what they are."""
        self.pinned = {"settings": settings, "views": [encoded(view) for view in views]}

    def unpin(self) -> None:
        """Let the reference go."""
        with self.hold_sync():
            self.pinned = {}
            self.heatmaps = "live"

    def close(self) -> None:
        """Close it with its layout, which ipywidgets would leave behind."""
        if self.comm is not None:
            self.layout.close()
        super().close()

    def __repr__(self) -> str:
        return self.picture.get("alt", f"{self.declared.get('title', 'A panel')}.")


def encoded(view: View) -> dict[str, Any]:
    """A view as the page reads it: labels, and numbers as bytes."""
    if isinstance(view, Heatmap):
        codes, low, step = quantised(view.values, view.extremes)
        return {
            "kind": "heatmap",
            "name": view.name,
            "alt": view.alt,
            "shape": list(view.values.shape),
            "codes": codes.tobytes(),
            "low": low,
            "step": step,
            "whole": step == 1.0,
            "beyond": list(view.beyond),
            "bytes": codes.itemsize,
            "limits": list(view.limits),
            "palette": view.palette,
            "labels": [view.row_label, view.column_label, view.value_label],
            "starts": [view.row_start, view.column_start],
            "ticks": [view.row_ticks, view.column_ticks],
            "square": view.square,
            "numbers": view.numbers,
            "texts": view.texts,
            "marks": [list(mark) for mark in view.marks],
            "picks": [_pick(pick) for pick in view.picks],
        }
    if isinstance(view, Curves):
        return {
            "kind": "curves",
            "name": view.name,
            "alt": view.alt,
            "x": view.x.astype(np.float64).tobytes(),  # positions past 2**24 stay exact
            "ys": view.ys.astype(np.float32).tobytes(),
            "legend": list(view.labels),
            "styles": list(view.styles),
            "limits": list(view.limits),
            "labels": [view.x_label, view.y_label],
            "logs": [view.log_x, view.log_y],
            "marks": [list(mark) for mark in view.marks],
            "picks": [_pick(pick) for pick in view.picks],
            "dots": view.dots,
        }
    if isinstance(view, Clocks):
        return {
            "kind": "clocks",
            "name": view.name,
            "alt": view.alt,
            "angles": view.angles.astype(np.float64).tobytes(),
            "rates": view.rates.astype(np.float64).tobytes(),
            "clocks": list(view.labels),
            "unit": view.unit,
            "hands": list(view.hands),
            "styles": list(view.styles),
            "marks": list(view.marks),
            "picks": list(view.picks),
        }
    raise TypeError(f"Canvas: a view must be a Heatmap, Curves or Clocks, but it is {view!r}.")


def _pick(pick: Pick) -> str | list[Any] | None:
    """What a tap sets, as the page gets it: plain lists."""
    return [pick[0], list(pick[1])] if isinstance(pick, tuple) else pick


def quantised(
    values: NDArray[Any], extremes: tuple[float, float] | None
) -> tuple[NDArray[np.uint8] | NDArray[np.uint16], float, float]:
    """Whole numbers for a matrix: value = low + step * code, the highest code for a missing value.

    Up to 65,536 cells take two bytes each, larger matrices one. Matrices of whole numbers are
    exact: with one byte where their range fits, otherwise with two whatever the size.

    Args:
        values: Any shape; finite or NaN.
        extremes: Their smallest and largest value, or None if all are NaN.

    Returns:
        Codes (the same shape), low and step. A value comes back within step / 2.

    >>> codes, low, step = quantised(np.array([[-1.0, 2.0, np.nan]]), (-1.0, 2.0))
    >>> codes.tolist(), low, step
    ([[0, 3, 255]], -1.0, 1.0)
    """
    low, high = extremes or (0.0, 0.0)
    whole = high - low <= 65_534 and _whole(values.flat[:64]) and _whole(values)
    small = high - low <= 254 if whole else values.size > SMALL
    kind: Any = np.uint8 if small else np.uint16
    last = int(np.iinfo(kind).max)
    step = 1.0 if whole else max((high - low) / (last - 1), 1e-6 * abs(low), 1e-300)
    codes = np.rint((values - np.float64(low)) / step)  # float32 has no room for a tiny step
    return np.where(np.isnan(codes), last, codes).astype(kind), low, step


def _whole(values: NDArray[Any]) -> bool:
    return bool(np.all((values == np.rint(values)) | np.isnan(values)))
