"""Three measured series that ship with the library: a sea, the air, and a market.

    el_nino   sea surface temperature of the eastern Pacific, degrees Celsius, by month
    co2       carbon dioxide at Mauna Loa, ppm, the mean of each month that has a measurement
    sp500     100 log(close) of the S&P 500, by trading day: a step of 1 is about one per cent

Where they come from and under which licence: `posenc_lib/data/README.md`. No download.

The trap: tables called "temperatures" that are climate normals, long-term means with the noise
taken out, and tables called "daily" that are monthly. A model looks brilliant on the first.
"""

from __future__ import annotations

import csv
import gzip
import math
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files

import numpy as np
from jaxtyping import Float64, Int64

from posenc_lib.base import validation

FILES = {"el_nino": "elnino.csv", "co2": "co2.csv", "sp500": "sp500.csv.gz"}
NAMES = tuple(FILES)


@dataclass(frozen=True)
class Measured:
    """A series: `times` whole numbers that rise, in `time_unit`; `values` in `unit`.

    `season` is the number of steps after which it comes round, 1 where nothing does.

    >>> measured("el_nino").season
    12
    """

    name: str
    times: Int64[np.ndarray, " points"]
    values: Float64[np.ndarray, " points"]
    unit: str
    time_unit: str
    season: int

    def __len__(self) -> int:
        return len(self.values)


def measured(name: str) -> Measured:
    """The series "el_nino", "co2" or "sp500".

    Times are months since January 1950, months since January 1950, and days since January 1970.

    Raises ValueError for another name.

    Source: NOAA, ERSST.V3B, Nino 1+2; Keeling and Whorf 2004; the S&P 500 as `arch` carries it.

    >>> co2 = measured("co2")
    >>> len(co2), co2.unit, round(float(co2.values[0]), 1)
    (521, 'ppm', 316.1)
    """
    lines = _lines(validation.choice("measured", "name", name, NAMES))
    if name == "sp500":
        times = np.array([(day - date(1970, 1, 1)).days for day, _ in lines])
        values = np.array([100 * math.log(value) for _, value in lines])
        return Measured(name, times, values, "100 log points", "days", 1)
    months: dict[int, list[float]] = {}
    for day, value in lines:
        months.setdefault((day.year - 1950) * 12 + day.month - 1, []).append(value)
    times = np.array(sorted(months))
    values = np.array([np.mean(months[month]) for month in times])
    return Measured(name, times, values, {"co2": "ppm"}.get(name, "degrees C"), "months", 12)


@cache
def _lines(name: str) -> tuple[tuple[date, float], ...]:
    content = files("posenc_lib").joinpath("data", FILES[name]).read_bytes()
    text = (gzip.decompress(content) if FILES[name].endswith(".gz") else content).decode("ascii")
    rows = list(csv.reader(text.splitlines()))[1:]
    return tuple((date(*_numbers(when)), float(value)) for when, value in rows)


def _numbers(when: str) -> tuple[int, int, int]:
    """Year, month, day; the first of the month where no day is given."""
    year, month, *day = (int(part) for part in when.split("-"))
    return year, month, day[0] if day else 1
