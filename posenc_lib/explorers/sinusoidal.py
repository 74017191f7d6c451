"""The live panel of notebook 01."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from posenc_lib.embeddings.sinusoidal import frequencies, sinusoidal_table, wavelengths
from posenc_lib.explorers.panel import LogSlider, Panel, Slider, UpTo
from posenc_lib.plots.views import Clocks, Curves, Heatmap, View, number

QUESTION = (
    "Play the position, or drag a hand: which clocks come round again within the table? "
    "Which control speeds up the slow ones, and does it touch the fastest?"
)


def sinusoidal_explorer(
    *, question: str | None = None, front: Sequence[str] | None = None, **settings: float
) -> Panel:
    """The sinusoidal table with sliders for dim, length, base and first position.

    - The table.
    - Four pairs as clocks (the first one, and those at an eighth, a quarter and half of all
      pairs): at the position shown, each hand's tip is at (cos, sin).
    - The dot product of two positions against their distance.
    - The sine of the four pairs along the positions.

    Controls: `dim`, `length`, `base`, `start` (first position), `position` (shown by the clocks,
    counted from the first). `settings` start them; `question` and `front` (the controls in sight)
    stand in the head of the panel instead of its own.

    Raises ValueError for a setting out of its range.

    >>> panel = sinusoidal_explorer(dim=8, length=20)
    >>> panel.length = 40
    >>> panel.views[0].values.shape
    (40, 8)
    """
    return Panel(
        **_declaration(), settings=settings, page="sinusoidal", question=question or QUESTION,
        front=front or ("position", "dim", "length", "base"),
    )  # fmt: skip


def in_kernel(**settings: float) -> Panel:
    """The same panel with every picture computed in the kernel, to measure beside the other."""
    return Panel(**_declaration(), settings=settings)


def _declaration() -> dict[str, Any]:
    upto = UpTo("length", plus=-1)
    return {
        "title": "Sinusoidal table",
        "controls": [
            Slider("dim", 64, 2, 512, step=2, label="dim d"),
            Slider("length", 100, 2, 512, label="length (positions)"),
            LogSlider("base", 10_000.0, 2.0, 1_000_000.0, label="base"),
            Slider("start", 0, 0, 100_000, label="first position"),
            Slider("position", 1, 0, 511, label="position shown", upto=upto),
        ],
        "compute": _views,
        "explorer": "sinusoidal_explorer",
    }


def _views(dim: int, length: int, base: float, start: int, position: int) -> list[View]:
    table = sinusoidal_table(length, dim, base=base, start=start)
    turn, speed = wavelengths(dim, base=base), frequencies(dim, base=base)
    pairs = sorted({share * turn.size // 8 for share in (0, 1, 2, 4)})
    names = [f"pair {pair} ({turn[pair]:,.4g})" for pair in pairs]
    offset = np.arange(length)
    alike = np.cos(np.outer(offset, speed)).mean(1)
    here = start + position
    fine = points_a_position(turn[0], length)
    steps = np.arange((length - 1) * fine + 1)
    x = start + steps / fine
    return [
        Heatmap(
            "table", table, "position", "dimension", "value", limits=(-1, 1), row_start=start,
            marks=[(here, None)], picks=(("position", range(length)), None),
        ),
        Clocks(
            f"the pairs at position {number(here)} (wavelength)", here * speed[pairs], names,
            speed[pairs], "position", picks=("position",),
        ),
        Curves(
            "dot product of two positions", offset, alike[None], ["PE(p) . PE(p + k)"],
            "offset k (positions)", "dot product (1 at k = 0)", limits=(-1.05, 1.05),
        ),
        Curves(
            "sine of four pairs (wavelength)", x, np.sin(np.outer(speed[pairs], x)), names,
            "position", "value", limits=(-1.05, 1.05),
            marks=[(here, f"position {number(here)}")],
            picks=(("position", nearest_positions(steps, fine)), None),
            dots=fine if length <= DOTTED else 0,
        ),
    ]  # fmt: skip


DOTTED, MOST_POINTS = 40, 800
"""Whole positions that get dots of their own, and points of a wave."""


def points_a_position(wavelength: float, length: int) -> int:
    """How many points a position draw a wave smoothly: 24 to a turn, where there is room.

    >>> points_a_position(6.283, 100), points_a_position(6.283, 512), points_a_position(500.0, 9)
    (4, 1, 1)
    """
    room = MOST_POINTS // (length - 1)
    return max(1, min(int(np.ceil(24 / wavelength)), room))


def nearest_positions(steps: np.ndarray, fine: int) -> list[int]:
    """The whole position, counted from the first, that each point of a wave is nearest to."""
    return np.floor(steps / fine + 0.5).astype(int).tolist()
