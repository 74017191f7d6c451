"""Figures of notebook 06: a pair that turns, the two layouts, decay, and scaled wavelengths."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from posenc_lib.plots.teaching_figure import (
    CYCLE,
    TeachingFigure,
    draw_heatmap,
    settled,
    teaching_style,
    views_figure,
)
from posenc_lib.plots.views import Curves, Heatmap, number
from posenc_lib.rotary.llama3 import Llama3Rotary
from posenc_lib.rotary.ntk import NtkRotary
from posenc_lib.rotary.position_interpolation import InterpolatedRotary
from posenc_lib.rotary.rope import RotaryEncoding
from posenc_lib.rotary.rotation import LAYOUTS, rotate
from posenc_lib.rotary.yarn import YarnRotary


def same_angle(places: Sequence[tuple[int, int]], *, frequency: float = 0.4) -> TeachingFigure:
    """One pair of a query and of a key, turned to (query, key) positions: the gap stays.

    The query starts at angle 0.3 and length 1, the key at angle 1.0 and length 0.8.

    >>> same_angle([(0, 2), (5, 7)]).alt[-43:]
    'query 0, key 2: 0.06; query 5, key 7: 0.06.'
    """
    angles, lengths = np.array([0.3, 1.0]), np.array([1.0, 0.8])
    turned = [angles + frequency * np.array(place) for place in places]
    tips = [lengths * np.exp(1j * angle) for angle in turned]
    dots = [float((query * np.conj(key)).real) for query, key in tips]
    told = "; ".join(
        f"query {i}, key {j}: {dot:.2f}" for (i, j), dot in zip(places, dots, strict=True)
    )
    figure = TeachingFigure(
        f"One pair of a query and a key as arrows, turned by {frequency:g} radians a position. "
        "The angle between them, and the dot product, depend on key minus query. Dot products: "
        f"{told}.",
        (3.4 * len(places), 4.5),
    )
    with teaching_style():
        faces = np.atleast_1d(figure.subplots(1, len(places)))
        around = np.linspace(0, 2 * np.pi, 100)
        for face, (i, j), pair, angle, dot in zip(faces, places, tips, turned, dots, strict=True):
            face.plot(np.cos(around), np.sin(around), color="grey", linewidth=1)
            for name, tip, colour in zip(("query", "key"), pair, CYCLE, strict=False):
                face.plot([0, tip.real], [0, tip.imag], color=colour, linewidth=3, label=name)
                face.plot(tip.real, tip.imag, "o", color=colour)
            between = np.linspace(angle[0], angle[1], 40)
            face.plot(0.35 * np.cos(between), 0.35 * np.sin(between), color="black", linewidth=1.5)
            face.set_title(f"query at {i}, key at {j}\nq · k = {dot:.2f}")
            face.set(
                aspect="equal", xticks=[], yticks=[], xlabel="first feature",
                ylabel="second feature", xlim=(-1.1, 1.1), ylim=(-1.1, 1.1),
            )  # fmt: skip
        figure.legend(*faces[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return settled(figure)


def rotation_matrices(
    head_dim: int, position: int, *, base: float = 10.0
) -> dict[str, NDArray[np.float64]]:
    """The matrix R with turned = R x, in each layout. The small base lets every pair turn visibly.

    >>> rotation_matrices(2, 0)["half"]
    array([[1., 0.],
           [0., 1.]])
    """
    angles = RotaryEncoding(head_dim, base=base).angles(torch.tensor([position]))
    unit = torch.eye(head_dim, dtype=torch.float64)  # row n: feature n alone
    spread = angles.expand(head_dim, -1)
    return {name: rotate(unit, spread, layout=name).T.numpy() + 0.0 for name in LAYOUTS}


def layouts(head_dim: int, *, position: int = 1) -> TeachingFigure:
    """Which features turn together: the rotation matrix of one position in both layouts.

    >>> layouts(4).alt[:28]
    'The matrix that turns 4 feat'
    """
    matrices = rotation_matrices(head_dim, position)
    half = head_dim // 2
    figure = TeachingFigure(
        f"The matrix that turns {head_dim} features at position {position}, base 10. "
        f"Interleaved: {half} blocks of 2 by 2 along the diagonal, features 0 and 1 together. "
        f"Half: the same numbers on three diagonals, features 0 and {half} together.",
        (10.0, 4.4),
    )
    labels = ("feature out", "feature in", "entry of the matrix")
    with teaching_style():
        all_axes = figure.subplots(1, 2)
        for axes, (name, matrix) in zip(all_axes, matrices.items(), strict=True):
            shown = np.where(np.abs(matrix) > 1e-12, matrix, 0.0)
            draw_heatmap(axes, Heatmap(name, shown, *labels, limits=(-1, 1), square=True))
        all_axes[0].images[0].colorbar.remove()
    return settled(figure)


def decay_curves(head_dim: int, longest: int, *, draws: int = 256) -> dict[str, NDArray]:
    """Scores q . k / sqrt(head_dim) at distances 0 .. longest - 1: ones, one draw, RMS of many.

    >>> decay_curves(4, 1)["q = k, all ones"]
    array([2.])
    """
    rope = RotaryEncoding(head_dim)
    generator = torch.Generator().manual_seed(0)
    q, k = torch.randn(2, draws, head_dim, generator=generator, dtype=torch.float64)
    distance = torch.arange(longest)

    def scores(query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        """(rows, distances): the keys turned to every distance, the query left at 0."""
        turned = rope.turn(key[:, None, None].expand(-1, 1, longest, -1), distance)[:, 0]
        return torch.einsum("nd,nld->nl", query, turned) / math.sqrt(head_dim)

    ones = torch.ones(1, head_dim, dtype=torch.float64)
    random = scores(q, k)
    made = {
        "q = k, all ones": scores(ones, ones)[0],
        "one random q, k": random[0],
        f"RMS of {draws} random q, k": random.square().mean(0).sqrt(),
    }
    return {name: curve.numpy() for name, curve in made.items()}


def decay(head_dim: int = 64, longest: int = 512) -> TeachingFigure:
    """`decay_curves` against distance.

    >>> decay(8, 20).alt[:26]
    'Score against distance 0 t'
    """
    curves = decay_curves(head_dim, longest)
    ends = "; ".join(f"{name} {c[0]:.2f} to {c[-1]:.2f}" for name, c in curves.items())
    view = Curves(
        "score against distance", np.arange(longest), np.array(list(curves.values())),
        list(curves), "distance of query and key (positions)", "q · k / √head_dim",
    )  # fmt: skip
    words = (
        f"Score against distance 0 to {longest - 1} at head_dim {head_dim}, first and last "
        f"value: {ends}. Only the curve of constant vectors falls, in waves."
    )
    return settled(views_figure([view], words))


def wavelength_curves(
    head_dim: int, factor: float, trained_length: int
) -> dict[str, NDArray[np.float64]]:
    """Positions for one turn of each pair: plain and scaled four ways, all at base 10,000.

    >>> wavelength_curves(4, 2.0, 16)["PI"] / wavelength_curves(4, 2.0, 16)["plain"]
    array([2., 2.])
    """
    made = {
        "plain": RotaryEncoding(head_dim),
        "PI": InterpolatedRotary(head_dim, factor),
        "NTK": NtkRotary(head_dim, factor),
        "YaRN": YarnRotary(head_dim, factor, trained_length=trained_length),
        "Llama 3.1": Llama3Rotary(head_dim, factor, trained_length=trained_length, base=10000.0),
    }
    return {name: (2 * math.pi / rope.frequencies()).numpy() for name, rope in made.items()}


def wavelengths(
    head_dim: int = 64, *, factor: float = 8.0, trained_length: int = 2048
) -> TeachingFigure:
    """Wavelength of each pair beside the trained length, and how many times longer it became.

    >>> wavelengths(8, trained_length=64).alt[:24]
    'Wavelength of each of 4 '
    """
    curves = wavelength_curves(head_dim, factor, trained_length)
    plain = curves["plain"]
    pairs = np.arange(head_dim // 2)
    ratios = {name: curve / plain for name, curve in curves.items() if name != "plain"}
    told = "; ".join(f"{name} {r[0]:.3g} to {r[-1]:.3g}" for name, r in ratios.items())
    shown = {**curves, "trained length": np.full(len(pairs), float(trained_length))}
    views = [
        Curves(
            "wavelength", pairs, np.array(list(shown.values())), list(shown), "pair",
            "positions for one turn", log_y=True,
        ),
        Curves(
            "times longer than plain", pairs, np.array(list(ratios.values())), list(ratios),
            "pair", "ratio of wavelengths", styles=range(1, 1 + len(ratios)),
        ),
    ]  # fmt: skip
    words = (
        f"Wavelength of each of {len(pairs)} pairs, plain from {number(plain[0])} to "
        f"{number(plain[-1])} positions, beside the trained length of {trained_length}, and scaled "
        f"for {factor:g} times the length. Times longer, from the first pair to the last: {told}."
    )
    return settled(views_figure(views, words))
