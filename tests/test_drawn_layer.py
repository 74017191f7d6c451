"""Numbers that two languages draw alike, and the layer of a reader's own encoding."""

import numpy as np
import pytest
import torch

import posenc_lib as lib
from posenc_lib import explorers
from posenc_lib.explorers.drawn import WORD, normal, threefry

ONES = 2**32 - 1


def test_the_generator_gives_the_published_answers():
    counters = [np.array(word, np.uint32) for word in ((ONES, 0x243F6A88), (ONES, 0x85A308D3))]
    keys = ((ONES, ONES), (0x13198A2E, 0x03707344))
    answers = [tuple(int(w[n]) for w in threefry(key, *counters)) for n, key in enumerate(keys)]
    assert answers == [(0x1CB996FC, 0xBB002BE7), (0xC4923A9C, 0x483DF7A0)]


def test_what_is_drawn_is_normal_and_independent():
    words = np.stack([normal(f"word {n}", 1, 256, kind=WORD)[0] for n in range(256)])
    for table in (normal("queries", 256, 256), normal("keys", 256, 256), words):
        assert abs(table.mean()) < 0.015 and abs(table.std() - 1) < 0.011
        shares = [np.mean(abs(table) < limit) for limit in (0.5, 1, 2, 3)]
        np.testing.assert_allclose(shares, [0.3829, 0.6827, 0.9545, 0.9973], atol=0.008)
        for axis in (table, table.T, table[:, ::2] ** 2 + table[:, 1::2] ** 2):  # radii too
            assert abs(np.corrcoef(axis) - np.eye(len(axis))).max() < 6 / axis.shape[1] ** 0.5


WRONG = [
    ("at_embeddings", lambda self, x, at: None),
    ("at_embeddings", lambda self, x, at: torch.cat((x, x), -1)),
    ("at_query", lambda self, x, at: x.repeat(2, 1, 1, 1)),
    ("at_scores", lambda self, query, key, at, keys_at: query[0, 0]),
]


@pytest.mark.bad_input
@pytest.mark.parametrize("method, answer", WRONG)
def test_an_encoding_of_your_own_is_checked_as_the_layer_checks_it(method, answer):
    mine = type("Mine", (lib.PositionEncoding,), {method: answer})
    with pytest.raises((TypeError, ValueError), match=f"Mine.{method}"):
        explorers.attention_explorer(encodings={"mine": mine()}, encoding="mine")


def test_another_default_dtype_changes_nothing():
    mine = {"mine": lambda *_: lib.LearnedEncoding(128, 32)}
    before = explorers.attention_explorer(encoding="t5").views[0].values
    torch.set_default_dtype(torch.float64)
    try:
        panel = explorers.attention_explorer(encodings=mine, encoding="mine")
        explorers.playground_explorer(first="rope", second="shaw")
        panel.encoding = "t5"
    finally:
        torch.set_default_dtype(torch.float32)
    assert np.array_equal(before, panel.views[0].values)
