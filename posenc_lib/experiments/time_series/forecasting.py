"""Forecasts of measured series: seasons, stock prices, and times with gaps.

    el_nino, co2    36 months in, 12 out          sp500    32 trading days in, 5 out
    el_nino_gaps    18 of 36 months in, drawn at random, the latest among them; 12 out

One encoder layer, read out at the last token: prepare, encode, build, train, stop early, predict.

Source: the steps are common practice; Vaswani et al. 2018, "Tensor2Tensor" (the timing signal).

The trap: positions that count tokens where time has gaps. Twelve tokens back is then no year ago.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from posenc_lib.base import validation
from posenc_lib.experiments.data.forecast_windows import SHAPES
from posenc_lib.experiments.data.measured_series import Measured
from posenc_lib.experiments.parts.records import Variant
from posenc_lib.experiments.parts.training_settings import Training
from posenc_lib.experiments.time_series.forecast_steps import (
    TIMING,
    Forecast,
    build,
    fit,
    predicted,
    prepare,
)

# The settings are what `prepare` takes beside the encoding.
TRAINED: tuple[Variant, ...] = (
    ("none", {}), ("sinusoidal", {}), ("learned", {}), ("rope", {}), (TIMING, {}),
)  # fmt: skip
TRAINED_GAPS: tuple[Variant, ...] = (
    ("none", {}), ("sinusoidal", {}), ("sinusoidal", {"by_time": True}),
    ("rope", {"by_time": True}), (TIMING, {}),
)  # fmt: skip


@dataclass(frozen=True)
class SeriesSettings:
    """What is trained on the series; the full version unless `small()`.

    Raises ValueError for a series that is not there and sizes below 1.

    >>> SeriesSettings.small().tasks
    ('el_nino',)
    """

    tasks: tuple[str, ...] = tuple(SHAPES)
    seeds: tuple[int, ...] = (0, 1, 2)
    rates: tuple[float, ...] = (3e-3, 1e-2)
    dims: tuple[int, ...] = (16, 32)
    heads: int = 4
    layers: int = 1
    training: Training = field(
        default_factory=lambda: Training(steps=400, batch=64, every=50, patience=3)
    )

    def __post_init__(self) -> None:
        for task in self.tasks:
            validation.choice("SeriesSettings", "tasks", task, tuple(SHAPES))
        for size in ("heads", "layers"):
            validation.size("SeriesSettings", size, getattr(self, size))

    def trained(self, task: str) -> tuple[Variant, ...]:
        """The encodings that are trained on a series, each with its setting."""
        return TRAINED_GAPS if task.endswith("gaps") else TRAINED

    @classmethod
    def small(cls) -> SeriesSettings:
        """One series, one seed and nothing to choose, in a few seconds."""
        return cls(
            tasks=("el_nino",), seeds=(0,), rates=(1e-2,), dims=(32,),
            training=Training(steps=150, batch=64, every=25, patience=3),
        )  # fmt: skip


def forecast(
    settings: SeriesSettings,
    task: str,
    encoding: str,
    seed: int,
    *,
    rate: float,
    dim: int,
    by_time: bool = False,
    part: str = "test",
    data: Measured | None = None,
    progress: bool = False,
) -> Forecast:
    """Train on the first part, stop early on the second, predict `part`.

    `by_time` and `data` are those of `prepare`. The seed draws the weights, the batches and, where
    months are missing, which ones: a difference that holds for every seed holds for every draw.

    Raises ValueError for another series, encoding or part, and like `prepare`.
    """
    prepared = prepare(task, encoding, by_time=by_time, data=data, draw=seed)
    model = build(prepared, dim=dim, heads=settings.heads, layers=settings.layers, seed=seed)
    fit(model, prepared, replace(settings.training, rate=rate), seed=seed, progress=progress)
    return predicted(model, prepared, part)
