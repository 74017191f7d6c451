"""One panel shown twice stays one; two panels of the same explorer are two."""

import pytest

from tests.browser.lab import HOST, visiting
from tests.browser.live import write_notebook
from tests.browser.reader import Reader

pytestmark = pytest.mark.browser

NAME = "copies.ipynb"
CELLS = [
    "from IPython.display import display\nfrom posenc_lib import explorers",
    "panel, other = (explorers.{0}() for _ in range(2))\ndisplay(panel, panel, other)",
]
SEEN = ("settings", "shows", "stands", "panes", "message")


IN_PAGE, IN_KERNEL = "sinusoidal_explorer", "attention_explorer"


@pytest.mark.parametrize("explorer", [pytest.param(IN_PAGE, marks=pytest.mark.long), IN_KERNEL])
def test_copies_stay_in_step_and_others_do_not(lab, browser, explorer):
    write_notebook(lab, NAME, [cell.format(explorer) for cell in CELLS])
    with visiting(browser, lab, NAME) as visit:
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

        moved = dict(one.seen)
        other.controls["length"].press("End")
        in_step(one, two)
        assert all(one.seen[what] == moved[what] for what in SEEN)
        assert (visit.hosts, visit.errors, visit.error_outputs()) == ({HOST}, [], [])


@pytest.mark.parametrize("explorer", [IN_PAGE, pytest.param(IN_KERNEL, marks=pytest.mark.long)])
def test_one_view_is_closed_and_the_other_lives(lab, browser, explorer):
    cells = [f"from posenc_lib import explorers\npanel = explorers.{explorer}()", "panel", "panel"]
    write_notebook(lab, NAME, cells)
    with visiting(browser, lab, NAME) as visit:
        visit.run_all()
        closed, kept = Reader(visit, 1), Reader(visit, 2)
        closed.controls["dim"].press("PageUp")
        visit.page.evaluate(f"i => {{ {visit.panel}.content.activeCellIndex = i; }}", 1)
        visit.press("notebook:delete-cell")
        visit.page.wait_for_function("root => !root.isConnected", arg=closed.root)
        kept.look()
        assert kept.settings["dim"] == closed.settings["dim"]
        before = kept.seen["panes"]
        kept.ask("None", "panel.length = 13")
        kept.look()
        assert kept.seen["shows"][list(kept.controls).index("length")] == "13"
        assert kept.seen["panes"] != before
        assert kept.controls["length"].press("ArrowRight")["settings"] != closed.seen["settings"]
        assert kept.settings["length"] == 14
        assert (visit.hosts, visit.errors, visit.error_outputs()) == ({HOST}, [], [])


def in_step(moved: Reader, copy: Reader) -> None:
    moved.look()
    copy.look()
    for what in SEEN:
        assert copy.seen[what] == moved.seen[what], what
