"""Forecasts of measured series: seasons, stock prices, and times with gaps.

    el_nino, co2    36 months in, 12 out          sp500    32 trading days in, 5 out
    el_nino_gaps    18 of 36 months in, drawn at random, the latest among them; 12 out

One encoder layer, read out at the last token. Learning rate and width are chosen for each series
and encoding on the validation part; the test part is touched once. "mse minus last value" is the
paired difference of squared errors, with a standard error from blocks of windows: neighbouring
windows share most of their values and are no independent evidence.

Source: the steps are common practice; the test on paired differences with blocks follows Diebold
and Mariano 1995, "Comparing Predictive Accuracy", section 1.

The trap: a single lucky seed that beats the last value on prices by less than its error bar. And
positions that count tokens where time has gaps: twelve tokens back is then no year ago.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from posenc_lib import _validate
from posenc_lib.experiments import baselines
from posenc_lib.experiments.measured_series import Measured, measured
from posenc_lib.experiments.parallel import side_by_side
from posenc_lib.experiments.records import Record, Results
from posenc_lib.experiments.series_windows import Windows, scale_of, windows
from posenc_lib.experiments.training import Batch, Training, predict, seeded, train
from posenc_lib.experiments.transformer import TinyTransformer
from posenc_lib.timing import TimingEncoding

SHAPES = {  # series, history, horizon
    "el_nino": ("el_nino", 36, 12),
    "co2": ("co2", 36, 12),
    "sp500": ("sp500", 32, 5),
    "el_nino_gaps": ("el_nino", 36, 12),
}
KEPT = 18  # months of the 36, where there are gaps
TRAINED = ("none", "sinusoidal", "learned", "rope")
BY_TIME = ", by time"  # the positions are months since the first of the window, not 0, 1, 2 ...
TIMING = "calendar"  # a sine and a cosine of the year, at the month itself
TRAINED_GAPS = ("none", "sinusoidal", "sinusoidal" + BY_TIME, "rope" + BY_TIME, TIMING)
OPTIONS: dict[str, dict[str, Any]] = {
    "sinusoidal": {"base": 100.0}, "rope": {"base": 100.0}, "learned": {"std": 0.5}
}  # fmt: skip
RMSE, BEYOND, ERROR = "rmse", "mse minus last value", "standard error of the difference"
VALIDATION = "validation rmse"


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

    >>> Forecast(np.zeros((1, 12)), Windows(*[np.zeros((1, 12))] * 4)).predicted.shape
    (1, 12)
    """

    predicted: np.ndarray
    rows: Windows


def series(settings: SeriesSettings | None = None, *, jobs: int | None = None) -> Results:
    """Choose learning rate and width on the validation part, then test with every seed.

    Metrics: "rmse" at horizon 1, the last horizon and 0 for all of them together; "mse minus last
    value" with "standard error of the difference" for all together (negative: better than the
    last value); "validation rmse" of each choice, its `encoding` followed by rate and width.

    Raises like `side_by_side`.

    Source: Diebold and Mariano 1995, section 1, for the difference and its error.
    """
    settings = SeriesSettings() if settings is None else settings
    tried = tune(settings, jobs=jobs)
    calls = [
        {
            "settings": settings, "task": task, "encoding": encoding, "seed": seed,
            **chosen(settings, tried, task, encoding),
        }
        for task in settings.tasks
        for encoding in settings.trained(task)
        for seed in settings.seeds
    ]  # fmt: skip
    simple = Results(r for task in settings.tasks for r in baseline_records(task))
    return tried + simple + side_by_side(one_run, calls, jobs=jobs)


def tune(settings: SeriesSettings, *, jobs: int | None = None) -> Results:
    """The validation error of every choice of learning rate and width, first seed only.

    Raises like `side_by_side`.
    """
    calls = [
        {
            "settings": settings, "task": task, "encoding": encoding, "seed": settings.seeds[0],
            "rate": rate, "dim": dim,
        }
        for task in settings.tasks
        for encoding in settings.trained(task)
        for rate in settings.rates
        for dim in settings.dims
    ]  # fmt: skip
    return side_by_side(_tried, calls, jobs=jobs)


def chosen(settings: SeriesSettings, tried: Results, task: str, encoding: str) -> dict[str, Any]:
    """The rate and width with the lowest validation error. Raises ValueError if none was tried."""
    error = {
        (rate, dim): tried.mean(task=task, encoding=_choice(encoding, rate, dim))
        for rate in settings.rates
        for dim in settings.dims
    }
    rate, dim = min(error, key=error.__getitem__)
    return {"rate": rate, "dim": dim}


def one_run(
    settings: SeriesSettings, task: str, encoding: str, seed: int, rate: float, dim: int
) -> list[Record]:
    """Train one model with these choices and measure it on the test part."""
    found = forecast(settings, task, encoding, seed, rate=rate, dim=dim)
    return _records(task, encoding, seed, found)


def baseline_records(task: str) -> list[Record]:
    """Last value, seasonal naive and ridge on the test part; gaps are filled by straight lines."""
    data, rows = _rows(task, None)
    test = rows["test"]
    season = data.season if data.season > 1 else 5  # a trading week
    guesses = {
        "last value": baselines.last_value(test),
        "seasonal naive": baselines.seasonal_naive(test, season),
        "ridge": baselines.ridge(rows["train"], rows["validation"], test),
    }
    return [
        record
        for name, guess in guesses.items()
        for record in _records(task, name, None, Forecast(guess, test))
    ]


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
    _, rows = _rows(task, data, fill=False)
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


def _rows(
    task: str, data: Measured | None, fill: bool = True
) -> tuple[Measured, dict[str, Windows]]:
    """The windows of the three parts; with gaps filled by straight lines for the baselines."""
    name, history, horizon = SHAPES[task]
    data = measured(name) if data is None else data
    rows = {
        part: windows(data, part, history=history, horizon=horizon)
        for part in ("train", "validation", "test")
    }
    if not (fill and task.endswith("gaps")):
        return data, rows
    for number, (part, some) in enumerate(rows.items()):
        kept = _kept(len(some), history, np.random.default_rng(number))
        filled = np.stack([
            np.interp(np.arange(history), at, past[at])
            for at, past in zip(kept, some.past, strict=True)
        ])  # fmt: skip
        rows[part] = replace(some, past=filled)
    return data, rows


def _kept(rows: int, history: int, generator: np.random.Generator) -> np.ndarray:
    """Which months of each row are known: 18 drawn at random, the latest among them."""
    order = generator.random((rows, history - 1)).argsort(axis=1)[:, : KEPT - 1]
    latest = np.full((rows, 1), history - 1)
    return np.sort(np.concatenate([order, latest], axis=1), axis=1)


def _batch(
    rows: Windows, scale: float, task: str, encoding: str, generator: np.random.Generator
) -> Batch:
    """The rows relative to their last value, over the scale of the training part."""
    past, times = rows.past, rows.past_times
    if task.endswith("gaps"):
        kept = _kept(len(rows), past.shape[1], generator)
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


def _records(task: str, name: str, seed: int | None, found: Forecast) -> list[Record]:
    """RMSE at the first, the last and all horizons, and the difference to the last value."""
    true, horizon = found.rows.future, found.rows.future.shape[1]
    records = []
    for at, columns in ((1, slice(1)), (horizon, slice(-1, None)), (0, slice(None))):
        error = baselines.rmse(found.predicted[:, columns], true[:, columns])
        records.append(Record(task, name, seed, at, RMSE, error))
    naive = baselines.last_value(found.rows)
    difference = ((found.predicted - true) ** 2 - (naive - true) ** 2).mean(axis=1)  # (rows,)
    records.append(Record(task, name, seed, 0, BEYOND, float(difference.mean())))
    # Neighbouring rows share nearly all of their horizon: a stretch of two horizons counts as one.
    block = 2 * horizon
    blocks = [part.mean() for part in np.array_split(difference, max(2, len(difference) // block))]
    error = float(np.std(blocks, ddof=1) / np.sqrt(len(blocks)))
    return [*records, Record(task, name, seed, 0, ERROR, error)]


def _tried(
    settings: SeriesSettings, task: str, encoding: str, seed: int, rate: float, dim: int
) -> list[Record]:
    found = forecast(settings, task, encoding, seed, rate=rate, dim=dim, part="validation")
    error = baselines.rmse(found.predicted, found.rows.future)
    return [Record(task, _choice(encoding, rate, dim), seed, 0, VALIDATION, error)]


def _choice(encoding: str, rate: float, dim: int) -> str:
    return f"{encoding}, rate {rate:g}, width {dim}"
