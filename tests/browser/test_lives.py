"""A panel that is left by its kernel, shown twice, closed, and met again in a page loaded anew."""

import pytest

from tests.browser.lab import visiting
from tests.browser.reader import Reader

pytestmark = pytest.mark.browser

IMPORT = "from IPython.display import display\nfrom posenc_lib import explorers"
SEEN = ("settings", "shows", "stands", "panes", "message")


def test_a_panel_says_when_its_kernel_has_gone_and_lives_again(opened):
    cells = [IMPORT, "explorers.attention_explorer()", "explorers.relative_explorer()"]
    with opened("restart.ipynb", cells) as visit:
        visit.run_all()
        panels = [Reader(visit, cell) for cell in (1, 2)]
        fresh = [panel.seen for panel in panels]
        for panel, name in zip(panels, ("dim", "queries"), strict=True):
            panel.controls[name].press("PageUp")
            panel.controls["length"].write("0")  # a message that must not outlive the kernel
            panel.locator.locator(".posenc-message", has_text="length").wait_for()
        said = panels[0].locator.get_by_text("These controls need a running kernel")
        pin = panels[0].locator.get_by_role("button", name="Pin", exact=True)
        assert said.count() == 0 and pin.is_enabled()
        visit.page.evaluate(f"() => {visit.panel}.sessionContext.session.kernel.restart()")
        said.wait_for()
        assert not pin.is_enabled()
        visit.run_all()
        for cell, old, before in zip((1, 2), panels, fresh, strict=True):
            again = Reader(visit, cell)
            assert again.model != old.model
            assert {what: again.seen[what] for what in SEEN} == {w: before[w] for w in SEEN}
            assert visit.cell(cell).locator(".posenc-panel").count() == 1, "an old one is there"
            assert not again.controls["length"].press("ArrowLeft")["message"]
            assert again.settings != dict(before["settings"])


IN_PAGE, IN_KERNEL = (
    pytest.param("sinusoidal_explorer", marks=pytest.mark.long),
    "attention_explorer",
)


@pytest.mark.parametrize("explorer", [IN_PAGE, IN_KERNEL])
def test_copies_stay_in_step_and_other_panels_do_not(opened, explorer):
    make = f"panel, other = (explorers.{explorer}() for _ in range(2))"
    cells = [IMPORT, f"{make}\ndisplay(panel, panel, other)", "panel"]
    with opened("copies.ipynb", cells) as visit:
        visit.run_all()
        one, two, other = (Reader(visit, 1, nth) for nth in range(3))
        assert one.model == two.model != other.model
        stood = {what: other.seen[what] for what in SEEN}

        one.controls["dim"].press("PageUp")
        in_step(one, two)
        two.controls["length"].type("9")
        in_step(two, one)
        two.controls["length"].write("0")  # refused in both
        two.locator.locator(".posenc-message", has_text="length").wait_for()
        in_step(two, one)
        one.controls["length"].type("12")
        in_step(one, two)
        other.look()
        assert {what: other.seen[what] for what in SEEN} == stood, "a panel moved with another"

        # the cell with two of its views is closed, and the third lives
        moved = one.seen
        kept = Reader(visit, 2)
        visit.page.evaluate(f"() => {{ {visit.panel}.content.activeCellIndex = 1; }}")
        visit.press("notebook:delete-cell")
        visit.page.wait_for_function("root => !root.isConnected", arg=one.root)
        kept.cell, kept.locator = 1, visit.cell(1).locator(".posenc-panel")
        kept.look()
        assert kept.settings == dict(moved["settings"])
        kept.visit.ask("None", "panel.length = 13")
        kept.look()
        assert kept.settings["length"] == 13 and kept.seen["panes"] != moved["panes"]
        kept.controls["length"].press("ArrowRight")
        assert kept.settings["length"] == 14


def in_step(moved: Reader, copy: Reader) -> None:
    moved.look()
    copy.look()
    for what in SEEN:
        assert copy.seen[what] == moved.seen[what], what


def reload(visit):
    visit.page.reload()


def close_and_open(visit):
    visit.press("application:close")
    visit.page.wait_for_function("() => !document.querySelector('.posenc-panel')")
    visit.press("docmanager:open", path=f"notebooks/{visit.name}")


@pytest.mark.parametrize("again", [reload, pytest.param(close_and_open, marks=pytest.mark.long)])
def test_a_panel_comes_back_where_its_kernel_has_stayed(lab, browser, again):
    """The saved notebook holds a panel by the id of its widget, and the kernel still has it."""
    panels = {1: ("relative", "queries", "PageUp"), 2: ("sinusoidal", "start", "ArrowRight")}
    lab.write("stays.ipynb", [IMPORT, *(f"explorers.{p[0]}_explorer()" for p in panels.values())])
    with visiting(browser, lab, "stays.ipynb") as visit:
        visit.run_all()
        left = {}
        for cell, (_, name, key) in panels.items():
            left[cell] = panel = Reader(visit, cell)
            panel.controls[name].press(key)
            panel.controls["length"].type("33")
        visit.press("docmanager:save")
        again(visit)
        visit.wait_until_idle()
        for cell, (_, name, key) in panels.items():
            panel, before = Reader(visit, cell), left[cell]
            assert panel.model == before.model
            assert panel.seen["settings"] == before.seen["settings"]
            assert panel.seen["panes"] == before.seen["panes"]
            moved = panel.controls[name].press(key)
            assert moved["settings"] != before.seen["settings"]
            assert panel.settings["length"] == 33
        assert visit.page.locator(".posenc-panel").count() <= 2
        visit.check()
