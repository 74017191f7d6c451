"""The words that Sphinx does not see: what panels say, and the summaries of folded answers.

They stand in a catalogue of their own, `panels.po`, beside those of the pages. A panel looks its
words up when it writes them (`word` in numbers.js). The numbers in a text may be others than those
of the catalogue, where `#` is any number; a translation keeps them in their order. Sentences that
are put together from words as well, such as what a picture says to a screen reader, stay English.
"""

import ast
import json
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from posenc_lib import explorers
from posenc_lib.explorers.canvas import Canvas
from posenc_lib.plots.views import Curves
from tools.notebooks import NOTEBOOKS

SUMMARY = re.compile(r"<summary>(.*?)</summary>")
STRING = r'"((?:[^"\\]|\\.)*)"'
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
"""As in numbers.js."""


def all_words() -> dict[str, list[str]]:
    """Every word with the places where it stands, in the order of its first one."""
    found: dict[str, list[str]] = {}
    for place, words in (*_summaries(), *_questions(), ("program", _of_program()), *_panels()):
        for text in words:
            if re.search(r"[A-Za-z]{2}", text) and place not in found.setdefault(text, []):
                found[text].append(place)
    return {text: places for text, places in found.items() if places}


def _questions() -> Iterable[tuple[str, list[str]]]:
    """What notebooks ask in the heads of panels: `question="..."`, or a variable of that name."""
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        texts = ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
        named = re.compile(r"\bquestion ?= ?\(?\s*((?:\"[^\"]*\"\s*)+)")
        found = (ast.literal_eval(f"({text})") for cell in texts for text in named.findall(cell))
        yield path.stem, list(found)


def _summaries() -> Iterable[tuple[str, list[str]]]:
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        texts = ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
        yield path.stem, [found for text in texts for found in SUMMARY.findall(text)]


def _of_program() -> list[str]:
    """What stands in `word("...")`, in the named sentences, and on the buttons.

    In `word(`...`)`, what is put in are numbers.
    """
    module = Canvas._esm
    named = re.findall(rf"^const [A-Z_]+ = {STRING};", module, flags=re.MULTILINE)
    choices = re.findall(rf'\["\w+", {STRING}, {STRING}\]', module)
    buttons = re.findall(rf"this\.button\({STRING}, {STRING}", module)
    said = re.findall(rf"\bword\({STRING}\)", module)
    parts = re.findall(r"\bword\(`([^`]*)`\)", module)
    numbered = [re.sub(r"\$\{[^}]*\}", "#", text) for text in parts]
    sentences = [text for text in named if " " in text and not text.startswith(".")]  # no selector
    pairs = (text for pair in (*buttons, *choices) for text in pair)
    return [*sentences, *said, *numbered, *pairs]


def _panels() -> Iterable[tuple[str, list[str]]]:
    for name in explorers.__all__:
        if name.endswith("_explorer"):
            panel = getattr(explorers, name)()
            declared = panel.canvas.declared
            switched = (panel.views_at(**settings) for settings in _switched_on(declared))
            views = [view for state in (panel.views, *switched) for view in state]
            panel.close()
            yield name, [*_declared(declared), *(text for view in views for text in _shown(view))]


def _switched_on(declared: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """The settings that draw each option of what needs a switch."""
    kinds = {control["name"]: control["kind"] for control in declared["controls"]}
    for control in declared["controls"]:
        switch, values = control.get("needs", (None, []))
        if control["kind"] == "choice" and kinds.get(switch) == "toggle":
            for _, option in control["options"]:
                yield {switch: values[0], control["name"]: option}


def _declared(declared: dict[str, Any]) -> list[str]:
    controls = declared["controls"]
    options = (title for control in controls for title, _ in control.get("options", []))
    head = [declared["title"], declared.get("question") or ""]
    return [*head, *(control["label"] for control in controls), *options]


def _shown(view: Any) -> list[str]:
    """The caption, the labels, the legend and the marks of a view."""
    names = ("name", "row_label", "column_label", "value_label", "x_label", "y_label")
    legend = [*getattr(view, "labels", []), *getattr(view, "hands", [])]
    marks = getattr(view, "marks", []) if isinstance(view, Curves) else []
    said = [*(getattr(view, name, "") for name in names), *legend, *(text for _, text in marks)]
    return [str(text) for text in said]


@cache
def translated(catalogue: Path) -> dict[str, str]:
    """What is translated in a catalogue; again with `#` for each number, where they correspond."""
    from babel.messages.pofile import read_po

    if not catalogue.exists():
        return {}
    with catalogue.open("rb") as file:
        said = {m.id: m.string for m in read_po(file) if m.id and m.string and not m.fuzzy}
    same = (pair for pair in said.items() if NUMBER.findall(pair[0]) == NUMBER.findall(pair[1]))
    return {**{NUMBER.sub("#", text): NUMBER.sub("#", into) for text, into in same}, **said}
