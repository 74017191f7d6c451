"""The key cache and the fused kernel: what is special to them. Laws: tests/test_laws.py."""

import pytest
import torch

from posenc_lib import (
    KeyValueCache,
    MultiHeadAttention,
)
from tests.reference import LargestStorage, randomise, tokens


def heads(queries=5, keys=5, dtype=torch.float64, seed=0):
    """query, key, value of (2, 3, ..., 4)."""
    generator = torch.Generator().manual_seed(seed)
    lengths = (queries, keys, keys)
    return [torch.randn(2, 3, n, 4, generator=generator, dtype=dtype) for n in lengths]


# The fused kernel


def test_a_layer_without_weights_holds_no_score_matrix():
    layer = MultiHeadAttention(8, 2)
    x = torch.randn(1, 600, 8)
    with torch.no_grad(), LargestStorage() as without:
        layer(x, need_weights=False)
    with torch.no_grad(), LargestStorage() as explained:
        layer(x)
    assert explained.elements >= 2 * 600 * 600 > 10 * without.elements


# The cache


def layer_of(name="rope", **options):
    return randomise(MultiHeadAttention(16, 4, encoding=name, causal=True, **options), 2).double()


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


def test_one_row_of_positions_joins_rows_for_each_batch_row():
    part = torch.zeros(2, 1, 3, 4)
    for first in (torch.arange(3), torch.arange(3)[None]):
        cache = KeyValueCache()
        cache.append(part, part, first)
        cache.append(part, part, torch.tensor([[3, 4, 5], [7, 8, 9]]))
        assert cache.positions.tolist() == [[0, 1, 2, 3, 4, 5], [0, 1, 2, 7, 8, 9]]


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
