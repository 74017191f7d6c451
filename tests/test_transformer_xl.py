"""Laws of Transformer-XL's relative positions, and of the shift that is right for causal layers."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from posenc_lib import (
    KeyValueCache,
    MultiHeadAttention,
    TransformerXLRelative,
    causal_mask,
    transformer_xl_scores,
    transformer_xl_scores_naive,
)
from tests.reference import LargestStorage, randomise, tokens

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


@given(sizes, sizes, sizes, sizes, sizes)
def test_the_shift_is_the_double_indexing(batch, heads, queries, keys, head_dim):
    given_ = operands(batch, heads, queries, keys, head_dim)
    torch.testing.assert_close(transformer_xl_scores(*given_), transformer_xl_scores_naive(*given_))


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


@pytest.mark.parametrize("training", [False, True])
def test_the_shift_never_builds_query_key_head_dim(training):
    heads, length, head_dim = 2, 64, 32
    held = []
    for function in (transformer_xl_scores, transformer_xl_scores_naive):
        given_ = [x.requires_grad_(training) for x in operands(1, heads, length, length, head_dim)]
        with LargestStorage() as made:
            result = function(*given_)
            if training:
                result.sum().backward()
        held.append(made.elements)
    assert held[0] <= heads * length * (2 * length)
    assert held[1] == heads * length * length * head_dim


def test_gradients_of_both_agree():
    found = []
    for function in (transformer_xl_scores, transformer_xl_scores_naive):
        given_ = [x.requires_grad_() for x in operands(2, 2, 4, 6, 3)]
        function(*given_).cos().sum().backward()
        found.append([x.grad for x in given_])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)
        assert one.abs().max() > 0


# The encoding


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
    """Positions in a row go through the shift, the same ones as a batch through the rotation."""
    encoding = encoding_of(16, 2)
    query, key = normal(3, 2, 5, 8), normal(3, 2, 9, 8, seed=1)
    at_query, at_key = torch.arange(100_004, 100_009), torch.arange(100_000, 100_009)
    shifted = encoding.at_scores(query, key, at_query, at_key)
    turned = encoding.at_scores(query, key, at_query.expand(3, -1), at_key.expand(3, -1))
    torch.testing.assert_close(shifted, turned, rtol=0, atol=1e-9)  # angles of 1e5, in float64
    small = encoding.at_scores(query, key, at_query - 100_000, at_key - 100_000)
    torch.testing.assert_close(shifted, small, rtol=0, atol=0)  # only the distance enters


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int32])
def test_small_integer_positions_do_not_wrap(dtype):
    encoding = encoding_of(8, 2)
    query = normal(1, 2, 6, 4)
    at = torch.arange(6)
    expected = encoding.at_scores(query, query, at, at)
    torch.testing.assert_close(
        encoding.at_scores(query, query, at.to(dtype), at.to(dtype)), expected
    )


def test_direction_matters():
    encoding = encoding_of(8, 2)
    query = normal(1, 2, 1, 4)
    at = torch.tensor([5])
    past, future = (encoding.at_scores(query, query, at, at + step) for step in (-2, 2))
    assert (past - future).abs().max() > 0.1


def test_inside_attention_the_four_terms_of_the_paper_add_up():
    heads, length = 2, 6
    layer = randomise(
        MultiHeadAttention(16, heads, encoding=TransformerXLRelative(16, heads)), seed=1
    ).double()
    x, encoding = tokens(length=length), layer.encoding
    query, key = layer._split(layer.to_query(x)), layer._split(layer.to_key(x))
    vectors = encoding.vectors(torch.arange(1 - length, length))
    scores = transformer_xl_scores(query, key, vectors, encoding.u, encoding.v)
    torch.testing.assert_close(layer(x)[1], scores.softmax(-1))


def test_decoding_with_a_cache_is_the_full_pass():
    layer = MultiHeadAttention(16, 2, encoding=TransformerXLRelative(16, 2), causal=True)
    layer, x = randomise(layer, seed=2).double(), tokens(length=6)
    cache = KeyValueCache()
    steps = [layer(x[:, t : t + 1], cache=cache)[0] for t in range(6)]
    torch.testing.assert_close(torch.cat(steps, 1), layer(x)[0])


def test_the_start_and_the_number_of_parameters():
    torch.manual_seed(0)
    encoding = TransformerXLRelative(512, 8)
    assert sum(p.numel() for p in encoding.parameters()) == 512 * 512 + 2 * 512
    for parameter in (encoding.u, encoding.v):
        assert parameter.shape == (8, 64)
        assert parameter.std().item() == pytest.approx(0.02, rel=0.1)
    assert repr(encoding).startswith("TransformerXLRelative(\n  dim=512, heads=8, base=10000\n")


def test_another_base_gives_other_scores_in_any_order():
    found = {}
    for base in (10000.0, 50.0, 10000.0):
        encoding = encoding_of(8, 2, base=base)
        query, at = normal(1, 2, 5, 4), torch.arange(5)
        scores = encoding.at_scores(query, query, at, at)
        assert torch.equal(found.setdefault(base, scores), scores)
    assert (found[50.0] - found[10000.0]).abs().max() > 0.01


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize("rows", [1, 2])
def test_far_positions_in_half_precision_are_one_rounding_away(dtype, rows):
    """The rounding is that of the input and the weights; the bias itself is float32."""
    encoding = randomise(TransformerXLRelative(16, 2), seed=0).to(dtype)
    query = normal(2, 2, 4, 8).to(dtype)
    at = 100_000 + torch.arange(4)
    at = at if rows == 1 else at.expand(2, -1)
    found = encoding.at_scores(query, query, at, at)
    expected = paper_loop(encoding, query.double(), query.double(), at, at)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=3e-6)


def test_scores_are_made_in_float32_under_autocast():
    encoding = randomise(TransformerXLRelative(16, 2), seed=0)
    query, at = normal(1, 2, 4, 8).float() * 200, torch.arange(4)
    exact = encoding.at_scores(query, query, at, at)
    with torch.autocast("cpu", dtype=torch.float16):
        assert torch.equal(encoding.at_scores(query, query, at, at), exact)


@pytest.mark.unchecked
def test_the_meta_device_and_vmap_work():
    encoding = encoding_of(8, 2)
    query = normal(3, 1, 2, 5, 4)
    at = torch.stack([torch.arange(5), torch.arange(5) * 2, torch.arange(5) + 9])
    found = torch.func.vmap(encoding.at_scores)(query, query, at, at)
    for row in range(3):
        expected = encoding.at_scores(query[row], query[row], at[row], at[row])
        torch.testing.assert_close(found[row], expected)
    layer = layer_of(TransformerXLRelative(8, 2)).to("meta")
    assert layer(torch.zeros(1, 5, 8, device="meta"))[0].shape == (1, 5, 8)


# The trap: the shift of the paper in an encoder


def causal_shift(scores):
    """Appendix B: a column of zeros in front, the rows re-cut, the first one dropped."""
    queries, distances = scores.shape[-2:]
    padded = torch.nn.functional.pad(scores, (1, 0))
    return padded.reshape(*scores.shape[:-2], distances + 1, queries)[..., 1:, :].reshape_as(scores)


def shifted_as_in_the_paper(query, vectors):
    """The position term from the vectors of the distances -(n - 1) .. 0, enough for the past."""
    return causal_shift(query @ vectors[:, : query.shape[2]].transpose(-1, -2))


def position_term_loop(query, vectors):
    """What it should be, pair by pair."""
    queries = query.shape[2]
    term = torch.empty(*query.shape[:2], queries, queries, dtype=query.dtype)
    for i in range(queries):
        for j in range(queries):
            row = vectors[:, j - i + queries - 1]
            term[:, :, i, j] = (query[:, :, i] * row).sum(-1)
    return term


def test_the_papers_shift_is_right_under_a_causal_mask_and_wrong_above_the_diagonal():
    query, _, vectors, _, _ = operands(1, 2, 5, 5, 4)
    found, wanted = shifted_as_in_the_paper(query, vectors), position_term_loop(query, vectors)
    seen = causal_mask(5, 5)
    torch.testing.assert_close(found[..., seen], wanted[..., seen])
    gap = (found - wanted).abs()[..., ~seen]
    assert (gap > 1e-3).all()  # every entry of the future is wrong, none by rounding


def test_what_the_papers_shift_leaves_there_belongs_to_the_next_query():
    """The check that catches it: the scores of query i must not change with query i + 1."""
    query, key, vectors, u, v = operands(1, 1, 5, 5, 4)
    changed = query.clone()
    changed[:, :, 3] += 1.0
    wrong = shifted_as_in_the_paper(changed, vectors) - shifted_as_in_the_paper(query, vectors)
    right = transformer_xl_scores(changed, key, vectors, u, v)
    right = right - transformer_xl_scores(query, key, vectors, u, v)
    others = [0, 1, 2, 4]
    assert right[:, :, others].abs().max() == 0
    assert wrong[:, :, others].abs().max() > 0.1
    assert wrong[0, 0, 2].abs().gt(0.1).tolist() == [False, False, False, False, True]


def layer_of(encoding):
    return MultiHeadAttention(8, 2, encoding=encoding)
