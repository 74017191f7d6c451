"""The sinusoidal table as a PyTorch module: door 1, added to the embeddings.

    h = x + PE(p),     PE(p, 2i) = sin(p * w_i),  PE(p, 2i+1) = cos(p * w_i)

Source: Vaswani et al. 2017, "Attention Is All You Need", section 3.5.

The trap: input here is (batch, length, dim). Code that slices its table with `x.size(0)`
was written for (length, batch, dim); on batch-first input it gives one constant vector to
each batch row, the model is blind to order, and every shape test passes.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from posenc_lib.base import validation
from posenc_lib.base.angles import frequencies64, wave_pairs
from posenc_lib.base.doors import Door, PositionEncoding, Positions, checked_tokens
from posenc_lib.base.float64 import in_float64
from posenc_lib.base.places import Places
from posenc_lib.base.precision import add_once_rounded, wide
from posenc_lib.base.registry_entry import POSITION, UNSEEN, RegistryEntry
from posenc_lib.embeddings.sinusoidal import sinusoidal_table


class SinusoidalEncoding(PositionEncoding):
    """Adds the sinusoidal table to (batch, length, dim) input, then applies dropout.

    There is no longest length and nothing to load: the table is made when it is needed, from
    float64 angles, in float32 (float64 for float64 input). So it is never in the state dict and
    never stale. The sum is rounded once, to the dtype of the input. The paper multiplies its
    embeddings by sqrt(dim) before this sum; do that outside if you follow it.

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
        self.dim = validation.size("SinusoidalEncoding", "dim", dim)
        self.base = validation.real("SinusoidalEncoding", "base", base, above=1.0)
        self.dropout = nn.Dropout(validation.probability("SinusoidalEncoding", "dropout", dropout))

    def forward(
        self, x: Float[Tensor, "batch length dim"], positions: Positions | None = None
    ) -> Float[Tensor, "batch length dim"]:
        """Return dropout(x + PE(positions)); positions are 0 .. length - 1 unless given.

        They may be fractions; gradients flow to them if they ask for any.
        """
        positions = checked_tokens("SinusoidalEncoding", x, self.dim, positions)
        # (length, dim) or (batch, length, dim): the batch axis is never the position axis.
        added: Tensor = self.dropout(add_once_rounded(x, self._table(x, positions)))
        return added

    def _table(self, x: Tensor, positions: Tensor) -> Float[Tensor, "*#batch length dim"]:
        """The rows to add: by angle addition where that is faster, else sine by sine.

        The two agree within 1.2e-7, one step of float32 below 1, up to position 1,000,000.
        """
        if self._counts_up_on_cpu(x, positions):
            start = int(positions[0])
            table = sinusoidal_table(len(positions), self.dim, base=self.base, start=start)
            return torch.from_numpy(table)
        at = in_float64(positions, type(self).__name__)
        angle = at[..., None] * frequencies64(self.dim, self.base, at.device)
        return wave_pairs(angle, wide(x))[..., : self.dim]  # an odd dim ends on a sine

    def _counts_up_on_cpu(self, x: Tensor, positions: Tensor) -> bool:
        """Whether the NumPy table can serve: float32 on the CPU, and no graph is being traced."""
        on_cpu = x.device.type == positions.device.type == "cpu"
        if not on_cpu or wide(x) != torch.float32 or positions.ndim > 1:
            return False
        return Places.given(positions, positions, positions).offset is not None

    def at_embeddings(
        self, x: Float[Tensor, "batch length dim"], positions: Positions
    ) -> Float[Tensor, "batch length dim"]:
        """Door 1: the same as calling the module."""
        return self(x, positions)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, base={self.base:g}"


ENTRIES = [
    RegistryEntry(
        name="sinusoidal",
        title="sinusoidal",
        cls=SinusoidalEncoding,
        sizes=("dim",),
        parameters="0",
        depends_on=POSITION,
        longer=UNSEEN,
        source="Vaswani et al. 2017, section 3.5",
    ),
]
