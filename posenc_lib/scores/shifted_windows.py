"""Shifted windows: which cells of a rolled picture may see each other inside their window.

Swin's every second layer rolls the picture by half a window up and to the left and cuts it into
windows again, so that cells on both sides of an old border meet. What the roll brought round from
the opposite edge lands beside strangers: a query sees a key of its window only where both come
from the same side of the seam, in rows and in columns.

Source: Liu et al. 2021, "Swin Transformer", section 3.2 and figure 4.

The trap: the order of windows and cells. Windows are counted row-major, cells inside a window too;
the mask of another order has the same shape.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.base.grid import checked_shape


def shifted_window_mask(
    shape: Sequence[int], window: Sequence[int], shift: Sequence[int] | None = None
) -> Bool[Tensor, "windows query key"]:
    """For each window of a picture rolled by `shift`, True where a query may see a key.

    `shape` is the picture in cells, `window` divides it, `shift` says by how many cells the
    picture was rolled towards the first cell, along each axis, half a window unless given; 0 means
    not at all. The mask is (windows, cells of a window, cells of a window), both row-major.

    Raises ValueError for a window that does not divide the picture, a shift that is not below the
    window or below 0, and for another number of axes; TypeError for what is no sequence of sizes.

    Source: Liu et al. 2021, "Swin Transformer", section 3.2, figure 4.

    >>> shifted_window_mask((1, 4), (1, 2)).int().tolist()  # rolled: cells 1, 2 and 3, 0
    [[[1, 1], [1, 1]], [[1, 0], [0, 1]]]
    """
    name = "shifted_window_mask"
    shape, window = checked_shape(name, shape), checked_shape(name, window, "window")
    shift = [size // 2 for size in window] if shift is None else _shift(name, shift)
    for argument, other in (("window", window), ("shift", shift)):
        if len(other) != len(shape):
            raise validation.refuse(
                ValueError, name, argument, tuple(other), f"{len(shape)} axes, as shape has",
                "Give all of them as (rows, columns).",
            )  # fmt: skip
    alike = torch.ones(1, 1, 1, dtype=torch.bool)
    for axis, (extent, size, rolled) in enumerate(zip(shape, window, shift, strict=True)):
        validation.divides(name, f"window[{axis}]", size, f"shape[{axis}]", extent)
        if rolled >= size:
            raise validation.refuse(
                ValueError, name, f"shift[{axis}]", rolled, f"a number below the window, {size}",
                "A roll by whole windows changes nothing.",
            )  # fmt: skip
        side = (torch.arange(extent) >= extent - rolled).reshape(-1, size)  # (windows, cells)
        same = side[:, :, None] == side[:, None, :]
        alike = alike[:, None, :, None, :, None] & same[None, :, None, :, None, :]
        alike = alike.flatten(4, 5).flatten(2, 3).flatten(0, 1)
    return alike


def _shift(function: str, shift: Sequence[int]) -> tuple[int, ...]:
    """A shift for each axis, 0 and more."""
    try:
        axes = tuple(shift)
    except TypeError:
        raise validation.refuse(
            TypeError, function, "shift", shift, "a sequence of whole numbers or None",
            "Pass one int for each axis, such as (3, 3).",
        ) from None  # fmt: skip
    return tuple(
        validation.size(function, f"shift[{axis}]", rolled, minimum=0)
        for axis, rolled in enumerate(axes)
    )
