"""A small book in Chromium: no kernel, no network, straight from the folder."""

import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tests.browser import axe
from tests.browser.alone import LINE, check_page_panel, check_panel, opened, serving
from tools.book.__main__ import build
from tools.notebooks import NOTEBOOK_METADATA

pytestmark = pytest.mark.browser

CELLS = [
    new_markdown_cell(
        "# A small notebook\n\n$$\\sqrt{a^2 + b^2}$$\n\nA **bias** is what `AlibiBias` adds. "
        "To move it, go to [the panel](small.ipynb#the-panel).\n\n"
        "<details><summary>Answer</summary>\n\nNo.\n\n</details>"
    ),
    new_code_cell(
        "from posenc_lib import explorers, plots\n"
        "from posenc_lib.explorers.panel import Panel, Slider\n"
        "assert 0.25 in (0.25, 0.5), 'every colour of code'  # to be read"
    ),
    new_code_cell("plots.sinusoidal.binary_counter(2)"),
    new_markdown_cell("## The panel"),
    *map(new_code_cell, LINE),
    new_markdown_cell("## Computed in the page"),
    new_code_cell("explorers.relative_explorer()"),
]
DRAWN = "document.querySelectorAll('.posenc-panel[data-drawn]').length"
PAGE = "notebooks/small.html"


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """The folder of the site."""
    folder = tmp_path_factory.mktemp("book")
    path = folder / "small.ipynb"
    nbformat.write(new_notebook(cells=CELLS, metadata=NOTEBOOK_METADATA), path)
    assert build([path], folder / "build", run=folder / "run", rooms=["scores"]) == 0
    return folder / "build" / "site"


@pytest.mark.parametrize("scheme", ["file", pytest.param("http", marks=pytest.mark.long)])
def test_it_works_alone(browser, book, scheme):
    with serving(book) as server:
        base = server if scheme == "http" else book.as_uri()
        with opened(browser, f"{base}/index.html", below=base) as page:
            page.locator(".posenc-panel[data-drawn]").wait_for()
            page.get_by_role("link", name="A small notebook").first.click()
            page.locator(".mjx-chtml .mjx-msqrt").first.wait_for()
            check_panel(page.locator(".posenc-panel").nth(0))
            check_page_panel(page.locator(".posenc-panel").nth(1))
            assert not page.locator(".posenc-still >> visible=true").count()
            assert not page.locator(".posenc-saved").count()
            page.get_by_role("link", name="the panel", exact=True).click()
            assert page.url.endswith(f"{PAGE}#the-panel")


def test_a_name_leads_to_the_reference_and_a_term_to_the_glossary(browser, book):
    with opened(browser, f"{book.as_uri()}/{PAGE}", below=book.as_uri()) as page:
        page.get_by_role("link", name="AlibiBias", exact=True).click()
        assert page.url.endswith("reference_scores.html#posenc_lib.AlibiBias")
        page.go_back()
        page.get_by_role("link", name="bias", exact=True).click()
        assert page.url.endswith("glossary.html#term-bias")


def test_the_search_finds_a_word(browser, book):
    with serving(book) as server, opened(browser, f"{server}/search.html?q=notebook") as page:
        page.locator("#search-results").get_by_role("link", name="A small notebook").wait_for()


@pytest.mark.long
def test_a_second_language_is_read_searched_and_spoken_by_panels(browser, book):
    folder = book.parents[1]
    given = {"run": folder / "run", "rooms": ["scores"], "language": "zh_CN"}
    assert build([folder / "small.ipynb"], folder / "build", **given) == 0
    with serving(folder / "build" / "site-zh_CN") as server:
        with opened(browser, f"{server}/index.html") as page:
            page.get_by_role("heading", name="位置编码").wait_for()
            panel = page.locator(".posenc-panel[data-drawn]")
            panel.get_by_text("更多").click()
            head = panel.get_by_label("显示的头: 请输入一个数")
            head.fill("1")
            head.press("Enter")
            panel.get_by_text("头 1 的权重").wait_for()
            page.get_by_role("link", name="A small notebook").first.click()
            page.get_by_text("答案", exact=True).wait_for()
        with opened(browser, f"{server}/search.html?q=因果掩码") as page:
            page.locator("#search-results").get_by_role("link", name="术语表").wait_for()


def test_a_whole_panel_stands_below_the_header(browser, book):
    address, laptop = f"{book.as_uri()}/{PAGE}", {"width": 1366, "height": 768}
    with opened(browser, address, below=book.as_uri(), viewport=laptop) as page:
        page.wait_for_function(f"() => {DRAWN} === 2")
        header = page.locator(".bd-header-article").bounding_box()
        for panel in page.locator(".posenc-panel").all():
            panel.evaluate("panel => panel.scrollIntoView()")
            box = panel.bounding_box()
            assert header["height"] <= box["y"] <= laptop["height"] - box["height"], box


@pytest.mark.parametrize("look", ["light", "dark"])
def test_it_can_be_read(browser, book, look):
    address = f"{book.as_uri()}/{PAGE}"
    with opened(browser, address, below=book.as_uri(), color_scheme=look) as page:
        page.wait_for_function(f"() => {DRAWN} === 2")
        assert axe.violations(page) == []
        colours = (
            "e => [getComputedStyle(e).color, getComputedStyle(e.querySelector('button')).color]"
        )
        for colour in page.locator(".posenc-panel").first.evaluate(colours):
            assert (int(re.findall(r"\d+", colour)[0]) < 128) == (look == "light")


def test_on_a_phone_nothing_is_wider_than_the_page(browser, book):
    screen = {"width": 390, "height": 844}
    with opened(browser, f"{book.as_uri()}/{PAGE}", below=book.as_uri(), viewport=screen) as page:
        page.wait_for_function(f"() => {DRAWN} === 2")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("lost", ["embed-amd.js", "scripts"])
def test_where_no_script_runs_the_still_picture_stands(browser, book, lost):
    address = f"{book.as_uri()}/{PAGE}"
    given = {"refused": lost} if lost != "scripts" else {"java_script_enabled": False}
    with opened(browser, address, below=book.as_uri(), expect_errors=True, **given) as page:
        still = page.locator("img.posenc-still").first
        still.wait_for()
        assert still.bounding_box()["width"] > 300
        assert still.get_attribute("alt").startswith("A line with slope = 2.")
