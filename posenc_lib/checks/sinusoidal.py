"""Exercises of notebook 01: the table and the shift."""

from __future__ import annotations

import numpy as np

from posenc_lib.checks.exercise import Exercise, Mistake
from posenc_lib.embeddings.sinusoidal import (
    frequencies,
    shift_rotation,
    sinusoidal_textbook,
)


def _interleave(angle: np.ndarray, dim: int) -> np.ndarray:
    table = np.empty((len(angle), dim))
    table[:, 0::2] = np.sin(angle)
    table[:, 1::2] = np.cos(angle)[:, : dim // 2]
    return table


def _column_index(length: int, dim: int) -> np.ndarray:
    """i runs over columns: the exponent grows twice as fast as it should."""
    rate = 10000.0 ** (-2.0 * np.arange(dim) / dim)
    angle = np.arange(length)[:, None] * rate
    even = np.arange(dim) % 2 == 0
    return np.where(even, np.sin(angle), np.cos(angle))


def _missing_two(length: int, dim: int) -> np.ndarray:
    """base ** (-i / dim): the factor 2 is gone."""
    rate = 10000.0 ** (-np.arange((dim + 1) // 2) / dim)
    return _interleave(np.arange(length)[:, None] * rate, dim)


def _halves(length: int, dim: int) -> np.ndarray:
    """All sines first, then all cosines."""
    angle = np.arange(length)[:, None] * frequencies(dim)
    return np.concatenate([np.sin(angle), np.cos(angle)[:, : dim // 2]], axis=1)


def _positions_from_one(length: int, dim: int) -> np.ndarray:
    return sinusoidal_textbook(length, dim, start=1)


def _rounded_up(length: int, dim: int) -> np.ndarray:
    """An odd dim rounded up first and cut afterwards: every frequency changes."""
    return sinusoidal_textbook(length, dim + dim % 2)[:, :dim]


table = Exercise(
    name="my_table",
    solution=sinusoidal_textbook,
    cases=lambda: [(1, 2), (6, 8), (5, 7), (50, 32)],
    mistakes=(
        Mistake(
            "column index", _column_index,
            "Your i counts columns. It has to count pairs: columns 2i and 2i + 1 share one "
            "frequency, so i stops before dim / 2.",
        ),
        Mistake(
            "missing two", _missing_two,
            "Every pair turns too fast. Is the 2 of the exponent -2i / dim there?",
        ),
        Mistake(
            "halves", _halves,
            "You have all sines, then all cosines. The paper interleaves them: sine in the even "
            "columns, cosine in the odd ones. table[:, 0::2] is every even column.",
        ),
        Mistake("from one", _positions_from_one, "Positions count from 0: row 0 is 0, 1, 0, 1."),
        Mistake(
            "rounded up", _rounded_up,
            "Right for an even dim. For an odd one, keep the true dim in the exponent and only "
            "leave the last cosine out.",
        ),
    ),
)  # fmt: skip


def _rotated(encoding: np.ndarray, offset: int) -> np.ndarray:
    return shift_rotation(offset, len(encoding)) @ encoding


def _other_way(encoding: np.ndarray, offset: int) -> np.ndarray:
    return shift_rotation(-offset, len(encoding)) @ encoding


def _same_angle(encoding: np.ndarray, offset: int) -> np.ndarray:
    angle = np.full(len(encoding) // 2, float(offset))
    return _turn(encoding, angle)


def _added(encoding: np.ndarray, offset: int) -> np.ndarray:
    return encoding + sinusoidal_textbook(1, len(encoding), start=offset)[0]


def _turn(encoding: np.ndarray, angle: np.ndarray) -> np.ndarray:
    sine, cosine = encoding[0::2], encoding[1::2]
    turned = np.empty_like(encoding)
    turned[0::2] = sine * np.cos(angle) + cosine * np.sin(angle)
    turned[1::2] = cosine * np.cos(angle) - sine * np.sin(angle)
    return turned


def _rows() -> list[tuple]:
    table = sinusoidal_textbook(40, 16).astype(float)
    return [(table[0], 3), (table[7], 5), (table[30], -4)]


shift = Exercise(
    name="my_shift",
    solution=_rotated,
    cases=_rows,
    mistakes=(
        Mistake(
            "other way", _other_way,
            "You turned backwards: that is position p - k. Each pair is (sin, cos), so the angle "
            "addition formulas give sin * cos(kw) + cos * sin(kw) for the first of the two.",
        ),
        Mistake(
            "same angle", _same_angle,
            "You turned every pair by the same angle k. Pair i turns by k times its own "
            "frequency w_i.",
        ),
        Mistake(
            "offset added", lambda encoding, offset: encoding + offset,
            "The offset counts positions; the vector holds sines and cosines of angles. Turn each "
            "pair by the angle that belongs to the offset.",
        ),
        Mistake(
            "added", _added,
            "Adding PE(k) to PE(p) does not give PE(p + k): sines do not add up that way. "
            "Turn each pair.",
        ),
    ),
    tolerance=1e-5,
)  # fmt: skip
