"""Faults of biases on the scores: the slopes of ALiBi, the buckets of T5.

Each docstring says what is wrong, what it should be, and which test catches it.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from posenc_lib.base.relative import relative_positions
from posenc_lib.faults.exhibit import exhibit
from posenc_lib.scores.alibi import alibi_slopes
from posenc_lib.scores.t5 import t5_bucket

Slopes = Callable[[int], Float[Tensor, " heads"]]
Bias = Callable[[int, float], Float[Tensor, "query key"]]


def powers_of_two_nest(slopes: Slopes) -> bool:
    """The slopes of 8 heads are the first of those of 9 to 15 heads, and so on up to 32."""
    lower = {n: 2 ** (n.bit_length() - 1) for n in range(1, 33)}
    return all(torch.allclose(slopes(n)[:c], slopes(c)) for n, c in lower.items())


@exhibit(right=alibi_slopes, law=powers_of_two_nest)
def one_formula_for_all(heads: int) -> Float[Tensor, " heads"]:
    """Wrong: 2 ** (-8 h / heads) for every number of heads.

    Right: that formula for powers of two only; any other number takes the slopes of the next
    lower power, then every other slope of twice it. A model trained with one set is wrong with
    the other. Caught by `powers_of_two_nest`.

    >>> one_formula_for_all(3)
    tensor([0.1575, 0.0248, 0.0039], dtype=torch.float64)
    """
    h = torch.arange(1, heads + 1, dtype=torch.float64)
    return 2.0 ** (-8 * h / heads)


def nearest_is_liked_best(bias: Bias) -> bool:
    """No mask, equal scores: each query gives its largest weight to its own place."""
    return torch.equal(bias(6, 0.5).argmax(-1), torch.arange(6))


def _distance_penalty(length: int, slope: float) -> Float[Tensor, "query key"]:
    return -slope * relative_positions(length, length).abs().float()


@exhibit(right=_distance_penalty, law=nearest_is_liked_best)
def shortcut_both_ways(length: int, slope: float) -> Float[Tensor, "query key"]:
    """Wrong: the shortcut slope * j, without a causal mask.

    It differs from -slope * (i - j) by a constant for each row, which the softmax ignores. Under a
    causal mask that is the penalty; without one it rewards the future. Right: -slope * |i - j|.
    Caught by `nearest_is_liked_best`.

    >>> shortcut_both_ways(3, 0.5)[0].softmax(-1)
    tensor([0.1863, 0.3072, 0.5065])
    """
    return (slope * torch.arange(length)).expand(length, length)


Scores = Callable[[Tensor, Tensor, Tensor], Float[Tensor, "query key"]]


def bias_comes_through_whole(scores: Scores) -> bool:
    """Scores with a bias minus scores without it are the bias."""
    q, k = torch.randn(2, 3, 64, generator=torch.Generator().manual_seed(0))
    bias = torch.tensor([[0.0, -1.0, -2.0]]).expand(3, 3)
    return torch.allclose(scores(q, k, bias) - scores(q, k, 0 * bias), bias, atol=1e-5)


def _as_t5(
    query: Float[Tensor, "query head_dim"],
    key: Float[Tensor, "key head_dim"],
    bias: Float[Tensor, "query key"],
) -> Float[Tensor, "query key"]:
    return query @ key.T + bias


@exhibit(right=_as_t5, law=bias_comes_through_whole)
def divided_bias(
    query: Float[Tensor, "query head_dim"],
    key: Float[Tensor, "key head_dim"],
    bias: Float[Tensor, "query key"],
) -> Float[Tensor, "query key"]:
    """Wrong: the bias of T5 (or the penalty of ALiBi) is divided by sqrt(head_dim) as well.

    Right: it is added as it is. T5 divides nothing at all, ALiBi the product q . k alone. Caught
    by `bias_comes_through_whole`.

    >>> divided_bias(torch.zeros(1, 64), torch.zeros(1, 64), torch.tensor([[-8.0]]))
    tensor([[-1.]])
    """
    return (query @ key.T + bias) / query.shape[-1] ** 0.5


Bucket = Callable[[Int[Tensor, " distances"]], Int[Tensor, " distances"]]


def every_bucket_is_used(bucket: Bucket) -> bool:
    """Looking back from 0 to 200 positions, a causal layer meets all 32 buckets."""
    return len(bucket(-torch.arange(201)).unique()) == 32


def _one_direction(distance: Int[Tensor, " distances"]) -> Int[Tensor, " distances"]:
    return t5_bucket(distance, bidirectional=False)


@exhibit(right=_one_direction, law=every_bucket_is_used)
def two_sided_buckets(distance: Int[Tensor, " distances"]) -> Int[Tensor, " distances"]:
    """Wrong: the buckets for both directions in a causal layer.

    Half the table, the future, is never read nor trained, and the past is told apart half as
    finely. Right: buckets for one direction. Caught by `every_bucket_is_used`.

    >>> two_sided_buckets(-torch.tensor([0, 8, 11, 91, 1000]))
    tensor([ 0,  8,  8, 15, 15])
    """
    return t5_bucket(distance)  # bidirectional=True is the default
