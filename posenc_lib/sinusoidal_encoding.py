"""The sinusoidal table as a PyTorch module: door 1, added to the embeddings.

The trap: input here is (batch, length, dim). Code that slices its table with `x.size(0)`
was written for (length, batch, dim); on batch-first input it gives one constant vector to
each batch row, the model is blind to order, and every shape test passes.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from posenc_lib import _validate
from posenc_lib.doors import Door, PositionEncoding, Positions
from posenc_lib.sinusoidal import sinusoidal_at, sinusoidal_table


class SinusoidalEncoding(PositionEncoding):
    """Adds the sinusoidal table to (batch, length, dim) input, then applies dropout.

    There is no longest length and nothing to load: the table is made when it is needed, in
    float32 from float64 angles, and cast to the dtype and device of the input. So it is never
    in the state dict and never stale. The paper multiplies its embeddings by sqrt(dim) before
    this sum; do that outside if you follow it.

    Raises ValueError for dim < 1, base <= 1, dropout outside [0, 1), or input of another rank
    or dim; TypeError for integer input.

    Source: Vaswani et al. 2017, sections 3.5 (table) and 5.4 (dropout on the sum).

    >>> encode = SinusoidalEncoding(4)
    >>> encode(torch.zeros(1, 2, 4)).numpy().round(4)
    array([[[0.    , 1.    , 0.    , 1.    ],
            [0.8415, 0.5403, 0.01  , 1.    ]]], dtype=float32)
    """

    door = Door.EMBEDDINGS

    def __init__(self, dim: int, *, base: float = 10000.0, dropout: float = 0.0) -> None:
        super().__init__()
        self.dim = _validate.size("SinusoidalEncoding", "dim", dim)
        self.base = _validate.real("SinusoidalEncoding", "base", base, above=1.0)
        self.dropout = nn.Dropout(_validate.probability("SinusoidalEncoding", "dropout", dropout))

    def forward(
        self, x: Float[Tensor, "batch length dim"], positions: Positions | None = None
    ) -> Float[Tensor, "batch length dim"]:
        """Return dropout(x + PE(positions)); positions are 0 .. length - 1 unless given.

        They are constants here: no gradient flows to them.
        """
        _validate.floating("SinusoidalEncoding", "x", x, axes="batch length dim")
        _validate.last_axis("SinusoidalEncoding", "x", x, "dim", self.dim)
        length = x.shape[1]
        if positions is None:
            table = sinusoidal_table(length, self.dim, base=self.base) if length else _empty(self)
        else:
            _validate.positions(
                "SinusoidalEncoding", "positions", positions, length=length, batch=x.shape[0]
            )
            table = sinusoidal_at(
                positions.detach().cpu().double().numpy(), self.dim, base=self.base
            )
        # (length, dim) or (batch, length, dim): the batch axis is never the position axis.
        return self.dropout(x + torch.from_numpy(table).to(device=x.device, dtype=x.dtype))

    def at_embeddings(
        self, x: Float[Tensor, "batch length dim"], positions: Positions
    ) -> Float[Tensor, "batch length dim"]:
        """Door 1: the same as calling the module."""
        return self(x, positions)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, base={self.base:g}"


def _empty(encoding: SinusoidalEncoding) -> np.ndarray:
    return np.empty((0, encoding.dim), dtype=np.float32)
