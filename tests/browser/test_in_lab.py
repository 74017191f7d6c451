"""What only JupyterLab can show: its keys, and whether a panel fits its notebook."""

import pytest

from tests.browser.conftest import EXPLORERS
from tests.browser.lab import visiting
from tests.browser.reader import InLab

pytestmark = pytest.mark.browser

FEW = ("relative_explorer", "attention_explorer")
"""`make test` looks at these, `make test-panels` at every panel."""
PARTS = ":is(input, select, button, summary, canvas.posenc-canvas)"


@pytest.fixture(scope="module")
def visit(lab, browser):
    """A notebook with one panel of each explorer, a cell each, not yet run; on a usual laptop."""
    name = "every_panel.ipynb"
    cells = [f"explorers.{explorer}()" for explorer in EXPLORERS]
    lab.write(name, ["from posenc_lib import explorers", *cells])
    with visiting(browser, lab, name) as visit:
        visit.page.set_viewport_size({"width": 1366, "height": 768})
        visit.run_cell(0)
        yield visit


@pytest.fixture(
    scope="module",
    params=[pytest.param(n, marks=() if n in FEW else pytest.mark.long) for n in EXPLORERS],
)
def panel(visit, request):
    cell = 1 + EXPLORERS.index(request.param)
    visit.run_cell(cell)
    yield InLab(visit, cell)
    visit.check()


def test_jupyterlab_takes_no_key(panel):
    content = f"{panel.visit.panel}.content"
    state = f"() => [{content}.widgets.length, {content}.activeCellIndex, {content}.mode]"
    taken = []
    for part in panel.locator.locator(PARTS).all():
        for key in ("b", "ArrowDown"):  # a new cell, the next cell
            if not part.is_visible() or part.is_disabled():
                continue
            part.focus()
            before = panel.page.evaluate(state)
            panel.page.keyboard.press(key)
            after = panel.page.evaluate(state)
            if after != before:
                taken.append((key, part.evaluate("part => part.outerHTML")))
            if after[0] != before[0]:
                panel.visit.press("notebook:undo-cell-action")
    panel.reset()
    assert taken == []


def test_it_is_no_higher_than_the_notebook(panel):
    """With the file browser beside it, and without."""
    for _ in range(2):
        panel.visit.press("application:toggle-left-area")
        panel.page.wait_for_timeout(200)
        panel.look()
        high, room = panel.root.evaluate(
            "root => [root.offsetHeight, root.closest('.jp-WindowedPanel-outer').clientHeight]"
        )
        assert high <= room
