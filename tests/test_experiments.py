"""The experiments: no look ahead, the same tokens at every length, the same answer for any jobs."""

import linecache
import math
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import joblib
import numpy as np
import pytest
import torch

from posenc_lib import DistanceBias, RotaryEncoding, encodings
from posenc_lib.experiments import (
    ExtrapolationSettings,
    Record,
    Results,
    SeriesSettings,
    TextOrderSettings,
    Training,
    compare,
    digits,
    extrapolation,
    forecast,
    keeping_runs,
    measured,
    series,
    side_by_side,
    text_order,
    windows,
)
from posenc_lib.experiments.data import digit_images, forecast_windows, sequences
from posenc_lib.experiments.lengths import evaluation, settings, train_short
from posenc_lib.experiments.parts import kept_runs, parallel
from posenc_lib.experiments.parts.training_settings import IGNORED
from posenc_lib.experiments.pictures import digit_models
from posenc_lib.experiments.text import word_budget, word_order
from posenc_lib.experiments.time_series import (
    baselines,
    comparison,
    forecast_steps,
    forecasting,
    verdicts,
)

BRIEF = Training(steps=4, batch=8, rate=1e-2, every=2)
LENGTHS = ExtrapolationSettings(
    tasks=("sum",), trained=("alibi", "rope"), seeds=(0, 1), text=BRIEF, drawn=BRIEF,
    scored=1024, scored_drawn=512, dim=16, heads=4, rates=(),
)  # fmt: skip
SERIES = SeriesSettings(
    tasks=("el_nino",), seeds=(0,), training=replace(BRIEF, patience=2), rates=(1e-2,), dims=(16,)
)


# Extrapolation


class Recorder(torch.nn.Module):
    """Stands in for a decoder: notes what it reads, and answers that every token is alike."""

    def __init__(self, classes):
        super().__init__()
        self.classes, self.read, self.masks = classes, [], []

    def forward(self, x, positions, mask=None):
        self.read.append((x, positions))
        self.masks.append(mask)
        return torch.zeros(*x.shape, self.classes)


@pytest.mark.parametrize("task", ["text", "noise"])
def test_the_same_number_of_tokens_is_scored_at_every_length(task):
    batches = [evaluation.scored_batch(LENGTHS, task, "test", 32 * n) for n in (1, 2, 4, 8)]
    assert len({batch.x.numel() for batch in batches}) == 1
    if task == "text":
        assert len({bytes(batch.x.flatten().numpy()) for batch in batches}) == 1
        first = batches[0]
        assert (first.x.flatten()[1:] == first.target.flatten()[:-1]).all()


def test_a_sliding_window_scores_every_token_once_and_reads_no_long_row():
    batch = evaluation.scored_batch(LENGTHS, "text", "test", 256)
    recorder = Recorder(97)
    logits, target = evaluation.sliding(recorder, batch, "rope", LENGTHS)
    assert target.shape == logits.shape[:2]
    scored = target[target != IGNORED]
    assert scored.sort().values.tolist() == batch.target.flatten().sort().values.tolist()
    assert all(x.shape[1] == 32 for x, _ in recorder.read)
    assert all(positions.tolist() == list(range(32)) for _, positions in recorder.read)


def test_a_window_of_keys_reaches_32_tokens_back():
    batch = evaluation.scored_batch(LENGTHS, "text", "test", 256)
    recorder = Recorder(97)
    evaluation.windowed(recorder, batch, "rope", LENGTHS)
    mask = recorder.masks[0]
    assert mask.sum(1).tolist() == [min(i + 1, 32) for i in range(256)]


def test_what_is_not_scored_counts_neither_as_right_nor_as_wrong():
    logits = torch.eye(3)[None, [0, 1, 2, 0]] * 9  # says 0, 1, 2, 0
    loss, right = evaluation.scores(logits, torch.tensor([[0, 2, IGNORED, IGNORED]]))
    assert right == 0.5 and loss == pytest.approx(4.5, abs=1e-3)


def test_a_uniform_guess_scores_the_floor():
    batch = evaluation.scored_batch(LENGTHS, "noise", "test", 64)
    logits, target = evaluation.plain(Recorder(10), batch, "rope", LENGTHS)
    loss, _ = evaluation.scores(logits, target)
    assert loss == pytest.approx(sequences.NOISE_FLOOR)


def test_only_text_has_the_controls():
    records = train_short.one_run(LENGTHS, "text", "alibi", 0)
    assert {r.metric for r in records} == {
        "loss in nats", "accuracy", "loss in nats, window", "loss in nats, sliding"
    }  # fmt: skip
    at_32 = {r.metric: r.value for r in records if r.at == 32}
    assert at_32["loss in nats, window"] == pytest.approx(at_32["loss in nats"], abs=1e-6)
    assert at_32["loss in nats, sliding"] == pytest.approx(at_32["loss in nats"], abs=1e-6)


def test_randomised_positions_are_drawn_and_rise():
    short, long = (evaluation.positions_of(LENGTHS, settings.RANDOMISED, n) for n in (32, 256))
    for positions, n in ((short, 32), (long, 256)):
        assert len(positions) == n
        assert (positions.diff() > 0).all()
        assert 0 <= positions.min() <= positions.max() < 512
    assert evaluation.positions_of(LENGTHS, "rope", 32).tolist() == list(range(32))


def test_scaled_rope_is_the_trained_rope_at_its_own_length():
    model = train_short.trained_model(LENGTHS, "sum", "rope", 0)
    names = [name for name, _ in train_short._variants(model, LENGTHS, "rope", 8)]
    assert names == ["rope", *train_short.SCALED]
    batch = evaluation.scored_batch(LENGTHS, "sum", "test", 32)
    plain, *scaled = (
        evaluation.plain(variant, batch, name, LENGTHS)[0]
        for name, variant in train_short._variants(model, LENGTHS, "rope", 1)
    )
    for other in scaled:
        torch.testing.assert_close(other, plain)
    for name, variant in train_short._variants(model, LENGTHS, "rope", 8)[1:]:
        encoding = variant.layers[0].attention.encoding
        assert isinstance(encoding, RotaryEncoding)
        assert encoding.factor == 8.0, name


def test_a_short_ramp_leaves_fast_pairs_alone_where_the_published_one_leaves_none():
    plan = ExtrapolationSettings()
    model = train_short.untrained_model(plan, "sum", "rope", 0)
    plain = model.layers[0].attention.encoding.frequencies()
    kept = {}
    for name in ("rope_yarn", train_short.YARN_SHORT):
        scaled = train_short.scaled_model(model, plan, name, 8.0)
        found = scaled.layers[0].attention.encoding.frequencies()
        kept[name] = int((found == plain).sum())
    assert kept == {"rope_yarn": 0, train_short.YARN_SHORT: 2}


def test_rates_are_chosen_at_the_trained_length_on_validation(monkeypatch):
    """The lowest validation loss on text wins, for the drawn tasks too."""
    plan = replace(
        LENGTHS, trained=("rope", "t5"), rates=(1e-3, 1e-2), bias_rate_factors=(1.0, 9.0)
    )
    read = []
    scored = train_short.scored_batch

    def noted(settings, task, split, length):
        read.append((task, split, length))
        return scored(settings, task, split, length)

    monkeypatch.setattr(train_short, "scored_batch", noted)
    tried = Results(
        record for run, call in train_short.tuning_calls(plan) for record in run(**call)
    )
    assert set(read) == {("text", "validation", 32)}
    assert [r.setting for r in tried.where(encoding="t5")] == [
        {"rate": rate, "bias_rate_factor": factor} for rate in (1e-3, 1e-2) for factor in (1.0, 9.0)
    ]
    best = min(tried.where(encoding="t5"), key=lambda record: record.value)
    calls = train_short.tested_calls(plan, tried)
    assert {c["choice"]["rate"] for _, c in calls if c["encoding"] == "t5"} == {
        best.setting["rate"]
    }
    assert {c["task"] for _, c in calls} == {"sum"}
    plain = min(tried.where(encoding="t5")[::2], key=lambda record: record.value)  # factor 1
    controls = [
        call
        for run, call in train_short.tested_calls(replace(plan, tasks=("text",)), tried)
        if run is train_short.common_rate_run
    ]
    assert [(c["encoding"], c["seed"], c["choice"]) for c in controls] == [
        ("t5", seed, plain.setting) for seed in plan.seeds
    ]


def test_a_choice_reaches_the_training():
    first, second = (
        train_short.one_run(LENGTHS, "sum", "t5", 0, choice=choice)[0].value
        for choice in ({}, {"bias_rate_factor": 1.0})
    )
    assert first != second


def test_extrapolation_is_tidy():
    found = extrapolation(LENGTHS)
    assert set(found.values("encoding")) == {"alibi", "rope", *train_short.SCALED}
    assert found.values("at") == [32, 64, 128, 256]
    assert all(math.isfinite(record.value) for record in found)
    keys = [(r.task, r.encoding, r.seed, r.at, r.metric) for r in found]
    assert len(set(keys)) == len(keys) == 2 * 6 * 4 * 2


# Your own encoding, and runs that are kept


class Nearest(DistanceBias):
    def by_distance(self, distance):
        return -distance.abs().double().unsqueeze(0)


def test_your_own_encoding_stands_beside_the_stored_ones_and_in_their_figure():
    plan = replace(
        LENGTHS, tasks=("induction",), trained=("alibi",), seeds=(0,), rates=(1e-3, 1e-2)
    )
    found = compare(Nearest, task="induction", settings=plan, keep=None)
    assert found.values("encoding") == ["alibi", "Nearest"]
    mine = found.where(encoding="Nearest", metric="accuracy")
    assert mine.values("at") == [32, 64, 128, 256] and "Nearest" not in encodings()
    assert "Nearest" in found._repr_mimebundle_()[0]["text/plain"]


def test_a_run_that_was_interrupted_goes_on_and_changes_nothing(tmp_path, monkeypatch):
    plan = replace(LENGTHS, trained=("alibi",))
    whole = extrapolation(plan)
    ran, stop = [], 1

    def counted(*given):
        if len(ran) == stop:
            raise KeyboardInterrupt
        ran.append(given)
        return alone(*given)

    alone = parallel._alone
    monkeypatch.setattr(parallel, "_alone", counted)
    with keeping_runs(tmp_path):
        with pytest.raises(KeyboardInterrupt):
            extrapolation(plan)
        stop = None
        assert extrapolation(plan) == whole
        assert len(ran) == 2, "one before, one after"
        assert extrapolation(plan) == whole and len(ran) == 2
        extrapolation(replace(plan, dim=32))
        assert len(ran) == 4, "other settings are other runs"


def test_edited_code_of_ones_own_is_another_run(tmp_path):
    """As in a notebook, whose cells are no files: the code of a class is that of its methods."""

    def path(source):
        cell = f"<cell {len(linecache.cache)}>"
        linecache.cache[cell] = len(source), None, source.splitlines(keepends=True), cell
        made = {"__name__": "__main__"}
        exec(compile(source, cell, "exec"), made)
        return kept_runs._path(print, {"own": made["Mine"]})

    mine = "class Mine:\n    slope = {}\n    def turn(self):\n        return {}\n"
    with keeping_runs(tmp_path):
        first, again, *others = (
            path(mine.format(*given)) for given in ((1, 1), (1, 1), (2, 1), (1, 2))
        )
    assert first == again
    assert len({first, *others}) == 3


# Order of words, and digits


def test_what_is_blind_to_order_scores_one_half_exactly():
    plan = TextOrderSettings(training=BRIEF)
    for encoding in (word_order.BAG, "none", "alibi"):
        assert word_order.one_run(plan, "reversed", encoding, 0)[0].value == pytest.approx(
            0.5, abs=0.01
        ), encoding


def test_a_bag_of_words_does_not_see_order():
    torch.manual_seed(0)
    bag, x = word_order.BagOfWords(10, 8, 2), torch.randint(10, (4, 6))
    assert (bag(x) == bag(x.flip(1))).all()
    assert not (bag(x) == bag((x + 1) % 10)).all()


def test_shuffled_pixels_leave_no_position_as_it_was():
    plan = digit_models.DigitsSettings(training=BRIEF, dim=16, layers=1)
    right, mixed = digit_models.one_run(plan, "patches", "none", 0)
    assert right.value == mixed.value
    model, _ = digit_models.trained_model(plan, "patches", "sinusoidal_2d", 0)
    tokens = digit_images.image_tokens(digit_images.split_digits("test")[0], 2)
    moved = model(tokens) - model(digit_images.shuffled_tokens(tokens, 0))
    assert moved.abs().max() > 1e-3


# Series


@pytest.mark.parametrize(
    ("task", "encoding"),
    [("el_nino", "sinusoidal"), ("sp500", "rope"), ("el_nino_gaps", forecasting.TIMING)],
)
def test_a_changed_future_changes_no_prediction(task, encoding):
    """Everything after the origin of the first test row is replaced: its forecast stays."""
    data = measured(forecast_windows.SHAPES[task][0])
    history = forecast_windows.SHAPES[task][1]
    origin = round(len(data) * 0.8) + history  # the first value that is not known
    rng = np.random.default_rng(0)
    changed = data.values.copy()
    changed[origin:] = rng.normal(1000, 100, len(changed) - origin)
    first, second = (
        forecast(SERIES, task, encoding, 0, rate=1e-2, dim=16, data=some)
        for some in (data, replace(data, values=changed))
    )
    assert (first.rows.past[0] == second.rows.past[0]).all()
    assert (first.rows.future[0] != second.rows.future[0]).any()
    assert (first.predicted[0] == second.predicted[0]).all()
    assert (first.predicted[-1] != second.predicted[-1]).any()  # the last row saw other values


def test_another_draw_leaves_out_other_months_for_models_and_rules_alike():
    first, same, other = (
        forecast_steps.prepare("el_nino_gaps", forecasting.TIMING, draw=draw) for draw in (1, 1, 2)
    )
    for part, batch in first.batches.items():
        assert torch.equal(batch.positions, same.batches[part].positions)
        assert not torch.equal(batch.positions, other.batches[part].positions)
    rows = forecast_windows.rows_of("el_nino_gaps", None, draw=1)[1]["test"]
    times = first.batches["test"].positions.numpy()
    known = np.isin(rows.past_times[0], times[0])
    whole = first.rows["test"]
    assert known.sum() == forecast_windows.KEPT
    np.testing.assert_allclose(rows.past[0][known], whole.past[0][known])
    assert not np.allclose(rows.past[0], whole.past[0]), "the others are filled by lines"


def test_a_series_that_ends_earlier_has_other_years_as_its_test_and_no_later_ones():
    whole, earlier = (verdicts.ending_earlier("el_nino", years).errors for years in (0, 10))
    rules = comparison.simple_forecasts("el_nino")
    assert whole == {
        name: baselines.rmse(rules[name].predicted, rules[name].rows.future) for name in whole
    }
    assert [*whole.values()] == sorted(whole.values())
    assert whole.keys() == earlier.keys() and whole != earlier


def test_with_gaps_the_model_is_given_half_of_the_months():
    rows = windows(measured("el_nino"), "test", history=36, horizon=12)
    for encoding, setting in forecasting.TRAINED_GAPS:
        rng = np.random.default_rng(0)
        batch = forecast_steps._batch(rows, 1.0, "el_nino_gaps", rng, encoding, **setting)
        assert batch.x.shape[1] == forecast_windows.KEPT
        assert (batch.x[:, -1] == 0).all(), "relative to the last value, which is always known"
        if setting == {"by_time": True}:
            assert (batch.positions[:, 0] == 0).all()
            assert (batch.positions.diff() > 0).all()
            assert batch.positions.max() == 35
        elif encoding == forecasting.TIMING:
            assert (batch.positions[:, -1].numpy() == rows.past_times[:, -1]).all()
            values = dict(zip(measured("el_nino").times, measured("el_nino").values, strict=True))
            x = np.vectorize(values.__getitem__)(batch.positions.numpy()) - rows.last
            np.testing.assert_allclose(batch.x[..., 0], x, atol=1e-5)


def test_the_baselines_are_those_of_a_plain_loop():
    rows = windows(measured("el_nino"), "test", history=36, horizon=14)
    guess = baselines.seasonal_naive(rows, 12)
    for row in (0, 7):
        for k in range(14):
            steps_back = 12 if k < 12 else 24
            t = 35 + 1 + k - steps_back
            assert guess[row, k] == rows.past[row, t]
    assert (baselines.last_value(rows) == rows.past[:, -1:]).all()
    with pytest.raises(ValueError, match="longer history"):
        baselines.seasonal_naive(rows, 37)


def test_climatology_and_damped_anomaly_are_those_of_a_plain_loop_and_of_training_years_alone():
    sea = measured("el_nino")
    train, test = (windows(sea, part, history=36, horizon=12) for part in ("train", "test"))
    end = round(0.6 * len(sea))
    values = dict(zip(sea.times[:end].tolist(), sea.values[:end].tolist(), strict=True))
    means = [np.mean([v for t, v in values.items() if t % 12 == month]) for month in range(12)]
    later, now = 0.0, 0.0
    for times, future, last in zip(train.past_times, train.future, train.last, strict=True):
        away = last[0] - means[times[-1] % 12]
        later += away * (future[4] - means[(times[-1] + 5) % 12])
        now += away**2
    row, origin = 7, test.past_times[7, -1]
    wanted = means[(origin + 5) % 12]
    assert baselines.climatology(sea, test)[row, 4] == pytest.approx(wanted)
    wanted += later / now * (test.last[row, 0] - means[origin % 12])
    assert baselines.damped_anomaly(sea, train, test)[row, 4] == pytest.approx(wanted)
    burnt = replace(sea, values=np.where(np.arange(len(sea)) < end, sea.values, 99.0))
    assert (baselines.monthly_means(burnt) == baselines.monthly_means(sea)).all()


def test_ridge_finds_a_wave_and_no_more_than_a_wave():
    wave = replace(measured("el_nino"), values=np.sin(np.arange(732) * 2 * np.pi / 12))
    parts = [windows(wave, p, history=24, horizon=6) for p in ("train", "validation", "test")]
    assert baselines.rmse(baselines.ridge(*parts), parts[2].future) < 1e-3


def test_the_difference_to_the_last_value_is_paired():
    data = measured("sp500")
    rows = windows(data, "test", history=32, horizon=5)
    same = comparison._records(
        "sp500", "x", 0, forecast_steps.Forecast(rows.last + 0 * rows.future, rows)
    )
    assert {r.metric: r.value for r in same}[comparison.BEYOND] == 0.0
    perfect = comparison._records("sp500", "x", 0, forecast_steps.Forecast(rows.future, rows))
    values = {(r.metric, r.at): r.value for r in perfect}
    assert values["rmse", 0] == 0.0
    assert values[comparison.BEYOND, 0] == pytest.approx(-np.mean((rows.future - rows.last) ** 2))
    assert values[comparison.ERROR, 0] > 0


def test_settings_are_chosen_on_validation():
    tried = [
        Record(
            "el_nino", "rope", 0, 0, "validation rmse", value,
            {"by_time": True, "rate": rate, "dim": dim},
        )
        for rate, dim, value in ((1e-3, 16, 3.0), (1e-3, 32, 1.0), (3e-3, 16, 2.0), (3e-3, 32, 4.0))
    ]  # fmt: skip
    plan = replace(SERIES, rates=(1e-3, 3e-3), dims=(16, 32))
    best = comparison.chosen(plan, Results(tried), "el_nino", "rope", {"by_time": True})
    assert best == {"rate": 1e-3, "dim": 32}


def test_series_are_tidy_and_tuned_where_there_is_a_choice():
    found = series(SERIES)
    assert found.values("metric") == [
        comparison.RMSE, comparison.BEYOND, comparison.ERROR,
        *(name for rule in comparison.REFERENCES for name in comparison.against(rule)),
        comparison.VALIDATION,
    ]  # fmt: skip
    assert set(found.values("encoding")) == {*comparison.BASELINES, *dict(forecasting.TRAINED)}
    assert found.where(metric=comparison.RMSE).values("at") == [1, 12, 0]
    assert found.where(encoding="last value").values("seed") == [None]
    tuned = comparison.tune(replace(SERIES, rates=(1e-3, 1e-2)))
    assert tuned.where(encoding="none").values("setting") == [
        {"rate": 1e-3, "dim": 16}, {"rate": 1e-2, "dim": 16}
    ]  # fmt: skip
    assert tuned.values("metric") == [comparison.VALIDATION]


# Side by side


def test_the_number_of_jobs_changes_no_result():
    plan = replace(LENGTHS, trained=("alibi",))
    assert extrapolation(plan, jobs=1) == extrapolation(plan, jobs=2)


def test_one_thread_is_each_python_threads_own_and_its_number_comes_back():
    torch.set_num_threads(2)
    seen, both = {}, threading.Barrier(2, timeout=60)

    def visit(own):
        torch.get_num_threads()  # torch forgets what is set before the first look
        torch.set_num_threads(own)
        with pytest.raises(RuntimeError), parallel.one_thread(), parallel.one_thread():
            both.wait()  # both are inside
            inside = torch.get_num_threads()
            both.wait()
            raise RuntimeError
        seen[own] = inside, torch.get_num_threads()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(visit, (3, 4)))
    assert seen == {3: (1, 3), 4: (1, 4)}
    assert torch.get_num_threads() == 2
    torch.set_num_threads(2)  # new threads start with what was set last, 3 or 4
    with parallel.one_thread(), ThreadPoolExecutor(1) as fresh:
        assert fresh.submit(torch.get_num_threads).result() == 2
    looked = []
    side_by_side(lambda seed: looked.append(torch.get_num_threads()) or [], [{"seed": 0}])
    assert looked == [1] and torch.get_num_threads() == 2


CLUSTERS = {
    # Loopback only: a cluster that other machines could reach would run what they send.
    "processes": {"n_workers": 2, "threads_per_worker": 1, "host": "127.0.0.1"},
    "threads": {"n_workers": 1, "threads_per_worker": 2, "processes": False},  # no socket at all
}


night = pytest.mark.every_graph  # starting processes takes long, and the threads go the same way


@pytest.mark.parametrize("kind", ["threads", pytest.param("processes", marks=night)])
def test_the_same_call_spreads_over_a_dask_cluster(kind):
    distributed = pytest.importorskip("distributed")
    plan = replace(LENGTHS, trained=("alibi",))
    here = extrapolation(plan)
    with (
        distributed.LocalCluster(
            dashboard_address=None, silence_logs=50, **CLUSTERS[kind]
        ) as cluster,
        distributed.Client(cluster) as client,
        joblib.parallel_config(backend="dask"),
    ):
        there = extrapolation(plan)
        log = client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.transition_log))
    assert there == here
    assert log > 0, "nothing went through the cluster"


def test_a_setting_of_the_budget_reaches_the_encoding_and_its_record():
    plan = word_budget.OrderBudgetSettings(words=(2, 4), steps=(1,), training=BRIEF)
    for encoding, setting in word_budget.TRAINED[:2]:
        records = word_budget.one_run(plan, "places", encoding, setting, 0)
        assert [(r.at, r.encoding, r.setting) for r in records] == [
            (2, encoding, setting), (4, encoding, setting)
        ]  # fmt: skip
        options = setting or None
        model = word_order.untrained_model(
            TextOrderSettings(), "topic", encoding, 0, options=options
        )
        assert model.at_start.base == setting.get("base", 10_000.0)


def test_text_order_and_digits_are_tidy():
    words = text_order(TextOrderSettings(tasks=("topic",), trained=("t5",), training=BRIEF))
    pictures = digits(
        digit_models.DigitsSettings(
            tasks=("patches",), trained=("none",), training=BRIEF, seeds=(0,)
        )
    )
    assert [(r.encoding, r.at) for r in words] == [("t5", 8)] * 3
    assert words.values("seed") == [0, 1, 2]
    assert [(r.metric, r.at) for r in pictures] == [("accuracy", 16), ("accuracy, shuffled", 16)]
    assert all(0 <= record.value <= 1 for record in words + pictures)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ExtrapolationSettings(tasks=("poems",)), "poems"),
        (lambda: ExtrapolationSettings(scored=1000), "longest row"),
        (lambda: ExtrapolationSettings(rates=(0.0,)), "rates"),
        (lambda: compare(Nearest, task="poems"), "poems"),
        (lambda: compare(type("alibi", (Nearest,), {})), "alibi"),
        (lambda: comparison.simple_forecasts("stocks"), "stocks"),
        (lambda: TextOrderSettings(words=0), "words"),
        (lambda: digit_models.DigitsSettings(tasks=("voxels",)), "voxels"),
        (lambda: SeriesSettings(tasks=("stocks",)), "stocks"),
        (lambda: SeriesSettings(layers=0), "layers"),
        (lambda: train_short.trained_model(LENGTHS, "sum", "rop", 0), "rop"),
        (lambda: forecast(SERIES, "stocks", "rope", 0, rate=1e-2, dim=16), "stocks"),
        (lambda: word_order.labelled("sorted", torch.ones(1, 2), torch.ones(1), None), "sorted"),
        (lambda: forecast_steps.prepare("co2", forecasting.TIMING, by_time=True), "by_time = True"),
        (lambda: forecast_steps.prepare("el_nino_gaps", "rope", draw=-1), "draw"),
        (lambda: verdicts.ending_earlier("el_nino", 70), "fewer than the 61 years"),
        (lambda: verdicts.ending_earlier("sp500", 1), "sp500"),
        (lambda: verdicts.of_seeds(Results(), "co2", "ridge"), "damped anomaly"),
    ],
)
def test_bad_settings_are_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
