"""What holds on a noisy machine: what a live panel sends, keeps, asks for, and where it ends up.

No time is asserted here: `make bench-widgets` measures times.
"""

import pytest

from tests.browser.conftest import FULL
from tests.browser.live import Live

pytestmark = pytest.mark.browser

PANELS = {
    "kernel": "from posenc_lib.explorers.sinusoidal import in_kernel as explorer",
    "page": "from posenc_lib.explorers import sinusoidal_explorer as explorer",
}
# Computed in the kernel: 200 x 128 cells of 2 bytes, 5 curves of 200 float32 and their 2 axes in
# float64 are 58,400 bytes. The rest is labels, the descriptions and Jupyter's own messages.
# Computed in the page: those only.
BYTES_A_MOVE = {"kernel": 100_000, "page": 12_000}
UPDATES = 1000 if FULL else 300
# One copy of every picture kept would be 30 MB in the kernel (the table) and 17 MB in the page,
# with 300 updates.
GROWTH = 5_000_000


@pytest.fixture(scope="module", params=PANELS)
def where(request):
    """Where the numbers are computed."""
    return request.param


@pytest.fixture(scope="module")
def live(opened, where):
    cells = [PANELS[where], "panel = explorer(length=200, dim=128)\npanel"]
    with opened(f"gates_{where}.ipynb", cells) as visit:
        yield Live(visit, 1)


def test_a_move_sends_little(live, where):
    live.at("panel.set(start=10)")
    for _ in range(6):
        with live.traffic() as messages:
            live.move()
        assert sum(size for _, size in messages) < BYTES_A_MOVE[where]
        large = [size for way, size in messages if way == "Received" and size > 5_000]
        assert len(large) == (where == "kernel"), "the numbers travel once, or not at all"


def test_a_drag_ends_in_the_right_state(live):
    live.at("panel.set(start=10)")
    before = live.pixels()
    drag = live.drag(1)
    assert drag.frames > 3, "nothing moved"
    assert drag.right, "slider, kernel and picture differ"
    # One picture was under way and one is the newest; a third may stand between them.
    assert drag.after <= 3, "stale states were queued"
    value = live.ask("panel.start")
    live.at(f"panel.set(start={value})")  # without the light curves of where it came from
    after = live.pixels()
    table, waves = range(2)  # the third picture does not depend on the first position
    assert after[table] != before[table] and after[waves] != before[waves]
    cell = "float(panel.views[0].values[0, 0])"
    assert live.corner() == pytest.approx(live.ask(cell), abs=2e-4)
    for start, picture in ((10, before), (value, after)):
        live.at(f"panel.set(start={start})")
        assert live.pixels() == picture, "the picture is not the one of its settings"


@pytest.mark.long
def test_many_updates_leave_nothing_behind(live):
    live.at("panel.set(start=10)")
    for _ in range(30):  # lazy set-up happens before the weighing
        live.move()
    kernel, page, figures = live.kernel_bytes(), live.page_bytes(), live.figures()
    for _ in range(UPDATES):
        live.move()
    assert live.figures() == (0, figures[1])
    live.settle()
    assert live.in_step() and live.ask("panel.start") == live.start
    assert live.kernel_bytes() - kernel < GROWTH
    assert live.page_bytes() - page < GROWTH
