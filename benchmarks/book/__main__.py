"""Measure the book and write benchmarks/book/README.md: `python -m benchmarks.book`.

Each page with a panel is opened five times from a server on this machine, by a browser that has
nothing stored: until its first panel has drawn, and until the picture has changed under a key.
"""

import statistics
import sys
import time
from pathlib import Path

from benchmarks.machine import machine
from tests.browser.alone import opened, serving
from tests.browser.lab import running_browser
from tools.book.__main__ import BUILD, build
from tools.notebooks import all_notebooks

HERE = Path(__file__).parent
VISITS = 5
READY_S, PAGE_BYTES, VISIT_BYTES = 3, 1_000_000, 10_000_000
DRAWN = ".posenc-panel[data-drawn]:not(.posenc-still-panel)"
PIXELS = "root => [...root.querySelectorAll('.posenc-canvas')].map((c) => c.toDataURL()).join()"
HEAD = """# How soon the book moves

Written by `make bench-book`; do not edit. Every page that has a live panel is opened {visits} times
from a server on the same machine, each time by a Chromium that has nothing stored. The clock
starts with the request; it stops when the first panel has drawn, and again when its picture has
changed under an arrow key. A first visit is all that the page loads, until nothing more comes.
Times on another machine differ, and a network adds its own.

The bars are {ready} s until something moves (the middle of {visits} visits), {page:,} bytes a page
and {visit:,} bytes a first visit. {verdict}

| page | first panel, s | moved, s | page, bytes | first visit, bytes |
| --- | --: | --: | --: | --: |
"""


def measure(browser, server: str, site: Path, page: str) -> dict[str, float]:
    """The medians of several cold visits, and the largest sizes."""
    drawn, moved, sizes = [], [], []
    for _ in range(VISITS):
        with opened(browser, "about:blank", below=server) as shown:
            loaded: list[int] = []
            shown.on("response", lambda r, loaded=loaded: loaded.append(len(r.body())))
            began = time.monotonic()
            shown.goto(f"{server}/{page}", wait_until="commit")
            panel = shown.locator(DRAWN).first
            panel.wait_for()
            drawn.append(time.monotonic() - began)
            before = panel.evaluate(PIXELS)
            panel.locator(".posenc-range:enabled, input[type=checkbox]:enabled").first.focus()
            for key in ("ArrowRight", "ArrowLeft", "Space"):
                shown.keyboard.press(key)
                shown.wait_for_timeout(20)
                if panel.evaluate(PIXELS) != before:
                    break
            shown.wait_for_function(
                f"([root, before]) => ({PIXELS})(root) !== before",
                arg=[panel.element_handle(), before],
            )
            moved.append(time.monotonic() - began)
            shown.wait_for_load_state("networkidle")
            sizes.append(sum(loaded))
    return {
        "drawn": statistics.median(drawn),
        "moved": statistics.median(moved),
        "page": (site / page).stat().st_size,
        "visit": max(sizes),
    }


def report(found: dict[str, dict[str, float]], about: dict) -> str:
    late = [page for page, f in found.items() if f["moved"] > READY_S]
    large = [
        page for page, f in found.items() if f["page"] > PAGE_BYTES or f["visit"] > VISIT_BYTES
    ]
    verdict = "All pages meet them." if not late + large else f"Not met: {', '.join(late + large)}."
    head = HEAD.format(
        visits=VISITS, ready=READY_S, page=PAGE_BYTES, visit=VISIT_BYTES, verdict=verdict
    )
    rows = "".join(
        f"| `{page}` | {f['drawn']:.2f} | {f['moved']:.2f} | {f['page']:,} | {f['visit']:,} |\n"
        for page, f in found.items()
    )
    return (
        f"{head}{rows}\n{about['processor']}, {about['cores']} cores, {about['memory_gib']} GiB, "
        f"{about['system']}, Python {about['python']}, {about['date']}, load "
        f"{about['load_at_start']} at the start.\n"
    )


def main() -> int:
    if build(all_notebooks(), strict=True):
        return 1
    site = BUILD / "site"
    about, found = machine(["sphinx", "myst-nb"]), {}
    pages = ["index.html", *(f"notebooks/{path.stem}.html" for path in all_notebooks())]
    with serving(site) as server, running_browser() as browser:
        for page in pages:
            if "widget-view+json" in (site / page).read_text(encoding="utf-8"):
                found[page] = measure(browser, server, site, page)
                print(page, found[page], flush=True)
    (HERE / "README.md").write_text(report(found, about), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
