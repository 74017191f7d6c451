"""The windows of each forecasting task, whole or with half of the months missing.

    el_nino_gaps:   18 of the 36 months of a row, drawn at random, the latest among them

Source: our own; irregular sampling is the case that timestamps as positions are for.

The trap: gaps filled by a rule that knows the future, such as a line to the next measured value
beyond the origin. Here lines run between known months of the history only.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from posenc_lib.experiments.data.measured_series import Measured, measured
from posenc_lib.experiments.data.series_windows import Windows, windows

SHAPES = {  # series, history, horizon
    "el_nino": ("el_nino", 36, 12),
    "co2": ("co2", 36, 12),
    "sp500": ("sp500", 32, 5),
    "el_nino_gaps": ("el_nino", 36, 12),
}
KEPT = 18  # months of the 36, where there are gaps


def rows_of(
    task: str, data: Measured | None, fill: bool = True, draw: int = 0
) -> tuple[Measured, dict[str, Windows]]:
    """The windows of the three parts; with gaps filled by straight lines for the baselines.

    `draw` is a number for each choice of the months that are missing.
    """
    name, history, horizon = SHAPES[task]
    data = measured(name) if data is None else data
    rows = {
        part: windows(data, part, history=history, horizon=horizon)
        for part in ("train", "validation", "test")
    }
    if not (fill and task.endswith("gaps")):
        return data, rows
    for number, (part, some) in enumerate(rows.items()):
        kept = kept_months(len(some), history, generator_of(draw, number))
        filled = np.stack([
            np.interp(np.arange(history), at, past[at])
            for at, past in zip(kept, some.past, strict=True)
        ])  # fmt: skip
        rows[part] = replace(some, past=filled)
    return data, rows


def generator_of(draw: int, part: int) -> np.random.Generator:
    """What draws the months that are missing in a part, numbered as in `PARTS`."""
    return np.random.default_rng((draw, part) if draw else part)


def kept_months(rows: int, history: int, generator: np.random.Generator) -> np.ndarray:
    """Which months of each row are known: 18 drawn at random, the latest among them."""
    order = generator.random((rows, history - 1)).argsort(axis=1)[:, : KEPT - 1]
    latest = np.full((rows, 1), history - 1)
    return np.sort(np.concatenate([order, latest], axis=1), axis=1)
