"""Pictures of every notebook as a learner sees it: `python -m tests.browser.screenshots FOLDER`.

Runs each notebook in JupyterLab and photographs it screen by screen, top to bottom. For looking
at, while writing; no test compares them.
"""

import argparse
from pathlib import Path

from tests.browser.lab import NOTEBOOKS, Visit, running_browser, running_lab, visiting

SCROLLER = ".jp-NotebookPanel:not(.lm-mod-hidden) .jp-WindowedPanel-outer"
OVERLAP = 60


def photograph(visit: Visit, folder: Path) -> int:
    """Write NAME-01.png, NAME-02.png, ... and return how many."""
    scroller = visit.page.locator(SCROLLER).first
    stem, count, top = visit.name.removesuffix(".ipynb"), 0, -1.0
    scroller.evaluate("e => { e.scrollTop = 0; }")
    while True:
        visit.page.wait_for_timeout(700)  # cells near the view are drawn as they come
        now = scroller.evaluate("e => e.scrollTop")
        if now <= top:
            return count
        top, count = now, count + 1
        visit.page.screenshot(path=folder / f"{stem}-{count:02d}.png")
        scroller.evaluate(f"e => {{ e.scrollTop += e.clientHeight - {OVERLAP}; }}")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.browser.screenshots", description=__doc__
    )
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("names", nargs="*", help="parts of notebook names; default: all")
    parser.add_argument("--notebooks", type=Path, default=NOTEBOOKS, help="default: notebooks/")
    parser.add_argument("--stored", action="store_true", help="as stored, without running")
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=900)
    options = parser.parse_args()

    options.folder.mkdir(parents=True, exist_ok=True)
    names = sorted(path.name for path in options.notebooks.glob("*.ipynb"))
    if options.names:
        names = [name for name in names if any(part in name for part in options.names)]
    with (
        running_lab(options.notebooks) as lab,
        running_browser(options.width, options.height) as context,
    ):
        for name in names:
            with visiting(context, lab, name) as visit:
                visit.page.evaluate(
                    "() => window.jupyterapp.commands.execute('application:toggle-left-area')"
                )
                if not options.stored:
                    visit.run_all()
                print(f"{name}: {photograph(visit, options.folder)} pictures")
                for problem in visit.error_outputs() + visit.errors:
                    print(f"  {problem}")


if __name__ == "__main__":
    main()
