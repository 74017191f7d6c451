"""The machinery of the exercises: a solution, the cases it is judged on, and known mistakes.

A checker runs the learner's function and the solution on the same cases and compares shapes
first, then numbers and their kind: nothing is broadcast. When the answer behaves like one of the
mistakes that people really make, it gives the hint of that mistake; else it asks the diagnosis
what happened to the right answer. Mistakes are functions too, so the tests prove that every hint
is reached.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from posenc_lib.checks.compare import all_close, close, difference, dtype_problem
from posenc_lib.checks.diagnosis import Evidence, diagnose, second_mistake
from posenc_lib.checks.running import Outcome, broken, names_of, run, untouched


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that people give, and the hint that names it."""

    name: str
    answer: Callable[..., Any]
    hint: str


@dataclass(frozen=True)
class Verdict:
    """What a checker says; it prints as its message.

    A wrong answer has its smallest failing case: `case` are the arguments, `yours` is what the
    function made of them (or the error), `expected` what it should have made.
    """

    correct: bool
    message: str
    case: tuple | None = field(default=None, compare=False)
    yours: Any = field(default=None, compare=False)
    expected: Any = field(default=None, compare=False)

    def __repr__(self) -> str:
        return self.message


@dataclass(frozen=True)
class Exercise:
    """Calling it with the learner's function returns a `Verdict`.

    `cases` makes the argument tuples afresh, `solution` is the library's own function (or a
    call of it), `tolerance` the largest absolute difference taken as equal, `dtype` the exact
    one where the task names it.

    >>> double = Exercise("double", lambda x: 2 * x, lambda: [(1.0,), (3.0,)], mistakes=(
    ...     Mistake("square", lambda x: x * x, "Twice x, not x times x."),))
    >>> double(lambda x: x + x)
    Correct: double agrees with the library on 2 cases.
    >>> double(lambda x: x * x)
    Not yet. Twice x, not x times x.
    >>> double(lambda x: None)
    double: not attempted yet. Replace the dots and run the cell again.
    >>> double(lambda x: print(end=""))
    Not yet. Your function returned None: is there a `return`?
    >>> double(lambda x: -2 * x).case
    (1.0,)
    """

    name: str
    solution: Callable[..., Any]
    cases: Callable[[], Sequence[tuple]]
    mistakes: tuple[Mistake, ...]
    tolerance: float = 1e-5
    dtype: str = ""

    def __call__(self, answer: Callable[..., Any]) -> Verdict:
        if not callable(answer):
            return Verdict(False, f"{self.name}: pass the function itself, without calling it.")
        judged = Judged(self, answer)
        if judged.not_attempted():
            attempted = "not attempted yet. Replace the dots and run the cell again."
            return Verdict(False, f"{self.name}: {attempted}")
        failing = judged.failing()
        if not failing and judged.side_effect():
            return Verdict(False, f"Not yet. {judged.side_effect()}", judged.cases[0])
        if not failing:
            count = f"{len(judged.cases)} case{'s' if len(judged.cases) > 1 else ''}"
            return Verdict(True, f"Correct: {self.name} agrees with the library on {count}.")
        n = min(failing, key=lambda n: _size(judged.cases[n], judged.wanted[n]))
        return Verdict(
            False, "Not yet. " + self.explain(judged, n), copy.deepcopy(judged.cases[n]),
            judged.given[n].error or judged.given[n].raw, judged.wanted[n].raw,
        )  # fmt: skip

    def explain(self, judged: Judged, n: int) -> str:
        """What to say about a wrong answer; n is its smallest failing case."""
        found = judged.nothing_returned() or judged.complex_numbers() or judged.wrong_kind()
        if found:
            return found
        if judged.all_ran():
            known = next((m.hint for m in self.mistakes if judged.alike(m)), None)
        else:
            known = judged.hint_beside_errors(self.mistakes)
        if known:
            return known
        evidence = judged.evidence()
        if evidence is None or all(evidence.right()):
            return judged.broken_case()
        said: str | None = None
        with contextlib.suppress(Exception):  # whatever the answer holds, there is a verdict
            said = diagnose(evidence) or judged.two_mistakes()
        if said:
            return _sentence(said) + judged.also_broken()
        return judged.first_difference(n) if judged.all_ran() else judged.broken_case()


class Judged:
    """The outcomes of one answer on all cases, and what can be said about them."""

    def __init__(self, exercise: Exercise, answer: Callable[..., Any]) -> None:
        self.exercise, self.answer = exercise, answer
        self.cases = list(exercise.cases())
        self.wanted = [run(exercise.solution, case) for case in self.cases]
        self.given = [
            run(answer, case, len(wanted.parts))
            for case, wanted in zip(self.cases, self.wanted, strict=True)
        ]
        self.names = names_of(answer, len(self.cases[0]))
        self.ran = [n for n, one in enumerate(self.given) if one.error is None and not one.nothing]

    def not_attempted(self) -> bool:
        return (
            untouched(self.answer)
            or all(one.raw is Ellipsis for one in self.given)
            or any(isinstance(one.error, NotImplementedError) for one in self.given)
        )

    def call(self, n: int) -> str:
        return f"{self.exercise.name}({', '.join(_short(argument) for argument in self.cases[n])})"

    def all_ran(self) -> bool:
        return len(self.ran) == len(self.cases)

    def kind_problem(self, n: int) -> str:
        for got, want in zip(self.given[n].parts, self.wanted[n].parts, strict=True):
            problem = dtype_problem(got, want, self.exercise.dtype)
            if problem:
                return problem
        return ""

    def close(self, n: int) -> bool:
        return all_close(self.given[n].parts, self.wanted[n].parts, self.exercise.tolerance)

    def failing(self) -> list[int]:
        ran = set(self.ran)
        return [
            n for n in range(len(self.cases))
            if n not in ran or not self.close(n) or self.kind_problem(n)
        ]  # fmt: skip

    def side_effect(self) -> str:
        changed = sorted({n for one in self.given for n in one.changed})
        if not changed:
            return ""
        return (
            f"The numbers are right, but your function changes {self.names[changed[0]]} in place: "
            "whoever called it finds other values in it afterwards. Work on a copy (clone)."
        )

    def nothing_returned(self) -> str:
        none = [n for n, one in enumerate(self.given) if one.nothing]
        if len(none) == len(self.cases):
            return "Your function returned None: is there a `return`?"
        if none:
            return (
                f"Your function returned None for {self.call(none[0])}: does every way through it "
                "end with a `return`?"
            )
        return ""

    def complex_numbers(self) -> str:
        if any(part.dtype.kind == "c" for n in self.ran for part in self.given[n].parts):
            return (
                "You return complex numbers. Take their real and imaginary parts apart "
                "(torch.view_as_real), or return the angle if that is what is asked for."
            )
        return ""

    def wrong_kind(self) -> str:
        """The numbers are right wherever it ran and only their kind is not."""
        if not self.ran or not self.right_so_far():
            return ""
        for n in self.ran:
            problem = self.kind_problem(n)
            if problem:
                return f"The numbers are right, their dtype is not: {problem}."
        return ""

    def alike(self, mistake: Mistake) -> bool:
        """Does the answer make this mistake wherever it runs? An error on top may be another."""
        if not self.ran:
            return self.breaks_alike(mistake)
        if self.right_so_far():
            return False
        return all(self.makes(mistake, n) for n in self.ran)

    def makes(self, mistake: Mistake, n: int) -> bool:
        wrong = run(mistake.answer, self.cases[n], len(self.wanted[n].parts))
        return wrong.error is None and all_close(
            self.given[n].parts, wrong.parts, self.exercise.tolerance
        )

    def breaks_alike(self, mistake: Mistake) -> bool:
        """Does it make this mistake on all cases, with the same errors in the same places?"""
        for given, (case, wanted) in zip(self.given, self.zipped(), strict=True):
            wrong = run(mistake.answer, case, len(wanted.parts))
            if given.error is None and wrong.error is None:
                if not all_close(given.parts, wrong.parts, self.exercise.tolerance):
                    return False
            elif type(given.error) is not type(wrong.error) or str(given.error) != str(wrong.error):
                return False
        return True

    def right_so_far(self) -> bool:
        return all(self.close(n) for n in self.ran)

    def hint_beside_errors(self, mistakes: Sequence[Mistake]) -> str | None:
        """A mistake that breaks in the same way, or the only one that the other cases show."""
        exact = next((m.hint for m in mistakes if self.breaks_alike(m)), None)
        if exact:
            return exact
        seen = {m.hint for m in mistakes if self.alike(m)}
        return seen.pop() + self.also_broken() if len(seen) == 1 else None

    def zipped(self) -> list[tuple[tuple, Outcome]]:
        return list(zip(self.cases, self.wanted, strict=True))

    def evidence(self) -> Evidence | None:
        if not self.ran:
            return None
        return Evidence(
            [self.cases[n] for n in self.ran], [self.given[n].parts for n in self.ran],
            [self.wanted[n].parts for n in self.ran], self.exercise.solution, self.names,
            self.exercise.tolerance, self.all_ran(),
        )  # fmt: skip

    def two_mistakes(self) -> str | None:
        """A known mistake, and on top of it something that can happen to any answer."""
        evidence = self.evidence()
        if evidence is None or not evidence.complete:
            return None
        for mistake in self.exercise.mistakes:
            wrong = [run(mistake.answer, case, len(w.parts)) for case, w in self.zipped()]
            if any(one.error or not one.parts for one in wrong):
                continue
            measured = replace(
                evidence, wanted=[one.parts for one in wrong], solution=mistake.answer
            )
            found = second_mistake(measured)
            if found:
                return f"two things at once. {mistake.hint} And measured against that, {found}"
        return None

    def broken_case(self) -> str:
        n = min(
            (n for n, one in enumerate(self.given) if one.error is not None),
            key=lambda n: _size(self.cases[n], self.wanted[n]),
        )
        error = self.given[n].error
        assert error is not None
        return (
            "Right on the other cases, but " if self.ran else ""
        ) + f"{self.call(n)} {broken(error, self.answer)}"

    def also_broken(self) -> str:
        return "" if self.all_ran() else f" (And then: {self.broken_case()})".replace(
            "Right on the other cases, but ", "")  # fmt: skip

    def first_difference(self, n: int) -> str:
        number = len(self.wanted[n].parts)
        together = zip(self.given[n].parts, self.wanted[n].parts, strict=False)
        for at, (got, want) in enumerate(together, start=1):
            if not close(got, want, self.exercise.tolerance):
                place = (f"result {at} of {number}: " if number > 1 else "") + difference(got, want)
                changed = "".join(
                    f" And it changes {self.names[first]} in place: does a later line read what an "
                    "earlier one has overwritten?"
                    for first in self.given[n].changed[:1]
                )
                look = " Keep the verdict: its .case, .yours and .expected hold this example."
                return f"{self.call(n)}: {place}{changed}{look}"
        return f"{self.call(n)}: {self.kind_problem(n)}."


def _sentence(found: str) -> str:
    return found[:1].upper() + found[1:]


def _size(case: tuple, wanted: Outcome) -> int:
    sizes = [int(np.prod(a.shape)) if hasattr(a, "shape") else 1 for a in case]
    return sum(sizes) + sum(part.size for part in wanted.parts)


def _short(argument: Any) -> str:
    if hasattr(argument, "shape") and len(argument.shape):
        return f"{type(argument).__name__} of shape {tuple(argument.shape)}"
    return repr(argument)
