"""Tasks that draw their own sequences: two that need position, and one that nothing can learn.

    sum        y_i = (x_i + x_(i-1)) mod 10                        the two latest tokens
    induction  y_i = x_(j+1), j < i the latest with x_j = x_i      a copy from further back
    noise      y_i = x_(i+1), every token drawn alike              entropy log 10, and no less

Source: Olsson et al. 2022, "In-context Learning and Induction Heads" (induction). The sum and the
noise are our own.

The trap: an experiment without a control. Where the loss on noise falls below log 10, or rises with
the length, the measurement is at fault and not the encoding.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Int64
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.experiments.parts.training_settings import IGNORED, Batch

TOKENS = 10
NOISE_FLOOR = math.log(TOKENS)  # nats a token


def sum_of_last_two(x: Int64[Tensor, "batch length"]) -> Int64[Tensor, "batch length"]:
    """(x_i + x_(i-1)) mod 10; the first token, which has no neighbour, is not scored.

    Raises ValueError for a tensor that is not (batch, length).

    >>> sum_of_last_two(torch.tensor([[3, 4, 9]]))
    tensor([[-100,    7,    3]])
    """
    validation.rank("sum_of_last_two", "x", x, axes="batch length")
    target = torch.full_like(x, IGNORED)
    target[:, 1:] = (x[:, 1:] + x[:, :-1]) % TOKENS
    return target


def induction(x: Int64[Tensor, "batch length"]) -> Int64[Tensor, "batch length"]:
    """The token after the latest earlier copy of x_i; not scored where there is no copy.

    Raises ValueError for a tensor that is not (batch, length).

    Source: Olsson et al. 2022, "In-context Learning and Induction Heads".

    >>> induction(torch.tensor([[3, 4, 9, 3, 3]]))
    tensor([[-100, -100, -100,    4,    3]])
    """
    validation.rank("induction", "x", x, axes="batch length")
    length = x.shape[1]
    at = torch.arange(length)
    copy = (x[:, :, None] == x[:, None, :]) & (at[None, :] < at[:, None])  # (batch, i, j)
    latest = torch.where(copy, at, -1).amax(-1)  # (batch, length)
    follower = x.gather(1, (latest + 1).clamp(max=length - 1))
    return torch.where(latest >= 0, follower, IGNORED)


def drawn(task: str, generator: torch.Generator, rows: int, length: int) -> Batch:
    """A batch of `rows` fresh sequences of "sum", "induction" or "noise", tokens 0 .. 9.

    Raises ValueError for another task and sizes below 1.

    >>> drawn("noise", torch.Generator().manual_seed(0), 2, 5).x.shape
    torch.Size([2, 5])
    """
    task = validation.choice("drawn", "task", task, ("sum", "induction", "noise"))
    shape = (validation.size("drawn", "rows", rows), validation.size("drawn", "length", length) + 1)
    x = torch.randint(TOKENS, shape, generator=generator)
    if task == "noise":
        return Batch(x[:, :-1], x[:, 1:])
    x = x[:, :-1]
    return Batch(x, sum_of_last_two(x) if task == "sum" else induction(x))
