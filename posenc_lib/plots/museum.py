"""Figures of notebook 11: what a fault looks like beside the mended form."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float

from posenc_lib.faults.absolute import half_precision_angles
from posenc_lib.faults.relative import causal_shift
from posenc_lib.plots.teaching_figure import (
    TeachingFigure,
    draw_heatmap,
    settled,
    teaching_style,
    views_figure,
)
from posenc_lib.plots.views import Curves, Heatmap


def shift_matrices(n: int) -> dict[str, Float[np.ndarray, "{n} {n}"]]:
    """Key minus query for n positions through each shift: the right one and the causal one.

    >>> shift_matrices(2)["causal shift"]
    array([[ 0.,  0.],
           [-1.,  0.]])
    """
    distances = torch.arange(1.0 - n, n, dtype=torch.float64).expand(n, -1)
    made = {"right": causal_shift.right(distances), "causal shift": causal_shift(distances)}
    return {name: matrix.numpy() for name, matrix in made.items()}


def shifts(n: int = 8) -> TeachingFigure:
    """The distance that each pair is given, by the right shift and by the causal one.

    >>> shifts(4).alt[:31]
    'The distance that each of 4 x 4'
    """
    right, wrong = shift_matrices(n).values()
    future = np.triu(np.ones((n, n), bool), 1)
    figure = TeachingFigure(
        f"The distance that each of {n} x {n} pairs is given. Right: {right.min():.0f} to "
        f"{right.max():.0f}. Causal shift: the same on and below the diagonal; of the "
        f"{future.sum()} pairs above it {(wrong != right)[future].sum()} are wrong, none above 0.",
        (10.0, 4.4),
    )
    labels = ("query", "key", "key minus query (positions)")
    with teaching_style():
        all_axes = figure.subplots(1, 2)
        for axes, (name, matrix) in zip(all_axes, shift_matrices(n).items(), strict=True):
            view = Heatmap(name, matrix, *labels, limits=(1.0 - n, n - 1.0), square=True)
            draw_heatmap(axes, view)
        all_axes[0].images[0].colorbar.remove()
    return settled(figure)


def cosine_columns(
    positions: Float[np.ndarray, " length"] | range, dim: int, pair: int
) -> dict[str, Float[np.ndarray, " length"]]:
    """The cosine of one pair along the positions, from angles in float64 and in float16.

    >>> cosine_columns(range(1), 4, 0)["float16 angles"]
    array([1.])
    """
    at = torch.as_tensor(list(positions))
    made = {
        "float64 angles, rounded last": half_precision_angles.right(at, dim),
        "float16 angles": half_precision_angles(at, dim),
    }
    return {name: table[:, pair].double().numpy() for name, table in made.items()}


def half_precision(
    *, first: int = 1950, last: int = 2000, dim: int = 64, pair: int = 2
) -> TeachingFigure:
    """`cosine_columns` far out: the fault draws another wave.

    >>> half_precision(first=0, last=5).alt[:28]
    'Cosine of pair 2 at position'
    """
    positions = range(first, last + 1)
    curves = cosine_columns(positions, dim, pair)
    apart = np.abs(np.subtract(*curves.values())).max()
    view = Curves(
        f"pair {pair} of dim {dim}", np.array(positions), np.array(list(curves.values())),
        list(curves), "position", "cosine", (-1.1, 1.1),
    )  # fmt: skip
    words = (
        f"Cosine of pair {pair} at positions {first} to {last}, dim {dim}: from float64 "
        f"angles a wave, from float16 angles steps beside it. Farthest apart: {apart:.2f}."
    )
    return settled(views_figure([view], words))
