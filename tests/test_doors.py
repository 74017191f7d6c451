"""The three doors: what an encoding may touch, and how little it takes to write one."""

import doctest
import functools
import inspect

import pytest
import torch

import posenc_lib.base.doors
from posenc_lib import (
    Door,
    MultiHeadAttention,
    NoEncoding,
    PositionEncoding,
    ShawRelative,
    SinusoidalEncoding,
    attention,
    encodings,
    make_encoding,
    relative_positions,
    sinusoidal_table,
)
from tests.reference import RotaryInTwentyLines, randomise

METHODS = {
    Door.NONE: set(),
    Door.EMBEDDINGS: {"at_embeddings"},
    Door.QUERIES_KEYS: {"at_query", "at_key"},
    Door.SCORES: {"at_scores", "at_values"},
}
EVERY = set().union(*METHODS.values())
ONE_OF_EACH = {
    entry.class_name: functools.partial(
        make_encoding, name, dim=8, heads=2, length=9, causal=entry.causal_only
    )
    for name, entry in encodings().items()
}
ABSTRACT = {"PositionEncoding", "TableRelative", "DistanceBias"}


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


def code_lines(thing):
    body = inspect.getsource(thing).replace(inspect.getdoc(thing), "")
    return [line for line in body.splitlines() if line.strip(' "')]


def test_there_are_three_doors_and_none():
    assert len(Door) == 4
    assert set(METHODS) == set(Door)
    assert {name for name in vars(PositionEncoding) if name.startswith("at_")} == EVERY


@pytest.mark.parametrize("encoding", public_encodings(), ids=lambda cls: cls.__name__)
def test_every_public_encoding_declares_its_door_and_changes_that_one_only(encoding):
    assert isinstance(encoding.door, Door)
    changed = {n for n in EVERY if getattr(encoding, n) is not getattr(PositionEncoding, n)}
    required = METHODS[encoding.door] - {"at_values"}  # few of door 3 touch the values
    assert required <= changed <= METHODS[encoding.door]


def test_the_registry_misses_no_encoding():
    assert {cls.__name__ for cls in public_encodings()} == set(ONE_OF_EACH) | ABSTRACT


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_what_passes_a_closed_door_comes_out_as_the_same_object(name):
    encoding = ONE_OF_EACH[name]()
    x, q, p = torch.randn(2, 5, 8), torch.randn(2, 2, 5, 4), torch.arange(5)
    opened = METHODS[encoding.door]
    assert (encoding.at_embeddings(x, p) is x) == ("at_embeddings" not in opened)
    assert (encoding.at_query(q, p) is q) == ("at_query" not in opened)
    assert (encoding.at_key(q, p) is q) == ("at_key" not in opened)
    weights = torch.rand(2, 2, 5, 5)
    assert (encoding.at_scores(q, q, p, p) is None) == ("at_scores" not in opened)
    assert (encoding.at_values(weights, p, p) is not None) == encoding.needs_weights
    assert encoding.needs_weights <= ("at_values" in opened)


def test_no_encoding_is_none():
    x = torch.randn(2, 5, 8)
    with_none, with_class = (
        randomise(MultiHeadAttention(8, 2, encoding=e), seed=0) for e in (None, NoEncoding())
    )
    torch.testing.assert_close(with_none(x), with_class(x), rtol=0, atol=0)


def test_each_door_is_opened_once_in_order_with_the_positions_given():
    calls = []

    class Spy(PositionEncoding):
        def at_embeddings(self, x, positions):
            calls.append(("at_embeddings", tuple(x.shape), positions.tolist()))
            return x

        def at_query(self, query, positions):
            calls.append(("at_query", tuple(query.shape), positions.tolist()))
            return query

        def at_key(self, key, positions):
            calls.append(("at_key", tuple(key.shape), positions.tolist()))
            return key

        def at_scores(self, query, key, query_positions, key_positions):
            found = (query_positions.tolist(), key_positions.tolist())
            calls.append(("at_scores", (tuple(query.shape), tuple(key.shape)), found))

        def at_values(self, weights, query_positions, key_positions):
            found = (query_positions.tolist(), key_positions.tolist())
            calls.append(("at_values", tuple(weights.shape), found))

    layer = MultiHeadAttention(8, 2, encoding=Spy())
    layer(torch.randn(3, 2, 8), torch.randn(3, 4, 8), positions=torch.tensor([7, 9]))
    q, k = [7, 9], [0, 1, 2, 3]
    assert calls == [
        ("at_embeddings", (3, 2, 8), q),
        ("at_embeddings", (3, 4, 8), k),
        ("at_query", (3, 2, 2, 4), q),
        ("at_key", (3, 2, 4, 4), k),
        ("at_scores", ((3, 2, 2, 4), (3, 2, 4, 4)), (q, k)),
        ("at_values", (3, 2, 2, 4), (q, k)),
    ]
    calls.clear()
    layer(torch.randn(3, 2, 8))
    assert [name for name, *_ in calls] == [
        "at_embeddings", "at_query", "at_key", "at_scores", "at_values"
    ]  # fmt: skip


# Each door inside the layer is the formula, written out


@pytest.mark.parametrize(
    "encoding",
    [SinusoidalEncoding(8), RotaryInTwentyLines(), Alibi(2), randomise(ShawRelative(4, 2), seed=5)],
    ids=lambda encoding: type(encoding).__name__,
)
def test_the_layer_is_the_formula_with_its_door_open(encoding):
    layer = randomise(MultiHeadAttention(8, 2, encoding=encoding), seed=1)
    x, p = torch.randn(3, 5, 8), torch.arange(5)
    added = torch.from_numpy(sinusoidal_table(5, 8))
    inside = x + added if encoding.door is Door.EMBEDDINGS else x
    heads = []
    for h in range(2):
        rows = slice(4 * h, 4 * h + 4)
        q, k, v = (
            inside @ linear.weight[rows].T + linear.bias[rows]
            for linear in (layer.to_query, layer.to_key, layer.to_value)
        )
        if encoding.door is Door.QUERIES_KEYS:
            q, k = encoding.turn(q[:, None], p)[:, 0], encoding.turn(k[:, None], p)[:, 0]
        bias = encoding.at_scores(q[:, None], k[:, None], p, p)
        if bias is not None:
            bias = bias[h] if bias.ndim == 3 else bias[:, 0]
        output, weights = attention(q, k, v, bias=bias)
        extra = encoding.at_values(weights[:, None], p, p)
        heads.append(output if extra is None else output + extra[:, 0])
    expected = torch.cat(heads, -1) @ layer.to_output.weight.T + layer.to_output.bias
    torch.testing.assert_close(layer(x)[0], expected)


# Twenty lines are enough


@pytest.mark.parametrize("encoding", [RotaryInTwentyLines, Alibi])
def test_a_new_encoding_takes_at_most_twenty_lines(encoding):
    assert len(code_lines(encoding)) <= 20


def test_a_learners_encoding_moves_the_weights_towards_the_near():
    x = torch.randn(2, 12, 8)
    plain = randomise(MultiHeadAttention(8, 2), seed=0)
    near = randomise(MultiHeadAttention(8, 2, encoding=Alibi(2)), seed=0)
    distance = relative_positions(12, 12).abs()
    assert (near(x)[1] * distance).sum() < (plain(x)[1] * distance).sum()
    per_row = near(x, positions=torch.arange(12).expand(2, 12))
    torch.testing.assert_close(per_row, near(x))


def encoding_of_the_docstring():
    """The class that PositionEncoding's own docstring shows."""
    names = vars(posenc_lib.base.doors).copy()
    for example in doctest.DocTestParser().get_examples(PositionEncoding.__doc__):
        exec(example.source, names)
    return names["Recency"]()


@pytest.mark.parametrize("make", [lambda: Alibi(2), encoding_of_the_docstring])
def test_a_bias_made_from_the_positions_of_each_row_stays_with_its_row(make):
    """As many heads as rows: a bias of shape (batch, query, key) would pass for (heads, ...)."""
    layer = randomise(MultiHeadAttention(8, 2, encoding=make()), seed=0)
    x, rows = torch.randn(2, 5, 8), torch.stack([torch.arange(5), 3 * torch.arange(5)])
    weights = layer(x, positions=rows)[1]
    for b in range(2):
        torch.testing.assert_close(weights[b], layer(x[b : b + 1], positions=rows[b])[1][0])


@pytest.mark.parametrize("causal", [True, False])
def test_a_learners_encoding_composes_with_masks(causal):
    layer = MultiHeadAttention(8, 2, encoding=Alibi(2), causal=causal)
    weights = layer(torch.randn(2, 6, 8), padding=posenc_lib.padding_mask([6, 3], 6))[1]
    assert not weights[1, :, :, 3:].any()
    assert bool(weights.triu(1).any()) != causal
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 2, 6))
