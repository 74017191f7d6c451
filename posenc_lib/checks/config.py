"""Exercises of notebook 14: wavelengths from a base and a factor, and who sees a far key."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from posenc_lib.base.angles import frequencies64
from posenc_lib.checks.exercise import Exercise, Mistake


def _waves(base: float, turned: int, factor: float) -> Any:
    return (2 * math.pi * factor / frequencies64(turned, base)).numpy()


def _other(exponent, *, times=2 * math.pi):
    """Wavelengths with another exponent, a function of the pair and of the features that turn."""

    def answer(base, turned, factor):
        pair = np.arange(turned // 2)
        return times * factor * base ** exponent(pair, turned)

    return answer


wavelengths = Exercise(
    name="my_wavelengths",
    solution=_waves,
    cases=lambda: [(1e4, 8, 1.0), (5e5, 16, 1.0), (1e6, 8, 8.0), (100.0, 4, 2.0)],
    tolerance=1e-3,
    mistakes=(
        Mistake(
            "frequencies",
            lambda base, turned, factor: frequencies64(turned, base).numpy() / factor,
            "These are the frequencies, in radians a position. A wavelength is the number of "
            "positions in a full turn: 2 pi divided by the frequency.",
        ),
        Mistake(
            "no 2 pi", _other(lambda i, d: 2 * i / d, times=1.0),
            "You have the positions for one radian. A full turn is 2 pi radians.",
        ),
        Mistake(
            "pi", _other(lambda i, d: 2 * i / d, times=math.pi),
            "You have the positions for half a turn. A full turn is 2 pi radians, not pi.",
        ),
        Mistake(
            "degrees", _other(lambda i, d: 2 * i / d, times=360.0),
            "A full turn is 360 degrees, but frequencies are in radians: take 2 pi.",
        ),
        Mistake(
            "factor left out", lambda base, turned, factor: _waves(base, turned, 1.0),
            "Right without scaling. Position interpolation makes all pairs `factor` times slower, "
            "so every wavelength becomes `factor` times longer.",
        ),
        Mistake(
            "factor divides", lambda base, turned, factor: _waves(base, turned, 1 / factor),
            "You divide by the factor. Slower pairs need more positions for a turn: multiply.",
        ),
        Mistake(
            "factor on the base", lambda base, turned, factor: _waves(base * factor, turned, 1.0),
            "You multiply the base. That is another recipe, close to NTK, and leaves the first "
            "pair as it was; position interpolation slows every pair by the factor.",
        ),
        Mistake(
            "exponent i / d", _other(lambda i, d: i / d),
            "Your exponent grows half as fast as it should. Pair i has -2i / d, because a pair "
            "takes two features.",
        ),
        Mistake(
            "exponent i / pairs, counted from 1", _other(lambda i, d: 2 * (i + 1) / d),
            "Your pairs count from 1. Pair 0 has frequency 1, so its wavelength is 2 pi.",
        ),
        Mistake(
            "reaches the base", _other(lambda i, d: i / max(d // 2 - 1, 1)),
            "Your last pair reaches the base itself. It stays short of it: the exponent of the "
            "last pair is (d - 2) / d.",
        ),
        Mistake(
            "a wavelength for each feature",
            lambda base, turned, factor: _waves(base, turned, factor).repeat(2),
            "One wavelength for each pair is asked for: turned / 2 of them.",
        ),
        Mistake(
            "slowest first", lambda base, turned, factor: _waves(base, turned, factor)[::-1],
            "Right numbers, but from the slowest pair to the fastest. Pair 0 is the fastest.",
        ),
        Mistake(
            "the longest alone", lambda base, turned, factor: _waves(base, turned, factor)[-1],
            "That is the longest one. All pairs are asked for.",
        ),
    ),
)  # fmt: skip


def _far(layers: int, every: int, window: int, distance: int) -> list[int]:
    return [n for n in range(layers) if distance < window or (n + 1) % every == 0]


far_layers = Exercise(
    name="my_far_layers",
    solution=_far,
    cases=lambda: [
        (12, 6, 1024, 5000), (12, 6, 1024, 1023), (12, 6, 1024, 1024), (8, 4, 16, 3), (6, 1, 8, 99),
        (7, 3, 4, 4),
    ],
    mistakes=(
        Mistake(
            "from layer 0", lambda n, every, window, far: (
                [k for k in range(n) if far < window or k % every == 0]),
            "Your global layers begin with layer 0. In this pattern the *last* of each group sees "
            "everything: layers every - 1, 2 every - 1 and so on.",
        ),
        Mistake(
            "at most the window", lambda n, every, window, far: (
                [k for k in range(n) if far <= window or (k + 1) % every == 0]),
            "Look at a key exactly `window` steps back. The window counts the token itself, so it "
            "reaches window - 1 steps.",
        ),
        Mistake(
            "one too few", lambda n, every, window, far: (
                [k for k in range(n) if far < window - 1 or (k + 1) % every == 0]),
            "Look at a key window - 1 steps back: it is the last one inside the window.",
        ),
        Mistake(
            "global ones alone", lambda n, every, window, far: (
                [k for k in range(n) if (k + 1) % every == 0]),
            "A key inside the window is seen by the local layers as well.",
        ),
        Mistake(
            "local ones", lambda n, every, window, far: (
                [k for k in range(n) if far < window or (k + 1) % every != 0]),
            "These are the layers with a window. The ones without it see the far key.",
        ),
        Mistake(
            "both needed", lambda n, every, window, far: (
                [k for k in range(n) if far < window and (k + 1) % every == 0]),
            "Either is enough: the key lies inside the window, or the layer has none.",
        ),
        Mistake(
            "their number", lambda n, every, window, far: len(_far(n, every, window, far)),
            "That is how many there are. Return their numbers, in a list.",
        ),
        Mistake(
            "yes or no", lambda n, every, window, far: (
                [far < window or (k + 1) % every == 0 for k in range(n)]),
            "That is yes or no for each layer. Return the numbers of those that say yes.",
        ),
        Mistake(
            "counted from 1", lambda n, every, window, far: (
                [k + 1 for k in _far(n, every, window, far)]),
            "Layers count from 0, as in the report.",
        ),
        Mistake(
            "one in the end", lambda n, every, window, far: (
                [k for k in range(n) if far < window or k == n - 1]),
            "Only your last layer sees everything. Every `every`-th one does.",
        ),
    ),
)  # fmt: skip
