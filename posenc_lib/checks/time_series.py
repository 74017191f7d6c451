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


def _scaled(rule):
    """Past and future right, and another scale: a function of past, future and the training "
    "part."""

    def answer(values, end, history, horizon):
        past, future, _ = _training_rows(values, end, history, horizon)
        return past, future, rule(past, future, values[:end])

    return answer


def _step(past, future, values):
    return future - past[:, -1:]


def _every_value(values, end, history, horizon):
    return _rows_and_scale(values, history, horizon)


def _apart(values, end, history, horizon):
    """Rows that do not overlap."""
    past, future, _ = _training_rows(values, end, history, horizon)
    past, future = past[:: history + horizon], future[:: history + horizon]
    return past, future, (future - past[:, -1:]).std()


def _every_nth(values, end, history, horizon, by):
    past, future, _ = _training_rows(values, end, history, horizon)
    past, future = past[::by], future[::by]
    return past, future, (future - past[:, -1:]).std()


def _overlap_to_the_end(values, end, history, horizon):
    views = np.lib.stride_tricks.sliding_window_view
    past = views(values[:end], history)[: end - history - horizon + 2]
    future = views(values[:end], horizon)[history - 1 :]
    return past, future, (future - past[:, -1:]).std()


def _moved(values, end, history, horizon):
    return _rows_and_scale(values[1:end], history, horizon)


def _swapped(values, end, history, horizon):
    return _rows_and_scale(values[:end], horizon, history)


def _order(*places):
    def answer(values, end, history, horizon):
        results = _training_rows(values, end, history, horizon)
        return tuple(results[place] for place in places)

    return answer


def _origins_in_training(values, end, history, horizon):
    """All rows whose past lies in the training part."""
    return _rows_and_scale(values[: end + horizon], history, horizon)


def _stops_early(values, end, history, horizon, by):
    return _rows_and_scale(values[:end], history, horizon, rows=end - history - horizon + 1 - by)


def _test_rows(values, end, history, horizon):
    return _rows_and_scale(values[end:], history, horizon)


def _mirrored(values, end, history, horizon):
    past, future, scale = _training_rows(values, end, history, horizon)
    return past[:, ::-1], future, scale


def _standardised(values, end, history, horizon):
    past, future, scale = _training_rows(values, end, history, horizon)
    return past / scale, future / scale, scale


def _relative(values, end, history, horizon):
    past, future, scale = _training_rows(values, end, history, horizon)
    return past, future - past[:, -1:], scale


def _both_relative(values, end, history, horizon):
    past, future, scale = _training_rows(values, end, history, horizon)
    return past - past[:, -1:], future - past[:, -1:], scale


def _whole_rows(values, end, history, horizon):
    past, future, scale = _training_rows(values, end, history, horizon)
    return np.concatenate([past, future], 1), future, scale


def _transposed(values, end, history, horizon):
    past, future, scale = _training_rows(values, end, history, horizon)
    return past.T, future.T, scale


def _last_future(values, end, history, horizon):
    past, future, scale = _training_rows(values, end, history, horizon)
    return past, future[:, -1:], scale


def _first_future(values, end, history, horizon):
    past, future, scale = _training_rows(values, end, history, horizon)
    return past, future[:, 0], scale


def _walks() -> list[tuple]:
    rng = np.random.default_rng(0)
    shapes = [(13, 9, 3, 2), (14, 10, 4, 1), (16, 10, 2, 4)]
    return [(rng.normal(size=n).cumsum(), end, past, ahead) for n, end, past, ahead in shapes]


rows = Exercise(
    name="my_rows",
    solution=_training_rows,
    cases=_walks,
    tolerance=1e-5,
    mistakes=(
        Mistake(
            "overlap", lambda v, end, n, h: _rows_and_scale(v[:end], n, h, shift=-1),
            "Your future begins with the value at the origin, which is known. It begins one step "
            "after the last value of the past.",
        ),
        Mistake(
            "overlap, a row more", _overlap_to_the_end,
            "Your future begins with the value at the origin, which is known (and so there is one "
            "row more). It begins one step after the last value of the past.",
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
        Mistake(
            "all values", _every_value,
            "Your rows come from the whole series. The training rows end at `end`: "
            "values[:end].",
        ),
        Mistake(
            "test part", _test_rows,
            "Your rows come from the part after `end`. The first `end` values are for training: "
            "values[:end].",
        ),
        Mistake(
            "from one", _moved,
            "Your first row is missing: it begins at the first value of the series.",
        ),
        Mistake(
            "rows apart", _apart,
            "Your rows do not overlap. All training rows are meant: one begins at every value.",
        ),
        Mistake(
            "two rows short", lambda v, end, n, h: _stops_early(v, end, n, h, 2),
            "Two rows are missing at the end: n values hold n - width + 1 rows.",
        ),
        Mistake(
            "horizon rows short", lambda v, end, n, h: _rows_and_scale(v[: end - h], n, h),
            "You leave off the horizon twice: rows whose future just ends at `end` are training "
            "rows too.",
        ),
        Mistake(
            "history and horizon swapped", _swapped,
            "History and horizon are swapped: past is (rows, history), future (rows, horizon).",
        ),
        Mistake(
            "past mirrored", _mirrored,
            "The past stands in reverse order. Time runs forward: the last column is the last "
            "known value.",
        ),
        Mistake(
            "rows transposed", _transposed,
            "Past and future are transposed: rows first, then time.",
        ),
        Mistake(
            "divided", _standardised,
            "Past and future are divided by the scale. Return them as they are, and the scale "
            "besides.",
        ),
        Mistake(
            "future as steps", _relative,
            "Your future has the last known value taken off. That is for the scale only: return "
            "the values themselves.",
        ),
        Mistake(
            "both as steps", _both_relative,
            "The last known value is taken off past and future. That is for the scale only: return "
            "the values themselves.",
        ),
        Mistake(
            "past too wide", _whole_rows,
            "Your past holds the future as well. Cut the rows: [:, :history] and [:, history:].",
        ),
        Mistake(
            "last step only", _last_future,
            "Your future has its last step only. It is (rows, horizon): all of [:, history:].",
        ),
        Mistake(
            "one step", _first_future,
            "Your future has its first step only. It is (rows, horizon): all of [:, history:].",
        ),
        Mistake(
            "future first", _order(1, 0, 2),
            "You return future, past. The order is past, future, scale.",
        ),
        Mistake(
            "scale first", _order(2, 0, 1),
            "You return the scale first. The order is past, future, scale.",
        ),
        Mistake(
            "no scale", _order(0, 1),
            "You return past and future. The scale is missing: past, future, scale.",
        ),
        Mistake(
            "unbiased", _scaled(lambda p, f, v: _step(p, f, v).std(ddof=1)),
            "Your scale is a little too large: it divides by n - 1 (ddof=1, or torch's std). "
            "NumPy's std divides by n.",
        ),
        Mistake(
            "variance", _scaled(lambda p, f, v: _step(p, f, v).var()),
            "Your scale is the variance. Take its root: the standard deviation, std().",
        ),
        Mistake(
            "root mean square", _scaled(lambda p, f, v: np.sqrt((_step(p, f, v) ** 2).mean())),
            "Your scale is the root of the mean square. A standard deviation takes the mean off "
            "first: std().",
        ),
        Mistake(
            "mean absolute", _scaled(lambda p, f, v: np.abs(_step(p, f, v)).mean()),
            "Your scale is the mean of the absolute values. The standard deviation is std().",
        ),
        Mistake(
            "mean", _scaled(lambda p, f, v: _step(p, f, v).mean()),
            "Your scale is a mean. The standard deviation is std().",
        ),
        Mistake(
            "a scale a step", _scaled(lambda p, f, v: _step(p, f, v).std(0)),
            "You have a scale for each step ahead. One number is asked for: std() without an axis.",
        ),
        Mistake(
            "a scale a row", _scaled(lambda p, f, v: _step(p, f, v).std(1)),
            "You have a scale for each row. One number is asked for: std() without an axis.",
        ),
        Mistake(
            "scale of the future", _scaled(lambda p, f, v: f.std()),
            "Past and future are right. The scale is that of future minus last known value; yours "
            "is that of the future itself.",
        ),
        Mistake(
            "scale of the past", _scaled(lambda p, f, v: p.std()),
            "Past and future are right. The scale is that of future minus last known value; yours "
            "is that of the past.",
        ),
        Mistake(
            "scale from the first of the past", _scaled(lambda p, f, v: (f - p[:, :1]).std()),
            "You take off the first value of the past. The last known one is its last: "
            "past[:, -1:].",
        ),
        Mistake(
            "scale from the mean of the past", _scaled(
                lambda p, f, v: (f - p.mean(1, keepdims=True)).std()),
            "You take off the mean of the past. The last known value is past[:, -1:].",
        ),
        Mistake(
            "scale of the first step", _scaled(lambda p, f, v: (f[:, 0] - p[:, -1]).std()),
            "Your scale sees the first step of the future only. Take all of them: "
            "future - past[:, -1:].",
        ),
        Mistake(
            "scale of the last step", _scaled(lambda p, f, v: (f[:, -1] - p[:, -1]).std()),
            "Your scale sees the last step of the future only. Take all of them: "
            "future - past[:, -1:].",
        ),
        Mistake(
            "scale of differences", _scaled(lambda p, f, v: np.diff(v).std()),
            "Your scale is that of the steps from value to value. It is that of future minus last "
            "known value, over all rows and steps ahead.",
        ),
        Mistake(
            "rows a history apart", lambda v, end, n, h: _every_nth(v, end, n, h, n),
            "Your rows begin a history apart. All training rows are meant: one begins at every "
            "value.",
        ),
        Mistake(
            "rows a horizon apart", lambda v, end, n, h: _every_nth(v, end, n, h, h),
            "Your rows begin a horizon apart. All training rows are meant: one begins at every "
            "value.",
        ),
        Mistake(
            "scale from the first step", _scaled(lambda p, f, v: (f - f[:, :1]).std()),
            "You take off the first value of the future. Take off the last known one: "
            "past[:, -1:].",
        ),
        Mistake(
            "scale of rows", _scaled(lambda p, f, v: np.concatenate([p, f], 1).std()),
            "Your scale is that of whole rows. It is that of future minus last known value.",
        ),
        Mistake(
            "scale of mean futures", _scaled(lambda p, f, v: (f.mean(1) - p[:, -1]).std()),
            "You average the future before the difference. Take every step: future - past[:, -1:].",
        ),
        Mistake(
            "mean of the rows' scales", _scaled(lambda p, f, v: _step(p, f, v).std(1).mean()),
            "You took a scale for each row and averaged them. Take one over all rows and steps.",
        ),
        Mistake(
            "mean of the steps' scales", _scaled(lambda p, f, v: _step(p, f, v).std(0).mean()),
            "You took a scale for each step ahead and averaged them. Take one over all rows and "
            "steps.",
        ),
        Mistake(
            "unbiased scale of the future", _scaled(lambda p, f, v: f.std(ddof=1)),
            "Two things: the scale is that of future minus last known value, and NumPy's std "
            "divides by n, not by n - 1.",
        ),
        Mistake(
            "scale of all steps", _scaled(lambda p, f, v: (f - np.concatenate(
                [p[:, -1:], f[:, :-1]], 1)).std()),
            "Your differences are those from step to step. Take off the last known value from "
            "every step: future - past[:, -1:].",
        ),
        Mistake(
            "largest step", _scaled(lambda p, f, v: np.abs(_step(p, f, v)).max()),
            "Your scale is the largest difference. The standard deviation is std().",
        ),
        Mistake(
            "mean step back", _scaled(lambda p, f, v: -_step(p, f, v).mean()),
            "Your scale is a mean, with the sign turned. The standard deviation is std().",
        ),
        Mistake(
            "no scale yet", _scaled(lambda p, f, v: _step(p, f, v)),
            "Your third result are the differences themselves. The scale is one number: their "
            "std().",
        ),
        Mistake(
            "scale of 1", _scaled(lambda p, f, v: np.float64(1.0)),
            "Your scale is 1, whatever the rows are. It is the standard deviation of future "
            "minus last known value.",
        ),
        Mistake(
            "last values", lambda v, end, n, h: _rows_and_scale(v[-end:], n, h),
            "Your rows come from the last `end` values. The training part are the first: "
            "values[:end].",
        ),
        Mistake(
            "scale of one row", _scaled(lambda p, f, v: _step(p, f, v)[-1].std()),
            "Your scale comes from the last row alone. Take all training rows.",
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


def _picked(rule):
    """Another choice for each target: a function of (times, values, target, season)."""
    return lambda times, values, targets, season: np.array(
        [rule(times, values, t, season) for t in targets], dtype=float
    )


def _fits(times, target, season):
    return np.flatnonzero(_same_phase(times, target, season))


def _by_number(times, values, target, season):
    """The phase of the place in the array, not of the month."""
    place = np.arange(len(values))
    fits = (target - place) % season == 0
    return values[fits][-1] if fits.any() else np.nan


def _nearest_below(times, values, target, season):
    """The last month known up to one season before, whichever it is."""
    before = np.flatnonzero(times <= target - season)
    return values[before[-1]] if len(before) else np.nan


def _nearest(times, values, target, season):
    return values[np.abs(times - (target - season)).argmin()]


def _second_latest(times, values, target, season):
    fits = _fits(times, target, season)
    return values[fits[-2]] if len(fits) > 1 else values[fits[-1]]


def _two_latest(times, values, target, season):
    return values[_fits(times, target, season)[-2:]].mean()


def _one_season_else(times, values, target, season, other):
    at = np.flatnonzero(times == target - season)
    return values[at[0]] if len(at) else other(values)


def _one_before(times, values, target, season):
    fits = _fits(times, target + 1, season)
    return values[fits[-1]] if len(fits) else np.nan


def _up_to_two(times, values, target, season):
    for back in (1, 2):
        at = np.flatnonzero(times == target - back * season)
        if len(at):
            return values[at[0]]
    return np.nan


def _interpolated(times, values, target, season):
    return np.interp(target - season, times, values)


def _same_number(times, values, target, season):
    """values[target - season]: the month is taken for a place."""
    return values[target - season]


def _whole_seasons(times, values, targets, season):
    """Too many seasons back, for all targets by the horizon of the last."""
    back = season * (-(-len(targets) // season))
    known = dict(zip(times.tolist(), values.tolist(), strict=True))
    return np.array([known.get(t - back, np.nan) for t in targets.tolist()])


def _with_gaps() -> list[tuple]:
    """Three seasons with months missing, every month known at least once; horizons up to two."""
    rng, cases = np.random.default_rng(1), []
    for season, horizon, start in ((4, 4, 0), (3, 5, 100), (5, 9, 7), (4, 6, 2)):
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
    tolerance=1e-5,
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
        Mistake(
            "first value", lambda times, values, targets, season: values[0] + 0.0 * targets,
            "That is the first value for every target. Find the one that lies whole seasons back.",
        ),
        Mistake(
            "mean of all", lambda times, values, targets, season: (
                values.mean() + 0.0 * targets),
            "That is the mean of all values. Find the one that lies whole seasons back.",
        ),
        Mistake(
            "off by one, late", _picked(_one_before),
            "Your months are one too late: target minus time is a whole number of seasons, with "
            "nothing left over.",
        ),
        Mistake(
            "phase by place", _picked(_by_number),
            "You count seasons by places in the array. With gaps a place is no month: compare "
            "target with times.",
        ),
        Mistake(
            "month as a place", _picked(_same_number),
            "You use the month as a place in the array. With gaps, or a first month that is not 0, "
            "it is none: look the month up in times.",
        ),
        Mistake(
            "nearest known before", _picked(_nearest_below),
            "Where the month one season back is missing you take the one before it. Take the same "
            "month of an earlier season.",
        ),
        Mistake(
            "nearest", _picked(_nearest),
            "Where the month one season back is missing you take the nearest in time. Take the "
            "same month of an earlier season.",
        ),
        Mistake(
            "interpolated", _picked(_interpolated),
            "Where the month one season back is missing you draw a line between its neighbours. "
            "Take the same month of an earlier season.",
        ),
        Mistake(
            "second latest", _picked(_second_latest),
            "Of the months that fit you took the last but one. The latest is the nearest.",
        ),
        Mistake(
            "mean of two", _picked(_two_latest),
            "You averaged the two latest that fit. The latest alone counts.",
        ),
        Mistake(
            "median", _picked(lambda t, v, x, s: np.median(v[_fits(t, x, s)])),
            "You took the median of all months that fit. The latest alone counts.",
        ),
        Mistake(
            "largest", _picked(lambda t, v, x, s: v[_fits(t, x, s)].max()),
            "You took the largest value of the months that fit. The latest counts.",
        ),
        Mistake(
            "smallest", _picked(lambda t, v, x, s: v[_fits(t, x, s)].min()),
            "You took the smallest value of the months that fit. The latest counts.",
        ),
        Mistake(
            "sum", _picked(lambda t, v, x, s: v[_fits(t, x, s)].sum()),
            "You added up the months that fit. The latest alone counts.",
        ),
        Mistake(
            "one season, else the last", _picked(
                lambda t, v, x, s: _one_season_else(t, v, x, s, lambda v: v[-1])),
            "Where the month one season back is missing you take the last value. Go back two, "
            "three seasons.",
        ),
        Mistake(
            "one season, else 0", _picked(
                lambda t, v, x, s: _one_season_else(t, v, x, s, lambda v: 0.0)),
            "Where the month one season back is missing you give 0. Go back two, three seasons.",
        ),
        Mistake(
            "one season, else the mean", _picked(
                lambda t, v, x, s: _one_season_else(t, v, x, s, lambda v: v.mean())),
            "Where the month one season back is missing you give the mean. Go back two, three "
            "seasons.",
        ),
        Mistake(
            "two seasons at most", _picked(_up_to_two),
            "You go back two seasons at most and find nothing for some targets. Go on: three, "
            "four ...",
        ),
        Mistake(
            "months", _picked(lambda t, v, x, s: t[_fits(t, x, s)[-1]]),
            "You return the month that fits. Return the value measured then.",
        ),
        Mistake(
            "places found", _picked(lambda t, v, x, s: _fits(t, x, s)[-1]),
            "You return the place in the array. Return the value that stands there.",
        ),
        Mistake(
            "all that fit", lambda t, v, targets, s: np.array(
                [v[_fits(t, x, s)][-1:] for x in targets]),
            "Each of your answers is an array of one number. Take the number, [-1].",
        ),
        Mistake(
            "last season as it lies", lambda t, v, targets, s: v[-s:][: len(targets)],
            "You took the last `season` values as they lie. With gaps they are other months, and "
            "there may be more targets: look at the times.",
        ),
        Mistake(
            "twelve", _picked(lambda t, v, x, s: (
                v[(x - t) % 12 == 0][-1] if ((x - t) % 12 == 0).any() else 0)),
            "You wrote 12 where the season is given. Use `season`.",
        ),
        Mistake(
            "twelve, else NaN", _picked(lambda t, v, x, s: (
                v[(x - t) % 12 == 0][-1] if ((x - t) % 12 == 0).any() else np.nan)),
            "You wrote 12 where the season is given: use `season`.",
        ),
        Mistake(
            "places from the end", lambda t, v, targets, s: np.full(len(targets), v[-s]),
            "You took the value `season` places before the end for every target. With gaps "
            "that is another month, and each target has its own: look at the times.",
        ),
        Mistake(
            "month as a place, wrapped", _picked(lambda t, v, x, s: v[(x - s) % len(v)]),
            "You use the month as a place in the array, wrapped round. Look the month up in "
            "times.",
        ),
        Mistake(
            "two seasons first", _picked(lambda t, v, x, s: (
                v[t == x - 2 * s][0] if (t == x - 2 * s).any() else v[_fits(t, x, s)][-1])),
            "You look two seasons back first. The latest that fits counts: one season, then "
            "two, three.",
        ),
        Mistake(
            "all of the first target", lambda t, v, targets, s: v[_fits(t, targets[0], s)],
            "Those are all values that fit the first target. Each target gets one: its latest.",
        ),
        Mistake(
            "phase 0", _picked(lambda t, v, x, s: v[t % s == 0][-1] if (t % s == 0).any() else 0),
            "You look for months that are a multiple of the season. It is target minus time that "
            "must be one.",
        ),
        Mistake(
            "first target for all", lambda times, values, targets, season: (
                values[_fits(times, targets[0], season)[-1]] + 0.0 * targets),
            "All your targets get the answer of the first. Look for each target on its own.",
        ),
        Mistake(
            "last target for all", lambda times, values, targets, season: (
                values[_fits(times, targets[-1], season)[-1]] + 0.0 * targets),
            "All your targets get the answer of the last. Look for each target on its own.",
        ),
        Mistake(
            "first target's alone", lambda times, values, targets, season: (
                values[_fits(times, targets[0], season)[-1]]),
            "You return the answer of the first target alone: is the `return` inside the loop?",
        ),
        Mistake(
            "whole horizon back", _whole_seasons,
            "You go back equally far for all targets, and not further where the month is missing. "
            "For each target take the latest that fits.",
        ),
    ),
)  # fmt: skip
