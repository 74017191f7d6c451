"""Vectors of relative position from a table: the frame that Shaw and NEZHA share. Door 3.

    e_ij = q_i . (k_j + a^K_ij) / sqrt(head_dim),   o_i = sum_j alpha_ij (v_j + a^V_ij)
    a_ij = table[clip(j - i, -K, K) + K]

`picked_scores` and `weighted_rows` are the two new terms, as they run.

Source: Shaw et al. 2018, "Self-Attention with Relative Position Representations",
equations 3 and 4.

The trap: the (query, key) matrix of row numbers costs more time than the look-up, if it is
subtracted, clipped and shifted pair by pair. For positions in a row those steps take
query + key - 1 numbers, and the matrix is one write.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.base.distance_rows import spread
from posenc_lib.base.doors import (
    Door,
    KeyPositions,
    PositionEncoding,
    QueryPositions,
    check_heads_first,
    check_prepared,
)
from posenc_lib.base.places import Places
from posenc_lib.base.precision import product, wide
from posenc_lib.base.relative import rows_of


def picked_scores(
    query: Float[Tensor, "batch heads query head_dim"],
    table: Float[Tensor, "rows head_dim"],
    index: Integer[Tensor, "..."],
) -> Float[Tensor, "batch heads query key"]:
    """q_i . table[index_ij]: one product with the table, then one pick for each pair.

    `index` is (query, key) or (batch, 1, query, key). In float32 at least; arguments are checked
    by those who call this.
    """
    by_row = product(query, table)  # (batch, heads, query, rows)
    return by_row.gather(-1, index.expand(*query.shape[:2], -1, -1))


def weighted_rows(
    weights: Float[Tensor, "batch heads query key"],
    table: Float[Tensor, "rows head_dim"],
    index: Integer[Tensor, "..."],
) -> Float[Tensor, "batch heads query head_dim"]:
    """sum_j weights_ij table[index_ij]: weights summed by row, then one product with the table.

    Summed in float32 at least and rounded once, to the dtype of the weights. The outermost rows
    gather thousands of small weights: where every addition is rounded, a bfloat16 sum of them
    stops growing.
    """
    counted = weights.to(wide(weights))
    by_row = counted.new_zeros(*weights.shape[:-1], table.shape[0])
    by_row = by_row.scatter_add(-1, index.expand_as(weights), counted)
    return product(by_row, table.T).to(weights.dtype)  # (batch, heads, query, head_dim)


class PreparedRows(NamedTuple):
    """The table row of each pair, (query, key) or (batch, 1, query, key), and the two tables."""

    rows: Tensor
    key_table: Tensor
    value_table: Tensor | None


class TableRelative(PositionEncoding):
    """Door 3 for a (2K + 1, head_dim) key table and, if there is one, a value table.

    `ShawRelative` trains the tables, `NezhaRelative` fixes them. Both are shared by all heads.
    A subclass says which tables, in `tables()`.

    Raises ValueError for head_dim < 1 or max_distance < 0, and for positions of another length
    than the queries or keys; TypeError for positions that are not integers.

    Source: Shaw et al. 2018, equations 3 and 4.

    >>> class Ones(TableRelative):
    ...     def tables(self, device=None):
    ...         return torch.ones(2 * self.max_distance + 1, self.head_dim), None
    >>> Ones(head_dim=4, max_distance=2).tables()[0].shape
    torch.Size([5, 4])
    """

    door = Door.SCORES

    def __init__(self, head_dim: int, max_distance: int) -> None:
        super().__init__()
        name = type(self).__name__
        self.head_dim = validation.size(name, "head_dim", head_dim)
        self.max_distance = validation.size(name, "max_distance", max_distance, minimum=0)

    def tables(self, device: torch.device | None = None) -> tuple[Tensor, Tensor | None]:
        """The key table and the value table or None; tables made afresh are made on `device`."""
        raise NotImplementedError

    def prepare(self, places: Places) -> tuple[PreparedRows, None, PreparedRows]:
        """The tables and the row of each pair; layers with the same K share the rows."""
        index = places.once(("rows", self.max_distance), lambda: self._index(places))
        keys, values = self.tables(places.query.device)
        values = None if values is None else values.to(places.dtype)
        prepared = PreparedRows(index, keys.to(places.dtype), values)
        return prepared, None, prepared

    def _index(self, places: Places) -> Integer[Tensor, "..."]:
        name, largest = type(self).__name__, self.max_distance
        row = places.row
        if row is not None:
            return spread(rows_of(name, row.to(places.query.device), largest), places.queries)
        index = rows_of(name, places.distances, largest)
        return index.unsqueeze(1) if index.ndim == 3 else index  # an axis for the heads

    def at_scores(
        self,
        query: Float[Tensor, "batch heads query head_dim"],
        key: Float[Tensor, "batch heads key head_dim"],
        query_positions: QueryPositions | PreparedRows,
        key_positions: KeyPositions | PreparedRows,
    ) -> Float[Tensor, "batch heads query key"]:
        """q_i . a^K_ij / sqrt(head_dim), float32 at least."""
        name = type(self).__name__
        validation.floating(name, "query", query, axes="batch heads query head_dim")
        validation.last_axis(name, "query", query, "head_dim", self.head_dim)
        validation.floating(name, "key", key, axes="batch heads key head_dim")
        validation.last_axis(name, "key", key, "head_dim", self.head_dim)
        check_heads_first(name, "query", query, query_positions)
        prepared = self._prepared(query, key.shape[-2], query_positions, key_positions)
        scaled = query.to(wide(query)) / math.sqrt(self.head_dim)
        return picked_scores(scaled, prepared.key_table, prepared.rows)

    def at_values(
        self,
        weights: Float[Tensor, "batch heads query key"],
        query_positions: QueryPositions | PreparedRows,
        key_positions: KeyPositions | PreparedRows,
    ) -> Float[Tensor, "batch heads query head_dim"] | None:
        """sum_j alpha_ij a^V_ij in the dtype of the weights, or None without a value table."""
        if not self.needs_weights:
            return None
        name = type(self).__name__
        validation.floating(name, "weights", weights, axes="batch heads query key")
        prepared = self._prepared(weights, weights.shape[-1], query_positions, key_positions)
        if prepared.value_table is None:
            return None
        return weighted_rows(weights, prepared.value_table, prepared.rows)

    def _prepared(
        self, x: Tensor, keys: int, at: Tensor | PreparedRows, keys_at: Any
    ) -> PreparedRows:
        """What was prepared, or is now, if it fits x, (batch, heads, query, ...)."""
        name, batch = type(self).__name__, x.shape[0]
        if not isinstance(at, PreparedRows):
            validation.positions(name, "query_positions", at, length=x.shape[2], batch=batch)
            validation.positions(name, "key_positions", keys_at, length=keys, batch=batch)
            return self.prepare(Places.given(at, keys_at, keys_at, dtype=wide(x)))[0]
        *rows, queries, prepared_keys = at.rows.shape
        check_prepared(name, "query", x.shape[2], queries, batch, rows[0] if rows else None)
        check_prepared(name, "key", keys, prepared_keys)
        return at

    def extra_repr(self) -> str:
        return f"head_dim={self.head_dim}, max_distance={self.max_distance}"
