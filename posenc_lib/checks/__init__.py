"""Checkers for the exercises: `checks.sinusoidal.table(my_table)` returns a verdict.

One module a notebook, `exercise` for what they share, and `questions` for the recap of each
notebook, whose data are in `recap/`. Every checker is an `Exercise`; the tests give each the right
answer, the untouched stub and all its known mistakes.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
