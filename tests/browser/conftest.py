"""One browser for all browser tests, one JupyterLab for those that need it."""

import os
from contextlib import contextmanager
from functools import cache

import pytest

from posenc_lib import explorers
from tests.browser.lab import (
    find_chromium,
    running_app,
    running_browser,
    running_lab,
    visiting_next,
)
from tests.browser.mounted import mounting

FULL = os.environ.get("POSENC_SWEEP") == "full"
"""`make test-panels` moves everything; `make test` one or two of a kind."""
EXPLORERS = [name for name in explorers.__all__ if name.endswith("_explorer")]
SLOW = ("shuffle_explorer", "word_order_explorer")
"""Their models are trained when they are first shown."""


def but_long(names, explorer_of=str, few=()):
    """Parameters; those whose panels take seconds, or all but a few, only in `make test-panels`."""
    explorers_of = {name: explorer_of(name) for name in names}
    later = {n for n, e in explorers_of.items() if e in SLOW or (few and e not in few)}
    return [pytest.param(n, marks=[pytest.mark.long] * (n in later)) for n in names]


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


@cache
def made(explorer):
    """The panel of an explorer; it is made once."""
    return getattr(explorers, explorer)()


@pytest.fixture(scope="session")
def mounted(browser):
    """A way to show a panel, or that of an explorer, in an empty page."""

    def mounting_one(panel, *size, **options):
        return mounting(browser, made(panel) if isinstance(panel, str) else panel, *size, **options)

    return mounting_one
