"""The panel of notebook 09: forecasts from any origin, and where the model looks.

The models are those of `stored_forecasts`, trained once. The page gets the series, what the models
said of the validation rows, and what their attention needs: weights, the periods of their waves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray

from posenc_lib.embeddings.sinusoidal import frequencies
from posenc_lib.embeddings.timing import TimingEncoding
from posenc_lib.experiments.data.forecast_windows import SHAPES, rows_of
from posenc_lib.experiments.data.series_windows import Windows
from posenc_lib.experiments.parts.training_settings import Batch
from posenc_lib.experiments.time_series import baselines
from posenc_lib.experiments.time_series.forecast_steps import (
    OPTIONS,
    TIMING,
    last_token_attention,
)
from posenc_lib.experiments.time_series.stored_forecasts import (
    PART,
    WAYS,
    prepared_for,
    stored_forecast,
    stored_forecaster,
    stored_most,
    stored_moved,
)
from posenc_lib.explorers.panel import Choice, Panel, Slider, Toggle, UpTo
from posenc_lib.explorers.transformer import exported, precise
from posenc_lib.plots.time_series import PANEL_BASELINES, TITLES, UNITS, forecast_curves
from posenc_lib.plots.views import Curves, Heatmap, View

PAST, FUTURE, MODEL, *GUESSES = range(
    3 + len(PANEL_BASELINES)
)  # the colours, the same in all views
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
ORIGIN = "origin"
WEEK = 5  # trading days: stands in where prices have no season
GAPS = "el_nino_gaps"
QUESTION = (
    "El Niño, encoding none: move the origin through a year. From which months is the forecast "
    "worst, from which best, and why? Which encoding mends it?"
)


def forecast_explorer(
    *, question: str | None = None, front: Sequence[str] | None = None, **settings: object
) -> Panel:
    """Forecasts of a small model and a baseline from any origin of the validation part.

    - The past, what came, the model and the baseline. With gaps, the past is drawn as straight
      lines between the months that are known.
    - The error by the month of the origin, of the model and of all baselines.
    - Forecast minus truth at every origin; a tap chooses the origin.
    - How far the model, the baselines and what came go away from the last value.
    - How the last token of each head spreads its attention over the past; grey where a month is
      missing.
    - The error at each step ahead, over the whole validation part.

    Controls: `series` ("el_nino", "co2", "sp500"), `gaps` (half of the months of El Niño
    missing), `encoding` ("none", "sinusoidal", "sinusoidal, by time", "calendar"), `baseline`
    ("last value", "seasonal naive", "ridge"), `origin` (counts those of the validation part
    from 0: 100 of El Niño, 57 of carbon dioxide, 970 of the S&P 500). `question` and `front` (the
    controls in sight) stand in the head of the panel instead of its own.

    Raises ValueError for a setting out of its range.

    >>> panel = forecast_explorer(series="sp500", encoding="none", origin=0)
    >>> panel.views[0].name, panel.views[0].labels
    ('S&P 500: origin 16 February 2011', ('past', 'what came', 'none', 'last value'))
    """
    names = [name for name in SHAPES if name != GAPS]
    ends = {name: len(_shown(name).rows) - 1 for name in names}
    return Panel(
        title="Forecasts",
        controls=[
            Choice("series", "el_nino", {TITLES[name]: name for name in names}),
            Choice("encoding", "none", tuple(WAYS)),
            Slider(
                ORIGIN, 49, 0, max(ends.values()), label="origin (number in the validation part)",
                upto=UpTo("series", ends=ends),
            ),
            Choice("baseline", "last value", PANEL_BASELINES),
            Toggle(
                "gaps", False, label="half of the months missing", needs=("series", ("el_nino",))
            ),
        ],
        compute=_views,
        explorer="forecast_explorer",
        settings=settings,
        page="forecast",
        data=_data(),
        question=question or QUESTION,
        front=front or ("series", "encoding", ORIGIN),
    )  # fmt: skip


@dataclass(frozen=True)
class _Shown:
    """The validation rows of a task, gaps filled by straight lines, what the baselines say of them,
    and the dates of their origins."""

    rows: Windows
    guesses: dict[str, NDArray[np.float64]]
    season: int
    dates: tuple[str, ...]
    ticks: tuple[str, ...]  # the same with three letters for the month
    months: NDArray[np.int64]  # 1 is January

    def nearest(self, row: int) -> list[int]:
        """For each month the origin in it that is nearest to this one, the earlier of two."""
        away = np.abs(np.arange(len(self.rows)) - row)
        return [
            int(np.where(self.months == month, away, len(away)).argmin()) for month in range(1, 13)
        ]

    def by_month(self, guess: NDArray[np.float64]) -> NDArray[np.float64]:
        """The root mean squared error from the origins in each month."""
        square = ((guess - self.rows.future) ** 2).mean(1)
        return np.sqrt([square[self.months == month].mean() for month in range(1, 13)])


@cache
def _shown(task: str) -> _Shown:
    data, rows = rows_of(task, None)
    shown, season = rows[PART], data.season if data.season > 1 else WEEK
    guesses = (
        baselines.last_value(shown),
        baselines.seasonal_naive(shown, season),
        baselines.ridge(rows["train"], rows["validation"], shown),
    )
    at, days = shown.past_times[:, -1], data.time_unit == "days"
    dated = np.array(at, dtype="datetime64[D]") if days else at + np.datetime64("1950-01", "M")
    months = dated.astype("datetime64[M]").astype(int)
    day = [f"{day.day} " if days else "" for day in dated.tolist()]
    dates, ticks = (
        tuple(
            f"{first}{MONTHS[month % 12][:letters]} {1970 + month // 12}"
            for first, month in zip(day, months, strict=True)
        )
        for letters in (None, 3)
    )
    named = dict(zip(PANEL_BASELINES, guesses, strict=True))
    return _Shown(shown, named, season, dates, ticks, months % 12 + 1)


@cache
def _known(task: str) -> NDArray[np.int64]:
    """(rows, tokens): which steps of its history each validation row is given."""
    prepared = prepared_for(task, TIMING)  # its positions are the times themselves
    rows, times = prepared.rows[PART], prepared.batches[PART].positions
    assert times is not None
    pairs = zip(rows.past_times, times.numpy(), strict=True)
    return np.array([np.searchsorted(a, b) for a, b in pairs])


def _attention(task: str, encoding: str, row: int) -> Float[np.ndarray, "heads history"]:
    """How the last token of each head spreads its attention from this origin, NaN for a missing
    month."""
    x, y, positions = prepared_for(task, encoding).batches[PART]
    if positions is not None and positions.ndim == 2:
        positions = positions[row : row + 1]
    one = Batch(x[row : row + 1].double(), y[row : row + 1], positions)
    weights = last_token_attention(precise(stored_forecaster(task, encoding)), one)[0].numpy()
    spread = np.full((len(weights), SHAPES[task][1]), np.nan)
    spread[:, _known(task)[row]] = weights
    return spread


def _views(series: str, encoding: str, origin: int, baseline: str, gaps: bool) -> list[View]:
    task = GAPS if gaps and series == "el_nino" else series
    shown, unit = _shown(task), UNITS[task]
    rows, model = shown.rows, stored_forecast(task, encoding).predicted
    step = _step(task)
    errors = {encoding: model, **shown.guesses}
    moves = {"what came": rows.future, **errors}
    del moves["last value"]  # which never moves
    ahead, month = np.arange(1, rows.future.shape[1] + 1), int(shown.months[origin])
    return [
        forecast_curves(
            rows, origin, {encoding: model, baseline: shown.guesses[baseline]},
            f"{TITLES[series]}: origin {shown.dates[origin]}", unit, step,
            styles=(PAST, FUTURE, MODEL, GUESSES[PANEL_BASELINES.index(baseline)]),
            marks=[(0, ORIGIN)],
        ),
        Curves(
            "error by month of the origin", np.arange(1, 13),
            [shown.by_month(guess) for guess in errors.values()], list(errors),
            "month of the origin (1 is January)", f"RMSE ({unit})", styles=(MODEL, *GUESSES),
            marks=[(month, MONTHS[month - 1])], picks=((ORIGIN, shown.nearest(origin)), None),
        ),
        Heatmap(
            f"forecast minus truth; marked: {shown.dates[origin]}", model - rows.future, ORIGIN,
            f"{step} ahead", unit, column_start=1, row_ticks=shown.ticks, marks=[(origin, None)],
            picks=(ORIGIN, None),
        ),
        Curves(
            "distance from the last value", ahead,
            [np.sqrt(((guess - rows.last) ** 2).mean(0)) for guess in moves.values()],
            list(moves), f"{step} ahead", f"root mean square ({unit})",
            styles=(FUTURE, MODEL, *GUESSES[1:]),
        ),
        Heatmap(
            "attention of the last token", _attention(task, encoding, origin), "head",
            f"{step} from the origin", "weight", (0.0, stored_most(task, encoding)), "sequential",
            column_start=1 - SHAPES[task][1],
        ),
        Curves(
            "error on the whole validation part", ahead,
            [np.sqrt(((guess - rows.future) ** 2).mean(0)) for guess in errors.values()],
            list(errors), f"{step} ahead", f"RMSE ({unit})", styles=(MODEL, *GUESSES),
        ),
    ]  # fmt: skip


def _step(task: str) -> str:
    return "trading days" if task == "sp500" else "months"


def _data() -> dict[str, Any]:
    """What the page takes from the library: see `page_forecast.js`."""
    return {
        "tasks": {task: _task_data(task) for task in SHAPES},
        "gaps": {"el_nino": GAPS},
        "baselines": list(PANEL_BASELINES),
        "months": list(MONTHS),
    }


def _task_data(task: str) -> dict[str, Any]:
    """The series of the validation part once, and where each row begins in it."""
    shown, prepared = _shown(task), prepared_for(task, TIMING)
    bare = prepared.rows[PART]  # without lines over the gaps
    times, first = np.unique(
        np.concatenate([bare.past_times, bare.future_times], axis=1), return_index=True
    )
    values = np.concatenate([bare.past, bare.future], axis=1).ravel()[first]
    begins = np.searchsorted(times, bare.past_times[:, 0])
    _, history, horizon = SHAPES[task]
    gaps = task == GAPS
    return {
        "title": TITLES[task].split(",")[0],
        "unit": UNITS[task],
        "step": _step(task),
        "history": history,
        "horizon": horizon,
        "season": shown.season,
        "scale": prepared.scale,
        "values": values.tobytes(),
        "times": times.astype(np.int32).tobytes(),
        "begins": begins.astype(np.uint16).tobytes(),
        "known": _known(task).astype(np.uint8).tobytes() if gaps else None,
        "filled": shown.rows.past.tobytes() if gaps else None,
        "ridge": shown.guesses["ridge"].tobytes(),
        "dates": list(shown.dates),
        "ticks": list(shown.ticks),
        "months": shown.months.astype(np.uint8).tobytes(),
        "models": {encoding: _model_data(task, encoding) for encoding in WAYS},
    }


def _model_data(task: str, encoding: str) -> dict[str, Any]:
    model, (name, by_time) = stored_forecaster(task, encoding), WAYS[encoding]
    periods = None
    if isinstance(model.at_start, TimingEncoding):
        periods = list(model.at_start.periods)
    elif name == "sinusoidal":
        rates = frequencies(model.norm.normalized_shape[0], **OPTIONS[name])
        periods = (2 * np.pi / rates).tolist()
    sent = exported(model, torch.arange(SHAPES[task][1]), only_weights=True)
    return {
        "weights": sent | {"start": None},  # made of the periods
        "periods": periods,
        "clock": "moment" if name == TIMING else "time" if by_time else "place",
        "moved": stored_moved(task, encoding).tobytes(),
        "most": stored_most(task, encoding),
    }
