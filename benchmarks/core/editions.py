"""The first edition of the library, beside the one of this tree in the same process.

The trap: two packages of one name. Whatever is imported late, by a function or by torch's compiler,
which looks up every module by its name, would come from the wrong one. So the first edition is
unpacked under a name of its own.
"""

from __future__ import annotations

import importlib
import io
import pkgutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
COMMIT = "a73c503"
NAME, FIRST = "posenc_lib", "posenc_first"


@contextmanager
def first_edition() -> Iterator[ModuleType]:
    """The first edition as a package, every module of it imported; its files go at the end.

    Exits with a sentence where git or its commit is missing.
    """
    packed = _packed()
    with TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(folder, filter="data")
        package = (Path(folder) / NAME).rename(Path(folder) / FIRST)
        for path in package.rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            path.write_text(text.replace(NAME, FIRST), encoding="utf-8")
        sys.path.insert(0, folder)
        try:
            first = importlib.import_module(FIRST)
            for module in pkgutil.iter_modules(first.__path__):
                if not module.ispkg:
                    importlib.import_module(f"{FIRST}.{module.name}")
            importlib.import_module(f"{FIRST}.experiments.transformer")
            yield first
        finally:
            sys.path.remove(folder)


def _packed() -> bytes:
    command = ["git", "-C", str(ROOT), "archive", "--format=tar", COMMIT, NAME]
    try:
        return subprocess.run(command, capture_output=True, check=True).stdout
    except FileNotFoundError:
        sys.exit(f"The first edition, commit {COMMIT}, is read with git, which was not found.")
    except subprocess.CalledProcessError:
        sys.exit(
            f"The first edition, commit {COMMIT}, is not in this copy of the repository: "
            "compare in a full clone (git fetch --unshallow)."
        )
