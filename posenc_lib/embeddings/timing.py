"""Timing signals: sines and cosines of real timestamps, for time series. Door 1.

    PE(t, 2i) = sin(2 pi t / P_i),     PE(t, 2i+1) = cos(2 pi t / P_i)

The periods P_i, in the unit of the times, rise geometrically from the shortest to the longest,
or are given: a day, a week, a year. Times need no regular step: gaps count as what they are.

Source: the timing signal in the code of Tensor2Tensor (Vaswani et al. 2018, "Tensor2Tensor for
Neural Machine Translation"), whose timescales are these periods over 2 pi.

The traps: float32 cannot hold Unix seconds, whose neighbours are 128 s apart by now. And the
published code, ported many times, multiplies by its shortest timescale where it should divide:
right for a timescale of 1 only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Float64, Num
from torch import Tensor, nn

from posenc_lib.base import validation
from posenc_lib.base.angles import wave_pairs
from posenc_lib.base.doors import Door, PositionEncoding, Positions
from posenc_lib.base.float64 import as_float64
from posenc_lib.base.precision import add_once_rounded, wide
from posenc_lib.base.registry_entry import POSITION, UNSEEN, RegistryEntry

COARSEST = 1e-3  # of the shortest period: a phase is then wrong by pi / 1000 radians at most


def geometric_periods(dim: int, shortest: float, longest: float) -> Float64[Tensor, " pairs"]:
    """Periods from `shortest` to `longest`, both included, each the same multiple of the last.

    P_i = shortest * (longest / shortest) ** (i / (pairs - 1)), i = 0 .. pairs - 1, float64, with
    pairs = dim / 2.

    Raises ValueError for an odd `dim` or one below 4, shortest <= 0 or longest <= shortest.

    Source: Vaswani et al. 2018, "Tensor2Tensor"; its timescales are these over 2 pi.

    >>> geometric_periods(6, shortest=1.0, longest=100.0)
    tensor([  1.,  10., 100.], dtype=torch.float64)
    """
    dim = validation.size("geometric_periods", "dim", dim, minimum=4)
    if dim % 2:
        raise validation.refuse(
            ValueError, "geometric_periods", "dim", dim, "an even integer",
            "Each period needs a sine and a cosine.",
        )  # fmt: skip
    shortest = validation.real("geometric_periods", "shortest", shortest, above=0.0)
    longest = validation.real("geometric_periods", "longest", longest, above=shortest)
    exponent = torch.arange(dim // 2, dtype=torch.float64) / (dim // 2 - 1)
    if max(longest, longest / shortest) < 1e300:
        return shortest * (longest / shortest) ** exponent
    return shortest ** (1 - exponent) * longest**exponent  # the ratio may be past float64


def timing_signal(
    times: Num[Tensor, "*batch length"],
    periods: Sequence[float] | Num[Tensor, " pairs"],
    *,
    dtype: torch.dtype = torch.float32,
) -> Float[Tensor, "*batch length columns"]:
    """A sine and a cosine of each period at real moments: (..., length) -> (..., length, 2 pairs).

    Column 2i is sin(2 pi t / P_i), column 2i+1 is cos(2 pi t / P_i). Times and periods share one
    unit. Whole turns are taken off in float64 before any sine, so Unix seconds lose nothing; the
    result is rounded once, to `dtype`.

    Raises TypeError for anything but a tensor of numbers (datetime64: see the message) and a
    `dtype` that is not a float's, ValueError for NaN or infinity, a period <= 0, or times whose
    dtype cannot tell moments apart that are a thousandth of the shortest period from each other.

    Source: Vaswani et al. 2018, "Tensor2Tensor"; explicit periods are our choice.

    >>> day = 86_400
    >>> timing_signal(torch.tensor([0, day // 4, 365 * day + day // 4]), [day]).round(decimals=3)
    tensor([[0., 1.],
            [1., 0.],
            [1., 0.]])
    """
    periods = _periods("timing_signal", periods)
    _check_times("timing_signal", times, periods)
    return _signal(times, periods, validation.float_dtype("timing_signal", "dtype", dtype))


def _signal(times: Tensor, periods: Sequence[float] | Tensor, dtype: torch.dtype) -> Tensor:
    """The signal itself: take off the whole turns, which is exact, then make waves."""
    at = as_float64(times)[..., None]  # (..., length, 1)
    period = torch.as_tensor(periods, dtype=torch.float64, device=at.device)
    return wave_pairs(2 * math.pi * (torch.remainder(at, period) / period), dtype)


def _periods(function: str, periods: Any) -> tuple[float, ...] | Tensor:
    """The periods as positive floats; as a tensor where its numbers cannot be read."""
    if isinstance(periods, Tensor) and not validation.readable(periods):
        validation.rank(function, "periods", periods, axes="pairs")
        return periods
    remedy = "Pass a list such as [86_400, 604_800] for a day and a week of seconds."
    try:
        numbers = periods.tolist() if hasattr(periods, "tolist") else list(periods)
    except TypeError:
        numbers = None
    if not isinstance(numbers, list) or not numbers:
        raise validation.refuse(
            TypeError if numbers is None else ValueError,
            function, "periods", periods, "a list of at least one period", remedy,
        )  # fmt: skip
    return tuple(
        validation.real(function, f"periods[{i}]", period, above=0.0)
        for i, period in enumerate(numbers)
    )


def _check_times(function: str, times: Any, periods: Sequence[float] | Tensor) -> None:
    """Refuse what is no tensor of finite numbers, or too coarse to place in a period."""
    if "datetime64" in str(getattr(times, "dtype", "")):
        raise validation.refuse(
            TypeError, function, "times.dtype", str(times.dtype), "a tensor of numbers",
            "Count seconds: torch.from_numpy(times.astype('datetime64[s]').astype('int64')).",
        )  # fmt: skip
    validation.tensor(function, "times", times)
    validation.positions(function, "times", times.flatten(), length=times.numel())
    if not (times.numel() and validation.readable(times)) or isinstance(periods, Tensor):
        return
    shortest = min(periods)
    dtype = times.dtype if times.is_floating_point() else torch.float64
    largest = float(times.detach().double().abs().max())
    spacing = torch.finfo(dtype).eps * 2.0 ** (math.frexp(largest)[1] - 1)
    if spacing > COARSEST * shortest:
        raise validation.refuse(
            ValueError, function, "times", f"{largest:g} in {dtype}",
            f"times that can be told apart to {COARSEST:g} of the shortest period, {shortest:g}; "
            f"neighbours are {spacing:g} apart here",
            "Pass float64 or int64, or count from a nearer moment.",
        )  # fmt: skip


class TimingEncoding(PositionEncoding):
    """Adds the timing signal of real timestamps to (batch, length, dim) input.

    The positions ARE the times: float64 or int64, (length,) or (batch, length), in the unit of
    the periods, with gaps as they are. The periods rise from `shortest` to `longest` in dim / 2
    steps of one ratio; `from_periods` takes them one by one. A shift of all times by a whole
    number of one period leaves its two columns as they were.

    Raises ValueError and TypeError like `geometric_periods` and `timing_signal`; ValueError for
    dropout outside [0, 1) or input of another rank or dim.

    Source: Vaswani et al. 2018, "Tensor2Tensor for Neural Machine Translation".

    >>> encode = TimingEncoding(4, shortest=60.0, longest=3600.0)  # a minute to an hour
    >>> encode(torch.zeros(1, 2, 4), torch.tensor([15, 1_700_000_100])).shape
    torch.Size([1, 2, 4])
    """

    door = Door.EMBEDDINGS

    def __init__(self, dim: int, *, shortest: float, longest: float, dropout: float = 0.0) -> None:
        super().__init__()
        with torch.device("cpu"):  # their values are read: the meta device has none
            periods = geometric_periods(dim, shortest, longest).tolist()
        self._set(tuple(periods), dropout)

    @classmethod
    def from_periods(cls, periods: Sequence[float], *, dropout: float = 0.0) -> TimingEncoding:
        """An encoding of 2 * len(periods) columns with these periods, such as day, week, year.

        Raises like `timing_signal`.

        >>> TimingEncoding.from_periods([86_400, 604_800]).dim
        4
        """
        encoding = cls.__new__(cls)
        nn.Module.__init__(encoding)
        encoding._set(_periods("TimingEncoding.from_periods", periods), dropout)
        return encoding

    def _set(self, periods: tuple[float, ...] | Tensor, dropout: float) -> None:
        self.periods, self.dim = periods, 2 * len(periods)
        self.dropout = nn.Dropout(validation.probability("TimingEncoding", "dropout", dropout))

    def forward(
        self, x: Float[Tensor, "batch length dim"], times: Positions
    ) -> Float[Tensor, "batch length dim"]:
        """Return dropout(x + timing_signal(times, periods)). Times are never guessed."""
        validation.floating("TimingEncoding", "x", x, axes="batch length dim")
        validation.last_axis("TimingEncoding", "x", x, "dim", self.dim)
        _check_times("TimingEncoding", times, self.periods)
        validation.positions("TimingEncoding", "times", times, length=x.shape[1], batch=x.shape[0])
        added: Tensor = self.dropout(add_once_rounded(x, _signal(times, self.periods, wide(x))))
        return added

    def at_embeddings(
        self, x: Float[Tensor, "batch length dim"], positions: Positions
    ) -> Float[Tensor, "batch length dim"]:
        """Door 1: the same as calling the module with the times as positions."""
        return self(x, positions)

    def extra_repr(self) -> str:
        shown = [f"{period:g}" for period in self.periods]
        shown = shown if len(shown) < 8 else [*shown[:3], "...", *shown[-3:]]
        return f"dim={self.dim}, periods=({', '.join(shown)})"


ENTRIES = [
    RegistryEntry(
        name="timing",
        title="timing signal",
        cls=TimingEncoding,
        sizes=("dim",),
        defaults={"shortest": 4.0, "longest": 4096.0},
        parameters="0",
        depends_on=POSITION,
        longer=UNSEEN,
        source="Vaswani et al. 2018, Tensor2Tensor",
    ),
]
