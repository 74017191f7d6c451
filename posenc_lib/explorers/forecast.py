"""The panel of notebook 09: forecasts from any origin, and where the model looks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from posenc_lib.experiments.data.forecast_windows import SHAPES, rows_of
from posenc_lib.experiments.data.series_windows import Windows
from posenc_lib.experiments.parts.training_settings import Training
from posenc_lib.experiments.time_series import baselines
from posenc_lib.experiments.time_series.forecast_steps import (
    TIMING,
    Forecast,
    build,
    fit,
    last_token_attention,
    predicted,
    prepare,
)
from posenc_lib.explorers.panel import Choice, Panel, Slider, Toggle
from posenc_lib.plots.time_series import BASELINES, TITLES, UNITS, forecast_curves
from posenc_lib.plots.views import Curves, Heatmap, View

ENCODINGS = {  # what the reader chooses: encoding, and whether its positions are by time
    "none": ("none", False), "sinusoidal": ("sinusoidal", False),
    "sinusoidal, by time": ("sinusoidal", True), TIMING: (TIMING, False),
}  # fmt: skip
QUICK = Training(steps=120, batch=32, rate=1e-2, every=20, patience=3)
PAST, FUTURE, MODEL, *GUESSES = range(3 + len(BASELINES))  # the colours, the same in both views
WHOLE = 100  # the origin is a share of the test part, in per cent, as the series differ in length


def forecast_explorer(**settings: object) -> Panel:
    """Forecasts of a small model and a baseline from any origin of the test part.

    - The past, what came, the model and the baseline. With gaps, the past is drawn as straight
      lines between the months that are known.
    - How the last token of each head spreads its attention over the past; grey where a month is
      missing.
    - The error at each step ahead, over the whole test part, of the model and of all baselines.
    - Forecast minus truth at every origin.

    Controls: `series` ("el_nino", "co2", "sp500"), `gaps` (half of the months of El Niño
    missing), `encoding` ("none", "sinusoidal", "sinusoidal, by time", "calendar"), `baseline`
    ("last value", "seasonal naive", "ridge"), `origin` (per cent of the test part, 0 its first
    window). A model is trained the first time it is chosen, in about a second, and kept.

    Raises ValueError for a setting out of its range.

    >>> panel = forecast_explorer(series="sp500", encoding="none", origin=0)
    >>> panel.views[0].labels
    ('past', 'what came', 'none', 'last value')
    """
    return Panel(
        title="Forecasts",
        controls=[
            Choice("series", "el_nino", {TITLES[n]: n for n in SHAPES if not n.endswith("gaps")}),
            Toggle(
                "gaps", False, label="half of the months missing", needs=("series", ("el_nino",))
            ),
            Choice("encoding", "sinusoidal", tuple(ENCODINGS)),
            Choice("baseline", "last value", BASELINES),
            Slider("origin", 50, 0, WHOLE, label="origin (% of test)"),
        ],
        compute=_views,
        explorer="forecast_explorer",
        settings=settings,
    )


@dataclass(frozen=True)
class _Model:
    """What one small model said on the test part, and where it looked."""

    found: Forecast
    attention: NDArray[np.float32]  # (rows, heads, history), NaN for a missing month


@lru_cache(maxsize=32)
def _model_of(task: str, encoding: str, by_time: bool) -> _Model:
    prepared = prepare(task, encoding, by_time=by_time)
    model = build(prepared)
    fit(model, prepared, QUICK)
    batch, rows = prepared.batches["test"], prepared.rows["test"]
    weights = last_token_attention(model, batch).numpy()
    spread = np.full((*weights.shape[:2], rows.past.shape[1]), np.nan, dtype=np.float32)
    places = _known_places(task)
    np.put_along_axis(spread, np.broadcast_to(places[:, None], weights.shape), weights, axis=2)
    return _Model(predicted(model, prepared), spread)


@lru_cache(maxsize=8)
def _known_places(task: str) -> NDArray[np.int64]:
    """(rows, tokens): which steps of its history each test row is given."""
    prepared = prepare(task, TIMING)  # its positions are the times themselves
    rows, times = prepared.rows["test"], prepared.batches["test"].positions
    assert times is not None
    pairs = zip(rows.past_times, times.numpy(), strict=True)
    return np.array([np.searchsorted(a, b) for a, b in pairs])


@lru_cache(maxsize=8)
def _baselines(task: str) -> tuple[Windows, dict[str, NDArray[np.float64]]]:
    """The test rows, gaps filled by straight lines, and the baselines there.

    A week stands in where prices have no season.
    """
    data, rows = rows_of(task, None)
    test, season = rows["test"], data.season if data.season > 1 else 5
    guesses = (
        baselines.last_value(test),
        baselines.seasonal_naive(test, season),
        baselines.ridge(rows["train"], rows["validation"], test),
    )
    return test, dict(zip(BASELINES, guesses, strict=True))


def _views(series: str, gaps: bool, encoding: str, baseline: str, origin: int) -> list[View]:
    task = "el_nino_gaps" if gaps and series == "el_nino" else series
    model, (rows, guesses) = _model_of(task, *ENCODINGS[encoding]), _baselines(task)
    row = round(origin / WHOLE * (len(rows) - 1))
    step = "trading days" if series == "sp500" else "months"
    shown = {encoding: model.found.predicted, baseline: guesses[baseline]}
    title = f"{TITLES[series]}: origin {_date(series, int(rows.past_times[row, -1]))}"
    errors = {encoding: model.found.predicted, **guesses}
    ahead = np.arange(1, rows.future.shape[1] + 1)
    history = rows.past.shape[1]
    missed = model.found.predicted - rows.future
    return [
        forecast_curves(
            rows, row, shown, title, UNITS[task], step,
            styles=(PAST, FUTURE, MODEL, GUESSES[BASELINES.index(baseline)]),
        ),
        Heatmap(
            "attention of the last token", model.attention[row], "head", f"{step} from the origin",
            "weight", limits=(0, float(np.nanmax(model.attention))), palette="sequential",
            column_start=1 - history,
        ),
        Curves(
            "error on the whole test part", ahead,
            [np.sqrt(((guess - rows.future) ** 2).mean(0)) for guess in errors.values()],
            list(errors), f"{step} ahead", f"RMSE ({UNITS[task]})",
            styles=(MODEL, *GUESSES),
        ),
        Heatmap(
            f"forecast minus truth, row {row}", missed, "origin", f"{step} ahead",
            UNITS[task], column_start=1,
        ),
    ]  # fmt: skip


def _date(series: str, time: int) -> str:
    if series != "sp500":
        return f"{1950 + time // 12}-{time % 12 + 1:02}"
    return str(np.datetime64(int(time), "D"))
