"""Every encoding beside a published implementation, or beside a loop from the paper's equation.

A case is a function that returns pairs (ours, reference); `test_parity.py` runs them all and
`python -m tests.parity.table` writes the table in README.md from the same runs.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import version

import torch
from packaging.version import Version
from torch import Tensor

EQUATION = "a plain loop"
"""The reference where no published implementation installs: a naive loop in tests/reference.py."""

Pairs = Iterable[tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Case:
    """One encoding, one reference, and what makes the two comparable."""

    encoding: str  # the name in the registry
    reference: str  # the package as pip calls it, or EQUATION
    what: str  # the function or class of the reference, or the paper and its equation
    transformation: str  # what is done to one side before comparing; "none" if nothing
    bound: float  # the largest absolute difference that passes
    run: Callable[[], Pairs]

    @property
    def version(self) -> str:
        return "" if self.reference == EQUATION else Version(version(self.reference)).public

    def difference(self) -> float:
        """The largest absolute difference over all pairs, in float64."""
        pairs = list(self.run())
        assert pairs, f"{self.run.__name__} compares nothing"
        largest = 0.0
        for ours, theirs in pairs:
            assert ours.shape == theirs.shape, (ours.shape, theirs.shape)
            assert ours.numel() and ours.unique().numel() > 1, "a constant proves nothing"
            gap = (ours.detach().double() - theirs.detach().double()).abs()
            assert torch.isfinite(gap).all()
            largest = max(largest, float(gap.max()))
        return largest


CASES: list[Case] = []


def parity(
    encoding: str, *, reference: str, what: str, bound: float, transformation: str = "none"
) -> Callable[[Callable[[], Pairs]], Callable[[], Pairs]]:
    """Register a function without arguments that returns pairs (ours, reference)."""

    def register(run: Callable[[], Pairs]) -> Callable[[], Pairs]:
        CASES.append(Case(encoding, reference, what, transformation, bound, run))
        return run

    return register


def all_cases() -> list[Case]:
    """Every case of tests/parity/cases, in the order of the files and of the lines in them."""
    from tests.parity import cases

    for module in sorted(info.name for info in pkgutil.iter_modules(cases.__path__)):
        importlib.import_module(f"{cases.__name__}.{module}")
    return list(CASES)
