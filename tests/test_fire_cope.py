"""FIRE and CoPE: two biases that are not functions of the distance."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from posenc_lib import (
    CopeBias,
    FireBias,
    Places,
    attention,
    causal_mask,
    cope_positions,
    fire_input,
)
from tests.reference import LargestStorage, randomise

sizes = st.integers(1, 6)


def fire_scores(fire, query_positions, key_positions, dtype=torch.float64):
    """at_scores of queries and keys whose content does not matter."""
    query = torch.zeros(1, fire.heads, query_positions.shape[-1], 4, dtype=dtype)
    key = torch.zeros(1, fire.heads, key_positions.shape[-1], 4, dtype=dtype)
    return fire.at_scores(query, key, query_positions, key_positions)


# FIRE: the input


def test_fire_input_worked_by_hand():
    """c = 1: log(1 + i - j) / log(1 + max(i, 3))."""
    found = fire_input(torch.arange(8), torch.arange(8), c=1.0, threshold=3.0)
    assert found[1, 0].item() == pytest.approx(math.log(2) / math.log(4))  # 1/2: i <= L
    assert found[3, 0].item() == pytest.approx(1.0)
    assert found[7, 0].item() == pytest.approx(1.0)  # the whole text so far
    assert found[7, 4].item() == pytest.approx(math.log(4) / math.log(8))  # 2/3
    assert found[2, 2] == 0


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.floats(1e-3, 10), st.floats(1, 1e5))
def test_fire_input_lies_between_0_and_1_and_grows_with_distance(i, j, c, threshold):
    i, j = max(i, j), min(i, j)
    keys = torch.tensor([0, j, i, i + 7])
    found = fire_input(torch.tensor([i]), keys, c, threshold)[0].tolist()
    assert 0 <= found[1] <= found[0] <= 1 + 1e-12
    assert found[2] == found[3] == 0.0  # itself and the future


# FIRE: the bias


def test_fire_depends_on_distance_up_to_the_threshold_and_not_past_it():
    fire = randomise(FireBias(2, threshold=16.0), seed=0).double()
    fire.log_threshold.data.zero_()
    positions = torch.arange(6)
    near, moved, far = (fire_scores(fire, positions + s, positions + s) for s in (0, 11, 12))
    seen = causal_mask(6, 6)
    torch.testing.assert_close(near[:, seen], moved[:, seen])  # last query at 16 = L
    rows = (near - far).abs().mul(seen).amax((0, 2))
    assert rows[:5].max() < 1e-12 and rows[5] > 1e-3  # at 17 the sixth query is past L


def test_the_short_way_by_distance_and_the_way_by_pair_agree():
    fire = randomise(FireBias(2, threshold=40.0), seed=3).double()
    positions = torch.arange(20)
    assert fire.threshold > 20 and fire.follows_diagonals(Places(positions))
    expected = fire.by_pair(positions, positions)
    torch.testing.assert_close(fire_scores(fire, positions, positions), expected)
    with LargestStorage() as made:
        fire_scores(fire, positions, positions)
    assert made.elements <= 2 * 39 * fire.hidden  # not query * key * hidden
    assert not fire.follows_diagonals(Places(positions + 100, positions))


def scores_by_parameters(encoding, query, key, positions):
    """at_scores as a function of the parameters, for gradcheck."""

    class Scores(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.encoding = encoding

        def forward(self, query, key):
            return self.encoding.at_scores(query, key, positions, positions)

    module = Scores()
    names = [name for name, _ in module.named_parameters()]

    def run(query, key, *values):
        given_ = dict(zip(names, values, strict=True))
        return torch.func.functional_call(module, given_, (query, key))

    return run, (query, key, *module.parameters())


def test_c_and_threshold_start_as_given_stay_positive_and_are_trained():
    fire, positions = FireBias(2, c=0.3, threshold=5.0), torch.arange(9)
    assert (fire.c.item(), fire.threshold.item()) == (0.3, 5.0)
    with torch.no_grad():
        for parameter in (fire.log_c, fire.log_threshold):
            parameter -= 100.0  # a step that is far too large
    assert fire.c > 0 and fire.threshold > 0
    double = randomise(FireBias(2, hidden=3, threshold=4.0), seed=0).double()
    query = torch.zeros(1, 2, 9, 4).double()
    assert torch.autograd.gradcheck(*scores_by_parameters(double, query, query, positions))


# CoPE: counting


def test_cope_worked_by_hand():
    """Scores 0 make every gate 1/2; with e[p] = p and q = 1 the bias is the count, cut at 1."""
    cope = CopeBias(1, 1)
    cope.table.data.copy_(torch.tensor([[0.0], [1.0]]))
    q, k, positions = torch.ones(1, 1, 4, 1), torch.zeros(1, 1, 4, 1), torch.arange(4)
    found = cope.at_scores(q, k, positions, positions)[0, 0]
    assert found[3].tolist() == [1.0, 1.0, 1.0, 0.5]
    assert found[1].tolist() == [1.0, 0.5, 0.0, 0.0]


def test_open_gates_count_tokens_and_closed_ones_count_none():
    scores = torch.full((1, 1, 3, 3), 50.0)
    positions = torch.arange(3)
    assert cope_positions(scores, positions, positions)[0, 0].tolist() == [
        [1, 0, 0], [2, 1, 0], [3, 2, 1]
    ]  # fmt: skip
    assert cope_positions(-scores, positions, positions).max() < 1e-20


@pytest.mark.parametrize("pads", [[0, 0], [1, 1], [-5, -4]])
def test_padding_on_the_left_is_not_counted(pads):
    cope = randomise(CopeBias(4, 3), seed=0).double()
    q, k = torch.randn(2, 2, 2, 6, 4, dtype=torch.float64)
    positions = torch.tensor([[0, 1, 2, 3, 4, 5], [*pads, 0, 1, 2, 3]])
    found = cope.at_scores(q, k, positions, positions)
    alone = cope.at_scores(q[1:, :, 2:], k[1:, :, 2:], positions[1, 2:], positions[1, 2:])
    torch.testing.assert_close(found[1:, :, 2:, 2:], alone)
    first = cope.at_scores(q[:1], k[:1], positions[0], positions[0])
    torch.testing.assert_close(found[:1], first)


@pytest.mark.parametrize("batched", [False, True])
def test_packed_texts_do_not_count_each_other(batched):
    cope = randomise(CopeBias(4, 3), seed=0).double()
    q, k, v = torch.randn(3, 1, 2, 7, 4, dtype=torch.float64)
    positions = torch.tensor([0, 1, 2, 0, 1, 2, 3])
    text = torch.tensor([0, 0, 0, 1, 1, 1, 1])
    given = positions[None] if batched else positions
    mask = causal_mask(positions, positions) & (text[:, None] == text)
    packed = attention(q, k, v, bias=cope.at_scores(q, k, given, given), mask=mask)[0]
    for part in (slice(0, 3), slice(3, 7)):
        q1, k1, v1 = (x[..., part, :] for x in (q, k, v))
        bias = cope.at_scores(q1, k1, positions[part], positions[part])
        alone = attention(q1, k1, v1, bias=bias, causal=True)[0]
        torch.testing.assert_close(packed[..., part, :], alone)


def test_gradients_of_cope_reach_the_gates():
    cope = randomise(CopeBias(3, 2), seed=0).double()
    query, key = torch.randn(2, 1, 1, 4, 3, dtype=torch.float64)
    run, inputs = scores_by_parameters(
        cope, query.requires_grad_(), key.requires_grad_(), torch.arange(4)
    )
    assert torch.autograd.gradcheck(run, inputs)
    run(*inputs).sum().backward()
    assert key.grad.abs().sum() > 0
    assert CopeBias(4, 3).table.eq(0).all()


def test_cope_is_in_float32_at_least_also_under_autocast():
    cope = randomise(CopeBias(4, 3), seed=0)
    q, k = torch.randn(2, 1, 2, 5, 4)
    positions = torch.arange(5)
    plain = cope.at_scores(q, k, positions, positions)
    fire = randomise(FireBias(2), seed=0)
    of_fire = fire_scores(fire, positions, positions, torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(cope.at_scores(q, k, positions, positions), plain)
        assert torch.equal(fire_scores(fire, positions, positions, torch.float32), of_fire)
    low = cope.at_scores(q.bfloat16(), k.bfloat16(), positions, positions)
    assert low.dtype == torch.float32
    same = cope.at_scores(q.bfloat16().float(), k.bfloat16().float(), positions, positions)
    assert torch.equal(low, same)
