"""Hand out, hand in and grade with nbgrader itself: `python -m tools.handouts.round_trip`.

The lecturer's notebooks become an assignment; three students hand it in: one with every solution,
one with the first exercise of each notebook right and wrong answers to the others, one with nothing
written but full points in place of the locked checks. The gradebook has to hold all points, those
of the first exercise, and none. What nbgrader releases has to be what `student/` holds, and no cell
of the first student may fail.

nbgrader is no dependency: it is installed into an environment of its own, behind which stands the
one that runs this. Needs a package index. Named notebooks alone: `... round_trip 03 quiz`.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from nbformat import NotebookNode

from tools.handouts.__main__ import write
from tools.handouts.regions import REGION
from tools.handouts.student import for_student
from tools.notebooks import ROOT, read, to_text

NBGRADER = "nbgrader==0.9.6"
ASSIGNMENT = "posenc"
STUDENTS = ("correct", "wrong", "empty")
WRONG = "return 0"
POINTS = f"""
import json
from nbgrader.api import Gradebook
with Gradebook("sqlite:///gradebook.db") as book:
    print(json.dumps([
        [handed_in.student.id, notebook.name, notebook.score, notebook.max_score]
        for handed_in in book.assignment_submissions("{ASSIGNMENT}")
        for notebook in handed_in.notebooks
    ]))
"""


def run(*command: str | Path, cwd: Path) -> str:
    """What a command prints; notebooks see the library of this folder, nbgrader its own tools."""
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "PATH": os.pathsep.join([str(Path(command[0]).parent), os.environ.get("PATH", "")]),
        "OMP_NUM_THREADS": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, text=True, encoding="utf-8",
        capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"round-trip failed: {' '.join(map(str, command))}\n{done.stderr[-3000:]}")
    return done.stdout


def new_environment(folder: Path) -> Path:
    """A Python that has nbgrader, and behind it all that this Python has."""
    run(sys.executable, "-m", "venv", folder, cwd=folder.parent)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    own = Path(run(python, "-c", ask, cwd=folder).strip())
    (own / "behind.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    run(python, "-m", "pip", "install", "-q", NBGRADER, cwd=folder)
    run(python, "-m", "ipykernel", "install", "--sys-prefix", cwd=folder)
    return python


def course(folder: Path, chosen: list[str]) -> list[str]:
    """The folder of a course as nbgrader wants it; which notebooks are in it."""
    write(folder / "handouts")
    shutil.copy(folder / "handouts" / "nbgrader_config.py", folder)
    source = folder / "source" / ASSIGNMENT
    source.mkdir(parents=True)
    every = sorted((folder / "handouts" / "lecturer").glob("*.ipynb"))
    paths = [path for path in every if not chosen or path.stem.startswith(tuple(chosen))]
    for path in paths:
        shutil.copy(path, source)
    return [path.stem for path in paths]


def solved(lecturer: NotebookNode, write_in: Callable[[int, str], str]) -> NotebookNode:
    """A student's notebook, filled in: `write_in` takes the number of an exercise, its region."""
    student, number = for_student(lecturer), 0
    for given, cell in zip(lecturer.cells, student.cells, strict=True):
        if given.metadata.get("nbgrader", {}).get("solution"):
            cell.source = REGION.sub(partial(filled, number, write_in), given.source)
            number += 1
    return student


def filled(number: int, write_in: Callable[[int, str], str], found: re.Match[str]) -> str:
    return write_in(number, found[0])


def right(number: int, region: str) -> str:
    return "\n".join(region.splitlines()[1:-1])


def wrong(number: int, region: str) -> str:
    if number == 0:
        return right(number, region)
    start = region[: len(region) - len(region.lstrip())]
    return start + WRONG if start else ""  # without an indent it is an answer of the quiz


def cheated(student: NotebookNode) -> NotebookNode:
    """Nothing is done, but each check is replaced by its points: nbgrader has to put it back."""
    for cell in filter(is_graded, student.cells):
        cell.source = str(cell.metadata.nbgrader.points)
    return student


def hand_in(folder: Path, names: list[str]) -> dict[tuple[str, str], float]:
    """Write the three submissions; the points that each should get."""
    points = {}
    for name in names:
        lecturer = folder / "source" / ASSIGNMENT / f"{name}.ipynb"
        worth = [c.metadata.nbgrader.points for c in read(lecturer).cells if is_graded(c)]
        done = {
            "correct": (solved(read(lecturer), right), sum(worth)),
            "wrong": (solved(read(lecturer), wrong), sum(worth[:1])),
            "empty": (cheated(read(folder / "handouts" / "student" / f"{name}.ipynb")), 0),
        }
        for student, (notebook, expected) in done.items():
            place = folder / "submitted" / student / ASSIGNMENT
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{name}.ipynb").write_text(to_text(notebook), encoding="utf-8")
            points[student, name] = expected
    return points


def is_graded(cell: NotebookNode) -> bool:
    return cell.metadata.get("nbgrader", {}).get("grade", False)


def released_otherwise(folder: Path, names: list[str]) -> list[str]:
    """Where nbgrader's own notebook for students differs from ours."""
    return [
        f"{name}, cell {number}"
        for name in names
        for number, (theirs, ours) in enumerate(
            zip(
                read(folder / "release" / ASSIGNMENT / f"{name}.ipynb").cells,
                read(folder / "handouts" / "student" / f"{name}.ipynb").cells,
                strict=True,
            )
        )
        if theirs.source != ours.source
    ]


def failed_cells(folder: Path, names: list[str]) -> list[str]:
    """The cells of the correct submission that end in an error."""
    graded = folder / "autograded" / "correct" / ASSIGNMENT
    return [
        f"{name}, cell {number}: {output.ename}"
        for name in names
        for number, cell in enumerate(read(graded / f"{name}.ipynb").cells)
        for output in cell.get("outputs", [])
        if output.output_type == "error"
    ]


def check(folder: Path, python: Path, chosen: list[str]) -> list[str]:
    """Everything that is not as it should be."""
    nbgrader = python.with_name("nbgrader" + (".exe" if os.name == "nt" else ""))
    names = course(folder, chosen)
    run(nbgrader, "generate_assignment", ASSIGNMENT, cwd=folder)
    problems = [f"released otherwise: {place}" for place in released_otherwise(folder, names)]
    expected = hand_in(folder, names)
    for student in STUDENTS:
        run(nbgrader, "autograde", ASSIGNMENT, "--student", student, "--create", cwd=folder)
    problems += [f"an error in {place}" for place in failed_cells(folder, names)]
    found = {}
    for student, name, score, most in json.loads(run(python, "-c", POINTS, cwd=folder)):
        found[student, name] = score
        print(f"{name:24} {student:8} {score:4g} of {most:g}")
    return problems + [
        f"{name}: {student} has {found.get((student, name))} points, {points} are right"
        for (student, name), points in expected.items()
        if found.get((student, name)) != points
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.handouts.round_trip")
    parser.add_argument("notebooks", nargs="*", help="how their names begin; all, if none is named")
    parser.add_argument("--environment", type=Path, help="one that has nbgrader already")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="round-trip ") as work:
        folder = Path(work)
        python = options.environment / "bin" / "python" if options.environment else None
        python = python or new_environment(folder / "environment")
        (folder / "course").mkdir()
        problems = check(folder / "course", python, options.notebooks)
    if problems:
        sys.exit("round-trip failed:\n" + "\n".join(problems))
    print("round-trip passed")


if __name__ == "__main__":
    main()
