"""The buttons of a panel in JupyterLab and Chromium, by click and by keyboard."""

import re

import numpy as np
import pytest

from posenc_lib import explorers
from posenc_lib.explorers.pinned import difference

pytestmark = pytest.mark.browser

CELLS = [
    "from posenc_lib import explorers",
    "panel = explorers.sinusoidal_explorer(dim=16, length=30)\npanel",
]
PIXELS = "canvas => canvas.toDataURL()"
STATE = "(panel.pinned, panel.heatmaps, panel.lecture, panel.settings)"
SIZES = """e => [...e.querySelectorAll('.posenc-views, .widget-label, .widget-text input, strong')]
  .filter(e => e.checkVisibility()).map(e => parseFloat(getComputedStyle(e).fontSize))"""
MARKED = "e => document.activeElement === e && e.value.slice(e.selectionStart, e.selectionEnd)"


class Tools:
    """The panel of the notebook, its buttons pressed the one way or the other."""

    def __init__(self, visit, keyboard):
        self.visit, self.page, self.keyboard = visit, visit.page, keyboard
        self.panel = visit.page.locator(".posenc-panel:visible")
        self.row = self.panel.locator(".posenc-tools")
        self.canvas = self.panel.locator("canvas.posenc-canvas").first
        self.fields = self.panel.locator(".widget-slider + .widget-text input")
        self.button("Reset").wait_for()
        visit.wait_until_idle()

    def button(self, name):
        return self.row.get_by_role("button", name=name, exact=True)

    def press(self, name, key="Enter"):
        if self.keyboard:
            self.button(name).focus()
            self.page.keyboard.press(key)
        else:
            self.button(name).click()

    def move(self, key):
        """Move the slider of the length by a key."""
        self.panel.locator(".noUi-handle").nth(1).focus()
        self.page.keyboard.press(key)

    def length_is(self, value):
        self.page.wait_for_function(
            "([field, value]) => field.value === value",
            arg=[self.fields.nth(1).element_handle(), str(value)],
        )
        self.visit.wait_until_idle()

    def changes(self, act):
        """Do something and wait until the first picture has changed; what it was before."""
        self.page.mouse.move(2, 2)
        handle, before = self.canvas.element_handle(), self.canvas.evaluate(PIXELS)
        act()
        self.page.wait_for_function(
            f"([canvas, before]) => ({PIXELS})(canvas) !== before", arg=[handle, before]
        )
        return before

    def is_on(self, name):
        return self.button(name).get_attribute("aria-pressed") == "true"

    def state(self):
        """What the kernel says: pinned settings, heat maps, lecture mode, settings."""
        self.visit.wait_until_idle()
        return self.visit.ask(STATE)


@pytest.fixture
def visit(lab, browser, opened):
    browser.grant_permissions(["clipboard-read", "clipboard-write"], origin=lab.url)
    with opened("panel_tools.ipynb", CELLS) as visit:
        visit.run_all()
        yield visit


@pytest.mark.parametrize("keyboard", [pytest.param(False, marks=pytest.mark.long), True])
def test_the_tools_of_a_panel(visit, keyboard):
    tools = Tools(visit, keyboard)
    focused = "() => document.activeElement.textContent"
    assert "running kernel" not in tools.panel.inner_text()
    if keyboard:  # one step of the Tab key from the last control
        tools.fields.last.focus()
        visit.page.keyboard.press("Tab")
        assert visit.page.evaluate(focused) == "Reset"

    # reset
    first = tools.changes(lambda: tools.move("PageUp"))
    tools.changes(lambda: tools.press("Reset"))
    tools.length_is(30)
    assert tools.canvas.evaluate(PIXELS) == first
    tools.button("Reset").focus()
    visit.page.keyboard.press("b")  # JupyterLab's key for a new cell
    assert len(visit.cells()) == len(CELLS)
    assert visit.page.evaluate(f"{visit.panel}.content.mode") == "command"  # nor took it Enter

    # pin, and what the heat maps show
    assert not tools.button("Unpin").is_visible() and not tools.button("Difference").is_visible()
    tools.press("Pin", key="Space")
    tools.row.get_by_text("Pinned: dim = 16, length = 30").wait_for()
    legend = tools.panel.locator(".posenc-legend").last
    assert legend.inner_text().split("\n")[-1].endswith("(pinned)")
    tools.changes(lambda: tools.move("PageUp"))
    live = tools.changes(lambda: tools.press("Difference"))
    tools.changes(lambda: tools.press("Pinned", key="Space"))
    tools.changes(lambda: tools.press("Live"))
    assert tools.canvas.evaluate(PIXELS) == live
    tools.press("Difference")
    assert tools.is_on("Difference")
    pinned, heatmaps, lecture, settings = tools.state()
    assert pinned == {"dim": 16, "length": 30, "base": 10_000.0, "start": 0}
    assert (heatmaps, lecture, settings["length"] > 30) == ("difference", False, True)
    tools.press("Unpin")
    tools.button("Unpin").wait_for(state="hidden")
    assert visit.page.evaluate(focused) == "Pin"
    assert tools.state()[:2] == (None, "live")
    assert "(pinned)" not in tools.panel.inner_text()

    # the line of code, copied, and shown where the page may not copy
    code = explorers.sinusoidal_explorer(**settings).code
    tools.press("Copy code")
    tools.row.get_by_text("Copied.").wait_for()
    assert visit.page.evaluate("navigator.clipboard.readText()") == code
    clipboard = "Object.defineProperty(navigator, 'clipboard', { value: undefined, %s: true })"
    visit.page.evaluate(clipboard % "configurable")
    tools.press("Copy code")
    line = tools.row.locator("input")
    line.wait_for()
    assert line.evaluate(MARKED) == code
    visit.page.keyboard.press("b")
    visit.page.evaluate("() => { delete navigator.clipboard; }")
    assert len(visit.cells()) == len(CELLS)

    # large text, in the picture and in the controls
    small = tools.panel.evaluate(SIZES)
    tools.changes(lambda: tools.press("Large text"))
    assert tools.is_on("Large text") and tools.state()[2] is True
    large = tools.panel.evaluate(SIZES)[: len(small)]
    tools.changes(lambda: tools.press("Large text"))
    assert min(b / a for a, b in zip(small, large, strict=True)) >= 1.5

    # from code
    visit.ask("None", "panel.length = 44\npanel.unpin()\npanel.lecture = True")
    tools.length_is(44)
    assert tools.is_on("Large text")


def test_the_page_subtracts_as_the_library_does(visit):
    tools = Tools(visit, keyboard=True)
    tools.press("Pin")
    tools.row.get_by_text("Pinned: ").wait_for()
    moved = {"start": 3, "base": 100.0}  # the same positions, with other numbers in column 2
    tools.changes(lambda: visit.ask("None", f"panel.set(**{moved})"))
    tools.changes(lambda: tools.press("Difference"))
    live, old = (
        explorers.sinusoidal_explorer(dim=16, length=30, **settings).views[0]
        for settings in (moved, {})
    )
    expected = difference(live, old)
    readout = tools.panel.locator(".posenc-readout").first
    tools.canvas.focus()
    for key in ("ArrowDown", "ArrowRight", "ArrowRight"):
        visit.page.keyboard.press(key)
    for row in range(30):
        if row:
            visit.page.keyboard.press("ArrowDown")
        if 2 < row < 26:  # the last rows have nothing to be compared with
            continue
        visit.page.wait_for_function(
            "([e, text]) => e.textContent.startsWith(text)",
            arg=[readout.element_handle(), f"position {row + 3}, dimension 2: "],
        )
        said = re.findall(r"(?:pinned|live) (−?[\d.]+|none)", readout.inner_text())
        shown = [np.nan if v == "none" else float(v.replace("−", "-")) for v in said]
        both = live.values[row, 2], old.values[row + 3, 2] if row + 3 < 30 else np.nan
        np.testing.assert_allclose(
            shown, [expected.values[row, 2], *both], atol=2e-4, err_msg=readout.inner_text()
        )
