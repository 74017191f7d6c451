"""A panel computed in the page answers while its kernel is busy; afterwards both agree."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

SLEEP = "while not Path('wake').exists():\n    time.sleep(0.02)\nPath('wake').unlink()"
CELLS = [
    "import time\nfrom pathlib import Path\nfrom posenc_lib import explorers\n"
    "from posenc_lib.explorers.sinusoidal import in_kernel",
    "panel = explorers.sinusoidal_explorer(dim=16, length=30)\npanel",
    "kernel = in_kernel(dim=16, length=30)\nkernel",
    SLEEP,
    f"{SLEEP}\npanel.reset()",
]
BUSY, BUSY_THEN_RESET = 3, 4


class Panel:
    """One panel of the notebook: its controls and its first picture."""

    def __init__(self, visit, cell):
        visit.show_cell(cell)
        self.root = visit.cell(cell).locator(".posenc-panel")
        self.root.and_(visit.page.locator("[data-drawn]")).wait_for()
        self.canvas = self.root.locator("canvas.posenc-canvas").first

    def part(self, name, part):
        return self.root.locator(f".posenc-control[data-name='{name}'] .posenc-{part}")

    def press(self, name, key, times=1):
        for _ in range(times):
            self.part(name, "range").press(key)

    def type(self, name, text):
        self.part(name, "number").fill(text)
        self.part(name, "number").press("Enter")

    def click(self, name):
        self.root.get_by_role("button", name=name, exact=True).click()

    def says(self, text, part=None):
        """Wait until the first picture is described so, or a part of the panel says so."""
        if part:
            self.root.locator(part, has_text=text).first.wait_for()
        else:
            expect(self.canvas).to_have_attribute("aria-label", re.compile(text), timeout=15_000)

    def shows(self, name, text):
        expect(self.part(name, "number")).to_have_value(text, timeout=15_000)
        expect(self.part(name, "range")).to_have_attribute("aria-valuetext", text)


@pytest.fixture(scope="module")
def visit(opened):
    with opened("in_page.ipynb", CELLS) as visit:
        for index in range(3):
            visit.run_cell(index)
        yield visit


@pytest.fixture
def first(visit):
    """The settings of the panels, which stand as they stood first."""
    visit.ask("(panel.reset(), kernel.reset())")
    visit.page.wait_for_timeout(900)  # what the page said last may come after the reset
    visit.wait_until_idle()
    return visit.ask("panel.settings")


@pytest.fixture
def busy(lab, visit, first, request):
    """The kernel is busy until it is woken, at the latest when the test is over."""
    visit.run_cell(getattr(request, "param", BUSY), wait=False)
    status = f"{visit.panel}.sessionContext.session.kernel.status"
    visit.page.wait_for_function(f"() => {status} === 'busy'")
    woken = []

    def wake():
        if not woken:
            woken.append(True)
            (lab.folder / "wake").touch()
            visit.wait_until_idle()
            visit.page.wait_for_timeout(900)  # what the page held back until now
            visit.wait_until_idle()

    yield wake
    wake()


def test_everything_but_the_kernel_answers_while_the_kernel_is_busy(visit, busy, first):
    kernel = Panel(visit, 2)  # the others would tell nothing if a panel did not need it anyway
    kernel.press("length", "ArrowRight")
    panel = Panel(visit, 1)
    panel.says("Point, tap", ".posenc-readout")
    panel.press("length", "ArrowRight", times=5)
    panel.says("table: 35 x 16")
    panel.says("Pale lines and marked corners", ".posenc-readout")  # of length 30
    panel.shows("length", "35")
    panel.click("Pin")
    panel.says("length = 35", ".posenc-reference")
    panel.type("base", "12345.50")
    panel.shows("base", "12,345.5")
    panel.type("length", "abc")
    panel.says("length = 'abc' is refused: it must be a whole number", ".posenc-message")
    panel.shows("length", "35")
    panel.click("Difference")
    panel.says("live minus pinned", "figcaption")
    visit.page.evaluate(
        "() => { navigator.clipboard.writeText = async (t) => { window.copied = t; } }"
    )
    panel.click("Copy code")
    panel.says("Copied.", ".posenc-said")
    visit.page.evaluate("() => { delete navigator.clipboard.writeText; }")
    assert "length=35, base=12345.5" in visit.page.evaluate("() => window.copied")
    panel.type("length", "40")
    panel.says("table, live minus pinned: 40 x 16")
    assert panel.root.locator(".posenc-message").inner_text() == ""
    Panel(visit, 2).says("table: 30 x 16")
    busy()
    kernel.says("table: 31 x 16")
    settings, pinned, said = visit.ask("(panel.settings, panel.pinned, panel.message)")
    assert settings == first | {"length": 40, "base": 12345.5}
    assert (pinned, said) == (first | {"length": 35}, "")
    panel = Panel(visit, 1)
    panel.shows("base", "12,345.5")
    panel.says("40 x 16")
    panel.click("Live")
    panel.click("Unpin")


def test_reset_while_the_kernel_is_busy(visit, busy, first):
    panel = Panel(visit, 1)
    panel.type("length", "77")
    panel.type("base", "54,321")
    panel.says("table: 77 x 16")
    panel.click("Reset")
    panel.shows("base", "10,000")
    busy()
    assert visit.ask("panel.settings") == first
    panel.says("table: 30 x 16")
    panel.shows("length", "30")


@pytest.mark.parametrize("busy", [BUSY_THEN_RESET], indirect=True)
def test_code_that_sets_while_the_hand_moves_leaves_all_in_step(visit, busy):
    panel = Panel(visit, 1)
    panel.press("length", "ArrowRight", times=4)
    panel.says("table: 34 x 16")
    busy()
    length = visit.ask("panel.length")
    panel.says(f"table: {length} x 16")
    panel.shows("length", str(length))


@pytest.mark.parametrize("cell, name", [(1, "panel"), (2, "kernel")])
def test_what_is_typed_or_set_from_code_is_kept_and_drawn(visit, first, cell, name):
    panel = Panel(visit, cell)
    visit.ask(f"{name}.set(length=50, dim=8, base=777.25)")
    panel.says("table: 50 x 8")
    panel.shows("base", "777.25")
    panel.shows("length", "50")
    visit.ask(f"{name}.reset()")
    panel.says("table: 30 x 16")
    visit.wait_until_idle()
    assert visit.ask(f"{name}.settings") == first
    panel.type("base", "12,345")  # between the places of its slider
    for value in (12_345.0, 14_200.0):
        panel.shows("base", f"{value:,.0f}")
        visit.page.wait_for_timeout(300)
        visit.wait_until_idle()
        assert visit.ask(f"{name}.base") == value
        panel.press("base", "ArrowRight")
