"""Why do tables learn word order so late? Fewer places, more steps, shorter waves.

    places   real or reversed, windows of 2, 4 and 8 words, as many words in each batch
    steps    the longest of these windows, and more training steps

With two words there is one pair of places, and an encoding of single places has no more to learn
than one of distances. With eight words there are seven pairs of neighbours: a distance is one fact,
places are seven. A sinusoid of base 10 has waves as short as the text: rows of neighbours differ.
T5's bias at the rate of all other weights asks whether its lead is that of its tenfold rate.

Source: the comparison is our own; the table is that of Vaswani et al. 2017, section 3.5.

The trap: an explanation that was never tried. Here each one is a run that could have failed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from posenc_lib.base import validation
from posenc_lib.experiments.parts.parallel import side_by_side
from posenc_lib.experiments.parts.records import Record, Results, Variant
from posenc_lib.experiments.parts.training_settings import Training
from posenc_lib.experiments.text import word_order

TASKS = ("places", "steps")
# The settings are options of the encoding, instead of those of `text_order`. "common_rate" is none:
# the numbers of T5's bias then learn at the rate of all others, and not at ten times that.
COMMON_RATE = "common_rate"
TRAINED: tuple[Variant, ...] = (
    ("sinusoidal", {}), ("sinusoidal", {"base": 10.0}), ("learned", {}), ("t5", {}),
    ("t5", {COMMON_RATE: True}), ("rope", {}),
)  # fmt: skip


@dataclass(frozen=True)
class OrderBudgetSettings:
    """What is trained: `words` for "places", `steps` for "steps", `tokens` in half a batch.

    Raises ValueError for a task that is not there, sizes below 1, and words that do not divide
    the tokens.

    >>> OrderBudgetSettings.small().words
    (2, 4)
    """

    tasks: tuple[str, ...] = TASKS
    trained: tuple[Variant, ...] = TRAINED
    seeds: tuple[int, ...] = (0, 1, 2)
    words: tuple[int, ...] = (2, 4, 8)
    steps: tuple[int, ...] = (2000,)
    tokens: int = 256
    dim: int = 64
    heads: int = 4
    layers: int = 1
    training: Training = field(default_factory=lambda: Training(steps=800, rate=3e-3))

    def __post_init__(self) -> None:
        for task in self.tasks:
            validation.choice("OrderBudgetSettings", "tasks", task, TASKS)
        for name in ("tokens", "dim", "heads", "layers"):
            validation.size("OrderBudgetSettings", name, getattr(self, name))
        for words in self.words:
            if self.tokens % validation.size("OrderBudgetSettings", "words", words):
                raise validation.refuse(
                    ValueError, "OrderBudgetSettings", "words", words,
                    f"a divisor of tokens = {self.tokens}", "Each batch holds whole windows.",
                )  # fmt: skip
        for steps in self.steps:
            validation.size("OrderBudgetSettings", "steps", steps)

    @classmethod
    def small(cls) -> OrderBudgetSettings:
        """Two lengths and one seed, in a few seconds."""
        return cls(
            tasks=("places",), trained=(("learned", {}), ("rope", {})), seeds=(0,), words=(2, 4),
            dim=32, training=Training(steps=150, rate=1e-2),
        )  # fmt: skip


def order_budget(
    settings: OrderBudgetSettings | None = None, *, jobs: int | None = None
) -> Results:
    """Test accuracy for each task, encoding and seed; `at` is the words, or the training steps.

    Raises like `side_by_side`.

    Source: our own; the encodings are those of `text_order`.
    """
    settings = OrderBudgetSettings() if settings is None else settings
    calls = [
        {
            "settings": settings, "task": task, "encoding": encoding, "setting": setting,
            "seed": seed,
        }
        for task in settings.tasks
        for encoding, setting in settings.trained
        for seed in settings.seeds
    ]  # fmt: skip
    return side_by_side(one_run, calls, jobs=jobs)


def one_run(
    settings: OrderBudgetSettings, task: str, encoding: str, setting: Mapping[str, Any], seed: int
) -> list[Record]:
    """The test accuracies of one encoding and seed, at each number of words or of steps."""
    made = []
    longest, usual = max(settings.words), settings.training.steps
    plans = [(words, words, usual) for words in settings.words]
    if validation.choice("one_run", "task", task, TASKS) == "steps":
        plans = [(steps, longest, steps) for steps in settings.steps]
    options = {name: value for name, value in setting.items() if name != COMMON_RATE}
    recipe = settings.training
    if setting.get(COMMON_RATE):
        recipe = replace(recipe, bias_rate_factor=1.0)
    for at, words, steps in plans:
        plan = word_order.TextOrderSettings(
            words=words, dim=settings.dim, heads=settings.heads, layers=settings.layers,
            training=replace(recipe, steps=steps, batch=settings.tokens // words),
        )  # fmt: skip
        (found,) = word_order.one_run(plan, "reversed", encoding, seed, options=options or None)
        made.append(replace(found, task=task, at=at, setting=dict(setting)))
    return made
