"""Decomposed relative vectors of MViT v2, ViTDet and SAM: one table a row and one a column. Door 3.

    scores_ij = q_i . k_j / sqrt(head_dim) + q_i . R[r_i - r_j + H - 1] + q_i . C[c_i - c_j + W - 1]

for cells (r, c) of a grid of H rows and W columns: 2H - 1 and 2W - 1 vectors, where every pair of
offsets would take (2H - 1)(2W - 1). The tables are shared by all heads of a layer.

Source: Li et al. 2021, "MViTv2", section 4.1 (one table more for time); Li et al. 2022,
"Exploring Plain Vision Transformer Backbones for Object Detection" (ViTDet); Kirillov et al. 2023,
"Segment Anything", whose image encoder is ViTDet.

The traps: the scale. The paper's equation divides both terms by sqrt(head_dim); the released code
of all three divides the keys' term only and adds the relative one with the query as it is, and
trained tables go with the code. And pooled keys (MViT v2): a key that stands for s x s cells
counts as the last of them, which is where the released code puts the zero of its table.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from posenc_lib.base import validation
from posenc_lib.base.doors import KeyPositions, QueryPositions
from posenc_lib.base.grid import checked_shape
from posenc_lib.base.places import Places
from posenc_lib.base.precision import wide
from posenc_lib.base.registry_entry import NO_CELL, RegistryEntry
from posenc_lib.embeddings.resize_grid import resize_grid
from posenc_lib.scores.grid_bias import GridRelative, Offsets, PreparedPairs
from posenc_lib.scores.table_relative import picked_scores


class DecomposedRelative(GridRelative):
    """q_i . R[row offset] + q_i . C[column offset] added to the scaled scores, q_i unscaled.

    `shape` is the grid, (rows, columns), or a box with time before them; positions are token
    numbers. Pairs with one of the `prefix` tokens, such as a class token, get nothing. `axes[a]`
    has shape (2 shape[a] - 1, head_dim), as `rel_pos_h` and `rel_pos_w` in published checkpoints,
    its rows in the order of query minus key, and starts as N(0, std), 0 unless given.

    Raises ValueError for head_dim < 1, a shape that is not made of sizes, prefix < 0, std < 0 and
    for positions past the grid; TypeError for positions that are no integers.

    Source: Li et al. 2021, "MViTv2", section 4.1, in the form of the released code.

    >>> relative = DecomposedRelative(head_dim=4, shape=(2, 3))
    >>> [tuple(table.shape) for table in relative.axes]
    [(3, 4), (5, 4)]
    """

    def __init__(
        self, head_dim: int, shape: Sequence[int], *, prefix: int = 0, std: float = 0.0
    ) -> None:
        super().__init__(shape, prefix)
        self.head_dim = validation.size("DecomposedRelative", "head_dim", head_dim)
        std = validation.spread("DecomposedRelative", std)
        self.axes = nn.ParameterList(
            nn.Parameter(torch.randn(2 * size - 1, self.head_dim) * std) for size in self.shape
        )

    def pairs(self, offsets: Offsets) -> tuple[tuple[Tensor, ...], Tensor | None]:
        """The row of each pair in each table, and which pairs stand in cells."""
        rows = tuple(
            size - 1 - offset for size, offset in zip(self.shape, offsets.axes, strict=True)
        )
        return rows, offsets.from_cell & offsets.to_cell if self.prefix else None

    def tables(self, places: Places) -> tuple[Tensor, ...]:
        """The table of each axis."""
        return tuple(table.to(places.dtype) for table in self.axes)

    def at_scores(
        self,
        query: Float[Tensor, "batch heads query head_dim"],
        key: Float[Tensor, "batch heads key head_dim"],
        query_positions: QueryPositions | PreparedPairs,
        key_positions: KeyPositions | PreparedPairs,
    ) -> Float[Tensor, "batch heads query key"]:
        """The sum over the axes of q_i . table[row], float32 at least."""
        name = type(self).__name__
        prepared = self._prepared(query, key, query_positions, key_positions)
        for argument, x in (("query", query), ("key", key)):
            validation.last_axis(name, argument, x, "head_dim", self.head_dim)
        wider = query.to(wide(query))
        terms = [
            picked_scores(wider, table, rows)
            for table, rows in zip(prepared.tables, prepared.rows, strict=True)
        ]
        total = torch.stack(terms).sum(0)
        return total if prepared.in_cells is None else torch.where(prepared.in_cells, total, 0.0)

    def resized(
        self,
        shape: Sequence[int],
        *,
        method: str = "bilinear",
        antialias: bool = False,
        align_corners: bool = False,
        offset: float = 0.0,
    ) -> DecomposedRelative:
        """A new module for a grid of another shape, each table resized by itself.

        Linear between two rows unless said otherwise, as SAM and ViTDet do where a picture has
        another size than in training. Raises like `resize_grid`.

        >>> relative = DecomposedRelative(head_dim=4, shape=(2, 3)).resized((4, 4))
        >>> [tuple(table.shape) for table in relative.axes]
        [(7, 4), (7, 4)]
        """
        new = checked_shape("DecomposedRelative.resized", shape)
        if len(new) != len(self.shape):
            raise validation.refuse(
                ValueError, "DecomposedRelative.resized", "shape", new,
                f"{len(self.shape)} axes, as the grid has", "Give (rows, columns).",
            )  # fmt: skip
        other = DecomposedRelative(self.head_dim, new, prefix=self.prefix)
        other.axes = nn.ParameterList(
            nn.Parameter(
                resize_grid(
                    table.detach(), (len(table),), (2 * size - 1,), method=method,
                    antialias=antialias, align_corners=align_corners, offset=offset,
                ),
                requires_grad=table.requires_grad,
            )
            for table, size in zip(self.axes, new, strict=True)
        )  # fmt: skip
        return other.train(self.training)

    def extra_repr(self) -> str:
        return f"head_dim={self.head_dim}, {self._shown()}"


ENTRIES = [
    RegistryEntry(
        name="mvit_v2",
        title="MViT v2",
        cls=DecomposedRelative,
        sizes=("head_dim", "shape"),
        parameters="(2 * sum(shape) - 2) * head_dim",
        depends_on="the differences of row and column",
        longer=NO_CELL,
        takes_longer=False,
        on_panels=False,
        source="Li et al. 2021, section 4.1, in the form of the released code",
    ),
]
