"""A learned position table, as in GPT-2 and BERT: door 1, added to the embeddings.

    h = x + W[p],     W of shape (length, dim), every entry a parameter

Source: Gehring et al. 2017, "Convolutional Sequence to Sequence Learning", section 3.1;
Devlin et al. 2018, "BERT", section 3 (the sum) and appendix A.2 (512 rows); BERT's released code
for the N(0, 0.02) start.

The trap: `nn.Embedding` initialises N(0, 1), fifty times too wide for BERT. And a row whose
position never occurs in training gets no gradient: it keeps its initial noise.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from posenc_lib.base import validation
from posenc_lib.base.doors import Door, PositionEncoding, Positions, checked_tokens
from posenc_lib.base.float64 import in_float64
from posenc_lib.base.precision import add_once_rounded
from posenc_lib.base.registry_entry import POSITION, RegistryEntry


class LearnedEncoding(PositionEncoding):
    """A table of `length` trainable vectors, added to (batch, length, dim) input.

    `weight` has shape (length, dim) and starts as N(0, std).

    Raises ValueError for sizes below 1, a std below 0 or out of the range of float32, dropout
    outside [0, 1), or input of another rank or dim; TypeError for integer input; IndexError for a
    position past the table.

    Source: Devlin et al. 2018, "BERT", section 3; Radford et al. 2019 (GPT-2).

    >>> encode = LearnedEncoding(512, 8)
    >>> encode(torch.zeros(2, 5, 8)).shape
    torch.Size([2, 5, 8])
    """

    door = Door.EMBEDDINGS

    def __init__(self, length: int, dim: int, *, std: float = 0.02, dropout: float = 0.0) -> None:
        super().__init__()
        self.length = validation.size("LearnedEncoding", "length", length)
        self.dim = validation.size("LearnedEncoding", "dim", dim)
        std = validation.spread("LearnedEncoding", std)
        self.dropout = nn.Dropout(validation.probability("LearnedEncoding", "dropout", dropout))
        start = torch.randn(self.length, self.dim) * std if std else torch.zeros(length, dim)
        self.weight = nn.Parameter(start)

    @classmethod
    def from_table(
        cls, table: Float[Tensor, "length dim"], *, dropout: float = 0.0
    ) -> LearnedEncoding:
        """A module that starts from a copy of a given (length, dim) table.

        Raises like the class.

        >>> LearnedEncoding.from_table(torch.eye(3)).weight.shape
        torch.Size([3, 3])
        """
        validation.floating("LearnedEncoding.from_table", "table", table, axes="length dim")
        encoding = cls(1, 1, std=0.0, dropout=dropout)
        encoding.length, encoding.dim = (
            validation.size("LearnedEncoding.from_table", f"table.shape[{n}]", size)
            for n, size in enumerate(table.shape)
        )
        encoding.weight = nn.Parameter(table.detach().clone())
        return encoding

    def extended(self, length: int) -> LearnedEncoding:
        """A new module of another length, its rows interpolated linearly between the old ones.

        The first and the last row stay what they were (a new table of one row keeps the first);
        row p of the new table is read at p (old - 1) / (new - 1) of the old one. The same length
        gives the same table. Computed in float64, then rounded to the dtype of `weight`.

        Raises TypeError for a length that is not an integer, ValueError for one below 1.

        >>> short = LearnedEncoding.from_table(torch.tensor([[0.0], [1.0]]))
        >>> short.extended(3).weight.flatten().tolist()
        [0.0, 0.5, 1.0]
        """
        length = validation.size("LearnedEncoding.extended", "length", length)
        old, steps = in_float64(self.weight.detach()), max(length - 1, 1)
        at = torch.arange(length, device=old.device) * (self.length - 1)
        below = at // steps  # whole numbers: float32 has lost the place after some hundred rows
        share = ((at % steps).double() / steps)[:, None]
        table = (1 - share) * old[below] + share * old[(below + 1).clamp(max=self.length - 1)]
        table = table.to(self.weight.dtype).to(self.weight.device)
        longer = LearnedEncoding.from_table(table, dropout=self.dropout.p)
        return longer.train(self.training).requires_grad_(self.weight.requires_grad)

    def forward(
        self, x: Float[Tensor, "batch length dim"], positions: Positions | None = None
    ) -> Float[Tensor, "batch length dim"]:
        """Return dropout(x + weight[positions]); positions are 0 .. length - 1 unless given.

        Under mixed precision the sum is made in the wider dtype of x and weight, then rounded
        once to that of x.
        """
        positions = checked_tokens("LearnedEncoding", x, self.dim, positions)
        remedy = "Positions past the table were never learned: cut the input or use .extended()."
        positions = validation.indices(
            "LearnedEncoding", "positions", positions, rows=self.length, remedy=remedy
        )
        added: Tensor = self.dropout(add_once_rounded(x, F.embedding(positions, self.weight)))
        return added

    def at_embeddings(
        self, x: Float[Tensor, "batch length dim"], positions: Positions
    ) -> Float[Tensor, "batch length dim"]:
        """Door 1: the same as calling the module."""
        return self(x, positions)

    def extra_repr(self) -> str:
        return f"length={self.length}, dim={self.dim}"


ENTRIES = [
    RegistryEntry(
        name="learned",
        title="learned table",
        cls=LearnedEncoding,
        sizes=("length", "dim"),
        parameters="length * dim",
        depends_on=POSITION,
        longer="no: IndexError past the table",
        takes_longer=False,
        source="Gehring et al. 2017, section 3.1; Devlin et al. 2018, section 3",
    ),
]
