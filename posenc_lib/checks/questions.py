"""The three questions at the end of a notebook, and what each wrong answer believes.

    posenc_lib/checks/recap/01.toml     [[question]] asks, and three [[question.choice]]:
                                        says, believes (what to tell who chose it), right = true

The data stand apart from the code, so that a quiz can ask them too: `recap_questions("01")`.

The trap: a right answer that always stands at the same letter, or is always the longest.
"""

from __future__ import annotations

import html
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from posenc_lib.base import validation

LETTERS = "abc"
NOTEBOOKS = tuple(f"{number:02d}" for number in range(16))
OPEN = "???"


@dataclass(frozen=True)
class RecapChoice:
    """An answer to choose: what it says, and what to tell a reader who chose it."""

    says: str
    believes: str
    right: bool = False


@dataclass(frozen=True)
class RecapQuestion:
    """A question and its choices, exactly one of them right."""

    asks: str
    choices: tuple[RecapChoice, ...]


@cache
def recap_questions(notebook: str) -> tuple[RecapQuestion, ...]:
    """The questions at the end of a notebook, as data.

    Args:
        notebook: Its number, "00" to "15".

    Raises:
        ValueError: Another number.

    >>> [len(question.choices) for question in recap_questions("00")]
    [3, 3, 3]
    """
    validation.choice("recap_questions", "notebook", notebook, NOTEBOOKS)
    text = files("posenc_lib").joinpath("checks", "recap", f"{notebook}.toml").read_text("utf-8")
    return tuple(
        RecapQuestion(asked["asks"], tuple(RecapChoice(**choice) for choice in asked["choice"]))
        for asked in tomllib.loads(text)["question"]
    )


class recap:
    """Asks the questions of a notebook, and says of each answer what it believes.

    Args:
        notebook: Its number, "00" to "15".
        answers: A letter for each question, such as "bac"; a question mark leaves one open.

    Raises:
        ValueError: Another number, or answers that are not a letter for each question.

    >>> recap("00", "???").right
    0
    """

    def __init__(self, notebook: str, answers: str = OPEN) -> None:
        self.questions = recap_questions(notebook)
        answers = "".join(str(answers).lower().split())
        if len(answers) != len(self.questions) or set(answers) - set(LETTERS + "?"):
            raise ValueError(
                f"recap: answers = {answers!r} is refused: write one of the letters a, b, c for "
                f"each of the {len(self.questions)} questions, or a question mark, such as 'b?a'."
            )
        self.answers = answers

    @property
    def right(self) -> int:
        """How many answers are right.

        >>> answers = "".join("abc"[[c.right for c in q.choices].index(True)]
        ...                   for q in recap_questions("00"))
        >>> recap("00", answers).right
        3
        """
        chosen = map(self._chosen, range(len(self.questions)))
        return sum(choice is not None and choice.right for choice in chosen)

    def _chosen(self, number: int) -> RecapChoice | None:
        letter = self.answers[number]
        return None if letter == "?" else self.questions[number].choices[LETTERS.index(letter)]

    def __repr__(self) -> str:
        return "\n\n".join(self._told(number) for number in range(len(self.questions)))

    def _told(self, number: int) -> str:
        question, chosen = self.questions[number], self._chosen(number)
        lines = [f"{number + 1}. {question.asks}"]
        if chosen is None:
            choices = zip(LETTERS, question.choices, strict=True)
            return "\n".join(lines + [f"   {letter}) {choice.says}" for letter, choice in choices])
        verdict = "Yes." if chosen.right else "Not quite."
        return "\n".join([*lines, f"   {self.answers[number]}) {chosen.says}",
                          f"   {verdict} {chosen.believes}"])  # fmt: skip

    def _repr_html_(self) -> str:
        """The same, with choices that fold out what they believe: it lives in a page too."""
        return "".join(self._shown(number) for number in range(len(self.questions)))

    def _shown(self, number: int) -> str:
        question, chosen = self.questions[number], self._chosen(number)
        lines = []
        for letter, choice in zip(LETTERS, question.choices, strict=True):
            opened = " open" if choice is chosen else ""
            verdict = "Yes." if choice.right else "Not quite."
            lines.append(
                f"<details{opened}><summary>{letter}) {html.escape(choice.says)}</summary>"
                f"<p>{verdict} {html.escape(choice.believes)}</p></details>"
            )
        return (
            f"<p style='margin-top: 1em'><b>{number + 1}.</b> {html.escape(question.asks)}</p>"
            + "".join(lines)
        )
