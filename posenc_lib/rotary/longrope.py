"""LongRoPE: each pair of RoPE slowed by a number of its own, found by a search; two lists of them.

    w_i  ->  w_i / short_i    in a text of at most L tokens
    w_i  ->  w_i / long_i     in a longer one
    q, k ->  m q, m k,        m = sqrt(1 + ln(s) / ln(L))    in both

w_i is RoPE's frequency of pair i, L the trained length, s the wanted length over L (`factor`).
Phi-3 and Phi-4 come with both lists; `transformers` calls them `short_factor` and `long_factor`.

Source: Ding et al. 2024, "LongRoPE: Extending LLM Context Window Beyond 2 Million Tokens",
section 3 (a factor for each pair; the shorter list for shorter texts); the magnitude is that of
the code released with it and with Phi-3.

The traps: with token L + 1 *all* angles change, those of earlier tokens too. A cache of turned keys
is stale from then on, and deeper layers saw answers of the short text: the whole text has to be run
again. And the magnitude belongs to the wanted length, not to the text: short texts have it too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float64
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.base.doors import Positions
from posenc_lib.base.float64 import moved
from posenc_lib.base.places import Places
from posenc_lib.base.registry_entry import RegistryEntry
from posenc_lib.rotary.rope import RotaryEncoding, rotary_frequencies


def longrope_frequencies(
    rotary_dim: int, factors: Sequence[float], *, base: float = 10000.0
) -> Float64[Tensor, " pairs"]:
    """w_i / factors_i for RoPE's w_i = base ** (-2i / rotary_dim), in radians per position.

    `factors` has one number for each pair. Shape (rotary_dim / 2,), float64.

    Raises ValueError for another number of factors, one that is not above 0, an odd rotary_dim or
    base <= 1; TypeError for what is no list of numbers.

    Source: Ding et al. 2024, section 3.

    >>> longrope_frequencies(4, [1.0, 8.0], base=100.0)
    tensor([1.0000, 0.0125], dtype=torch.float64)
    """
    w = rotary_frequencies("longrope_frequencies", rotary_dim, base)
    factors = _checked_factors("longrope_frequencies", "factors", factors, len(w))
    return w / torch.tensor(factors, dtype=torch.float64)


def longrope_magnitude(factor: float, trained_length: int) -> float:
    """m = sqrt(1 + ln(factor) / ln(trained_length)), by which both q and k are multiplied.

    Factor 1 gives 1. Scores are multiplied by m ** 2.

    Raises ValueError for factor < 1 or trained_length < 2; TypeError for a length that is not an
    integer.

    Source: the code released with Ding et al. 2024 and with Phi-3.

    >>> round(longrope_magnitude(32.0, 4096), 4)
    1.1902
    """
    name = "longrope_magnitude"
    factor = validation.real(name, "factor", factor, at_least=1.0)
    trained = validation.size(name, "trained_length", trained_length, minimum=2)
    return math.sqrt(1.0 + math.log(factor) / math.log(trained))


class LongRotary(RotaryEncoding):
    """RoPE with w_i / short_i in texts up to the trained length and w_i / long_i in longer ones.

    `short` and `long` have one number for each pair; without them they are 1 and `factor`
    throughout. The length of a text is the largest position of its row, rounded down, plus 1: each
    row of (batch, length) positions has its own, where `transformers` takes the largest of the
    batch. `magnitude` is longrope_magnitude(factor, trained_length) unless given
    (`attention_factor` in configurations). The other arguments are those of `RotaryEncoding`.

    Where a text grows past `trained_length` while a cache holds its beginning, a single layer turns
    all keys again, which is exact: the cache holds them unturned (`keeps_turned_keys` is False). A
    `TransformerStack` refuses that step, since its deeper keys were made of answers to a short
    text: run the whole text again, with new caches.

    Raises ValueError for factor < 1, trained_length < 2, lists of another length than pairs,
    numbers in them that are not above 0, a magnitude <= 0 and like `RotaryEncoding`; TypeError for
    what is no list of numbers.

    Source: Ding et al. 2024, section 3; the two lists and the magnitude as released with Phi-3.

    >>> rope = LongRotary(4, factor=8.0, trained_length=4, long=[1.0, 4.0], magnitude=1.0)
    >>> for length in (4, 5):
    ...     print(rope.angles(torch.arange(length))[3].tolist())
    [3.0, 0.03]
    [3.0, 0.0075]
    """

    keeps_turned_keys = False  # with token L + 1 the angles of all change

    def __init__(
        self,
        head_dim: int,
        factor: float,
        *,
        trained_length: int,
        short: Sequence[float] | None = None,
        long: Sequence[float] | None = None,
        magnitude: float | None = None,
        base: float = 10000.0,
        layout: str = "interleaved",
        rotary_dim: int | None = None,
    ) -> None:
        super().__init__(head_dim, base=base, layout=layout, rotary_dim=rotary_dim)
        name, pairs = "LongRotary", self.rotary_dim // 2
        self.factor = validation.real(name, "factor", factor, at_least=1.0)
        self.trained_length = validation.size(name, "trained_length", trained_length, minimum=2)
        short = [1.0] * pairs if short is None else short
        long = [self.factor] * pairs if long is None else long
        self.short = _checked_factors(name, "short", short, pairs)
        self.long = _checked_factors(name, "long", long, pairs)
        if magnitude is None:
            magnitude = longrope_magnitude(self.factor, self.trained_length)
        self.magnitude = validation.real(name, "magnitude", magnitude, above=0.0)

    def frequencies(self, length: int = 1) -> Float64[Tensor, " pairs"]:
        """w_i / short_i, or w_i / long_i for a text of more tokens than `trained_length`."""
        factors = self.long if length > self.trained_length else self.short
        return longrope_frequencies(self.rotary_dim, factors, base=self.base)

    def angles(self, positions: Positions) -> Float64[Tensor, "*batch length pairs"]:
        """position * w_i / short_i, or / long_i in the rows that are longer than trained."""
        short = super().angles(positions)  # (*batch, length, pairs)
        at = positions.to(short.device).double()
        # A token at position 0 beside the real ones: an empty text is a short one.
        length = F.pad(at, (0, 1)).amax(-1).floor() + 1
        longer = (length > self.trained_length)[..., None, None]
        w = moved(self.frequencies(self.trained_length + 1), short.device)
        return torch.where(longer, at[..., None] * w, short)

    def check_continues(self, places: Places) -> None:
        """Refuse a step in which a text grows past the trained length behind cached tokens."""
        cached = places.keys - places.queries
        if cached <= 0 or places.coordinates:
            return
        if places.start is not None:
            before, after = places.start + cached, places.start + places.keys
        elif validation.readable(places.key):
            lengths = places.key.double().floor() + 1
            both = torch.stack((lengths[..., :cached].amax(-1), lengths.amax(-1)))
            passes = (both[0] <= self.trained_length) & (both[1] > self.trained_length)
            if not bool(passes.any()):
                return
            row = int(passes.flatten().int().argmax())
            before, after = (int(part.flatten()[row]) for part in both)
        else:
            return
        if before <= self.trained_length < after:
            raise validation.refuse(
                ValueError, "LongRotary", "length of the text", after,
                f"at most trained_length = {self.trained_length} beside a cache of {before} tokens",
                "All angles change here, and deeper layers saw a short text: run the whole text "
                "again with new caches.",
            )  # fmt: skip

    def extra_repr(self) -> str:
        lists = f"short={_shown(self.short)}, long={_shown(self.long)}"
        return (
            f"{super().extra_repr()}, factor={self.factor:g}, "
            f"trained_length={self.trained_length}, {lists}, magnitude={self.magnitude:.6g}"
        )


def _shown(factors: Sequence[float]) -> str:
    """A list of factors in few words."""
    ends = sorted({factors[0], factors[-1]})
    shown = " to ".join(f"{end:g}" for end in ends)
    return f"[{len(factors)} from {shown}]" if len(ends) > 1 else f"[{len(factors)} of {shown}]"


def _checked_factors(
    function: str, argument: str, factors: Sequence[float], pairs: int
) -> tuple[float, ...]:
    """One number above 0 for each pair."""
    if isinstance(factors, (str, bytes)) or not isinstance(factors, Sequence):
        raise validation.refuse(
            TypeError, function, argument, type(factors).__name__,
            f"a list of {pairs} numbers, one for each pair", "Convert it first: list(factors).",
        )  # fmt: skip
    if len(factors) != pairs:
        raise validation.refuse(
            ValueError, function, argument, list(factors),
            f"{pairs} numbers, one for each pair of features", f"There are {len(factors)}.",
        )  # fmt: skip
    return tuple(validation.real(function, argument, each, above=0.0) for each in factors)


ENTRIES = [
    RegistryEntry(
        name="rope_long",
        title="LongRoPE",
        cls=LongRotary,
        sizes=("head_dim", "trained_length"),
        defaults={"factor": 4.0},
        parameters="0",
        depends_on="distance and whether the text is longer than trained",
        longer="yes: up to factor times the trained length",
        on_panels=False,
        source="Ding et al. 2024, section 3",
    ),
]
