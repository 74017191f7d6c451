"""A small training loop: seeded, AdamW, warm-up then cosine, clipped gradients, early stop.

    rate(t) = peak * t / w                                            t <= w, the warm-up
    rate(t) = peak * (f + (1 - f) * (1 + cos(pi (t - w) / (T - w))) / 2)       afterwards

t counts steps from 1 to T, f is the share of the peak that is left at the end.

Source: Loshchilov and Hutter 2019, "Decoupled Weight Decay Regularization" (AdamW); Loshchilov
and Hutter 2017, "SGDR" (cosine); Pascanu et al. 2013 (clipping); Prechelt 1998, "Early Stopping -
But When?".

The traps: weights drawn from the global generator, which another thread uses too; and a progress
bar, whose text is part of a cell's output. Weights are made by `seeded`, batches come from a
generator of their own, and the bar is off unless asked for.
"""

from __future__ import annotations

import copy
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from posenc_lib import _validate
from posenc_lib.multihead import MultiHeadAttention

IGNORED = -100  # a target that is not scored
_GLOBAL_GENERATOR = threading.Lock()


class Batch(NamedTuple):
    """Inputs, targets and, where they are not 0, 1, 2 ..., the positions.

    `x` is (batch, length) or (batch, length, features), `target` what the loss compares the
    output with, `positions` (length,) or (batch, length).

    >>> Batch(torch.zeros(1, 2), torch.zeros(1)).positions is None
    True
    """

    x: Tensor
    target: Tensor
    positions: Tensor | None = None


@dataclass(frozen=True)
class Training:
    """The settings of a run: steps, batch rows, learning rate and the rest of the recipe.

    - `steps`, `batch`: optimiser steps, and rows in each batch.
    - `rate`: the peak learning rate; `warm_up` and `left` are shares of the steps and of the rate.
    - `bias_times`: the trained numbers of an encoding inside attention (a bias of T5, a slope of
      KERPLE) learn at this multiple of the rate. AdamW moves every number by about the rate at
      each step, and a bias has to travel several units where a weight travels a tenth.
    - `decay`, `betas`: of AdamW; `clip`: the largest norm of the gradient.
    - `every`: steps between two looks; `patience`: looks without improvement before the run stops
      and the best weights come back. None: no early stop.

    Raises ValueError for numbers out of range, TypeError for sizes that are not integers.

    >>> [round(Training(steps=100, rate=1.0).rate_at(t), 3) for t in (1, 5, 100)]
    [0.2, 1.0, 0.05]
    """

    steps: int = 400
    batch: int = 32
    rate: float = 3e-3
    bias_times: float = 10.0
    decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.98)
    warm_up: float = 0.05
    left: float = 0.05
    clip: float = 1.0
    every: int = 50
    patience: int | None = None

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "every"):
            _validate.size("Training", name, getattr(self, name))
        for name in ("rate", "clip", "bias_times"):
            _validate.real("Training", name, getattr(self, name), above=0.0)
        for name in ("warm_up", "left"):
            _validate.probability("Training", name, getattr(self, name))
        _validate.real("Training", "decay", self.decay, at_least=0.0)
        if self.patience is not None:
            _validate.size("Training", "patience", self.patience)

    def rate_at(self, step: int) -> float:
        """The learning rate of step 1 .. steps."""
        warm = max(1, round(self.warm_up * self.steps))
        if step <= warm:
            return self.rate * step / warm
        done = (step - warm) / max(1, self.steps - warm)
        return self.rate * (self.left + (1 - self.left) * (1 + math.cos(math.pi * done)) / 2)


class Look(NamedTuple):
    """One line of a history: the step, the mean training loss since the last look, validation.

    >>> Look(50, 0.5, None).step
    50
    """

    step: int
    training: float
    validation: float | None


@dataclass(frozen=True)
class History:
    """What a run looked like: its looks, the step whose weights were kept, and how it ended.

    >>> History((Look(1, 0.5, None),), kept=1, stopped_early=False).looks[-1].training
    0.5
    """

    looks: tuple[Look, ...]
    kept: int
    stopped_early: bool


def seeded(build: Callable[[], nn.Module], seed: int) -> nn.Module:
    """What `build` makes when the global generator starts from `seed`, which is then put back.

    One thread at a time, so that runs in threads of one process draw what they draw alone.

    Raises TypeError for a seed that is no integer, ValueError for a negative one.

    >>> first, second = (seeded(lambda: nn.Linear(2, 2), 0) for _ in range(2))
    >>> bool((first.weight == second.weight).all())
    True
    """
    seed = _validate.size("seeded", "seed", seed, minimum=0)
    with _GLOBAL_GENERATOR, torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(seed)
        return build()


def cross_entropy(output: Tensor, target: Tensor) -> Tensor:
    """Mean cross-entropy in nats over all scored targets; output is (..., classes).

    Raises like torch for shapes that do not fit.

    >>> cross_entropy(torch.zeros(1, 2, 4), torch.tensor([[0, IGNORED]])).exp()
    tensor(4.)
    """
    return F.cross_entropy(output.flatten(0, -2), target.flatten(), ignore_index=IGNORED)


def train(
    model: nn.Module,
    draw: Callable[[torch.Generator, int], Batch],
    settings: Training,
    *,
    seed: int,
    loss: Callable[[Tensor, Tensor], Tensor] = cross_entropy,
    validate: Callable[[nn.Module], float] | None = None,
    progress: bool = False,
) -> History:
    """Train `model` in place on batches from `draw(generator, rows)`; return its history.

    `validate` maps the model to a number, the lower the better, at each look and at the end. The
    same seed gives the same history to the last bit on one machine. `progress=True` shows a bar
    (tqdm) on the error stream.

    Raises TypeError for a seed that is no integer, ValueError for a negative one, for patience
    without `validate`, and for a loss that is not finite.

    Source: Loshchilov and Hutter 2019 (AdamW); Pascanu et al. 2013 (clipping); Prechelt 1998.

    >>> model = seeded(lambda: nn.Linear(1, 1), 0)
    >>> line = lambda generator, rows: Batch(x := torch.randn(rows, 1, generator=generator), 2 * x)
    >>> history = train(model, line, Training(steps=200, rate=0.1), seed=0, loss=F.mse_loss)
    >>> round(model.weight.item(), 2)
    2.0
    """
    generator = torch.Generator().manual_seed(_validate.size("train", "seed", seed, minimum=0))
    if settings.patience is not None and validate is None:
        raise _validate.refuse(
            ValueError, "train", "validate", None, "a function where settings have a patience",
            "Early stopping needs a validation split.",
        )  # fmt: skip
    optimiser = torch.optim.AdamW(
        _groups(model, settings), betas=settings.betas, weight_decay=settings.decay, fused=True
    )
    looks: list[Look] = []
    best, kept, weights, recent = math.inf, settings.steps, None, []
    step = 0
    for step in _counted(settings.steps, progress):
        for group in optimiser.param_groups:
            group["lr"] = settings.rate_at(step) * group["times"]
        model.train()
        batch = draw(generator, settings.batch)
        value = loss(predict(model, batch), batch.target)
        optimiser.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
        optimiser.step()
        recent.append(value.detach())
        if step % settings.every and step != settings.steps:
            continue
        looks.append(_look(model, step, recent, validate))
        recent = []
        if settings.patience is None:
            continue
        if looks[-1].validation < best:
            best, kept, weights = looks[-1].validation, step, copy.deepcopy(model.state_dict())
        elif step - kept >= settings.patience * settings.every:
            break
    if weights is not None:
        model.load_state_dict(weights)
    model.eval()
    return History(tuple(looks), kept, stopped_early=step < settings.steps)


def predict(model: nn.Module, batch: Batch, **options: Any) -> Tensor:
    """The output of the model for a batch, at its positions where it has some.

    Raises like the model.

    >>> predict(nn.Linear(2, 3), Batch(torch.zeros(4, 2), torch.zeros(4))).shape
    torch.Size([4, 3])
    """
    if batch.positions is None:
        return model(batch.x, **options)
    return model(batch.x, batch.positions, **options)


def _groups(model: nn.Module, settings: Training) -> list[dict[str, Any]]:
    """The parameters, those of encodings inside attention apart, each with its multiple."""
    inside = {
        id(parameter)
        for layer in model.modules()
        if isinstance(layer, MultiHeadAttention)
        for parameter in layer.encoding.parameters()
    }
    biases = [p for p in model.parameters() if id(p) in inside]
    others = [p for p in model.parameters() if id(p) not in inside]
    groups = [(others, 1.0), (biases, settings.bias_times)]
    return [{"params": part, "times": times} for part, times in groups if part]


def _counted(steps: int, progress: bool) -> Any:
    """1 .. steps, behind a bar if asked for."""
    counted = range(1, steps + 1)
    if not _validate.flag("train", "progress", progress):
        return counted
    from tqdm.auto import tqdm

    return tqdm(counted, desc="training", unit="step", leave=False)


def _look(model: nn.Module, step: int, recent: list[Tensor], validate: Callable | None) -> Look:
    """The mean loss of the recent steps and, if there is a split for it, the validation."""
    training = float(torch.stack(recent).double().mean())
    if not math.isfinite(training):
        raise _validate.refuse(
            ValueError, "train", f"loss at step {step}", training, "a finite number",
            "Lower the learning rate or look for NaN in the data.",
        )  # fmt: skip
    if validate is None:
        return Look(step, training, None)
    model.eval()
    with torch.no_grad():
        return Look(step, training, float(validate(model)))
