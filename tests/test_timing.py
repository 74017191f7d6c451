"""Laws of the timing signal: real moments, with gaps, at Unix scale."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from posenc_lib import (
    MultiHeadAttention,
    TimingEncoding,
    geometric_periods,
    sinusoidal_at,
    timing_signal,
)

DAY, WEEK, YEAR = 86_400, 604_800, 31_556_952
NOW = 1_763_000_000  # Unix seconds

seconds = st.integers(-NOW, 2 * NOW)
periods = st.lists(st.integers(1, YEAR), min_size=1, max_size=4)


def timing_loop(times, periods):
    """sin and cos of 2 pi t / P, the whole turns taken off in exact fractions."""
    rows = []
    for t in times:
        turns = [float(Fraction(t) % Fraction(p) / Fraction(p)) for p in periods]
        rows.append([f(2 * math.pi * part) for part in turns for f in (math.sin, math.cos)])
    return torch.tensor(rows, dtype=torch.float64)


# The signal is the formula, also at Unix scale


@given(st.lists(seconds, min_size=1, max_size=6), periods)
def test_whole_seconds_lose_nothing(times, periods):
    found = timing_signal(torch.tensor(times), periods, dtype=torch.float64)
    torch.testing.assert_close(found, timing_loop(times, periods), rtol=0, atol=4e-15)
    rounded = timing_signal(torch.tensor(times), periods)
    assert rounded.dtype == torch.float32
    torch.testing.assert_close(rounded.double(), found, rtol=0, atol=2**-25)


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=6),
    st.lists(st.floats(0.1, 1e6), min_size=1, max_size=4),
)
def test_any_real_times_and_periods(times, periods):
    times = torch.tensor(times, dtype=torch.float64)
    found = timing_signal(times, periods, dtype=torch.float64)
    # The only loss: a remainder below zero is lifted by one period, which rounds once.
    torch.testing.assert_close(found, timing_loop(times.tolist(), periods), rtol=0, atol=4e-15)


def test_a_day_by_hand():
    found = timing_signal(torch.tensor([0, 6, 12, 18, 24, 30]), [24]).round(decimals=6) + 0
    assert found.tolist() == [[0, 1], [1, 0], [0, -1], [-1, 0], [0, 1], [1, 0]]


@given(st.lists(st.integers(0, 10 * YEAR), min_size=3, max_size=3), periods)
def test_the_dot_product_of_two_moments_depends_on_the_time_between(moments, periods):
    t, gap, shift = moments
    signal = timing_signal(
        torch.tensor([t, t + gap, t + shift, t + shift + gap]), periods, dtype=torch.float64
    )
    expected = sum(math.cos(2 * math.pi * (gap % p) / p) for p in periods)
    assert float(signal[0] @ signal[1]) == pytest.approx(expected, abs=1e-12)
    assert float(signal[2] @ signal[3]) == pytest.approx(expected, abs=1e-12)


# Periods


@given(st.integers(2, 40), st.floats(1e-6, 1e3), st.floats(1.5, 1e9))
def test_periods_rise_by_one_ratio_from_the_shortest_to_the_longest(pairs, shortest, ratio):
    found = geometric_periods(2 * pairs, shortest, shortest * ratio)
    assert found.dtype == torch.float64
    assert float(found[0]) == shortest
    assert float(found[-1]) == pytest.approx(shortest * ratio)
    expected = torch.full((pairs - 1,), ratio ** (1 / (pairs - 1)), dtype=torch.float64)
    torch.testing.assert_close(found[1:] / found[:-1], expected)


def test_two_pi_to_two_pi_times_the_base_is_almost_the_sinusoid():
    """The published code ends on the base itself, the paper one step before."""
    dim, tau = 64, 2 * math.pi
    code = timing_signal(torch.arange(50), geometric_periods(dim, tau, tau * 10_000))
    assert (code - torch.from_numpy(sinusoidal_at(range(50), dim))).abs().max() > 0.1
    last = 10_000 ** ((dim - 2) / dim)
    paper = timing_signal(torch.arange(50), geometric_periods(dim, tau, tau * last))
    torch.testing.assert_close(paper, torch.from_numpy(sinusoidal_at(range(50), dim)))


# Precision


def test_float32_seconds_are_128_apart():
    a, b = torch.tensor([NOW, NOW + 50], dtype=torch.float64).float()
    assert a == b  # nearly a minute is lost before anything is computed
    assert torch.nextafter(a, a + 1e9) - a == 128


@pytest.mark.parametrize(
    ("times", "dtype", "shortest"),
    [
        (8_760.0, torch.float32, 1.0),  # a year of hours: 1 / 1024 apart
        (float(NOW), torch.float32, 128_000.0),  # seconds, if a day and a half is the shortest
        (2**60, torch.int64, 256_000.0),  # nanoseconds become float64: 256 apart
    ],
)
def test_times_are_refused_just_where_they_grow_too_coarse(times, dtype, shortest):
    times = torch.tensor([0, times]).to(dtype)
    timing_signal(times, [shortest, 1e9])
    with pytest.raises(ValueError, match="float64 or int64"):
        timing_signal(times, [1e9, shortest * 0.9])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_the_sum_is_rounded_once(dtype):
    encode = TimingEncoding.from_periods([60, DAY, WEEK, YEAR])
    x = torch.randn(1, 20, 8, generator=torch.manual_seed(0)).to(dtype)
    times = NOW + 1000 * torch.arange(20)
    exact = x[0].double() + timing_loop(times.tolist(), [60, DAY, WEEK, YEAR])
    found = encode(x, times)
    assert found.dtype == dtype
    step = torch.finfo(dtype).eps * 2.0 ** torch.frexp(exact)[1].double().sub(1)
    slack = 1e-14 if dtype == torch.float64 else 4e-8  # float32: the signal is rounded, too
    assert ((found[0].double() - exact).abs() <= step / 2 + slack).all()


# As a module


@pytest.mark.unchecked
def test_a_layer_compiles_and_exports_to_the_same_numbers():
    layer = MultiHeadAttention(8, 2, causal=True, encoding=TimingEncoding.from_periods([DAY] * 4))
    x, times = torch.randn(2, 4, 8), NOW + torch.tensor([0, 10, 5_000, 90_000]).double()
    expected = layer(x, positions=times)[0]
    torch._dynamo.reset()
    compiled = torch.compile(layer, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x, positions=times)[0], expected)
    exported = torch.export.export(layer, (x,), {"positions": times}).module()
    torch.testing.assert_close(exported(x, positions=times)[0], expected)


@pytest.mark.parametrize("periods", ["list", "tensor"])
def test_on_the_meta_device_there_are_shapes_alone(periods):
    with torch.device("meta"):
        times, x = torch.arange(3), torch.zeros(2, 3, 8)
        rising = geometric_periods(8, 60, 3600) if periods == "tensor" else [DAY] * 4
        assert timing_signal(times, rising).is_meta
        assert timing_signal(times.expand(2, 3), rising).shape == (2, 3, 8)
        for encode in (
            TimingEncoding(8, shortest=60, longest=3600), TimingEncoding.from_periods([DAY] * 4)
        ):  # fmt: skip
            assert encode(x, times).is_meta
    assert encode(torch.zeros(2, 3, 8), torch.arange(3)).isfinite().all()  # the periods are real


def test_gradients_reach_the_times():
    times = torch.tensor([3.0], dtype=torch.float64, requires_grad=True)
    timing_signal(times, [24.0])[0, 0].backward()
    expected = math.cos(2 * math.pi * 3 / 24) * 2 * math.pi / 24
    assert float(times.grad) == pytest.approx(expected)


def test_dropout_acts_on_the_sum_and_settings_are_shown():
    encode = TimingEncoding.from_periods([24.0, 168.0], dropout=0.5)
    x, hours = torch.full((40, 10, 4), 3.0), torch.arange(10)
    assert (encode(x, hours) == 0).double().mean().item() == pytest.approx(0.5, abs=0.1)
    assert not (encode.eval()(x, hours) == 0).any()
    assert torch.equal(encode.at_embeddings(x, hours), encode(x, hours))
    assert "dim=4, periods=(24, 168)" in repr(encode)
    assert "(1, 2, 4, ..., 256, 512, 1024)" in repr(TimingEncoding(22, shortest=1, longest=1024))
    assert not encode.state_dict()


# Dates

dates = np.array(["2025-01-01T00:00", "2025-01-01T00:10"], dtype="datetime64[m]")


@pytest.mark.bad_input
def test_dates_count_as_the_message_says():
    with pytest.raises(TypeError, match=r"times.*datetime64"):
        timing_signal(dates, [DAY])
    seconds = torch.from_numpy(dates.astype("datetime64[s]").astype("int64"))
    assert seconds.tolist() == [1_735_689_600, 1_735_690_200]  # midnight, ten minutes later
    torch.testing.assert_close(timing_signal(seconds, [DAY]), timing_loop([0, 600], [DAY]).float())
