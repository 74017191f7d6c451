"""Figures of notebook 01."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes

from posenc_lib.base import validation
from posenc_lib.embeddings.sinusoidal import (
    frequencies,
    sinusoidal_table,
    wavelengths,
)
from posenc_lib.plots.teaching_figure import (
    CYCLE,
    DASHES,
    MARKERS,
    TeachingFigure,
    colour_map,
    draw_heatmap,
    teaching_style,
)
from posenc_lib.plots.views import Heatmap


def table_and_waves(
    length: int, dim: int, pairs: Sequence[int], *, base: float = 10000.0
) -> TeachingFigure:
    """Left: the table as a heat map. Right: the sine of each pair in `pairs` along the positions.

    >>> table_and_waves(50, 16, [0, 3]).alt[:40]
    'Left: the sinusoidal table, 50 positions'
    """
    table = sinusoidal_table(length, dim, base=base)
    turns = wavelengths(dim, base=base)[list(pairs)]
    waves = ", ".join(f"pair {pair} {turn:.4g}" for pair, turn in zip(pairs, turns, strict=True))
    with teaching_style():
        figure = TeachingFigure(
            alt=f"Left: the sinusoidal table, {length} positions by {dim} dimensions. Right: sines "
            f"along the positions, wavelengths in positions: {waves}.",
            size=(12, 5),
        )
        left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=(1, 1.2))[0]
        draw_heatmap(
            left.subplots(),
            Heatmap("table", table, "position", "dimension", "value", limits=(-1, 1)),
        )
        rows = right.subplots(len(pairs), 1, sharex=True, squeeze=False)[:, 0]
        for axes, pair, colour in zip(rows, pairs, CYCLE, strict=False):
            axes.plot(table[:, 2 * pair], ".-", color=colour)
            axes.set(ylim=(-1.2, 1.2), ylabel=f"pair {pair}")
            axes.axhline(0, color="grey", linewidth=0.5)
        rows[-1].set_xlabel("position")
    return figure


def binary_counter(bits: int = 4) -> TeachingFigure:
    """Left: the positions written in binary, lowest bit first. Right: sines whose
    wavelengths double in the same way, 2, 4, 8, ... positions, half a step on.

    >>> binary_counter(3).alt[:25]
    'Two panels of 8 positions'
    """
    digits, sines = binary_digits(bits), counting_sines(bits)
    with teaching_style():
        figure = TeachingFigure(
            alt=f"Two panels of {2**bits} positions. Left: binary digits, the lowest flips at "
            f"every position, the highest once. Right: sines of wavelength 2 to {2**bits}; the "
            "sign of each is the digit beside it.",
            size=(9, 0.24 * 2**bits + 1.2),
        )
        left, right = figure.subplots(1, 2)
        left.imshow(digits, cmap="Greys", aspect="auto", vmin=0, vmax=1.6)
        for (row, column), digit in np.ndenumerate(digits):
            left.text(column, row, digit, ha="center", va="center")
        shown = right.imshow(sines, cmap=colour_map("diverging"), aspect="auto", vmin=-1, vmax=1)
        left.set(xlabel="bit (lowest first)", ylabel="position", xticks=range(bits))
        right.set(
            xlabel="wavelength (positions)",
            xticks=range(bits),
            xticklabels=[str(2**n) for n in range(1, bits + 1)],
        )
        figure.colorbar(shown, ax=right, label="value")
    return figure


def binary_digits(bits: int) -> Int[np.ndarray, "length {bits}"]:
    """The numbers 0 .. 2^bits - 1 in binary, lowest bit first, shape (2^bits, bits).

    >>> binary_digits(2).tolist()
    [[0, 0], [1, 0], [0, 1], [1, 1]]
    """
    bits = validation.size("binary_digits", "bits", bits)
    return np.arange(2**bits)[:, None] >> np.arange(bits) & 1


def counting_sines(bits: int) -> Float[np.ndarray, "length {bits}"]:
    """Sines of wavelength 2, 4, ... 2^bits positions whose signs count in binary.

    >>> (counting_sines(2) > 0).astype(int).tolist()
    [[0, 0], [1, 0], [0, 1], [1, 1]]
    """
    position = np.arange(2**bits)[:, None] + 0.5  # half a step on: never exactly 0
    return -np.sin(2 * np.pi * position / 2.0 ** np.arange(1, bits + 1))


def hands(
    positions: Sequence[float], dim: int, pairs: Sequence[int], *, base: float = 10000.0
) -> TeachingFigure:
    """Each pair as a clock: one hand a position, its tip at (cos, sin).

    Ticks stand every 30 degrees, the triangle where position 0 stands. With two positions or
    more an arrow leads from the first hand to the last, the way it turned.

    >>> hands([0, 5], 8, [0, 1]).alt[:24]
    'Clock faces of pairs 0, '
    """
    angles = np.outer(positions, frequencies(dim, base=base)[list(pairs)])  # (positions, pairs)
    turns = wavelengths(dim, base=base)[list(pairs)]
    said = "; ".join(
        f"position {p}: " + ", ".join(f"{a:.0f}" for a in row)
        for p, row in zip(positions, np.degrees(angles) % 360, strict=True)
    )
    names = ", ".join(str(pair) for pair in pairs)
    with teaching_style():
        figure = TeachingFigure(
            alt=f"Clock faces of pairs {names} at dim {dim}, counted anticlockwise from three "
            f"o'clock. Angles in degrees: {said}.",
            size=(2.6 * len(pairs), 3.7),
        )
        faces = figure.subplots(1, len(pairs), squeeze=False)[0]
        for face, pair, turn, turned in zip(faces, pairs, turns, angles.T, strict=True):
            _dial(face)
            if len(positions) > 1:
                _arrow(face, turned[0], turned[-1])
            styles = zip(CYCLE, DASHES, positions, turned, strict=False)
            for colour, dashes, position, angle in styles:
                end = np.cos(angle), np.sin(angle)
                face.plot(*zip((0, 0), end, strict=True), color=colour, linewidth=3, ls=dashes,
                          label=f"position {position}")  # fmt: skip
                face.plot(*end, "o", color=colour, ms=8)
            face.set(aspect="equal", xticks=[], yticks=[], xlabel="cosine", ylabel="sine")
            face.spines[:].set_visible(False)
            face.set_title(f"pair {pair}\n{turn:.3g} positions a turn", fontsize=12)
        figure.legend(*faces[0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return figure


def _dial(face: Axes) -> None:
    """A round dial with twelve ticks, and a triangle where the hands start."""
    around = np.linspace(0, 2 * np.pi, 200)
    face.plot(np.cos(around), np.sin(around), color="grey", linewidth=1)
    for tick in np.arange(12) * np.pi / 6:
        ends = np.array([0.88 if round(tick / np.pi * 6) % 3 == 0 else 0.94, 1])
        face.plot(ends * np.cos(tick), ends * np.sin(tick), color="grey", linewidth=1)
    face.plot(1.13, 0, "<", color="black", ms=7, label="position 0", ls="none")


def _arrow(face: Axes, first: float, last: float) -> None:
    """From one angle to another, the way the hand turns; a little wider with each turn."""
    arc = np.linspace(first, last, 200)
    radius = 0.42 + 0.09 * (arc - first) / (2 * np.pi)
    x, y = radius * np.cos(arc), radius * np.sin(arc)
    face.plot(x, y, color="black", linewidth=1)
    face.annotate("", (x[-1], y[-1]), (x[-8], y[-8]), arrowprops={"arrowstyle": "-|>", "fc": "k"})


def similarity(offsets: int, dim: int, *, base: float = 10000.0) -> Float[np.ndarray, " points"]:
    """PE(p) . PE(p + k) / PE(p) . PE(p) for k = -offsets .. offsets; for an even dim, every p.

    >>> similarity(1, 2).round(2)
    array([0.54, 1.  , 0.54])
    """
    k = np.arange(-offsets, offsets + 1)
    return np.cos(np.outer(k, frequencies(dim, base=base))).mean(1)


def similarity_curves(
    dims: Sequence[int], *, offsets: int = 60, base: float = 10000.0, seen: float = 0.01
) -> TeachingFigure:
    """Dot product of PE(p) and PE(p + k) against k, 1 at k = 0.

    A ring stands in the first dip out of which a curve climbs by `seen` or more; smaller rises
    nobody sees.

    >>> similarity_curves([64]).alt[-47:]
    'First dip of 0.01 or more: dim 64 at offset 16.'
    """
    parts: list[str] = []
    rings: list[tuple[int, float]] = []
    with teaching_style():
        figure = TeachingFigure(alt="Dot product against offset.", size=(9, 4))
        axes = figure.subplots()
        k = np.arange(-offsets, offsets + 1)
        for dim, colour, marker in zip(dims, CYCLE, MARKERS, strict=False):
            curve = similarity(offsets, dim, base=base)
            dip = first_dip(curve[offsets:], seen)
            axes.plot(k, curve, "-", marker=marker, ms=3.5, color=colour, label=f"dim {dim}")
            parts.append(f"dim {dim} " + (f"at offset {dip}" if dip else "nowhere shown"))
            if dip is not None:
                rings.append((dip, curve[offsets + dip]))
        if rings:
            axes.plot(
                *zip(*rings, strict=True), "o", ms=13, mfc="none", mew=2, color="black",
                label=f"first dip of {seen:g} or more",
            )  # fmt: skip
        axes.set(xlabel="offset k (positions)", ylabel="dot product (1 at k = 0)")
        axes.legend()
    figure.alt = (
        "Dot product of PE(p) and PE(p + k) against k: symmetric, largest at 0, falling in waves. "
        f"First dip of {seen:g} or more: {'; '.join(parts)}."
    )
    return figure


def first_dip(curve: Float[np.ndarray, " points"] | Sequence[float], depth: float) -> int | None:
    """The index of the first low point out of which a curve climbs by `depth`, or None.

    >>> first_dip([3.0, 2.0, 2.1, 1.0, 1.5], 0.4), first_dip([3.0, 2.0, 2.1], 0.4)
    (3, None)
    """
    lowest = np.minimum.accumulate(curve)
    climbed = np.flatnonzero(np.asarray(curve) - lowest >= depth)
    return int(np.argmin(np.asarray(curve)[: climbed[0]])) if climbed.size else None


def angle_errors(positions: Sequence[int], dim: int) -> dict[str, Float[np.ndarray, " positions"]]:
    """Largest error over the dimensions, near each position, of three ways to make the table.

    float16 and float32 compute the angle in that precision; "angle addition" is the worst entry
    of a `sinusoidal_table` of 1,000 rows around the position. The truth is float64.

    >>> float(angle_errors([1000], 64)["float32"][0]) < 1e-3
    True
    """
    w = frequencies(dim)
    truth = [_float64_rows(np.array([p]), w, dim)[0] for p in positions]
    made = {"float16 angles": np.float16, "float32 angles": np.float32}
    errors = {}
    for name, kind in made.items():
        rows = []
        for p, true in zip(positions, truth, strict=True):
            with np.errstate(over="ignore", invalid="ignore"):
                angle = (kind(p) * w.astype(kind)).astype(kind)
                row = np.stack([np.sin(angle), np.cos(angle)], 1).ravel()[:dim].astype(np.float64)
            rows.append(np.abs(row - true).max())
        errors[name.split()[0]] = np.array(rows)
    around = np.arange(-500, 500)
    ours = [
        np.abs(sinusoidal_table(1000, dim, start=p - 500) - _float64_rows(p + around, w, dim)).max()
        for p in positions
    ]
    return {**errors, "angle addition": np.array(ours)}


def _float64_rows(
    positions: Int[np.ndarray, " length"], w: Float[np.ndarray, " pairs"], dim: int
) -> Float[np.ndarray, "length {dim}"]:
    angle = np.multiply.outer(positions.astype(float), w)
    return np.stack([np.sin(angle), np.cos(angle)], -1).reshape(len(positions), -1)[:, :dim]


def precision(positions: Sequence[int], dim: int) -> TeachingFigure:
    """`angle_errors` against position, both axes logarithmic.

    >>> precision([100, 10_000], 64).alt[:30]
    'Largest error against position'
    """
    errors = angle_errors(positions, dim)
    with teaching_style():
        last = "; ".join(
            f"{name} " + ("no number" if np.isnan(error[-1]) else f"{error[-1]:.0e}")
            for name, error in errors.items()
        )
        figure = TeachingFigure(
            alt=f"Largest error against position at dim {dim}, both logarithmic. "
            f"At position {positions[-1]}: {last}.",
            size=(9, 4),
        )
        axes = figure.subplots()
        for colour, (name, error) in zip(CYCLE, errors.items(), strict=False):
            axes.loglog(positions, error, "o-", color=colour, label=name)
        axes.set(xlabel="position", ylabel="largest error of a sine or cosine")
        axes.legend()
    return figure
