"""Figures of notebook 02: a look-up as a product, which rows learn, what a trained table holds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from posenc_lib.lessons.similarity import cosine_by_offset, cosine_matrix
from posenc_lib.lessons.spectrum import wave_spectrum
from posenc_lib.plots.teaching_figure import (
    CYCLE,
    TeachingFigure,
    draw_curves,
    draw_heatmap,
    teaching_style,
)
from posenc_lib.plots.views import Curves, Heatmap

LINE, WAVE = 0.015, 0.05
"""From these shares of the variance on, a line of a spectrum and a group of lines count."""


def lookup(table: Float[np.ndarray, "rows dim"], positions: Sequence[int]) -> TeachingFigure:
    """One-hot rows (length, rows) times a table (rows, dim) is the look-up (length, dim).

    >>> lookup(np.eye(3), [2, 0]).alt
    'Three matrices: one-hot rows for positions 2, 0, times a table of 3 x 3, is table rows 2, 0.'
    """
    one_hot = np.eye(len(table))[list(positions)]
    named = ", ".join(map(str, positions))
    ticks = [str(p) for p in positions]
    figure = TeachingFigure(
        f"Three matrices: one-hot rows for positions {named}, times a table of "
        f"{len(table)} x {table.shape[1]}, is table rows {named}.",
        (9.5, 3.1),
    )
    top = float(np.abs(table).max())
    views = (
        Heatmap("one-hot", one_hot, "position", "table row", "entry", (-1, 1), row_ticks=ticks),
        Heatmap("× table", table, "table row", "dimension", "entry", (-top, top)),
        Heatmap("= rows", one_hot @ table, "position", "dimension", "entry", (-top, top),
                row_ticks=ticks),
    )  # fmt: skip
    with teaching_style():
        for axes, view in zip(figure.subplots(1, 3), views, strict=True):
            draw_heatmap(axes, view)
            axes.images[0].colorbar.remove()  # every cell carries its number
    return figure


def training(
    moved: Float[np.ndarray, " rows"], accuracy: Float[np.ndarray, " rows"], *, trained: int
) -> TeachingFigure:
    """How far each row of a table moved in training, and how often the model is right there.

    `moved` is the distance between first and last value of a row, `accuracy` a share from 0 to 1;
    positions 0 .. trained - 1 were seen.

    >>> training(np.array([2.0, 0.0]), np.array([1.0, 0.04]), trained=1).alt[:21]
    'Training reached rows'
    """
    position = np.arange(len(moved))
    seen, rest = accuracy[:trained].min(), accuracy[trained:].mean()
    figure = TeachingFigure(
        f"Training reached rows 0 to {trained - 1}: they moved, and the accuracy is at least "
        f"{math.floor(seen * 100)} % there. Rows {trained} to {len(moved) - 1} moved by "
        f"{moved[trained:].max():g} at most, and the mean accuracy is below "
        f"{math.ceil(rest * 10 + 1e-9) * 10} %.",
        (11, 3.8),
    )
    with teaching_style():
        left, right = figure.subplots(1, 2)
        for axes, values, label in (
            (left, moved, "distance moved"), (right, accuracy, "accuracy")
        ):  # fmt: skip
            axes.axvspan(-1, trained - 0.5, color=CYCLE[5], alpha=0.25, lw=0)
            axes.text(0, 1.02, "trained", transform=axes.transAxes, color=CYCLE[0])
            axes.plot(position, values, "o", color=CYCLE[0], markersize=4)
            axes.set(xlabel="position (table row)", ylabel=label, xlim=(-1, len(moved)))
        left.set_ylim(-0.05 * moved.max(), None)
        right.set_ylim(-0.05, 1.08)
        right.axhline(rest, color=CYCLE[1], xmin=trained / len(moved), lw=1.2)
        right.text(len(moved), 0.35, "line: mean of the rest", color=CYCLE[1], ha="right")
    return figure


def standing_out(table: Float[np.ndarray, "length dim"], *, factor: float = 1.4) -> list[int]:
    """Rows whose norm is more than `factor` times the median norm.

    >>> standing_out(np.array([[5.0], [1.0], [1.0], [-1.0]]))
    [0]
    """
    size = np.linalg.norm(table, axis=1)
    return np.flatnonzero(size > factor * np.median(size)).tolist()


def norms(table: Float[np.ndarray, "length dim"]) -> TeachingFigure:
    """The norm of every row of a (length, dim) table; rows that stand out carry their number.

    >>> norms(np.array([[5.0], [1.0], [1.0], [-1.0]])).alt
    'Norms of 4 rows, median 1.00. Rows that stand out: 0 (5.00).'
    """
    size = np.linalg.norm(table.astype(float), axis=1)
    rows = standing_out(table)
    words = ", ".join(f"{row} ({size[row]:.2f})" for row in rows) or "none"
    figure = TeachingFigure(
        f"Norms of {len(size)} rows, median {np.median(size):.2f}. Rows that stand out: {words}.",
        (11, 3.8),
    )
    with teaching_style():
        axes = figure.subplots()
        axes.plot(size, "o", color=CYCLE[0], markersize=3)
        axes.plot(rows, size[rows], "o", color=CYCLE[1])
        for row in rows:
            text, side = (f"{row}  ", "right") if row > len(size) * 0.9 else (f"  {row}", "left")
            height = "top" if row + 1 in rows else "center"
            axes.annotate(text, (row, size[row]), color=CYCLE[1], ha=side, va=height)
        axes.set(xlabel="position (table row)", ylabel="norm of the row", ylim=(0, None))
        axes.grid(alpha=0.3)
    return figure


def similarity(
    tables: Mapping[str, Float[np.ndarray, "length dim"]],
    *,
    rows: tuple[int, int] = (0, 512),
    largest: int = 40,
) -> TeachingFigure:
    """Cosines between some rows of the first table, and of all tables against the offset.

    `rows` are the first and the one after the last that the heat map shows.

    >>> wave = np.stack([np.cos(np.arange(9)), np.sin(np.arange(9))], 1)
    >>> similarity({"wave": wave}, largest=4).alt[-37:]
    'Mean cosine of neighbours: wave 0.54.'
    """
    first = next(iter(tables))
    means = {name: cosine_by_offset(table, largest) for name, table in tables.items()}
    words = ", ".join(f"{name} {_two(curve[1])}" for name, curve in means.items())
    figure = TeachingFigure(
        f"Left, the cosine similarity of the rows of {first} with each other: bands along the "
        f"diagonal. Right, its mean against the offset, for {', '.join(tables)}. Mean cosine of "
        f"neighbours: {words}.",
        (12, 4.8),
    )
    square = Heatmap(
        first, cosine_matrix(tables[first][slice(*rows)]), "position", "position", "cosine",
        limits=(-1, 1), row_start=rows[0], column_start=rows[0], square=True,
    )  # fmt: skip
    curves = Curves(
        "mean over all pairs of rows", np.arange(largest + 1), np.array(list(means.values())),
        list(means), "offset (positions)", "cosine", (-0.15, 1.05),
    )  # fmt: skip
    with teaching_style():
        left, right = figure.subplots(1, 2)
        draw_heatmap(left, square)
        left.images[0].set_interpolation("nearest")  # smoothing makes the file ten times larger
        draw_curves(right, curves)
    return figure


def strong_waves(
    wavelengths: Float[np.ndarray, " waves"], shares: Float[np.ndarray, " waves"]
) -> list[tuple[float, float]]:
    """(wavelength, share) of the waves that hold at least 5 % of a spectrum, longest first.

    Lines of at least 1.5 % that are less than a fifth apart count as one wave.

    >>> strong_waves(np.array([9.0, 4.2, 4.0, 2.0]), np.array([0.2, 0.4, 0.39, 0.01]))
    [(9.0, 0.2), (4.1, 0.79)]
    """
    groups: list[list[tuple[float, float]]] = []
    for wave, share in zip(wavelengths.tolist(), shares.tolist(), strict=True):
        if share < LINE:
            continue
        if groups and groups[-1][-1][0] < 1.2 * wave:
            groups[-1].append((wave, share))
        else:
            groups.append([(wave, share)])
    waves = []
    for group in groups:
        total = sum(share for _, share in group)
        centre = sum(wave * share for wave, share in group) / total
        if total >= WAVE:
            waves.append((round(centre, 1), round(total, 3)))
    return waves


def spectrum(tables: Mapping[str, Float[np.ndarray, "length dim"]]) -> TeachingFigure:
    """The waves that tables are made of: variance held up to each wavelength, as a staircase.

    The steps of the first table carry their wavelength. One as long as the table is called a
    drift: what does not come back within the table cannot be told from a slope.

    >>> wave = np.sin(2 * np.pi * np.arange(12) / 4)[:, None]
    >>> spectrum({"wave": wave}).alt[-39:]
    'The steps of wave: 4 positions (100 %).'
    """
    spectra = {name: wave_spectrum(table) for name, table in tables.items()}
    first = next(iter(tables))
    waves = strong_waves(*spectra[first])
    longest = spectra[first][0][0]
    named = [f"{'drift, ' if wave == longest else ''}{wave:.3g}" for wave, _ in waves]
    words = ", ".join(
        f"{name} positions ({100 * share:.0f} %)"
        for name, (_, share) in zip(named, waves, strict=True)
    )
    figure = TeachingFigure(
        "Share of the variance held by waves up to each wavelength, a staircase. "
        f"The steps of {first}: {words or 'none'}.",
        (11, 4.2),
    )
    with teaching_style():
        axes = figure.subplots()
        for colour, (name, (wavelengths, shares)) in zip(CYCLE, spectra.items(), strict=False):
            held = 100 * np.cumsum(shares[::-1])
            axes.step(wavelengths[::-1], held, where="post", color=colour, label=name)
            if name == first:
                for step, (wave, _) in zip(named, waves, strict=True):
                    height = np.interp(wave, wavelengths[::-1], held)
                    axes.annotate(
                        step, (wave, height), (-8, 4), textcoords="offset points",
                        ha="right", color=colour,
                    )  # fmt: skip
        ticks = [2, 5, 10, 20, 50, 100, 200, 500]
        axes.set_xscale("log")
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        axes.set(xlabel="wavelength (positions)", ylabel="variance held so far (%)", ylim=(0, 108))
        axes.legend(loc="lower right")
    return figure


def _two(value: float) -> str:
    """Two decimals, and 0.00 never with a sign."""
    return f"{round(float(value), 2) + 0.0:.2f}"
