"""Exercises of notebook 06: turn pairs of features, and slow the slow ones down."""

from __future__ import annotations

import torch
from torch import Tensor

from posenc_lib.base.angles import frequencies64
from posenc_lib.checks.exercise import Exercise, Mistake
from posenc_lib.rotary.ntk import ntk_frequencies
from posenc_lib.rotary.rotation import rotate

BASE = 10000.0


def _turn_by(x: Tensor, angle: Tensor, **options) -> Tensor:
    return rotate(x, angle.double(), **options)


def _angle(x: Tensor, positions: Tensor) -> Tensor:
    return torch.outer(positions.double(), frequencies64(x.shape[-1], BASE))


def _by_pairs(x: Tensor, first: Tensor, second: Tensor) -> Tensor:
    return torch.stack([first, second], dim=-1).flatten(-2).to(x.dtype)


def _by_column(x: Tensor, positions: Tensor) -> Tensor:
    """i taken from the columns 0, 2, 4 ... instead of the pairs 0, 1, 2 ..."""
    w = BASE ** (-2 * torch.arange(0, x.shape[-1], 2).double() / x.shape[-1])
    return _turn_by(x, torch.outer(positions.double(), w))


def _only_cosines(x: Tensor, positions: Tensor) -> Tensor:
    return (x * _angle(x, positions).cos().repeat_interleave(2, -1)).to(x.dtype)


def _no_minus(x: Tensor, positions: Tensor) -> Tensor:
    cos, sin = _angle(x, positions).cos(), _angle(x, positions).sin()
    even, odd = x[..., 0::2], x[..., 1::2]
    return _by_pairs(x, even * cos + odd * sin, even * sin + odd * cos)


def _vectors() -> list[tuple]:
    generator = torch.Generator().manual_seed(0)
    places = [torch.arange(5), torch.tensor([7, 8, 9]), torch.tensor([3, 3, 100, 0])]
    return [
        (torch.randn(len(at), dim, generator=generator), at)
        for at, dim in zip(places, (2, 8, 6), strict=True)
    ]


turn = Exercise(
    name="my_turn",
    solution=lambda x, positions: _turn_by(x, _angle(x, positions)),
    cases=_vectors,
    tolerance=1e-4,
    mistakes=(
        Mistake(
            "halves", lambda x, at: _turn_by(x, _angle(x, at), layout="half"),
            "You paired feature i with i + head_dim / 2: the half layout. Here neighbours make a "
            "pair: x[..., 0::2] and x[..., 1::2].",
        ),
        Mistake(
            "clockwise", lambda x, at: _turn_by(x, -_angle(x, at)),
            "You turn the wrong way round. The minus sign stands before the sine in the first "
            "line, not in the second.",
        ),
        Mistake(
            "no minus", _no_minus,
            "Both lines add. That is no rotation: the first is even * cos - odd * sin.",
        ),
        Mistake(
            "places ignored", lambda x, at: _turn_by(x, _angle(x, torch.arange(len(at)))),
            "You counted 0, 1, 2 ... yourself. Use the positions given: they may start anywhere "
            "and repeat.",
        ),
        Mistake(
            "columns", _by_column,
            "i counts columns in your exponent. It counts pairs: 0, 1, 2 ... head_dim / 2 - 1.",
        ),
        Mistake(
            "slow first", lambda x, at: _turn_by(x, _angle(x, at).flip(-1)),
            "Your first pair turns slowest. Low index, high frequency: pair 0 turns by 1 radian a "
            "position.",
        ),
        Mistake(
            "only cosines", _only_cosines,
            "You multiplied by the cosines only. Each feature also takes its partner times the "
            "sine.",
        ),
    ),
)  # fmt: skip


def _at_base(head_dim: int, base: float) -> Tensor:
    return frequencies64(head_dim, base)


slowed = Exercise(
    name="my_slowed",
    solution=ntk_frequencies,
    cases=lambda: [(8, 4.0), (64, 8.0), (16, 1.5)],
    tolerance=1e-9,
    mistakes=(
        Mistake(
            "all alike", lambda d, s: _at_base(d, BASE) / s,
            "Every pair is slowed by s: that is position interpolation. Pair 0 should keep its "
            "frequency of 1.",
        ),
        Mistake(
            "base times s", lambda d, s: _at_base(d, BASE * s),
            "With base * s the slowest pair, whose exponent is -(d - 2) / d, is slowed by less "
            "than s. Raise s to d / (d - 2).",
        ),
        Mistake(
            "exponent upside down", lambda d, s: _at_base(d, BASE * s ** ((d - 2) / d)),
            "The exponent of s is upside down: d / (d - 2).",
        ),
        Mistake(
            "faster", lambda d, s: _at_base(d, BASE / s ** (d / (d - 2))),
            "The base got smaller, so pairs turn faster. A longer text needs a larger base.",
        ),
        Mistake(
            "the base", lambda d, s: BASE * s ** (d / (d - 2)),
            "That is the new base. Return the frequencies made from it, one for each pair.",
        ),
    ),
)  # fmt: skip
