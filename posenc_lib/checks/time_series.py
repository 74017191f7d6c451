"""Exercises of notebook 09: rows without a look ahead, and last season's value by time."""

from __future__ import annotations

import numpy as np

from posenc_lib.checks.exercise import Exercise, Mistake
from posenc_lib.experiments.data.series_windows import Windows, scale_of
from posenc_lib.experiments.time_series.baselines import seasonal_at


def _rows_and_scale(
    values: np.ndarray,
    history: int,
    horizon: int,
    *,
    shift: int = 0,
    rows: int | None = None,
) -> tuple[np.ndarray, np.ndarray, float]:
    """Rows of values; `shift` moves their futures, `rows` keeps the first of them."""
    views = np.lib.stride_tricks.sliding_window_view
    count = len(values) - history - horizon + 1 if rows is None else rows
    past = views(values, history)[:count]
    future = views(values, horizon)[history + shift :][:count]
    past = past[: len(future)]
    return past, future, scale_of(Windows.counted(past, future))


def _training_rows(values, end, history, horizon):
    return _rows_and_scale(values[:end], history, horizon)


def _crossing(values, end, history, horizon):
    return _rows_and_scale(values[: end + horizon], history, horizon)


def _one_row_short(values, end, history, horizon):
    return _rows_and_scale(values[:end], history, horizon, rows=end - history - horizon)


def _scale_of_all(values, end, history, horizon):
    past, future, _ = _training_rows(values, end, history, horizon)
    return past, future, _rows_and_scale(values, history, horizon)[2]


def _scale_of_values(values, end, history, horizon):
    return *_training_rows(values, end, history, horizon)[:2], values[:end].std()


def _walks() -> list[tuple]:
    rng = np.random.default_rng(0)
    shapes = [(30, 20, 4, 3), (40, 25, 6, 1), (24, 12, 2, 5)]
    return [(rng.normal(size=n).cumsum(), end, past, ahead) for n, end, past, ahead in shapes]


rows = Exercise(
    name="my_rows",
    solution=_training_rows,
    cases=_walks,
    tolerance=1e-9,
    mistakes=(
        Mistake(
            "overlap", lambda v, end, n, h: _rows_and_scale(v[:end], n, h, shift=-1),
            "Your future begins with the value at the origin, which is known. It begins one step "
            "after the last value of the past.",
        ),
        Mistake(
            "crossing", _crossing,
            "Some of your rows cross the split: their past is training, their future is not. A "
            "row belongs to the training part with all of its values.",
        ),
        Mistake(
            "scale of everything", _scale_of_all,
            "Past and future are right, but the scale has seen values after the split. Take it "
            "from the training rows.",
        ),
        Mistake(
            "scale of the values", _scale_of_values,
            "Past and future are right. The scale is the standard deviation of future minus last "
            "known value, not of the values themselves.",
        ),
        Mistake(
            "one row short", _one_row_short,
            "One row is missing at the end: n values hold n - width + 1 rows.",
        ),
        Mistake(
            "late", lambda v, end, n, h: _rows_and_scale(v[:end], n, h, shift=1),
            "You leave out the first step after the origin: the future begins right behind the "
            "past.",
        ),
    ),
)  # fmt: skip


def _by_place(times, values, targets, season):
    return values[len(values) - season + np.arange(len(targets)) % season]


def _same_phase(times, target, season):
    return (target - times) % season == 0


def _one_season(times, values, targets, season):
    known = dict(zip(times.tolist(), values.tolist(), strict=True))
    return np.array([known.get(t - season, np.nan) for t in targets.tolist()])


def _earliest(times, values, targets, season):
    return np.array([values[_same_phase(times, t, season)][0] for t in targets])


def _climate(times, values, targets, season):
    return np.array([values[_same_phase(times, t, season)].mean() for t in targets])


def _next_month(times, values, targets, season):
    return np.array([values[_same_phase(times, t - 1, season)][-1] for t in targets])


def _with_gaps() -> list[tuple]:
    """Three seasons with months missing, every month known at least once; horizons up to two."""
    rng, cases = np.random.default_rng(1), []
    for season, horizon, start in ((4, 4, 0), (12, 12, 100), (5, 9, 7)):
        times = np.arange(3 * season)
        kept = rng.random(3 * season) < 0.6
        kept[:season] |= rng.random(season) < 0.7
        for month in range(season):
            kept[month] |= not kept[month::season].any()
        kept[-1] = True
        wave = 10 * np.sin(2 * np.pi * times / season) + rng.normal(size=3 * season)
        targets = start + 3 * season + np.arange(horizon)
        cases.append((start + times[kept], wave[kept], targets, season))
    return cases


seasonal = Exercise(
    name="my_seasonal",
    solution=seasonal_at,
    cases=_with_gaps,
    tolerance=1e-9,
    mistakes=(
        Mistake(
            "places", _by_place,
            "You counted places back from the end. With gaps, twelve places are more than twelve "
            "months: look at the times.",
        ),
        Mistake(
            "one season", _one_season,
            "You went back exactly one season and found nothing there for some targets: the month "
            "is missing, or the horizon is longer than the season. Go back two, three ...",
        ),
        Mistake(
            "earliest", _earliest,
            "Of the months that fit you took the earliest. The latest is the nearest.",
        ),
        Mistake(
            "mean", _climate,
            "You averaged all months that fit. That is the climate, a fine baseline of its own, "
            "but the seasonal naive method takes the latest alone.",
        ),
        Mistake(
            "off by one", _next_month,
            "Your months are one too early: target minus time is a whole number of seasons, with "
            "nothing left over.",
        ),
        Mistake(
            "last value", lambda times, values, targets, season: values[-1] + 0.0 * targets,
            "That is the last value for every target. Find the one that lies whole seasons back.",
        ),
    ),
)  # fmt: skip
