"""Write the book to build/book/site: `python -m tools.book`.

The notebooks are run for the state of their panels, two at a time, the longest first; what was run
before and has not changed is taken from build/book/run. Then Sphinx writes the pages that changed.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from tools.book import executed, pages, words
from tools.notebooks import ROOT, all_notebooks

BUILD = ROOT / "build" / "book"


def build(
    paths: list[Path], folder: Path = BUILD, run: Path = executed.RUN, language: str = "en",
    jobs: int = 2, strict: bool = False, rooms: list[str] | None = None,
) -> int:  # fmt: skip
    """The pages of these notebooks in `folder`/site, of another language in site-LANGUAGE.

    `strict`: a warning is an error; `rooms`: those alone have a reference. Returns what Sphinx
    answers.
    """
    pages.write_source(paths, folder / "source", run, jobs, rooms)
    other = "" if language == "en" else f"-{language}"
    site = folder / f"site{other}"
    command = [sys.executable, "-m", "sphinx", "-q", "-c", str(pages.HERE)]
    command += ["-W", "--keep-going"] * strict
    command += ["-d", str(folder / f"doctrees{other}"), str(folder / "source"), str(site)]
    done = subprocess.run(command, check=False, env=environment(folder, language)).returncode
    said = words.translated(pages.HERE / "locale" / language / "LC_MESSAGES" / "panels.po")
    if not done:
        executed.write_program(site / "_static", said)
    return done


def environment(folder: Path, language: str) -> dict[str, str]:
    """What the configuration of Sphinx is told."""
    told = {"POSENC_BOOK_STATIC": str(folder / "source" / "_static"), "POSENC_LANGUAGE": language}
    return {**os.environ, **told}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.book", description=__doc__)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--language", default="en", help="one that has catalogues in locale/")
    options = parser.parse_args(arguments)
    found = build(all_notebooks(), language=options.language, jobs=options.jobs, strict=True)
    if not found:
        site = "site" if options.language == "en" else f"site-{options.language}"
        print(f"open {BUILD / site / 'index.html'}")
    return found


if __name__ == "__main__":
    sys.exit(main())
