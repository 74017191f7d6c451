"""DeBERTa: buckets, directions, the scale that belongs to the layer, and shared projections."""

import copy
import math

import pytest
import torch

from posenc_lib import DebertaRelative, MultiHeadAttention, TransformerStack, deberta_bucket
from tests.reference import randomise, tokens

DIM, HEADS, LENGTH = 16, 2, 9


def scores_of(encoding, q, k, at):
    return encoding.at_scores(q, k, at, at)


def random_heads(seed, length=LENGTH):
    return tokens(2, length, DIM, seed=seed).unflatten(-1, (HEADS, DIM // HEADS)).transpose(1, 2)


# Buckets


@pytest.mark.parametrize(("buckets", "most"), [(256, 512), (32, 64), (8, 40), (4, 5), (64, 10_000)])
def test_buckets_are_those_of_the_formula(buckets, most):
    half, distance = buckets // 2, torch.arange(-most - 20, most + 21)
    found = deberta_bucket(distance, buckets=buckets, max_distance=most)
    for d, bucket in zip(distance.tolist(), found.tolist(), strict=True):
        expected = abs(d)
        if abs(d) > half:
            share = math.log(min(abs(d), most) / half) / math.log((most - 1) / half)
            expected = half + math.ceil((half - 1) * share - 1e-9)
        assert bucket == math.copysign(expected, d)
    assert (found.diff() >= 0).all() and torch.equal(found.flip(0), -found)
    extremes = torch.tensor([-(2**63), 2**63 - 1])
    assert deberta_bucket(extremes).tolist() == [-256, 256]


def test_an_edge_is_found_with_whole_numbers_where_a_logarithm_would_miss_it():
    """m = 4, M = 32: d ** 3 crosses 4 ** 3 * 8 ** n at d = 8 and 16 exactly."""
    found = deberta_bucket(torch.arange(5, 34), buckets=8, max_distance=33).tolist()
    assert [found.index(n) + 5 for n in (5, 6, 7, 8)] == [5, 9, 17, 33]


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("buckets", "most", "words"),
    [
        (7, 99, "buckets = 7 .* an even"),
        (2, 99, "buckets = 2 .* at least 4"),
        (8, 5, "max_distance = 5 .* at least 6"),
        (2**14, 2**20, "buckets = 16384 .* at most"),
    ],
)
def test_buckets_that_are_none_are_refused(buckets, most, words):
    with pytest.raises(ValueError, match=f"deberta_bucket: {words}"):
        deberta_bucket(torch.arange(3), buckets=buckets, max_distance=most)
    with pytest.raises(ValueError, match=f"DebertaRelative: {words}"):
        DebertaRelative(DIM, HEADS, most, buckets=buckets)


# Terms


@pytest.mark.parametrize("terms", [("c2p",), ("p2c",), ("c2p", "p2c")])
@pytest.mark.parametrize("buckets", [None, 8])
def test_the_directions_of_paper_and_code_differ_in_position_to_content_only(terms, buckets):
    """A table upside down, moved by the one row that both directions share, undoes it."""
    q, k, at = random_heads(0), random_heads(1), torch.arange(LENGTH)
    paper = DebertaRelative(DIM, HEADS, 20, buckets=buckets, terms=terms)
    paper = randomise(paper, seed=2).double()
    code = DebertaRelative(DIM, HEADS, 20, buckets=buckets, terms=terms, form="code").double()
    code.load_state_dict(paper.state_dict())
    one, other = scores_of(paper, q, k, at), scores_of(code, q, k, at)
    assert torch.equal(one, other) == ("p2c" not in terms)
    if terms == ("p2c",):
        with torch.no_grad():
            code.table.copy_(paper.table.flip(0).roll(1, 0))
        torch.testing.assert_close(scores_of(code, q, k, at), one)


def test_what_a_content_asks_of_a_distance_is_worked_by_hand():
    """One head, one feature: r = (0, 1, 2, 3) for i - j = -2, -1, 0, 1 and beyond."""
    encoding = DebertaRelative(1, 1, 2, terms=("c2p",))
    with torch.no_grad():
        encoding.table.copy_(torch.arange(4.0)[:, None])
        encoding.to_key.weight.fill_(1.0)
    q, at = torch.tensor([1.0, 10.0, 100.0, 1000.0]).reshape(1, 1, 4, 1), torch.arange(4)
    expected = torch.tensor(
        [[2.0, 1, 0, 0], [30, 20, 10, 0], [300, 300, 200, 100], [3000, 3000, 3000, 2000]]
    )
    torch.testing.assert_close(scores_of(encoding, q, q, at)[0, 0], expected / math.sqrt(2))


def test_the_two_terms_are_the_sum_of_each_with_the_scale_of_three():
    q, k, at = random_heads(0), random_heads(1), torch.arange(LENGTH)
    both = randomise(DebertaRelative(DIM, HEADS, 6), seed=3).double()
    total = 0.0
    for term in ("c2p", "p2c"):
        one = DebertaRelative(DIM, HEADS, 6, terms=[term]).double()
        one.load_state_dict(both.state_dict(), strict=False)
        assert one.layer_scale == 1 / math.sqrt(2 * DIM / HEADS)
        total = total + scores_of(one, q, k, at) / one.layer_scale
    assert both.layer_scale == 1 / math.sqrt(3 * DIM / HEADS)
    torch.testing.assert_close(scores_of(both, q, k, at), total * both.layer_scale)


# In layers


def test_a_layer_takes_the_scale_that_the_encoding_asks_for_unless_told_otherwise():
    encoding = DebertaRelative(DIM, HEADS, 6)
    for layer in (
        MultiHeadAttention(DIM, HEADS, encoding=encoding),
        MultiHeadAttention(DIM, HEADS, encoding="deberta"),
        TransformerStack(DIM, HEADS, 1, encoding="deberta").layers[0].attention,
    ):
        assert layer.scale == 1 / math.sqrt(3 * DIM / HEADS)
    assert MultiHeadAttention(DIM, HEADS, encoding=encoding, scale=0.5).scale == 0.5
    assert MultiHeadAttention(DIM, HEADS, encoding="rope").scale == (DIM / HEADS) ** -0.5


def test_shared_projections_are_the_layers_own_and_stay_so_in_a_copy():
    encoding = DebertaRelative(DIM, HEADS, 6)
    layer = randomise(MultiHeadAttention(DIM, HEADS, encoding=encoding), seed=0).double()
    x, before = tokens(1, 5, DIM), layer(tokens(1, 5, DIM))[1]
    encoding.share_projections(layer.to_query, layer.to_key)
    shared = layer(x)[1]
    assert (shared - before).abs().max() > 1e-3
    twin = copy.deepcopy(layer)
    assert twin.encoding.to_key is twin.to_key and twin.encoding.to_query is twin.to_query
    torch.testing.assert_close(twin(x)[1], shared)
    own = DebertaRelative(DIM, HEADS, 6)
    other = MultiHeadAttention(DIM, HEADS, encoding=own).double()
    state = layer.state_dict()
    state.pop("encoding.to_key.bias")  # q . bias is the same for all keys: no weight changes
    other.load_state_dict(state)
    torch.testing.assert_close(other(x)[1], shared)


def test_layers_share_the_table_and_project_it_each_for_itself():
    stack = TransformerStack(DIM, HEADS, 2, encoding="deberta")
    first, second = (layer.attention.encoding for layer in stack.layers)
    second.table = first.table
    stack(tokens(1, 5, DIM, dtype=torch.float32)).sum().backward()
    assert first.to_key is not second.to_key
    assert sum(p is first.table for p in stack.parameters()) == 1


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: DebertaRelative(DIM, HEADS, 4, terms=()), r"terms = \(\)"),
        (lambda: DebertaRelative(DIM, HEADS, 4, terms="c2p"), "terms = 'c2p'"),
        (lambda: DebertaRelative(DIM, HEADS, 4, terms=("c2p", "c2p")), "terms = "),
        (lambda: DebertaRelative(DIM, HEADS, 4, terms=("p2p",)), r"terms = \('p2p',\)"),
        (
            lambda: DebertaRelative(DIM, HEADS, 4).share_projections(torch.nn.Linear(16, 8), None),
            r"share_projections: to_query = \(8, 16\) .* dim = 16",
        ),
        (
            lambda: DebertaRelative(DIM, HEADS, 4).share_projections(None, None),
            "share_projections: to_query = 'NoneType' .* a torch.nn.Linear",
        ),
    ],
)
def test_terms_and_maps_that_do_not_fit_are_refused(call, words):
    with pytest.raises((ValueError, TypeError), match=f"DebertaRelative[.:] ?{words}"):
        call()
