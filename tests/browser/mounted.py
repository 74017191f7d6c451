"""A panel in an empty page, without JupyterLab: its Python half runs in this process."""

import base64
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext

from posenc_lib.explorers.panel import Panel
from tests.browser.reader import Reader

ADDRESS = "https://panel.test/"
"""Nobody is asked: the page is answered from here. Below https it may use the clipboard."""

HTML = """<!doctype html><meta charset="utf-8"><title>A panel</title>
<style>
  body { margin: 0; font-family: sans-serif; font-size: 13px }
  .posenc-room { height: 100vh; overflow: auto }
  body.dark { background: #111; color-scheme: dark; --jp-layout-color0: #111;
    --jp-content-font-color1: #eee; --jp-border-color2: #666 }
</style><div class="posenc-room"><div id="place"></div></div>"""

# What `plain` has made of bytes, back to what a message would bring.
READ = """function read(value) {
  if (value?.$bytes !== undefined) {
    return new DataView(Uint8Array.from(atob(value.$bytes), (c) => c.charCodeAt(0)).buffer);
  }
  if (Array.isArray(value)) return value.map(read);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, read(part)]));
}"""
MOUNT = Path(__file__).with_name("mount.js").read_text(encoding="utf-8").replace("READ", READ)
STATE = (
    "declared", "palettes", "settings", "picture", "pinned", "heatmaps", "lecture", "message",
    "answered",
)  # fmt: skip


def plain(value: Any) -> Any:
    """What the page can be given: bytes anywhere in it as text, which it reads as a DataView."""
    if isinstance(value, (bytes, memoryview)):
        return {"$bytes": base64.b64encode(bytes(value)).decode()}
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    return value


class Mounted(Reader):
    """A panel, and what its page shows of it."""

    def __init__(self, page: Any, panel: Panel, kernel: bool) -> None:
        self.panel, self.errors = panel, []
        self.news: dict[str, Any] = {}  # what the page has not been told yet
        canvas = panel.canvas
        canvas.observe(lambda change: self.news.update({change["name"]: change["new"]}), STATE)
        page.on("pageerror", lambda problem: self.errors.append(str(problem)))
        page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        page.route("**/*", lambda route: route.fulfill(body=HTML, content_type="text/html"))
        page.expose_function("posencKernel", self.hear)
        page.goto(ADDRESS)
        state = {name: plain(getattr(canvas, name)) for name in STATE}
        page.evaluate(MOUNT, [canvas._esm, canvas._css, state, kernel])
        super().__init__(page, page.locator(".posenc-panel"), canvas.declared)

    def hear(self, said: dict[str, Any]) -> Any:
        """What the page says reaches the panel; its answer, or its settings if nothing is said."""
        if "state" in said:
            for name, value in said["state"].items():
                setattr(self.panel.canvas, name, value)
                self.news.pop(name, None)
        if "content" in said:
            self.panel._on_message(self.panel.canvas, said["content"])
        return self.answer() if said else self.panel.settings

    def answer(self) -> dict[str, Any]:
        news, self.news = self.news, {}
        return plain(news)

    def code(self, act: Callable[[Panel], Any]) -> dict[str, Any]:
        """Do something with the panel from code; what is seen then."""
        act(self.panel)
        self.page.evaluate("news => model.take(news)", self.answer())
        return self.look()

    def reset(self) -> None:
        self.code(Panel.reset)


@contextmanager
def mounting(
    context: BrowserContext,
    panel: Panel,
    width: int = 1366,
    height: int = 768,
    *,
    kernel: bool = True,
    **options: Any,
):
    """The panel in a page of its own; without `kernel`, as in an exported page."""
    own = context.browser.new_context(viewport={"width": width, "height": height}, **options)
    try:
        mounted = Mounted(own.new_page(), panel, kernel)
        yield mounted
        assert mounted.errors == []
    finally:
        panel.canvas.unobserve_all()
        own.close()
        panel.reset()
        panel.unpin()
        panel.lecture = False
