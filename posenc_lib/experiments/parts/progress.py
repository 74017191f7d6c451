"""A bar for what takes longer than two seconds, and none for what is quicker.

    for step in progress(range(1, 801), "training", "step"): ...

The bar is tqdm's and goes away at the end. It is written to the error stream, but in a notebook to
the plain one: there errors stand on red, and a red strip stays when the bar has gone.
`TQDM_DISABLE=1` in the environment turns all bars off, as the command does that stores the outputs
of the notebooks.

The trap: bars of processes that run side by side, written over each other. There the runs are
counted, and what is inside a run stays silent.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from posenc_lib.base.extras import extra

DELAY = 2.0  # seconds
Item = TypeVar("Item")
_SILENT: ContextVar[bool] = ContextVar("no bars inside", default=False)


def progress(
    items: Iterable[Item], what: str, unit: str, *, total: int | None = None
) -> Iterable[Item]:
    """The same items one after the other, behind a bar once they have taken two seconds.

    >>> list(progress([1, 2], "counting", "number"))
    [1, 2]
    """
    if _SILENT.get():
        return items
    with extra("experiments"):
        from tqdm import tqdm

    in_notebook = type(sys.stdout).__module__.startswith("ipykernel")
    stream = sys.stdout if in_notebook else sys.stderr
    return tqdm(items, desc=what, unit=unit, total=total, leave=False, delay=DELAY, file=stream)


@contextmanager
def silent() -> Iterator[None]:
    """No bars inside."""
    before = _SILENT.set(True)
    try:
        yield
    finally:
        _SILENT.reset(before)
