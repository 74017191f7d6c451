"""Figures of notebook 08: what an order is to attention, and how well it is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from posenc_lib.experiments.parts.records import Results
from posenc_lib.plots.palette import look_of
from posenc_lib.plots.teaching_figure import (
    TeachingFigure,
    draw_heatmap,
    settled,
    teaching_style,
)
from posenc_lib.plots.views import Heatmap


def signed_distances(order: Sequence[int]) -> NDArray[np.int64]:
    """[a, b] = place of word b minus place of word a, when place p holds word order[p].

    >>> signed_distances([2, 0, 1])
    array([[ 0,  1, -1],
           [-1,  0, -2],
           [ 1,  2,  0]])
    """
    place = np.argsort(order)
    return place[None] - place[:, None]


def distances(words: Sequence[str], orders: Mapping[str, Sequence[int]]) -> TeachingFigure:
    """How far apart the same words stand in several orders, as `signed_distances`.

    `orders` maps a title to the numbers of the words in their new order; the rows and columns
    of every map are the words in the first one.

    >>> distances(["a", "b"], {"there": [0, 1], "back": [1, 0]}).alt.split("; ")[1]
    'back, "b a": same distance 1 of 1, same sign 0 of 1.'
    """
    maps = {title: signed_distances(order) for title, order in orders.items()}
    first, *_ = maps.values()
    pairs = np.triu_indices(len(words), 1)
    told = "; ".join(
        f'{title}, "{" ".join(words[n] for n in orders[title])}": same distance '
        f"{int((abs(found) == abs(first))[pairs].sum())} of {len(pairs[0])}, same sign "
        f"{int((np.sign(found) == np.sign(first))[pairs].sum())} of {len(pairs[0])}"
        for title, found in maps.items()
    )
    figure = TeachingFigure(
        f"Key minus query for each pair of words, a map an order. Pairs as in the first: {told}.",
        (3.5 * len(maps), 4.3),
    )
    largest = len(words) - 1
    with teaching_style():
        for axes, (title, found) in zip(
            np.atleast_1d(figure.subplots(1, len(maps))), maps.items(), strict=True
        ):
            name = f"{title}:\n{' '.join(words[n] for n in orders[title])}"
            view = Heatmap(
                name, found, "query", "key", "key minus query (positions)", (-largest, largest),
                row_ticks=words, column_ticks=words, square=True,
            )  # fmt: skip
            draw_heatmap(axes, view)
            axes.images[0].colorbar.remove()  # the numbers stand in the cells
            axes.tick_params(axis="x", labelrotation=45)
    return settled(figure)


def accuracies(results: Results) -> TeachingFigure:
    """Accuracy for each task and model: a dot a seed, a bar from the mean to one spread each way.

    The dashed line is the bag of words.

    >>> from posenc_lib.experiments import full_results
    >>> accuracies(full_results("text_order").where(task="topic")).alt[:31]
    'Test accuracy in topic: bag of '
    """
    tasks, names = results.values("task"), results.values("encoding")
    told = "; ".join(
        f"{task}: " + ", ".join(f"{look_of(n).title} {_of(results, task, n)}" for n in names)
        for task in tasks
    )
    figure = TeachingFigure(f"Test accuracy in {told}.", (3.4 * len(tasks) + 1.2, 4.4))
    with teaching_style():
        all_axes = np.atleast_1d(figure.subplots(1, len(tasks), sharey=True))
        for axes, task in zip(all_axes, tasks, strict=True):
            found = results.where(task=task)
            axes.axvline(found.mean(encoding=names[0]), color="grey", linestyle="--", linewidth=1)
            for row, name in enumerate(names):
                _dots(axes, found.where(encoding=name), row, look_of(name).colour)
            axes.set(title=task, xlabel="accuracy (share right)", xlim=(0.45, 0.95))
            axes.grid(alpha=0.3)
        all_axes[0].set_yticks(range(len(names)), [look_of(name).title for name in names])
        all_axes[0].invert_yaxis()
    return settled(figure)


def budget(results: Results, *, usual: int = 800) -> TeachingFigure:
    """`order_budget`: accuracy against the number of words, and after more training steps.

    `usual` is the number of steps of the task "places".

    >>> from posenc_lib.experiments import full_results
    >>> budget(full_results("order_budget")).alt[:33]
    'Test accuracy, real or reversed. '
    """
    places, names = results.where(task="places"), results.values("label")
    longest = max(places.values("at"))
    steps = results.where(task="steps")
    told = "; ".join(
        f"{look_of(name).title} "
        + ", ".join(f"{places.mean(label=name, at=n):.2f}" for n in places.values("at"))
        + ", then "
        + ", ".join(f"{steps.mean(label=name, at=n):.2f}" for n in steps.values("at"))
        for name in names
    )
    figure = TeachingFigure(
        f"Test accuracy, real or reversed. For {_numbers(places)} words after {usual} steps, then "
        f"for {longest} words after {_numbers(steps)} steps: {told}.",
        (10.0, 4.8),
    )
    with teaching_style():
        left, right = figure.subplots(1, 2, sharey=True)
        for name in names:
            here, look = places.where(label=name), look_of(name)
            more = [(usual, here.where(at=longest))]
            more += [(at, steps.where(label=name, at=at)) for at in steps.values("at")]
            for axes, line in (
                (left, [(at, here.where(at=at)) for at in here.values("at")]),
                (right, more),
            ):
                axes.errorbar(
                    [at for at, _ in line], [found.mean() for _, found in line],
                    [found.spread() for _, found in line], label=look.title,
                    color=look.colour, linestyle=look.dashes, marker=look.marker, capsize=4,
                )  # fmt: skip
        left.set(title=f"after {usual} steps", xlabel="words in a window", ylabel="accuracy")
        left.set_xticks(places.values("at"))
        right.set(title=f"windows of {longest} words", xlabel="training steps")
        right.set_xticks([usual, *steps.values("at")])
        for axes in (left, right):
            axes.grid(alpha=0.3)
            axes.axhline(0.5, color="grey", linestyle="--", linewidth=1)
        handles = left.get_legend_handles_labels()
        figure.legend(*handles, loc="outside lower center", ncols=3)
    return settled(figure)


def _numbers(results: Results) -> str:
    return ", ".join(str(at) for at in results.values("at"))


def _of(results: Results, task: str, name: str) -> str:
    found = results.where(task=task, encoding=name)
    return f"{found.mean():.3f} ± {found.spread():.3f}"


def _dots(axes: Axes, found: Results, row: int, colour: str) -> None:
    axes.errorbar(
        found.mean(), row, xerr=found.spread(), color=colour, capsize=5, marker="|", markersize=14
    )
    axes.plot(
        [record.value for record in found], [row] * len(found), "o", color=colour, markersize=5,
        alpha=0.6,
    )  # fmt: skip
