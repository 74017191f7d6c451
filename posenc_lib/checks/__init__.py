"""Checkers for the exercises: `checks.sinusoidal.table(my_table)` returns a verdict.

One module a notebook. Every checker is an `Exercise`; the tests give each the right answer, the
untouched stub and all its known mistakes.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "start",
        "sinusoidal",
        "learned",
        "relative",
        "attention",
        "biases",
        "rotary",
        "lengths",
        "text",
        "time_series",
        "images",
        "museum",
    ],
    submod_attrs={"exercise": ["Exercise", "Mistake", "Verdict"]},
)
