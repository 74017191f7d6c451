"""Sums over table rows and checks of their index: what several files of door 3 share."""

from __future__ import annotations

from torch import Tensor

from posenc_lib import _validate
from posenc_lib._precision import product, wide


def weighted_rows(weights: Tensor, table: Tensor, index: Tensor) -> Tensor:
    """sum_j weights_ij table[index_ij], (batch, heads, query, head_dim), in the weights' dtype.

    Summed in float32 at least and rounded once, at the end. The outermost rows gather thousands
    of small weights: where every addition is rounded, a bfloat16 sum of them stops growing.
    """
    counted = weights.to(wide(weights))
    by_row = counted.new_zeros(*weights.shape[:-1], table.shape[0])
    by_row = by_row.scatter_add(-1, index.expand_as(weights), counted)
    # (batch, heads, query, rows) @ (rows, head_dim)
    return product(by_row, table.to(counted.dtype).T).to(weights.dtype)


def fitting_rows(
    function: str, index: Tensor, batch: int, queries: int, keys: int | None
) -> Tensor:
    """Refuse an index for other sizes than those of the queries and keys; add a heads axis."""
    shape = tuple(index.shape)
    keys = shape[-1] if keys is None and shape else keys
    if shape[-2:] != (queries, keys) or shape[:-2] not in ((), (1,), (batch,)):
        raise _validate.refuse(
            ValueError, function, "relative.shape", shape,
            f"(query, key) or (batch, query, key) with query = {queries}, batch = {batch}"
            + ("" if keys is None else f", key = {keys}"),
            "Make it with relative_positions(queries, keys).",
        )  # fmt: skip
    return index.unsqueeze(1) if index.ndim == 3 else index
