"""A fault on show: where it lived, the wrong function, the right one, and the test between them."""

from __future__ import annotations

import functools
import importlib
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

from posenc_lib.faults.address import Address, address_of
from posenc_lib.lessons.source import Source, show_source

ROOMS = (
    "absolute", "relative", "biases", "rotary", "masks", "serving", "inference", "conclusions"
)  # fmt: skip

NO_THREAD = "in teaching material; no public thread that we could confirm"


class Exhibit:
    """Calling it runs the fault; showing it prints it beside its mended form.

    `law` takes an implementation and returns True where the law holds; an error that it raises
    counts as a failure. `right` is the mended implementation, called in the same way; `mended`
    shows its source. `address` is the public thread about the fault, None where none confirms it.

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

    @property
    def address(self) -> Address | None:
        """The public thread about this fault."""
        return address_of(self.__name__)

    @property
    def label(self) -> str:
        """Where the fault lived and what was reported, in lines of comment."""
        lived = self.address
        told = [lived.thread, f"Seen: {lived.reported}."] if lived else [f"Seen {NO_THREAD}."]
        if lived:
            told.append(f"Ended: {lived.ended}.")
        wrapped = (textwrap.wrap(line, 96, subsequent_indent="  ") for line in told)
        return "\n".join(f"# {line}" for lines in wrapped for line in lines)

    @property
    def mended(self) -> Source:
        """The source of the mended form, to be read beside the fault."""
        return Source(_source(self.right))

    @property
    def _mended_here(self) -> str:
        """The mended form where it was written for the museum, or where the library has it."""
        right = inspect.unwrap(self.right)
        if right.__module__.startswith("posenc_lib.faults."):
            return _source(right).split("\n", 1)[1]
        return f"# mended: {right.__name__} in {right.__module__.replace('.', '/')}.py"

    @property
    def _code(self) -> str:
        """The fault, the mended form, the law and the verdict."""
        law = _source(self.law).split("\n", 1)[1]  # it stands in the same file
        parts = (_source(self.fault), self._mended_here, law, f"# {self.verdict}")
        return "\n\n\n".join(parts)

    def __repr__(self) -> str:
        return f"{self._code}\n{self.label}"

    def _repr_markdown_(self) -> str:
        lived = self.address
        told = f"Seen {NO_THREAD}."
        if lived:
            told = (
                f"Seen in [{lived.short}]({lived.thread}): {lived.reported}. Ended: {lived.ended}."
            )
        return f"```python\n{self._code}\n```\n\n{told}"


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
