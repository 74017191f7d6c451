"""Run an answer: its results as arrays, what it changed on the way, and the line where it broke."""

from __future__ import annotations

import copy
import dis
import inspect
import linecache
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from posenc_lib.base.arrays import to_numpy


@dataclass(frozen=True)
class Outcome:
    """What one call came to: `parts` are the results as arrays, empty where it raised."""

    raw: Any
    parts: tuple[np.ndarray, ...] = ()
    error: Exception | None = None
    changed: tuple[int, ...] = ()

    @property
    def nothing(self) -> bool:
        return self.error is None and (self.raw is None or self.raw is Ellipsis)


def run(function: Callable[..., Any], case: tuple, results: int = 1) -> Outcome:
    """Call `function` on a copy of the arguments. A list of several results counts as a tuple."""
    given, raw = copy.deepcopy(case), None
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            raw = function(*given)
            if raw is None or raw is Ellipsis:
                return Outcome(raw)
            several = isinstance(raw, tuple) or (
                isinstance(raw, list) and results > 1 and len(raw) == results
            )
            parts = tuple(as_array(part) for part in (raw if several else (raw,)))
    except Exception as error:
        return Outcome(raw, error=error)
    changed = [n for n, (old, new) in enumerate(zip(case, given, strict=True)) if _moved(old, new)]
    return Outcome(raw, parts, changed=tuple(changed))


def as_array(value: Any) -> np.ndarray:
    if isinstance(value, list | tuple):
        value = [as_array(part) for part in value]
    array = np.asarray(to_numpy(value, "the answer", "result"))
    if array.dtype.kind not in "biufcO":
        what = "text" if array.dtype.kind in "US" else array.dtype
        raise TypeError(f"the answer holds {what}, not numbers")
    return array


def _moved(old: Any, new: Any) -> bool:
    if not hasattr(old, "dtype"):
        return False
    before, after = as_array(old), as_array(new)
    return before.shape != after.shape or not np.array_equal(before, after)


_IDLE = {
    "RESUME", "NOP", "CACHE", "POP_TOP", "COPY_FREE_VARS", "LOAD_CONST", "LOAD_COMMON_CONSTANT",
    "RETURN_CONST", "RETURN_VALUE", "NOT_TAKEN",
}  # fmt: skip


def untouched(function: Callable[..., Any]) -> bool:
    """Is the body still nothing but dots, a docstring or `pass`?"""
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None:
        return False
    steps = list(dis.get_instructions(code))
    empty = all(
        s.argval in (None, ...) for s in steps if s.opname in ("LOAD_CONST", "RETURN_CONST")
    )
    return empty and {step.opname for step in steps} <= _IDLE


def names_of(function: Callable[..., Any], count: int) -> list[str]:
    """What the learner calls the arguments, for messages."""
    try:
        names = list(inspect.signature(function).parameters)[:count]
    except (TypeError, ValueError):
        names = []
    return [f"`{name}`" for name in names] + [f"argument {n + 1}" for n in range(len(names), count)]


_WHY = {
    "IndexError": "An index points past the end: of n rows the last is number n - 1.",
    "NameError": "That name is not known here. Is it spelled as where it was made?",
    "ZeroDivisionError": "Something is divided by 0: which argument makes it 0?",
    "AssertionError": "An assert stops here. The checker wants a value returned, not an error.",
    "UnboundLocalError": "On some way through the function that name is read before it is set.",
}


def broken(error: Exception, function: Callable[..., Any]) -> str:
    """The error in a sentence, with the learner's own line where there is one."""
    text = f"raised {type(error).__name__}: {str(error).strip()}"
    code = getattr(inspect.unwrap(function), "__code__", None)
    frames = list(traceback.walk_tb(error.__traceback__)) if code is not None else []
    own = [(f, line) for f, line in frames if code and f.f_code.co_filename == code.co_filename]
    if code is not None and own:
        frame, line = own[-1]
        number = line - frame.f_code.co_firstlineno + 1
        source = linecache.getline(code.co_filename, line).strip()
        where = f"line {number}" + ("" if frame.f_code is code else f" of {frame.f_code.co_name}")
        text = f"{text.removesuffix('.')}, in {where}" + (f": {source}" if source else "")
    kind = "IndexError" if "out of bounds" in str(error) else type(error).__name__
    why = _WHY.get(kind, "")
    shapes = ("size of tensor", "broadcast", "shapes", "match", "dimension")
    if not why and any(word in str(error) for word in shapes):
        why = "Two shapes do not fit together: print both just before that line."
    return f"{text}\n{why}" if why else text
