"""A small deck and a real one in Chromium: no kernel, no network, straight from the folder."""

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tests.browser import axe
from tests.browser.alone import LINE, check_page_panel, check_panel, opened, serving
from tools.decks.__main__ import build
from tools.decks.page import deck as deck_page
from tools.notebooks import NOTEBOOK_METADATA, NOTEBOOKS, read

pytestmark = pytest.mark.browser

CELLS = [
    new_markdown_cell(
        "# A small notebook\n\n$\\sqrt{a^2 + b^2}$ is long. "
        "To move it, go to [the panel](small.ipynb#The-panel).\n\n**Time.** 20 minutes.",
    ),
    new_code_cell(
        "from posenc_lib import explorers, plots\n"
        "from posenc_lib.explorers.panel import Panel, Slider\n"
        "print(0.25 in (0.25, 0.5), 'every colour of code')  # to be read"
    ),
    new_code_cell("plots.sinusoidal.binary_counter(2)"),
    new_markdown_cell("## The panel\n\nThe speaker alone reads this."),
    *map(new_code_cell, LINE),
    new_markdown_cell("## Computed in the page"),
    new_code_cell("explorers.relative_explorer()"),
    new_markdown_cell("## The end\n\nAn arrow has somewhere to go."),
]
SLIDES = 5
MEASURE = Path(__file__).with_name("slide.js").read_text(encoding="utf-8")
SCREENS = [{"width": 1280, "height": 720}, {"width": 1920, "height": 1080}]
SHOWN = "section.present "  # the slide on the screen
TURNED = "at => Reveal.getIndices().h === at"
SHARP = """canvases => canvases.map(canvas => {
  const box = canvas.getBoundingClientRect();
  return Math.abs(canvas.width - box.width * devicePixelRatio) <= 1;
})"""


@pytest.fixture(scope="module")
def deck(tmp_path_factory):
    """The small notebook as a deck."""
    folder = tmp_path_factory.mktemp("decks")
    path = folder / "small.ipynb"
    nbformat.write(new_notebook(cells=CELLS, metadata=NOTEBOOK_METADATA), path)
    return build([path], folder / "slides", run=folder / "run")[0]


@pytest.mark.parametrize("scheme", ["file", pytest.param("http", marks=pytest.mark.long)])
def test_it_works_alone(browser, deck, scheme):
    with serving(deck.parent) as server:
        base = server if scheme == "http" else deck.parent.as_uri()
        with opened(browser, f"{base}/index.html", viewport=SCREENS[1]) as page:
            page.get_by_role("link", name="A small notebook").click()
            page.locator(f"{SHOWN}.mjx-chtml .mjx-msqrt").wait_for()
            page.get_by_role("link", name="the panel").click()
            panel = page.locator(f"{SHOWN}.posenc-panel")
            check_panel(panel, grows=False)
            assert panel.get_by_role("button", name="Large text").count() == 0
            assert all(panel.locator("canvas").evaluate_all(SHARP))
            page.keyboard.press("Escape")  # the keys were the panel's
            page.keyboard.press("ArrowRight")
            page.wait_for_function(TURNED, arg=SLIDES - 2)
            check_page_panel(panel)
            panel.locator("select").first.focus()
            page.keyboard.press("ArrowRight")
            assert page.evaluate(TURNED, SLIDES - 2), "an arrow turned the slide"
            page.keyboard.press("Escape")
            page.keyboard.press("ArrowLeft")
            page.wait_for_function(TURNED, arg=SLIDES - 3)
            page.keyboard.press("ArrowRight")
            panel.get_by_role("button", name="Reset").click()
            page.keyboard.press("ArrowLeft")  # a button has no use for it
            page.wait_for_function(TURNED, arg=SLIDES - 3)
            assert not page.locator("img.posenc-still >> visible=true").count()


def test_the_speaker_reads_what_the_slide_leaves_out(browser, deck):
    with opened(browser, f"{deck.as_uri()}#The-panel") as page:
        page.locator(f"{SHOWN}.posenc-panel").wait_for()
        assert not page.get_by_text("The speaker alone reads this.").is_visible()
        with page.context.expect_page() as opening:
            page.keyboard.press("s")
        told = opening.value.locator(".speaker-controls-notes")
        told.get_by_text("The speaker alone reads this.").wait_for()
        assert "The panel: about" in told.inner_text() and "of 20." in told.inner_text()


def test_it_prints_whole_slides_with_drawn_panels(browser, deck):
    with opened(browser, f"{deck.parent.as_uri()}/index.html") as page:
        slow = []
        page.route("**/anywidget.js", lambda route: slow.append(route))
        with page.expect_request("**/anywidget.js"):
            page.goto(f"{deck.as_uri()}?print-pdf")
        pages = page.locator(".pdf-page")
        pages.nth(SLIDES - 1).wait_for()
        page.evaluate("() => new Promise(done => MathJax.Hub.Queue(done))")
        printable = page.locator("html[data-printable]")
        assert printable.count() == 0, "it would be printed before its panels have drawn"
        slow[0].continue_()
        printable.wait_for()
        assert pages.count() == SLIDES
        for nth in range(SLIDES):
            assert pages.nth(nth).bounding_box()["height"] >= 719
        assert page.locator(".pdf-page .posenc-panel[data-drawn]").count() == 2
        body = "all => all.every(e => e.scrollHeight <= e.clientHeight + 1)"
        assert page.locator(".body").evaluate_all(body)


@pytest.mark.long
def test_it_can_be_read(browser, deck):
    with opened(browser, deck.as_uri()) as page:
        for nth in range(SLIDES):
            page.evaluate("at => Reveal.slide(at)", nth)
            page.locator("section.present[data-settled]").wait_for()
            assert axe.violations(page) == []


def test_where_no_widget_runs_the_still_picture_stands(browser, deck):
    address = f"{deck.as_uri()}#The-panel"
    with opened(browser, address, refused="embed-amd.js", expect_errors=True) as page:
        still = page.locator(f"{SHOWN}img.posenc-still")
        still.wait_for()
        assert still.bounding_box()["width"] > 300
        assert still.get_attribute("alt").startswith("A line with slope = 2.")


SPOILT = {
    ".body { --size: 20px !important }": "text of 20 pixels",
    ".body p { height: 900px }": "pixels too tall",
    ".stage { left: 700px }": "stands outside",
    ".posenc-grid { zoom: 2 }": "stands outside",
    ".body figure.picture img { height: 90px }": "90 pixels high",
}


def test_what_is_wrong_with_a_slide_is_found(browser, deck):
    with opened(browser, deck.as_uri(), viewport=SCREENS[0]) as page:
        assert page.evaluate(MEASURE) == []
        for spoilt, complaint in SPOILT.items():
            style = page.add_style_tag(content=spoilt)
            said = page.evaluate(MEASURE)
            assert any(complaint in each for each in said), (spoilt, said)
            style.evaluate("style => style.remove()")


def test_a_real_deck_fits(browser, deck):
    """As it is committed, without its panels: `make test-panels` measures all, run anew."""
    notebook = read(NOTEBOOKS / "06_rotary.ipynb")
    made = deck.with_name("real.html")
    made.write_text(deck_page(notebook, "real", set(), deck.parent), encoding="utf-8")
    with opened(browser, made.as_uri(), viewport=SCREENS[0]) as shown:
        assert shown.evaluate(MEASURE) == []
