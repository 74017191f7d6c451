"""A learned vector for each cell of a grid, as in ViT: door 1, added to the embeddings.

    h = x + W[t],     W of shape (prefix + cells, dim),     t = prefix + row * columns + column

One flat table; that its rows are cells of a picture matters when the picture changes its size:
`resized` reads the grid anew and keeps what stands before the cells.

Source: Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words", section 3.1, equation 1, and
section 3.2 (higher resolution); Darcet et al. 2023, "Vision Transformers Need Registers", for
tokens without a position.

The trap: registers. They stand between the class token and the patches, so a table that is added
by token number moves every patch by four cells. They have no row (`registers`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from posenc_lib.base import validation
from posenc_lib.base.doors import Door, PositionEncoding, Positions, checked_tokens
from posenc_lib.base.grid import PAST_THE_GRID, checked_shape
from posenc_lib.base.precision import add_once_rounded
from posenc_lib.base.registry_entry import POSITION, RegistryEntry
from posenc_lib.embeddings.resize_grid import resize_grid


class LearnedGridEncoding(PositionEncoding):
    """A trainable vector for each cell of a grid, and for the tokens before and after the cells.

    `shape` is the grid, such as (rows, columns). Tokens stand in this order: `prefix` tokens with
    rows of their own, such as a class token; `registers` tokens to which nothing is added; the
    cells in row-major order; `suffix` tokens with rows of their own. Positions are token numbers.
    `weight` has shape (prefix + cells + suffix, dim), in that order, as published checkpoints have
    it, and starts as N(0, std).

    Raises ValueError for sizes below 1 or counts of tokens below 0, a std below 0 or out of the
    range of float32, dropout outside [0, 1), or input of another rank or dim; TypeError for
    positions that are no integers; IndexError for a token past the last one.

    Source: Dosovitskiy et al. 2021, section 3.1, equation 1; Darcet et al. 2023, section 2.2.

    >>> vit = LearnedGridEncoding(8, shape=(2, 3), prefix=1)
    >>> vit.weight.shape, vit(torch.zeros(1, 7, 8)).shape
    (torch.Size([7, 8]), torch.Size([1, 7, 8]))
    """

    door = Door.EMBEDDINGS

    def __init__(
        self,
        dim: int,
        shape: Sequence[int],
        *,
        prefix: int = 0,
        registers: int = 0,
        suffix: int = 0,
        std: float = 0.02,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        name = "LearnedGridEncoding"
        self.dim = validation.size(name, "dim", dim)
        self.shape = checked_shape(name, shape)
        self.prefix = validation.size(name, "prefix", prefix, minimum=0)
        self.registers = validation.size(name, "registers", registers, minimum=0)
        self.suffix = validation.size(name, "suffix", suffix, minimum=0)
        std = validation.spread(name, std)
        self.dropout = nn.Dropout(validation.probability(name, "dropout", dropout))
        rows = self.prefix + math.prod(self.shape) + self.suffix
        self.weight = nn.Parameter(torch.randn(rows, self.dim) * std)

    def resized(
        self,
        shape: Sequence[int],
        *,
        method: str = "bicubic",
        antialias: bool = False,
        align_corners: bool = False,
        offset: float = 0.0,
    ) -> LearnedGridEncoding:
        """A new module for a grid of another shape; rows before and after the cells are kept.

        How is said as in `resize_grid`, which raises for what it cannot do. To train through the
        resizing, as SigLIP 2 does, call `resize_grid` on `weight` itself.

        >>> vit = LearnedGridEncoding(8, shape=(2, 3), prefix=1)
        >>> vit.resized((4, 6)).weight.shape
        torch.Size([25, 8])
        """
        new = checked_shape("LearnedGridEncoding.resized", shape)
        table = resize_grid(
            self.weight.detach(), self.shape, new, method=method, antialias=antialias,
            align_corners=align_corners, offset=offset, prefix=self.prefix, suffix=self.suffix,
        )  # fmt: skip
        other = LearnedGridEncoding(
            self.dim, new, prefix=self.prefix, registers=self.registers, suffix=self.suffix,
            std=0.0, dropout=self.dropout.p,
        )  # fmt: skip
        other.weight = nn.Parameter(table)
        return other.train(self.training).requires_grad_(self.weight.requires_grad)

    def forward(
        self, x: Float[Tensor, "batch length dim"], positions: Positions | None = None
    ) -> Float[Tensor, "batch length dim"]:
        """Return dropout(x + weight[row of each token]); tokens are 0 .. length - 1 unless given.

        Under mixed precision the sum is made in the wider dtype of x and weight, then rounded
        once to that of x.
        """
        name = "LearnedGridEncoding"
        positions = checked_tokens(name, x, self.dim, positions)
        remedy = f"Cells past the grid were never learned: use .resized(). {PAST_THE_GRID}"
        tokens = self.weight.shape[0] + self.registers
        at = validation.indices(name, "positions", positions, rows=tokens, remedy=remedy)
        rows = torch.where(at < self.prefix, at, (at - self.registers).clamp(min=0))
        table = F.embedding(rows, self.weight)
        if self.registers:
            register = (at >= self.prefix) & (at < self.prefix + self.registers)
            table = torch.where(register[..., None], 0.0, table)
        added: Tensor = self.dropout(add_once_rounded(x, table))
        return added

    def at_embeddings(
        self, x: Float[Tensor, "batch length dim"], positions: Positions
    ) -> Float[Tensor, "batch length dim"]:
        """Door 1: the same as calling the module."""
        return self(x, positions)

    def extra_repr(self) -> str:
        more = {n: getattr(self, n) for n in ("prefix", "registers", "suffix")}
        shown = "".join(f", {name}={count}" for name, count in more.items() if count)
        return f"dim={self.dim}, shape={self.shape}{shown}"


ENTRIES = [
    RegistryEntry(
        name="learned_grid",
        title="ViT grid",
        cls=LearnedGridEncoding,
        sizes=("dim", "shape"),
        parameters="shape[0] * shape[1] * dim",
        depends_on=POSITION,
        longer="no: IndexError past the grid",
        takes_longer=False,
        on_panels=False,
        source="Dosovitskiy et al. 2021, equation 1",
    ),
]
