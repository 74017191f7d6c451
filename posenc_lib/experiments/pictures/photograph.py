"""A photograph of 64 x 64 pixels, half of them held out, and how well the gaps are filled.

    PSNR = -10 log10(mean of (picture - photograph)^2),     colours from 0 to 1, in decibels

Six decibels more are half the error. `neighbour_mean` is the rule that a network has to beat: a
pixel that was not seen is the mean of its seen neighbours. It knows nothing but that a picture is
smooth.

Four more pieces of the same photograph ask whether what one picture shows holds for others:
"lake" and "bushes", and "roofs", the middle of the tower, upright and turned by 45 degrees.

Source: the pieces are parts of china.jpg, which scikit-learn carries; who took it, its licence and
what was changed: `posenc_lib/data/README.md`.

The trap: judging a picture by the pixels it was trained on. Those get better and better while the
picture between them falls apart.
"""

from __future__ import annotations

import math
from functools import cache

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.base.shipped import shipped

PHOTO_FILE = "china.safetensors"
PHOTO_SHA256 = "51fed9ae85195dedbafbdc7a28ccfba7f247cac02ecff56dee9cc4d6185192be"
PIECES_FILE = "china_pieces.safetensors"
PIECES_SHA256 = "43e9b1cdedc553bac2daf571f5ddc3af34d0ef27a664cadf805bdea37149de0f"
TOWER, LAKE, BUSHES, ROOFS, ROOFS_TURNED = PIECES = (
    "tower", "lake", "bushes", "roofs", "roofs, turned",
)  # fmt: skip
SIDE = 64
SHAPE = (SIDE, SIDE)


def photograph(piece: str = TOWER) -> Float[Tensor, "64 64 3"]:
    """The photograph: rows, columns and red, green, blue from 0 to 1, a fresh copy each time.

    `piece` is one of `PIECES`.

    Raises ValueError for another piece, OSError where the file is damaged.

    >>> photograph().shape
    torch.Size([64, 64, 3])
    """
    return _stored()[validation.choice("photograph", "piece", piece, PIECES)].clone()


def seen_pixels(seed: int) -> Bool[Tensor, "64 64"]:
    """Which half of the pixels a network is shown, drawn with `seed`; the others are held out.

    Raises TypeError for a seed that is no integer, ValueError for a negative one.

    >>> int(seen_pixels(0).sum()), SIDE * SIDE
    (2048, 4096)
    """
    seed = validation.size("seen_pixels", "seed", seed, minimum=0)
    drawn = torch.rand(SIDE * SIDE, generator=torch.Generator().manual_seed(seed))
    seen = torch.zeros(SIDE * SIDE, dtype=torch.bool)
    seen[drawn.argsort()[: SIDE * SIDE // 2]] = True
    return seen.view(SHAPE)


def psnr(
    picture: Float[Tensor, "rows columns colours"],
    truth: Float[Tensor, "rows columns colours"],
    where: Bool[Tensor, "rows columns"],
) -> float:
    """How near a picture comes to the truth at some of the pixels, in decibels; inf if it is equal.

    Raises ValueError for shapes that differ and where there is no pixel, TypeError for a `where`
    that is no mask.

    >>> half = torch.full((2, 2, 3), 0.5)
    >>> round(psnr(half, half + 0.1, torch.ones(2, 2, dtype=torch.bool)), 3)
    20.0
    """
    validation.floating("psnr", "picture", picture, axes="rows columns colours")
    validation.floating("psnr", "truth", truth, axes="rows columns colours")
    validation.boolean("psnr", "where", where)
    shapes = tuple(picture.shape), tuple(truth.shape), tuple(where.shape)
    if shapes[0] != shapes[1] or shapes[0][:2] != shapes[2]:
        raise validation.refuse(
            ValueError, "psnr", "picture, truth, where", shapes,
            "(rows, columns, colours) twice and a mask of (rows, columns)", "Pass one size.",
        )  # fmt: skip
    if not bool(where.any()):
        raise validation.refuse(
            ValueError, "psnr", "where", "no pixel", "a mask with at least one pixel",
            "Pass the pixels that are to be judged.",
        )  # fmt: skip
    error = float(((picture - truth)[where].double() ** 2).mean())
    return math.inf if error == 0 else -10 * math.log10(error)


def neighbour_mean(
    picture: Float[Tensor, "rows columns colours"],
    seen: Bool[Tensor, "rows columns"],
    *,
    passes: int = 1,
) -> Float[Tensor, "rows columns colours"]:
    """The seen pixels as they are; each other one is the mean of its four neighbours, where seen.

    Where none of the four was seen, those that were filled meanwhile stand in. Each further pass
    takes the mean of all four again, so that in the end the gaps hang between the seen pixels like
    a soap film.

    Raises ValueError for a mask of another shape, for one without any pixel and for no pass,
    TypeError for a `seen` that is no mask.

    >>> row = torch.tensor([[0.0, 9.0, 1.0, 9.0, 9.0]])[..., None]
    >>> neighbour_mean(row, torch.tensor([[True, False, True, False, False]]))[0, :, 0]
    tensor([0.0000, 0.5000, 1.0000, 1.0000, 1.0000])
    """
    validation.floating("neighbour_mean", "picture", picture, axes="rows columns colours")
    validation.boolean("neighbour_mean", "seen", seen)
    passes = validation.size("neighbour_mean", "passes", passes)
    if tuple(seen.shape) != tuple(picture.shape[:2]) or not bool(seen.any()):
        raise validation.refuse(
            ValueError, "neighbour_mean", "seen", f"{tuple(seen.shape)}, {int(seen.sum())} seen",
            f"a mask of {tuple(picture.shape[:2])} with at least one pixel",
            "Pass the mask of seen_pixels.",
        )  # fmt: skip
    known = seen.clone()
    filled = torch.where(seen[..., None], picture, 0.0)
    while not bool(known.all()):
        total, count = _four_neighbours(filled), _four_neighbours(known[..., None].to(filled))
        new = ~known & (count[..., 0] > 0)
        filled = torch.where(new[..., None], total / count.clamp(min=1), filled)
        known = known | new
    count = _four_neighbours(torch.ones_like(filled))
    for _ in range(passes - 1):
        filled = torch.where(seen[..., None], picture, _four_neighbours(filled) / count)
    return filled


def _four_neighbours(values: Tensor) -> Tensor:
    """The sum of the four neighbours of each pixel; beyond the edge there is nothing."""
    wide = torch.nn.functional.pad(values, (0, 0, 1, 1, 1, 1))
    return wide[:-2, 1:-1] + wide[2:, 1:-1] + wide[1:-1, :-2] + wide[1:-1, 2:]


@cache
def _stored() -> dict[str, Tensor]:
    from safetensors.torch import load

    found = load(shipped("photograph", PIECES_FILE, PIECES_SHA256))
    found[TOWER] = load(shipped("photograph", PHOTO_FILE, PHOTO_SHA256))["photograph"]
    return {piece: found[piece].float() / 255 for piece in PIECES}
