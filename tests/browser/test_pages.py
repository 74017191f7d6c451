"""Pages and slides in Chromium: no kernel, no network, straight from the folder."""

import re
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tests.browser import axe
from tests.browser.lab import HOST
from tools.notebooks import NOTEBOOK_METADATA
from tools.pages.__main__ import build

pytestmark = pytest.mark.browser

NAME = "small"
CELLS = [
    new_markdown_cell(
        "# A small notebook\n\n$$\\sqrt{a^2 + b^2}$$\n\n"
        "To move it, go to [the panel](small.ipynb#The-panel)."
    ),
    new_code_cell(
        "from posenc_lib import explorers, plots\n"
        "from posenc_lib.explorers.panel import Panel, Slider\n"
        "assert 0.25 in (0.25, 0.5), 'every colour of code'  # to be read"
    ),
    new_code_cell("plots.sinusoidal.binary_counter(2)"),
    new_markdown_cell("## The panel"),
    new_code_cell(
        "def line(slope):\n"
        "    return [plots.views.Curves('line', [0, 1], [0, slope], 'y', 'x', 'y')]\n"
        "panel = Panel(title='A line', controls=[Slider('slope', 2, -5, 5)], compute=line)\npanel"
    ),
    new_code_cell("panel.slope = 3"),
    new_markdown_cell("## Computed in the page"),
    new_code_cell("explorers.sinusoidal_explorer()"),
]
NO_KERNEL = "stands still, because it computes in the kernel and this page has none"
DRAWN = "() => [...document.querySelectorAll('.posenc-panel')].filter(p => p.dataset.drawn).length"
FITS = "slide => slide.scrollHeight <= slide.clientHeight"
SHOWN = "section.present section.present "  # the slide on the screen


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The small notebook as a page and as slides."""
    folder = tmp_path_factory.mktemp("pages")
    notebook = new_notebook(cells=CELLS, metadata=NOTEBOOK_METADATA)
    nbformat.write(notebook, folder / f"{NAME}.ipynb")
    build(["html", "slides"], [folder / f"{NAME}.ipynb"], folder / "build")
    return folder / "build"


@contextmanager
def serving(folder):
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with ThreadingHTTPServer((HOST, 0), partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{HOST}:{server.server_port}"
        server.shutdown()


@contextmanager
def opened(browser, address, refused="", expect_errors=False):
    """The page at an address below which it may ask for files, and nothing else anywhere."""
    base = address.rpartition("/")[0]
    page, asked, errors = browser.new_page(), [], []
    page.set_default_timeout(20_000)
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda problem: errors.append(str(problem)))

    def answer(route):
        url = route.request.url
        if not url.startswith((base, "data:", "blob:")):
            asked.append(url)
        if url in asked or (refused and refused in url):
            return route.abort()
        return route.continue_()

    page.route("**/*", answer)
    try:
        page.goto(address)
        yield page
        assert asked == []
        assert expect_errors or errors == []
    finally:
        page.close()


FILLED = "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(Boolean)"
PIXELS = "c => c.toDataURL()"
FONT = "p => parseFloat(getComputedStyle(p).fontSize)"


def check_panel(panel):
    """The panel shows the picture of its own cell, and says what cannot work."""
    canvas = panel.locator("canvas.posenc-canvas").first
    canvas.wait_for()
    panel.get_by_text(NO_KERNEL).wait_for()
    assert canvas.evaluate(FILLED)
    assert panel.locator(".posenc-number").evaluate_all("all => all.map(e => e.value)") == ["2"]
    assert panel.locator(".posenc-range").is_disabled()
    assert panel.get_by_role("button", name="Reset").is_disabled()
    canvas.hover()
    assert panel.locator(".posenc-readout").inner_text().startswith("x 0: y 0")  # can be read still
    small = panel.evaluate(FONT)
    panel.get_by_role("button", name="Large text").click()
    panel.page.wait_for_function(
        f"([p, small]) => ({FONT})(p) > 1.5 * small", arg=[panel.element_handle(), small]
    )
    panel.get_by_role("button", name="Large text").click()


def check_page_panel(panel):
    """A panel that the page computes needs no kernel: its slider draws another picture."""
    canvas = panel.locator("canvas.posenc-canvas").first
    canvas.wait_for()
    assert NO_KERNEL not in panel.inner_text() and canvas.evaluate(FILLED)
    before = canvas.evaluate(PIXELS)
    panel.locator(".posenc-range").first.focus()
    panel.page.keyboard.press("ArrowRight")
    panel.page.wait_for_function(
        f"([c, before]) => ({PIXELS})(c) !== before", arg=[canvas.element_handle(), before]
    )


@pytest.mark.parametrize("scheme", ["file", pytest.param("http", marks=pytest.mark.long)])
def test_the_page_works_alone(browser, built, scheme):
    folder = built / "html"
    with serving(folder) as server:
        base = server if scheme == "http" else folder.as_uri()
        with opened(browser, f"{base}/index.html") as page:
            page.get_by_role("link", name="A small notebook").click()
            page.locator(".mjx-chtml .mjx-msqrt").first.wait_for()
            check_panel(page.locator(".posenc-panel").nth(0))
            check_page_panel(page.locator(".posenc-panel").nth(1))
            assert not page.locator("img.posenc-still").first.is_visible()
            assert not page.locator(".posenc-saved").count()
            alt = page.locator(".jp-RenderedImage img").get_attribute("alt")
            assert alt.startswith("Two panels of 4 positions."), alt
            page.get_by_role("link", name="the panel").click()
            assert page.url.endswith("small.html#The-panel")


def test_the_slides_work_alone(browser, built):
    address = (built / "slides" / f"{NAME}.html").as_uri()
    with opened(browser, f"{address}#The-panel") as page:  # as a link from another deck
        page.locator(f"{SHOWN}h2", has_text="The panel").wait_for()
    with opened(browser, address) as page:
        page.set_viewport_size({"width": 1920, "height": 1080})
        page.locator(f"{SHOWN}.mjx-chtml .mjx-msqrt").first.wait_for()
        page.get_by_role("link", name="the panel").click()
        page.locator(f"{SHOWN}h2", has_text="The panel").wait_for()
        check_panel(page.locator(f"{SHOWN}.posenc-panel"))
        page.keyboard.press("Escape")  # the keys were the panel's
        page.keyboard.press("ArrowRight")
        page.locator(f"{SHOWN}h2", has_text="Computed").wait_for()
        check_page_panel(page.locator(f"{SHOWN}.posenc-panel"))
        assert page.locator(f"{SHOWN}h2").inner_text() == "Computed in the page"  # not turned
        page.wait_for_function(f"e => ({FITS})(e)", arg=page.locator(SHOWN).element_handle())
        canvas = page.locator(f"{SHOWN}canvas.posenc-canvas").first
        assert canvas.evaluate("c => c.width") == round(canvas.bounding_box()["width"])  # sharp


@pytest.mark.parametrize("look", ["light", "dark"])
def test_the_page_can_be_read(browser, built, look):
    with opened(browser, (built / "html" / f"{NAME}.html").as_uri()) as page:
        page.emulate_media(color_scheme=look)
        page.wait_for_function(f"{DRAWN} === 2")
        assert axe.violations(page) == []
        ground = "e => getComputedStyle(e).backgroundColor"
        lightness = int(re.findall(r"\d+", page.locator("body").evaluate(ground))[0])
        assert (lightness > 128) == (look == "light")


def test_on_a_phone_the_controls_stay_in_sight(browser, built):
    with opened(browser, (built / "html" / f"{NAME}.html").as_uri()) as page:
        page.set_viewport_size({"width": 390, "height": 700})
        panel = page.locator(".posenc-panel").nth(1)
        panel.locator("canvas.posenc-canvas").last.wait_for()
        panel.evaluate("e => e.scrollIntoView({ block: 'end' })")
        assert panel.bounding_box()["y"] < 0
        assert panel.locator(".posenc-range").first.bounding_box()["y"] > 0
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_where_no_widget_runs_the_still_picture_stands(browser, built):
    address = (built / "html" / f"{NAME}.html").as_uri()
    with opened(browser, address, refused="embed-amd.js", expect_errors=True) as page:
        still = page.locator("img.posenc-still").first
        still.wait_for()
        assert still.evaluate("image => image.decode().then(() => image.naturalWidth)") > 300
        assert still.get_attribute("alt").startswith("A line with slope = 2.")
