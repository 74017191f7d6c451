"""A panel that is left by its kernel, shown twice, closed, and met again in a page loaded anew."""

import pytest

from tests.browser.lab import visiting
from tests.browser.reader import InLab

pytestmark = pytest.mark.browser

IMPORT = """from IPython.display import display
from posenc_lib.explorers import relative_explorer, sinusoidal_explorer
from posenc_lib.explorers.sinusoidal import in_kernel"""
SEEN = ("settings", "shows", "kept", "message")


def seen(panel):
    return {what: panel.seen[what] for what in SEEN}


def test_a_panel_says_when_its_kernel_has_gone_and_lives_again(opened):
    with opened("restart.ipynb", [IMPORT, "in_kernel()", "relative_explorer()"]) as visit:
        visit.run_all()
        panels = [InLab(visit, cell) for cell in (1, 2)]
        fresh = [seen(panel) for panel in panels]
        for panel in panels:
            panel.controls["length"].press("PageUp")
            panel.controls["length"].write("0")  # a message that must not outlive the kernel
            panel.locator.locator(".posenc-message", has_text="length").wait_for()
        kernel, page = panels
        said = kernel.locator.get_by_text("and none is running")
        assert said.count() == 0 and kernel.button("Pin").is_enabled()
        visit.page.evaluate(f"() => {visit.panel}.sessionContext.session.kernel.restart()")
        said.wait_for()
        assert kernel.button("Pin").is_disabled() and page.button("Pin").is_enabled()
        visit.run_all()
        for cell, old, before in zip((1, 2), panels, fresh, strict=True):
            again = InLab(visit, cell)
            assert again.model != old.model and seen(again) == before
            assert visit.cell(cell).locator(".posenc-panel").count() == 1, "an old one is there"
            assert not again.controls["length"].press("ArrowLeft")["message"]
            assert again.settings != before["settings"]


@pytest.mark.long
@pytest.mark.parametrize("explorer", ["sinusoidal_explorer", "in_kernel"])
def test_copies_stay_in_step_and_other_panels_do_not(opened, explorer):
    make = f"panel, other = ({explorer}(dim=16, length=30) for _ in range(2))"
    cells = [IMPORT, f"{make}\ndisplay(panel, panel, other)", "panel"]
    with opened("copies.ipynb", cells) as visit:
        visit.run_all()
        one, two, other = (InLab(visit, 1, nth) for nth in range(3))
        assert one.model == two.model != other.model
        stood = seen(other)

        one.controls["dim"].press("PageUp")
        in_step(one, two)
        two.controls["length"].put(9)
        in_step(two, one)
        two.controls["length"].write("0")  # refused in both
        two.locator.locator(".posenc-message", has_text="length").wait_for()
        in_step(two, one)
        one.controls["length"].put(12)
        in_step(one, two)
        other.look()
        assert seen(other) == stood, "a panel moved with another"

        # the cell with two of its views is closed, and the third lives
        moved, kept = one.seen, InLab(visit, 2)
        visit.page.evaluate(f"() => {{ {visit.panel}.content.activeCellIndex = 1; }}")
        visit.press("notebook:delete-cell")
        visit.page.wait_for_function("root => !root.isConnected", arg=one.root)
        kept.look()
        assert kept.settings == moved["settings"]
        visit.ask("None", "panel.length = 13")
        assert kept.look()["kept"] != moved["kept"] and kept.settings["length"] == 13
        kept.root.query_selector("[data-name=length] .posenc-range").press("ArrowRight")
        assert kept.settle()["settings"]["length"] == 14


def in_step(moved, copy):
    moved.look()
    copy.look()
    assert seen(copy) == seen(moved)


def reload(visit):
    visit.page.reload()


def close_and_open(visit):
    visit.press("application:close")
    visit.page.wait_for_function("() => !document.querySelector('.posenc-panel')")
    visit.press("docmanager:open", path=f"notebooks/{visit.name}")


@pytest.mark.long
@pytest.mark.parametrize("again", [reload, close_and_open])
def test_a_panel_comes_back_where_its_kernel_has_stayed(lab, browser, again):
    """The saved notebook holds a panel by the id of its widget, and the kernel still has it."""
    lab.write("stays.ipynb", [IMPORT, "in_kernel()", "relative_explorer()"])
    with visiting(browser, lab, "stays.ipynb") as visit:
        visit.run_all()
        left = [InLab(visit, cell) for cell in (1, 2)]
        for panel in left:
            panel.controls["length"].press("PageUp")
            panel.controls["length"].put(33)
        visit.press("docmanager:save")
        again(visit)
        visit.wait_until_idle()
        for cell, old in zip((1, 2), left, strict=True):
            panel = InLab(visit, cell)
            assert panel.model == old.model
            assert [panel.seen[what] for what in ("settings", "kept")] == [
                old.seen[what] for what in ("settings", "kept")
            ]
            assert panel.controls["length"].press("ArrowRight")["settings"]["length"] == 34
        assert visit.page.locator(".posenc-panel").count() <= 2
        visit.check()
