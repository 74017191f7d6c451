"""What draws digits pixel by pixel: two sizes of a decoder, the encodings, and their one rate.

All share one learning rate. The task "rates" tries four on validation digits, for one of the two
sizes and with a seed that is not reported: on average over the encodings two of them tie, and the
smaller one is taken, because the wide model without positions trains badly at the larger one.

Source: van den Oord et al. 2016, "Pixel Recurrent Neural Networks", section 2 (the task).

The trap: comparing one axis with two where the base differs as well, or at a learning rate that
suits one of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from posenc_lib.base import validation
from posenc_lib.experiments.parts.records import Variant
from posenc_lib.experiments.parts.training_settings import Training

TASKS = {  # dim, heads, layers
    "dim 64, 2 layers": (64, 2, 2),
    "dim 32, 3 layers": (32, 2, 3),
}
RATES_OF, TRIED = "rates", "dim 32, 3 layers"  # the task that chooses rates, and on which model
TRAINED = ("none", "sinusoidal", "sinusoidal_2d", "rope", "rope_2d")
# One base for all, so that one axis and two differ in the axes alone; 2-D RoPE has 100 anyway.
OPTIONS: dict[str, dict[str, Any]] = {
    name: {"base": 100.0} for name in ("sinusoidal", "sinusoidal_2d", "rope")
}
RATE = 1.2e-2  # a test holds it to the stored results of "rates"


@dataclass(frozen=True)
class PixelsSettings:
    """What learns to draw digits; the full version unless `small()`.

    `tried` are the rates that the task "rates" tries with `tried_seed`, on validation digits.

    Raises ValueError for a task that is not there.

    >>> PixelsSettings.small().tasks
    ('dim 32, 3 layers',)
    """

    tasks: tuple[str, ...] = (RATES_OF, *TASKS)
    trained: tuple[str, ...] = TRAINED
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    tried: tuple[float, ...] = (6e-3, 1.2e-2, 2.4e-2, 4.8e-2)
    tried_seed: int = 5
    training: Training = field(default_factory=lambda: Training(steps=400, batch=32, rate=RATE))

    def __post_init__(self) -> None:
        for task in self.tasks:
            validation.choice("PixelsSettings", "tasks", task, (RATES_OF, *TASKS))

    @classmethod
    def small(cls) -> PixelsSettings:
        """Two encodings, one seed and 60 steps, in four seconds."""
        return cls(
            tasks=("dim 32, 3 layers",), trained=("none", "rope_2d"), seeds=(0,),
            training=Training(steps=60, batch=32, rate=1.2e-2),
        )  # fmt: skip

    def variants(self, task: str) -> tuple[Variant, ...]:
        """What is trained for a task: each encoding, for "rates" with each rate that is tried.

        >>> PixelsSettings.small().variants("rates")[0]
        ('none', {'rate': 0.006})
        """
        tried = [{"rate": rate} for rate in self.tried] if task == RATES_OF else [{}]
        return tuple((encoding, setting) for encoding in self.trained for setting in tried)
