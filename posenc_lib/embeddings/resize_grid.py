"""Resizing a learned grid: a table trained for 14 x 14 patches, read at 24 x 24.

    new = W_rows . old . W_columns^T,      W_axis of (new extent, old extent), rows that sum to 1

Resizing a picture is one linear map for each axis. Cell t of the new axis is read at the place

    s = (t + 1/2) old / (new + offset) - 1/2             centres of cells on centres of cells
    s = t (old - 1) / (new - 1)                          align_corners: outermost on outermost

and takes its neighbours n with the weight f(s - n): the triangle 1 - |d| of two neighbours
("bilinear"), or four neighbours by Keys' cubic with a = -0.75 ("bicubic"). Neighbours past the
edge are the edge. With `antialias`, f is stretched by old / new where a grid shrinks, so that
every old cell counts; its cubic has a = -0.5, what lies past the edge is left out and the weights
are divided by their sum.

Source: Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words", section 3.2 (2-D interpolation
of trained positions); Keys 1981, "Cubic Convolution Interpolation for Digital Image Processing",
equation 15, for f; the released code of DINO and DINOv2 for `offset`.

The traps: the class token, which is no cell (`prefix`). The offset of 0.1 in the code of DINO and
DINOv2, which was to save a cell from being rounded away and shifts the places that are read;
code that gives the size in its stead has none. Bicubic is two filters: a = -0.75 without
antialias, -0.5 with it; Keys showed that only -0.5 keeps a straight line, and -0.75 misses it by
up to 0.048 of a step. And half precision, in which every one of 16 products is rounded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.base.float64 import as_float64, float64_device
from posenc_lib.base.grid import checked_shape

METHODS = ("bicubic", "bilinear")


def resize_grid(
    table: Float[Tensor, "old_rows dim"],
    old_shape: Sequence[int],
    new_shape: Sequence[int],
    *,
    method: str = "bicubic",
    antialias: bool = False,
    align_corners: bool = False,
    offset: float = 0.0,
    prefix: int = 0,
    suffix: int = 0,
) -> Float[Tensor, "new_rows dim"]:
    """A table with one row a cell, in row-major order, for a grid of another shape.

    new = W_rows . old . W_columns^T. The first `prefix` rows (a class token) and the last `suffix`
    rows (YOLOS' detection tokens, BEiT's three rows of a bias table) are kept as they are. Any
    number of axes will do. Computed in float64 and rounded once, to the dtype of the table;
    gradients reach the table. The shape it has gives the same table.

    What published models do: bicubic for ViT, DeiT, BEiT, CLIP, SigLIP, Hiera and most others;
    bicubic with offset 0.1 for DINO and DINOv2 as released, without it in transformers; bicubic
    with antialias for DINOv2 with registers; bilinear with antialias for SigLIP 2; bilinear for
    DPT and for BEiT's bias table.

    Raises ValueError for shapes that are not made of sizes or differ in axes, a table of another
    number of rows, an unknown method, an offset below 0 or beside align_corners, and antialias
    beside align_corners; TypeError for a table that is not floating.

    Source: Dosovitskiy et al. 2021, section 3.2; Keys 1981, equation 15.

    >>> table = torch.tensor([[9.0], [0.0], [2.0]])  # a class token and two cells
    >>> resize_grid(table, (1, 2), (1, 4), method="bilinear", prefix=1).flatten().tolist()
    [9.0, 0.0, 0.5, 1.5, 2.0]
    """
    name = "resize_grid"
    validation.floating(name, "table", table, axes="old_rows dim")
    old = checked_shape(name, old_shape, "old_shape")
    new = checked_shape(name, new_shape, "new_shape")
    prefix = validation.size(name, "prefix", prefix, minimum=0)
    suffix = validation.size(name, "suffix", suffix, minimum=0)
    if len(old) != len(new):
        raise validation.refuse(
            ValueError, name, "new_shape", new, f"{len(old)} axes, as old_shape has",
            "Give both as (rows, columns).",
        )  # fmt: skip
    cells = math.prod(old)
    if table.shape[0] != prefix + cells + suffix:
        raise validation.refuse(
            ValueError, name, "table.shape[0]", table.shape[0],
            f"prefix + cells + suffix = {prefix} + {cells} + {suffix} rows",
            "A class token is prefix=1; old_shape is the grid that the table was trained for.",
        )  # fmt: skip
    how = checked_method(name, method, antialias, align_corners, offset)
    if old == new:
        return table.clone()
    grid = as_float64(table[prefix : prefix + cells]).unflatten(0, old)
    for axis, (extent, wanted) in enumerate(zip(old, new, strict=True)):
        weights = _weights(extent, wanted, *how, grid.device)
        grid = torch.tensordot(weights, grid, dims=([1], [axis])).movedim(0, axis)
    resized = grid.flatten(0, -2).to(table.dtype).to(table.device)
    return torch.cat([table[:prefix], resized, table[prefix + cells :]])


def resize_weights(
    old: int,
    new: int,
    *,
    method: str = "bicubic",
    antialias: bool = False,
    align_corners: bool = False,
    offset: float = 0.0,
) -> Float64[Tensor, "new old"]:
    """W of one axis: with which weight each of `old` cells enters each of `new` ones.

    W[t, n] = f(s - n), s = (t + 1/2) old / (new + offset) - 1/2; every row sums to 1. Neighbours
    past the edge are added to the edge, or left out with antialias.

    Raises ValueError and TypeError like `resize_grid`.

    Source: Keys 1981, equation 15.

    >>> resize_weights(2, 4, method="bilinear")
    tensor([[1.0000, 0.0000],
            [0.7500, 0.2500],
            [0.2500, 0.7500],
            [0.0000, 1.0000]], dtype=torch.float64)
    """
    name = "resize_weights"
    old = validation.size(name, "old", old)
    new = validation.size(name, "new", new)
    how = checked_method(name, method, antialias, align_corners, offset)
    return _weights(old, new, *how, torch.get_default_device())


def checked_method(
    function: str, method: str, antialias: bool, align_corners: bool, offset: float
) -> tuple[str, bool, bool, float]:
    """How to resize, after the checks."""
    method = validation.choice(function, "method", method, METHODS)
    antialias = validation.flag(function, "antialias", antialias)
    align_corners = validation.flag(function, "align_corners", align_corners)
    offset = validation.real(function, "offset", offset, at_least=0.0, below=1.0)
    if align_corners and (antialias or offset):
        option, value = ("antialias", antialias) if antialias else ("offset", offset)
        raise validation.refuse(
            ValueError, function, option, value, "nothing beside align_corners=True",
            "No published model resizes in both ways at once.",
        )  # fmt: skip
    return method, antialias, align_corners, offset


def _weights(
    old: int,
    new: int,
    method: str,
    antialias: bool,
    align_corners: bool,
    offset: float,
    device: torch.device,
) -> Tensor:
    """`resize_weights` of checked input."""
    device = float64_device(device)
    step = torch.arange(new, device=device, dtype=torch.float64)
    cells = torch.arange(old, device=device, dtype=torch.float64)
    if align_corners:
        at, ratio = step * ((old - 1) / max(new - 1, 1)), 1.0
    else:
        ratio = old / (new + offset)
        at = (step + 0.5) * ratio - 0.5
    if antialias:
        stretch = max(ratio, 1.0)
        weights = _filter(method, (at[:, None] - cells) / stretch, -0.5)
        return weights / weights.sum(-1, keepdim=True)
    reach = {"bicubic": 2, "bilinear": 1}[method]
    near = at.floor()[:, None] + torch.arange(1 - reach, 1 + reach, device=device)
    share = _filter(method, at[:, None] - near, -0.75)
    near = near.clamp(0, old - 1).long()  # what lies past the edge is the edge
    return torch.zeros(new, old, dtype=torch.float64, device=device).scatter_add(1, near, share)


def _filter(method: str, distance: Tensor, a: float) -> Tensor:
    """f(d): the triangle, or Keys' cubic."""
    d = distance.abs()
    if method == "bilinear":
        return (1 - d).clamp(min=0)
    inner = ((a + 2) * d - (a + 3)) * d * d + 1
    outer = ((d - 5) * d + 8) * d * a - 4 * a
    return torch.where(d <= 1, inner, torch.where(d < 2, outer, 0.0))
