"""T5, ALiBi, KERPLE and Sandwich: what the papers say, number by number."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from posenc_lib import (
    AlibiBias,
    KerpleLogBias,
    KerplePowerBias,
    MultiHeadAttention,
    SandwichBias,
    T5Bias,
    alibi_slopes,
    kerple_log,
    kerple_power,
    relative_positions,
    sandwich_by_distance,
    t5_bucket,
    t5_bucket_textbook,
)
from tests.reference import LargestStorage, randomise

heads = st.integers(1, 17)


def scores(bias, queries, keys, dtype=torch.float32):
    """at_scores of the newest queries of that many keys."""
    query = torch.zeros(1, bias.heads, queries, 4, dtype=dtype)
    key = torch.zeros(1, bias.heads, keys, 4, dtype=dtype)
    positions = torch.arange(keys)
    return bias.at_scores(query, key, positions[keys - queries :], positions)


# T5


@given(st.integers(2, 40), st.integers(1, 400), st.booleans(), st.integers(-2000, 2000))
def test_a_bucket_is_the_largest_that_begins_at_or_before_the_distance(
    buckets, beyond, bidirectional, distance
):
    buckets = 2 * buckets if bidirectional else buckets
    side = buckets // 2 if bidirectional else buckets
    exact = side // 2
    max_distance = exact + beyond
    steps = abs(distance) if bidirectional else max(-distance, 0)
    if steps < exact:
        expected = steps
    else:  # (n / E) ** (B - E) >= (M / E) ** k, multiplied out: whole numbers, no rounding
        shared = side - exact
        fits = [k for k in range(shared)
                if steps**shared >= max_distance**k * exact ** (shared - k)]  # fmt: skip
        expected = exact + max(fits)
    expected += side if bidirectional and distance > 0 else 0
    found = t5_bucket(
        torch.tensor([distance]),
        buckets=buckets, max_distance=max_distance, bidirectional=bidirectional,
    )  # fmt: skip
    assert found.item() == expected
    assert 0 <= expected < buckets


@pytest.mark.parametrize("bidirectional", [True, False])
def test_in_the_published_settings_the_textbook_is_right_too(bidirectional):
    near = torch.arange(-3000, 3000)
    textbook = t5_bucket_textbook(near, bidirectional=bidirectional)
    assert torch.equal(t5_bucket(near, bidirectional=bidirectional), textbook)


def test_an_edge_that_float32_misses():
    """log(54 / 24) / log(81 / 24) is 2/3 exactly, since 54/24 = 1.5 ** 2 and 81/24 = 1.5 ** 3."""
    found = t5_bucket(torch.tensor([-54]), buckets=48, max_distance=81, bidirectional=False)
    assert found.item() == 24 + 16
    ratio = torch.log(torch.tensor(54.0) / 24) / math.log(81 / 24) * 24
    assert int(ratio) == 15  # the usual code


def test_a_bucket_that_never_occurs_gets_no_gradient():
    bias = randomise(T5Bias(2), seed=0)
    layer = MultiHeadAttention(8, 2, encoding=bias)
    layer(torch.randn(1, 5, 8))[0].pow(2).sum().backward()
    touched = bias.weight.grad.any(dim=1).nonzero().flatten().tolist()
    assert touched == [0, 1, 2, 3, 4, 17, 18, 19, 20]


@pytest.mark.parametrize(("bidirectional", "unused"), [(True, {16}), (False, set())])
def test_one_bucket_of_both_directions_is_never_used(bidirectional, unused):
    """The future would begin with it at 0 steps ahead, but those count as the past."""
    used = t5_bucket(torch.arange(-3000, 3000), bidirectional=bidirectional).unique().tolist()
    assert set(range(32)) - set(used) == unused


# ALiBi


def test_extra_slopes_begin_above_the_old_ones_and_order_is_not_kept():
    old, extra = alibi_slopes(12)[:8], alibi_slopes(12)[8:]
    assert torch.equal(old, alibi_slopes(8)) and extra[0] > old.max() and extra[-1] > old.min()


@pytest.mark.parametrize(
    ("n", "exponents"),
    [(1, [8]), (8, [1, 2, 3, 4, 5, 6, 7, 8]), (3, [4, 8, 2]), (6, [2, 4, 6, 8, 1, 3])],
)
def test_slopes_worked_by_hand(n, exponents):
    assert alibi_slopes(n).tolist() == pytest.approx([2.0**-e for e in exponents], rel=1e-15)


# KERPLE


def test_kerple_worked_by_hand():
    one, half = torch.tensor([1.0]), torch.tensor([0.5])
    distance = torch.tensor([-4, 0, 9])
    found = kerple_log(distance, one * 2, torch.tensor([math.e - 1]))
    assert found[0, 1:2].tolist() == [0.0]
    assert kerple_log(torch.tensor([1]), one * 2, one * (math.e - 1)).item() == pytest.approx(-2)
    assert kerple_power(distance, one * 3, half)[0].tolist() == pytest.approx([-6, 0, -9])


def test_a_power_of_one_is_alibi_with_trained_slopes():
    slopes = alibi_slopes(6)
    distance = torch.arange(-20, 21)
    found = kerple_power(distance, slopes, torch.ones(6))
    torch.testing.assert_close(found, AlibiBias(6, causal=False).by_distance(distance))


def test_gradients_are_finite_at_distance_zero_and_right():
    distance = torch.tensor([-3, 0, 2])
    for function in (kerple_log, kerple_power):
        r1 = torch.tensor([0.7, 1.2], dtype=torch.float64, requires_grad=True)
        r2 = torch.tensor([0.3, 1.5], dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(lambda a, b, f=function: f(distance, a, b), (r1, r2))
        assert torch.autograd.gradgradcheck(lambda a, b, f=function: f(distance, a, b), (r1, r2))


@pytest.mark.parametrize("kind", [KerpleLogBias, KerplePowerBias])
def test_kerple_starts_where_it_is_told_and_stays_in_range(kind):
    bias = kind(3, r1=0.7, r2=1.9)
    torch.testing.assert_close(bias.r1, torch.full((3,), 0.7).double(), rtol=1e-6, atol=0)
    torch.testing.assert_close(bias.r2, torch.full((3,), 1.9).double(), rtol=1e-6, atol=0)
    optimiser = torch.optim.SGD(bias.parameters(), lr=5.0)  # far too large, and pulling down
    for _ in range(20):
        optimiser.zero_grad()
        (-bias.by_distance(torch.arange(-5, 1))).sum().backward()
        optimiser.step()
    assert (bias.r1 > 0).all() and (bias.r2 > 0).all()
    found = bias.by_distance(torch.arange(-5, 1))
    assert torch.isfinite(found).all() and (found <= 0).all()


@pytest.mark.parametrize(
    ("bias", "is_kernel"),
    [
        (lambda d, one: kerple_log(d, one, one), True),
        (lambda d, one: kerple_power(d, one, 1.5 * one), True),
        (lambda d, one: -(d.abs() ** 3)[None], False),  # beyond r2 = 2: the test can fail
    ],
    ids=["log", "power 1.5", "power 3"],
)
def test_kerple_is_a_kernel_up_to_a_constant(bias, is_kernel):
    """sum c_i c_j b_ij >= 0 for all c with sum 0: no negative eigenvalue without the mean."""
    centre = torch.eye(20, dtype=torch.float64) - 1 / 20
    found = bias(relative_positions(20, 20).double(), torch.ones(1, dtype=torch.float64))[0]
    assert bool(torch.linalg.eigvalsh(centre @ found @ centre).min() > -1e-9) is is_kernel


# Sandwich


def test_sandwich_worked_by_hand():
    """dim 2, base 100: cos(d / 100) - 1, over 8, 16 ... for 1 head, 4, 8 ... for 2."""
    distance = torch.tensor([0, 100])
    assert sandwich_by_distance(distance, 1, dim=2, base=100.0)[0].tolist() == pytest.approx(
        [0, (math.cos(1) - 1) / 8]
    )
    assert sandwich_by_distance(distance, 2, dim=2, base=100.0)[:, 1].tolist() == pytest.approx(
        [(math.cos(1) - 1) / 4, (math.cos(1) - 1) / 8]
    )


@given(heads, st.integers(1, 6), st.integers(0, 100_000))
def test_sandwich_pair_by_pair_is_sandwich_by_distance(n, pairs, start):
    bias = SandwichBias(n, dim=2 * pairs)
    positions = torch.tensor([0, 1, 2, 5, 5, 90, 7]) + start
    found = bias.by_pair(positions, positions[2:])
    expected = bias.by_distance(relative_positions(positions, positions[2:]))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)
    rows = torch.stack((positions, positions * 2))
    torch.testing.assert_close(bias.by_pair(rows, rows)[:, 0], bias.by_pair(positions, positions))


def test_sandwich_pair_by_pair_makes_no_query_key_dim():
    positions = torch.arange(64) * 2
    with LargestStorage() as made:
        SandwichBias(2, dim=32).by_pair(positions, positions)
    assert made.elements == 2 * 64 * 64


# All of them

EACH = [
    lambda: T5Bias(4),
    lambda: T5Bias(4, bidirectional=False),
    lambda: AlibiBias(4),
    lambda: AlibiBias(4, causal=False),
    lambda: KerpleLogBias(4),
    lambda: KerplePowerBias(4),
    lambda: SandwichBias(4, dim=8),
]


@pytest.mark.parametrize("make", EACH)
def test_a_matrix_costs_one_evaluation_a_distance(make):
    bias, length = make(), 200
    with LargestStorage() as made:
        bias.by_distance(torch.arange(1 - length, length))
    assert made.elements <= max(bias.heads, 4) * 2 * length  # 4: the pairs of Sandwich at dim 8
    assert scores(bias, 5, 9).shape == (4, 5, 9)
