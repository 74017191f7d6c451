"""A law of encodings: its words, and a function that finds the smallest case that breaks it.

Most laws are required. Some are only reported: an encoding may depend on the distance alone or not,
and it is good to know.

The trap: a check that cannot fail. `tests/test_check_encoding.py` has a faulty encoding for each
law, which breaks this one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from posenc_lib.laws.subject import Subject


class DoesNotApply(Exception):
    """Raised by a law that has nothing to say about an encoding; the message says why."""


NEIGHBOURS = "it reads the tokens on both sides, in no causal layer"
"""Why laws of causal layers, of caches and of tokens apart do not apply to a convolution."""


@dataclass(frozen=True)
class Law:
    """One law. `broken_by` returns the smallest case against it in words, or None.

    `words` say what holds; `reported` is True where either answer is right; `asked` is True where
    it is slow, and looked at only when asked for.
    """

    words: str
    broken_by: Callable[[Subject], str | None]
    reported: bool = False
    asked: bool = False


@dataclass(frozen=True)
class Finding:
    """What one law said of one encoding: `verdict` in a word or two, and why, in words."""

    law: str
    verdict: str
    why: str = ""


LAWS: list[Law] = []
"""All laws, in the order of the table."""


def law(words: str, **kind: Any) -> Callable[[Callable[[Subject], str | None]], Law]:
    """Make a function a law, and put it on the list."""

    def put(broken_by: Callable[[Subject], str | None]) -> Law:
        made = Law(words, broken_by, **kind)
        LAWS.append(made)
        return made

    return put


def applied(law: Law, subject: Subject) -> Finding:
    """What this law finds; an exception of the encoding breaks it."""
    try:
        why = law.broken_by(subject)
    except DoesNotApply as reason:
        return Finding(law.words, "does not apply", str(reason))
    except Exception as error:  # whatever a class from outside raises is what was found
        first = (str(error).strip().splitlines() or [""])[0]
        return Finding(law.words, "broken", f"raised {type(error).__name__}: {first}")
    yes, no = ("yes", "no") if law.reported else ("holds", "broken")
    return Finding(law.words, yes if why is None else no, why or "")


def first_difference(
    found: Tensor,
    expected: Tensor,
    axes: Sequence[str],
    ways: tuple[str, str],
    within: float,
) -> str | None:
    """The first place where two tensors differ, in words: its indices and both numbers."""
    found, expected = found.detach().double(), expected.detach().double()
    wrong = ~((found - expected).abs() <= within)  # a NaN is wrong too
    if not bool(wrong.any()):
        return None
    at = wrong.nonzero()[0].tolist()
    where = ", ".join(f"{axis} {n}" for axis, n in zip(axes, at, strict=True))
    ours, theirs = told_apart(float(found[tuple(at)]), float(expected[tuple(at)]))
    return f"{where}: {ours} {ways[0]}, {theirs} {ways[1]}"


def told_apart(one: float, other: float) -> tuple[str, str]:
    """Two numbers in as few digits as tell them apart, three at least."""
    for digits in range(3, 18):
        words = f"{one:.{digits}g}", f"{other:.{digits}g}"
        if words[0] != words[1]:
            break
    return words


def listed(numbers: Tensor | Sequence[int]) -> str:
    """A few whole numbers in words: 0, 1, 3."""
    return ", ".join(f"{int(n)}" for n in torch.as_tensor(numbers).flatten())
