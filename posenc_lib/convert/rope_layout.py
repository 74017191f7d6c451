"""From one RoPE layout to the other: reorder the rows of W_q and W_k, and nothing changes.

    interleaved   x_0 y_0 x_1 y_1 x_2 y_2        pair i is (2i, 2i + 1)
    half          x_0 x_1 x_2 y_0 y_1 y_2        pair i is (i, i + rotary_dim / 2)

The two layouts are one function of differently ordered features. Queries and keys are reordered
alike, so every q . k stays what it was. A feature of a query is a row of the projection weight
(out, in), so a trained model is moved by reordering these rows in each head, once. Values and
the output projection are left alone.

Source: Su et al. 2021, "RoFormer", equation 34 (interleaved); Black et al. 2022,
"GPT-NeoX-20B" (half). The converters of the Llama weights do this step.

The trap: loading weights without it. Shapes agree, nothing complains, the text is nonsense.
Reordering all rows at once instead of head by head fails just as quietly.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.rotary.rotation import LAYOUTS, checked_rotary_dim


def half_from_interleaved(
    head_dim: int, *, rotary_dim: int | None = None
) -> Int64[Tensor, " {head_dim}"]:
    """The order of features with x_half = x_interleaved[..., order].

    First of all pairs, then second of all pairs, then what is not turned. Its argsort is the
    way back.

    Raises ValueError for an odd or too large rotary_dim, TypeError for sizes that are no integers.

    Source: Su et al. 2021, equation 34; Black et al. 2022 for the half layout.

    >>> half_from_interleaved(6)
    tensor([0, 2, 4, 1, 3, 5])
    >>> half_from_interleaved(6, rotary_dim=4)
    tensor([0, 2, 1, 3, 4, 5])
    """
    name = "half_from_interleaved"
    head_dim = validation.size(name, "head_dim", head_dim)
    rotary_dim = checked_rotary_dim(name, head_dim, rotary_dim)
    order = torch.arange(head_dim)
    order[:rotary_dim] = order[:rotary_dim].unflatten(0, (-1, 2)).T.flatten()
    return order


def change_rope_layout(
    rows: Float[Tensor, "rows ..."],
    heads: int,
    *,
    to: str,
    rotary_dim: int | None = None,
) -> Float[Tensor, "rows ..."]:
    """Reorder a query or key projection, weight or bias, trained with the other layout.

    `rows` is the weight, (heads * head_dim, dim), or the bias, (heads * head_dim,); `to` is the
    layout it shall work with. Do it to W_q, b_q, W_k and b_k, with the number of heads that each
    has. Numbers are moved, not changed, so two changes give the old rows back.

    Raises ValueError for heads that do not divide the rows, an odd or too large rotary_dim or an
    unknown layout; TypeError for integer rows.

    Source: Su et al. 2021, equation 34; Black et al. 2022 for the half layout.

    >>> change_rope_layout(torch.arange(8.0), heads=2, to="half")
    tensor([0., 2., 1., 3., 4., 6., 5., 7.])
    """
    name = "change_rope_layout"
    validation.tensor(name, "rows", rows)
    validation.floating(name, "rows", rows, axes="rows" if rows.ndim == 1 else "rows columns")
    heads = validation.size(name, "heads", heads)
    validation.choice(name, "to", to, LAYOUTS)
    validation.divides(name, "heads", heads, "rows.shape[0]", rows.shape[0])
    head_dim = rows.shape[0] // heads
    order = half_from_interleaved(
        head_dim, rotary_dim=checked_rotary_dim(name, head_dim, rotary_dim)
    )
    order = order if to == "half" else order.argsort()
    by_head: Tensor = rows.unflatten(0, (heads, head_dim))
    return by_head[:, order.to(rows.device)].flatten(0, 1)
