"""What happened to the right answer on the way to the learner's?

Looked for in this order: number of results, one plain value everywhere, a change of the right
answer, a missing step, the right answer to changed arguments, a constant, a part that is right,
cases that are right. A finding has to explain every case that ran, and it says what is true of
the numbers: it is the learner who finds out why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from posenc_lib.checks.arguments import Arguments, changed_arguments, less_likely_arguments
from posenc_lib.checks.changes import Change, missing_steps, of_the_whole, on_every_number
from posenc_lib.checks.compare import all_close, close
from posenc_lib.checks.fits import Pairs, constant
from posenc_lib.checks.regions import inside, telling, which_cases, wrong_region
from posenc_lib.checks.running import run

Results = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Evidence:
    """The cases that ran, with the results that were given and those that were wanted."""

    cases: Sequence[tuple]
    given: Sequence[Results]
    wanted: Sequence[Results]
    solution: Callable[..., Any]
    names: list[str]
    tolerance: float
    complete: bool  # no case raised

    def right(self) -> list[bool]:
        together = zip(self.given, self.wanted, strict=True)
        return [all_close(g, w, self.tolerance) for g, w in together]


def diagnose(evidence: Evidence) -> str | None:
    """One sentence about what was found, or None."""
    counts = _count_of_results(evidence)
    if counts:
        return counts
    number, tolerance = len(evidence.wanted[0]), evidence.tolerance
    if number == 1:  # of two ways to say it, the change of the answer is the plainer one
        for _, pairs in _wrong_parts(evidence, number):
            found = _plain_value(pairs) or _changed(pairs, tolerance)
            if found:
                return found
    found = _whole_answer(evidence, changed_arguments(evidence.names, evidence.cases))
    if found:
        return found
    for prefix, pairs in _wrong_parts(evidence, number):
        found = _plain_value(pairs) or _explained(evidence, pairs)
        if found:
            return prefix + found
        if any(g.shape != w.shape for g, w in pairs):
            break  # what comes after a result of another shape is likely to follow from it
    found = _on_some_cases(evidence)
    if found:
        return found
    for prefix, pairs in _wrong_parts(evidence, number):
        found = _in_a_part(evidence, pairs)
        if found:
            return prefix + found
    return _whole_answer(evidence, less_likely_arguments(evidence.names, evidence.cases))


def second_mistake(evidence: Evidence) -> str | None:
    """What else happened, where `wanted` and `solution` are already those of a known mistake.

    Whole numbers and masks have few values, so that much fits by chance: for those only a turned
    sign, and axes in another order, count.
    """
    number = len(evidence.wanted[0])
    if any(len(given) != number for given in evidence.given):
        return None
    for pairs in _all_parts(evidence, number):
        if any(w.dtype.kind != "f" or w.size < 2 for _, w in pairs):
            kind, rank = pairs[0][1].dtype.kind, pairs[0][1].ndim
            turns = [next(on_every_number(kind)), *of_the_whole(rank, kind)]
            few = [c for c in turns if "sign is" in c.says or "swapped" in c.says
                   or "reverse" in c.says]  # fmt: skip
            found = next((c.says for c in few if _holds(c, pairs, evidence.tolerance)), None)
        else:
            found = _changed(pairs, evidence.tolerance) or constant(
                pairs, evidence.names, evidence.cases, evidence.tolerance
            )
            if found and "in another)" in found:
                found = None
        if not found:
            break
    else:
        return found
    if all(w.dtype.kind == "f" for parts in evidence.wanted for w in parts):
        return _whole_answer(evidence, changed_arguments(evidence.names, evidence.cases))
    return None


def _all_parts(evidence: Evidence, number: int) -> Iterator[Pairs]:
    for n in range(number):
        yield [(g[n], w[n]) for g, w in zip(evidence.given, evidence.wanted, strict=True)]


def _wrong_parts(evidence: Evidence, number: int) -> Iterator[tuple[str, Pairs]]:
    for n, pairs in enumerate(_all_parts(evidence, number)):
        if not all(close(g, w, evidence.tolerance) for g, w in pairs):
            yield (f"in result {n + 1} of {number}, " if number > 1 else ""), pairs


def _count_of_results(evidence: Evidence) -> str | None:
    number = len(evidence.wanted[0])
    counts = {len(given) for given in evidence.given}
    if counts == {number}:
        if number == 1:
            return None
        together = list(zip(evidence.given, evidence.wanted, strict=True))
        order = [
            m for n in range(number) for m in range(number)
            if all(close(g[n], w[m], evidence.tolerance) for g, w in together)
        ]  # fmt: skip
        if sorted(order) == list(range(number)) and order != sorted(order):
            return (
                "the results are right and stand in another order: read the task for which comes "
                "first."
            )
        return None
    if len(counts) != 1:
        return None
    (got,) = counts
    which = [
        n for n in range(number)
        if all(
            any(close(part, w[n], evidence.tolerance) for part in g)
            for g, w in zip(evidence.given, evidence.wanted, strict=True)
        )
    ]  # fmt: skip
    said = f"number of results returned: {got}, expected {number}"
    if which and got < number:
        return f"{said}. Right so far: result {' and '.join(str(n + 1) for n in which)}."
    return f"{said}." + (" Give back the right one alone." if which else "")


def _plain_value(pairs: Pairs) -> str | None:
    wrong = [(g, w) for g, w in pairs if g.size and g.dtype.kind in "biuf"]
    if not wrong or len(wrong) < len(pairs):
        return None
    if any(w.dtype.kind == "b" and g.dtype.kind != "b" for g, w in wrong):
        return _numbers_for_a_mask(wrong)
    if all(g.dtype.kind == "b" and w.dtype.kind != "b" for g, w in wrong):
        return "yours are True and False, expected numbers. A comparison too many?"
    if all(close(g, w, 1e-6, relative=1e-5) for g, w in pairs):
        return (
            "your numbers are right to seven digits only: somewhere on the way they are float32. "
            "Make the first array of the calculation float64."
        )
    if any(
        np.isnan(g.astype(float)).any() and not np.isnan(w.astype(float)).any() for g, w in wrong
    ):
        return (
            "there are NaNs in it (not a number). Is something divided by 0, or is it the root or "
            "logarithm of a negative number, or an entry that was never found or filled?"
        )
    if any(np.isinf(g.astype(float)).any() for g, _ in wrong):
        return "there are infinities in it: is something divided by 0, or the logarithm of 0?"
    if len({float(n) for _, w in wrong for n in w.ravel()}) == 1:
        return None
    same = [np.ptp(g.astype(float)) == 0 for g, _ in wrong]
    if all(same) and all(g.shape == w.shape for g, w in wrong):
        values = {float(g.ravel()[0]) for g, _ in wrong}
        if len(values) == 1:
            what = f"every number of yours is {values.pop():.4g}"
            if wrong[0][0].dtype.kind == "b":
                what = f"every entry of yours is {bool(wrong[0][0].ravel()[0])}"
            return f"{what}, in every case. What should make one entry differ from another?"
    return None


def _numbers_for_a_mask(pairs: Pairs) -> str:
    says = "numbers, expected True and False. Compare with <=, < or ==, then it is a mask."
    if any(np.isneginf(g.astype(float)).any() for g, _ in pairs):
        return f"{says} (0 and minus infinity is what is added to scores.)"
    return says


def _holds(change: Change, pairs: Pairs, tolerance: float, missing: bool = False) -> bool:
    """Does the change explain all pairs, and is it needed for one of them?"""
    needed = False
    for given, wanted in pairs:
        start, end = (given, wanted) if missing else (wanted, given)
        try:
            with np.errstate(all="ignore"):
                made = np.asarray(change.apply(start))
        except Exception:
            return False
        if made.dtype.kind in "Oc" or not close(end, made, tolerance, relative=1e-5):
            return False
        needed |= not close(start, end, tolerance, relative=1e-5)
    return needed


def _changed(pairs: Pairs, tolerance: float) -> str | None:
    wanted = pairs[0][1]
    if any(g.dtype.kind not in "biuf" for g, _ in pairs):
        return None
    whole = list(of_the_whole(wanted.ndim, wanted.dtype.kind))
    for change in (*_single(pairs), *whole):
        if _holds(change, pairs, tolerance):
            return change.says
    if all(close(g.ravel(), w.ravel(), tolerance) for g, w in pairs):
        return _another_shape(pairs)
    return None


def _single(pairs: Pairs) -> list[Change]:
    """Changes of single numbers. Two values tell no square from a power: the linear ones only."""
    changes = list(on_every_number(pairs[0][1].dtype.kind))
    few = len({float(number) for _, w in pairs for number in w.ravel()}) < 3
    return changes[:3] if few else changes


def _explained(evidence: Evidence, pairs: Pairs) -> str | None:
    given, tolerance = pairs[0][0], evidence.tolerance
    found = _changed(pairs, tolerance)
    if found or given.dtype.kind not in "biuf":
        return found
    few = len({float(number) for _, w in pairs for number in w.ravel()}) < 3
    for change in missing_steps(given.ndim, given.dtype.kind):
        if few and given.shape == pairs[0][1].shape:
            break  # nearly any step makes two values of others
        if _holds(change, pairs, tolerance, missing=True):
            return change.says
    return constant(pairs, evidence.names, evidence.cases, tolerance) or _clip(pairs, tolerance)


def _another_shape(pairs: Pairs) -> str:
    given, wanted = next((g, w) for g, w in pairs if g.shape != w.shape)
    what = f"the numbers are right, their shape is not: {given.shape}, expected {wanted.shape}."
    if given.ndim > wanted.ndim and all(g.squeeze().shape == w.squeeze().shape for g, w in pairs):
        return f"{what} There is an axis of size 1 too many: a [None], or keepdim, to leave out?"
    if given.ndim < wanted.ndim and all(g.squeeze().shape == w.squeeze().shape for g, w in pairs):
        return f"{what} An axis of size 1 is lost: keep it with [:, None] or keepdim=True."
    if given.ndim < wanted.ndim:
        return f"{what} Axes were flattened that should stay: reshape them back."
    return f"{what} Flatten or reshape the axes in the end."


def _clip(pairs: Pairs, tolerance: float) -> str | None:
    if min(w.size for _, w in pairs) < 4:
        return None  # of two numbers one is always the larger
    if any(
        g.shape != w.shape or "b" in (g.dtype.kind, w.dtype.kind) or not w.size for g, w in pairs
    ):
        return None
    for says, start in (
        ("yours goes beyond the largest of the right numbers, and is right below: a clip or a "
         "minimum is missing at the upper end.", lambda g, w: np.minimum(g, w.max())),
        ("yours goes below the smallest of the right numbers, and is right above: a clip or a "
         "maximum is missing at the lower end.", lambda g, w: np.maximum(g, w.min())),
        ("yours goes beyond the right numbers at both ends and is right between them: the clip is "
         "missing.", lambda g, w: np.clip(g, w.min(), w.max())),
    ):  # fmt: skip
        if all(close(start(g, w), w, tolerance) and np.ptp(w) > 0 for g, w in pairs):
            return says
    for says, stop in (
        ("yours stops too early: up to its largest number it is right, and it stays there. What "
         "cuts the rest off?", lambda g, w: np.minimum(w, g.max())),
        ("yours never goes as low as it should: above its smallest number it is right. What cuts "
         "the rest off?", lambda g, w: np.maximum(w, g.min())),
    ):  # fmt: skip
        if all(
            close(stop(g, w), g, tolerance) and (np.ptp(g) > 0 or g.size == 1) for g, w in pairs
        ):
            return says
    return None


def _whole_answer(evidence: Evidence, changes: Iterable[tuple[str, Arguments]]) -> str | None:
    """The right answer to changed arguments explains all results at once."""
    number = len(evidence.wanted[0])
    for says, change in changes:
        needed = False
        for case, given, wanted in zip(
            evidence.cases, evidence.given, evidence.wanted, strict=True
        ):
            try:
                made = run(evidence.solution, change(case), number)
            except Exception:
                break
            if made.error or not all_close(given, made.parts, evidence.tolerance, relative=1e-5):
                break
            needed |= not all_close(made.parts, wanted, evidence.tolerance)
        else:
            if needed:
                return says
    return None


def _in_a_part(evidence: Evidence, pairs: Pairs) -> str | None:
    if any(g.dtype.kind not in "biuf" for g, _ in pairs):
        return None
    region = wrong_region(pairs, evidence.tolerance)
    if region is None:
        return None
    says = f"right everywhere except in {region}."
    small = [(g, w) for g, w in inside(pairs, region) if g.size]
    values = [{float(x) for pair in small for x in pair[part]} for part in (0, 1)]
    if all(len(found) == 1 for found in values):
        return f"{says} There yours is {values[0].pop():.4g} and should be {values[1].pop():.4g}."
    for change in _single(small) if small else ():
        if _holds(change, small, evidence.tolerance):
            return f"{says} There, {change.says}"
    fit = constant(small, [], [()] * len(small), evidence.tolerance) if small else ""
    if fit:
        return f"{says} There, {fit}"
    return f"{says} What is different there?" if telling(region) else None


def _on_some_cases(evidence: Evidence) -> str | None:
    if not evidence.complete:
        return None  # of the cases left over, the wrong ones have something in common by chance
    right = evidence.right()
    condition = which_cases(evidence.names, evidence.cases, right)
    if condition is None:
        return None
    wrong = [n for n, fine in enumerate(right) if not fine]
    says = f"right in the other cases, wrong where {condition}."
    part = replace(
        evidence, cases=[evidence.cases[n] for n in wrong],
        given=[evidence.given[n] for n in wrong], wanted=[evidence.wanted[n] for n in wrong],
    )  # fmt: skip
    for prefix, pairs in _wrong_parts(part, len(part.wanted[0])):
        found = None
        if len(pairs[0][0].shape):
            found = _explained(part, pairs) or _in_a_part(part, pairs)
        if found:
            return f"{says} There, {prefix}{found}"
    return f"{says} Take the smallest such case by hand."
