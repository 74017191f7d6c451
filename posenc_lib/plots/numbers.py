"""Numbers for views: read at the boundary, and written for readers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from posenc_lib.base.arrays import to_numpy

LARGEST_VALUE = 1e30
"""Beyond this a number is a mask (such as the lowest float32), not a value."""


def number(value: float) -> str:
    """Write a number for a reader: whole as it is, otherwise three significant digits.

    >>> number(10_000.0), number(0.123456), number(-3), number(47_117.3)
    ('10,000', '0.123', '-3', '47,100')
    """
    value = float(value)
    if 100 <= abs(value) < 1e7 and value != round(value):
        value = float(f"{value:.3g}")
    if abs(value) < 1e15 and value == round(value):
        return f"{int(value):,}"
    return f"{value:.3g}"


def real_numbers(where: str, argument: str, values: Any) -> NDArray[Any]:
    """A read-only copy in float32 or float64; a torch tensor is taken off its graph and device."""
    try:
        array = np.asarray(to_numpy(values, where, argument))
    except ValueError as error:
        raise ValueError(
            f"{where}: {argument} is ragged: its rows differ in length. Pad them with NaN."
        ) from error
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"{where}: {argument} must hold real numbers, but its dtype is {array.dtype}. "
            "Convert it to float first."
        )
    array = array.astype(np.float32 if array.dtype in (np.float32, np.float16) else np.float64)
    for extreme in extremes_of(array) or ():
        if abs(extreme) > LARGEST_VALUE:
            raise ValueError(
                f"{where}: {argument} holds {extreme:.3g}, which has no colour and no height. "
                "Put NaN where a value is masked."
            )
    array.flags.writeable = False
    return array


def extremes_of(values: NDArray[Any]) -> tuple[float, float] | None:
    """Smallest and largest value, NaN aside; None if there is no other."""
    if not values.size:
        return None
    low, high = np.fmin.reduce(values, axis=None), np.fmax.reduce(values, axis=None)
    return None if np.isnan(low) else (float(low), float(high))
