"""What every panel can do besides following its controls: reset, pin, give its code, grow large.

Each is a method or property here and a button in the page (`toolbar.js`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from posenc_lib.explorers.controls import Control, listed
from posenc_lib.explorers.pinned import HEATMAPS, Drawn, Pin, beside

if TYPE_CHECKING:
    from posenc_lib.explorers.canvas import Canvas
    from posenc_lib.plots.views import View


class Tools:
    """The part of a `Panel` behind the buttons of its toolbar."""

    _title: str
    _declared: Mapping[str, Control]
    _first: dict[str, Any]
    _settings: dict[str, Any]
    set: Callable[..., None]
    _live_views: Callable[[], list[View]]
    _follow: Callable[[Mapping[str, Any]], None]
    _want: Callable[[Mapping[str, Any], int], None]
    _in_page: bool
    _lock: threading.RLock
    _canvas: Canvas
    _explorer: str | None
    _own: Collection[Any]
    _pin: Pin | None = None

    def reset(self) -> None:
        """Put every control back to the first settings and draw once. What is pinned stays."""
        self.set(**self._first)

    def pin(self) -> None:
        """Keep the present picture as a reference, instead of an earlier one.

        Its curves stay behind the live ones, thin and dashed; `heatmaps` says what the heat maps
        show. The numbers go to the page once, not with every move.
        """
        with self._lock:
            settings, views = dict(self._settings), list(self._live_views())
            self._pin = Pin(settings, views)
            said = listed(self._declared, settings)
            if self._in_page:
                self._canvas.pin_at(settings, said)
            else:
                self._canvas.pin(views, said)

    def unpin(self) -> None:
        """Let the reference go."""
        with self._lock:
            self._pin = None
            self._canvas.unpin()

    @property
    def pinned(self) -> dict[str, Any] | None:
        """The settings of the pinned picture; None if nothing is pinned."""
        return dict(self._pin.settings) if self._pin else None

    @property
    def heatmaps(self) -> str:
        """What the heat maps show: "live", "pinned" or "difference" (live minus pinned).

        Raises:
            ValueError: Set to something else, or to a comparison while nothing is pinned.
        """
        return self._canvas.heatmaps

    @heatmaps.setter
    def heatmaps(self, wanted: str) -> None:
        if wanted not in HEATMAPS:
            raise ValueError(
                f"Panel {self._title!r}: heatmaps = {wanted!r} is refused: it must be one of "
                f"{', '.join(map(repr, HEATMAPS))}."
            )
        if wanted != "live" and self._pin is None:
            raise ValueError(
                f"Panel {self._title!r}: heatmaps = {wanted!r} is refused: nothing is pinned. "
                "Call pin() first."
            )
        self._canvas.heatmaps = wanted

    @property
    def lecture(self) -> bool:
        """Large text and lines in the page, for the back row. The still picture stays as it is.

        Raises:
            TypeError: Set to something else than True or False.
        """
        return self._canvas.lecture

    @lecture.setter
    def lecture(self, wanted: bool) -> None:
        if not isinstance(wanted, bool):
            raise TypeError(
                f"Panel {self._title!r}: lecture = {wanted!r} is refused: it must be True or False."
            )
        self._canvas.lecture = wanted

    @property
    def code(self) -> str:
        """One line of Python that draws the live picture again and saves it.

        Where there is no such line, a comment says why.
        """
        return code_line(self._explorer, self._settings, self._own)

    def _views_with_pin(self) -> list[Drawn]:
        """The views as they are drawn, with what is pinned."""
        if self._pin is None:
            return [Drawn(view) for view in self._live_views()]
        return beside(self._live_views(), self._pin.views, self.heatmaps)

    def _on_message(self, _: Canvas, content: Any, __: Any = None) -> None:
        """A hand did something in the page; what is not said here is the page's own business.

        A page that computes its own picture says which settings it means, and has gone there.
        """
        with self._lock:
            if "want" in content:
                self._want(content["want"], content["turn"])
            if "settings" in content:
                self._follow(content["settings"])
            press = content.get("press")
            if press == "pin":
                self.pin()
            elif press == "unpin":
                self.unpin()


def code_line(explorer: str | None, settings: Mapping[str, Any], own: Collection[Any] = ()) -> str:
    """The line that makes a panel's figure, or a comment where no line can.

    Args:
        explorer: The name of a function of `posenc_lib.explorers`; None for a panel without one.
        settings: The value of every control.
        own: Values that stand for something of the reader's, such as a table of their own.

    >>> print(code_line("sinusoidal_explorer", {"dim": 8}))
    from posenc_lib import explorers; explorers.sinusoidal_explorer(dim=8).figure().savefig("panel.png")
    >>> print(code_line(None, {"dim": 8}))
    # No line of code: this panel was made by Panel(...), not by a function of posenc_lib.explorers.
    """  # noqa: E501
    if explorer is None:
        return (
            "# No line of code: this panel was made by Panel(...), "
            "not by a function of posenc_lib.explorers."
        )
    if any(value in own for value in settings.values()):
        return (
            "# No line of code: this panel shows something of your own, "
            f"which only you can pass to {explorer}(...)."
        )
    arguments = ", ".join(f"{name}={value!r}" for name, value in settings.items())
    return (
        "from posenc_lib import explorers; "
        f'explorers.{explorer}({arguments}).figure().savefig("panel.png")'
    )
