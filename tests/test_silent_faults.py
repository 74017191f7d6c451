"""Faults that a reader of the code found: each silent once, each with a test of its own."""

import numpy as np
import pytest
import torch

from posenc_lib import (
    Door,
    LearnedEncoding,
    MultiHeadAttention,
    PositionEncoding,
    attention,
    cosine_matrix,
    plots,
    wave_spectrum,
)


class FloatDoor(PositionEncoding):
    """A rotary-like door whose factors are float32 whatever the input is."""

    door = Door.QUERIES_KEYS

    def at_query(self, x, positions):
        return x * torch.cos(positions.float())[:, None]

    at_key = at_query


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("given", [torch.float32, None])
def test_scores_are_made_in_float32_under_autocast_too(dtype, given):
    q = torch.full((1, 1, 3, 4), 200.0, dtype=given or dtype)
    with torch.autocast("cpu", dtype=dtype):
        _, weights = attention(q, q, q, causal=True)
    torch.testing.assert_close(weights.float()[0, 0, 2], torch.full((3,), 1 / 3), atol=2e-3, rtol=0)


def test_a_door_may_answer_in_float32_under_autocast():
    layer = MultiHeadAttention(8, 2, encoding=FloatDoor())
    x = torch.randn(2, 5, 8)
    exact = layer(x)[1]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(layer(x)[1].float(), exact, atol=0.05, rtol=0)


@pytest.mark.bad_input
def test_a_term_for_each_row_without_a_heads_axis_is_refused():
    class Rows(PositionEncoding):
        door = Door.SCORES

        def at_scores(self, query, key, query_positions, key_positions):
            return -(key_positions[:, None, :] - query_positions[:, :, None]).abs().float()

    layer, x = MultiHeadAttention(8, 2, encoding=Rows()), torch.randn(2, 3, 8)
    with pytest.raises(ValueError, match=r"Rows.at_scores: result.shape.*unsqueeze"):
        layer(x, positions=torch.arange(3).expand(2, 3))


@pytest.mark.bad_input
def test_a_causal_layer_with_a_context_asks_where_the_queries_stand():
    layer, x = MultiHeadAttention(8, 2, causal=True), torch.randn(1, 3, 8)
    with pytest.raises(ValueError, match=r"positions, context_positions"):
        layer(x[:, -1:], x)
    whole = layer(x)[0]
    last = layer(x[:, -1:], x, positions=torch.tensor([2]), context_positions=torch.arange(3))[0]
    torch.testing.assert_close(last, whole[:, -1:])


@pytest.mark.bad_input
def test_tables_keep_float64_and_take_parameters():
    exact = torch.randn(6, 4, dtype=torch.float64)
    np.testing.assert_array_equal(cosine_matrix(exact), cosine_matrix(exact.numpy()))
    encoding = LearnedEncoding(40, 8)
    given, wanted = wave_spectrum(encoding.weight), wave_spectrum(encoding.weight.detach().numpy())
    np.testing.assert_array_equal(given, wanted)
    assert np.isclose(wave_spectrum(encoding.weight.bfloat16())[1].sum(), 1.0)


def test_a_table_given_draws_no_random_numbers_and_stays_frozen():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    frozen = LearnedEncoding.from_table(torch.eye(3)).requires_grad_(False)
    assert torch.equal(torch.get_rng_state(), before)
    assert not frozen.extended(5).weight.requires_grad


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_pictures_take_weights_of_every_dtype(dtype):
    weights = torch.full((2, 2), 0.5, dtype=dtype, requires_grad=True)
    wanted = plots.attention.weight_maps({"map": np.full((2, 2), 0.5)}, ["a", "b"]).alt
    assert plots.attention.weight_maps({"map": weights}, ["a", "b"]).alt == wanted
    assert (
        plots.Heatmap("map", weights, "query", "key", "weight").values.tolist() == [[0.5] * 2] * 2
    )
