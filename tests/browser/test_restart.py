"""The kernel is started anew and everything runs again: the panels live, and no old one is left."""

import pytest

from tests.browser.lab import HOST, visiting
from tests.browser.reader import Reader

pytestmark = pytest.mark.browser

NAME = "03_relative_positions.ipynb"


def test_panels_live_again(lab, browser):
    with visiting(browser, lab, NAME) as visit:
        visit.run_all()
        [cell] = visit.panel_cells()
        first = Reader(visit, cell)
        fresh = first.seen
        first.controls["queries"].press("PageUp")
        first.controls["length"].write("0")  # a message that must not outlive the kernel
        first.locator.locator(".posenc-message", has_text="length").wait_for()
        visit.page.evaluate(
            "() => { window.jupyterapp.commands.execute('notebook:restart-run-all'); }"
        )
        visit.page.locator(".jp-Dialog .jp-mod-accept").click()
        visit.page.wait_for_function(
            f"old => {visit.panel}.sessionContext.session.kernel.status === 'idle' &&"
            f" {visit.panel}.context.model.toJSON().cells.every(cell => cell.cell_type !== 'code'"
            "  || cell.execution_count)"
            f" && !JSON.stringify({visit.panel}.context.model.toJSON().cells).includes(old)",
            arg=first.model,
            timeout=60_000,
        )
        visit.wait_until_idle()
        assert visit.error_outputs() == []
        assert visit.panel_cells() == [cell]
        again = Reader(visit, cell)
        assert visit.cell(cell).locator(".posenc-panel").count() == 1, "an old panel is still there"
        assert again.model != first.model
        for what in ("settings", "shows", "panes", "message"):
            assert again.seen[what] == fresh[what]
        again.controls["queries"].press("PageUp")
        assert again.seen["settings"] != fresh["settings"] and not again.seen["message"]
        assert (visit.hosts, visit.errors, visit.error_outputs()) == ({HOST}, [], [])
