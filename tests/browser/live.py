"""A live panel of the sinusoid in a notebook: moved by key, dragged, listened to, weighed."""

import base64
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Locator, Page

from tests.browser.lab import Visit

WATCH = Path(__file__).with_name("live.js").read_text(encoding="utf-8")


@dataclass
class Drag:
    """What the page saw of one drag."""

    frames: int  # pictures drawn until the release
    after: int  # pictures drawn after the release
    right: bool  # the slider, the kernel and the picture agree


@dataclass
class Live:
    """`panel` of the kernel, which a cell (from 0) shows. Its first position is moved: the size of
    the table stays."""

    visit: Visit
    cell: int
    start: int = 0
    moves: int = 0
    root: Locator = field(init=False)

    def __post_init__(self) -> None:
        self.visit.run_all()
        self.visit.show_cell(self.cell)
        self.root = self.visit.cell(self.cell).locator(".posenc-panel[data-drawn]").first
        self.root.wait_for()
        self.root.evaluate("root => { root.querySelector('details').open = true; }")
        self.slider.scroll_into_view_if_needed()
        self.root.evaluate(WATCH)

    @property
    def page(self) -> Page:
        return self.visit.page

    @property
    def slider(self) -> Locator:
        return self.root.locator(".posenc-control[data-name='start'] .posenc-range")

    @property
    def stands(self) -> int:
        """Where the slider stands."""
        return int(self.slider.get_attribute("aria-valuetext").replace(",", ""))

    def ask(self, expression: str, code: str = "") -> object:
        """A value from the kernel; `code` runs first."""
        return self.visit.ask(expression, code)

    def settle(self, seconds: float = 0.6) -> None:
        """Wait until nothing has been drawn for so long and the kernel is idle."""
        count = -1
        while count != (count := self.page.evaluate("() => watch.frames.length")):
            self.page.wait_for_timeout(1000 * seconds)
            self.visit.wait_until_idle()

    def at(self, code: str) -> None:
        """Put the panel into a state from the kernel, then take the slider in hand."""
        self.ask("None", code)
        self.settle()
        self.start, self.moves = self.stands, 0
        self.slider.focus()

    def move(self) -> None:
        """One key, until its picture is drawn."""
        way = 1 if self.moves % 20 < 10 else -1  # to and fro, where a key is a step of 1
        self.moves += 1
        self.start += way
        self.page.evaluate("want => watch.next(want)", self.start)
        self.page.keyboard.press("ArrowRight" if way > 0 else "ArrowLeft")
        self.page.evaluate("() => watch.met")

    def drag(self, seconds: float) -> Drag:
        """Pull the handle to and fro, then let go somewhere else."""
        mouse, box = self.page.mouse, self.slider.bounding_box()
        share = self.slider.evaluate("range => range.value / range.max")
        y = box["y"] + box["height"] / 2
        mouse.move(box["x"] + 12 + share * (box["width"] - 24), y)
        mouse.down()
        self.page.evaluate("() => { watch.frames = []; watch.released = 0; }")
        begun, step = time.monotonic(), 0
        while (gone := time.monotonic() - begun) < seconds:
            share = abs((gone / 2 + 0.5) % 1 * 2 - 1)  # to and fro in 2 s, evenly
            mouse.move(box["x"] + (0.05 + 0.9 * share) * box["width"], y)
            step += 1
            time.sleep(max(0.0, begun + step / 60 - time.monotonic()))  # a mouse at 60 Hz
        mouse.up()
        self.settle()
        times, released = self.page.evaluate("() => [watch.frames, watch.released]")
        after = sum(at > released for at in times)
        return Drag(len(times) - after, after, self.in_step())

    def in_step(self) -> bool:
        """Whether the slider, the kernel and the picture stand at the same value."""
        shown = self.page.evaluate("() => watch.shows()")
        return self.stands == self.ask("panel.start") == shown

    def pixels(self) -> list[str]:
        """What every picture of the panel shows now, exactly."""
        return self.page.evaluate("() => watch.pixels()")

    def corner(self) -> float:
        """The value in the first cell of the heat map, as the panel reads it out."""
        self.root.locator("canvas.posenc-canvas").first.focus()
        self.page.keyboard.press("ArrowRight")
        line = self.root.locator(".posenc-readout").filter(has_text=": ")
        said = line.inner_text()
        self.page.keyboard.press("Escape")
        self.slider.focus()
        return float(said.split()[-1].replace("\u2212", "-"))

    # --- what it costs ------------------------------------------------------------------------

    @contextmanager
    def traffic(self):
        """A list of (Sent or Received, bytes) of every websocket message while it is open."""
        messages: list[tuple[str, int]] = []
        session = self.page.context.new_cdp_session(self.page)

        def note(direction, frame):
            data = frame["payloadData"]
            size = len(base64.b64decode(data)) if frame["opcode"] == 2 else len(data.encode())
            messages.append((direction, size))

        for way in ("Sent", "Received"):
            session.on(f"Network.webSocketFrame{way}", lambda e, way=way: note(way, e["response"]))
        session.send("Network.enable")
        try:
            yield messages
            self.page.wait_for_timeout(300)  # the last messages are still being reported
        finally:
            session.detach()

    def page_bytes(self) -> int:
        """The page's JavaScript heap and array buffers, after a forced collection."""
        session = self.page.context.new_cdp_session(self.page)
        session.send("HeapProfiler.enable")
        for _ in range(2):  # what a finaliser frees goes in the second
            session.send("HeapProfiler.collectGarbage")
        used = session.send("Runtime.getHeapUsage")
        session.detach()
        return int(used["usedSize"] + used.get("backingStorageSize", 0))

    def kernel_bytes(self) -> int:
        """Resident memory of the kernel after a collection; ipykernel brings psutil."""
        return self.ask("psutil.Process().memory_info().rss", "import gc, psutil; gc.collect()")

    def figures(self) -> tuple[int, int]:
        """matplotlib figures: open in pyplot, and alive at all after a collection."""
        code = (
            "import gc, sys; gc.collect(); _pyplot = sys.modules.get('matplotlib.pyplot'); "
            "_open = len(_pyplot.get_fignums()) if _pyplot else 0; "
            "_alive = sum(type(o).__name__.endswith('Figure') for o in gc.get_objects())"
        )
        return self.ask("(_open, _alive)", code)
