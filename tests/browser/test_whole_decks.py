"""All decks, run anew: every slide fits, every panel lives, in Firefox too (long)."""

import nbformat
import pytest

from tests.browser.alone import opened
from tests.browser.firefox import firefox_or_skip, running_firefox
from tests.browser.test_decks import MEASURE, SCREENS
from tests.browser.test_whole_book import InBook, drag_first_slider
from tools.book import executed
from tools.decks.__main__ import build
from tools.notebooks import all_notebooks

pytestmark = [pytest.mark.browser, pytest.mark.long]

DECK_BYTES = 300_000
PANELS = "document.querySelectorAll('.posenc-room')"
VIEW = "nth => JSON.parse(document.querySelectorAll('.posenc-room script')[nth].text).model_id"
SHOW = f"nth => Reveal.slide(Reveal.getSlides().indexOf({PANELS}[nth].closest('section')))"
DRAWN = f"nth => {PANELS}[nth].querySelector('.posenc-panel[data-drawn]') !== null"


@pytest.fixture(scope="module")
def decks():
    """The folder of `make slides`."""
    return dict(zip(all_notebooks(), build(all_notebooks()), strict=True))


def test_decks_are_small(decks):
    large = {deck.name: deck.stat().st_size for deck in decks.values()}
    assert {name: size for name, size in large.items() if size > DECK_BYTES} == {}


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: str(screen["height"]))
@pytest.mark.parametrize("path", all_notebooks(), ids=lambda path: path.stem)
def test_every_slide_fits(browser, decks, path, screen):
    with opened(browser, decks[path].as_uri(), viewport=screen) as page:
        assert page.evaluate(MEASURE) == []


@pytest.mark.parametrize("path", all_notebooks(), ids=lambda path: path.stem)
def test_every_control_of_every_panel_draws(browser, decks, path):
    models = executed.models_of(nbformat.read(executed.run(path), as_version=4))
    with opened(browser, decks[path].as_uri(), viewport=SCREENS[0]) as page:
        for nth in range(page.evaluate(f"{PANELS}.length")):
            page.evaluate(SHOW, nth)
            page.wait_for_function(DRAWN, arg=nth)
            declared = models[page.evaluate(VIEW, nth)]["state"]["declared"]
            panel = page.locator(".posenc-room").nth(nth).locator(".posenc-panel")
            if "posenc-still-panel" in panel.get_attribute("class"):
                continue
            at = page.evaluate("Reveal.getIndices().h")
            InBook(page, panel, declared).sweep()
            assert page.evaluate("Reveal.getIndices().h") == at, "a key of a panel turned the slide"


def test_in_firefox_a_slider_of_every_panel_draws_another_picture(decks):
    path = firefox_or_skip()
    moved = 0
    with running_firefox(path) as firefox:
        for deck in decks.values():
            firefox.open(deck.as_uri())
            firefox.wait_for("window.Reveal !== undefined && Reveal.isReady()")
            for nth in range(firefox.evaluate(f"{PANELS}.length")):
                firefox.evaluate(f"void ({SHOW})({nth})")
                firefox.wait_for(f"({DRAWN})({nth})")
                moved += drag_first_slider(firefox, f"{PANELS}[{nth}]")
    assert moved >= 10
