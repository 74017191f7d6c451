"""One live panel in a page: moved by key, dragged, timed, weighed."""

import base64
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from playwright.sync_api import Locator

from tests.browser.lab import Visit

STOPWATCH = Path(__file__).with_name("stopwatch.js").read_text(encoding="utf-8")
SLIDER = "first position"
"""The label of the slider that is moved: the size of the table stays."""
MOVE_MS = 30_000

# From the command to the first picture that is on the screen. A canvas counts its pictures.
OPEN = """async ([command, drawn]) => {
  const begun = performance.now();
  window.jupyterapp.commands.execute(command);
  while (!document.querySelector(drawn)) await new Promise(requestAnimationFrame);
  await document.querySelector(drawn).decode?.();
  return performance.now() - begun;
}"""


@dataclass
class Drag:
    """What the page saw of one drag; times in ms."""

    seconds: float
    hand: int  # pointer events that reached the page
    frames: int  # pictures drawn until the release
    longest: float  # between two pictures
    after: int  # pictures drawn after the release
    settled: float  # from the release to the last picture, 0 if that came before
    right: bool  # the slider, the kernel and the picture agree


@dataclass
class Live:
    """A panel whose slider `SLIDER` is moved; `value` is kernel code for the value drawn last."""

    visit: Visit
    cell: int
    value: str
    selector: str
    wanted: bool  # the page says which value a picture shows
    start: int = 0
    moves: int = 0
    sent: list[int] = field(default_factory=list)

    @property
    def page(self):
        return self.visit.page

    def open(self, drawn: str) -> float:
        """Run all, with a warm kernel; the ms from the command to the first picture."""
        taken = self.page.evaluate(OPEN, ["notebook:run-all-cells", drawn])
        self.visit.wait_until_idle()
        self.visit.show_cell(self.cell)
        root = self.visit.cell(self.cell).locator(self.selector).first
        root.wait_for()
        root.evaluate("root => root.querySelectorAll('details').forEach((d) => { d.open = true; })")
        self.slider.scroll_into_view_if_needed()
        root.evaluate(STOPWATCH)
        return taken

    @property
    def slider(self) -> Locator:
        rows = self.visit.cell(self.cell).locator(
            ".widget-slider, .posenc-control", has_text=SLIDER
        )
        return rows.locator(".noUi-handle, .posenc-range")

    @property
    def stands(self) -> int:
        """Where the slider stands."""
        said = [self.slider.get_attribute(f"aria-value{what}") for what in ("now", "text")]
        return int(float((said[0] or said[1]).replace(",", "")))

    def ask(self, expression: str, code: str = "") -> object:
        """A value from the kernel; `code` runs first."""
        return self.visit.ask(expression, code)

    def settle(self, seconds: float = 0.6) -> None:
        """Wait until nothing has been drawn for so long and the kernel is idle."""
        count = -1
        while count != (count := self.page.evaluate("() => stopwatch.frames.length")):
            self.page.wait_for_timeout(1000 * seconds)
            self.visit.wait_until_idle()

    def at(self, code: str) -> None:
        """Put the panel into a state from the kernel, then take the slider in hand."""
        self.ask("None", code)
        self.settle()
        self.start, self.moves = self.stands, 0
        self.slider.focus()

    def move(self) -> dict:
        """One key, until its picture is drawn: ms to the message sent, answered and drawn."""
        way = 1 if self.moves % 20 < 10 else -1  # to and fro, where a key is a step of 1
        self.moves += 1
        self.start += way
        self.page.evaluate("want => stopwatch.next(want)", self.start if self.wanted else None)
        self.page.keyboard.press("ArrowRight" if way > 0 else "ArrowLeft")
        deadline = f"new Promise((_, no) => setTimeout(() => no('no new picture'), {MOVE_MS}))"
        return self.page.evaluate(f"() => Promise.race([stopwatch.result, {deadline}])")

    def drag(self, seconds: float) -> Drag:
        """Pull the handle to and fro, then let go somewhere else."""
        mouse, page = self.page.mouse, self.page
        box = self.slider.bounding_box()
        if self.slider.get_attribute("max") is None:  # a handle of ipywidgets, on its track
            track = self.slider.locator("xpath=ancestor::*[contains(@class, 'noUi-base')]")
            handle, box = box["x"] + box["width"] / 2, track.bounding_box()
        else:
            share = self.slider.evaluate("range => range.value / range.max")
            handle = box["x"] + 12 + share * (box["width"] - 24)
        y = box["y"] + box["height"] / 2
        mouse.move(handle, y)
        mouse.down()
        page.evaluate(
            "() => { stopwatch.frames = []; stopwatch.hand = []; stopwatch.released = 0; }"
        )
        begun, step = time.monotonic(), 0
        while (gone := time.monotonic() - begun) < seconds:
            share = abs((gone / 2 + 0.5) % 1 * 2 - 1)  # to and fro in 2 s, evenly
            mouse.move(box["x"] + (0.05 + 0.9 * share) * box["width"], y)
            step += 1
            time.sleep(max(0.0, begun + step / 60 - time.monotonic()))  # a mouse at 60 Hz
        mouse.up()
        self.settle()
        frames, hand, released = page.evaluate(
            "() => [stopwatch.frames, stopwatch.hand.length, stopwatch.released]"
        )
        times = [at for at, _ in frames]
        before = [at for at in times if at <= released]
        gaps = [b - a for a, b in pairwise(before)]
        return Drag(
            seconds=seconds,
            hand=hand,
            frames=len(before),
            longest=max(gaps, default=1000 * seconds),
            after=len(times) - len(before),
            settled=max(0.0, (times[-1] if times else 0.0) - released),
            right=self.in_step(),
        )

    def in_step(self) -> bool:
        """Whether the slider, the kernel and the picture stand at the same value."""
        values = {self.stands, self.ask(self.value)}
        if self.wanted:
            values.add(self.page.evaluate("() => stopwatch.shows()"))
        return len(values) == 1

    def pixels(self) -> list[str]:
        """What every picture of the panel shows now, exactly."""
        return self.page.evaluate("() => stopwatch.pixels()")

    def corner(self) -> float:
        """The value in the first cell of the heat map, as the panel reads it out."""
        panel = self.visit.cell(self.cell).locator(".posenc-panel")
        panel.locator("canvas.posenc-canvas").first.focus()
        self.page.keyboard.press("ArrowRight")
        line = panel.locator(".posenc-readout").filter(has_text=": ")
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

    def page_bytes(self, collected: bool = True) -> int:
        """The page's JavaScript heap and array buffers, after a forced collection or as it is."""
        session = self.page.context.new_cdp_session(self.page)
        session.send("HeapProfiler.enable")
        for _ in range(2 * collected):  # what a finaliser frees goes in the second
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
