"""Exercises of notebook 08: a balanced data set, and a test that a model is blind to order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

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
    x = torch.randint(50, (5, 4), generator=generator)
    back = torch.tensor([[3, 2, 1, 0]])
    several = torch.tensor([[3, 2, 1, 0], [1, 0, 2, 3], [0, 2, 1, 3]])
    return [(bag, x, several), (middle, x, back), (middle, x, several), (falling, x, several)]


def _changes(model: Callable, x: Tensor, orders: Tensor) -> Tensor:
    """(orders, rows, outputs), with their signs."""
    return torch.stack([model(x[:, order]) - model(x) for order in orders])


def _guesses(model: Callable, x: Tensor, orders: Tensor) -> Tensor:
    guessed = [model(x[:, order]).argmax(-1) != model(x).argmax(-1) for order in orders]
    return torch.stack(guessed).any().float()


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
            "A logit that falls is a change too: take the absolute value before the maximum.",
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
    ),
)  # fmt: skip
