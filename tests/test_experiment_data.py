"""The data of the experiments: whole, split without a leak, and what it claims to be."""

import gzip
import json
import math
import pydoc_data.topics
import sys
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posenc_lib.experiments import measured, windows
from posenc_lib.experiments.data import digit_images, prose, sequences, word_windows
from posenc_lib.experiments.data.measured_series import NAMES
from posenc_lib.experiments.parts.training_settings import IGNORED
from posenc_lib.experiments.text import word_order

SPLITS = ("train", "validation", "test")


# Prose


def pydoc_topics():
    return json.loads(gzip.decompress(prose._content()))


@pytest.mark.skipif(sys.version_info[:3] != (3, 11, 7), reason="the topics of Python 3.11.7")
def test_the_frozen_topics_are_those_of_the_standard_library():
    assert pydoc_topics() == pydoc_data.topics.topics


def test_a_topic_is_in_one_split_and_a_paragraph_too():
    topics = [set(prose.paragraphs(split)) for split in SPLITS]
    assert sum(len(names) for names in topics) == len(set.union(*topics)) == 79
    found = [p for split in SPLITS for t in prose.paragraphs(split).values() for p in t]
    assert len(found) == len(set(found))


def test_hardly_a_stretch_of_60_characters_is_in_training_and_test():

    def stretches(split):
        text = prose.text(split)
        return {text[at : at + 60] for at in range(len(text) - 60)}

    train = stretches("train")
    for split in ("validation", "test"):
        held_out = stretches(split)
        assert len(held_out & train) / len(held_out) < 0.002, split


def test_characters_are_the_text():
    text, numbers = prose.text("test"), prose.characters("test")
    back = "".join(chr(n + 32) if n < 95 else "\n" if n == 95 else "?" for n in numbers)
    printable = "".join(c if c == "\n" or 32 <= ord(c) < 127 else "?" for c in text)
    assert back == printable
    assert 0 <= numbers.min() <= numbers.max() < prose.VOCABULARY


# Word windows


def test_both_forms_of_a_window_hold_the_same_words():
    plan = word_order.TextOrderSettings()
    for task in ("reversed", "shuffled"):
        batch = word_order.scored_batch(plan, task, "validation")
        half = len(batch.x) // 2
        assert (batch.target == torch.arange(2).repeat_interleave(half)).all()
        first, second = batch.x[:half], batch.x[half:]
        assert (first.sort(1).values == second.sort(1).values).all()
        assert (first != second).any(1).double().mean() > 0.99
        assert (second == first.flip(1)).all() == (task == "reversed")


def test_held_out_word_windows_do_not_overlap():
    for split in ("validation", "test"):
        rows, _ = word_windows.word_windows("reversed", split, 8, 1000)
        whole = [p.lower().split() for topic in prose.paragraphs(split).values() for p in topic]
        assert len(rows) == sum(len(words) // 8 for words in whole)


def test_topic_windows_of_the_splits_come_from_other_paragraphs():
    found = [word_windows._paragraphs("topic", split) for split in SPLITS]
    texts = [{p for _, p in part} for part in found]
    assert not texts[0] & texts[1] | texts[0] & texts[2] | texts[1] & texts[2]
    for part in found:
        assert {label for label, _ in part} == set(range(len(word_windows.TOPICS)))


# Sequences


rows_of_tokens = st.lists(
    st.lists(st.integers(0, 9), min_size=12, max_size=12), min_size=1, max_size=4
)


@given(rows_of_tokens)
@settings(max_examples=30)
def test_the_targets_are_those_of_a_plain_loop(rows):
    sums, copies = [], []
    for row in rows:
        sums.append([IGNORED] + [(row[i] + row[i - 1]) % 10 for i in range(1, len(row))])
        copies.append([])
        for i, token in enumerate(row):
            earlier = [j for j in range(i) if row[j] == token]
            copies[-1].append(row[earlier[-1] + 1] if earlier else IGNORED)
    x = torch.tensor(rows)
    assert sequences.sum_of_last_two(x).tolist() == sums
    assert sequences.induction(x).tolist() == copies


def test_noise_has_the_entropy_it_says():
    batch = sequences.drawn("noise", torch.Generator().manual_seed(0), 1000, 32)
    assert (batch.x[:, 1:] == batch.target[:, :-1]).all()
    share = torch.bincount(batch.target.flatten(), minlength=10) / batch.target.numel()
    assert float(-(share * share.log()).sum()) == pytest.approx(sequences.NOISE_FLOOR, abs=1e-3)
    assert math.log(10) == sequences.NOISE_FLOOR


# Digits


def test_the_digits_are_dealt_out_once():
    rows = np.concatenate(
        [digit_images.split_digits(split)[0].flatten(1).numpy() for split in SPLITS]
    )
    everything, _ = digit_images._all()
    assert len(rows) == len(everything) == 1797
    assert sorted(map(bytes, rows)) == sorted(map(bytes, everything.reshape(1797, 64)))
    labels = digit_images.split_digits("test")[1]
    assert torch.bincount(labels).min() > 20


def test_patches_are_cut_row_by_row():
    picture = torch.arange(64.0).view(1, 8, 8)
    assert (digit_images.image_tokens(picture, 1)[0, :, 0] == torch.arange(64)).all()
    patches = digit_images.image_tokens(picture, 2)[0]
    assert patches[0].tolist() == [0, 1, 8, 9]
    assert patches[1].tolist() == [2, 3, 10, 11]
    assert patches[4].tolist() == [16, 17, 24, 25]


def test_shuffling_moves_tokens_and_changes_none():
    tokens = torch.arange(48.0).view(2, 12, 2)
    mixed = digit_images.shuffled_tokens(tokens, seed=0)
    assert (mixed.sort(1).values == tokens).all()
    assert (mixed != tokens).any()
    assert not ((mixed[1] - mixed[0]) == (tokens[1] - tokens[0])).all()  # an order of its own


# Series


def test_the_series_are_what_they_say():
    sea, air, market = (measured(name) for name in NAMES)
    assert (len(sea), len(air), len(market)) == (732, 521, 5031)
    assert (np.diff(sea.times) == 1).all()
    assert np.diff(air.times).max() > 1, "months without a measurement leave gaps"
    assert set(np.diff(market.times)) >= {1, 3, 4}, "weekends and holidays leave gaps"
    assert round(float(np.exp(market.values[0] / 100)), 2) == 1228.10
    by_month = [sea.values[month::12].mean() for month in range(12)]
    assert max(by_month) - min(by_month) > 5  # the seasons, in degrees


@pytest.mark.parametrize("name", NAMES)
def test_windows_are_stretches_of_one_part(name):
    series, history, horizon = measured(name), 24, 6
    ends = []
    for part, low, high in (("train", 0, 0.6), ("validation", 0.6, 0.8), ("test", 0.8, 1)):
        rows = windows(series, part, history=history, horizon=horizon)
        first, end = round(len(series) * low), round(len(series) * high)
        at = {int(time): value for time, value in zip(series.times, series.values, strict=True)}
        inside = set(series.times[first:end].tolist())
        times = np.concatenate([rows.past_times, rows.future_times], axis=1)
        assert set(times.ravel().tolist()) <= inside
        values = np.concatenate([rows.past, rows.future], axis=1)
        assert (values == np.vectorize(at.__getitem__)(times)).all()
        assert (np.diff(times, axis=1) > 0).all()
        if name != "sp500":
            assert (np.diff(times, axis=1) == 1).all()
        ends.append((times.min(), times.max()))
    assert ends[0][1] < ends[1][0]
    assert ends[1][1] < ends[2][0]


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: prose.paragraphs("dev"), "dev"),
        (lambda: sequences.drawn("copy", torch.Generator(), 1, 1), "copy"),
        (lambda: sequences.drawn("sum", torch.Generator(), 0, 1), "rows"),
        (lambda: sequences.induction(torch.zeros(3).long()), "batch, length"),
        (lambda: digit_images.split_digits("dev"), "dev"),
        (lambda: digit_images.image_tokens(torch.zeros(1, 8, 8), 3), "side"),
        (lambda: word_windows.word_windows("sorted", "test", 8, 10), "sorted"),
        (lambda: measured("stocks"), "stocks"),
        (lambda: windows(measured("co2"), "dev", history=3, horizon=1), "dev"),
        (lambda: windows(measured("co2"), "test", history=104, horizon=1), "shorter history"),
    ],
)
def test_bad_input_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_the_numbers_of_words_are_those_of_the_training_text():
    texts = [text for topic in prose.paragraphs("train").values() for text in topic]
    counts = Counter(" ".join(texts).lower().split())
    known = word_windows.words_of(torch.arange(1000), vocabulary=1000)
    assert known == sorted(counts, key=lambda word: (-counts[word], word))[:1000]
