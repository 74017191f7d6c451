"""The practice exercise of notebook 00."""

from __future__ import annotations

import numpy as np

from posenc_lib.checks.exercise import Exercise, Mistake

_ONE_STEP = "That is one step only: multiply it by the step numbers, np.arange(n)."

angles = Exercise(
    name="my_angles",
    solution=lambda n: 2 * np.pi * np.arange(n) / n,
    cases=lambda: [(4,), (5,), (12,)],
    mistakes=(
        Mistake(
            "whole turns", lambda n: 2 * np.pi * np.arange(n),
            "That is one whole turn a step: the hand always points the same way. One step is one "
            "n-th of a turn.",
        ),
        Mistake(
            "both ends", lambda n: np.linspace(0, 2 * np.pi, n),
            "Your last step is a whole turn, the same place as step 0. Step n - 1 comes just "
            "before it: divide by n, not by n - 1 (linspace needs endpoint=False).",
        ),
        Mistake(
            "both ends, n + 1", lambda n: np.linspace(0, 2 * np.pi, n + 1),
            "You have n + 1 angles, one too many: the last is a whole turn, the same place as "
            "step 0. Stop at step n - 1.",
        ),
        Mistake(
            "from one", lambda n: 2 * np.pi * np.arange(1, n + 1) / n,
            "Steps count from 0, as positions do: the first angle is 0.",
        ),
        Mistake("degrees", lambda n: 360 * np.arange(n) / n, "That is in degrees; use radians."),
        Mistake(
            "one step in degrees", lambda n: 360 / n, f"{_ONE_STEP} And use radians, not degrees."
        ),
        Mistake("one step", lambda n: 2 * np.pi / n, _ONE_STEP),
        Mistake(
            "turns", lambda n: np.arange(n) / n,
            "That counts turns, from 0 up to 1. One turn is 2 pi radians: the factor is missing.",
        ),
        Mistake(
            "turns, both ends", lambda n: np.linspace(0, 1, n),
            "That counts turns from 0 to 1. One turn is 2 pi radians, and the last step comes "
            "just before the whole turn.",
        ),
        Mistake(
            "step numbers", lambda n: np.arange(n),
            "Those are the step numbers. Each step is an angle of 2 pi / n.",
        ),
        Mistake(
            "half a turn", lambda n: np.pi * np.arange(n) / n,
            "That is half a turn in n steps: a whole one is 2 pi, yours is pi.",
        ),
        Mistake(
            "divided by n - 1, degrees", lambda n: np.linspace(0, 360, n),
            "That is in degrees, and the last step is a whole turn. Use radians, and stop one "
            "step before the whole turn.",
        ),
        Mistake(
            "sine", lambda n: np.sin(2 * np.pi * np.arange(n) / n),
            "Those are the sines of the angles. Return the angles themselves.",
        ),
        Mistake(
            "cosine", lambda n: np.cos(2 * np.pi * np.arange(n) / n),
            "Those are the cosines of the angles. Return the angles themselves.",
        ),
        Mistake(
            "points", lambda n: np.stack([np.cos(2 * np.pi * np.arange(n) / n),
                                          np.sin(2 * np.pi * np.arange(n) / n)], 1),
            "Those are the points on the circle, cosine and sine. Return the angles themselves.",
        ),
        Mistake(
            "half a turn, both ends", lambda n: np.linspace(0, np.pi, n),
            "That is half a turn with both ends: a whole one is 2 pi, and the last step comes just "
            "before it.",
        ),
        Mistake(
            "quarters", lambda n: np.pi / 2 * np.arange(n),
            "Your step is a quarter of a turn for every n. It is 2 pi / n: use n.",
        ),
        Mistake(
            "whole turn only", lambda n: 2 * np.pi,
            "That is a whole turn. Step k of n is the k-th n-th of it: 2 pi k / n for k = 0, 1 ...",
        ),
        Mistake(
            "all at the end", lambda n: 2 * np.pi * (n - 1) / n,
            "That is the last step alone. Return all of them: np.arange(n).",
        ),
        Mistake(
            "step of n", lambda n: np.arange(0, 2 * np.pi, n),
            "The third number of np.arange is the width of a step, not how many there are. A step "
            "is 2 pi / n wide.",
        ),
        Mistake(
            "whole division", lambda n: 2 * np.pi * np.arange(n) // n,
            "Your angles are cut to whole numbers, by // or by an array of whole numbers. Divide "
            "with a single /, and keep the decimals.",
        ),
        Mistake(
            "whole division first", lambda n: 2 * np.pi * (np.arange(n) // n),
            "All your angles are 0: // rounds down, and k // n is 0 for every step k. Divide with "
            "a single /.",
        ),
        Mistake(
            "tau squared", lambda n: 2 * np.pi * np.arange(n) / n % np.pi,
            "Your angles start again after half a turn. A whole turn is 2 pi.",
        ),
        Mistake(
            "times n", lambda n: 2 * np.pi * np.arange(n) * n,
            "You multiply by n. The more steps a turn has, the smaller each one is: divide by n.",
        ),
    ),
)  # fmt: skip
