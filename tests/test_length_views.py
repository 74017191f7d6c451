"""The data behind the length panel and notebook 07, against the stored files and plain loops."""

import json
import math
from importlib.resources import files

import numpy as np
import pytest
import torch

from posenc_lib import InterpolatedRotary, T5Bias, YarnRotary, checks, experiments, plots
from posenc_lib.experiments import cross_entropy, full_results, loss_by_position, window_starts
from posenc_lib.experiments.data import sequences
from posenc_lib.experiments.lengths import by_position, evaluation
from posenc_lib.experiments.lengths.settings import RANDOMISED
from posenc_lib.experiments.lengths.short_models import SHORT, short_model
from posenc_lib.experiments.lengths.train_short import LOSS, SCALED
from posenc_lib.experiments.parts.training_settings import IGNORED, Batch
from posenc_lib.explorers import length_explorer
from posenc_lib.explorers.lengths import attention_weights, on_needed, titles
from tests.tools.solutions import folded_solutions

WAYS = ("plain", "window", "sliding")
FLOOR = math.log(10)
stored = pytest.fixture(scope="module")(lambda: full_results("extrapolation"))


@pytest.fixture(scope="module")
def rows():
    return evaluation.scored_batch(SHORT, "sum", "test", 256)


def curve(view, label):
    return view.ys[view.labels.index(label)]


# ------------------------------------------------------------------------- the loss of each place


def test_the_loss_of_each_place_is_a_plain_loop():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 4, 5, generator=generator)
    target = torch.randint(5, (3, 4), generator=generator)
    target[0, 1] = target[1, 1] = target[2, 1] = target[2, 3] = IGNORED
    for place in range(4):
        losses = []
        for row in range(3):
            if target[row, place] != IGNORED:
                powers = [math.exp(float(z)) for z in logits[row, place]]
                losses.append(-math.log(powers[int(target[row, place])] / sum(powers)))
        found = float(loss_by_position(logits, target)[place])
        if losses:
            assert found == pytest.approx(sum(losses) / len(losses), abs=1e-5)
        else:
            assert math.isnan(found)


@pytest.mark.parametrize("length, window", [(10, 4), (64, 32), (7, 2), (3, 8)])
def test_each_token_is_scored_by_one_window_that_holds_it(length, window):
    starts = window_starts(length, window)
    for token, start in enumerate(starts.tolist()):
        assert start % (window // 2) == 0 and start <= token < start + window
        assert token - start >= window // 2 or start == 0  # context, or all that there is
    assert (starts.diff() >= 0).all()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("encoding", ["rope", "sinusoidal", RANDOMISED])
def test_the_mean_over_places_is_the_score_of_the_stored_results(way, encoding, rows):
    model, batch = short_model(encoding), Batch(rows.x[:4, :64], rows.target[:4, :64])
    found = by_position.read(model, batch, encoding, SHORT, way)
    logits, target = by_position.READINGS[way](model, batch, encoding, SHORT)
    assert found.shape == (4, 64)
    assert float(found.nanmean()) == pytest.approx(evaluation.scores(logits, target)[0], abs=1e-5)


@pytest.mark.parametrize("way", WAYS)
def test_a_shorter_row_is_the_beginning_of_a_longer_one(way, rows):
    """What the panel relies on."""
    model = short_model("sinusoidal")
    whole = by_position.read(model, rows, "sinusoidal", SHORT, way)
    short = Batch(rows.x[:, :96], rows.target[:, :96])
    part = by_position.read(model, short, "sinusoidal", SHORT, way)
    torch.testing.assert_close(part, whole[:, :96], atol=1e-4, rtol=1e-4, equal_nan=True)


@pytest.mark.bad_input
def test_lengths_and_readings_that_do_not_fit_are_refused(rows):
    with pytest.raises(ValueError, match=r"window_starts.*window.*3"):
        window_starts(8, 3)
    with pytest.raises(ValueError, match=r"read.*40"):
        by_position.read(
            short_model("rope"), Batch(rows.x[:, :40], rows.target[:, :40]), "rope", SHORT,
            "sliding",
        )  # fmt: skip
    with pytest.raises(ValueError, match="backwards"):
        by_position.read(short_model("rope"), rows, "rope", SHORT, "backwards")
    with pytest.raises(ValueError, match="poems"):
        short_model("poems")


# ---------------------------------------------------------------------------------------- figures


def test_the_figures_draw_what_is_stored(stored):
    raw = json.loads(
        files("posenc_lib").joinpath("experiments", "results", "extrapolation.json").read_text()
    )["rows"]
    found = plots.lengths.means(stored, "text", LOSS)
    for name, (mean, spread) in found.items():
        for place, at in enumerate((32, 64, 128, 256)):
            values = [r[5] for r in raw if r[:2] == ["text", name] and r[3:5] == [at, LOSS]]
            assert len(values) == 3
            assert mean[place] == pytest.approx(np.mean(values))
            assert spread[place] == pytest.approx(np.std(values, ddof=1))
    figure = plots.lengths.losses(stored)
    left, right = figure.axes
    drawn = {t.get_text() for axes in (left, right) for t in axes.get_legend().get_texts()}
    assert drawn == set(plots.lengths.TITLES.values())
    lines = {line.get_label(): line for line in left.containers}
    np.testing.assert_allclose(lines["ALiBi"][0].get_ydata(), found["alibi"][0])
    bar = lines["RoPE"][2][0].get_segments()[3]  # its error bar at 256
    np.testing.assert_allclose(bar[1, 1] - bar[0, 1], 2 * found["rope"][1][3])
    assert "T5 1.75 to 1.70" in figure.alt


def test_the_readings_are_drawn_at_their_values(stored):
    figure = plots.lengths.readings(stored)
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    for (title, metric), drawn in zip(
        plots.lengths.READINGS.items(), figure.axes[0].containers, strict=True
    ):
        assert drawn.get_label() == title
        for name, x in zip(names, drawn[0].get_xdata(), strict=True):
            encoding = next(n for n, t in plots.lengths.TITLES.items() if t == name)
            mean = stored.mean(task="text", encoding=encoding, at=256, metric=metric)
            assert x == pytest.approx(mean)


def test_every_figure_puts_its_numbers_into_words(stored, rows):
    assert "ALiBi 1.00 to 1.00" in plots.lengths.tasks(stored).alt
    losses = {"alibi": torch.zeros(2, 64), "rope": torch.full((2, 64), 9.0)}
    losses["none"] = torch.full((2, 64), FLOOR)
    figure = plots.lengths.by_place(losses)
    wanted = "ALiBi stays below half of a guesser, RoPE loses more than a guesser, none guesses."
    assert figure.alt.endswith(wanted)
    np.testing.assert_array_equal(figure.axes[1].lines[0].get_ydata(), np.full(64, 9.0))
    bias = T5Bias(2, bidirectional=False)
    bias.weight.data = torch.arange(64.0).view(32, 2)
    figure = plots.lengths.trained_biases({"mine": bias}, 5)
    np.testing.assert_allclose(figure.axes[0].lines[0].get_ydata(), [0.5, 2.5, 4.5, 6.5, 8.5])


# ----------------------------------------------------------------------------------- the panel


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("encoding", ["t5", "rope", RANDOMISED])
def test_the_weights_are_those_of_the_layer(encoding, way, rows):
    """Token by token: the weights of one query times the values is what the layer adds."""
    model, x = short_model(encoding), rows.x[:2, :64]
    weights = attention_weights(model, x, encoding, way)
    assert torch.allclose(weights.nan_to_num().sum(-1), torch.ones(2, 8, 64), atol=1e-5)
    seen = ~weights.isnan()[0, 0]
    query, key = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    wanted = key <= query
    if way == "window":
        wanted &= query - key < 32
    if way == "sliding":
        wanted &= key >= window_starts(64, 32)[:, None]
    assert torch.equal(seen, wanted)


def test_sliding_weights_are_those_of_the_window_alone(rows):
    model, x = short_model("learned"), rows.x[:1, :64]
    whole = attention_weights(model, x, "learned", "sliding")
    alone = attention_weights(model, x[:, 16:48], "learned", "plain")
    torch.testing.assert_close(whole[:, :, 32:48, 16:48], alone[:, :, 16:], equal_nan=True)


def test_the_weight_on_the_two_tokens_is_counted_by_hand():
    weights = torch.full((1, 1, 3, 3), 0.25)
    weights[0, 0, 0, 1:] = math.nan
    assert on_needed(weights).tolist() == [[0.25, 0.5, 0.5]]


@pytest.mark.parametrize("way", WAYS)
def test_the_curves_are_the_losses_of_the_row(way, rows):
    panel = length_explorer(encoding="sinusoidal", reading=way, length=96, head=3)
    heat, needed, drawn = panel.views
    each = by_position.read(short_model("sinusoidal"), rows, "sinusoidal", SHORT, way)[:, :96]
    np.testing.assert_allclose(curve(drawn, "places 0 to 31")[1:32], each.nanmean(0)[1:32])
    np.testing.assert_allclose(curve(drawn, "places 32 and on")[32:], each.nanmean(0)[32:])
    for name, none in (("places 0 to 31", slice(32, None)), ("places 32 and on", slice(32))):
        assert np.isnan(curve(drawn, name)[none]).all()
    for last in (5, 40, 95):
        upto = float(each[:, : last + 1].nanmean())
        assert curve(drawn, "mean up to here")[last] == pytest.approx(upto, rel=1e-4)
    assert set(curve(drawn, "guessing")) == {np.float32(FLOOR)}
    assert heat.values.shape == (96, 96) and heat.name == "weights of head 3"
    weights = attention_weights(short_model("sinusoidal"), rows.x[:4], "sinusoidal", way)
    np.testing.assert_array_equal(heat.values, weights[0, 3, :96, :96])
    assert curve(needed, "head 3")[50] == pytest.approx(
        float(weights[:, 3, 50, 49:51].sum(-1).mean()), abs=1e-6
    )


def test_every_setting_is_drawn_and_every_control_acts():
    panel = length_explorer(length=64)
    assert list(titles()) == [*SHORT.trained, *SCALED]
    for encoding in titles():
        shown = []
        for way in WAYS:
            panel.set(encoding=encoding, reading=way)
            assert len(panel.views) == 3 and panel.message == ""
            shown.append((panel.views[0].values, panel.views[2].ys))
        for one, other in ((0, 1), (1, 2), (0, 2)):
            assert not np.array_equal(shown[one][0], shown[other][0], equal_nan=True), encoding
    panel.set(length=256, head=7)
    assert panel.views[0].values.shape == (256, 256)
    assert panel.picture().startswith(b"\x89PNG")


@pytest.mark.bad_input
def test_a_length_within_training_is_refused():
    with pytest.raises(ValueError, match="from 64 to 256 in steps of 16"):
        length_explorer(length=32)


def test_the_scalings_are_the_rope_model_with_other_angles():
    from posenc_lib.explorers.lengths import _model

    plain, scaled = short_model("rope"), _model("rope_pi")
    for (name, one), (_, other) in zip(
        plain.named_parameters(), scaled.named_parameters(), strict=True
    ):
        assert torch.equal(one, other), name
    made = scaled.layers[0].attention.encoding
    assert isinstance(made, InterpolatedRotary)
    torch.testing.assert_close(made.frequencies(), InterpolatedRotary(8, 8.0).frequencies())


# ----------------------------------------------------------------- what notebook 07 says in words


def part(encoding, way, place, rows):
    model = length_model(encoding)
    return float(by_position.read(model, rows, encoding, SHORT, way)[:, place].nanmean())


def length_model(encoding):
    from posenc_lib.explorers.lengths import _model

    return _model(encoding)


@pytest.mark.parametrize("encoding", ["sinusoidal", "learned", "rope"])
def test_the_collapse_begins_where_training_ended(encoding, rows):
    assert part(encoding, "plain", slice(16, 32), rows) < 0.5
    assert part(encoding, "plain", slice(64, None), rows) > 1.5 * FLOOR
    assert part(encoding, "sliding", slice(None), rows) < 0.5


@pytest.mark.parametrize("encoding", ["t5", "alibi"])
def test_biases_go_on_as_before(encoding, rows):
    for way in WAYS:
        assert part(encoding, way, slice(None), rows) < 0.5


def test_a_window_rescues_distances_and_not_positions(rows):
    assert part("rope", "window", slice(None), rows) < 0.5
    assert part("sinusoidal", "window", slice(64, None), rows) > FLOOR
    assert part("learned", "window", slice(64, None), rows) > FLOOR


def test_squeezed_neighbours_are_the_trouble_of_pi_and_not_of_ntk(rows):
    """Within 32 tokens nothing is far, and still PI is lost."""
    assert part("rope_pi", "sliding", slice(None), rows) > FLOOR
    assert part("rope_yarn", "sliding", slice(None), rows) > FLOOR
    assert part("rope_ntk", "sliding", slice(None), rows) < 0.5 * FLOOR


def test_yarn_leaves_no_pair_alone_within_32_tokens():
    plain = InterpolatedRotary(8, 1.0).frequencies()
    assert (32 * plain / (2 * math.pi)).max() < 32
    yarn = YarnRotary(8, 8.0, trained_length=32).frequencies()
    assert ((plain / yarn) > 4).all()


def test_what_the_papers_say_and_what_is_stored(stored):
    def loss(encoding, at):
        return stored.mean(task="text", encoding=encoding, at=at, metric=LOSS)

    assert loss("rope", 64) < loss("sinusoidal", 64) and loss("rope", 256) > loss("sinusoidal", 256)
    assert all(loss("t5", at) < loss("alibi", at) for at in (32, 64, 128, 256))
    assert loss("rope_pi", 64) > loss("rope", 64) > loss("rope_ntk", 64)
    assert loss("rope_yarn", 256) == pytest.approx(loss("rope_pi", 256), rel=0.05)


def idle_rows(bias_or_table):
    grad = bias_or_table.weight.grad
    return int((grad == 0).all(-1).sum())


def test_a_row_without_gradient_is_one_that_was_never_trained():
    usual = short_model("t5", buckets=32, max_distance=128)
    batch = sequences.drawn("sum", torch.Generator().manual_seed(1), 8, 32)
    wanted = {"learned": 224, "t5": 0, "usual": 10}
    models = {"learned": short_model("learned"), "t5": short_model("t5"), "usual": usual}
    for name, model in models.items():
        model.zero_grad()
        cross_entropy(model(batch.x), batch.target).backward()
        table = model.at_start if name == "learned" else model.layers[0].attention.encoding
        assert idle_rows(table) == wanted[name], name
    untouched = usual.layers[0].attention.encoding.weight[22:]
    assert untouched.abs().max() < 0.3 and usual is not models["t5"]


def test_far_buckets_that_were_never_trained_spoil_the_long_row(rows):
    usual = short_model("t5", buckets=32, max_distance=128)
    losses = by_position.read(usual, rows, "t5", SHORT, "plain")
    assert losses[:, 16:32].mean() < 0.5 and losses[:, 224:].mean() > 1.5


def test_the_small_experiment_is_one_layer_and_seconds():
    assert SHORT.layers == 1 and SHORT.seeds == (0,) and SHORT.drawn.steps <= 300
    assert SHORT.trained == experiments.ExtrapolationSettings().trained
    assert short_model("rope") is short_model("rope")


def test_the_folded_solutions_pass_their_checks():
    names = folded_solutions("07_longer_than_trained.ipynb", torch=torch)
    assert checks.lengths.by_position(names["my_loss_by_position"]).correct
    assert checks.lengths.starts(names["my_starts"]).correct
