"""What holds on a noisy machine: what a live panel sends, keeps, asks for, and where it ends up.

No time is asserted here: `make bench-widgets` measures times.
"""

import pytest

from tests.browser.lab import HOST, visiting
from tests.browser.live import Live, write_notebook
from tests.browser.sweep import FULL

pytestmark = pytest.mark.browser

CELLS = {
    "kernel": [
        "from posenc_lib.explorers.sinusoidal import in_kernel",
        "panel = in_kernel(length=200, dim=128)\npanel",
    ],
    "page": [
        "from posenc_lib import explorers",
        "panel = explorers.sinusoidal_explorer(length=200, dim=128)\npanel",
    ],
}
# Computed in the kernel: 200 x 128 cells of 2 bytes, 5 curves of 200 float32 and their 2 axes in
# float64 are 58,400 bytes. The rest is labels, the descriptions and Jupyter's own messages.
# Computed in the page: those only.
BYTES_A_MOVE = {"kernel": 70_000, "page": 12_000}
UPDATES = 1000 if FULL else 300
# One copy of every picture kept would be 30 MB in the kernel (the table) and 17 MB in the page,
# with 300 updates.
KERNEL_GROWTH = PAGE_GROWTH = 5_000_000


@pytest.fixture(scope="module", params=CELLS)
def where(request):
    """Where the numbers are computed."""
    return request.param


@pytest.fixture(scope="module")
def opened(lab, browser, where):
    name = f"gates_{where}.ipynb"
    write_notebook(lab, name, CELLS[where])
    with visiting(browser, lab, name) as visit:
        panel = Live(visit, 1, "panel.start", ".posenc-panel", wanted=True)
        panel.open(".posenc-views[data-drawn]")
        yield panel


@pytest.fixture
def panel(opened):
    """The panel at its first state; afterwards the page has asked nobody else for anything."""
    opened.at("panel.set(start=10)")
    yield opened
    assert opened.visit.hosts == {HOST}
    assert opened.visit.errors == []
    assert opened.visit.error_outputs() == []


def test_a_move_sends_little(panel, where):
    for _ in range(6):
        with panel.traffic() as messages:
            panel.move()
        assert sum(size for _, size in messages) < BYTES_A_MOVE[where]
        large = [size for way, size in messages if way == "received" and size > 5_000]
        assert len(large) == (where == "kernel"), "the numbers travel once, or not at all"


def test_a_drag_ends_in_the_right_state(panel):
    before = panel.pixels()
    drag = panel.drag(3)
    assert drag.frames > 3, "nothing moved"
    assert drag.right, "slider, kernel and picture differ"
    # One picture was under way and one is the newest; a third may stand between them.
    assert drag.after <= 3, "stale states were queued"
    value, after = panel.ask("panel.start"), panel.pixels()
    table, waves = range(2)  # the third picture does not depend on the first position
    assert after[table] != before[table] and after[waves] != before[waves]
    cell = "float(panel.views[0].values[0, 0])"
    assert panel.corner() == pytest.approx(panel.ask(cell), abs=2e-4)
    panel.at("panel.set(start=10)")
    assert panel.pixels() == before
    panel.at(f"panel.set(start={value})")
    assert panel.pixels() == after, "the picture is not the one of its settings"


def test_many_updates_leave_nothing_behind(panel):
    for _ in range(30):  # lazy set-up happens before the weighing
        panel.move()
    kernel, page, figures = panel.kernel_bytes(), panel.page_bytes(), panel.figures()
    for _ in range(UPDATES):
        panel.move()
    assert panel.figures() == (0, figures[1])
    panel.settle()
    assert panel.in_step()
    assert panel.ask("panel.start") == 10 + 30 + UPDATES
    assert panel.kernel_bytes() - kernel < KERNEL_GROWTH
    assert panel.page_bytes() - page < PAGE_GROWTH
