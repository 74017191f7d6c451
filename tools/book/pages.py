"""What Sphinx reads: the notebooks, a home page with a live panel, a glossary, and references."""

import ast
import inspect
import json
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import posenc_lib
from tools.book import executed
from tools.handouts.believed import quiz_page
from tools.notebooks import NOTEBOOKS, ROOT
from tools.pages.npm import write_assets

HERE = Path(__file__).parent
MOST = 4
"""So many notebooks are named beside an encoding, and below an entry of the reference."""
SLOW = ("07", "08", "09", "10")
"""They train models: begun first, they end with the others."""


def write_source(
    paths: list[Path], source: Path, run: Path, jobs: int, rooms: list[str] | None = None
) -> None:
    """Everything that the pages are made from; what is the same is left alone."""
    source.mkdir(parents=True, exist_ok=True)
    home = run / "home.ipynb"
    home.parent.mkdir(parents=True, exist_ok=True)
    write_if_new(home, nbformat.writes(home_page(paths)))
    longest = sorted([*paths, home], key=lambda path: path.stem[:2] not in SLOW)
    with ThreadPoolExecutor(jobs) as pool:
        made = pool.map(lambda path: executed.run(path, run), longest)
        for path, done in zip(longest, made, strict=True):
            write_page(path, done, source)
    if NOTEBOOKS.joinpath("images").is_dir():
        shutil.copytree(NOTEBOOKS / "images", source / "notebooks" / "images", dirs_exist_ok=True)
    texts = {
        "glossary.md": (HERE / "glossary.md").read_text(encoding="utf-8"),
        "encodings.md": encodings_page(),
        "families.md": (ROOT / "posenc_lib" / "models" / "FAMILIES.md").read_text(encoding="utf-8"),
        "quiz.md": quiz_page(),
        "teaching.md": (ROOT / "TEACHING.md").read_text(encoding="utf-8"),
        **reference(rooms),
    }
    for name, text in texts.items():
        write_if_new(source / name, text)
    static = source / "_static"
    shutil.copytree(HERE / "static", static, dirs_exist_ok=True)
    shutil.copytree(run / "data", static / "data", dirs_exist_ok=True)
    executed.write_program(static)
    if not (static / "assets").exists():
        write_assets(static / "assets")
        without_fonts(static / "assets" / "html-manager" / "dist")


def write_page(path: Path, done: Path, source: Path) -> None:
    """An executed notebook as Sphinx takes it."""
    notebook = nbformat.read(done, as_version=4)
    home = path.stem == "home"
    address = "_static/stills" if home else "../_static/stills"
    executed.with_stills(notebook, source / "_static" / "stills", address)
    target = source / "index.ipynb" if home else source / "notebooks" / path.name
    target.parent.mkdir(exist_ok=True)
    write_if_new(target, nbformat.writes(notebook))


def home_page(paths: list[Path]) -> NotebookNode:
    """The first page: text, a live panel without its code, and the contents."""
    text = (HERE / "home.md").read_text(encoding="utf-8")
    before, code, after = re.split(r"^```(?:python)?$", text, flags=re.M)
    contents = "\n".join(
        f"```{{toctree}}\n:hidden:\n:caption: {part}\n\n" + "\n".join(pages) + "\n```"
        for part, pages in parts(paths).items()
        if pages
    )
    cells = [
        new_markdown_cell(before, id="before"),
        new_code_cell(code.strip(), id="panel", metadata={"tags": ["remove-input"]}),
        new_markdown_cell(f"{after}\n\n{contents}", id="after"),
    ]
    return new_notebook(cells=cells)


def parts(paths: list[Path]) -> dict[str, list[str]]:
    """The pages of each part of the book."""
    ends = {"What position is": "02", "Relative": "06", "Put to work": "13", "In production": "99"}
    found: dict[str, list[str]] = {part: [] for part in ends}
    for path in paths:
        part = next((part for part, end in ends.items() if path.stem[:2] <= end), "Put to work")
        found[part].append(f"notebooks/{path.stem}")
    pages = ["encodings", "families", "glossary", "quiz", "teaching", "reference"]
    return {**found, "Look up": pages}


def encodings_page() -> str:
    """Every encoding of the registry, by its door, with its class, its source and its notebooks."""
    taught = mentions()
    lines = [
        "# Encodings",
        "",
        "Every encoding that the library knows by a name, by the door through which position "
        "enters. The class leads to its formula and its example, the notebook to where it is "
        "taught.",
    ]
    doors: dict[str, list[posenc_lib.RegistryEntry]] = {}
    for entry in posenc_lib.encodings().values():
        doors.setdefault(entry.door.value, []).append(entry)
    for door, entries in doors.items():
        columns = "| name | class | depends on | source | notebook |"
        lines += ["", f"## {door[0].upper()}{door[1:]}", "", columns, "| --- " * 5 + "|"]
        for entry in entries:
            named = {*taught.get(entry.class_name, []), *taught.get(f'"{entry.name}"', [])}
            pages = sorted(named)[:MOST]
            links = ", ".join(f"[{stem[:2]}](notebooks/{stem}.ipynb)" for stem in pages)
            lines.append(
                f"| {entry.title} | {{py:obj}}`~posenc_lib.{entry.class_name}` |"
                f" {entry.depends_on} | {entry.source} | {links} |"
            )
    return "\n".join(lines) + "\n"


def mentions() -> dict[str, list[str]]:
    """In which notebooks each name stands, by the name, and by the name in quotes."""
    found: dict[str, list[str]] = {}
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        text = "\n".join("".join(cell["source"]) for cell in cells)
        for name in set(re.findall(r'"[a-z0-9_]+"|\b[A-Za-z_]\w*\b', text)):
            found.setdefault(name, []).append(path.stem)
    return found


def reference(rooms: list[str] | None = None) -> dict[str, str]:
    """A page for each room of the library, from its list of public names, and their contents."""
    pages = {}
    names = {room: found for room, found in public_names().items() if room in (rooms or [room])}
    for room, found in names.items():
        entries = "\n".join(
            f"```{{eval-rst}}\n.. autoclass:: posenc_lib.{name}\n   :members:\n```"
            if inspect.isclass(getattr(posenc_lib, name))
            else f"```{{eval-rst}}\n.. autofunction:: posenc_lib.{name}\n```"
            for name in found
        )
        module = import_module(f"posenc_lib.{room}")
        about = inspect.cleandoc(module.__doc__ or "")
        pages[f"reference_{room}.md"] = f"# {room}\n\n{about}\n\n{entries}\n"
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


def without_fonts(folder: Path) -> None:
    """Drop the icons of the widget manager, which no panel shows and every page would ask for."""
    script = folder / "embed-amd.js"
    text = script.read_text(encoding="utf-8")
    plain = re.sub(r'@font-face\{font-family:"?Font ?Awesome.*?\}', "", text)
    script.write_text(plain, encoding="utf-8")
    for font in folder.glob("*.woff2"):
        font.unlink()


def write_if_new(file: Path, text: str) -> None:
    """Leave what is the same alone: Sphinx then need not read it again."""
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        file.write_text(text, encoding="utf-8")
