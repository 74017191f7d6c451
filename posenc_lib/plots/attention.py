"""Weight maps: who attends to whom, one matrix beside the other, or one order above another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from posenc_lib.base.arrays import to_numpy
from posenc_lib.plots.teaching_figure import CYCLE, TeachingFigure, colour_map, teaching_style

FRAME: dict[str, Any] = {"fill": False, "edgecolor": CYCLE[1], "linewidth": 3, "clip_on": False}


def weight_maps(
    maps: Mapping[str, ArrayLike],
    tokens: Sequence[str],
    *,
    twins: tuple[int, int] | None = None,
) -> TeachingFigure:
    """Attention weights (query, key) of the same tokens, by name, on one colour scale.

    A weight of exactly 0 is grey: a mask shut that key out. `twins` are two rows to compare;
    they are framed, and each title says by how much they differ at most.

    Raises ValueError for maps that are not (tokens, tokens) or no maps at all.

    >>> weight_maps({"even": [[0.5, 0.5], [0.5, 0.5]]}, ["the", "the"], twins=(0, 1)).alt
    'Weights of 2 tokens. even: 0.50 to 0.50, rows 0 and 1 differ by 0.000.'
    """
    arrays = {name: _array(name, values, len(tokens)) for name, values in maps.items()}
    if not arrays:
        raise ValueError("weight_maps: maps is empty. Pass at least one name and its weights.")
    apart = dict.fromkeys(arrays, "")
    if twins is not None:
        first, second = twins
        apart = {
            name: f"rows {first} and {second} differ by {np.abs(a[first] - a[second]).max():.3f}"
            for name, a in arrays.items()
        }
    columns = 2 if len(arrays) in (2, 4) else min(len(arrays), 3)
    rows = -(-len(arrays) // columns)
    highest = max(float(a.max()) for a in arrays.values())
    with teaching_style():
        height = 4.4 if columns == 2 else 3.7
        figure = TeachingFigure(_alt(arrays, apart, len(tokens)), (10.0, height * rows))
        grid = figure.add_gridspec(rows, columns + 1, width_ratios=[1] * columns + [0.05])
        for index, (name, weights) in enumerate(arrays.items()):
            axes = figure.add_subplot(grid[divmod(index, columns)])
            image = _draw(axes, weights, tokens, highest, letters=45 // columns)
            axes.set_title(f"{name}\n{apart[name]}".strip())
            for row in twins or ():
                axes.add_patch(Rectangle((-0.5, row - 0.5), len(tokens), 1, **FRAME))
        figure.colorbar(image, cax=figure.add_subplot(grid[:, columns]), label="weight")
    return figure


def two_orders(
    maps: Mapping[str, tuple[ArrayLike, ArrayLike]], words: Sequence[str], other: Sequence[str]
) -> TeachingFigure:
    """Attention weights of a sentence (top) and of the same words in another order (bottom).

    Each name has both, (query, key) in the order in which the words were read. Below, the words
    are drawn in the order of `words` again: what does not know the order is the same twice. Each
    title below says by how much a weight of the map above has changed at most.

    Raises ValueError for words that stand twice, for others in `other`, and for maps that do not
    fit.

    >>> even = [[0.6, 0.4], [0.4, 0.6]]
    >>> two_orders({"even": (even, even)}, ["dog", "bites"], ["bites", "dog"]).alt[-30:]
    'even: changes by 0.00 at most.'
    """
    words, other = list(words), list(other)
    if not maps:
        raise ValueError("two_orders: maps is empty. Pass at least one name and its two maps.")
    if len(set(words)) < len(words) or sorted(words) != sorted(other):
        raise ValueError(
            f"two_orders: words = {words} and other = {other} must hold the same words, each once."
        )
    order = [other.index(word) for word in words]
    pairs = {
        name: (_array(name, one, len(words)), _array(name, two, len(words))[np.ix_(order, order)])
        for name, (one, two) in maps.items()
    }
    changes = {name: float(np.abs(one - two).max()) for name, (one, two) in pairs.items()}
    highest = max(float(array.max()) for pair in pairs.values() for array in pair)
    said = "; ".join(f"{name}: changes by {change:.2f} at most" for name, change in changes.items())
    texts = [" ".join(words), " ".join(other)]
    with teaching_style():
        figure = TeachingFigure(
            f"Weights of '{texts[0]}' and of '{texts[1]}', word by word. {said}.",
            (2.1 * len(pairs) + 1.8, 6.0),
        )
        grid = figure.add_gridspec(2, len(pairs) + 1, width_ratios=[1] * len(pairs) + [0.06])
        for column, (name, pair) in enumerate(pairs.items()):
            for row, (weights, text) in enumerate(zip(pair, texts, strict=True)):
                axes = figure.add_subplot(grid[row, column])
                image = _draw(axes, weights, words, highest, letters=50 // len(pairs))
                axes.set_title(f"changes by {changes[name]:.2f}" if row else name)
                if column:
                    axes.set(ylabel="", yticks=[])
                else:
                    axes.set_ylabel(f"{text}\nquery")
                if not row:
                    axes.set_xlabel("")
        figure.colorbar(image, cax=figure.add_subplot(grid[:, -1]), label="weight")
    return figure


def _draw(
    axes: Axes,
    weights: Float[np.ndarray, "query key"],
    tokens: Sequence[str],
    highest: float,
    letters: int,
) -> AxesImage:
    """One map, each weight written into its cell; words of over `letters` letters are tilted."""
    colours = colour_map("sequential")
    shown = np.ma.masked_equal(weights, 0.0)
    image = axes.imshow(shown, cmap=colours, vmin=0.0, vmax=highest)
    axes.set(xlabel="key", ylabel="query")
    axes.set_xticks(range(len(tokens)), tokens)
    axes.set_yticks(range(len(tokens)), tokens)
    if sum(map(len, tokens)) > letters:
        axes.tick_params(axis="x", labelrotation=30)
    axes.spines[:].set_visible(False)
    for (row, column), weight in np.ndenumerate(weights if len(tokens) <= 8 else np.empty((0, 0))):
        colour = "black" if weight == 0 or weight > 0.5 * highest else "white"
        text = f"{weight:.2f}" if weight else "0"
        axes.text(column, row, text, ha="center", va="center", fontsize=12, color=colour)
    return image


def _array(name: str, values: ArrayLike, length: int) -> np.ndarray:
    array = np.asarray(to_numpy(values, "weight_maps", f"maps[{name!r}]"), dtype=float)
    if array.shape != (length, length):
        raise ValueError(
            f"weight_maps: maps[{name!r}] must have shape (query, key) = ({length}, {length}), one "
            f"row and one column a token, but its shape is {array.shape}. Pass one batch row and "
            "one head: weights[0, 0]."
        )
    return array


def _alt(arrays: Mapping[str, np.ndarray], apart: Mapping[str, str], length: int) -> str:
    parts = []
    for name, a in arrays.items():
        shut = int((a == 0).sum())
        facts = [f"{a[a != 0].min():.2f} to {a.max():.2f}"]
        facts += [f"{shut} cells masked"] * bool(shut) + [apart[name]] * bool(apart[name])
        parts.append(f"{name}: {', '.join(facts)}")
    return f"Weights of {length} tokens. {'; '.join(parts)}."
