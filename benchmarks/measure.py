"""Times and peak memory of several ways to do one thing, taken in turns in one process."""

from __future__ import annotations

import ctypes
import gc
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

Way = Callable[[], object]


def medians(ways: Mapping[str, Way], *, rounds: int = 15, seconds: float = 20.0) -> dict:
    """Median seconds of each way. The ways take turns, so a busy moment hits all of them.

    At least 5 rounds and at most `rounds`, within `seconds` where 5 fit. Results are freed outside
    the clock.
    """
    taken = samples(ways, rounds=rounds, seconds=seconds)
    return {name: statistics.median(times) for name, times in taken.items()}


def quartiles(ways: Mapping[str, Way], *, rounds: int = 15, seconds: float = 20.0) -> dict:
    """The same with the quartiles: {"low", "median", "high"} of each way, in seconds."""
    taken = samples(ways, rounds=rounds, seconds=seconds)
    names = ("low", "median", "high")
    return {
        name: dict(zip(names, statistics.quantiles(times, method="inclusive"), strict=True))
        for name, times in taken.items()
    }


def samples(ways: Mapping[str, Way], *, rounds: int, seconds: float) -> dict[str, list[float]]:
    """The seconds of each call, round by round."""
    for way in ways.values():
        way()  # the first call pays for imports and lazy set-up
    taken = {name: [] for name in ways}
    begun = time.perf_counter()
    for n in range(rounds):
        for name, way in ways.items():
            gc.collect()
            start = time.perf_counter()
            result = way()
            taken[name].append(time.perf_counter() - start)
            del result
        if n >= 4 and time.perf_counter() - begun > seconds:
            break
    return taken


def peaks(ways: Mapping[str, Way]) -> dict:
    """Peak extra memory of each way in bytes, its result included; None where Linux cannot say.

    The kernel keeps the highest resident size of a process, and forgets it on request.
    """
    try:
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(-3, 65536)  # M_MMAP_THRESHOLD: freed blocks go back at once, so each call pays
        return {name: _peak(way, libc) for name, way in ways.items()}
    except OSError:
        return dict.fromkeys(ways)


def _peak(way: Way, libc: ctypes.CDLL) -> int:
    way()
    gc.collect()
    libc.malloc_trim(0)  # what was freed before leaves the process
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    result = way()
    peak = _status("VmHWM")
    del result
    return max(0, peak - before)


def _status(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise OSError(field)
