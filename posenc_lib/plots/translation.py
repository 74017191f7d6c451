"""Figures of notebook 13: who translates dates, and where the decoder looks while it writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from posenc_lib.base.arrays import to_numpy
from posenc_lib.experiments.parts.records import Results
from posenc_lib.experiments.translation.date_models import EXACT
from posenc_lib.plots.teaching_figure import (
    CYCLE,
    TeachingFigure,
    colour_map,
    settled,
    teaching_style,
)

TITLES = {"t5": "T5", "alibi": "ALiBi", "rope": "RoPE", "learned": "learned table"}
CEILINGS = {":": "bag of tokens", "--": "bag without the calendar"}


def title_of(label: str) -> str:
    """A label of the records, for a reader.

    >>> title_of("rope, decoder only")
    'RoPE, decoder only'
    """
    name, comma, rest = label.partition(",")
    return TITLES.get(name, name) + comma + rest


def exact_matches(results: Results, ceilings: Sequence[float]) -> TeachingFigure:
    """Exact match on one date, for each variant: a dot a seed. `ceilings` are those of a bag of
    tokens, with the calendar and without; they are upright lines.

    >>> from posenc_lib.experiments import full_results
    >>> exact_matches(full_results("dates").where(task="digits"), (0.29, 0.05)).alt[:40]
    'Share of dates without a mistake, a dot '
    """
    found = results.where(metric=EXACT, at=1)
    labels = found.values("label")
    told = "; ".join(f"{title_of(label)} {found.where(label=label).mean():.1%}" for label in labels)
    lines = ", ".join(f"{c:.1%} ({n})" for c, n in zip(ceilings, CEILINGS.values(), strict=True))
    figure = TeachingFigure(
        f"Share of dates without a mistake, a dot a seed; means: {told}. Ceilings: {lines}.",
        (9.5, 0.4 * len(labels) + 2.0),
    )
    with teaching_style():
        axes = figure.subplots()
        for row, label in enumerate(labels):
            values = [record.value for record in found.where(label=label)]
            colour = CYCLE[1 if label.startswith("none") else 0]
            axes.plot(values, [row] * len(values), "o", color=colour, alpha=0.7, markersize=8)
        for ceiling, (style, name) in zip(ceilings, CEILINGS.items(), strict=True):
            axes.axvline(ceiling, color="grey", linestyle=style, label=f"{name}: {ceiling:.1%}")
        axes.set_yticks(range(len(labels)), [title_of(label) for label in labels])
        axes.invert_yaxis()
        axes.set(xlabel="exact match (share of dates)", xlim=(-0.02, 1.02))
        axes.grid(axis="x", alpha=0.3)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return settled(figure)


def cross_maps(
    maps: Mapping[str, tuple[ArrayLike, Sequence[str], Sequence[str]]],
) -> TeachingFigure:
    """Cross-attention maps side by side: title to weights (written, read), what is written, read.

    A frame in each row surrounds its largest weight.

    Raises ValueError for no maps, and for weights that do not fit their tokens.

    >>> cross_maps({"French": ([[0.9, 0.1]], ["mai"], ["May", "1"])}).alt
    'Where the decoder looks: the English token of the largest weight. French: mai at May.'
    """
    if not maps:
        raise ValueError("cross_maps: maps is empty. Pass at least one title and its map.")
    arrays = {}
    for title, (weights, written, read) in maps.items():
        array = np.asarray(to_numpy(weights, "cross_maps", f"maps[{title!r}]"), dtype=float)
        if array.shape != (len(written), len(read)):
            raise ValueError(
                f"cross_maps: maps[{title!r}] must have shape (written, read) = ({len(written)}, "
                f"{len(read)}), but its shape is {array.shape}. Pass one head, or their mean."
            )
        arrays[title] = array
    told = "; ".join(
        f"{title}: "
        + ", ".join(
            f"{token} at {maps[title][2][best]}"
            for token, best in zip(maps[title][1], array.argmax(1), strict=True)
        )
        for title, array in arrays.items()
    )
    longest = max(len(written) for _, written, _ in maps.values())
    figure = TeachingFigure(
        f"Where the decoder looks: the English token of the largest weight. {told}.",
        (4.3 * len(maps) + 0.8, 0.36 * longest + 1.9),
    )
    with teaching_style():
        grid = figure.add_gridspec(1, len(maps) + 1, width_ratios=[1] * len(maps) + [0.05])
        for column, (title, array) in enumerate(arrays.items()):
            _, written, read = maps[title]
            axes = figure.add_subplot(grid[column])
            image = axes.imshow(
                array, cmap=colour_map("sequential"), vmin=0.0, vmax=1.0, aspect="auto"
            )
            axes.set_xticks(range(len(read)), read, rotation=60, ha="right", rotation_mode="anchor")
            axes.set_yticks(range(len(written)), written)
            axes.set(title=title, xlabel="English token", ylabel="" if column else "token written")
            axes.spines[:].set_visible(False)
        figure.colorbar(image, cax=figure.add_subplot(grid[-1]), label="weight")
    return settled(figure)
