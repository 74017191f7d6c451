"""The steps of a forecast: prepare, encode, build, train, predict; and a look at the attention.

    x = (v - v[t]) / s,     y = (v[t + 1 .. t + h] - v[t]) / s,     forecast = v[t] + s model(x)

t is the origin, the last moment that is known; h the horizon; s the scale of the training part.

Source: the steps are common practice; Zeng et al. 2023, "Are Transformers Effective for Time Series
Forecasting?", section 4 (the last value is taken off and put back).

The trap: positions that count tokens where time has gaps. Twelve tokens back is then no year ago.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from posenc_lib.base import validation
from posenc_lib.embeddings.timing import TimingEncoding
from posenc_lib.experiments.data.forecast_windows import (
    SHAPES,
    generator_of,
    kept_months,
    rows_of,
)
from posenc_lib.experiments.data.measured_series import Measured, measured
from posenc_lib.experiments.data.series_windows import PARTS, Windows, scale_of
from posenc_lib.experiments.parts.training import predict, seeded, train
from posenc_lib.experiments.parts.training_settings import Batch, History, Training
from posenc_lib.experiments.parts.transformer import TinyTransformer

TIMING = "calendar"  # sines and cosines of the year, at the moment itself; of the week for days
OPTIONS: dict[str, dict[str, Any]] = {
    "sinusoidal": {"base": 100.0}, "rope": {"base": 100.0}, "learned": {"std": 0.5}
}  # fmt: skip
CALENDAR = {"months": (12.0,), "days": (7.0, 365.25)}  # the periods whose overtones it takes
OVERTONES = 6  # down to the two months that a monthly series can show


@dataclass(frozen=True)
class Forecast:
    """Predictions (rows, horizon) beside the rows they belong to, in the unit of the series.

    >>> Forecast(np.zeros((1, 2)), Windows.counted([[1.0]], [[2.0, 3.0]])).predicted.shape
    (1, 2)
    """

    predicted: np.ndarray
    rows: Windows


@dataclass(frozen=True)
class Prepared:
    """The rows of the three parts, the scale, and the same rows as tensors with positions.

    `rows` and `batches` have the keys "train", "validation" and "test"; `scale` is in the unit of
    the series and comes from the training rows alone.
    """

    rows: dict[str, Windows]
    scale: float
    batches: dict[str, Batch]
    task: str
    encoding: str

    @property
    def horizon(self) -> int:
        """Steps ahead that are forecast."""
        return self.rows["train"].future.shape[1]


def prepare(
    task: str, encoding: str, *, by_time: bool = False, data: Measured | None = None, draw: int = 0
) -> Prepared:
    """Cut windows inside each part, scale them by the training part, give them positions.

    `encoding` is a name of the registry or "calendar", which takes the moments themselves. For the
    others positions are places in the row or, `by_time`, steps of time since the first of them.
    `data` replaces the measured values, for a test that changes the future. Where months are
    missing, another `draw` leaves out others.

    Raises ValueError for another task, a draw below 0 and the calendar by time, TypeError for a
    flag that is none.

    >>> ready = prepare("el_nino_gaps", "sinusoidal", by_time=True)
    >>> ready.batches["test"].x.shape, ready.batches["test"].positions.shape
    (torch.Size([99, 18, 1]), torch.Size([99, 18]))
    """
    validation.choice("prepare", "task", task, tuple(SHAPES))
    if validation.flag("prepare", "by_time", by_time) and encoding == TIMING:
        raise validation.refuse(
            ValueError, "prepare", "by_time", by_time, f"False for {TIMING!r}",
            "The calendar takes the moments themselves.",
        )  # fmt: skip
    draw = validation.size("prepare", "draw", draw, minimum=0)
    _, rows = rows_of(task, data, fill=False)
    scale = scale_of(rows["train"])
    batches = {
        name: _batch(some, scale, task, generator_of(draw, number), encoding, by_time)
        for number, (name, some) in enumerate(rows.items())
    }
    return Prepared(rows, scale, batches, task, encoding)


def build(
    prepared: Prepared, *, dim: int = 32, heads: int = 4, layers: int = 1, seed: int = 0
) -> TinyTransformer:
    """The encoder for these rows, read out at the last token, its weights drawn from `seed`.

    Raises like `TinyTransformer` and `seeded`.

    >>> build(prepare("sp500", "rope"), dim=16)(torch.zeros(3, 32, 1)).shape
    torch.Size([3, 5])
    """
    name, task = prepared.encoding, prepared.task
    sizes: dict[str, Any] = {
        "features": 1, "outputs": prepared.horizon, "dim": dim, "heads": heads,
        "layers": layers, "read_out": "last",
    }  # fmt: skip

    def made() -> TinyTransformer:
        if name == TIMING:
            return TinyTransformer(encoding=_calendar(task, dim), **sizes)
        options, length = OPTIONS.get(name), SHAPES[task][1]
        return TinyTransformer(encoding=name, options=options, length=length, **sizes)

    return seeded(made, seed)


def fit(
    model: TinyTransformer,
    prepared: Prepared,
    training: Training,
    *,
    seed: int = 0,
    progress: bool = False,
) -> History:
    """Train in place on the training rows, stop early on the validation rows.

    The loss is the mean squared error of scaled values. Raises like `train`.
    """
    x, y, positions = prepared.batches["train"]

    def draw(generator: torch.Generator, number: int) -> Batch:
        pick = torch.randint(len(x), (number,), generator=generator)
        if positions is None or positions.ndim == 1:
            return Batch(x[pick], y[pick], positions)
        return Batch(x[pick], y[pick], positions[pick])

    def validate(trained: torch.nn.Module) -> float:
        held_out = prepared.batches["validation"]
        return float(F.mse_loss(predict(trained, held_out), held_out.target))

    return train(
        model, draw, training, seed=seed, loss=F.mse_loss, validate=validate, progress=progress
    )


def predicted(model: TinyTransformer, prepared: Prepared, part: str = "test") -> Forecast:
    """The forecasts of a part, in the unit of the series.

    Raises ValueError for another part.
    """
    validation.choice("predicted", "part", part, tuple(PARTS))
    with torch.no_grad():
        moved = predict(model, prepared.batches[part]).double().numpy() * prepared.scale
    return Forecast(prepared.rows[part].last + moved, prepared.rows[part])


@torch.no_grad()
def last_token_attention(
    model: TinyTransformer, batch: Batch
) -> Float[Tensor, "rows heads length"]:
    """How the last token spreads its attention over the window, in the first layer.

    The forecast is read out there, so this is all that it reads of other moments.

    >>> ready = prepare("el_nino", "none")
    >>> weights = last_token_attention(build(ready), ready.batches["test"])
    >>> weights.shape, bool(torch.allclose(weights.sum(-1), torch.ones(1), atol=1e-5))
    (torch.Size([99, 4, 36]), True)
    """
    hidden = model.at_start.at_embeddings(model.embed(batch.x), batch.positions)
    layer = model.layers[0]
    _, weights = layer.attention(layer.norms[0](hidden), positions=batch.positions)
    return weights[:, :, -1]


def _calendar(task: str, dim: int) -> TimingEncoding:
    """The year and its overtones; for days also the week."""
    periods = CALENDAR[measured(SHAPES[task][0]).time_unit]
    waves = [period / (1 + wave) for period in periods for wave in range(OVERTONES)]
    return TimingEncoding.from_periods([waves[wave % len(waves)] for wave in range(dim // 2)])


def _batch(
    rows: Windows, scale: float, task: str, generator: np.random.Generator,
    encoding: str, by_time: bool = False,
) -> Batch:  # fmt: skip
    """The rows relative to their last value, over the scale of the training part."""
    past, times = rows.past, rows.past_times
    if task.endswith("gaps"):
        kept = kept_months(len(rows), past.shape[1], generator)
        past = np.take_along_axis(past, kept, axis=1)
        times = np.take_along_axis(times, kept, axis=1)
    x = torch.from_numpy((past - rows.last) / scale).float()[..., None]
    y = torch.from_numpy((rows.future - rows.last) / scale).float()
    return Batch(x, y, _positions(torch.from_numpy(times.copy()), encoding, by_time))


def _positions(times: Tensor, encoding: str, by_time: bool) -> Tensor:
    """Places in the row, time since its beginning, or the moments themselves."""
    if encoding == TIMING:
        return times
    if by_time:
        return times - times[:, :1]
    return torch.arange(times.shape[1])
