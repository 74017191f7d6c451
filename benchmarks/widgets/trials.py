"""The trials: every panel that the page computes; three ways to one picture, beside none."""

from __future__ import annotations

from benchmarks.widgets.hand import WARM, Hand, spread
from benchmarks.widgets.panels import COUNT, DESIGNS, LARGEST, OWN, OWN_SIZES, PAGE_PANEL
from tests.browser.lab import Visit

TRIES = 5
"""Moves of each control, of which the one with the greatest median is then timed."""

BLOCK = 5
"""Moves of one design before the next one has its turn."""

EMPTY_MOVES = 15
EMPTY = """() => {
  const root = document.createElement("div");
  root.id = "empty";
  root.className = "posenc-panel";
  root.style = "position: fixed; top: 0; left: 0; z-index: 9";
  root.innerHTML = "<input type=range data-lm-suppress-shortcuts=true>";
  const draw = () => (root.dataset.drawn = root.firstChild.value);
  root.firstChild.oninput = () => requestAnimationFrame(draw);
  document.body.append(root);
}"""

LIVE = ".posenc-panel[data-drawn]"
RANGES = ".posenc-control:not(.posenc-idle) :is(.posenc-range, .posenc-text)"
NAMES = """all => all.filter((one) => one.type === "text" || Number(one.max) > 0)
  .map((one) => one.closest(".posenc-control").dataset.name)"""


def settle(visit: Visit, code: str) -> None:
    """Run code in the kernel, and let the page draw what it set."""
    visit.page.wait_for_timeout(150)  # what the page tells a little after a move
    visit.ask("None", code)
    visit.page.wait_for_timeout(250)
    visit.wait_until_idle()


def hand_on(visit: Visit, cell: int, root: str) -> Hand:
    """A hand on what a cell (from 0) shows, with all that is folded open."""
    visit.show_cell(cell)
    found = visit.cell(cell).locator(root).first
    found.wait_for()
    found.evaluate("root => root.querySelectorAll('details').forEach((d) => { d.open = true; })")
    return Hand(visit.page, found)


# --- a panel that the page computes --------------------------------------------------------------


def page_cells(explorer: str) -> list[str]:
    return [COUNT, PAGE_PANEL.format(explorer=explorer)]


def page_panel(visit: Visit, explorer: str, n: int) -> dict:
    """Models held and left, and the times of its slowest control at both settings."""
    visit.run_all()
    found: dict = {"held": visit.ask("held() - before"), "empty": empty(visit)}
    hand = hand_on(visit, 1, LIVE)
    for size, settings in {"usual": {}, "largest": LARGEST[explorer]}.items():
        put = f"panel.reset(); panel.set(**{settings!r})"
        settle(visit, put)
        names = hand.root.locator(RANGES).evaluate_all(NAMES)
        tried = {name: moved(visit, hand, name, put, TRIES) for name in names}
        slowest = max(tried, key=lambda name: tried[name]["median"])
        found[size] = moved(visit, hand, slowest, put, n) | {
            "moved": slowest,
            "first": max(times["first"] for times in tried.values()),
            "tried": {name: times["median"] for name, times in tried.items()},
        }
    settle(visit, "panel.close()")
    return found | {"left": visit.ask("held() - before")}


def empty(visit: Visit) -> list[float]:
    """The times of a slider that waits as a panel does and draws nothing."""
    visit.page.evaluate(EMPTY)
    root = visit.page.locator("#empty")
    hand = Hand(visit.page, root)
    times = hand.times(root.locator("input"), WARM + EMPTY_MOVES, hand.keys(50, 100))
    root.evaluate("root => root.remove()")
    return [round(ms, 1) for ms in times[WARM:]]


def moved(visit: Visit, hand: Hand, name: str, put: str, n: int) -> dict:
    """The times of one control, from the same settings."""
    settle(visit, put)
    control = hand.root.locator(f"[data-name='{name}'] :is(.posenc-range, .posenc-text)")
    times = hand.times(control, WARM + n, hand.acts(control))
    return spread(times[WARM:]) | {"first": round(times[0], 1)}


# --- a reader's own encoding beside a naive panel ------------------------------------------------


def own_cells() -> list[str]:
    return [f"{COUNT}\n\n{OWN}", *(design.cell for design in DESIGNS), 'before["end"] = held()']


def own_encoding(visit: Visit, n: int) -> dict:
    """Three ways to one picture, and none: they take turns, a block of moves each."""
    visit.run_all()
    found: dict = {design.name: {} for design in DESIGNS}
    for size, settings in OWN_SIZES.items():
        times: dict = {design.name: [] for design in DESIGNS}
        keys: dict = {}
        for design in DESIGNS:
            settle(visit, design.put.format(**settings))
        for block in range(-1, -(-n // BLOCK)):  # the first warms up
            for cell, design in enumerate(DESIGNS, 1):
                hand = hand_on(visit, cell, design.root)
                slider = hand.root.locator(design.slider)
                if block < 0:
                    keys[design.name] = hand.keys(50, 100)  # far from both ends
                taken = hand.times(slider, BLOCK, keys[design.name])
                times[design.name] += taken if block >= 0 else []
                visit.wait_until_idle()
        for name, taken in times.items():
            found[name][size] = spread(taken)
    ends = visit.ask("before")
    for design, after in zip(DESIGNS, list(ends)[1:], strict=True):
        held, now = ends[after] - ends[design.name], visit.ask("held()")
        settle(visit, design.close)
        found[design.name] |= {"held": held, "left": held - (now - visit.ask("held()"))}
    return found
