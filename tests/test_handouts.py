"""Handouts: two cells for each exercise, no solution left with a student, points from the check."""

import ast
import contextlib
import doctest
import io
import re

import pytest

from posenc_lib.checks import recap_questions
from tools.handouts import believed, exercises, regions, walk
from tools.handouts.believed import headings, quiz_page
from tools.handouts.lecturer import for_lecturer
from tools.handouts.quiz import quiz, titles
from tools.handouts.student import for_student
from tools.notebooks import all_notebooks, read

PATHS = all_notebooks()


def graded(notebook):
    """(stub, check, points) of each exercise; the two cells stand together."""
    marks = [cell.metadata.get("nbgrader", {}) for cell in notebook.cells]
    for number, mark in enumerate(marks):
        if mark.get("grade"):
            stub, check = notebook.cells[number - 1 : number + 1]
            assert marks[number - 1]["solution"] and mark["locked"] and not check.metadata.editable
            yield stub.source, check.source, mark["points"]


def imports_of(notebook):
    """What the import statements of a notebook bring."""
    names = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            for node in ast.parse(cell.source).body:
                if isinstance(node, ast.Import | ast.ImportFrom):
                    exec(ast.unparse(node), names)
    return names


def value_of(cells, names):
    """The last line of the last cell, when all have run; what they print is theirs."""
    names = dict(names)
    *before, last = ast.parse("\n".join(cells)).body
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(ast.Module(before, []), "cells", "exec"), names)
        return eval(ast.unparse(last), names)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name[:2])
def test_the_check_gives_the_points_for_the_solution_and_none_for_the_dots(path):
    source = read(path)
    lecturer = for_lecturer(source)
    student, names = for_student(lecturer), imports_of(source)
    asked = re.findall(r"^checks\..*\((my_\w+)\)$", "\n".join(c.source for c in source.cells), re.M)
    with_solution, with_dots = list(graded(lecturer)), list(graded(student))
    assert len(with_solution) == len(with_dots) == len(asked)
    for (solution, check, points), (dots, same, _) in zip(with_solution, with_dots, strict=True):
        assert dots.endswith("    ...") and check == same
        assert value_of([solution, check], names) == points
        assert value_of([dots, check], names) == 0


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name[:2])
def test_no_solution_and_no_answer_is_left_with_a_student(path):
    source = read(path)
    lecturer = for_lecturer(source)
    student = for_student(lecturer)
    text = "\n".join(cell.source for cell in student.cells)
    assert "Answer</summary>" not in text and "Solution</summary>" not in text
    assert "SOLUTION" not in text and not re.search(r"^answer\(|checks\.recap\(", text, re.M)
    assert not any(cell.get("outputs") for cell in student.cells)
    for solution, _, _ in graded(lecturer):
        inner = re.search(r"### BEGIN SOLUTION\n(.*?)\n *### END", solution, re.DOTALL)[1]
        assert inner not in text
    kept = "\n".join(cell.source for cell in lecturer.cells)
    for fold in re.findall(r"<details><summary>(?:Answer|Solution|Hint).*?</details>",
                           "\n".join(cell.source for cell in source.cells), re.DOTALL):  # fmt: skip
        assert fold in kept
        assert (fold in text) == ("Hint" in fold)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_check_takes_no_name_from_the_notebook(path):
    """Notebook 7 has a function `verdict`, which a check once put its own in place of."""
    notebook = for_lecturer(read(path))
    checks = {check for _, check, _ in graded(notebook)}
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    names = {
        (node.id, type(node.ctx) is ast.Store, source in checks)
        for source in code
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Name)
    }
    taken = {name for name, stored, checking in names if stored and checking}
    assert not taken & {name for name, _, checking in names if not checking}


def test_the_quiz_gives_a_point_for_each_right_letter():
    lecturer = quiz()
    names = imports_of(lecturer)
    for (right, check, points), (open_, _, _) in zip(
        graded(lecturer), graded(for_student(lecturer)), strict=True
    ):
        assert value_of([right, check], names) == points == 3
        assert value_of([open_, check], names) == 0


def test_the_quiz_page_leads_to_headings_that_are_there():
    page = quiz_page()
    for number in titles():
        (path,) = [path for path in PATHS if path.name.startswith(number)]
        text = "\n".join(c.source for c in read(path).cells if c.cell_type == "markdown")
        there = re.findall(r"^#{2,3} (.*)$", text, re.M)
        assert not set(headings()[number]) - set(there)
        for question in recap_questions(number):
            assert question.asks in page


@pytest.mark.parametrize("module", [believed, exercises, regions, walk])
def test_the_examples_hold(module):
    found = doctest.testmod(module)
    assert found.attempted and not found.failed
