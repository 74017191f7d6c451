"""The recipe of a training run: its settings, its batches, and the history that it leaves.

    rate(t) = peak * t / w                                            t <= w, the warm-up
    rate(t) = peak * (f + (1 - f) * (1 + cos(pi (t - w) / (T - w))) / 2)       afterwards

t counts steps from 1 to T, f is the share of the peak that is left at the end.

Source: Loshchilov and Hutter 2017, "SGDR: Stochastic Gradient Descent with Warm Restarts",
equation 5 (cosine); Vaswani et al. 2017, section 5.3 (warm-up).

The trap: comparing encodings at one learning rate that was chosen for one of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from posenc_lib.base import validation

IGNORED = -100  # a target that is not scored


class Batch(NamedTuple):
    """Inputs, targets and, where they are not 0, 1, 2 ..., the positions.

    `x` is (batch, length) or (batch, length, features), `target` what the loss compares the
    output with, `positions` (length,) or (batch, length).

    >>> Batch(x=None, target=None).positions is None
    True
    """

    x: Tensor
    target: Tensor
    positions: Tensor | None = None


@dataclass(frozen=True)
class Training:
    """The settings of a run: steps, batch rows, learning rate and the rest of the recipe.

    - `steps`, `batch`: optimiser steps, and rows in each batch.
    - `rate`: the peak learning rate; `warm_up`: the share of the steps that lead up to it;
      `final_rate_share`: the share of it that is left at the end.
    - `bias_rate_factor`: the trained numbers of an encoding inside attention (a bias of T5, a slope
      of KERPLE) learn at this multiple of the rate. AdamW moves every number by about the rate at
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
    bias_rate_factor: float = 10.0
    decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.98)
    warm_up: float = 0.05
    final_rate_share: float = 0.05
    clip: float = 1.0
    every: int = 50
    patience: int | None = None

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "every"):
            validation.size("Training", name, getattr(self, name))
        for name in ("rate", "clip", "bias_rate_factor"):
            validation.real("Training", name, getattr(self, name), above=0.0)
        for name in ("warm_up", "final_rate_share"):
            validation.probability("Training", name, getattr(self, name))
        validation.real("Training", "decay", self.decay, at_least=0.0)
        if self.patience is not None:
            validation.size("Training", "patience", self.patience)

    def rate_at(self, step: int) -> float:
        """The learning rate of step 1 .. steps."""
        warm = max(1, round(self.warm_up * self.steps))
        if step <= warm:
            return self.rate * step / warm
        done = (step - warm) / max(1, self.steps - warm)
        share = self.final_rate_share
        return self.rate * (share + (1 - share) * (1 + math.cos(math.pi * done)) / 2)


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
