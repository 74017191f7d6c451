"""Laws of Shaw's relative representations and of NEZHA's fixed ones."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posenc_lib import (
    MultiHeadAttention,
    NezhaRelative,
    ShawRelative,
    nezha_table,
    relative_positions,
    shaw_scores,
    shaw_scores_naive,
    shaw_values,
    shaw_values_naive,
)
from tests.reference import LargestStorage, randomise, sinusoidal_loop

sizes = st.integers(1, 6)


def random_shaw(batch, heads, queries, keys, dim, k, batched, seed=0):
    """Query, weights, table and distances, in float64."""
    make = torch.Generator().manual_seed(seed)
    normal = lambda *shape: torch.randn(*shape, generator=make, dtype=torch.float64)  # noqa: E731
    relative = relative_positions(queries, keys, offset=keys - queries)
    if batched:
        relative = relative + torch.arange(batch)[:, None, None]
    weights = normal(batch, heads, queries, keys).softmax(-1)
    return normal(batch, heads, queries, dim), weights, normal(2 * k + 1, dim), relative


# Scores and values, efficient and naive


@pytest.mark.parametrize("training", [False, True])
def test_the_efficient_form_never_builds_query_key_head_dim(training):
    q, w, table, relative = random_shaw(1, 2, 64, 64, 32, 4, batched=False)
    table.requires_grad_(training)
    for function, operand in ((shaw_scores, q), (shaw_values, w)):
        with LargestStorage() as made:
            result = function(operand.clone().requires_grad_(training), table, relative)
            if training:
                result.sum().backward()
        assert made.elements <= 2 * 64 * 64


@settings(max_examples=25)
@given(sizes, sizes, sizes, sizes, sizes, st.integers(0, 4), st.booleans())
def test_efficient_and_naive_agree(batch, heads, queries, keys, dim, k, batched):
    q, w, table, relative = random_shaw(batch, heads, queries, keys, dim, k, batched)
    scores, values = shaw_scores(q, table, relative), shaw_values(w, table, relative)
    torch.testing.assert_close(scores, shaw_scores_naive(q, table, relative))
    torch.testing.assert_close(values, shaw_values_naive(w, table, relative))
    inputs = [x.requires_grad_() for x in (q, w, table)]
    gradients = []
    for f, g in ((shaw_scores, shaw_values), (shaw_scores_naive, shaw_values_naive)):
        loss = f(q, table, relative).sin().sum() + g(w, table, relative).cos().sum()
        gradients.append(torch.autograd.grad(loss, inputs))
    torch.testing.assert_close(*gradients)


# Inside attention


def test_a_distance_that_never_occurs_gets_no_gradient():
    layer = MultiHeadAttention(8, 2, encoding=randomise(ShawRelative(4, 6), seed=0))
    layer(torch.randn(1, 3, 8))[0].pow(2).sum().backward()
    for table in (layer.encoding.key_table, layer.encoding.value_table):
        touched = table.grad.any(dim=1)
        assert touched.tolist() == [-2 <= distance <= 2 for distance in range(-6, 7)]


# NEZHA


@given(
    st.integers(0, 40), st.integers(1, 17), st.floats(1.5, 1e5), st.sampled_from(["paper", "code"])
)
def test_the_layers_table_is_the_formula_in_float64(k, dim, base, form):
    keys, values = NezhaRelative(dim, k, base=base, form=form).tables()
    assert torch.equal(keys, values)
    first = -k if form == "paper" else 0
    exact = sinusoidal_loop(range(first, first + 2 * k + 1), dim, base)
    np.testing.assert_allclose(keys, exact, rtol=0, atol=1e-13)
    np.testing.assert_allclose(keys, nezha_table(k, dim, base=base, form=form), rtol=0, atol=2e-7)


# What both share: positions, precision, graphs


def both(head_dim=4, k=3):
    return [randomise(ShawRelative(head_dim, k), seed=3), NezhaRelative(head_dim, k)]


@settings(max_examples=20)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 200), st.booleans())
def test_positions_in_a_row_take_the_short_way_to_the_same_numbers(queries, keys, start, small):
    """The same positions as a batch of one row go the long way, through the whole matrix."""
    dtype = torch.uint8 if small else torch.int64  # uint8 would wrap below 0
    at_query, at_key = start + torch.arange(queries), torch.arange(keys)
    at_query, at_key = at_query.to(dtype), at_key.to(dtype)
    q, w, _, _ = random_shaw(2, 3, queries, keys, 4, 0, batched=False)
    for encoding in both():
        short = encoding.at_scores(q, q[:, :, :1].expand(-1, -1, keys, -1), at_query, at_key)
        long = encoding.at_scores(q, q[:, :, :1].expand(-1, -1, keys, -1), at_query[None], at_key)
        assert torch.equal(short, long)
        short = encoding.at_values(w, at_query, at_key)
        assert torch.equal(short, encoding.at_values(w, at_query[None], at_key[None]))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_thousands_of_small_weights_add_up_in_half_precision(dtype):
    """2,048 weights of 1/2048 beyond K make 1. A running sum in bfloat16 would stop at 1/8."""
    length = 2048
    shaw = ShawRelative(2, 1).to(dtype)
    torch.nn.init.ones_(shaw.value_table)
    weights = torch.full((1, 1, 1, length), 1 / length, dtype=dtype)
    found = shaw.at_values(weights, torch.tensor([length + 5]), torch.arange(length))
    assert found.dtype == dtype
    assert found.flatten().tolist() == [1.0, 1.0]
    public = shaw_values(weights, shaw.value_table, relative_positions(1, length, offset=length))
    assert torch.equal(public, found)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_values_in_half_precision_are_the_float64_answer_rounded_once(dtype):
    """Past and future pull in opposite directions: sums rounded before that would show."""
    shaw, at = ShawRelative(1, 1).to(dtype), torch.arange(301)
    shaw.value_table.data = torch.tensor([[1.0], [0.0], [-1.0]], dtype=dtype)
    weights = torch.rand(1, 1, 301, 301, generator=torch.manual_seed(0)).to(dtype)
    exact = shaw_values(weights.double(), shaw.value_table.double(), relative_positions(at, at))
    found = shaw.at_values(weights, at, at)
    assert torch.equal(found, exact.to(dtype))
    sums = torch.stack([weights.tril(-1).sum(-1), weights.triu(1).sum(-1)], -1)  # rounded early
    assert (sums @ shaw.value_table[[0, 2]] != found).any()


def test_scores_do_not_overflow_under_autocast():
    q, at = torch.full((1, 1, 3, 4), 200.0), torch.arange(3)
    shaw = ShawRelative(4, 2)
    torch.nn.init.constant_(shaw.key_table, 200.0)  # 4 * 200 * 200 is more than float16 holds
    with torch.autocast("cpu", dtype=torch.float16):
        assert (shaw.at_scores(q, q, at, at) == 80_000).all()


def test_without_a_value_table_the_weights_are_not_needed():
    assert ShawRelative(4, 2).needs_weights and NezhaRelative(4, 2).needs_weights
    shaw = ShawRelative(4, 2, values=False)
    assert not shaw.needs_weights
    layer, x = MultiHeadAttention(8, 2, encoding=shaw), torch.randn(2, 5, 8)
    torch.testing.assert_close(layer(x, need_weights=False)[0], layer(x)[0])
