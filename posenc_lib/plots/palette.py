"""The colours of every picture: two 256-step scales and one cycle, safe for colour-blind readers.

The live canvas and the still pictures read the same arrays, so they show the same colours.
"""

from __future__ import annotations

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
