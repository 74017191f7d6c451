"""The handwritten digits of scikit-learn: split once, cut into tokens, shuffled.

    image 8 x 8  ->  64 tokens of 1 number, or 16 tokens of 2 x 2 numbers, in row-major order

Source: Alpaydin and Kaynak 1998, "Optical Recognition of Handwritten Digits", the test part, as
scikit-learn carries it; Dosovitskiy et al. 2021, section 3.1 (patches).

The trap: `reshape` instead of cutting. It makes patches out of strips of a row.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.base.extras import extra


def split_digits(split: str) -> tuple[Tensor, Tensor]:
    """Images (number, 8, 8) from 0 to 1 and labels of "train", "validation" or "test".

    1,077, 360 and 360 images in an order drawn once; scikit-learn carries them.

    Raises ValueError for another split.

    >>> [len(split_digits(split)[1]) for split in ("train", "validation", "test")]
    [1077, 360, 360]
    """
    validation.choice("split_digits", "split", split, ("train", "validation", "test"))
    images, labels = _all()
    order = np.random.default_rng(0).permutation(len(labels))
    first, last = {"train": (0, -720), "validation": (-720, -360), "test": (-360, None)}[split]
    pick = order[first:last]
    return torch.from_numpy(images[pick]), torch.from_numpy(labels[pick])


def image_tokens(images: Tensor, side: int) -> Tensor:
    """(number, rows, columns) cut into squares: (number, tokens, side * side), row by row.

    Raises ValueError for a side that does not divide rows and columns.

    >>> image_tokens(torch.arange(4.0).view(1, 2, 2), 1).flatten().tolist()
    [0.0, 1.0, 2.0, 3.0]
    >>> image_tokens(torch.zeros(5, 8, 8), 2).shape
    torch.Size([5, 16, 4])
    """
    validation.rank("image_tokens", "images", images, axes="number rows columns")
    side = validation.size("image_tokens", "side", side)
    for name, size in zip(("rows", "columns"), images.shape[1:], strict=True):
        validation.divides("image_tokens", "side", side, name, size)
    squares = images.unfold(1, side, side).unfold(2, side, side)  # (n, rows, columns, side, side)
    return squares.flatten(3).flatten(1, 2)


def shuffled_tokens(tokens: Tensor, seed: int) -> Tensor:
    """The tokens of each image in an order of its own.

    Raises TypeError for a seed that is no integer, ValueError for a negative one.

    >>> shuffled_tokens(torch.arange(3.0).view(1, 3, 1), 0).sum()
    tensor(3.)
    """
    seed = validation.size("shuffled_tokens", "seed", seed, minimum=0)
    generator = torch.Generator().manual_seed(seed)
    order = torch.rand(tokens.shape[:2], generator=generator).argsort(1)
    return tokens.gather(1, order[..., None].expand_as(tokens))


def partly_shuffled(tokens: Tensor, moved: int, seed: int) -> Tensor:
    """`moved` tokens of each image change places among themselves, the others stay.

    Tokens drawn for a small `moved` are among those of a larger one. One token alone cannot move.

    Raises TypeError for a number or a seed that is no integer, ValueError for a negative one and
    for more tokens than there are.

    >>> tokens = torch.arange(5.0).view(1, 5, 1)
    >>> [int((partly_shuffled(tokens, n, 0) != tokens).sum()) for n in (0, 2, 5)]
    [0, 2, 5]
    """
    moved = validation.size("partly_shuffled", "moved", moved, minimum=0)
    seed = validation.size("partly_shuffled", "seed", seed, minimum=0)
    if moved > tokens.shape[1]:
        raise validation.refuse(
            ValueError, "partly_shuffled", "moved", moved, f"at most {tokens.shape[1]} tokens",
            "Move all of them, or fewer.",
        )  # fmt: skip
    generator = torch.Generator().manual_seed(seed)
    places = torch.rand(tokens.shape[:2], generator=generator).argsort(1)[:, :moved]
    order = torch.arange(tokens.shape[1]).repeat(len(tokens), 1)
    order.scatter_(1, places, places.roll(1, dims=1))  # each takes the token of the one before
    return tokens.gather(1, order[..., None].expand_as(tokens))


@cache
def _all() -> tuple[np.ndarray, np.ndarray]:
    with extra("experiments"):
        from sklearn.datasets import load_digits

    data = load_digits()
    return (data.images / 16).astype(np.float32), data.target.astype(np.int64)
