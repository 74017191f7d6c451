"""The settings of the extrapolation experiment: tasks, encodings, lengths and two recipes.

    trained at n = 32 tokens,   read at 1, 2, 4 and 8 times n

Source: Press et al. 2022, "Train Short, Test Long", section 2; Ruoss et al. 2023 (randomised).

The trap: settings chosen on what is reported. These were chosen at the trained length, on the
validation topics.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from posenc_lib.base import validation
from posenc_lib.experiments.parts.training_settings import Training

TASKS = ("text", "sum", "induction", "noise")
RANDOMISED = "randomised"  # a sinusoid at positions drawn as in `randomised_positions`
ROOM = 2  # they are drawn from twice the longest row: its own positions are then a sample too


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
    length_multiples: tuple[int, ...] = (1, 2, 4, 8)
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
            validation.choice(name, "tasks", task, TASKS)
        for size in ("length", "scored", "scored_drawn", "dim", "heads", "layers"):
            validation.size(name, size, getattr(self, size))
        for size in ("scored", "scored_drawn"):
            validation.divides(name, "longest row", self.longest, size, getattr(self, size))

    @property
    def longest(self) -> int:
        """The longest row that is read, in tokens."""
        return self.length * max(self.length_multiples)

    @classmethod
    def small(cls) -> ExtrapolationSettings:
        """One task, three encodings and one seed, in a few seconds."""
        return cls(
            tasks=("sum",), trained=("sinusoidal", "alibi", "rope"), seeds=(0,),
            scored_drawn=2_048, drawn=Training(steps=250, batch=16, rate=6e-3),
        )  # fmt: skip
