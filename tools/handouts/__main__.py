"""Write the handouts of a class: `python -m tools.handouts [folder]`, `make handouts`.

    student/*.ipynb         without solutions, answers and outputs
    lecturer/*.ipynb        with them, for the folder `source` of nbgrader
    nbgrader_config.py      how nbgrader makes the first of the second

A lecturer without nbgrader needs none of it: the checks give their points in any JupyterLab.
"""

import argparse
from pathlib import Path

from nbformat import NotebookNode

from tools.handouts.lecturer import for_lecturer
from tools.handouts.quiz import quiz
from tools.handouts.regions import CONFIG
from tools.handouts.student import for_student
from tools.notebooks import ROOT, all_notebooks, read, to_text


def handouts() -> dict[str, NotebookNode]:
    """The lecturer's notebooks by their file names; the quiz is the last."""
    return {path.name: for_lecturer(read(path)) for path in all_notebooks()} | {
        "quiz.ipynb": quiz()
    }


def write(folder: Path) -> None:
    for kind in ("student", "lecturer"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    made = handouts()
    for name, notebook in made.items():
        for kind, content in (("student", for_student(notebook)), ("lecturer", notebook)):
            (folder / kind / name).write_text(to_text(content), encoding="utf-8", newline="\n")
    (folder / "nbgrader_config.py").write_text(CONFIG, encoding="utf-8")
    print(f"{len(made)} notebooks each in {folder / 'student'} and {folder / 'lecturer'}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.handouts", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "build" / "handouts")
    write(parser.parse_args().folder)


if __name__ == "__main__":
    main()
