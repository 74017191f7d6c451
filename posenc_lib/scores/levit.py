"""LeViT's attention bias: a trained number for each head and each absolute offset. Door 3.

    scores_ij = q_i . k_j / sqrt(head_dim) + weight[head, |r_i - r_j| W + |c_i - c_j|]

for cells (r, c) of a grid of H rows and W columns: H W numbers a head, where a window table has
(2H - 1)(2W - 1), because left and right, up and down are the same.

Source: Graham et al. 2021, "LeViT", equation 1.

The trap: the layers that shrink the picture. Their queries are every second cell, at (2r, 2c) of
the grid of the keys, not cell (r, c) of a smaller grid: give them the numbers of those cells.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from posenc_lib.base import validation
from posenc_lib.base.registry_entry import NO_CELL, RegistryEntry
from posenc_lib.scores.grid_bias import GridBias, Offsets, flat_rows


class LevitBias(GridBias):
    """weight[head, |row offset| * columns + |column offset|] added to the scaled scores.

    `shape` is the grid of the keys, (rows, columns); positions are its cells. Where the queries
    are every second cell in both directions, as in LeViT's shrinking layers, they get the numbers
    of these cells. `weight` has shape (heads, rows * columns), as `attention_biases` in published
    checkpoints, and starts as N(0, std), 0 unless given.

    Raises ValueError for heads < 1, a shape that is not made of sizes, std < 0 and for positions
    past the grid; TypeError for positions that are no integers.

    Source: Graham et al. 2021, "LeViT", equation 1.

    >>> bias = LevitBias(heads=1, shape=(2, 2))
    >>> with torch.no_grad():
    ...     _ = bias.weight.copy_(torch.tensor([[0.0, 1.0, 2.0, 3.0]]))
    >>> x = torch.zeros(1, 1, 4, 4)
    >>> bias.at_scores(x[:, :, :1], x, torch.tensor([3]), torch.arange(4)).tolist()
    [[[3.0, 2.0, 1.0, 0.0]]]
    """

    def __init__(self, heads: int, shape: Sequence[int], *, std: float = 0.0) -> None:
        super().__init__(heads, shape)
        std = validation.spread("LevitBias", std)
        self.weight = nn.Parameter(torch.randn(self.heads, math.prod(self.shape)) * std)

    def rows(self, offsets: Offsets) -> Int64[Tensor, "..."]:
        """The place of each pair's absolute offset, counted like a cell."""
        return flat_rows([offset.abs() for offset in offsets.axes], self.shape)

    def table(self) -> Float[Tensor, "heads rows"]:
        """The numbers of each head."""
        return self.weight


ENTRIES = [
    RegistryEntry(
        name="levit",
        title="LeViT",
        cls=LevitBias,
        sizes=("heads", "shape"),
        parameters="heads * shape[0] * shape[1]",
        depends_on="the absolute differences of row and column",
        longer=NO_CELL,
        takes_longer=False,
        on_panels=False,
        source="Graham et al. 2021, equation 1",
    ),
]
