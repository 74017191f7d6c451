"""Turning pairs of features by angles: the one operation that RoPE is made of.

    out_first  = first cos a - second sin a
    out_second = first sin a + second cos a

Layout "interleaved": first = x_2i, second = x_2i+1 (the paper, GPT-J). Layout "half":
first = x_i, second = x_i+pairs (GPT-NeoX, Llama in transformers).

Source: Su et al. 2021, "RoFormer", equation 34; Black et al. 2022, "GPT-NeoX-20B", for the half
layout.

The trap: sines and cosines cast to bfloat16 before the product, as the usual code does. That is
four roundings where one is enough, and it is slower. Here the product is made in float32 and
rounded once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.forward_ad import unpack_dual

from posenc_lib import _validate
from posenc_lib._precision import wide
from posenc_lib._rotate_kernel import turned

LAYOUTS = ("interleaved", "half")


def rotate_textbook(
    x: Float[Tensor, "*batch length head_dim"],
    angles: Float[Tensor, "*#batch length pairs"],
    *,
    layout: str = "interleaved",
    magnitude: float | Float[Tensor, "*#batch #length pairs"] = 1.0,
) -> Float[Tensor, "*batch length head_dim"]:
    """`rotate` written as the paper writes it, one tensor for each step.

    The readable reference that `rotate` is tested against, and what it runs wherever the fast
    form cannot: in a compiled or exported graph, in torch.func, for trained angles and off the
    CPU. Raises like `rotate`.

    Source: Su et al. 2021, equation 34.

    >>> rotate_textbook(torch.tensor([[1.0, 2.0]]), torch.tensor([[torch.pi]])).round() + 0
    tensor([[-1., -2.]])
    """
    cos, sin = _checked("rotate_textbook", x, angles, layout, magnitude)
    return _formula(x, cos, sin, layout)


def _formula(x: Tensor, cos: Tensor, sin: Tensor, layout: str) -> Tensor:
    width = 2 * cos.shape[-1]
    part, rest = x[..., :width].to(cos.dtype), x[..., width:]
    if layout == "interleaved":
        even, odd = part[..., 0::2], part[..., 1::2]
        pairs = torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1)
        pairs = pairs.reshape(part.shape)
    else:
        first, second = part.chunk(2, -1)
        pairs = torch.cat((first * cos - second * sin, first * sin + second * cos), -1)
    return torch.cat((pairs.to(x.dtype), rest), -1)


def rotate(
    x: Float[Tensor, "*batch length head_dim"],
    angles: Float[Tensor, "*#batch length pairs"],
    *,
    layout: str = "interleaved",
    magnitude: float | Float[Tensor, "*#batch #length pairs"] = 1.0,
) -> Float[Tensor, "*batch length head_dim"]:
    """Turn the first 2 * pairs features by the angles (radians); the rest pass unchanged.

    (x_2i, x_2i+1) becomes (x_2i cos a - x_2i+1 sin a, x_2i sin a + x_2i+1 cos a), and what is
    turned is multiplied by `magnitude`: one number (YaRN), or one for each position and pair
    (xPos). Sines and cosines are made in the dtype of the angles; the product is computed in
    float32 at least and rounded once, to the dtype of x.

    Raises ValueError for an unknown layout, more pairs than head_dim has or angles that do not
    broadcast to x; TypeError for integer input and for angles in half precision.

    Source: Su et al. 2021, equation 34; the half layout: Black et al. 2022, "GPT-NeoX-20B".

    >>> rotate(torch.tensor([[1.0, 0.0]]), torch.tensor([[torch.pi / 2]])).round(decimals=3) + 0
    tensor([[0., 1.]])
    """
    cos, sin = _checked("rotate", x, angles, layout, magnitude)
    return _turn(x, cos, sin, layout)


def _turn(x: Tensor, cos: Tensor, sin: Tensor, layout: str) -> Tensor:
    if x.device.type != "cpu" or cos.requires_grad or not (_plain(x) and _plain(cos)):
        return _formula(x, cos, sin, layout)
    if x.requires_grad and torch.is_grad_enabled():
        return _Turn.apply(x, cos, sin, layout)
    return turned(x, cos, sin, layout)


class _Turn(torch.autograd.Function):
    """The fast form and its gradient: what comes back is turned back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor, layout: str) -> Tensor:
        ctx.save_for_backward(cos, sin)
        ctx.layout = layout
        return turned(x, cos, sin, layout)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        cos, sin = ctx.saved_tensors
        return _turn(gradient, cos, -sin, ctx.layout), None, None, None


def _plain(x: Tensor) -> bool:
    """Whether nobody looks at the single steps: no tracer, no torch.func, no forward gradient."""
    return (
        type(x) in (Tensor, nn.Parameter)
        and _validate.readable(x)
        and not torch._C._functorch.is_legacy_batchedtensor(x)
        and unpack_dual(x).tangent is None
    )


def _checked(
    function: str, x: Any, angles: Any, layout: Any, magnitude: Any
) -> tuple[Tensor, Tensor]:
    """magnitude * cos and magnitude * sin in the dtype of the product, after the checks."""
    _validate.floating(function, "x", x, axes="... length head_dim")
    _validate.floating(function, "angles", angles, axes="... length pairs")
    _validate.choice(function, "layout", layout, LAYOUTS)
    if angles.dtype not in (torch.float32, torch.float64):
        raise _validate.refuse(
            TypeError, function, "angles.dtype", angles.dtype, "float32 or float64",
            "Half precision cannot hold position * frequency. Make angles in float64.",
        )  # fmt: skip
    (*axes, pairs), (*wanted, head_dim) = angles.shape, x.shape
    if not 1 <= pairs <= head_dim // 2:
        raise _validate.refuse(
            ValueError, function, "angles.shape[-1]", pairs,
            f"1 to {head_dim // 2} pairs for head_dim = {head_dim}",
            "Two features make one pair.",
        )  # fmt: skip
    if not _broadcasts(axes, wanted) or axes[-1] != wanted[-1]:
        raise _validate.refuse(
            ValueError, function, "angles.shape", tuple(angles.shape),
            f"(..., length, pairs) that broadcasts to x without its last axis, {tuple(wanted)}",
            "Angles for each batch row need a heads axis: angles[:, None].",
        )  # fmt: skip
    dtype = wide(x)
    parts = [angles.cos(), angles.sin()]
    if isinstance(magnitude, Tensor):
        _validate.floating(function, "magnitude", magnitude, axes="... length pairs")
        if not _broadcasts(magnitude.shape, angles.shape):
            raise _validate.refuse(
                ValueError, function, "magnitude.shape", tuple(magnitude.shape),
                f"what broadcasts to the shape of angles, {tuple(angles.shape)}",
                "Give one number, or one for each position and pair.",
            )  # fmt: skip
        parts = [part * magnitude for part in parts]
    elif _validate.real(function, "magnitude", magnitude) != 1.0:
        parts = [part * magnitude for part in parts]
    cos, sin = (part.to(x.device, dtype) for part in parts)
    return cos, sin


def _broadcasts(shape: Sequence[int], wanted: Sequence[int]) -> bool:
    """Whether `shape` stretches to `wanted`; torch.broadcast_shapes takes longer than a turn."""
    ends = zip(reversed(shape), reversed(wanted), strict=False)
    return len(shape) <= len(wanted) and all(size in (1, room) for size, room in ends)
