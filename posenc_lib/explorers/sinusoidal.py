"""The live panel of notebook 01."""

from __future__ import annotations

from typing import Any

import numpy as np

from posenc_lib.embeddings.sinusoidal import frequencies, sinusoidal_table, wavelengths
from posenc_lib.explorers.panel import LogSlider, Panel, Slider
from posenc_lib.plots.views import Curves, Heatmap


def sinusoidal_explorer(**settings: float) -> Panel:
    """The sinusoidal table with sliders for dim, length, base and first position.

    Shows the table, the sine of four pairs along the positions (the first one, and those at an
    eighth, a quarter and half of all pairs), and the dot product of two positions against their
    distance. `settings` start the sliders.

    Raises ValueError for a setting out of its range.

    >>> panel = sinusoidal_explorer(dim=8, length=20)
    >>> panel.length = 40
    >>> panel.views[0].values.shape
    (40, 8)
    """
    return Panel(**_declaration(), settings=settings, page="sinusoidal")


def in_kernel(**settings: float) -> Panel:
    """The same panel with every picture computed in the kernel, to measure beside the other."""
    return Panel(**_declaration(), settings=settings)


def _declaration() -> dict[str, Any]:
    return {
        "title": "Sinusoidal table",
        "controls": [
            Slider("dim", 64, 2, 512, step=2, label="dim d"),
            Slider("length", 100, 2, 512, label="length (positions)"),
            LogSlider("base", 10_000.0, 2.0, 1_000_000.0, label="base"),
            Slider("start", 0, 0, 100_000, label="first position"),
        ],
        "compute": _views,
        "explorer": "sinusoidal_explorer",
    }


def _views(dim: int, length: int, base: float, start: int) -> list[Heatmap | Curves]:
    table = sinusoidal_table(length, dim, base=base, start=start)
    turn = wavelengths(dim, base=base)
    pairs = sorted({share * turn.size // 8 for share in (0, 1, 2, 4)})
    offset = np.arange(length)
    alike = np.cos(np.outer(offset, frequencies(dim, base=base))).mean(1)
    return [
        Heatmap(
            "table", table, "position", "dimension", "value", limits=(-1, 1), row_start=start
        ),
        Curves(
            "sine of four pairs (wavelength)",
            start + offset, table[:, [2 * pair for pair in pairs]].T,
            [f"pair {pair} ({turn[pair]:,.4g})" for pair in pairs],
            "position", "value", limits=(-1.05, 1.05),
        ),
        Curves(
            "dot product of two positions", offset, alike[None], ["PE(p) . PE(p + k)"],
            "offset k (positions)", "dot product (1 at k = 0)", limits=(-1.05, 1.05),
        ),
    ]  # fmt: skip
