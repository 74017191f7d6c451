"""One real browser among the simulated students: it signs in as a student does, and drags."""

import threading
import time

import nbformat
from playwright.sync_api import sync_playwright

from benchmarks.widgets.hand import WARM, Hand
from classroom.load.hub import Hub
from classroom.load.student import PANEL
from tests.browser.lab import FLAGS, find_chromium
from tools.notebooks import NOTEBOOK_METADATA

NAME = "browser"


def browse(
    hub: Hub, moves: int, ready: threading.Event, go: threading.Event
) -> tuple[float, list[float]]:
    """Seconds from the sign-in to the start page, and the ms from key to picture of every move.

    It says when its panel stands, and waits until it may drag.
    """
    with sync_playwright() as play:
        flags = [f"--{flag}" for flag in FLAGS]
        chromium = play.chromium.launch(executable_path=find_chromium(), args=flags)
        page = chromium.new_page(viewport={"width": 1366, "height": 768})
        page.set_default_timeout(120_000)
        page.goto(hub.address)
        began = time.monotonic()
        page.fill("#username_input", NAME)
        page.fill("#password_input", hub.password)
        page.click("#login_submit")
        page.wait_for_url(f"**/user/{NAME}/lab/tree/posenc/00_start_here.ipynb*")
        page.locator(".jp-Notebook .jp-Cell").first.wait_for()
        took = time.monotonic() - began
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(PANEL)], metadata=NOTEBOOK_METADATA
        )
        nbformat.write(notebook, hub.home(NAME) / "posenc" / "panel.ipynb")
        page.goto(f"{hub.address}/user/{NAME}/lab/tree/posenc/panel.ipynb?reset")
        page.locator(".jp-Notebook .jp-CodeCell .cm-content").first.click()
        page.keyboard.press("Shift+Enter")
        root = page.locator(".posenc-panel").first
        root.wait_for()
        slider = root.locator("input.posenc-range").first
        hand = Hand(page, root)
        acts = hand.acts(slider)
        hand.times(slider, WARM, acts)
        ready.set()
        go.wait()
        times = hand.times(slider, moves, acts)
        chromium.close()
    return took, times
