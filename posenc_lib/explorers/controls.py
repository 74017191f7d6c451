"""The controls of a panel: each declares a name, a first value and the rule for its values."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

import ipywidgets
import traitlets

from posenc_lib.plots.views import number


@dataclass(frozen=True)
class UpTo:
    """Where a slider ends, from another control of the panel: at `factor * its value + plus`.

    A text counts its words. What the slider declares as its maximum stays an upper bound.

    >>> Slider("head", 0, 0, 7, upto=UpTo("heads", plus=-1)).upto.end({"heads": 2})
    1.0
    """

    name: str
    factor: float = 1.0
    plus: float = 0.0

    def end(self, settings: Mapping[str, Any]) -> float:
        value = settings[self.name]
        return self.factor * (len(value.split()) if isinstance(value, str) else value) + self.plus


class Control:
    """What every control has: a name, a first value, the rule for its values, a widget."""

    name: str
    value: Any
    label: str | None
    needs: tuple[str, Sequence[Any]] | None = None
    """Another control and the values of it for which this one has an effect; None: always."""

    @property
    def allowed(self) -> str:
        """What a value must be, to go into "it must be ..."."""
        raise NotImplementedError

    def checked(self, value: Any) -> Any:
        """The value as a plain Python object, or a TypeError or ValueError without text."""
        raise NotImplementedError

    def widget(self) -> ipywidgets.DOMWidget:
        """A new ipywidgets control that stands at the first value."""
        raise NotImplementedError

    def read(self, moved: Any, present: Any) -> Any:
        """The setting that the widget's new value stands for; `present` is the setting now."""
        return moved

    def step_of(self, value: Any) -> float | None:
        """The step at which a page puts the handle for this value; None where it stays exact."""
        return None

    def field(self) -> ipywidgets.Text | None:
        """A place to type the value, for the controls that need one."""
        return None

    def typed(self, text: str) -> Any:
        """The value that a text stands for, or a ValueError."""
        raise NotImplementedError

    def in_page(self) -> dict[str, Any]:
        """What `page.js` has to know to follow this control without the kernel."""
        raise TypeError(
            f"Panel: {self.name!r} is a {type(self).__name__}, which a panel computed in the page "
            "cannot follow. Use sliders, choices and toggles, or leave out page."
        )

    def idle(self, settings: Mapping[str, Any]) -> bool:
        """Whether this control has no effect with these settings of the others."""
        return self.needs is not None and settings[self.needs[0]] not in self.needs[1]

    def _look(self) -> dict[str, Any]:
        """What all widgets share: a label that is never cut off, and a width that wraps."""
        return {
            "description": self.label or self.name,
            "style": {"description_width": "initial"},
            "layout": ipywidgets.Layout(width="auto", min_width="240px", flex="0 1 340px"),
        }


class Field(ipywidgets.Text):
    """Its page hears no echo of what was typed, which would come after what is typed next."""

    value = traitlets.Unicode("").tag(sync=True, echo_update=False)


class TypedControl(Control):
    """A slider with a field beside it. ipywidgets' own readout would clip what is typed."""

    minimum: float
    maximum: float
    step: float

    def field(self) -> ipywidgets.Text:
        tip = f"{self.label or self.name}: type {self.allowed}"
        layout = ipywidgets.Layout(width="76px", flex="0 0 auto")
        return Field(value=shown(self.value), continuous_update=False, tooltip=tip, layout=layout)

    def typed(self, text: str) -> float:
        value = float(text.strip().replace(",", "").replace("\u2212", "-"))
        return int(value) if value.is_integer() and isinstance(self.value, int) else value

    @property
    def whole(self) -> bool:
        return False

    def read(self, moved: float, present: float) -> float:
        """A page puts the handle on its nearest step and reports that like a move of the hand.

        So a value between the steps, which was typed or set from code, stays until the handle
        stands at another step.
        """
        if self.whole:
            return moved
        step, meant = self._nearest(moved)
        if abs(moved - step) > self._noise(step):
            return moved  # set from code
        return present if self._nearest(present)[0] == step else meant

    def step_of(self, value: float) -> float | None:
        return None if self.whole else self._nearest(value)[0]

    def _nearest(self, value: float) -> tuple[float, float]:
        """The value of the slider's nearest step, and the setting that this step stands for."""
        raise NotImplementedError

    def _noise(self, step: float) -> float:
        """What the slider in the page rounds off."""
        raise NotImplementedError

    def in_page(self) -> dict[str, Any]:
        limits = {"minimum": self.minimum, "maximum": self.maximum, "step": self.step}
        kinds = {"kind": "slider", "log": False, "whole": self.whole, "real": not self.whole}
        return {"name": self.name, "allowed": self.allowed, **limits, **kinds}

    def _look(self) -> dict[str, Any]:
        layout = ipywidgets.Layout(width="auto", min_width="0", flex="1 1 auto")
        return super()._look() | {"layout": layout, "readout": False}


@dataclass(frozen=True)
class Slider(TypedControl):
    """A slider over whole numbers, or over real numbers if any argument is a float.

    Args:
        name: The keyword of `compute`, and the attribute of the panel.
        value: Where it stands first.
        minimum: Lowest value.
        maximum: Highest value.
        step: Distance between values. Whole numbers off the steps are refused.
        label: What stands beside it; the name if left out.
        needs: Another control, and the values of it for which this one has an effect. For other
            values it is greyed out in the page; from code it takes values as always.
        upto: Where its range ends as long as another control stands where it does.

    >>> Slider("dim", 64, 2, 512, step=2).allowed
    'a whole number from 2 to 512 in steps of 2'
    """

    name: str
    value: float
    minimum: float
    maximum: float
    _: KW_ONLY
    step: float = 1
    label: str | None = None
    needs: tuple[str, Sequence[Any]] | None = None
    upto: UpTo | None = None

    @property
    def whole(self) -> bool:
        return all(isinstance(v, int) for v in (self.value, self.minimum, self.maximum, self.step))

    @property
    def allowed(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        steps = f" in steps of {self.step}" if self.whole and self.step != 1 else ""
        return f"{kind} from {self.minimum} to {self.maximum}{steps}"

    def checked(self, value: Any) -> float:
        value = _whole(value) if self.whole else _real(value)
        if not self.minimum <= value <= self.maximum:
            raise ValueError
        if self.whole and (value - self.minimum) % self.step:
            raise ValueError
        return value

    def widget(self) -> ipywidgets.DOMWidget:
        kind = ipywidgets.IntSlider if self.whole else ipywidgets.FloatSlider
        limits = {"min": self.minimum, "max": self.maximum, "step": self.step}
        return kind(value=self.value, **limits, **self._look())

    def _nearest(self, value: float) -> tuple[float, float]:
        if value >= self.maximum:  # the end is a step too, wherever it lies
            return self.maximum, self.maximum
        step = self.minimum + round((value - self.minimum) / self.step) * self.step
        return min(step, self.maximum), min(float(f"{step:.12g}"), self.maximum)

    def _noise(self, step: float) -> float:
        return 1e-6 * self.step


@dataclass(frozen=True)
class LogSlider(TypedControl):
    """A slider over positive numbers whose steps are factors, 20 to a power of ten.

    The hand moves it to three significant digits; typed or from code it takes any value in its
    range. `needs` as for a `Slider`.

    >>> LogSlider("base", 10_000.0, 10.0, 1e6).allowed
    'a number from 10 to 1,000,000'
    """

    name: str
    value: float
    minimum: float
    maximum: float
    _: KW_ONLY
    label: str | None = None
    needs: tuple[str, Sequence[Any]] | None = None
    step = 0.05  # of the logarithm; no argument

    @property
    def allowed(self) -> str:
        return f"a number from {number(self.minimum)} to {number(self.maximum)}"

    def checked(self, value: Any) -> float:
        value = _real(value)
        if not self.minimum <= value <= self.maximum:
            raise ValueError
        return value

    def widget(self) -> ipywidgets.DOMWidget:
        high = math.log10(self.maximum)
        while 10.0**high < self.maximum:  # rounding: else the widget would not reach its end
            high = math.nextafter(high, math.inf)
        return ipywidgets.FloatLogSlider(
            value=self.value, min=self._low, max=high, step=self.step, **self._look()
        )

    @property
    def _low(self) -> float:
        low = math.log10(self.minimum)
        while 10.0**low > self.minimum:
            low = math.nextafter(low, -math.inf)
        return low

    def _nearest(self, value: float) -> tuple[float, float]:
        if value >= self.maximum * (1 - 1e-9):  # the end is a step too, wherever it lies
            return self.maximum, self.maximum
        steps = round((math.log10(value) - self._low) / self.step)
        step = min(10.0 ** (self._low + steps * self.step), self.maximum)
        meant = float(f"{step:.3g}")
        if meant >= self.maximum > step:  # the last step before the end is not the end
            meant = float(f"{step:.4g}")
        return step, min(max(meant, self.minimum), self.maximum)

    def _noise(self, step: float) -> float:
        return 1e-6 * step

    def in_page(self) -> dict[str, Any]:
        return super().in_page() | {"log": True, "low": self._low}


@dataclass(frozen=True)
class Choice(Control):
    """A drop-down.

    Args:
        name: The keyword of `compute`, and the attribute of the panel.
        value: One of the options.
        options: Values, or a mapping from the text shown to the value.
        label: What stands beside it; the name if left out.

    >>> Choice("base", 10_000.0, [100.0, 1_000.0, 10_000.0]).allowed
    'one of 100.0, 1000.0, 10000.0'
    """

    name: str
    value: Any
    options: Sequence[Any] | Mapping[str, Any]
    _: KW_ONLY
    label: str | None = None

    @property
    def pairs(self) -> list[tuple[str, Any]]:
        if isinstance(self.options, Mapping):
            return list(self.options.items())
        return [(written(v) if not isinstance(v, str) else v, v) for v in self.options]

    @property
    def allowed(self) -> str:
        return "one of " + ", ".join(repr(value) for _, value in self.pairs)

    def checked(self, value: Any) -> Any:
        for _, option in self.pairs:
            if isinstance(value, bool) == isinstance(option, bool) and value == option:
                return option
        kinds = (int, float) if isinstance(self.value, (int, float)) else type(self.value)
        raise ValueError if isinstance(value, kinds) else TypeError

    def widget(self) -> ipywidgets.DOMWidget:
        return ipywidgets.Dropdown(options=self.pairs, value=self.value, **self._look())

    def in_page(self) -> dict[str, Any]:
        return {"name": self.name, "kind": "choice", "options": [v for _, v in self.pairs]}


@dataclass(frozen=True)
class Toggle(Control):
    """A check box. `needs` as for a `Slider`.

    >>> Toggle("causal", False).allowed
    'True or False'
    """

    name: str
    value: bool
    _: KW_ONLY
    label: str | None = None
    needs: tuple[str, Sequence[Any]] | None = None

    @property
    def allowed(self) -> str:
        return "True or False"

    def checked(self, value: Any) -> bool:
        if type(value).__name__ not in ("bool", "bool_"):  # Python's and NumPy's
            raise TypeError
        return bool(value)

    def widget(self) -> ipywidgets.DOMWidget:
        return ipywidgets.Checkbox(value=self.value, indent=False, **self._look())

    def in_page(self) -> dict[str, Any]:
        return {"name": self.name, "kind": "toggle"}


@dataclass(frozen=True)
class Text(Control):
    """A line of text, such as the tokens of a sentence.

    >>> Text("sentence", "the cat sat", maximum=60).allowed
    'text of 1 to 60 characters'
    """

    name: str
    value: str
    _: KW_ONLY
    label: str | None = None
    maximum: int = 200

    @property
    def allowed(self) -> str:
        return f"text of 1 to {self.maximum} characters"

    def checked(self, value: Any) -> str:
        if not isinstance(value, str):
            raise TypeError
        if not value.strip() or len(value) > self.maximum:
            raise ValueError
        return value

    def widget(self) -> ipywidgets.DOMWidget:
        row = ipywidgets.Layout(width="auto", max_width="700px", flex="1 1 100%")  # of its own
        return ipywidgets.Text(value=self.value, **(self._look() | {"layout": row}))


def written(value: Any) -> str:
    """A setting for a reader."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return number(value) if isinstance(value, (int, float)) else f"'{value}'"


def shown(value: float) -> str:
    """A number as it stands in the field beside its slider: every digit that matters.

    >>> shown(12345.678), shown(100_000)
    ('12,345.678', '100,000')
    """
    return f"{value:,.12g}"


def listed(settings: Mapping[str, Any]) -> str:
    """Settings for a reader.

    >>> listed({"dim": 8, "causal": True})
    'dim = 8, causal = on'
    """
    return ", ".join(f"{name} = {written(value)}" for name, value in settings.items())


def _whole(value: Any) -> int:
    if type(value).__name__ in ("bool", "bool_"):
        raise TypeError
    try:
        return operator.index(value)
    except TypeError:
        if isinstance(value, float) and math.isnan(value):
            raise ValueError from None
        raise TypeError from None


def _real(value: Any) -> float:
    if type(value).__name__ in ("bool", "bool_") or isinstance(value, (str, bytes)):
        raise TypeError
    try:
        value = float(value)
    except (TypeError, ValueError):
        raise TypeError from None
    if not math.isfinite(value):
        raise ValueError
    return value
