"""Exercises of notebook 07: the loss at each place of the row, and windows that overlap."""

from __future__ import annotations

import torch
from torch import Tensor

from posenc_lib.checks.exercise import Exercise, Mistake
from posenc_lib.experiments.lengths.by_position import loss_by_position, window_starts

Rows = list[tuple[Tensor, Tensor]]


def _of_each(logits: Tensor, target: Tensor) -> Tensor:
    """(rows, length): -log p of each target, by hand."""
    return -logits.log_softmax(-1).gather(-1, target[..., None])[..., 0]


def _shifted(logits: Tensor, target: Tensor) -> Tensor:
    """The target of the place after: they are shifted once more than they are already."""
    return _of_each(logits[:, :-1], target[:, 1:]).mean(0)


def _rows() -> Rows:
    generator = torch.Generator().manual_seed(0)
    shapes = ((3, 5, 4), (2, 2, 10), (6, 8, 3))
    return [
        (
            2 * torch.randn(shape, generator=generator),
            torch.randint(shape[2], shape[:2], generator=generator),
        )
        for shape in shapes
    ]


by_position = Exercise(
    name="my_loss_by_position",
    solution=loss_by_position,
    cases=_rows,
    mistakes=(
        Mistake(
            "over places", lambda z, y: _of_each(z, y).mean(1),
            "You averaged over the places: one number for each row. Average over the rows, axis 0.",
        ),
        Mistake(
            "one number", lambda z, y: _of_each(z, y).mean(),
            "That is the mean over everything, the number of a table. Keep the axis of the places.",
        ),
        Mistake(
            "gain", lambda z, y: -_of_each(z, y).mean(0),
            "The sign: a loss is minus the log of a probability, so never negative.",
        ),
        Mistake(
            "probabilities", lambda z, y: (-_of_each(z, y)).exp().mean(0),
            "You averaged the probability of the target. The loss is the mean of minus its log.",
        ),
        Mistake(
            "log of the mean", lambda z, y: -(-_of_each(z, y)).exp().mean(0).log(),
            "You took the log after the mean. The log belongs to each token: first log, then mean.",
        ),
        Mistake(
            "perplexity", lambda z, y: _of_each(z, y).mean(0).exp(),
            "That is the perplexity, e to the loss. Leave out the last exp.",
        ),
        Mistake(
            "raw logits", lambda z, y: -z.gather(-1, y[..., None])[..., 0].mean(0),
            "Logits are no log-probabilities yet: take log_softmax over the last axis first.",
        ),
        Mistake(
            "softmax over places",
            lambda z, y: -z.log_softmax(1).gather(-1, y[..., None])[..., 0].mean(0),
            "Your softmax runs over the places. It belongs to the classes, the last axis.",
        ),
        Mistake(
            "shifted again", _shifted,
            "You shifted the targets. target[:, p] already is what place p has to say.",
        ),
    ),
)  # fmt: skip


def _places(length: int) -> Tensor:
    return torch.arange(length)


starts = Exercise(
    name="my_starts",
    solution=window_starts,
    cases=lambda: [(10, 4), (16, 8), (7, 2), (3, 8)],
    mistakes=(
        Mistake(
            "no overlap", lambda length, n: _places(length) // n * n,
            "Your windows do not overlap: a token at the start of one has no context at all. Move "
            "on by n / 2.",
        ),
        Mistake(
            "newest window", lambda length, n: _places(length) // (n // 2) * (n // 2),
            "You took the newest window that holds the token, where it stands in the first half "
            "with hardly any context. Take the one before.",
        ),
        Mistake(
            "before the text", lambda length, n: (_places(length) // (n // 2) - 1) * (n // 2),
            "Your first window starts before the text. The first n / 2 tokens belong to window 0.",
        ),
        Mistake(
            "a window a token", lambda length, n: (_places(length) - n + 1).clamp(min=0),
            "A window for each token: the best context, but n / 2 times the work. Here windows "
            "start at multiples of n / 2 only.",
        ),
        Mistake(
            "number of the window",
            lambda length, n: (_places(length) // (n // 2) - 1).clamp(min=0),
            "That is the number of the window. Its first token is n / 2 times that.",
        ),
    ),
)  # fmt: skip
