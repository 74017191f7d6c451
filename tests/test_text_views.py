"""The data behind notebook 08: its figures, its panel, what reads an order, and its solutions."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from posenc_lib import checks, plots
from posenc_lib.experiments import (
    Batch,
    OrderBudgetSettings,
    Record,
    Results,
    TextOrderSettings,
    TinyTransformer,
    Training,
    full_results,
    order_budget,
    seeded,
    train,
)
from posenc_lib.experiments.data.word_windows import RARE, numbers_of, word_windows, words_of
from posenc_lib.experiments.pictures.digit_models import accuracy
from posenc_lib.experiments.text import word_budget, word_order
from posenc_lib.experiments.text.order_readers import (
    ORDERS,
    first_weights,
    largest_change,
    natural,
    orders,
)
from posenc_lib.explorers import word_order as panel_file
from posenc_lib.explorers import word_order_explorer
from tests.tools.solutions import folded_solutions

PLAN = TextOrderSettings(layers=1)
BLIND_TO_REVERSE = {word_order.BAG, "none", "alibi"}
BLIND_TO_SHUFFLES = {word_order.BAG, "none"}


@pytest.fixture(scope="module")
def readers():
    """Untrained, as the panel takes them: the laws hold for any weights."""
    names = ("none", "alibi", "t5", "rope", "sinusoidal", "learned")
    return {name: word_order.untrained_model(PLAN, "reversed", name, 0) for name in names}


# ----------------------------------------------------------------------------- orders and readers


def test_four_orders_of_the_same_words():
    for length in (2, 5, 8):
        found = orders(length, 1, length - 1, seed=3)
        assert len(found) == len(ORDERS)
        assert all(sorted(order) == list(range(length)) for order in found.tolist())
        assert found[0].tolist() == list(range(length))
        assert found[1].tolist() == list(range(length))[::-1]
        assert (found[2] != found[0]).sum() == (0 if length == 2 else 2)
    assert (orders(8, 0, 1, seed=0)[3] != orders(8, 0, 1, seed=1)[3]).any()


def test_who_is_blind_to_what(readers):
    """The theorem of the notebook, for drawn weights and every test window."""
    x, _ = word_windows("reversed", "test", 8, 1000)
    back, mixed = orders(8, 0, 5, seed=0)[1:2], orders(8, 0, 5, seed=0)[2:]
    every = readers | {
        word_order.BAG: word_order.untrained_model(PLAN, "reversed", "bag of words", 0)
    }
    for name, reader in every.items():
        assert (largest_change(reader, x, back) < 1e-5) == (name in BLIND_TO_REVERSE), name
        assert (largest_change(reader, x, mixed) < 1e-5) == (name in BLIND_TO_SHUFFLES), name


@pytest.mark.parametrize("name, answers", [("none", 1), ("alibi", 3), ("t5", 6)])
def test_the_prediction_on_paper(readers, name, answers):
    six = torch.tensor(list(itertools.permutations(range(3))))
    found = readers[name](six).detach()
    assert len(torch.unique(torch.cdist(found, found) < 1e-5, dim=0)) == answers


def test_natural_is_the_share_of_class_0():
    logits = torch.tensor([[1.0, 3.0], [2.0, 2.0]]).log()
    found = natural(lambda x: logits, torch.zeros(2, 1, dtype=torch.long))
    torch.testing.assert_close(found, torch.tensor([0.25, 0.5]))


def test_the_largest_change_against_a_loop():
    table = torch.randn(9, 8, generator=torch.Generator().manual_seed(0))

    def model(x):
        return (table[x] * torch.arange(x.shape[1])[:, None]).sum(1)

    x, asked = torch.randint(9, (4, 5)), orders(5, 0, 3, seed=1)
    wanted = max(
        abs(float(model(row[order][None])[0, n] - model(row[None])[0, n]))
        for row in x for order in asked for n in range(8)
    )  # fmt: skip
    assert largest_change(model, x, asked) == pytest.approx(wanted, rel=1e-5)


def test_the_weights_are_those_of_the_first_layer(readers):
    x = numbers_of(["the", "value", "of", "the", "name"])[None]
    seen = []

    def keep(module, given, named):
        seen.append((given[0], named["positions"]))

    for name, reader in readers.items():
        attention = reader.layers[0].attention
        hook = attention.register_forward_pre_hook(keep, with_kwargs=True)
        with torch.no_grad():
            reader(x)
            hook.remove()
            wanted = attention(seen[-1][0], positions=seen[-1][1])[1][0]
        torch.testing.assert_close(first_weights(reader, x), wanted, msg=name)


def test_words_and_their_numbers():
    windows, _ = word_windows("reversed", "test", 8, 1000)
    for row in windows[:50]:
        words = words_of(row)
        assert [word == RARE for word in words] == (row == 1000).tolist()
        assert numbers_of(words).tolist() == row.tolist()
    assert numbers_of(["The", "THE", "the"]).tolist() == [0, 0, 0]
    assert numbers_of(["zzz"], vocabulary=5).tolist() == [5]
    assert words_of(numbers_of(["the", "debugger"], "topic"), "topic") == ["the", "debugger"]


# --------------------------------------------------------------------------------------- figures


def test_signed_distances_against_a_loop():
    for order in ([0, 1, 2, 3], [3, 1, 0, 2]):
        wanted = [[order.index(b) - order.index(a) for b in range(4)] for a in range(4)]
        np.testing.assert_array_equal(plots.text.signed_distances(order), wanted)


def test_a_reverse_keeps_sizes_and_a_swap_of_neighbours_moves_them_by_one():
    stands, back, *_ = (plots.text.signed_distances(o.tolist()) for o in orders(8, 0, 1, seed=0))
    np.testing.assert_array_equal(back, -stands)
    for place in range(7):
        swapped = plots.text.signed_distances(orders(8, place, place + 1, seed=0)[2].tolist())
        assert abs(abs(swapped) - abs(stands)).max() == 1
    far = plots.text.signed_distances(orders(8, 0, 6, seed=0)[2].tolist())
    assert abs(abs(far) - abs(stands)).max() > 1


def test_the_maps_that_are_drawn():
    told = {"there": [0, 1, 2], "back": [2, 1, 0], "mixed": [1, 2, 0]}
    figure = plots.text.distances(["a", "b", "c"], told)
    drawn = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    for found, order in zip(drawn, told.values(), strict=True):
        np.testing.assert_array_equal(found, plots.text.signed_distances(order))
    assert 'back, "c b a": same distance 3 of 3, same sign 0 of 3' in figure.alt


def test_the_accuracies_that_are_drawn():
    found = Results(
        Record(task, name, seed, 8, "accuracy", value + 0.02 * seed)
        for task in ("one", "two")
        for name, value in (("bag of words", 0.5), ("rope", 0.7))
        for seed in (0, 1, 2)
    )
    figure = plots.text.accuracies(found)
    for axes in figure.axes:
        dots = [line.get_xdata() for line in axes.lines if len(line.get_xdata()) == 3]
        np.testing.assert_allclose(dots, [[0.5, 0.52, 0.54], [0.7, 0.72, 0.74]])
        bars = [np.ptp(part.get_segments()[0][:, 0]) / 2 for part in axes.collections]
        np.testing.assert_allclose(bars, [0.02, 0.02])
    assert "one: bag of words 0.520 ± 0.020, RoPE 0.720 ± 0.020" in figure.alt
    assert all(0.45 < r.value < 0.95 for r in full_results("text_order"))  # nothing is cut off


def test_the_budget_that_is_drawn():
    found = full_results("order_budget")
    left, right = plots.text.budget(found).axes
    for number, name in enumerate(found.values("label")):
        places = [found.mean(task="places", label=name, at=n) for n in (2, 4, 8)]
        line = left.containers[number].lines[0]
        np.testing.assert_allclose(line.get_ydata().astype(float), places)
        later = found.mean(task="steps", label=name, at=2000)
        np.testing.assert_allclose(
            right.containers[number].lines[0].get_xydata(), [[800, places[-1]], [2000, later]]
        )


# ------------------------------------------------------------------------------------- the panel


def test_the_panel_asks_every_reader_about_every_order(readers):
    panel = word_order_explorer(models=readers, first=1, second=6, seed=4)
    row = numbers_of(panel.sentence.split())
    asked = orders(8, 1, 6, 4)
    judged, weights, swaps = panel.views
    for n, reader in enumerate(readers.values()):
        for m, order in enumerate(asked):
            wanted = float(natural(reader, row[order][None])[0])
            assert judged.values[m, n] == pytest.approx(wanted, abs=1e-5)
        for place in range(7):
            x = row.clone()
            x[place], x[place + 1] = row[place + 1], row[place]
            change = float(natural(reader, x[None])[0] - natural(reader, row[None])[0])
            assert swaps.ys[n, place] == pytest.approx(change, abs=1e-5)
    assert judged.row_ticks == ORDERS and judged.limits == (0.0, 1.0)
    wanted = first_weights(readers["t5"], row[None])[0]
    np.testing.assert_allclose(weights.values, wanted, atol=1e-6)


@pytest.mark.parametrize("shown", ORDERS)
@pytest.mark.parametrize("encoding, head", [("rope", 3), ("learned", 1)])
def test_the_panel_shows_the_weights_of_the_order_asked_for(readers, shown, encoding, head):
    panel = word_order_explorer(
        models=readers, second=5, seed=9, shown=shown, encoding=encoding, head=head
    )
    order = orders(8, 0, 5, 9)[ORDERS.index(shown)]
    words = panel.sentence.split()
    row = numbers_of(words)[order]
    np.testing.assert_allclose(
        panel.views[1].values, first_weights(readers[encoding], row[None])[head], atol=1e-6
    )
    assert list(panel.views[1].row_ticks) == [words[n] for n in order]


def test_what_the_panel_teaches_holds_for_any_weights(readers):
    panel = word_order_explorer(models=readers, second=4)
    row = dict(zip(readers, panel.views[0].values.T, strict=True))
    assert np.ptp(row["none"]) < 1e-5 and abs(panel.views[2].ys[0]).max() < 1e-5
    assert abs(row["alibi"][0] - row["alibi"][1]) < 1e-5 < abs(row["t5"][0] - row["t5"][1])
    panel.set(first=0, second=3)  # "the" and "the"
    np.testing.assert_allclose(panel.views[0].values[2], panel.views[0].values[0], atol=1e-5)


def test_the_panel_reads_eight_words_and_marks_what_it_never_met(readers):
    panel = word_order_explorer(models=readers, sentence="The zebra of the name is an object here")
    assert list(panel.views[1].row_ticks[:3]) == ["The", "(zebra)", "of"]
    assert panel.views[1].values.shape == (8, 8)
    panel.set(sentence="two words")
    assert panel.views[2].x.tolist() == [0]


def test_a_sentence_of_one_word_and_places_that_are_not_there_are_refused_in_words(readers):
    panel = word_order_explorer(models=readers)
    with pytest.raises(ValueError, match="one word has no order"):
        panel.sentence = "alone"
    with pytest.raises(ValueError, match="place 7 does not exist: the words stand at 0 to 2"):
        panel.set(sentence="a bird sings", second=7)
    assert panel.second == 1 and panel.message == ""


def test_readers_of_one_s_own_have_no_line_of_code(readers):
    panel = word_order_explorer(models=readers)
    assert "something of your own, which only you can pass to word_order_explorer" in panel.code


def test_the_panel_s_own_readers_are_trained_once_and_tell_a_reverse():
    first, second = word_order_explorer(), word_order_explorer()
    assert panel_file._small() is panel_file._small()
    np.testing.assert_array_equal(first.views[0].values, second.views[0].values)
    batch = word_order.scored_batch(panel_file.SETTINGS, "reversed", "test")
    right = {n: accuracy(m, batch.x, batch.target) for n, m in panel_file._small().items()}
    assert right["t5"] > 0.6
    for blind in ("none", "alibi"):  # but for rounding, where the two logits are almost equal
        assert right[blind] == pytest.approx(0.5, abs=0.01)


@pytest.mark.bad_input
def test_models_that_the_panel_cannot_ask_are_refused():
    bag = word_order.untrained_model(PLAN, "reversed", word_order.BAG, 0)
    topic = word_order.untrained_model(PLAN, "topic", "rope", 0)
    with pytest.raises(TypeError, match="must be a TinyTransformer, but it is BagOfWords"):
        word_order_explorer(models={"bag": bag})
    with pytest.raises(ValueError, match=r"outputs\) = \(1001, 4\), but"):
        word_order_explorer(models={"topic": topic})
    with pytest.raises(ValueError, match="models is empty"):
        word_order_explorer(models={})
    two = [
        word_order.untrained_model(replace(PLAN, heads=heads), "reversed", "none", 0)
        for heads in (2, 4)
    ]
    with pytest.raises(ValueError, match="as many heads"):
        word_order_explorer(models=dict(zip("ab", two, strict=True)))


@pytest.mark.bad_input
def test_orders_that_do_not_exist_are_refused():
    for call, words in (
        (lambda: orders(0, 0, 0, 0), "length"),
        (lambda: orders(3, 3, 0, 0), "first = 3"),
        (lambda: orders(3, 0, 4, 0), "a place from 0 to 2"),
        (lambda: orders(3, 0, -1, 0), "second"),
        (lambda: orders(3, 0, 1, -1), "seed"),
        (lambda: numbers_of(["the"], "poem"), "poem"),
        (lambda: words_of(torch.tensor([0]), "poem"), "poem"),
        (lambda: word_order.untrained_model(PLAN, "poem", "rope", 0), "poem"),
    ):
        with pytest.raises(ValueError, match=words):
            call()


# ------------------------------------------------------------------- the budget of learning order


def test_a_budget_holds_each_number_of_words_and_of_steps():
    brief = replace(OrderBudgetSettings.small(), training=Training(steps=3), steps=(5,))
    variants = (("rope", {}), ("rope", {"base": 10.0}))
    both = order_budget(replace(brief, tasks=word_budget.TASKS, trained=variants))
    assert both.values("label") == ["rope", "rope, base 10"]
    for label in both.values("label"):
        found = both.where(label=label)
        assert [(r.task, r.at) for r in found] == [("places", 2), ("places", 4), ("steps", 5)]
    assert both.values("encoding") == ["rope"] and both.values("metric") == ["accuracy"]


def test_every_batch_of_a_budget_has_as_many_words_and_steps_train_the_longest(monkeypatch):
    plans = []

    def noted(plan, task, encoding, seed, options):
        plans.append((plan.words, plan.training.batch, plan.training.steps))
        return [Record(task, encoding, seed, plan.words, "accuracy", 0.5)]

    monkeypatch.setattr(word_order, "one_run", noted)
    full = OrderBudgetSettings()
    word_budget.one_run(full, "places", "rope", {}, 0)
    word_budget.one_run(full, "steps", "rope", {}, 0)
    assert plans == [(2, 128, 800), (4, 64, 800), (8, 32, 800), (8, 32, 2000)]


def test_a_setting_of_the_budget_reaches_the_encoding():
    (setting,) = [given for _, given in word_budget.TRAINED if given]
    model = word_order.untrained_model(PLAN, "reversed", "sinusoidal", 0, options=setting)
    usual = word_order.untrained_model(PLAN, "reversed", "sinusoidal", 0)
    assert (model.at_start.base, usual.at_start.base) == (10.0, 10_000.0)


@pytest.mark.bad_input
def test_budgets_that_make_no_sense_are_refused():
    for settings, words in (
        ({"tasks": ("poems",)}, "poems"),
        ({"words": (3,)}, "a divisor of tokens = 256"),
        ({"steps": (0,)}, "steps"),
        ({"dim": 0}, "dim"),
    ):
        with pytest.raises(ValueError, match=words):
            OrderBudgetSettings(**settings)


# ----------------------------------------------------------- the pitfall and the folded solutions


def test_only_the_task_that_leaks_fails_the_control():
    """The pitfall of the notebook: two chapters as written against two others."""

    def bag_scores(there, test):
        bag = seeded(lambda: word_order.BagOfWords(1001, 64, 2), 1)
        train(bag, lambda generator, rows: there, Training(steps=30, rate=2e-2), seed=1)
        return accuracy(bag, test.x, test.target)

    found = {split: word_windows("topic", split, 8, 1000) for split in ("train", "test")}
    leaking = {split: Batch(x, (topic >= 2).long()) for split, (x, topic) in found.items()}
    balanced = {
        split: word_order.labelled("shuffled", x, topic, torch.Generator())
        for split, (x, topic) in found.items()
    }
    assert bag_scores(leaking["train"], leaking["test"]) > 0.7
    assert bag_scores(balanced["train"], balanced["test"]) == 0.5


def test_an_untrained_model_is_not_in_training_and_has_the_outputs_of_its_task():
    for task, outputs in (("reversed", 2), ("topic", 4)):
        model = word_order.untrained_model(PLAN, task, "rope", 0)
        assert isinstance(model, TinyTransformer) and not model.training
        assert model.out.out_features == outputs


def test_the_folded_solutions_pass_their_checks():
    names = folded_solutions("08_text.ipynb", torch=torch)
    assert checks.text.pairs(names["my_pairs"]).correct
    assert checks.text.blindness(names["my_largest_change"]).correct
