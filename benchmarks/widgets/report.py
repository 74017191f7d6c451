"""The measured numbers as a page: the bars first, then every table."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.tables import table
from benchmarks.widgets.designs import DESIGNS
from benchmarks.widgets.trials import WARM

TITLES = {design.name: design.title for design in DESIGNS}
HEAP_BAR = 5_000_000
SMALL, MIDDLE, LARGE = "50 x 64", "200 x 128", "512 x 512"


def bars(results: dict) -> str:
    """Each bar, the number found and whether it was reached."""
    rows = [["bar", "found", ""]]
    for text, found, limit, wanted, digits in aims(results):
        if found is None:
            rows.append([text, "", "not measured"])
            continue
        reached = found >= limit if wanted == "least" else found <= limit
        rows.append([text, f"{found:.{digits}f}", "reached" if reached else "not reached"])
    return table(rows)


def aims(results: dict) -> Iterator[tuple[str, float | None, float, str, int]]:
    """(what, the number or None, the limit, "least" or "most", decimals)."""
    shipped, plain, slow = results["settings"], results["plain"], results["slow"]
    ours = shipped["canvas"]
    for size, middle, high in ((SMALL, 30, 50), (MIDDLE, 30, 50), (LARGE, 40, 55)):
        found = ours["moves"][size]
        yield f"`make lab`, {size}: median at most {middle} ms", found["median"], middle, "most", 1
        yield f"`make lab`, {size}: 95 % within {high} ms", found["p95"], high, "most", 1
    for size in (SMALL, MIDDLE, LARGE):
        found = plain["canvas"]["moves"][size]
        yield f"plain JupyterLab, {size}: median at most 45 ms", found["median"], 45, "most", 1
        yield f"plain JupyterLab, {size}: 95 % within 75 ms", found["p95"], 75, "most", 1
    for place, name in ((shipped, "`make lab`"), (plain, "plain JupyterLab")):
        for size in (SMALL, MIDDLE, LARGE):
            times = (
                place["naive"]["moves"][size]["median"] / place["canvas"]["moves"][size]["median"]
            )
            yield f"{name}, {size}: median at least 6 times faster than naive", times, 6, "least", 1
    for size in (SMALL, MIDDLE, LARGE):
        yield (
            f"computed in the page, {size}: 95 % within 33 ms",
            _page(shipped, size),
            33,
            "most",
            1,
        )
    drag = ours["drag"]
    yield "drag: at least 15 pictures a second", drag["frames_per_second"], 15, "least", 1
    yield "drag: settled within 150 ms of letting go", drag["settled"], 150, "most", 1
    yield "drag: final state wrong, at most 0 times", int(not drag["right"]), 0, "most", 0
    far = slow["canvas"]
    yield "150 ms each way: 95 % within 350 ms", far["moves"][MIDDLE]["p95"], 350, "most", 1
    yield (
        "150 ms each way: pictures drawn after letting go, at most 2 (no queue)",
        far["drag"]["after"], 2, "most", 0,
    )  # fmt: skip
    yield (
        "150 ms each way: final state wrong, at most 0 times",
        int(not far["drag"]["right"]), 0, "most", 0,
    )  # fmt: skip
    yield (
        f"150 ms each way, computed in the page, {MIDDLE}: 95 % within 33 ms",
        _page(slow, MIDDLE), 33, "most", 1,
    )  # fmt: skip
    cost = ours["updates"]
    n = f"{cost['n']:,} updates"
    yield f"{n}: kernel grows by less than 5 MB", cost["kernel_growth"] / 1e6, 5, "most", 1
    yield f"{n}: figures left open, at most 0", cost["figures_open"], 0, "most", 0
    yield (
        f"{n}: page grows by less than {HEAP_BAR / 1e6:.0f} MB, after a collection",
        cost["page_growth"] / 1e6, HEAP_BAR / 1e6, "most", 1,
    )  # fmt: skip
    opened = ours["opening"]["worst"] / 1000
    yield f"opening: live within 3 s, worst of {ours['opening']['n']}", opened, 3, "most", 1


def _page(where: dict, size: str) -> float | None:
    """The 95th percentile of the panel that is computed in the page, where there is one."""
    return where["page"]["moves"][size]["p95"] if "page" in where else None


def moves(where: dict) -> str:
    """Milliseconds from key to changed picture."""
    rows = [["", "size", "moves", "median ms", "95th percentile", "worst", "naive / this"]]
    for name, found in where.items():
        for size, one in found["moves"].items():
            times = where["naive"]["moves"][size]["median"] / one["median"]
            rows.append(
                [TITLES[name], size, one["n"], f"{one['median']:.0f}", f"{one['p95']:.0f}",
                 f"{one['worst']:.0f}", f"{times:.1f}"]
            )  # fmt: skip
    return table(rows)


def parts(where: dict) -> str:
    """Where the milliseconds of one move go, for the panels that ask the kernel."""
    rows = [["", "size", "page, before sending", "there and back", "of that in the kernel",
             "page, until drawn"]]  # fmt: skip
    for name, found in where.items():
        for size, one in found["moves"].items() if name != "page" else ():
            rows.append(
                [TITLES[name], size, f"{one['sent']:.1f}", f"{one['heard'] - one['sent']:.1f}",
                 f"{found['kernel_ms'][size]:.1f}", f"{one['median'] - one['heard']:.1f}"]
            )  # fmt: skip
    return table(rows)


def drags(where: dict) -> str:
    rows = [["", "s", "moves of the hand", "pictures a second", "longest gap ms", "drawn after",
             "settled ms", "ended right"]]  # fmt: skip
    for name, found in where.items():
        drag = found["drag"]
        rows.append(
            [TITLES[name], f"{drag['seconds']:.0f}", drag["hand"],
             f"{drag['frames_per_second']:.1f}", f"{drag['longest']:.0f}", drag["after"],
             f"{drag['settled']:.0f}", "yes" if drag["right"] else "no"]
        )  # fmt: skip
    return table(rows)


def updates(where: dict) -> str:
    rows = [["", "updates", "kB a move", "kernel MB", "figures open", "figures alive",
             "page MB before collecting", "page MB after"]]  # fmt: skip
    for name, found in where.items():
        cost = found["updates"]
        rows.append(
            [TITLES[name], f"{cost['n']:,}", f"{cost['bytes_a_move'] / 1e3:.0f}",
             f"{cost['kernel_growth'] / 1e6:+.1f}", cost["figures_open"], cost["figures_alive"],
             f"{cost['page_uncollected_growth'] / 1e6:+.1f}", f"{cost['page_growth'] / 1e6:+.1f}"]
        )  # fmt: skip
    return table(rows)


def openings(where: dict) -> str:
    rows = [["", "times", "median ms", "worst"]]
    for name, found in where.items():
        one = found["opening"]
        rows.append([TITLES[name], one["n"], f"{one['median']:.0f}", f"{one['worst']:.0f}"])
    return table(rows)


def page(results: dict) -> str:
    """The whole README of this folder."""
    about = results["machine"]
    versions = ", ".join(f"{name} {v}" for name, v in about["versions"].items())
    shipped, plain, slow = results["settings"], results["plain"], results["slow"]
    delay = f"{results['delay_ms']:.0f} ms"
    sections = [
        "# How fast the live panels answer",
        "Written by `make bench-widgets`; do not edit. A slider is moved by key or mouse in "
        "Chromium, in a notebook in JupyterLab, all on one machine. Beside this project's panel "
        "stands what anybody writes first: `@interact` and a new matplotlib figure each time, "
        "with the same sliders, the same table, a heat map and four curves. Times on another "
        "machine differ: read the ratios.",
        f"Machine: {about['processor']}, {about['cores']} cores, {about['memory_gib']} GiB, "
        f"{about['system']}, Python {about['python']}, {about['browser']} (headless, no graphics "
        f"processor), {versions}. {about['date']}, load {about['load_at_start']} at the start, "
        f"{about['load_at_end']} at the end, at most {about['load_most']}; the browser, the server "
        f"and the kernel are part of it. {about['minutes']} minutes.",
        "## What was aimed at, and what was found",
        bars(results),
        "Plain JupyterLab leaves Nagle's algorithm on: a small message may wait until the one "
        "before is acknowledged, up to about 40 ms. That wait is what its slow moves have over "
        "those of `make lab`, which switches it off and changes nothing else on this way.",
        "## One move of a slider",
        "Milliseconds from the page's key event (the browser's own stamp, before any handler runs) "
        "to the animation frame in which the new value is drawn: for the canvas the end of the "
        "drawing code, once the picture names the value that was asked for; for `@interact` the "
        "first frame after the new image is decoded. Painting to the screen comes after, for both. "
        "The first position moves by one, so the size (length x dim) stays. Single moves, 40 to "
        f"120 ms apart, after {WARM} that do not count.",
        "With the settings of `make lab` and Binder (Nagle's algorithm off):",
        moves(shipped),
        "With JupyterLab as it comes:",
        moves(plain),
        "### Where the time of one move goes",
        "Medians in ms, with the settings of `make lab`. There and back is the websocket, the "
        "server and the kernel, until the last large message is in the page; the kernel's own part "
        "was timed apart.",
        parts(shipped),
        "## Dragging, 200 x 128",
        "The handle follows a mouse to and fro, at most 60 moves a second. Settled: from the "
        "browser's stamp of the release to the last picture. Ended right: slider, kernel and "
        "picture agree, and drawing the same state again changes no pixel.",
        drags(shipped),
        f"## {delay} added each way",
        f"Between the browser and the server stands a proxy that hands every byte on {delay} "
        "later, each way: 300 ms is the link itself. No queue: after letting go the panel draws "
        "what was under way and the newest, no more.",
        moves(slow),
        drags(slow),
        "## Many updates",
        "One key at a time, each drawn, at 200 x 128. Growth of the kernel's resident memory and "
        "of the page's heap with its array buffers, before and after a forced collection; up to "
        "60 moves before them warm up. Bytes: every message on the websocket, both ways.",
        updates(shipped),
        "## Opening",
        "From the command to run all cells to the first picture, the imports done: a fresh page "
        "and a fresh kernel each time.",
        openings(shipped),
    ]
    return "\n\n".join(sections) + "\n"
