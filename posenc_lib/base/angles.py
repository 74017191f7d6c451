"""Frequencies, cosines and sines in PyTorch, shared by every encoding that is made of them.

Angles are made in float64 and their cosines and sines rounded once.

The trap: a compiler that sees cos(position * frequency) beside a product makes the float64 cosine
again for every feature of every head and layer. So a compiled graph calls `posenc::cos_sin`, an
operator it cannot look into, and the tables are made once.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Float64
from torch import Tensor


def cos_sin(
    angles: Float[Tensor, "*shape pairs"],
    dtype: torch.dtype,
    magnitude: float | Float[Tensor, "..."] = 1.0,
) -> tuple[Float[Tensor, "..."], Float[Tensor, "..."]]:
    """magnitude * cos and magnitude * sin of angles in radians, each rounded once, to `dtype`."""
    if isinstance(magnitude, Tensor):
        factor: Tensor | None = magnitude
    else:
        factor = None if magnitude == 1.0 else angles.new_full((), float(magnitude))
    if _opaque(angles):
        made: tuple[Tensor, Tensor] = torch.ops.posenc.cos_sin(angles, factor, dtype)
        return made
    return _cos_sin(angles, factor, dtype)


def _cos_sin(angles: Tensor, magnitude: Tensor | None, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    cos, sin = angles.cos(), angles.sin()
    if magnitude is not None:
        cos, sin = cos * magnitude, sin * magnitude
    return cos.to(dtype), sin.to(dtype)


def _opaque(angles: Tensor) -> bool:
    """Whether a compiler is to be kept out: not of an exported program, which runs without us.

    Inside torch.compile, torch 2.11 says that it is exporting; only there dynamo compiles as well.
    """
    exporting = torch.compiler.is_exporting() and not torch.compiler.is_dynamo_compiling()
    return torch.compiler.is_compiling() and not exporting and not angles.requires_grad


def _room(angles: Tensor, magnitude: Tensor | None, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Tensors as `_cos_sin` returns them, not yet filled: what a compiler has to know."""
    shape = angles.shape
    if magnitude is not None:
        shape = torch.broadcast_shapes(shape, magnitude.shape)
    return angles.new_empty(shape, dtype=dtype), angles.new_empty(shape, dtype=dtype)


# Defined by hand: `torch.library.custom_op` reads the annotations, which the shape checker changes.
_library = torch.library.Library("posenc", "DEF")
_library.define("cos_sin(Tensor angles, Tensor? magnitude, ScalarType dtype) -> (Tensor, Tensor)")
_library.impl("cos_sin", _cos_sin, "CompositeExplicitAutograd")
torch.library.register_fake("posenc::cos_sin", _room, lib=_library)


def wave_pairs(
    angle: Float64[Tensor, "*shape pairs"], dtype: torch.dtype
) -> Float[Tensor, "*shape columns"]:
    """sin(a_0), cos(a_0), sin(a_1), cos(a_1) ... along the last axis, rounded once to `dtype`."""
    cos, sin = cos_sin(angle, dtype)
    return torch.stack((sin, cos), -1).flatten(-2)


def frequencies64(
    dim: int, base: float, device: torch.device | None = None
) -> Float64[Tensor, " pairs"]:
    """`frequencies` as a float64 tensor: base ** (-2i / dim), made where it is used."""
    pair = torch.arange((dim + 1) // 2, dtype=torch.float64, device=device)
    return base ** (-2 * pair / dim)
