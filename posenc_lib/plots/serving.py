"""Figures of notebook 15: who sees whom in a packed row, and which pairs a recipe slows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch

from posenc_lib.base.batches import document_mask, packed_positions
from posenc_lib.base.masks import causal_mask
from posenc_lib.plots.teaching_figure import (
    CYCLE,
    TeachingFigure,
    settled,
    teaching_style,
)
from posenc_lib.rotary.ntk import ntk_frequencies
from posenc_lib.rotary.rope import RotaryEncoding
from posenc_lib.rotary.yarn import yarn_frequencies

HIDDEN, OWN, OTHER, FUTURE = range(4)
MEANING = {
    OWN: "own document", OTHER: "an earlier document", FUTURE: "a later document",
    HIDDEN: "shut out",
}  # fmt: skip
COLOURS = ["#ECECEC", CYCLE[0], CYCLE[4], CYCLE[1]]
SHAPES = (  # colours as in the figures of notebook 6
    (CYCLE[1], "--", "o"), (CYCLE[2], ":", "s"), (CYCLE[3], "-.", "^"), (CYCLE[3], "-", "D"),
)  # fmt: skip


def packed_masks(lengths: Sequence[int]) -> dict[str, Bool[np.ndarray, "length length"]]:
    """What each token of a packed row sees, under three masks.

    >>> packed_masks([1, 1])["positions restart"].astype(int)
    array([[1, 1],
           [1, 1]])
    """
    documents = torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths))
    at = packed_positions(documents)
    made = {
        "positions count on": causal_mask(len(at), len(at)),
        "positions restart": causal_mask(at, at),
        "restart, documents apart": causal_mask(at, at) & document_mask(documents),
    }
    return {name: mask.numpy() for name, mask in made.items()}


def packed(lengths: Sequence[int] = (3, 5)) -> TeachingFigure:
    """Three masks of one packed row: what is seen of the own document and of the others.

    >>> packed((1, 2)).alt[:37]
    'A row with documents of 1 and 2 token'
    """
    documents = np.repeat(np.arange(len(lengths)), lengths)
    numbers = np.concatenate([np.arange(n) for n in lengths])
    told = []
    with teaching_style():
        figure = TeachingFigure("drawn below", (11.0, 4.9))
        faces = figure.subplots(1, 3)
        for axes, (name, seen) in zip(faces, packed_masks(lengths).items(), strict=True):
            kind = np.where(documents[:, None] == documents, OWN, OTHER)
            kind = np.where(documents[:, None] < documents, FUTURE, kind)
            kind = np.where(seen, kind, HIDDEN)
            counts = {OTHER: (kind == OTHER).sum(), FUTURE: (kind == FUTURE).sum()}
            told.append(f"{name}: {counts[OTHER]} pairs with an earlier document, "
                        f"{counts[FUTURE]} with a later one")  # fmt: skip
            axes.imshow(kind, cmap=ListedColormap(COLOURS), vmin=0, vmax=3)
            labels = np.arange(len(documents)) if name == "positions count on" else numbers
            axes.set_xticks(range(len(labels)), labels)
            axes.set_yticks(range(len(labels)), labels)
            axes.set(title=name, xlabel="position of the key")
            axes.set_xticks(np.arange(len(labels) + 1) - 0.5, minor=True)
            axes.set_yticks(np.arange(len(labels) + 1) - 0.5, minor=True)
            axes.grid(which="minor", color="white", linewidth=1.5)
            axes.tick_params(which="both", length=0)
            axes.spines[:].set_visible(False)
        faces[0].set_ylabel("position of the query")
        patches = [Patch(color=COLOURS[kind], label=words) for kind, words in MEANING.items()]
        figure.legend(handles=patches, loc="outside lower center", ncols=4)
    tokens = " and ".join(map(str, lengths))
    figure.alt = f"A row with documents of {tokens} tokens. Keys seen: {'; '.join(told)}."
    return settled(figure)


def slowed_pairs(
    head_dim: int, factor: float, trained_length: int
) -> dict[str, Float[np.ndarray, " pairs"]]:
    """How many times slower each recipe makes each pair; base 10,000.

    >>> slowed_pairs(4, 2.0, 16)["PI"]
    array([2., 2.])
    """
    plain = RotaryEncoding(head_dim).frequencies()
    made = {
        "PI": plain / factor,
        "NTK": ntk_frequencies(head_dim, factor),
        "YaRN, paper": yarn_frequencies(head_dim, factor, trained_length),
        "YaRN, code": yarn_frequencies(head_dim, factor, trained_length, form="code"),
    }
    return {name: (plain / w).numpy() for name, w in made.items()}


def slowed(
    head_dim: int = 64, *, factor: float = 8.0, trained_length: int = 2048
) -> TeachingFigure:
    """How many times slower each pair turns, beside how often it turns within the trained length.

    >>> slowed(16, factor=2.0, trained_length=256).alt[:28]
    'How many times slower each o'
    """
    ratios = slowed_pairs(head_dim, factor, trained_length)
    pairs = np.arange(head_dim // 2)
    turns = trained_length * RotaryEncoding(head_dim).frequencies().numpy() / (2 * np.pi)
    often, once = int((turns > 32).sum()), int((turns >= 1).sum())
    apart = int(np.argmax(ratios["YaRN, paper"] / ratios["YaRN, code"]))
    told = ", ".join(f"{name} {ratio[apart]:.2f}" for name, ratio in ratios.items())
    figure = TeachingFigure(
        f"How many times slower each of {len(pairs)} pairs turns, for {factor:g} times the trained "
        f"{trained_length} positions, in which pairs 0 to {often - 1} turn over 32 times and pairs "
        f"from {once} on less than once. Pair {apart}, where the two forms of YaRN part most: "
        f"{told}.",
        (10.0, 5.0),
    )
    with teaching_style():
        axes = figure.subplots()
        axes.axvspan(-0.5, often - 0.5, color="#ECECEC")
        axes.axvspan(once - 0.5, len(pairs) - 0.5, color="#ECECEC")
        for (name, ratio), (colour, line, marker) in zip(ratios.items(), SHAPES, strict=True):
            axes.plot(
                pairs, ratio, color=colour, linestyle=line, marker=marker, markersize=5, label=name
            )
        for place, words in (
            ((often - 1) / 2, "over 32 turns in training"),
            ((once + len(pairs) - 1) / 2, "less than one turn"),
        ):
            axes.text(place, 0.03 * factor, words, ha="center", va="bottom")
        axes.set(xlabel="pair, fast to slow", ylabel="times slower than trained")
        axes.set(ylim=(0, 1.08 * factor), xlim=(-0.5, len(pairs) - 0.5))
        axes.legend(loc="upper left", bbox_to_anchor=(0.01, 0.9))
    return settled(figure)
