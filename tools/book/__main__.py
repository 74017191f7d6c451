"""Write the book to build/book/site: `python -m tools.book`.

The notebooks are run for the state of their panels, two at a time, the longest first; what was run
before and has not changed is taken from build/book/run. Then Sphinx writes the pages that changed.
"""

import argparse
import ast
import hashlib
import inspect
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import posenc_lib
from posenc_lib.explorers.canvas import Canvas
from tools.notebooks import NOTEBOOKS, ROOT, all_notebooks, execute
from tools.pages.export import STATE, without_lost_buffers, without_saved
from tools.pages.npm import write_assets

HERE = Path(__file__).parent
BUILD = ROOT / "build" / "book"
EXPORT = "export default { render };"
CALL = "export default { render: (given) => window.posenc.render(given) };"
RUN, SOURCE, SITE = BUILD / "run", BUILD / "source", BUILD / "site"


def fingerprint(path: Path) -> str:
    """Of a notebook and of all that its cells import."""
    found = hashlib.sha256(path.read_bytes())
    for file in sorted((ROOT / "posenc_lib").rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            found.update(file.read_bytes())
    return found.hexdigest()[:16]


def run(path: Path) -> Path:
    """The notebook with the state of its panels, run only if something changed."""
    done = RUN / f"{path.stem}.{fingerprint(path)}.ipynb"
    if not done.exists():
        begun = time.monotonic()
        notebook = without_lost_buffers(without_saved(execute(path, widgets=True)))
        share_module(notebook)
        for old in RUN.glob(f"{path.stem}.*.ipynb"):
            old.unlink()
        partial = done.with_suffix(".partial")
        nbformat.write(notebook, partial)
        partial.rename(done)
        print(f"{path.name}: {time.monotonic() - begun:.0f} s", flush=True)
    return done


def share_module(notebook: NotebookNode) -> None:
    """Let all panels run the one module of the book: each would bring its own copy."""
    for model in notebook.metadata.get("widgets", {}).get(STATE, {}).get("state", {}).values():
        if "_esm" in model["state"]:
            model["state"].update(_esm=CALL, _css="")


def write_module(folder: Path) -> None:
    """The panels' module as a plain script, which a page may load from a disk too."""
    module = Canvas._esm
    assert module.rstrip().endswith(EXPORT)
    body = module.rstrip().removesuffix(EXPORT)
    (folder / "panel.js").write_text(
        f"window.posenc = (() => {{\n{body}\nreturn {{ render }};\n}})();\n", encoding="utf-8"
    )
    (folder / "panel.css").write_text(Canvas._css, encoding="utf-8")


def without_fonts(folder: Path) -> None:
    """Drop the icons of the widget manager, which no panel shows and every page would ask for."""
    script = folder / "embed-amd.js"
    text = script.read_text(encoding="utf-8")
    plain = re.sub(r'@font-face\{font-family:"?Font ?Awesome.*?\}', "", text)
    script.write_text(plain, encoding="utf-8")
    for font in folder.glob("*.woff2"):
        font.unlink()


def write_source(paths: list[Path], jobs: int) -> None:
    RUN.mkdir(parents=True, exist_ok=True)
    pages = SOURCE / "notebooks"
    pages.mkdir(parents=True, exist_ok=True)
    longest = sorted(paths, key=lambda path: path.stem[:2] not in ("07", "08", "09", "10"))
    with ThreadPoolExecutor(jobs) as pool:
        made = dict(zip(longest, pool.map(run, longest), strict=True))
    for path, done in made.items():
        _copy(done, pages / path.name)
    shutil.copytree(NOTEBOOKS / "images", pages / "images", dirs_exist_ok=True)
    home = RUN / "home.ipynb"
    _write_if_new(home, nbformat.writes(home_page(paths)))
    _copy(run(home), SOURCE / "index.ipynb")
    for name, text in {"glossary.md": (HERE / "glossary.md").read_text(), **reference()}.items():
        _write_if_new(SOURCE / name, text)
    static = SOURCE / "_static"
    shutil.copytree(HERE / "static", static, dirs_exist_ok=True)
    write_module(static)
    if not (static / "assets").exists():
        write_assets(static / "assets")
        without_fonts(static / "assets" / "html-manager" / "dist")


def home_page(paths: list[Path]) -> NotebookNode:
    """The first page: text, a live panel without its code, and the contents."""
    before, code, after = re.split(r"^```(?:python)?$", (HERE / "home.md").read_text(), flags=re.M)
    contents = "\n".join(
        f"```{{toctree}}\n:hidden:\n:caption: {part}\n\n" + "\n".join(pages) + "\n```"
        for part, pages in parts(paths).items()
    )
    cells = [
        new_markdown_cell(before, id="before"),
        new_code_cell(code.strip(), id="panel", metadata={"tags": ["remove-input"]}),
        new_markdown_cell(f"{after}\n\n{contents}", id="after"),
    ]
    return new_notebook(cells=cells)


def parts(paths: list[Path]) -> dict[str, list[str]]:
    """The pages of each part of the book."""
    ends = {"What position is": "02", "Relative": "06", "Put to work": "99"}
    found: dict[str, list[str]] = {part: [] for part in ends}
    for path in paths:
        part = next(part for part, end in ends.items() if path.stem[:2] <= end)
        found[part].append(f"notebooks/{path.stem}")
    return {**found, "Look up": ["glossary", "reference"]}


def reference() -> dict[str, str]:
    """A page for each room of the library, from its list of public names, and their contents."""
    pages, names = {}, public_names()
    for room, found in names.items():
        entries = "\n".join(
            f"```{{eval-rst}}\n.. autoclass:: posenc_lib.{name}\n   :members:\n```"
            if inspect.isclass(getattr(posenc_lib, name))
            else f"```{{eval-rst}}\n.. autofunction:: posenc_lib.{name}\n```"
            for name in found
        )
        module = import_module(f"posenc_lib.{room}")
        about = inspect.cleandoc(module.__doc__ or "")
        pages[f"reference_{room}.md"] = f"# `{room}`\n\n{about}\n\n{entries}\n"
    tree = "\n".join(f"reference_{room}" for room in names)
    pages["reference.md"] = f"# Reference\n\n```{{toctree}}\n{tree}\n```\n"
    return pages


def public_names() -> dict[str, list[str]]:
    """The flat names of `posenc_lib`, by the room that they live in."""
    text = (ROOT / "posenc_lib" / "__init__.pyi").read_text(encoding="utf-8")
    found: dict[str, list[str]] = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            names = found.setdefault(node.module.partition(".")[0], [])
            names += [alias.asname or alias.name for alias in node.names]
    return found


def _write_if_new(file: Path, text: str) -> None:
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        file.write_text(text, encoding="utf-8")


def _copy(file: Path, target: Path) -> None:
    """Leave what is the same alone: Sphinx then need not read it again."""
    if not target.exists() or target.read_bytes() != file.read_bytes():
        shutil.copyfile(file, target)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.book", description=__doc__)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    write_source(all_notebooks(), options.jobs)
    command = [sys.executable, "-m", "sphinx", "-q", "-c", str(HERE), str(SOURCE), str(SITE)]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
