"""The small forecasters of the panel of notebook 09 as they were trained once: they ship.

    python -m posenc_lib.experiments.time_series.stored_forecasts    trains them, writes the files

So the panel is there at once and says the same everywhere. The notebook trains models of its own.
They are shown on the validation part: whoever plays with a panel chooses by what it shows, and the
test part is touched once.

The trap: trained numbers that differ in the last digits from one processor to the next, and a text
that quotes them.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.experiments import shipped_tensors
from posenc_lib.experiments.data.forecast_windows import SHAPES
from posenc_lib.experiments.parts.training import predict
from posenc_lib.experiments.parts.training_settings import Training
from posenc_lib.experiments.parts.transformer import TinyTransformer
from posenc_lib.experiments.time_series.forecast_steps import (
    TIMING,
    Forecast,
    Prepared,
    build,
    fit,
    last_token_attention,
    prepare,
)

NAME = "forecasters"
WAYS = {  # what the reader chooses: encoding, and whether its positions are by time
    "none": ("none", False), "sinusoidal": ("sinusoidal", False),
    "sinusoidal, by time": ("sinusoidal", True), TIMING: (TIMING, False),
}  # fmt: skip
QUICK = Training(steps=120, batch=32, rate=1e-2, every=20, patience=3)
PART = "validation"  # what the panel shows
MOVED = "moved"  # what the model said of those rows: forecast minus last value, over the scale
MOST = "most"  # the largest weight that its last token gives on them


@cache
def prepared_for(task: str, way: str) -> Prepared:
    """The rows of a task of `SHAPES`, with positions as a way of `WAYS` has them.

    Raises ValueError for another task or way.

    >>> prepared_for("co2", "calendar").encoding
    'calendar'
    """
    encoding, by_time = WAYS[validation.choice("prepared_for", "way", way, tuple(WAYS))]
    return prepare(task, encoding, by_time=by_time)


@cache
def stored_forecaster(task: str, way: str) -> TinyTransformer:
    """The stored model of a task and a way.

    Raises ValueError for another task or way, OSError where the file is missing or damaged.

    >>> stored_forecaster("sp500", "none").layers[0].attention.heads
    4
    """
    model = build(prepared_for(task, way))
    kept = {name: _stored()[f"{task} {way} {name}"] for name in model.state_dict()}
    model.load_state_dict(kept)
    return model.eval()


@cache
def stored_forecast(task: str, way: str) -> Forecast:
    """What the stored model said of the rows of `PART`, in the unit of the series.

    Raises like `stored_forecaster`.

    >>> stored_forecast("el_nino", "sinusoidal").predicted.shape
    (100, 12)
    """
    prepared = prepared_for(task, way)
    rows = prepared.rows[PART]
    return Forecast(rows.last + stored_moved(task, way).astype(float) * prepared.scale, rows)


def stored_moved(task: str, way: str) -> Float32[np.ndarray, "rows horizon"]:
    """The same relative to the last value, over the scale, as the model says it.

    Raises like `stored_forecaster`.

    >>> stored_moved("sp500", "none").shape
    (970, 5)
    """
    return _of_part(task, way, MOVED).numpy()


def stored_most(task: str, way: str) -> float:
    """The largest weight that the last token of the stored model gives on the rows of `PART`.

    Raises like `stored_forecaster`.

    >>> 0 < stored_most("el_nino", "sinusoidal") < 1
    True
    """
    return float(_of_part(task, way, MOST))


def stored_settings() -> dict[str, Any]:
    """The settings and versions that made the stored models.

    >>> stored_settings()["settings"]["steps"]
    120
    """
    about = shipped_tensors.about(NAME)
    return {name: about[name] for name in ("settings", "versions")}


def write_forecasters(folder: Path | None = None) -> Path:
    """Train the models and write them, with what they say of the validation rows: half a minute.

    Beside the file stand its checksum and the settings and versions that made it.
    """
    kept: dict[str, Tensor] = {}
    for task in SHAPES:
        for way in WAYS:
            prepared = prepared_for(task, way)
            model = build(prepared)
            fit(model, prepared, QUICK)
            shown = prepared.batches[PART]
            said = {MOVED: predict(model, shown), MOST: last_token_attention(model, shown).max()}
            parts = model.state_dict() | said
            kept |= {f"{task} {way} {name}": t.detach().clone() for name, t in parts.items()}
    return shipped_tensors.write(NAME, kept, {"settings": asdict(QUICK)}, folder)


def _of_part(task: str, way: str, what: str) -> Tensor:
    validation.choice("stored_forecast", "task", task, tuple(SHAPES))
    validation.choice("stored_forecast", "way", way, tuple(WAYS))
    return _stored()[f"{task} {way} {what}"]


def _stored() -> dict[str, Tensor]:
    return shipped_tensors.tensors("stored_forecaster", NAME)


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(write_forecasters())
