"""The data behind the rotary panel and notebook 06, against the library and plain formulas."""

import math

import numpy as np
import pytest
import torch

from posenc_lib import (
    InterpolatedRotary,
    Llama3Rotary,
    MultiHeadAttention,
    NtkRotary,
    RotaryEncoding,
    YarnRotary,
    change_rope_layout,
    checks,
    ntk_base,
    plots,
)
from posenc_lib.explorers import rotary_explorer
from posenc_lib.explorers.rotary import SCALINGS
from tests.tools.solutions import folded_solutions

NAMES = list(SCALINGS.values())
LAYOUTS = ("interleaved", "half")


def encoding(scaling, head_dim, factor, trained, **options):
    """The library's class for a choice of the panel, at the panel's base."""
    options = {"base": 10_000.0, **options}  # Llama 3 has another one of its own
    return {
        "none": lambda: RotaryEncoding(head_dim, **options),
        "pi": lambda: InterpolatedRotary(head_dim, factor, **options),
        "ntk": lambda: NtkRotary(head_dim, factor, **options),
        "yarn": lambda: YarnRotary(head_dim, factor, trained_length=trained, **options),
        "llama3": lambda: Llama3Rotary(head_dim, factor, trained_length=trained, **options),
    }[scaling]()


def curve(view, label):
    return view.ys[view.labels.index(label)]


# ---------------------------------------------------------------------------------------- turning


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_map_holds_cosines_and_sines_where_the_layout_puts_them(layout):
    panel = rotary_explorer(head_dim=6, length=5, start=7, base=100.0, pair=1, pair_layout=layout)
    angle = [[p / 100 ** (2 * i / 6) for i in range(3)] for p in range(7, 12)]
    drawn = panel.views[0]
    first, second = (
        (slice(3), slice(3, 6)) if layout == "half" else (slice(0, 6, 2), slice(1, 6, 2))
    )
    np.testing.assert_allclose(drawn.values[:, first], np.cos(angle), atol=1e-12)
    np.testing.assert_allclose(drawn.values[:, second], np.sin(angle), atol=1e-12)
    assert drawn.row_start == 7


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("scaling", NAMES)
def test_the_map_is_what_the_library_turns(scaling, layout):
    panel = rotary_explorer(
        head_dim=8, length=6, start=3, pair=2, scaling=scaling, pair_layout=layout, trained=32
    )
    rope = encoding(scaling, 8, 4.0, 32, layout=layout)
    pairs = torch.tensor([[1.0, 0.0]]).expand(4, 2)
    unit = (pairs.T if layout == "half" else pairs).reshape(1, 1, 1, 8).expand(1, 1, 6, 8)
    turned = rope.turn(unit, torch.arange(3, 9))[0, 0]
    np.testing.assert_allclose(panel.views[0].values, turned, atol=1e-6)


@pytest.mark.parametrize("layout, features", [("interleaved", (4, 5)), ("half", (2, 6))])
@pytest.mark.parametrize("scaling", NAMES)
def test_the_curves_are_two_columns_of_the_map(scaling, layout, features):
    panel = rotary_explorer(head_dim=8, pair=2, scaling=scaling, pair_layout=layout, trained=64)
    table, curves = panel.views[:2]
    for feature in features:
        np.testing.assert_array_equal(curve(curves, f"feature {feature}"), table.values[:, feature])
    if scaling == "none":
        assert len(curves.ys) == 2
    else:
        plain = np.cos(curves.x * 10_000.0 ** (-2 * 2 / 8))
        np.testing.assert_allclose(curve(curves, "cos, plain RoPE"), plain, atol=1e-12)


# ----------------------------------------------------------------------------------------- scores


@pytest.mark.parametrize("scaling", NAMES)
def test_constant_q_and_k_give_a_sum_of_cosines(scaling):
    panel = rotary_explorer(head_dim=16, length=40, pair=0, scaling=scaling, trained=64)
    drawn = panel.views[2]
    rope = encoding(scaling, 16, 4.0, 64)
    ones = torch.ones(1, 1, 40, 16, dtype=torch.float64)
    start = 1000  # the distance is all that counts
    query = rope.turn(ones[:, :, :1], torch.tensor([start]))[0, 0]
    keys = rope.turn(ones, torch.arange(start, start + 40))[0, 0]
    np.testing.assert_allclose(curve(drawn, "constant q = k"), (query @ keys.T)[0] / 4, atol=1e-9)
    plain = [
        2 * sum(math.cos(k * 10_000.0 ** (-2 * i / 16)) for i in range(8)) / 4 for k in range(40)
    ]
    label = "constant q = k" if scaling == "none" else "plain, constant"
    np.testing.assert_allclose(curve(drawn, label), plain, atol=1e-12)


def test_gaussian_scores_are_those_of_turned_vectors():
    """Draw 0 of the fixed seed, turned by the library, query at 50 and keys from there on."""
    panel = rotary_explorer(head_dim=8, length=9, pair=0, scaling="yarn", trained=64)
    drawn = np.random.default_rng(0).standard_normal((2, 256, 64, 2))[:, :, :4]
    q, k = torch.from_numpy(drawn).flatten(-2)
    rope = encoding("yarn", 8, 4.0, 64)
    query = rope.turn(q[:, None, None], torch.tensor([50]))[:, 0, 0]
    keys = rope.turn(k[:, None, None].expand(-1, 1, 9, 8).contiguous(), torch.arange(50, 59))[:, 0]
    scores = torch.einsum("nd,nld->nl", query, keys) / math.sqrt(8)
    np.testing.assert_allclose(curve(panel.views[2], "Gaussian q, k"), scores[0], atol=1e-9)
    root = scores.square().mean(0).sqrt()
    np.testing.assert_allclose(curve(panel.views[2], "Gaussian, RMS"), root, atol=1e-9)


@pytest.mark.parametrize("head_dim", [16, 64, 128])
def test_only_constant_q_and_k_decay(head_dim):
    """What the panel teaches: the score of ones falls with distance, the RMS stays at 1."""
    drawn = rotary_explorer(head_dim=head_dim, length=512, pair=0).views[2]
    ones, root = curve(drawn, "constant q = k"), curve(drawn, "Gaussian, RMS")
    assert ones[256:].mean() < 0.4 * ones[:16].mean()
    assert abs(root - 1).max() < 0.15  # 256 draws: three times their standard error


def test_scores_do_not_change_with_the_first_position_or_the_layout():
    panel = rotary_explorer()
    before = panel.views[2].ys
    panel.set(start=5000, pair_layout="half")
    np.testing.assert_array_equal(panel.views[2].ys, before)


# ------------------------------------------------------------------------------------ wavelengths


def test_wavelengths_against_plain_formulas():
    n, s, trained = 8, 4, 512  # n pairs
    panel = rotary_explorer(head_dim=2 * n, pair=0, factor=s, trained=trained)
    plain = np.array([2 * math.pi * 10_000.0 ** (i / n) for i in range(n)])

    def scaled_by(ramp):
        gamma = np.clip(ramp, 0, 1)
        return 1 / ((1 - gamma) / (s * plain) + gamma / plain)

    turns = trained / plain
    wanted = {
        "none": plain,
        "pi": s * plain,
        "ntk": 2 * math.pi * ntk_base(10_000.0, s, 2 * n) ** (np.arange(n) / n),
        "yarn": scaled_by((turns - 1) / 31),
        "llama3": scaled_by((turns - 1) / 3),
    }
    for title, name in SCALINGS.items():
        panel.scaling = name
        drawn = panel.views[3]
        assert drawn.log_y
        label = "plain RoPE" if name == "none" else title
        np.testing.assert_allclose(curve(drawn, label), wanted[name], rtol=1e-9)
        np.testing.assert_allclose(curve(drawn, "plain RoPE"), plain, rtol=1e-12)
        assert set(curve(drawn, "trained length (512)")) == {512}
    assert "one turn in 6.28 positions" in panel.views[1].name  # the fastest pair is kept


def test_factor_one_changes_nothing():
    panel = rotary_explorer(length=20, factor=1)
    plain = panel.views[0].values
    for name in NAMES:
        panel.scaling = name
        np.testing.assert_allclose(panel.views[0].values, plain, atol=1e-12)


# ------------------------------------------------------------------------------ the panel itself


@pytest.mark.parametrize("scaling", NAMES)
def test_the_ends_of_all_sliders_are_drawn(scaling):
    panel = rotary_explorer(scaling=scaling)
    panel.set(head_dim=4, length=2, start=0, base=2.0, pair=0, factor=1, trained=16)
    assert panel.views[0].values.shape == (2, 4)
    panel.set(head_dim=128, length=512, start=100_000, base=1e6, pair=63, factor=32, trained=8192)
    assert panel.views[0].values.shape == (512, 128)
    assert len(panel.views) == 4 and panel.message == ""
    assert panel.picture().startswith(b"\x89PNG")


@pytest.mark.parametrize("scaling", [name for name in NAMES if name != "ntk"])
def test_one_pair_is_enough_but_for_ntk(scaling):
    assert rotary_explorer(head_dim=2, pair=0, scaling=scaling).views[3].x.tolist() == [0]


def test_impossible_combinations_are_refused_in_words():
    panel = rotary_explorer(scaling="ntk")
    before = panel.views[0].values
    with pytest.raises(ValueError, match="pair 32 does not exist: head_dim = 64 has pairs 0 to 31"):
        panel.pair = 32
    with pytest.raises(ValueError, match="pair 4 does not exist: head_dim = 8 has pairs 0 to 3"):
        panel.head_dim = 8
    with pytest.raises(ValueError, match="head_dim = 2 has pair 0 only"):
        panel.set(head_dim=2, pair=1)
    with pytest.raises(ValueError, match="NTK needs a fastest and a slowest pair"):
        panel.set(head_dim=2, pair=0)
    assert panel.views[0].values is before
    panel.controls["pair"].value = 40  # by hand: a sentence instead of an exception
    assert "pair 40 does not exist" in panel.message
    panel.controls["head_dim"].value = 128
    assert panel.message == "" and panel.pair == 40


def test_a_larger_head_dim_keeps_the_pairs_that_were_drawn():
    """Otherwise the curve of the one draw would jump for no reason of RoPE's."""
    drawn = {d: rotary_explorer(head_dim=d, length=2, pair=0).views[2] for d in (2, 4)}
    at_zero = [curve(drawn[d], "Gaussian q, k")[0] * math.sqrt(d) for d in (2, 4)]
    q, k = np.random.default_rng(0).standard_normal((2, 256, 64, 2))
    np.testing.assert_allclose(at_zero[0], q[0, 0] @ k[0, 0])
    np.testing.assert_allclose(at_zero[1] - at_zero[0], q[0, 1] @ k[0, 1])


# ------------------------------------------------- figures, claims and solutions of notebook 06


def test_the_arrows_keep_their_gap():
    figure = plots.rotary.same_angle([(0, 2), (5, 7), (5, 3)], frequency=0.4)
    dots = []
    for axes in figure.axes:
        ends = [line.get_xydata()[1] for line in axes.lines if len(line.get_xdata()) == 2]
        dots.append(float(ends[0] @ ends[1]))
    np.testing.assert_allclose(dots, 0.8 * np.cos([0.7 + 0.8, 0.7 + 0.8, 0.7 - 0.8]))
    assert all(f"q · k = {d:.2f}" in a.get_title() for d, a in zip(dots, figure.axes, strict=True))


@pytest.mark.parametrize("head_dim, position", [(4, 1), (8, 3)])
def test_the_matrices_of_both_layouts(head_dim, position):
    made = plots.rotary.rotation_matrices(head_dim, position)
    half = head_dim // 2
    wanted = {name: np.zeros((head_dim, head_dim)) for name in LAYOUTS}
    for i in range(half):
        a = position * 10.0 ** (-2 * i / head_dim)
        block = [[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]]
        for name, pair in (("interleaved", [2 * i, 2 * i + 1]), ("half", [i, i + half])):
            wanted[name][np.ix_(pair, pair)] = block
    for name in LAYOUTS:
        np.testing.assert_allclose(made[name], wanted[name], atol=1e-12)
    drawn = [a.images[0].get_array() for a in plots.rotary.layouts(8).axes if a.images]
    np.testing.assert_allclose(drawn[0], plots.rotary.rotation_matrices(8, 1)["interleaved"])


def test_only_the_curve_of_constant_vectors_falls():
    curves = plots.rotary.decay_curves(64, 512)
    ones = [2 * sum(math.cos(k * 1e4 ** (-i / 32)) for i in range(32)) / 8 for k in range(512)]
    np.testing.assert_allclose(curves["constant q = k"], ones, atol=1e-9)
    root = curves["RMS of 256 Gaussian q, k"]
    assert abs(root - 1).max() < 0.15
    assert curves["constant q = k"][256:].mean() < 0.4 * curves["constant q = k"][:16].mean()


def test_the_size_of_random_scores_and_the_distance_are_not_correlated():
    """The notebook: 0.01 for random vectors, half of them smaller far than near."""
    q, k = torch.randn(2, 2000, 1, 1, 64, generator=torch.Generator().manual_seed(5))
    rope, distance = RotaryEncoding(64), torch.arange(0, 512, 8)
    size = (rope.turn(k.expand(-1, 1, 64, -1).contiguous(), distance) @ q.mT).abs()[:, 0, :, 0]
    both = torch.stack([size.flatten(), distance.repeat(2000)])
    assert abs(float(torch.corrcoef(both)[0, 1])) < 0.03
    smaller = (size[:, -8:].mean(1) < size[:, :8].mean(1)).float().mean()
    assert abs(float(smaller) - 0.5) < 0.05


def test_the_wavelengths_that_are_drawn():
    curves = plots.rotary.wavelength_curves(64, 8.0, 2048)
    plain = np.array([2 * math.pi * 10_000.0 ** (i / 32) for i in range(32)])
    np.testing.assert_allclose(curves["plain"], plain)
    np.testing.assert_allclose(curves["PI"], 8 * plain)
    np.testing.assert_allclose(curves["NTK"], plain * 8 ** (np.arange(32) / 31))
    turns = 2048 / plain
    for name, most in (("YaRN", 32), ("Llama 3", 4)):
        np.testing.assert_allclose(curves[name][turns > most], plain[turns > most])
        np.testing.assert_allclose(curves[name][turns < 1], 8 * plain[turns < 1])
        between = (turns > 1) & (turns < most)
        assert ((curves[name] > plain) & (curves[name] < 8 * plain))[between].all()
    assert "NTK 1 to 8" in plots.rotary.wavelengths().alt


def test_the_answers_to_the_questions_of_the_notebook():
    panel = rotary_explorer(scaling="yarn", factor=8, trained=2048)
    ratio = curve(panel.views[3], "YaRN") / curve(panel.views[3], "plain RoPE")
    assert (ratio > 1.001).argmax() == 9 and (ratio > 7.999).argmax() == 21
    panel.set(scaling="none", base=100.0, length=512)
    slow = curve(panel.views[2], "constant q = k")
    assert slow.min() < -1 and slow[0] == 8
    assert abs(slow[50:].mean()) < 0.5  # it swings around 0


def test_wrongly_read_weights_keep_every_law_of_rope_and_give_other_outputs():
    x, places = torch.randn(1, 10, 32), torch.arange(10)

    def layer(layout, reorder=False):
        torch.manual_seed(0)
        made = MultiHeadAttention(32, 4, encoding=RotaryEncoding(8, layout=layout)).eval()
        for linear in (made.to_query, made.to_key) if reorder else ():
            for rows in (linear.weight, linear.bias):
                rows.data = change_rope_layout(rows.data, heads=4, to=layout)
        return made

    with torch.no_grad():
        wanted = layer("interleaved")(x)[0]
        wrong, mended = layer("half")(x)[0], layer("half", True)(x)[0]
        moved = layer("half")(x, positions=places + 1000)[0]
    torch.testing.assert_close(mended, wanted, atol=1e-6, rtol=0)
    assert (wrong - wanted).abs().max() > 0.01
    torch.testing.assert_close(moved, wrong, atol=1e-4, rtol=0)


def test_a_query_may_like_any_distance_best():
    ones, rope = torch.ones(1, 1, 1, 64), RotaryEncoding(64)
    keys = rope.turn(ones.expand(1, 1, 400, 64).contiguous(), torch.arange(400))
    for liked in (0, 37, 200, 399):
        query = rope.turn(ones, torch.tensor([liked]))
        assert int((query @ keys.mT).argmax()) == liked


def test_the_folded_solutions_pass_their_checks():
    names = folded_solutions("06_rotary.ipynb", torch=torch)
    assert checks.rotary.turn(names["my_turn"]).correct
    assert checks.rotary.slowed(names["my_slowed"]).correct
