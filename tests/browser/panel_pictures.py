"""A picture of every panel, light, dark and large: `python -m tests.browser.panel_pictures FOLDER`.

For looking at; no test compares them. The one of the README comes from here too.
"""

import argparse
from pathlib import Path

from tests.browser.lab import running_browser, running_lab, visiting
from tests.browser.live import write_notebook

NAME = "every_panel.ipynb"
IMPORTS = "import numpy as np\n\nfrom posenc_lib import explorers"
PANELS = {
    "sinusoidal": "explorers.sinusoidal_explorer()",
    "learned": "explorers.learned_explorer()",
    "learned-own": "explorers.learned_explorer(np.eye(40).cumsum(0) / 40)",
    "relative": "explorers.relative_explorer(form='clipped')",
    "relative-t5": "explorers.relative_explorer(form='T5', length=60, queries=60)",
    "relative-alibi": "explorers.relative_explorer(form='ALiBi causal', length=40, queries=40)",
    "relative-nezha": "explorers.relative_explorer(form='NEZHA', length=30, queries=30)",
    "rotary": "explorers.rotary_explorer()",
    "length": "explorers.length_explorer()",
    "forecast": "explorers.forecast_explorer(gaps=True, encoding='calendar', baseline='ridge')",
    "attention": "explorers.attention_explorer()",
    "word_order": "explorers.word_order_explorer()",
    "playground": "explorers.playground_explorer()",
    "grid": "explorers.grid_explorer(np.eye(64).cumsum(0) / 64, shape=(8, 8), column=7)",
    "shuffled": "explorers.shuffle_explorer(moved=6)",
}
PINNED = "panel = explorers.sinusoidal_explorer()\npanel.pin()\npanel.set(length=80, base=300.0)\n"
LOOKS = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.browser.panel_pictures")
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("names", nargs="*", help="parts of panel names; default: all")
    parser.add_argument("--width", type=int, default=1100)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    cells = {name: f"panel = {call}\npanel" for name, call in PANELS.items()}
    cells["pinned"] = f"{PINNED}panel.heatmaps = 'difference'\npanel"
    if options.names:
        cells = {n: c for n, c in cells.items() if any(part in n for part in options.names)}
    with running_lab() as lab, running_browser(options.width, 2400) as context:
        for name, cell in cells.items():
            write_notebook(lab, NAME, [IMPORTS, cell, "panel.lecture = not panel.lecture"])
            with visiting(context, lab, NAME) as visit:
                visit.press("application:toggle-left-area")
                visit.run_all()
                for look, theme in LOOKS.items():
                    visit.press("apputils:change-theme", theme=theme)
                    for large in (True, False):  # run_all has made it large
                        photograph(visit, options.folder / f"{name}-{look}{'-large' * large}.png")
                        visit.press("notebook:run-cell")
                        visit.wait_until_idle()
                print(name, *visit.error_outputs(), *visit.errors, flush=True)


def photograph(visit, path: Path) -> None:
    visit.show_cell(1)
    panel = visit.cell(1).locator(".posenc-panel")
    panel.locator(".posenc-views[data-drawn]").wait_for()
    visit.page.wait_for_timeout(800)  # the style sheet of another theme comes a little later
    panel.screenshot(path=path)


if __name__ == "__main__":
    main()
