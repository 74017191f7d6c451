"""A notebook for the lecturer: solutions in the cells of the exercises, checks that give points."""

import copy
import re

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from tools.handouts.exercises import Exercise, exercises
from tools.handouts.regions import marked, with_folds_marked

SCHEMA = 3
ANSWER = re.compile(r"^answer\(", re.MULTILINE)
RECAP = re.compile(r'^checks\.recap\("(\d\d)", "\?+"\)$')
IN_THE_QUIZ = "# Nothing to write here: quiz.ipynb asks the questions of this recap, for points."
NOTE = (
    "> **A handout.** Write into the cells that hold three dots. The cell below an exercise is "
    "locked: it runs your function, says what it found, and its last line is your points."
)


def for_lecturer(notebook: NotebookNode) -> NotebookNode:
    """A copy with two cells for each exercise, and every answer in a region of its own."""
    result = copy.deepcopy(notebook)
    found = {exercise.cell: exercise for exercise in exercises(notebook)}
    cells: list[NotebookNode] = []
    for number, cell in enumerate(result.cells):
        if number in found:
            cells += [stub_cell(found[number], cell), check_cell(found[number])]
            continue
        if cell.cell_type == "markdown":
            cell.source = with_folds_marked(cell.source)
        elif ANSWER.search(cell.source):
            cell.source = f"# Find your own answer here.\n{marked(cell.source)}"
        elif RECAP.match(cell.source):
            cell.source = f"{IN_THE_QUIZ}\n{marked(cell.source)}"
        cells.append(cell)
    cells.insert(1, new_markdown_cell(NOTE, id="handout"))
    result.cells = cells
    return result


def stub_cell(exercise: Exercise, cell: NotebookNode) -> NotebookNode:
    """What the learner fills in; here with the solution, which nbgrader takes out."""
    before, dots = exercise.stub.rsplit("\n", 1)
    indent = dots[: -len("...")]
    cell = copy.deepcopy(cell)
    cell.update(source=f"{before}\n{marked(exercise.body, indent)}", outputs=[])
    cell.execution_count = None
    return for_learner(cell, exercise.name)


def check_cell(exercise: Exercise) -> NotebookNode:
    lines = (
        f"checked_answer = {exercise.check}({exercise.name})",
        "print(checked_answer)",
        f"{exercise.points} * checked_answer.correct",
    )
    cell = new_code_cell("\n".join(lines), id=f"check-{exercise.name}")
    return for_points(cell, exercise.name, exercise.points)


def for_learner(cell: NotebookNode, name: str) -> NotebookNode:
    """A cell to write in, which gives no points by itself."""
    cell.metadata["nbgrader"] = {
        "schema_version": SCHEMA, "grade_id": name,
        "grade": False, "solution": True, "locked": False, "task": False,
    }  # fmt: skip
    return cell


def for_points(cell: NotebookNode, name: str, points: int) -> NotebookNode:
    """A locked cell: the number on its last line is what nbgrader writes into the gradebook."""
    cell.metadata["nbgrader"] = {
        "schema_version": SCHEMA, "grade_id": f"check_{name}", "points": points,
        "grade": True, "solution": False, "locked": True, "task": False,
    }  # fmt: skip
    cell.metadata.update(deletable=False, editable=False)
    return cell
