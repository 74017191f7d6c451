"""The data behind notebook 09: its figures, panel and exercises, and splits that look ahead."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posenc_lib import checks, plots
from posenc_lib.experiments import full_results, measured, windows
from posenc_lib.experiments.data import forecast_windows
from posenc_lib.experiments.data.series_windows import Windows, scale_of
from posenc_lib.experiments.time_series import baselines, comparison, forecast_steps, leaks
from posenc_lib.explorers import forecast_explorer
from posenc_lib.explorers.forecast import ENCODINGS, _model_of
from tests.tools.solutions import folded_solutions

RESULTS = full_results("series")


def curve(view, label):
    return view.ys[view.labels.index(label)]


# ---------------------------------------------------------------------------------------- figures


def test_every_number_of_the_stored_figure_is_in_its_words():
    words = plots.time_series.stored_errors(RESULTS).alt
    for task in RESULTS.values("task"):
        found = RESULTS.where(task=task, metric="rmse", at=0)
        for name in found.values("label"):
            assert f"{name} {found.mean(label=name):.2f}" in words


def test_the_stock_figure_leaves_out_what_would_dwarf_the_rest():
    words = plots.time_series.against_last_value(RESULTS).alt
    assert "seasonal" not in words
    for name in ("ridge", "none", "sinusoidal", "learned", "rope"):
        found = RESULTS.where(task="sp500", at=0, encoding=name)
        difference = found.mean(metric=comparison.BEYOND)
        assert f"{name} {difference:.3f} ± " in words


def test_the_split_that_is_drawn_is_that_of_the_windows():
    figure = plots.time_series.three_series()
    for axes, name in zip(figure.axes, ("el_nino", "co2", "sp500"), strict=True):
        series, lines = measured(name), axes.get_lines()
        assert [line.get_label() for line in lines] == ["train", "validation", "test"]
        drawn = np.concatenate([line.get_ydata() for line in lines])
        np.testing.assert_array_equal(drawn, series.values)
        assert len(lines[0].get_ydata()) == round(0.6 * len(series))
    assert plots.time_series.years(measured("sp500"))[0] == pytest.approx(1999, abs=0.02)


def test_curves_from_one_origin_meet_at_the_origin():
    rows = windows(measured("co2"), "test", history=36, horizon=12)
    guesses = {"ridge": rows.future + 1.0, "last value": baselines.last_value(rows)}
    view = plots.time_series.forecast_curves(rows, 3, guesses, "x", "ppm")
    assert view.x[0] == -35 and view.x[-1] == 12
    origin = view.ys[:, view.x == 0][:, 0]
    np.testing.assert_array_equal(origin, np.full(4, rows.last[3, 0]))
    np.testing.assert_array_equal(curve(view, "past")[:36], rows.past[3])
    np.testing.assert_array_equal(curve(view, "ridge")[36:], rows.future[3] + 1.0)
    assert np.isnan(curve(view, "past")[36:]).all()


@pytest.mark.parametrize("lag", [0, 1, 2])
def test_a_forecast_that_is_an_old_price_is_found_at_its_lag(lag):
    walk = np.random.default_rng(0).normal(size=200).cumsum()
    rows = Windows.counted(walk[:-1, None], walk[1:, None])
    old = np.roll(walk, lag)[1:, None]
    errors = plots.time_series.shift_errors(forecast_steps.Forecast(old, rows))
    assert min(errors, key=errors.get) == lag and errors[lag] == 0


# ------------------------------------------------------------------------------------------ panel


@pytest.mark.parametrize("series", ["el_nino", "co2", "sp500"])
@pytest.mark.parametrize("baseline", ["last value", "seasonal naive", "ridge"])
def test_the_panel_shows_the_rows_and_baselines_of_the_library(series, baseline):
    panel = forecast_explorer(series=series, encoding="none", baseline=baseline, origin=100)
    data, parts = forecast_windows.rows_of(series, None)
    rows = parts["test"]
    season = data.season if data.season > 1 else 5
    guess = {
        "last value": lambda: baselines.last_value(rows),
        "seasonal naive": lambda: baselines.seasonal_naive(rows, season),
        "ridge": lambda: baselines.ridge(*parts.values()),
    }[baseline]()
    history, errors = rows.past.shape[1], panel.views[2]
    np.testing.assert_allclose(curve(panel.views[0], baseline)[history:], guess[-1])
    np.testing.assert_allclose(curve(panel.views[0], "what came")[history:], rows.future[-1])
    for ahead in range(rows.future.shape[1]):
        rmse = math.sqrt(np.mean((guess[:, ahead] - rows.future[:, ahead]) ** 2))
        assert curve(errors, baseline)[ahead] == pytest.approx(rmse)


@pytest.mark.parametrize("baseline", ["last value", "ridge"])
def test_a_forecast_keeps_its_colour_from_view_to_view(baseline):
    panel = forecast_explorer(encoding="none", baseline=baseline)
    one, all_errors = (dict(zip(v.labels, v.styles, strict=True)) for v in panel.views[::2])
    assert one.keys() & all_errors.keys() == {"none", baseline}
    shared = {name: (one[name], all_errors[name]) for name in ("none", baseline)}
    assert all(here == there for here, there in shared.values())
    assert not {one["past"], one["what came"]} & set(all_errors.values())


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_panel_shows_one_model_in_all_its_views(encoding):
    panel = forecast_explorer(gaps=True, encoding=encoding, origin=30)
    drawn, attention, errors, missed = panel.views
    rows = windows(measured("el_nino"), "test", history=36, horizon=12)
    row = round(0.3 * (len(rows) - 1))
    assert f"row {row}" in missed.name
    line = curve(drawn, encoding)[36:]
    np.testing.assert_allclose(line - rows.future[row], missed.values[row], atol=1e-9)
    np.testing.assert_allclose(
        curve(errors, encoding), np.sqrt((missed.values**2).mean(0)), atol=1e-9
    )
    np.testing.assert_allclose(np.nansum(attention.values, axis=1), 1.0, atol=1e-5)


def test_missing_months_are_grey_in_the_attention_and_lines_in_the_past():
    panel = forecast_explorer(gaps=True, encoding="calendar", origin=0)
    known = ~np.isnan(panel.views[1].values[0])
    assert known.sum() == forecast_windows.KEPT and known[-1]
    times = forecast_steps.prepare("el_nino_gaps", "calendar").batches["test"].positions[0]
    rows = windows(measured("el_nino"), "test", history=36, horizon=12)
    np.testing.assert_array_equal(rows.past_times[0][known], times)
    past = curve(panel.views[0], "past")[:36]
    np.testing.assert_allclose(past[known], rows.past[0][known])
    assert (past[~known] != rows.past[0][~known]).any()


def test_the_origin_is_dated_and_moves():
    panel = forecast_explorer(encoding="none", origin=0)
    first = windows(measured("el_nino"), "test", history=36, horizon=12).past_times[0, -1]
    assert panel.views[0].name == f"El Niño: origin {1950 + first // 12}-{first % 12 + 1:02}"
    names = set()
    for origin in range(101):
        panel.origin = origin
        names.add(panel.views[0].name)
    assert len(names) == 99  # every row of the test part can be reached
    panel.set(series="sp500", origin=100)
    rows = windows(measured("sp500"), "test", history=32, horizon=5)
    assert panel.views[0].name.endswith(str(np.datetime64(int(rows.past_times[-1, -1]), "D")))


def test_gaps_are_for_el_nino_only():
    panel = forecast_explorer(series="co2", encoding="none")
    before = panel.views[0].ys
    panel.gaps = True
    np.testing.assert_array_equal(panel.views[0].ys, before)
    assert panel._widgets["gaps"].disabled
    panel.series = "el_nino"
    assert not panel._widgets["gaps"].disabled
    with_gaps = panel.views[0].ys
    panel.gaps = False
    assert not np.array_equal(with_gaps, panel.views[0].ys, equal_nan=True)


def test_the_answers_to_the_questions_of_the_notebook():
    panel = forecast_explorer(encoding="none")
    rows = windows(measured("el_nino"), "test", history=36, horizon=12)
    miss = np.sqrt((panel.views[3].values ** 2).mean(axis=1))
    month = rows.past_times[:, -1] % 12 + 1
    by_month = {m: miss[month == m].mean() for m in range(1, 13)}
    assert min(by_month, key=by_month.get) in (2, 3, 4)
    assert max(by_month, key=by_month.get) in (11, 12)
    panel.set(encoding="sinusoidal")
    ordered = np.sqrt((panel.views[3].values ** 2).mean(axis=1))
    assert ordered[month == 12].mean() < 0.7 * by_month[12]
    found = _model_of("sp500", "sinusoidal", False).found
    moved = found.predicted - found.rows.last
    assert np.sqrt((moved**2).mean()) < 0.25 * np.sqrt(
        ((found.rows.future - found.rows.last) ** 2).mean()
    )


# ------------------------------------------------------------------------------------------ steps


def test_the_attention_that_is_shown_is_the_softmax_of_queries_and_keys():
    ready = forecast_steps.prepare("sp500", "sinusoidal")
    model, batch = forecast_steps.build(ready, dim=16, heads=2), ready.batches["test"]
    shown = forecast_steps.last_token_attention(model, batch)
    with torch.no_grad():
        hidden = model.at_start.at_embeddings(model.embed(batch.x[:3]), torch.arange(32))
        layer = model.layers[0]
        x = layer.norms[0](hidden)
        query = layer.attention.to_query(x)[:, -1].reshape(3, 2, 8)
        key = layer.attention.to_key(x).reshape(3, 32, 2, 8)
        weights = (torch.einsum("nhd,nlhd->nhl", query, key) / math.sqrt(8)).softmax(-1)
    torch.testing.assert_close(shown[:3], weights, atol=1e-6, rtol=1e-5)


def test_without_positions_the_order_of_the_past_changes_nothing():
    order = [*np.random.default_rng(0).permutation(35), 35]
    for encoding, same in (("none", True), ("sinusoidal", False), ("rope", False)):
        ready = forecast_steps.prepare("el_nino", encoding)
        model, x = forecast_steps.build(ready), ready.batches["test"].x[:5]
        assert torch.allclose(model(x), model(x[:, order]), atol=1e-5) == same, encoding


def test_the_calendar_has_a_year_for_months_and_a_week_for_days():
    periods = {
        task: forecast_steps.build(forecast_steps.prepare(task, "calendar"), dim=32)
        .at_start.periods
        for task in ("co2", "sp500")
    }  # fmt: skip
    assert set(periods["co2"]) == {12 / k for k in range(1, 7)}
    assert {7.0, 3.5, 365.25} <= set(periods["sp500"])


def test_a_verdict_needs_two_error_bars():
    rng = np.random.default_rng(0)
    rows = Windows.counted(rng.normal(size=(60, 4)), rng.normal(size=(60, 2)))
    naive = baselines.last_value(rows)
    for guess, wanted in (
        (rows.future, "better"),
        (rows.future + 5, "worse"),
        (naive + 1e-3 * rng.normal(size=naive.shape), "draw"),
    ):
        found = forecast_steps.Forecast(guess, rows)
        assert comparison.verdict(found, naive) == wanted
    with pytest.raises(ValueError, match="part"):
        ready = forecast_steps.prepare("sp500", "none")
        forecast_steps.predicted(forecast_steps.build(ready), ready, "tomorrow")


# ------------------------------------------------------------------------------------------ leaks


walks = st.integers(0, 10_000).map(lambda s: np.random.default_rng(s).normal(size=80).cumsum())


@given(walks, st.integers(1, 6), st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_only_the_split_in_time_keeps_the_future_out(values, history, horizon):
    assert not leaks.looks_ahead(leaks.in_time, values, history, horizon)
    assert leaks.looks_ahead(leaks.dealt_out, values, history, horizon)
    assert leaks.looks_ahead(leaks.scaled_by_all, values, history, horizon)


def test_dealing_out_keeps_all_rows_and_loses_their_order():
    values = np.arange(50.0)
    train, test = leaks.dealt_out(values, 4, 2)
    starts = np.concatenate([train.past[:, 0], test.past[:, 0]])
    assert sorted(starts) == list(range(45)) and len(train) == 36
    assert test.past[:, 0].min() < train.past[:, 0].max()
    np.testing.assert_array_equal(test.future[:, 0], test.past[:, -1] + 1)


def test_a_memory_beats_the_market_only_where_windows_are_dealt_out():
    prices, ratio = measured("sp500").values, {}
    for split in (leaks.dealt_out, leaks.in_time):
        train, test = split(prices, 32, 5)
        guess = leaks.nearest(train, test)
        naive = baselines.rmse(baselines.last_value(test), test.future)
        ratio[split] = baselines.rmse(guess, test.future) / naive
        if split is leaks.dealt_out:  # a loop over some rows
            for row in range(0, 1000, 250):
                apart = [math.dist(test.past[row], past) for past in train.past]
                np.testing.assert_array_equal(guess[row], train.future[int(np.argmin(apart))])
    assert ratio[leaks.dealt_out] < 0.9 and ratio[leaks.in_time] > 2


# -------------------------------------------------------------------------------------- exercises


def test_without_gaps_the_seasonal_method_by_time_is_the_one_by_place():
    rows = windows(measured("el_nino"), "test", history=36, horizon=14)
    for row in (0, 5):
        by_time = baselines.seasonal_at(
            rows.past_times[row], rows.past[row], rows.future_times[row], 12
        )
        np.testing.assert_array_equal(by_time, baselines.seasonal_naive(rows, 12)[row])


@given(st.sets(st.integers(0, 30), min_size=1), st.integers(1, 8), st.integers(1, 12))
@settings(max_examples=50, deadline=None)
def test_the_seasonal_method_by_time_is_a_plain_loop(known, season, horizon):
    times = np.array(sorted(known))
    values, targets = 10.0 * times, times[-1] + 1 + np.arange(horizon)
    wanted = []
    for target in targets:
        back = target - season
        while back >= 0 and back not in known:
            back -= season
        wanted.append(10.0 * back if back in known else math.nan)
    np.testing.assert_array_equal(baselines.seasonal_at(times, values, targets, season), wanted)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([0, 2, 1], [1.0, 2.0, 3.0], [4], 2), "Sort both by time"),
        (([0, 1], [1.0], [4], 2), "2 times for 1 values"),
        (([], [], [4], 2), "0 times"),
        (([0, 1], [1.0, 2.0], [1], 2), "after the last known one, 1"),
        (([0, 1], [1.0, 2.0], [4], 0), "season"),
    ],
)
def test_seasonal_at_refuses(arguments, words):
    *arrays, season = arguments
    with pytest.raises(ValueError, match=words):
        baselines.seasonal_at(*map(np.array, arrays), season)


def test_the_exercise_cuts_the_rows_that_the_library_cuts():
    air = measured("sp500")
    values = air.values[:500]
    short = replace(air, values=values, times=air.times[:500])
    rows = windows(short, "train", history=8, horizon=3)
    past, future, scale = checks.time_series.rows.solution(values, 300, 8, 3)
    np.testing.assert_array_equal(past, rows.past)
    np.testing.assert_array_equal(future, rows.future)
    assert scale == pytest.approx(scale_of(rows))


def test_the_folded_solutions_pass_their_checks():
    names = folded_solutions("09_time_series.ipynb", np=np)
    assert checks.time_series.rows(names["my_rows"]).correct
    assert checks.time_series.seasonal(names["my_seasonal"]).correct
