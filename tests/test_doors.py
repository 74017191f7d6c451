"""The three doors: what an encoding may touch, and how little it takes to write one."""

import inspect

import pytest
import torch

import posenc_lib.base.doors
from posenc_lib import (
    Door,
    MultiHeadAttention,
    PositionEncoding,
    encodings,
    make_encoding,
    relative_positions,
)
from tests.reference import of_input, randomise

METHODS = {
    Door.NONE: set(),
    Door.EMBEDDINGS: {"at_embeddings"},
    Door.QUERIES_KEYS: {"at_query", "at_key"},
    Door.SCORES: {"at_scores", "at_values"},
}
EVERY = set().union(*METHODS.values())


class Alibi(PositionEncoding):
    """ALiBi (Press et al. 2022) as a learner would write it: door 3."""

    door = Door.SCORES

    def __init__(self, heads):
        super().__init__()
        self.slopes = 2.0 ** (-8 * torch.arange(1, heads + 1) / heads)

    def at_scores(self, query, key, query_positions, key_positions):
        distance = relative_positions(query_positions, key_positions).abs().unsqueeze(-3)
        return -self.slopes[:, None, None].to(query.dtype) * distance  # ([batch,] heads, ...)


def public_encodings():
    objects = [getattr(posenc_lib, name) for name in posenc_lib.__all__]
    return [o for o in objects if inspect.isclass(o) and issubclass(o, PositionEncoding)]


@pytest.mark.parametrize("name", encodings())
def test_an_encoding_changes_its_own_door_only_and_gives_back_what_passes_the_others(name):
    entry = encodings()[name]
    encoding = make_encoding(name, dim=8, heads=2, length=9, causal=entry.causal_only)
    x, q, p = torch.randn(2, 5, 8), torch.randn(2, 2, 5, 4), torch.arange(5)
    opened = METHODS[encoding.door]
    changed = {n for n in EVERY if getattr(entry.cls, n) is not getattr(PositionEncoding, n)}
    assert opened - {"at_values"} <= changed <= opened  # few of door 3 touch the values
    assert (encoding.at_embeddings(x, p) is x) == ("at_embeddings" not in opened)
    assert (encoding.at_query(q, p) is q) == ("at_query" not in opened)
    turns_keys = "at_key" in opened and name != "query_temperature"  # it looks at them only
    assert (encoding.at_key(q, p) is q) == (not turns_keys)
    weights = torch.rand(2, 2, 5, 5)
    found = encoding.at_scores(q, q, p, p, **of_input(encoding, x))
    assert (found is None) == ("at_scores" not in opened)
    assert (encoding.at_values(weights, p, p) is not None) == encoding.needs_weights


def test_the_registry_misses_no_encoding():
    public = {cls.__name__ for cls in public_encodings()}
    abstract = {"PositionEncoding", "TableRelative", "DistanceBias"}
    of_others = {"Combined"}  # made of encodings, not of sizes
    assert public == {e.class_name for e in encodings().values()} | abstract | of_others


def test_each_door_is_opened_once_in_order_with_the_positions_given():
    calls = []

    def spy(name, passes):
        def method(self, *given):
            calls.append((name, *(p.tolist() for p in given if not p.is_floating_point())))
            return given[0] if passes else None

        return method

    names = ("at_embeddings", "at_query", "at_key", "at_scores", "at_values")
    methods = {name: spy(name, name not in ("at_scores", "at_values")) for name in names}
    layer = MultiHeadAttention(8, 2, encoding=type("Spy", (PositionEncoding,), methods)())
    layer(torch.randn(3, 2, 8), torch.randn(3, 4, 8), positions=torch.tensor([7, 9]))
    q, k = [7, 9], [0, 1, 2, 3]
    assert calls == [
        ("at_embeddings", q), ("at_embeddings", k), ("at_query", q), ("at_key", k),
        ("at_scores", q, k), ("at_values", q, k),
    ]  # fmt: skip
    calls.clear()
    layer(torch.randn(3, 2, 8))
    assert [name for name, *_ in calls] == list(names)


def test_a_bias_made_from_the_positions_of_each_row_stays_with_its_row():
    """As many heads as rows: a bias of shape (batch, query, key) would pass for (heads, ...)."""
    layer = randomise(MultiHeadAttention(8, 2, encoding=Alibi(2)), seed=0)
    x, rows = torch.randn(2, 5, 8), torch.stack([torch.arange(5), 3 * torch.arange(5)])
    weights = layer(x, positions=rows)[1]
    for b in range(2):
        torch.testing.assert_close(weights[b], layer(x[b : b + 1], positions=rows[b])[1][0])
