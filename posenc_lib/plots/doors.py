"""One picture of an attention layer, and of the three places where position can enter it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyBboxPatch

from posenc_lib.plots.teaching_figure import CYCLE, TeachingFigure, teaching_style


@dataclass(frozen=True)
class _Sign:
    """What stands beside the number of a door; `title` is the value of its `Door`."""

    title: str
    formula: str
    encodings: str


DOORS = {
    1: _Sign("added to the embeddings", "$x + p$", "sinusoidal\nlearned (BERT, GPT-2)"),
    2: _Sign("applied to queries and keys", r"$R_i\,q$   and   $R_j\,k$", "rotary (RoPE)\nxPos"),
    3: _Sign(
        "added to the scores",
        r"$q \cdot k\,/\sqrt{head\_dim} + b_{ij}$",
        "T5, ALiBi\nShaw, NEZHA (dashed: values too)",
    ),
}
"""Number to title, formula and encodings."""

INK, PALE, FADED = "#333333", "#F1F3F5", 0.3
BOXES = {  # text: centre x, centre y, width
    "embeddings\n$x$": (1.4, 7.0, 2.6),
    "$W_q$": (5.3, 8.7, 1.3),
    "$W_k$": (5.3, 7.0, 1.3),
    "$W_v$": (5.3, 5.3, 1.3),
    "scores\n$q \\cdot k\\,/\\sqrt{head\\_dim}$": (10.65, 7.85, 3.3),
    "softmax": (14.9, 7.85, 1.9),
    "weighted\nsum": (17.4, 6.2, 2.0),
    "$W_o$": (19.9, 6.2, 1.3),
}
ARROWS = [  # corner points of each arrow
    [(2.7, 7.0), (4.65, 7.0)],
    [(4.0, 7.0), (4.0, 8.7), (4.65, 8.7)],
    [(4.0, 7.0), (4.0, 5.3), (4.65, 5.3)],
    [(5.95, 8.7), (8.6, 8.7), (8.6, 8.2), (9.0, 8.2)],
    [(5.95, 7.0), (8.6, 7.0), (8.6, 7.5), (9.0, 7.5)],
    [(12.3, 7.85), (13.95, 7.85)],
    [(15.85, 7.85), (17.4, 7.85), (17.4, 6.8)],
    [(5.95, 5.3), (15.9, 5.3), (15.9, 6.2), (16.4, 6.2)],
    [(18.4, 6.2), (19.25, 6.2)],
    [(20.55, 6.2), (21.9, 6.2)],
]
WORDS = {  # text on an arrow: x, y
    "query": (6.75, 9.0),
    "key": (6.75, 7.3),
    "value": (6.75, 5.6),
    "weights": (16.8, 8.2),
    "output": (21.5, 6.65),
}
PLACES = [(1, 3.35, 7.0), (2, 7.9, 8.7), (2, 7.9, 7.0), (3, 13.1, 7.85)]
VALUES_TOO = (3, 15.1, 5.3)  # the dashed door: Shaw and NEZHA only


def three_doors(highlight: int | Enum | None = None) -> TeachingFigure:
    """One attention layer from embeddings to output, with the three doors for position.

    `highlight` is the number of a door, or a `Door`; the other doors are then faint.

    Raises ValueError for another `highlight`.

    >>> three_doors(highlight=2).alt[-52:]
    'Door 2, applied to queries and keys, is highlighted.'
    """
    chosen = _door_number(highlight)
    alt = "An attention layer: embeddings, W_q, W_k and W_v, scores, softmax, weighted sum, W_o. "
    alt += "Position enters at three doors: " + "; ".join(
        f"{number}, {sign.title}: {sign.encodings}".replace("\n", ", ")
        for number, sign in DOORS.items()
    )
    alt += "."
    if chosen:
        alt += f" Door {chosen}, {DOORS[chosen].title}, is highlighted."
    with teaching_style():
        figure = TeachingFigure(alt, (11.0, 4.8))
        axes = figure.subplots()
        axes.set(xlim=(0, 22.3), ylim=(0.3, 9.6), aspect="equal")
        axes.axis("off")
        for points in ARROWS:
            _arrow(axes, points)
        for text, (x, y, width) in BOXES.items():
            _box(axes, text, x, y, width)
        for text, (x, y) in WORDS.items():
            axes.text(x, y, text, ha="center", va="center", fontsize=12, color=INK, style="italic")
        for number, x, y in PLACES:
            _door(axes, number, x, y, chosen)
        _door(axes, *VALUES_TOO, chosen, dashed=True)
        for number, sign in DOORS.items():
            _sign(axes, number, sign, chosen)
    return figure


def _door_number(highlight: object) -> int | None:
    if highlight is None or (not isinstance(highlight, bool) and highlight in DOORS):
        return highlight
    for number, sign in DOORS.items():
        if sign.title == getattr(highlight, "value", None):
            return number
    raise ValueError(f"three_doors: highlight must be 1, 2, 3 or None, but it is {highlight!r}.")


def _arrow(axes: Axes, points: list[tuple[float, float]]) -> None:
    xs, ys = zip(*points, strict=True)
    axes.plot(xs, ys, color=INK, linewidth=1.4, zorder=1)
    style = {"arrowstyle": "-|>", "color": INK, "linewidth": 1.4, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", points[-1], points[-2], arrowprops=style, zorder=1)


def _box(axes: Axes, text: str, x: float, y: float, width: float) -> None:
    height = 1.2
    corner = (x - width / 2, y - height / 2)
    style = "round,pad=0,rounding_size=0.15"
    axes.add_patch(
        FancyBboxPatch(corner, width, height, boxstyle=style, facecolor=PALE, edgecolor=INK)
    )
    axes.text(x, y, text, ha="center", va="center", fontsize=12, color=INK)


def _door(
    axes: Axes, number: int, x: float, y: float, chosen: int | None, *, dashed: bool = False
) -> None:
    colour, alpha = CYCLE[number - 1], _alpha(number, chosen)
    axes.add_patch(Circle((x, y), 0.42, facecolor="white", edgecolor="white", zorder=2))
    axes.add_patch(
        Circle(
            (x, y), 0.42, alpha=alpha, zorder=3, edgecolor=colour, linewidth=1.8,
            facecolor="white" if dashed else colour, linestyle="--" if dashed else "-",
        )
    )  # fmt: skip
    axes.text(
        x, y - 0.02, str(number), ha="center", va="center", fontsize=14, weight="bold",
        color=colour if dashed else "white", alpha=alpha, zorder=4,
    )  # fmt: skip


def _sign(axes: Axes, number: int, sign: _Sign, chosen: int | None) -> None:
    x = (0.7, 7.7, 15.0)[number - 1]
    alpha = _alpha(number, chosen)
    _door(axes, number, x, 3.3, chosen)
    kind: dict[str, Any] = {"ha": "left", "va": "center", "alpha": alpha}
    title: dict[str, Any] = {"fontsize": 13, "weight": "bold", "color": CYCLE[number - 1]}
    axes.text(x + 0.75, 3.3, sign.title, **title, **kind)
    axes.text(x + 0.75, 2.35, sign.formula, fontsize=14, color=INK, **kind)
    kind["va"] = "top"
    axes.text(x + 0.75, 1.75, sign.encodings, fontsize=12, color=INK, linespacing=1.5, **kind)


def _alpha(number: int, chosen: int | None) -> float:
    return 1.0 if chosen in (None, number) else FADED
