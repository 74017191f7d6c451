"""Splits of a series into training and test rows: one right, two that look ahead, and the test.

    in_time         the rows of the first 80 %, the rows of the rest
    dealt_out       all rows, shuffled; 80 % train, the others test
    scaled_by_all   in time, but after subtracting the mean of the whole series

The test needs no theory: change what comes after every origin, and nothing that was known changes.

Source: Kaufman et al. 2012, "Leakage in Data Mining: Formulation, Detection, and Avoidance",
section 3 (no value may be used that was not known yet).

The trap: `dealt_out` is right for pictures, where one says nothing of the next. Neighbouring rows
of a series share all values but one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float64

from posenc_lib.experiments.data.series_windows import Windows

TRAINED = 0.8  # the share of the series, or of the rows, that trains
Values = Float64[np.ndarray, " points"]
Split = Callable[[Values, int, int], tuple[Windows, Windows]]


def in_time(values: Values, history: int, horizon: int) -> tuple[Windows, Windows]:
    """The rows of the first part of the series, and those of the rest.

    >>> train, test = in_time(np.arange(10.0), 1, 1)
    >>> float(train.future.max()), float(test.past.min())
    (7.0, 8.0)
    """
    border = round(TRAINED * len(values))
    return _rows(values[:border], history, horizon), _rows(values[border:], history, horizon)


def dealt_out(values: Values, history: int, horizon: int) -> tuple[Windows, Windows]:
    """All rows in an order drawn at random, then split: a fault that is often published."""
    rows = _rows(values, history, horizon)
    order = np.random.default_rng(0).permutation(len(rows))
    border = round(TRAINED * len(rows))
    return _rows_at(rows, order[:border]), _rows_at(rows, order[border:])


def scaled_by_all(values: Values, history: int, horizon: int) -> tuple[Windows, Windows]:
    """Split in time, but scaled by mean and spread of the whole series: another such fault."""
    return in_time((values - values.mean()) / values.std(), history, horizon)


def looks_ahead(split: Split, values: Values, history: int, horizon: int) -> bool:
    """Whether training rows or test histories change when the last `horizon` values do.

    Those lie behind every origin of the series: no forecast can have known them.

    >>> looks_ahead(in_time, np.arange(99.0), 8, 2), looks_ahead(dealt_out, np.arange(99.0), 8, 2)
    (False, True)
    """
    changed = values.copy()
    changed[-horizon:] += 1 + np.abs(values).max()
    train, test = split(values, history, horizon)
    other, again = split(changed, history, horizon)
    same = (
        np.array_equal(train.past, other.past),
        np.array_equal(train.future, other.future),
        np.array_equal(test.past, again.past),
    )
    return not all(same)


def nearest(train: Windows, rows: Windows) -> Float64[np.ndarray, "rows horizon"]:
    """The simplest forecast that remembers: the future of the training row with the nearest past.

    >>> nearest(Windows.counted([[0], [9]], [[1], [10]]), Windows.counted([[8]], [[0]])).tolist()
    [[10.0]]
    """
    found = [((train.past - past) ** 2).sum(axis=1).argmin() for past in rows.past]
    return train.future[found]


def _rows(values: Values, history: int, horizon: int) -> Windows:
    rows = np.lib.stride_tricks.sliding_window_view(values, history + horizon)
    return Windows.counted(rows[:, :history], rows[:, history:])


def _rows_at(rows: Windows, which: np.ndarray) -> Windows:
    return Windows.counted(rows.past[which], rows.future[which])
