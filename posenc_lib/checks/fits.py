"""Is the answer the right one times a constant, or plus one? And which constant is it?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import e, log, pi, sqrt
from typing import Any

import numpy as np

Pairs = Sequence[tuple[np.ndarray, np.ndarray]]  # of yours and the right one

_CONSTANTS = {
    "3.14 / pi (take np.pi, not 3.14)": 3.14 / pi,
    "180 / pi: degrees, where radians are meant": 180 / pi,
    "pi / 180: radians, where degrees are meant": pi / 180,
    "log 2": log(2),
    "1 / log 2: base 2, where e is meant": 1 / log(2),
    "log 10": log(10),
    "1 / log 10: base 10, where e is meant": 1 / log(10),
    "pi": pi,
    "2 pi": 2 * pi,
    "1 / pi": 1 / pi,
    "1 / (2 pi)": 1 / (2 * pi),
    "pi / 2": pi / 2,
    "2 / pi": 2 / pi,
    "sqrt(2)": sqrt(2),
    "1 / sqrt(2)": 1 / sqrt(2),
    "e": e,
    "1 / e": 1 / e,
    "one half": 0.5,
    "one third": 1 / 3,
    "one quarter": 0.25,
}


def constant(pairs: Pairs, names: list[str], cases: Sequence[tuple], tolerance: float) -> str:
    """A sentence about a factor or an offset that explains every case, or nothing."""
    kinds = {part.dtype.kind for pair in pairs for part in pair}
    if not kinds <= set("iuf") or any(g.shape != w.shape or not w.size for g, w in pairs):
        return ""
    pairs = [(g.astype(float), w.astype(float)) for g, w in pairs]
    return (
        _factor(pairs, names, cases, tolerance)
        or _offset(pairs, names, cases, tolerance)
        or _line(pairs, tolerance)
    )


def _line(pairs: Pairs, tolerance: float) -> str:
    """The same factor and the same offset for every case."""
    given = np.concatenate([g.ravel() for g, _ in pairs])
    wanted = np.concatenate([w.ravel() for _, w in pairs])
    if len(np.unique(wanted.round(6))) < 4 or not np.isfinite(given).all():
        return ""
    factor, offset = np.polyfit(wanted, given, 1)
    plain = abs(factor - 1) < 1e-6 or abs(offset) <= tolerance  # found before, or too little
    if (
        plain
        or abs(factor) < 1e-6
        or not np.allclose(given, factor * wanted + offset, atol=10 * tolerance)
    ):
        return ""
    return (
        f"every number of yours is the right one times {_name(float(factor))}, "
        f"{'plus' if offset > 0 else 'minus'} {_name(abs(float(offset)))}."
    )


def _factor(pairs: Pairs, names: list[str], cases: Sequence[tuple], tolerance: float) -> str:
    factors: list[float | None] = []
    for g, w in pairs:
        at = np.unravel_index(int(np.abs(w).argmax()), w.shape)
        if abs(w[at]) <= 10 * tolerance:
            factors.append(None)  # the right answer is all 0, so is any multiple of it
            factor = 1.0
        else:
            factor = float(g[at] / w[at])
            factors.append(factor)
        if not np.allclose(g, factor * w, rtol=1e-4, atol=tolerance * max(1.0, abs(factor))):
            return ""
    known = [factor for factor in factors if factor is not None]
    if not known or all(abs(f) < 1e-9 for f in known) or sum(w.size for _, w in pairs) < 3:
        return ""
    if np.allclose(known, known[0], rtol=1e-4):
        if abs(known[0] - 1) < 1e-6:
            return ""
        return (
            f"every number of yours is the right one times {_name(known[0])}. Look for a factor "
            "that is missing, there twice, or upside down."
        )
    for name, value in _quantities(names, cases):
        for says, power in _powers(name):
            made = [power(v) for v in value]
            together = zip(factors, made, strict=True)
            if all(f is None or np.isclose(f, m, rtol=1e-4) for f, m in together):
                return (
                    f"every number of yours is the right one times {says}. Look for a factor that "
                    "is missing, there twice, or upside down."
                )
    if min(w.size for _, w in pairs) < 3:
        return ""  # any number is some multiple of another
    return (
        f"every number of yours is the right one times a constant ({known[0]:.4g} in one case, "
        f"{next(f for f in known if not np.isclose(f, known[0], rtol=1e-4)):.4g} in another). "
        "Look for the factor that depends on the arguments."
    )


def _offset(pairs: Pairs, names: list[str], cases: Sequence[tuple], tolerance: float) -> str:
    offsets = []
    for g, w in pairs:
        offset = float((g - w).ravel()[0])
        if not np.allclose(g, w + offset, rtol=0, atol=10 * tolerance) or abs(offset) > 1e12:
            return ""
        offsets.append(offset)
    if sum(w.size for _, w in pairs) < 3 or max(map(abs, offsets)) <= 10 * tolerance:
        return ""
    if np.allclose(offsets, offsets[0]):
        many = f"{_name(abs(offsets[0]))} too {'large' if offsets[0] > 0 else 'small'}"
        count = (
            " Off by one: does your count start at 0?" if abs(abs(offsets[0]) - 1) < 1e-4 else ""
        )
        return f"every number of yours is {many}.{count}"
    for name, value in _quantities(names, cases):
        for says, power in _powers(name):
            for word, sign in (("large", 1), ("small", -1)):
                if np.allclose(offsets, [sign * power(v) for v in value], atol=10 * tolerance):
                    return (
                        f"every number of yours is too {word} by {says}. Should that be added, "
                        "taken off, or be left out?"
                    )
    if min(w.size for _, w in pairs) < 3:
        return ""
    return (
        f"every number of yours is off by a constant ({offsets[0]:.4g} in one case, "
        f"{next(o for o in offsets if not np.isclose(o, offsets[0])):.4g} in another). "
        "Look for what you add or take off."
    )


def _name(factor: float) -> str:
    """What a number may be: 3.1416 is pi."""
    if abs(factor) < 1e-12:
        return "0"
    if abs(factor - round(factor)) < 1e-5:
        return f"{round(factor)}"
    for sign, word in ((1, ""), (-1, "minus ")):
        for name, value in _CONSTANTS.items():
            if np.isclose(sign * factor, value, rtol=2e-5):
                return word + name
    if np.isclose(1 / factor, round(1 / factor), rtol=1e-5):
        return f"1 / {round(1 / factor)}"
    return f"{factor:.5g}"


def _quantities(names: list[str], cases: Sequence[tuple]) -> Iterator[tuple[str, list[float]]]:
    """Numbers that every case has: the scalar arguments, and the lengths of the axes."""
    for n, name in enumerate(names):
        values: list[Any] = [case[n] for case in cases]
        if all(isinstance(value, int | float) for value in values):
            yield name, [float(value) for value in values]
        if all(hasattr(value, "shape") for value in values):
            for axis, what in ((-1, "last"), (0, "first"), (-2, "second last")):
                if all(len(value.shape) >= abs(axis + (axis >= 0)) for value in values):
                    yield (
                        f"the length of the {what} axis of {name}",
                        [float(value.shape[axis]) for value in values],
                    )


def _powers(name: str) -> Iterator[tuple[str, Any]]:
    yield name, lambda n: n
    yield f"1 / {name}" if name[0] == "`" else f"1 over {name}", lambda n: 1 / n if n else np.inf
    root = "sqrt({})" if name[0] == "`" else "the square root of {}"
    yield root.format(name), lambda n: sqrt(abs(n))
    yield "1 over " + root.format(name), lambda n: 1 / sqrt(abs(n)) if n else np.inf
    yield f"the square of {name}", lambda n: n * n
    yield f"half of {name}", lambda n: n / 2
    yield f"half of {name}, rounded down", lambda n: n // 2
    yield f"2 over {name}", lambda n: 2 / n if n else np.inf
    yield f"twice {name}", lambda n: 2 * n
    yield f"{name} - 1", lambda n: n - 1
    yield f"{name} + 1", lambda n: n + 1
    yield f"{name} / ({name} - 1)", lambda n: n / (n - 1) if n != 1 else np.inf
    yield f"({name} - 1) / {name}", lambda n: (n - 1) / n if n else np.inf
    yield f"{name} / ({name} + 1)", lambda n: n / (n + 1) if n != -1 else np.inf
    yield (
        f"the square root of {name} / ({name} - 1)",
        (lambda n: sqrt(n / (n - 1)) if n > 1 else np.inf),
    )
    yield f"the square root of ({name} - 1) / {name}", lambda n: sqrt((n - 1) / n) if n > 1 else 0.0
