"""A panel at 200 % zoom, and in a notebook about 400 pixels wide: nothing is cut off or blurred."""

from contextlib import contextmanager

import pytest

pytestmark = pytest.mark.browser

NARROW = 400
NOTEBOOK = "root => root.closest('.jp-Notebook').clientWidth"


@contextmanager
def window(page, width: int, height: int, scale: float):
    """The page in a window of this size, `scale` pixels to a CSS pixel, as a zoom makes it.

    Gives a function that changes the width.
    """
    session = page.context.new_cdp_session(page)
    size = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False}
    command = "Emulation.setDeviceMetricsOverride"
    session.send(command, size)
    try:
        yield lambda width: session.send(command, size | {"width": width})
    finally:
        session.send("Emulation.clearDeviceMetricsOverride")
        session.detach()


def moved(panel) -> None:
    """`look` and `settle` assert that everything fits and each canvas has its pixels."""
    panel.look()
    hands = list(panel.controls.values())
    for hand in hands:
        if hand.kind == "choice":
            hand.choose(max(hand.options, key=len))
    hand = next(hand for hand in hands if hand.kind == "slider")
    hand.press("End")
    hand.press("Home")
    panel.look()


@contextmanager
def wide_notebook(panel):
    """Without the file browser beside it."""
    panel.visit.press("application:toggle-left-area")
    try:
        yield
    finally:
        panel.visit.press("application:toggle-left-area")
    panel.show()
    panel.look()


def test_zoomed(panel):
    zoom, plain = 2, panel.seen["panes"]
    width, height = (panel.page.viewport_size[side] // zoom for side in ("width", "height"))
    with wide_notebook(panel), window(panel.page, width, height, zoom):
        panel.show()
        assert panel.page.evaluate("devicePixelRatio") == zoom
        moved(panel)
        assert panel.seen["panes"] != plain


def test_narrow(panel):
    with wide_notebook(panel), window(panel.page, 2 * NARROW, 900, 1) as resize:
        panel.show()
        # what else stands in the window depends on JupyterLab's version
        resize(3 * NARROW - panel.page.evaluate(NOTEBOOK, panel.root))
        panel.show()
        assert abs(panel.page.evaluate(NOTEBOOK, panel.root) - NARROW) <= 20
        moved(panel)
