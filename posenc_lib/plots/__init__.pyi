"""The figures, one module a notebook, and two for all."""

from . import (
    doors as doors,
    sinusoidal as sinusoidal,
    learned as learned,
    relative as relative,
    attention as attention,
    biases as biases,
    rotary as rotary,
    lengths as lengths,
    text as text,
    time_series as time_series,
    images as images,
    museum as museum,
    serving as serving,
    translation as translation,
)
from .basic import heatmap as heatmap, curves as curves
from .views import Clocks as Clocks, Curves as Curves, Heatmap as Heatmap
from .teaching_figure import TeachingFigure as TeachingFigure, views_figure as views_figure
