"""Letters that the figures' font lacks, such as Chinese and emoji, are written as their code.

    猫 sat  ->  U+732B sat

matplotlib's own font has no glyph for them: it would draw an empty box and warn. The code can be
read, tells one letter from another, and is the same on every machine.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.font_manager import FontProperties, findfont, get_font

JOINERS = "\u200d\ufe0e\ufe0f"  # what makes one emoji of several; they draw nothing of their own


def plain(text: str, font: FontProperties | None = None) -> str:
    """The text with each letter that the font lacks as U+ and its number, a space between two.

    >>> plain("猫 sat"), plain("猫猫"), plain("x ≤ α")
    ('U+732B sat', 'U+732B U+732B', 'x ≤ α')
    """
    if text.isascii():
        return text
    has = _letters(findfont(font or FontProperties()))
    missing = {letter for letter in text if ord(letter) not in has and letter != "\n"}
    if not missing:
        return text
    letters = re.escape("".join(sorted(missing)))
    return re.sub(f"[{letters}][{letters}{JOINERS}]*", lambda found: _codes(found[0]), text)


class PlainCanvas(FigureCanvasAgg):
    """matplotlib's canvas for PNG, with `plain` between every text of a figure and the font."""

    def get_renderer(self) -> RendererAgg:
        drawn = super().get_renderer()
        if not isinstance(drawn, _PlainRenderer):
            self.renderer = _PlainRenderer(drawn.width, drawn.height, drawn.dpi)
        return self.renderer


class _PlainRenderer(RendererAgg):
    def get_text_width_height_descent(self, s: str, prop: FontProperties, ismath: Any) -> Any:
        return super().get_text_width_height_descent(s if ismath else plain(s, prop), prop, ismath)

    def draw_text(
        self, gc: Any, x: float, y: float, s: str, prop: FontProperties, angle: float,
        ismath: Any = False, mtext: Any = None,
    ) -> None:  # fmt: skip
        s = s if ismath else plain(s, prop)
        super().draw_text(gc, x, y, s, prop, angle, ismath=ismath, mtext=mtext)


def _codes(letters: str) -> str:
    return " ".join(f"U+{ord(letter):04X}" for letter in letters if letter not in JOINERS)


@lru_cache(maxsize=16)
def _letters(path: str) -> frozenset[int]:
    return frozenset(get_font(path).get_charmap())
