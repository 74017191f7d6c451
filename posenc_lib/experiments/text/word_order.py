"""Does order matter? Real sentences against their reverse, against a shuffle, and by topic.

    reversed   w_1 .. w_n  or  w_n .. w_1                      only order tells
    shuffled   w_1 .. w_n  or  a permutation of it             only order tells
    topic      which of four long topics do the words come from     words tell, order hardly

An encoder reads the words in both directions; the mean over them gives the logits. The control is
a bag of words: the same read-out without attention, which knows the words and not their order.
Every window of the first two tasks comes in both forms, so a bag of words scores one half exactly.

Source: the tasks are our own; that an encoder without positions is blind to order, and one with
symmetric ALiBi blind to reversal, follows from Vaswani et al. 2017, section 3.5, and from |i - j|.

The trap: negatives made from other sentences than the positives. Then the words give the answer,
and every model looks as if it knew order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from posenc_lib.base import validation
from posenc_lib.experiments.data.word_windows import TASKS, TOPICS, word_windows
from posenc_lib.experiments.parts.parallel import every_run, side_by_side
from posenc_lib.experiments.parts.records import Record, Results
from posenc_lib.experiments.parts.training import seeded, train
from posenc_lib.experiments.parts.training_settings import Batch, History, Training
from posenc_lib.experiments.parts.transformer import TinyTransformer
from posenc_lib.experiments.pictures.digit_models import accuracy

BAG = "bag of words"
TRAINED = (BAG, "none", "sinusoidal", "learned", "t5", "alibi", "rope")
OPTIONS: dict[str, dict[str, Any]] = {
    "learned": {"std": 1.0},
    "t5": {"buckets": 16, "max_distance": 24},
}
ACCURACY = "accuracy"


@dataclass(frozen=True)
class TextOrderSettings:
    """What is trained on the words; the full version unless `small()`.

    Raises ValueError for a task that is not there and sizes below 1.

    >>> TextOrderSettings.small().seeds
    (0,)
    """

    tasks: tuple[str, ...] = TASKS
    trained: tuple[str, ...] = TRAINED
    seeds: tuple[int, ...] = (0, 1, 2)
    words: int = 8
    vocabulary: int = 1000
    dim: int = 64
    heads: int = 4
    layers: int = 2
    training: Training = field(default_factory=lambda: Training(steps=800, rate=3e-3))

    def __post_init__(self) -> None:
        for task in self.tasks:
            validation.choice("TextOrderSettings", "tasks", task, TASKS)
        for size in ("words", "vocabulary", "dim", "heads", "layers"):
            validation.size("TextOrderSettings", size, getattr(self, size))

    @classmethod
    def small(cls) -> TextOrderSettings:
        """One task, three models and one seed, in a few seconds."""
        return cls(
            tasks=("reversed",), trained=(BAG, "alibi", "t5"), seeds=(0,),
            training=Training(steps=250, rate=6e-3),
        )  # fmt: skip


def text_order(settings: TextOrderSettings | None = None, *, jobs: int | None = None) -> Results:
    """Test accuracy for each task, encoding and seed; `at` is the number of words.

    Raises like `side_by_side`.
    """
    settings = TextOrderSettings() if settings is None else settings
    return side_by_side(one_run, every_run(settings), jobs=jobs)


def one_run(
    settings: TextOrderSettings, task: str, encoding: str, seed: int, split: str = "test",
    *, options: Mapping[str, Any] | None = None,
) -> list[Record]:  # fmt: skip
    """Train one model; its accuracy on "test" or, to choose settings, "validation".

    `options` of the encoding replace those of `OPTIONS` and are the setting of the record.
    """
    model, _ = trained_model(settings, task, encoding, seed, options=options)
    batch = scored_batch(settings, task, split)
    right = accuracy(model, batch.x, batch.target)
    return [Record(task, encoding, seed, settings.words, ACCURACY, right, options or {})]


class BagOfWords(nn.Module):
    """The mean of the word vectors, norm and a linear read-out: no attention, no order.

    Words (batch, length) to (batch, outputs). Raises like nn.Embedding.

    >>> BagOfWords(10, 4, 2)(torch.tensor([[1, 2, 3]])).shape
    torch.Size([1, 2])
    """

    def __init__(self, vocabulary: int, dim: int, outputs: int) -> None:
        super().__init__()
        self.embed, self.norm = nn.Embedding(vocabulary, dim), nn.LayerNorm(dim)
        self.out = nn.Linear(dim, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, length) -> (batch, outputs)."""
        # Sorted first, so that rounding does not know the order either.
        return self.out(self.norm(self.embed(x.sort(-1).values).mean(1)))


def untrained_model(
    settings: TextOrderSettings, task: str, encoding: str, seed: int,
    *, options: Mapping[str, Any] | None = None,
) -> nn.Module:  # fmt: skip
    """An encoder, or the bag of words, for a task: weights drawn, nothing learned.

    `options` go to the encoding; those of the experiment (`OPTIONS`) unless given.

    Raises ValueError for another task or encoding.

    >>> model = untrained_model(TextOrderSettings(), "topic", "rope", seed=0)
    >>> model(torch.tensor([[3, 1, 4]])).shape
    torch.Size([1, 4])
    """
    validation.choice("untrained_model", "task", task, TASKS)
    outputs = len(TOPICS) if task == "topic" else 2
    vocabulary = settings.vocabulary + 1  # the last one stands for all rarer words
    options = OPTIONS.get(encoding) if options is None else options

    def build() -> nn.Module:
        if encoding == BAG:
            return BagOfWords(vocabulary, settings.dim, outputs)
        return TinyTransformer(
            vocabulary=vocabulary, outputs=outputs, dim=settings.dim, heads=settings.heads,
            layers=settings.layers, encoding=encoding, length=settings.words,
            options=None if options is None else dict(options), read_out="mean",
        )  # fmt: skip

    return seeded(build, seed).eval()


def trained_model(
    settings: TextOrderSettings, task: str, encoding: str, seed: int, progress: bool = False,
    *, options: Mapping[str, Any] | None = None,
) -> tuple[nn.Module, History]:  # fmt: skip
    """An encoder, or the bag of words, trained on the training part of a task.

    `options` are those of `untrained_model`.

    Raises ValueError for another task or encoding.
    """
    model = untrained_model(settings, task, encoding, seed, options=options)
    windows, labels = word_windows(task, "train", settings.words, settings.vocabulary)

    def draw(generator: torch.Generator, rows: int) -> Batch:
        pick = torch.randint(len(windows), (rows,), generator=generator)
        return labelled(task, windows[pick], labels[pick], generator)

    history = train(model, draw, settings.training, seed=seed, progress=progress)
    return model, history


def labelled(task: str, windows: Tensor, labels: Tensor, generator: torch.Generator) -> Batch:
    """Windows as they are and in their other form, with 0 and 1; for "topic" only as they are.

    Raises ValueError for another task.

    >>> two = labelled("reversed", torch.tensor([[1, 2]]), torch.tensor([0]), torch.Generator())
    >>> two.x.tolist(), two.target.tolist()
    ([[1, 2], [2, 1]], [0, 1])
    """
    if validation.choice("labelled", "task", task, TASKS) == "topic":
        return Batch(windows, labels)
    if task == "reversed":
        other = windows.flip(1)
    else:
        order = torch.rand(windows.shape, generator=generator).argsort(1)
        other = windows.gather(1, order)
    return Batch(torch.cat((windows, other)), torch.arange(2).repeat_interleave(len(windows)))


def scored_batch(settings: TextOrderSettings, task: str, split: str) -> Batch:
    """All windows of a split that do not overlap, with their labels."""
    windows, labels = word_windows(task, split, settings.words, settings.vocabulary)
    return labelled(task, windows, labels, torch.Generator().manual_seed(0))
