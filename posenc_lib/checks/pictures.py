"""Exercises of notebook 12: sines of a place along given directions, and bits for a pixel."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from posenc_lib.checks.exercise import Exercise, Mistake
from posenc_lib.embeddings.fourier import random_fourier_features

TURN = 2 * math.pi


def _sines(angles, *, parts=(torch.sin, torch.cos)):
    """An answer from another rule for the angles, (places, half)."""

    def answer(places, directions):
        found = angles(places, directions)
        return torch.cat([part(found) for part in parts], -1)

    return answer


def _right(places: Tensor, directions: Tensor) -> Tensor:
    return TURN * places @ directions.T


def _interleaved(places: Tensor, directions: Tensor) -> Tensor:
    angles = _right(places, directions)
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(-2)


def _places() -> list[tuple]:
    draw = torch.Generator().manual_seed(0)
    sizes = [(3, 2, 2), (4, 3, 2), (2, 5, 1)]
    return [
        (
            2 * torch.rand(places, axes, generator=draw) - 1,
            torch.randn(half, axes, generator=draw),
        )
        for places, half, axes in sizes
    ]


features = Exercise(
    name="my_features",
    solution=random_fourier_features,
    cases=_places,
    tolerance=1e-4,
    mistakes=(
        Mistake(
            "no 2 pi", _sines(lambda p, b: p @ b.T),
            "Your angles are 2 pi too small: a direction counts whole turns, and a turn is 2 pi.",
        ),
        Mistake(
            "pi", _sines(lambda p, b: math.pi * p @ b.T),
            "Your angles are half as large as they should be: a turn is 2 pi, not pi.",
        ),
        Mistake(
            "degrees", _sines(lambda p, b: 360 * p @ b.T),
            "A turn is 360 degrees, but sin and cos take radians: 2 pi.",
        ),
        Mistake(
            "cosines first", _sines(_right, parts=(torch.cos, torch.sin)),
            "Right numbers in another order: the sines come first, then the cosines.",
        ),
        Mistake(
            "interleaved", _interleaved,
            "You take sine and cosine in turns. Here all sines come first, then all cosines.",
        ),
        Mistake(
            "sines alone", _sines(_right, parts=(torch.sin,)),
            "The cosines are missing. With sines alone, two places on either side of a crest are "
            "the same.",
        ),
        Mistake(
            "cosines alone", _sines(_right, parts=(torch.cos,)),
            "The sines are missing. A cosine alone cannot tell a place from its mirror image.",
        ),
        Mistake(
            "no sines", _sines(_right, parts=(lambda x: x,)),
            "These are the angles. Take their sines and cosines.",
        ),
        Mistake(
            "each axis alone",
            lambda p, b: torch.cat([_sines(lambda x, y: TURN * x[:, :1] * y[:, 0])(p, b),
                                    _sines(lambda x, y: TURN * x[:, -1:] * y[:, -1])(p, b)], -1),
            "You take each axis for itself. An angle is the sum over the axes: the dot product of "
            "the place with a direction.",
        ),
        Mistake(
            "features first", lambda p, b: _sines(_right)(p, b).T,
            "Yours has a column for each place. One row for each place is asked for.",
        ),
        Mistake(
            "raw coordinates kept", lambda p, b: torch.cat([p, _sines(_right)(p, b)], -1),
            "You keep the raw coordinates in front. Some do; here only sines and cosines are asked "
            "for.",
        ),
    ),
)  # fmt: skip


def _bits(shares: Tensor, greys: Tensor) -> float:
    said = shares[torch.arange(len(greys)), greys]
    return -float(said.log2().mean())


def _shares() -> list[tuple]:
    draw = torch.Generator().manual_seed(1)
    sizes = [(2, 3), (4, 5), (6, 17)]
    return [
        (
            torch.rand(pixels, greys, generator=draw).add(0.05).log().softmax(-1),
            torch.randint(greys, (pixels,), generator=draw),
        )
        for pixels, greys in sizes
    ]


def _of(rule):
    """An answer from the shares of the true greys."""

    def answer(shares: Tensor, greys: Tensor) -> Any:
        return rule(shares[torch.arange(len(greys)), greys])

    return answer


bits = Exercise(
    name="my_bits",
    solution=_bits,
    cases=_shares,
    tolerance=1e-4,
    mistakes=(
        Mistake(
            "nats", _of(lambda said: -float(said.log().mean())),
            "Right in nats. Bits are counted with the logarithm to base 2.",
        ),
        Mistake(
            "base 10", _of(lambda said: -float(said.log10().mean())),
            "You take the logarithm to base 10. Bits want base 2.",
        ),
        Mistake(
            "sum", _of(lambda said: -float(said.log2().sum())),
            "That is the whole image. Bits *per pixel* are the mean.",
        ),
        Mistake(
            "no minus", _of(lambda said: float(said.log2().mean())),
            "The sign is missing: a share is below 1, so its logarithm is negative, and bits count "
            "from 0 up.",
        ),
        Mistake(
            "log of the mean", _of(lambda said: -float(said.mean().log2())),
            "You take the logarithm of the mean share. Take it of each pixel first: one pixel that "
            "the model held impossible has to cost a great deal.",
        ),
        Mistake(
            "mean share", _of(lambda said: float(said.mean())),
            "That is the mean share of the true greys. How many bits is a share of 1/2, or of 1/4?",
        ),
        Mistake(
            "one bit each", _of(lambda said: -said.log2()),
            "These are the bits of each pixel. Return their mean.",
        ),
        Mistake(
            "largest share", lambda shares, greys: -float(shares.amax(-1).log2().mean()),
            "You look at the grey that the model likes best. The one that stands there counts.",
        ),
        Mistake(
            "accuracy", lambda shares, greys: float((shares.argmax(-1) == greys).float().mean()),
            "That is how often the likeliest grey is right. Ask instead how much the model gave to "
            "the true one.",
        ),
        Mistake(
            "entropy", lambda shares, greys: -float((shares * shares.log2()).sum(-1).mean()),
            "That is how unsure the model is, whatever stands there. The true grey of each pixel "
            "has to come in.",
        ),
        Mistake(
            "perplexity", _of(lambda said: float(2 ** -said.log2().mean())),
            "That is the perplexity, 2 to the power of the bits.",
        ),
    ),
)  # fmt: skip
