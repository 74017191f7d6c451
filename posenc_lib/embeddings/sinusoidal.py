"""Sinusoidal position encoding, in NumPy.

    PE(p, 2i)   = sin(p * w_i)
    PE(p, 2i+1) = cos(p * w_i),     w_i = base ** (-2i / dim),  i = 0 .. ceil(dim/2) - 1

Source: Vaswani et al. 2017, "Attention Is All You Need", section 3.5.

The trap: i counts *pairs* of columns, not columns. An index that runs to dim instead of
dim/2 makes every wavelength wrong and still returns an array of the right shape.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Complex128, Float32, Float64, Real

from posenc_lib.base import validation


def frequencies(dim: int, *, base: float = 10000.0) -> Float64[np.ndarray, " pairs"]:
    """Angular frequency of each (sin, cos) pair, in radians per position.

    w_i = base ** (-2i / dim). Shape (ceil(dim / 2),), float64, falling from 1.
    An odd `dim` keeps its true value in the exponent; its last pair has a sine only.

    Raises TypeError for a `dim` that is not an integer, ValueError for dim < 1 or base <= 1.

    Source: Vaswani et al. 2017, section 3.5.

    >>> frequencies(4, base=100.0)
    array([1. , 0.1])
    """
    dim, base = _checked("frequencies", dim, base)
    pair = np.arange((dim + 1) // 2)
    return base ** (-2.0 * pair / dim)


def _checked(function: str, dim: int, base: float) -> tuple[int, float]:
    """Check dim and base in the name of the public function that was called."""
    return validation.size(function, "dim", dim), validation.real(function, "base", base, above=1.0)


def wavelengths(dim: int, *, base: float = 10000.0) -> Float64[np.ndarray, " pairs"]:
    """Wavelength of each (sin, cos) pair, in positions: 2 pi / w_i.

    Shape (ceil(dim / 2),), float64, rising from 2 pi. The longest one is
    2 pi base ** ((dim - 2) / dim) for an even `dim`, which is less than 2 pi base.

    Raises like `frequencies`, and ValueError for a base so large that a wavelength leaves float64.

    Source: Vaswani et al. 2017, section 3.5.

    >>> (wavelengths(4, base=100.0) / (2 * np.pi)).round(6)
    array([ 1., 10.])
    """
    dim, base = _checked("wavelengths", dim, base)
    with np.errstate(over="ignore"):
        lengths = 2 * np.pi / frequencies(dim, base=base)
    if not np.isfinite(lengths).all():
        raise validation.refuse(
            ValueError, "wavelengths", "base", base, "wavelengths that float64 can hold",
            "Choose a smaller base.",
        )  # fmt: skip
    return lengths


def sinusoidal_at(
    positions: Real[np.ndarray, "*batch length"] | Sequence[float],
    dim: int,
    *,
    base: float = 10000.0,
) -> Float32[np.ndarray, "*batch length {dim}"]:
    """Encode any real positions: fractions, negative ones, timestamps.

    Adds one axis of size `dim`. Angles and sines are computed in float64 and rounded once,
    to float32. Column 2i is sin(p w_i), column 2i+1 is cos(p w_i); an odd `dim` ends on a sine.

    Raises TypeError for anything but numbers (convert dates to seconds first) and for masked
    arrays, ValueError for NaN, infinite positions and integers beyond 2**53, and like
    `frequencies`.

    Source: Vaswani et al. 2017, section 3.5.

    >>> sinusoidal_at([0.0, 0.5], 2).round(4)
    array([[0.    , 1.    ],
           [0.4794, 0.8776]], dtype=float32)
    """
    dim, base = _checked("sinusoidal_at", dim, base)
    positions = _real_positions(positions)
    angle = positions[..., None] * frequencies(dim, base=base)  # (*batch, length, pairs)
    table = np.empty((*positions.shape, dim), dtype=np.float32)
    table[..., 0::2] = np.sin(angle)
    table[..., 1::2] = np.cos(angle)[..., : dim // 2]
    return table


def _real_positions(positions: Any) -> Float64[np.ndarray, "*batch length"]:
    rows = positions if isinstance(positions, (list, tuple)) else [positions]
    if any(issubclass(kind, np.ma.MaskedArray) for kind in set(map(type, rows))):
        raise validation.refuse(
            TypeError, "sinusoidal_at", "positions", "a masked array", "an array without a mask",
            "Fill the gaps with .filled(value) or leave them out with .compressed().",
        )  # fmt: skip
    try:
        at = np.asarray(positions)
        far = _far_integer(at, positions)
        if far is None and (at.dtype.kind not in "iuf" or at.dtype.itemsize > 8 or at.ndim == 0):
            raise TypeError
    except (TypeError, ValueError, RuntimeError):
        raise validation.refuse(
            TypeError, "sinusoidal_at", "positions", positions, "an array or list of numbers",
            "Convert dates to seconds, booleans to 0 and 1, long doubles to float64 yourself.",
        ) from None  # fmt: skip
    if far is not None:
        raise _too_far("sinusoidal_at", "positions", far)
    if not np.isfinite(at).all():
        raise validation.refuse(
            ValueError, "sinusoidal_at", "positions", "NaN or infinity", "finite numbers",
            "Fill the gaps first.",
        )  # fmt: skip
    return at.astype(np.float64) + 0.0  # -0.0 prints badly


def _far_integer(at: np.ndarray, positions: Any) -> int | None:
    """An integer among the positions that float64 may move to a neighbour, if there is one."""
    items: Iterable[Any] = []
    if at.dtype.kind in "iu" and at.size:
        items = [at.min(), at.max()]
    elif at.dtype.kind == "O":
        items = at.flat
    elif at.dtype.kind == "f" and isinstance(positions, (list, tuple)):
        any_far = float(np.abs(at).max(initial=0)) >= 2**53
        items = np.asarray(positions, dtype=object).flat if any_far else []  # integers still
    return next((operator.index(item) for item in items if _is_far(item)), None)


def _is_far(number: Any) -> bool:
    try:
        return abs(operator.index(number)) > 2**53
    except TypeError:
        return False  # a float is what it is


def _too_far(function: str, argument: str, value: object) -> Exception:
    return validation.refuse(
        ValueError, function, argument, value, "positions between -2**53 and 2**53",
        "float64 cannot tell neighbouring positions apart beyond that.",
    )  # fmt: skip


def sinusoidal_textbook(
    length: int, dim: int, *, base: float = 10000.0, start: int = 0
) -> Float32[np.ndarray, "{length} {dim}"]:
    """The table written as the paper writes it: one sine or cosine an entry.

    The readable reference that `sinusoidal_table` is tested against.

    Raises TypeError for sizes that are not integers, ValueError for sizes below 1, base <= 1 or
    positions beyond 2**53.

    Source: Vaswani et al. 2017, section 3.5.

    >>> sinusoidal_textbook(2, 4).round(4)
    array([[0.    , 1.    , 0.    , 1.    ],
           [0.8415, 0.5403, 0.01  , 1.    ]], dtype=float32)
    """
    length = validation.size("sinusoidal_textbook", "length", length)
    dim, base = _checked("sinusoidal_textbook", dim, base)
    start = _first_position("sinusoidal_textbook", start, length)
    positions = np.arange(start, start + length, dtype=np.float64)
    return sinusoidal_at(positions, dim, base=base)


def _first_position(function: str, start: int, length: int) -> int:
    """Return `start` if start .. start + length - 1 are all exact in float64."""
    start = validation.integer(function, "start", start)
    if not -(2**53) <= start <= 2**53 - length:
        raise _too_far(function, "start", start)
    return start


def sinusoidal_table(
    length: int, dim: int, *, base: float = 10000.0, start: int = 0
) -> Float32[np.ndarray, "{length} {dim}"]:
    """The sinusoidal table for positions start .. start + length - 1, shape (length, dim), float32.

    Made by angle addition. Position p = c + f is split into a coarse and a fine part, and
    turning by p w_i is turning by c w_i, then by f w_i: one complex product. Both small tables
    are made in float64, so the result stays within 2e-7 of the true value even at position
    1,000,000, where float32 angles are wrong in the second digit.

    Raises TypeError for sizes that are not integers, ValueError for sizes below 1, base <= 1 or
    positions beyond 2**53.

    Source: Vaswani et al. 2017, section 3.5 (the formula); its remark that PE(p + k) is a
    linear function of PE(p) (the method).

    >>> sinusoidal_table(2, 4).round(4)
    array([[0.    , 1.    , 0.    , 1.    ],
           [0.8415, 0.5403, 0.01  , 1.    ]], dtype=float32)
    """
    length = validation.size("sinusoidal_table", "length", length)
    dim, base = _checked("sinusoidal_table", dim, base)
    start = _first_position("sinusoidal_table", start, length)
    w = frequencies(dim, base=base)

    step = math.isqrt(length)  # two tables of about sqrt(length) rows make all the others
    blocks = -(-length // step)  # rounded up
    # i * exp(-i a) = sin(a) + i cos(a): a complex number in memory is then a (sin, cos) pair.
    first = 1j * np.exp(-1j * start * w)
    coarse = (first * _turns(blocks, step * w)).astype(np.complex64)  # (blocks, pairs)
    fine = _turns(step, w).astype(np.complex64)  # (step, pairs)
    turned = coarse[:, None, :] * fine  # the one large step: (blocks, step, pairs)
    table = turned.reshape(-1, w.size)[:length].view(np.float32)  # (length, 2 * pairs)
    return table if dim % 2 == 0 else np.ascontiguousarray(table[:, :dim])


def _turns(count: int, angle: Float64[np.ndarray, " pairs"]) -> Complex128[np.ndarray, "n pairs"]:
    """exp(-i n angle) for n = 0 .. count - 1, by doubling: rows 0 .. n - 1 turned by n give the
    next n, so one row of sines and cosines is enough."""
    rows = np.ones((count, angle.size), dtype=np.complex128)
    turn, done = np.exp(-1j * angle), 1
    while done < count:
        new = rows[done : 2 * done]
        np.multiply(rows[: len(new)], turn, out=new)
        turn, done = turn * turn, 2 * done  # exp(-i 2a) = exp(-i a) squared
    return rows


def shift_rotation(
    offset: float, dim: int, *, base: float = 10000.0
) -> Float64[np.ndarray, "{dim} {dim}"]:
    """The matrix M with M @ PE(p) = PE(p + offset) at every position p.

    Block-diagonal: pair i is turned by the angle offset * w_i. It depends on the offset
    alone, not on p. Orthogonal, shape (dim, dim), float64.

    Raises TypeError for an `offset` that is not a number, ValueError for an integer beyond 2**53
    and for an odd `dim`, whose last sine has no cosine to turn with, and like `frequencies`.

    Source: Vaswani et al. 2017, section 3.5 ("for any fixed offset k").

    >>> shift_rotation(0, 2)
    array([[1., 0.],
           [0., 1.]])
    """
    if _is_far(offset):
        raise _too_far("shift_rotation", "offset", offset)
    offset = validation.real("shift_rotation", "offset", offset)
    dim, base = _checked("shift_rotation", dim, base)
    if dim % 2:
        raise validation.refuse(
            ValueError, "shift_rotation", "dim", dim, "an even integer",
            "The last sine of an odd dim has no partner, so no rotation exists.",
        )  # fmt: skip
    angle = offset * frequencies(dim, base=base)
    matrix = np.zeros((dim, dim))
    sine, cosine = np.arange(0, dim, 2), np.arange(1, dim, 2)
    matrix[sine, sine] = matrix[cosine, cosine] = np.cos(angle)
    matrix[sine, cosine] = np.sin(angle)
    matrix[cosine, sine] = -np.sin(angle)
    return matrix + 0.0  # -0.0 prints badly
