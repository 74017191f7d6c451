"""Exercises of notebook 01: the table and the shift."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from posenc_lib.checks.exercise import Exercise, Mistake
from posenc_lib.embeddings.sinusoidal import (
    frequencies,
    shift_rotation,
    sinusoidal_textbook,
)

_BASES = (
    ("1,000", 1e3), ("100,000", 1e5), ("2", 2.0), ("5,000", 5e3), ("50,000", 5e4),
    ("500,000", 5e5), ("1,000,000", 1e6), ("500", 500.0), ("20,000", 2e4), ("1,024", 1024.0),
    ("e (or the logarithm of 10,000 is missing inside exp)", np.e), ("pi", np.pi), ("20", 20.0),
    ("10 (or 100 and no 2 in the exponent)", 10.0),
)  # fmt: skip


def _interleave(angle: np.ndarray, dim: int) -> np.ndarray:
    table = np.empty((len(angle), dim))
    table[:, 0::2] = np.sin(angle)
    table[:, 1::2] = np.cos(angle)[:, : dim // 2]
    return table


def _waves(
    exponent: Callable[[np.ndarray, int], np.ndarray], base: float = 1e4, start: int = 0
) -> Callable[[int, int], np.ndarray]:
    """The table of another exponent, as a function of the pair's number and dim."""

    def table(length: int, dim: int) -> np.ndarray:
        pair = np.arange((dim + 1) // 2)
        rate = np.broadcast_to(base ** -exponent(pair, dim), pair.shape)
        return _interleave((start + np.arange(length))[:, None] * rate, dim)

    return table


def _angles(length: int, dim: int) -> np.ndarray:
    return np.outer(np.arange(length), frequencies(dim))


def _column_index(length: int, dim: int) -> np.ndarray:
    """i runs over columns: the exponent grows twice as fast as it should."""
    return _by_columns(length, 10000.0 ** (-2.0 * np.arange(dim) / dim))


def _by_columns(length: int, rate: np.ndarray) -> np.ndarray:
    angle = np.arange(length)[:, None] * rate
    even = np.arange(len(rate)) % 2 == 0
    return np.where(even, np.sin(angle), np.cos(angle))


def _halves(length: int, dim: int) -> np.ndarray:
    """All sines first, then all cosines."""
    angle = _angles(length, dim)
    return np.concatenate([np.sin(angle), np.cos(angle)[:, : dim // 2]], axis=1)


def _halves_of_all(length: int, dim: int) -> np.ndarray:
    angle = _angles(length, dim)
    return np.concatenate([np.sin(angle), np.cos(angle)], axis=1)


def _cosine_first(length: int, dim: int) -> np.ndarray:
    angle = _angles(length, dim)
    table = np.empty((length, dim))
    table[:, 0::2] = np.cos(angle)
    table[:, 1::2] = np.sin(angle)[:, : dim // 2]
    return table


def _both(length: int, dim: int, function: Callable) -> np.ndarray:
    """The same function in both columns of a pair."""
    return function(np.repeat(_angles(length, dim), 2, axis=1)[:, :dim])


def _positions_from_one(length: int, dim: int) -> np.ndarray:
    return sinusoidal_textbook(length, dim, start=1)


def _rounded_up(length: int, dim: int) -> np.ndarray:
    """An odd dim rounded up first and cut afterwards: every frequency changes."""
    return sinusoidal_textbook(length, dim + dim % 2)[:, :dim]


def _rounded_down(length: int, dim: int) -> np.ndarray:
    return sinusoidal_textbook(length, dim // 2 * 2)


def _last_zero(length: int, dim: int) -> np.ndarray:
    table = sinusoidal_textbook(length, dim).copy()
    table[:, dim // 2 * 2 :] = 0
    return table


table = Exercise(
    name="my_table",
    solution=sinusoidal_textbook,
    cases=lambda: [(1, 2), (6, 8), (5, 7), (20, 6)],
    mistakes=(
        Mistake(
            "column index", _column_index,
            "Your i counts columns. It has to count pairs: columns 2i and 2i + 1 share one "
            "frequency, so i stops before dim / 2.",
        ),
        Mistake(
            "even columns doubled", _waves(lambda i, dim: 4 * i / dim),
            "Your exponent grows twice as fast as it should: 2i / dim with i = 0, 1, 2 ..., or "
            "i / dim with the even columns 0, 2, 4 ..., not 2 times the even columns.",
        ),
        Mistake(
            "missing two", _waves(lambda i, dim: i / dim),
            "Every pair turns too fast. Is the 2 of the exponent -2i / dim there, or is your "
            "base 100 "
            "in place of 10,000?",
        ),
        Mistake(
            "own frequency", lambda length, dim: _by_columns(
                length, 10000.0 ** (-np.arange(dim) / dim)),
            "Every column has a frequency of its own. The two columns of a pair, 2i and 2i + 1, "
            "share one: take the even number, column // 2 * 2, for both.",
        ),
        Mistake(
            "halves", _halves,
            "You have all sines, then all cosines. The paper interleaves them: sine in the even "
            "columns, cosine in the odd ones. table[:, 0::2] is every even column.",
        ),
        Mistake(
            "halves, one too many", _halves_of_all,
            "You have all sines, then all cosines, and for an odd dim one column too many. The "
            "paper interleaves them: sine in the even columns, cosine in the odd ones.",
        ),
        Mistake(
            "cosine first", _cosine_first,
            "Sine and cosine are swapped: the sine stands in the even columns (0, 2 ...), the "
            "cosine in the odd ones, so row 0 is 0, 1, 0, 1.",
        ),
        Mistake("from one", _positions_from_one, "Positions count from 0: row 0 is 0, 1, 0, 1."),
        Mistake(
            "rounded up", _rounded_up,
            "Right for an even dim. For an odd one, keep the true dim in the exponent and only "
            "leave the last cosine out.",
        ),
        Mistake(
            "rounded down", _rounded_down,
            "Right for an even dim. For an odd one your table has a column too few: the last sine "
            "has no cosine beside it, but it is there.",
        ),
        Mistake(
            "last column empty", _last_zero,
            "Right for an even dim. For an odd one your last column stays 0: it holds a sine of "
            "its own, only without a cosine beside it.",
        ),
        Mistake(
            "even dim below", _waves(lambda i, dim: 2 * i / (dim // 2 * 2)),
            "Right for an even dim. For an odd one the exponent needs the true dim: 2 * (dim // 2) "
            "is one less.",
        ),
        Mistake(
            "positive exponent", _waves(lambda i, dim: -2 * i / dim),
            "Your waves get faster from pair to pair. They get slower: the exponent is negative, "
            "-2i / dim, or divide by 10000 ** (2i / dim).",
        ),
        Mistake(
            "pairs less one", _waves(lambda i, dim: i / max(dim / 2 - 1, 0.5)),
            "You divide i by dim / 2 - 1, so that the slowest wave is exactly 1 / 10,000. Some "
            "published code does; the paper's exponent is 2i / dim.",
        ),
        Mistake(
            "columns less one", _waves(lambda i, dim: 2 * i / (dim - 1)),
            "You divide by dim - 1. The exponent is 2i / dim, with the whole dim.",
        ),
        Mistake(
            "pairs less one, by count", lambda length, dim: _waves(
                lambda i, d: i / max((d + 1) // 2 - 1, 1))(length, dim),
            "You spread the frequencies from 1 to exactly 1 / 10,000. The last exponent is "
            "less than 1: it is 2i / dim, and i stops before dim / 2.",
        ),
        Mistake(
            "equal steps", lambda length, dim: _interleave(np.outer(
                np.arange(length), np.linspace(1, 1e-4, (dim + 1) // 2)), dim),
            "Your frequencies fall by equal steps. They fall by equal factors: 10000 ** (-2i / "
            "dim).",
        ),
        Mistake(
            "whole division", _waves(lambda i, dim: 2 * i // dim),
            "All your pairs turn at the same speed. Is there a // that rounds 2i / dim down to "
            "0, or "
            "does the exponent forget i? Pair i has the frequency 10000 ** (-2i / dim).",
        ),
        Mistake(
            "pairs from one", _waves(lambda i, dim: 2 * (i + 1) / dim),
            "Your pairs count from 1. They count from 0: pair 0 has frequency 1, so column 0 is "
            "sin(p).",
        ),
        Mistake(
            "slow first", lambda length, dim: _interleave(_angles(length, dim)[:, ::-1], dim),
            "Your first pair turns slowest. Fast waves come first: pair 0 has frequency 1.",
        ),
        Mistake(
            "base times exponent", lambda length, dim: _interleave(
                np.arange(length)[:, None] / (1e4 * 2 * np.maximum(
                    np.arange((dim + 1) // 2), 0.5) / dim), dim),
            "You multiply 10,000 by 2i / dim. It is a power: 10000 ** (2i / dim).",
        ),
        Mistake(
            "only sines", lambda length, dim: _both(length, dim, np.sin),
            "You have sines only. The odd columns (1, 3 ...) hold the cosines of the same angles.",
        ),
        Mistake(
            "only cosines", lambda length, dim: _both(length, dim, np.cos),
            "You have cosines only. The even columns (0, 2 ...) hold the sines of the same angles.",
        ),
        Mistake(
            "angles", lambda length, dim: np.repeat(_angles(length, dim), 2, axis=1)[:, :dim],
            "Those are the angles. Take their sine in the even columns, their cosine in the odd "
            "ones.",
        ),
        Mistake(
            "angles of pairs", _angles,
            "Those are the angles, one for each pair. Each makes two columns: its sine and its "
            "cosine.",
        ),
        Mistake(
            "frequencies", lambda length, dim: frequencies(dim),
            "Those are the frequencies. Multiply each by every position, np.outer, then take sine "
            "and cosine.",
        ),
        Mistake(
            "turns", lambda length, dim: _interleave(2 * np.pi * _angles(length, dim), dim),
            "Your angles are 2 pi times too large: the angle is position times frequency, in "
            "radians already.",
        ),
        Mistake(
            "degrees", lambda length, dim: _interleave(np.deg2rad(_angles(length, dim)), dim),
            "You turn the angles from degrees to radians. They are radians already.",
        ),
        Mistake(
            "divided by the length", lambda length, dim: _interleave(
                _angles(length, dim) / length, dim),
            "You divide the positions by the length. Then a step means something else in every "
            "text: use 0, 1, 2 ... as they are.",
        ),
        Mistake(
            "divided by the last", lambda length, dim: _interleave(
                _angles(length, dim) / max(length - 1, 1), dim),
            "Your positions run from 0 to 1. Then a step means something else in every text: use "
            "0, 1, 2 ... as they are.",
        ),
        *(
            Mistake(
                f"base {name}", _waves(lambda i, dim: 2 * i / dim, base),
                f"Your base is {name}. The task says 10,000, written 10000.0: count the zeros.",
            )
            for name, base in _BASES
        ),
        Mistake(
            "exponent of e", _waves(lambda i, dim: 2 * i / dim * np.log10(1e4), np.e),
            "You took the logarithm to base 10 inside exp: exp and np.log belong together.",
        ),
        Mistake(
            "base dim", lambda length, dim: _waves(lambda i, d: 2 * i / d, float(dim))(length, dim),
            "Your base is dim. The task says 10,000.",
        ),
        Mistake(
            "base length", lambda length, dim: _waves(
                lambda i, d: 2 * i / d, float(length))(length, dim),
            "Your base is the length. The task says 10,000.",
        ),
        Mistake(
            "halves from one", lambda length, dim: _positions_from_one(length, dim)[
                :, [*range(0, dim, 2), *range(1, dim, 2)]],
            "Two things: you have all sines, then all cosines, and the paper interleaves them; and "
            "positions count from 0.",
        ),
        Mistake(
            "cosine first, in halves", lambda length, dim: sinusoidal_textbook(length, dim)[
                :, [*range(1, dim, 2), *range(0, dim, 2)]],
            "Two things: you have all cosines, then all sines. The paper interleaves them, with "
            "the sine in the even columns, the cosine in the odd ones.",
        ),
        Mistake(
            "sine over base", lambda length, dim: _interleave(
                np.repeat(np.arange(length)[:, None], (dim + 1) // 2, 1), dim)
            * np.repeat(frequencies(dim), 2)[:dim],
            "You multiply by the frequency after the sine. It belongs inside: sin(p * w).",
        ),
    ),
)  # fmt: skip


def _rotated(encoding: np.ndarray, offset: int) -> np.ndarray:
    return shift_rotation(offset, len(encoding)) @ encoding


def _other_way(encoding: np.ndarray, offset: int) -> np.ndarray:
    return shift_rotation(-offset, len(encoding)) @ encoding


def _by(angle: Callable[..., np.ndarray]) -> Callable[[np.ndarray, int], np.ndarray]:
    """Turned by another angle, a function of offset and dim."""
    return lambda encoding, offset: _turn(
        encoding, np.broadcast_to(angle(offset, len(encoding)), len(encoding) // 2)
    )


def _added(encoding: np.ndarray, offset: int) -> np.ndarray:
    return encoding + sinusoidal_textbook(1, len(encoding), start=offset)[0]


def _turn(encoding: np.ndarray, angle: np.ndarray, signs: tuple = (1, -1)) -> np.ndarray:
    sine, cosine = encoding[0::2], encoding[1::2]
    turned = np.empty_like(encoding)
    turned[0::2] = sine * np.cos(angle) + signs[0] * cosine * np.sin(angle)
    turned[1::2] = cosine * np.cos(angle) + signs[1] * sine * np.sin(angle)
    return turned


def _usual(encoding: np.ndarray, offset: int) -> np.ndarray:
    return offset * frequencies(len(encoding))


def _overwritten(encoding: np.ndarray, offset: int) -> np.ndarray:
    """The second line reads the sines that the first has overwritten."""
    turned, angle = encoding.copy(), _usual(encoding, offset)
    turned[0::2] = turned[0::2] * np.cos(angle) + turned[1::2] * np.sin(angle)
    turned[1::2] = turned[1::2] * np.cos(angle) - turned[0::2] * np.sin(angle)
    return turned


def _overwritten_cosine(encoding: np.ndarray, offset: int) -> np.ndarray:
    turned, angle = encoding.copy(), _usual(encoding, offset)
    turned[1::2] = turned[1::2] * np.cos(angle) - turned[0::2] * np.sin(angle)
    turned[0::2] = turned[0::2] * np.cos(angle) + turned[1::2] * np.sin(angle)
    return turned


def _half_layout(encoding: np.ndarray, offset: int) -> np.ndarray:
    """Pairs made of i and i + dim / 2."""
    joined = encoding.reshape(2, -1).T.ravel()
    return _turn(joined, _usual(encoding, offset)).reshape(-1, 2).T.ravel()


def _side_by_side(encoding: np.ndarray, offset: int) -> np.ndarray:
    turned = _rotated(encoding, offset)
    return np.concatenate([turned[0::2], turned[1::2]])


def _from_first_pair(encoding: np.ndarray, offset: int, function: Callable) -> np.ndarray:
    place = function(encoding)
    return _interleave((place + offset) * frequencies(len(encoding))[None], len(encoding))[0]


def _half_turned(encoding: np.ndarray, offset: int, which: int) -> np.ndarray:
    turned = _rotated(encoding, offset)
    turned[which::2] = encoding[which::2]
    return turned


def _first_pair(encoding: np.ndarray, offset: int) -> np.ndarray:
    return np.concatenate([_rotated(encoding, offset)[:2], encoding[2:]])


def _rows() -> list[tuple]:
    table = sinusoidal_textbook(40, 8).astype(float)
    return [(table[0], 3), (table[9], 5), (table[30], -4)]


shift = Exercise(
    name="my_shift",
    solution=_rotated,
    cases=_rows,
    mistakes=(
        Mistake(
            "other way", _other_way,
            "You turned backwards: that is position p - k. Each pair is (sin, cos), so the angle "
            "addition formulas give sin * cos(kw) + cos * sin(kw) for the first of the two.",
        ),
        Mistake(
            "same angle", _by(lambda k, dim: np.array(float(k))),
            "You turned every pair by the same angle k. Pair i turns by k times its own "
            "frequency w_i.",
        ),
        Mistake(
            "frequency alone", _by(lambda k, dim: frequencies(dim)),
            "You turned by the frequency alone, one position on. The angle is offset times "
            "frequency.",
        ),
        Mistake(
            "offset added", lambda encoding, offset: encoding + offset,
            "The offset counts positions; the vector holds sines and cosines of angles. Turn each "
            "pair by the angle that belongs to the offset.",
        ),
        Mistake(
            "angles added", lambda e, k: e + np.repeat(_usual(e, k), 2),
            "You added the angle to sine and cosine. It belongs inside them: turn each pair.",
        ),
        Mistake(
            "multiplied", lambda e, k: e * sinusoidal_textbook(1, len(e), start=k)[0],
            "You multiplied PE(p) by PE(k), number by number. The angle addition formulas have two "
            "products in each line.",
        ),
        Mistake(
            "added", _added,
            "Adding PE(k) to PE(p) does not give PE(p + k): sines do not add up that way. "
            "Turn each pair.",
        ),
        Mistake(
            "row of the offset", lambda e, k: sinusoidal_textbook(1, len(e), start=k)[0],
            "That is PE(k), the row of the offset alone: the vector you get is not used. Turn it.",
        ),
        Mistake(
            "unmoved", lambda e, k: e.copy(),
            "You return the vector as it came. Turn each pair by offset times its frequency.",
        ),
        Mistake(
            "rolled", lambda e, k: np.roll(e, k),
            "You rolled the columns. The vector belongs to one position; moving it on means "
            "turning each of its pairs.",
        ),
        Mistake(
            "rolled back", lambda e, k: np.roll(e, -k),
            "You rolled the columns. The vector belongs to one position; moving it on means "
            "turning each of its pairs, not columns that change places.",
        ),
        Mistake(
            "two plus", lambda e, k: _turn(e, _usual(e, k), (1, 1)),
            "Both lines add. One of them has a minus: cos(a + b) = cos a cos b - sin a sin b.",
        ),
        Mistake(
            "two minus", lambda e, k: _turn(e, _usual(e, k), (-1, -1)),
            "Both lines subtract. Only the cosine has a minus: sin(a + b) = sin a cos b + cos a "
            "sin b.",
        ),
        Mistake(
            "overwritten", _overwritten,
            "Your second line reads the sines that the first line has overwritten. Copy the old "
            "sines and cosines first, or write into a new array.",
        ),
        Mistake(
            "overwritten cosine", _overwritten_cosine,
            "Your line for the sines reads the cosines that were overwritten before. Copy the old "
            "sines and cosines first, or write into a new array.",
        ),
        Mistake(
            "sine and cosine swapped", lambda e, k: np.stack([
                e[0::2] * np.sin(_usual(e, k)) + e[1::2] * np.cos(_usual(e, k)),
                e[1::2] * np.sin(_usual(e, k)) - e[0::2] * np.cos(_usual(e, k))], 1).ravel(),
            "Sine and cosine of the angle are swapped: at offset 0 nothing moves, so each number "
            "keeps itself times the cosine.",
        ),
        Mistake(
            "times the offset", lambda e, k: e * k,
            "You multiply by the offset. Turn each pair by offset times its frequency.",
        ),
        Mistake(
            "offset plus frequency", _by(lambda k, dim: k + frequencies(dim)),
            "You add offset and frequency. The angle is their product.",
        ),
        Mistake(
            "offset over frequency", _by(lambda k, dim: frequencies(dim) / k),
            "You divide the frequency by the offset. The angle is their product.",
        ),
        Mistake(
            "angles by arcsine", lambda e, k: np.stack([
                np.sin(np.arcsin(e[0::2].clip(-1, 1)) + _usual(e, k)),
                np.cos(np.arccos(e[1::2].clip(-1, 1)) + _usual(e, k))], 1).ravel(),
            "You take the angle from the sine alone and from the cosine alone. Each gives one of "
            "two angles: only both together name it. The addition formulas need no angle.",
        ),
        Mistake(
            "angles by arcsine for both", lambda e, k: np.stack([
                np.sin(np.arcsin(e[0::2].clip(-1, 1)) + _usual(e, k)),
                np.cos(np.arcsin(e[0::2].clip(-1, 1)) + _usual(e, k))], 1).ravel(),
            "You take the angle from the sine alone, which gives one of two. Sine and cosine "
            "together name it (arctan2); the addition formulas need no angle.",
        ),
        Mistake(
            "one position on", lambda e, k: _rotated(e, 1) if k > 0 else _rotated(e, -1),
            "You move by one position whatever the offset. The angle is offset times frequency.",
        ),
        Mistake(
            "angle inside the old sines", lambda e, k: np.stack([
                np.sin(e[0::2] + _usual(e, k)), np.cos(e[1::2] + _usual(e, k))], 1).ravel(),
            "You add the angle to the sines and take the sine again. The vector holds sines, "
            "not angles: turn each pair by the addition formulas.",
        ),
        Mistake(
            "half layout", _half_layout,
            "You paired column i with i + dim / 2. Neighbours make a pair: e[0::2] are the sines, "
            "e[1::2] the cosines.",
        ),
        Mistake(
            "side by side", _side_by_side,
            "The turned pairs are right and stand in the wrong columns: all sines, then all "
            "cosines. Interleave them again.",
        ),
        Mistake(
            "only sines turned", lambda e, k: _half_turned(e, k, 1),
            "The sines are right, the cosines are still the old ones. Turn both of each pair.",
        ),
        Mistake(
            "only cosines turned", lambda e, k: _half_turned(e, k, 0),
            "The cosines are right, the sines are still the old ones. Turn both of each pair.",
        ),
        Mistake(
            "first pair only", _first_pair,
            "Only the first pair is turned. Every pair turns, each by offset times its frequency.",
        ),
        Mistake(
            "only cosine factor", lambda e, k: e * np.cos(np.repeat(_usual(e, k), 2)),
            "You multiplied by the cosines only. Each line has a second product, with the sine of "
            "the angle and the partner in the pair.",
        ),
        Mistake(
            "place from the first pair", lambda e, k: _from_first_pair(
                e, k, lambda e: np.arctan2(e[0], e[1])),
            "You read the position off the first pair. It is back where it began after 6.28 "
            "positions, so far ones are mistaken for near ones: turn each pair as it is.",
        ),
        Mistake(
            "place from the first pair, from 0", lambda e, k: _from_first_pair(
                e, k, lambda e: np.arctan2(e[0], e[1]) % (2 * np.pi)),
            "You read the position off the first pair, as a number from 0 to 2 pi. After 6.28 "
            "positions the pair is back where it began: turn each pair as it is.",
        ),
        Mistake(
            "place from the sine", lambda e, k: _from_first_pair(e, k, lambda e: np.arcsin(e[0])),
            "You read the position off the first sine. Many positions share it: turn each pair as "
            "it is, without asking where it stands.",
        ),
        Mistake(
            "place rounded", lambda e, k: _from_first_pair(
                e, k, lambda e: np.round(np.arctan2(e[0], e[1]))),
            "You read the position off the first pair and rounded it. The pair is back where it "
            "began after 6.28 positions: turn each pair as it is.",
        ),
        Mistake(
            "slow first", _by(lambda k, dim: k * frequencies(dim)[::-1]),
            "Your frequencies stand in reverse order: pair 0 turns fastest.",
        ),
        Mistake(
            "faster", _by(lambda k, dim: k / frequencies(dim)),
            "You divide by the frequency (or its exponent lost its minus). The angle is offset "
            "times frequency.",
        ),
        Mistake(
            "missing two", _by(lambda k, dim: k * frequencies(dim) ** 0.5),
            "Your pairs turn too fast. Is the 2 of the exponent -2i / dim there, or is your base "
            "100 "
            "in place of 10,000?",
        ),
        Mistake(
            "columns", _by(lambda k, dim: k * frequencies(dim) ** 2),
            "Your i counts columns: the exponent grows twice as fast as it should. It counts "
            "pairs.",
        ),
        Mistake(
            "half of dim", _by(lambda k, dim: k * frequencies(dim // 2)[
                np.arange(dim // 2) % (dim // 4)]),
            "Those are the frequencies for dim / 2 columns. Take frequencies(len(e)).",
        ),
        Mistake(
            "turns", _by(lambda k, dim: 2 * np.pi * k * frequencies(dim)),
            "Your angle is 2 pi times too large: offset times frequency is in radians already.",
        ),
        Mistake(
            "degrees", _by(lambda k, dim: np.deg2rad(k * frequencies(dim))),
            "You turn the angle from degrees to radians. It is in radians already.",
        ),
        *(
            Mistake(
                f"base {name}", _by(lambda k, dim, b=base: k * b ** (
                    -2 * np.arange(dim // 2) / dim)),
                f"Your base is {name}. The table's is 10,000: frequencies(len(e)) has it.",
            )
            for name, base in _BASES
        ),
    ),
    tolerance=1e-5,
)  # fmt: skip
