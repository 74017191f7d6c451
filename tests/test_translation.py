"""Dates in five languages, the models that translate them, and what must hold of both."""

import json
from collections import Counter
from dataclasses import asdict
from datetime import date
from functools import partial

import numpy as np
import pytest
import torch

from posenc_lib import explorers
from posenc_lib.experiments import Batch, EncoderDecoder, Sides, full_results
from posenc_lib.experiments.data import dates
from posenc_lib.experiments.translation import date_models, date_tokens, stored_translators
from posenc_lib.experiments.translation import translating as t
from posenc_lib.explorers.translator import exported_translator

SMALL = {"dim": 16, "heads": 2, "layers": 2, "length": 64}
SIZE = len(date_tokens.vocabulary())
ENCODINGS = ("none", "sinusoidal", "learned", "t5", "alibi", "rope")


@pytest.fixture(scope="module")
def batch():
    """Dates with one and with two digits of the day, in languages of different lengths."""
    found = [date(1999, 3, 7), date(2026, 11, 27), date(1023, 1, 30)]
    return date_tokens.batch_of([([day], name) for day in found for name in date_tokens.TARGETS])


def model(encoding="rope", made=EncoderDecoder, seed=0, **sizes):
    torch.manual_seed(seed)
    return made(vocabulary=SIZE, encoding=encoding, **{**SMALL, **sizes}).eval()


# The dates


def test_the_frozen_file_says_what_each_language_writes():
    """Written by hand from grammars, not from the file."""
    day = {"English": "Friday, November 27, 2026", "German": "Freitag, 27. November 2026",
           "French": "vendredi 27 novembre 2026", "Hungarian": "2026. november 27., péntek",
           "Japanese": "2026年11月27日金曜日"}  # fmt: skip
    for language, text in day.items():
        assert dates.as_text(dates.written(date(2026, 11, 27), language), language) == text
    for names in dates.patterns().values():
        assert (len(set(names["months"])), len(set(names["weekdays"]))) == (12, 7)
    assert dates.as_text(dates.written(date(2024, 2, 29), "German"), "German").startswith("Donn")


@pytest.mark.parametrize("years", [(1000, 2999), (1990, 2029)])
def test_every_day_is_in_one_part_and_every_part_has_all_weekdays(years):
    parts = [dates.days(split, *years) for split in dates.SPLITS]
    every = np.sort(np.concatenate(parts))
    assert (np.diff(every) == 1).all()
    assert date.fromordinal(int(every[0])) == date(years[0], 1, 1)
    assert date.fromordinal(int(every[-1])) == date(years[1], 12, 31)
    for part in parts:
        weekdays = np.bincount(part % 7, minlength=7) / len(part)
        assert np.abs(weekdays - 1 / 7).max() < 0.04


@pytest.mark.parametrize(
    "units, day", [("digits", date(1029, 2, 9)), ("numbers", date(2029, 12, 31))]
)
def test_a_row_drawn_from_tables_is_the_row_token_by_token(units, day):
    for language in dates.LANGUAGES:
        row = date_tokens.tokens(day, language, units)
        assert date_tokens._row(day, language, units) == date_tokens.numbered(row, units)


def test_the_vocabulary_has_an_order_of_its_own():
    """A set would give another one in every process."""
    for units, numbers in (("digits", 10), ("numbers", 31 + 40)):
        found = date_tokens.vocabulary(units)
        words = found[6 + numbers :]
        assert list(words) == sorted(set(words)) and len(set(found)) == len(found)


def test_targets_are_the_written_side_one_step_ahead(batch):
    written, target = batch.x.written, batch.target
    assert (target[:, :-1] == written[:, 1:])[written[:, 1:] != 0].all()
    ends = (target == date_tokens.numbered([date_tokens.END])[0]).sum(1)
    assert (ends == 1).all() and (target[written == 0] == -100).all()


def test_the_ceiling_is_the_number_of_bags(monkeypatch):
    monkeypatch.setitem(t.YEARS, "digits", (1998, 2001))
    every = [d for split in dates.SPLITS for d in dates.days(split, 1998, 2001)]
    rows = [date_tokens.tokens(date.fromordinal(int(d)), "English") for d in every]
    for calendar in (True, False):
        bags = Counter(tuple(sorted(row[0 if calendar else 1 :])) for row in rows)
        assert t.bag_ceiling(calendar=calendar) == pytest.approx(len(bags) / len(rows))


# The models


def test_without_position_a_source_is_a_bag_of_tokens(batch):
    order = torch.tensor([3, 0, 6, 1, 8, 5, 2, 7, 4])
    rows = (batch.x.source != 0).sum(1) == len(order)
    source, written = batch.x.source[rows][:, :9], batch.x.written[rows]
    for encoding in ENCODINGS:
        made = model(encoding)
        change = (made(Sides(source[:, order], written)) - made(Sides(source, written))).abs().max()
        assert (change < 1e-5) == (encoding == "none"), encoding


@pytest.mark.parametrize("made", [EncoderDecoder, date_models.DecoderOnly])
@pytest.mark.parametrize("encoding", ["learned", "t5", "rope"])
def test_neither_padding_nor_what_comes_later_changes_a_step(batch, made, encoding):
    whole = model(encoding, made)
    together = whole(batch.x)
    for row in (0, 5, 10):
        source, written = (side[row][side[row] != 0] for side in batch.x)
        alone = whole(Sides(source[None], written[None, :5]))
        torch.testing.assert_close(alone[0], together[row, :5], atol=1e-5, rtol=1e-4)


def test_one_pass_tells_what_writing_would_give():
    """Exact match without writing, and the same by writing every date."""
    made = stored_translators.stored_translator("sinusoidal")
    found = [date.fromordinal(int(d)) for d in dates.days("test")[:12]] + [date(2000, 2, 2)]
    held = date_tokens.batch_of([([day], "French") for day in found])
    swapped = held.target.clone()
    swapped[::2, 1] = held.target[::2, 2]  # every other target is another date
    right = t.right_to_the_end(made(held.x), swapped)
    written = [t.translate(made, date_tokens.tokens(d, "English"), "French").tokens for d in found]
    known = date_tokens.vocabulary()
    wanted = [tuple(known[n] for n in row if n >= 0) for row in swapped]
    assert right.tolist() == [one == other for one, other in zip(written, wanted, strict=True)]
    assert 2 < right.sum() < len(found)


def test_what_is_written_ends_and_says_where_it_looked():
    made = model("none")
    found = t.translate(made, ["May", "1"], "German")
    assert len(found.tokens) == len(found.sure) <= t.MOST
    assert found.weights.shape == (2, 2, len(found.tokens), 2)
    torch.testing.assert_close(found.weights.sum(-1), torch.ones(2, 2, len(found.tokens)))


# What is stored


def test_the_stored_translators_are_of_these_settings_and_as_good_as_is_stored_with_them():
    """If this fails, python -m posenc_lib.experiments.translation.stored_translators."""
    made = stored_translators.stored_settings()
    assert made["settings"] == json.loads(json.dumps(asdict(stored_translators.TRAINED)))
    for name in ("none", "rope"):
        found = [
            t.exact_match(stored_translators.stored_translator(name),
                          date_tokens.held_out("test", "digits", language))
            for language in stored_translators.TRAINED.languages
        ]  # fmt: skip
        assert sum(found) / 3 == pytest.approx(made["exact match"][name], abs=0.003)


def test_the_rates_are_those_that_validation_chose():
    """If this fails, set DatesSettings.rates and train again: make experiments."""
    plan, tried = date_models.DatesSettings(), full_results("dates").where(task="rates")
    for name, setting in plan.variants("digits"):
        scores = {
            rate: tried.mean(encoding=name, setting={**setting, "rate": rate})
            for rate in plan.tried
        }
        label = f"{name}, decoder only" if setting else name
        assert scores[plan.rates[label]] == max(scores.values()), label


# The panel


def test_in_the_panel_none_writes_the_same_whatever_the_order():
    panel = explorers.dates_explorer()
    first = panel.views[0]
    for sentence in panel.views[1].picks[1][1]:
        lines = panel.views_at(sentence=sentence)[0].texts
        assert lines[1] == first.texts[1], sentence
    assert first.texts[0] == first.texts[2], "the sinusoid writes what is right"
    reversed_ = panel.views_at(sentence="2021, 26 December, Sunday")[0]
    assert np.isnan(reversed_.values).all(), "nothing is right where the English is no date"


def test_weights_that_were_not_rounded_do_not_travel():
    with pytest.raises(ValueError, match="exported_translator: the weights are no bfloat16"):
        exported_translator(model(layers=1), 5)


REFUSED = {
    "language": partial(dates.written, date(2000, 1, 1), "Germann"),
    "day": partial(dates.written, "2000-01-01", "German"),
    "split": partial(dates.days, "tests"),
    "last_year": partial(dates.days, "test", 2000, 1999),
    "units": partial(date_tokens.vocabulary, "digit"),
    "row": partial(date_tokens.numbered, ["Fryday"]),
    "rows": partial(date_tokens.batch_of, []),
    "logits": partial(t.right_to_the_end, torch.zeros(2, 3), torch.zeros(2, 3)),
    "calendar": partial(t.bag_ceiling, calendar=1),
    "tasks": partial(date_models.DatesSettings, tasks=("digit",)),
}


@pytest.mark.parametrize("argument", REFUSED)
@pytest.mark.bad_input
def test_bad_input_is_refused_with_its_name(argument):
    with pytest.raises((ValueError, TypeError), match=rf": {argument}\S* = .* is not allowed"):
        REFUSED[argument]()


def test_a_batch_holds_both_sides(batch):
    assert isinstance(batch, Batch) and isinstance(batch.x, Sides)
