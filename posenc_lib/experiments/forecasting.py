"""Forecasts of measured series: seasons, stock prices, and times with gaps.

    el_nino, co2    36 months in, 12 out          sp500    32 trading days in, 5 out
    el_nino_gaps    18 of 36 months in, drawn at random, the latest among them; 12 out

One encoder layer, read out at the last token: prepare, encode, build, train, stop early, predict.

Source: the steps are common practice; Vaswani et al. 2018, "Tensor2Tensor" (the timing signal).

The trap: positions that count tokens where time has gaps. Twelve tokens back is then no year ago.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from posenc_lib import _validate
from posenc_lib.experiments.gaps import SHAPES, kept_months, rows_of
from posenc_lib.experiments.measured_series import Measured
from posenc_lib.experiments.recipe import Batch, Training
from posenc_lib.experiments.series_windows import Windows, scale_of
from posenc_lib.experiments.training import predict, seeded, train
from posenc_lib.experiments.transformer import TinyTransformer
from posenc_lib.timing import TimingEncoding

TRAINED = ("none", "sinusoidal", "learned", "rope")
BY_TIME = ", by time"  # the positions are months since the first of the window, not 0, 1, 2 ...
TIMING = "calendar"  # a sine and a cosine of the year, at the month itself
TRAINED_GAPS = ("none", "sinusoidal", "sinusoidal" + BY_TIME, "rope" + BY_TIME, TIMING)
OPTIONS: dict[str, dict[str, Any]] = {
    "sinusoidal": {"base": 100.0}, "rope": {"base": 100.0}, "learned": {"std": 0.5}
}  # fmt: skip


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
            _validate.choice("SeriesSettings", "tasks", task, tuple(SHAPES))
        for size in ("heads", "layers"):
            _validate.size("SeriesSettings", size, getattr(self, size))

    def trained(self, task: str) -> tuple[str, ...]:
        """The encodings that are trained on a series."""
        return TRAINED_GAPS if task.endswith("gaps") else TRAINED

    @classmethod
    def small(cls) -> SeriesSettings:
        """One series, one seed and nothing to choose, in a few seconds."""
        return cls(
            tasks=("el_nino",), seeds=(0,), rates=(1e-2,), dims=(32,),
            training=Training(steps=150, batch=64, every=25, patience=3),
        )  # fmt: skip


@dataclass(frozen=True)
class Forecast:
    """Predictions (rows, horizon) beside the rows they belong to, in the unit of the series.

    >>> Forecast(np.zeros((1, 2)), Windows.counted([[1.0]], [[2.0, 3.0]])).predicted.shape
    (1, 2)
    """

    predicted: np.ndarray
    rows: Windows


def forecast(
    settings: SeriesSettings,
    task: str,
    encoding: str,
    seed: int,
    *,
    rate: float,
    dim: int,
    part: str = "test",
    data: Measured | None = None,
    progress: bool = False,
) -> Forecast:
    """Train on the first part, stop early on the second, predict `part`.

    `data` replaces the measured values, for a test that changes the future.

    Raises ValueError for another series, encoding or part.
    """
    _validate.choice("forecast", "task", task, tuple(SHAPES))
    _, rows = rows_of(task, data, fill=False)
    scale = scale_of(rows["train"])
    batches = {
        name: _batch(some, scale, task, encoding, np.random.default_rng(number))
        for number, (name, some) in enumerate(rows.items())
    }
    horizon = rows["train"].future.shape[1]
    model = seeded(lambda: _model(settings, task, encoding, dim, horizon), seed)

    def draw(generator: torch.Generator, number: int) -> Batch:
        pick = torch.randint(len(batches["train"].x), (number,), generator=generator)
        x, y, positions = batches["train"]
        return Batch(x[pick], y[pick], positions if positions.ndim == 1 else positions[pick])

    def validate(trained: torch.nn.Module) -> float:
        return float(
            F.mse_loss(predict(trained, batches["validation"]), batches["validation"].target)
        )

    train(
        model, draw, replace(settings.training, rate=rate), seed=seed, loss=F.mse_loss,
        validate=validate, progress=progress,
    )  # fmt: skip
    with torch.no_grad():
        moved = predict(model, batches[part]).double().numpy() * scale
    return Forecast(rows[part].last + moved, rows[part])


def _model(
    settings: SeriesSettings, task: str, encoding: str, dim: int, horizon: int
) -> TinyTransformer:
    name, options, length = encoding.removesuffix(BY_TIME), OPTIONS, SHAPES[task][1]
    sizes = {
        "features": 1, "outputs": horizon, "dim": dim, "heads": settings.heads,
        "layers": settings.layers, "read_out": "last",
    }  # fmt: skip
    if encoding == TIMING:
        # The year and its overtones, down to the two months that a monthly series can show.
        periods = [12.0 / (1 + wave % 6) for wave in range(dim // 2)]
        return TinyTransformer(encoding=TimingEncoding.from_periods(periods), **sizes)
    return TinyTransformer(encoding=name, options=options.get(name), length=length, **sizes)


def _batch(
    rows: Windows, scale: float, task: str, encoding: str, generator: np.random.Generator
) -> Batch:
    """The rows relative to their last value, over the scale of the training part."""
    past, times = rows.past, rows.past_times
    if task.endswith("gaps"):
        kept = kept_months(len(rows), past.shape[1], generator)
        past = np.take_along_axis(past, kept, axis=1)
        times = np.take_along_axis(times, kept, axis=1)
    x = torch.from_numpy((past - rows.last) / scale).float()[..., None]
    y = torch.from_numpy((rows.future - rows.last) / scale).float()
    return Batch(x, y, _positions(torch.from_numpy(times.copy()), encoding))


def _positions(times: Tensor, encoding: str) -> Tensor:
    """Places in the row, months since its beginning, or the months themselves."""
    if encoding == TIMING:
        return times
    if encoding.endswith(BY_TIME):
        return times - times[:, :1]
    return torch.arange(times.shape[1])
