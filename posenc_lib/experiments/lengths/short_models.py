"""The smallest length experiment: one layer and one task, so that an encoding trains in seconds.

    task    y_i = (x_i + x_(i-1)) mod 10, rows of 32 tokens; chance is a loss of log 10
    model   one layer of four heads, dim 128; 300 steps of 16 rows

One layer is enough: a query has to find the token before it, and nothing else. Notebook 07 trains
one of these models; its panel shows them all, as they were stored once.

The trap: one seed says how it may go, not how it goes. For that there are the stored results, with
three seeds: `full_results("extrapolation")`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from posenc_lib.base import validation
from posenc_lib.experiments.lengths.settings import ExtrapolationSettings
from posenc_lib.experiments.lengths.train_short import trained_model
from posenc_lib.experiments.parts.training_settings import Training
from posenc_lib.experiments.parts.transformer import TinyTransformer

SHORT = ExtrapolationSettings(
    tasks=("sum",), seeds=(0,), layers=1, rates=(), scored_drawn=8_192,
    drawn=Training(steps=300, batch=16, rate=4e-3),
)  # fmt: skip
USUAL_T5 = {
    "buckets": 32,
    "max_distance": 128,
}  # as published; within 32 tokens it meets 22 of them


@lru_cache
def short_model(encoding: str, **options: Any) -> TinyTransformer:
    """The model of `SHORT` with this encoding, seed 0, trained at the first call and then kept.

    `options` are those of the encoding, instead of the ones that `encoding_options` chooses.

    Raises ValueError for an encoding that is not among `SHORT.trained`.

    >>> SHORT.trained[:4]
    ('none', 'sinusoidal', 'learned', 't5')
    """
    validation.choice("short_model", "encoding", encoding, SHORT.trained)
    return trained_model(SHORT, "sum", encoding, seed=0, options=options or None)
