"""Handwritten digits as 64 pixels or 16 patches: what does an image lose without positions?

    image 8 x 8  ->  64 tokens of 1 number, or 16 tokens of 2 x 2 numbers, in row-major order

An encoder reads the tokens and the mean over them gives the ten logits. Without positions it sees
a bag of grey values. Shuffling the test pixels (one permutation an image) asks whether a trained
model uses the places at all.

Source: Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words", section 3.1 and appendix D.4.

The trap: expecting two axes to beat one because a picture has two. Eight by eight is small enough
to learn either way.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from posenc_lib.base import validation
from posenc_lib.experiments.data.digit_images import image_tokens, shuffled_tokens, split_digits
from posenc_lib.experiments.parts.parallel import every_run, side_by_side
from posenc_lib.experiments.parts.records import Record, Results
from posenc_lib.experiments.parts.training import seeded, train
from posenc_lib.experiments.parts.training_settings import Batch, History, Training
from posenc_lib.experiments.parts.transformer import TinyTransformer

TASKS = {"pixels": 1, "patches": 2}  # the side of a token
TRAINED = ("none", "sinusoidal", "sinusoidal_2d", "learned", "rope_2d")
# A grid of 8 needs short waves only, on a line or on two axes: every wave here has base 100, those
# of 2-D RoPE too. A learned table starts half as wide as the embeddings.
OPTIONS: dict[str, dict[str, Any]] = {
    "sinusoidal": {"base": 100.0},
    "sinusoidal_2d": {"base": 100.0},
    "learned": {"std": 0.5},
}
ACCURACY, SHUFFLED = "accuracy", "accuracy, shuffled"


@dataclass(frozen=True)
class DigitsSettings:
    """What is trained on the digits; the full version unless `small()`.

    Raises ValueError for a task that is not there and sizes below 1.

    >>> DigitsSettings.small().tasks
    ('patches',)
    """

    tasks: tuple[str, ...] = tuple(TASKS)
    trained: tuple[str, ...] = TRAINED
    seeds: tuple[int, ...] = (0, 1, 2)
    dim: int = 64
    heads: int = 4
    layers: int = 2
    training: Training = field(default_factory=lambda: Training(steps=600, rate=3e-3))

    def __post_init__(self) -> None:
        for task in self.tasks:
            validation.choice("DigitsSettings", "tasks", task, tuple(TASKS))
        for size in ("dim", "heads", "layers"):
            validation.size("DigitsSettings", size, getattr(self, size))

    @classmethod
    def small(cls) -> DigitsSettings:
        """Patches, three encodings and one seed, in a few seconds."""
        return cls(
            tasks=("patches",), trained=("none", "sinusoidal", "rope_2d"), seeds=(0,), layers=1,
            training=Training(steps=120, batch=64, rate=6e-3),
        )  # fmt: skip


def digits(settings: DigitsSettings | None = None, *, jobs: int | None = None) -> Results:
    """Test accuracy for each task, encoding and seed; `at` is the number of tokens.

    Metrics: "accuracy", and "accuracy, shuffled" for test images whose tokens changed places.

    Raises like `side_by_side`.

    Source: Dosovitskiy et al. 2021, appendix D.4 (the comparison); the data are the test part of
    Alpaydin and Kaynak 1998, "Optical Recognition of Handwritten Digits", as scikit-learn has it.
    """
    settings = DigitsSettings() if settings is None else settings
    return side_by_side(one_run, every_run(settings), jobs=jobs)


def one_run(
    settings: DigitsSettings, task: str, encoding: str, seed: int, split: str = "test"
) -> list[Record]:
    """Train one model; its accuracy on "test" or, to choose settings, "validation"."""
    model, _ = trained_model(settings, task, encoding, seed)
    images, labels = split_digits(split)
    tokens = image_tokens(images, TASKS[task])
    right = accuracy(model, tokens, labels)
    mixed = accuracy(model, shuffled_tokens(tokens, seed), labels)
    at = tokens.shape[1]
    return [
        Record(task, encoding, seed, at, ACCURACY, right),
        Record(task, encoding, seed, at, SHUFFLED, mixed),
    ]


def trained_model(
    settings: DigitsSettings,
    task: str,
    encoding: str,
    seed: int,
    *,
    options: dict[str, Any] | None = None,
    progress: bool = False,
) -> tuple[TinyTransformer, History]:
    """An encoder trained on the training images, and its history.

    `options` go to the encoding; those of the experiment (`OPTIONS`) unless given.

    Raises ValueError for another task or encoding.
    """
    side = TASKS[validation.choice("trained_model", "task", task, tuple(TASKS))]
    images, labels = split_digits("train")
    tokens = image_tokens(images, side)
    model = seeded(
        lambda: TinyTransformer(
            features=side * side, outputs=10, dim=settings.dim, heads=settings.heads,
            layers=settings.layers, encoding=encoding, length=tokens.shape[1],
            options=OPTIONS.get(encoding) if options is None else options, read_out="mean",
        ),
        seed,
    )  # fmt: skip

    def draw(generator: torch.Generator, rows: int) -> Batch:
        pick = torch.randint(len(tokens), (rows,), generator=generator)
        return Batch(tokens[pick], labels[pick])

    history = train(model, draw, settings.training, seed=seed, progress=progress)
    return model, history


def accuracy(model: nn.Module, tokens: Tensor, labels: Tensor) -> float:
    """The share of images whose largest logit is the right one.

    Raises like the model.
    """
    with torch.no_grad():
        return float((model(tokens).argmax(-1) == labels).double().mean())
