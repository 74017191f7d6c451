"""Where is the answer right? In all rows but one, in the even columns, on some of the cases?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

Mask = np.ndarray


def regions(shape: tuple[int, ...], wanted: np.ndarray) -> Iterator[tuple[str, Mask]]:
    """Named parts of an answer, small ones first: True where the part is."""
    grid = np.indices(shape)
    for axis in (0, -1) if len(shape) > 1 else (0,):
        at, size = grid[axis], shape[axis]
        one, many = (
            ("number", "numbers") if len(shape) == 1
            else (("row", "rows"), ("column", "columns"))[axis]
        )  # fmt: skip
        yield f"the first {one}", at == 0
        yield f"the last {one}", at == size - 1
        yield f"the first and last {one}", (at == 0) | (at == size - 1)
        yield f"the even {many} (0, 2, 4 ...)", at % 2 == 0
        yield f"the odd {many} (1, 3, 5 ...)", at % 2 == 1
        yield f"the first half of the {many}", at < (size + 1) // 2
        yield f"the second half of the {many}", at >= size // 2
        yield f"all {many} but the first", at > 0
        yield f"all {many} but the last", at < size - 1
    if len(shape) == 2 and min(shape) > 1:
        row, column = grid
        yield "the diagonal", row == column
        yield "the part above the diagonal", column > row
        yield "the part below the diagonal", column < row
    if wanted.dtype.kind in "if" and wanted.size > 2:
        yield "the places where the right answer is 0", wanted == 0
        yield "the places where the right answer is largest", wanted == wanted.max()
        yield "the places where the right answer is smallest", wanted == wanted.min()
        yield "the places where the right answer is negative", wanted < 0
        yield "the places where the right answer is positive", wanted > 0


def wrong_region(pairs: Sequence[tuple[np.ndarray, np.ndarray]], tolerance: float) -> str | None:
    """The name of the smallest region outside which every case is right."""
    if any(g.shape != w.shape or not w.ndim or not w.size for g, w in pairs):
        return None
    wrong = [~np.isclose(g, w, rtol=0, atol=tolerance, equal_nan=True) for g, w in pairs]
    if sum(w.size for w in wrong) < 6:
        return None
    best: tuple[int, str] | None = None
    tables = [dict(regions(w.shape, w)) for _, w in pairs]
    for name in tables[0]:
        masks = [table.get(name) for table in tables]
        if any(mask is None or (bad & ~mask).any() for mask, bad in zip(masks, wrong, strict=True)):
            continue
        parts = [m for m, bad in zip(masks, wrong, strict=True) if m is not None and bad.any()]
        size = sum(int(m.sum()) for m in parts)
        hit = sum(int(bad.sum()) for bad in wrong)
        if not any((~m).any() for m in parts) or 2 * hit < size:
            continue  # no place left that is right, or few of the region's places wrong
        if best is None or size < best[0]:
            best = (size, name)
    return best[1] if best else None


def telling(region: str) -> bool:
    """Does the region alone say where to look?"""
    return not region.startswith(("all ", "the places"))


def inside(
    pairs: Sequence[tuple[np.ndarray, np.ndarray]], region: str
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Yours and the right one in that region, as flat arrays."""
    return [
        (g[dict(regions(w.shape, w))[region]], w[dict(regions(w.shape, w))[region]])
        for g, w in pairs
    ]


def _conditions() -> list[tuple[str, Callable[[Any], bool]]]:
    return [
        ("{} is odd", lambda x: isinstance(x, int) and x % 2 == 1),
        ("{} is 0", lambda x: isinstance(x, int | float) and x == 0),
        ("{} is not 0", lambda x: isinstance(x, int | float) and x != 0),
        ("{} is negative", lambda x: isinstance(x, int | float) and x < 0),
        ("{} is not tiny", lambda x: isinstance(x, float) and x > 1e-3),
        ("{} is no power of two", lambda x: isinstance(x, int) and x > 0 and x & (x - 1) != 0),
        ("{} is not square", lambda x: _rank(x) == 2 and x.shape[0] != x.shape[1]),
        ("{} has more than two axes", lambda x: _rank(x) > 2),
    ]


def _rank(x: Any) -> int:
    return len(x.shape) if hasattr(x, "shape") else 0


def which_cases(names: list[str], cases: Sequence[tuple], right: Sequence[bool]) -> str | None:
    """What the wrong cases have in common and the right ones have not."""
    if all(right) or sum(right) < 2:  # a single right case may be right by chance
        return None
    wrong = [not r for r in right]
    for n, one in enumerate(names):
        for m in range(n + 1, len(names)):
            pairs = [(case[n], case[m]) for case in cases]
            if not all(type(a) is int and type(b) is int for a, b in pairs):
                continue
            if [a != b for a, b in pairs] == wrong:
                return f"{one} and {names[m]} differ"
    for says, condition in _conditions():
        for n, name in enumerate(names):
            if [condition(case[n]) for case in cases] == wrong:
                return says.format(name)
    return None
