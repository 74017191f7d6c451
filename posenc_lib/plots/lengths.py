"""Figures of notebook 07: loss against length, the controls, the loss at each place, biases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from numpy.typing import NDArray
from torch import Tensor

from posenc_lib.experiments.data.sequences import NOISE_FLOOR
from posenc_lib.experiments.lengths.train_short import (
    ACCURACY,
    LOSS,
    SCALED,
    SLIDING,
    WINDOW,
)
from posenc_lib.experiments.parts.records import Results
from posenc_lib.plots.palette import look_of
from posenc_lib.plots.teaching_figure import (
    CYCLE,
    TeachingFigure,
    settled,
    teaching_style,
    views_figure,
)
from posenc_lib.plots.views import Curves
from posenc_lib.scores.t5 import T5Bias

MARKERS = "os^"
READINGS = {"plain": LOSS, "window of 32 keys": WINDOW, "sliding": SLIDING}
Means = dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]  # encoding to mean and spread
BARS: dict[str, Any] = {"linewidth": 1.8, "markersize": 6, "capsize": 4}


def means(results: Results, task: str, metric: str) -> Means:
    """Encoding to its means and its spreads over the seeds, one for each length.

    >>> from posenc_lib.experiments import Record
    >>> two = Results(Record("sum", "rope", seed, 32, "accuracy", seed / 2) for seed in (0, 1))
    >>> [values.round(3).tolist() for values in means(two, "sum", "accuracy")["rope"]]
    [[0.25], [0.354]]
    """
    chosen = results.where(task=task, metric=metric)
    return {
        name: (
            np.array([chosen.mean(encoding=name, at=at) for at in chosen.values("at")]),
            np.array([chosen.spread(encoding=name, at=at) for at in chosen.values("at")]),
        )
        for name in chosen.values("encoding")
    }


def losses(results: Results, *, task: str = "text", metric: str = LOSS) -> TeachingFigure:
    """A metric against the length read: the trained encodings, and RoPE with its scalings.

    >>> from posenc_lib.experiments import full_results
    >>> losses(full_results("extrapolation")).alt[:33]
    'text: loss in nats against length'
    """
    found = means(results, task, metric)
    lengths = results.where(task=task, metric=metric).values("at")
    sides = {"one model for each": list(_without_scaled(found))}
    if scaled := [name for name in found if name in SCALED]:
        sides["one RoPE model, angles scaled"] = ["rope", *scaled]
    told = ", ".join(f"{look_of(n).title} {m[0]:.2f} to {m[-1]:.2f}" for n, (m, _) in found.items())
    figure = TeachingFigure(
        f"{task}: {metric} against length, {lengths[0]} to {lengths[-1]} tokens, trained on "
        f"{lengths[0]}, which a line marks; mean and spread over the seeds. From {lengths[0]} to "
        f"{lengths[-1]}: {told}.",
        (11.0, 5.6),
    )
    with teaching_style():
        faces = figure.subplots(1, len(sides), sharey=True, squeeze=False)[0]
        for axes, (title, names) in zip(faces, sides.items(), strict=True):
            _with_bars(axes, lengths, {name: found[name] for name in names})
            axes.set(title=title, xlabel="length read (tokens)")
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)
        faces[0].set_ylabel(metric)
    return settled(figure)


def tasks(results: Results) -> TeachingFigure:
    """Induction, which can be learned, and noise, which cannot, each on a scale of its own.

    >>> from posenc_lib.experiments import full_results
    >>> tasks(full_results("extrapolation")).alt[:20]
    'Left, induction: acc'
    """
    right = _without_scaled(means(results, "induction", ACCURACY))
    flat = _without_scaled(means(results, "noise", LOSS))
    lengths = results.where(task="noise", metric=LOSS).values("at")
    told = ", ".join(f"{look_of(n).title} {m[0]:.2f} to {m[-1]:.2f}" for n, (m, _) in right.items())
    worst = max(float(np.abs(m / NOISE_FLOOR - 1).max()) for m, _ in flat.values())
    figure = TeachingFigure(
        f"Left, induction: accuracy against length, {lengths[0]} to {lengths[-1]} tokens: {told}. "
        f"Right, noise: the loss of every encoding within {worst:.2%} of log 10. A line marks the "
        f"trained length, {lengths[0]} tokens.",
        (11.0, 5.4),
    )
    with teaching_style():
        faces = figure.subplots(1, 2)
        _with_bars(faces[0], lengths, right)
        faces[0].set(title="induction", ylabel="accuracy", ylim=(0, 1.05))
        _with_bars(faces[1], lengths, flat)
        faces[1].axhline(NOISE_FLOOR, color="black", linewidth=1, linestyle="--")
        faces[1].text(lengths[-1], NOISE_FLOOR + 0.1, "log 10", va="bottom", ha="right")
        faces[1].set(title="noise", ylabel="loss in nats", ylim=(0, 4))
        for axes in faces:
            axes.set_xlabel("length read (tokens)")
        figure.legend(*faces[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return settled(figure)


def readings(results: Results, at: int = 256) -> TeachingFigure:
    """The loss on text at one length, read in three ways, beside the loss at the trained length.

    >>> from posenc_lib.experiments import full_results
    >>> readings(full_results("extrapolation")).alt[:27]
    'Loss on text at 256 tokens:'
    """
    found = {title: means(results, "text", metric) for title, metric in READINGS.items()}
    lengths = results.where(task="text", metric=LOSS).values("at")
    place, names = lengths.index(at), list(found["sliding"])
    told = "; ".join(
        f"{look_of(name).title} " + ", ".join(f"{found[way][name][0][place]:.2f}" for way in found)
        for name in names
    )
    figure = TeachingFigure(
        f"Loss on text at {at} tokens: {', '.join(found)}. {told}. A grey line marks the loss at "
        f"{lengths[0]} tokens.",
        (10.0, 5.2),
    )
    with teaching_style():
        axes = figure.subplots()
        for row, name in enumerate(names):
            start = found["plain"][name][0][0]
            axes.plot([start, start], [row - 0.35, row + 0.35], color="grey", linewidth=3)
        for index, (way, values) in enumerate(found.items()):
            axes.errorbar(
                [values[name][0][place] for name in names],
                np.arange(len(names)) + 0.2 * (index - 1),
                xerr=[values[name][1][place] for name in names],
                fmt=MARKERS[index], color=CYCLE[index], label=way, **BARS,
            )  # fmt: skip
        axes.plot([], [], color="grey", linewidth=3, label=f"at {lengths[0]} tokens")
        axes.set_yticks(range(len(names)), [look_of(name).title for name in names])
        axes.invert_yaxis()
        axes.set_xlabel("loss in nats")
        axes.grid(alpha=0.3, axis="x")
        figure.legend(loc="outside lower center", ncols=4)
    return settled(figure)


def by_place(each: Mapping[str, Tensor], trained: int = 32) -> TeachingFigure:
    """The mean loss at each place of the row, a small picture for each (rows, place).

    >>> by_place({"rope": torch.zeros(1, 40)}).alt[-35:]
    'RoPE stays below half of a guesser.'
    """
    told = []
    for name, found in each.items():
        times = float(found[:, trained:].nanmean()) / NOISE_FLOOR
        told.append(f"{look_of(name).title} {_beside_guessing(times)}")
    figure = TeachingFigure(
        f"Loss at each place of the row, as long as in training up to place {trained - 1}. From "
        f"place {trained} on: {', '.join(told)}.",
        (11.0, 2.6 * -(-len(each) // 3) + 0.4),
    )
    with teaching_style():
        faces = figure.subplots(-(-len(each) // 3), 3, sharex=True, sharey=True, squeeze=False)
        for axes, (name, found) in zip(faces.flat, each.items(), strict=False):
            axes.plot(found.nanmean(0), color=look_of(name).colour, linewidth=1.2)
            axes.axvline(trained - 0.5, color="grey", linewidth=1.2)
            axes.axhline(NOISE_FLOOR, color="black", linewidth=1, linestyle="--")
            axes.set_title(look_of(name).title)
            axes.grid(alpha=0.3)
        for axes in list(faces.flat)[len(each) :]:
            axes.set_visible(False)
        figure.supxlabel("place in the row (tokens); grey line: trained length; dashed: guessing")
        figure.supylabel("loss (nats)")
    return settled(figure)


def trained_biases(biases: Mapping[str, T5Bias], farthest: int = 64) -> TeachingFigure:
    """What training left in T5's numbers: the bias of each distance, averaged over the heads.

    >>> trained_biases({"fresh": T5Bias(2, bidirectional=False)}, 3).alt[:29]
    'Trained T5 bias against steps'
    """
    steps = torch.arange(farthest)
    with torch.no_grad():
        curves = [bias.by_distance(-steps).mean(0) for bias in biases.values()]
    told = ", ".join(
        f"{name} {'near 0' if abs(float(curve[-1])) < 0.3 else 'trained'}"
        for name, curve in zip(biases, curves, strict=True)
    )
    view = Curves(
        "bias, mean of the heads", steps, torch.stack(curves), list(biases),
        "steps back (tokens)", "added to the score",
    )  # fmt: skip
    words = (
        f"Trained T5 bias against steps back, 0 to {farthest - 1}, mean of the heads. At "
        f"{farthest - 1} steps back: {told}."
    )
    return settled(views_figure([view], words))


def _beside_guessing(times: float) -> str:
    """In words that another machine repeats: trained numbers differ a little."""
    if times < 0.5:
        return "stays below half of a guesser"
    return "loses more than a guesser" if times > 1.5 else "guesses"


def _without_scaled(found: Means) -> Means:
    return {name: values for name, values in found.items() if name not in SCALED}


def _with_bars(axes: Axes, lengths: Sequence[int], found: Means) -> None:
    """One line a name over lengths on a logarithmic axis, with its spread, each in its own look.

    A line marks the shortest length, which is the trained one.
    """
    axes.axvline(lengths[0], color="grey", linewidth=1.2)
    axes.annotate(
        "trained length", (lengths[0], 1), xycoords=("data", "axes fraction"), xytext=(4, -2),
        textcoords="offset points", va="top", fontsize=11, color="#444444",
    )  # fmt: skip
    for name, (mean, spread) in found.items():
        look = look_of(name)
        axes.errorbar(
            lengths, mean, yerr=spread, marker=look.marker, linestyle=look.dashes,
            color=look.colour, label=look.title, **BARS,
        )  # fmt: skip
    axes.set_xscale("log", base=2)
    axes.set_xticks(list(lengths), [str(length) for length in lengths])
    axes.grid(alpha=0.3)
