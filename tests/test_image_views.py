"""The data behind the figures, panels, control and exercises of notebook 10, and what it claims."""

import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.naive_bayes import MultinomialNB

from posenc_lib import AxialRotary, checks, cosine_matrix, plots, sinusoidal_at, sinusoidal_table
from posenc_lib.experiments import DigitsSettings, TinyTransformer, Training, full_results
from posenc_lib.experiments.data.digit_images import (
    image_tokens,
    partly_shuffled,
    split_digits,
)
from posenc_lib.experiments.pictures.counting import counted_accuracy, token_kinds
from posenc_lib.experiments.pictures.digit_models import accuracy, trained_model
from posenc_lib.explorers import grid_explorer, shuffle_explorer
from posenc_lib.explorers.grid import AHEAD, FORMULAS, LEARNED, ONE_AXIS, ONES, TWO_AXES
from posenc_lib.explorers.shuffled import picture
from tests.tools.solutions import folded_solutions

FULL = full_results("digits")


@pytest.fixture(scope="module")
def models():
    """Untrained: what holds for them holds whatever they learned."""
    brief = DigitsSettings(layers=1, dim=16, training=Training(steps=2, batch=8))
    names = ("none", "sinusoidal_2d")
    return {name: trained_model(brief, "pixels", name, 0)[0] for name in names}


# ---------------------------------------------------------------------------------- the grid panel


def f(difference, dim, base=100.0):
    """The cosine of two 1-D sinusoids so far apart, from the formula."""
    pairs = dim // 2
    return sum(np.cos(difference * base ** (-i / pairs)) for i in range(pairs)) / pairs


@pytest.mark.parametrize("encoding, looks", [(TWO_AXES, (0, 0)), (ONES, (0, 0)), (AHEAD, (-2, -3))])
def test_two_axes_give_the_mean_of_two_curves(encoding, looks):
    panel = grid_explorer(encoding=encoding, rows=5, columns=7, row=3, column=4, base=30.0)
    wanted = [
        [(f(r - 3 - looks[0], 32, 30) + f(c - 4 - looks[1], 32, 30)) / 2 for c in range(7)]
        for r in range(5)
    ]
    np.testing.assert_allclose(panel.views[0].values, wanted, atol=1e-9)


def test_one_axis_goes_on_in_the_next_row():
    panel = grid_explorer(encoding=ONE_AXIS, rows=3, columns=5, row=1, column=4)
    wanted = [[f(5 * r + c - 9, 64) for c in range(5)] for r in range(3)]
    np.testing.assert_allclose(panel.views[0].values, wanted, atol=1e-9)
    assert panel.views[0].values[2, 0] == pytest.approx(panel.views[0].values[1, 3])


def test_a_learned_table_brings_its_own_grid():
    table = np.random.default_rng(0).normal(size=(6, 4))
    panel = grid_explorer(table, shape=(2, 3), row=1, column=1)
    panel.encoding = LEARNED
    wanted = cosine_matrix(table)[4].reshape(2, 3)
    np.testing.assert_allclose(panel.views[0].values, wanted, atol=1e-12)
    disabled = {name for name, control in panel.controls.items() if control.disabled}
    assert disabled == {"rows", "columns", "base"}
    panel.encoding = TWO_AXES
    assert not any(control.disabled for control in panel.controls.values())


@pytest.mark.parametrize("encoding", FORMULAS)
def test_the_curves_are_the_row_the_column_and_all_of_the_map(encoding):
    panel = grid_explorer(encoding=encoding, rows=4, columns=6, row=3, column=1)
    heat, through, order = panel.views
    row, column = through.ys
    np.testing.assert_array_equal(row[(through.x >= -1) & (through.x <= 4)], heat.values[3])
    np.testing.assert_array_equal(column[(through.x >= -3) & (through.x <= 0)], heat.values[:, 1])
    assert np.isnan(row).sum() == 11 - 6 and np.isnan(column).sum() == 11 - 4
    np.testing.assert_array_equal(order.ys[0], heat.values.ravel())
    assert "token 19" in order.name


@pytest.mark.parametrize("encoding", FORMULAS)
def test_the_ends_of_all_sliders_are_drawn_quickly(encoding):
    panel = grid_explorer(encoding=encoding)
    panel.set(rows=2, columns=2, row=0, column=0, base=2.0)
    assert panel.views[0].values.shape == (2, 2)
    panel.set(rows=24, columns=24, row=23, column=23, base=100_000.0)
    assert panel.views[0].values.shape == (24, 24)
    assert panel.picture().startswith(b"\x89PNG")


def test_a_patch_that_the_grid_does_not_have_is_refused_in_words():
    panel = grid_explorer(row=7, column=2)
    with pytest.raises(ValueError, match="no row 7: it has rows 0 to 5"):
        panel.rows = 6
    with pytest.raises(ValueError, match="no column 8: it has columns 0 to 7"):
        panel.column = 8
    panel.controls["column"].value = 20  # by hand: a sentence instead of an exception
    assert "no column 20" in panel.message


@pytest.mark.bad_input
@pytest.mark.parametrize("shape", [None, (2, 2), (6,), (1, 6), (2, 3, 1)])
def test_a_table_of_another_grid_is_refused(shape):
    with pytest.raises(ValueError, match="rows \\* columns = 6"):
        grid_explorer(np.ones((6, 4)), shape=shape)


def test_the_answers_to_the_questions_of_the_notebook():
    panel = grid_explorer(column=7)
    nearer = {}
    for panel.encoding in FORMULAS[:3]:
        seen = panel.views[0].values
        nearer[panel.encoding] = bool(seen[4, 0] > seen[4, 7])
    assert nearer == {ONE_AXIS: True, TWO_AXES: False, ONES: False}
    corner = []
    for base in (100.0, 10_000.0):
        panel.set(encoding=TWO_AXES, base=base)
        corner.append(panel.views[0].values[7, 0])
    assert corner[1] > corner[0] + 0.1
    panel.set(encoding=AHEAD, base=100.0)
    for row in range(8):
        for column in range(8):
            panel.set(row=row, column=column)
            inside = row >= 2 and column >= 3
            assert bool(panel.views[0].values.max() > 1 - 1e-9) == inside


# ------------------------------------------------------------------------------- the shuffled digit


def test_some_tokens_change_places_and_the_others_stay():
    tokens = torch.arange(60.0).view(3, 20, 1)
    moved_before = torch.zeros(3, 20, dtype=torch.bool)
    for count in (0, 2, 7, 20):
        mixed = partly_shuffled(tokens, count, seed=3)
        moved = (mixed != tokens)[..., 0]
        assert (moved.sum(1) == count).all()
        assert torch.equal(mixed.sort(1).values, tokens)
        assert (moved | ~moved_before).all(), "what moved for a small count moves for a larger one"
        moved_before = moved
    assert torch.equal(partly_shuffled(tokens, 1, 3), tokens)


@pytest.mark.bad_input
@pytest.mark.parametrize("moved", [-1, 5])
def test_moving_more_tokens_than_there_are_is_refused(moved):
    with pytest.raises(ValueError, match="moved"):
        partly_shuffled(torch.zeros(1, 4, 1), moved, 0)


def test_the_panel_shows_the_image_and_what_the_models_say(models):
    panel = shuffle_explorer(models, image=5, moved=0)
    images, labels = split_digits("test")
    np.testing.assert_array_equal(panel.views[0].values, images[5])
    panel.moved = 40
    tokens = partly_shuffled(image_tokens(images, 1), 40, 0)
    np.testing.assert_array_equal(panel.views[0].values.ravel(), tokens[5, :, 0])
    with torch.no_grad():
        wanted = [model(tokens[5:6])[0].softmax(-1) for model in models.values()]
    np.testing.assert_allclose(panel.views[1].ys, torch.stack(wanted), atol=1e-6)
    shares = panel.views[2].ys[:, panel.views[2].x == 40].ravel()
    wanted = [accuracy(model, tokens, labels) for model in models.values()]
    np.testing.assert_allclose(shares, wanted, atol=1e-6)


def test_the_title_tells_how_many_are_right_now():
    panel, told = shuffle_explorer(), {}
    for moved in (0, 16):
        panel.moved = moved
        none, axes = panel.views[2].ys[:, panel.views[2].x == moved].ravel()
        told[moved] = f"right with {moved} moved: none {none:.0%}, 2-D sinusoidal {axes:.0%}"
        assert panel.views[2].name == told[moved]
    assert told[0].split("2-D")[1] != told[16].split("2-D")[1]


def test_only_a_model_without_positions_does_not_see_the_moves(models):
    panel = shuffle_explorer(models, image=3, moved=64)
    mixed = panel.views[1].ys
    panel.moved = 0
    assert abs(panel.views[1].ys - mixed)[0].max() < 1e-5 < abs(panel.views[1].ys - mixed)[1].max()
    assert np.ptp(panel.views[2].ys[0]) < 0.01


def test_patches_are_put_together_again():
    images = split_digits("test")[0][:1]
    assert torch.equal(picture(image_tokens(images, 2), 2), images[0])


def test_a_move_is_answered_at_once(models):
    """A loose bound for a busy machine; a quiet one takes a few milliseconds."""
    for panel, name in ((shuffle_explorer(models), "image"), (grid_explorer(), "column")):
        setattr(panel, name, 1)
        times = []
        for value in range(2, 8):
            start = time.process_time()
            setattr(panel, name, value)
            times.append(time.process_time() - start)
        assert min(times) < 0.03


@pytest.mark.bad_input
def test_models_of_another_kind_are_refused(models):
    with pytest.raises(ValueError, match="models is empty"):
        shuffle_explorer({})
    with pytest.raises(TypeError, match="must be a TinyTransformer"):
        shuffle_explorer({"linear": torch.nn.Linear(1, 10)})
    wide = TinyTransformer(features=9, outputs=10, dim=8, heads=2, layers=1, read_out="mean")
    with pytest.raises(ValueError, match="all must read pixels"):
        shuffle_explorer({**models, "wide": wide})


# ------------------------------------------------------------------------------ counting, a control


def test_kinds_are_told_apart_by_every_feature():
    tokens = torch.tensor([[[0.0, 0.0], [0.5, 0.0], [0.0, 0.5], [1.0, 1.0]]])
    assert token_kinds(tokens, 2).tolist() == [[0, 1, 2, 3]]
    greys = torch.arange(17.0).view(1, 17, 1) / 16
    assert len(token_kinds(greys, 17).unique()) == 17


@pytest.mark.parametrize("side, levels", [(1, 2), (1, 17), (2, 4)])
@pytest.mark.parametrize("places", [False, True])
def test_counting_is_what_scikit_learn_calls_multinomial_naive_bayes(side, levels, places):
    def table(split):
        images, labels = split_digits(split)
        kinds = token_kinds(image_tokens(images, side), levels).numpy()
        one_hot = kinds[..., None] == np.arange(levels ** (side * side))
        return (one_hot.reshape(len(kinds), -1) if places else one_hot.sum(1)), labels.numpy()

    model = MultinomialNB(alpha=1.0).fit(*table("train"))
    found = counted_accuracy(side, levels, places=places)
    if places:  # every place holds one token, so one table of all has the same shares
        assert abs(found - model.score(*table("test"))) < 0.02  # the ones added weigh differently
    else:
        assert found == pytest.approx(model.score(*table("test")), abs=1e-9)


def test_what_the_notebook_says_of_counting():
    bag = {t: counted_accuracy(*s, places=False) for t, s in (("ink", (1, 2)), ("px", (1, 17)))}
    assert bag["ink"] < 0.15 < 0.2 < bag["px"] < counted_accuracy(2, 4, places=False)
    levels = range(2, 9)
    chosen = [counted_accuracy(2, n, places=False, split="validation") for n in levels]
    assert levels[int(np.argmax(chosen))] == 4


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: token_kinds(torch.full((1, 1, 1), 16.0), 2), "from 0 to 1"),
        (lambda: token_kinds(torch.zeros(1, 1, 1), 1), "levels"),
        (lambda: token_kinds(torch.zeros(1, 1, 4), 11), "fewer levels"),
        (lambda: counted_accuracy(3, 2, places=False), "side"),
        (lambda: counted_accuracy(1, 2, places=False, split="dev"), "dev"),
    ],
)
def test_bad_input_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_the_options_of_an_encoding_replace_those_of_the_experiment():
    brief = replace(DigitsSettings.small(), training=Training(steps=1, rate=1e-6))
    for options, wanted in ((None, 0.5), ({"std": 0.02}, 0.02)):
        model, _ = trained_model(brief, "patches", "learned", 0, options=options)
        assert float(model.at_start.weight.detach().std()) == pytest.approx(wanted, rel=0.1)


# ------------------------------------------------------------------------------------------ figures


def test_the_figure_numbers_the_patches_row_by_row():
    figure = plots.images.cut(torch.arange(24.0).view(4, 6) / 24, 2)
    left, right = figure.axes[:2]
    places = {text.get_text(): text.get_position() for text in left.texts}
    assert list(places) == [str(n) for n in range(6)]
    at = {name: (round(y + 0.38) // 2, round(x + 0.38) // 2) for name, (x, y) in places.items()}
    assert at["1"] == (0, 1) and at["3"] == (1, 0) and at["5"] == (1, 2)
    drawn = right.images[0].get_array()
    np.testing.assert_allclose(drawn[1] * 24, [2, 3, 8, 9], atol=1e-5)
    assert "0 to 2 in the first row, then 3 below 0" in figure.alt


def test_the_maps_mark_the_patch_and_tell_its_neighbours():
    values = np.arange(12.0).reshape(3, 4) / 12
    figure = plots.images.maps({"one": values, "two": -values}, (1, 3))
    assert figure.axes[0].lines[0].get_xydata().tolist() == [[3, 1]]
    np.testing.assert_array_equal(figure.axes[1].images[0].get_array(), -values)
    assert "one: the next token 0.67, the patch below 0.92, least 0.00" in figure.alt


def test_the_learned_map_tells_margin_from_ink():
    table = np.array([[1.0, 0], [1, 0], [0, 1], [1, 1]])
    ink = np.array([[0.0, 0.0], [0.5, 0.6]])
    figure = plots.images.learned_map(table, ink, (0, 0))
    drawn = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    np.testing.assert_allclose(drawn[1], cosine_matrix(table)[0].reshape(2, 2))
    assert "the rest of the margin 1.0, with the ink 0.4" in figure.alt


def test_the_figure_of_the_results_shows_mean_spread_and_both_lines():
    figure = plots.images.results(FULL, {"pixels": 0.28, "patches": 0.59})
    for axes, task, counted in zip(figure.axes, ("pixels", "patches"), (0.28, 0.59), strict=True):
        for bars, metric in zip(axes.containers, FULL.values("metric"), strict=True):
            points, _, (lines,) = bars.lines
            names = FULL.values("encoding")
            runs = [FULL.where(task=task, encoding=name, metric=metric) for name in names]
            np.testing.assert_allclose(points.get_ydata(orig=False), [one.mean() for one in runs])
            spread = [np.ptp(line[:, 1]) / 2 for line in lines.get_segments()]
            np.testing.assert_allclose(spread, [one.spread() for one in runs], atol=1e-9)
        flat = [line.get_ydata()[0] for line in axes.lines if len(set(line.get_ydata())) == 1]
        assert {0.1, counted} <= set(flat)
    assert "sinusoidal 2-D 0.942 and 0.094" in figure.alt and "counting 0.59" in figure.alt


# --------------------------------------------------------------------------- what the notebook says


def test_rope_of_ones_is_the_sinusoid_on_two_axes():
    turned = AxialRotary(16, (3, 4)).turn(torch.ones(1, 1, 12, 16), torch.arange(12))[0, 0]
    panel = grid_explorer(encoding=TWO_AXES, rows=3, columns=4, row=2, column=1)
    narrow = [[(f(r - 2, 8) + f(c - 1, 8)) / 2 for c in range(4)] for r in range(3)]
    np.testing.assert_allclose((turned @ turned[9] / 16).view(3, 4), narrow, atol=1e-6)
    wide = panel.views[0].values
    panel.encoding = ONES
    np.testing.assert_allclose(panel.views[0].values, wide, atol=1e-9)


def test_what_the_notebook_says_of_the_stored_results():
    names = FULL.values("encoding")
    for task in ("pixels", "patches"):
        mean = {n: FULL.mean(task=task, encoding=n, metric="accuracy") for n in names}
        mixed = {n: FULL.mean(task=task, encoding=n, metric="accuracy, shuffled") for n in names}
        assert mixed["none"] == mean["none"] and max(mixed[n] for n in names[1:]) < 0.25
        assert mean["none"] + 0.2 < min(mean[n] for n in names[1:])
        order = sorted(names[1:], key=mean.get)
        if task == "patches":
            assert order[0] == "rope_2d" and order[-1] == "learned"
            assert mean["none"] > counted_accuracy(2, 4, places=False)
        else:
            assert mean["sinusoidal_2d"] > 0.9 < mean["rope_2d"]
            assert 0.2 < mean["none"] < counted_accuracy(1, 17, places=False)


def test_a_square_grid_hides_a_division_by_the_rows():
    def right(size, rows, columns):
        k = np.arange(rows * columns)
        wanted = [[r, c] for r in range(rows) for c in range(columns)]
        return np.array_equal(np.stack([k // size, k % size], 1), wanted)

    assert right(3, 3, 3) and not right(2, 2, 3) and right(3, 2, 3)


def test_the_folded_solutions_pass_their_checks():
    names = folded_solutions("10_images.ipynb", torch=torch, np=np, sinusoidal_at=sinusoidal_at)
    assert checks.images.patches(names["my_patches"]).correct
    assert checks.images.grid(names["my_grid"]).correct


def test_one_axis_of_the_grid_is_the_table_of_notebook_1():
    wanted = [f(n, 32) for n in range(8)]
    np.testing.assert_allclose(
        cosine_matrix(sinusoidal_table(8, 32, base=100.0))[0], wanted, atol=1e-6
    )
