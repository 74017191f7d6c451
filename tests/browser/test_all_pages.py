"""Every notebook as a page from the disk: ready soon, readable, and alive in Firefox too (long)."""

import os
import time

import pytest

from tests.browser import axe
from tests.browser.firefox import find_firefox, running_firefox
from tests.browser.test_pages import opened
from tools.notebooks import all_notebooks
from tools.pages.__main__ import build

pytestmark = [pytest.mark.browser, pytest.mark.long]

READY_S = 3
PANELS = "[...document.querySelectorAll('.posenc-panel')]"
VIEWS = "document.querySelectorAll('.jupyter-widgets').length"
READY = f"{PANELS}.length === {VIEWS} && {PANELS}.every(panel => panel.dataset.drawn)"
LIVE = "[...document.querySelectorAll('.posenc-panel:not(.posenc-still-panel)')]"


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The pages of all notebooks, run once."""
    folder = tmp_path_factory.mktemp("all")
    build(["html"], all_notebooks(), folder)
    return [folder / "html" / f"{path.stem}.html" for path in all_notebooks()]


def test_every_page_is_ready_soon_and_can_be_read(browser, pages):
    late, bad = {}, {}
    for page in pages:
        with opened(browser, page.as_uri()) as shown:
            began = time.monotonic()
            shown.reload()
            shown.wait_for_function(f"() => {READY}")
            late[page.stem] = round(time.monotonic() - began, 2)
            for look in ("light", "dark"):
                shown.emulate_media(color_scheme=look)
                bad[page.stem, look] = axe.violations(shown)
    print(late)
    assert {key: found for key, found in bad.items() if found} == {}
    assert {name: seconds for name, seconds in late.items() if seconds > READY_S} == {}


def test_in_firefox_a_slider_of_every_panel_draws_another_picture(pages):
    path = find_firefox()
    if path is None:
        reason = "no Firefox: install firefox-esr, or name one in POSENC_FIREFOX"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    moved = 0
    with running_firefox(path) as firefox:
        for page in pages:
            firefox.open(page.as_uri())
            firefox.wait_for(READY)
            for nth in range(firefox.evaluate(f"{LIVE}.length")):
                moved += drag_first_slider(firefox, f"{LIVE}[{nth}]")
    assert moved >= 3


def drag_first_slider(firefox, panel):
    """1, if the panel has a slider that can be dragged."""
    slider = f"{panel}.querySelector('.posenc-range:enabled')"
    if not firefox.evaluate(f"Boolean({slider})"):
        return 0
    pictures = f"[...{panel}.querySelectorAll('.posenc-canvas')].map(c => c.toDataURL()).join()"
    firefox.evaluate(f"{slider}.scrollIntoView({{ block: 'center' }})")
    x, y, width, height, part = firefox.evaluate(
        f"(s => {{ const r = s.getBoundingClientRect();"
        f" return [r.x, r.y, r.width, r.height, s.value / s.max]; }})({slider})"
    )
    firefox.evaluate(f"window.before = {pictures}")
    across = y + height / 2
    start = x + 12 + part * (width - 24)  # the middle of the handle
    firefox.drag((start, across), (x + width / 2, across), (x + 0.8 * width, across))
    firefox.wait_for(f"({pictures}) !== window.before")
    return 1
