"""Laws of Transformer-XL's relative positions, and of the shift that is right for causal layers."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posenc_lib import (
    MultiHeadAttention,
    TransformerXLRelative,
    transformer_xl_scores,
    transformer_xl_scores_naive,
)
from tests.reference import LargestStorage, randomise

sizes = st.integers(1, 5)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.manual_seed(seed), dtype=torch.float64)


def operands(batch, heads, queries, keys, head_dim, seed=0):
    """Query, key, vectors by distance, u and v."""
    return (
        normal(batch, heads, queries, head_dim, seed=seed),
        normal(batch, heads, keys, head_dim, seed=seed + 1),
        normal(heads, queries + keys - 1, head_dim, seed=seed + 2),
        normal(heads, head_dim, seed=seed + 3),
        normal(heads, head_dim, seed=seed + 4),
    )


def r(distance, dim, base=10000.0):
    """R_d of the paper in the order of its code: all sines, then all cosines."""
    angles = [distance * base ** (-2 * k / dim) for k in range(dim // 2)]
    return torch.tensor([*map(math.sin, angles), *map(math.cos, angles)], dtype=torch.float64)


def paper_loop(encoding, query, key, query_positions, key_positions):
    """Dai et al. 2019, section 3.3, terms (b), (c) and (d), one pair and one head at a time."""
    batch, heads, queries, head_dim = query.shape
    w = encoding.to_vectors.weight.detach().double().reshape(heads, head_dim, encoding.dim)
    u, v = encoding.u.detach().double(), encoding.v.detach().double()
    scores = torch.empty(batch, heads, queries, key.shape[2], dtype=torch.float64)
    for b in range(batch):
        for h in range(heads):
            for i, p in enumerate(query_positions.expand(batch, -1)[b].tolist()):
                for j, s in enumerate(key_positions.expand(batch, -1)[b].tolist()):
                    vector = w[h] @ r(p - s, encoding.dim, encoding.base)  # i - j
                    score = u[h] @ key[b, h, j] + (query[b, h, i] + v[h]) @ vector
                    scores[b, h, i, j] = score / math.sqrt(head_dim)
    return scores


def encoding_of(dim, heads, seed=0, base=10000.0):
    return randomise(TransformerXLRelative(dim, heads, base=base), seed=seed).double()


# The pure functions


@settings(max_examples=20)
@given(sizes, sizes, sizes, sizes, sizes)
def test_the_shift_is_the_double_indexing_and_so_are_its_gradients(
    batch, heads, queries, keys, head_dim
):
    found, gradients = [], []
    for function in (transformer_xl_scores, transformer_xl_scores_naive):
        given_ = [x.requires_grad_() for x in operands(batch, heads, queries, keys, head_dim)]
        found.append(function(*given_))
        gradients.append(torch.autograd.grad(found[-1].cos().sum(), given_))
    torch.testing.assert_close(found[0], found[1])
    torch.testing.assert_close(gradients[0], gradients[1])


@pytest.mark.parametrize("training", [False, True])
def test_the_shift_never_builds_query_key_head_dim(training):
    heads, length, head_dim = 2, 64, 32
    given_ = [x.requires_grad_(training) for x in operands(1, heads, length, length, head_dim)]
    with LargestStorage() as made:
        result = transformer_xl_scores(*given_)
        if training:
            result.sum().backward()
    assert made.elements <= heads * length * (2 * length)


def test_values_by_hand():
    """q = (1, 2), k = (3, 4, 5), u = 10, v = 20, vectors of -1, 0, 1, 2: one feature, one head."""
    as_head = lambda *x: torch.tensor(x, dtype=torch.float64)[None, None, :, None]  # noqa: E731
    query, key, vectors = as_head(1, 2), as_head(3, 4, 5), as_head(100, 200, 300, 400)[0]
    u, v = torch.full((1, 1), 10.0).double(), torch.full((1, 1), 20.0).double()
    expected = [
        [11 * 3 + 21 * 200, 11 * 4 + 21 * 300, 11 * 5 + 21 * 400],
        [12 * 3 + 22 * 100, 12 * 4 + 22 * 200, 12 * 5 + 22 * 300],
    ]
    for function in (transformer_xl_scores, transformer_xl_scores_naive):
        assert function(query, key, vectors, u, v)[0, 0].tolist() == expected


# The encoding


@settings(max_examples=20)
@given(sizes, sizes, st.integers(0, 9), st.integers(1, 3), st.integers(1, 3), st.booleans())
def test_any_positions_follow_the_equation(queries, keys, start, heads, pairs, gaps):
    encoding = encoding_of(2 * heads * pairs, heads, seed=queries)
    query = normal(2, heads, queries, 2 * pairs)
    key = normal(2, heads, keys, 2 * pairs, seed=1)
    at_query, at_key = start + torch.arange(queries), torch.arange(keys)
    if gaps:  # rows of a batch, repeats, fractions
        at_query = torch.stack((at_query * 3, at_query.flip(0))) / 2
        at_key = torch.stack((at_key // 2, at_key * 5)) / 2
    found = encoding.at_scores(query, key, at_query, at_key)
    expected = paper_loop(encoding, query, key, at_query, at_key)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_both_ways_to_the_same_numbers():
    """Whole positions in a row go through the shift, real ones through the rotation."""
    encoding = encoding_of(16, 2)
    query, key = normal(3, 2, 5, 8), normal(3, 2, 9, 8, seed=1)
    at_query, at_key = torch.arange(100_004, 100_009), torch.arange(100_000, 100_009)
    shifted = encoding.at_scores(query, key, at_query, at_key)
    turned = encoding.at_scores(query, key, at_query.double(), at_key.double())
    torch.testing.assert_close(shifted, turned, rtol=0, atol=1e-9)  # angles of 1e5, in float64
    small = encoding.at_scores(query, key, at_query - 100_000, at_key - 100_000)
    torch.testing.assert_close(shifted, small, rtol=0, atol=0)  # only the distance enters


def test_scores_are_made_in_float32_under_autocast():
    encoding = randomise(TransformerXLRelative(16, 2), seed=0)
    query, at = normal(1, 2, 4, 8).float() * 200, torch.arange(4)
    exact = encoding.at_scores(query, query, at, at)
    with torch.autocast("cpu", dtype=torch.float16):
        assert torch.equal(encoding.at_scores(query, query, at, at), exact)


def layer_of(encoding):
    return MultiHeadAttention(8, 2, encoding=encoding)
