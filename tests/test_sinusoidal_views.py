"""The numbers behind the figures and the panel of notebook 01."""

import numpy as np
import pytest

from posenc_lib import explorers, plots, sinusoidal_table, wavelengths


@pytest.mark.parametrize("dim, upturn", [(64, 5), (512, 43)])
def test_the_similarity_curve_is_the_dot_product_of_two_rows(dim, upturn):
    curve = plots.sinusoidal.similarity(60, dim)
    table = sinusoidal_table(200, dim).astype(float)
    measured = table[100] @ table[40:161].T / (table[100] @ table[100])
    np.testing.assert_allclose(curve, measured, atol=1e-6)
    assert plots.sinusoidal.first_upturn(curve[60:]) == upturn


def test_a_falling_curve_has_no_upturn():
    assert plots.sinusoidal.first_upturn([3.0, 2.0, 1.0]) is None


@pytest.mark.parametrize("bits", [1, 3, 5])
def test_the_bits_count_and_the_signs_of_the_sines_are_the_bits(bits):
    digits = plots.sinusoidal.binary_digits(bits)
    np.testing.assert_array_equal(digits @ 2 ** np.arange(bits), np.arange(2**bits))
    np.testing.assert_array_equal(plots.sinusoidal.counting_sines(bits) > 0, digits == 1)


def test_low_precision_angles_are_wrong_and_angle_addition_is_not():
    errors = plots.sinusoidal.angle_errors([10, 1_000, 1_000_000], 64)
    assert (errors["angle addition"] < 2e-7).all()
    assert 1e-3 < errors["float32"][2] < 1 and errors["float32"][0] < 1e-5
    assert errors["float16"][1] > 0.05 and np.isnan(errors["float16"][2])


def test_the_panel_shows_what_the_library_computes():
    panel = explorers.sinusoidal_explorer(dim=8, length=20, base=100.0, start=5)
    heat, waves, alike = panel.views
    table = sinusoidal_table(20, 8, base=100.0, start=5)
    np.testing.assert_array_equal(heat.values, table)
    np.testing.assert_array_equal(waves.ys, table[:, [0, 2, 4]].T)  # pairs 0, 1, 2 of 4
    assert f"{wavelengths(8, base=100.0)[1]:,.4g}" in waves.labels[1]
    np.testing.assert_allclose(alike.ys[0], table @ table[0] / (table[0] @ table[0]), atol=1e-6)
    before = panel.picture()
    panel.length = 128
    assert panel.views[0].values.shape == (128, 8) and panel.picture() != before


def test_the_panel_takes_every_end_of_its_sliders():
    panel = explorers.sinusoidal_explorer()
    for dim, length, base, start in [(2, 2, 2.0, 0), (512, 512, 1e6, 100_000)]:
        panel.set(dim=dim, length=length, base=base, start=start)
        assert panel.views[0].values.shape == (length, dim)
