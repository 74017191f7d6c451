"""A fault on show: the wrong function, the right one, and the one test that tells them apart."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable
from typing import Any

from posenc_lib.lessons.source import show_source

ROOMS = ("absolute", "relative", "biases", "rotary", "serving", "conclusions")


class Exhibit:
    """Calling it runs the fault; showing it prints the fault, its law, and what the law says.

    `law` takes an implementation and returns True where the law holds; an error that it raises
    counts as a failure. `right` is the mended implementation, called in the same way.

    >>> exhibit = Exhibit(lambda x: x, right=lambda x: -x, law=lambda f: f(1) == -1)
    >>> exhibit(3), exhibit.holds(exhibit), exhibit.holds(exhibit.right)
    (3, False, True)
    """

    __name__: str  # that of the fault

    def __init__(
        self,
        fault: Callable[..., Any],
        *,
        right: Callable[..., Any],
        law: Callable[[Callable[..., Any]], bool],
    ) -> None:
        functools.update_wrapper(self, fault)
        self.fault, self.right, self.law = fault, right, law

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self.fault(*arguments, **options)

    def holds(self, implementation: Callable[..., Any]) -> bool:
        """Whether the law holds for an implementation; an error is a no."""
        return self._broken_by(implementation) is None

    def _broken_by(self, implementation: Callable[..., Any]) -> str | None:
        """None where the law holds, otherwise how it fails."""
        try:
            return None if self.law(implementation) else "False"
        except (RuntimeError, ValueError, IndexError) as error:
            return type(error).__name__

    @property
    def verdict(self) -> str:
        """What the law says of the fault and of the mended form, in one line."""
        said = [self._broken_by(f) or "True" for f in (self.fault, self.right)]
        return f"{self.law.__name__}: {said[0]} for this fault, {said[1]} for the mended form"

    def __repr__(self) -> str:
        law = _source(self.law).split("\n", 1)[1]  # it stands in the same file
        return f"{_source(self.fault)}\n\n\n{law}\n\n\n# {self.verdict}"

    def _repr_markdown_(self) -> str:
        return f"```python\n{self!r}\n```"


def exhibit(
    *, right: Callable[..., Any], law: Callable[[Callable[..., Any]], bool]
) -> Callable[[Callable[..., Any]], Exhibit]:
    """Put the function below on show, beside its mended form and its law."""
    return lambda fault: Exhibit(fault, right=right, law=law)


def exhibits() -> dict[str, Exhibit]:
    """Every fault by its name, in the order of the rooms.

    >>> exhibits()["sign_swapped"].verdict
    'against_the_loop: False for this fault, True for the mended form'
    """
    rooms = [importlib.import_module(f"posenc_lib.faults.{room}") for room in ROOMS]
    shown = (value for room in rooms for value in vars(room).values())
    return {value.__name__: value for value in shown if isinstance(value, Exhibit)}


def _source(function: Callable[..., Any]) -> str:
    """The file, then the source without its docstring and the line that puts it on show."""
    lines = repr(show_source(inspect.unwrap(function))).splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("def "))
    return "\n".join([lines[0], *lines[start:]])
