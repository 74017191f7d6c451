"""Train short, test long: the same decoder with each encoding, at 1, 2, 4 and 8 times the length.

    loss(n) = mean of -log p(x_(i+1) | x_1 .. x_i) over the same tokens, cut into rows of n

Three tasks with the answer in the near past (text, sum, induction) and one without any (noise).
Two more ways to read the long text with the same weights are the controls:

- "sliding": the model only ever reads rows of the trained length, which overlap by half, and the
  second half of each is scored. What is lost beyond this was lost by position.
- "window": one long row, but every query sees its 32 latest keys only.

Source: Press et al. 2022, "Train Short, Test Long", sections 2 and 4 (the protocol and the sliding
window); Ruoss et al. 2023 (randomised positions); Chen et al. 2023, Peng et al. 2023 (scaled RoPE).

YaRN is run with its published ramp, which was made for texts of thousands of tokens: within 32 no
pair turns often enough to be left alone, so here it is close to PI.

The trap: longer rows give more context, so a loss that falls with n is no miracle, and settings
chosen for the loss at 8 times the length are chosen on the answer. These were chosen at the trained
length, on the validation topics.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from posenc_lib import _validate
from posenc_lib.experiments import prose, sequences
from posenc_lib.experiments.parallel import side_by_side
from posenc_lib.experiments.records import Record, Results
from posenc_lib.experiments.training import (
    IGNORED,
    Batch,
    Training,
    cross_entropy,
    predict,
    seeded,
    train,
)
from posenc_lib.experiments.transformer import TinyTransformer
from posenc_lib.randomised import randomised_positions
from posenc_lib.registry import make_encoding
from posenc_lib.relative import band_mask, relative_positions

TASKS = ("text", "sum", "induction", "noise")
RANDOMISED = "randomised"  # a sinusoid at positions drawn as in `randomised_positions`
ROOM = 2  # they are drawn from twice the longest row: its own positions are then a sample too
SCALED = {"rope_pi": "RoPE + PI", "rope_ntk": "RoPE + NTK", "rope_yarn": "RoPE + YaRN"}
LOSS, ACCURACY = "loss in nats", "accuracy"
SLIDING, WINDOW = "loss in nats, sliding", "loss in nats, window"


@dataclass(frozen=True)
class ExtrapolationSettings:
    """What is trained and how it is tested; the full version unless `small()`.

    Raises ValueError for a task or length that makes no sense; see `Training` for the rest.

    >>> ExtrapolationSettings.small().seeds
    (0,)
    """

    tasks: tuple[str, ...] = TASKS
    trained: tuple[str, ...] = (
        "none", "sinusoidal", "learned", "t5", "alibi", "rope", RANDOMISED,
    )  # fmt: skip
    seeds: tuple[int, ...] = (0, 1, 2)
    length: int = 32
    times: tuple[int, ...] = (1, 2, 4, 8)
    scored: int = 16_384  # characters of text, the same at every length
    scored_drawn: int = 8_192  # tokens of the other tasks
    dim: int = 64
    heads: int = 8
    layers: int = 2
    text: Training = field(default_factory=lambda: Training(steps=800, batch=16, rate=6e-3))
    drawn: Training = field(default_factory=lambda: Training(steps=400, batch=16, rate=6e-3))

    def __post_init__(self) -> None:
        name = "ExtrapolationSettings"
        for task in self.tasks:
            _validate.choice(name, "tasks", task, TASKS)
        for size in ("length", "scored", "scored_drawn", "dim", "heads", "layers"):
            _validate.size(name, size, getattr(self, size))
        for size in ("scored", "scored_drawn"):
            _validate.divides(name, "longest row", self.longest, size, getattr(self, size))

    @property
    def longest(self) -> int:
        """The longest row that is read, in tokens."""
        return self.length * max(self.times)

    @classmethod
    def small(cls) -> ExtrapolationSettings:
        """One task, three encodings and one seed, in a few seconds."""
        return cls(
            tasks=("sum",), trained=("sinusoidal", "alibi", "rope"), seeds=(0,),
            scored_drawn=4_096, drawn=Training(steps=300, batch=16, rate=6e-3),
        )  # fmt: skip


def extrapolation(
    settings: ExtrapolationSettings | None = None, *, jobs: int | None = None
) -> Results:
    """Loss and accuracy of every task, encoding, seed and length, with the controls on text.

    RoPE with PI, NTK and YaRN is the trained RoPE model, run with other angles and never trained
    with them; their factor is that of the length. Metrics: "loss in nats" and "accuracy" a token,
    and for text the two controls, "loss in nats, sliding" and "loss in nats, window".

    Raises ValueError for settings that do not fit, and like `side_by_side`.

    Source: Press et al. 2022, "Train Short, Test Long", section 4.
    """
    settings = ExtrapolationSettings() if settings is None else settings
    calls = [
        {"settings": settings, "task": task, "encoding": encoding, "seed": seed}
        for task in settings.tasks
        for encoding in settings.trained
        for seed in settings.seeds
    ]
    return side_by_side(one_run, calls, jobs=jobs)


def one_run(
    settings: ExtrapolationSettings, task: str, encoding: str, seed: int, split: str = "test"
) -> list[Record]:
    """Train one model and measure it at every length, on "test" or, to choose settings,
    "validation". Raises like `extrapolation`."""
    model = trained_model(settings, task, encoding, seed)
    records = []
    for times in settings.times:
        length = settings.length * times
        batch = scored_batch(settings, task, split, length)
        for name, variant in _variants(model, settings, encoding, times):
            reads: dict[str, Callable[..., tuple[Tensor, Tensor]]] = {"": _plain}
            if task == "text" and name == encoding:
                reads |= {", window": _windowed, ", sliding": _sliding}
            for read, how in reads.items():
                loss, accuracy = _scores(*how(variant, batch, name, settings))
                records.append(Record(task, name, seed, length, LOSS + read, loss))
                if not read:
                    records.append(Record(task, name, seed, length, ACCURACY, accuracy))
    return records


def trained_model(
    settings: ExtrapolationSettings, task: str, encoding: str, seed: int, progress: bool = False
) -> TinyTransformer:
    """A decoder trained on rows of `settings.length` tokens of a task.

    Raises ValueError for another task or encoding.
    """
    _validate.choice("trained_model", "task", task, TASKS)
    vocabulary = prose.VOCABULARY if task == "text" else sequences.TOKENS
    name, options = encoding_options(encoding)
    model = seeded(
        lambda: TinyTransformer(
            vocabulary=vocabulary, outputs=vocabulary, dim=settings.dim, heads=settings.heads,
            layers=settings.layers, encoding=name, length=settings.longest, options=options,
            causal=True,
        ),
        seed,
    )  # fmt: skip
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

    train(
        model, draw, settings.text if task == "text" else settings.drawn, seed=seed,
        progress=progress,
    )  # fmt: skip
    return model


def encoding_options(encoding: str) -> tuple[str, dict[str, Any]]:
    """The name in the registry and the options that a text of 32 tokens needs.

    - learned: N(0, 1), as wide as the embeddings; with 0.02 it hardly learns in 400 steps.
    - t5: 16 buckets up to distance 24, so that every bucket is met within 32 tokens.
    """
    if encoding == RANDOMISED:
        return "sinusoidal", {}
    options = {"learned": {"std": 1.0}, "t5": {"buckets": 16, "max_distance": 24}}
    return encoding, options.get(encoding, {})


def scored_batch(settings: ExtrapolationSettings, task: str, split: str, length: int) -> Batch:
    """`settings.scored` tokens in rows of `length`: the same text at every length."""
    if task != "text":
        generator = torch.Generator().manual_seed({"validation": 10**6, "test": 10**6 + 1}[split])
        return sequences.drawn(task, generator, settings.scored_drawn // length, length)
    text = torch.from_numpy(prose.characters(split))[: settings.scored + 1]
    return Batch(text[:-1].view(-1, length), text[1:].view(-1, length))


def _variants(
    model: TinyTransformer, settings: ExtrapolationSettings, encoding: str, times: int
) -> list[tuple[str, TinyTransformer]]:
    """The model itself and, for RoPE, the same weights with scaled angles."""
    found = [(encoding, model)]
    if encoding != "rope":
        return found
    for name in SCALED:
        scaled = make_encoding(
            name, dim=settings.dim, heads=settings.heads, length=settings.length,
            factor=float(times),
        )  # fmt: skip
        found.append((name, model.replace_encoding(scaled).eval()))
    return found


def _positions(settings: ExtrapolationSettings, name: str, length: int) -> Tensor:
    """0 .. length - 1, or a drawn sample where the model was trained with samples."""
    if name != RANDOMISED:
        return torch.arange(length)
    generator = torch.Generator().manual_seed(length)
    return randomised_positions(length, ROOM * settings.longest, generator=generator)


def _plain(
    model: TinyTransformer, batch: Batch, encoding: str, settings: ExtrapolationSettings
) -> tuple[Tensor, Tensor]:
    """One long row, every key before the query in sight."""
    return _run(model, batch, _positions(settings, encoding, batch.x.shape[1])), batch.target


def _windowed(
    model: TinyTransformer, batch: Batch, encoding: str, settings: ExtrapolationSettings
) -> tuple[Tensor, Tensor]:
    """One long row, the latest keys of each query in sight, as many as the trained length."""
    length = batch.x.shape[1]
    mask = band_mask(relative_positions(length, length), before=settings.length - 1, after=0)
    return _run(model, batch, _positions(settings, encoding, length), mask=mask), batch.target


def _sliding(
    model: TinyTransformer, batch: Batch, encoding: str, settings: ExtrapolationSettings
) -> tuple[Tensor, Tensor]:
    """Rows of the trained length that overlap by half; each token is scored once."""
    length, half = settings.length, settings.length // 2
    x = batch.x.unfold(1, length, half)  # (rows, windows, length)
    target = batch.target.unfold(1, length, half).clone()
    target[:, 1:, :half] = IGNORED  # scored by the window before
    short = Batch(x.flatten(0, 1), target.flatten(0, 1))
    return _run(model, short, _positions(settings, encoding, length)), short.target


def _run(model: TinyTransformer, batch: Batch, positions: Tensor, **options: Any) -> Tensor:
    """The logits, some thousand tokens at a time."""
    rows = max(1, 4096 // batch.x.shape[1])
    with torch.no_grad():
        parts = [predict(model, Batch(x, x, positions), **options) for x in batch.x.split(rows)]
    return torch.cat(parts)


def _scores(logits: Tensor, target: Tensor) -> tuple[float, float]:
    """Cross-entropy in nats and the share of tokens guessed right."""
    scored = target != IGNORED
    right = (logits.argmax(-1) == target)[scored].double().mean()
    return float(cross_entropy(logits.double(), target)), float(right)
