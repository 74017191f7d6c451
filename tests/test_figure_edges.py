"""No label of the figures of notebooks 05, 06, 08 and 11 is cut off: their edges stay white."""

import io

import numpy as np
import pytest
from PIL import Image

from posenc_lib import plots
from posenc_lib.experiments import full_results

FIGURES = {
    "penalties": lambda: plots.biases.penalties(),
    "staircase": lambda: plots.biases.staircase(),
    "slopes": lambda: plots.biases.slopes([8, 12]),
    "same_angle": lambda: plots.rotary.same_angle([(0, 2), (5, 7), (5, 3)]),
    "layouts": lambda: plots.rotary.layouts(8),
    "decay": lambda: plots.rotary.decay(),
    "wavelengths": lambda: plots.rotary.wavelengths(),
    "distances": lambda: plots.text.distances(
        ["our", "old", "dog", "bites"], {"reversed": [3, 2, 1, 0], "shuffled": [2, 0, 1, 3]}
    ),
    "accuracies": lambda: plots.text.accuracies(full_results("text_order")),
    "budget": lambda: plots.text.budget(full_results("order_budget")),
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
