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
    attention,
    causal_mask,
    kerple_log,
    kerple_power,
    relative_positions,
    sandwich_by_distance,
    sinusoidal_at,
    t5_bucket,
    t5_bucket_textbook,
)
from tests.reference import LargestStorage, randomise, tokens

heads = st.integers(1, 17)
distances = st.lists(st.integers(-300, 300), min_size=1, max_size=8).map(torch.tensor)


def scores(bias, queries, keys, dtype=torch.float32):
    """at_scores of the newest queries of that many keys."""
    query = torch.zeros(1, bias.heads, queries, 4, dtype=dtype)
    key = torch.zeros(1, bias.heads, keys, 4, dtype=dtype)
    positions = torch.arange(keys)
    return bias.at_scores(query, key, positions[keys - queries :], positions)


# T5

CAUSAL_STARTS = [16, 19, 21, 24, 27, 31, 35, 40, 46, 52, 59, 67, 77, 87, 99, 113]
BOTH_STARTS = [8, 12, 16, 23, 32, 46, 64, 91]


@given(
    st.integers(1, 24), st.integers(1, 400), st.booleans(),
)  # fmt: skip
def test_whole_numbers_and_logarithms_give_the_same_buckets(half, further, bidirectional):
    """The textbook's logarithm may fall just short of a whole number, and only there."""
    buckets = 4 * half if bidirectional else 2 * half
    exact = buckets // 4 if bidirectional else buckets // 2
    given = {"buckets": buckets, "max_distance": exact + further, "bidirectional": bidirectional}
    distance = torch.arange(-exact - further - 3, exact + further + 4)
    ours, textbook = t5_bucket(distance, **given), t5_bucket_textbook(distance, **given)
    side, n = buckets // 2 if bidirectional else buckets, distance.abs().double()
    shared = side - exact
    position = shared * (n.clamp(min=1) / exact).log() / math.log((exact + further) / exact)
    edge = (position - position.round()).abs() < 1e-9
    assert torch.equal(ours[~edge], textbook[~edge])
    assert ((ours - textbook)[edge] <= 1).all() and ((ours - textbook)[edge] >= 0).all()


def test_the_published_settings_need_no_whole_numbers():
    distance = torch.arange(-3000, 3000)
    for bidirectional in (True, False):
        ours = t5_bucket(distance, bidirectional=bidirectional)
        textbook = t5_bucket_textbook(distance, bidirectional=bidirectional)
        assert torch.equal(ours, textbook)


def test_causal_buckets_begin_where_the_published_table_says():
    expected = list(range(16))
    for bucket, (start, end) in enumerate(
        zip(CAUSAL_STARTS, [*CAUSAL_STARTS[1:], 100_001], strict=True), start=16
    ):
        expected += [bucket] * (end - start)
    steps = torch.arange(100_001)
    assert t5_bucket(-steps, bidirectional=False).tolist() == expected
    assert t5_bucket(steps, bidirectional=False).eq(0).all()


def test_bidirectional_buckets_begin_where_the_published_table_says():
    expected = list(range(8))
    for bucket, (start, end) in enumerate(
        zip(BOTH_STARTS, [*BOTH_STARTS[1:], 100_001], strict=True), start=8
    ):
        expected += [bucket] * (end - start)
    steps = torch.arange(100_001)
    assert t5_bucket(-steps).tolist() == expected
    assert t5_bucket(steps)[1:].tolist() == [16 + bucket for bucket in expected[1:]]


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


def test_an_edge_that_float32_misses():
    """log(54 / 24) / log(81 / 24) is 2/3 exactly, since 54/24 = 1.5 ** 2 and 81/24 = 1.5 ** 3."""
    found = t5_bucket(torch.tensor([-54]), buckets=48, max_distance=81, bidirectional=False)
    assert found.item() == 24 + 16
    ratio = torch.log(torch.tensor(54.0) / 24) / math.log(81 / 24) * 24
    assert int(ratio) == 15  # the usual code


def test_t5_takes_the_weight_of_each_bucket():
    bias = randomise(T5Bias(3, buckets=8, max_distance=10), seed=0)
    found = scores(bias, 12, 15)
    for i, j in [(0, 0), (5, 14), (11, 3)]:
        bucket = t5_bucket(torch.tensor(j - (i + 3)), buckets=8, max_distance=10)
        assert torch.equal(found[:, i, j], bias.weight[bucket])


def test_a_bucket_that_never_occurs_gets_no_gradient():
    bias = randomise(T5Bias(2), seed=0)
    layer = MultiHeadAttention(8, 2, encoding=bias)
    layer(torch.randn(1, 5, 8))[0].pow(2).sum().backward()
    touched = bias.weight.grad.any(dim=1).nonzero().flatten().tolist()
    assert touched == [0, 1, 2, 3, 4, 17, 18, 19, 20]


def test_t5_starts_small_and_loads_a_published_table():
    torch.manual_seed(0)
    assert T5Bias(64, std=0.5).weight.std().item() == pytest.approx(0.5, rel=0.05)
    assert T5Bias(64).weight.std().item() == pytest.approx(0.02, rel=0.05)
    bias, table = T5Bias(2), torch.randn(32, 2)
    bias.load_state_dict({"weight": table})
    assert torch.equal(bias.by_distance(torch.tensor([-3]))[:, 0], table[3])


def test_the_direction_says_whether_a_causal_mask_is_needed():
    assert T5Bias(2, bidirectional=False).causal_only and not T5Bias(2).causal_only
    assert AlibiBias(2).causal_only and not AlibiBias(2, causal=False).causal_only


# ALiBi


@pytest.mark.parametrize(
    ("n", "exponents"),
    [
        (1, [8]),
        (2, [4, 8]),
        (8, [1, 2, 3, 4, 5, 6, 7, 8]),
        (3, [4, 8, 2]),
        (6, [2, 4, 6, 8, 1, 3]),
        (12, [1, 2, 3, 4, 5, 6, 7, 8, 0.5, 1.5, 2.5, 3.5]),
        (16, [h / 2 for h in range(1, 17)]),
    ],
)
def test_slopes_worked_by_hand(n, exponents):
    assert alibi_slopes(n).tolist() == pytest.approx([2.0**-e for e in exponents], rel=1e-15)


def test_twelve_heads_are_not_the_formula_for_powers_of_two():
    wrong = 2.0 ** (-8 * torch.arange(1, 13, dtype=torch.float64) / 12)
    assert (alibi_slopes(12) - wrong).abs().max() > 0.1


@given(heads)
def test_slopes_are_the_recursive_rule_of_the_authors(n):
    def slopes(n):
        if n & (n - 1) == 0:
            return [2 ** (-8 * h / n) for h in range(1, n + 1)]
        lower = 2 ** int(math.log2(n))
        return slopes(lower) + slopes(2 * lower)[::2][: n - lower]

    assert alibi_slopes(n).tolist() == pytest.approx(slopes(n), rel=1e-15)
    assert len(set(alibi_slopes(n).tolist())) == n


@given(heads, distances)
def test_alibi_is_minus_slope_times_steps(n, distance):
    slopes = alibi_slopes(n)
    causal, both = AlibiBias(n), AlibiBias(n, causal=False)
    for h in range(n):
        for column, d in enumerate(distance.tolist()):
            assert causal.by_distance(distance)[h, column] == -slopes[h] * -d
            assert both.by_distance(distance)[h, column] == -slopes[h] * abs(d)


def test_the_usual_shortcut_agrees_under_a_causal_mask_and_only_there():
    """m * j instead of -m (i - j): a constant for each row, which softmax does not see."""
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 1, 4, 6, 8, dtype=torch.float64)
    positions = torch.arange(6)
    shortcut = alibi_slopes(4)[:, None, None] * positions
    bias, both = AlibiBias(4), AlibiBias(4, causal=False)
    bias, both = (b.at_scores(q, k, positions, positions) for b in (bias, both))
    causal = {"mask": causal_mask(6, 6)}
    expected = attention(q, k, v, bias=bias, **causal)[1]
    torch.testing.assert_close(attention(q, k, v, bias=shortcut, **causal)[1], expected)
    torch.testing.assert_close(attention(q, k, v, bias=both, **causal)[1], expected)
    difference = attention(q, k, v, bias=shortcut)[1] - attention(q, k, v, bias=both)[1]
    assert difference.abs().max() > 0.1


def test_far_distances_survive_half_precision():
    positions = torch.tensor([0, 99_999, 100_000])
    for dtype in (torch.bfloat16, torch.float16):
        q = torch.zeros(1, 8, 3, 4, dtype=dtype)
        found = AlibiBias(8).at_scores(q, q, positions, positions)
        assert torch.equal(found[:, 2, 0], (alibi_slopes(8) * -100_000).float())
        assert torch.equal(found[:, 2, 1], (-alibi_slopes(8)).float())


# KERPLE

positive = st.floats(0.05, 1.9)


@given(distances, st.lists(st.tuples(positive, positive), min_size=1, max_size=3))
def test_kerple_is_the_double_loop_of_the_paper(distance, settings):
    r1, r2 = torch.tensor(settings, dtype=torch.float64).T
    log, power = kerple_log(distance, r1, r2), kerple_power(distance, r1, r2)
    for h, (a, b) in enumerate(zip(r1.tolist(), r2.tolist(), strict=True)):
        for column, d in enumerate(distance.tolist()):
            assert log[h, column].item() == pytest.approx(-a * math.log(1 + b * abs(d)))
            assert power[h, column].item() == pytest.approx(-a * abs(d) ** b)


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
    torch.manual_seed(0)
    drawn, (top1, top2) = kind(4000), (2, 1) if kind is KerpleLogBias else (1, 2)
    for r, top in ((drawn.r1, top1), (drawn.r2, top2)):
        assert 0.005 < r.min() < 0.05 and top - 0.05 < r.max() < top
        assert r.mean().item() == pytest.approx(top / 2, rel=0.05)
    optimiser = torch.optim.SGD(bias.parameters(), lr=5.0)  # far too large, and pulling down
    for _ in range(20):
        optimiser.zero_grad()
        (-bias.by_distance(torch.arange(-5, 1))).sum().backward()
        optimiser.step()
    assert (bias.r1 > 0).all() and (bias.r2 > 0).all()
    found = bias.by_distance(torch.arange(-5, 1))
    assert torch.isfinite(found).all() and (found <= 0).all()


@pytest.mark.parametrize("kind", [KerpleLogBias, KerplePowerBias])
def test_kerple_falls_with_distance_and_trains(kind):
    bias = randomise(kind(3), seed=1)
    found = bias.by_distance(torch.arange(0, 50))
    assert (found.diff() < 0).all() and found[:, 0].eq(0).all()
    assert torch.equal(found, bias.by_distance(-torch.arange(0, 50)))
    layer = MultiHeadAttention(12, 3, encoding=bias).double()
    layer(tokens(dim=12))[0].pow(2).sum().backward()
    for parameter in bias.parameters():
        assert (parameter.grad != 0).all()


# Sandwich


@given(heads, distances, st.integers(1, 6), st.floats(2, 1e5))
def test_sandwich_is_the_double_loop(n, distance, pairs, base):
    found = sandwich_by_distance(distance, n, dim=2 * pairs, base=base)
    for h in range(1, n + 1):
        for column, d in enumerate(distance.tolist()):
            inner = sum(math.cos(d / base ** (2 * k / (2 * pairs))) for k in range(1, pairs + 1))
            assert found[h - 1, column].item() == pytest.approx(
                (inner - pairs) / (8 * h / n), abs=1e-9
            )


def test_sandwich_is_the_inner_product_of_sinusoids():
    """k from 1: the vectors of Vaswani at width dim + 2, without their fastest pair."""
    positions = torch.tensor([0, 3, 50, 1000])
    dim, base = 6, 100.0
    wide = torch.from_numpy(sinusoidal_at(positions.numpy(), dim + 2, base=base ** (8 / 6)))
    vectors = wide[:, 2:].double()
    inner = vectors @ vectors.T
    found = sandwich_by_distance(relative_positions(positions, positions), 4, dim=dim, base=base)
    for h in range(4):
        torch.testing.assert_close(
            found[h], (inner - 3) / (2 * (h + 1)), rtol=1e-5, atol=2e-6
        )  # the table is in float32


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
def test_the_settings_show_and_the_state_comes_back(make):
    bias = make()
    assert "heads=4" in repr(bias)
    again = make()
    again.load_state_dict(bias.state_dict())
    distance = torch.arange(-200, 200)
    assert torch.equal(again.by_distance(distance), bias.by_distance(distance))
    half = make().half().by_distance(distance)
    assert half.shape == (4, 400) and torch.isfinite(half).all()


@pytest.mark.parametrize("make", EACH)
def test_a_matrix_costs_one_evaluation_a_distance(make):
    bias, length = make(), 200
    with LargestStorage() as made:
        bias.by_distance(torch.arange(1 - length, length))
    assert made.elements <= max(bias.heads, 4) * 2 * length  # 4: the pairs of Sandwich at dim 8
    assert scores(bias, 5, 9).shape == (4, 5, 9)
