"""Exercises of notebook 07: the loss at each place of the row, and windows that overlap."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from posenc_lib.checks.exercise import Exercise, Mistake
from posenc_lib.experiments.lengths.by_position import loss_by_position, window_starts

Rows = list[tuple[Tensor, Tensor]]


def _of_each(logits: Tensor, target: Tensor) -> Tensor:
    """(rows, length): -log p of each target, by hand."""
    return -logits.log_softmax(-1).gather(-1, target[..., None])[..., 0]


def _shifted(logits: Tensor, target: Tensor) -> Tensor:
    """The target of the place after: they are shifted once more than they are already."""
    return _of_each(logits[:, :-1], target[:, 1:]).mean(0)


def _no_turn(logits: Tensor, target: Tensor) -> Tensor:
    """F.cross_entropy takes axis 1 for the classes."""
    return F.cross_entropy(logits, target, reduction="none").mean(0)


def _no_turn_at_all(logits: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(logits, target)


def _seen(function):
    """Another quantity of each token instead of the loss, averaged over the rows."""
    return lambda z, y: function(z, y).mean(0)


def _picked(z: Tensor, y: Tensor) -> Tensor:
    return z.gather(-1, y[..., None])[..., 0]


def _kept_shape(logits: Tensor, target: Tensor) -> Tensor:
    """The flat losses seen as (length, rows) and averaged over the wrong axis."""
    each = _of_each(logits, target)
    return each.flatten().view(target.shape[1], target.shape[0]).mean(1)


def _rows() -> Rows:
    generator = torch.Generator().manual_seed(0)
    shapes = ((3, 4, 5), (2, 2, 3), (4, 3, 4), (2, 4, 4))
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
        Mistake(
            "shifted back", lambda z, y: _of_each(z[:, 1:], y[:, :-1]).mean(0),
            "You shifted the targets back. target[:, p] already is what place p has to say.",
        ),
        Mistake(
            "rolled", lambda z, y: _of_each(z, y.roll(-1, 1)).mean(0),
            "You rolled the targets by one. target[:, p] already is what place p has to say.",
        ),
        Mistake(
            "sum", lambda z, y: _of_each(z, y).sum(0),
            "You added the losses of all rows. Take their mean, so that the number of rows does "
            "not matter.",
        ),
        Mistake(
            "of each token", _of_each,
            "That is the loss of every token, (rows, length). Average over the rows, axis 0.",
        ),
        Mistake(
            "gain of each token", lambda z, y: -_of_each(z, y),
            "That is the log-probability of every token, (rows, length). Put a minus before it "
            "and average over the rows, axis 0.",
        ),
        Mistake(
            "gain over places", lambda z, y: -_of_each(z, y).mean(1),
            "Two things: the minus is missing, and you averaged over the places in place of the "
            "rows, axis 0.",
        ),
        Mistake(
            "gain, one number", lambda z, y: -_of_each(z, y).mean(),
            "Two things: the minus is missing, and you averaged over everything. Keep the places.",
        ),
        Mistake(
            "bits", lambda z, y: _of_each(z, y).mean(0) / math.log(2),
            "Your loss is in bits (logarithm to base 2). Nats are meant: the natural logarithm.",
        ),
        Mistake(
            "base 10", lambda z, y: _of_each(z, y).mean(0) / math.log(10),
            "Your logarithm has base 10. Nats are meant: the natural logarithm.",
        ),
        Mistake(
            "softmax, no log", lambda z, y: -(-_of_each(z, y)).exp().mean(0),
            "You averaged minus the probability. The loss is minus its logarithm: log_softmax.",
        ),
        Mistake(
            "one minus", lambda z, y: 1 - (-_of_each(z, y)).exp().mean(0),
            "You averaged 1 minus the probability. The loss is minus its logarithm: log_softmax.",
        ),
        Mistake(
            "logits gained", _seen(_picked),
            "You averaged the logits of the targets. Take log_softmax first, and a minus.",
        ),
        Mistake(
            "over rows", _seen(lambda z, y: -_picked(z.log_softmax(0), y)),
            "Your softmax runs over the rows. It belongs to the classes, the last axis.",
        ),
        Mistake(
            "softmax twice", _seen(lambda z, y: _of_each(z.log_softmax(-1).exp(), y)),
            "You took a softmax before the loss, which takes one itself: give it the logits.",
        ),
        Mistake(
            "all classes", _seen(lambda z, y: -z.log_softmax(-1).mean(-1)),
            "You averaged over all classes. Only the target's entry counts: gather it.",
        ),
        Mistake(
            "all classes summed", _seen(lambda z, y: -z.log_softmax(-1).sum(-1)),
            "You added up all classes. Only the target's entry counts: gather it.",
        ),
        Mistake(
            "surest class", _seen(lambda z, y: -z.log_softmax(-1).max(-1).values),
            "You took the largest probability, whether right or not. Take that of the target: "
            "gather.",
        ),
        Mistake(
            "entropy", _seen(lambda z, y: -(z.softmax(-1) * z.log_softmax(-1)).sum(-1)),
            "That is the entropy of the prediction: the target is not used. Gather its entry.",
        ),
        Mistake(
            "right or wrong", _seen(lambda z, y: (z.argmax(-1) == y).float()),
            "You counted right guesses. The loss is minus the log of the target's probability.",
        ),
        Mistake(
            "wrong guesses", _seen(lambda z, y: (z.argmax(-1) != y).float()),
            "You counted wrong guesses. The loss is minus the log of the target's probability.",
        ),
        Mistake(
            "squared", _seen(lambda z, y: (
                z.softmax(-1) - F.one_hot(y, z.shape[-1])).square().sum(-1)),
            "That is a squared error. The loss is minus the log of the target's probability.",
        ),
        Mistake(
            "median", lambda z, y: _of_each(z, y).median(0).values,
            "You took the median of the rows. The task asks for the mean.",
        ),
        Mistake(
            "upper median", lambda z, y: -(-_of_each(z, y)).median(0).values,
            "You took a median of the rows. The task asks for their mean.",
        ),
        Mistake(
            "middle of two", lambda z, y: _of_each(z, y).quantile(0.5, 0),
            "You took the median of the rows, the middle one. The task asks for the mean.",
        ),
        Mistake(
            "mean perplexity", lambda z, y: _of_each(z, y).exp().mean(0),
            "You averaged e to the loss (the perplexity of each token). Leave out the exp.",
        ),
        Mistake(
            "sum over the length", lambda z, y: _of_each(z, y).sum(0) / y.shape[1],
            "You add up the rows and divide by the length. Divide by the number of rows: mean(0).",
        ),
        Mistake(
            "over the classes", lambda z, y: _of_each(z, y).sum(0) / z.shape[-1],
            "You add up the rows and divide by the number of classes. Divide by that of the rows: "
            "mean(0).",
        ),
        Mistake(
            "last row", lambda z, y: _of_each(z, y)[-1],
            "That is the last row alone. Average over all rows, axis 0.",
        ),
        Mistake(
            "worst row", lambda z, y: _of_each(z, y).max(0).values,
            "You took the worst row. The task asks for the mean over the rows.",
        ),
        Mistake(
            "first row", lambda z, y: _of_each(z, y)[0],
            "That is the first row alone. Average over all rows, axis 0.",
        ),
        Mistake(
            "spread", lambda z, y: _of_each(z, y).std(0),
            "You took the spread over the rows. The task asks for the mean.",
        ),
        Mistake(
            "added up", lambda z, y: _of_each(z, y).mean(0).cumsum(0),
            "You added up from place to place. Each place has a mean of its own.",
        ),
        Mistake(
            "running mean", lambda z, y: (
                _of_each(z, y).mean(0).cumsum(0) / torch.arange(1, y.shape[1] + 1)),
            "That is the mean up to each place. Each place has a mean of its own.",
        ),
        Mistake(
            "reshaped", _kept_shape,
            "The flat losses are cut into (length, rows), which mixes places. They lie row by "
            "row: view them as (rows, length), then average over axis 0.",
        ),
        Mistake(
            "axis 1 as classes", _no_turn,
            "F.cross_entropy wants the classes on axis 1: give it logits.transpose(1, 2), and "
            "reduction='none'.",
        ),
        Mistake(
            "axis 1 as classes, one number", _no_turn_at_all,
            "F.cross_entropy wants the classes on axis 1, logits.transpose(1, 2), and averages "
            "over everything unless reduction='none'.",
        ),
    ),
)  # fmt: skip


def _places(length: int) -> Tensor:
    return torch.arange(length)


starts = Exercise(
    name="my_starts",
    solution=window_starts,
    cases=lambda: [(10, 4), (9, 4), (16, 8), (7, 2), (3, 8), (13, 6)],
    dtype="int64",
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
        Mistake(
            "number of the half-window", lambda length, n: _places(length) // (n // 2),
            "That is the number of the half-window in which the token lies. Its window starts one "
            "half earlier: take off 1, then times n / 2.",
        ),
        Mistake(
            "clamped to the text", lambda length, n: window_starts(length, n).clamp(
                max=max(length - n, 0)),
            "You pull the last window back so that it ends with the text. Windows start at "
            "multiples of n / 2 only: the last one is simply shorter.",
        ),
        Mistake(
            "list of windows", lambda length, n: torch.arange(0, length, n // 2),
            "Those are the starts of all windows. Return one start for each token: that of the "
            "window that scores it.",
        ),
        Mistake(
            "list of windows used", lambda length, n: window_starts(length, n).unique(),
            "Those are the starts of the windows. Return one start for each token: that of the "
            "window that scores it.",
        ),
        Mistake(
            "list of whole windows", lambda length, n: torch.arange(
                0, max(length - n, 0) + 1, n // 2),
            "Those are the starts of the windows that fit. Return one start for each token.",
        ),
        Mistake(
            "half a window back", lambda length, n: (_places(length) - n // 2).clamp(min=0),
            "A window for each token, half a window back. Windows start at multiples of n / 2 "
            "only: round down to one.",
        ),
        Mistake(
            "itself", lambda length, n: _places(length),
            "Those are the tokens' own places. Return the start of the window that scores each.",
        ),
        Mistake(
            "whole windows moved", lambda length, n: (
                (_places(length) // n - 1) * n).clamp(min=0),
            "Your windows move on by n. They move on by n / 2, and a token is scored in the second "
            "half of its window.",
        ),
        Mistake(
            "halves in whole windows", lambda length, n: (
                _places(length) // n * n - n // 2).clamp(min=0),
            "Your windows move on by n. They move on by n / 2.",
        ),
        Mistake(
            "two halves back", lambda length, n: (
                (_places(length) // (n // 2) - 2) * (n // 2)).clamp(min=0),
            "Your window starts two halves earlier, and ends before the token. One half earlier.",
        ),
        Mistake(
            "place in the window", lambda length, n: _places(length) - window_starts(length, n),
            "That is the place of the token in its window. Return where the window starts.",
        ),
        Mistake(
            "place in the half", lambda length, n: _places(length) % (n // 2),
            "That is the place of the token in its half-window. Return where the window starts.",
        ),
        Mistake(
            "end of the window", lambda length, n: window_starts(length, n) + n,
            "That is where the window ends. Return where it starts.",
        ),
        Mistake(
            "last of the window", lambda length, n: window_starts(length, n) + n - 1,
            "That is the last token of the window. Return its first.",
        ),
        Mistake(
            "one late", lambda length, n: (
                ((_places(length) + 1) // (n // 2) - 1) * (n // 2)).clamp(min=0),
            "Your windows change one token too early: tokens count from 0.",
        ),
        Mistake(
            "one early", lambda length, n: (
                ((_places(length) - 1) // (n // 2) - 1) * (n // 2)).clamp(min=0),
            "Your windows change one token too late: a half-window begins at a multiple of n / 2.",
        ),
        Mistake(
            "second half of whole windows", lambda length, n: (
                (_places(length) // (n // 2) - 1) * n).clamp(min=0),
            "You multiply by n. Windows start every n / 2 tokens.",
        ),
        Mistake(
            "rounded up", lambda length, n: (
                (-(-_places(length) // (n // 2)) - 1) * (n // 2)).clamp(min=0),
            "You rounded i / (n / 2) up. Token i lies in half-window i // (n / 2), rounded down.",
        ),
        Mistake(
            "half back, after the first", lambda length, n: torch.where(
                _places(length) < n, 0, _places(length) - n // 2),
            "After window 0 you start a window for each token, half a window back. Windows start "
            "at multiples of n / 2 only: round down to one.",
        ),
        Mistake(
            "newest after the first", lambda length, n: torch.where(
                _places(length) < n, 0, _places(length) // (n // 2) * (n // 2)),
            "After window 0 you take the newest window, where the token stands in the first half. "
            "Take the one before.",
        ),
        Mistake(
            "absolute value",
            lambda length, n: ((_places(length) // (n // 2) - 1) * (n // 2)).abs(),
            "abs() moves the first window to n / 2. What would start before the text starts at "
            "0: clamp(min=0).",
        ),
        Mistake(
            "not cut", lambda length, n: window_starts(max(length, n) + (-length) % (n // 2), n),
            "You have more starts than tokens: cut the last window off where the text ends.",
        ),
        Mistake(
            "quarter windows", lambda length, n: window_starts(length, 2 * max(n // 4, 1)),
            "Your windows move on by n / 4. They move on by n / 2.",
        ),
        Mistake(
            "all from the start", lambda length, n: _places(length) * 0,
            "All your tokens belong to window 0. Windows start at 0, n / 2, n ...",
        ),
        Mistake(
            "one window late", lambda length, n: (_places(length) // (n // 2) + 1) * (n // 2),
            "Your window starts after the token. It starts one half before the token's own half.",
        ),
    ),
)  # fmt: skip
