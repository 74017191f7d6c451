"""Pages without a kernel and without a network: opened from a folder or a small server."""

import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from tests.browser.lab import HOST

NO_KERNEL = "stands still, because it computes in the kernel and this page has none"
LINE = (  # the cells of a panel that computes in the kernel, for `check_panel`
    "def line(slope):\n"
    "    return [plots.views.Curves('line', [0, 1], [0, slope], 'y', 'x', 'y')]\n"
    "panel = Panel(title='A line', controls=[Slider('slope', 2, -5, 5)], compute=line)\npanel",
    "panel.slope = 3",
)
FILLED = "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(Boolean)"
PIXELS = "c => c.toDataURL()"
FONT = "p => parseFloat(getComputedStyle(p).fontSize)"


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
def opened(browser, address, below="", refused="", expect_errors=False, **context):
    """The page at an address; it asks nobody but its folder, or `below`."""
    base = below or address.rpartition("/")[0]
    own = browser.browser.new_context(**context)
    page, asked, errors = own.new_page(), [], []
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
        own.close()


def check_panel(panel, grows=True):
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
    if not grows:
        return
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
