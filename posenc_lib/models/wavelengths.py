"""The wavelengths of a model's RoPE against the length it was trained for, as numbers and as text.

    wavelength of pair i = 2 pi / w_i positions

A pair whose wavelength is longer than the text it was trained on has never come full circle: at
longer texts it meets angles that it has not seen.

The trap: the base alone. After a scaling the wavelengths are others, and pairs that stand still
have none at all.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float64

from posenc_lib.base.combined import Combined
from posenc_lib.base.doors import PositionEncoding
from posenc_lib.models.model_positions import ModelPositions
from posenc_lib.models.words import number, spans
from posenc_lib.rotary.axial_rope import AxialRotary
from posenc_lib.rotary.decoupled import DecoupledRotary
from posenc_lib.rotary.rope import RotaryEncoding

ROWS = 16  # of pairs, spread over all of them


def rotation_of(encoding: PositionEncoding) -> RotaryEncoding | None:
    """The rotation inside an encoding, of positions in one row; None where there is none."""
    if isinstance(encoding, Combined):
        found = [rotation_of(one) for one in encoding.encodings]  # type: ignore[arg-type]
        return next((one for one in found if one is not None), None)
    if isinstance(encoding, DecoupledRotary):
        return encoding.rope
    if isinstance(encoding, RotaryEncoding) and not isinstance(encoding, AxialRotary):
        return encoding
    return None


def rotary_wavelengths(
    positions: ModelPositions,
) -> list[tuple[str, str, Float64[np.ndarray, " pairs"]]]:
    """(part, layers in words, wavelength of each pair in positions) of each RoPE of a model.

    A pair that stands still has an infinite wavelength.
    """
    found: dict[int, tuple[str, Any, list[int]]] = {}
    for part, details in positions.details.items():
        for at, layer in zip(details.numbers, details.plan, strict=True):
            rope = rotation_of(layer.encoding)
            if rope is not None:
                found.setdefault(id(rope), (part, rope, []))[2].append(at)
    rows = []
    for part, rope, layers in found.values():
        w = rope.frequencies().numpy()
        with np.errstate(divide="ignore"):
            rows.append((part, spans(layers), 2 * math.pi / w))
    return rows


def wavelength_chart(positions: ModelPositions, *, width: int = 48) -> str:
    """The wavelengths as bars of text, on a logarithmic axis that ends at the stated length.

    `|` stands at the length before scaling and at the stated one; a bar that is longer than the
    last of them ends in `>`.
    """
    lines = []
    for part, layers, waves in rotary_wavelengths(positions):
        lengths = [one for one in positions.lengths[part] if one is not None]
        last = max([*lengths, 2 * math.pi * 10])
        marks = sorted({_place(one, last, width) for one in lengths})
        lines.append(f"{part}, {layers}: wavelength of each pair, in positions")
        shown = np.unique(np.linspace(0, len(waves) - 1, min(ROWS, len(waves))).round()).astype(int)
        for pair in shown:
            lines.append(_bar(int(pair), float(waves[pair]), last, width, marks))
        if lengths:
            told = " and ".join(number(one) for one in sorted(set(lengths)))
            lines.append(f"{'':18}| at {told} positions")
        lines.append("")
    return "\n".join(lines).rstrip()


def _place(length: float, last: float, width: int) -> int:
    """The column of a length on an axis from 2 pi to `last`."""
    share = math.log(max(length, 2 * math.pi) / (2 * math.pi)) / math.log(last / (2 * math.pi))
    return min(round(share * width), width)


def _bar(pair: int, wave: float, last: float, width: int, marks: list[int]) -> str:
    """One row: the number of the pair, its wavelength, its bar."""
    if math.isinf(wave):
        return f"{pair:4}  stands still"
    place = _place(wave, last, width)
    cells = ["=" if column < max(place, 1) else " " for column in range(width + 1)]
    for mark in marks:
        cells[mark] = "|"
    end = ">" if wave > last else ""
    text = f"{wave:,.1f}" if wave < 1000 else f"{wave:,.0f}"
    return f"{pair:4} {text:>12} " + "".join(cells).rstrip() + end
