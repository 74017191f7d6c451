"""Shaw's relative position representations: door 3, scores and values.

    e_ij = q_i . (k_j + a^K_ij) / sqrt(head_dim)
    o_i  = sum_j alpha_ij (v_j + a^V_ij),      a_ij = table[clip(j - i, -K, K) + K]

Source: Shaw et al. 2018, "Self-Attention with Relative Position Representations",
equations 3 and 4. alpha_ij are the attention weights, K is max_distance.
Section 3.3 of the paper shares a_ij among heads and batch rows; multiplying
by the table before anything is picked goes further (Huang et al. 2018, "Music Transformer",
section 3.4).

The trap: the plain form multiplies every query with every a_ij, (batch, heads, query, key,
head_dim) numbers, head_dim times the score matrix. A distance has only 2K + 1 values, so the
efficient form multiplies by the table first and picks afterwards.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn

from posenc_lib.base import validation
from posenc_lib.base.registry_entry import CLIPPED, DISTANCE, RegistryEntry
from posenc_lib.base.relative import relative_positions, table_rows  # noqa: F401 (the doctests)
from posenc_lib.scores.table_relative import TableRelative, picked_scores, weighted_rows


def shaw_scores_naive(
    query: Float[Tensor, "batch heads query head_dim"],
    table: Float[Tensor, "rows head_dim"],
    relative: Integer[Tensor, "*batch query key"],
) -> Float[Tensor, "batch heads query key"]:
    """q_i . a_ij, unscaled, by looking up every pair: makes (batch, heads, query, key, head_dim).

    The readable reference for `shaw_scores`. Raises like it.

    Source: Shaw et al. 2018, second term of equation 5.

    >>> table = torch.tensor([[1.0], [2.0], [3.0]])
    >>> shaw_scores_naive(torch.ones(1, 1, 2, 1), table, relative_positions(2, 2))[0, 0]
    tensor([[2., 3.],
            [1., 2.]])
    """
    index = _scores_index("shaw_scores_naive", query, table, relative)
    return (query[..., :, None, :] * table[index]).sum(-1)  # every pair, every feature


def shaw_scores(
    query: Float[Tensor, "batch heads query head_dim"],
    table: Float[Tensor, "rows head_dim"],
    relative: Integer[Tensor, "*batch query key"],
) -> Float[Tensor, "batch heads query key"]:
    """q_i . a_ij, unscaled: one product with the table, then one pick for each pair.

    Extra memory (batch, heads, query, rows), never (query, key, head_dim).

    Raises ValueError for wrong ranks, an even number of table rows or two head_dims;
    TypeError for integer input.

    Source: Shaw et al. 2018, equation 5; Huang et al. 2018, section 3.4, for the order.

    >>> table = torch.tensor([[1.0], [2.0], [3.0]])
    >>> shaw_scores(torch.ones(1, 1, 2, 1), table, relative_positions(2, 2))[0, 0]
    tensor([[2., 3.],
            [1., 2.]])
    """
    index = _scores_index("shaw_scores", query, table, relative)
    return picked_scores(query, table, index).to(query.dtype)


def shaw_values_naive(
    weights: Float[Tensor, "batch heads query key"],
    table: Float[Tensor, "rows head_dim"],
    relative: Integer[Tensor, "*batch query key"],
) -> Float[Tensor, "batch heads query head_dim"]:
    """sum_j alpha_ij a_ij, by looking up every pair: makes (batch, heads, query, key, head_dim).

    The readable reference for `shaw_values`. Raises like it.

    Source: Shaw et al. 2018, second term of equation 3.

    >>> table = torch.tensor([[1.0], [2.0], [3.0]])
    >>> shaw_values_naive(torch.full((1, 1, 1, 2), 0.5), table, relative_positions(1, 2))
    tensor([[[[2.5000]]]])
    """
    index = _values_index("shaw_values_naive", weights, table, relative)
    return (weights[..., None] * table[index]).sum(-2)  # every pair, every feature


def shaw_values(
    weights: Float[Tensor, "batch heads query key"],
    table: Float[Tensor, "rows head_dim"],
    relative: Integer[Tensor, "*batch query key"],
) -> Float[Tensor, "batch heads query head_dim"]:
    """sum_j alpha_ij a_ij: the weights summed by distance, then one product with the table.

    Extra memory (batch, heads, query, rows), never (query, key, head_dim).

    Raises ValueError for wrong ranks or an even number of table rows; TypeError for integers.

    Source: Shaw et al. 2018, equation 3.

    >>> table = torch.tensor([[1.0], [2.0], [3.0]])
    >>> shaw_values(torch.full((1, 1, 1, 2), 0.5), table, relative_positions(1, 2))
    tensor([[[[2.5000]]]])
    """
    index = _values_index("shaw_values", weights, table, relative)
    return weighted_rows(weights, table, index)


class ShawRelative(TableRelative):
    """Trained vectors for the distances -K .. K, for keys and (unless `values=False`) values.

    e_ij = q_i . (k_j + a^K_ij) / sqrt(head_dim), o_i = sum_j alpha_ij (v_j + a^V_ij), with
    a_ij = table[clip(j - i, -K, K) + K].

    `key_table` and `value_table` have shape (2K + 1, head_dim), are shared by the heads of a
    layer and start as N(0, std).

    Raises ValueError for head_dim < 1, max_distance < 0 or std < 0.

    Source: Shaw et al. 2018, equations 3 and 4. The paper gives no start; std is ours.

    >>> ShawRelative(head_dim=8, max_distance=4).key_table.shape
    torch.Size([9, 8])
    """

    def __init__(
        self, head_dim: int, max_distance: int, *, values: bool = True, std: float = 0.02
    ) -> None:
        super().__init__(head_dim, max_distance)
        std = validation.spread("ShawRelative", std)
        values = validation.flag("ShawRelative", "values", values)
        rows = 2 * self.max_distance + 1
        self.key_table = nn.Parameter(torch.randn(rows, self.head_dim) * std)
        self.value_table = nn.Parameter(torch.randn(rows, self.head_dim) * std) if values else None

    def tables(self, device: torch.device | None = None) -> tuple[Tensor, Tensor | None]:
        """The trained key table and the trained value table or None."""
        return self.key_table, self.value_table

    @property
    def needs_weights(self) -> bool:
        """Whether `at_values` has something to add: without a value table it has not."""
        return self.value_table is not None

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, values={self.value_table is not None}"


def _scores_index(function: str, query: Tensor, table: Tensor, relative: Tensor) -> Tensor:
    validation.floating(function, "query", query, axes="batch heads query head_dim")
    validation.floating(function, "table", table, axes="rows head_dim")
    validation.last_axis(function, "table", table, "head_dim", query.shape[-1])
    validation.same_dtype(function, query=query, table=table)
    return _index(function, table, relative, query.shape[0], query.shape[2], None)


def _values_index(function: str, weights: Tensor, table: Tensor, relative: Tensor) -> Tensor:
    validation.floating(function, "weights", weights, axes="batch heads query key")
    validation.floating(function, "table", table, axes="rows head_dim")
    validation.same_dtype(function, weights=weights, table=table)
    return _index(function, table, relative, weights.shape[0], *weights.shape[2:])


def _index(
    function: str, table: Tensor, relative: Tensor, batch: int, queries: int, keys: int | None
) -> Tensor:
    """The table row of each pair, (query, key) or (batch, 1, query, key)."""
    index = table_rows(function, table, relative)
    shape = tuple(index.shape)
    keys = shape[-1] if keys is None and shape else keys
    if shape[-2:] != (queries, keys) or shape[:-2] not in ((), (1,), (batch,)):
        raise validation.refuse(
            ValueError, function, "relative.shape", shape,
            f"(query, key) or (batch, query, key) with query = {queries}, batch = {batch}"
            + ("" if keys is None else f", key = {keys}"),
            "Make it with relative_positions(queries, keys).",
        )  # fmt: skip
    return index.unsqueeze(1) if index.ndim == 3 else index


ENTRIES = [
    RegistryEntry(
        name="shaw",
        title="Shaw",
        cls=ShawRelative,
        sizes=("head_dim",),
        defaults={"max_distance": 16},
        parameters="2 * (2 * max_distance + 1) * head_dim",
        depends_on=DISTANCE,
        longer=CLIPPED,
        source="Shaw et al. 2018, equations 3 and 4",
    ),
]
