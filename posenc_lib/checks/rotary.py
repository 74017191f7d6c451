"""Exercises of notebook 06: turn pairs of features, and slow the slow ones down."""

from __future__ import annotations

import math

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


def _written(base: float) -> str:
    return "e" if base == math.e else f"{base:,.0f}"


def _with(angle):
    """Turned by another angle, a function of positions and head_dim."""
    return lambda x, at: _turn_by(x, angle(at.double(), x.shape[-1]))


def _at(exponent, base: float = BASE):
    """Turned with other frequencies: the exponent is a function of the pair and head_dim."""

    def angle(at: Tensor, dim: int) -> Tensor:
        pair = torch.arange(dim // 2).double()
        return torch.outer(at, (base ** -exponent(pair, dim)).expand(dim // 2))

    return _with(angle)


def _lines(signs: tuple[int, int] = (-1, 1), swapped: bool = False):
    """The two lines of the rotation with other signs, or with cosine and sine swapped."""

    def answer(x: Tensor, positions: Tensor) -> Tensor:
        cos, sin = _angle(x, positions).cos(), _angle(x, positions).sin()
        if swapped:
            cos, sin = sin, cos
        even, odd = x[..., 0::2], x[..., 1::2]
        return _by_pairs(x, even * cos + signs[0] * odd * sin, odd * cos + signs[1] * even * sin)

    return answer


def _right(x: Tensor, positions: Tensor) -> Tensor:
    return _turn_by(x, _angle(x, positions))


def _side_by_side(x: Tensor, positions: Tensor) -> Tensor:
    turned = _right(x, positions)
    return torch.cat([turned[..., 0::2], turned[..., 1::2]], -1)


def _one_line(which: int):
    def answer(x: Tensor, positions: Tensor) -> Tensor:
        turned = _right(x, positions)
        turned[..., 1 - which :: 2] = x[..., 1 - which :: 2]
        return turned

    return answer


def _overwritten(x: Tensor, positions: Tensor) -> Tensor:
    """The second line reads what the first has overwritten."""
    cos, sin = _angle(x, positions).cos(), _angle(x, positions).sin()
    turned = x.double().clone()
    turned[..., 0::2] = turned[..., 0::2] * cos - turned[..., 1::2] * sin
    turned[..., 1::2] = turned[..., 0::2] * sin + turned[..., 1::2] * cos
    return turned.to(x.dtype)


def _half_then_pairs(x: Tensor, positions: Tensor) -> Tensor:
    """Pairs read as halves, and written back as neighbours."""
    half = x.shape[-1] // 2
    cos, sin = _angle(x, positions).cos(), _angle(x, positions).sin()
    first, second = x[..., :half], x[..., half:]
    return _by_pairs(x, first * cos - second * sin, first * sin + second * cos)


def _layouts(x: Tensor, positions: Tensor, *, repeat: bool) -> Tensor:
    """Angles of one layout on pairs of the other."""
    angle, half = _angle(x, positions), x.shape[-1] // 2
    if repeat:
        angle, partner = angle.repeat_interleave(2, -1), torch.cat([-x[:, half:], x[:, :half]], -1)
    else:
        angle, partner = angle.repeat(1, 2), _by_pairs(x, -x[:, 1::2], x[:, 0::2])
    return (x * angle.cos() + partner * angle.sin()).to(x.dtype)


def _sinusoid_added(x: Tensor, positions: Tensor) -> Tensor:
    angle = _angle(x, positions)
    return x + _by_pairs(x, angle.sin(), angle.cos())


def _vectors() -> list[tuple]:
    generator = torch.Generator().manual_seed(0)
    places = [torch.arange(3), torch.tensor([7, 8]), torch.tensor([3, 3, 100, 0])]
    return [
        (torch.randn(len(at), dim, generator=generator), at)
        for at, dim in zip(places, (2, 8, 4), strict=True)
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
        Mistake(
            "two minus", _lines((-1, -1)),
            "Both lines subtract. That is no rotation: the second is even * sin + odd * cos.",
        ),
        Mistake(
            "cosine and sine swapped", _lines(swapped=True),
            "Cosine and sine are swapped: at angle 0 nothing moves, so each feature keeps itself "
            "times the cosine.",
        ),
        Mistake(
            "halves written as pairs", _half_then_pairs,
            "You take feature i with i + head_dim / 2 and write the results back as neighbours. "
            "Neighbours make a pair on both sides: x[..., 0::2] and x[..., 1::2].",
        ),
        Mistake(
            "side by side", _side_by_side,
            "The turned pairs are right and stand side by side, first all even, then all odd "
            "features. torch.stack(..., -1).flatten(-2) puts neighbours together again.",
        ),
        Mistake(
            "first line only", _one_line(0),
            "The even features are right, the odd ones are not turned. Each pair has two lines.",
        ),
        Mistake(
            "second line only", _one_line(1),
            "The odd features are right, the even ones are not turned. Each pair has two lines.",
        ),
        Mistake(
            "overwritten", _overwritten,
            "Your second line reads the even features that the first has overwritten. Keep the old "
            "ones, or write into a new tensor.",
        ),
        Mistake(
            "unturned", lambda x, at: x.clone(),
            "x comes back as it was. Turn each pair by its position times its frequency.",
        ),
        Mistake(
            "sinusoid added", _sinusoid_added,
            "You add the sinusoid to x. Rotary turns x: lengths stay, nothing is added.",
        ),
        Mistake(
            "sinusoid multiplied", lambda x, at: x * _by_pairs(
                x, _angle(x, at).sin(), _angle(x, at).cos()),
            "You multiply x by the sinusoid, number by number. A turn mixes the two features of a "
            "pair.",
        ),
        Mistake(
            "angles", lambda x, at: _angle(x, at),
            "Those are the angles, one for each pair. Turn the pairs of x by them.",
        ),
        Mistake(
            "one angle for all", _with(lambda at, dim: at[:, None].expand(-1, dim // 2)),
            "Every pair turns at the same speed. Pair i turns by its position times "
            "10000 ** (-2 i / head_dim).",
        ),
        Mistake(
            "frequency alone", _with(lambda at, dim: torch.outer(
                torch.ones_like(at), frequencies64(dim, BASE))),
            "Your angle does not depend on the position. It is position times frequency.",
        ),
        Mistake(
            "missing two", _at(lambda i, dim: i / dim),
            "Your pairs turn too fast: is the 2 of the exponent -2 i / head_dim there, or is your "
            "base 100 in place of 10,000?",
        ),
        Mistake(
            "positive exponent", _at(lambda i, dim: -2 * i / dim),
            "Your later pairs turn faster. They turn slower: the exponent is negative, "
            "-2 i / head_dim.",
        ),
        Mistake(
            "pairs less one", _at(lambda i, dim: i / max(dim / 2 - 1, 1)),
            "You divide i by head_dim / 2 - 1. The exponent is -2 i / head_dim.",
        ),
        Mistake(
            "pairs from one", _at(lambda i, dim: 2 * (i + 1) / dim),
            "Your pairs count from 1. They count from 0: pair 0 turns by 1 radian a position.",
        ),
        Mistake(
            "degrees", _with(lambda at, dim: torch.deg2rad(
                torch.outer(at, frequencies64(dim, BASE)))),
            "You turn the angles from degrees to radians. They are radians already.",
        ),
        Mistake(
            "turns", _with(lambda at, dim: 2 * torch.pi * torch.outer(
                at, frequencies64(dim, BASE))),
            "Your angles are 2 pi times too large: position times frequency is in radians already.",
        ),
        Mistake(
            "half the angle", _with(lambda at, dim: torch.outer(
                at, frequencies64(dim, BASE)) / 2),
            "You turn by half the angle. It is position times frequency.",
        ),
        Mistake(
            "twice", _with(lambda at, dim: 2 * torch.outer(at, frequencies64(dim, BASE))),
            "You turn twice, by double the angle. It is position times frequency.",
        ),
        Mistake(
            "places from one", _with(lambda at, dim: torch.outer(
                at + 1, frequencies64(dim, BASE))),
            "Your positions are one too far. Use them as they are given: position 0 is not turned.",
        ),
        Mistake(
            "counted from the first", _with(lambda at, dim: torch.outer(
                at - at[0], frequencies64(dim, BASE))),
            "Your positions count from the first one given. Use them as they are.",
        ),
        Mistake(
            "divided by the length", _with(lambda at, dim: torch.outer(
                at / len(at), frequencies64(dim, BASE))),
            "You divide the positions by the length. Use them as they are.",
        ),
        Mistake(
            "divided by the largest", _with(lambda at, dim: torch.outer(
                at / at.max(), frequencies64(dim, BASE))),
            "You divide the positions by the largest. Use them as they are.",
        ),
        Mistake(
            "clockwise halves", lambda x, at: _turn_by(x, -_angle(x, at), layout="half"),
            "Two things: you paired i with i + head_dim / 2 (neighbours make a pair), and you turn "
            "the wrong way round.",
        ),
        Mistake(
            "clockwise, side by side", lambda x, at: _side_by_side(x, -at),
            "Two things: you turn the wrong way round, and the results stand side by side, all "
            "even, then all odd. Neighbours belong together.",
        ),
        Mistake(
            "neighbours' angles on halves", lambda x, at: _layouts(x, at, repeat=True),
            "The layouts are mixed: you turn feature i with i + head_dim / 2, by angles that "
            "are laid out for neighbours. Neighbours make a pair here, in both.",
        ),
        Mistake(
            "halves' angles on neighbours", lambda x, at: _layouts(x, at, repeat=False),
            "The layouts are mixed: neighbours make a pair, but your angles are laid out for "
            "halves (0, 1, 2, 0, 1, 2). Repeat each angle twice in a row: "
            "repeat_interleave(2).",
        ),
        Mistake(
            "position plus frequency",
            _with(lambda at, dim: at[:, None] + frequencies64(dim, BASE)),
            "You add position and frequency. The angle is their product.",
        ),
        Mistake(
            "cosines beside sines", lambda x, at: torch.cat([
                x[:, 0::2] * _angle(x, at).cos(), x[:, 1::2] * _angle(x, at).sin()], 1),
            "You multiply one half by cosines, the other by sines. Each feature of a pair "
            "takes both: even * cos - odd * sin, even * sin + odd * cos.",
        ),
        Mistake(
            "whole numbers", _with(lambda at, dim: torch.outer(
                at, frequencies64(dim, BASE)).floor()),
            "Your angles are rounded to whole numbers. Calculate them with decimals, .double().",
        ),
        *(
            Mistake(
                f"base {base:g}", _at(lambda i, dim: 2 * i / dim, base),
                f"Your base is {_written(base)}. The task says 10,000: count the zeros.",
            )
            for base in (1e3, 1e5, 5e5, 10.0, 2.0, math.e)
        ),
    ),
)  # fmt: skip


def _at_base(head_dim: int, base: float) -> Tensor:
    return frequencies64(head_dim, base)


def _ntk_base(d: int, s: float) -> float:
    return BASE * s ** (d / (d - 2))


def _pairs(d: int) -> Tensor:
    return torch.arange(d // 2, dtype=torch.float64)


def _exponent(of_pair, base=_ntk_base):
    """Other exponents, a function of pairs and head_dim."""
    return lambda d, s: base(d, s) ** -of_pair(_pairs(d), d)


slowed = Exercise(
    name="my_slowed",
    solution=ntk_frequencies,
    cases=lambda: [(8, 4.0), (6, 8.0), (16, 1.5)],
    tolerance=1e-9,
    dtype="float64",
    mistakes=(
        Mistake(
            "all alike", lambda d, s: _at_base(d, BASE) / s,
            "Every pair is slowed by s: that is position interpolation. Pair 0 should keep its "
            "frequency of 1.",
        ),
        Mistake(
            "base times s", lambda d, s: _at_base(d, BASE * s),
            "With base * s the slowest pair, whose exponent is -(d - 2) / d, is slowed by less "
            "than s. Raise s to d / (d - 2), with a single /: // would round it to 1.",
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
            "the base", lambda d, s: _ntk_base(d, s),
            "That is the new base. Return the frequencies made from it, one for each pair.",
        ),
        Mistake(
            "plain", lambda d, s: _at_base(d, BASE),
            "Those are the plain frequencies: s is not used. Make the base larger.",
        ),
        Mistake(
            "all faster", lambda d, s: _at_base(d, BASE) * s,
            "Every pair is s times faster. Slow them down, and by a larger base, so that pair 0 "
            "keeps its frequency of 1.",
        ),
        Mistake(
            "s without exponent's d - 2", lambda d, s: _at_base(d, BASE * s ** (d / (d - 1))),
            "The exponent of s is d / (d - 2), not d / (d - 1): the last pair stands at d - 2.",
        ),
        Mistake(
            "s to d / (d + 2)", lambda d, s: _at_base(d, BASE * s ** (d / (d + 2))),
            "The exponent of s is d / (d - 2), with a minus: the last pair stands at d - 2.",
        ),
        Mistake(
            "s to the d", lambda d, s: _at_base(d, BASE * s**d),
            "The exponent of s is d / (d - 2): the division is missing.",
        ),
        Mistake(
            "s to 2 / d", lambda d, s: _at_base(d, BASE * s ** (2 / d)),
            "The exponent of s is d / (d - 2), so that s comes out where the exponent is "
            "-(d - 2) / d.",
        ),
        Mistake(
            "s to 2 / (d - 2)", lambda d, s: _at_base(d, BASE * s ** (2 / (d - 2))),
            "The exponent of s is d / (d - 2), not 2 / (d - 2): that is the one for pair 1.",
        ),
        Mistake(
            "s to d / 2", lambda d, s: _at_base(d, BASE * s ** (d / 2)),
            "The exponent of s is d / (d - 2), not d / 2.",
        ),
        Mistake(
            "s squared", lambda d, s: _at_base(d, BASE * s * s),
            "You multiply the base by s squared. The exponent of s is d / (d - 2).",
        ),
        Mistake(
            "whole base to a power", lambda d, s: _at_base(d, (BASE * s) ** (d / (d - 2))),
            "You raise base * s to d / (d - 2). Only s gets that exponent: "
            "10000 * s ** (d / (d - 2)).",
        ),
        Mistake(
            "base to a power", lambda d, s: _at_base(d, BASE ** (d / (d - 2)) * s),
            "You raise the base to d / (d - 2). It is s that gets that exponent.",
        ),
        Mistake(
            "base plus", lambda d, s: _at_base(d, BASE + s ** (d / (d - 2))),
            "You add to the base. Multiply it: 10000 * s ** (d / (d - 2)).",
        ),
        Mistake(
            "pairs for d", lambda d, s: _at_base(
                d, BASE * s ** (d / 2 / (d / 2 - 2))),
            "You take d / 2 for d in the exponent of s. It is the whole head_dim: d / (d - 2).",
        ),
        Mistake(
            "last slowed alone", lambda d, s: torch.cat(
                [_at_base(d, BASE)[:-1], _at_base(d, BASE)[-1:] / s]),
            "Only the last pair is slowed. A larger base slows all but the first, each a little "
            "more than the one before.",
        ),
        Mistake(
            "all but the first", lambda d, s: torch.cat(
                [_at_base(d, BASE)[:1], _at_base(d, BASE)[1:] / s]),
            "All pairs but the first are slowed by s. A larger base slows each a little more than "
            "the one before, and only the last by s.",
        ),
        Mistake(
            "in equal steps", lambda d, s: _at_base(d, BASE) / (
                1 + (s - 1) * _pairs(d) / (d // 2 - 1)),
            "You slow the pairs by factors in equal steps from 1 to s. A larger base makes them "
            "powers: s ** (i / (d / 2 - 1)).",
        ),
        Mistake(
            "missing two", _exponent(lambda i, d: i / d),
            "The new base is right, and the 2 of the exponent is missing: -2 i / d.",
        ),
        Mistake(
            "columns doubled", _exponent(lambda i, d: 4 * i / d),
            "The new base is right, and your exponent grows twice as fast as it should: "
            "-2 i / d for i = 0, 1, 2 ..., or -column / d for the even columns.",
        ),
        Mistake(
            "positive exponent", _exponent(lambda i, d: -2 * i / d),
            "Your pairs turn faster from one to the next. The exponent has a minus: -2 i / d.",
        ),
        Mistake(
            "pairs from one", _exponent(lambda i, d: 2 * (i + 1) / d),
            "Your pairs count from 1. They count from 0, so the first frequency is 1.",
        ),
        Mistake(
            "pairs less one", _exponent(lambda i, d: 2 * i / (d - 2)),
            "You divide by d - 2 in the exponent of the base. There it is -2 i / d; d - 2 belongs "
            "to the exponent of s.",
        ),
        Mistake(
            "a frequency a feature", lambda d, s: _ntk_base(d, s) ** (
                -torch.arange(d, dtype=torch.float64) / d),
            "You have a frequency for each feature. Two features make a pair and share one: the "
            "even numbers, torch.arange(0, d, 2).",
        ),
        Mistake(
            "a frequency a feature, doubled", lambda d, s: _ntk_base(d, s) ** (
                -2 * torch.arange(d, dtype=torch.float64) / d),
            "You have as many frequencies as features, and half of them are meant: i counts pairs, "
            "0 ... d / 2 - 1.",
        ),
        Mistake(
            "each twice", lambda d, s: ntk_frequencies(d, s).repeat_interleave(2),
            "Each frequency stands there twice. One for each pair is enough.",
        ),
        Mistake(
            "whole table twice", lambda d, s: ntk_frequencies(d, s).repeat(2),
            "The frequencies stand there twice, one half after the other. One for each pair is "
            "enough.",
        ),
        Mistake(
            "frequencies times a power", lambda d, s: _at_base(d, BASE) * s ** (d / (d - 2)),
            "You multiply the frequencies by s ** (d / (d - 2)). That factor belongs to the base.",
        ),
        Mistake(
            "frequencies over a power", lambda d, s: _at_base(d, BASE) / s ** (d / (d - 2)),
            "You divide all frequencies by s ** (d / (d - 2)). That factor belongs to the base, so "
            "that pair 0 keeps its frequency of 1.",
        ),
        Mistake(
            "base over s", lambda d, s: _at_base(d, BASE / s),
            "You divide the base by s, so pairs turn faster. Multiply it, by s ** (d / (d - 2)).",
        ),
        Mistake(
            "exponent times s", lambda d, s: _at_base(d, BASE**s),
            "You multiply the exponent by s. The base gets a factor: s ** (d / (d - 2)).",
        ),
        Mistake(
            "exponent over s", lambda d, s: _at_base(d, BASE ** (1 / s)),
            "You divide the exponent by s. The base gets a factor: s ** (d / (d - 2)).",
        ),
        Mistake(
            "base and interpolation", lambda d, s: ntk_frequencies(d, s) / s,
            "The base is right, and then you divide by s as well. One of the two: the larger base.",
        ),
        Mistake(
            "base and s again", lambda d, s: torch.cat(
                [ntk_frequencies(d, s)[:1], ntk_frequencies(d, s)[1:] / s]),
            "The base is right, and then you divide all but the first by s as well. The larger "
            "base alone is enough.",
        ),
        Mistake(
            "no power", lambda d, s: _at_base(d, BASE * s * d / (d - 2)),
            "You multiply by d / (d - 2). It is an exponent: s ** (d / (d - 2)).",
        ),
        Mistake(
            "ramp", lambda d, s: _at_base(d, BASE) * torch.linspace(
                1, 1 / s, d // 2, dtype=torch.float64),
            "You multiply by factors in equal steps from 1 to 1 / s. A larger base makes them "
            "powers.",
        ),
        Mistake(
            "wavelengths", lambda d, s: 2 * math.pi / ntk_frequencies(d, s),
            "Those are wavelengths, 2 pi / w. Return the frequencies w.",
        ),
        *(
            Mistake(
                f"base {base:g}", lambda d, s, b=base: _at_base(d, b * s ** (d / (d - 2))),
                f"Your base is {_written(base)} before it grows. The task says 10,000: count the "
                "zeros.",
            )
            for base in (1e3, 1e2, 1e5, 5e5)
        ),
    ),
)  # fmt: skip
