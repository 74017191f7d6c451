"""By what queries and keys were multiplied after a projection gave them.

The trap: a ratio of two numbers. Only where all numbers have the same one is it the model's.
"""

from __future__ import annotations

import torch
from torch import Tensor


def projection_ratio(used: Tensor, linears: list[Tensor]) -> float | None:
    """c where queries or keys are c times what a projection gave, None where none is."""
    for linear in linears:
        if linear.numel() == used.numel() and linear.shape[-1] == used.shape[1] * used.shape[3]:
            batch, heads, length, width = used.shape
            split = linear.reshape(batch, length, heads, width).transpose(1, 2)
            ratio = constant_ratio(used, split)
            if ratio is not None:
                return ratio
    return None


def constant_ratio(one: Tensor, other: Tensor) -> float | None:
    """c with one = c other, if there is one."""
    if one.shape != other.shape:
        return None
    c = float((one * other).sum() / (other * other).sum())
    close = torch.allclose(one, c * other, atol=1e-5 * float(one.abs().max()), rtol=1e-4)
    return c if close and c else None
