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
        (torch.arange(40), 8, 16),
        (torch.arange(300), 32, 128),
        (torch.tensor([[0, 7], [20, 500]]), 16, 64),
    ]


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
    ),
)  # fmt: skip


def _geometric(heads: int, count: int) -> Tensor:
    """The first `heads` slopes of the plain formula for `count` heads."""
    h = torch.arange(1, heads + 1, dtype=torch.float64)
    return 2.0 ** (-8 * h / count)


def _lower(heads: int) -> int:
    return 2 ** (heads.bit_length() - 1)


def _then_every_other(heads: int, first: int) -> Tensor:
    """Slopes of the next lower power, then every other of twice it, from `first` on."""
    c = _lower(heads)
    return torch.cat([_geometric(c, c), _geometric(2 * c, 2 * c)[first::2][: heads - c]])


slopes = Exercise(
    name="my_slopes",
    solution=alibi_slopes,
    cases=lambda: [(8,), (4,), (12,), (6,), (1,), (20,)],
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
    ),
)  # fmt: skip
