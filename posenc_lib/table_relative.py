"""Vectors of relative position from a table: the frame that Shaw and NEZHA share. Door 3.

    e_ij = q_i . (k_j + a^K_ij) / sqrt(head_dim),   o_i = sum_j alpha_ij (v_j + a^V_ij)
    a_ij = table[clip(j - i, -K, K) + K]

Source: Shaw et al. 2018, "Self-Attention with Relative Position Representations",
equations 3 and 4.

The trap: the (query, key) matrix of row numbers costs more time than the look-up, if it is
subtracted, clipped and shifted pair by pair. For positions in a row those steps take
query + key - 1 numbers, and the matrix is one write.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from posenc_lib import _validate
from posenc_lib._precision import product, wide
from posenc_lib._products import fitting_rows, weighted_rows
from posenc_lib.distance import all_distances, are_consecutive, toeplitz
from posenc_lib.doors import Door, KeyPositions, PositionEncoding, QueryPositions
from posenc_lib.relative import relative_positions, table_rows


class TableRelative(PositionEncoding):
    """Door 3 for a (2K + 1, head_dim) key table and, if there is one, a value table.

    `ShawRelative` trains the tables, `NezhaRelative` fixes them. Both are shared by all heads.
    A subclass says which tables, in `tables()`.

    Raises ValueError for head_dim < 1 or max_distance < 0.

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
        self.head_dim = _validate.size(name, "head_dim", head_dim)
        self.max_distance = _validate.size(name, "max_distance", max_distance, minimum=0)

    def tables(self, device: torch.device | None = None) -> tuple[Tensor, Tensor | None]:
        """The key table and the value table or None; tables made afresh are made on `device`."""
        raise NotImplementedError

    def at_scores(
        self,
        query: Float[Tensor, "batch heads query head_dim"],
        key: Float[Tensor, "batch heads key head_dim"],
        query_positions: QueryPositions,
        key_positions: KeyPositions,
    ) -> Float[Tensor, "batch heads query key"]:
        """q_i . a^K_ij / sqrt(head_dim), float32 at least."""
        name = "shaw_scores"  # the sum of `shaw_scores`, with an index that costs less
        table = self.tables(query.device)[0]
        _validate.floating(name, "query", query, axes="batch heads query head_dim")
        _validate.last_axis(name, "table", table, "head_dim", query.shape[-1])
        index = self._index(name, table, query_positions, key_positions)
        index = fitting_rows(name, index, query.shape[0], query.shape[2], key.shape[2])
        by_distance = product(query, table.to(wide(query))) / math.sqrt(self.head_dim)
        return by_distance.gather(-1, index.expand(*query.shape[:2], -1, -1))

    def at_values(
        self,
        weights: Float[Tensor, "batch heads query key"],
        query_positions: QueryPositions,
        key_positions: KeyPositions,
    ) -> Float[Tensor, "batch heads query head_dim"] | None:
        """sum_j alpha_ij a^V_ij in the dtype of the weights, or None without a value table."""
        table = self.tables(weights.device)[1]
        if table is None:
            return None
        name = "shaw_values"
        _validate.floating(name, "weights", weights, axes="batch heads query key")
        index = self._index(name, table, query_positions, key_positions)
        index = fitting_rows(name, index, weights.shape[0], *weights.shape[2:])
        return weighted_rows(weights, table, index)

    def _index(self, name: str, table: Tensor, query_positions: Tensor, key_positions: Tensor):
        """The table row of each pair; for positions in a row made from query + key - 1 numbers."""
        if not (are_consecutive(query_positions) and are_consecutive(key_positions)):
            return table_rows(name, table, relative_positions(query_positions, key_positions))
        distance = all_distances(query_positions, key_positions)
        return toeplitz(table_rows(name, table, distance), len(query_positions))

    def extra_repr(self) -> str:
        return f"head_dim={self.head_dim}, max_distance={self.max_distance}"
