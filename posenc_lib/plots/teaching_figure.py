"""Figures that carry their own description: `TeachingFigure`, its style, and views drawn still."""

from __future__ import annotations

import base64
import io
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, ListedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.rcsetup import cycler
from matplotlib.ticker import FuncFormatter, MaxNLocator
from PIL import Image

from posenc_lib.plots.clocks import Clocks, draw_clocks
from posenc_lib.plots.glyphs import PlainCanvas
from posenc_lib.plots.palette import CYCLE, MISSING, PALETTES
from posenc_lib.plots.views import Curves, Heatmap, View

__all__ = [
    "CYCLE",
    "MISSING",
    "TeachingFigure",
    "colour_map",
    "draw_clocks",
    "draw_curves",
    "draw_heatmap",
    "settled",
    "teaching_style",
    "views_figure",
]

DPI = 100
DASHES = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 1.5, 1.5, 1.5)))
MARKERS = ("o", "s", "^", "D", "v")

STYLE: dict[str, Any] = {
    "figure.dpi": DPI,
    "savefig.dpi": DPI,
    "font.size": 13,
    "axes.titlesize": 14,
    "axes.labelsize": 13,
    "xtick.labelsize": 12,
    "ytick.labelsize": 12,
    "legend.fontsize": 12,
    "figure.titlesize": 15,
    "axes.prop_cycle": cycler(color=CYCLE),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.formatter.useoffset": False,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
    "image.cmap": "viridis",
}


@contextmanager
def teaching_style() -> Iterator[None]:
    """matplotlib's defaults with our fonts and colours, for one `with` block.

    The reader's own matplotlib settings are neither used nor changed.
    """
    with matplotlib.style.context(["default", STYLE]):
        yield


class TeachingFigure(Figure):
    """A figure that says what it shows.

    A notebook shows it as a PNG with `alt` beside it as the plain text, so a screen reader and
    the strict notebook test both read the sentence. It belongs to no window: nothing has to be
    closed, and the same data give the same bytes.

    Args:
        alt: One or two sentences for readers who do not see the picture. They may carry numbers.
        size: Width and height in inches, at 100 dots an inch.

    Raises:
        TypeError: `alt` is not text.
        ValueError: `alt` is blank.

    >>> with teaching_style():
    ...     figure = TeachingFigure("A line from 0 to 1.", size=(4, 3))
    ...     lines = figure.subplots().plot([0, 1])
    >>> figure
    A line from 0 to 1.
    >>> figure.png() == figure.png()
    True
    """

    def __init__(
        self,
        alt: str,
        size: tuple[float, float] = (10.0, 4.0),
        *,
        layout: Literal["constrained", "compressed", "tight"] = "constrained",
    ) -> None:
        with teaching_style():
            super().__init__(figsize=size, dpi=DPI, layout=layout)
        PlainCanvas(self)  # draws the figure from now on
        self.alt = alt

    @property
    def alt(self) -> str:
        """What the picture shows, in words."""
        return self._alt

    @alt.setter
    def alt(self, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f"TeachingFigure: alt must be text, but it is {text!r}.")
        if not text.strip():
            raise ValueError("TeachingFigure: alt is blank. Say in a sentence what is shown.")
        self._alt = text.strip()

    def png(self) -> bytes:
        """The picture as PNG bytes: 256 colours, no date and no version in them."""
        drawn, small = io.BytesIO(), io.BytesIO()
        with teaching_style():
            self.savefig(drawn, format="png", dpi=DPI)
        with Image.open(drawn) as picture:  # a third of the size, and no difference to the eye
            picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(
                small, format="PNG", optimize=True
            )
        return small.getvalue()

    def __repr__(self) -> str:
        return self.alt

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, str], dict[str, Any]]:
        picture = base64.b64encode(self.png()).decode("ascii")
        return {"text/plain": self.alt, "image/png": picture}, {"image/png": {"alt": self.alt}}


def settled(figure: TeachingFigure) -> TeachingFigure:
    """The same figure with its layout done: every drawing of it is the same to the byte.

    One layout gives room to the tick labels that stood before it. When the axes shrink, others
    may take their place, and a label at the edge is cut off; so it is done twice, then kept.

    >>> with teaching_style():
    ...     figure = TeachingFigure("A line from 0 to 1.", size=(4, 3))
    >>> settled(figure) is figure
    True
    """
    with teaching_style():
        figure.draw_without_rendering()
        figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return figure


def colour_map(name: str) -> Colormap:
    """The matplotlib form of a palette, grey where a value is missing.

    Raises:
        ValueError: Neither "diverging" nor "sequential".

    >>> colour_map("diverging").N
    256
    """
    if name not in PALETTES:
        raise ValueError(f"colour_map: name must be one of {sorted(PALETTES)}, but it is {name!r}.")
    return ListedColormap(PALETTES[name] / 255.0, name=f"posenc {name}").with_extremes(bad=MISSING)


def views_figure(
    views: Sequence[View],
    alt: str | None = None,
    title: str | None = None,
    behind: Sequence[Curves | Clocks | None] | None = None,
) -> TeachingFigure:
    """Draw heat maps, curves and clocks, two in a row.

    Args:
        views: At least one `Heatmap`, `Curves` or `Clocks`.
        alt: The description; the views' own sentences if left out.
        title: Written above all of them.
        behind: With a pinned picture: for each view None, or the curves or clocks to draw behind
            it, thin and dashed. The figure is then a little taller, and long titles are broken.

    Raises:
        ValueError: No views.
    """
    if not views:
        raise ValueError("views_figure: views is empty. Pass at least one Heatmap or Curves.")
    columns = min(len(views), 2)
    rows = -(-len(views) // columns)
    with teaching_style():
        height = 4.2 if behind is None else 4.6
        figure = TeachingFigure(alt or " ".join(view.alt for view in views), (10.0, height * rows))
        if title:
            figure.suptitle(title)
        strips = figure.subfigures(rows, 1, squeeze=False)[:, 0]  # each finds room by itself
        for index, view in enumerate(views):
            row, column = divmod(index, columns)
            alone = index == len(views) - 1 and column == 0  # the last of an odd number
            axes = strips[row].add_subplot(1, 1 if alone else columns, 1 + column)
            old = behind[index] if behind else None
            if isinstance(view, Heatmap):
                draw_heatmap(axes, view)
            elif isinstance(view, Clocks):
                draw_clocks(axes, view, old if isinstance(old, Clocks) else None)
            else:
                draw_curves(axes, view, old if isinstance(old, Curves) else None)
            if behind is not None:
                axes.set_title(textwrap.fill(view.name, 80 if alone else 36))
    return figure


def draw_heatmap(axes: Axes, view: Heatmap) -> None:
    """Draw one heat map, with its colour scale, into axes of your own."""
    rows, columns = view.values.shape
    top, left = view.row_start - 0.5, view.column_start - 0.5
    low, high = view.limits
    image = axes.imshow(
        view.values if view.colours is None else _as_rgb(view.colours, view.values),
        cmap=colour_map(view.palette),
        vmin=low,
        vmax=high,
        aspect="equal" if view.square else "auto",
        interpolation="auto" if max(rows, columns) > 250 else "nearest",  # smooth when shrunk
        extent=(left, left + columns, top + rows, top),
    )
    axes.set(title=view.name, xlabel=view.column_label, ylabel=view.row_label)
    axes.spines[:].set_visible(False)
    for axis, ticks, start in (
        (axes.xaxis, view.column_ticks, view.column_start),
        (axes.yaxis, view.row_ticks, view.row_start),
    ):
        if ticks is None:
            axis.set_major_locator(MaxNLocator(6, integer=True))
        else:
            every = -(-len(ticks) // 24)
            axis.set_ticks(np.arange(start, start + len(ticks), every), ticks[::every])
    if view.column_ticks is not None and sum(map(len, view.column_ticks)) > 24:
        axes.tick_params(axis="x", labelrotation=45)
        for label in axes.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
    extend = {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[view.beyond]
    if view.colours is None:
        axes.figure.colorbar(image, ax=axes, label=view.value_label, extend=extend)
    if view.numbers:
        _write_cells(axes, view, image)
    for mark in view.marks:
        _outline(axes, view, *mark)


def _as_rgb(colours: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(rows, columns, 3) from 0 to 255; a cell without a value is grey."""
    parts = np.stack([colours >> shift & 255 for shift in (16, 8, 0)], -1).astype(np.uint8)
    grey = np.round(255 * np.array(to_rgb(MISSING))).astype(np.uint8)
    return np.where(np.isnan(values)[..., None], grey, parts)


def draw_curves(axes: Axes, view: Curves, behind: Curves | None = None) -> None:
    """Draw curves, with their legend, into axes of your own; `behind` are pinned ones.

    The axes reach over both, so that nothing pinned is cut off.
    """
    for index, (style, y, label) in enumerate(zip(view.styles, view.ys, view.labels, strict=True)):
        axes.plot(
            view.x,
            y,
            label=label,
            color=CYCLE[style % len(CYCLE)],
            linestyle=DASHES[style % len(DASHES)],
            marker=MARKERS[style % len(MARKERS)],
            markevery=_marked(view, index),
            markersize=4,
        )
    limits, ends = view.limits, (view.x[0], view.x[-1])
    if behind:
        for style, y, label in zip(behind.styles, behind.ys, behind.labels, strict=True):
            axes.plot(
                behind.x, y, label=f"{label} (pinned)", color=CYCLE[style % len(CYCLE)],
                linestyle=(0, (4, 2)), linewidth=1.1, zorder=1.5,
            )  # fmt: skip
        limits = min(limits[0], behind.limits[0]), max(limits[1], behind.limits[1])
        ends = min(ends[0], behind.x[0]), max(ends[1], behind.x[-1])
    if view.log_x:
        axes.set_xscale("log")
    if view.log_y:
        axes.set_yscale("log")
    for axis, log in ((axes.xaxis, view.log_x), (axes.yaxis, view.log_y)):
        if log:
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    axes.set(title=view.name, xlabel=view.x_label, ylabel=view.y_label, ylim=limits)
    first, last = map(float, ends)
    if not view.log_x and last > first:  # the whole range, also where the ends are missing
        pad = 0.03 * (last - first)
        axes.set_xlim(first - pad, last + pad)
    axes.grid(alpha=0.3)
    if limits[0] < 0 < limits[1] and not view.log_y:  # signs are read from the zero line
        axes.axhline(0, color="black", linewidth=0.8, alpha=0.5, zorder=1)
    for at, word in view.marks:
        axes.axvline(at, color="black", linewidth=1, linestyle=":", zorder=1.2)
        axes.text(at, 1, f" {word}", va="top", fontsize=10, transform=axes.get_xaxis_transform())
    if behind:
        longest = max(map(len, (*view.labels, *behind.labels))) + len(" (pinned)")
        axes.legend(  # live on the left, pinned on the right; below the label of the axis
            loc="upper center", bbox_to_anchor=(0.5, 0), borderaxespad=4.2, fontsize=10,
            ncols=2 if 1.25 * axes.bbox.width > 2 * (longest * 7 + 45) else 1,
        )  # fmt: skip
    elif len(view.ys) > 1:
        # As many columns as fit below the axes: a legend wider than them would squeeze them flat.
        room = axes.bbox.width / (max(map(len, view.labels)) * 8 + 50)
        axes.legend(
            loc="upper center", bbox_to_anchor=(0.5, 0), borderaxespad=3.3,  # below the axis' label
            ncols=max(1, min(4, int(room))), columnspacing=1.2,
        )  # fmt: skip


def _marked(view: Curves, index: int) -> list[int]:
    """The points of a curve that carry a marker, at other places of each curve if there are many.

    `curves.js` does the same in the page.
    """
    count = view.x.size
    if view.dots:
        return list(range(0, count, view.dots)) if count / view.dots <= 80 else []
    if count <= 40:
        return list(range(count))
    if len(view.ys) < 2:
        return []
    every = -(-count // 8)
    return list(range(int((index + 0.5) * every / len(view.ys)), count, every))


def _outline(axes: Axes, view: Heatmap, row: int | None, column: int | None) -> None:
    """A frame about a cell, a row or a column."""
    rows, columns = view.values.shape
    across = (view.column_start, columns) if column is None else (column, 1)
    down = (view.row_start, rows) if row is None else (row, 1)
    corner = across[0] - 0.5, down[0] - 0.5
    for colour, width in (("black", 3), ("white", 1.4)):
        axes.add_patch(
            Rectangle(corner, across[1], down[1], fill=False, edgecolor=colour, linewidth=width)
        )


def _write_cells(axes: Axes, view: Heatmap, image: Any) -> None:
    """Write every value into its cell if the longest fits."""
    rows, columns = view.values.shape
    if rows > 16 or columns > 16:
        return
    texts = view.texts or [[cell_text(float(value)) for value in row] for row in view.values]
    longest = max(len(text) for row in texts for text in row)
    width, height = axes.bbox.width * 0.8 / columns, axes.bbox.height * 0.8 / rows
    if view.square:
        width = height = min(width, height)
    if view.texts is None and (width < 9 * longest + 4 or height < 18):
        return
    colours = image.cmap(image.norm(np.ma.masked_invalid(view.values)))[..., :3]
    dark = colours**2.2 @ [0.2126, 0.7152, 0.0722] < 0.18  # white text has more contrast
    for row in range(rows):
        for column in range(columns):
            axes.text(
                view.column_start + column,
                view.row_start + row,
                texts[row][column],
                ha="center",
                va="center",
                fontsize=11 if view.texts is None else 9,
                color="white" if dark[row, column] else "black",
            )


def cell_text(value: float | np.floating) -> str:
    """A value as it stands in a cell: whole numbers as they are, others to two decimals."""
    if np.isnan(value):
        return ""
    text = f"{value:.0f}" if value == round(value) else f"{value:.2f}"
    return "0" if text == "-0" else text.replace("-0.00", "0.00")
