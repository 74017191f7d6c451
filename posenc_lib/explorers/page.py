"""Panels whose numbers the page computes itself, so that they answer at once over any link.

The page follows the hand and draws; the kernel follows it, and computes views only when they are
asked for. One function of `IN_PAGE` in a `page_*.js` does what `compute` does here: a test holds
their numbers equal.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from posenc_lib.explorers.controls import Control

IN_PAGE = (
    "sinusoidal", "rotary", "relative", "attention", "playground", "museum", "grid", "learned",
    "word_order", "length", "shuffle", "forecast", "who", "config", "dates",
)  # fmt: skip
"""The functions that the page has."""


def declaration(
    *,
    title: str,
    question: str,
    controls: Sequence[Control],
    front: Sequence[str],
    first: Mapping[str, Any],
    explorer: str | None,
    own: Collection[Any],
    compute: str | None,
    data: Mapping[str, Any],
) -> dict[str, Any]:
    """What the page has to know of a panel, to be sent once.

    Args:
        title: What the panel shows.
        question: What the reader is asked to find out.
        controls: All controls, in order.
        front: Those in sight.
        first: The settings that a reset goes back to.
        explorer: The function of `posenc_lib.explorers` that makes the panel, for its code.
        own: Values of controls that no line of code can hold.
        compute: One of `IN_PAGE`; None where the kernel computes.
        data: What the page's function takes besides the settings: plain values, and bytes.

    Raises:
        ValueError: A function that the page does not have.
    """
    if compute is not None and compute not in IN_PAGE:
        raise ValueError(
            f"Panel {title!r}: page = {compute!r} is refused: it must be one of "
            f"{', '.join(map(repr, IN_PAGE))}, or be left out."
        )
    return {
        "title": title,
        "question": question,
        "controls": [control.declared() for control in controls],
        "front": list(front),
        "first": dict(first),
        "explorer": explorer,
        "compute": compute,
        "data": dict(data),
        "own": list(own),
    }
