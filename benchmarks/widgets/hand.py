"""A hand on a panel in a notebook: it moves one control at a time, and a stopwatch runs."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median

import numpy as np
from playwright.sync_api import Locator, Page

STOPWATCH = Path(__file__).with_name("stopwatch.js").read_text(encoding="utf-8")
WARM = 3
"""Moves before the clock counts: first calls pay for lazy set-up."""

TURN = 5
"""So many steps a slider goes from where it stood: it stays near its size."""


def spread(times: Sequence[float]) -> dict[str, float]:
    """n, median, 95th percentile and worst, in ms."""
    return {
        "n": len(times),
        "median": round(median(times), 1),
        "p95": round(float(np.percentile(times, 95)), 1),
        "worst": round(max(times), 1),
    }


class Hand:
    """A hand on the panel whose outermost element is `root`."""

    def __init__(self, page: Page, root: Locator) -> None:
        self.page, self.root = page, root
        self.rest = random.Random(0)
        root.evaluate(STOPWATCH)

    def times(self, control: Locator, n: int, acts: Iterator[Callable[[], None]]) -> list[float]:
        """The ms of n acts, a short rest before each, so that they meet any part of a frame."""
        control.scroll_into_view_if_needed()
        control.focus()
        found = []
        for act in islice(acts, n):
            self.page.wait_for_timeout(self.rest.uniform(40, 120))
            self.root.evaluate("root => root.stopwatch.start()")
            act()
            found.append(self.root.evaluate("root => root.stopwatch.taken"))
        return found

    def keys(self, at: int, last: int) -> Iterator[Callable[[], None]]:
        """Arrow keys that lead a slider to and fro near the place where it stands."""
        first, way = at, 1
        while True:
            if abs(at + way - first) > TURN or not 0 <= at + way <= last:
                way = -way
            at += way
            yield partial(self.page.keyboard.press, "ArrowRight" if way > 0 else "ArrowLeft")

    def sentences(self, field: Locator) -> Iterator[Callable[[], None]]:
        """The words of a text field in another order, each time a new one, pasted."""
        words = field.input_value().split()
        while True:
            before = words
            while words == before:
                words = self.rest.sample(words, len(words))
            field.select_text()
            yield partial(self.page.keyboard.insert_text, " ".join(words))

    def acts(self, control: Locator) -> Iterator[Callable[[], None]]:
        """What this hand does with a control of a panel of ours."""
        if control.get_attribute("type") == "text":
            return self.sentences(control)
        at, last = control.evaluate("range => [range.valueAsNumber, Number(range.max)]")
        return self.keys(at, last)
