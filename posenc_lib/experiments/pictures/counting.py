"""What a bag of tokens tells without any Transformer: a classifier that only counts.

    bag      class = argmax_c  log P(c) + sum_t log P(kind_t | c)
    places   class = argmax_c  log P(c) + sum_t log P(kind_t | c, t),     t the place of the token

Each P is a share of the training images, every count raised by 1. The two lines differ in the
places and in nothing else, so their gap is what places are worth to a classifier that counts.

Source: McCallum and Nigam 1998, "A Comparison of Event Models for Naive Bayes Text
Classification", the multinomial model.

The trap: taking chance for what a model without positions must reach. A bag is not empty.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.experiments.data.digit_images import image_tokens, split_digits

CLASSES = 10
MOST_KINDS = 10_000


def token_kinds(
    tokens: Float[Tensor, "images tokens features"], levels: int
) -> Int64[Tensor, "images tokens"]:
    """A whole number for each token: its values from 0 to 1 in `levels` steps, read as digits.

    Raises ValueError for values outside 0 to 1, fewer than 2 levels, and levels that give more
    than 10,000 kinds.

    >>> token_kinds(torch.tensor([[[0.0, 0.4], [1.0, 0.4]]]), levels=2)
    tensor([[0, 1]])
    """
    validation.floating("token_kinds", "tokens", tokens, axes="images tokens features")
    levels = validation.size("token_kinds", "levels", levels, minimum=2)
    if bool(((tokens < 0) | (tokens > 1)).any()):
        raise validation.refuse(
            ValueError, "token_kinds", "tokens", (float(tokens.min()), float(tokens.max())),
            "grey values from 0 to 1", "Divide by the largest grey value.",
        )  # fmt: skip
    features = tokens.shape[2]
    if levels**features > MOST_KINDS:
        raise validation.refuse(
            ValueError, "token_kinds", "levels", levels,
            f"levels with at most {MOST_KINDS:,} kinds of token", "Take fewer levels.",
        )  # fmt: skip
    steps = (tokens * levels).floor().clamp(max=levels - 1).long()
    return (steps * levels ** torch.arange(features)).sum(-1)


def counted_accuracy(side: int, levels: int, *, places: bool, split: str = "test") -> float:
    """The share of digits that counting gets right: tokens of side x side, as bag or with places.

    Nothing is drawn and nothing is trained: the same numbers come out everywhere. Two levels of a
    pixel count the ink, 17 tell all grey values of the digits apart.

    Raises ValueError for a side that does not divide 8, for another split, and like `token_kinds`.

    Source: McCallum and Nigam 1998, the multinomial model.

    >>> counted_accuracy(1, 17, places=False) < counted_accuracy(1, 17, places=True)
    True
    """
    places = validation.flag("counted_accuracy", "places", places)
    kinds, labels, (train, answers) = {}, {}, ("train", split)
    for part in (train, answers):
        images, labels[part] = split_digits(part)
        kinds[part] = token_kinds(image_tokens(images, side), levels)
    number = levels ** (side * side)
    if places:  # the same kind in another place is another kind
        shift = torch.arange(kinds[train].shape[1]) * number
        kinds = {part: kind + shift for part, kind in kinds.items()}
        tables = kinds[train].shape[1]
    else:
        tables = 1
    counts = torch.ones(CLASSES, tables * number, dtype=torch.float64)
    rows = labels[train][:, None].expand_as(kinds[train])
    counts.index_put_((rows, kinds[train]), torch.ones(()).double(), accumulate=True)
    shares = counts.view(CLASSES, tables, number)
    shares = (shares / shares.sum(-1, keepdim=True)).log().flatten(1)
    prior = torch.bincount(labels[train], minlength=CLASSES).double().log()
    scores = prior[:, None] + shares[:, kinds[answers]].sum(-1)  # (classes, images)
    return float((scores.argmax(0) == labels[answers]).double().mean())
