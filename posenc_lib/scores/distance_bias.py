"""Biases that depend on the distance j - i only: door 3, O(length) numbers for a whole matrix.

    scores_ij = q_i . k_j / sqrt(head_dim) + f_h(j - i)

n queries and m keys in a row have n + m - 1 different distances, so f is computed that often and
not n * m times (`distance_rows`). T5, ALiBi, KERPLE and Sandwich are one method on top of this
file; FIRE has a second one, for queries past its threshold.

Source: Huang et al. 2018, "Music Transformer", section 3.4.1 (the skew); Golub and Van Loan,
"Matrix Computations", section 4.7 (Toeplitz matrices).

The trap: computing f on the full (query, key) matrix, at every layer and every step. At length
16,384 with 16 heads that matrix alone is 17 GB.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float, Num
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
    check_same_heads,
    is_foreign,
)
from posenc_lib.base.float64 import float64_device
from posenc_lib.base.places import Places
from posenc_lib.base.precision import wide
from posenc_lib.base.relative import relative_positions

ScoreMod = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]
"""(score, batch, head, query, key) -> score, as `flex_attention` takes it."""


class PreparedBias:
    """What a distance bias prepares: f of each distance, and the matrix once it is asked for.

    Minus infinity stands for what causality or window shut out. Lives for one forward pass.
    """

    def __init__(self, encoding: DistanceBias, places: Places) -> None:
        self.encoding, self.places = encoding, places
        self._numbers: Tensor | None = None
        self._matrix: Tensor | None = None
        self.in_row = places.offset is not None and encoding.follows_diagonals(places)
        self.shuts_out = is_foreign(encoding)  # whether f itself may be -inf

    @property
    def numbers(self) -> Float[Tensor, "#heads ..."]:
        """f_h of the n + m - 1 distances of positions in a row, of every pair for any others."""
        if self._numbers is None:
            self._numbers = self._compute()
        return self._numbers

    def _compute(self) -> Tensor:
        places = self.places
        row = places.row if self.in_row else None
        if row is not None:
            numbers = self.encoding.by_distance(row)
        else:
            device = float64_device(places.query.device)
            numbers = self.encoding.by_pair(places.query.to(device), places.key.to(device))
        numbers = numbers.to(places.query.device, places.dtype)
        self.shuts_out = self._check(numbers)
        seen = places.seen if row is None else places.seen_row if places.hides else None
        if seen is None:
            return numbers
        seen = seen.squeeze(1) if seen.ndim == 4 else seen  # numbers have their heads first
        return numbers.masked_fill(~seen, -math.inf)

    def _check(self, numbers: Tensor) -> bool:
        """Refuse NaN and +inf where a look costs no wait; whether there is -inf, or may be.

        Elsewhere they end as NaN in the output.
        """
        if not (numbers.numel() and numbers.device.type == "cpu" and validation.readable(numbers)):
            return is_foreign(self.encoding)
        low, high = torch.stack(numbers.detach().aminmax()).tolist()
        if not high < math.inf:  # aminmax keeps a NaN
            raise validation.refuse(
                ValueError, type(self.encoding).__name__, "bias", "NaN or +inf",
                "finite numbers or -inf",
                "Look for 0 * inf or log of a negative number where the bias is made.",
            )  # fmt: skip
        return bool(low == -math.inf)

    @property
    def matrix(self) -> Float[Tensor, "... #heads query key"]:
        """The numbers as a matrix, with a batch axis where the positions have one."""
        if self._matrix is None:
            if self.in_row:
                matrix = spread(self.numbers, self.places.queries)
                self._matrix = matrix if self.places.batch is None else matrix[None]
            else:
                self._matrix = self.numbers.movedim(0, -3)
        return self._matrix


class DistanceBias(PositionEncoding):
    """Door 3 for a number that depends on the head and the distance j - i only.

    A subclass says which number, in `by_distance`. Consecutive positions cost
    query + key - 1 evaluations; any others, packed or with gaps, one for each pair.

    Raises NotImplementedError until a subclass says which number; ValueError for positions of
    another length than the queries or keys, for queries with another number of heads, and for
    numbers that are NaN or +inf.

    >>> class Recency(DistanceBias):
    ...     def by_distance(self, distance):
    ...         return -distance.abs().double().unsqueeze(0)  # an axis for the heads
    >>> x, positions = torch.zeros(1, 1, 2, 4), torch.arange(2)
    >>> Recency().at_scores(x, x, positions, positions)
    tensor([[[-0., -1.],
             [-1., -0.]]])
    """

    door = Door.SCORES
    modified_by = "table"  # how flex_attention gets it: a look-up, or the formula itself

    def by_distance(self, distance: Num[Tensor, "*shape"]) -> Float[Tensor, "#heads *shape"]:
        """The bias of each head at each distance key - query (negative: the past)."""
        raise NotImplementedError

    def by_pair(
        self, query_positions: QueryPositions, key_positions: KeyPositions
    ) -> Float[Tensor, "#heads *batch query key"]:
        """The bias of each head for each pair, where positions are not consecutive."""
        return self.by_distance(relative_positions(query_positions, key_positions))

    def follows_diagonals(self, places: Places) -> bool:
        """Whether distances alone are enough where positions stand in a row."""
        return True

    def prepare(self, places: Places) -> tuple[PreparedBias, None, PreparedBias]:
        """The numbers of all distances; the matrix is written when a layer first asks for it."""
        prepared = PreparedBias(self, places)
        return prepared, None, prepared

    def score_mod(self, places: Places) -> ScoreMod:
        """The same bias for `torch.nn.attention.flex_attention`: looked up by distance.

        Raises ValueError for positions that are not in a row, or past what distances can say.
        """
        return self.modify_scores(PreparedBias(self, places))

    def modify_scores(self, prepared: PreparedBias) -> ScoreMod:
        """`score_mod` of what is prepared already. A table takes the gradients of trained numbers
        spread over its n + m - 1 entries; a formula would add them all up in one."""
        if not prepared.in_row:
            raise validation.refuse(
                ValueError, type(self).__name__, "places", "positions that are not in a row",
                "p, p + 1, p + 2 ..., the same for all batch rows", "Use at_scores for any others.",
            )  # fmt: skip
        numbers, last = prepared.numbers, prepared.places.queries - 1
        if numbers.shape[0] == 1:
            return lambda score, batch, head, i, j: score + numbers[0, j - i + last]
        return lambda score, batch, head, i, j: score + numbers[head, j - i + last]

    def at_scores(
        self,
        query: Float[Tensor, "batch heads query head_dim"],
        key: Float[Tensor, "batch heads key head_dim"],
        query_positions: QueryPositions | PreparedBias,
        key_positions: KeyPositions | PreparedBias,
    ) -> Float[Tensor, "#heads query key"] | Float[Tensor, "#batch #heads query key"]:
        """f_h(j - i), (heads, query, key); (batch, heads, query, key) for batched positions, with
        1 for the batch where every row has the same distances.

        float32, or float64 for float64 queries: a bias in half precision loses far distances.
        """
        prepared = query_positions
        if isinstance(prepared, PreparedBias):
            name, places = type(self).__name__, prepared.places
            check_prepared(
                name, "query", query.shape[-2], places.queries, query.shape[0], places.batch
            )
            check_prepared(name, "key", key.shape[-2], places.keys)
        else:
            prepared = self._prepared(query, key, query_positions, key_positions)
        self.check_heads(prepared.numbers, query)
        return prepared.matrix

    def _prepared(self, query: Tensor, key: Tensor, at: Any, keys_at: Any) -> PreparedBias:
        """The bias at these positions, if they are one for each query and one for each key."""
        name = type(self).__name__
        for argument, x, positions in (
            ("query", query, at), ("key", key, keys_at)
        ):  # fmt: skip
            validation.floating(name, argument, x, axes=f"batch heads {argument} head_dim")
            check_heads_first(name, argument, x, positions)
            validation.positions(
                name, f"{argument}_positions", positions, length=x.shape[-2], batch=x.shape[0]
            )
        return PreparedBias(self, Places.given(at, keys_at, keys_at, dtype=wide(query)))

    def check_heads(self, numbers: Tensor, query: Tensor) -> None:
        """Refuse a bias for another number of heads than the queries have."""
        if numbers.shape[0] != 1:  # one row serves all heads
            check_same_heads(type(self).__name__, numbers.shape[0], query)
