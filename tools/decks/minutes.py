"""How many minutes each section of a lecture takes.

The notebook says how long it takes in all, and each exercise how long it takes. The rest is the
lecture, shared among the sections by what there is to say and to see: a minute for every `WORDS`
words, one for each piece of code, picture or table, one for each question that the class answers,
and `PANEL` for a panel, with which a class plays.
"""

import re

from nbformat import NotebookNode

from tools.decks import prose
from tools.decks.cut import Part, Section

WORDS = 130
PANEL = 4.0


def lecture_minutes(notebook: NotebookNode) -> int:
    """The stated time less that of the exercises."""
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    stated = re.search(r"\*\*Time\.\*\* (\d+) minutes", texts[0]) if texts else None
    exercises = re.findall(r"^### .*\((\d+) minutes", "\n".join(texts), flags=re.MULTILINE)
    return max(int(stated[1]) - sum(map(int, exercises)), 5) if stated else 0


def weight(part: Part) -> float:
    """About how many minutes one part takes, if nobody is in a hurry."""
    if part.kind == "panel":
        return PANEL
    if part.kind in ("code", "source", "picture", "table", "recap"):
        return 1.0
    if part.kind == "output":
        return 0.2
    return prose.words(part.full or part.shown) / WORDS


def shared(total: int, weights: list[float]) -> list[int]:
    """Whole minutes for each section, at least one, that add up to the total.

    >>> shared(10, [1.0, 1.0, 2.0])
    [3, 3, 4]
    """
    total = max(total, len(weights))
    left = total - len(weights)
    scale = left / (sum(weights) or 1)
    exact = [each * scale for each in weights]
    whole = [int(each) for each in exact]
    order = sorted(range(len(exact)), key=lambda n: whole[n] - exact[n])
    for n in order[: left - sum(whole)]:
        whole[n] += 1
    return [1 + each for each in whole]


def of_sections(notebook: NotebookNode, sections: list[Section]) -> list[int]:
    """The minutes of each section; 0 for all where the notebook states no time."""
    total = lecture_minutes(notebook)
    if not total:
        return [0] * len(sections)
    return shared(total, [sum(map(weight, section.parts)) for section in sections])
