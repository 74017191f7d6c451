"""Frequencies, sines and cosines in PyTorch, shared by every encoding that is made of them.

Angles are made in float64 and rounded once: float32 has lost the second digit of an angle by
position 1,000,000, and bfloat16 knows no whole numbers past 256.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Float64, Num
from torch import Tensor


def in_float64(positions: Num[Tensor, "*shape"]) -> Float64[Tensor, "*shape"]:
    """Positions or times in float64, on their device where it has float64."""
    on_mps = positions.device.type == "mps"  # which has no float64
    return (positions.cpu() if on_mps else positions).double()


def wave_pairs(
    angle: Float64[Tensor, "*shape pairs"], dtype: torch.dtype
) -> Float[Tensor, "*shape columns"]:
    """sin(a_0), cos(a_0), sin(a_1), cos(a_1) ... along the last axis, rounded once to `dtype`."""
    return torch.stack((angle.sin().to(dtype), angle.cos().to(dtype)), -1).flatten(-2)


def frequencies64(
    dim: int, base: float, device: torch.device | None = None
) -> Float64[Tensor, " pairs"]:
    """`frequencies` as a float64 tensor: base ** (-2i / dim), made where it is used."""
    pair = torch.arange((dim + 1) // 2, dtype=torch.float64, device=device)
    return base ** (-2 * pair / dim)
