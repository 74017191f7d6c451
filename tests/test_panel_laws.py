"""What golden snapshots cannot say of panels and what is behind them: formulas, loops, refusals."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.naive_bayes import MultinomialNB

import posenc_lib as lib
from posenc_lib import encodings, explorers, plots
from posenc_lib.experiments import TinyTransformer, measured, windows
from posenc_lib.experiments.data import forecast_windows
from posenc_lib.experiments.data.digit_images import image_tokens, partly_shuffled, split_digits
from posenc_lib.experiments.data.word_windows import numbers_of
from posenc_lib.experiments.lengths import by_position, evaluation
from posenc_lib.experiments.parts.training_settings import Batch
from posenc_lib.experiments.pictures.counting import counted_accuracy, token_kinds
from posenc_lib.experiments.pictures.digit_models import accuracy
from posenc_lib.experiments.text.order_readers import ORDERS, first_weights, natural, orders
from posenc_lib.experiments.time_series import baselines, leaks
from posenc_lib.explorers.attention_layer import (
    DIM,
    LENGTH,
    attend,
    embeddings,
    encoding_of,
    projections,
)
from posenc_lib.explorers.drawn import normal
from posenc_lib.explorers.forecast import MONTHS
from posenc_lib.explorers.grid import AHEAD, FORMULAS, LEARNED, ONE_AXIS, ONES, TWO_AXES
from posenc_lib.explorers.lengths import SHORT, attention_weights
from posenc_lib.explorers.rotary import SCALINGS
from posenc_lib.explorers.shuffled import picture
from tests.golden_cases import digit_models, moved, readers, short

NAMES = [name for name, entry in encodings().items() if entry.on_panels]
CAUSAL = {name for name, entry in encodings().items() if entry.causal_only}


def curve(view, label):
    return view.ys[view.labels.index(label)]


def close(found, wanted, atol=1e-6):
    np.testing.assert_allclose(found, wanted, atol=atol)


def cosines(difference, dim=64, base=100.0):
    """The cosine of two sinusoids so far apart, from the formula."""
    turns = np.multiply.outer(difference, base ** (-np.arange(dim // 2) * 2 / dim))
    return np.cos(turns).mean(-1)


def refused(panel, said, **settings):
    """From code an exception, and the picture stays."""
    before = panel.views[0]
    with pytest.raises(ValueError, match=said):
        panel.set(**settings)
    assert panel.views[0] is before and panel.message == ""


# ------------------------------------------------------------------ 01 to 03, 05, 06: positions


def test_the_sinusoidal_panel_shows_the_table_and_the_dot_products_of_its_rows():
    panel = explorers.sinusoidal_explorer(dim=8, length=20, base=100.0, start=5)
    heat, _, alike, waves = panel.views
    table = lib.sinusoidal_table(20, 8, base=100.0, start=5)
    close(heat.values, table, 0)
    close(waves.ys[:, :: waves.dots], table[:, [0, 2, 4]].T)  # pairs 0, 1 and 2 of 4
    close(alike.ys[0], table @ table[0] / (table[0] @ table[0]))
    close(plots.sinusoidal.similarity(9, 64), cosines(np.arange(-9, 10), base=1e4))


@pytest.mark.parametrize("table", ["random start", "trained MiniLM", "sinusoidal"])
def test_the_learned_panel_shows_table_cosines_curve_and_norms(table):
    whole = {
        "random start": 0.02 * normal("random start", 512, 384)[:, :6],
        "trained MiniLM": lib.minilm_position_table()[:, :6].astype(float),
        "sinusoidal": lib.sinusoidal_table(201, 6).astype(float),  # dim cuts the others only
    }[table]
    panel = explorers.learned_explorer(table, length=9, dim=6, start=3, reference=200)
    unit = whole / np.linalg.norm(whole, axis=1, keepdims=True)
    norms, values, alike, seen = panel.views
    close(norms.ys[0], np.linalg.norm(whole[3:12], axis=1))
    close(values.values, whole[3:12])
    close(alike.values, unit[3:12] @ unit[3:12].T)
    close(seen.x, np.arange(3, 12) - 200)
    close(seen.ys[0], unit[3:12] @ unit[200])


def test_a_learned_table_of_your_own_joins_the_list_with_its_gaps_and_its_size():
    own = torch.nn.Parameter(torch.eye(12))
    with torch.no_grad():
        own[1] = 0.0
    panel = explorers.learned_explorer(own, reference=1)
    assert (panel.table, panel.length, panel.dim) == ("your own", 12, 12)
    assert np.isnan(panel.views[2].values[1]).all() and np.isnan(panel.views[3].ys).all()
    refused(panel, "length = 20 is refused", table="sinusoidal", length=20)
    panel = explorers.learned_explorer(np.eye(1500, 400), start=1490, length=10, dim=400)
    assert panel.views[1].values.shape == (10, 400)  # larger than the stored ones
    refused(panel, "one of 'your own'", table="sinusoidal")


@pytest.mark.parametrize("form", ["raw", "clipped", "band"])
def test_the_matrix_of_distances_and_its_counts(form):
    panel = explorers.relative_explorer(form=form, queries=2, length=9, offset=7, clip=2)
    far = np.array([[j - (i + 7) for j in range(9)] for i in range(2)])
    wanted = np.clip(far, -2, 2) if form == "clipped" else far.astype(float)
    wanted = np.where(abs(far) > 2, np.nan, wanted) if form == "band" else wanted
    matrix, pairs, by_distance = panel.views
    close(matrix.values, wanted)
    assert set(by_distance.x) == set(far.ravel())
    assert pairs.ys.sum() == (~np.isnan(wanted)).sum()


@pytest.mark.parametrize("form", ["Shaw", "NEZHA"])
@pytest.mark.parametrize("same", [True, False])
def test_scores_are_a_query_times_the_table_that_is_drawn(form, same):
    given = {"queries": 6, "length": 9, "offset": 2, "clip": 3, "dim": 8, "same_query": same}
    matrix, curves, table = explorers.relative_explorer(form=form, **given).views
    index = np.clip(np.arange(9) - (np.arange(6)[:, None] + 2), -3, 3) + 3
    query = np.linalg.lstsq(table.values[index[2]], matrix.values[2], rcond=None)[0]
    close(table.values[index[2]] @ query, matrix.values[2])
    assert np.allclose(matrix.values[1:, 1:], matrix.values[:-1, :-1]) == same
    for label, ys in zip(curves.labels, curves.ys, strict=True):
        i = 0 if same else int(label.removeprefix("query "))
        close(matrix.values[i], ys[np.searchsorted(curves.x, np.arange(9) - i - 2)])


@pytest.mark.parametrize("causal", [False, True])
def test_buckets_and_biases_are_those_of_the_library_and_hide_the_future(causal):
    way, far = " causal" * causal, np.arange(9) - (np.arange(6)[:, None] + 2)
    hidden = causal & (far > 0)
    panel = explorers.relative_explorer(form="T5" + way, queries=6, length=9, offset=2, head=3)
    bucket = lib.t5_bucket(torch.from_numpy(far), bidirectional=not causal).numpy()
    close(panel.views[0].values, np.where(hidden, np.nan, bucket))
    close(panel.views[1].ys[0], np.bincount(bucket[~hidden], minlength=32))
    panel.form = "ALiBi" + way
    matrix, left, curves = panel.views
    close(matrix.values, np.where(hidden, np.nan, -(2.0**-4) * abs(far)))
    close(curves.ys, -(2.0 ** -np.arange(1, 9)[:, None]) * abs(curves.x))
    close(left.ys, np.exp(curves.ys))
    assert matrix.limits == (-0.5 * 7, 0)  # the steepest head: one colour scale for all


@pytest.mark.parametrize("layout", ["interleaved", "half"])
@pytest.mark.parametrize("scaling", SCALINGS.values())
def test_the_rotary_map_is_made_of_cosines_and_sines_of_the_wavelengths_drawn(scaling, layout):
    given = {"head_dim": 8, "length": 6, "start": 3, "pair": 2, "trained": 32}
    panel = explorers.rotary_explorer(scaling=scaling, pair_layout=layout, **given)
    title = next(t for t, name in SCALINGS.items() if name == scaling)
    waves = curve(panel.views[3], title if scaling != "none" else "plain RoPE")
    angle, top = np.outer(np.arange(3, 9), 2 * math.pi / waves), panel.views[0].limits[1]
    first = np.arange(4) if layout == "half" else np.arange(0, 8, 2)
    second = first + (4 if layout == "half" else 1)
    close(panel.views[0].values[:, first], top * np.cos(angle))
    close(panel.views[0].values[:, second], top * np.sin(angle))
    pair = panel.views[4]
    close(pair.ys[:2, :: pair.dots], panel.views[0].values[:, [first[2], second[2]]].T)
    close(curve(panel.views[2], "q = k, all ones"), top**2 * 2 / math.sqrt(8) * np.cos(
        np.outer(np.arange(6), 2 * math.pi / waves)).sum(1))  # fmt: skip
    panel.set(factor=1, length=99)
    assert abs(curve(panel.views[2], "many random, RMS") - 1).max() < 0.15  # no decay
    plain = 2 * math.pi * 1e4 ** (np.arange(4) / 4)
    close(curve(panel.views[3], title if scaling != "none" else "plain RoPE") / plain, 1)


# ------------------------------------------------------------- 04 and the playground: attention


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_the_panel_computes_what_the_layer_does(name, causal):
    causal |= name in CAUSAL
    x, mask = embeddings(list("abcabca"), 24), torch.ones(7, 7, dtype=torch.bool)
    mask = mask.tril() if causal else mask
    encoding = encoding_of(name, 24, 3, causal=causal, length=7)
    layer = lib.MultiHeadAttention(24, 3, encoding=encoding, causal=causal, bias=False).double()
    with torch.no_grad():
        for linear, matrix in zip((layer.to_query, layer.to_key), projections(24), strict=True):
            linear.weight.copy_(matrix.T)
        wanted = layer(x[None])[1][0]
        for head in range(3):
            scores, weights = attend(x, 3, head, encoding, mask=mask)
            torch.testing.assert_close(weights, wanted[head])
            shut = scores.masked_fill(~mask, -torch.inf).softmax(-1)
            torch.testing.assert_close(weights, shut)


@pytest.mark.parametrize("name", NAMES)
def test_each_side_of_the_playground_is_the_attention_panel_with_that_encoding(name):
    given = {"mask": "causal" if name in CAUSAL else "none", "length": 12, "heads": 2, "head": 1}
    wanted = explorers.attention_explorer(encoding=name, dim=32, **given).views[0].values
    play = explorers.playground_explorer(first=name, second="none", repeated=False, dim=32, **given)
    close(play.views[3].values, wanted, 0)
    close(play.views[0].ys[0], [
        np.mean(np.diagonal(wanted, d)) for d in range(-11, 1 if name in CAUSAL else 12)
    ], 1e-5)  # fmt: skip
    gap = abs(wanted[4, 0] - wanted[4, 3])  # how "cat" sees the one "the" and the other
    assert (gap < 1e-6) == (name == "none")
    play.set(first="none", second=name)
    close(play.views[4].values, wanted, 0)
    play.set(repeated=True, length=20)  # "the the the": does only the distance count?
    diagonals = [np.diagonal(play.views[4].values, d) for d in range(-19, 1)]
    constant = max(map(np.ptp, diagonals)) < 1e-4
    further = name in ("none", "fire", "cope", "rope_dynamic_ntk")  # change further out, or never
    assert constant == (encodings()[name].distance_only or further)
    play.set(first=name, mask="causal", length=LENGTH, dim=DIM, heads=8, head=7)
    assert play.views[2].labels == (encodings()[name].title,)  # beside itself: one curve


def test_maps_share_a_scale_and_hide_what_the_mask_hides():
    i, j = np.indices((8, 8))
    for mask, hidden in [("none", j < -1), ("causal", j > i), ("window", abs(i - j) > 2)]:
        scores, weights = explorers.attention_explorer(mask=mask, length=8).views[:2]
        close(np.isnan(weights.values), hidden)
        close(np.isnan(scores.values), hidden)
        close(np.nansum(weights.values, axis=1), 1)
    panel = explorers.playground_explorer(mask="causal", one_scale=True)
    one, other = panel.views[3:]
    values = np.stack([one.values, other.values])
    assert one.limits == other.limits == (np.nanmin(values), np.nanmax(values))


def test_the_reader_s_seed_is_left_alone_and_numbers_stay_when_sizes_grow():
    torch.manual_seed(7)
    state = torch.get_rng_state()
    mine = {"mine": lambda dim, heads, length: lib.SinusoidalEncoding(dim)}
    explorers.attention_explorer(encodings=mine, encoding="mine")
    explorers.playground_explorer(first="t5", second="learned")
    plots.biases.penalty_curves(9, slope=0.25, r1=2.0, rate=0.5, exponent=1.5)
    assert torch.equal(state, torch.get_rng_state())
    close(embeddings(["a"], 64)[:, :8], embeddings(["a"], 8))
    small, large = (encoding_of("learned", d, 2, causal=False, length=5).weight for d in (16, 32))
    close(small.detach(), large[:, :16].detach())


class PerHead(lib.PositionEncoding):
    """A slope for each head, broadcast over the batch."""

    door = lib.Door.SCORES

    def at_scores(self, query, key, query_positions, key_positions):
        slopes = 0.5 ** torch.arange(query.shape[1])[:, None, None]
        return -slopes * lib.relative_positions(query_positions, key_positions).abs()


SLOPES = {"alibi": 2.0**-8, lib.AlibiBias(2, causal=False): 2.0**-8, lambda *_: PerHead(): 0.5}


@pytest.mark.parametrize("mine, slope", SLOPES.items())
def test_an_encoding_of_your_own_is_drawn(mine, slope):
    given = {"encoding": "mine", "sentence": "la", "heads": 2, "head": 1}
    panel = explorers.attention_explorer(encodings={"mine": mine}, **given)
    close(np.diff(panel.views[0].values[0]), -slope, 1e-4)
    assert panel.views[2].labels == ("mine", "no position (NoPE)")


def test_impossible_heads_and_encodings_are_refused_in_words():
    for panel in (explorers.attention_explorer(), explorers.playground_explorer()):
        refused(panel, "heads = 3 is refused: it must be one of 1, 2, 4, 8", heads=3)
        name = "encoding" if "encoding" in panel.settings else "first"
        refused(panel, "choose the causal mask", **{name: "fire"})
    panel.set(second="fire", mask="causal")
    assert panel.second == "fire"


@pytest.mark.parametrize("way", ["plain", "window", "sliding"])
@pytest.mark.parametrize("encoding", ["t5", "randomised"])
def test_the_weights_of_a_reading_are_those_of_the_layer(encoding, way):
    x = torch.randint(10, (2, 64), generator=torch.Generator().manual_seed(0))
    weights = attention_weights(short(encoding), x, encoding, way)
    close(weights.nan_to_num().sum(-1), 1, 1e-5)
    query, key = np.indices((64, 64))
    begins = {"plain": 0, "window": query - 31, "sliding": np.maximum(query // 16 - 1, 0) * 16}[way]
    close(~weights.isnan()[0, 0].numpy(), (key <= query) & (key >= begins))


@pytest.mark.parametrize("shown", ORDERS)
def test_the_panel_asks_every_reader_about_every_order(shown):
    models, given = readers(), {"first": 1, "second": 6, "seed": 4, "encoding": "rope", "head": 3}
    panel = explorers.word_order_explorer(models=models, shown=shown, **given)
    words, asked = panel.sentence.split(), orders(8, 1, 6, 4)
    row, (judged, _, swaps, weights) = numbers_of(words), panel.views
    order = asked[ORDERS.index(shown)]
    close(weights.values, first_weights(models["rope"], row[order][None])[3])
    assert list(weights.row_ticks) == [words[n] for n in order]
    for n, reader in enumerate(models.values()):
        close(judged.values[:, n], [float(natural(reader, row[o][None])[0]) for o in asked], 1e-5)
        for place in range(7):
            x = row.clone()
            x[[place, place + 1]] = row[[place + 1, place]]
            change = float(natural(reader, x[None])[0] - natural(reader, row[None])[0])
            assert swaps.ys[n, place] == pytest.approx(change, abs=1e-5)
    assert np.ptp(judged.values[:, 0]) < 1e-5  # without positions every order is one
    assert "something of your own, which only you can pass" in panel.code


@pytest.mark.parametrize("series", ["el_nino", "co2", "sp500"])
def test_the_panel_of_forecasts_shows_rows_baselines_and_one_model(series):
    data, parts = forecast_windows.rows_of(series, None)
    shown, season = parts["validation"], data.season if data.season > 1 else 5
    for baseline, guess in {
        "last value": baselines.last_value(shown),
        "ridge": baselines.ridge(parts["train"], shown, shown),
        "seasonal naive": baselines.seasonal_naive(shown, season),
    }.items():  # fmt: skip
        settings = {"series": series, "encoding": "none", "baseline": baseline}
        settings["origin"] = len(shown) - 1
        views = moved(explorers.forecast_explorer, settings).views
        one, by_month, missed, distance, looks, errors = views
        history = shown.past.shape[1]
        close(curve(one, baseline)[history:], guess[-1])
        close(curve(one, "what came")[history:], shown.future[-1])
        close(curve(one, "past")[:history], shown.past[-1])
        close(curve(one, "none")[history:] - shown.future[-1], missed.values[-1])
        close(curve(errors, baseline), np.sqrt(((guess - shown.future) ** 2).mean(0)))
        close(curve(errors, "none"), np.sqrt((missed.values**2).mean(0)))
        close(looks.values.sum(1), 1, 1e-5)
        close(
            curve(distance, "none"),
            np.sqrt(((missed.values + shown.future - shown.last) ** 2).mean(0)),
        )
        month = int(by_month.marks[0][0])
        there = [by_month.marks[0][1][:3] in date for date in missed.row_ticks]
        assert there[-1] and sum(there) < len(shown)
        close(curve(by_month, "none")[month - 1], np.sqrt((missed.values[there] ** 2).mean()))
        assert by_month.picks[0][1][month - 1] == len(shown) - 1
        here, there = (dict(zip(v.labels, v.styles, strict=True)) for v in (one, errors))
        assert all(here[name] == there[name] for name in ("none", baseline))  # one colour each
        assert not {here["past"], here["what came"]} & set(there.values())


def test_missing_months_are_grey_and_origins_are_dated():
    settings = {"gaps": True, "encoding": "calendar", "origin": 0}
    panel = moved(explorers.forecast_explorer, settings)
    known = ~np.isnan(panel.views[4].values[0])
    assert known.sum() == forecast_windows.KEPT and known[-1]
    shown = windows(measured("el_nino"), "validation", history=36, horizon=12)
    past = curve(panel.views[0], "past")[:36]
    close(past[known], shown.past[0][known])
    assert (past[~known] != shown.past[0][~known]).any()
    last = shown.past_times[0, -1]
    month = MONTHS[last % 12]
    assert panel.views[0].name == f"El Niño: origin {month} {1950 + last // 12}"
    assert panel.canvas.declared["controls"][2]["upto"][3]["el_nino"] == len(shown) - 1


@pytest.mark.parametrize("encoding, up, left", [(TWO_AXES, 0, 0), (ONES, 0, 0), (AHEAD, 2, 3)])
def test_two_axes_give_the_mean_of_two_curves(encoding, up, left):
    given = {"rows": 5, "columns": 7, "row": 3, "column": 4, "base": 30.0}
    panel = explorers.grid_explorer(encoding=encoding, **given)
    down, along = cosines(np.arange(5) - 3 + up, 32, 30), cosines(np.arange(7) - 4 + left, 32, 30)
    heat, through, order = panel.views
    close(heat.values, (down[:, None] + along) / 2, 1e-9)
    close(through.ys[0][~np.isnan(through.ys[0])], heat.values[3])
    close(through.ys[1][~np.isnan(through.ys[1])], heat.values[:, 4])
    close(through.x[~np.isnan(through.ys[1])], np.arange(5) - 3)
    close(order.ys[0], heat.values.ravel())
    assert "token 25" in order.name
    panel.encoding = ONE_AXIS  # goes on in the next row
    close(panel.views[0].values.ravel(), cosines(np.arange(35) - 25, 64, 30), 1e-9)


def test_a_learned_table_brings_its_own_grid_and_its_patches():
    table = np.random.default_rng(0).normal(size=(6, 4))
    panel = explorers.grid_explorer(table, shape=(2, 3), row=1, column=1, encoding=LEARNED)
    close(panel.views[0].values, lib.cosine_matrix(table)[4].reshape(2, 3))
    refused(panel, "row = 7 is refused: it must be a whole number from 0 to 1", row=7)
    panel.encoding = FORMULAS[0]
    assert panel.views[0].values.shape == (2, 3)


def test_the_shuffled_digit_and_what_the_models_say():
    models, (images, labels) = digit_models("pixels"), split_digits("test")
    panel = explorers.shuffle_explorer(models, image=5, moved=0)
    close(panel.views[0].values, images[5])
    still = panel.views[2].values
    panel.moved = 40
    tokens = partly_shuffled(image_tokens(images, 1), 40, 0)
    close(panel.views[0].values.ravel(), tokens[5, :, 0])
    with torch.no_grad():
        close(
            panel.views[2].values, [m(tokens[5:6])[0].softmax(-1).numpy() for m in models.values()]
        )
    right = [accuracy(model, tokens, labels) for model in models.values()]
    curve = panel.views[3]
    close(curve.ys[:, curve.x == 40].ravel(), right)
    assert curve.labels == ("none", "sinusoidal 2-D")
    guesses = [int(tick.rpartition(": ")[2]) for tick in panel.views[2].row_ticks]
    assert guesses == [int(m(tokens[5:6]).argmax()) for m in models.values()]
    change = abs(panel.views[2].values - still).max(1)
    assert change[0] < 1e-5 < change[1]  # only a model without positions does not see the moves
    assert torch.equal(picture(image_tokens(images[:1], 2), 2), images[0])


# ------------------------------------------------------------- the steps behind 07, 09 and 10


@pytest.mark.parametrize("way", ["plain", "window", "sliding"])
@pytest.mark.parametrize("encoding", ["rope", "sinusoidal", "randomised"])
def test_places_make_up_the_score_and_a_shorter_row_is_the_beginning(way, encoding):
    batch, model = evaluation.scored_batch(SHORT, "sum", "test", 256), short(encoding)
    batch, part = (Batch(batch.x[:4, :n], batch.target[:4, :n]) for n in (96, 64))
    whole = by_position.read(model, batch, encoding, SHORT, way)
    found = by_position.read(model, part, encoding, SHORT, way)
    if encoding != "randomised":  # its positions depend on the length
        torch.testing.assert_close(found, whole[:, :64], atol=1e-4, rtol=1e-4, equal_nan=True)
    score = evaluation.scores(*by_position.READINGS[way](model, part, encoding, SHORT))[0]
    assert float(found.nanmean()) == pytest.approx(score, abs=1e-5)


@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 4))
@settings(max_examples=20, deadline=None)
def test_only_the_split_in_time_keeps_the_future_out(seed, history, horizon):
    values = np.random.default_rng(seed).normal(size=80).cumsum()
    assert not leaks.looks_ahead(leaks.in_time, values, history, horizon)
    for split in (leaks.dealt_out, leaks.scaled_by_all):
        assert leaks.looks_ahead(split, values, history, horizon)
    train, test = leaks.dealt_out(np.arange(50.0), 4, 2)  # all rows, and their order is lost
    assert sorted(np.concatenate([train.past[:, 0], test.past[:, 0]])) == list(range(45))


def test_some_tokens_change_places_and_the_others_stay():
    tokens, before = torch.arange(60.0).view(3, 20, 1), torch.zeros(3, 20, dtype=torch.bool)
    for count in (0, 2, 7, 20):
        mixed = partly_shuffled(tokens, count, seed=3)
        changed = (mixed != tokens)[..., 0]
        assert (changed.sum(1) == count).all() and torch.equal(mixed.sort(1).values, tokens)
        assert (changed | ~before).all(), "what moves for a small count moves for a larger one"
        before = changed
    tokens = torch.tensor([[[0.0, 0.0], [0.5, 0.0], [0.0, 0.5], [1.0, 1.0]]])
    assert token_kinds(tokens, 2).tolist() == [[0, 1, 2, 3]]


@pytest.mark.parametrize("side, levels", [(1, 17), (2, 4)])
@pytest.mark.parametrize("places", [False, True])
def test_counting_is_what_scikit_learn_calls_multinomial_naive_bayes(side, levels, places):
    def table(split):
        images, labels = split_digits(split)
        kinds = token_kinds(image_tokens(images, side), levels).numpy()
        one_hot = kinds[..., None] == np.arange(levels ** (side * side))
        return (one_hot.reshape(len(kinds), -1) if places else one_hot.sum(1)), labels.numpy()

    right = MultinomialNB(alpha=1.0).fit(*table("train")).score(*table("test"))
    slack = 0.02 if places else 1e-9  # one table of all places: the ones added weigh differently
    assert counted_accuracy(side, levels, places=places) == pytest.approx(right, abs=slack)


# ------------------------------------------------------------------------------------- refusals


WIDE = TinyTransformer(features=9, outputs=10, dim=8, heads=2, layers=1, read_out="mean")
WORDS, MINE = explorers.word_order_explorer, explorers.attention_explorer
REFUSED = [
    (explorers.shuffle_explorer, {"models": {}}, ValueError, "models is empty"),
    (explorers.shuffle_explorer, {"models": {"a": 3}}, TypeError, "must be a TinyTransformer"),
    (explorers.shuffle_explorer, {"models": {"a": WIDE}}, ValueError, "all must read pixels"),
    (WORDS, {"models": {}}, ValueError, "models is empty"),
    (WORDS, {"models": {"a": 3}}, TypeError, "must be a TinyTransformer"),
    (WORDS, {"models": {"a": WIDE}}, ValueError, "vocabulary, outputs"),
    (WORDS, {"models": readers, "sentence": "alone"}, ValueError, "one word has no order"),
    (WORDS, {"models": readers, "sentence": "a b c", "second": 7}, ValueError, "from 0 to 2"),
    (explorers.grid_explorer, {"table": np.eye(6), "shape": (1, 6)}, ValueError, "columns = 6"),
    (explorers.learned_explorer, {"table": np.ones((1, 5))}, ValueError, "at least 2 rows"),
    (explorers.learned_explorer, {"start": 500, "length": 40}, ValueError, "from 0 to 472"),
    (explorers.learned_explorer, {"table": np.eye(6), "dim": 7}, ValueError, "dim = 7"),
    (explorers.learned_explorer, {"table": np.eye(6), "reference": 6}, ValueError, "from 0 to 5"),
    (explorers.length_explorer, {"length": 32}, ValueError, "64 to 256 in steps of 16"),
    (explorers.rotary_explorer, {"head_dim": 8, "pair": 4}, ValueError, "pair.*head_dim"),
    (explorers.rotary_explorer, {"head_dim": 2, "pair": 0}, ValueError, "from 4 to 128"),
    (MINE, {"encodings": {"Shaw": "alibi"}}, ValueError, "'Shaw' is taken"),
    (MINE, {"encodings": {"mine": "ropey"}}, TypeError, "= 'ropey' must be a Pos"),
    (MINE, {"encodings": {"mine": 3}}, TypeError, "= 3 must be a Pos"),
    (MINE, {"encodings": {"mine": lambda *_: 3}, "encoding": "mine"}, TypeError, "returned int"),
    (plots.attention.weight_maps, {"maps": {}, "tokens": "xy"}, ValueError, "maps is empty"),
    (plots.attention.weight_maps, {"maps": {"a": [1.0]}, "tokens": "x"}, ValueError, r"\(1, 1\)"),
    (plots.attention.two_orders, {"maps": {}, "words": "xy", "other": "yx"}, ValueError, "empty"),
    (plots.attention.two_orders, {"maps": {"a": ([], [])}, "words": "xx", "other": "xx"},
     ValueError, "each once"),
    (plots.attention.two_orders, {"maps": {"a": ([], [])}, "words": "xy", "other": "xz"},
     ValueError, "the same words"),
    *((plots.doors.three_doors, {"highlight": door}, ValueError, "1, 2, 3 or None")
      for door in (0, True, "2", lib.Door.NONE)),
]  # fmt: skip


@pytest.mark.bad_input
@pytest.mark.parametrize("make, given, error, said", REFUSED)
def test_what_a_panel_or_figure_cannot_show_is_refused(make, given, error, said):
    given = {name: part() if part is readers else part for name, part in given.items()}
    with pytest.raises(error, match=said):
        make(**given)
