"""A panel as a reader has it: what the page shows of it, and hands on its controls."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page

from posenc_lib.explorers.controls import UpTo
from tests.browser.lab import Visit
from tools.notebooks import WIDGET_VIEW

READER = Path(__file__).with_name("reader.js").read_text(encoding="utf-8")
PATIENCE_MS = 20_000

# A panel is found by the id under which its cell displays it, so that one without a name is found.
KERNEL = """
def _panel(model):
    import ipywidgets
    canvas = ipywidgets.widgets.widget._instances[model]
    return canvas._msg_callbacks.callbacks[0].__self__

def _settings(model):
    import IPython
    return IPython.display.JSON(_panel(model).settings)

def _declared(model):
    import IPython
    declared = _panel(model).canvas.declared
    return IPython.display.JSON({name: declared[name] for name in declared if name != "data"})
"""


class Reader:
    """A panel in a page: what it declares, what is seen of it, and a hand for each control."""

    model: str | None = None  # the id of its widget, where a kernel of its own has it

    def __init__(self, page: Page, locator: Locator, declared: dict[str, Any]) -> None:
        self.page, self.locator, self.declared = page, locator, declared
        self.seen: dict[str, Any] = {}
        self.open()
        self.controls = {control["name"]: Hand(self, control) for control in declared["controls"]}

    def open(self) -> None:
        """Wait until it is drawn, open what is folded, and look."""
        self.locator.and_(self.page.locator("[data-drawn]")).wait_for()
        self.root = self.locator.element_handle()
        self.page.evaluate(READER)
        self.root.evaluate("(root, declared) => { root.declared = declared; }", self.declared)
        self.root.evaluate("root => { root.querySelector('details').open = true; }")
        self.look()

    @property
    def title(self) -> str:
        return self.declared["title"]

    @property
    def settings(self) -> dict[str, Any]:
        """What the kernel says."""
        return self.seen["settings"]

    def button(self, name: str) -> Locator:
        return self.locator.get_by_role("button", name=name, exact=True)

    def settle(self, wanted: tuple[str, Any] | None = None) -> dict[str, Any]:
        """Wait until the last act was followed or refused; what is seen then.

        `wanted`: a control and what it shows, unless that was refused.
        """
        return self.look(self.seen, wanted)

    def look(self, before: dict | None = None, wanted: tuple | None = None) -> dict[str, Any]:
        """Wait until page and kernel agree, whatever was before."""
        self.seen = self.page.evaluate(
            "given => reader.settled(...given)",
            [self.root, self.model, before, wanted, PATIENCE_MS],
        )
        assert not self.seen["trouble"], f"{self.title}: {self.seen['trouble']}"
        assert not self.seen["misfits"], self.seen["misfits"]
        return self.seen

    def reset(self) -> None:
        """The settings that it stood at first, from code."""
        raise NotImplementedError


class InLab(Reader):
    """The panel that a cell (from 0) of the open notebook shows; `nth` among those of the cell."""

    def __init__(self, visit: Visit, cell: int, nth: int = 0) -> None:
        self.visit, self.cell = visit, cell
        shown = [output.get("data", {}) for output in visit.cells()[cell]["outputs"]]
        views = [data[WIDGET_VIEW] for data in shown if WIDGET_VIEW in data]
        self.model = views[nth]["model_id"]
        visit.ask("None", KERNEL)
        visit.page.evaluate(READER)
        visit.show_cell(cell)  # JupyterLab draws only what is near the view
        declared = visit.page.evaluate("e => reader.ask('', e)", f"_declared({self.model!r})")
        super().__init__(visit.page, visit.cell(cell).locator(".posenc-panel").nth(nth), declared)

    def open(self) -> None:
        self.visit.show_cell(self.cell)
        super().open()
        self.locator.scroll_into_view_if_needed()

    def reset(self) -> None:
        self.visit.ask("None", f"_panel({self.model!r}).reset()")
        self.look()


PARTS = {
    "slider": ".posenc-range", "choice": "select", "toggle": "input", "text": "input"
}  # fmt: skip


@dataclass
class Hand:
    """A hand on one control."""

    reader: Reader
    declared: dict[str, Any]

    def __post_init__(self) -> None:
        self.name, self.kind = self.declared["name"], self.declared["kind"]
        self.row = self.reader.locator.locator(f".posenc-control[data-name='{self.name}']")
        self.main = self.row.locator(PARTS[self.kind])
        self.field = self.row.locator(".posenc-number") if self.kind == "slider" else self.main

    @property
    def page(self) -> Page:
        return self.reader.page

    @property
    def value(self) -> Any:
        """What it shows, as a setting."""
        return self.reader.seen["shows"][self.name]

    @property
    def ends(self) -> tuple[float, float]:
        """The lowest and the highest value of a slider, as the other controls stand."""
        low, most = self.declared["minimum"], self.declared["maximum"]
        if "upto" in self.declared:
            most = min(most, UpTo(*self.declared["upto"]).end(self.reader.seen["shows"]))
            if self.declared["whole"]:
                most = low + (most - low) // self.declared["step"] * self.declared["step"]
        return low, max(low, most)

    def free(self) -> None:
        """Set the control without which this one has no effect."""
        name, values = self.declared.get("needs", (None, None))
        if name and self.reader.seen["shows"][name] not in values:
            self.reader.controls[name].free()
            self.reader.controls[name].put(values[0])

    def press(self, key: str) -> dict[str, Any]:
        self.main.press(key)
        return self.reader.settle()

    def write(self, text: str) -> None:
        """Type into the field, then Enter; without waiting."""
        self.field.fill(text)
        self.field.press("Enter")

    def put(self, value: Any) -> dict[str, Any]:
        """Set it by hand: type, choose or click."""
        if self.kind == "choice":
            at = [option for _, option in self.declared["options"]].index(value)
            self.main.select_option(index=at)
        elif self.kind == "toggle":
            self.main.set_checked(value)
        else:
            self.write(str(value))
        return self.reader.settle((self.name, value))

    def drag(self, share: float, held: bool = True) -> dict[str, Any]:
        """Pull the slider's handle to this share of the track, or only click there."""
        self.main.scroll_into_view_if_needed()
        box, stood = self.main.bounding_box(), self._share()
        at = [box["x"] + 12 + part * (box["width"] - 24) for part in (stood, share)]
        y = box["y"] + box["height"] / 2
        self.page.mouse.move(at[0] if held else at[1], y)
        self.page.mouse.down()
        self.page.mouse.move(at[1], y)
        self.page.mouse.up()
        self.page.mouse.move(2, 2)
        seen = self.reader.settle()
        near = 2 / (box["width"] - 24) + 0.5 / int(self.main.get_attribute("max"))
        assert seen["refused"] or abs(self._share() - share) <= near, f"{self.name} did not follow"
        return seen

    def _share(self) -> float:
        return self.main.evaluate("range => range.value / Math.max(range.max, 1)")

    def others(self) -> list[Any]:
        """Values that it might take besides the present one, the likeliest first."""
        if self.kind == "choice":
            at = self.options.index(self.value)
            return self.options[at + 1 :] + self.options[:at]
        if self.kind == "toggle":
            return [not self.value]
        if self.kind == "text":
            words = self.reader.settings[self.name].split()  # the field may keep what was refused
            return [
                " ".join(some) for some in (["now", *words[1:]], words[::-1], ["so", *words[2:]])
            ]
        (low, high), step = self.ends, self.declared["step"]
        near = [self.value - step, self.value + step] if self.declared["whole"] else []
        near = near or [float(f"{self.value * factor:.3g}") for factor in (0.9, 1.1)]
        return [v for v in (*near, low, high) if low <= v <= high and v != self.value]

    def change(self) -> dict[str, Any]:
        """Another value that is drawn."""
        for value in self.others():
            if not self.put(value)["refused"]:
                return self.reader.seen
        raise AssertionError(f"{self.reader.title}: {self.name} takes no other value")

    @cached_property
    def options(self) -> list[Any]:
        return [value for _, value in self.declared["options"]]
