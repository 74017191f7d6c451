"""The notebooks as they were run for pages and decks, with what their panels need taken out.

A notebook is run again only if it or the library has changed: what was run lies in
build/book/run. Every panel would bring the same program and its own copy of the numbers that it
computes with. Both stand beside the pages instead, as scripts, which a page may load from a disk
too: `panel.js` once, and one file for each set of numbers, loaded when its panel is shown.
"""

import base64
import hashlib
import html
import json
import time
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from posenc_lib.explorers.canvas import Canvas
from posenc_lib.explorers.saved import SENTENCE
from tools.notebooks import ROOT, WIDGET_VIEW, execute

RUN = ROOT / "build" / "book" / "run"
STATE = "application/vnd.jupyter.widget-state+json"
EXPORT = "export default { render };"
CALL = "export default { render: (given) => window.posenc.render(given) };"
LARGE = 20_000
"""Numbers of more characters than this stand beside the page."""


def fingerprint(path: Path) -> str:
    """Of a notebook, of all that its cells import, and of this file."""
    return hashlib.sha256(path.read_bytes() + _of_library()).hexdigest()[:16]


@cache
def _of_library() -> bytes:
    found = hashlib.sha256(Path(__file__).read_bytes())
    for file in sorted((ROOT / "posenc_lib").rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            found.update(file.read_bytes())
    return found.digest()


def run(path: Path, folder: Path = RUN) -> Path:
    """The notebook with the state of its panels; what they compute with lies in `folder`/data."""
    done = folder / f"{path.stem}.{fingerprint(path)}.ipynb"
    if not done.exists():
        begun = time.monotonic()
        folder.mkdir(parents=True, exist_ok=True)
        notebook = without_lost_buffers(without_saved(execute(path, widgets=True)))
        share(notebook, folder / "data")
        for old in folder.glob(f"{path.stem}.*.ipynb"):
            old.unlink()
        partial = done.with_suffix(".partial")
        nbformat.write(notebook, partial)
        partial.rename(done)
        print(f"{path.name}: run in {time.monotonic() - begun:.0f} s", flush=True)
    return done


def models_of(notebook: NotebookNode) -> dict[str, Any]:
    """The state of each widget, by its id."""
    return notebook.metadata.get("widgets", {}).get(STATE, {}).get("state", {})


def share(notebook: NotebookNode, data: Path) -> None:
    """Let all panels run the one program, and move their numbers to files of `data`."""
    for model in models_of(notebook).values():
        if "_esm" not in model["state"]:
            continue
        model["state"].update(_esm=CALL, _css="")
        declared = model["state"].get("declared", {})
        inside = [b for b in model.get("buffers", []) if b["path"][:2] == ["declared", "data"]]
        content = {
            "data": declared.get("data"),
            "buffers": [{"path": b["path"][2:], "data": b["data"]} for b in inside],
        }
        text = json.dumps(content, separators=(",", ":"))
        if len(text) > LARGE:
            name = hashlib.sha256(text.encode()).hexdigest()[:16]
            data.mkdir(parents=True, exist_ok=True)
            (data / f"{name}.js").write_text(f'posenc.data["{name}"]={text};\n', encoding="utf-8")
            declared["data"] = {"file": name}
            model["buffers"] = [b for b in model["buffers"] if b not in inside]


def files_of(notebook: NotebookNode) -> set[str]:
    """The names of the files with numbers that the panels of a notebook load."""
    data = [
        model["state"].get("declared", {}).get("data") for model in models_of(notebook).values()
    ]
    return {given["file"] for given in data if isinstance(given, dict) and set(given) == {"file"}}


def write_program(folder: Path, words: dict[str, str] | None = None) -> None:
    """The program and the look of all panels, `panel.js` and `panel.css`.

    `words`: what it says, in another language.
    """
    module = Canvas._esm.rstrip()
    assert module.endswith(EXPORT)
    loader = Path(__file__).with_name("load.js").read_text(encoding="utf-8")
    (folder / "panel.js").write_text(
        f"window.posencWords = {json.dumps(words or {}, ensure_ascii=False)};\n"
        f"window.posenc = (() => {{\n{module.removesuffix(EXPORT)}\n{loader}}})();\n",
        encoding="utf-8",
    )
    (folder / "panel.css").write_text(Canvas._css, encoding="utf-8")


def with_stills(notebook: NotebookNode, folder: Path, address: str) -> NotebookNode:
    """Give each panel its picture beforehand, which stays where no script runs.

    The pictures are written to `folder`, which the page knows by `address`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for cell in notebook.cells:
        for output in list(cell.get("outputs", [])):
            data = output.get("data", {})
            if WIDGET_VIEW in data and "image/png" in data:
                png = base64.b64decode(data["image/png"])
                name = f"{hashlib.sha256(png).hexdigest()[:16]}.png"
                (folder / name).write_bytes(png)
                alt = html.escape(data.get("text/plain", "A panel, standing still."))
                picture = f'<img class="posenc-still" src="{address}/{name}" alt="{alt}">'
                still = nbformat.v4.new_output("display_data", {"text/html": picture})
                cell.outputs.insert(cell.outputs.index(output), still)
    return notebook


def without_saved(notebook: NotebookNode) -> NotebookNode:
    """Drop what stands in a saved notebook for a lost panel: here the panels live."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [o for o in cell.outputs if _text(o) != SENTENCE]
    return notebook


def _text(output: NotebookNode) -> str:
    return output.get("data", {}).get("text/plain", "")


def without_lost_buffers(notebook: NotebookNode) -> NotebookNode:
    """Drop the bytes whose place in a widget's state is gone.

    A panel that drew four views and then three leaves those of the fourth behind, and the page
    would stop at them.
    """
    for model in models_of(notebook).values():
        if "buffers" in model:
            model["buffers"] = [b for b in model["buffers"] if _has(model["state"], b["path"])]
    return notebook


def _has(state: object, path: list[str | int]) -> bool:
    """Whether the holder of the last step is there; the step itself was taken out to travel."""
    for step in path[:-1]:
        try:
            state = state[step]
        except (KeyError, IndexError, TypeError):
            return False
    return isinstance(state, dict) or (isinstance(state, list) and path[-1] < len(state))
