"""Randomised positions: train on short texts as if they were cut out of long ones.

    positions = sort(a sample without replacement of `length` numbers from 0 .. max_length - 1)

A model trained on 40 tokens in a row has never seen position 200, nor a distance of 200. With
each training step at positions drawn from 0 .. max_length - 1 it has seen them all, in every
order-preserving selection. Any encoding takes them:

    layer(x, positions=randomised_positions(length, max_length))

Evaluate in the same way: the released code of the paper draws anew at every evaluation too, one
sample for all rows of a batch. 0 .. length - 1 is one of the samples, but dense runs of positions
are rare in training, so do not take it for the typical one.

Source: Ruoss et al. 2023, "Randomized Positional Encodings Boost Length Generalization of
Transformers", section 3. The paper counts from 1, the library from 0. For its relative and ALiBi
forms the released code draws the distances instead, one sorted sample for all queries; drawn
positions give distances that differ from query to query.

The trap: sampling with replacement, or forgetting to sort. Two tokens then share a position, or
the order of the text is lost.
"""

from __future__ import annotations

import torch
from jaxtyping import Int64
from torch import Tensor

from posenc_lib.base import validation


def randomised_positions(
    length: int,
    max_length: int,
    *,
    batch: int | None = None,
    generator: torch.Generator | None = None,
    device: torch.device | str | None = None,
) -> Int64[Tensor, "*batch {length}"]:
    """A sorted sample without replacement from 0 .. max_length - 1, each subset equally likely.

    (length,), or (batch, length) with a sample for each row; int64. Numbers are drawn where the
    `generator` lives, so that one seed gives the same positions on every device.

    Raises ValueError for sizes below 1 or a length above max_length, TypeError for sizes that
    are not integers or a generator that is not a torch.Generator.

    Source: Ruoss et al. 2023, section 3.

    >>> randomised_positions(3, 3)  # the only subset there is
    tensor([0, 1, 2])
    >>> drawn = randomised_positions(40, 1000, batch=8)
    >>> drawn.shape, bool((drawn.diff() > 0).all())
    (torch.Size([8, 40]), True)
    """
    name = "randomised_positions"
    length = validation.size(name, "length", length)
    max_length = validation.size(name, "max_length", max_length)
    if length > max_length:
        raise validation.refuse(
            ValueError, name, "length", length, f"at most max_length = {max_length}",
            "Two tokens never share a position: raise max_length.",
        )  # fmt: skip
    if generator is not None and not isinstance(generator, torch.Generator):
        raise validation.refuse(
            TypeError, name, "generator", type(generator).__name__, "a torch.Generator or None",
            "Pass torch.Generator().manual_seed(0).",
        )  # fmt: skip
    rows = 1 if batch is None else validation.size(name, "batch", batch)
    source = device if generator is None else generator.device
    draws = [
        torch.randperm(max_length, generator=generator, device=source)[:length] for _ in range(rows)
    ]
    positions = torch.stack(draws).sort(-1).values.to(device or source)
    return positions[0] if batch is None else positions
