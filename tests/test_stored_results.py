"""The full results that ship: whole, of these settings, made again, and what they say."""

import json
import math
import re
from dataclasses import dataclass
from importlib.resources import files

import pytest

from posenc_lib import experiments
from posenc_lib.experiments import FULL, Record, Results, full_results, shipped_results
from posenc_lib.experiments import full_settings as settings_of
from posenc_lib.experiments.__main__ import main as command
from posenc_lib.experiments.data import sequences
from posenc_lib.experiments.lengths import train_short
from posenc_lib.experiments.time_series import comparison

every = pytest.mark.parametrize("name", FULL)
FOLDER = files("posenc_lib").joinpath("experiments", "results")


@every
def test_the_settings_are_those_of_the_code(name):
    """If this fails, the settings have changed since the results were made: make experiments."""
    assert settings_of(name)["settings"] == shipped_results.current_settings(name)


@every
def test_no_run_is_missing(name):
    found, plan = full_results(name), getattr(experiments, FULL[name])()
    assert set(found.values("task")) == set(plan.tasks)
    for task in plan.tasks:
        if hasattr(plan, "variants"):
            trained = plan.variants(task)
        else:
            trained = plan.trained(task) if callable(plan.trained) else plan.trained
        tried = task == "rates" and hasattr(plan, "tried_seed")
        seeds = {plan.tried_seed} if tried else set(plan.seeds)
        for entry in trained:
            encoding, setting = (entry, {}) if isinstance(entry, str) else entry
            runs = found.where(task=task, encoding=encoding, setting=setting)
            assert {record.seed for record in runs} == seeds, (task, entry)
    assert all(math.isfinite(record.value) for record in found)
    keys = [(r.task, r.label, r.seed, r.at, r.metric) for r in found]
    assert len(keys) == len(set(keys))


@every
def test_versions_are_recorded_and_nothing_of_the_day_or_the_machine(name):
    text = FOLDER.joinpath(f"{name}.json").read_text(encoding="utf-8")
    assert len(text) < 200_000
    versions = settings_of(name)["versions"]
    assert set(versions) == {"python", *shipped_results.PACKAGES}
    assert not re.search(r"20\d\d-\d\d|/home|/root|/tmp|cpu\"", text)


def test_a_baseline_made_again_is_the_one_that_is_stored():
    for task, seed in (("el_nino", None), ("sp500", None), ("el_nino_gaps", 1)):
        for made in comparison.baseline_records(task, seed):
            kept = full_results("series").where(
                task=task, encoding=made.encoding, at=made.at, metric=made.metric, seed=seed
            )
            assert kept.mean() == pytest.approx(made.value, rel=1e-4, abs=1e-6), made


def test_a_model_trained_again_is_the_one_that_is_stored():
    """Not to the last bit on another machine: sums in another order part ways in training."""
    plan, kept = experiments.SeriesSettings(), full_results("series")
    choice = comparison.chosen(plan, kept, "sp500", "sinusoidal", {})
    for made in comparison.one_run(plan, "sp500", "sinusoidal", {}, 0, **choice):
        same = kept.where(task="sp500", label=made.label, seed=0, at=made.at, metric=made.metric)
        if made.metric == comparison.RMSE:
            assert same.mean() == pytest.approx(made.value, rel=0.02), made


# Writing


SETTING = {"base": 10.0, "by_time": True}


@dataclass(frozen=True)
class Plan:
    tasks: tuple[str, ...] = ("a", "b")
    factor: float = 1.0


def toy(plan, *, jobs=None):
    return Results(
        Record(task, "rope", 0, 1, "value", plan.factor / 3, SETTING) for task in plan.tasks
    )


@pytest.fixture
def toy_experiment(monkeypatch):
    def use(plan):
        monkeypatch.setattr(shipped_results, "_experiment", lambda name: (toy, lambda: plan))

    use(Plan())
    return use


def stored_in(folder):
    return json.loads((folder / "digits.json").read_text(encoding="utf-8"))


def test_what_is_written_is_read_again(tmp_path, monkeypatch, toy_experiment):
    shipped_results.run_full("digits", folder=tmp_path)
    monkeypatch.setattr(shipped_results, "results_folder", lambda: tmp_path)
    assert shipped_results.full_results("digits") == Results(
        Record(task, "rope", 0, 1, "value", 0.333333, SETTING) for task in ("a", "b")
    )
    assert shipped_results.full_settings("digits")["settings"] == {
        "tasks": ["a", "b"],
        "factor": 1.0,
    }
    first = (tmp_path / "digits.json").read_bytes()
    shipped_results.run_full("digits", folder=tmp_path)
    assert (tmp_path / "digits.json").read_bytes() == first


@pytest.fixture
def written(tmp_path, monkeypatch, toy_experiment):
    """Results of the digits in a folder that the library reads, and of another experiment."""
    shipped_results.run_full("digits", folder=tmp_path)
    shipped_results.run_full("series", folder=tmp_path)
    monkeypatch.setattr(shipped_results, "results_folder", lambda: tmp_path)
    return tmp_path / "digits.json"


def test_an_edited_number_is_refused(written):
    assert full_results("digits").mean(task="a") == 0.333333
    content = written.read_bytes()
    written.write_bytes(content.replace(b"0.333333", b"0.433333", 1))
    for read in (full_results, settings_of):
        with pytest.raises(OSError, match=r"digits\.json has sha256 .*, expected .* install"):
            read("digits")
    assert full_results("series")
    written.write_bytes(content)
    assert full_results("digits")


def test_results_without_a_checksum_are_refused(written):
    written.with_name(shipped_results.CHECKSUMS).unlink()
    with pytest.raises(OSError, match=r"digits\.json"):
        full_results("digits")


def test_what_is_damaged_is_trained_again(written):
    written.write_bytes(written.read_bytes()[:-20])
    shipped_results.run_full("digits", missing=True)
    assert full_results("digits").values("task") == ["a", "b"]


def test_no_checksum_is_left_over():
    sums = json.loads(FOLDER.joinpath(shipped_results.CHECKSUMS).read_text(encoding="utf-8"))
    assert list(sums) == sorted(f"{name}.json" for name in FULL)


def test_nothing_is_trained_for_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped_results, "_experiment", lambda name: (pytest.fail, Plan))
    monkeypatch.setattr(shipped_results.os, "access", lambda path, mode: False)
    with pytest.raises(PermissionError, match=r"run_full: .* cannot be written"):
        shipped_results.run_full("digits", folder=tmp_path)


def test_the_command_says_that_it_cannot_write(monkeypatch, capsys):
    monkeypatch.setattr(shipped_results.os, "access", lambda path, mode: False)
    with pytest.raises(SystemExit):
        command(["digits"])
    assert "cannot be written" in capsys.readouterr().err


def test_a_run_that_was_cut_short_goes_on(tmp_path, toy_experiment):
    shipped_results.run_full("digits", ["b"], folder=tmp_path)
    assert [row[0] for row in stored_in(tmp_path)["rows"]] == ["b"]
    shipped_results.run_full("digits", ["a"], folder=tmp_path)
    assert [row[0] for row in stored_in(tmp_path)["rows"]] == ["a", "b"]


def test_what_is_stored_is_not_trained_again_unless_asked(tmp_path, monkeypatch, toy_experiment):
    trained = []

    def noted(plan, *, jobs=None):
        trained.extend(plan.tasks)
        return toy(plan)

    monkeypatch.setattr(shipped_results, "_experiment", lambda name: (noted, Plan))
    shipped_results.run_full("digits", ["b"], folder=tmp_path)
    path = shipped_results.run_full("digits", missing=True, folder=tmp_path)
    assert trained == ["b", "a"]
    assert shipped_results.run_full("digits", missing=True, folder=tmp_path) == path
    assert trained == ["b", "a"]
    shipped_results.run_full("digits", folder=tmp_path)
    assert trained == ["b", "a", "a", "b"]


def test_a_run_goes_on_but_not_from_other_settings_or_versions(
    tmp_path, monkeypatch, toy_experiment
):
    def tasks_after(task):
        shipped_results.run_full("digits", [task], folder=tmp_path)
        return [row[0] for row in stored_in(tmp_path)["rows"]]

    assert (tasks_after("b"), tasks_after("a")) == (["b"], ["a", "b"])
    toy_experiment(Plan(factor=2.0))
    assert (tasks_after("a"), tasks_after("b")) == (["a"], ["a", "b"])
    monkeypatch.setattr(shipped_results, "current_versions", lambda: {"python": "4.0"})
    assert tasks_after("b") == ["b"]


@pytest.mark.bad_input
def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="poems"):
        full_results("poems")
    with pytest.raises(ValueError, match="voxels"):
        experiments.run_full("digits", ["voxels"])


# What the notebooks say about them


def loss(task, encoding, at, metric="loss in nats"):
    return full_results("extrapolation").mean(task=task, encoding=encoding, at=at, metric=metric)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_what_notebook_7_says_of_long_texts_holds_for_every_seed(seed):
    found = full_results("extrapolation").where(task="text", metric="loss in nats", seed=seed)
    curve = {
        name: [found.mean(encoding=name, at=at) for at in (32, 64, 128, 256)]
        for name in found.values("encoding")
    }
    assert all(abs(curve[name][3] / curve[name][0] - 1) < 0.05 for name in ("t5", "alibi"))
    assert min(curve[name][3] / curve[name][0] for name in ("sinusoidal", "learned")) > 1.3
    for better, worse, first in (("rope", "sinusoidal", 1), ("t5", "alibi", 0)):
        pairs = list(zip(curve[better], curve[worse], strict=True))[first:]
        assert all(x < y for x, y in pairs), better
    text = full_results("extrapolation").where(task="text", at=256, seed=seed)
    assert text.mean(metric=train_short.COMMON) > curve["alibi"][3]
    plain, window, sliding = (
        text.mean(encoding="none", metric=metric)
        for metric in (train_short.LOSS, train_short.WINDOW, train_short.SLIDING)
    )
    assert 0.4 < (plain - window) / (plain - sliding) < 0.7
    at_256 = [curve[name][3] for name in ("rope_yarn_short", "rope_ntk", "rope", "rope_pi")]
    assert at_256 == sorted(at_256)


def test_every_rate_was_tried_and_the_best_one_reported():
    plan, found = experiments.ExtrapolationSettings(), full_results("extrapolation")
    tried = found.where(metric="validation loss")
    for encoding in plan.trained:
        settings = [record.setting for record in tried.where(encoding=encoding)]
        assert settings == plan.choices(encoding), encoding
        assert set(tried.where(encoding=encoding).values("at")) == {plan.length}


def test_where_nothing_can_be_learned_every_curve_is_flat():
    floor = sequences.NOISE_FLOOR
    for encoding in experiments.ExtrapolationSettings().trained:
        for at in (32, 64, 128, 256):
            assert loss("noise", encoding, at) == pytest.approx(floor, rel=0.01), encoding


def test_no_model_beats_the_last_value_of_stock_prices_beyond_its_error_bar():
    found = full_results("series").where(task="sp500", at=0)
    for encoding, setting in experiments.SeriesSettings().trained("sp500"):
        model = found.where(encoding=encoding, setting=setting)
        gain = -model.mean(metric=comparison.BEYOND)
        error = model.mean(metric=comparison.ERROR)
        assert gain < 2 * error, encoding
