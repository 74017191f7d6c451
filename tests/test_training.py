"""The training loop: the same seed gives the same run, and nothing else leaks in or out."""

import io
import itertools
import math
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from posenc_lib.experiments import Batch, TinyTransformer, Training, seeded, train
from posenc_lib.experiments.data import sequences
from posenc_lib.experiments.parts import progress
from posenc_lib.experiments.parts.training import _groups

SHORT = Training(steps=12, batch=4, rate=1e-2, every=5)


def decoder(seed=0, encoding="t5"):
    return seeded(
        lambda: TinyTransformer(
            vocabulary=10, outputs=10, dim=16, heads=2, encoding=encoding, causal=True
        ),
        seed,
    )


def draw(generator, rows):
    return sequences.drawn("sum", generator, rows, 8)


def run(seed=0, settings=SHORT, **options):
    model = decoder(seed)
    return train(model, draw, settings, seed=seed, **options), model


def test_another_seed_draws_other_weights():
    draws = [seeded(lambda: nn.Linear(3, 1), seed).weight for seed in (0, 0, 1)]
    assert torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], draws[2])


def test_two_runs_are_identical_to_the_last_bit():
    (first, one), (second, two) = run(), run()
    assert first == second
    assert [look.step for look in first.looks] == [5, 10, 12]
    assert all((a == b).all() for a, b in zip(one.parameters(), two.parameters(), strict=True))


def test_runs_in_threads_are_the_runs_alone():
    alone = [run(seed)[0] for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda seed: run(seed)[0], range(4)))
    assert together == alone


def test_the_global_generator_is_left_alone():
    torch.manual_seed(7)
    state = torch.get_rng_state()
    run()
    assert (torch.get_rng_state() == state).all()
    torch.manual_seed(8)  # and what it holds does not matter
    first = run()[0]
    torch.manual_seed(9)
    assert run()[0] == first


def test_it_learns():
    history, _ = run(settings=Training(steps=150, rate=1e-2, every=30))
    losses = [look.training for look in history.looks]
    assert losses[0] > 2.0
    assert losses[-1] < 0.5


def test_the_rate_rises_in_a_line_and_falls_in_a_cosine():
    plan = Training(steps=200, rate=2.0, warm_up=0.1, final_rate_share=0.05)
    rates = [plan.rate_at(step) for step in range(1, 201)]
    assert rates[:20] == pytest.approx([2.0 * step / 20 for step in range(1, 21)])
    assert rates[109] == pytest.approx(2.0 * (0.05 + 0.95 / 2))  # half way down
    assert rates[-1] == pytest.approx(0.1)
    assert all(a > b for a, b in itertools.pairwise(rates[19:]))


def test_an_early_stop_brings_the_best_weights_back():
    scores = iter([3.0, 1.0, 2.0, 2.5, 0.0])
    seen = []

    def validate(model):
        seen.append([p.detach().clone() for p in model.parameters()])
        return next(scores)

    plan = Training(steps=100, batch=4, rate=1e-2, every=5, patience=2)
    history, model = run(settings=plan, validate=validate)
    assert (history.kept, history.stopped_early) == (10, True)
    assert [look.validation for look in history.looks] == [3.0, 1.0, 2.0, 2.5]
    assert all((p == q).all() for p, q in zip(model.parameters(), seen[1], strict=True))


def test_a_bar_counts_the_steps_of_a_run_that_takes_its_time_and_only_of_that(capfd, monkeypatch):
    run()  # quicker than two seconds
    assert capfd.readouterr() == ("", "")
    monkeypatch.setattr(progress, "DELAY", 0.0)
    run(progress=False)
    assert capfd.readouterr() == ("", "")
    run()
    out, err = capfd.readouterr()
    assert out == ""
    assert "12" in err
    with progress.silent():
        run()
    assert capfd.readouterr() == ("", "")


def test_in_a_notebook_a_bar_leaves_no_red_strip(capfd, monkeypatch):
    """What goes to the error stream stands on red there, even when it has been wiped out."""
    in_kernel = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})()
    monkeypatch.setattr(progress, "DELAY", 0.0)
    monkeypatch.setattr(sys, "stdout", in_kernel)
    run()
    assert "12" in in_kernel.getvalue()
    assert capfd.readouterr().err == ""


def test_trained_biases_inside_attention_learn_faster():
    plain = [len(group["params"]) for group in _groups(decoder(encoding="rope"), SHORT)]
    assert len(plain) == 1
    model = decoder(encoding="t5")
    others, biases = _groups(model, SHORT)
    assert (others["rate_factor"], biases["rate_factor"]) == (1.0, SHORT.bias_rate_factor)
    bias = model.layers[0].attention.encoding.weight
    assert [id(p) for p in biases["params"]] == [id(bias)]  # one object, though two layers share it
    assert len(others["params"]) + 1 == len(list(model.parameters()))
    outside = decoder(encoding="none")
    outside.stack.at_start = nn.Linear(
        2, 2
    )  # what stands at the embeddings learns at the plain rate
    assert len(_groups(outside, SHORT)) == 1


def test_a_step_is_no_longer_than_the_clip():
    """Two batches of very different gradients: Adam's second moment remembers the clipped one."""

    def moved(clip):
        model = seeded(lambda: nn.Linear(1, 1), 0)
        start = model.weight.item()
        sizes = iter([1e6, 1.0])

        def line(generator, rows):
            x = torch.ones(rows, 1)
            return Batch(x, next(sizes) * x)

        plan = Training(steps=2, rate=0.1, clip=clip, warm_up=0.0, decay=0.0)
        train(model, line, plan, seed=0, loss=nn.functional.mse_loss)
        return model.weight.item() - start

    assert moved(1.0) != pytest.approx(moved(1e12))


@pytest.mark.bad_input
def test_a_loss_that_is_not_finite_is_refused():
    def broken(generator, rows):
        return Batch(torch.full((rows, 1), math.nan), torch.zeros(rows, 1))

    model = nn.Linear(1, 1)
    with pytest.raises(ValueError, match="loss at step 5 = nan"):
        train(model, broken, SHORT, seed=0, loss=nn.functional.mse_loss)


@pytest.mark.bad_input
def test_bad_calls_are_refused():
    with pytest.raises(ValueError, match="seed"):
        train(nn.Linear(1, 1), draw, SHORT, seed=-1)
    with pytest.raises(TypeError, match="seed"):
        seeded(lambda: nn.Linear(1, 1), 0.5)
    with pytest.raises(ValueError, match="validation split"):
        train(nn.Linear(1, 1), draw, Training(patience=1), seed=0)
    with pytest.raises(TypeError, match="progress"):
        train(decoder(), draw, SHORT, seed=0, progress="yes")
