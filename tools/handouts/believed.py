"""What students believe: every question of the recaps, with a fold for each choice.

A page of the book, to try oneself, and a list for the lecturer: each wrong choice is something
that is easily believed, and behind it stands the heading under which the notebook mends it.
"""

import html
import re
import tomllib
from pathlib import Path

from posenc_lib.checks import RecapQuestion, recap_questions
from posenc_lib.checks.questions import LETTERS
from tools.handouts.quiz import titles
from tools.notebooks import NOTEBOOKS

OPENING = """\
# Quiz

Three questions on each notebook, each about something that is easily believed and not so. Decide
first, then open your choice: it says what is right about it or wrong, and below the three stands
where the notebook shows it. To be scored, run `make handouts` and open `quiz.ipynb`.
"""


def headings() -> dict[str, list[str]]:
    """Where each question is answered, by the number of its notebook.

    >>> headings()["06"][1]
    'Two layouts'
    """
    return tomllib.loads(Path(__file__).with_name("mended.toml").read_text(encoding="utf-8"))


def quiz_page() -> str:
    """All questions as one page of Markdown."""
    parts = [OPENING]
    for number, title in titles().items():
        (path,) = NOTEBOOKS.glob(f"{number}_*.ipynb")
        parts.append(f"## {title}\n")
        shown = zip(recap_questions(number), headings()[number], strict=True)
        parts += [as_folds(question, path.name, heading) for question, heading in shown]
    return "\n".join(parts)


def as_folds(question: RecapQuestion, notebook: str, heading: str) -> str:
    folds = "\n".join(
        f"<details><summary>{letter}) {html.escape(choice.says, quote=False)}</summary>\n\n"
        f"{'Yes.' if choice.right else 'Not quite.'} {choice.believes}\n\n</details>"
        for letter, choice in zip(LETTERS, question.choices, strict=True)
    )
    link = f"[{heading}](notebooks/{notebook}#{anchor(heading)})"
    return f"**{question.asks}**\n\n{folds}\n\nShown under {link}.\n"


def anchor(heading: str) -> str:
    """The address of a heading within its page.

    >>> anchor("Why both sine and cosine?")
    'why-both-sine-and-cosine'
    """
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
