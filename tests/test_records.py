"""Tables of results: filtered, averaged, shown, and never mixed."""

import statistics

import pytest

from posenc_lib.experiments import Record, Results

RECORDS = [
    Record(task, encoding, seed, at, "loss", value + at)
    for task in ("text", "sum")
    for encoding in ("rope", "alibi")
    for seed, value in ((0, 1.0), (1, 2.0), (2, 6.0))
    for at in (32, 64)
]
RESULTS = Results(RECORDS)


def test_where_mean_and_spread():
    some = RESULTS.where(task="text", encoding="rope", at=32)
    assert [record.seed for record in some] == [0, 1, 2]
    assert some.mean() == RESULTS.mean(task="text", encoding="rope", at=32) == 35.0
    assert some.spread() == pytest.approx(statistics.stdev([1.0, 2.0, 6.0]))
    assert RESULTS.where(seed=0, at=32, task="sum", encoding="rope").spread() == 0.0
    assert RESULTS.values("encoding") == ["rope", "alibi"]


def test_a_sequence_of_records():
    assert RESULTS[0] == RECORDS[0]
    assert RESULTS[:2] == Results(RECORDS[:2])
    assert RESULTS[:2] + RESULTS[2:] == RESULTS
    assert RESULTS != RECORDS
    assert RESULTS.as_dicts()[0]["value"] == 33.0


def test_the_table_shows_mean_and_spread():
    lines = RESULTS.where(task="text").table(digits=1).splitlines()
    assert lines[0] == "| encoding | 32 | 64 |"
    assert lines[2] == "| rope | 35.0 ± 2.6 | 67.0 ± 2.6 |"
    one = Results(RECORDS[:1]).table()
    assert one.splitlines()[2] == "| rope | 33.000 |"


VARIANTS = (
    ("rope", {}), ("rope", {"base": 10.0}), ("rope", {"by_time": True, "rate": 1e-3}), ("t5", {})
)  # fmt: skip
SETTINGS = Results(
    Record("text", encoding, seed, 32, "loss", 2.0 * number + seed, setting)
    for number, (encoding, setting) in enumerate(VARIANTS)
    for seed in (0, 1)
)


def test_a_setting_is_a_field_and_a_label_says_it_in_words():
    labels = ["rope", "rope, base 10", "rope, by time, rate 0.001", "t5"]
    assert SETTINGS.values("label") == labels
    assert SETTINGS.values("setting") == [{}, {"base": 10.0}, {"by_time": True, "rate": 1e-3}]
    assert SETTINGS.values("encoding") == ["rope", "t5"]
    assert SETTINGS.where(label=labels[1]) == SETTINGS.where(setting={"base": 10.0})
    assert [SETTINGS.mean(label=label) for label in labels] == [0.5, 2.5, 4.5, 6.5]
    rows = SETTINGS.table(rows="label", digits=1).splitlines()[2:]
    assert rows == [f"| {label} | {SETTINGS.mean(label=label)} ± 0.7 |" for label in labels]


@pytest.mark.bad_input
@pytest.mark.parametrize("ask", [Results.table, Results.mean, Results.spread])
def test_settings_are_not_mixed_in_silence(ask):
    with pytest.raises(ValueError, match=r"not \['rope', 'rope, base 10', .*by setting or label"):
        ask(SETTINGS)


@pytest.mark.bad_input
def test_what_would_mix_is_refused():
    with pytest.raises(ValueError, match=r"where\(task=...\)"):
        RESULTS.table()
    with pytest.raises(ValueError, match="at least one record"):
        RESULTS.mean(encoding="xpos")
    with pytest.raises(TypeError, match="length"):
        RESULTS.where(length=32)
    with pytest.raises(TypeError, match="Record"):
        Results([("text", "rope")])
