"""The data behind the figures and the panel of notebook 02, and what its prose says of them."""

import numpy as np
import pytest
import torch

from posenc_lib import (
    LearnedEncoding,
    checks,
    explorers,
    minilm_position_table,
    plots,
    sinusoidal_table,
)
from posenc_lib.lessons.similarity import cosine_by_offset
from posenc_lib.lessons.spectrum import wave_spectrum
from posenc_lib.plots.learned import standing_out, strong_waves


@pytest.fixture(scope="module")
def trained():
    return minilm_position_table()


# --- what the notebook says of the trained table -----------------------------------------------


def test_four_rows_stand_out_and_the_level_steps_up_after_row_127(trained):
    assert standing_out(trained) == [0, 127, 510, 511]
    norms = np.linalg.norm(trained, axis=1)
    assert norms[1:127].mean() < 0.43 < 0.47 < norms[128:510].mean()
    assert norms[100:127].max() < norms[128:510].min()


def test_row_0_owes_most_of_its_norm_to_dimension_99(trained):
    rest = np.delete(trained[0], 99)
    assert abs(trained[0, 99]) > 1.8 and np.linalg.norm(rest) < 1.5
    panel = explorers.learned_explorer(dim=99, length=64)
    before = panel.views[3].ys[0, 0]
    panel.dim = 100
    assert panel.views[3].ys[0, 0] > before + 0.7
    assert np.diff([np.linalg.norm(trained[0, :d]) for d in range(385)]).argmax() == 99


def test_the_trained_table_holds_five_waves_each_three_times_the_next(trained):
    waves = [wave for wave, _ in strong_waves(*wave_spectrum(trained))]
    assert len(waves) == 5
    ratio = np.array(waves[:-1]) / waves[1:]
    assert (ratio > 2.9).all() and (ratio < 3.3).all()
    assert (
        "512 positions (17 %), 171 positions (14 %)" in plots.learned.spectrum({"t": trained}).alt
    )
    draw = np.random.default_rng(0).normal(size=(512, 384))
    assert strong_waves(*wave_spectrum(draw)) == []


def test_the_similarity_comes_back_every_six_positions(trained):
    curve = cosine_by_offset(trained, 20)
    peaks = [k for k in range(1, 20) if curve[k - 1] < curve[k] > curve[k + 1]]
    assert peaks == [6, 12, 17]


def test_a_stretched_table_brings_neighbours_nearer_and_spreads_row_0(trained):
    longer = LearnedEncoding.from_table(torch.from_numpy(trained)).extended(1024).weight.detach()
    assert cosine_by_offset(longer.numpy(), 1)[1] > cosine_by_offset(trained, 1)[1] + 0.1
    norms = longer.norm(dim=1)
    assert norms[1] > 0.5 * norms[0] > norms[2] * 2


# --- what the notebook says of training --------------------------------------------------------


def trained_once(make_optimiser):
    encode = LearnedEncoding(4, 3)
    start = encode.weight.detach().clone()
    optimiser = make_optimiser(encode.parameters())
    for _ in range(3):
        optimiser.zero_grad()
        encode(torch.zeros(1, 2, 3)).sum().backward()
        optimiser.step()
    return start, encode.weight.detach()


def test_adam_leaves_unused_rows_bit_for_bit():
    start, end = trained_once(lambda p: torch.optim.Adam(p, lr=0.1))
    assert torch.equal(end[2:], start[2:]) and not torch.equal(end[:2], start[:2])


def test_adamw_shrinks_unused_rows_by_one_minus_rate_times_decay():
    start, end = trained_once(lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.5))
    torch.testing.assert_close(end[2:], start[2:] * (1 - 0.1 * 0.5) ** 3)


# --- figures -----------------------------------------------------------------------------------


def test_the_lookup_figure_shows_the_rows_of_its_positions():
    table = np.arange(12.0).reshape(4, 3)
    figure = plots.learned.lookup(table, [2, 0, 2])
    one_hot, whole, rows = (axes.images[0].get_array() for axes in figure.axes)
    np.testing.assert_array_equal(one_hot, np.eye(4)[[2, 0, 2]])
    np.testing.assert_array_equal(whole, table)
    np.testing.assert_array_equal(rows, table[[2, 0, 2]])


def test_the_training_figure_tells_trained_rows_from_the_rest():
    moved, accuracy = np.r_[np.ones(4), np.zeros(4)], np.r_[np.ones(4), np.full(4, 0.04)]
    figure = plots.learned.training(moved, accuracy, trained=4)
    assert "rows 0 to 3" in figure.alt and "at least 100 %" in figure.alt
    assert "moved by 0 at most" in figure.alt and "below 10 %" in figure.alt
    moved[6] = 0.25
    assert "moved by 0.25 at most" in plots.learned.training(moved, accuracy, trained=4).alt


def test_the_similarity_figure_shows_the_rows_asked_for(trained):
    figure = plots.learned.similarity({"a": trained, "b": -trained}, rows=(120, 130), largest=8)
    square, curves = figure.axes[:2]
    assert square.images[0].get_array().shape == (10, 10)
    first, second = (line.get_ydata() for line in curves.lines)
    np.testing.assert_allclose(first, cosine_by_offset(trained, 8))
    np.testing.assert_allclose(first, second)  # turning every row about changes no angle


# --- the panel ---------------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["random start", "trained MiniLM", "sinusoidal"])
def test_the_panel_shows_table_cosines_curve_and_norms(table, trained):
    panel = explorers.learned_explorer(table, length=9, dim=6, start=3, reference=5)
    whole = {
        "random start": np.random.default_rng(0).normal(0.0, 0.02, (512, 384))[:, :6],
        "trained MiniLM": trained[:, :6].astype(float),
        "sinusoidal": sinusoidal_table(12, 6).astype(float),
    }[table]
    rows = whole[3:12]
    shown, cosines, curve, norms = panel.views
    np.testing.assert_allclose(shown.values, rows, atol=1e-7)
    assert (shown.row_start, cosines.row_start, cosines.column_start) == (3, 3, 3)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    np.testing.assert_allclose(cosines.values, unit @ unit.T, atol=1e-6)
    np.testing.assert_array_equal(curve.x, np.arange(3, 12) - 5)
    np.testing.assert_allclose(curve.ys[0], (unit @ unit.T)[2], atol=1e-6)
    np.testing.assert_allclose(norms.ys[0], np.linalg.norm(rows, axis=1), atol=1e-6)


def test_the_reference_may_lie_outside_the_rows_shown(trained):
    panel = explorers.learned_explorer(length=4, reference=200)
    row, other = trained[200, :64].astype(float), trained[3, :64].astype(float)
    expected = row @ other / np.linalg.norm(row) / np.linalg.norm(other)
    assert panel.views[2].x[-1] == -197
    assert panel.views[2].ys[0, -1] == pytest.approx(expected)


def test_dim_changes_the_sinusoid_itself_but_only_cuts_a_stored_table():
    panel = explorers.learned_explorer("sinusoidal", length=8, dim=6)
    np.testing.assert_allclose(panel.views[0].values, sinusoidal_table(8, 6), atol=1e-7)
    assert np.ptp(panel.views[3].ys) < 1e-6  # every norm is sqrt(dim / 2)
    panel.set(table="random start", dim=8)
    wide = panel.views[0].values
    panel.dim = 4
    np.testing.assert_array_equal(panel.views[0].values, wide[:, :4])


@pytest.mark.parametrize("make", [np.eye, torch.eye, lambda n: torch.nn.Parameter(torch.eye(n))])
def test_a_table_of_your_own_joins_the_list(make):
    panel = explorers.learned_explorer(make(12))
    assert panel.table == "your own" and (panel.length, panel.dim) == (12, 12)
    np.testing.assert_array_equal(panel.views[1].values, np.eye(12))
    panel.set(table="sinusoidal", length=20)
    with pytest.raises(ValueError, match="'your own' ends at row 11"):
        panel.table = "your own"
    assert panel.table == "sinusoidal"


def test_a_table_of_your_own_may_be_larger_than_the_stored_ones():
    own = np.random.default_rng(0).normal(size=(1500, 400))
    panel = explorers.learned_explorer(own, start=1490, length=10, dim=400, reference=1499)
    np.testing.assert_allclose(panel.views[0].values, own[1490:])
    assert panel.views[2].ys[0, -1] == pytest.approx(1.0)


def test_a_table_with_a_row_of_zeros_is_drawn_with_gaps():
    own = np.eye(4)
    own[1] = 0.0
    panel = explorers.learned_explorer(own, reference=1)
    assert np.isnan(panel.views[1].values[1]).all() and np.isnan(panel.views[2].ys).all()
    assert panel.views[3].ys[0, 1] == 0.0


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("table", "error", "said"),
    [
        (np.ones(5), ValueError, "(length, dim)"),
        (np.ones((1, 5)), ValueError, "at least 2 rows"),
        (np.array([[1.0, np.nan], [1.0, 1.0]]), ValueError, "row 0"),
        ([[1.0, 2.0], [3.0, 4.0]], TypeError, "array of real numbers"),
        (None, TypeError, "NoneType"),
        ("BERT", ValueError, "one of"),
    ],
    ids=str,
)
def test_a_bad_table_is_refused(table, error, said):
    with pytest.raises(error) as caught:
        explorers.learned_explorer(table)
    assert said in str(caught.value)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"start": 500, "length": 40}, "would need row 539"),
        ({"table": np.eye(6), "dim": 7}, "has 6 columns"),
        ({"table": np.eye(6), "reference": 6}, "has no row 6"),
        ({"length": 1}, "length = 1"),
    ],
    ids=["start", "dim", "reference", "length"],
)
def test_settings_that_do_not_fit_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        explorers.learned_explorer(**settings)


# --- exercises ---------------------------------------------------------------------------------


def test_the_solutions_printed_in_the_notebook_are_right():
    def my_embeddings(word, position, token_type, eps):
        total = word + position + token_type
        mean = total.mean(-1, keepdim=True)
        variance = total.var(-1, correction=0, keepdim=True)
        return (total - mean) / torch.sqrt(variance + eps)

    def my_extended(table, length):
        where = torch.linspace(0, len(table) - 1, length)
        low = where.long().clamp(max=len(table) - 2)
        part = (where - low)[:, None]
        return (1 - part) * table[low] + part * table[low + 1]

    assert checks.learned.embeddings(my_embeddings).correct
    assert checks.learned.extended(my_extended).correct
