"""Forecasts of every series and encoding beside the baselines, with an error bar.

    d_r = mean over the horizon of (y - model)^2 - (y - last value)^2        one number a row r
    gain = -mean(d),    error = standard deviation of block means / sqrt(blocks)

Learning rate and width are chosen for each series and encoding on the validation part, and so is
the best forecast of all; the test part is touched once. Who knows the calendar is compared with who
knows it too: `CALENDAR` names them. Neighbouring rows share most of their values and are no
independent evidence, so a block of rows counts as one.

Source: Diebold and Mariano 1995, "Comparing Predictive Accuracy", section 1 (the difference of two
losses and its long-run variance; blocks are the simplest estimate of it).

The traps: a single lucky seed that beats the last value on prices by less than its error bar; and
a model that is given the month beside a rule that is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float64

from posenc_lib.base import validation
from posenc_lib.experiments.data.forecast_windows import SHAPES, rows_of
from posenc_lib.experiments.data.measured_series import Measured
from posenc_lib.experiments.data.series_windows import PARTS
from posenc_lib.experiments.parts.parallel import side_by_side
from posenc_lib.experiments.parts.records import Record, Results
from posenc_lib.experiments.time_series import baselines
from posenc_lib.experiments.time_series.forecast_steps import TIMING, Forecast
from posenc_lib.experiments.time_series.forecasting import SeriesSettings, forecast

WEEK = 5  # trading days: stands in where prices have no season
RMSE, BEYOND, ERROR = "rmse", "mse minus last value", "standard error of the difference"
VALIDATION = "validation rmse"
RIDGE_MONTHS = "ridge, with the month"
BASELINES = (
    "last value", "seasonal naive", "ridge", "climatology", "damped anomaly", RIDGE_MONTHS
)  # fmt: skip
REFERENCES = "damped anomaly", RIDGE_MONTHS  # every forecast is compared with these too
CALENDAR = ("climatology", "damped anomaly", RIDGE_MONTHS, TIMING)  # these know which month it is


def series(settings: SeriesSettings | None = None, *, jobs: int | None = None) -> Results:
    """Choose learning rate and width on the validation part, then test with every seed.

    Metrics: "rmse" at horizon 1, the last horizon and 0 for all of them together; "mse minus last
    value" with "standard error of the difference" for all together (negative: better than the
    last value), and where there is a season the same against the rules in `REFERENCES`, by the
    names of `against`; "validation rmse" of each choice, with `rate` and `dim` in its setting, and
    of each baseline. Where months are missing each seed draws others, for the baselines too.

    Raises like `side_by_side`.

    Source: Diebold and Mariano 1995, section 1, for the difference and its error.
    """
    settings = SeriesSettings() if settings is None else settings
    choices = len(settings.rates) * len(settings.dims)
    tried = tune(settings, jobs=jobs) if choices > 1 else Results()
    calls = [
        {
            "settings": settings, "task": task, "encoding": encoding, "setting": setting,
            "seed": seed, **chosen(settings, tried, task, encoding, setting),
        }
        for task in settings.tasks
        for encoding, setting in settings.trained(task)
        for seed in settings.seeds
    ]  # fmt: skip
    simple = Results(
        record
        for task in settings.tasks
        for seed in (settings.seeds if task.endswith("gaps") else (None,))
        for record in baseline_records(task, seed)
    )
    return tried + simple + side_by_side(one_run, calls, jobs=jobs)


def tune(settings: SeriesSettings, *, jobs: int | None = None) -> Results:
    """The validation error of every choice of learning rate and width, first seed only.

    Raises like `side_by_side`.
    """
    calls = [
        {
            "settings": settings, "task": task, "encoding": encoding,
            "setting": {**setting, "rate": rate, "dim": dim}, "seed": settings.seeds[0],
        }
        for task in settings.tasks
        for encoding, setting in settings.trained(task)
        for rate in settings.rates
        for dim in settings.dims
    ]  # fmt: skip
    return side_by_side(validation_run, calls, jobs=jobs)


def chosen(
    settings: SeriesSettings, tried: Results, task: str, encoding: str, setting: Mapping[str, Any]
) -> dict[str, Any]:
    """The rate and width with the lowest validation error, or the only ones there are.

    Raises ValueError where there are several and none was tried.
    """
    if len(settings.rates) == len(settings.dims) == 1:
        return {"rate": settings.rates[0], "dim": settings.dims[0]}
    choices = [{"rate": rate, "dim": dim} for rate in settings.rates for dim in settings.dims]
    here = tried.where(task=task, encoding=encoding)
    return min(choices, key=lambda choice: here.mean(setting={**setting, **choice}))


def one_run(
    settings: SeriesSettings, task: str, encoding: str, setting: Mapping[str, Any], seed: int,
    *, rate: float, dim: int,
) -> list[Record]:  # fmt: skip
    """Train one model with these choices and measure it on the test part."""
    found = forecast(settings, task, encoding, seed, rate=rate, dim=dim, **setting)
    return _records(task, encoding, seed, found, setting, _references(task, seed))


def validation_run(
    settings: SeriesSettings, task: str, encoding: str, setting: Mapping[str, Any], seed: int
) -> list[Record]:
    """Train one model and measure it on the validation part; the setting has rate and dim too."""
    found = forecast(settings, task, encoding, seed, part="validation", **setting)
    error = baselines.rmse(found.predicted, found.rows.future)
    return [Record(task, encoding, seed, 0, VALIDATION, error, setting)]


def baseline_records(task: str, seed: int | None = None) -> list[Record]:
    """Every baseline on the test part, and its error on validation; gaps are filled by lines.

    `seed` says which months are missing, where some are.
    """
    draw = seed or 0
    test, held_out = (simple_forecasts(task, part, draw=draw) for part in ("test", "validation"))
    found = []
    for name, guess in test.items():
        said = held_out[name]
        error = baselines.rmse(said.predicted, said.rows.future)
        found += _records(task, name, seed, guess, references=_references(task, draw))
        found += [Record(task, name, seed, 0, VALIDATION, error)]
    return found


def simple_forecasts(
    task: str, part: str = "test", *, data: Measured | None = None, draw: int = 0
) -> dict[str, Forecast]:
    """What each baseline says of a part; those that know the month only where there are months.

    `data` and `draw` are those of `prepare`: another series, or one that ends in another year, and
    other months that are missing.

    Raises ValueError for another task or part, or a draw below 0.

    >>> list(simple_forecasts("sp500"))
    ['last value', 'seasonal naive', 'ridge']
    """
    validation.choice("simple_forecasts", "task", task, tuple(SHAPES))
    validation.choice("simple_forecasts", "part", part, tuple(PARTS))
    draw = validation.size("simple_forecasts", "draw", draw, minimum=0)
    data, rows = rows_of(task, data, draw=draw)
    here, train = rows[part], rows["train"]
    season = data.season if data.season > 1 else WEEK
    guesses = {
        "last value": baselines.last_value(here),
        "seasonal naive": baselines.seasonal_naive(here, season),
        "ridge": baselines.ridge(train, rows["validation"], here),
    }
    if data.season > 1:
        guesses |= {
            "climatology": baselines.climatology(data, here),
            "damped anomaly": baselines.damped_anomaly(data, train, here),
            RIDGE_MONTHS: baselines.ridge(train, rows["validation"], here, season=season),
        }
    return {name: Forecast(guess, here) for name, guess in guesses.items()}


def _records(
    task: str, name: str, seed: int | None, found: Forecast,
    setting: Mapping[str, Any] | None = None,
    references: Mapping[str, np.ndarray] | None = None,
) -> list[Record]:  # fmt: skip
    """RMSE at the first, the last and all horizons, and the difference to the last value and to
    each of the references."""
    true, horizon = found.rows.future, found.rows.future.shape[1]
    measured = []
    for at, columns in ((1, slice(1)), (horizon, slice(-1, None)), (0, slice(None))):
        error = baselines.rmse(found.predicted[:, columns], true[:, columns])
        measured.append((at, RMSE, error))
    difference, error = compared(found, baselines.last_value(found.rows))
    measured += [(0, BEYOND, difference), (0, ERROR, error)]
    for rule, guess in (references or {}).items():
        measured += [
            (0, metric, size)
            for metric, size in zip(against(rule), compared(found, guess), strict=True)
        ]
    return [Record(task, name, seed, *number, setting or {}) for number in measured]


def against(rule: str) -> tuple[str, str]:
    """The names under which a difference to a rule and its standard error are stored.

    >>> against("damped anomaly")
    ('mse minus damped anomaly', 'standard error, damped anomaly')
    """
    return f"mse minus {rule}", f"standard error, {rule}"


@cache
def _references(task: str, draw: int) -> dict[str, np.ndarray]:
    rules = simple_forecasts(task, draw=draw)
    return {name: rules[name].predicted for name in REFERENCES if name in rules}


def compared(
    found: Forecast, reference: Float64[np.ndarray, "rows horizon"]
) -> tuple[float, float]:
    """Mean squared error of a forecast minus that of a reference, and its standard error.

    Both in the squared unit of the series; negative where the forecast is better. Neighbouring
    rows share nearly all of their horizon, so a stretch of two horizons counts as one block.

    Source: Diebold and Mariano 1995, section 1; blocks for the long-run variance.

    >>> from posenc_lib.experiments.data.series_windows import Windows
    >>> rows = Windows.counted([[0.0]] * 8, [[1.0]] * 8)
    >>> compared(Forecast(rows.future, rows), baselines.last_value(rows))
    (-1.0, 0.0)
    """
    true = found.rows.future
    difference = ((found.predicted - true) ** 2 - (reference - true) ** 2).mean(axis=1)  # (rows,)
    number = max(2, len(difference) // (2 * true.shape[1]))
    blocks = [part.mean() for part in np.array_split(difference, number)]
    return float(difference.mean()), float(np.std(blocks, ddof=1) / np.sqrt(number))


def verdict(found: Forecast, reference: Float64[np.ndarray, "rows horizon"]) -> str:
    """ "better" or "worse" than the reference beyond two standard errors, otherwise "draw".

    >>> from posenc_lib.experiments.data.series_windows import Windows
    >>> rows = Windows.counted([[0.0]] * 8, [[1.0]] * 8)
    >>> verdict(Forecast(rows.future, rows), baselines.last_value(rows))
    'better'
    """
    return judged(*compared(found, reference))


def judged(difference: float, error: float) -> str:
    """The same of a difference and its standard error, as they are stored.

    >>> judged(-0.3, 0.1), judged(0.1, 0.1)
    ('better', 'draw')
    """
    if abs(difference) <= 2 * error:
        return "draw"
    return "better" if difference < 0 else "worse"
