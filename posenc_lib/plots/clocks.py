"""A few clocks side by side: round dials whose hands turn with one control of a panel.

They are a view like heat maps and curves (`views.py`), with its still picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from posenc_lib.plots.numbers import number, real_numbers
from posenc_lib.plots.palette import CYCLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_CLOCKS = 6
"""Clocks in one view: more would be too small to read."""


@dataclass(frozen=True, eq=False)
class Clocks:
    """Dials of radius 1 whose hands stand at angles: the tip of a hand is at (cos, sin).

    Args:
        name: What they show; the title.
        angles: (clocks,), or (clocks, hands) for several hands on each dial; in radians, against
            the clock from three o'clock. Whole turns count.
        labels: One text for each clock.
        rates: By how many radians the hands of each clock turn for one unit of their control.
        unit: That unit ("position").
        hands: One name for each hand of a dial; empty for a single hand.
        styles: One number from 0 for each clock, or for each hand where there are several: its
            colour, as for curves.
        marks: The numbers of the clocks to mark, from 0.
        picks: The control that turns the hands: dragging a hand sets it.

    Raises:
        TypeError: angles or rates are not real numbers.
        ValueError: Empty, too many, infinite or missing angles, shapes that do not fit.

    >>> view = Clocks("waves", [0.0, 1.5], ["fast", "slow"], [1.0, 0.1], "position")
    >>> view.angles.shape
    (2, 1)
    """

    name: str
    angles: Any  # what NumPy can read; arrays (clocks, hands) and (clocks,) after construction
    labels: Sequence[str]
    rates: Any
    unit: str
    hands: Sequence[str] = ()
    styles: Any = None  # whole numbers after construction
    marks: Sequence[int] = ()
    picks: tuple[str | None] = (None,)

    def __post_init__(self) -> None:
        where = f"Clocks {self.name!r}"
        angles = real_numbers(where, "angles", self.angles)
        rates = real_numbers(where, "rates", self.rates)
        angles = angles[:, None] if angles.ndim == 1 else angles
        hands = max(len(self.hands), 1)
        if angles.ndim != 2 or not 1 <= len(angles) <= MOST_CLOCKS or angles.shape[1] != hands:
            raise ValueError(
                f"{where}: angles must be (clocks, hands) with 1 to {MOST_CLOCKS} clocks and "
                f"{hands} for each, but its shape is {angles.shape}."
            )
        if not (np.all(np.isfinite(angles)) and np.all(np.isfinite(rates))):
            raise ValueError(f"{where}: angles and rates must be finite.")
        labels = tuple(map(str, self.labels))
        if len(labels) != len(angles) or rates.shape != (len(angles),):
            raise ValueError(
                f"{where}: labels and rates must have one entry for each of {len(angles)} clocks, "
                f"but they are {labels!r} and {rates.tolist()!r}."
            )
        many = hands if hands > 1 else len(angles)
        styles = tuple(range(many)) if self.styles is None else tuple(self.styles)
        if len(styles) != many or not all(isinstance(s, int) and s >= 0 for s in styles):
            raise ValueError(
                f"{where}: styles must hold {many} whole numbers from 0, but it is {self.styles!r}."
            )
        if not set(self.marks) <= set(range(len(angles))):
            raise ValueError(
                f"{where}: marks must be numbers of clocks, 0 to {len(angles) - 1}, "
                f"but they are {self.marks!r}."
            )
        found = {"angles": angles, "labels": labels, "rates": rates, "styles": styles}
        for argument, value in found.items():
            object.__setattr__(self, argument, value)

    @property
    def alt(self) -> str:
        """One sentence for readers who do not see the picture."""
        said = []
        for label, angles, rate in zip(self.labels, self.angles, self.rates, strict=True):
            tips = [
                f"{hand}cos {_rounded(math.cos(angle))}, sin {_rounded(math.sin(angle))}"
                for hand, angle in zip(self._prefixes, angles, strict=True)
            ]
            if len(angles) == 2:
                tips.append(f"{number(angles[1] - angles[0])} rad apart")
            said.append(f"{label}: {', '.join(tips)}, {number(rate)} rad per {self.unit}")
        return f"Clocks of {self.name}: {'; '.join(said)}."

    @property
    def _prefixes(self) -> list[str]:
        return [f"{hand} " for hand in self.hands] or [""]


def _rounded(value: float) -> str:
    """Rounding noise, which differs between machines, is written as 0."""
    return number(0.0 if abs(value) <= 1e-6 else value)


def draw_clocks(axes: Axes, view: Clocks, behind: Clocks | None = None) -> None:
    """Draw clocks into axes of your own; the hands of `behind`, pinned ones, thin and dashed."""
    count, hands = view.angles.shape
    columns = 2 if count in (3, 4) else min(count, 3)
    rows = -(-count // columns)
    turn = np.linspace(0.0, 2 * math.pi, 121)
    for clock in range(count):
        row, column = divmod(clock, columns)
        gap = (columns * rows - count) / 2 if row == rows - 1 else 0.0  # a short row is centred
        x, y = 2.9 * (column + gap), -3.3 * row
        marked = clock in view.marks
        axes.plot(x + np.cos(turn), y + np.sin(turn), color="black", lw=2.2 if marked else 0.9)
        for across, up in (((-1, 1), (0, 0)), ((0, 0), (-1, 1))):
            axes.plot(np.add(x, across), np.add(y, up), color="0.8", lw=0.8, zorder=1)
        old = behind.angles[clock] if behind and clock < len(behind.angles) else ()
        for hand, angle in enumerate(old):
            style = CYCLE[_style(behind or view, clock, hand) % len(CYCLE)]
            axes.plot(
                [x, x + math.cos(angle)], [y, y + math.sin(angle)],
                color=style, lw=1.1, ls=(0, (4, 2)),
            )  # fmt: skip
        for hand, angle in enumerate(view.angles[clock]):
            colour = CYCLE[_style(view, clock, hand) % len(CYCLE)]
            cos, sin = math.cos(angle), math.sin(angle)
            if hands == 1:  # the tip's shadows
                axes.plot(
                    [x + cos, x + cos, x], [y, y + sin, y + sin], color=colour, lw=0.9, ls=":"
                )
            axes.plot(
                [x, x + cos], [y, y + sin], color=colour, lw=2.2, marker="o", markevery=[1],
                markersize=5, label=view.hands[hand] if hands > 1 and clock == 0 else None,
            )  # fmt: skip
        if hands == 2:
            first, second = view.angles[clock]
            arc = first + np.linspace(0.0, math.fmod(second - first, 2 * math.pi), 60)
            axes.plot(x + 0.4 * np.cos(arc), y + 0.4 * np.sin(arc), color="black", lw=1.2)
        axes.text(x, y + 1.12, view.labels[clock], ha="center", va="bottom", fontsize=10)
        axes.text(x, y - 1.12, _below(view, clock), ha="center", va="top", fontsize=10)
    axes.set(
        title=view.name, aspect="equal", xlim=(-1.45, 2.9 * columns - 1.45),
        ylim=(-3.3 * (rows - 1) - 1.6, 1.6),
    )  # fmt: skip
    axes.set_axis_off()
    if hands > 1:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, 0), ncols=hands)


def _style(view: Clocks, clock: int, hand: int) -> int:
    style: int = view.styles[hand if view.angles.shape[1] > 1 else clock]
    return style


def _below(view: Clocks, clock: int) -> str:
    """What stands below a clock: the tip of its hand, or the angle between its two."""
    angles = view.angles[clock]
    if len(angles) == 1:
        cos, sin = math.cos(angles[0]), math.sin(angles[0])
        return f"cos {cos + 0.0:.2f}, sin {sin + 0.0:.2f}"
    if len(angles) == 2:
        return f"{number(angles[1] - angles[0])} rad apart"
    return ""
