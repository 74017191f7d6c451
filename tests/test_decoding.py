"""The key cache and the fused kernel: what is special to them. Laws: tests/test_laws.py."""

import math

import pytest
import torch
from torch.nn import functional as F

from posenc_lib import (
    KeyValueCache,
    MultiHeadAttention,
    ShawRelative,
    attention,
    attention_output,
    make_encoding,
    padding_mask,
)
from tests.reference import LargestStorage, randomise, tokens


def heads(queries=5, keys=5, dtype=torch.float64, seed=0):
    """query, key, value of (2, 3, ..., 4)."""
    generator = torch.Generator().manual_seed(seed)
    lengths = (queries, keys, keys)
    return [torch.randn(2, 3, n, 4, generator=generator, dtype=dtype) for n in lengths]


# The fused kernel gives what the explained path gives


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("queries", [1, 3, 5])
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"causal": True},
        {"scale": 2.0},
        {"bias": torch.linspace(-3, 3, 5)[None, :].double()},
        {"bias": torch.linspace(-3, 3, 15).view(3, 1, 5).double()},
        {"mask": torch.tensor([[True, False, True, True, False]])},
        {"mask": torch.zeros(1, 5, dtype=torch.bool)},
        {"padding": padding_mask([5, 2], 5), "causal": True},
        {"bias": torch.full((1, 5), -math.inf).double()},
        {"bias": torch.linspace(-3, 3, 5)[None].double(), "padding": padding_mask([3, 0], 5)},
    ],
    ids=lambda given: "+".join(given) or "nothing",
)
def test_the_output_is_that_of_attention(given, queries, dtype):
    query, key, value = heads(queries, dtype=dtype)
    expected = attention(query, key, value, **given)[0]
    got = attention_output(query, key, value, **given)
    assert got.dtype == dtype and got.shape == expected.shape
    tolerance = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 0.03}[dtype]
    torch.testing.assert_close(got, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("axes", [2, 3, 4, 5])
def test_any_number_of_leading_axes(axes):
    query, key, value = (part[(0,) * max(0, 4 - axes)] for part in heads(3))
    query, key, value = (
        part.reshape(*(1,) * (axes - part.ndim), *part.shape) for part in (query, key, value)
    )
    got = attention_output(query, key, value, causal=True)
    torch.testing.assert_close(got, attention(query, key, value, causal=True)[0])


def test_torchs_own_is_causal_is_wrong_when_decoding():
    query, key, value = heads(queries=1)
    right = attention(query, key, value, causal=True)[0]  # the newest query sees every key
    torch.testing.assert_close(attention_output(query, key, value, causal=True), right)
    wrong = F.scaled_dot_product_attention(query, key, value, is_causal=True)
    torch.testing.assert_close(wrong, value[:, :, :1])  # it sees the first key only
    assert (wrong - right).abs().max() > 0.1


def test_a_fully_masked_row_has_no_nan_in_its_gradient():
    query, key, value = (part.requires_grad_() for part in heads())
    mask = torch.ones(5, 5, dtype=torch.bool)
    mask[2] = False
    output = attention_output(query, key, value, mask=mask)
    assert torch.equal(output[:, :, 2], torch.zeros(2, 3, 4))
    output.square().sum().backward()
    assert all(torch.isfinite(part.grad).all() for part in (query, key, value))


def test_a_layer_without_weights_holds_no_score_matrix():
    layer = MultiHeadAttention(8, 2)
    x = torch.randn(1, 600, 8)
    with torch.no_grad(), LargestStorage() as without:
        layer(x, need_weights=False)
    with torch.no_grad(), LargestStorage() as explained:
        layer(x)
    assert explained.elements >= 2 * 600 * 600 > 10 * without.elements


def test_an_encoding_that_needs_the_weights_gets_them():
    layer = randomise(MultiHeadAttention(8, 2, encoding=ShawRelative(4, 3)), seed=0)
    x = torch.randn(2, 6, 8)
    output, weights = layer(x, need_weights=False)
    assert weights is None
    torch.testing.assert_close(output, layer(x)[0], rtol=0, atol=0)


# The cache


def layer_of(name="rope", **options):
    return randomise(MultiHeadAttention(16, 4, encoding=name, causal=True, **options), 2).double()


def test_new_tokens_count_on_from_the_cached_positions():
    layer, cache = layer_of(), KeyValueCache()
    x = tokens(1, 4, 16)
    layer(x[:, :3], positions=torch.tensor([7, 8, 9]), cache=cache)
    layer(x[:, 3:], cache=cache)
    assert cache.positions.tolist() == [7, 8, 9, 10]


def test_rows_of_different_length_decode_with_left_padding():
    layer, x = layer_of("alibi"), tokens(2, 6, 16)
    positions = torch.tensor([[0, 0, 0, 1], [0, 1, 2, 3]])
    padding = torch.tensor([[False, False, True, True], [True] * 4])
    cache = KeyValueCache()
    layer(x[:, :4], positions=positions, padding=padding, cache=cache)
    for step in (4, 5):
        padding = torch.cat((padding, torch.ones(2, 1, dtype=torch.bool)), 1)
        output = layer(x[:, step : step + 1], padding=padding, cache=cache)[0]
    assert cache.positions.tolist() == [[0, 0, 0, 1, 2, 3], [0, 1, 2, 3, 4, 5]]
    torch.testing.assert_close(output[:1], layer(x[:1, 2:])[0][:, -1:])
    torch.testing.assert_close(output[1:], layer(x[1:])[0][:, -1:])


def test_positions_of_one_axis_join_positions_of_two():
    cache, part = KeyValueCache(), torch.zeros(2, 1, 3, 4)
    cache.append(part, part, torch.arange(3))
    cache.append(part, part, torch.tensor([[3, 4, 5], [7, 8, 9]]))
    assert cache.positions.tolist() == [[0, 1, 2, 3, 4, 5], [0, 1, 2, 7, 8, 9]]


def test_keys_turned_before_they_are_cached_go_stale_with_dynamic_ntk():
    """Why the cache holds keys as they were before door 2."""
    encoding = make_encoding("rope_dynamic_ntk", dim=16, heads=4, length=4)
    query, key, _ = heads(9, 9)
    early = encoding.at_key(key[..., :4, :], torch.arange(4))
    late = encoding.at_key(key, torch.arange(9))[..., :4, :]
    last = encoding.at_query(query[..., 8:, :], torch.tensor([8]))
    gap = (last @ early.mT - last @ late.mT).abs().max()
    assert gap > 0.01
    plain = make_encoding("rope", dim=16, heads=4)
    same = plain.at_key(key, torch.arange(9))[..., :4, :]
    torch.testing.assert_close(plain.at_key(key[..., :4, :], torch.arange(4)), same)


def test_the_cache_keeps_positions_of_its_own():
    layer, cache, x, at = layer_of(), KeyValueCache(), tokens(1, 5, 16), torch.tensor([0])
    for step in range(5):
        output = layer(x[:, step : step + 1], positions=at, cache=cache)[0]
        at += 1
    assert cache.positions.tolist() == [0, 1, 2, 3, 4]
    torch.testing.assert_close(output, layer(x)[0][:, -1:])


@pytest.mark.bad_input
def test_a_call_that_is_refused_leaves_the_cache_as_it_was():
    layer, cache, x = layer_of(), KeyValueCache(), tokens(1, 5, 16)
    layer(x[:, :4], cache=cache)
    with pytest.raises(ValueError):
        layer(x[:, 4:], padding=torch.ones(1, 3, dtype=torch.bool), cache=cache)
    torch.testing.assert_close(layer(x[:, 4:], cache=cache)[0], layer(x)[0][:, -1:])
    assert len(cache) == 5


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int32], ids=str)
def test_positions_count_on_past_the_end_of_their_dtype(dtype):
    layer, cache, top = layer_of(), KeyValueCache(), min(torch.iinfo(dtype).max, 1000)
    layer(tokens(1, 2, 16), positions=torch.tensor([top - 1, top], dtype=dtype), cache=cache)
    layer(tokens(1, 1, 16), cache=cache)
    assert cache.positions.tolist() == [top - 1, top, top + 1]


def test_one_row_of_positions_joins_rows_for_each_batch_row():
    cache, part = KeyValueCache(), torch.zeros(2, 1, 2, 4)
    cache.append(part, part, torch.tensor([[0, 1]]))
    cache.append(part, part, torch.tensor([[2, 3], [5, 6]]))
    assert cache.positions.tolist() == [[0, 1, 2, 3], [0, 1, 5, 6]]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("name", ["alibi", "t5"])
def test_a_far_bias_survives_half_precision_without_weights(name, dtype):
    layer = layer_of(name)
    if name == "t5":
        layer.encoding.weight.data += 100  # softmax does not see it, a cast to bfloat16 does
    x, mask = tokens(1, 600, 16), torch.ones(600, 600, dtype=torch.bool)
    mask[:, 20:] = False  # only far keys for the last queries
    exact = layer(x, mask=mask)[0][:, -50:]
    rough = layer.to(dtype)(x.to(dtype), mask=mask, need_weights=False)[0][:, -50:]
    shown = layer(x.to(dtype), mask=mask)[0][:, -50:]
    gap, allowed = (rough - exact).abs().max(), (shown - exact).abs().max()
    assert gap <= 1.5 * allowed


# Bad input
