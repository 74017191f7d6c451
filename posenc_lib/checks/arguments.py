"""Is it the right answer to another question: one argument unused, shifted, turned or swapped?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from posenc_lib.checks.running import as_array

Arguments = Callable[[tuple], tuple]


def changed_arguments(names: list[str], cases: Sequence[tuple]) -> Iterator[tuple[str, Arguments]]:
    """Each sentence with the function that changes the arguments of a case accordingly."""
    for n, name in enumerate(names):
        values = [case[n] for case in cases]
        changes: Any = ()
        if all(isinstance(value, int | float) for value in values):
            changes = _of_a_number(name, all(isinstance(value, int) for value in values))
        elif all(hasattr(value, "dtype") for value in values):
            changes = _of_an_array(name)
        for says, change in changes:
            yield says, _at(n, change)
    for n, one in enumerate(names):
        for m, other in enumerate(names):
            if m > n and _alike(cases, n, m):
                yield (
                    f"yours is the right answer with {one} and {other} swapped. Which is which?",
                    _swap(n, m),
                )
            if m != n and _alike(cases, n, m):
                yield (
                    f"yours takes {other} where {one} is meant: is {one} used at all?",
                    _instead(n, m),
                )


_WRITTEN = (2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32, 64, 100, 128, 256, 512, 1000, 10000, 1e-5, 1e-6)


def less_likely_arguments(
    names: list[str], cases: Sequence[tuple]
) -> Iterator[tuple[str, Arguments]]:
    """To be tried when nothing plainer explains the answer."""
    for n, name in enumerate(names):
        values: Any = [case[n] for case in cases]
        if all(isinstance(value, int | float) for value in values):
            whole = all(isinstance(value, int) for value in values)
            for number in dict.fromkeys((*values, *_WRITTEN)):
                if not whole or isinstance(number, int):
                    yield (
                        f"yours is the answer for {name} = {number} in every case. Is a number "
                        f"written into the code where {name} is meant?", _at(n, _always(number)),
                    )  # fmt: skip
            yield f"yours is the answer for twice {name}.", _at(n, lambda x: 2 * x)
        elif all(hasattr(value, "dtype") for value in values):
            yield f"yours is the answer for twice {name}: it enters twice.", _at(n, lambda x: x + x)
            yield f"yours is the answer for half of {name}.", _at(n, lambda x: x / 2)


def _always(number: float) -> Callable[[Any], Any]:
    return lambda x: type(x)(number)


def _alike(cases: Sequence[tuple], n: int, m: int) -> bool:
    return all(type(case[n]) is type(case[m]) and not callable(case[n]) for case in cases)


def _at(n: int, change: Callable[[Any], Any]) -> Arguments:
    return lambda case: (*case[:n], change(case[n]), *case[n + 1 :])


def _swap(n: int, m: int) -> Arguments:
    def swapped(case: tuple) -> tuple:
        made = list(case)
        made[n], made[m] = made[m], made[n]
        return tuple(made)

    return swapped


def _instead(n: int, m: int) -> Arguments:
    return lambda case: (*case[:n], case[m], *case[n + 1 :])


def _of_a_number(name: str, whole: bool) -> Iterator[tuple[str, Callable[..., Any]]]:
    for value in (0, 1):
        yield (
            f"yours is the answer for {name} = {value}: is {name} used everywhere?",
            (lambda x, v=value: type(x)(v)),
        )
    yield (
        f"yours is the right answer with the sign of {name} turned. Is it added where it should be "
        "taken off, or the other way round?", lambda x: -x,
    )  # fmt: skip
    yield f"yours is the answer for the absolute value of {name}: its sign matters.", abs
    for by, word in ((1, "larger"), (-1, "smaller")):
        yield (
            f"yours is the answer for {name} {word} by one (off by one). Does a count start at 0 "
            "or at 1?", lambda x, by=by: x + by,
        )  # fmt: skip
    yield f"yours is the answer for half of {name}.", lambda x: x // 2 if whole else x / 2
    if not whole:
        yield f"yours is the answer for the square root of {name}.", lambda x: x**0.5
        yield f"yours is the answer for the square of {name}.", lambda x: x * x
        yield f"yours is the answer for 1 / {name}: is it upside down?", lambda x: 1 / x


def _of_an_array(name: str) -> Iterator[tuple[str, Callable[..., Any]]]:
    yield f"yours is the right answer for {name} all 0: is {name} used?", lambda x: 0 * x
    yield f"yours is the right answer for {name} all 1: is {name} used?", lambda x: 0 * x + 1
    yield (
        f"yours is the answer for 0, 1, 2 ... in place of {name}. Use the numbers in it: they may "
        "start anywhere and leave gaps.", _counted,
    )  # fmt: skip
    yield (
        f"yours is the right answer with the sign of {name} turned. Is a difference taken the "
        "wrong way round?", lambda x: -x,
    )  # fmt: skip
    yield f"yours is the answer for the absolute value of {name}: its sign matters.", abs
    for by, word in ((1, "larger"), (-1, "smaller")):
        yield (
            f"yours is the answer for every number of {name} {word} by one (off by one).",
            lambda x, by=by: x + by,
        )
    yield f"yours is the answer for {name} transposed: rows and columns swapped.", lambda x: x.T
    for axis in (0, 1):
        yield (
            f"yours is the right answer for {name} in reverse order along axis {axis}.",
            lambda x, a=axis: _like(np.flip(as_array(x), a).copy(), x),
        )
        yield (
            f"yours takes the first entry of {name} along axis {axis} for all of them.",
            lambda x, a=axis: _like(
                np.repeat(np.take(as_array(x), [0], a), x.shape[a], axis=a), x),
        )  # fmt: skip
    yield f"yours leaves out the last entry of {name}.", lambda x: x[:-1]
    yield f"yours leaves out the first entry of {name}.", lambda x: x[1:]


def _counted(x: Any) -> Any:
    if len(x.shape) != 1:
        raise ValueError("positions have one axis")
    return _like(np.arange(len(x)), x)


def _like(array: np.ndarray, x: Any) -> Any:
    """The array as what `x` is; torch is not imported, 0 * x makes one."""
    if isinstance(x, np.ndarray):
        return array.astype(x.dtype)
    made = 0 * x.clone()
    made.numpy()[...] = array
    return made
