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


@pytest.mark.parametrize("explorer", ["sinusoidal_explorer", "attention_explorer"])
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


def in_step(moved: Reader, copy: Reader) -> None:
    moved.look()
    copy.look()
    for what in SEEN:
        assert copy.seen[what] == moved.seen[what], what
