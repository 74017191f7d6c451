"""Faults of masks made of the lowest finite number instead of minus infinity.

Each docstring says what is wrong, what it should be, and which test catches it.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from posenc_lib.faults.exhibit import exhibit
from posenc_lib.layers.dot_product import softmax_of_seen

LOWEST = torch.finfo(torch.float32).min
CAUSAL = torch.ones(5, 5, dtype=torch.bool).tril()
PADDED = torch.tensor([[False, False, False, True, True]])  # three fillers, then two tokens

Masked = Callable[[Bool[Tensor, "..."], Bool[Tensor, "..."]], Float[Tensor, "query key"]]


def one_number_shuts_out(mask: Masked) -> bool:
    """What is shut out holds one number, however many masks shut it out; what is seen holds 0."""
    made, seen = mask(CAUSAL, PADDED), CAUSAL & PADDED
    return len(made[~seen].unique()) == 1 and not made[seen].any()


def _filled_once(
    one: Bool[Tensor, "..."], other: Bool[Tensor, "..."]
) -> Float[Tensor, "query key"]:
    seen = one & other
    return torch.zeros(seen.shape).masked_fill(~seen, LOWEST)


@exhibit(right=_filled_once, law=one_number_shuts_out)
def one_floor_too_many(
    one: Bool[Tensor, "..."], other: Bool[Tensor, "..."]
) -> Float[Tensor, "query key"]:
    """Wrong: two masks of the lowest number are added, and where both shut out that is -inf.

    A row that sees nothing then holds two kinds of shut-out keys, and its softmax reads those that
    only one mask forbids. Right: join the booleans and fill once. Caught by
    `one_number_shuts_out`.

    >>> one_floor_too_many(CAUSAL, PADDED)[0].softmax(-1)
    tensor([0.3333, 0.0000, 0.0000, 0.3333, 0.3333])
    """
    shut = [torch.zeros(seen.shape).masked_fill(~seen, LOWEST) for seen in (one, other)]
    return shut[0] + shut[1]


Weigh = Callable[[Float[Tensor, "query key"], Bool[Tensor, "query key"]], Tensor]


def shut_out_is_not_read(weigh: Weigh) -> bool:
    """No key that is shut out gets a weight, in rows that see nothing as well."""
    seen = CAUSAL & PADDED
    scores = torch.randn(5, 5, generator=torch.Generator().manual_seed(0))
    return not weigh(scores, seen)[~seen].any()


def _infinity(
    scores: Float[Tensor, "query key"], seen: Bool[Tensor, "query key"]
) -> Float[Tensor, "query key"]:
    return softmax_of_seen(scores, seen)


@exhibit(right=_infinity, law=shut_out_is_not_read)
def floor_that_ties(
    scores: Float[Tensor, "query key"], seen: Bool[Tensor, "query key"]
) -> Float[Tensor, "query key"]:
    """Wrong: the lowest number is added to the scores, and in a row that sees nothing all tie.

    The lowest number swallows a score added to it, so that row reads every key alike, the future
    and the padding too. Right: minus infinity, and weights of 0 for a row that sees nothing.
    Caught by `shut_out_is_not_read`.

    >>> floor_that_ties(torch.tensor([[5.0, -5.0]]), torch.tensor([[False, False]]))
    tensor([[0.5000, 0.5000]])
    """
    return (scores + torch.zeros(seen.shape).masked_fill(~seen, LOWEST)).softmax(-1)
