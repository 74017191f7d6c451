"""The fast form of `posenc_lib.rotate` on a CPU: the same numbers, less traffic with the memory.

Turning is cheap and memory is slow: 6 operations a pair, while every tensor made on the way is
written once and read again. So nothing is made on the way. An interleaved pair is a complex
number in memory already, and one product with cos + i sin turns it. The half layout takes four
operations, straight into the result, on a piece small enough to stay in the cache; so does half
precision, through one float32 piece.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

PIECE = 2**20
"""Numbers in one piece: 2 MB of float32. Smaller ones cost more calls, larger ones the cache."""


def turned(x: Tensor, cos: Tensor, sin: Tensor, layout: str) -> Tensor:
    """The first 2 * pairs features of x turned, the rest copied, in the memory order of x.

    cos and sin have the dtype of the product, float32 or float64.
    """
    out = torch.empty_like(x)
    width = 2 * cos.shape[-1]
    out[..., width:] = x[..., width:]
    features, result = x[..., :width], out[..., :width]
    cos, sin = (factor[(None,) * (x.ndim - factor.ndim)] for factor in (cos, sin))
    if layout == "interleaved":
        turn, factors = _turn_interleaved, (torch.complex(cos, sin),)
        if x.dtype == cos.dtype and _complex(features) and _complex(result):
            turn(features, *factors, result)
            return out
    else:
        turn, factors = _turn_half, (cos, sin)
    for into, part, *factor in _pieces(result, features, *factors):
        if layout == "half" and x.dtype == cos.dtype:
            turn(part, *factor, into)
        else:
            work = part.to(cos.dtype, memory_format=torch.contiguous_format, copy=True)
            turned_work = work if layout == "interleaved" else torch.empty_like(work)
            turn(work, *factor, turned_work)
            into.copy_(turned_work)  # the one rounding
    return out


def _turn_interleaved(x: Tensor, cis: Tensor, out: Tensor) -> None:
    x, out = (torch.view_as_complex(t.unflatten(-1, (-1, 2))) for t in (x, out))
    torch.mul(x, cis, out=out)


def _turn_half(x: Tensor, cos: Tensor, sin: Tensor, out: Tensor) -> None:
    (first, second), (out_first, out_second) = x.chunk(2, -1), out.chunk(2, -1)
    torch.mul(first, cos, out=out_first).addcmul_(second, sin, value=-1)
    torch.mul(second, cos, out=out_second).addcmul_(first, sin)


def _complex(x: Tensor) -> bool:
    """Whether neighbours can be read as complex numbers: they touch, and start at even places."""
    *strides, last = x.stride()
    return last == 1 and not any(place % 2 for place in (*strides, x.storage_offset()))


def _pieces(out: Tensor, *others: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Cut tensors that broadcast to `out` into pieces that lie together in memory."""
    numbers = out.numel()
    # The axis whose steps are longest. Positions and features keep their order.
    axis = max(range(out.ndim - 1), key=lambda axis: out.stride(axis) * (out.shape[axis] > 1))
    size = out.shape[axis]
    step = max(1, size * PIECE // max(1, numbers))
    if step >= size:
        yield out, *others
        return
    for start in range(0, size, step):
        rows = min(step, size - start)
        yield from _pieces(
            *(t if t.shape[axis] == 1 else t.narrow(axis, start, rows) for t in (out, *others))
        )
