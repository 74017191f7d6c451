"""Write the book to build/book/site: `python -m tools.book`.

The notebooks are run for the state of their panels, two at a time, the longest first; what was run
before and has not changed is taken from build/book/run. Then Sphinx writes the pages that changed.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from tools.book import executed, pages
from tools.notebooks import ROOT, all_notebooks

BUILD = ROOT / "build" / "book"


def build(paths: list[Path], folder: Path = BUILD, run: Path = executed.RUN, jobs: int = 2) -> int:
    """The pages of these notebooks in `folder`/site; what Sphinx answers."""
    pages.write_source(paths, folder / "source", run, jobs)
    sphinx = [sys.executable, "-m", "sphinx", "-q", "-c", str(pages.HERE)]
    doctrees = ["-d", str(folder / "doctrees")]
    command = [*sphinx, *doctrees, str(folder / "source"), str(folder / "site")]
    environment = {**os.environ, "POSENC_BOOK_STATIC": str(folder / "source" / "_static")}
    return subprocess.run(command, check=False, env=environment).returncode


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.book", description=__doc__)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    found = build(all_notebooks(), jobs=options.jobs)
    if not found:
        print(f"open {BUILD / 'site' / 'index.html'}")
    return found


if __name__ == "__main__":
    sys.exit(main())
