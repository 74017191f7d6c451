"""Where in the row the loss is lost: the loss of each place instead of the mean over all.

    loss_p = mean over rows of -log p(y_p | x_0 .. x_p)

A decoder cannot see what comes later, so the loss of place p does not depend on how long the row
is. A longer row only adds places: where the mean grows with the length, it is their doing.

Source: Press et al. 2022, "Train Short, Test Long", appendix B (the sliding window and the few
tokens of context that its first places have).

The trap: targets that are not scored, averaged in as zeros.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from posenc_lib.base import validation
from posenc_lib.experiments.lengths.evaluation import plain, sliding, windowed
from posenc_lib.experiments.lengths.settings import ExtrapolationSettings
from posenc_lib.experiments.parts.training_settings import IGNORED, Batch

READINGS = {"plain": plain, "window": windowed, "sliding": sliding}


def loss_of_each(
    logits: Float[Tensor, "batch length classes"], target: Int64[Tensor, "batch length"]
) -> Float[Tensor, "batch length"]:
    """-log p of each target in nats, NaN where a target is not scored.

    Raises ValueError for tensors of other ranks.

    >>> loss_of_each(torch.zeros(1, 2, 4), torch.tensor([[3, IGNORED]])).exp()
    tensor([[4., nan]])
    """
    validation.rank("loss_of_each", "logits", logits, axes="batch length classes")
    validation.rank("loss_of_each", "target", target, axes="batch length")
    each = F.cross_entropy(logits.mT, target, ignore_index=IGNORED, reduction="none")
    return each.masked_fill(target == IGNORED, math.nan)


def loss_by_position(
    logits: Float[Tensor, "batch length classes"], target: Int64[Tensor, "batch length"]
) -> Float[Tensor, " length"]:
    """The mean loss of each place of the row, in nats; NaN where no row scores it.

    Raises ValueError for tensors of other ranks.

    >>> loss_by_position(torch.zeros(2, 1, 4), torch.tensor([[3], [IGNORED]])).exp()
    tensor([4.])
    """
    return loss_of_each(logits, target).nanmean(0)


def window_starts(length: int, window: int) -> Int64[Tensor, " {length}"]:
    """The first token of the window that scores each token, for windows that overlap by half.

    The first window scores all its tokens, every other one its second half, so a token has at
    least half a window of context, or all that there is.

    Raises ValueError for sizes below 1 and a window that is odd.

    Source: Press et al. 2022, appendix B.

    >>> window_starts(10, 4).tolist()
    [0, 0, 0, 0, 2, 2, 4, 4, 6, 6]
    """
    length = validation.size("window_starts", "length", length)
    window = validation.size("window_starts", "window", window)
    if window % 2:
        raise validation.refuse(
            ValueError, "window_starts", "window", window, "an even number of tokens",
            "Windows overlap by half.",
        )  # fmt: skip
    half = window // 2
    return ((torch.arange(length) // half - 1) * half).clamp(min=0)


def read(
    model: nn.Module, batch: Batch, encoding: str, settings: ExtrapolationSettings, reading: str
) -> Float[Tensor, "batch length"]:
    """The loss of each token of the batch in one of the three readings, in its place in the row.

    `reading` is "plain", "window" or "sliding" (see `readings`); sliding takes rows of a multiple
    of half the trained length.

    Raises ValueError for another reading or a length that does not fit.
    """
    validation.choice("read", "reading", reading, tuple(READINGS))
    rows, length = batch.x.shape
    if reading == "sliding" and length % (settings.length // 2):
        raise validation.refuse(
            ValueError, "read", "length", length, f"a multiple of {settings.length // 2}",
            "Windows move on by half the trained length.",
        )  # fmt: skip
    found = loss_of_each(*READINGS[reading](model, batch, encoding, settings))
    if reading != "sliding":
        return found
    starts = window_starts(length, settings.length)
    found = found.view(rows, -1, settings.length)  # (rows, windows, places in the window)
    return found[:, starts // (settings.length // 2), torch.arange(length) - starts]
