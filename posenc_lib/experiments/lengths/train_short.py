"""Train short, test long: the same decoder with each encoding, at 1, 2, 4 and 8 times the length.

    loss(n) = mean of -log p(x_(i+1) | x_1 .. x_i) over the same tokens, cut into rows of n

Three tasks with the answer in the near past (text, sum, induction) and one without any (noise).
Two more ways to read the long text with the same weights are the controls:

- "sliding": the model only ever reads rows of the trained length, which overlap by half, and the
  second half of each is scored. What is lost beyond this was lost by position.
- "window": one long row, but every query sees its 32 latest keys only.

Source: Press et al. 2022, "Train Short, Test Long", sections 2 and 4 (the protocol and the sliding
window); Ruoss et al. 2023 (randomised positions); Chen et al. 2023, Peng et al. 2023 (scaled RoPE).

YaRN leaves alone what turns 32 times within the trained length. That ramp was made for thousands of
tokens: within 32 no pair turns so often. So it is run as published, and once with a ramp that ends
at 2.4 turns, which stands where 32 stands for 4,096 tokens: 5.09 ** (log 32 / log 652), the fastest
pair turning 5.09 times here and 652 times there.

The trap: settings chosen for the loss at 8 times the length are chosen on the answer. Here each
encoding has a learning rate chosen at the trained length, on the validation topics; the choices are
in the results.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.base.randomised import randomised_positions
from posenc_lib.experiments.data import prose, sequences
from posenc_lib.experiments.lengths.evaluation import plain, scored_batch, scores, sliding, windowed
from posenc_lib.experiments.lengths.settings import (
    RANDOMISED,
    ROOM,
    TASKS,
    TUNED_ON,
    ExtrapolationSettings,
)
from posenc_lib.experiments.parts.parallel import every_run, narrowed, side_by_side
from posenc_lib.experiments.parts.records import Record, Results
from posenc_lib.experiments.parts.training import seeded, train
from posenc_lib.experiments.parts.training_settings import Batch, Training
from posenc_lib.experiments.parts.transformer import TinyTransformer
from posenc_lib.registry import make_encoding

YARN_SHORT = "rope_yarn_short"
SCALED = {
    "rope_pi": "RoPE + PI", "rope_ntk": "RoPE + NTK", "rope_yarn": "RoPE + YaRN",
    YARN_SHORT: "RoPE + YaRN, short ramp",
}  # fmt: skip
SHORT_RAMP = 2.4  # turns within the trained length from which on a pair is left alone
VALIDATION = "validation loss"
LOSS, ACCURACY = "loss in nats", "accuracy"
SLIDING, WINDOW = "loss in nats, sliding", "loss in nats, window"
COMMON = "loss in nats, bias at the common rate"


def extrapolation(
    settings: ExtrapolationSettings | None = None, *, jobs: int | None = None
) -> Results:
    """Loss and accuracy of every task, encoding, seed and length, with the controls on text.

    RoPE with PI, NTK and YaRN is the trained RoPE model, run with other angles and never trained
    with them; their factor is that of the length. Metrics: "loss in nats" and "accuracy" a token,
    and for text the controls, "loss in nats, sliding" and "loss in nats, window", and for T5
    "loss in nats, bias at the common rate"; and "validation loss" of each choice of a learning
    rate, which stands in its setting.

    Raises ValueError for settings that do not fit, and like `side_by_side`.

    Source: Press et al. 2022, "Train Short, Test Long", section 4.
    """
    settings = ExtrapolationSettings() if settings is None else settings
    tried = _side_by_side(tuning_calls(settings), jobs)
    kept = (record for record in tried if record.task in settings.tasks)
    return Results(kept) + _side_by_side(tested_calls(settings, tried), jobs)


Calls = list[tuple[Callable[..., list[Record]], dict[str, Any]]]  # a function and how to call it


def tuning_calls(settings: ExtrapolationSettings) -> Calls:
    """The runs that choose rates: every choice of every encoding, first seed only.

    Each is trained on text, whatever the tasks are, with the share of the steps that the settings
    say. There are none where there is nothing to choose.
    """
    brief, seed = settings.briefly(), settings.seeds[0]
    return [
        (
            validation_run,
            {
                "settings": _alone(narrowed(brief, TUNED_ON, encoding, seed)),
                "task": TUNED_ON, "encoding": encoding, "seed": seed, "choice": choice,
            },
        )
        for encoding in settings.trained
        for choice in settings.choices(encoding)
        if len(settings.choices(encoding)) > 1
    ]  # fmt: skip


def tested_calls(settings: ExtrapolationSettings, tried: Results) -> Calls:
    """The runs that are reported: every task, encoding and seed with the rates that were chosen.

    On text, what chose a rate for its bias is trained once more without one: as a control.

    Raises like `chosen`.
    """
    calls, common = every_run(_alone(settings)), replace(settings, bias_rate_factors=(1.0,))
    reported: Calls = [
        (one_run, {**call, "choice": chosen(settings, tried, call["encoding"])}) for call in calls
    ]
    controls: Calls = [
        (common_rate_run, {**call, "choice": chosen(common, tried, call["encoding"])})
        for call in calls
        if call["task"] == "text" and 1.0 in _factors(settings, call["encoding"])
    ]
    return reported + controls


def _factors(settings: ExtrapolationSettings, encoding: str) -> set[float]:
    """The multiples of the rate that the bias of an encoding may choose from, if it may."""
    choices = settings.choices(encoding)
    found = {choice["bias_rate_factor"] for choice in choices if "bias_rate_factor" in choice}
    return found if len(found) > 1 else set()


def _side_by_side(calls: Calls, jobs: int | None) -> Results:
    found = Results()
    for function in dict.fromkeys(function for function, _ in calls):
        found += side_by_side(function, [call for f, call in calls if f is function], jobs=jobs)
    return found


def chosen(settings: ExtrapolationSettings, tried: Results, encoding: str) -> dict[str, float]:
    """The choice with the lowest validation loss, or the only one there is.

    Raises ValueError where there are several and one was not tried.
    """
    choices = settings.choices(encoding)
    if len(choices) == 1:
        return choices[0]
    here = tried.where(task=TUNED_ON, encoding=encoding, metric=VALIDATION)
    return min(choices, key=lambda choice: here.mean(setting=choice))


def _alone(settings: ExtrapolationSettings) -> ExtrapolationSettings:
    """The settings of a run, which does not depend on what else was tried."""
    return replace(settings, rates=(), bias_rate_factors=())


def validation_run(
    settings: ExtrapolationSettings, task: str, encoding: str, seed: int, choice: dict[str, float]
) -> list[Record]:
    """Train one model with a choice and measure it on validation data, at the trained length."""
    model = trained_model(settings, task, encoding, seed, choice=choice)
    batch = scored_batch(settings, task, "validation", settings.length)
    loss, _ = scores(*plain(model, batch, encoding, settings))
    return [Record(task, encoding, seed, settings.length, VALIDATION, loss, choice)]


def one_run(
    settings: ExtrapolationSettings, task: str, encoding: str, seed: int,
    choice: dict[str, float] | None = None, split: str = "test",
) -> list[Record]:  # fmt: skip
    """Train one model with a choice of rates and measure it at every length, on "test" or
    "validation". Raises like `extrapolation`."""
    model = trained_model(settings, task, encoding, seed, choice=choice)
    records = []
    for multiple in settings.length_multiples:
        length = settings.length * multiple
        batch = scored_batch(settings, task, split, length)
        for name, variant in _variants(model, settings, encoding, multiple):
            reads: dict[str, Callable[..., tuple[Tensor, Tensor]]] = {LOSS: plain}
            if task == "text" and name == encoding:
                reads |= {WINDOW: windowed, SLIDING: sliding}
            for metric, read in reads.items():
                loss, accuracy = scores(*read(variant, batch, name, settings))
                records.append(Record(task, name, seed, length, metric, loss))
                if metric == LOSS:
                    records.append(Record(task, name, seed, length, ACCURACY, accuracy))
    return records


def common_rate_run(
    settings: ExtrapolationSettings, task: str, encoding: str, seed: int, choice: dict[str, float]
) -> list[Record]:
    """The loss on test data at every length of a model whose bias learns at the common rate.

    `choice` says which rate that is. Raises like `extrapolation`."""
    found = Results(one_run(settings, task, encoding, seed, choice))
    return [replace(record, metric=COMMON) for record in found.where(metric=LOSS)]


def trained_model(
    settings: ExtrapolationSettings,
    task: str,
    encoding: str,
    seed: int,
    *,
    choice: dict[str, float] | None = None,
    progress: bool = True,
    options: dict[str, Any] | None = None,
) -> TinyTransformer:
    """A decoder trained on rows of `settings.length` tokens of a task.

    `choice` replaces numbers of the recipe, such as its rate; `options` of the encoding replace
    those of `encoding_options`.

    Raises ValueError for another task or encoding.
    """
    model = untrained_model(settings, task, encoding, seed, options)
    text = torch.from_numpy(prose.characters("train")) if task == "text" else None

    def draw(generator: torch.Generator, rows: int) -> Batch:
        if text is None:
            batch = sequences.drawn(task, generator, rows, settings.length)
        else:
            starts = torch.randint(len(text) - settings.length, (rows, 1), generator=generator)
            x = text[starts + torch.arange(settings.length + 1)]
            batch = Batch(x[:, :-1], x[:, 1:])
        if encoding != RANDOMISED:
            return batch
        # A sample a batch: the model sees all positions up to the longest, a few at a time.
        at = randomised_positions(settings.length, ROOM * settings.longest, generator=generator)
        return batch._replace(positions=at)

    chosen_rates: dict[str, Any] = dict(choice or {})
    recipe: Training = replace(settings.recipe(task), **chosen_rates)
    train(model, draw, recipe, seed=seed, progress=progress)
    return model


def untrained_model(
    settings: ExtrapolationSettings,
    task: str,
    encoding: str,
    seed: int,
    options: dict[str, Any] | None = None,
) -> TinyTransformer:
    """The same decoder before it has seen a row: weights drawn, nothing learned.

    Raises ValueError for another task or encoding.

    >>> untrained_model(ExtrapolationSettings(), "sum", "rope", seed=0).vocabulary
    10
    """
    validation.choice("trained_model", "task", task, TASKS)
    vocabulary = prose.VOCABULARY if task == "text" else sequences.TOKENS
    name, usual = encoding_options(encoding)
    options = usual if options is None else options
    return seeded(
        lambda: TinyTransformer(
            vocabulary=vocabulary, outputs=vocabulary, dim=settings.dim, heads=settings.heads,
            layers=settings.layers, encoding=name, length=settings.longest, options=options,
            causal=True,
        ),
        seed,
    )  # fmt: skip


def encoding_options(encoding: str) -> tuple[str, dict[str, Any]]:
    """The name in the registry and the options that a text of 32 tokens needs.

    - learned: N(0, 1), as wide as the embeddings; with 0.02 it hardly learns in 400 steps.
    - t5: 16 buckets up to distance 24, so that every bucket is met within 32 tokens.
    """
    if encoding == RANDOMISED:
        return "sinusoidal", {}
    options: dict[str, dict[str, Any]] = {
        "learned": {"std": 1.0},
        "t5": {"buckets": 16, "max_distance": 24},
    }
    return encoding, options.get(encoding, {})


def _variants(
    model: TinyTransformer, settings: ExtrapolationSettings, encoding: str, multiple: int
) -> list[tuple[str, TinyTransformer]]:
    """The model itself and, for RoPE, the same weights with scaled angles."""
    found = [(encoding, model)]
    if encoding != "rope":
        return found
    factor = float(multiple)
    return found + [(name, scaled_model(model, settings, name, factor)) for name in SCALED]


def scaled_model(
    model: TinyTransformer, settings: ExtrapolationSettings, name: str, factor: float
) -> TinyTransformer:
    """The same weights with the angles of a name in `SCALED`, not trained on.

    Raises ValueError for another name or a factor below 1.
    """
    validation.choice("scaled_model", "name", name, tuple(SCALED))
    options: dict[str, Any] = {"beta": SHORT_RAMP} if name == YARN_SHORT else {}
    scaled = make_encoding(
        "rope_yarn" if name == YARN_SHORT else name, dim=settings.dim, heads=settings.heads,
        length=settings.length, factor=factor, **options,
    )  # fmt: skip
    return model.replace_encoding(scaled).eval()
