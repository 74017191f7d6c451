"""`python -m benchmarks.widgets`: time the live panels, write README.md and results.json."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import time
from pathlib import Path

from benchmarks.machine import machine
from benchmarks.widgets import report, trials
from benchmarks.widgets.panels import LARGEST
from tests.browser.lab import (
    find_chromium,
    running_app,
    running_browser,
    running_lab,
    visiting_next,
)

HERE = Path(__file__).parent
PACKAGES = ("jupyterlab", "jupyter-server", "ipykernel", "ipywidgets", "anywidget", "matplotlib")
OWN_MOVES = 30
"""Moves of each of the three ways, at most: a naive panel takes a second for one."""

BUSY: list[float] = []


def said(text: str) -> None:
    BUSY.append(os.getloadavg()[0])
    print(f"{time.strftime('%H:%M:%S')}  load {BUSY[-1]:.1f}  {text}", flush=True)


def measured(moves: int) -> dict:
    """All trials, each in a notebook with a kernel of its own."""
    found: dict = {"page": {}}
    with running_lab() as lab, running_browser() as context, running_app(context, lab) as app:
        lab.write("own.ipynb", trials.own_cells())
        with visiting_next(app, "own.ipynb") as visit:
            found["own"] = trials.own_encoding(visit, min(moves, OWN_MOVES))
            visit.check()
        said(f"own encoding: {found['own']}")
        for explorer in LARGEST:
            name = f"{explorer}.ipynb"
            lab.write(name, trials.page_cells(explorer))
            with visiting_next(app, name) as visit:
                found["page"][explorer] = trials.page_panel(visit, explorer, moves)
                visit.check()
            said(f"{explorer}: {found['page'][explorer]}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.widgets", description=__doc__)
    parser.add_argument("--moves", type=int, default=50, help="moves of each panel at each size")
    parser.add_argument("--dry", action="store_true", help="print the report; write nothing")
    options = parser.parse_args()
    if find_chromium() is None:
        parser.error("no Chromium: install chromium, or name one in POSENC_CHROMIUM")

    begun = time.monotonic()
    version = subprocess.run([find_chromium(), "--version"], capture_output=True, text=True)
    about = machine(PACKAGES) | {"browser": version.stdout.split("built")[0].strip()}
    results = {"machine": about, "options": vars(options), **measured(options.moves)}
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
