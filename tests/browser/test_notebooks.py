"""Every notebook in JupyterLab and Chromium: it runs, stays offline, its panels keep working."""

import pytest

from tests.browser.reader import InLab
from tools.notebooks import all_notebooks

pytestmark = pytest.mark.browser


# nbval runs the cells of all notebooks for every push, and each panel is tried in an empty page.
# These stand for all there: the first that a learner opens, one with several panels, one with the
# newest panel; `make test-panels` runs every one.
FEW = ("00_start_here.ipynb", "05_biases.ipynb", "14_reading_a_config.ipynb")
NAMES = [
    pytest.param(path.name, marks=() if path.name in FEW else pytest.mark.long)
    for path in all_notebooks()
]


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs_and_its_panels_keep_working(opened, name):
    with opened(name) as visit:
        visit.run_all()
        assert visit.not_run() == []
        panels = visit.panel_cells()
        assert panels, "no live panel was found"
        for cell in panels:
            panel = InLab(visit, cell)
            hand = next(hand for hand in panel.controls.values() if hand.kind == "slider")
            hand.free()
            seen = hand.press("Home"), hand.press("End"), hand.drag(0.4)
            pictures = [str(picture["panes"]) for picture in seen]
            low, high = hand.ends
            two = high - low == hand.declared["step"]  # then the drag leads back to the first
            moved = pictures[0] != pictures[1] != pictures[2]
            assert moved, f"{hand.name}: a key or the mouse did nothing"
            assert two or len(set(pictures)) == 3, f"{hand.name}: two places show the same"
            assert visit.ask(f"repr(_panel({panel.model!r}).error)") == "None"
