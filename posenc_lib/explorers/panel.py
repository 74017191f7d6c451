"""Live panels: controls, a function and views, declared in a few lines.

A panel shows sliders, calls `compute` with their values and draws the views it returns. It works
without a browser too: set `panel.length = 128` and look at `panel.views` or `panel.figure()`.
"""

from __future__ import annotations

import base64
import difflib
import inspect
import logging
import textwrap
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from posenc_lib import explorers
from posenc_lib.explorers.canvas import Canvas
from posenc_lib.explorers.controls import (
    Choice,
    Control,
    LogSlider,
    Slider,
    Text,
    Toggle,
    UpTo,
    listed,
)
from posenc_lib.explorers.page import declaration
from posenc_lib.explorers.saved import SENTENCE, saved_html
from posenc_lib.explorers.tools import Tools
from posenc_lib.plots.views import Clocks, Curves, Heatmap, View

if TYPE_CHECKING:
    from posenc_lib.plots.teaching_figure import TeachingFigure

__all__ = ["Choice", "Control", "LogSlider", "Panel", "Slider", "Text", "Toggle", "UpTo"]

logger = logging.getLogger(__name__)

IN_SIGHT = 4
"""So many controls a panel shows by itself; the others stand under "More"."""


class Panel(Tools):
    """A live figure with controls.

    In a notebook a moved control calls `compute` in the kernel, and one message takes the new
    numbers to the page; a panel with a function of the page does without. Where widgets cannot
    run, the still picture of `figure()` shows.

    Every control is an attribute: `panel.length = 128` redraws, `panel.length` reads. A value that
    is not allowed is refused, never clipped, and the last good picture stays: from code with an
    exception, from the hand with a sentence in the panel.

    Args:
        title: What the panel shows.
        controls: At least one `Slider`, `LogSlider`, `Choice`, `Toggle` or `Text`.
        compute: Called with every control's value by name; returns a list of `Heatmap` and
            `Curves`. It may refuse a combination by raising ValueError with a plain sentence.
        settings: First values, by control name, instead of the controls' own.
        question: What the reader is asked to find out, in the head of the panel.
        front: The controls in sight, two to four that the question needs; the others stand under
            "More". Empty: the first four.
        explorer: The function of `posenc_lib.explorers` that makes this panel, for `code`.
        own: Values of controls that stand for something of the reader's, such as a table of
            their own: no line of code can hold them.
        page: The function of the page (`page.IN_PAGE`) that computes the same views there: the
            panel then answers without the kernel, and lives in a page made from the notebook.
        data: What that function takes besides the settings: plain values, and bytes.

    Raises:
        TypeError: A setting of the wrong type or of an unknown name; a `compute` that does not
            take the controls, or returns something else than views.
        ValueError: A value out of range, or a combination that `compute` refuses; an unknown
            explorer.

    >>> panel = Panel(
    ...     title="A line",
    ...     controls=[Slider("slope", 2, -5, 5)],
    ...     compute=lambda slope: [Curves("line", [0, 1], [0, slope], "y", "x", "y")],
    ... )
    >>> panel.slope = 3
    >>> panel.views[0].ys
    array([[0., 3.]])
    >>> panel
    A line with slope = 3. Curves of line: one curve (y) over x 0 to 1, y from 0 to 3.
    >>> panel.slope = 9
    Traceback (most recent call last):
    ValueError: Panel 'A line': slope = 9 is refused: it must be a whole number from -5 to 5.
    """

    _views: list[View] | None
    _error: Exception | None

    def __init__(
        self,
        *,
        title: str,
        controls: Sequence[Control],
        compute: Callable[..., Sequence[View]],
        settings: Mapping[str, Any] | None = None,
        question: str = "",
        front: Sequence[str] = (),
        explorer: str | None = None,
        own: Collection[Any] = (),
        page: str | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        declared = {control.name: control for control in controls}
        self._check_declaration(title, controls, declared, compute, explorer, front)
        self.__dict__.update(_title=title, _declared=declared, _compute=compute)
        self.__dict__.update(_explorer=explorer, _own=tuple(own), _in_page=page is not None)
        # While a cell runs, Jupyter handles what the page says in another thread.
        self.__dict__.update(_lock=threading.RLock())
        if page is not None and explorer is None:
            raise ValueError(
                f"Panel {title!r}: page = {page!r} is refused: a panel computed in the page needs "
                "its explorer."
            )
        first = {name: control.value for name, control in declared.items()}
        given = dict(settings or {})
        first = self._plain_values(first | given, first, free=declared.keys() - given.keys())
        views = self._views_of(first)
        self._first = dict(first)
        self._canvas = Canvas(
            declaration(
                title=title,
                question=question,
                controls=controls,
                front=front or list(declared)[:IN_SIGHT],
                first=first,
                explorer=explorer,
                own=own,
                compute=page,
                data=data or {},
            )
        )
        self._show(first, views)
        self._canvas.on_msg(self._on_message)

    # --- driven from code ---------------------------------------------------------------------

    def set(self, **settings: Any) -> None:
        """Set several controls at once and draw once.

        Raises:
            TypeError, ValueError: As on construction; nothing has changed then.
        """
        with self._lock:
            wanted = self._plain_values(settings, self._settings)
            self._show(wanted, self._views_of(wanted, settings))

    def views_at(self, **settings: Any) -> list[View]:
        """The views with some controls set, without moving the panel that a reader has in hand.

        Raises:
            TypeError, ValueError: As `set`.

        >>> from posenc_lib import explorers
        >>> panel = explorers.sinusoidal_explorer(dim=8, length=20)
        >>> panel.views_at(length=40)[0].values.shape, panel.length
        ((40, 8), 20)
        """
        return self._views_of(self._plain_values(settings, self._settings), settings)

    @property
    def title(self) -> str:
        """What the panel shows."""
        return self._title

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of the picture, by control name."""
        return dict(self._settings)

    @property
    def views(self) -> list[View]:
        """The live views, with their arrays; what is pinned is not among them."""
        return list(self._live_views())

    @property
    def alt(self) -> str:
        """The picture in words: title, settings, what is pinned, what is drawn."""
        pinned = ""
        if self._pin:
            pinned = f" Pinned to compare with: {listed(self._declared, self._pin.settings)}."
        drawn = " ".join(drawn.alt for drawn in self._views_with_pin())
        return f"{self._title} with {listed(self._declared, self._settings)}.{pinned} {drawn}"

    @property
    def controls(self) -> dict[str, Control]:
        """The declared controls, by name."""
        return dict(self._declared)

    @property
    def canvas(self) -> Canvas:
        """The widget: what of the panel lives in the page."""
        return self._canvas

    @property
    def message(self) -> str:
        """What the panel says about a refused value; empty when all is well."""
        return self._canvas.message

    @property
    def error(self) -> Exception | None:
        """The exception behind the message, with its traceback."""
        return self._error

    def figure(self) -> TeachingFigure:
        """The present picture as a matplotlib figure, with what is pinned."""
        from posenc_lib.plots import views_figure  # only now: a live panel needs no matplotlib

        title = textwrap.fill(f"{self._title}: {listed(self._declared, self._settings)}", 90)
        if self._pin:
            pinned = f"Pinned: {listed(self._declared, self._pin.settings)}"
            title += "\n" + textwrap.fill(pinned, 90)
        drawn = self._views_with_pin()
        return views_figure(
            [one.view for one in drawn],
            alt=self.alt,
            title=title,
            behind=[one.behind for one in drawn] if self._pin else None,
        )

    def picture(self) -> bytes:
        """The present picture as PNG bytes."""
        figure = self.figure()  # it says what is missing where matplotlib is
        from posenc_lib.plots.teaching_figure import settled

        return settled(figure).png()

    def close(self) -> None:
        """Take the panel out of the page; what it knows stays readable from code."""
        self._canvas.close()

    # --- shown in a notebook ------------------------------------------------------------------

    def __repr__(self) -> str:
        return self.alt

    def _ipython_display_(self) -> None:
        from IPython.display import display  # only now: a panel is driven without a notebook too

        data, about = self._repr_mimebundle_()
        display(data, metadata=about, raw=True)
        if self._canvas.comm is not None:
            saved = saved_html(data["image/png"], self.alt)
            display({"text/html": saved, "text/plain": SENTENCE}, raw=True)

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data = {
            "text/plain": self.alt,
            "image/png": base64.b64encode(self.picture()).decode("ascii"),
        }
        if self._canvas.comm is not None:  # a closed panel is its picture
            live = self._canvas._repr_mimebundle_(**kwargs)
            data = {**((live[0] if isinstance(live, tuple) else live) or {}), **data}
        return data, {"image/png": {"alt": self.alt}}

    # --- controls as attributes ---------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        settings = vars(self).get("_settings", {})
        if name in settings:
            return settings[name]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        if name in vars(self).get("_declared", ()):
            self.set(**{name: value})
        elif name.startswith("_") or hasattr(type(self), name):
            super().__setattr__(name, value)
        else:
            raise AttributeError(self._unknown(name))

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._declared]

    # --- inside -------------------------------------------------------------------------------

    @classmethod
    def _check_declaration(
        cls,
        title: str,
        controls: Sequence[Control],
        declared: Mapping[str, Control],
        compute: Callable[..., Any],
        explorer: str | None,
        front: Sequence[str],
    ) -> None:
        """Mistakes of the person who writes a panel, found when it is made."""
        where = f"Panel {title!r}"
        if not controls:
            raise ValueError(f"{where}: controls is empty. Give it at least one, such as a Slider.")
        if len(declared) < len(controls):
            names = [control.name for control in controls]
            raise ValueError(f"{where}: two controls have the same name: {', '.join(names)}.")
        for name in declared:
            if not name.isidentifier() or name.startswith("_") or hasattr(cls, name):
                raise ValueError(
                    f"{where}: a control cannot be named {name!r}, because panels use that name "
                    "or Python does not allow it. Choose another, such as 'key_count' for 'keys'."
                )
        for control in controls:
            if (
                isinstance(control, Slider)
                and control.whole
                and (control.maximum - control.minimum) % control.step
            ):
                raise ValueError(
                    f"{where}: {control.name!r} ends at {control.maximum}, which is none of its "
                    f"steps of {control.step} from {control.minimum}. Choose another end."
                )
            upto = control.upto if isinstance(control, Slider) else None
            if upto and not isinstance(declared.get(upto.name), (Slider, Choice, Text)):
                raise ValueError(
                    f"{where}: {control.name!r} ends where {upto.name!r} says, which must be a "
                    "Slider, a Choice of numbers or a Text of the same panel."
                )
            needed = declared.get(control.needs[0]) if control.needs else None
            if control.needs and not isinstance(needed, (Choice, Toggle)):
                raise ValueError(
                    f"{where}: {control.name!r} needs {control.needs[0]!r}, which must be a Choice "
                    "or a Toggle of the same panel."
                )
        try:
            inspect.signature(compute).bind(**dict.fromkeys(declared))
        except TypeError as error:
            raise TypeError(
                f"{where}: compute must take {', '.join(declared)} by keyword, but: {error}."
            ) from None
        missing = [name for name in front if name not in declared]
        if missing:
            raise ValueError(
                f"{where}: front names {', '.join(map(repr, missing))}, but the controls are "
                f"{', '.join(declared)}."
            )
        known = [name for name in dir(explorers) if name.endswith("_explorer")]
        if explorer is not None and explorer not in known:
            raise ValueError(
                f"{where}: explorer = {explorer!r} is no function of posenc_lib.explorers: "
                f"it must be one of {', '.join(known)}, or be left out."
            )

    def _unknown(self, name: str) -> str:
        near = difflib.get_close_matches(name, self._declared, 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        known = ", ".join(self._declared)
        return f"Panel {self._title!r}: it has no control {name!r}; it has {known}.{hint}"

    def _plain_values(
        self, settings: Mapping[str, Any], present: Mapping[str, Any], free: Collection[str] = ()
    ) -> dict[str, Any]:
        """The present settings with these as plain values, or an exception that says which one is
        wrong and why."""
        clean = dict(present)
        for name, value in settings.items():
            if name not in self._declared:
                raise TypeError(self._unknown(name))
            control = self._declared[name]
            try:
                clean[name] = control.checked(value)
            except (TypeError, ValueError) as error:
                raise type(error)(
                    f"Panel {self._title!r}: {name} = {value!r} is refused: "
                    f"it must be {control.allowed}."
                ) from None
        for name, control in self._declared.items():
            upto = control.upto if isinstance(control, Slider) else None
            if not (isinstance(control, Slider) and upto and clean[name] > control.end(clean)):
                continue
            if name in free:  # nobody asked for it: it goes where its range ends
                clean[name] = control.end(clean)
            else:
                raise ValueError(
                    f"Panel {self._title!r}: {name} = {clean[name]!r} is refused with "
                    f"{upto.name} = {clean[upto.name]!r}: it must be "
                    f"{control.allowed_to(control.end(clean))}. Set both, or another {upto.name}."
                )
        return clean

    def _views_of(
        self, settings: Mapping[str, Any], changed: Mapping[str, Any] | None = None
    ) -> list[View]:
        """Ask `compute`; a refusal names the panel and the settings."""
        try:
            views = self._compute(**settings)
        except ValueError as error:
            named = ", ".join(f"{n} = {v!r}" for n, v in (changed or settings).items())
            raise ValueError(f"Panel {self._title!r}: {named} is refused: {error}") from error
        views = [views] if isinstance(views, (Heatmap, Curves, Clocks)) else views
        if not isinstance(views, (list, tuple)) or not views:
            raise TypeError(
                f"Panel {self._title!r}: compute must return a list of at least one Heatmap or "
                f"Curves, but it returned {type(views).__name__}."
            )
        for view in views:
            if not isinstance(view, (Heatmap, Curves, Clocks)):
                raise TypeError(
                    f"Panel {self._title!r}: compute must return a list of Heatmap and Curves, "
                    f"but one of them is {type(view).__name__}."
                )
        return list(views)

    def _live_views(self) -> list[View]:
        """The views of the settings. Where the page computes them too, only when asked for."""
        with self._lock:
            if self._views is None:
                self._views = self._views_of(self._settings)
            return self._views

    def _want(self, wanted: Mapping[str, Any], turn: int) -> None:
        """A hand wants these settings: draw them, or say why not."""
        changed = {n: v for n, v in wanted.items() if self._settings.get(n) != v}
        with self._canvas.hold_sync():
            self._canvas.answered = turn
            try:
                clean = self._plain_values(wanted, self._settings)
                self._show(clean, self._views_of(clean, changed))
            except Exception as error:
                self._refuse(changed or wanted, error)

    def _follow(self, settings: Mapping[str, Any]) -> None:
        """Go where the page has gone on its own."""
        wanted = self._plain_values(settings, self._settings)
        if wanted != self._settings:
            self._show(wanted, None)

    def _refuse(self, wanted: Mapping[str, Any], error: Exception) -> None:
        """Say why nothing new is drawn; the traceback goes to the log."""
        self._error = error
        expected = isinstance(error, ValueError)
        reason = error.__cause__ if expected and error.__cause__ else error
        text = str(reason) if expected else f"{type(error).__name__}: {error}"
        said = listed(self._declared, {n: v for n, v in wanted.items() if n in self._declared})
        logger.log(
            logging.INFO if expected else logging.ERROR,
            "Panel %r did not draw %s",
            self._title,
            said,
            exc_info=error,
        )
        self._canvas.message = f"{said} is not drawn: {text.rstrip('.')}."

    def _show(self, settings: Mapping[str, Any], views: list[View] | None) -> None:
        """Draw these settings. Without views: the page, which computes them, was moved by hand."""
        self._settings = dict(settings)
        self._views = views
        self._error = None
        if self._in_page:
            self._canvas.follow(settings, from_code=views is not None)
            return
        drawn = " ".join(view.alt for view in views or ())
        alt = f"{self._title} with {listed(self._declared, settings)}. {drawn}"
        self._canvas.show(settings, views or (), alt, self.code)
