"""One JupyterLab and one browser for all browser tests."""

import os

import pytest

from tests.browser.lab import find_chromium, running_browser, running_lab


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
