"""The catalogues of a second language: `python -m tools.book.catalogues zh_CN [--check]`.

Sphinx takes the paragraphs out of the pages, code left out; what panels say comes from
`words.py`. Each page has a catalogue, tools/book/locale/LANGUAGE/LC_MESSAGES/PAGE.po, in which
what was translated before is kept. What the book says in that language, and what is missing, is
counted at the end; `--check` changes nothing and only counts.

Sphinx reads each translation by itself, so a text that begins like a list, "1. Sinusoidal maths",
is translated with a backslash: "1\\. ...". In panels.po, `#` is any number (see `words.py`).
"""

import argparse
import subprocess
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

from tools.book import pages, words
from tools.book.__main__ import BUILD, environment
from tools.notebooks import all_notebooks

LOCALE = pages.HERE / "locale"
GENERATED = ("reference", "encodings", "families", "quiz", "teaching")
"""Docstrings and tables stay English, as code does: the titles are translated, for the contents.
So do recaps, and what is for lecturers."""


def templates(folder: Path) -> dict[str, Catalog]:
    """The English text of every page, by the name of its catalogue."""
    command = [sys.executable, "-m", "sphinx", "-q", "-b", "gettext", "-c", str(pages.HERE)]
    source, doctrees = folder / "source", folder / "doctrees-gettext"
    command += ["-d", str(doctrees), str(source), str(folder / "gettext")]
    subprocess.run(command, check=True, env=environment(folder, "en"))
    found = {}
    for file in sorted((folder / "gettext").rglob("*.pot")):
        name = file.relative_to(folder / "gettext").with_suffix("").as_posix()
        if name in GENERATED:
            found[name] = title(read(file))
        elif not name.startswith(GENERATED):
            found[name] = read(file)
    panels = Catalog()
    for text, places in words.all_words().items():
        panels.add(text, locations=[(place, None) for place in places])
    return {**found, "panels": panels}


def title(page: Catalog) -> Catalog:
    """The first text of a page alone."""
    first = next(message for message in page if message.id)
    alone = Catalog()
    alone.add(first.id, locations=first.locations)
    return alone


def update(language: str, template: Catalog, file: Path) -> None:
    """Bring a catalogue up to date; translations of what is still there stay."""
    catalogue = read(file, language) if file.exists() else Catalog(locale=language)
    catalogue.update(template, no_fuzzy_matching=True, update_header_comment=False)
    catalogue.obsolete.clear()
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as target:
        write_po(target, catalogue, width=100, omit_header=True, include_lineno=False)


def read(file: Path, language: str | None = None) -> Catalog:
    with file.open("rb") as source:
        return read_po(source, locale=language)


def missing(template: Catalog, file: Path) -> tuple[int, int]:
    """How many of the texts of a page have no translation, and how many there are."""
    done = read(file) if file.exists() else Catalog()
    texts = [message.id for message in template if message.id]
    return sum(not (done.get(text) and done[text].string) for text in texts), len(texts)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.book.catalogues", description=__doc__)
    parser.add_argument("language", help="as Sphinx names it: de, fr, zh_CN")
    parser.add_argument("--check", action="store_true", help="count what is missing, write nothing")
    options = parser.parse_args(arguments)
    pages.write_source(all_notebooks(), BUILD / "source", pages.executed.RUN, jobs=2)
    left = total = 0
    for name, template in templates(BUILD).items():
        file = LOCALE / options.language / "LC_MESSAGES" / f"{name}.po"
        if not options.check:
            update(options.language, template, file)
        lost, texts = missing(template, file)
        left, total = left + lost, total + texts
        print(f"{name:40} {texts - lost:5} of {texts:5}")
    print(f"{total - left} of {total} texts are translated into {options.language}, {left} are not")
    return int(options.check and left > 0)


if __name__ == "__main__":
    sys.exit(main())
