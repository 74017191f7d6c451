"""No label of the figures of notebooks 05 to 11 is cut off: their edges stay white."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from posenc_lib import plots
from posenc_lib.experiments import full_results
from posenc_lib.experiments.data.series_windows import Windows
from posenc_lib.experiments.parts.training_settings import History, Look
from posenc_lib.experiments.time_series.forecast_steps import Forecast

WALK = np.random.default_rng(0).normal(size=80).cumsum()
ROWS = Windows.counted(WALK[:-1, None], WALK[1:, None])

MAPS = ("1-D sinusoidal", "2-D sinusoidal", "2-D RoPE, looks 2 up, 3 left")
FIGURES = {
    "penalties": lambda: plots.biases.penalties(),
    "staircase": lambda: plots.biases.staircase(),
    "slopes": lambda: plots.biases.slopes([8, 12]),
    "same_angle": lambda: plots.rotary.same_angle([(0, 2), (5, 7), (5, 3)]),
    "layouts": lambda: plots.rotary.layouts(8),
    "decay": lambda: plots.rotary.decay(),
    "wavelengths": lambda: plots.rotary.wavelengths(),
    "losses": lambda: plots.lengths.losses(full_results("extrapolation")),
    "tasks": lambda: plots.lengths.tasks(full_results("extrapolation")),
    "readings": lambda: plots.lengths.readings(full_results("extrapolation")),
    "by_place": lambda: plots.lengths.by_place(
        {"rope": torch.rand(2, 256), "t5": torch.rand(2, 9)}
    ),
    "distances": lambda: plots.text.distances(
        ["our", "old", "dog", "bites"], {"reversed": [3, 2, 1, 0], "shuffled": [2, 0, 1, 3]}
    ),
    "accuracies": lambda: plots.text.accuracies(full_results("text_order")),
    "budget": lambda: plots.text.budget(full_results("order_budget")),
    "three_series": lambda: plots.time_series.three_series(),
    "stored_errors": lambda: plots.time_series.stored_errors(full_results("series")),
    "against_last_value": lambda: plots.time_series.against_last_value(full_results("series")),
    "training": lambda: plots.time_series.training(History((Look(1, 2.0, 3.0),), 1, False)),
    "forecasts": lambda: plots.time_series.forecasts({"last value": ROWS.last}, ROWS, 0),
    "hugging": lambda: plots.time_series.hugging(Forecast(ROWS.last, ROWS)),
    "cut": lambda: plots.images.cut(torch.eye(8)),
    "maps": lambda: plots.images.maps({n: np.eye(8) for n in MAPS}, (3, 7)),
    "learned_map": lambda: plots.images.learned_map(np.eye(64), np.eye(8), (3, 7)),
    "results": lambda: plots.images.results(
        full_results("digits"), {"pixels": 0.28, "patches": 0.59}
    ),
    "half_precision": lambda: plots.museum.half_precision(),
    "shifts": lambda: plots.museum.shifts(8),
}


@pytest.mark.parametrize("make", FIGURES.values(), ids=FIGURES.keys())
def test_nothing_reaches_the_edge(make):
    figure = make()
    with Image.open(io.BytesIO(figure.png())) as picture:
        grey = np.asarray(picture.convert("L"))
    for edge in (grey[:2], grey[-2:], grey[:, :2], grey[:, -2:]):
        assert edge.min() > 200
    assert figure.png() == figure.png()
