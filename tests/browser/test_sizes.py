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


def test_zoomed(panel):
    zoom = 2
    plain = panel.seen["panes"]
    size = panel.page.viewport_size
    with window(panel.page, round(size["width"] / zoom), round(size["height"] / zoom), zoom):
        panel.show()
        assert panel.page.evaluate("devicePixelRatio") == zoom
        moved(panel)
        assert panel.seen["panes"] != plain
    panel.show()
    panel.look()


def test_narrow(panel):
    panel.visit.press("application:toggle-left-area")
    try:
        with window(panel.page, 2 * NARROW, 900, 1) as resize:
            panel.show()
            # what else stands in the window depends on JupyterLab's version
            resize(3 * NARROW - panel.page.evaluate(NOTEBOOK, panel.root))
            panel.show()
            assert abs(panel.page.evaluate(NOTEBOOK, panel.root) - NARROW) <= 20
            moved(panel)
    finally:
        panel.visit.press("application:toggle-left-area")
    panel.show()
    panel.look()
