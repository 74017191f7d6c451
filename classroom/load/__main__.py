"""Load a hub with simulated students and tell what a class may expect: `python -m classroom.load`.

All students start at once, open a notebook, run it and save it. Then more and more of them drag
the attention panel, with an encoding of their own and so over the kernel, three times a second.
Then come the accidents. Everything goes over loopback, with the configuration of a class.
It fails where a server does not start, work is lost, or the bar is missed.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from classroom.load.accidents import (
    FULL,
    disk_fills,
    hub_restarts,
    kernel_dies,
    small_disk,
    too_much,
)
from classroom.load.hub import Hub, memory, seconds_of_cpu
from classroom.load.student import Student

BAR = 0.25  # seconds, for 95 of 100 moves
DRAGGING = 10  # so many drag where the bar holds
CLASS = 30
RATE = 3.0


def percentile(values: list[float], part: float = 0.95) -> float:
    """The value that so large a part does not exceed.

    >>> percentile([float(n) for n in range(1, 101)])
    95.0
    """
    return sorted(values)[max(0, -int(-len(values) * part // 1) - 1)]


def line(points: dict[int, float]) -> tuple[float, float]:
    """Intercept and slope of the least-squares line.

    >>> line({1: 3.0, 2: 5.0, 3: 7.0})
    (1.0, 2.0)
    """
    slope, intercept = statistics.linear_regression(list(points), list(points.values()))
    return intercept, slope


async def drag(hub: Hub, students: list[Student], seconds: float) -> tuple[list[float], float]:
    """What every move took while all of these drag, and how many cores were at work."""
    for student in students:
        student.waits.clear()
    before, began = seconds_of_cpu(hub), time.monotonic()
    await asyncio.gather(
        *(
            student.drag(seconds, RATE, after=number / len(students) / RATE)
            for number, student in enumerate(students)
        )
    )
    cores = (seconds_of_cpu(hub) - before) / (time.monotonic() - began)
    return [wait for student in students for wait in student.waits], cores


async def load(hub: Hub, count: int, options: argparse.Namespace, disk: bool) -> dict:
    seconds, page = options.seconds, options.page
    found: dict = {"students": count, "cores": len(os.sched_getaffinity(0)), "page": page}
    students = [Student(hub, f"student{number:02}") for number in range(1, count + 1)]
    await hub.start()
    try:
        starts = await asyncio.gather(*(student.start_server() for student in students))
        found["start"] = sorted(starts)
        say(f"{count} servers started at once: the first after {min(starts):.0f} s, the last "
            f"after {max(starts):.0f} s")  # fmt: skip
        notebooks = [await student.open(page) for student in students]
        before = seconds_of_cpu(hub)
        runs = await asyncio.gather(
            *(student.run(notebook) for student, notebook in zip(students, notebooks, strict=True))
        )
        found["run"] = sorted(runs)
        found["cpu of a run"] = (seconds_of_cpu(hub) - before) / count
        say(f"all run {page} at once: {min(runs):.0f} to {max(runs):.0f} s, "
            f"{found['cpu of a run']:.1f} s of one core each")  # fmt: skip
        for student, notebook in zip(students, notebooks, strict=True):
            await student.save(page, notebook)
            await student.make_panel()
        held = memory(hub)
        each = [sum(held[student.name].values()) for student in students]
        kinds = {k: statistics.mean(held[s.name].get(k, 0) for s in students)
                 for k in ("server", "kernel")}  # fmt: skip
        found["memory"] = {"of the hub": held.get("", {}), "of a student": sorted(each), **kinds}
        shared, mean = sum(held.get("", {}).values()), statistics.mean(each)
        say(
            f"memory: {shared:.0f} MB for hub and proxy, {mean:.0f} MB a student "
            f"({kinds['server']:.0f} server, {kinds['kernel']:.0f} kernel with a panel)"
        )
        found["drag"] = {}
        for dragging in sorted({n for n in (1, 2, 4, 6, 8, DRAGGING, count) if n <= count}):
            waits, cores = await drag(hub, students[:dragging], seconds)
            found["drag"][dragging] = {
                "moves": len(waits), "median": statistics.median(waits),
                "95th": percentile(waits), "largest": max(waits), "cores": cores,
            }  # fmt: skip
            say(f"{dragging:2} drag: median {1000 * statistics.median(waits):4.0f} ms, 95th "
                f"percentile {1000 * percentile(waits):4.0f} ms, {cores:.2f} cores")  # fmt: skip
        if options.browser:
            students.append(Student(hub, "browser"))
            took, times = await with_browser(hub, students[: min(DRAGGING, count)], seconds)
            found["browser"] = {"start page": took, "ms": times}
            say(
                f"a real browser has the start page {took:.0f} s after the sign-in; while others "
                f"drag: median {statistics.median(times):.0f} ms from key to picture, 95th "
                f"percentile {percentile(times):.0f} ms"
            )
        found["estimate"] = estimate(found, shared)
        found["accidents"] = [
            await too_much(students[0]),
            await kernel_dies(students[0]),
            await hub_restarts(hub, students[:3]),
        ]
        if disk:
            full = Student(hub, FULL)
            students.append(full)
            await full.start_server()
            found["accidents"].append(await disk_fills(hub, full))
        for told in found["accidents"]:
            say(told)
    finally:
        await hub.stop([student.name for student in students])
    return found


async def with_browser(
    hub: Hub, students: list[Student], seconds: float
) -> tuple[float, list[float]]:
    """What a real browser sees while these drag; it needs the test tools and Chromium."""
    from classroom.load.browser import browse

    ready, go = threading.Event(), threading.Event()
    task = asyncio.create_task(asyncio.to_thread(browse, hub, 40, ready, go))
    while not (ready.is_set() or task.done()):
        await asyncio.sleep(0.2)
    go.set()
    await drag(hub, students, seconds)
    return await task


def estimate(found: dict, shared: float) -> dict:
    """What a class of thirty needs, by straight lines; it was not measured."""
    moves = {int(n): drag["95th"] for n, drag in found["drag"].items()}
    busy = {int(n): drag["cores"] for n, drag in found["drag"].items()}
    guess = {
        "memory in GB": (shared + CLASS * statistics.mean(found["memory"]["of a student"])) / 1024,
        "core seconds of a run": CLASS * found["cpu of a run"],
    }
    if len(moves) > 1:
        (first, more), (idle, each) = line(moves), line(busy)
        guess |= {"95th": first + CLASS * more, "cores of dragging": idle + CLASS * each}
        say(f"estimate for {CLASS} (not measured, straight lines): {guess['memory in GB']:.1f} GB, "
            f"dragging keeps {guess['cores of dragging']:.1f} cores busy, 95th percentile "
            f"{1000 * guess['95th']:.0f} ms with that many cores free; all run the notebook at "
            f"once in {guess['core seconds of a run'] / found['cores']:.0f} s on "
            f"{found['cores']} cores")  # fmt: skip
    return guess


def say(text: str) -> None:
    print(text, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m classroom.load", description=__doc__)
    parser.add_argument("--students", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=10, help="of dragging, for each count")
    parser.add_argument("--page", default="posenc/04_attention.ipynb", help="that everybody runs")
    parser.add_argument("--write", type=Path, help="a JSON file for what was measured")
    parser.add_argument("--browser", action="store_true", help="a real one drags with them")
    parser.add_argument("--without-full-disk", action="store_true", help="where none can be made")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="posenc-load-", ignore_cleanup_errors=True) as work:
        hub = Hub(Path(work))
        disk = not options.without_full_disk
        if disk and (why := small_disk(hub.home(FULL))):
            sys.exit(
                f"load: no small disk can be made here ({why}). As an ordinary user on Linux:\n"
                "  unshare -U --map-current-user --keep-caps -m python -m classroom.load\n"
                "or leave that part out with --without-full-disk."
            )
        try:
            found = asyncio.run(load(hub, options.students, options, disk))
        except BaseException:
            log = hub.folder / "hub.log"
            print(log.read_text(errors="replace")[-12000:] if log.exists() else "", file=sys.stderr)
            raise
        finally:
            if disk:
                unmount(hub.home(FULL))
    if options.write:
        options.write.parent.mkdir(parents=True, exist_ok=True)
        options.write.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    at_bar = found["drag"].get(min(DRAGGING, options.students), {})
    if at_bar["95th"] > BAR:
        sys.exit(f"load failed: 95th percentile {at_bar['95th']:.3f} s, the bar is {BAR} s")
    say("load passed")


def unmount(folder: Path) -> None:
    import ctypes

    ctypes.CDLL(None).umount2(os.fsencode(folder), 2)  # even if somebody still looks into it


if __name__ == "__main__":
    main()
