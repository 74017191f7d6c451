"""What is computed in which dtype: float32 at least, float64 for float64, rounded once at the end.

Scores and their terms are made in float32 at least: a product of two float16 vectors of 200s
overflows at two features, and a table rounded to bfloat16 before a sum is rounded twice.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from posenc_lib.base import validation


def wide(*tensors: Tensor) -> torch.dtype:
    """The dtype to compute in: the widest of the tensors, float32 at least."""
    dtype = torch.float32
    for tensor in tensors:
        dtype = torch.promote_types(dtype, tensor.dtype)
    return dtype


def without_autocast(x: Tensor) -> AbstractContextManager[Any]:
    """Autocast off on the device of x, which would take products down to half precision."""
    on = validation.autocast_on(x)
    return torch.autocast(x.device.type, enabled=False) if on else nullcontext()


def weights_of(linear: nn.Module) -> list[Tensor]:
    """The weight of a linear map, and its bias if it has one, also of a map that was quantised."""
    parts: list[Any] = [linear.weight, linear.bias]
    if not isinstance(parts[0], Tensor):  # a quantised map has methods in their place
        parts = [parts[0]().dequantize(), parts[1]()]
    return parts if parts[1] is not None else parts[:1]


def product(left: Tensor, right: Tensor) -> Tensor:
    """left @ right^T over the last axis, in float32 at least, also under autocast."""
    dtype = wide(left, right)
    left, right = left.to(dtype), right.to(dtype)
    with without_autocast(left):
        return left @ right.transpose(-1, -2)


def add_once_rounded(
    x: Float[Tensor, "batch length dim"], table: Float[Tensor, "*#batch length dim"]
) -> Float[Tensor, "batch length dim"]:
    """x + table in the wider of the two dtypes, rounded once to that of x."""
    return (x + table.to(x.device)).to(x.dtype)
