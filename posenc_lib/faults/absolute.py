"""Faults of what is added to the embeddings: tables, look-ups, timing signals, caches.

Each docstring says what is wrong, what it should be, and which test catches it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Int, Num
from torch import Tensor

from posenc_lib.embeddings.sinusoidal import frequencies, sinusoidal_table
from posenc_lib.faults.exhibit import exhibit

Encode = Callable[[Float[Tensor, "batch length dim"]], Float[Tensor, "batch length dim"]]
MakeTable = Callable[[int, int], Float[np.ndarray, "length dim"]]
Cosines = Callable[[Int[Tensor, " length"], int], Float[Tensor, "length pairs"]]
LookUp = Callable[[Float[Tensor, "rows dim"], Int[Tensor, " length"]], Float[Tensor, "length dim"]]
Signal = Callable[..., Float[Tensor, "length dim"]]
CachedTable = Callable[..., Float[np.ndarray, "length dim"]]


def sees_order(encode: Encode) -> bool:
    """On zeros every batch row gets the same, and no two positions do."""
    p = encode(torch.zeros(3, 10, 32))
    return torch.equal(p[0], p[2]) and len(p[0].unique(dim=0)) == 10


def _along_length(x: Float[Tensor, "batch length dim"]) -> Float[Tensor, "batch length dim"]:
    return x + torch.from_numpy(sinusoidal_table(x.shape[1], x.shape[2]))


@exhibit(right=_along_length, law=sees_order)
def added_to_the_batch(
    x: Float[Tensor, "batch length dim"],
) -> Float[Tensor, "batch length dim"]:
    """Wrong: the table is cut to the batch, so each sentence gets one constant vector.

    Right: a row for each position, `x.shape[1]` of batch-first input. Caught by `sees_order`.

    >>> added_to_the_batch(torch.zeros(2, 3, 2))[1]  # the second sentence
    tensor([[0.8415, 0.5403],
            [0.8415, 0.5403],
            [0.8415, 0.5403]])
    """
    table = torch.from_numpy(sinusoidal_table(100, x.shape[2]))[:, None]  # (position, 1, dim)
    return x + table[: x.size(0)]


def shift_law(make: MakeTable) -> bool:
    """One matrix moves every row of the table five positions on."""
    table = make(100, 8)
    matrix = np.linalg.lstsq(table[:-5], table[5:], rcond=None)[0]
    return bool(np.abs(table[:-5] @ matrix - table[5:]).max() < 1e-4)


@exhibit(right=sinusoidal_table, law=shift_law)
def column_as_pair(length: int, dim: int) -> Float[np.ndarray, "{length} {dim}"]:
    """Wrong: i counts the columns, so the sine and the cosine of a pair turn at two speeds.

    Right: i counts the pairs, 0 .. dim / 2 - 1. Caught by `shift_law`.

    >>> column_as_pair(2, 4)[1].round(3)
    array([0.841, 1.   , 0.   , 1.   ])
    """
    column = np.arange(dim)
    angle = np.outer(np.arange(length), 10000.0 ** (-2 * column / dim))
    return np.where(column % 2 == 0, np.sin(angle), np.cos(angle))


def every_width(make: MakeTable) -> bool:
    """Odd and even dim: the last column wave for wave as in the formula, at the true dim."""
    for dim in (5, 6):
        wave = np.sin if dim % 2 else np.cos
        last = wave(np.arange(7) * 10000.0 ** (-2 * ((dim - 1) // 2) / dim))
        if not np.allclose(make(7, dim)[:, -1], last, atol=1e-6):
            return False
    return True


@exhibit(right=sinusoidal_table, law=every_width)
def odd_dim_forgotten(length: int, dim: int) -> Float[np.ndarray, "{length} {dim}"]:
    """Wrong: an odd dim has one cosine fewer than sines, and the second line breaks.

    Right: leave the last cosine out, and keep the true dim in the exponent: rounding dim up and
    cutting the table changes every frequency. Caught by `every_width`, which sees both.

    >>> odd_dim_forgotten(2, 5)
    Traceback (most recent call last):
    ValueError: could not broadcast input array from shape (2,3) into shape (2,2)
    """
    angle = np.outer(np.arange(length), frequencies(dim))
    table = np.empty((length, dim))
    table[:, 0::2] = np.sin(angle)
    table[:, 1::2] = np.cos(angle)
    return table


def right_far_out(cosines: Cosines) -> bool:
    """Within one rounding of float16 of the cosines made in float64, for 2,048 positions."""
    positions = torch.arange(2048)
    truth = torch.outer(positions.double(), torch.from_numpy(frequencies(64))).cos()
    return bool((cosines(positions, 64).double() - truth).abs().max() < 1e-3)


def _rounded_last(positions: Int[Tensor, " length"], dim: int) -> Float[Tensor, "length pairs"]:
    angle = torch.outer(positions.double(), torch.from_numpy(frequencies(dim)))
    return angle.cos().half()


@exhibit(right=_rounded_last, law=right_far_out)
def half_precision_angles(
    positions: Int[Tensor, " length"], dim: int
) -> Float[Tensor, "length pairs"]:
    """Wrong: the angle itself is in half precision, as after a cast of the whole model.

    float16 has 11 bits: a frequency loses up to 2 ** -11 of itself, the position multiplies that,
    and past 2,048 whole numbers themselves are missing.
    Right: make angles in float64 (float32 at least), and round the cosine, last of all. Caught
    by `right_far_out`.

    >>> half_precision_angles(torch.tensor([2000]), 6)  # the second is 0.1542
    tensor([[-0.3674,  0.1351, -0.3894]], dtype=torch.float16)
    """
    w = torch.from_numpy(frequencies(dim))
    return torch.outer(positions.half(), w.half()).cos()


def refuses_what_it_has_not(look_up: LookUp) -> bool:
    """Known positions give their row, the first unknown one an IndexError."""
    table = torch.eye(8)
    known = torch.equal(look_up(table, torch.tensor([7, 0])), table[[7, 0]])
    try:
        look_up(table, torch.tensor([8]))
    except IndexError:
        return known
    return False


def _looked_up(
    table: Float[Tensor, "rows dim"], positions: Int[Tensor, " length"]
) -> Float[Tensor, "length dim"]:
    return table[positions]


@exhibit(right=_looked_up, law=refuses_what_it_has_not)
def wrapped_look_up(
    table: Float[Tensor, "rows dim"], positions: Int[Tensor, " length"]
) -> Float[Tensor, "length dim"]:
    """Wrong: past the table it starts again at row 0, and nobody is told.

    Right: an error that names the length, or a table made longer on purpose. Clamping to the last
    row is the same fault. Caught by `refuses_what_it_has_not`.

    >>> wrapped_look_up(torch.tensor([[10.0], [11.0]]), torch.tensor([0, 1, 2]))
    tensor([[10.],
            [11.],
            [10.]])
    """
    return table[positions % len(table)]


def turns_in_its_period(signal: Signal) -> bool:
    """A quarter of the shortest period after 0 the first sine is 1, for any shortest timescale."""
    firsts = [signal(torch.tensor([math.pi / 2 * s]), 8, s, 1000.0)[0, 0] for s in (1.0, 4.0)]
    return bool(np.allclose(firsts, 1.0, atol=1e-4))


def _signal(times: Tensor, slowness: Tensor) -> Tensor:
    angle = times[:, None] * slowness
    return torch.cat([angle.sin(), angle.cos()], dim=1)


def _divided(
    times: Num[Tensor, " length"], dim: int, shortest: float = 1.0, longest: float = 1e4
) -> Float[Tensor, "length dim"]:
    steps = torch.arange(dim // 2) / (dim // 2 - 1)
    return _signal(times, torch.exp(-steps * math.log(longest / shortest)) / shortest)


@exhibit(right=_divided, law=turns_in_its_period)
def multiplied_timescale(
    times: Num[Tensor, " length"], dim: int, shortest: float = 1.0, longest: float = 1e4
) -> Float[Tensor, "length dim"]:
    """Wrong: frequencies are multiplied by the shortest timescale and should be divided by it.

    Right for a shortest timescale of 1 only, which is the default, so nobody meets it; at s every
    wave is s * s times too fast. Right: frequency i is 1 / timescale i. Caught by
    `turns_in_its_period` at any other timescale.

    >>> multiplied_timescale(torch.tensor([torch.pi]), 4, shortest=2.0).round(decimals=3)[0, 0]
    tensor(0.)
    """
    steps = torch.arange(dim // 2) / (dim // 2 - 1)
    frequency = shortest * torch.exp(-steps * math.log(longest / shortest))
    angle = times[:, None] * frequency
    return torch.cat([angle.sin(), angle.cos()], dim=1)


def any_order_of_calls(make: Callable[[], CachedTable]) -> bool:
    """What was asked for before does not change the answer."""
    used, fresh = make(), make()
    used(5, 8, base=10000.0)
    return bool(np.array_equal(used(5, 8, base=100.0), fresh(5, 8, base=100.0)))


def _full_key() -> CachedTable:
    cache: dict = {}

    def table(length: int, dim: int, base: float) -> Float[np.ndarray, "length dim"]:
        key = (length, dim, base)
        if key not in cache:
            cache[key] = sinusoidal_table(length, dim, base=base)
        return cache[key]

    return table


@exhibit(right=_full_key, law=any_order_of_calls)
def forgetful_cache() -> CachedTable:
    """Wrong: the key of the cache leaves out the base, so the first base asked for wins.

    The same happens with a forgotten dtype or device. Right: everything that the result depends
    on stands in the key, or nothing is cached. Caught by `any_order_of_calls`.

    >>> table = forgetful_cache()
    >>> bool((table(5, 8, base=10000.0) == table(5, 8, base=100.0)).all())
    True
    """
    cache: dict = {}

    def table(length: int, dim: int, base: float) -> Float[np.ndarray, "length dim"]:
        key = (length, dim)
        if key not in cache:
            cache[key] = sinusoidal_table(length, dim, base=base)
        return cache[key]

    return table
