"""One number for each head and each difference of two cells: the frame of window tables. Door 3.

    scores_ij = q_i . k_j / sqrt(head_dim) + table[head, row_ij]
    row_ij  is found from the offsets,  offset_a = coordinate_a(key j) - coordinate_a(query i)

A subclass says which row a pair reads, in `rows`, and which numbers stand there, in `table`.
Positions are token numbers: the first `prefix` tokens, such as a class token, stand in no cell,
and number t from `prefix` on is cell t - prefix in row-major order. Queries and keys may be any
cells of the grid in any order, so a layer that looks from every second cell at all of them (LeViT)
gives its queries the numbers of those cells.

Source: Liu et al. 2021, "Swin Transformer", equation 4 and the lines after it.

The trap: the flat distance j - i. On a grid of 7 columns, one step to the right and one step down
with six to the left are both 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.base.doors import (
    Door,
    KeyPositions,
    PositionEncoding,
    QueryPositions,
    check_heads_first,
    check_prepared,
    check_same_heads,
    checked_places,
)
from posenc_lib.base.grid import after_prefix, axes_of, check_cells, checked_shape
from posenc_lib.base.places import Places
from posenc_lib.base.precision import wide


class Offsets(NamedTuple):
    """How far key cells stand from query cells, with two axes, or (batch, 1, query, key).

    - `axes`: coordinate of the key minus that of the query, for each axis of the grid.
    - `from_cell`, `to_cell`: whether query and key stand in a cell, or in the prefix.
    """

    axes: tuple[Int64[Tensor, "..."], ...]
    from_cell: Bool[Tensor, "..."]
    to_cell: Bool[Tensor, "..."]


class PreparedPairs(NamedTuple):
    """What a layer needs of its pairs: table rows, one index or one for each axis; the table or
    tables; and which pairs stand in cells, None for all."""

    rows: tuple[Tensor, ...]
    tables: tuple[Tensor, ...]
    in_cells: Tensor | None


class GridRelative(PositionEncoding):
    """What every encoding by offsets on a grid shares: its shape, its prefix, what it prepares.

    Raises ValueError for a shape that is not made of sizes, prefix < 0 and for positions past the
    grid; TypeError for positions that are no integers.
    """

    door = Door.SCORES

    def __init__(self, shape: Sequence[int], prefix: int) -> None:
        super().__init__()
        name = type(self).__name__
        self.shape = checked_shape(name, shape)
        self.prefix = validation.size(name, "prefix", prefix, minimum=0)

    def pairs(self, offsets: Offsets) -> tuple[tuple[Tensor, ...], Tensor | None]:
        """The rows of all pairs, and which of them stand in cells; None: all that count."""
        raise NotImplementedError

    def tables(self, places: Places) -> tuple[Tensor, ...]:
        """The trained numbers, in the dtype of the places."""
        raise NotImplementedError

    def prepare(self, places: Places) -> tuple[PreparedPairs, None, PreparedPairs]:
        """The row of each pair, found once for all layers with the same grid, and the tables."""
        asked = (type(self), self.shape, self.prefix)
        rows, in_cells = places.once(asked, lambda: self.pairs(self._offsets(places)))
        prepared = PreparedPairs(rows, self.tables(places), in_cells)
        return prepared, None, prepared

    def _offsets(self, places: Places) -> Offsets:
        query, from_cell = self._cells(places.query)
        key, to_cell = (query, from_cell) if places.key is places.query else self._cells(places.key)
        batched = places.query.ndim == 2 or places.key.ndim == 2

        def with_heads(x: Tensor) -> Tensor:  # (batch, 1, query, key): an axis for the heads
            return x.unsqueeze(-3) if batched and x.ndim == 3 else x

        return Offsets(
            tuple(
                with_heads(k.unsqueeze(-2) - q.unsqueeze(-1))
                for q, k in zip(query, key, strict=True)
            ),
            with_heads(from_cell.unsqueeze(-1)),
            with_heads(to_cell.unsqueeze(-2)),
        )

    def _cells(self, positions: Tensor) -> tuple[list[Tensor], Tensor]:
        """The coordinates of tokens along each axis, and which of them stand in a cell."""
        check_cells(type(self).__name__, positions, self.shape, self.prefix)
        cells, in_cell = after_prefix(positions, self.prefix)
        return axes_of(cells, self.shape), in_cell

    def _prepared(self, query: Tensor, key: Tensor, at: Any, keys_at: Any) -> PreparedPairs:
        """What was prepared, or is now, if it fits queries and keys."""
        name = type(self).__name__
        for argument, x, positions in (("query", query, at), ("key", key, keys_at)):
            validation.floating(name, argument, x, axes=f"batch heads {argument} head_dim")
            check_heads_first(name, argument, x, positions)
        batch = query.shape[0]
        if not isinstance(at, PreparedPairs):
            return self.prepare(checked_places(name, query, key, at, keys_at, wide(query)))[0]
        *rows, queries, keys = at.rows[0].shape
        check_prepared(name, "query", query.shape[2], queries, batch, rows[0] if rows else None)
        check_prepared(name, "key", key.shape[2], keys)
        return at

    def _shown(self) -> str:
        return f"shape={self.shape}" + (f", prefix={self.prefix}" if self.prefix else "")


class GridBias(GridRelative):
    """Door 3 for a number a head and an offset: a subclass gives `rows` and `table`.

    Raises like `GridRelative`; ValueError for queries with another number of heads.
    """

    def __init__(self, heads: int, shape: Sequence[int], prefix: int = 0) -> None:
        super().__init__(shape, prefix)
        self.heads = validation.size(type(self).__name__, "heads", heads)

    def rows(self, offsets: Offsets) -> Int64[Tensor, "..."]:
        """The row of the table that each pair reads."""
        raise NotImplementedError

    def table(self) -> Float[Tensor, "heads rows"]:
        """The trained numbers of each head."""
        raise NotImplementedError

    def pairs(self, offsets: Offsets) -> tuple[tuple[Tensor, ...], Tensor | None]:
        """One row for each pair."""
        return (self.rows(offsets),), None

    def tables(self, places: Places) -> tuple[Tensor, ...]:
        """The one table."""
        return (self.table().to(places.dtype),)

    def at_scores(
        self,
        query: Float[Tensor, "batch heads query head_dim"],
        key: Float[Tensor, "batch heads key head_dim"],
        query_positions: QueryPositions | PreparedPairs,
        key_positions: KeyPositions | PreparedPairs,
    ) -> Float[Tensor, "heads query key"] | Float[Tensor, "#batch heads query key"]:
        """table[head, row], (heads, query, key), with the batch first for batched positions.

        float32, or float64 for float64 queries.
        """
        prepared = self._prepared(query, key, query_positions, key_positions)
        check_same_heads(type(self).__name__, self.heads, query)
        (rows,), (table,) = prepared.rows, prepared.tables
        bias = table.index_select(1, rows.flatten().to(table.device))
        bias = bias.reshape(self.heads, *rows.shape)
        return bias.squeeze(2).transpose(0, 1) if rows.ndim == 4 else bias

    def extra_repr(self) -> str:
        return f"heads={self.heads}, {self._shown()}"


def flat_rows(offsets: Sequence[Tensor], sizes: Sequence[int]) -> Tensor:
    """Row-major numbers of offsets that are counted from 0 along each axis."""
    row = torch.zeros_like(offsets[0])
    for offset, size in zip(offsets, sizes, strict=True):
        row = row * size + offset
    return row
