"""Looking into a position table: index probe, cosines, waves, and the check they share."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posenc_lib import minilm_position_table, sinusoidal_table
from posenc_lib.lessons.position_probe import index_probe
from posenc_lib.lessons.similarity import cosine_by_offset, cosine_matrix
from posenc_lib.lessons.spectrum import wave_spectrum


def noise(length, dim, seed=0):
    return np.random.default_rng(seed).normal(0.0, 0.02, (length, dim))


# --- index probe -------------------------------------------------------------------------------


@given(st.integers(10, 60), st.integers(1, 6), st.integers(2, 5), st.integers(0, 99))
def test_a_table_linear_in_the_index_is_read_without_error(length, dim, folds, seed):
    slope, start = noise(2, dim, seed) + 1.0
    assert index_probe(np.arange(length)[:, None] * slope + start, folds=folds) == 0.0


def test_the_probe_is_linear_regression_with_a_bias_on_shuffled_folds():
    """Written as the paper's script does it: a column of ones, rounded guesses, mean error."""
    rows, index = minilm_position_table().astype(float)[:200, :40], np.arange(200)
    design = np.hstack([rows, np.ones((200, 1))])
    fold = np.random.default_rng(7).permutation(200) % 5
    missed = []
    for k in range(5):
        train, test = design[fold != k], design[fold == k]
        weights = np.linalg.solve(train.T @ train, train.T @ index[fold != k])
        missed.extend(np.abs(np.round(test @ weights) - index[fold == k]))
    assert index_probe(rows, seed=7) == pytest.approx(np.mean(missed), abs=0.011)


def test_sinusoid_reads_exactly_the_trained_table_nearly_and_noise_not():
    """The numbers that notebook 02 speaks of; length / 4 is what the middle as answer misses by."""
    trained = minilm_position_table()
    assert index_probe(sinusoidal_table(512, 384)) == 0.0
    assert index_probe(trained[:128]) < 3.0
    assert 32 < index_probe(noise(128, 384)) < 45
    assert 40 < index_probe(trained) < 70
    assert index_probe(noise(512, 384)) > 2 * 128  # fits the noise, and misses by more


def test_held_out_rows_are_not_seen():
    """A column for every row: perfect on rows that were seen, lost on those held out."""
    assert index_probe(np.eye(40)) == pytest.approx(10.0, abs=1.0)


# --- cosines -----------------------------------------------------------------------------------


@given(st.integers(1, 12), st.integers(1, 8), st.integers(0, 99))
def test_cosines_against_a_double_loop(length, dim, seed):
    table = noise(length, dim, seed)
    for i, row in enumerate(table):
        for j, other in enumerate(table):
            expected = row @ other / (np.linalg.norm(row) * np.linalg.norm(other))
            assert cosine_matrix(table)[i, j] == pytest.approx(expected, abs=1e-12)


def test_a_cosine_forgets_length_however_far_lengths_are_apart():
    table, lengths = noise(5, 4), np.array([1e-250, 1e-3, 1.0, 5.0, 1e250])[:, None]
    np.testing.assert_allclose(cosine_matrix(table * lengths), cosine_matrix(table), atol=1e-12)


def test_the_sinusoids_cosine_depends_on_the_offset_alone():
    cosines = cosine_matrix(sinusoidal_table(50, 16))
    by_offset = cosine_by_offset(sinusoidal_table(50, 16), 49)
    i, j = np.indices(cosines.shape)
    np.testing.assert_allclose(cosines, by_offset[abs(i - j)], atol=1e-6)


def test_a_row_of_zeros_has_no_direction():
    table = np.array([[1.0, 0.0], [0.0, 0.0], [2.0, 0.0]])
    assert np.isnan(cosine_matrix(table)[1]).all()
    np.testing.assert_array_equal(cosine_by_offset(table, 2), [1.0, np.nan, 1.0])


# --- waves -------------------------------------------------------------------------------------


@given(st.integers(4, 40), st.integers(1, 5), st.integers(0, 99))
def test_shares_add_up_and_survive_a_rotation_of_the_columns(length, dim, seed):
    table = noise(length, dim, seed)
    wavelengths, shares = wave_spectrum(table)
    assert len(wavelengths) == len(shares) == length // 2
    assert wavelengths[0] == length and (np.diff(wavelengths) < 0).all()
    assert shares.sum() == pytest.approx(1.0)
    turn = np.linalg.qr(noise(dim, dim, seed + 1))[0]
    np.testing.assert_allclose(wave_spectrum(table @ turn)[1], shares, atol=1e-9)


@given(st.integers(6, 40), st.floats(0.1, 0.9), st.data())
def test_two_waves_are_told_apart_by_their_variance(length, part, data):
    slow, fast = sorted(data.draw(st.lists(
        st.integers(1, (length - 1) // 2), min_size=2, max_size=2, unique=True
    )))  # fmt: skip
    angle = 2 * np.pi * np.arange(length)[:, None] / length
    waves = [np.sqrt(part) * np.sin(slow * angle), np.sqrt(1 - part) * np.cos(fast * angle)]
    _, shares = wave_spectrum(np.hstack(waves))
    assert shares[slow - 1] == pytest.approx(part) and shares[fast - 1] == pytest.approx(1 - part)


def test_shares_are_shares_of_the_variance():
    """The fastest wave of an even length stands alone; all others come as a pair."""
    table = np.array([1.0, -1.0] * 4)[:, None] + np.sin(np.pi * np.arange(8) / 2)[:, None]
    _, shares = wave_spectrum(table)
    np.testing.assert_allclose(shares, [0, 1 / 3, 0, 2 / 3], atol=1e-12)
