"""Does a comparison hold for every seed, beyond its error bar, and with another test part?

    verdict of a seed = that of `judged` on the difference that the seed has to a rule
    a series that ends earlier has the same three shares of its time, so other years are the test

Source: Diebold and Mariano 1995, section 1 (the error of a difference).

The trap: a ranking of means over one test part. Another decade can turn it round.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from posenc_lib.base import validation
from posenc_lib.experiments.data.forecast_windows import SHAPES
from posenc_lib.experiments.data.measured_series import measured
from posenc_lib.experiments.parts.records import Results
from posenc_lib.experiments.time_series import baselines
from posenc_lib.experiments.time_series.comparison import (
    BASELINES,
    REFERENCES,
    against,
    judged,
    simple_forecasts,
    verdict,
)


def of_seeds(results: Results, task: str, rule: str) -> dict[str, list[str]]:
    """Of every trained model of a task, the verdict of each seed against a rule of `REFERENCES`.

    Raises ValueError for another rule and for a task without results.

    >>> from posenc_lib.experiments import full_results
    >>> of_seeds(full_results("series"), "el_nino", "damped anomaly")["calendar"]
    ['draw', 'draw', 'draw']
    """
    validation.choice("of_seeds", "rule", rule, REFERENCES)
    validation.choice("of_seeds", "task", task, tuple(results.values("task")))
    difference, error = (
        [run for run in results.where(task=task, metric=metric) if run.encoding not in BASELINES]
        for metric in against(rule)
    )
    found: dict[str, list[str]] = {}
    for size, bar in zip(difference, error, strict=True):
        found.setdefault(size.label, []).append(judged(size.value, bar.value))
    return found


class Earlier(NamedTuple):
    """What the rules lose on the test part of a shorter series, and who is no worse than a draw.

    `errors` are root mean squared errors in the unit of the series, the lowest first; `level` names
    the rules that a `verdict` calls a draw with the lowest one, itself among them.
    """

    errors: dict[str, float]
    level: list[str]


def ending_earlier(task: str, years: int) -> Earlier:
    """The rules on the test part of a monthly series that ends some years earlier.

    Raises ValueError for another task, a series of days, and years below 0 or so many that no
    window is left.

    >>> next(iter(ending_earlier("el_nino", 10).errors))
    'ridge, with the month'
    """
    monthly = tuple(name for name, (series, *_) in SHAPES.items() if measured(series).season > 1)
    validation.choice("ending_earlier", "task", task, monthly)
    years = validation.size("ending_earlier", "years", years, minimum=0)
    data = measured(SHAPES[task][0])
    months = len(data) - data.season * years
    if months < 1:
        raise validation.refuse(
            ValueError, "ending_earlier", "years", years,
            f"fewer than the {len(data) / data.season:.0f} years of the series", "Take fewer.",
        )  # fmt: skip
    shorter = replace(data, times=data.times[:months], values=data.values[:months])
    said = simple_forecasts(task, data=shorter)
    lost = {name: baselines.rmse(one.predicted, one.rows.future) for name, one in said.items()}
    errors = dict(sorted(lost.items(), key=lambda item: item[1]))
    best = said[next(iter(errors))].predicted
    return Earlier(errors, [name for name in errors if verdict(said[name], best) == "draw"])
