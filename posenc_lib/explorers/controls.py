"""The controls of a panel: each declares a name, a first value and the rule for its values.

The page draws them (`controls.js`). It may offer only what is allowed here.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

from posenc_lib.plots.views import number


@dataclass(frozen=True)
class UpTo:
    """Where a slider ends, from another control of the panel: at `factor * its value + plus`.

    A text counts its words. `ends` has an end for every value of a `Choice` instead. What the
    slider declares as its maximum stays an upper bound.

    >>> UpTo("heads", plus=-1).end({"heads": 2}), UpTo("sentence").end({"sentence": "to be or"})
    (1.0, 3.0)
    >>> UpTo("series", ends={"long": 9, "short": 4}).end({"series": "short"})
    4
    """

    name: str
    factor: float = 1.0
    plus: float = 0.0
    ends: Mapping[Any, float] | None = None

    def end(self, settings: Mapping[str, Any]) -> float:
        """The end of the range with these settings of the other controls."""
        value = settings[self.name]
        if self.ends is not None:
            return self.ends[value]
        return self.factor * (len(value.split()) if isinstance(value, str) else value) + self.plus


class Control:
    """What every control has: a name, a first value, and the rule for its values."""

    name: str
    value: Any
    label: str | None
    needs: tuple[str, Sequence[Any]] | None = None
    """Another control and the values of it for which this one has an effect; None: always."""

    @property
    def allowed(self) -> str:
        """What a value must be, to go into "it must be ..."."""
        raise NotImplementedError

    @property
    def called(self) -> str:
        """The control's name in a sentence: its label, without what stands in brackets."""
        return re.sub(r" \(.*\)$", "", self.label or self.name)

    def checked(self, value: Any) -> Any:
        """The value as a plain Python object, or a TypeError or ValueError without text."""
        raise NotImplementedError

    def said(self, value: Any) -> str:
        """A value for a reader."""
        return number(value)

    def declared(self) -> dict[str, Any]:
        """What the page has to know to draw this control and to follow it."""
        common: dict[str, Any] = {
            "name": self.name,
            "label": self.label or self.name,
            "called": self.called,
            "allowed": self.allowed,
        }
        if self.needs:
            common["needs"] = [self.needs[0], list(self.needs[1])]
        return common


class _Range(Control):
    """A slider with a field beside it, in which any value of its range can be typed."""

    minimum: float
    maximum: float
    step: float
    upto: UpTo | None = None

    @property
    def whole(self) -> bool:
        return False

    def end(self, settings: Mapping[str, Any]) -> float:
        """The largest value as the other controls stand; never below the smallest."""
        if self.upto is None:
            return self.maximum
        most = min(self.maximum, self.upto.end(settings))
        if self.whole:
            most = self.minimum + (most - self.minimum) // self.step * self.step
        most = max(most, self.minimum)
        return int(most) if self.whole else most

    def allowed_to(self, end: float) -> str:
        """What a value must be where the range ends at `end`."""
        raise NotImplementedError

    @property
    def allowed(self) -> str:
        return self.allowed_to(self.maximum)

    def declared(self) -> dict[str, Any]:
        limits = {"minimum": self.minimum, "maximum": self.maximum, "step": self.step}
        kinds = {"kind": "slider", "log": False, "whole": self.whole}
        more: dict[str, Any] = {}
        if self.upto:
            more["upto"] = [self.upto.name, self.upto.factor, self.upto.plus]
            if self.upto.ends is not None:
                more["upto"].append(dict(self.upto.ends))
        return super().declared() | limits | kinds | more


@dataclass(frozen=True)
class Slider(_Range):
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

    def allowed_to(self, end: float) -> str:
        kind = "a whole number" if self.whole else "a number"
        if end == self.minimum:
            return number(end)
        steps = f" in steps of {self.step}" if self.whole and self.step != 1 else ""
        return f"{kind} from {number(self.minimum)} to {number(end)}{steps}"

    def checked(self, value: Any) -> float:
        value = _whole(value) if self.whole else _real(value)
        if not self.minimum <= value <= self.maximum:
            raise ValueError
        if self.whole and (value - self.minimum) % self.step:
            raise ValueError
        return value


@dataclass(frozen=True)
class LogSlider(_Range):
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

    def allowed_to(self, end: float) -> str:
        return f"a number from {number(self.minimum)} to {number(end)}"

    def checked(self, value: Any) -> float:
        value = _real(value)
        if not self.minimum <= value <= self.maximum:
            raise ValueError
        return value

    def declared(self) -> dict[str, Any]:
        return super().declared() | {"log": True}


@dataclass(frozen=True)
class Choice(Control):
    """A drop-down.

    Args:
        name: The keyword of `compute`, and the attribute of the panel.
        value: One of the options.
        options: Values, or a mapping from the text shown to the value.
        label: What stands beside it; the name if left out.
        needs: As for a `Slider`.

    >>> Choice("base", 10_000.0, [100.0, 1_000.0, 10_000.0]).allowed
    'one of 100.0, 1000.0, 10000.0'
    """

    name: str
    value: Any
    options: Sequence[Any] | Mapping[str, Any]
    _: KW_ONLY
    label: str | None = None
    needs: tuple[str, Sequence[Any]] | None = None

    @property
    def pairs(self) -> list[tuple[str, Any]]:
        if isinstance(self.options, Mapping):
            return list(self.options.items())
        return [(v if isinstance(v, str) else number(v), v) for v in self.options]

    @property
    def allowed(self) -> str:
        return "one of " + ", ".join(repr(value) for _, value in self.pairs)

    def checked(self, value: Any) -> Any:
        for _, option in self.pairs:
            if isinstance(value, bool) == isinstance(option, bool) and value == option:
                return option
        kinds = (int, float) if isinstance(self.value, (int, float)) else type(self.value)
        raise ValueError if isinstance(value, kinds) else TypeError

    def said(self, value: Any) -> str:
        return next(title for title, option in self.pairs if option == value)

    def declared(self) -> dict[str, Any]:
        options = [[title, value] for title, value in self.pairs]
        return super().declared() | {"kind": "choice", "options": options}


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

    def said(self, value: Any) -> str:
        return "on" if value else "off"

    def declared(self) -> dict[str, Any]:
        return super().declared() | {"kind": "toggle"}


@dataclass(frozen=True)
class Text(Control):
    """A line of text, such as the tokens of a sentence.

    >>> Text("sentence", "the cat sat", maximum=60).allowed
    'a text of at least one word and at most 60 characters'
    """

    name: str
    value: str
    _: KW_ONLY
    label: str | None = None
    maximum: int = 200

    @property
    def allowed(self) -> str:
        return f"a text of at least one word and at most {self.maximum} characters"

    def checked(self, value: Any) -> str:
        if not isinstance(value, str):
            raise TypeError
        if not value.strip() or len(value) > self.maximum:
            raise ValueError
        return value

    def said(self, value: Any) -> str:
        return f"'{value}'"

    def declared(self) -> dict[str, Any]:
        return super().declared() | {"kind": "text", "maximum": self.maximum}


def listed(controls: Mapping[str, Control], settings: Mapping[str, Any]) -> str:
    """Settings for a reader, in the words that stand beside the controls.

    >>> declared = {"n": Slider("n", 8, 1, 9, label="length (words)"), "on": Toggle("on", True)}
    >>> listed(declared, {"n": 8, "on": True})
    'length = 8, on = on'
    """
    return ", ".join(f"{controls[n].called} = {controls[n].said(v)}" for n, v in settings.items())


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
