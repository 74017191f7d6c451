"""The whole book from the disk: small, ready soon, readable, and alive, in Firefox too (long)."""

import statistics
import time

import nbformat
import pytest

from tests.browser import axe
from tests.browser.alone import opened, serving
from tests.browser.firefox import firefox_or_skip, running_firefox
from tests.browser.reader import READER, Reader
from tools.book import executed
from tools.book.__main__ import BUILD, build
from tools.notebooks import WIDGET_VIEW, all_notebooks

pytestmark = [pytest.mark.browser, pytest.mark.long]

READY_S = 3
"""From the click to the first panel that draws, in the middle of five."""
PAGE_BYTES, FIRST_VISIT_BYTES = 1_000_000, 10_000_000
PANELS = "[...document.querySelectorAll('.posenc-panel')]"
VIEWS = "document.querySelectorAll('[type=\"application/vnd.jupyter.widget-view+json\"]').length"
READY = f"{PANELS}.length === {VIEWS} && {PANELS}.every(panel => panel.dataset.drawn)"
LIVE = "[...document.querySelectorAll('.posenc-panel:not(.posenc-still-panel)')]"


@pytest.fixture(scope="module")
def site():
    """The folder of the book, as `make book` writes it."""
    assert build(all_notebooks(), strict=True) == 0
    return BUILD / "site"


@pytest.fixture(scope="module")
def pages(site):
    """The pages with panels: the home page and those of the notebooks."""
    return [site / "index.html", *(site / "notebooks" / f"{p.stem}.html" for p in all_notebooks())]


def test_pages_are_small(site):
    large = {p.name: p.stat().st_size for p in site.rglob("*.html")}
    assert {name: size for name, size in large.items() if size > PAGE_BYTES} == {}


def test_the_first_visit_is_small_and_the_first_panel_is_there_soon(browser, site):
    """Cold: each time a browser that has nothing stored."""
    took, sizes = [], []
    with serving(site) as server:
        for _ in range(5):
            with opened(browser, "about:blank", below=server) as page:
                loaded = []
                page.on("response", lambda r, loaded=loaded: loaded.append(len(r.body())))
                began = time.monotonic()
                page.goto(f"{server}/index.html")
                page.locator(".posenc-panel[data-drawn]").first.wait_for()
                took.append(time.monotonic() - began)
                page.wait_for_load_state("networkidle")
                sizes.append(sum(loaded))
    print(f"first panel after {sorted(took)} s, first visit {max(sizes)} bytes")
    assert statistics.median(took) <= READY_S
    assert max(sizes) <= FIRST_VISIT_BYTES


def test_every_page_can_be_read(browser, site, pages):
    bad = {}
    for page in pages:
        for look in ("light", "dark"):
            with opened(browser, page.as_uri(), below=site.as_uri(), color_scheme=look) as shown:
                shown.wait_for_function(f"() => {READY}")
                bad[page.stem, look] = axe.violations(shown)
    assert {key: found for key, found in bad.items() if found} == {}


class InBook(Reader):
    """A live panel in a page of the book. There is no kernel: what it shows are its settings."""

    def open(self):
        self.page.evaluate(READER)
        self.root = self.locator.element_handle()
        self.page.evaluate(
            "root => { window.posencKernel = () => reader.look(root).shows; }", self.root
        )
        super().open()

    def sweep(self):
        """Change every control and put it back. In a field what was refused stays: mounted panels
        try those."""
        for hand in self.controls.values():
            if hand.kind != "text":
                hand.free()
                first = hand.value
                hand.change()
                assert not hand.put(first)["refused"], f"{hand.name}: {first} is refused now"


def declared_in(path):
    """What the panels of a notebook declare, in their order."""
    notebook = nbformat.read(executed.run(path), as_version=4)
    models = executed.models_of(notebook)
    outputs = [
        o
        for cell in notebook.cells
        for o in cell.get("outputs", [])
        if WIDGET_VIEW in o.get("data", {})
    ]
    states = [models[output.data[WIDGET_VIEW]["model_id"]]["state"] for output in outputs]
    return [state["declared"] for state in states if "declared" in state]


@pytest.mark.parametrize("path", all_notebooks(), ids=lambda path: path.stem)
def test_every_control_of_every_panel_draws(browser, site, path):
    address = f"{site.as_uri()}/notebooks/{path.stem}.html"
    with opened(
        browser, address, below=site.as_uri(), viewport={"width": 1366, "height": 768}
    ) as page:
        page.wait_for_function(f"() => {READY}")
        for nth, declared in enumerate(declared_in(path)):
            panel = page.locator(".posenc-panel").nth(nth)
            if "posenc-still-panel" in panel.get_attribute("class"):
                continue
            panel.scroll_into_view_if_needed()
            InBook(page, panel, declared).sweep()


def test_in_firefox_a_slider_of_every_panel_draws_another_picture(pages):
    path = firefox_or_skip()
    moved = 0
    with running_firefox(path) as firefox:
        for page in pages:
            firefox.open(page.as_uri())
            firefox.wait_for(READY)
            for nth in range(firefox.evaluate(f"{LIVE}.length")):
                moved += drag_first_slider(firefox, f"{LIVE}[{nth}]")
    assert moved >= 3


def drag_first_slider(firefox, panel):
    """1, if the panel has a slider that can be dragged."""
    slider = f"{panel}.querySelector('.posenc-range:enabled')"
    firefox.evaluate(f"{panel}.querySelectorAll('details').forEach(more => (more.open = true))")
    if not firefox.evaluate(f"Boolean({slider})"):
        return 0
    pictures = f"[...{panel}.querySelectorAll('.posenc-canvas')].map(c => c.toDataURL()).join()"
    firefox.evaluate(f"{slider}.scrollIntoView({{ block: 'center' }})")
    x, y, width, height, part = firefox.settled(  # what is folded open arranges the panel anew
        f"(s => {{ const r = s.getBoundingClientRect();"
        f" return [r.x, r.y, r.width, r.height, s.value / s.max]; }})({slider})"
    )
    firefox.evaluate(f"window.before = {pictures}")
    across = y + height / 2
    start = x + 12 + part * (width - 24)  # the middle of the handle
    firefox.drag((start, across), (x + width / 2, across), (x + 0.8 * width, across))
    firefox.wait_for(f"({pictures}) !== window.before")
    return 1
