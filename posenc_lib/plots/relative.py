"""Figures of notebook 03: three forms of j - i, the price of each form of Shaw, invariance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from posenc_lib.base.relative import band_mask, clip_relative, relative_positions
from posenc_lib.lessons.memory import largest_tensor
from posenc_lib.plots.teaching_figure import (
    CYCLE,
    TeachingFigure,
    draw_curves,
    draw_heatmap,
    teaching_style,
)
from posenc_lib.plots.views import Curves, Heatmap
from posenc_lib.scores.shaw import shaw_scores, shaw_scores_naive


def forms(queries: int, keys: int, *, clip: int) -> TeachingFigure:
    """The matrix j - i as it is, clipped at `clip`, and as a band of `clip` to either side.

    >>> forms(3, 4, clip=1).alt[:32]
    'Three matrices of 3 queries by 4'
    """
    relative = relative_positions(queries, keys)
    clipped = clip_relative(relative, clip)
    outside = ~band_mask(relative, before=clip, after=clip)
    band = relative.double().masked_fill(outside, torch.nan)
    far = float(relative.abs().max())
    panels = {"j − i": relative, f"clipped, K = {clip}": clipped, f"band of {clip}": band}
    labels = ("query i", "key j", "key minus query (positions)")
    figure = TeachingFigure(
        f"Three matrices of {queries} queries by {keys} keys: key minus query from "
        f"{int(relative.min())} to {int(relative.max())}, constant along diagonals; the same "
        f"clipped to {int(clipped.min())} .. {int(clipped.max())}; and a band of {clip} to "
        f"either side, {int(outside.sum())} of {outside.numel()} pairs shut out.",
        (12.6, 4.3),
    )
    with teaching_style():
        all_axes = figure.subplots(1, 3)
        for axes, (name, values) in zip(all_axes, panels.items(), strict=True):
            view = Heatmap(name, values.numpy(), *labels, limits=(-far, far), square=True)
            draw_heatmap(axes, view)
        for axes in all_axes[:-1]:  # one colour scale is enough
            axes.images[0].colorbar.remove()
    return figure


def element_counts(
    lengths: Sequence[int], *, heads: int, head_dim: int, max_distance: int
) -> dict[str, NDArray[np.int64]]:
    """Elements of the tensors in Shaw's scores for one sequence, at each length.

    >>> element_counts([64], heads=4, head_dim=32, max_distance=8)["q × table"]
    array([4352])
    """
    n = np.asarray(lengths, dtype=np.int64)
    return {
        "q × a, every pair and head": heads * n * n * head_dim,
        "a, every pair": n * n * head_dim,
        "scores": heads * n * n,
        "q × table": heads * n * (2 * max_distance + 1),
    }


def measured_elements(
    lengths: Sequence[int], *, heads: int, head_dim: int, max_distance: int
) -> dict[str, NDArray[np.int64]]:
    """Elements of the largest tensor that each form of Shaw's scores makes, by running it.

    >>> measured_elements([8], heads=2, head_dim=4, max_distance=1)
    {'naive': array([512]), 'efficient': array([128])}
    """
    found: dict[str, list[int]] = {"naive": [], "efficient": []}
    for length in lengths:
        query = torch.zeros(1, heads, length, head_dim)
        table = torch.zeros(2 * max_distance + 1, head_dim)
        relative = relative_positions(length, length)
        for name, form in (("naive", shaw_scores_naive), ("efficient", shaw_scores)):
            found[name].append(int(np.prod(largest_tensor(form, query, table, relative))))
    return {name: np.array(counts) for name, counts in found.items()}


def memory(
    *,
    heads: int = 4,
    head_dim: int = 32,
    max_distance: int = 8,
    longest: int = 4096,
    measured_to: int = 128,
) -> TeachingFigure:
    """What Shaw's scores build against length: counted (lines) and found by running (crosses).

    >>> memory(longest=64, measured_to=16).alt[:27]
    'Elements built for one sequ'
    """
    sizes = {"heads": heads, "head_dim": head_dim, "max_distance": max_distance}
    lengths = [2**power for power in range(4, longest.bit_length())]
    tried = [length for length in lengths if length <= measured_to]
    counts = element_counts(lengths, **sizes)
    found = measured_elements(tried, **sizes)
    at_end = ", ".join(f"{name} {values[-1]:.2g}" for name, values in counts.items())
    figure = TeachingFigure(
        f"Elements built for one sequence against length, both axes logarithmic, {heads} heads, "
        f"head_dim {head_dim}, {2 * max_distance + 1} table rows. At length {lengths[-1]}: "
        f"{at_end}. The largest tensors found by running up to length {tried[-1]} lie on the "
        "line q × a (naive) and on the line of the scores (efficient).",
        (10.0, 5.0),
    )
    with teaching_style():
        axes = figure.subplots()
        for colour, (name, values) in zip(CYCLE, counts.items(), strict=False):
            axes.loglog(lengths, values, color=colour, base=2)
            axes.annotate(
                f" {name}", (lengths[-1], values[-1]), color=colour, va="center", fontsize=12
            )
        for marker, (name, values) in zip("x+", found.items(), strict=True):
            label = f"{name}: largest tensor made"
            axes.plot(tried, values, marker, color="black", markersize=10, label=label)
        axes.set(
            xlabel="length (positions)", ylabel="elements", xlim=(lengths[0] / 1.3, lengths[-1] * 9)
        )
        axes.set_xticks(lengths[::2], [str(n) for n in lengths[::2]])
        axes.set_yscale("log", base=10)
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        axes.legend(loc="upper left")
    return figure


def shift_changes(
    layers: Mapping[str, nn.Module], x: Float[Tensor, "batch length dim"], shifts: Sequence[int]
) -> dict[str, NDArray[np.float64]]:
    """Largest change of each layer's output when all its positions move by m, for each m."""
    positions = torch.arange(x.shape[1])
    changes = {}
    with torch.no_grad():
        for name, layer in layers.items():
            still = layer(x, positions=positions)[0]
            moved = [layer(x, positions=positions + m)[0] for m in shifts]
            changes[name] = np.array([float((out - still).abs().max()) for out in moved])
    return changes


def invariance(
    layers: Mapping[str, nn.Module], x: Float[Tensor, "batch length dim"], shifts: Sequence[int]
) -> TeachingFigure:
    """Change of the output against the shift m of all positions, one curve a layer."""
    changes = shift_changes(layers, x, shifts)
    largest = {name: values.max() for name, values in changes.items()}
    words = ", ".join(
        f"{name} {'below 1e-6' if value < 1e-6 else f'up to {value:.2f}'}"
        for name, value in largest.items()
    )
    figure = TeachingFigure(
        f"Largest change of the attention output when all positions move by m, for m from "
        f"{shifts[0]} to {shifts[-1]}: {words}.",
        (10.0, 4.4),
    )
    still = [name for name, value in largest.items() if value < 1e-6]
    drawn = {name: values for name, values in changes.items() if name not in still}
    if still:
        drawn[", ".join(still)] = np.max([changes[name] for name in still], axis=0)
    with teaching_style():
        axes = figure.subplots()
        x_label, y_label = "every position moved by m (positions)", "largest change of the output"
        moved, ys = np.array(shifts), np.array(list(drawn.values()))
        draw_curves(axes, Curves("Move everything", moved, ys, list(drawn), x_label, y_label))
    return figure
