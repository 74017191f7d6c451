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
FIRST = {"dim": 16, "length": 30, "base": 10000.0, "start": 0}


class Panel:
    """One panel of the notebook: its controls and its first picture."""

    def __init__(self, visit, cell):
        visit.show_cell(cell)
        self.root = visit.cell(cell).locator(".posenc-panel")
        self.root.locator(".posenc-views[data-drawn]").wait_for()
        self.canvas = self.root.locator("canvas.posenc-canvas").first

    def slider(self, label):
        return self.root.locator(".widget-slider", has_text=label).locator(".noUi-handle")

    def field(self, label):
        return self.root.locator(".widget-hbox", has_text=label).locator(".widget-text input")

    def type(self, label, text):
        self.field(label).fill(text)
        self.field(label).press("Enter")

    def says(self, text):
        """Wait until the first picture is described so."""
        expect(self.canvas).to_have_attribute("aria-label", re.compile(text), timeout=15_000)

    def shows(self, label, text):
        expect(self.field(label)).to_have_value(text, timeout=15_000)

    def press(self, name):
        self.root.locator(".posenc-tools").get_by_role("button", name=name, exact=True).click()


@pytest.fixture(scope="module")
def visit(opened):
    with opened("in_page.ipynb", CELLS) as visit:
        for index in range(3):
            visit.run_cell(index)
        yield visit


@pytest.fixture
def busy(lab, visit, request):
    """The panels as they stood at first; the kernel is busy until it is woken, at the latest when
    the test is over."""
    visit.ask("(panel.reset(), kernel.reset())")
    visit.run_cell(getattr(request, "param", BUSY), wait=False)
    status = f"{visit.panel}.sessionContext.session.kernel.status"
    visit.page.wait_for_function(f"() => {status} === 'busy'")
    woken = []

    def wake():
        if not woken:
            woken.append(True)
            (lab.folder / "wake").touch()
            visit.wait_until_idle()
            visit.page.wait_for_timeout(900)  # what the controls held back until now
            visit.wait_until_idle()

    yield wake
    wake()


def test_everything_but_the_kernel_answers_while_the_kernel_is_busy(visit, busy):
    kernel = Panel(visit, 2)  # the others would tell nothing if a panel did not need it anyway
    kernel.slider("length").press("ArrowRight")
    panel = Panel(visit, 1)
    for _ in range(5):
        panel.slider("length").press("ArrowRight")
    panel.says("table: 35 x 16")
    panel.shows("length", "35")
    panel.press("Pin")
    panel.root.locator(".posenc-reference", has_text="length = 35").wait_for()
    panel.type("base", "12345.50")
    panel.shows("base", "12,345.5")
    panel.type("length", "abc")
    message = panel.root.locator(".posenc-message").first
    message.filter(has_text="length = 'abc' is refused: it must be a whole number").wait_for()
    panel.shows("length", "35")
    panel.press("Difference")
    panel.root.locator("figcaption", has_text="live minus pinned").first.wait_for()
    visit.page.evaluate(
        "() => { navigator.clipboard.writeText = async (t) => { window.copied = t; } }"
    )
    panel.press("Copy code")
    panel.root.locator(".posenc-said", has_text="Copied.").wait_for()
    visit.page.evaluate("() => { delete navigator.clipboard.writeText; }")
    call = "sinusoidal_explorer(dim=16, length=35, base=12345.5, start=0)"
    assert call in visit.page.evaluate("() => window.copied")
    panel.type("length", "40")
    panel.says("table, live minus pinned: 40 x 16")
    assert message.inner_text() == ""
    Panel(visit, 2).says("table: 30 x 16")
    busy()
    kernel.says("table: 31 x 16")
    settings, pinned, said = visit.ask("(panel.settings, panel.pinned, panel.message)")
    assert settings == FIRST | {"length": 40, "base": 12345.5}
    assert (pinned, said) == (FIRST | {"length": 35}, "")
    panel = Panel(visit, 1)
    panel.shows("base", "12,345.5")
    panel.says("40 x 16")
    panel.press("Live")
    panel.press("Unpin")


def test_reset_while_the_kernel_is_busy(visit, busy):
    panel = Panel(visit, 1)
    panel.type("length", "77")
    panel.type("base", "54,321")
    panel.says("table: 77 x 16")
    panel.press("Reset")
    panel.says("table: 30 x 16")
    panel.shows("base", "10,000")
    assert panel.slider("length").get_attribute("aria-valuenow") == "30.0"
    busy()
    assert visit.ask("panel.settings") == FIRST
    panel.says("table: 30 x 16")
    panel.shows("length", "30")


@pytest.mark.parametrize("busy", [BUSY_THEN_RESET], indirect=True)
def test_code_that_sets_while_the_hand_moves_leaves_all_in_step(visit, busy):
    panel = Panel(visit, 1)
    for _ in range(4):
        panel.slider("length").press("ArrowRight")
    panel.says("table: 34 x 16")
    busy()
    length, control = visit.ask("(panel.length, panel.controls['length'].value)")
    assert control == length
    panel.says(f"table: {length} x 16")
    panel.shows("length", str(length))
    assert panel.slider("length").get_attribute("aria-valuenow") == f"{length}.0"
    visit.ask("panel.reset()")
    panel.says("table: 30 x 16")


@pytest.mark.parametrize("cell, name", [(1, "panel"), (2, "kernel")])
def test_what_is_typed_or_set_from_code_is_kept_and_drawn(visit, cell, name):
    panel = Panel(visit, cell)
    visit.ask(f"{name}.set(length=50, dim=8, base=777.25)")
    panel.says("table: 50 x 8")
    panel.shows("base", "777.25")
    panel.shows("length", "50")
    assert panel.slider("length").get_attribute("aria-valuenow") == "50.0"
    visit.ask(f"{name}.reset()")
    panel.says("table: 30 x 16")
    visit.wait_until_idle()
    assert visit.ask(f"{name}.settings") == FIRST
    panel.type("base", "12,345")  # between the steps of its slider
    visit.page.wait_for_timeout(300)
    visit.wait_until_idle()
    panel.shows("base", "12,345")
    assert visit.ask(f"{name}.base") == 12345.0
    panel.slider("base").press("ArrowRight")
    panel.shows("base", "14,200")
    visit.wait_until_idle()
    assert visit.ask(f"{name}.base") == 14200.0
