"""Live panels: controls, a function and views, declared in a few lines.

A panel shows sliders, calls `compute` with their values and draws the views it returns. It works
without a browser too: set `panel.length = 128` and look at `panel.views` or `panel.figure()`.
"""

from __future__ import annotations

import base64
import difflib
import html
import inspect
import logging
import textwrap
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import ipywidgets

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
    shown,
)
from posenc_lib.explorers.page import declaration
from posenc_lib.explorers.tools import Tools
from posenc_lib.plots.views import Clocks, Curves, Heatmap, View

if TYPE_CHECKING:
    from posenc_lib.plots.teaching_figure import TeachingFigure

__all__ = ["Choice", "Control", "LogSlider", "Panel", "Slider", "Text", "Toggle", "UpTo"]

logger = logging.getLogger(__name__)


class Panel(Tools, ipywidgets.VBox):
    """A live figure with controls.

    In a notebook a moved control calls `compute` in the kernel, and one message takes the new
    numbers to the page. Where widgets cannot run, the still picture of `figure()` shows.

    Every control is an attribute: `panel.length = 128` redraws, `panel.length` reads. A value that
    is not allowed is refused, never clipped, and the last good picture stays: from code with an
    exception, from the hand with a sentence in the panel.

    Args:
        title: What the panel shows.
        controls: At least one `Slider`, `LogSlider`, `Choice`, `Toggle` or `Text`.
        compute: Called with every control's value by name; returns a list of `Heatmap` and
            `Curves`. It may refuse a combination by raising ValueError with a plain sentence.
        settings: First values, by control name, instead of the controls' own.
        explorer: The function of `posenc_lib.explorers` that makes this panel, for `code`.
        own: Values of controls that stand for something of the reader's, such as a table of
            their own: no line of code can hold them.
        page: The function of the page (`page.IN_PAGE`) that computes the same views there: the
            panel then answers without the kernel. Its `compute` must refuse no combination.
        data: What that function takes besides the settings: plain values, and bytes.
        question: What the reader is asked to find out, in the head of the panel.
        front: The controls in sight, two to four; the others stand under "More". Empty: all.

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
    _wanted: dict[str, Any]
    _error: Exception | None

    def __init__(
        self,
        *,
        title: str,
        controls: Sequence[Control],
        compute: Callable[..., Sequence[View]],
        settings: Mapping[str, Any] | None = None,
        explorer: str | None = None,
        own: Collection[Any] = (),
        page: str | None = None,
        data: Mapping[str, Any] | None = None,
        question: str = "",
        front: Sequence[str] = (),
    ) -> None:
        declared = {control.name: control for control in controls}
        self._check_declaration(title, controls, declared, compute, explorer)
        self.__dict__.update(_title=title, _declared=declared, _compute=compute, _quiet=False)
        self.__dict__.update(_explorer=explorer, _own=tuple(own), _snaps={})
        # While a cell runs, Jupyter handles what the page says in another thread.
        self.__dict__.update(_lock=threading.RLock())
        if page is not None and (explorer is None or own):
            raise ValueError(
                f"Panel {title!r}: page = {page!r} is refused: a panel computed in the page needs "
                "its explorer, and settings that its line of code can hold."
            )
        first = {name: control.value for name, control in declared.items()}
        first |= self._plain_values(first | dict(settings or {}))
        views = self._views_of(first)
        self._widgets = {name: control.widget() for name, control in declared.items()}
        fields = {name: control.field() for name, control in declared.items()}
        self._fields = {name: field for name, field in fields.items() if field is not None}
        self._first = dict(first)
        self._canvas = Canvas(tools=True)
        self._in_page = page is not None
        if page is not None and explorer is not None:
            self._canvas.page = declaration(
                compute=page, title=title, explorer=explorer, controls=controls,
                widgets=self._widgets, fields=self._fields, first=first, data=data or {},
            )  # fmt: skip
        row = ipywidgets.Layout(
            display="flex", flex_flow="row wrap", align_items="center", grid_gap="0 18px"
        )
        heading = ipywidgets.HTML(f"<strong>{html.escape(title)}</strong>")
        places = [self._place(name) for name in declared]
        box = ipywidgets.Box(places, layout=row).add_class("posenc-controls")
        super().__init__([heading, box, self._canvas])
        self.add_class("posenc-panel")
        self._put(first)
        self._show(first, views)
        for widget in self._widgets.values():
            widget.observe(self._on_move, names="value")
        for field in self._fields.values():
            field.observe(self._on_typing, names="value")
        self._canvas.on_msg(self._on_press)

    # --- driven from code ---------------------------------------------------------------------

    def set(self, **settings: Any) -> None:
        """Set several controls at once and draw once.

        Raises:
            TypeError, ValueError: As on construction; nothing has changed then.
        """
        with self._lock:
            wanted = self._settings | self._plain_values(settings)
            views = self._views_of(wanted, settings)
            self._put(wanted)
            self._show(wanted, views)

    def _follow(self, settings: Mapping[str, Any]) -> None:
        """Go where the page has gone on its own; its controls tell of themselves."""
        with self._lock:
            wanted = self._settings | self._plain_values(settings)
            if wanted != self._settings:
                self._show(wanted, None)

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
        """The live heat maps and curves, with their arrays; what is pinned is not among them."""
        return list(self._live_views())

    @property
    def alt(self) -> str:
        """The picture in words: title, settings, what is pinned, what is drawn."""
        pinned = f" Pinned to compare with: {listed(self._pin.settings)}." if self._pin else ""
        drawn = " ".join(drawn.alt for drawn in self._views_with_pin())
        return f"{self._title} with {listed(self._settings)}.{pinned} {drawn}"

    @property
    def controls(self) -> dict[str, ipywidgets.DOMWidget]:
        """The ipywidgets controls, by name."""
        return dict(self._widgets)

    @property
    def canvas(self) -> Canvas:
        """The drawing surface."""
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

        title = textwrap.fill(f"{self._title}: {listed(self._settings)}", 90)
        if self._pin:
            title += "\n" + textwrap.fill(f"Pinned: {listed(self._pin.settings)}", 90)
        drawn = self._views_with_pin()
        return views_figure(
            [one.view for one in drawn],
            alt=self.alt,
            title=title,
            behind=[one.behind for one in drawn] if self._pin else None,
        )

    def picture(self) -> bytes:
        """The present picture as PNG bytes."""
        return self.figure().png()

    def close(self) -> None:
        """Close the panel and all that belongs to it."""
        parts = list(getattr(self, "children", ()))
        while parts:
            part = parts.pop()
            parts += getattr(part, "children", ())
            part.close()
        super().close()

    # --- shown in a notebook ------------------------------------------------------------------

    def __repr__(self) -> str:
        return self.alt

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data = super()._repr_mimebundle_(**kwargs)
        data["text/plain"] = self.alt
        data["image/png"] = base64.b64encode(self.picture()).decode("ascii")
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
                    f"{where}: a control cannot be named {name!r}, because widgets use that name "
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

    def _plain_values(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The settings as plain values, or an exception that says which one is wrong and why."""
        clean = {}
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
        return clean

    def _views_of(
        self, settings: Mapping[str, Any], changed: Mapping[str, Any] | None = None
    ) -> list[View]:
        """Ask `compute`; a refusal names the panel and the settings."""
        try:
            views = self._compute(**settings)
        except ValueError as error:
            named = listed(changed or settings)
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
        if self._views is None:
            self._views = self._views_of(self._settings)
        return self._views

    def _on_move(self, change: Any) -> None:
        """A control was moved by hand."""
        with self._lock:
            if self._quiet:
                return
            name = next(n for n, widget in self._widgets.items() if widget is change.owner)
            if self._is_snap(name, change.new):
                return
            present = self._wanted[name]
            value = self._declared[name].read(change.new, present)
            if value != present:
                self._want(name, value)

    def _is_snap(self, name: str, moved: Any) -> bool:
        """Whether a page only says that a handle went to the step nearest to what was put.

        Such reports come late, and some are left out: older ones go with the one that came.
        """
        waiting = self._snaps.pop(name, [])
        step = self._declared[name].step_of(moved)
        if step not in waiting:
            return False
        self._snaps[name] = waiting[waiting.index(step) + 1 :]
        return True

    def _on_typing(self, change: Any) -> None:
        """A number was typed beside a slider: it is taken exactly, or refused."""
        with self._lock:
            if not self._quiet and not self._in_page:  # there the page says what it made of it
                name = next(n for n, field in self._fields.items() if field is change.owner)
                self._take_typed(name, change)

    def _take_typed(self, name: str, change: Any) -> None:
        control = self._declared[name]
        try:
            value = control.checked(control.typed(change.new))
        except (TypeError, ValueError, OverflowError):
            # The sentence comes last: who reads it may type again, over what stands there then.
            self._put({name: self._wanted[name]})
            self._canvas.message = (
                f"{name} = {change.new!r} is refused: it must be {control.allowed}. "
                f"The picture still shows {listed({name: self._settings[name]})}."
            )
        else:
            self._put({name: value})
            self._want(name, value)

    def _want(self, name: str, value: Any) -> None:
        """Draw with one setting changed, or say why not.

        Where an earlier move was refused and still stands in the controls, it is tried again
        with this one, and let go if only that makes a picture.
        """
        tried = [self._wanted | {name: value}, self._settings | {name: value}]
        for wanted in tried if tried[0] != tried[1] else tried[:1]:
            try:
                self._plain_values(wanted)
                views = None if self._in_page else self._views_of(wanted, {name: value})
            except Exception as error:
                refused = error
            else:
                dropped = {n: v for n, v in wanted.items() if v != tried[0][n]}
                self._show(wanted, views)
                self._put(dropped)
                break
        else:
            self._wanted = tried[0]
            self._refuse({name: value}, refused)
        if not self._in_page:  # the page writes beside its sliders itself
            self._write({name: value})

    def _refuse(self, wanted: Mapping[str, Any], error: Exception) -> None:
        """Say why nothing new is drawn; the traceback goes to the log."""
        self._error = error
        expected = isinstance(error, ValueError)
        reason = error.__cause__ if expected and error.__cause__ else error
        text = str(reason) if expected else f"{type(error).__name__}: {error}"
        logger.log(
            logging.INFO if expected else logging.ERROR,
            "Panel %r did not draw %s",
            self._title,
            listed(wanted),
            exc_info=error,
        )
        drawn = {n: v for n, v in self._settings.items() if v != self._wanted[n]}
        self._canvas.message = (
            f"{listed(wanted)} is not drawn: {text.rstrip('.')}. "
            f"The picture still shows {listed(drawn or self._settings)}."
        )

    def _show(self, settings: Mapping[str, Any], views: list[View] | None) -> None:
        """Draw these settings. Without views: the page, which computes them, was moved by hand."""
        self._settings = dict(settings)
        self._wanted = dict(settings)
        self._views = views
        self._error = None
        for name, control in self._declared.items():
            for widget in (self._widgets[name], self._fields.get(name)):
                if control.needs and widget is not None:
                    widget.disabled = control.idle(settings)
        if self._in_page:
            self._canvas.follow(settings, from_code=views is not None)
            return
        drawn = " ".join(view.alt for view in views or ())
        alt = f"{self._title} with {listed(settings)}. {drawn}"
        self._canvas.show(views or (), alt, self.code)

    def _put(self, settings: Mapping[str, Any]) -> None:
        """Move the controls without drawing."""
        self._quiet = True
        try:
            for name, value in settings.items():
                step = self._declared[name].step_of(value)
                if step not in (None, value) and self._widgets[name].value != value:
                    self._snaps.setdefault(name, []).append(step)
                self._widgets[name].value = value
        finally:
            self._quiet = False
        self._write(settings)

    def _write(self, settings: Mapping[str, Any]) -> None:
        """Write values beside their sliders, without drawing."""
        self._quiet = True
        try:
            for name in settings.keys() & self._fields.keys():
                self._fields[name].value = shown(settings[name])
        finally:
            self._quiet = False

    def _place(self, name: str) -> ipywidgets.DOMWidget:
        """A control as it stands in the panel: a slider has its field beside it."""
        if name not in self._fields:
            return self._widgets[name]
        layout = ipywidgets.Layout(min_width="260px", flex="0 1 340px", align_items="center")
        return ipywidgets.HBox([self._widgets[name], self._fields[name]], layout=layout)
