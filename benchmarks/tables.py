"""Markdown tables, and aims beside what was found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Aim(NamedTuple):
    """What was aimed at: `found` is to be at least, or at most, `limit`; None was not measured."""

    text: str
    found: float | None
    wanted: str  # "least" or "most"
    limit: float

    @property
    def verdict(self) -> str:
        """In words."""
        if self.found is None:
            return "not measured"
        reached = self.found >= self.limit if self.wanted == "least" else self.found <= self.limit
        return "reached" if reached else "not reached"  # NaN reaches nothing


def table(rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; the first row is its head, the first column stands left."""
    head, *body = rows
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *body]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in lines)


def verdicts(aims: Iterable[Aim]) -> str:
    """Each aim, the number found and whether it was reached, as a Markdown table."""
    rows = [["aim", "found", ""]]
    for aim in aims:
        rows.append([aim.text, "" if aim.found is None else f"{aim.found:.3g}", aim.verdict])
    return table(rows)
