"""Exercises of notebook 08: a balanced data set, and a test that a model is blind to order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from posenc_lib.checks.exercise import Exercise, Mistake
from posenc_lib.experiments.text.order_readers import largest_change
from posenc_lib.experiments.text.word_order import labelled


def _windows() -> list[tuple]:
    generator = torch.Generator().manual_seed(0)
    sizes = ((4, 3), (6, 8), (2, 5))
    return [(torch.randint(50, size, generator=generator),) for size in sizes]


def _both(windows: Tensor) -> tuple[Tensor, Tensor]:
    batch = labelled("reversed", windows, torch.zeros(len(windows)), torch.Generator())
    return batch.x, batch.target


def _other_windows(windows: Tensor) -> tuple[Tensor, Tensor]:
    """The first half stays, the second half is turned: no window in both forms."""
    half = len(windows) // 2
    x = torch.cat([windows[:half], windows[half:].flip(1)])
    return x, (torch.arange(len(x)) >= half).long()


def _out_of_step(windows: Tensor) -> tuple[Tensor, Tensor]:
    return _both(windows)[0], torch.arange(2).repeat(len(windows))


def _upside_down(windows: Tensor) -> tuple[Tensor, Tensor]:
    return torch.cat([windows, windows.flip(0)]), _both(windows)[1]


def _both_axes(windows: Tensor) -> tuple[Tensor, Tensor]:
    return torch.cat([windows, windows.flip(0, 1)]), _both(windows)[1]


def _labels_swapped(windows: Tensor) -> tuple[Tensor, Tensor]:
    return _both(windows)[0], 1 - _both(windows)[1]


pairs = Exercise(
    name="my_pairs",
    solution=_both,
    cases=_windows,
    mistakes=(
        Mistake(
            "other windows", _other_windows,
            "Your reversed rows are other windows than your real ones. Then the words can tell "
            "them apart. Every window must come in both forms.",
        ),
        Mistake(
            "every other window", lambda w: (
                torch.cat([w[::2], w[1::2].flip(1)]),
                torch.arange(2).repeat_interleave(len(w) // 2)),
            "Every other window is reversed, the rest stays as it is. Every window must come in "
            "both forms.",
        ),
        Mistake(
            "labels out of step", _out_of_step,
            "Your labels go 0, 1, 0, 1 ... but your rows are first all real, then all reversed. "
            "Half of the labels are wrong.",
        ),
        Mistake(
            "windows turned round", _upside_down,
            "You reversed the order of the windows, not of the words: flip axis 1.",
        ),
        Mistake(
            "both axes turned", _both_axes,
            "You reversed the words and the windows too. Row n + i must be row i, reversed.",
        ),
        Mistake(
            "labels swapped", _labels_swapped,
            "0 stands for real, 1 for reversed.",
        ),
        Mistake(
            "reversed first", lambda w: (torch.cat([w.flip(1), w]), _both(w)[1]),
            "Your reversed windows stand first. First all as they are, then all reversed.",
        ),
        Mistake(
            "reversed first, labels too", lambda w: (torch.cat([w.flip(1), w]), 1 - _both(w)[1]),
            "The pairs are right, their order is not: first all windows as they are, with label "
            "0, then all reversed, with label 1.",
        ),
        Mistake(
            "interleaved", lambda w: (
                torch.stack([w, w.flip(1)], 1).flatten(0, 1), torch.arange(2).repeat(len(w))),
            "Your rows go real, reversed, real, reversed ... with labels that follow. The task "
            "wants first all real ones, then all reversed.",
        ),
        Mistake(
            "rows interleaved", lambda w: (
                torch.stack([w, w.flip(1)], 1).flatten(0, 1), _both(w)[1]),
            "Your rows go real, reversed, real, reversed ..., but the labels are first all 0, then "
            "all 1. First all real windows, then all reversed.",
        ),
        Mistake(
            "windows turned round, labels swapped", lambda w: (
                torch.cat([w, w.flip(0)]), 1 - _both(w)[1]),
            "Two things: flip axis 1, the words, not the windows; and 0 stands for real, 1 for "
            "reversed.",
        ),
        Mistake(
            "reversed only", lambda w: (w.flip(1), torch.ones(len(w), dtype=torch.long)),
            "You return the reversed windows only. First all as they are, then all reversed.",
        ),
        Mistake(
            "three times", lambda w: (
                torch.cat([w, w.flip(1), w]), torch.arange(3).repeat_interleave(len(w))),
            "You have three times as many rows. All as they are, then all reversed: twice.",
        ),
        Mistake(
            "one by one", lambda w: (w, w.flip(1)),
            "You return the windows and the reversed ones. Put them into one tensor, and return "
            "the labels with it: x, labels.",
        ),
        Mistake(
            "reversed only, label 0", lambda w: (w.flip(1), torch.zeros(len(w), dtype=torch.long)),
            "You return the reversed windows only. First all as they are, with label 0, then "
            "all reversed, with label 1.",
        ),
        Mistake(
            "reversed twice", lambda w: (torch.cat([w.flip(1), w.flip(1)]), _both(w)[1]),
            "Both halves are reversed. The first half stays as it is written.",
        ),
        Mistake(
            "side by side", lambda w: (torch.cat([w, w.flip(1)], 1), _both(w)[1]),
            "You put the reversed windows beside the others, so the rows got twice as long. Put "
            "them below: torch.cat along axis 0.",
        ),
        Mistake(
            "side by side, one label a row", lambda w: (
                torch.cat([w, w.flip(1)], 1), torch.arange(2).repeat_interleave(w.shape[1])),
            "You put the reversed windows beside the others. Put them below, torch.cat along axis "
            "0, with one label for each row.",
        ),
        Mistake(
            "stacked", lambda w: (torch.stack([w, w.flip(1)]), _both(w)[1]),
            "stack makes a new axis. torch.cat along axis 0 puts the rows below each other.",
        ),
        Mistake(
            "stacked with labels", lambda w: (
                torch.stack([w, w.flip(1)]), _both(w)[1].view(2, -1)),
            "stack makes a new axis. torch.cat along axis 0 puts the rows below each other, and "
            "the labels are one row of numbers.",
        ),
        Mistake(
            "sorted", lambda w: (torch.cat([w, w.sort(1).values]), _both(w)[1]),
            "You sorted the words. Reverse them: flip(1).",
        ),
        Mistake(
            "sorted down", lambda w: (
                torch.cat([w, w.sort(1, descending=True).values]), _both(w)[1]),
            "You sorted the words, largest first. Reverse them as they stand: flip(1).",
        ),
        Mistake(
            "moved by one", lambda w: (torch.cat([w, w.roll(1, 1)]), _both(w)[1]),
            "You moved the words round by one. Reverse them: flip(1).",
        ),
        Mistake(
            "moved back by one", lambda w: (torch.cat([w, w.roll(-1, 1)]), _both(w)[1]),
            "You moved the words round by one, to the left. Reverse them: flip(1).",
        ),
        Mistake(
            "halves swapped", lambda w: (
                torch.cat([w, w.roll(w.shape[1] // 2, 1)]), _both(w)[1]),
            "You swapped the halves of the windows. Reverse them: flip(1).",
        ),
        Mistake(
            "all labels 0", lambda w: (_both(w)[0], 0 * _both(w)[1]),
            "All your labels are 0. The reversed half gets 1.",
        ),
        Mistake(
            "all labels 1", lambda w: (_both(w)[0], 0 * _both(w)[1] + 1),
            "All your labels are 1. The half as written gets 0.",
        ),
        Mistake(
            "labels of one half", lambda w: (_both(w)[0], torch.arange(2)),
            "You have two labels. Each row has one of its own: repeat_interleave(len(windows)).",
        ),
        Mistake(
            "a label a window", lambda w: (_both(w)[0], torch.arange(len(w)) % 2),
            "You have a label for each window. There are twice as many rows: one label for each.",
        ),
        Mistake(
            "a label a word", lambda w: (
                _both(w)[0], _both(w)[1][:, None].expand(-1, w.shape[1])),
            "You have a label for each word. One for each row is enough.",
        ),
        Mistake(
            "labels a column", lambda w: (_both(w)[0], _both(w)[1][:, None]),
            "Your labels are a column, (2 rows, 1). Drop the axis of size 1.",
        ),
        Mistake(
            "row numbers", lambda w: (_both(w)[0], torch.arange(2 * len(w))),
            "Your labels are row numbers. They are 0 as written, 1 reversed.",
        ),
        Mistake(
            "minus one and one", lambda w: (_both(w)[0], 2 * _both(w)[1] - 1),
            "Your labels are -1 and 1. The task wants 0 and 1.",
        ),
        Mistake(
            "one and two", lambda w: (_both(w)[0], _both(w)[1] + 1),
            "Your labels are 1 and 2. The task wants 0 and 1.",
        ),
        Mistake(
            "one hot", lambda w: (_both(w)[0], F.one_hot(_both(w)[1])),
            "Your labels are pairs of 0 and 1 (one hot). The task wants one number for each row.",
        ),
        Mistake(
            "labels first", lambda w: _both(w)[::-1],
            "You return the labels first. The order is x, labels.",
        ),
        Mistake(
            "x alone", lambda w: _both(w)[0],
            "You return x alone. Return the labels too: x, labels.",
        ),
        Mistake(
            "real only", lambda w: (torch.cat([w, w]), _both(w)[1]),
            "The second half is not reversed.",
        ),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class _Reader:
    """A small model with a name, from (rows, words) to (rows, 2)."""

    name: str
    weights: Callable[[int], Tensor]

    def __call__(self, x: Tensor) -> Tensor:
        table = torch.randn(50, 2, generator=torch.Generator().manual_seed(1))
        return (table[x] * self.weights(x.shape[1])[:, None]).sum(1)

    def __repr__(self) -> str:
        return self.name


def _readers() -> list[tuple]:
    bag = _Reader("bag", torch.ones)
    falling = _Reader("falling", lambda n: 0.5 ** torch.arange(n))
    middle = _Reader("symmetric", lambda n: (torch.arange(n) - (n - 1) / 2).abs())
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(50, (3, 4), generator=generator)
    back = torch.tensor([[3, 2, 1, 0]])
    # no order of `turned` is its own inverse, and neither contains the other's
    turned = torch.tensor([[1, 2, 3, 0], [2, 0, 3, 1], [0, 3, 1, 2]])
    several = torch.tensor([[1, 0, 2, 3], [0, 2, 1, 3], [1, 2, 0, 3], [3, 2, 1, 0]])
    return [
        (bag, x, several), (middle, x, back), (middle, x, several), (falling, x, turned[:1]),
        (falling, x, turned), (falling, x[1:], several), (falling, x[:1], turned),
    ]  # fmt: skip


def _changes(model: Callable, x: Tensor, orders: Tensor) -> Tensor:
    """(orders, rows, outputs), with their signs."""
    return torch.stack([model(x[:, order]) - model(x) for order in orders])


def _guesses(model: Callable, x: Tensor, orders: Tensor) -> Tensor:
    guessed = [model(x[:, order]).argmax(-1) != model(x).argmax(-1) for order in orders]
    return torch.stack(guessed).any().float()


def _over(function):
    """Another number made of the signed changes (orders, rows, outputs)."""
    return lambda model, x, orders: function(_changes(model, x, orders))


def _between(model: Callable, x: Tensor, orders: Tensor) -> Tensor:
    """Each order is compared with the one before."""
    seen = torch.stack([model(x[:, order]) for order in orders])
    return (seen[1:] - seen[:-1]).abs().max() if len(orders) > 1 else torch.tensor(0.0)


def _to_first(model: Callable, x: Tensor, orders: Tensor) -> Tensor:
    seen = torch.stack([model(x[:, order]) for order in orders])
    return (seen - seen[:1]).abs().max()


def _chained(model: Callable, x: Tensor, orders: Tensor) -> Tensor:
    """Each order is applied to the text that the one before has left."""
    still, largest = model(x), torch.tensor(0.0)
    for order in orders:
        x = x[:, order]
        largest = torch.maximum(largest, (model(x) - still).abs().max())
    return largest


def _probabilities(model: Callable, x: Tensor, orders: Tensor) -> Tensor:
    return _changes(lambda x: model(x).softmax(-1), x, orders).abs().max()


def _of_largest(model: Callable, x: Tensor, orders: Tensor) -> Tensor:
    """The change of the largest logit, not the largest change."""
    return torch.stack([(model(x[:, o]).max() - model(x).max()).abs() for o in orders]).max()


def _rows_moved(model: Callable, x: Tensor, orders: Tensor) -> Tensor:
    moved = [model(x[order]) - model(x)[: len(order)] for order in orders]
    return torch.stack(moved).abs().max()


blindness = Exercise(
    name="my_largest_change",
    solution=largest_change,
    cases=_readers,
    mistakes=(
        Mistake(
            "no absolute value", lambda m, x, o: _changes(m, x, o).max(),
            "A logit that falls is a change too: take the absolute value before the maximum, not "
            "after.",
        ),
        Mistake(
            "mean", lambda m, x, o: _changes(m, x, o).abs().mean(),
            "You took the mean. Blind means that no output changes: take the largest change.",
        ),
        Mistake(
            "guesses", _guesses,
            "You compared the guesses. Two logits may change by much and name the same class: "
            "compare the logits.",
        ),
        Mistake(
            "first order only", lambda m, x, o: _changes(m, x, o[:1]).abs().max(),
            "You tried the first order only. A model may be blind to one order and not to another.",
        ),
        Mistake(
            "rows permuted", _rows_moved,
            "You permuted the rows of the batch. The words lie along axis 1: x[:, order].",
        ),
        Mistake(
            "the sum cancels", lambda m, x, o: _changes(m, x, o).sum(1).abs().max(),
            "You added the changes of all rows before taking the absolute value: they cancel.",
        ),
        Mistake(
            "the mean cancels", _over(lambda c: c.mean(1).abs().max()),
            "You averaged the changes of all rows before taking the absolute value: they cancel.",
        ),
        Mistake(
            "everything cancels", _over(lambda c: c.sum((1, 2)).abs().max()),
            "You added up all logits before comparing: changes cancel. Compare logit by logit.",
        ),
        Mistake(
            "logits cancel", _over(lambda c: c.sum(-1).abs().max()),
            "You added the changes of the logits of a row, which may also cancel. Take the largest "
            "change of a single logit.",
        ),
        Mistake(
            "other way round", _over(lambda c: (-c).max()),
            "A logit that rises is a change too: take the absolute value before the maximum.",
        ),
        Mistake(
            "smallest", _over(lambda c: c.abs().min()),
            "You took the smallest change. Blind means that no output changes: take the largest.",
        ),
        Mistake(
            "smallest order", _over(lambda c: c.abs().amax((1, 2)).min()),
            "You took the order that changes least. A model is blind when no order changes "
            "anything: take the largest over the orders.",
        ),
        Mistake(
            "mean over orders", _over(lambda c: c.abs().amax((1, 2)).mean()),
            "You averaged over the orders. Take the largest change under any order.",
        ),
        Mistake(
            "mean over rows", _over(lambda c: c.abs().mean((1, 2)).max()),
            "You averaged over rows and logits. Take the largest change of any logit in any row.",
        ),
        Mistake(
            "mean over rows of the largest", _over(lambda c: c.abs().amax(-1).mean(1).max()),
            "You averaged over the rows. Take the largest change in any row.",
        ),
        Mistake(
            "sum", _over(lambda c: c.abs().sum()),
            "You added up all changes. Take the largest one.",
        ),
        Mistake(
            "sum over orders", _over(lambda c: c.abs().amax((1, 2)).sum()),
            "You added the largest changes of all orders. Take the largest one of them.",
        ),
        Mistake(
            "sum over rows", _over(lambda c: c.abs().sum((1, 2)).max()),
            "You added the changes of all rows and logits. Take the largest one.",
        ),
        Mistake(
            "squared", _over(lambda c: c.square().max()),
            "You took the square of the change. Take its absolute value.",
        ),
        Mistake(
            "mean square", _over(lambda c: c.square().mean()),
            "You took the mean of the squares. Take the largest absolute change.",
        ),
        Mistake(
            "length", _over(lambda c: c.norm(dim=-1).max()),
            "You took the length of each row's change. Take the largest change of a single logit.",
        ),
        Mistake(
            "length of all", _over(lambda c: c.norm()),
            "You took the length of all changes together. Take the largest single one.",
        ),
        Mistake(
            "spread", _over(lambda c: c.std()),
            "You took the spread of the changes. Take the largest absolute one.",
        ),
        Mistake(
            "last order only", lambda m, x, o: _changes(m, x, o[-1:]).abs().max(),
            "You kept the last order only: each one overwrites the result of the one before. Take "
            "the largest over all orders.",
        ),
        Mistake(
            "first row only", lambda m, x, o: _changes(m, x[:1], o).abs().max(),
            "You looked at the first row only. Take the largest change in any row.",
        ),
        Mistake(
            "first logit only", _over(lambda c: c[..., 0].abs().max()),
            "You looked at the first logit only. Take the largest change of any.",
        ),
        Mistake(
            "inverse orders", lambda m, x, o: _changes(m, x, o.argsort(-1)).abs().max(),
            "You applied the inverse of each order (argsort). x[:, order] already puts word "
            "order[p] at place p.",
        ),
        Mistake(
            "reversed always", lambda m, x, o: _changes(
                m, x, torch.arange(x.shape[1]).flip(0)[None]).abs().max(),
            "You always reverse the words. Use the orders that are given.",
        ),
        Mistake(
            "between orders", _between,
            "You compared each order with the one before. Compare each with the text as written.",
        ),
        Mistake(
            "to the first order", _to_first,
            "You compared with the first order. Compare each with the text as written, model(x).",
        ),
        Mistake(
            "chained", _chained,
            "You applied each order to the text that the one before had left. Start from x every "
            "time.",
        ),
        Mistake(
            "probabilities", _probabilities,
            "You compared probabilities, after a softmax. Compare the logits.",
        ),
        Mistake(
            "of the largest", _of_largest,
            "That is the change of the largest logit. Take the largest change of any logit.",
        ),
        Mistake(
            "outputs permuted", lambda m, x, o: torch.tensor(0.0),
            "You found no change in any model. Put the words into each order before the model "
            "reads them: model(x[:, order]) - model(x).",
        ),
        Mistake(
            "a number an order", _over(lambda c: c.abs().amax((1, 2))),
            "You have a number for each order. One is asked for: the largest of them.",
        ),
        Mistake(
            "a number a row", _over(lambda c: c.abs().amax((0, 2))),
            "You have a number for each row. One is asked for: the largest of them.",
        ),
        Mistake(
            "all changes", _over(lambda c: c.abs()),
            "You have the changes of all logits. One number is asked for: the largest of them.",
        ),
        Mistake(
            "relative", lambda m, x, o: _changes(m, x, o).abs().max() / m(x).abs().max(),
            "You divide by the largest logit. Return the change itself.",
        ),
        Mistake(
            "each relative", lambda m, x, o: (_changes(m, x, o) / m(x)).abs().max(),
            "You divide each change by its logit. Return the change itself.",
        ),
        Mistake(
            "root of the mean square", _over(lambda c: c.square().mean().sqrt()),
            "You took the root of the mean of the squares. Take the largest absolute change.",
        ),
        Mistake(
            "share that changes", _over(lambda c: (c.abs() > 1e-3).float().mean()),
            "You counted how many logits change. Return how large the largest change is.",
        ),
        Mistake(
            "number that changes", _over(lambda c: (c.abs() > 1e-3).sum()),
            "You counted the logits that change. Return how large the largest change is.",
        ),
        Mistake(
            "largest against largest", lambda m, x, o: (
                torch.stack([m(x[:, a]) for a in o]).max() - m(x).max()).abs(),
            "You compared the largest logit before and after. Compare logit by logit, then take "
            "the largest change.",
        ),
        Mistake(
            "largest minus smallest", _over(lambda c: c.max() - c.min()),
            "You took the largest change minus the smallest. Take the largest absolute change.",
        ),
        Mistake(
            "largest of all, no difference", lambda m, x, o: torch.stack(
                [m(x[:, a]) for a in o]).abs().max(),
            "You took the largest logit. Take off model(x) first: the change is asked for.",
        ),
        Mistake(
            "sum, then size", _over(lambda c: c.sum().abs()),
            "You added up all changes, so they cancel. Take the largest absolute change.",
        ),
        Mistake(
            "mean length", _over(lambda c: c.norm(dim=-1).mean()),
            "You took the length of each row's change and averaged. Take the largest single "
            "change.",
        ),
        Mistake(
            "mean over orders and rows", _over(lambda c: c.abs().mean((0, 1)).max()),
            "You averaged over orders and rows. Take the largest change under any order, in "
            "any row.",
        ),
        Mistake(
            "mean of the largest", _over(lambda c: c.abs().amax(0).mean()),
            "You averaged over rows and logits. Take the largest change of any.",
        ),
        Mistake(
            "mean over rows and logits of the largest", _over(lambda c: c.abs().amax(-1).mean()),
            "You averaged over orders and rows. Take the largest change of any.",
        ),
        Mistake(
            "middle", _over(lambda c: c.abs().flatten().median()),
            "You took the median of the changes. Take the largest one.",
        ),
        Mistake(
            "share of guesses", lambda m, x, o: torch.stack([
                (m(x[:, a]).argmax(-1) != m(x).argmax(-1)).float().mean() for a in o]).max(),
            "You compared the guesses and took their share. Compare the logits: they may "
            "change by much and name the same class.",
        ),
        Mistake(
            "log probabilities", lambda m, x, o: _changes(
                lambda x: m(x).log_softmax(-1), x, o).abs().max(),
            "You compared log-probabilities, after a log_softmax. Compare the logits.",
        ),
        Mistake(
            "yes or no", _over(lambda c: c.abs().max() < 1e-5),
            "You answer yes or no. Return how large the largest change is.",
        ),
        Mistake(
            "yes or no, changed", _over(lambda c: c.abs().max() > 1e-5),
            "You answer whether something changes. Return how large the largest change is.",
        ),
    ),
)  # fmt: skip
