"""The kernel runs on, the page does not: reloaded, or the notebook's tab closed and opened again.

The saved notebook holds a panel by the id of its widget, and the running kernel still has it.
"""

import pytest

from tests.browser.lab import HOST, visiting
from tests.browser.live import write_notebook
from tests.browser.reader import Reader

pytestmark = pytest.mark.browser

NAME = "stays.ipynb"
CELLS = [
    "from posenc_lib import explorers",
    'panel = explorers.relative_explorer(form="clipped")\npanel',
    "other = explorers.sinusoidal_explorer(dim=16)\nother",
]


def reload(visit):
    visit.page.reload()


def close_and_open(visit):
    visit.press("application:close")
    visit.page.wait_for_function("() => !document.querySelector('.posenc-panel')")
    visit.press("docmanager:open", path=f"notebooks/{NAME}")


@pytest.mark.parametrize("again", [reload, close_and_open])
def test_a_panel_comes_back_and_moves(lab, browser, again):
    write_notebook(lab, NAME, CELLS)
    with visiting(browser, lab, NAME) as visit:
        visit.run_all()
        left = []
        for cell, name, key in ((1, "queries", "PageUp"), (2, "start", "ArrowRight")):
            panel = Reader(visit, cell)
            panel.controls[name].press(key)
            panel.controls["length"].type("33")
            left.append(panel)
        visit.press("docmanager:save")
        again(visit)
        visit.wait_until_idle()
        for cell, name, key in ((1, "queries", "PageUp"), (2, "start", "ArrowRight")):
            panel, before = Reader(visit, cell), left[cell - 1]
            assert panel.model == before.model
            assert panel.seen["settings"] == before.seen["settings"]
            assert panel.seen["panes"] == before.seen["panes"]
            moved = panel.controls[name].press(key)
            assert moved["settings"] != before.seen["settings"]
            assert panel.ask(f"{'panel' if cell == 1 else 'other'}.settings['length']") == 33
        assert visit.page.locator(".posenc-panel").count() <= 2
        assert (visit.hosts, visit.errors, visit.error_outputs()) == ({HOST}, [], [])
