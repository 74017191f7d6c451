"""An answer that a cell finds, folded until the reader asks for it."""

from __future__ import annotations

import html


class answer:
    """Lines of text under a fold, so that "run all" gives no answer away.

    Args:
        lines: What to show; each is written as `str` does.
        summary: The words that open the fold.

    >>> answer("heads", [0, 1, 2])
    heads
    [0, 1, 2]
    """

    def __init__(self, *lines: object, summary: str = "The answer, by code") -> None:
        self.text = "\n".join(str(line) for line in lines)
        self.summary = summary

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        summary, text = html.escape(self.summary), html.escape(self.text)
        return f"<details><summary>{summary}</summary><pre>{text}</pre></details>"
