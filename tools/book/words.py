"""The words that Sphinx does not see: what panels say, and the summaries of folded answers.

They stand in a catalogue of their own, `panels.po`, beside those of the pages. A panel looks its
words up when it writes them (`word` in numbers.js); sentences that it puts together from numbers
stay English.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from posenc_lib import explorers
from posenc_lib.explorers.canvas import Canvas
from tools.notebooks import NOTEBOOKS

SUMMARY = re.compile(r"<summary>(.*?)</summary>")
STRING = r'"((?:[^"\\]|\\.)*)"'


def all_words() -> dict[str, list[str]]:
    """Every word with the places where it stands, in the order of its first one."""
    found: dict[str, list[str]] = {}
    for place, words in (*_summaries(), ("program", _of_program()), *_panels()):
        for text in words:
            if re.search(r"[A-Za-z]{2}", text) and place not in found.setdefault(text, []):
                found[text].append(place)
    return {text: places for text, places in found.items() if places}


def _summaries() -> Iterable[tuple[str, list[str]]]:
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        texts = ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
        yield path.stem, [found for text in texts for found in SUMMARY.findall(text)]


def _of_program() -> list[str]:
    """What stands in `word("...")`, in the named sentences, and on the buttons."""
    module = Canvas._esm
    named = re.findall(rf"^const [A-Z_]+ = {STRING};", module, flags=re.MULTILINE)
    choices = re.findall(rf'\["\w+", {STRING}, {STRING}\]', module)
    buttons = re.findall(rf"this\.button\({STRING}, {STRING}", module)
    said = re.findall(rf"\bword\({STRING}\)", module)
    sentences = [text for text in named if " " in text]
    return [*sentences, *said, *(text for pair in (*buttons, *choices) for text in pair)]


def _panels() -> Iterable[tuple[str, list[str]]]:
    for name in explorers.__all__:
        if name.endswith("_explorer"):
            panel = getattr(explorers, name)()
            declared = panel.canvas.declared
            views = panel.views
            panel.close()
            yield name, [*_declared(declared), *(text for view in views for text in _shown(view))]


def _declared(declared: dict[str, Any]) -> list[str]:
    controls = declared["controls"]
    options = (title for control in controls for title, _ in control.get("options", []))
    head = [declared["title"], declared.get("question") or ""]
    return [*head, *(control["label"] for control in controls), *options]


def _shown(view: Any) -> list[str]:
    """The caption, the labels and the legend of a view."""
    names = ("name", "row_label", "column_label", "value_label", "x_label", "y_label")
    legend = [str(text) for text in getattr(view, "legend", [])]
    return [view.name, *(str(getattr(view, name, "")) for name in names[1:]), *legend]


def translated(catalogue: Path) -> dict[str, str]:
    """The words of a `panels.po` that are translated."""
    from babel.messages.pofile import read_po

    if not catalogue.exists():
        return {}
    with catalogue.open("rb") as file:
        return {m.id: m.string for m in read_po(file) if m.id and m.string and not m.fuzzy}
