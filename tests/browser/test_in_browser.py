"""Every notebook in JupyterLab and Chromium: it runs, stays offline, and its panels move."""

import pytest

from tests.browser.lab import HOST, Visit, visiting
from tests.tools.notebooks import all_notebooks

pytestmark = pytest.mark.browser

CANVAS = "canvas.posenc-canvas"
SLIDER = ".widget-slider .noUi-handle"
WITH_PANEL = ("01_", "02_", "03_", "04_")

# What JupyterLab itself says on the console, whatever is open.
NOT_OURS: tuple[str, ...] = ()


@pytest.mark.parametrize("name", [path.name for path in all_notebooks()])
def test_notebook_runs_and_its_panels_move(lab, browser, name):
    with visiting(browser, lab, name) as visit:
        visit.run_all()
        assert visit.error_outputs() == []
        assert visit.not_run() == []
        moved = sum(panel_moves(visit, index) for index in visit.widget_cells())
        if name.startswith(WITH_PANEL):
            assert moved, f"no panel with a canvas ({CANVAS}) and a slider was found"
        assert visit.hosts == {HOST}
        ours = [error for error in visit.errors if not error.startswith(NOT_OURS)]
        assert ours == []


def panel_moves(visit: Visit, index: int) -> bool:
    """Move the first slider of the panel in this cell by one key: its picture changes.

    False where the cell's widget is no panel (it has no canvas).
    """
    visit.show_cell(index)
    cell = visit.cell(index)
    cell.locator(".jupyter-widgets").first.wait_for()
    canvas = cell.locator(CANVAS).first
    if not cell.locator(CANVAS).count():
        return False
    canvas.scroll_into_view_if_needed()
    visit.wait_until_idle()
    before = pixels(canvas)
    assert before.count("A") < len(before) * 0.99, "the canvas is blank"
    assert "abc" in refusal(visit, cell, "abc")
    assert pixels(canvas) == before, "the last good picture went away"
    slider = cell.locator(SLIDER).first
    at_the_end = slider.get_attribute("aria-valuenow") == slider.get_attribute("aria-valuemax")
    slider.focus()
    visit.page.keyboard.press("ArrowLeft" if at_the_end else "ArrowRight")
    handle = canvas.element_handle()
    visit.page.wait_for_function(
        "([canvas, before]) => canvas.toDataURL() !== before", arg=[handle, before], timeout=20_000
    )
    return True


def refusal(visit: Visit, cell, text: str) -> str:
    """What the panel says when this is typed beside its first slider."""
    field = cell.locator(".widget-slider + .widget-text input").first
    field.fill(text)
    field.press("Enter")
    message = cell.locator(".posenc-message").first
    message.filter(has_text=text).wait_for(timeout=20_000)
    said = message.inner_text()
    visit.wait_until_idle()
    return said


def pixels(canvas) -> str:
    return canvas.evaluate("canvas => canvas.toDataURL()")
