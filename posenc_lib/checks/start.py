"""The practice exercise of notebook 00."""

from __future__ import annotations

import numpy as np

from posenc_lib.checks.exercise import Exercise, Mistake

angles = Exercise(
    name="my_angles",
    solution=lambda n: 2 * np.pi * np.arange(n) / n,
    cases=lambda: [(4,), (60,)],
    mistakes=(
        Mistake(
            "whole turns", lambda n: 2 * np.pi * np.arange(n),
            "That is one whole turn a step: the hand always points the same way. One step is one "
            "n-th of a turn.",
        ),
        Mistake(
            "both ends", lambda n: np.linspace(0, 2 * np.pi, n),
            "Your last step is a whole turn, the same place as step 0. Step n - 1 comes just "
            "before it.",
        ),
        Mistake(
            "from one", lambda n: 2 * np.pi * np.arange(1, n + 1) / n,
            "Steps count from 0, as positions do: the first angle is 0.",
        ),
        Mistake("degrees", lambda n: 360 * np.arange(n) / n, "That is in degrees; use radians."),
    ),
)  # fmt: skip
