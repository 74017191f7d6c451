"""The buttons of a panel, by click and by keyboard."""

import re
from math import inf

import numpy as np
import pytest

from posenc_lib import explorers
from posenc_lib.explorers.panel import Panel, Slider, UpTo
from posenc_lib.explorers.pinned import difference
from posenc_lib.plots.views import Curves

pytestmark = pytest.mark.browser

FIRST = {"dim": 16, "length": 30}
SIZES = """e => [...e.querySelectorAll('.posenc-views, label, input[type=text], strong')]
  .filter(e => e.checkVisibility()).map(e => parseFloat(getComputedStyle(e).fontSize))"""
MARKED = "e => document.activeElement === e && e.value.slice(e.selectionStart, e.selectionEnd)"
FOCUSED = "() => document.activeElement.textContent"
CLIPBOARD = {"permissions": ["clipboard-read", "clipboard-write"]}


@pytest.fixture
def panel(mounted):
    with mounted(explorers.sinusoidal_explorer(**FIRST), **CLIPBOARD) as panel:
        yield panel


def test_a_number_that_is_being_written_stays_while_the_panel_is_drawn_again(panel):
    hand = panel.controls["length"]
    hand.field.fill("77")
    panel.panel.set(start=3)
    panel.page.evaluate("news => model.take(news)", panel.answer())
    panel.page.evaluate("document.body.classList.toggle('dark')")
    panel.page.wait_for_timeout(500)  # the look is read again a little later
    assert hand.field.input_value() == "77"
    hand.field.press("Enter")
    assert panel.settle(("length", 77))["settings"]["length"] == 77


def line(slope, at):
    return [Curves("line", [0, 1], [0, slope * at], "y", "x", "y")]


@pytest.fixture
def simple():
    """A panel computed in the kernel, with a slider of real numbers."""
    controls = [Slider("slope", 2, -5, 5), Slider("at", 1.0, 0.0, 20_000.0)]
    return Panel(title="A line", controls=controls, compute=line)


def heat_map(panel):
    return panel.look()["panes"][0]["pixels"]


@pytest.mark.parametrize("key", [None, "Enter", "Space"])
def test_the_tools_of_a_panel(panel, key):
    def press(name):
        panel.button(name).press(key) if key else panel.button(name).click()
        return heat_map(panel)

    # reset
    first, length = heat_map(panel), panel.controls["length"]
    length.press("PageUp")
    assert heat_map(panel) != first == press("Reset") and panel.panel.length == 30

    # pin, and what the heat maps show
    assert not panel.button("Unpin").is_visible() and not panel.button("Difference").is_visible()
    press("Pin")
    panel.locator.get_by_text("Pinned: dim d = 16, length = 30").wait_for()
    assert "(pinned)" in panel.locator.locator(".posenc-legend").last.inner_text()
    length.press("PageUp")
    live = heat_map(panel)
    assert press("Difference") not in (live, press("Pinned")) and press("Live") == live
    press("Difference")
    assert panel.button("Difference").get_attribute("aria-pressed") == "true"
    kernel = panel.panel
    assert kernel.pinned == panel.declared["first"] and kernel.heatmaps == "difference"
    assert not kernel.lecture and kernel.length > 30
    press("Unpin")
    assert panel.page.evaluate(FOCUSED) == "Pin" and not panel.button("Unpin").is_visible()
    assert (kernel.pinned, kernel.heatmaps) == (None, "live")
    assert "(pinned)" not in panel.locator.inner_text()

    # the line of code, copied, and shown where the page may not copy
    press("Copy code")
    panel.locator.get_by_text("Copied.").wait_for()
    assert panel.page.evaluate("navigator.clipboard.readText()") == kernel.code
    panel.page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    press("Copy code")
    shown = panel.locator.locator(".posenc-line")
    shown.wait_for()
    assert shown.evaluate(MARKED) == kernel.code

    # large text, in the picture and in the controls
    small = panel.locator.evaluate(SIZES)
    press("Large text")
    assert panel.button("Large text").get_attribute("aria-pressed") == "true" and kernel.lecture
    large = panel.locator.evaluate(SIZES)
    assert min(b / a for a, b in zip(small, large, strict=True)) >= 1.5
    press("Large text")

    # from code
    panel.code(lambda kernel: kernel.set(length=44))
    panel.code(lambda kernel: setattr(kernel, "lecture", True))
    assert length.value == 44
    assert panel.button("Large text").get_attribute("aria-pressed") == "true"


def test_the_page_subtracts_as_the_library_does(panel):
    panel.button("Pin").click()
    moved = {"start": 3, "base": 100.0}  # the same positions, with other numbers in column 2
    panel.code(lambda kernel: kernel.set(**moved))
    panel.button("Difference").click()
    live, old = (explorers.sinusoidal_explorer(**FIRST, **more).views[0] for more in (moved, {}))
    expected = difference(live, old)
    canvas = panel.locator.locator("canvas.posenc-canvas").first
    for key in ("ArrowDown", "ArrowRight", "ArrowRight"):
        canvas.press(key)
    for row in range(30):
        if row:
            canvas.press("ArrowDown")
        readout = panel.look()["readout"]
        assert readout.startswith(f"position {row + 3}, dimension 2: ")
        said = re.findall(r"(?:pinned|live) (−?[\d.]+|none)", readout)
        shown = [np.nan if v == "none" else float(v.replace("−", "-")) for v in said]
        both = live.values[row, 2], old.values[row + 3, 2] if row + 3 < 30 else np.nan
        want = [expected.values[row, 2], *both]
        np.testing.assert_allclose(shown, want, atol=2e-4, err_msg=readout)


def test_what_is_typed_is_taken_exactly_or_refused(mounted, simple):
    with mounted(simple) as panel:
        at = panel.controls["at"]
        for text, value in {"0,5": 0.5, "12,345": 12_345.0, "2.25": 2.25}.items():
            at.write(text)
            assert not panel.settle()["message"] and (at.value, simple.at) == (value, value)
        at.write("1,2,3")
        assert (
            "at = '1,2,3' is refused: it must be a number from 0 to 20,000"
            in panel.settle()["message"]
        )
        assert (at.value, simple.at) == (2.25, 2.25)


def test_a_slider_whose_range_shrinks_goes_to_its_end_and_says_so(mounted):
    controls = [Slider("slope", 5, 1, 8), Slider("at", 4, 0, 7, upto=UpTo("slope", plus=-1))]
    panel = Panel(title="A line", controls=controls, compute=line)
    with mounted(panel) as shown:
        assert shown.controls["at"].press("End")["settings"]["at"] == 4
        seen = shown.controls["slope"].put(3)
        assert seen["message"] == "at went to 2, where it ends with slope = 3."
        assert panel.settings == {"slope": 3, "at": 2}
        assert shown.controls["at"].put(1)["message"] == ""
        shown.controls["at"].write("3")
        assert "it must be a whole number from 0 to 2" in shown.settle()["message"]


def test_a_picture_that_cannot_be_drawn_leaves_the_last_one(mounted, simple):
    """A fault in the reader's own function is said, and the panel lives on."""
    with mounted(simple) as panel:
        vars(simple)["_compute"] = lambda slope, at: line(slope if slope < 5 else inf, at)
        assert (
            panel.controls["slope"].press("End")["refused"] and panel.controls["slope"].value == 2
        )
        assert not panel.controls["slope"].press("Home")["message"] and simple.slope == -5


def test_without_a_kernel_it_says_what_cannot_work(mounted, simple):
    with mounted(simple, kernel=False) as panel:
        assert "none is running" in panel.seen["message"]
        assert panel.seen["idle"] == ["slope", "at"] and panel.button("Reset").is_disabled()
    with mounted("sinusoidal_explorer", kernel=False) as panel:
        before = heat_map(panel)
        panel.controls["length"].main.press("PageUp")
        panel.page.wait_for_timeout(100)
        seen = panel.page.evaluate("root => reader.look(root)", panel.root)
        assert not seen["message"] and seen["panes"][0]["pixels"] != before
