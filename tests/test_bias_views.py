"""The laws, the figures, the answers and the folded solutions of notebook 05."""

import math

import numpy as np
import pytest
import torch

from posenc_lib import (
    AlibiBias,
    KerpleLogBias,
    KerplePowerBias,
    MultiHeadAttention,
    SandwichBias,
    T5Bias,
    attention,
    band_mask,
    checks,
    kerple_log,
    kerple_power,
    plots,
    relative_positions,
    t5_bucket,
)
from posenc_lib.explorers import playground_explorer, relative_explorer
from tests.test_relative_views import bucket_of
from tests.tools.solutions import folded_solutions

SYMMETRIC = {
    "none": lambda: None,
    "ALiBi": lambda: AlibiBias(4, causal=False),
    "KERPLE, log": lambda: KerpleLogBias(4),
    "KERPLE, power": lambda: KerplePowerBias(4),
    "Sandwich": lambda: SandwichBias(4),
}
DIRECTED = {
    "T5": (lambda: T5Bias(4, std=1.0), False),
    "T5, causal": (lambda: T5Bias(4, bidirectional=False, std=1.0), True),
    "ALiBi, causal": (lambda: AlibiBias(4), True),
    "none, causal": (lambda: None, True),
}


def layer(seed, make, causal=False):
    torch.manual_seed(seed)
    return MultiHeadAttention(32, 4, encoding=make(), causal=causal).double().eval()


# ------------------------------------------------------------------------- forwards or backwards


@pytest.mark.parametrize("length", [2, 7, 12])
@pytest.mark.parametrize("make", SYMMETRIC.values(), ids=SYMMETRIC.keys())
def test_a_symmetric_bias_gives_every_word_its_output_backwards_too(make, length):
    """The law of the notebook: two layers, any weights, every order-blind read-out."""
    for seed in range(5):
        first, second = layer(seed, make), layer(seed + 100, make)
        x = torch.randn(3, length, 32, dtype=torch.float64)
        with torch.no_grad():
            there, back = (second(first(words)[0])[0] for words in (x, x.flip(1)))
        torch.testing.assert_close(there.flip(1), back)
        for read_out in (torch.mean, torch.amax, torch.std):
            torch.testing.assert_close(read_out(there, 1), read_out(back, 1))


@pytest.mark.parametrize("make, causal", DIRECTED.values(), ids=DIRECTED.keys())
def test_what_knows_the_direction_notices(make, causal):
    x = torch.randn(20, 12, 32, generator=torch.Generator().manual_seed(0)).double()
    for seed in range(5):
        change = plots.biases.reversal_changes({"it": layer(seed, make, causal)}, x)["it"]
        assert change > 1e-3


def test_the_figure_of_reversal_says_which_are_blind():
    layers = {name: layer(0, make) for name, make in SYMMETRIC.items()}
    layers |= {name: layer(0, *how) for name, how in DIRECTED.items()}
    x = torch.randn(4, 6, 32, generator=torch.Generator().manual_seed(0)).double()
    figure = plots.biases.reversal(layers, x)
    assert figure.alt.count("below 1e-6") == len(SYMMETRIC)
    drawn = [float(line.get_xdata()[0]) for line in figure.axes[0].lines][::-1]
    changes = plots.biases.reversal_changes(layers, x)
    np.testing.assert_allclose(drawn, np.maximum(list(changes.values()), 1e-9))
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == list(layers)[::-1]


# --------------------------------------------------------------------------------------- figures


def test_penalties_against_plain_formulas():
    state = torch.get_rng_state()
    curves = plots.biases.penalty_curves(90, slope=0.25, r1=2.0, rate=0.5, exponent=1.5)
    assert torch.equal(state, torch.get_rng_state())  # the notebook's own draws are not disturbed
    steps = range(90, -1, -1)
    np.testing.assert_allclose(curves["ALiBi"], [-0.25 * n for n in steps])
    np.testing.assert_allclose(
        curves["KERPLE, log"], [-2 * math.log(1 + 0.5 * n) for n in steps], atol=1e-12
    )
    np.testing.assert_allclose(curves["KERPLE, power"], [-2 * n**1.5 for n in steps])
    t5, buckets = curves["T5, untrained"], [bucket_of(-n, causal=True) for n in steps]
    same = np.equal.outer(t5, t5)
    np.testing.assert_array_equal(same, np.equal.outer(buckets, buckets))
    figure = plots.biases.penalties(90, slope=0.25)
    assert "ALiBi -22.50" in figure.alt


def test_the_staircase_is_the_published_one():
    figure = plots.biases.staircase(130)
    causal, both = (line.get_ydata() for line in figure.axes[0].lines)
    x = figure.axes[0].lines[0].get_xdata()
    np.testing.assert_array_equal(both, [bucket_of(d, causal=False) for d in x])
    np.testing.assert_array_equal(causal[x <= 0], [bucket_of(d, True) for d in x if d <= 0])
    assert np.isnan(causal[x > 0]).all()


def test_slopes_are_drawn_for_every_head():
    figure = plots.biases.slopes([8, 12])
    drawn = [line.get_ydata() for line in figure.axes[0].lines if line.get_marker() != "None"]
    eight = [2.0**-h for h in range(1, 9)]
    np.testing.assert_allclose(drawn[0], eight)
    np.testing.assert_allclose(drawn[1], [*eight, *(2.0 ** (-h / 2) for h in (1, 3, 5, 7))])


# --------------------------------------------------------------- claims and answers of the notebook


def test_buckets_by_hand():
    """B = 8, M = 16: 4 and 5 share bucket 4; 6 and 7 bucket 5; 8 to 11 bucket 6; the rest 7."""
    steps = torch.arange(300)
    wanted = [0, 1, 2, 3, 4, 4, 5, 5, 6, 6, 6, 6] + [7] * 288
    found = t5_bucket(-steps, buckets=8, max_distance=16, bidirectional=False)
    assert found.tolist() == wanted
    far = t5_bucket(-torch.tensor([112, 113, 5000]), bidirectional=False)
    assert far.tolist() == [30, 31, 31]  # 113 steps back and 5,000 are the same distance


def test_a_window_is_a_bias_of_minus_infinity():
    x = torch.randn(9, 8, generator=torch.Generator().manual_seed(0))
    near = band_mask(relative_positions(9, 9), before=2, after=0)
    hard = torch.zeros(9, 9).masked_fill(~near, -torch.inf)
    for one, other in zip(
        attention(x, x, x, bias=hard), attention(x, x, x, mask=near), strict=True
    ):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("exponent", [0.5, 1.0, 1.5, 2.0])
def test_kerple_is_a_kernel_up_to_a_constant(exponent):
    distance, r = relative_positions(20, 20), torch.tensor([exponent], dtype=torch.float64)
    centre = torch.eye(20, dtype=torch.float64) - 1 / 20
    one = torch.ones(1, dtype=torch.float64)
    for bias in (kerple_log(distance, one, r), kerple_power(distance, one, r)):
        assert torch.linalg.eigvalsh(centre @ bias[0] @ centre).min() > -1e-9
    cubed = -(distance.abs().double() ** 3)
    assert torch.linalg.eigvalsh(centre @ cubed @ centre).min() < -1


def test_the_answers_to_the_questions_of_the_panels():
    panel = relative_explorer(form="ALiBi causal", length=32, queries=32)
    left = panel.views[2].ys[:, panel.views[2].x == -20].ravel()
    assert [h for h in range(8) if left[h] < 0.1] == [0, 1, 2]
    assert [h for h in range(8) if math.exp(-20 * 2.0 ** -(h + 1)) < 0.1] == [0, 1, 2]
    panel.set(form="T5 causal", length=128, queries=128)
    assert panel.views[2].ys[0].argmax() == 27
    pair = playground_explorer(first="alibi", second="t5")
    for second in ("t5", "kerple_log", "kerple_power", "sandwich"):
        pair.second = second
        score = dict(zip(pair.views[2].x, pair.views[2].ys[1], strict=True))
        assert (abs(score[-10] - score[10]) < 1e-5) == (second != "t5")


def test_the_folded_solutions_pass_their_checks():
    names = folded_solutions("05_biases.ipynb", torch=torch, np=np)
    assert checks.biases.bucket(names["my_bucket"]).correct
    assert checks.biases.slopes(names["my_slopes"]).correct
