"""FIRE and CoPE: two biases that are not functions of the distance."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from posenc_lib import (
    CopeBias,
    FireBias,
    MultiHeadAttention,
    Places,
    attention,
    causal_mask,
    cope_positions,
    fire_input,
)
from tests.reference import LargestStorage, randomise, tokens

sizes = st.integers(1, 6)


def fire_scores(fire, query_positions, key_positions, dtype=torch.float64):
    """at_scores of queries and keys whose content does not matter."""
    query = torch.zeros(1, fire.heads, query_positions.shape[-1], 4, dtype=dtype)
    key = torch.zeros(1, fire.heads, key_positions.shape[-1], 4, dtype=dtype)
    return fire.at_scores(query, key, query_positions, key_positions)


def fire_loop(fire, query_positions, key_positions):
    """The paper's equation, one number at a time, for keys that are not after the query."""
    c, threshold = fire.c.item(), fire.threshold.item()
    w1, b1 = fire.inner.weight[:, 0].tolist(), fire.inner.bias.tolist()
    w2, b2 = fire.outer.weight.tolist(), fire.outer.bias.tolist()
    result = torch.zeros(fire.heads, len(query_positions), len(key_positions)).double()
    for row, i in enumerate(query_positions):
        for column, j in enumerate(key_positions):
            x = math.log(1 + c * max(i - j, 0)) / math.log(1 + c * max(i, threshold))
            hidden = [max(0.0, w * x + b) for w, b in zip(w1, b1, strict=True)]
            for h in range(fire.heads):
                total = sum(w * y for w, y in zip(w2[h], hidden, strict=True))
                result[h, row, column] = total + b2[h]
    return result


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


@given(sizes, st.integers(0, 30), st.sampled_from([0.5, 8.0, 512.0]), st.booleans())
def test_fire_is_the_double_loop_of_the_paper(queries, start, threshold, gaps):
    fire = randomise(FireBias(3, hidden=5, threshold=threshold), seed=queries).double()
    positions = torch.arange(queries + 3) * (2 if gaps else 1) + start
    found = fire_scores(fire, positions[3:], positions)
    expected = fire_loop(fire, positions[3:].tolist(), positions.tolist())
    torch.testing.assert_close(found, expected)


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


def test_c_and_threshold_start_as_given_stay_positive_and_are_trained():
    torch.manual_seed(0)
    fire = FireBias(2, c=0.3, threshold=5.0)
    assert (fire.c.item(), fire.threshold.item()) == (0.3, 5.0)
    positions = torch.arange(9)
    optimiser = torch.optim.SGD([fire.log_c, fire.log_threshold], lr=100.0)
    for step in range(5):
        optimiser.zero_grad()
        fire_scores(fire, positions, positions).pow(2).sum().backward()
        assert step or (fire.log_c.grad != 0 and fire.log_threshold.grad != 0)
        for parameter in (fire.log_c, fire.log_threshold):
            parameter.grad.clamp_(-0.02, 0.02)
        optimiser.step()
    assert fire.c > 0 and fire.threshold > 0 and fire.c.item() != 0.3
    double = randomise(FireBias(2, hidden=3, threshold=4.0), seed=0).double()
    inputs = tuple(double.parameters())

    def by_parameters(*values):
        names = [name for name, _ in double.named_parameters()]
        arguments = (torch.zeros(1, 2, 9, 4).double(),) * 2 + (positions,) * 2
        given = dict(zip(names, values, strict=True))
        return torch.func.functional_call(_Scores(double), _prefixed(given), arguments)

    assert torch.autograd.gradcheck(by_parameters, inputs)


class _Scores(torch.nn.Module):
    """Makes at_scores the forward method."""

    def __init__(self, encoding):
        super().__init__()
        self.encoding = encoding

    def forward(self, *arguments):
        return self.encoding.at_scores(*arguments)


def _prefixed(parameters):
    return {f"encoding.{name}": value for name, value in parameters.items()}


def test_fire_at_position_100000_in_half_precision():
    fire = randomise(FireBias(2), seed=0)
    positions = torch.tensor([0, 5, 99_999, 100_000])
    exact = fire_scores(randomise(FireBias(2), seed=0).double(), positions, positions)
    for dtype in (torch.bfloat16, torch.float16, torch.float32):
        found = fire_scores(fire, positions, positions, dtype)
        assert found.dtype == torch.float32
        torch.testing.assert_close(found.double(), exact, rtol=1e-5, atol=1e-5)
    halves = fire_scores(fire.half(), positions, positions, torch.float16)
    assert halves.dtype == torch.float32 and torch.isfinite(halves).all()


# CoPE: counting


def cope_loop(query, key, table, query_positions, key_positions):
    """Section 4 of the paper for one head, one number at a time: (query, key) of q_i . e[p_ij]."""
    head_dim, last = query.shape[1], len(table) - 1
    counts = torch.zeros(len(query), len(key)).double()
    bias = torch.zeros(len(query), len(key)).double()
    for i, own in enumerate(query_positions):
        for j in range(len(key)):
            for k in range(j, len(key)):
                if key_positions[k] <= own:
                    counts[i, j] += torch.sigmoid(query[i] @ key[k] / math.sqrt(head_dim))
            p = min(float(counts[i, j]), last)
            low, high = math.floor(p), math.ceil(p)
            vector = (p - low) * table[high] + (1 - p + low) * table[low]
            bias[i, j] = query[i] @ vector
    return counts, bias


@given(sizes, st.integers(0, 4), st.integers(1, 5), st.integers(0, 50))
def test_cope_is_the_triple_loop_of_the_paper(queries, earlier, last, start):
    cope = randomise(CopeBias(4, last), seed=last).double()
    keys = queries + earlier
    q, k = torch.randn(2, 2, queries, 4).double(), torch.randn(2, 2, keys, 4).double()
    positions = torch.arange(keys) * 2 + start
    scores = q @ k.transpose(-1, -2) / 2
    counts = cope_positions(scores, positions[earlier:], positions)
    found = cope.at_scores(q, k, positions[earlier:], positions)
    for b in range(2):
        for h in range(2):
            expected = cope_loop(
                q[b, h], k[b, h], cope.table, positions[earlier:].tolist(), positions.tolist()
            )
            torch.testing.assert_close(counts[b, h], expected[0])
            torch.testing.assert_close(found[b, h].detach(), expected[1].detach())


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


def test_a_future_key_changes_nothing_for_the_past():
    cope = randomise(CopeBias(4, 3), seed=0).double()
    q, k = torch.randn(2, 1, 2, 6, 4, dtype=torch.float64)
    positions = torch.arange(6)
    before = cope.at_scores(q, k, positions, positions)
    k[..., 4:, :] += 10
    after = cope.at_scores(q, k, positions, positions)
    assert torch.equal(before[..., :4, :4], after[..., :4, :4])
    assert (before[..., 5, :4] - after[..., 5, :4]).abs().max() > 1e-3


def test_token_by_token_with_all_keys_equals_the_full_pass():
    cope = randomise(CopeBias(4, 3), seed=0).double()
    q, k = torch.randn(2, 1, 2, 7, 4, dtype=torch.float64)
    positions = torch.arange(7) + 3
    full = cope.at_scores(q, k, positions, positions)
    for t in range(7):
        step = cope.at_scores(
            q[..., t : t + 1, :], k[..., : t + 1, :], positions[t : t + 1], positions[: t + 1]
        )
        torch.testing.assert_close(step[..., 0, :], full[..., t, : t + 1])


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


def test_cope_starts_at_zero_and_still_learns():
    cope = CopeBias(4, 3)
    assert cope.table.shape == (4, 4) and cope.table.eq(0).all()
    assert CopeBias(64, 64, std=0.5).table.std().item() == pytest.approx(0.5, rel=0.1)
    layer = MultiHeadAttention(8, 2, encoding=cope, causal=True)
    layer(torch.randn(2, 9, 8))[0].pow(2).sum().backward()
    assert (cope.table.grad.abs().sum(-1) > 0).all()


def test_gradients_of_cope_reach_the_gates():
    cope = randomise(CopeBias(3, 2), seed=0).double()
    q, k = torch.randn(2, 1, 1, 4, 3, dtype=torch.float64)
    q, k, positions = q.requires_grad_(), k.requires_grad_(), torch.arange(4)
    run = lambda a, b, e: torch.func.functional_call(  # noqa: E731
        _Scores(cope), {"encoding.table": e}, (a, b, positions, positions)
    )
    assert torch.autograd.gradcheck(run, (q, k, cope.table))
    run(q, k, cope.table).sum().backward()
    assert k.grad.abs().sum() > 0


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


# Both inside attention


EACH = [lambda: FireBias(2, threshold=3.0), lambda: FireBias(2), lambda: CopeBias(4, 3)]


@pytest.mark.parametrize("make", EACH)
def test_the_settings_show_the_state_comes_back_and_a_mask_is_needed(make):
    encoding = randomise(make(), seed=0)
    assert encoding.causal_only
    assert "threshold=" in repr(encoding) or "max_position=3" in repr(encoding)
    again = make()
    again.load_state_dict(encoding.state_dict())
    q, k = torch.randn(2, 1, 2, 5, 4)
    positions = torch.arange(5)
    found = [e.at_scores(q, k, positions, positions) for e in (encoding, again)]
    assert torch.equal(*found)
    layer = MultiHeadAttention(8, 2, encoding=encoding, causal=True).double()
    layer(tokens(dim=8))[0].pow(2).sum().backward()
    assert all(p.grad is not None and (p.grad != 0).any() for p in encoding.parameters())
