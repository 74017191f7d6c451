"""Translating dates: encoder-decoders that differ in their position encoding alone.

    digits    every digit a token, years 1000 to 2999; read one date, and then two in a row
    numbers   whole numbers as tokens, years 1990 to 2029: a token gives its role away
    rows      the same as digits, but trained on rows of one or two dates; read one, two and three
    rates     digits again, on validation, at several learning rates, another seed, fewer steps

Measured is the exact match, the share of translations without a mistake. The learning rate of each
encoding is the best of `rates` on the validation dates, for all tasks.

Source: the tasks are our own. That an encoder without position cannot tell two sources apart that
are permutations of each other follows from Vaswani et al. 2017, section 3.5.

The trap: weekday, month and signs name themselves. A score by tokens would hide that no date is
right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn

from posenc_lib.base import validation
from posenc_lib.experiments.parts.parallel import side_by_side
from posenc_lib.experiments.parts.records import Record, Results, Variant
from posenc_lib.experiments.parts.training import seeded, train
from posenc_lib.experiments.parts.training_settings import Batch, History, Training
from posenc_lib.experiments.translation.date_tokens import TARGETS, drawn, held_out, vocabulary
from posenc_lib.experiments.translation.encoder_decoder import DecoderOnly, EncoderDecoder
from posenc_lib.experiments.translation.translating import right_to_the_end

TASKS = ("rates", "digits", "numbers", "rows")
READ = {"rates": (1,), "digits": (1, 2), "numbers": (1,), "rows": (1, 2, 3)}
"""How many dates stand in a row of the test."""
EXACT, FIRST = "exact match", "first date right"
ALONE = {"decoder_only": True}
ONLY = {"numbers": ("none", "sinusoidal"), "rows": ("sinusoidal", "rope", "t5")}
OPTIONS: dict[str, dict[str, Any]] = {
    "learned": {"std": 1.0},
    "t5": {"buckets": 16, "max_distance": 24},
}
RATES = {
    "none": 8e-3, "sinusoidal": 8e-3, "learned": 1.6e-2, "t5": 1.6e-2, "alibi": 1.6e-2,
    "rope": 1.6e-2, "none, decoder only": 8e-3,
}  # fmt: skip
"""What "rates" chose; a test holds it to the stored results."""
LONGEST = 64  # tokens of a row; a table of positions needs to know


@dataclass(frozen=True)
class DatesSettings:
    """What is trained on the dates; the full version unless `small()`.

    - `rates`: the learning rate of each variant, by its label, as the task "rates" chose them.
    - `tried`: the rates that are tried there, with `tried_seed` and `tried_share` of the steps.

    Raises ValueError for a task that is not there and sizes below 1.

    >>> DatesSettings.small().languages
    ('German',)
    """

    tasks: tuple[str, ...] = TASKS
    encodings: tuple[str, ...] = ("none", "sinusoidal", "learned", "t5", "alibi", "rope")
    alone: tuple[str, ...] = ("none",)
    languages: tuple[str, ...] = TARGETS
    seeds: tuple[int, ...] = (0, 1, 2)
    tried: tuple[float, ...] = (4e-3, 8e-3, 1.6e-2)
    tried_seed: int = 3
    tried_share: float = 1 / 3
    rates: dict[str, float] = field(default_factory=lambda: dict(RATES))
    dim: int = 32
    heads: int = 4
    layers: int = 2
    training: Training = field(default_factory=lambda: Training(steps=900, batch=64, rate=4e-3))

    def __post_init__(self) -> None:
        for task in self.tasks:
            validation.choice("DatesSettings", "tasks", task, TASKS)
        for size in ("dim", "heads", "layers"):
            validation.size("DatesSettings", size, getattr(self, size))
        validation.probability("DatesSettings", "tried_share", self.tried_share)

    @classmethod
    def small(cls) -> DatesSettings:
        """One language, two encodings and one seed, in a few seconds."""
        return cls(
            tasks=("digits",), encodings=("none", "sinusoidal"), alone=(), languages=("German",),
            seeds=(0,), rates={}, dim=32, heads=2, layers=1,
            training=Training(steps=200, batch=32, rate=8e-3),
        )  # fmt: skip

    def variants(self, task: str) -> list[Variant]:
        """What is trained for a task, as pairs of an encoding and its setting.

        The other tasks ask one thing each, so they take some of the encodings. The control without
        an encoder belongs to the digits.
        """
        encodings = [name for name in self.encodings if name in ONLY.get(task, self.encodings)]
        alone = self.alone if task in ("rates", "digits") else ()
        found: list[Variant] = [(name, {}) for name in encodings]
        found += [(name, ALONE) for name in alone]
        if task == "rates":
            found = [(name, {**how, "rate": rate}) for name, how in found for rate in self.tried]
        return found


def dates(settings: DatesSettings | None = None, *, jobs: int | None = None) -> Results:
    """Exact match for each task, variant and seed; `at` is the number of dates in a row.

    Raises like `side_by_side`.
    """
    settings = DatesSettings() if settings is None else settings
    calls = [
        {"settings": settings, "task": task, "encoding": name, "seed": seed, "setting": setting}
        for task in settings.tasks
        for name, setting in settings.variants(task)
        for seed in ((settings.tried_seed,) if task == "rates" else settings.seeds)
    ]
    return side_by_side(one_run, calls, jobs=jobs)


def one_run(
    settings: DatesSettings, task: str, encoding: str, seed: int, setting: Mapping[str, Any]
) -> list[Record]:
    """Train one model and read the test dates with it, or the validation dates for "rates".

    For each number of dates in a row: the exact match over all languages and for each of them; for
    rows longer than those of training also whether the first date is right.
    """
    model, _ = trained_model(settings, task, encoding, seed, setting)
    split = "validation" if task == "rates" else "test"
    found: list[Record] = []

    def record(at: int, metric: str, values: list[float]) -> None:
        value = sum(values) / len(values)
        found.append(Record(task, encoding, seed, at, metric, value, dict(setting)))

    for at in READ[task]:
        each, firsts = [], []
        for language in settings.languages:
            batch = held_out(split, units_of(task), language, at)
            with torch.no_grad():
                logits = model(batch.x)
            each.append(float(right_to_the_end(logits, batch.target).double().mean()))
            if at > 1:
                alone = held_out(split, units_of(task), language, 1).target
                ends = alone.masked_fill(alone == 1, -100)  # whether it goes on is not asked
                first = right_to_the_end(logits[:, : ends.shape[1]], ends)
                firsts.append(float(first.double().mean()))
        record(at, EXACT, each)
        if at > 1:
            record(at, FIRST, firsts)
        elif task == "digits":
            for language, value in zip(settings.languages, each, strict=True):
                record(at, f"{EXACT}, {language}", [value])
    return found


def units_of(task: str) -> str:
    """The tokens of a task: "numbers" or "digits".

    >>> units_of("rows")
    'digits'
    """
    return "numbers" if task == "numbers" else "digits"


def untrained_model(
    settings: DatesSettings, task: str, encoding: str, seed: int, setting: Mapping[str, Any]
) -> nn.Module:
    """The model of a variant, weights drawn and nothing learned.

    Raises ValueError for another task or encoding.

    >>> made = untrained_model(DatesSettings.small(), "digits", "rope", 0, {})
    >>> made.vocabulary
    100
    """
    validation.choice("untrained_model", "task", task, TASKS)
    how: dict[str, Any] = {
        "vocabulary": len(vocabulary(units_of(task))), "dim": settings.dim,
        "heads": settings.heads, "encoding": encoding, "length": LONGEST,
        "options": OPTIONS.get(encoding),
    }  # fmt: skip
    if setting.get("decoder_only"):  # as many layers as the two sides have together
        return seeded(lambda: DecoderOnly(layers=2 * settings.layers, **how), seed).eval()
    return seeded(lambda: EncoderDecoder(layers=settings.layers, **how), seed).eval()


def trained_model(
    settings: DatesSettings, task: str, encoding: str, seed: int,
    setting: Mapping[str, Any] | None = None, progress: bool = False,
) -> tuple[nn.Module, History]:  # fmt: skip
    """The model of a variant, trained on the training dates of a task.

    `setting` may hold "decoder_only" and "rate", the rate instead of the chosen one.

    Raises ValueError for another task or encoding.
    """
    setting = setting or {}
    model = untrained_model(settings, task, encoding, seed, setting)
    label = f"{encoding}, decoder only" if setting.get("decoder_only") else encoding
    rate = setting.get("rate", settings.rates.get(label, settings.training.rate))

    def draw(generator: torch.Generator, rows: int) -> Batch:
        most = 2 if task == "rows" else 1
        return drawn(generator, rows, units_of(task), settings.languages, most)

    steps = settings.training.steps
    if task == "rates":
        steps = max(1, round(settings.tried_share * steps))
    training = replace(settings.training, rate=rate, steps=steps)
    return model, train(model, draw, training, seed=seed, progress=progress)
