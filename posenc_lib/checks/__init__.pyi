"""The checkers of the exercises, one module a notebook."""

from . import (
    start as start,
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
    config as config,
    serving as serving,
    translation as translation,
)
from .exercise import Exercise as Exercise, Mistake as Mistake, Verdict as Verdict
from .questions import (
    RecapChoice as RecapChoice,
    RecapQuestion as RecapQuestion,
    recap as recap,
    recap_questions as recap_questions,
)
