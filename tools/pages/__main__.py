"""Write the notebooks as pages or slides: `python -m tools.pages {html,slides} [paths]`.

They go to build/html and build/slides. The notebooks are run, not changed. The pages need neither
a kernel nor a network, from a folder or from a web server; only the first run asks the npm
registry.
"""

import argparse
import shutil
import sys
import time
from pathlib import Path

from tools.notebooks import ROOT, all_notebooks, execute
from tools.pages import export, npm

KINDS = {"html": export.page, "slides": export.deck}


def build(kinds: list[str], paths: list[Path], target: Path) -> None:
    """Run the notebooks once and write them in each kind, with what they load beside them."""
    for kind in kinds:
        npm.write_assets(target / kind / "assets")
    names = {path.name for path in paths}
    executed = {}
    for path in paths:
        begun = time.monotonic()
        executed[path.stem] = execute(path, widgets=True)
        print(f"{path.name}: {time.monotonic() - begun:.0f} s", flush=True)
    for kind in kinds:
        folder = target / kind
        for stem, notebook in executed.items():
            _write(folder / f"{stem}.html", KINDS[kind](notebook, stem, names))
        _write(folder / "index.html", export.index(executed, kind))
        for images in {path.parent / "images" for path in paths}:
            if images.is_dir():
                shutil.copytree(images, folder / "images", dirs_exist_ok=True)
        print(f"open {folder / 'index.html'}")


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8", newline="\n")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.pages", description=__doc__)
    parser.add_argument("kind", choices=[*KINDS, "both"])
    parser.add_argument("paths", nargs="*", type=Path, help="default: notebooks/*.ipynb")
    options = parser.parse_args(arguments)
    kinds = list(KINDS) if options.kind == "both" else [options.kind]
    build(kinds, options.paths or all_notebooks(), ROOT / "build")
    return 0


if __name__ == "__main__":
    sys.exit(main())
