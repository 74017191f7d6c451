"""The colours of every picture: two 256-step scales and one cycle, safe for colour-blind readers.

The live canvas and the still pictures read the same arrays, so they show the same colours.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

CYCLE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Categorical colours (Okabe and Ito, 2008), without the two that vanish on white or on black."""

MISSING = "#9A9A9A"
"""The neutral grey of a cell without a value (NaN)."""

# Evenly spaced anchors: blue to orange through near-white, the lightness falling on both sides ...
_DIVERGING = (
    "#0B2F6B #1F5BA6 #4A8BC9 #8FBCE2 #CBDFF0 #F7F6F3 #F8D3B0 #EFA46A #D2712F #A34714 #692807"
)
# ... and from dark violet to yellow, the lightness rising all the way (the course of viridis, CC0).
_SEQUENTIAL = (
    "#440154 #482475 #414487 #355F8D #2A788E #21918C #22A884 #44BF70 #7AD151 #BDDF26 #FDE725"
)


def _scale(anchors: str) -> NDArray[np.uint8]:
    """Straight lines between the anchors, in 256 steps."""
    colours = np.array([list(bytes.fromhex(a[1:])) for a in anchors.split()], dtype=float)
    at = np.linspace(0, len(colours) - 1, 256)
    channels = [np.interp(at, np.arange(len(colours)), colours[:, c]) for c in range(3)]
    return np.rint(np.stack(channels, axis=1)).astype(np.uint8)


PALETTES: dict[str, NDArray[np.uint8]] = {
    "diverging": _scale(_DIVERGING),
    "sequential": _scale(_SEQUENTIAL),
}
"""Name to a (256, 3) table of red, green, blue."""


class Look(NamedTuple):
    """The title, colour, dashes and marker of an encoding: the same in every figure of trained
    results, so that nobody reads one encoding for another. Lines differ by more than their colour.

    >>> LOOKS["none"].colour != LOOKS["rope"].colour
    True
    """

    title: str
    colour: str
    dashes: Any = "-"
    marker: str = "o"


LOOKS: dict[str, Look] = {
    "none": Look("no position", "#555555", (0, (1.5, 1.5)), "X"),
    "sinusoidal": Look("sinusoidal", CYCLE[0]),
    "learned": Look("learned table", CYCLE[1], marker="s"),
    "t5": Look("T5", CYCLE[2], marker="^"),
    "alibi": Look("ALiBi", CYCLE[3], marker="D"),
    "rope": Look("RoPE", CYCLE[4], marker="v"),
    "randomised": Look("randomised positions", CYCLE[5], (0, (5, 2)), "P"),
    "rope_pi": Look("RoPE + PI", "#7A3E00", (0, (5, 2)), "s"),
    "rope_ntk": Look("RoPE + NTK", "#000000", (0, (6, 1.5, 1.5, 1.5)), "^"),
    "rope_yarn": Look("RoPE + YaRN", "#8E8E8E", (0, (1.5, 1.5)), "D"),
    "rope_yarn_short": Look("RoPE + YaRN, short ramp", "#6A3D9A", (0, (3, 1.5)), "P"),
    "rope_2d": Look("RoPE 2-D", CYCLE[4], marker="v"),
    "sinusoidal_2d": Look("sinusoidal 2-D", CYCLE[0], marker="D"),
    "sinusoidal, base 10": Look("sinusoidal, base 10", CYCLE[5], (0, (5, 2)), "P"),
    "t5, common rate": Look("T5, bias at the common rate", CYCLE[2], (0, (5, 2)), "P"),
    "sinusoidal, by time": Look("sinusoidal, by time", CYCLE[5], (0, (5, 2)), "P"),
    "rope, by time": Look("RoPE, by time", CYCLE[4], (0, (5, 2)), "P"),
}
"""Encoding, or encoding and setting as in `Record.label`, to how it looks."""


def look_of(name: str) -> Look:
    """How an encoding looks; one that is not known by its own name, in black.

    >>> look_of("rope").title, look_of("MyEncoding").title
    ('RoPE', 'MyEncoding')
    """
    return LOOKS.get(name, Look(name, "#000000", (0, (4, 1, 1, 1)), "*"))
