"""Figures of notebook 10: an image cut into tokens, similarity on the grid, and the results."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from torch import Tensor

from posenc_lib.experiments.data.digit_images import image_tokens
from posenc_lib.experiments.parts.records import Results
from posenc_lib.experiments.pictures.digit_models import ACCURACY, SHUFFLED
from posenc_lib.lessons.similarity import cosine_matrix
from posenc_lib.plots.palette import look_of
from posenc_lib.plots.teaching_figure import (
    CYCLE,
    TeachingFigure,
    draw_heatmap,
    settled,
    teaching_style,
)
from posenc_lib.plots.views import Heatmap

CHANCE = 0.1


def cut(image: Float[Tensor, "rows columns"], side: int = 2) -> TeachingFigure:
    """An image with the number of each token in its square, and the tokens one below the other.

    >>> cut(Tensor([[0.0, 1.0], [1.0, 0.0]]), 1).alt[:35]
    'An image of 2 x 2 pixels in 4 squar'
    """
    tokens = image_tokens(image[None], side)[0].numpy()
    rows, columns = image.shape
    across = columns // side
    figure = TeachingFigure(
        f"An image of {rows} x {columns} pixels in {len(tokens)} squares of {side} x {side}, "
        f"numbered row by row: 0 to {across - 1} in the first row, then {across} below 0. Right, "
        f"the matrix of the tokens, one in a row, {tokens.shape[1]} grey values each.",
        (10.0, 4.6),
    )
    look: dict[str, Any] = {"limits": (0, 1), "palette": "sequential", "numbers": False}
    with teaching_style():
        left, right = figure.subplots(1, 2, width_ratios=(3, 2))
        labels = ("row (pixels)", "column (pixels)", "grey value")
        draw_heatmap(left, Heatmap("the image and its tokens", image, *labels, square=True, **look))
        left.images[0].colorbar.remove()
        for token in range(len(tokens)):
            row, column = divmod(token, across)
            at = (column * side - 0.5, row * side - 0.5)
            left.add_patch(Rectangle(at, side, side, fill=False, edgecolor="white", linewidth=1))
            left.text(
                at[0] + 0.12, at[1] + 0.12, str(token), ha="left", va="top",
                fontsize=12 if side > 1 else 8,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
            )  # fmt: skip
        names = ("token", "grey value of the token", "grey value")
        draw_heatmap(right, Heatmap("what the model reads", tokens, *names, **look))
        right.set_xticks(range(tokens.shape[1]))
    return settled(figure)


def maps(
    alike: Mapping[str, Float[np.ndarray, "rows columns"]], patch: tuple[int, int]
) -> TeachingFigure:
    """Similarity of one patch with all others, a map for each encoding; a cross marks the patch.

    The patch must have one below it.

    >>> maps({"same": np.ones((2, 3))}, (0, 1)).alt[-60:]
    'same: the next token 1.00, the patch below 1.00, least 1.00.'
    """
    row, column = patch
    told = []
    for name, values in alike.items():
        below, following = values[row + 1, column], values.flat[row * values.shape[1] + column + 1]
        told.append(
            f"{name}: the next token {following:.2f}, the patch below {below:.2f}, "
            f"least {values.min():.2f}"
        )
    figure = TeachingFigure(
        f"Similarity of patch ({row}, {column}), marked by a cross, with every patch of its grid. "
        f"{'; '.join(told)}.",
        (3.6 * len(alike) + 0.6, 4.0),
    )
    labels = ("row (patches)", "column (patches)", "similarity")
    least = min(float(values.min()) for values in alike.values())
    limits = (math.floor(10 * min(least, 0.9)) / 10, 1.0)  # one scale for all, as wide as they need
    with teaching_style():
        faces = figure.subplots(1, len(alike), squeeze=False)[0]
        for face, (name, values) in zip(faces, alike.items(), strict=True):
            view = Heatmap(name, values, *labels, limits, "sequential", square=True, numbers=False)
            draw_heatmap(face, view)
            face.plot(column, row, "x", color="black", markersize=9, markeredgewidth=2)
            if face is not faces[-1]:
                face.images[0].colorbar.remove()
    return settled(figure)


def learned_map(
    table: Float[np.ndarray, "cells dim"],
    ink: Float[np.ndarray, "rows columns"],
    patch: tuple[int, int],
    *,
    blank: float = 0.05,
) -> TeachingFigure:
    """How much ink each place of the images has, and the learned similarity of one with all.

    Places whose mean grey value is below `blank` count as margin.

    >>> learned_map(np.eye(4), np.eye(2), (0, 1)).alt[-66:]
    'Mean similarity with the rest of the margin 0.0, with the ink 0.0.'
    """
    row, column = patch
    cell = row * ink.shape[1] + column
    similar = cosine_matrix(table)[cell].reshape(ink.shape)
    margin, other = ink < blank, np.ones(ink.shape, dtype=bool)
    other[row, column] = False
    near, far = (similar[part & other].mean() for part in (margin, ~margin))
    figure = TeachingFigure(
        "Two maps of the same pixels. Left, the mean grey value of the training images: bright in "
        f"the middle, dark at the sides. Right, the similarity of the learned vector of pixel "
        f"({row}, {column}) with all. Mean similarity with the rest of the margin "
        f"{near:.1f}, with the ink {far:.1f}.",
        (9.0, 4.2),
    )
    labels = ("row (pixels)", "column (pixels)")
    views = (
        Heatmap(
            "mean of the training images", ink, *labels, "grey value", (0, 1), "sequential",
            square=True, numbers=False,
        ),
        Heatmap(
            f"learned: cosine with ({row}, {column})", similar, *labels, "cosine", (-1, 1),
            square=True, numbers=False,
        ),
    )  # fmt: skip
    with teaching_style():
        for face, view in zip(figure.subplots(1, 2), views, strict=True):
            draw_heatmap(face, view)
            face.plot(column, row, "x", color="white" if view is views[0] else "black", ms=9, mew=2)
    return settled(figure)


def results(found: Results, counted: Mapping[str, float]) -> TeachingFigure:
    """Test accuracy of every encoding, mean and spread over the seeds, in order and shuffled.

    `counted` is, for each task, what counting the tokens gives without a Transformer
    (`experiments.counting`): a line beside that of chance.

    >>> from posenc_lib.experiments import full_results
    >>> results(full_results("digits"), {"pixels": 0.3, "patches": 0.5}).alt[:31]
    'Share of test images right, mea'
    """
    tasks, names = found.values("task"), found.values("encoding")
    titles = ["sinusoidal 1-D" if n == "sinusoidal" else look_of(n).title for n in names]
    told = []
    for task in tasks:
        numbers = [found.mean(task=task, encoding=n, metric=ACCURACY) for n in names]
        mixed = [found.mean(task=task, encoding=n, metric=SHUFFLED) for n in names]
        pairs = zip(titles, numbers, mixed, strict=True)
        each = ", ".join(f"{title} {right:.3f} and {moved:.3f}" for title, right, moved in pairs)
        told.append(f"{task}: {each}; counting {counted[task]:.2f}")
    figure = TeachingFigure(
        f"Share of test images right, mean over {len(found.values('seed'))} seeds with the spread "
        f"as a bar, first in order, then shuffled; chance is {CHANCE:g}. {'; '.join(told)}.",
        (10.0, 4.8),
    )
    with teaching_style():
        faces = figure.subplots(1, len(tasks), sharey=True, squeeze=False)[0]
        for face, task in zip(faces, tasks, strict=True):
            _points(face, found.where(task=task), names)
            face.axhline(CHANCE, color="grey", linestyle="--", linewidth=1.2, label="chance")
            face.axhline(
                counted[task], color=CYCLE[2], linestyle=":", linewidth=2.2,
                label="counting, no Transformer",
            )  # fmt: skip
            face.set_xticks(range(len(names)), [title.replace(" ", "\n", 1) for title in titles])
            face.tick_params(axis="x", labelsize=11)
            tokens = found.where(task=task).values("at")[0]
            face.set(title=f"{tokens} {task}", xlabel="encoding", ylim=(0, 1.03))
            face.grid(alpha=0.3, axis="y")
        faces[0].set_ylabel("share of test images right")
        figure.legend(*faces[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return settled(figure)


def _points(face: Axes, found: Results, names: Sequence[str]) -> None:
    """A circle for the images in order, a diamond for the shuffled ones, each with its spread."""
    kinds = ((ACCURACY, "in order", "o"), (SHUFFLED, "tokens shuffled", "D"))
    for (metric, label, marker), colour, aside in zip(kinds, CYCLE, (-0.12, 0.12), strict=False):
        shown = [found.where(metric=metric, encoding=name) for name in names]
        face.errorbar(
            [place + aside for place in range(len(names))], [one.mean() for one in shown],
            [one.spread() for one in shown], fmt=marker, color=colour, markersize=7, capsize=4,
            label=label,
        )  # fmt: skip
