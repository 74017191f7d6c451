"""What a forecast has to beat: simple rules, some of which know the calendar.

    last value       v[t + k] = v[t]
    seasonal naive   v[t + k] = v[t + k - m j],  m the season, j the smallest that is known;
                     `seasonal_at` does the same by time, where there are gaps
    ridge            y = x W,  W = (X^T X + a I)^(-1) X^T Y,   x, y relative to the last value;
                     with `season` x also says which month the origin is
    climatology      v[t + k] = c(t + k),  c the mean of each month over the training years
    damped anomaly   v[t + k] = c(t + k) + b_k (v[t] - c(t)),  b_k fitted on the training rows

Source: Hyndman and Athanasopoulos 2021, "Forecasting: Principles and Practice", section 5.2 (the
naive methods); Hoerl and Kennard 1970, "Ridge Regression", equation 2.1; van den Dool 2007,
"Empirical Methods in Short-Term Climate Prediction" (climatology and damped persistence).

The trap: no baseline, or the mean as the only one. On prices the last value is hard to beat. On a
sea that comes round every year the mean of each month is, and no Transformer here beats it.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Num

from posenc_lib.base import validation
from posenc_lib.experiments.data.measured_series import Measured
from posenc_lib.experiments.data.series_windows import PARTS, Windows

PENALTIES = tuple(10.0**power for power in range(-4, 5))


def last_value(rows: Windows) -> Float64[np.ndarray, "rows horizon"]:
    """The value at the origin, repeated.

    >>> last_value(Windows.counted([[1.0, 2.0]], [[0.0, 0.0, 0.0]])).tolist()
    [[2.0, 2.0, 2.0]]
    """
    return np.repeat(rows.last, rows.future.shape[1], axis=1)


def seasonal_naive(rows: Windows, season: int) -> Float64[np.ndarray, "rows horizon"]:
    """The latest known value one season or several before each target.

    Raises ValueError for a season below 1 or longer than the history.

    Source: Hyndman and Athanasopoulos 2021, section 5.2.

    >>> seasonal_naive(Windows.counted([[1.0, 2.0]], [[0.0, 0.0, 0.0]]), 2).tolist()
    [[1.0, 2.0, 1.0]]
    """
    season = validation.size("seasonal_naive", "season", season)
    history, horizon = rows.past.shape[1], rows.future.shape[1]
    if season > history:
        raise validation.refuse(
            ValueError, "seasonal_naive", "season", season, f"at most the history, {history}",
            "Take a longer history.",
        )  # fmt: skip
    return rows.past[:, history - season + np.arange(horizon) % season]


def seasonal_at(
    times: Num[np.ndarray, " known"],
    values: Num[np.ndarray, " known"],
    targets: Num[np.ndarray, " horizon"],
    season: int,
) -> Float64[np.ndarray, " horizon"]:
    """The seasonal naive method by time: the latest known value whole seasons before each target.

    `times` rise and may have gaps; a target without such a value gets NaN. Without gaps it is
    `seasonal_naive`.

    Raises ValueError for a season below 1, for times that do not rise or do not fit the values,
    and for targets that are not after the last of them.

    Source: Hyndman and Athanasopoulos 2021, section 5.2; times with gaps are our own.

    >>> seasonal_at(np.array([0, 1, 3, 4]), np.array([5, 6, 7, 8]), np.array([5, 6]), 3).tolist()
    [nan, 7.0]
    """
    season = validation.size("seasonal_at", "season", season)
    if len(times) != len(values) or not len(times) or (np.diff(times) <= 0).any():
        raise validation.refuse(
            ValueError, "seasonal_at", "times", f"{len(times)} times for {len(values)} values",
            "rising times, one for each value", "Sort both by time.",
        )  # fmt: skip
    if (targets <= times[-1]).any():
        raise validation.refuse(
            ValueError, "seasonal_at", "targets", float(np.min(targets)),
            f"times after the last known one, {times[-1]}", "Forecast what is not known yet.",
        )  # fmt: skip
    back = targets[:, None] - times  # (horizon, known), all above 0
    fits = back % season == 0
    latest = np.where(fits, np.arange(len(times)), -1).max(axis=1)
    return np.where(latest >= 0, values[latest], np.nan)


def monthly_means(series: Measured) -> Float64[np.ndarray, " season"]:
    """The mean of each step of the season over the training part: January's at 0, for months.

    Source: van den Dool 2007 (climatology).

    >>> from posenc_lib.experiments import measured
    >>> means = monthly_means(measured("el_nino"))
    >>> int(means.argmax()), int(means.argmin())  # warmest in March, coldest in September
    (2, 8)
    """
    end = round(PARTS["train"][1] * len(series))
    step, values = series.times[:end] % series.season, series.values[:end]
    return np.array([values[step == each].mean() for each in range(series.season)])


def climatology(series: Measured, rows: Windows) -> Float64[np.ndarray, "rows horizon"]:
    """The monthly mean of the training years, whatever the last value is.

    Source: van den Dool 2007.

    >>> from posenc_lib.experiments import measured, windows
    >>> sea = measured("el_nino")
    >>> climatology(sea, windows(sea, "test", history=36, horizon=12)).shape
    (99, 12)
    """
    return monthly_means(series)[rows.future_times % series.season]


def damped_anomaly(
    series: Measured, train: Windows, rows: Windows
) -> Float64[np.ndarray, "rows horizon"]:
    """The monthly mean, and what is left after k steps of how far the origin is from its own.

    b_k = sum a_t a_(t+k) / sum a_t^2 over the training rows, a the distance from the monthly mean:
    nothing is chosen.

    Source: van den Dool 2007 (damped persistence).

    >>> from posenc_lib.experiments import measured, windows
    >>> sea = measured("el_nino")
    >>> train, test = (windows(sea, p, history=36, horizon=12) for p in ("train", "test"))
    >>> rmse(damped_anomaly(sea, train, test), test.future) < 0.9
    True
    """
    means, season = monthly_means(series), series.season
    away = train.last - means[train.past_times[:, -1:] % season]
    later = train.future - means[train.future_times % season]
    kept = (away * later).sum(axis=0) / (away**2).sum()  # (horizon,)
    now = rows.last - means[rows.past_times[:, -1:] % season]
    return climatology(series, rows) + kept * now


def ridge(
    train: Windows, validation: Windows, rows: Windows, *, season: int | None = None
) -> Float64[np.ndarray, "rows horizon"]:
    """A linear map from the history to the horizon, its penalty chosen on the validation rows.

    With `season` the map also has one number for each step of the season, that of the origin.

    Source: Hoerl and Kennard 1970, equation 2.1.

    >>> line = np.arange(20.0) ** 2
    >>> view = np.lib.stride_tricks.sliding_window_view(line, 5)
    >>> rows = Windows.counted(view[:, :4], view[:, 4:])
    >>> bool(np.abs(ridge(rows, rows, rows) - rows.future).max() < 1e-2)
    True
    """

    def centred(some: Windows) -> np.ndarray:
        past = (some.past - some.last)[:, :-1]
        if season is None:
            return past
        return np.concatenate([past, np.eye(season)[some.past_times[:, -1] % season]], axis=1)

    x, y = centred(train), train.future - train.last
    best, weights = np.inf, None
    for penalty in PENALTIES:
        tried = np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ y)
        error = rmse(validation.last + centred(validation) @ tried, validation.future)
        if error < best:
            best, weights = error, tried
    return rows.last + centred(rows) @ weights


def rmse(predicted: Float64[np.ndarray, "..."], true: Float64[np.ndarray, "..."]) -> float:
    """The root of the mean squared error, in the unit of the series.

    >>> rmse(np.array([0.0, 0.0]), np.array([3.0, -3.0]))
    3.0
    """
    return float(np.sqrt(np.mean((predicted - true) ** 2)))
