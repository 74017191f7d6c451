"""Every notebook in JupyterLab and Chromium: it runs, stays offline, its panels keep working."""

import pytest

from tests.browser.lab import HOST, running_app, visiting_next
from tests.browser.reader import Reader
from tests.browser.sweep import sweep
from tests.tools.notebooks import all_notebooks

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(lab, browser):
    """JupyterLab without a notebook, where a reader opens one after the other."""
    with running_app(browser, lab) as page:
        yield page


@pytest.mark.parametrize("name", [path.name for path in all_notebooks()])
def test_notebook_runs_and_its_panels_keep_working(page, name):
    with visiting_next(page, name) as visit:
        visit.run_all()
        assert visit.error_outputs() == []
        assert visit.not_run() == []
        panels = visit.panel_cells()
        assert panels, "no live panel was found"
        for cell in panels:
            panel = Reader(visit, cell)
            sweep(panel)
            panel.look()  # the kernel's settings are what the controls show
            assert panel.ask(f"repr(_panel({panel.model!r}).error)") == "None"
        assert visit.error_outputs() == []
        assert visit.hosts == {HOST}
        assert visit.errors == []
