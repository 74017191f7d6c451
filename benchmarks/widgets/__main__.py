"""`python -m benchmarks.widgets`: time the live panels, write README.md and results.json."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.machine import machine
from benchmarks.widgets import report, trials
from benchmarks.widgets.designs import DESIGNS
from benchmarks.widgets.link import HOST, slow_link
from tests.browser.lab import find_chromium, running_browser, running_lab

HERE = Path(__file__).parent
PACKAGES = ("jupyterlab", "jupyter-server", "ipykernel", "ipywidgets", "anywidget", "matplotlib")
DELAY = 0.150  # seconds, each way
BUSY: list[float] = []


def said(text: str) -> None:
    BUSY.append(os.getloadavg()[0])
    print(f"{time.strftime('%H:%M:%S')}  load {BUSY[-1]:.1f}  {text}", flush=True)


def near(context, lab, options, *, plain: bool) -> dict:
    """Everything without a delay; only the single moves where the server is plain."""
    found = {}
    for design in DESIGNS:
        n = options.naive_moves if design.name == "naive" else options.moves
        opened = []
        with design.open(context, lab) as (live, taken):
            opened.append(taken)
            here = {"moves": {}, "kernel_ms": {}}
            for length, dim in trials.SIZES:
                size = f"{length} x {dim}"
                here["moves"][size] = trials.moves(live, design, length, dim, n)
                said(f"{design.name}, {size}: {here['moves'][size]}")
                if not plain:
                    here["kernel_ms"][size] = trials.kernel_ms(live, design, length, dim)
            if not plain:
                here["drag"] = trials.drag(live, design, 200, 128, options.drag)
                said(f"{design.name}, drag: {here['drag']}")
        if not plain:
            with design.open(context, lab) as (live, taken):
                opened.append(taken)
                n = options.naive_updates if design.name == "naive" else options.updates
                here["updates"] = trials.updates(live, design, n)
                said(f"{design.name}, updates: {here['updates']}")
            while len(opened) < options.openings:
                with design.open(context, lab) as (_, taken):
                    opened.append(taken)
            here["opening"] = trials.spread(opened)
            said(f"{design.name}, opening: {here['opening']}")
        found[design.name] = here
    return found


def far(context, lab, options) -> dict:
    """Over the slow link: opened at full speed, then with the delay."""
    found = {}
    with slow_link(urlsplit(lab.url).port) as link:
        for design in DESIGNS:
            n = options.naive_moves if design.name == "naive" else options.moves
            link.delay = 0.0
            with design.open(context, replace(lab, url=f"http://{HOST}:{link.port}")) as (live, _):
                link.delay = DELAY
                found[design.name] = {
                    "moves": {"200 x 128": trials.moves(live, design, 200, 128, n)},
                    "drag": trials.drag(live, design, 200, 128, options.drag / 2),
                }
                link.delay = 0.0
            said(f"{design.name}, {1000 * DELAY:.0f} ms each way: {found[design.name]}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.widgets", description=__doc__)
    parser.add_argument("--moves", type=int, default=50, help="single moves at each size")
    parser.add_argument("--naive-moves", type=int, default=20, help="the same, for @interact")
    parser.add_argument("--drag", type=float, default=10.0, help="seconds")
    parser.add_argument("--updates", type=int, default=1000)
    parser.add_argument("--naive-updates", type=int, default=60)
    parser.add_argument("--openings", type=int, default=3)
    parser.add_argument("--dry", action="store_true", help="print the report; write nothing")
    options = parser.parse_args()
    if find_chromium() is None:
        parser.error("no Chromium: install chromium, or name one in POSENC_CHROMIUM")

    begun = time.monotonic()
    version = subprocess.run([find_chromium(), "--version"], capture_output=True, text=True)
    about = machine(PACKAGES) | {"browser": version.stdout.split("built")[0].strip()}
    results = {"machine": about, "options": vars(options), "delay_ms": 1000 * DELAY}
    with running_lab() as lab, running_browser() as context:
        results["settings"] = near(context, lab, options, plain=False)
        results["slow"] = far(context, lab, options)
    with running_lab(plain=True) as lab, running_browser() as context:
        results["plain"] = near(context, lab, options, plain=True)
    about |= {
        "load_at_end": round(os.getloadavg()[0], 1),
        "load_most": round(max(BUSY), 1),
        "minutes": round((time.monotonic() - begun) / 60, 1),
    }
    if options.dry:
        print(report.page(results))
        return
    (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (HERE / "README.md").write_text(report.page(results), encoding="utf-8")
    said("written")


if __name__ == "__main__":
    main()
