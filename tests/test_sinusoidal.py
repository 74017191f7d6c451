"""Laws of the sinusoidal table, and the facts about it that the notebooks print."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posenc_lib import (
    frequencies,
    shift_rotation,
    sinusoidal_at,
    sinusoidal_table,
    sinusoidal_textbook,
    wavelengths,
)
from posenc_lib.plots.sinusoidal import first_dip, hands, similarity
from tests.reference import sinusoidal_loop, usual_float32_table

lengths = st.integers(1, 40)
dims = st.integers(1, 33)
even_dims = st.integers(1, 16).map(lambda pairs: 2 * pairs)
bases = st.floats(1.01, 1e6)
starts = st.integers(-1_000_000, 1_000_000)
offsets = st.floats(-1000, 1000)


# The table is the formula


@given(lengths, dims, bases, starts)
def test_the_table_is_the_double_loop_for_any_length_dim_base_and_start(length, dim, base, start):
    expected = sinusoidal_loop(range(start, start + length), dim, base)
    table = sinusoidal_table(length, dim, base=base, start=start)
    assert table.shape == (length, dim)
    np.testing.assert_allclose(table, expected, rtol=0, atol=2e-7)
    textbook = sinusoidal_textbook(length, dim, base=base, start=start)
    np.testing.assert_allclose(textbook, expected, rtol=0, atol=1e-7)


def test_doubling_does_not_add_up_to_an_error():
    length, base = 1_000_000, 3.0  # 1,000 rows of each small table, ten doublings
    table = sinusoidal_table(length, 4, base=base)
    for start in (0, 500_000, 999_000):
        expected = sinusoidal_textbook(1_000, 4, base=base, start=start)
        np.testing.assert_allclose(table[start : start + 1_000], expected, rtol=0, atol=2e-7)


def test_against_extended_precision_at_a_million():
    if np.finfo(np.longdouble).eps >= np.finfo(np.float64).eps:
        pytest.skip("long double is float64 here")
    positions = np.arange(1_000_000, 1_000_500).astype(np.longdouble)
    w = np.longdouble(10000) ** (-2 * np.arange(256).astype(np.longdouble) / 512)
    table = sinusoidal_table(500, 512, start=1_000_000)
    assert np.abs(table[:, 0::2] - np.sin(positions[:, None] * w)).max() < 2e-7
    assert np.abs(table[:, 1::2] - np.cos(positions[:, None] * w)).max() < 2e-7


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8), dims, bases)
def test_any_real_position_can_be_encoded(positions, dim, base):
    expected = sinusoidal_loop(positions, dim, base)
    found = sinusoidal_at(positions, dim, base=base)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-7)
    in_a_batch = sinusoidal_at(np.array([positions, positions[::-1]]), dim, base=base)
    np.testing.assert_array_equal(in_a_batch, np.stack([found, found[::-1]]))


@pytest.mark.parametrize("dim", [4, 5])
def test_each_result_is_fresh_contiguous_writable_float32(dim):
    for make in (sinusoidal_table, sinusoidal_textbook):
        table = make(10, dim)
        assert table.dtype == np.float32
        assert table.flags.c_contiguous
        assert table.flags.writeable
        before = table.copy()
        table[:] = 9.0
        np.testing.assert_array_equal(make(10, dim), before)


# Frequencies and wavelengths


@given(dims, bases)
def test_low_index_is_high_frequency(dim, base):
    w = frequencies(dim, base=base)
    assert w.dtype == np.float64
    assert w.shape == ((dim + 1) // 2,)
    assert w[0] == 1.0
    assert (np.diff(w) < 0).all()
    np.testing.assert_allclose(wavelengths(dim, base=base) * w, 2 * math.pi)


@given(st.integers(1, 16).map(lambda pairs: 2 * pairs + 1))
def test_an_odd_dim_keeps_its_true_frequencies_and_drops_the_last_cosine(dim):
    w = [10000 ** (-2 * i / dim) for i in range(dim // 2 + 1)]
    np.testing.assert_allclose(frequencies(dim), w)
    rounded_up = sinusoidal_table(50, dim + 1)[:, :dim]  # what one known library returns
    assert np.abs(sinusoidal_table(50, dim) - rounded_up).max() > 1e-3
    assert np.abs(sinusoidal_table(50, dim) - sinusoidal_loop(range(50), dim)).max() < 2e-7


@pytest.mark.parametrize(("dim", "turns"), [(48, 6813), (64, 7499), (512, 9647)])
def test_the_longest_wavelength_is_shorter_than_two_pi_times_the_base(dim, turns):
    longest = wavelengths(dim)[-1] / (2 * math.pi)
    assert round(longest) == turns
    assert longest == pytest.approx(10000 ** ((dim - 2) / dim))


# The shift law


@given(even_dims, bases, st.integers(-1000, 1000), st.integers(-500, 500))
def test_one_matrix_moves_every_position_by_the_same_offset(dim, base, start, offset):
    here = sinusoidal_table(9, dim, base=base, start=start)
    there = sinusoidal_table(9, dim, base=base, start=start + offset)
    moved = here @ shift_rotation(offset, dim, base=base).T
    np.testing.assert_allclose(moved, there, rtol=0, atol=1e-6)


@given(even_dims, bases, offsets, offsets)
def test_shift_rotations_are_orthogonal_and_compose(dim, base, a, b):
    turn_a, turn_b = shift_rotation(a, dim, base=base), shift_rotation(b, dim, base=base)
    np.testing.assert_allclose(turn_a @ turn_a.T, np.eye(dim), rtol=0, atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(turn_a), 1.0)
    np.testing.assert_allclose(
        turn_a @ turn_b, shift_rotation(a + b, dim, base=base), rtol=0, atol=1e-11
    )
    np.testing.assert_allclose(shift_rotation(-a, dim, base=base), turn_a.T, rtol=0, atol=1e-15)


def best_miss(table, k=5):
    matrix = np.linalg.lstsq(table[:-k], table[k:], rcond=None)[0]
    return np.abs(table[:-k] @ matrix - table[k:]).max()


@pytest.mark.parametrize("dim", [8, 64, 512])
def test_without_its_cosine_no_sine_can_be_moved(dim):
    table = sinusoidal_table(1005, dim).astype(float)
    assert best_miss(table) < 1e-5
    assert best_miss(table[:, 0::2]) > 0.5
    assert not table[0, 0::2].any()  # and no matrix makes anything out of zeros


@pytest.mark.parametrize("offset", [-3, -1, 1, 2])
def test_a_turned_query_prefers_the_key_in_its_direction(offset):
    table = sinusoidal_table(50, 64).astype(float)
    scores = table @ shift_rotation(offset, 64).T @ table.T
    expected = np.arange(50) + offset
    inside = (expected >= 0) & (expected < 50)
    np.testing.assert_array_equal(scores.argmax(1)[inside], expected[inside])


def test_an_odd_dim_has_no_law_of_distance():
    for dim, keeps in ((64, True), (5, False), (63, False)):
        table = sinusoidal_table(1000, dim).astype(float)
        dots = [table[p] @ table[p + 7] for p in (0, 100, 900)]
        assert bool(np.ptp(dots) < 1e-5) == keeps


def test_up_to_26_columns_each_hand_is_more_than_twice_as_slow_as_the_one_before():
    steps = {dim: wavelengths(dim)[1] / wavelengths(dim)[0] for dim in range(4, 65, 2)}
    assert [dim for dim, step in steps.items() if step > 2] == list(range(4, 27, 2))


# Dot products: symmetric, by distance only, not monotone


@given(even_dims, st.integers(-1000, 1000), st.integers(-300, 300), st.integers(0, 200))
def test_the_dot_product_depends_on_the_distance_only_and_is_symmetric(dim, p, q, k):
    a, b = (sinusoidal_at([s - k, s, s + k], dim).astype(float) for s in (p, q))
    forward, backward, elsewhere = a[1] @ a[2], a[1] @ a[0], b[1] @ b[2]
    assert forward == pytest.approx(backward, abs=3e-6)
    assert forward == pytest.approx(elsewhere, abs=3e-6)
    assert forward == pytest.approx(np.cos(k * frequencies(dim)).sum(), abs=3e-6)
    assert a[1] @ a[1] == pytest.approx(dim / 2, abs=3e-6)


@pytest.mark.parametrize(("dim", "rises_after"), [(64, 5), (512, 43)])
def test_the_dot_product_does_not_fall_for_ever(dim, rises_after):
    table = sinusoidal_table(200, dim).astype(float)
    similarity = table @ table[0]
    rises = np.diff(similarity) > 0  # rises[k]: more similar at k + 1 than at k
    assert np.flatnonzero(rises)[0] == rises_after


@pytest.mark.parametrize(("dim", "dip"), [(64, 16), (512, None)])
def test_the_ring_marks_a_dip_that_can_be_seen(dim, dip):
    curve = similarity(60, dim)[60:]
    assert first_dip(curve, 0.01) == dip
    if dip is not None:
        assert curve[dip] < curve[:dip].min()
        assert curve[dip : dip + 3].max() >= curve[dip] + 0.01


def test_the_arrow_of_a_clock_leads_the_way_that_its_hand_turns():
    face = hands([3, 8], 64, [4]).axes[0]
    arcs = [
        line for line in face.lines if line.get_color() == "black" and len(line.get_xdata()) > 1
    ]
    angle = np.unwrap(np.arctan2(arcs[0].get_ydata(), arcs[0].get_xdata()))
    w = frequencies(64)[4]
    assert (np.diff(angle) > 0).all()  # anticlockwise
    np.testing.assert_allclose(angle[[0, -1]], [3 * w, 8 * w])


def test_positions_stay_apart_past_two_pi_times_the_base():
    far, near = sinusoidal_at([62832, 0], 64).astype(float)
    assert round(np.linalg.norm(near - far), 2) == 7.77


# Precision


@pytest.mark.parametrize(
    ("length", "usual_error"), [(5_000, 3.9e-4), (50_000, 3.4e-3), (100_000, 7e-3)]
)
def test_float32_angles_lose_digits_where_ours_do_not(length, usual_error):
    usual, ours = usual_float32_table(length, 512), sinusoidal_table(length, 512)
    worst_usual = worst_ours = 0.0
    for start in range(0, length, 5_000):
        true, rows = sinusoidal_textbook(5_000, 512, start=start), slice(start, start + 5_000)
        worst_usual = max(worst_usual, np.abs(usual[rows] - true).max())
        worst_ours = max(worst_ours, np.abs(ours[rows] - true).max())
    assert worst_ours < 2e-7
    assert worst_usual == pytest.approx(usual_error, rel=0.2)


# What float64 cannot hold


@pytest.mark.bad_input
@pytest.mark.parametrize("far", [2**53 + 1, -(2**53) - 1, 2**63, 2**70, np.longdouble(2) ** 60 + 1])
def test_a_whole_number_that_float64_cannot_hold_is_refused(far):
    for positions in ([far], [0.5, far], [[0, 1], [2, far]], np.array([far]), (np.float64(1), far)):
        with pytest.raises((ValueError, TypeError), match=r"^sinusoidal_at: positions = .*float64"):
            sinusoidal_at(positions, 4)


@pytest.mark.parametrize("dtype", [np.int64, np.uint64, np.float64])
def test_the_last_whole_numbers_that_float64_tells_apart_are_encoded(dtype):
    near = np.array([2**53 - 1, 2**53], dtype=dtype)
    for positions in (near, near.tolist(), [near.tolist()[0], 2.0**53]):
        expected = [sinusoidal_textbook(1, 4, start=2**53 - 1)[0], sinusoidal_at([2.0**53], 4)[0]]
        np.testing.assert_array_equal(sinusoidal_at(positions, 4), expected)
    assert np.isfinite(shift_rotation(2**53, 4)).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("base", [np.nextafter(1, 2), 1e308])
@pytest.mark.parametrize("dim", [1, 2, 7, 1000])
def test_the_ends_of_what_base_allows_give_finite_numbers(dim, base):
    w = frequencies(dim, base=base)
    assert ((w > 0) & (w <= 1)).all()
    assert np.isfinite(wavelengths(dim, base=base)).all()
    table = sinusoidal_table(5, dim, base=base)
    expected = sinusoidal_textbook(5, dim, base=base)
    np.testing.assert_allclose(table, expected, rtol=0, atol=2e-7)


def test_no_zero_has_a_sign():
    for zeros in (
        sinusoidal_at([-0.0, 0.0, 0], 6),
        sinusoidal_table(1, 6),
        shift_rotation(-0.0, 6),
    ):
        assert not np.signbit(zeros).any()
