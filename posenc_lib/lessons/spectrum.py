"""Which waves a position table is made of: the Fourier transform along positions.

    share(k) = sum over columns |F_k|^2 / total,     F_k = sum_p w_p exp(-2 pi i k p / length)

A wave that turns k times from the first row to the last has the wavelength length / k positions.
The columns need not be sines themselves: the sum over columns is the same after any rotation of
the axes, so the waves of a trained table show although each of its columns mixes them all.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float64

from posenc_lib.base import validation
from posenc_lib.base.arrays import as_table, in_range


def wave_spectrum(
    table: Float[np.ndarray, "length dim"],
) -> tuple[Float64[np.ndarray, " waves"], Float64[np.ndarray, " waves"]]:
    """Wavelengths, in positions, and the share of the table's variance that each one holds.

    Both of shape (length // 2,), wavelengths falling from `length` to 2 or just above; the shares
    add up to 1. The mean row is taken out first.

    Raises TypeError for anything but real numbers, ValueError for a table that is not finite, has
    fewer than two rows or the same row everywhere.

    >>> wave = np.sin(2 * np.pi * np.arange(12) / 4)
    >>> wavelengths, shares = wave_spectrum(wave[:, None])
    >>> float(wavelengths[shares.argmax()])
    4.0
    """
    rows = in_range(as_table("wave_spectrum", table, rows=2))  # shares know no unit
    size = float((rows**2).sum())
    rows = rows - rows.mean(axis=0)
    power = (np.abs(np.fft.rfft(rows, axis=0)) ** 2).sum(axis=1)[1:]
    if len(rows) % 2 == 0:
        power[-1] /= 2  # every other wave counts twice, for k and -k
    total = power.sum()
    if total <= 1e-24 * max(1.0, size):
        raise validation.refuse(
            ValueError, "wave_spectrum", "table", "the same row everywhere", "rows that differ",
            "A constant holds no wave.",
        )  # fmt: skip
    return len(rows) / np.arange(1, len(power) + 1), power / total
