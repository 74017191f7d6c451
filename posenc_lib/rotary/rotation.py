"""Turning pairs of features by angles: the one operation that RoPE is made of.

    out_first  = first cos a - second sin a
    out_second = first sin a + second cos a

Layout "interleaved": first = x_2i, second = x_2i+1 (the paper, GPT-J). Layout "half":
first = x_i, second = x_i+pairs (GPT-NeoX, Llama in transformers).

`turn` is what runs, everywhere; `rotate` checks its arguments and makes the sines and cosines
first.

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
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.base.angles import cos_sin
from posenc_lib.base.precision import wide

LAYOUTS = ("interleaved", "half")

PIECE = 2**18
"""Numbers in one piece of a turn on a CPU, 1 MB of float32: what is made on the way is cached."""


def turn(
    x: Float[Tensor, "*batch length head_dim"],
    cos: Float[Tensor, "*#batch length pairs"],
    sin: Float[Tensor, "*#batch length pairs"],
    layout: str,
) -> Float[Tensor, "*batch length head_dim"]:
    """Turn the first 2 * pairs features of x by the angles whose cosines and sines are given.

    The product is made in the dtype of the cosines and rounded once, to that of x. Arguments are
    checked by those who call this.
    """
    width = 2 * cos.shape[-1]
    part, rest = x[..., :width].to(cos.dtype), x[..., width:]
    if layout == "half":
        first, second = part.chunk(2, -1)
        out_first = (first * cos).sub_(second * sin)
        out_second = (second * cos).add_(first * sin)
        turned = torch.cat((out_first, out_second), -1)
    elif _complex(part):  # a pair is a complex number: one product, 2 to 8 times faster
        pairs = torch.view_as_complex(part.unflatten(-1, (-1, 2)))
        turned = torch.view_as_real(pairs * torch.complex(cos, sin)).flatten(-2)
    else:
        first, second = part[..., 0::2], part[..., 1::2]
        first, second = first * cos - second * sin, second * cos + first * sin
        turned = torch.stack((first, second), -1).flatten(-2)
    turned = turned.to(x.dtype)
    return torch.cat((turned, rest), -1) if rest.shape[-1] else turned


def _complex(x: Tensor) -> bool:
    """Whether neighbours can be read as complex numbers: they touch and start at even places.

    A compiler cannot see into complex products, and fuses the written-out form.
    """
    if not validation.readable(x):
        return False
    *strides, last = x.stride()
    return last == 1 and not any(place % 2 for place in (*strides, x.storage_offset()))


def turn_heads(x: Tensor, cos: Tensor, sin: Tensor, layout: str) -> Tensor:
    """`turn`, on a CPU some heads at a time, (..., heads, length, head_dim): 2 to 5 times faster
    for what does not fit into the cache."""
    one_product = layout == "interleaved" and x.dtype == cos.dtype
    if one_product or x.numel() <= PIECE or x.device.type != "cpu" or not validation.readable(x):
        return turn(x, cos, sin, layout)
    if x.ndim < 3 or (cos.ndim > 2 and cos.shape[-3] != 1):
        return turn(x, cos, sin, layout)  # no heads, or angles for each of them
    heads = max(1, PIECE * x.shape[-3] // x.numel())
    pieces = x.split(heads, -3)
    if torch.is_grad_enabled() and (x.requires_grad or cos.requires_grad):
        return torch.cat([turn(piece, cos, sin, layout) for piece in pieces], -3)
    out = torch.empty_like(x)  # a ready result saves a fifth of the time, but no graph follows it
    for piece, into in zip(pieces, out.split(heads, -3), strict=True):
        into.copy_(turn(piece, cos, sin, layout))
    return out


def rotate_textbook(
    x: Float[Tensor, "*batch length head_dim"],
    angles: Float[Tensor, "*#batch length pairs"],
    *,
    layout: str = "interleaved",
    magnitude: float | Float[Tensor, "*#batch #length pairs"] = 1.0,
) -> Float[Tensor, "*batch length head_dim"]:
    """`rotate` written as the paper writes it, one line for each feature of a pair.

    The readable reference that `rotate` is tested against; the library never calls it.

    Raises like `rotate`.

    Source: Su et al. 2021, equation 34.

    >>> rotate_textbook(torch.tensor([[1.0, 2.0]]), torch.tensor([[torch.pi]])).round() + 0
    tensor([[-1., -2.]])
    """
    _check("rotate_textbook", x, angles, layout, magnitude)
    pair = torch.arange(angles.shape[-1])
    first, second = (
        (2 * pair, 2 * pair + 1) if layout == "interleaved" else (pair, pair + len(pair))
    )
    cos, sin = ((magnitude * f(angles)).to(x.device, wide(x)) for f in (torch.cos, torch.sin))
    out = x.to(wide(x)).clone()
    out[..., first] = x[..., first] * cos - x[..., second] * sin
    out[..., second] = x[..., first] * sin + x[..., second] * cos
    return out.to(x.dtype)


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
    _check("rotate", x, angles, layout, magnitude)
    cos, sin = (part.to(x.device) for part in cos_sin(angles, wide(x), magnitude))
    return turn_heads(x, cos, sin, layout)


def _check(function: str, x: Any, angles: Any, layout: Any, magnitude: Any) -> None:
    """Refuse what does not fit together."""
    validation.floating(function, "x", x, axes="... length head_dim")
    validation.floating(function, "angles", angles, axes="... length pairs")
    validation.choice(function, "layout", layout, LAYOUTS)
    if angles.dtype not in (torch.float32, torch.float64):
        raise validation.refuse(
            TypeError, function, "angles.dtype", angles.dtype, "float32 or float64",
            "Half precision cannot hold position * frequency. Make angles in float64.",
        )  # fmt: skip
    (*axes, pairs), (*wanted, head_dim) = angles.shape, x.shape
    if not 1 <= pairs <= head_dim // 2:
        raise validation.refuse(
            ValueError, function, "angles.shape[-1]", pairs,
            f"1 to {head_dim // 2} pairs for head_dim = {head_dim}",
            "Two features make one pair.",
        )  # fmt: skip
    if not _broadcasts(axes, wanted) or axes[-1] != wanted[-1]:
        raise validation.refuse(
            ValueError, function, "angles.shape", tuple(angles.shape),
            f"(..., length, pairs) that broadcasts to x without its last axis, {tuple(wanted)}",
            "Angles for each batch row need a heads axis: angles[:, None].",
        )  # fmt: skip
    if isinstance(magnitude, Tensor):
        validation.floating(function, "magnitude", magnitude, axes="... length pairs")
        if not _broadcasts(magnitude.shape, angles.shape):
            raise validation.refuse(
                ValueError, function, "magnitude.shape", tuple(magnitude.shape),
                f"what broadcasts to the shape of angles, {tuple(angles.shape)}",
                "Give one number, or one for each position and pair.",
            )  # fmt: skip
    else:
        validation.real(function, "magnitude", magnitude)


def _broadcasts(shape: Sequence[int], wanted: Sequence[int]) -> bool:
    """Whether `shape` stretches to `wanted`; torch.broadcast_shapes takes longer than a turn."""
    ends = zip(reversed(shape), reversed(wanted), strict=False)
    return len(shape) <= len(wanted) and all(size in (1, room) for size, room in ends)


def checked_rotary_dim(function: str, head_dim: int, rotary_dim: int | None) -> int:
    """The features that are turned, all of them for None: an even number up to head_dim."""
    turned = head_dim if rotary_dim is None else rotary_dim
    turned = validation.size(function, "rotary_dim", turned, minimum=2)
    if turned % 2 or turned > head_dim:
        raise validation.refuse(
            ValueError, function, "rotary_dim", turned,
            f"an even integer of at most head_dim = {head_dim}", "Two features make one pair.",
        )  # fmt: skip
    return turned
