"""Pictures to look at: `python -m tests.browser.screenshots FOLDER [NAMES]`; no test compares them.

Every notebook is run in JupyterLab and photographed screen by screen, top to bottom, as a learner
sees it. With `--panels` it is every panel, light, dark and large; the README's comes from there.
"""

import argparse
from pathlib import Path

from tests.browser.lab import NOTEBOOKS, Visit, running_browser, running_lab, visiting

SCROLLER = ".jp-NotebookPanel:not(.lm-mod-hidden) .jp-WindowedPanel-outer"
OVERLAP = 60
IMPORTS = "import numpy as np\n\nfrom posenc_lib import explorers"
PANELS = {
    "sinusoidal": "sinusoidal_explorer()",
    "learned": "learned_explorer()",
    "learned-own": "learned_explorer(np.eye(40).cumsum(0) / 40)",
    "relative": "relative_explorer(form='clipped')",
    "relative-t5": "relative_explorer(form='T5', length=60, queries=60)",
    "relative-alibi": "relative_explorer(form='ALiBi causal', length=40, queries=40)",
    "relative-nezha": "relative_explorer(form='NEZHA', length=30, queries=30)",
    "rotary": "rotary_explorer()",
    "length": "length_explorer()",
    "forecast": "forecast_explorer(gaps=True, encoding='calendar', baseline='ridge')",
    "attention": "attention_explorer()",
    "word_order": "word_order_explorer()",
    "playground": "playground_explorer()",
    "grid": "grid_explorer(np.eye(64).cumsum(0) / 64, shape=(8, 8), column=7)",
    "shuffled": "shuffle_explorer(moved=6)",
    "config": "config_explorer()",
    "dates": "dates_explorer(encoding='rope', language='Hungarian')",
    "pinned": "sinusoidal_explorer()\npanel.pin()\npanel.set(length=80, base=300.0)\n"
    "panel.heatmaps = 'difference'",
}
LOOKS = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}


def photograph(visit: Visit, folder: Path) -> None:
    """Write NAME-01.png, NAME-02.png, ..."""
    scroller = visit.page.locator(SCROLLER).first
    stem, count, top = visit.name.removesuffix(".ipynb"), 0, -1.0
    scroller.evaluate("e => { e.scrollTop = 0; }")
    while True:
        visit.page.wait_for_timeout(700)  # cells near the view are drawn as they come
        now = scroller.evaluate("e => e.scrollTop")
        if now <= top:
            return
        top, count = now, count + 1
        visit.page.screenshot(path=folder / f"{stem}-{count:02d}.png")
        scroller.evaluate(f"e => {{ e.scrollTop += e.clientHeight - {OVERLAP}; }}")


def photograph_panel(visit: Visit, folder: Path) -> None:
    for look, theme in LOOKS.items():
        visit.press("apputils:change-theme", theme=theme)
        for size in ("-large", ""):  # run_all has made it large
            visit.show_cell(1)
            panel = visit.cell(1).locator(".posenc-panel")
            panel.and_(visit.page.locator("[data-drawn]")).wait_for()
            visit.page.wait_for_timeout(
                800
            )  # the style sheet of another theme comes a little later
            panel.screenshot(path=folder / f"{visit.name.removesuffix('.ipynb')}-{look}{size}.png")
            visit.run_cell(2)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.browser.screenshots", description=__doc__
    )
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("names", nargs="*", help="parts of names; default: all")
    parser.add_argument("--panels", action="store_true", help="panels instead of notebooks")
    parser.add_argument("--notebooks", type=Path, default=NOTEBOOKS, help="default: notebooks/")
    parser.add_argument("--stored", action="store_true", help="as stored, without running")
    parser.add_argument("--width", type=int, default=1280)
    options = parser.parse_args()

    options.folder.mkdir(parents=True, exist_ok=True)
    height, kind = (2400, photograph_panel) if options.panels else (900, photograph)
    with running_lab(options.notebooks) as lab, running_browser(options.width, height) as context:
        names = [path.stem for path in sorted(options.notebooks.glob("*.ipynb"))]
        for name in PANELS if options.panels else names:
            if options.names and not any(part in name for part in options.names):
                continue
            if options.panels:
                cell = f"panel = explorers.{PANELS[name]}\npanel"
                lab.write(f"{name}.ipynb", [IMPORTS, cell, "panel.lecture = not panel.lecture"])
            with visiting(context, lab, f"{name}.ipynb") as visit:
                visit.press("application:toggle-left-area")
                if not options.stored:
                    visit.run_all()
                kind(visit, options.folder)
                print(name, *visit.error_outputs(), *visit.errors, sep="\n  ", flush=True)


if __name__ == "__main__":
    main()
