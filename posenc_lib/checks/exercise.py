"""The machinery of the exercises: a solution, the cases it is judged on, and known mistakes.

A checker runs the learner's function and the solution on the same cases and compares shapes
first, then numbers: nothing is broadcast. When the answer behaves like one of the mistakes that
people really make, it gives the hint of that mistake. Mistakes are functions too, so the tests
prove that every hint is reached.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from posenc_lib.base.arrays import to_numpy


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that people give, and the hint that names it."""

    name: str
    answer: Callable[..., Any]
    hint: str


@dataclass(frozen=True)
class Verdict:
    """What a checker says; it prints as its message."""

    correct: bool
    message: str

    def __repr__(self) -> str:
        return self.message


@dataclass(frozen=True)
class Exercise:
    """Calling it with the learner's function returns a `Verdict`.

    `cases` makes the argument tuples afresh, `solution` is the library's own function (or a
    call of it), `tolerance` the largest absolute difference taken as equal.

    >>> double = Exercise("double", lambda x: 2 * x, lambda: [(1.0,), (3.0,)], mistakes=(
    ...     Mistake("square", lambda x: x * x, "Twice x, not x times x."),))
    >>> double(lambda x: x + x)
    Correct: double agrees with the library on 2 cases.
    >>> double(lambda x: x * x)
    Not yet. Twice x, not x times x.
    >>> double(lambda x: None)
    double: not attempted yet. Replace the dots and run the cell again.
    """

    name: str
    solution: Callable[..., Any]
    cases: Callable[[], Sequence[tuple]]
    mistakes: tuple[Mistake, ...]
    tolerance: float = 1e-5

    def __call__(self, answer: Callable[..., Any]) -> Verdict:
        if not callable(answer):
            return Verdict(False, f"{self.name}: pass the function itself, without calling it.")
        cases = list(self.cases())
        given = [_run(answer, case) for case in cases]
        if any(result is None or isinstance(result, NotImplementedError) for result in given):
            attempted = "not attempted yet. Replace the dots and run the cell again."
            return Verdict(False, f"{self.name}: {attempted}")
        wanted = [_run(self.solution, case) for case in cases]
        if all(_same(g, w, self.tolerance) for g, w in zip(given, wanted, strict=True)):
            count = f"{len(cases)} case{'s' if len(cases) > 1 else ''}"
            return Verdict(True, f"Correct: {self.name} agrees with the library on {count}.")
        for mistake in self.mistakes:
            wrong = [_run(mistake.answer, case) for case in cases]
            if self._alike(given, wrong, wanted):
                return Verdict(False, f"Not yet. {mistake.hint}")
        return Verdict(False, "Not yet. " + self._first_difference(cases, given, wanted))

    def _alike(self, given: list, wrong: list, wanted: list) -> bool:
        """Does the answer make this mistake wherever it runs? An error on top may be another."""
        answered = [n for n, result in enumerate(given) if not isinstance(result, Exception)]
        ran = answered or list(range(len(given)))
        return all(_same(given[n], wrong[n], self.tolerance) for n in ran) and not all(
            _same(given[n], wanted[n], self.tolerance) for n in ran
        )

    def _first_difference(self, cases: list, given: list, wanted: list) -> str:
        for case, got, want in zip(cases, given, wanted, strict=True):
            if _same(got, want, self.tolerance):
                continue
            call = f"{self.name}({', '.join(_short(argument) for argument in case)})"
            if isinstance(got, Exception):
                return f"{call} raised {type(got).__name__}: {got}"
            return f"{call}: {_difference(got, want, self.tolerance)}"
        raise AssertionError("called without a difference")


def _run(function: Callable[..., Any], case: tuple) -> Any:
    """The result as a list of arrays, or None, or the exception raised."""
    try:
        result = function(*copy.deepcopy(case))
        if result is None or result is Ellipsis:
            return None
        parts = result if isinstance(result, tuple) else (result,)
        return [_array(part) for part in parts]
    except Exception as error:
        return error


def _array(value: Any) -> np.ndarray:
    if isinstance(value, list):
        value = [_array(part) for part in value]
    array = np.asarray(to_numpy(value, "the answer", "result"))
    if array.dtype.kind not in "biufO":
        raise TypeError(f"the answer holds {array.dtype}, not numbers")
    return array


def _same(left: Any, right: Any, tolerance: float) -> bool:
    if isinstance(left, Exception) or isinstance(right, Exception):
        return type(left) is type(right)
    if len(left) != len(right):
        return False
    return all(_close(a, b, tolerance) for a, b in zip(left, right, strict=True))


def _close(left: np.ndarray, right: np.ndarray, tolerance: float) -> bool:
    if left.shape != right.shape or left.dtype == object:
        return False
    if (left.dtype == bool) != (right.dtype == bool):  # 1.0 is not True: a mask is boolean
        return False
    return bool(np.allclose(left, right, rtol=0.0, atol=tolerance, equal_nan=True))


def _difference(given: list, wanted: list, tolerance: float) -> str:
    if len(given) != len(wanted):
        return f"number of results returned: {len(given)}, expected {len(wanted)}."
    for got, want in zip(given, wanted, strict=True):
        if _close(got, want, tolerance):
            continue
        if got.shape != want.shape:
            return f"shape {got.shape}, expected {want.shape}."
        if got.dtype == object:
            return f"results of type {type(got.flat[0]).__name__}, expected numbers."
        if want.dtype == bool and got.dtype != bool:
            return f"numbers of dtype {got.dtype}, expected True and False."
        apart = np.abs(got.astype(float) - want.astype(float))
        apart = np.where(np.isnan(apart), np.inf, apart)
        at = np.unravel_index(int(apart.argmax()), apart.shape)
        place = f" at {[int(i) for i in at]}" if at else ""
        return f"largest difference{place}: yours {got[at]:.6g}, expected {want[at]:.6g}."
    raise AssertionError("called without a difference")


def _short(argument: Any) -> str:
    if hasattr(argument, "shape") and argument.ndim:
        return f"{type(argument).__name__} of shape {tuple(argument.shape)}"
    return repr(argument)
