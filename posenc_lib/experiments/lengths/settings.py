"""The settings of the extrapolation experiment: tasks, encodings, lengths and two recipes.

    trained at n = 32 tokens,   read at 1, 2, 4 and 8 times n

Source: Press et al. 2022, "Train Short, Test Long", section 2; Ruoss et al. 2023 (randomised).

Each encoding gets the learning rate that suits it, and T5 the rate of its bias beside it: the
lowest loss on the validation text, at the trained length, with the first seed and a quarter of the
steps. The other tasks take the same rates. As a control, T5 is trained on text at the common rate
too.

The traps: settings chosen on what is reported; one rate for all, which was right for one of them;
and too small a head. With `head_dim` 8 RoPE has four pairs, with two heads ALiBi has two slopes:
either way the size of the model decides who wins. 128 features in 4 heads are fair to both.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import product

from posenc_lib.base import validation
from posenc_lib.experiments.parts.training_settings import Training

TASKS = ("text", "sum", "induction", "noise")
TUNED_ON = "text"  # the rates that it chooses hold for all tasks
BIASED = ("t5",)  # encodings with trained numbers inside attention, which have a rate of their own
RANDOMISED = "randomised"  # a sinusoid at positions drawn as in `randomised_positions`
ROOM = 2  # they are drawn from twice the longest row: its own positions are then a sample too


@dataclass(frozen=True)
class ExtrapolationSettings:
    """What is trained and how it is tested; the full version unless `small()`.

    Raises ValueError for a task or length that makes no sense; see `Training` for the rest.

    >>> ExtrapolationSettings.small().seeds
    (0,)
    """

    tasks: tuple[str, ...] = ("text", "induction", "noise")
    trained: tuple[str, ...] = (
        "none", "sinusoidal", "learned", "t5", "alibi", "rope", RANDOMISED,
    )  # fmt: skip
    seeds: tuple[int, ...] = (0, 1, 2)
    length: int = 32
    length_multiples: tuple[int, ...] = (1, 2, 4, 8)
    scored: int = 16_384  # characters of text, the same at every length
    scored_drawn: int = 8_192  # tokens of the other tasks
    dim: int = 128
    heads: int = 4
    layers: int = 2
    rates: tuple[float, ...] = (2e-3, 4e-3, 8e-3, 1.6e-2)
    bias_rate_factors: tuple[float, ...] = (1.0, 10.0, 30.0, 100.0)
    tried_share: float = 1 / 4  # of the steps, with which a choice is tried
    text: Training = field(default_factory=lambda: Training(steps=800, batch=16, rate=4e-3))
    drawn: Training = field(default_factory=lambda: Training(steps=300, batch=16, rate=4e-3))
    noise: Training = field(default_factory=lambda: Training(steps=100, batch=16, rate=4e-3))

    def __post_init__(self) -> None:
        name = "ExtrapolationSettings"
        for task in self.tasks:
            validation.choice(name, "tasks", task, TASKS)
        for size in ("length", "scored", "scored_drawn", "dim", "heads", "layers"):
            validation.size(name, size, getattr(self, size))
        validation.probability(name, "tried_share", self.tried_share)
        for rate in (*self.rates, *self.bias_rate_factors):
            validation.real(name, "rates", rate, above=0.0)
        for size in ("scored", "scored_drawn"):
            validation.divides(name, "longest row", self.longest, size, getattr(self, size))

    def recipe(self, task: str) -> Training:
        """How a task is trained before anything is chosen."""
        return {"text": self.text, "noise": self.noise}.get(task, self.drawn)

    def choices(self, encoding: str) -> list[dict[str, float]]:
        """What there is to choose from for this encoding: a rate, for T5 that of its bias too.

        An empty choice is the recipe as it stands.

        >>> ExtrapolationSettings(rates=(0.01,)).choices("rope")
        [{'rate': 0.01}]
        """
        if not self.rates:
            return [{}]
        if encoding not in BIASED:
            return [{"rate": rate} for rate in self.rates]
        pairs = product(self.rates, self.bias_rate_factors)
        return [{"rate": rate, "bias_rate_factor": factor} for rate, factor in pairs]

    def briefly(self) -> ExtrapolationSettings:
        """The same with fewer steps, as many as a choice is tried with."""
        text, drawn = (
            replace(plan, steps=max(1, round(self.tried_share * plan.steps)))
            for plan in (self.text, self.drawn)
        )
        return replace(self, text=text, drawn=drawn)

    @property
    def longest(self) -> int:
        """The longest row that is read, in tokens."""
        return self.length * max(self.length_multiples)

    @classmethod
    def small(cls) -> ExtrapolationSettings:
        """One task, three encodings and one seed, in a few seconds."""
        return cls(
            tasks=("sum",), trained=("sinusoidal", "alibi", "rope"), seeds=(0,), rates=(),
            layers=1, scored_drawn=2_048, drawn=Training(steps=200, batch=16, rate=4e-3),
        )  # fmt: skip
