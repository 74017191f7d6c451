"""A panel as a reader has it: what the page shows of it, and hands on its controls."""

import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.browser.lab import Visit
from tools.notebooks import WIDGET_VIEW

READER = Path(__file__).with_name("reader.js").read_text(encoding="utf-8")
PATIENCE_MS = 20_000

# Settings as the controls show them: a drop-down by the text of its option. A panel is found by the
# id under which its cell displays it, so that panels without a name are found too.
KERNEL = """
def _panel(model):
    import ipywidgets
    return ipywidgets.widgets.widget._instances[model]

def _shown(model):
    import IPython
    panel, shown = _panel(model), []
    for name, value in panel.settings.items():
        control = panel.controls[name]
        if hasattr(control, "options"):
            value = next(text for text, option in control.options if option == value)
        shown.append([name, value])
    return IPython.display.JSON(shown)
"""

POINTS = """([handle, base, share]) => {
  const [grip, track] = [handle, base].map((part) => part.getBoundingClientRect());
  return [grip.x + grip.width / 2, track.x + share * track.width, track.y + track.height / 2];
}"""


@dataclass
class Reader:
    """The panel that a cell (from 0) of the open notebook shows."""

    visit: Visit
    cell: int
    nth: int = 0  # among the panels of the cell
    seen: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.locator = self.visit.cell(self.cell).locator(".posenc-panel").nth(self.nth)
        self.show()
        self.root = self.locator.element_handle()
        self.page.evaluate(READER)
        self.visit.ask("None", KERNEL)
        self.look()
        kinds = self.page.evaluate(
            "root => reader.places(root).map(place => reader.read(place).kind)", self.root
        )
        names = [name for name, _ in self.seen["settings"]]
        self.controls = {
            name: Hand(self, place, name, kind)
            for place, (name, kind) in enumerate(zip(names, kinds, strict=True))
        }

    @property
    def page(self):
        return self.visit.page

    def show(self) -> None:
        """Bring the panel into view: JupyterLab draws only what is near it."""
        self.visit.show_cell(self.cell)
        self.locator.locator("canvas.posenc-canvas").first.wait_for()
        self.locator.scroll_into_view_if_needed()

    @property
    def title(self) -> str:
        return self.locator.locator("strong").first.inner_text()

    @property
    def settings(self) -> dict:
        """What the kernel says, a drop-down's value as its text."""
        return dict(self.seen["settings"])

    def reset(self) -> None:
        """The settings that it stood at first, from code."""
        self.visit.ask("None", f"_panel({self.model!r}).reset()")
        self.look()

    @cached_property
    def model(self) -> str:
        """The id under which the cell displays the panel."""
        shown = [o.get("data", {}) for o in self.visit.cells()[self.cell]["outputs"]]
        return [data[WIDGET_VIEW]["model_id"] for data in shown if WIDGET_VIEW in data][self.nth]

    def settle(self, place: int = 0, text: str | None = None, *, named: bool = True) -> dict:
        """Wait until the last act was followed or refused; what is seen then.

        `text` is what the control at this place should show now, if it is known; with `named`, a
        refusal has to say it.
        """
        return self.look(self.seen, None if text is None else [place, text, named])

    def look(self, before: dict | None = None, wanted: list | None = None) -> dict:
        """Wait until page and kernel agree, whatever was before."""
        self.seen = self.page.evaluate(
            "async ([root, expression, before, wanted, patience]) =>"
            " await reader.settled(root, expression, before, wanted, patience)",
            [self.root, f"_shown({self.model!r})", before, wanted, PATIENCE_MS],
        )
        assert not self.seen["trouble"], f"{self.seen['trouble']}: {self.seen['shows']}"
        assert not self.seen["misfits"], self.seen["misfits"]
        return self.seen


PARTS = {
    "slider": (".noUi-handle", ".noUi-base", "input[type=text]"),
    "choice": ("select",),
    "toggle": ("input[type=checkbox]",),
    "text": ("input[type=text]",),
}


@dataclass
class Hand:
    """A hand on one control."""

    reader: Reader
    place: int
    name: str
    kind: str  # slider, choice, toggle or text

    def __post_init__(self) -> None:
        parts = PARTS[self.kind]
        self.box = self.reader.locator.locator(".posenc-controls > *").nth(self.place)
        self.elements = [self.box.locator(part).element_handle() for part in parts]
        self.base = self.elements.pop(1) if self.kind == "slider" else None

    @property
    def page(self):
        return self.reader.page

    @property
    def shows(self) -> Any:
        return self.reader.seen["shows"][self.place]

    @property
    def value(self) -> float:
        """Where the slider stands: by itself for whole numbers, else by the field beside it."""
        stands = self.reader.seen["stands"][self.place]
        return number(stands if self.allowed[-1] else self.shows)

    @property
    def label(self) -> str:
        """The text beside the control."""
        return self.box.locator("label:visible").first.inner_text().strip()

    def press(self, key: str) -> dict:
        """Press a key on the control."""
        self.elements[0].focus()
        self.page.keyboard.press(key)
        return self.reader.settle()

    def type(self, text: str) -> dict:
        """Type into the field, then Enter."""
        self.write(text)
        return self.reader.settle(self.place, text)

    def write(self, text: str) -> None:
        """The same, without waiting."""
        self.elements[-1].evaluate("field => { field.focus(); field.select(); }")
        if text:
            self.page.keyboard.insert_text(text)
        else:
            self.page.keyboard.press("Delete")
        self.page.keyboard.press("Enter")

    def drag(self, share: float, held: bool = True) -> dict:
        """Pull the slider's handle to this share of the track, or only click there."""
        handle, x, y = self._points(share)
        self.page.mouse.move(handle if held else x, y)
        self.page.mouse.down()
        self.page.mouse.move(x, y)
        self.page.mouse.up()
        return self._let_go(x)

    def _points(self, share: float) -> tuple[float, float, float]:
        """Where the handle is; the point at this share of the track, across and down."""
        # the handle glides to where it was set, and takes no click on its way; where frames are
        # slow it glides on after its class has gone
        self.page.wait_for_function(
            "base => !base.parentElement.classList.contains('noUi-state-tap')"
            " && !base.getAnimations({ subtree: true }).length",
            arg=self.base,
        )
        return self.page.evaluate(POINTS, [self.elements[0], self.base, share])

    def _let_go(self, x: float) -> dict:
        seen = self.reader.settle()
        if seen["message"]:
            return seen
        low, high, step = self.allowed
        handle, left, _ = self._points(0)
        near = max(6.0, self._points(step / (high - low))[1] - left)
        assert abs(handle - x) <= near, f"{self.name} did not follow the hand to {x}: {handle}"
        return seen

    def choose(self, text: str) -> dict:
        self.elements[0].select_option(label=text)
        return self.reader.settle(self.place, text, named=False)

    def toggle(self) -> dict:
        self.elements[0].click()
        return self.reader.settle()

    def change(self) -> dict:
        """Another value: the next one, or the one before at the end."""
        if self.kind == "slider":
            low, _, step = self.allowed
            stood = self.value
            near = stood - (step or stood / 10)
            return self.type(as_field(near if near >= low else stood + step))
        if self.kind == "choice":
            at = self.options.index(self.shows)
            return self.choose(self.options[at + 1 if at + 1 < len(self.options) else 0])
        return self.toggle() if self.kind == "toggle" else self.type(f"now {self.shows}")

    @cached_property
    def options(self) -> list[str]:
        return self.elements[0].evaluate(
            "e => [...e.options].map(option => option.text.replaceAll('\\u00a0', ' '))"
        )

    @cached_property
    def allowed(self) -> tuple[float, float, float]:
        """Lowest, highest and step, as the field's tip says; step 0 for real numbers."""
        tip = self.elements[-1].evaluate("e => e.closest('[title]').title || e.title")
        found = re.search(
            r"a (whole )?number from ([\d.,]+) to ([\d.,]+)(?: in steps of (\d+))?", tip
        )
        assert found, f"the tip does not say what is allowed: {tip}"
        whole, low, high, step = found.groups()
        low, high = (float(part.replace(",", "")) for part in (low, high))
        return low, high, float(step or bool(whole))


def as_field(value: float) -> str:
    """As a field writes a number of up to three digits, or a whole one."""
    value = value if value == int(value) else float(f"{value:.3g}")
    return f"{int(value):,}" if value == int(value) else f"{value:.3g}"


def number(text: str) -> float:
    """The number that a field shows."""
    return float(text.replace(",", "").replace("\u2212", "-"))
