"""What a forecast has to beat: the last value, the last season, and a linear model.

    last value       v[t + k] = v[t]
    seasonal naive   v[t + k] = v[t + k - m j],  m the season, j the smallest that is known;
                     `seasonal_at` does the same by time, where there are gaps
    ridge            y = x W,  W = (X^T X + a I)^(-1) X^T Y,   x, y relative to the last value

Source: Hyndman and Athanasopoulos 2021, "Forecasting: Principles and Practice", section 5.2 (the
naive methods); Hoerl and Kennard 1970, "Ridge Regression", equation 2.1.

The trap: no baseline, or the mean as the only one. On prices the last value is hard to beat, and
on a seasonal series a linear model with a year of history is.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Num

from posenc_lib.base import validation
from posenc_lib.experiments.data.series_windows import Windows

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


def ridge(
    train: Windows, validation: Windows, rows: Windows
) -> Float64[np.ndarray, "rows horizon"]:
    """A linear map from the history to the horizon, its penalty chosen on the validation rows.

    Source: Hoerl and Kennard 1970, equation 2.1.

    >>> line = np.arange(20.0) ** 2
    >>> view = np.lib.stride_tricks.sliding_window_view(line, 5)
    >>> rows = Windows.counted(view[:, :4], view[:, 4:])
    >>> bool(np.abs(ridge(rows, rows, rows) - rows.future).max() < 1e-2)
    True
    """

    def centred(some: Windows) -> np.ndarray:
        return (some.past - some.last)[:, :-1]

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
