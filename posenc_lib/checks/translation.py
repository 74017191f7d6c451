"""Exercises of notebook 13: which translations are right, and what a bag of tokens can know."""

from __future__ import annotations

from collections import Counter

import torch
from torch import Tensor

from posenc_lib.checks.exercise import Exercise, Mistake
from posenc_lib.experiments.parts.training_settings import IGNORED
from posenc_lib.experiments.translation.translating import right_to_the_end

Rows = list[list[str]]


def _logits() -> list[tuple[Tensor, Tensor]]:
    """Rows of which some are right to the end, some wrong in one place, some padded."""
    generator = torch.Generator().manual_seed(0)
    found = []
    shapes = ((4, 3, 5), (3, 5, 4), (1, 2, 3), (5, 4, 4), (2, 3, 3))
    for number, (rows, steps, tokens) in enumerate(shapes):
        logits = torch.randn(rows, steps, tokens, generator=generator)
        target = logits.argmax(-1)
        for row in range(rows):
            if row % 2 == 0:
                target[row, -1] = IGNORED
            if row % 3 == 1:  # wrong in one place: the first, the last or the one before it
                place = steps - 2 if row % 2 == 0 else (steps - 1) * (number % 2)
                target[row, place] = (target[row, place] + 1) % tokens
        found.append((logits, target))
    return found


def _token(logits: Tensor, target: Tensor) -> Tensor:
    return logits.argmax(-1) == target


exact = Exercise(
    name="my_right",
    solution=right_to_the_end,
    cases=_logits,
    mistakes=(
        Mistake(
            "padding counts", lambda z, y: _token(z, y).all(-1),
            "You count padded places as wrong: where the target is -100, nothing was asked. Let "
            "them pass: (guess == target) | (target == -100).",
        ),
        Mistake(
            "any", lambda z, y: (_token(z, y) | (y == IGNORED)).any(-1),
            "One right token is enough for you. A translation is right if all of its tokens are: "
            ".all(-1).",
        ),
        Mistake(
            "share", lambda z, y: (_token(z, y) | (y == IGNORED)).float().mean(-1),
            "You return the share of right tokens in each row. Exact match asks whether all are.",
        ),
        Mistake(
            "last only", lambda z, y: (_token(z, y) | (y == IGNORED))[:, -1],
            "You look at the last token only. One wrong token anywhere makes the date wrong.",
        ),
        Mistake(
            "first only", lambda z, y: (_token(z, y) | (y == IGNORED))[:, 0],
            "You look at the first token only. One wrong token anywhere makes the date wrong.",
        ),
        Mistake(
            "each token", lambda z, y: _token(z, y) | (y == IGNORED),
            "You have an answer for each token. One for each row is asked for: .all(-1).",
        ),
        Mistake(
            "over the rows", lambda z, y: (_token(z, y) | (y == IGNORED)).all(0),
            "You went over the rows of the batch. Go over the steps, the last axis: .all(-1).",
        ),
        Mistake(
            "one number", lambda z, y: right_to_the_end(z, y).float().mean(),
            "You have the share of right rows. The task wants an answer for each row.",
        ),
        Mistake(
            "one answer", lambda z, y: (_token(z, y) | (y == IGNORED)).all(),
            "You have one answer for the whole batch. The task wants one for each row: .all(-1).",
        ),
        Mistake(
            "smallest", lambda z, y: ((z.argmin(-1) == y) | (y == IGNORED)).all(-1),
            "You took the least likely token. The most likely one is the argmax.",
        ),
        Mistake(
            "wrong ones", lambda z, y: ~right_to_the_end(z, y),
            "You have the rows with a mistake. Return True where everything is right.",
        ),
    ),
)  # fmt: skip


def ceiling_of(rows: Rows) -> float:
    """The number of different bags over the number of rows.

    >>> ceiling_of([["1", "2"], ["2", "1"], ["3"]]) == 2 / 3
    True
    """
    return len({tuple(sorted(row)) for row in rows}) / len(rows)


def _texts() -> list[tuple[Rows]]:
    lines = (
        "May 1 2 / May 2 1 / June 1 2",
        "1 1 2 / 1 2 2 / 2 1 1 / 2 2 1 / 1 2 1",
        "1 0 9 9 / 1 9 0 9 / 1 9 9 0 / 9 9 0 1 / 1 9 0 0 / 9 1 0 0",
        "a b / c d",
        "a b c / c b a / b a c / a c b",
    )
    return [([row.split() for row in line.split(" / ")],) for line in lines]


def _alone(rows: Rows) -> float:
    counts = Counter(tuple(sorted(row)) for row in rows)
    return sum(count == 1 for count in counts.values()) / len(rows)


ceiling = Exercise(
    name="my_ceiling",
    solution=ceiling_of,
    cases=_texts,
    mistakes=(
        Mistake(
            "sets", lambda rows: len({frozenset(row) for row in rows}) / len(rows),
            "You made sets of the tokens, and a set forgets how often a digit comes: 1 1 2 and "
            "1 2 2 are different bags. Sort the tokens instead.",
        ),
        Mistake(
            "order kept", lambda rows: len({tuple(row) for row in rows}) / len(rows),
            "You kept the order, so every row is a bag of its own. Sort the tokens of each row "
            "first.",
        ),
        Mistake(
            "alone", _alone,
            "You count the rows that are alone in their bag. Of two rows in one bag, one can be "
            "right too: count the bags.",
        ),
        Mistake(
            "number of bags", lambda rows: float(len({tuple(sorted(row)) for row in rows})),
            "That is the number of bags. Divide it by the number of rows.",
        ),
        Mistake(
            "rows over bags", lambda rows: len(rows) / len({tuple(sorted(row)) for row in rows}),
            "You divided the other way round. A share is the bags over the rows.",
        ),
        Mistake(
            "what is lost", lambda rows: 1 - ceiling_of(rows),
            "That is the share that is wrong at least. The ceiling is 1 minus that.",
        ),
        Mistake(
            "fullest bag",
            lambda rows: max(Counter(tuple(sorted(r)) for r in rows).values()) / len(rows),
            "You took the fullest bag. Each bag, full or not, gives one right answer.",
        ),
        Mistake(
            "lengths", lambda rows: len({len(row) for row in rows}) / len(rows),
            "You told rows apart by their lengths only. A bag knows its tokens: sort them.",
        ),
    ),
)  # fmt: skip
