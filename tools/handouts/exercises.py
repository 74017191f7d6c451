"""The exercises of a notebook: where each stands, what it is worth, and its folded solution."""

import ast
import re
import textwrap
from dataclasses import dataclass

from nbformat import NotebookNode

POINTS = {"easy": 1, "medium": 2, "hard": 3, "harder": 3}
"""By the difficulty that the heading of an exercise states; 1 where it states none."""

CHECK = re.compile(r"\n+(checks\.\w+\.\w+)\((my_\w+)\)$")
SOLUTION = re.compile(r"<details><summary>Solution</summary>(.*?)</details>", re.DOTALL)
STATED = re.compile(r"^### Exercise.*\(\d+ minutes, (\w+)\)$", re.MULTILINE)


@dataclass(frozen=True)
class Exercise:
    """One exercise: `stub` ends with its dots, `body` is what the solution has in their place."""

    cell: int
    name: str
    stub: str
    check: str
    body: str
    points: int


def exercises(notebook: NotebookNode) -> list[Exercise]:
    """Those of a notebook, in order; a solution that cannot be found is an error."""
    cells, found = notebook.cells, []
    for number, cell in enumerate(cells):
        match = CHECK.search(cell.source) if cell.cell_type == "code" else None
        if match is None:
            continue
        fold = SOLUTION.search(cells[number + 1].source) if number + 1 < len(cells) else None
        if fold is None:
            raise ValueError(f"{match[2]}: the cell after the exercise has no folded solution.")
        stated = STATED.findall(cells[number - 1].source)
        found.append(
            Exercise(
                cell=number,
                name=match[2],
                stub=cell.source[: match.start()],
                check=match[1],
                body=body_of(fold[1], match[2]),
                points=POINTS[stated[-1]] if stated else 1,
            )
        )
    return found


def body_of(fold: str, name: str) -> str:
    """The lines that stand below `def`, without their indent.

    A fold holds the whole function in a block of code, or, where a line will do, that line alone.

    >>> body_of("`return 2 * n`", "my_double")
    'return 2 * n'
    >>> body_of("`x + 1`, which is `next`.", "my_next")
    'return x + 1'
    """
    block = re.search(r"```python\n(.*?)```", fold, re.DOTALL)
    if block is None:
        line = re.search(r"`([^`]+)`", fold)
        if line is None:
            raise ValueError(f"{name}: its folded solution holds no code.")
        return line[1] if line[1].startswith("return ") else f"return {line[1]}"
    (function,) = ast.parse(block[1]).body  # no more than the function: the stub has the imports
    if not isinstance(function, ast.FunctionDef) or function.name != name:
        raise ValueError(f"{name}: its folded solution defines something else.")
    lines = block[1].splitlines()[function.body[0].lineno - 1 : function.end_lineno]
    return textwrap.dedent("\n".join(lines))
