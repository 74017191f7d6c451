"""Write the notebooks as decks of slides to build/slides: `python -m tools.decks [paths]`.

They need neither a kernel nor a network, from a folder or from a web server; only the first run
asks the npm registry. The notebooks are run once for decks and book alike.
"""

import argparse
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat

from tools.book import executed
from tools.book.pages import without_fonts
from tools.decks import page
from tools.decks.slides import slides_of
from tools.notebooks import ROOT, all_notebooks
from tools.pages.npm import write_assets

TARGET = ROOT / "build" / "slides"


def build(
    paths: list[Path], folder: Path = TARGET, run: Path = executed.RUN, jobs: int = 2
) -> list[Path]:
    """The decks of these notebooks, each written as soon as its notebook has been run."""
    folder.mkdir(parents=True, exist_ok=True)
    write_assets(folder / "assets")
    without_fonts(folder / "assets" / "html-manager" / "dist")
    executed.write_program(folder / "assets")
    for name in ("deck.css", "deck.js"):
        shutil.copyfile(page.HERE / name, folder / "assets" / name)
    names = {path.name for path in paths}
    with ThreadPoolExecutor(jobs) as pool:
        for path, done in zip(paths, pool.map(lambda p: executed.run(p, run), paths), strict=True):
            write(path.stem, nbformat.read(done, as_version=4), names, folder, run)
    entries = [entry(nbformat.read(executed.run(path, run), as_version=4), path) for path in paths]
    _write(folder / "index.html", page.index(entries))
    return [folder / f"{path.stem}.html" for path in paths]


def write(
    stem: str, notebook: nbformat.NotebookNode, names: set[str], folder: Path, run: Path
) -> None:
    """One deck, with the numbers of its panels."""
    (folder / "data").mkdir(exist_ok=True)
    for name in executed.files_of(notebook):
        shutil.copyfile(run / "data" / f"{name}.js", folder / "data" / f"{name}.js")
    _write(folder / f"{stem}.html", page.deck(notebook, stem, names, folder))


def entry(notebook: nbformat.NotebookNode, path: Path) -> tuple[str, str, str, int, int]:
    slides = slides_of(notebook)
    minutes = round(sum(slide.seconds for slide in slides) / 60)
    title, question = page.title(notebook) or path.stem, page.question(notebook)
    return f"{path.stem}.html", title, question, len(slides), minutes


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8", newline="\n")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.decks", description=__doc__)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("paths", nargs="*", type=Path, help="default: notebooks/*.ipynb")
    options = parser.parse_args(arguments)
    build(options.paths or all_notebooks(), jobs=options.jobs)
    print(f"open {TARGET / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
