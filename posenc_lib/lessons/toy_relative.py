"""The tutorials' toy: a relative matrix times a weight, added to the input. Mended.

    y = x + R @ W,     R[i, j] = j - i, shape (length, length);  W of shape (length, dim)

The copied snippet gives W the shape (dim, dim). Then R @ W exists only where length = dim,
and it runs in the tutorial because both were set to the same number. The inner sizes must be
the two ends of the same axis: R has a column for every key, so W needs a row for every key.

It stays a toy: W still fixes the length, the distances grow without bound, and no trained
model uses it. The general form looks a clipped distance up in a table (`lookup_relative`).
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.base.relative import relative_positions


def toy_relative(
    x: Float[Tensor, "... length dim"], weight: Float[Tensor, "length dim"]
) -> Float[Tensor, "... length dim"]:
    """Return x + R @ weight, where R[i, j] = j - i.

    Raises ValueError when `weight` is not (length, dim), which includes the (dim, dim) weight
    of the tutorials wherever length and dim differ.

    >>> import torch
    >>> toy_relative(torch.zeros(3, 1), torch.ones(3, 1)).flatten().tolist()
    [3.0, 0.0, -3.0]
    """
    validation.floating("toy_relative", "x", x, axes="... length dim")
    validation.floating("toy_relative", "weight", weight, axes="length dim")
    length, dim = x.shape[-2:]
    if tuple(weight.shape) != (length, dim):
        raise validation.refuse(
            ValueError, "toy_relative", "weight.shape", tuple(weight.shape),
            f"(length, dim) = {(length, dim)}",
            "A (dim, dim) weight multiplies a (length, length) matrix only where length = dim.",
        )  # fmt: skip
    validation.same_dtype("toy_relative", x=x, weight=weight)
    relative = relative_positions(length, length).to(device=x.device, dtype=x.dtype)
    return x + relative @ weight
