"""The rooms of the library: imports go one way, no file waits for itself, names are found."""

import ast
import importlib
import pkgutil
import re
from graphlib import TopologicalSorter
from pathlib import Path

import posenc_lib

# A file imports from its own room and from the rooms before it.
ROOMS = (
    "base", "embeddings", "rotary", "scores", "registry", "layers", "laws", "convert", "models",
    "lessons",
    "experiments", "faults", "plots", "checks", "explorers",
)  # fmt: skip
LIBRARY = Path(posenc_lib.__file__).parent
CONTRIBUTING = (LIBRARY.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")


def imports():
    """Each file of the library, and the files it imports, inside functions too."""
    found = {}
    for path in LIBRARY.rglob("*.py"):
        if path in (LIBRARY / "__init__.py", LIBRARY / "__main__.py"):  # the command uses all rooms
            continue
        uses = found[".".join(path.relative_to(LIBRARY).with_suffix("").parts)] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("posenc_lib"):
                below = node.module.removeprefix("posenc_lib").removeprefix(".")
                for name in node.names:
                    inner = f"{below}.{name.name}".removeprefix(".")
                    is_file = LIBRARY.joinpath(*inner.split(".")).with_suffix(".py").exists()
                    uses.add(inner if is_file else below)
    return {file: uses - {"", file} for file, uses in found.items()}


def test_imports_go_from_a_room_to_the_rooms_before_it():
    for file, uses in imports().items():
        for used in uses:
            here, there = (ROOMS.index(name.split(".")[0]) for name in (file, used))
            assert there <= here, f"{file} imports {used}"


def test_no_two_files_import_each_other():
    assert list(TopologicalSorter(imports()).static_order())  # a circle raises CycleError


def test_each_room_says_what_every_file_in_it_holds():
    for room in ROOMS:
        assert f"`{room}`" in posenc_lib.__doc__, room
    rows = re.findall(r"^\| `(\w+)(?:/|\.py)` \|", CONTRIBUTING, re.MULTILINE)
    assert tuple(rows[: len(ROOMS)]) == ROOMS, "the table of CONTRIBUTING has their order"
    told = ("base", "embeddings", "rotary", "scores", "layers", "laws", "convert", "models")
    for room in (*told, "lessons"):
        package = importlib.import_module(f"posenc_lib.{room}")
        files = {info.name for info in pkgutil.iter_modules(package.__path__)}
        named = set(re.findall(r"`(\w+)`", package.__doc__))
        assert files == named, f"the docstring of posenc_lib/{room}/__init__.py names its files"


def test_no_room_has_the_name_of_a_flat_name_which_it_would_hide():
    """Importing posenc_lib.NAME binds it in the package, in place of a function of that name."""
    for package in (posenc_lib, posenc_lib.experiments):
        rooms = {info.name for info in pkgutil.iter_modules(package.__path__)}
        stub = Path(package.__file__).with_suffix(".pyi").read_text(encoding="utf-8")
        flat = [node for node in ast.walk(ast.parse(stub)) if isinstance(node, ast.ImportFrom)]
        names = {name.name for node in flat if node.module for name in node.names}
        assert names and not rooms & names


def test_every_file_with_entries_is_in_the_list_of_names():
    """`encodings()` follows the list; a file that is not there would be left out in silence."""
    found = set()
    for file in imports():
        if file.split(".")[0] in ("base", "embeddings", "rotary", "scores"):
            module = importlib.import_module(f"posenc_lib.{file}".removesuffix(".__init__"))
            found |= {entry.name for entry in getattr(module, "ENTRIES", ())}
    assert found == set(posenc_lib.encodings())
