"""The trials: single moves, a drag, a slow link, many updates, opening."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict
from statistics import median

import numpy as np

from benchmarks.widgets.designs import Design
from benchmarks.widgets.live import Drag, Live

SIZES = ((50, 64), (200, 128), (512, 512))
WARM = 5  # moves before the clock counts: first calls pay for lazy set-up


def spread(values: Sequence[float]) -> dict:
    """n, median, 95th percentile and worst."""
    return {
        "n": len(values),
        "median": round(median(values), 1),
        "p95": round(float(np.percentile(values, 95)), 1),
        "worst": round(max(values), 1),
    }


def set_up(live: Live, design: Design, length: int, dim: int, start: int = 10) -> None:
    live.at(design.size.format(length=length, dim=dim) + "\n" + design.start.format(start=start))


def moves(live: Live, design: Design, length: int, dim: int, n: int) -> dict:
    """Key to changed picture, n times, with a short rest between."""
    set_up(live, design, length, dim)
    rest = random.Random(0)
    found = []
    for _ in range(WARM + n):
        found.append(live.move())
        live.page.wait_for_timeout(rest.uniform(40, 120))
    found = found[WARM:]
    parts = {part: round(median(one[part] for one in found), 1) for part in ("sent", "heard")}
    return spread([one["drawn"] for one in found]) | parts


def drag(live: Live, design: Design, length: int, dim: int, seconds: float) -> dict:
    """One drag. It ended right if slider and kernel agree, and drawing again changes no pixel."""
    set_up(live, design, length, dim)
    found: Drag = live.drag(seconds)
    value, pixels = live.ask(live.value), live.pixels()
    live.at(design.start.format(start=1))
    moved = live.pixels() != pixels
    live.at(design.start.format(start=value))
    right = found.right and moved and live.pixels() == pixels
    return {**asdict(found), "right": right, "frames_per_second": found.frames / found.seconds}


def updates(live: Live, design: Design, n: int) -> dict:
    """What n updates leave behind, and what one of them sends."""
    set_up(live, design, 200, 128)
    with live.traffic() as messages:
        for _ in range(10):
            live.move()
        live.settle()
    for _ in range(50):  # lazy set-up and full caches, before the weighing
        live.move()
    live.settle()
    kernel, page = live.kernel_bytes(), live.page_bytes()
    for _ in range(n):
        live.move()
    live.settle()
    as_is, after = live.page_bytes(collected=False), live.page_bytes()
    open_, alive = live.figures()
    return {
        "n": n,
        "bytes_a_move": sum(size for _, size in messages) / 10,
        "bytes_sent_by_page": sum(size for way, size in messages if way == "Sent") / 10,
        "kernel_growth": live.kernel_bytes() - kernel,
        "figures_open": open_,
        "figures_alive": alive,
        "page_before": page,
        "page_uncollected_growth": as_is - page,
        "page_growth": after - page,
        "in_step": live.in_step(),
    }


def kernel_ms(live: Live, design: Design, length: int, dim: int, n: int = 11) -> float:
    """Median ms that the kernel itself spends on one move."""
    set_up(live, design, length, dim)
    code = (
        "import time\ntimes = []\nfor k in range(100, 100 + N):\n    begun = time.perf_counter()\n"
        f"    {design.start.format(start='k')}\n    times.append(time.perf_counter() - begun)"
    )
    taken = live.ask("sorted(times)[N // 2] * 1000", f"N = {n}\n{code}")
    live.settle()
    return round(taken, 1)
