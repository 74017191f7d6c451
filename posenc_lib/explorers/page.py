"""Panels whose numbers the page computes itself, so that they answer at once over any link.

The page follows the controls and draws; the kernel follows them too, and computes views only when
they are asked for. `page.js` is the other half, and one function of `IN_PAGE` in a `page_*.js` does
what `compute` does here: tests hold their numbers equal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ipywidgets

from posenc_lib.explorers.controls import Control

IN_PAGE = ("sinusoidal", "relative", "attention", "playground", "museum")
"""The functions that the page has."""


def declaration(
    *,
    compute: str,
    title: str,
    explorer: str,
    controls: Sequence[Control],
    widgets: Mapping[str, ipywidgets.Widget],
    fields: Mapping[str, ipywidgets.Widget],
    first: Mapping[str, Any],
    data: Mapping[str, Any],
) -> dict[str, Any]:
    """What the page has to know of a panel, to be sent once.

    Args:
        compute: One of `IN_PAGE`.
        title: What the panel shows.
        explorer: The function of `posenc_lib.explorers` that makes the panel, for its code.
        controls: Sliders, choices and toggles.
        widgets: The widget of each control, by name.
        fields: The field beside each slider, by name.
        first: The settings that a reset goes back to.
        data: What the page's function takes besides the settings: plain values, and bytes.

    Raises:
        ValueError: A function that the page does not have.
        TypeError: A control that the page cannot follow.
    """
    if compute not in IN_PAGE:
        raise ValueError(
            f"Panel {title!r}: page = {compute!r} is refused: it must be one of "
            f"{', '.join(map(repr, IN_PAGE))}, or be left out."
        )
    described = []
    for control in controls:
        known = control.in_page() | {"widget": _reference(widgets[control.name])}
        if control.needs:
            known["needs"] = [control.needs[0], list(control.needs[1])]
        if control.name in fields:
            known["field"] = _reference(fields[control.name])
        described.append(known)
    return {
        "compute": compute,
        "title": title,
        "explorer": explorer,
        "controls": described,
        "first": dict(first),
        "data": dict(data),
    }


def _reference(widget: ipywidgets.Widget) -> str:
    """A widget as the page finds it, in the way in which widgets refer to each other."""
    return f"IPY_MODEL_{widget.model_id}"
