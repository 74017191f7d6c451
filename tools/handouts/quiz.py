"""The questions at the end of the notebooks as one scored notebook."""

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from posenc_lib.checks import RecapQuestion, recap_questions
from posenc_lib.checks.questions import LETTERS
from posenc_lib.checks.questions import NOTEBOOKS as ASKED
from tools.handouts.lecturer import for_learner, for_points
from tools.handouts.regions import marked
from tools.notebooks import NOTEBOOK_METADATA, all_notebooks, read

OPENING = (
    "# Quiz\n\n"
    "Three questions on each notebook, each on something that is easily believed and not so. Write "
    'one letter for each question into the string, such as `"bac"`; a question mark leaves one '
    "open. The cell below is locked: it says what the answer that you chose gets right or wrong, "
    "and its last line is your points."
)
SET_UP = "from posenc_lib import checks"


def titles() -> dict[str, str]:
    """The heading of each notebook that has questions, by its number.

    >>> titles()["06"]
    '6. Rotary positions'
    """
    return {
        path.name[:2]: read(path).cells[0].source.splitlines()[0].removeprefix("# ")
        for path in all_notebooks()
        if path.name[:2] in ASKED
    }


def right_letters(questions: tuple[RecapQuestion, ...]) -> str:
    """The letter of each right choice, in one word.

    >>> len(right_letters(recap_questions("00")))
    3
    """
    found = [[choice.right for choice in question.choices].index(True) for question in questions]
    return "".join(LETTERS[number] for number in found)


def quiz() -> NotebookNode:
    """The lecturer's notebook, with the right letters."""
    cells = [
        new_markdown_cell(OPENING, id="quiz"),
        new_code_cell(SET_UP, id="set-up"),
    ]
    for number, title in titles().items():
        questions = recap_questions(number)
        name, worth = f"answers_{number}", len(questions)
        text = f"## {title}\n\n" + "\n\n".join(map(as_text, range(1, worth + 1), questions))
        letters = f'{name} = "{"?" * worth}"\n' + marked(f'{name} = "{right_letters(questions)}"')
        check = f'told = checks.recap("{number}", {name})\nprint(told)\ntold.right'
        cells += [
            new_markdown_cell(text, id=f"questions-{number}"),
            for_learner(new_code_cell(letters, id=f"answers-{number}"), name),
            for_points(new_code_cell(check, id=f"check-{number}"), name, worth),
        ]
    return new_notebook(cells=cells, metadata=NOTEBOOK_METADATA)


def as_text(number: int, question: RecapQuestion) -> str:
    choices = zip(LETTERS, question.choices, strict=True)
    lines = [f"{letter}) {choice.says}" for letter, choice in choices]
    return "\n\n".join([f"**{number}.** {question.asks}", *lines])
