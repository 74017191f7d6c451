"""Windows of a series without a look ahead: history in, horizon out, never across a split.

    part p of the time axis  ->  rows  v[t - n + 1 .. t]  and  v[t + 1 .. t + h],  all inside p
    x = (v - v[t]) / s,      y = (v[t + 1 .. t + h] - v[t]) / s

t is the origin, the last moment that is known; n the history, h the horizon. s is the standard
deviation of v[t + k] - v[t] over the training rows, and nothing else is measured.

Source: Zeng et al. 2023, "Are Transformers Effective for Time Series Forecasting?", section 4
(NLinear: the last value is taken off and put back). The split in time order is common practice.

The trap: a scaler fitted on the whole series, or windows dealt out at random, whose neighbours
share all values but one. Both let the test set into the training.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64
from numpy.typing import ArrayLike

from posenc_lib.base import validation
from posenc_lib.experiments.data.measured_series import Measured

PARTS = {"train": (0.0, 0.6), "validation": (0.6, 0.8), "test": (0.8, 1.0)}


@dataclass(frozen=True)
class Windows:
    """Rows of a series in its own unit, with the times that belong to them.

    `past` (rows, history), `future` (rows, horizon), `past_times` and `future_times` alike.

    >>> Windows.counted([[1.0, 2.0]], [[3.0]]).last.tolist()
    [[2.0]]
    """

    past: Float64[np.ndarray, "rows history"]
    future: Float64[np.ndarray, "rows horizon"]
    past_times: Int64[np.ndarray, "rows history"]
    future_times: Int64[np.ndarray, "rows horizon"]

    @classmethod
    def counted(cls, past: ArrayLike, future: ArrayLike) -> Windows:
        """Rows without dates: the times are 0, 1, 2 ..."""
        past, future = np.asarray(past, dtype=float), np.asarray(future, dtype=float)
        times = np.arange(past.shape[1] + future.shape[1], dtype=np.int64)
        times = np.tile(times, (len(past), 1))
        return cls(past, future, times[:, : past.shape[1]], times[:, past.shape[1] :])

    @property
    def last(self) -> Float64[np.ndarray, "rows 1"]:
        """The value at the origin of each row."""
        return self.past[:, -1:]

    def __len__(self) -> int:
        return len(self.past)


def windows(series: Measured, part: str, *, history: int, horizon: int) -> Windows:
    """All rows of a part, "train", "validation" or "test": the first 60, next 20, last 20 %.

    A row is left out where months are missing inside it. Stock prices know no missing day: their
    rows are trading days, and their times have the gaps of weekends.

    Raises ValueError for another part, sizes below 1 or a part too short for one row.

    >>> from posenc_lib.experiments.data.measured_series import measured
    >>> windows(measured("el_nino"), "test", history=36, horizon=12).past.shape
    (99, 36)
    """
    history = validation.size("windows", "history", history)
    horizon = validation.size("windows", "horizon", horizon)
    share = PARTS[validation.choice("windows", "part", part, tuple(PARTS))]
    first, end = (round(len(series) * edge) for edge in share)
    width = history + horizon
    if end - first < width:
        raise validation.refuse(
            ValueError, "windows", "history + horizon", width,
            f"at most the {end - first} values of the part", "Take a shorter history.",
        )  # fmt: skip
    values = np.lib.stride_tricks.sliding_window_view(series.values[first:end], width)
    times = np.lib.stride_tricks.sliding_window_view(series.times[first:end], width)
    if series.time_unit == "months":
        whole = times[:, -1] - times[:, 0] == width - 1
        values, times = values[whole], times[whole]
    return Windows(values[:, :history], values[:, history:], times[:, :history], times[:, history:])


def scale_of(train: Windows) -> float:
    """The standard deviation of future minus last value over the training rows.

    Raises nothing: a series that never moves has scale 1.

    >>> scale_of(Windows.counted([[0.0], [0.0]], [[3.0], [-3.0]]))
    3.0
    """
    return float((train.future - train.last).std()) or 1.0
