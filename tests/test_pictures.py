"""Pictures from positions: one photograph, what paints it, and digits drawn pixel by pixel."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from posenc_lib.experiments import (
    PhotographSettings,
    PixelsSettings,
    full_results,
    photo,
    pixels,
)
from posenc_lib.experiments.data.digit_images import split_digits
from posenc_lib.experiments.parts.training_settings import Training
from posenc_lib.experiments.pictures import (
    photo_models,
    photo_settings,
    pixel_models,
)
from posenc_lib.experiments.pictures import stored_pictures as stored
from posenc_lib.experiments.pictures.photograph import (
    LAKE,
    PIECES,
    neighbour_mean,
    photograph,
    psnr,
    seen_pixels,
)
from posenc_lib.experiments.pictures.place_features import (
    drawn_directions,
    octave_directions,
    pixel_places,
)
from posenc_lib.plots.views import Heatmap
from tools import china_pieces

TRUTH = photograph()
EVERY = torch.ones(64, 64, dtype=torch.bool)
BRIEF = Training(steps=2, batch=8, rate=1e-3)


# The photograph


def test_it_is_the_photograph_of_scikit_learn_reduced():
    """Each pixel is the mean of 5 x 5; decoders of JPEG differ by a step or two."""
    from sklearn.datasets import load_sample_image

    part = load_sample_image("china.jpg")[16:336, 48:368].astype(float)
    means = part.reshape(64, 5, 64, 5, 3).mean((1, 3))
    assert np.abs(TRUTH.numpy() * 255 - means).max() < 2


def test_the_other_pieces_are_of_the_same_photograph():
    made = china_pieces.pieces()
    assert set(PIECES) == {"tower", *made}
    for name, piece in made.items():
        assert (photograph(name) * 255 - piece.float()).abs().max() < 3, name


def test_the_turned_roofs_are_the_roofs_along_another_line():
    """The middle column of the upright piece runs along a diagonal of the turned one."""
    upright, turned = photograph("roofs"), photograph("roofs, turned")
    along = torch.arange(-20, 21)  # steps of a diagonal, each as long as the root of 2
    rows = (31.5 + along * math.sqrt(2)).round().long()
    line = upright[rows, 31:33].mean(1)
    each = [turned[31 + along, 31 + sign * along] for sign in (1, -1)]
    right, wrong = sorted(float((one - line).abs().mean()) for one in each)
    assert right < 0.1 and wrong > 2 * right


def test_half_is_seen_and_another_seed_sees_another_half():
    first, second = seen_pixels(0), seen_pixels(1)
    assert int(first.sum()) == int(second.sum()) == 64 * 64 // 2
    assert 0.4 < float((first != second).double().mean()) < 0.6


def test_psnr_counts_the_chosen_pixels_alone():
    left = torch.zeros(64, 64, dtype=torch.bool)
    left[:, :32] = True
    wrong = torch.where(left[..., None], TRUTH + 0.1, TRUTH)
    assert psnr(wrong, TRUTH, left) == pytest.approx(20, abs=1e-4)
    assert psnr(wrong, TRUTH, ~left) == math.inf
    assert psnr(wrong, TRUTH, EVERY) == pytest.approx(20 + 10 * math.log10(2), abs=1e-4)


def test_the_rule_of_the_neighbours_is_a_naive_loop():
    """Where one of the four was seen; and what was seen stays as it is."""
    seen = seen_pixels(3)
    filled = neighbour_mean(TRUTH, seen)
    for row, column in itertools.product(range(64), range(64)):
        near = [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
        near = [at for at in near if min(at) >= 0 and max(at) < 64 and seen[at]]
        if seen[row, column]:
            near = [(row, column)]
        if near:
            wanted = sum(TRUTH[at] for at in near) / len(near)
            assert torch.allclose(filled[row, column], wanted, atol=1e-6)
    assert bool((filled > 0).all())  # the others were filled too


def test_settled_means_every_hole_is_the_mean_of_its_neighbours():
    """A slope, whose pixels are all such means, comes out of its rim alone."""
    slope = torch.arange(9.0).repeat(9, 1)[..., None] + torch.arange(9.0)[:, None, None]
    rim = torch.ones(9, 9, dtype=torch.bool)
    rim[1:-1, 1:-1] = False
    assert torch.allclose(neighbour_mean(slope, rim, passes=500), slope, atol=1e-3)
    assert not torch.allclose(neighbour_mean(slope, rim), slope, atol=1e-3)


# Features of a place


def alike(directions):
    return photo_models.random_fourier_features(pixel_places()[::7], directions).double()


@pytest.mark.parametrize(
    "directions", [octave_directions(4), drawn_directions(2.0, 64, 0)], ids=["octaves", "drawn"]
)
def test_how_alike_two_places_are_depends_on_their_difference_alone(directions):
    """The identity of the cosine, summed over the directions."""
    places = pixel_places()[::7].double()
    apart = places[:, None] - places[None]
    wanted = torch.cos(2 * math.pi * apart @ directions.double().T).sum(-1)
    features = alike(directions)
    assert torch.allclose(features @ features.T, wanted, atol=1e-4)


def test_many_drawn_directions_fall_off_like_a_gaussian():
    scale, features = 1.5, alike(drawn_directions(1.5, 20_000, 0))
    apart = (pixel_places()[::7].double() - pixel_places()[0].double()).norm(dim=1)
    wanted = torch.exp(-2 * (math.pi * scale * apart) ** 2)
    assert torch.allclose(features @ features[0] / 10_000, wanted, atol=0.04)


def test_directions_on_the_axes_have_no_diagonal_and_turned_ones_nothing_else():
    drawn = drawn_directions(3.0, 64, 0, axes_only=True)
    assert drawn.shape == (32, 2) and bool(((drawn != 0).sum(1) == 1).all())
    assert int((drawn[:, 0] != 0).sum()) == 16
    kinds = [{"scale": 3.0}, {"scale": 3.0, "turned": True}]
    plain, turned = (
        photo_models.fixed_features(photo_settings.DRAWN_AXES, setting, 0) for setting in kinds
    )
    # Along a diagonal a turned feature of rows or of columns does not change.
    diagonal = torch.arange(64) * 64 + torch.arange(64)
    still = (turned[diagonal] - turned[0]).abs().amax(0) < 1e-3
    assert int(still.sum()) == 128 and int((plain[diagonal] == plain[0]).all(0).sum()) == 0


def test_features_handed_over_many_times_widen_the_first_layer_and_say_nothing_new():
    kind, setting = photo_settings.DRAWN, {"scale": 2.0, "features": 16}
    few, many = (
        photo_models.fixed_features(kind, setting | times, 0) for times in ({}, {"times": 16})
    )
    assert many.shape == (4096, 256) and torch.equal(many.view(4096, 16, 16)[:, 5], few)


# The network that paints


def test_a_seed_paints_the_same_picture_and_another_one_another():
    plan = replace(PhotographSettings(), training=BRIEF)
    kind, setting = photo_settings.DRAWN, {"scale": 2.0}
    first, again, other = (
        photo_models.trained_painter(plan, kind, setting, seed) for seed in (0, 0, 1)
    )
    assert torch.equal(first.paint(), again.paint())
    assert not torch.allclose(first.paint(), other.paint(), atol=1e-3)
    assert not torch.equal(first.fixed, other.fixed)  # other directions too
    row, column = 3, 60
    assert torch.allclose(first.paint()[row, column], first(torch.tensor([64 * row + column]))[0])


def test_a_full_table_learns_nothing_where_it_saw_nothing():
    setting, plan = {"side": 64}, PhotographSettings()
    plan = replace(plan, training=replace(plan.training, steps=2))
    fresh = photo_models.seeded(
        lambda: photo_models.Painter(photo_settings.TABLE, setting, seed=0, width=128, layers=3), 0
    )
    trained = photo_models.trained_painter(plan, photo_settings.TABLE, setting, 0)
    same = (fresh.table == trained.table).all(1)[0]
    assert torch.equal(same, ~seen_pixels(0))


def test_pictures_are_kept_at_the_steps_that_were_asked_for():
    plan = replace(PhotographSettings(), training=replace(BRIEF, steps=4))
    painted = dict.fromkeys((1, 3, 4), torch.zeros(0))
    model = photo_models.trained_painter(plan, photo_settings.RAW, {}, 0, painted=painted)
    assert torch.equal(painted[4], model.paint()) and not torch.equal(painted[3], painted[4])
    plain = photo_models.trained_painter(plan, photo_settings.RAW, {}, 0)
    assert torch.equal(painted[4], plain.paint())


def test_the_photograph_is_tidy_and_the_rules_stand_beside_it():
    plan = replace(PhotographSettings.small(), training=BRIEF)
    found = photo(plan)
    runs = found.where(encoding=photo_settings.DRAWN)
    assert len(runs) == 4 and runs.values("at") == [2]
    assert found.values("encoding")[1:] == list(photo_settings.RULES)
    once, settled = (
        found.mean(encoding=rule, metric=photo_settings.HELD_OUT) for rule in photo_settings.RULES
    )
    assert once == psnr(neighbour_mean(TRUTH, seen_pixels(0)), TRUTH, ~seen_pixels(0)) < settled


def test_a_task_on_another_piece_sees_that_piece():
    plan = replace(PhotographSettings(), tasks=(LAKE,), seeds=(0,), training=BRIEF)
    found, truth = photo(plan), photograph(LAKE)
    rule = neighbour_mean(truth, seen_pixels(0))
    assert found.mean(encoding=photo_settings.NEIGHBOURS) == psnr(rule, truth, ~seen_pixels(0))
    setting = {"scale": 1.0}
    painted = photo_models.trained_painter(plan, photo_settings.DRAWN, setting, 0, piece=LAKE)
    kept = found.where(encoding=photo_settings.DRAWN, setting=setting)
    assert kept.mean(metric=photo_settings.SEEN) == psnr(painted.paint(), truth, seen_pixels(0))
    tower = photo_models.trained_painter(plan, photo_settings.DRAWN, setting, 0)
    assert not torch.equal(tower.paint(), painted.paint())


def test_a_rate_of_its_own_is_used():
    plan = replace(PhotographSettings(), training=BRIEF)
    slow, fast = (
        photo_models.trained_painter(plan, photo_settings.RAW, own, 0).paint()
        for own in ({}, {"rate": 0.1})
    )
    assert (slow - fast).abs().max() > 0.01


# Digits, pixel by pixel


def test_a_model_reads_the_pixels_before_and_says_the_next():
    batch, images = pixel_models.with_start(pixel_models.grey_images("test")), split_digits("test")
    assert torch.equal(batch.target.view(-1, 8, 8).float() / 16, images[0])
    assert torch.equal(batch.x[:, 1:], batch.target[:, :-1])
    assert set(batch.x[:, 0].tolist()) == {pixel_models.START}


def test_the_histogram_is_a_naive_count():
    train, test = (pixel_models.grey_images(split) for split in ("train", "test"))
    bits = 0.0
    for place in range(0, 64, 9):
        greys = train[:, place].tolist()
        shares = [(greys.count(grey) + 1) / (len(greys) + 17) for grey in range(17)]
        bits -= sum(math.log2(shares[grey]) for grey in test[:, place].tolist()) / len(test)
    shares = pixel_models.place_shares()
    found = -shares[torch.arange(64), test].log2().mean(0)[::9].sum()
    assert float(found) == pytest.approx(bits)


def test_pixels_are_tidy_and_an_untrained_model_needs_what_guessing_needs():
    plan = PixelsSettings(
        tasks=("dim 32, 3 layers",), trained=("rope_2d",), seeds=(0,),
        training=replace(BRIEF, rate=1e-9),
    )  # fmt: skip
    found = pixels(plan)
    assert [(r.encoding, r.at) for r in found] == [
        ("rope_2d", 64), (pixel_models.HISTOGRAM, 64),
    ]  # fmt: skip
    assert found.mean(encoding="rope_2d") == pytest.approx(math.log2(17), abs=0.5)


def test_no_other_rate_that_was_tried_is_better_on_validation():
    """On average over the encodings, by more than a hundredth of a bit."""
    plan, tried = PixelsSettings(), full_results("pixels").where(task="rates")
    means = {
        rate: np.mean([run.value for run in tried.where(setting={"rate": rate})])
        for rate in plan.tried
    }
    assert means[plan.training.rate] < min(means.values()) + 0.01
    assert plan.tried[0] < plan.training.rate < plan.tried[-1]


def test_drawing_goes_pixel_by_pixel():
    """What was drawn so far is what the model would read: the first pixels do not change."""
    plan = PixelsSettings(training=BRIEF)
    model = pixel_models.trained_pixels(plan, "dim 32, 3 layers", "rope", 0)
    drawn = pixel_models.drawn_digits(model, 3, seed=5)
    assert torch.equal(drawn, pixel_models.drawn_digits(model, 3, seed=5))
    assert not torch.equal(drawn, pixel_models.drawn_digits(model, 3, seed=6))
    assert drawn.shape == (3, 64) and int(drawn.min()) >= 0 and int(drawn.max()) <= 16


# What is stored


def test_a_frame_has_256_colours_and_looks_the_same():
    numbers, colours = stored.few_colours(TRUTH)
    back = colours[numbers.long()].float() / 255
    assert psnr(back, TRUTH, EVERY) > 37
    assert colours.shape == (256, 3)


def test_the_stored_frames_are_those_of_the_code():
    """The last frame of one scale, painted again: another processor differs a little."""
    kept = stored.stored_settings()
    assert kept["photograph"] == stored.as_plain(PhotographSettings())
    assert kept["pixels"] == stored.as_plain(PixelsSettings())
    for scale in (None, *stored.SCALES):
        picture = stored.frame(scale, 320).float() / 255
        seen, held_out = stored.frame_psnr(scale, 320)
        assert psnr(picture, TRUTH, ~seen_pixels(0)) == pytest.approx(held_out, abs=0.5)
        assert scale is None or seen > held_out


def test_no_drawn_digit_is_a_copy():
    train = pixel_models.grey_images("train")
    for encoding in stored.SAMPLED:
        assert int(pixel_models.nearest(stored.stored_digits(encoding), train).min()) > 0


FLAT = ([[0.0]], "row", "column", "light")


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: PhotographSettings(tasks=("china",)), "china"),
        (lambda: PhotographSettings(width=0), "width"),
        (lambda: PixelsSettings(tasks=("dim 65",)), "dim 65"),
        (lambda: photograph("river"), "river"),
        (lambda: seen_pixels(-1), "seed"),
        (lambda: psnr(TRUTH, TRUTH[:2], EVERY), "one size"),
        (lambda: psnr(TRUTH, TRUTH, ~EVERY), "no pixel"),
        (lambda: neighbour_mean(TRUTH, ~EVERY), "at least one pixel"),
        (lambda: neighbour_mean(TRUTH, EVERY, passes=0), "passes"),
        (lambda: octave_directions(0), "octaves"),
        (lambda: drawn_directions(0.0, 8, 0), "scale"),
        (lambda: drawn_directions(1.0, 6, 0), "features"),
        (lambda: photo_models.Painter("waves", {}, seed=0, width=8, layers=1), "waves"),
        (lambda: stored.frame(3.0, 320), "nearest"),
        (lambda: stored.stored_digits("alibi"), "alibi"),
        (lambda: stored.few_colours(TRUTH[..., :2]), "colours"),
        (lambda: Heatmap("x", *FLAT, colours=[[1, 2]]), "0xRRGGBB for every cell"),
        (lambda: Heatmap("x", *FLAT, colours=[[0.5]]), "0xRRGGBB for every cell"),
        (lambda: Heatmap("x", *FLAT, colours=[[1 << 24]]), "from 0 to 0xFFFFFF"),
    ],
)
@pytest.mark.bad_input
def test_bad_input_says_what_is_wrong(call, words):
    with pytest.raises(ValueError, match=words):
        call()
