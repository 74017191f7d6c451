"""One JupyterLab and one browser for all browser tests, and one page with every panel."""

import os
from contextlib import contextmanager

import pytest

from posenc_lib import explorers
from tests.browser.lab import (
    find_chromium,
    running_app,
    running_browser,
    running_lab,
    visiting,
    visiting_next,
)
from tests.browser.reader import Reader

EXPLORERS = [name for name in explorers.__all__ if name.endswith("_explorer")]
EVERY = "every_panel.ipynb"
FEW = ("relative_explorer", "attention_explorer")
"""One computed in the page, one in the kernel, and every kind of control: what all panels have in
common is tested on these by `make test`; `make test-panels` takes every panel."""


@pytest.fixture(scope="session")
def chromium():
    path = find_chromium()
    if path is None:
        reason = "no Chromium: install chromium, or name one in POSENC_CHROMIUM"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return path


@pytest.fixture(scope="session")
def lab(chromium):
    with running_lab() as server:
        yield server


@pytest.fixture(scope="session")
def browser(chromium):
    with running_browser() as context:
        yield context


@pytest.fixture(scope="session")
def app(lab, browser):
    """JupyterLab without a notebook, where a reader opens one after the other."""
    with running_app(browser, lab) as page:
        yield page


@pytest.fixture(scope="session")
def opened(lab, app):
    """A way to open a notebook of these code cells, or one of the collection, and to check it."""

    @contextmanager
    def opening(name, cells=None):
        if cells:
            lab.write(name, cells)
        with visiting_next(app, name) as visit:
            yield visit
            visit.check()

    return opening


@pytest.fixture(scope="session")
def every_panel(lab, browser):
    """The visit of a notebook with one panel of each explorer, a cell each, not yet run."""
    cells = [f"explorers.{name}()" for name in EXPLORERS]
    lab.write(EVERY, ["from posenc_lib import explorers", *cells])
    with visiting(browser, lab, EVERY) as visit:
        visit.run_cell(0)
        yield visit


def few_first(name):
    return pytest.param(name, marks=() if name in FEW else pytest.mark.long)


@pytest.fixture(params=map(few_first, EXPLORERS))
def panel(every_panel, request):
    """Each panel in turn, as it stood at first; afterwards nothing has failed."""
    every_panel.page.bring_to_front()
    cell = 1 + EXPLORERS.index(request.param)
    if not every_panel.cells()[cell]["outputs"]:
        every_panel.run_cell(cell)
    panel = Reader(every_panel, cell)
    panel.reset()
    yield panel
    every_panel.check()
