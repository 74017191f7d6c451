"""Exercises of notebook 05: the buckets of T5, and the slopes of ALiBi for any number of heads."""

from __future__ import annotations

import torch
from torch import Tensor

from posenc_lib.checks.exercise import Exercise, Mistake
from posenc_lib.scores.alibi import alibi_slopes
from posenc_lib.scores.t5 import t5_bucket


def _bucket(steps: Tensor, buckets: int, max_distance: int) -> Tensor:
    return t5_bucket(-steps, buckets=buckets, max_distance=max_distance, bidirectional=False)


def _formula(
    steps: Tensor,
    buckets: int,
    max_distance: int,
    *,
    exact: int | None = None,
    start: int | None = None,
    unit: int | None = None,
    rounding=torch.floor,
) -> Tensor:
    """The formula with one part at a time open to mistakes, and no upper limit."""
    exact = buckets // 2 if exact is None else exact
    start = exact if start is None else start
    unit = exact if unit is None else unit
    share = (steps.clamp(min=1).double() / unit).log()
    span = torch.tensor(max_distance / unit, dtype=torch.float64).log()
    shared = start + rounding((buckets - exact) * share / span).long()
    return torch.where(steps < exact, steps, shared)


def _limited(steps: Tensor, buckets: int, max_distance: int, **options) -> Tensor:
    return _formula(steps, buckets, max_distance, **options).clamp(max=buckets - 1)


def _cases() -> list[tuple]:
    return [
        (torch.arange(20), 8, 16),
        (torch.tensor([0, 1, 15, 16, 17, 19, 25, 50, 100, 112, 113, 127, 128, 300]), 32, 128),
        (torch.tensor([[0, 7, 9], [20, 11, 500]]), 16, 64),
    ]


def _shaped(shape):
    """The shared half by another function of n / E that runs from 0 to 1 at M / E."""

    def answer(steps: Tensor, buckets: int, far: int) -> Tensor:
        exact = buckets // 2
        share = shape(steps.double().clamp(min=1), exact, far)
        shared = (exact + ((buckets - exact) * share).floor()).long().clamp(max=buckets - 1)
        return torch.where(steps < exact, steps, shared)

    return answer


LOGARITHMS = {"2": torch.log2, "e": torch.log, "10": torch.log10}


def _mixed_bases(upper: str, lower: str) -> Mistake:
    above, below = LOGARITHMS[upper], LOGARITHMS[lower]
    return Mistake(
        f"log base {upper} against {lower}",
        _shaped(lambda n, e, m: above(n / e) / below(torch.tensor(m / e).double())),
        f"The two logarithms have different bases: the upper is to base {upper}, the lower to base "
        f"{lower}. Take the same for both.",
    )


def _real(steps: Tensor, buckets: int, far: int) -> Tensor:
    """The formula without rounding down."""
    exact = buckets // 2
    share = (steps.clamp(min=1).double() / exact).log() / torch.tensor(far / exact).double().log()
    shared = exact + (buckets - exact) * share
    return torch.where(steps < exact, steps.double(), shared.clamp(max=buckets - 1))


bucket = Exercise(
    name="my_bucket",
    solution=_bucket,
    cases=_cases,
    mistakes=(
        Mistake(
            "no last bucket", _formula,
            "Right up to max_distance. Beyond it your numbers go on, and the table has no such "
            "row: all farther steps share bucket buckets - 1.",
        ),
        Mistake(
            "all exact", lambda n, buckets, far: n.clamp(max=buckets - 1),
            "You gave every step a bucket of its own and clipped. Only the first half of the "
            "buckets is exact; the other half shares out the rest, by the logarithm.",
        ),
        Mistake(
            "exact ones not counted",
            lambda n, buckets, far: _limited(n, buckets, far, start=0),
            "The shared buckets start at 0 again and collide with the exact ones. Add E.",
        ),
        Mistake(
            "log n", lambda n, buckets, far: _limited(n, buckets, far, unit=1),
            "You took log n over log max_distance. The shared half begins at n = E, where the "
            "logarithm must be 0: use n / E and max_distance / E.",
        ),
        Mistake(
            "rounded", lambda n, buckets, far: _limited(n, buckets, far, rounding=torch.round),
            "You rounded to the nearest bucket. Round down: a bucket begins where the formula "
            "reaches its number.",
        ),
        Mistake(
            "both directions",
            lambda n, buckets, far: t5_bucket(-n, buckets=buckets, max_distance=far),
            "Those are the buckets for both directions, half of them kept for the future. Here "
            "all of them serve the past.",
        ),
        Mistake(
            "sign", lambda n, buckets, far: _bucket(-n, buckets, far),
            "All your steps fall into bucket 0. n counts steps into the past and is not negative.",
        ),
        Mistake(
            "one bucket too many", lambda n, buckets, far: _formula(n, buckets, far).clamp(
                max=buckets),
            "Your last bucket is number `buckets`. They count from 0, so the last is buckets - "
            "1: limit "
            "the bucket to that (limiting the distance to max_distance is not enough).",
        ),
        Mistake(
            "not rounded", _real,
            "Your bucket numbers have decimals. Round down, floor, and make whole numbers of "
            "them: they choose rows of a table.",
        ),
        Mistake(
            "rounded up", lambda n, buckets, far: _limited(n, buckets, far, rounding=torch.ceil),
            "You rounded up. Round down: a bucket begins where the formula reaches its number.",
        ),
        *(_mixed_bases(upper, lower) for upper, lower in (
            ("2", "e"), ("e", "2"), ("10", "e"), ("e", "10"))),
        Mistake(
            "log of M alone", _shaped(
                lambda n, e, m: (n / e).log() / torch.tensor(float(m)).double().log()),
            "Below stands log max_distance. It is log(max_distance / E), so that the last bucket "
            "is reached at max_distance.",
        ),
        Mistake(
            "log of n alone", _shaped(
                lambda n, e, m: n.log() / torch.tensor(m / e).double().log()),
            "All shared steps fall into the last bucket. Is there log n above? It is log(n / E), "
            "which is 0 where the shared half begins, and then it grows slowly.",
        ),
        Mistake(
            "logs not divided", _shaped(
                lambda n, e, m: (n / e).log()),
            "You do not divide by log(max_distance / E), so the last bucket is reached too early "
            "or too late.",
        ),
        Mistake(
            "upside down", _shaped(
                lambda n, e, m: torch.tensor(m / e).double().log() / (n / e).log()),
            "The fraction is upside down: log(n / E) above, log(max_distance / E) below.",
        ),
        Mistake(
            "log of the quotient", _shaped(
                lambda n, e, m: (n / m).log().clamp(min=0)),
            "You took the logarithm of n / max_distance. It is a quotient of two logarithms: "
            "log(n / E) / log(max_distance / E).",
        ),
        Mistake(
            "log of one more", _shaped(
                lambda n, e, m: (n / e).log1p() / torch.tensor(m / e).double().log1p()),
            "log1p adds 1 before the logarithm. At n = E it has to be 0: plain log.",
        ),
        Mistake(
            "by steps of one size", _shaped(
                lambda n, e, m: (n - e) / (m - e)),
            "Your shared buckets all have the same width. They widen with the distance: by the "
            "logarithm of n / E.",
        ),
        Mistake(
            "times buckets - 1", _shaped(
                lambda n, e, m: (2 * e - 1) / e * (n / e).log() / torch.tensor(
                    m / e).double().log()),
            "You multiply by buckets - 1. The shared ones are buckets - E, the other half.",
        ),
        Mistake(
            "one exact less",
            lambda n, buckets, far: _limited(n, buckets, far, exact=buckets // 2 - 1),
            "Your exact half is one bucket short: E = buckets // 2, for the steps 0 ... E - 1.",
        ),
        Mistake(
            "one exact more",
            lambda n, buckets, far: _limited(n, buckets, far, exact=buckets // 2 + 1),
            "Your exact half has one bucket too many: E = buckets // 2, for the steps 0 ... E "
            "- 1.",
        ),
        Mistake(
            "neither span nor count", _shaped(
                lambda n, e, m: (n / e).log() / e),
            "You take log(n / E) alone. Divide it by log(max_distance / E), and multiply by "
            "buckets - E.",
        ),
        Mistake(
            "by the root of both", _shaped(
                lambda n, e, m: (n / e).sqrt() / (m / e) ** 0.5),
            "You took square roots where the formula has logarithms.",
        ),
        Mistake(
            "base 2 of the steps", lambda n, buckets, far: n.clamp(min=1).double().log2().long(),
            "You took the logarithm to base 2 of the steps. Up to E each step has a bucket of its "
            "own, and then the formula with n / E begins.",
        ),
        Mistake(
            "log of M alone, cut at E", lambda n, buckets, far: torch.where(
                n < buckets // 2, n, buckets // 2 + (buckets - buckets // 2) * (
                    n.clamp(min=1).double() / (buckets // 2)).log().div(
                        torch.tensor(float(far)).log()).clamp(max=1).floor().long()),
            "All shared steps fall into bucket E. Is the quotient of the logarithms there, and is "
            "it multiplied by buckets - E before you round down?",
        ),
        Mistake(
            "steps up to E in bucket 0", lambda n, buckets, far: torch.where(
                n <= buckets // 2, 0, _bucket(n, buckets, far)),
            "The steps up to E are all in bucket 0. Each has a bucket of its own: bucket n.",
        ),
        Mistake(
            "by the root", _shaped(
                lambda n, e, m: (n / m).sqrt()),
            "You took a root where the formula has a logarithm.",
        ),
        Mistake(
            "whole division inside", _shaped(
                lambda n, e, m: (n // e).clamp(min=1).log() / torch.tensor(m / e).double().log()),
            "n // E rounds before the logarithm. Divide with a single / and round at the end.",
        ),
        Mistake(
            "all buckets shared", lambda n, buckets, far: _limited(
                n, buckets, far, exact=buckets, unit=buckets // 2, start=buckets // 2),
            "All your buckets are exact, up to step buckets - 1. Only the first half is: "
            "E = buckets // 2.",
        ),
        Mistake(
            "a quarter exact", lambda n, buckets, far: _limited(
                n, buckets, far, exact=buckets // 4),
            "Your exact half is a quarter: that is the layer that looks both ways. For a causal "
            "layer E = buckets // 2.",
        ),
        Mistake(
            "exact half missing", lambda n, buckets, far: torch.where(
                n < buckets // 2, 0, _bucket(n, buckets, far)),
            "The steps below E are all in bucket 0. Each has a bucket of its own: bucket n.",
        ),
        Mistake(
            "branches swapped", lambda n, buckets, far: torch.where(
                n < buckets // 2, _limited(n, buckets, far, exact=0, start=buckets // 2,
                                           unit=buckets // 2).clamp(min=0), n),
            "The two branches are swapped: where n < E the bucket is n, else the formula.",
        ),
        Mistake(
            "times all buckets", _shaped(
                lambda n, e, m: 2 * (n / e).log() / torch.tensor(m / e).double().log()),
            "You multiply by all buckets. The shared ones are buckets - E, the other half.",
        ),
        Mistake(
            "one bucket fewer", _shaped(
                lambda n, e, m: (e - 1) / e * (n / e).log() / torch.tensor(m / e).double().log()),
            "You multiply by buckets - E - 1. The shared buckets are buckets - E, and the limit "
            "buckets - 1 cuts the last step off.",
        ),
        Mistake(
            "counted from the other side", lambda n, buckets, far: buckets - 1 - _bucket(
                n, buckets, far),
            "Your buckets count backwards: step 0 is bucket 0, far steps have large numbers.",
        ),
        Mistake(
            "steps themselves", lambda n, buckets, far: n.clone(),
            "You return the steps. From E on several steps share a bucket.",
        ),
        Mistake(
            "cut into equal parts", lambda n, buckets, far: (n * buckets // far).clamp(
                max=buckets - 1),
            "You cut 0 ... max_distance into equal parts. Near steps have a bucket each, far ones "
            "share them, by the logarithm.",
        ),
    ),
)  # fmt: skip


def _geometric(heads: int, count: int) -> Tensor:
    """The first `heads` slopes of the plain formula for `count` heads."""
    h = torch.arange(1, heads + 1, dtype=torch.float64)
    return 2.0 ** (-8 * h / count)


def _power(heads: int, base: float) -> Tensor:
    return base ** alibi_slopes(heads).log2()


def _lower(heads: int) -> int:
    return 2 ** (heads.bit_length() - 1)


def _then_every_other(heads: int, first: int) -> Tensor:
    """Slopes of the next lower power, then every other of twice it, from `first` on."""
    c = _lower(heads)
    return torch.cat([_geometric(c, c), _geometric(2 * c, 2 * c)[first::2][: heads - c]])


slopes = Exercise(
    name="my_slopes",
    solution=alibi_slopes,
    cases=lambda: [(8,), (4,), (12,), (6,), (1,), (7,)],
    dtype="float64",
    mistakes=(
        Mistake(
            "one formula", lambda heads: _geometric(heads, heads),
            "Right for powers of two. 12 heads take the 8 slopes of 8 heads first, then every "
            "other slope of 16 heads.",
        ),
        Mistake(
            "from 0", lambda heads: 2 * _geometric(heads, heads) if heads == 1 else (
                _then_every_other(heads, 0) * 2.0 ** (8 / _lower(heads))),
            "Your first slope is 1. h counts from 1, so the first of 8 slopes is 1/2.",
        ),
        Mistake(
            "higher power", lambda heads: _geometric(
                heads, heads if _lower(heads) == heads else 2 * _lower(heads)),
            "You took the first slopes of the next higher power of two. The heads start from the "
            "next lower one.",
        ),
        Mistake(
            "second, fourth", lambda heads: _then_every_other(heads, 1),
            "Your extra slopes repeat the first ones: the second, fourth, sixth of twice as many "
            "heads are those you have. Take the first, third, fifth.",
        ),
        Mistake(
            "sorted", lambda heads: alibi_slopes(heads).sort(descending=True).values,
            "The right numbers, sorted. The extra slopes stand at the end: a trained head keeps "
            "the place its slope had.",
        ),
        Mistake(
            "negative", lambda heads: -alibi_slopes(heads),
            "The slopes themselves are positive. The minus sign stands in the penalty.",
        ),
        Mistake(
            "rising", lambda heads: 1 / alibi_slopes(heads),
            "Your slopes rise. The exponent has a minus: 2 ** (-8 h / heads).",
        ),
        Mistake(
            "one formula, rising", lambda heads: 1 / _geometric(heads, heads),
            "Two things: the exponent has a minus, 2 ** (-8 h / c), and for heads that are no "
            "power of two the extra slopes come from twice the next lower power.",
        ),
        Mistake(
            "one formula, from 0", lambda heads: _geometric(heads, heads) * 2.0 ** (8 / heads),
            "Two things: h counts from 1, so your first slope should not be 1, and for heads that "
            "are no power of two the extra slopes come from twice the next lower power.",
        ),
        Mistake(
            "without the extra ones", lambda heads: _geometric(_lower(heads), _lower(heads)),
            "The extra slopes are missing: there are `heads` of them. After those of the next "
            "lower power take every other one for twice as many heads.",
        ),
        Mistake(
            "all extra ones", lambda heads: torch.cat(
                [_geometric(_lower(heads), _lower(heads)),
                 _geometric(2 * _lower(heads), 2 * _lower(heads))[0::2]]),
            "You append all extra slopes. Only heads - c of them are needed: cut with "
            "[: heads - c].",
        ),
        Mistake(
            "each of twice", lambda heads: torch.cat(
                [_geometric(_lower(heads), _lower(heads)),
                 _geometric(heads - _lower(heads), 2 * _lower(heads))]),
            "Your extra slopes are the first ones for twice as many heads, one after another. "
            "Take the first, third, fifth: [0::2].",
        ),
        Mistake(
            "last of twice", lambda heads: torch.cat(
                [_geometric(_lower(heads), _lower(heads)),
                 _geometric(2 * _lower(heads), 2 * _lower(heads))[0::2][
                     _lower(heads) - (heads - _lower(heads)):]]),
            "Your extra slopes are the last ones for twice as many heads. Take them from the "
            "first on: first, third, fifth.",
        ),
        Mistake(
            "going on", lambda heads: _geometric(heads, _lower(heads)),
            "You go on with the same series beyond c heads. The extra slopes are the first, "
            "third, fifth for 2c heads.",
        ),
        Mistake(
            "extra ones in front", lambda heads: torch.cat(
                [alibi_slopes(heads)[_lower(heads):], alibi_slopes(heads)[: _lower(heads)]]),
            "The right slopes, and the extra ones stand in front. They come after the c others.",
        ),
        Mistake(
            "sorted upwards", lambda heads: alibi_slopes(heads).sort().values,
            "The right numbers, sorted from small to large. Head 1 has the largest slope, and the "
            "extra ones stand at the end.",
        ),
        Mistake(
            "reversed", lambda heads: alibi_slopes(heads).flip(0),
            "The right numbers in reverse order: the first of 8 slopes is 1/2, the last 1/256.",
        ),
        Mistake(
            "2 to the -h", lambda heads: 2.0 ** -torch.arange(1, heads + 1, dtype=torch.float64),
            "2 ** -h is right for 8 heads only. The exponent is -8 h / heads.",
        ),
        Mistake(
            "base e", lambda heads: _power(heads, torch.e),
            "Your base is e. It is 2: 2 ** (-8 h / c), not exp.",
        ),
        Mistake(
            "1 over h", lambda heads: 1 / torch.arange(1, heads + 1, dtype=torch.float64),
            "You took 1 / h. The slopes are powers: 2 ** (-8 h / heads).",
        ),
        Mistake(
            "base e, one formula", lambda heads: torch.exp(
                -8 * torch.arange(1, heads + 1).double() / heads),
            "Two things: your base is e in place of 2, and for heads that are no power of two the "
            "extra slopes come from twice the next lower power.",
        ),
        Mistake(
            "heads missing", lambda heads: 2.0 ** (-8 * torch.arange(1, heads + 1).double()),
            "You do not divide by the number of heads: the exponent is -8 h / heads.",
        ),
        Mistake(
            "always twice as many", lambda heads: _geometric(heads, 2 * _lower(heads)),
            "You take the slopes of twice as many heads, for powers of two as well. The first "
            "c heads have those for c heads.",
        ),
        Mistake(
            "8 over h", lambda heads: 2.0 ** (-8 / torch.arange(1, heads + 1).double()),
            "You divide 8 by h. The exponent is -8 h / heads.",
        ),
        Mistake(
            "heads over 8", lambda heads: 2.0 ** (-heads * torch.arange(1, heads + 1).double() / 8),
            "The fraction is upside down: -8 h / heads, not -heads h / 8.",
        ),
        Mistake(
            "one slope", lambda heads: torch.full((heads,), 2.0 ** (-8 / heads)).double(),
            "All your slopes are alike: h is missing in the exponent, -8 h / heads.",
        ),
        Mistake(
            "exponents", lambda heads: -8 * torch.arange(1, heads + 1).double() / heads,
            "Those are the exponents. The slope is 2 to that power.",
        ),
        Mistake(
            "minus eight missing", lambda heads: 2.0 ** (
                -torch.arange(1, heads + 1).double() / heads),
            "The 8 is missing: the exponent is -8 h / heads.",
        ),
        Mistake(
            "next higher, every other", lambda heads: _geometric(
                2 * _lower(heads), 2 * _lower(heads))[0::2][:heads],
            "You took every other slope of twice as many heads for all of them. The first c are "
            "those for c heads.",
        ),
        Mistake(
            "evenly between", lambda heads: torch.linspace(
                0.5, 2.0**-8, heads, dtype=torch.float64),
            "Your slopes fall by equal steps. They fall by equal factors: 2 ** (-8 h / heads).",
        ),
        Mistake(
            "h - 1, second half", lambda heads: torch.cat(
                [_geometric(_lower(heads), _lower(heads)),
                 _geometric(heads - _lower(heads), max(heads - _lower(heads), 1))]),
            "Your extra slopes are those for as many heads as are left. Take the first, third, "
            "fifth for 2c heads.",
        ),
    ),
)  # fmt: skip
