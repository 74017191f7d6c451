"""Figures of notebook 09: the series and their split, training, forecasts, and what is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from posenc_lib.experiments.data.measured_series import NAMES, Measured, measured
from posenc_lib.experiments.data.series_windows import PARTS, Windows
from posenc_lib.experiments.parts.records import Results
from posenc_lib.experiments.parts.training_settings import History
from posenc_lib.experiments.time_series.comparison import (
    BASELINES,
    BEYOND,
    CALENDAR,
    ERROR,
    RMSE,
)
from posenc_lib.experiments.time_series.forecast_steps import Forecast
from posenc_lib.plots.palette import look_of
from posenc_lib.plots.teaching_figure import (
    CYCLE,
    TeachingFigure,
    settled,
    teaching_style,
    views_figure,
)
from posenc_lib.plots.views import Curves, number

TITLES = {
    "el_nino": "El Niño", "co2": "carbon dioxide", "sp500": "S&P 500",
    "el_nino_gaps": "El Niño, half of the months missing",
}  # fmt: skip
UNITS = {"el_nino": "°C", "co2": "ppm", "sp500": "100 log points", "el_nino_gaps": "°C"}
PANEL_BASELINES = ("last value", "seasonal naive", "ridge")


def years(series: Measured) -> NDArray[np.float64]:
    """The times of a series as calendar years with a fraction.

    >>> years(measured("el_nino"))[:2].round(2).tolist()
    [1950.0, 1950.08]
    """
    if series.time_unit == "months":
        return 1950 + series.times / 12
    return 1970 + series.times / 365.2425


def three_series() -> TeachingFigure:
    """The measured series, each split in time order into training, validation and test.

    >>> three_series().alt[:31]
    'Three series over time, each sp'
    """
    made = {name: measured(name) for name in NAMES}
    told = "; ".join(
        f"{TITLES[name]} {int(years(s)[0])} to {int(years(s)[-1])}, {number(s.values.min())} to "
        f"{number(s.values.max())} {UNITS[name]}"
        for name, s in made.items()
    )
    figure = TeachingFigure(
        "Three series over time, each split into training (first 60 %), validation (next 20 %) "
        f"and test (last 20 %): {told}. The first two come round every year; the third wanders.",
        (10.0, 8.0),
    )
    with teaching_style():
        for axes, (name, series) in zip(figure.subplots(3, 1), made.items(), strict=True):
            at = years(series)
            for colour, (part, edges) in zip(CYCLE, PARTS.items(), strict=False):
                first, end = (round(len(series) * edge) for edge in edges)
                axes.plot(at[first:end], series.values[first:end], color=colour, label=part)
            axes.set(title=TITLES[name], ylabel=UNITS[name], xlabel="year")
            axes.margins(x=0.01)
            axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return settled(figure)


def training(history: History) -> TeachingFigure:
    """Training and validation loss at each look, and the step whose weights are kept.

    >>> from posenc_lib.experiments.parts.training_settings import Look
    >>> looks = tuple(Look(step, 1 / step, 2 / step) for step in (1, 2, 3))
    >>> training(History(looks, kept=3, stopped_early=False)).alt[:24]
    'Loss against step, a mea'
    """
    steps, trained, held_out = zip(*history.looks, strict=True)
    figure = TeachingFigure(
        "Loss against step, a mean squared error of scaled values: training and validation, with "
        "a line at the step whose weights are kept, where the validation loss is lowest.",
        (8.0, 4.2),
    )
    with teaching_style():
        axes = figure.subplots()
        axes.plot(steps, trained, "o-", label="training")
        axes.plot(steps, held_out, "o-", label="validation")
        axes.axvline(history.kept, color="grey", linestyle="--", label="kept")
        axes.set(xlabel="step", ylabel="mean squared error (scaled)", ylim=(0, None))
        axes.legend()
        axes.grid(alpha=0.3)
    return settled(figure)


def forecast_curves(
    rows: Windows, row: int, guesses: Mapping[str, NDArray[np.float64]], name: str, unit: str,
    step: str = "months", styles: Sequence[int] | None = None,
    marks: Sequence[tuple[float, str]] = (),
) -> Curves:  # fmt: skip
    """One origin: what is known, what came, and forecasts (rows, horizon) that start from it.

    >>> rows = Windows.counted([[1.0, 2.0]], [[3.0]])
    >>> forecast_curves(rows, 0, {"last value": rows.last}, "a line", "metres").ys.round(0)
    array([[ 1.,  2., nan],
           [nan,  2.,  3.],
           [nan,  2.,  2.]])
    """
    history, horizon = rows.past.shape[1], rows.future.shape[1]
    past, last = rows.past[row], rows.past[row, -1:]
    lines = {
        "past": np.concatenate([past, np.full(horizon, np.nan)]),
        "what came": np.concatenate([np.full(history - 1, np.nan), last, rows.future[row]]),
    }
    for label, guess in guesses.items():
        lines[label] = np.concatenate([np.full(history - 1, np.nan), last, guess[row]])
    at = np.arange(1 - history, horizon + 1)
    ys = np.array(list(lines.values()))
    return Curves(
        name, at, ys, list(lines), f"{step} from the origin", unit, styles=styles, marks=marks
    )


def forecasts(
    found: Mapping[str, Forecast | NDArray[np.float64]], rows: Windows, row: int, unit: str = "°C"
) -> TeachingFigure:
    """One origin of the test part: the past, what came, and forecasts beside each other.

    >>> rows = Windows.counted([[1.0, 2.0]], [[3.0]])
    >>> forecasts({"last value": rows.last}, rows, 0).alt[:28]
    'Past, what came and 1 foreca'
    """
    plain = {k: v.predicted if isinstance(v, Forecast) else v for k, v in found.items()}
    view = forecast_curves(rows, row, plain, "forecasts from one origin", unit)
    past, future = rows.past[row], rows.future[row]
    words = (
        f"Past, what came and {len(plain)} forecast{'s' * (len(plain) > 1)} ({', '.join(plain)}): "
        f"{len(past)} steps back from {number(past.min())} to {number(past.max())} {unit}, "
        f"{len(future)} ahead from {number(future.min())} to {number(future.max())} {unit}."
    )
    return settled(views_figure([view], words))


def stored_errors(results: Results) -> TeachingFigure:
    """RMSE over all horizons for each task: simple rules, and encodings with their spread.

    Squares are rules, circles Transformers; the colour says who knows which month it is. What is
    far worse than the last value is named at the edge and not drawn.

    >>> from posenc_lib.experiments import full_results
    >>> stored_errors(full_results("series")).alt[:29]
    'Root mean squared error on th'
    """
    found = results.where(metric=RMSE, at=0)
    told = []
    for task in found.values("task"):
        values = ", ".join(
            f"{_title(name)} {found.mean(task=task, label=name):.2f}"
            for name in found.where(task=task).values("label")
        )
        told.append(f"{TITLES[task]} ({UNITS[task]}): {values}")
    figure = TeachingFigure(
        "Root mean squared error on the test part, mean over three seeds, bars of one spread. "
        f"{'. '.join(told)}.",
        (11.0, 10.0),
    )
    with teaching_style():
        faces = figure.subplots(2, 2)
        for axes, task in zip(faces.flat, found.values("task"), strict=True):
            here = found.where(task=task)
            names, most = here.values("label"), 1.5 * here.mean(label="last value")
            for place, name in enumerate(names):
                one = here.where(label=name)
                if one.mean() > most:
                    axes.text(
                        0.98, place, f"{one.mean():.1f} \u2192", va="center", ha="right",
                        transform=axes.get_yaxis_transform(), color=_colour(name),
                    )  # fmt: skip
                    continue
                axes.errorbar(
                    one.mean(), place, xerr=None if name in BASELINES else one.spread(),
                    fmt="s" if name in BASELINES else "o", color=_colour(name), capsize=4,
                    markersize=7,
                )  # fmt: skip
            axes.set_yticks(range(len(names)), [_title(name) for name in names])
            axes.set_ylim(len(names) - 0.5, -0.5)
            axes.set(title=TITLES[task], xlabel=f"RMSE ({UNITS[task]})")
            axes.grid(alpha=0.3)
        kinds = (
            ("s", CYCLE[0], "a rule"), ("s", CYCLE[1], "a rule that knows the month"),
            ("o", CYCLE[0], "a Transformer"), ("o", CYCLE[1], "a Transformer that knows the month"),
        )  # fmt: skip
        for marker, colour, label in kinds:
            faces[0, 0].plot([], [], marker, color=colour, markersize=7, label=label)
        handles = faces[0, 0].get_legend_handles_labels()
        figure.legend(*handles, loc="outside lower center", ncols=2)
    return settled(figure)


def _title(name: str) -> str:
    return name if name in BASELINES else look_of(name).title


def _colour(name: str) -> str:
    return CYCLE[1] if name in CALENDAR else CYCLE[0]


def against_last_value(results: Results, task: str = "sp500") -> TeachingFigure:
    """How much better or worse than the last value each model is, with the error of that.

    The mean squared error of the last value is taken off; bars are one standard error from blocks
    of the test part, the mean of the seeds. The seasonal naive forecast is left out.

    >>> from posenc_lib.experiments import full_results
    >>> against_last_value(full_results("series")).alt[:28]
    'Mean squared error minus tha'
    """
    found = results.where(task=task, at=0)
    names = [
        name for name in found.where(metric=BEYOND).values("label")
        if name not in ("last value", "seasonal naive")
    ]  # fmt: skip
    size = {
        name: [found.mean(label=name, metric=metric) for metric in (BEYOND, ERROR)]
        for name in names
    }
    told = ", ".join(f"{_title(name)} {d:.3f} ± {e:.3f}" for name, (d, e) in size.items())
    figure = TeachingFigure(
        f"Mean squared error minus that of the last value, {TITLES[task]}, with one standard "
        f"error: {told}. Below 0 would be better than the last value.",
        (9.0, 4.0),
    )
    with teaching_style():
        axes = figure.subplots()
        for place, (name, (difference, error)) in enumerate(size.items()):
            axes.errorbar(
                difference, place, xerr=error, fmt="s" if name in BASELINES else "o",
                color=_colour(name), capsize=5, markersize=8,
            )  # fmt: skip
        axes.axvline(0, color="black", linewidth=1.2)
        axes.set_yticks(range(len(names)), [_title(name) for name in names])
        axes.invert_yaxis()
        axes.margins(y=0.15)
        axes.set(
            xlabel=f"mean squared error minus that of the last value ({UNITS[task]}, squared)",
            title="left of the line: better than the last value",
        )
        axes.grid(alpha=0.3)
    return settled(figure)


def shift_errors(found: Forecast, most: int = 3) -> dict[int, float]:
    """RMSE between one-step forecasts and the measured line, moved by -most .. most steps.

    At shift s the forecast for a moment is compared with the value s steps before it: shift 1 is
    the value that was known when the forecast was made.

    >>> line = np.arange(9.0)
    >>> rows = Windows.counted(line[:8, None], line[1:, None])
    >>> shift_errors(Forecast(rows.last, rows), most=1)
    {-1: 2.0, 0: 1.0, 1: 0.0}
    """
    said, came = found.predicted[:, 0], found.rows.future[:, 0]
    inner = slice(most, len(came) - most)
    return {
        shift: float(np.sqrt(np.mean((said[inner] - np.roll(came, shift)[inner]) ** 2)))
        for shift in range(-most, most + 1)
    }


def hugging(found: Forecast, *, days: int = 40) -> TeachingFigure:
    """The plot of the tutorials, one-step forecasts on the prices, and the same lines shifted.

    >>> line = np.arange(60.0)
    >>> rows = Windows.counted(line[:59, None], line[1:, None])
    >>> hugging(Forecast(rows.last, rows)).alt[-18:]
    'lowest at shift 1.'
    """
    said, came = found.predicted[-days:, 0], found.rows.future[-days:, 0]
    errors = shift_errors(found)
    lowest = min(errors, key=errors.__getitem__)
    views = [
        Curves(
            "forecasts for the next day", np.arange(days), [came, said], ["price", "forecast"],
            "trading day", "100 log points",
        ),
        Curves(
            "error after shifting", np.array(list(errors)), list(errors.values()), "RMSE",
            "price so many days before", "RMSE (100 log points)",
        ),
    ]  # fmt: skip
    words = (
        f"Left: prices of {days} days and the forecast made for each on the day before; the lines "
        "run close together. Right: error of the forecast against the price of some days before: "
        f"lowest at shift {lowest}."
    )
    return settled(views_figure(views, words))
