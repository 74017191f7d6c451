"""The window table of Swin and BEiT: a trained number for each head, row and column offset. Door 3.

    scores_ij = q_i . k_j / sqrt(head_dim) + weight[row_ij, head]
    row_ij = (r_i - r_j + H - 1) (2 W - 1) + (c_i - c_j + W - 1)

for cells (r, c) of a window of H rows and W columns: (2H - 1)(2W - 1) rows. BEiT's window is the
whole picture, with a class token before it and three rows more: from the class token to a cell,
from a cell to the class token, and from it to itself.

Source: Liu et al. 2021, "Swin Transformer", equation 4; Bao et al. 2021, "BEiT", whose released
code has the three rows; Raffel et al. 2020 for the idea of a trained number a distance.

The traps: the sign. The published tables count query minus key, from the bottom right corner;
everything else in this library counts key minus query, and a table read the wrong way round loads
without complaint. And shifted windows: cells that meet at the seam of a rolled picture are no
neighbours, which a mask has to say (`shifted_window_mask`), not the table.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from posenc_lib.base import validation
from posenc_lib.base.grid import checked_shape
from posenc_lib.base.registry_entry import NO_CELL, RegistryEntry
from posenc_lib.embeddings.resize_grid import resize_grid
from posenc_lib.scores.grid_bias import GridBias, Offsets, flat_rows


class WindowBias(GridBias):
    """weight[row, head] added to the scaled scores; the row says how far apart two cells are.

    `shape` is the window, (rows, columns), or a box of more axes; positions are token numbers.
    With `prefix=1` there is a class token before the cells, and three rows more at the end of the
    table. `weight` has shape ((2H - 1)(2W - 1) + 3 prefix, heads), as
    `relative_position_bias_table` in published checkpoints, and starts as N(0, std). Swin trains
    one for each layer; BEiT one for each layer or one for all (give every layer this object).

    Raises ValueError for heads < 1, a shape that is not made of sizes, a prefix that is not 0 or
    1, std < 0 and for positions past the window; TypeError for positions that are no integers.

    Source: Liu et al. 2021, "Swin Transformer", equation 4; Bao et al. 2021, "BEiT".

    >>> bias = WindowBias(heads=1, shape=(1, 2))
    >>> with torch.no_grad():
    ...     _ = bias.weight.copy_(torch.tensor([[1.0], [2.0], [3.0]]))  # -1, 0, 1: query minus key
    >>> x = torch.zeros(1, 1, 2, 4)
    >>> bias.at_scores(x, x, torch.arange(2), torch.arange(2)).tolist()
    [[[2.0, 1.0], [3.0, 2.0]]]
    """

    def __init__(
        self, heads: int, shape: Sequence[int], *, prefix: int = 0, std: float = 0.02
    ) -> None:
        super().__init__(heads, shape, prefix)
        if self.prefix > 1:
            raise validation.refuse(
                ValueError, "WindowBias", "prefix", prefix, "0, or 1 for a class token",
                "The published table has rows for one such token.",
            )  # fmt: skip
        std = validation.spread("WindowBias", std)
        self.extents = tuple(2 * size - 1 for size in self.shape)
        rows = math.prod(self.extents) + 3 * self.prefix
        self.weight = nn.Parameter(torch.randn(rows, self.heads) * std)

    def rows(self, offsets: Offsets) -> Int64[Tensor, "..."]:
        """The row of each pair: query minus key along each axis, counted from 0, row-major."""
        return window_rows(offsets, self.shape, self.prefix)

    def table(self) -> Float[Tensor, "heads rows"]:
        """The table of each head."""
        return self.weight.T

    def resized(
        self,
        shape: Sequence[int],
        *,
        method: str = "bicubic",
        antialias: bool = False,
        align_corners: bool = False,
        offset: float = 0.0,
    ) -> WindowBias:
        """A new module for a window of another shape; BEiT's three rows are kept.

        The table of 2H - 1 by 2W - 1 offsets is resized as a picture, by `resize_grid`, which
        raises for what it cannot do. Swin's released code resizes bicubically, BEiT in
        transformers bilinearly.

        >>> WindowBias(2, (7, 7)).resized((12, 12)).weight.shape
        torch.Size([529, 2])
        """
        new = checked_shape("WindowBias.resized", shape)
        if len(new) != len(self.shape):
            raise validation.refuse(
                ValueError, "WindowBias.resized", "shape", new,
                f"{len(self.shape)} axes, as the window has", "Give (rows, columns).",
            )  # fmt: skip
        table = resize_grid(
            self.weight.detach(), self.extents, [2 * size - 1 for size in new], method=method,
            antialias=antialias, align_corners=align_corners, offset=offset, suffix=3 * self.prefix,
        )  # fmt: skip
        other = WindowBias(self.heads, new, prefix=self.prefix, std=0.0)
        other.weight = nn.Parameter(table)
        return other.train(self.training).requires_grad_(self.weight.requires_grad)


def window_rows(offsets: Offsets, shape: Sequence[int], prefix: int) -> Tensor:
    """The row of each pair in a table of (2H - 1)(2W - 1) rows, and three with a prefix."""
    extents = [2 * size - 1 for size in shape]
    back = [size - 1 - offset for size, offset in zip(shape, offsets.axes, strict=True)]
    rows = flat_rows(back, extents)
    if not prefix:
        return rows
    after = math.prod(extents)  # the class token to a cell, a cell to it, it to itself
    rows = torch.where(offsets.from_cell, rows, after)
    to_class = torch.where(offsets.from_cell, after + 1, after + 2)
    return torch.where(offsets.to_cell, rows, to_class)


ENTRIES = [
    RegistryEntry(
        name="swin",
        title="Swin",
        cls=WindowBias,
        sizes=("heads", "shape"),
        parameters="(2 * shape[0] - 1) * (2 * shape[1] - 1) * heads",
        depends_on="the differences of row and column",
        longer=NO_CELL,
        takes_longer=False,
        on_panels=False,
        source="Liu et al. 2021, equation 4",
    ),
    RegistryEntry(
        name="beit",
        title="BEiT",
        cls=WindowBias,
        sizes=("heads", "shape"),
        defaults={"prefix": 1},
        parameters="((2 * shape[0] - 1) * (2 * shape[1] - 1) + 3) * heads",
        depends_on="the differences of row and column, and on which is the class token",
        longer=NO_CELL,
        takes_longer=False,
        on_panels=False,
        source="Bao et al. 2021, in the form of the released code",
    ),
]
