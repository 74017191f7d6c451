"""A small training loop: seeded, AdamW, clipped gradients, early stop.

    gradient  ->  gradient * min(1, clip / |gradient|)  ->  one step of AdamW at rate(t)

Source: Loshchilov and Hutter 2019, "Decoupled Weight Decay Regularization" (AdamW); Pascanu et al.
2013, "On the Difficulty of Training Recurrent Neural Networks" (clipping); Prechelt 1998, "Early
Stopping - But When?".

The trap: weights drawn from the global generator, which another thread uses too. Weights are made
by `seeded`, and batches come from a generator of their own.
"""

from __future__ import annotations

import copy
import math
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from posenc_lib.base import validation
from posenc_lib.base.draws import own_draws
from posenc_lib.experiments.parts.parallel import one_thread
from posenc_lib.experiments.parts.progress import progress as bar
from posenc_lib.experiments.parts.training_settings import IGNORED, Batch, History, Look, Training
from posenc_lib.layers.multihead import MultiHeadAttention

_GLOBAL_GENERATOR = threading.Lock()
Made = TypeVar("Made", bound=nn.Module)


def seeded(build: Callable[[], Made], seed: int) -> Made:
    """What `build` makes when the global generator starts from `seed`, which is then put back.

    One thread at a time, so that runs in threads of one process draw what they draw alone.

    Raises TypeError for a seed that is no integer, ValueError for a negative one.

    >>> first, second = (seeded(lambda: nn.Linear(2, 2), 0) for _ in range(2))
    >>> bool((first.weight == second.weight).all())
    True
    """
    seed = validation.size("seeded", "seed", seed, minimum=0)
    with _GLOBAL_GENERATOR, own_draws(seed):
        return build()


def cross_entropy(output: Tensor, target: Tensor) -> Tensor:
    """Mean cross-entropy in nats over all scored targets; output is (..., classes).

    Raises like torch for shapes that do not fit.

    >>> cross_entropy(torch.zeros(1, 2, 4), torch.tensor([[0, IGNORED]])).exp()
    tensor(4.)
    """
    return F.cross_entropy(output.flatten(0, -2), target.flatten(), ignore_index=IGNORED)


@one_thread()  # two are slower at these sizes, and one keeps the order of sums
def train(
    model: nn.Module,
    draw: Callable[[torch.Generator, int], Batch],
    settings: Training,
    *,
    seed: int,
    loss: Callable[[Tensor, Tensor], Tensor] = cross_entropy,
    validate: Callable[[nn.Module], float] | None = None,
    progress: bool = True,
) -> History:
    """Train `model` in place on batches from `draw(generator, rows)`; return its history.

    `validate` maps the model to a number, the lower the better, at each look and at the end. The
    same seed gives the same history to the last bit on one machine. A run of more than two seconds
    shows a bar on the error stream, unless `progress=False`.

    Raises TypeError for a seed that is no integer, ValueError for a negative one, for patience
    without `validate`, and for a loss that is not finite.

    Source: Loshchilov and Hutter 2019 (AdamW); Pascanu et al. 2013 (clipping); Prechelt 1998.

    >>> model = seeded(lambda: nn.Linear(1, 1), 0)
    >>> line = lambda generator, rows: Batch(x := torch.randn(rows, 1, generator=generator), 2 * x)
    >>> history = train(model, line, Training(steps=200, rate=0.1), seed=0, loss=F.mse_loss)
    >>> round(model.weight.item(), 2)
    2.0
    """
    generator = torch.Generator().manual_seed(validation.size("train", "seed", seed, minimum=0))
    if settings.patience is not None and validate is None:
        raise validation.refuse(
            ValueError, "train", "validate", None, "a function where settings have a patience",
            "Early stopping needs a validation split.",
        )  # fmt: skip
    optimiser = torch.optim.AdamW(
        _groups(model, settings), betas=settings.betas, weight_decay=settings.decay, fused=True
    )
    looks: list[Look] = []
    best, kept, weights, recent = math.inf, settings.steps, None, []
    step = 0
    for step in _steps(settings.steps, progress):
        for group in optimiser.param_groups:
            group["lr"] = settings.rate_at(step) * group["rate_factor"]
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
        recent, latest = [], looks[-1].validation
        if settings.patience is None or latest is None:
            continue
        if latest < best:
            best, kept, weights = latest, step, copy.deepcopy(model.state_dict())
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
    """The parameters, those of encodings inside attention apart, each with its factor."""
    inside = {
        id(parameter)
        for layer in model.modules()
        if isinstance(layer, MultiHeadAttention)
        for parameter in layer.encoding.parameters()
    }
    biases = [p for p in model.parameters() if id(p) in inside]
    others = [p for p in model.parameters() if id(p) not in inside]
    groups = [(others, 1.0), (biases, settings.bias_rate_factor)]
    return [{"params": part, "rate_factor": factor} for part, factor in groups if part]


def _steps(steps: int, progress: bool) -> Any:
    """1 .. steps, behind a bar where that takes its time."""
    counted = range(1, steps + 1)
    if not validation.flag("train", "progress", progress):
        return counted
    return bar(counted, "training", "step")


def _look(model: nn.Module, step: int, recent: list[Tensor], validate: Callable | None) -> Look:
    """The mean loss of the recent steps and, if there is a split for it, the validation."""
    training = float(torch.stack(recent).double().mean())
    if not math.isfinite(training):
        raise validation.refuse(
            ValueError, "train", f"loss at step {step}", training, "a finite number",
            "Lower the learning rate or look for NaN in the data.",
        )  # fmt: skip
    if validate is None:
        return Look(step, training, None)
    model.eval()
    with torch.no_grad():
        return Look(step, training, float(validate(model)))
