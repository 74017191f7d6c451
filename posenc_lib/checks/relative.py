"""Exercises of notebook 03: the matrix j - i, the rows of the table, Shaw's values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor

from posenc_lib.base.relative import relative_index, relative_positions
from posenc_lib.checks.exercise import Exercise, Mistake, Verdict
from posenc_lib.lessons.memory import largest_tensor
from posenc_lib.scores.shaw import shaw_values


def _minus_plus(queries: int, keys: int, offset: int) -> Tensor:
    return -relative_positions(queries, keys, offset=offset)


def _vector(queries: int, keys: int, offset: int) -> Tensor:
    return torch.arange(keys) - (torch.arange(queries) + offset)


def _offset_on_keys(queries: int, keys: int, offset: int) -> Tensor:
    return relative_positions(queries, keys, offset=-offset)


def _no_offset(queries: int, keys: int, offset: int) -> Tensor:
    return relative_positions(queries, keys)


def _key_by_query(queries: int, keys: int, offset: int) -> Tensor:
    return relative_positions(queries, keys, offset=offset).T


def _square(queries: int, keys: int, offset: int) -> Tensor:
    return relative_positions(keys, keys)


matrix = Exercise(
    name="my_relative",
    solution=lambda queries, keys, offset: relative_positions(queries, keys, offset=offset),
    cases=lambda: [(3, 4, 0), (4, 4, 0), (1, 6, 5), (2, 5, 3)],
    mistakes=(
        Mistake(
            "i - j", _minus_plus,
            "Past and future are swapped: that is query minus key. Here it is key minus query, "
            "so a key in the past is negative.",
        ),
        Mistake(
            "vector", _vector,
            "Two vectors subtracted give one vector: for as many queries as keys it is constant, "
            "otherwise an error. Stand the queries up as a column: positions[:, None].",
        ),
        Mistake(
            "offset on the keys", _offset_on_keys,
            "The offset moved the keys. Key j stands at j; it is query i that stands at "
            "i + offset, so a larger offset makes every distance smaller.",
        ),
        Mistake(
            "no offset", _no_offset,
            "Right as long as the offset is 0. With a cache the first query stands at offset.",
        ),
        Mistake(
            "key by query", _key_by_query,
            "The numbers are right and the axes are swapped. Queries are the rows: the column "
            "[:, None] is made of the query positions, the row [None, :] of the key positions.",
        ),
        Mistake(
            "square", _square,
            "You made as many rows as there are keys. Rows are queries, columns are keys.",
        ),
    ),
)  # fmt: skip


def _distances() -> list[tuple]:
    return [
        (relative_positions(3, 4), 1),
        (relative_positions(6, 6), 2),
        (relative_positions(1, 9, offset=8), 3),
        (relative_positions(2, 12), 4),
    ]


rows = Exercise(
    name="my_rows",
    solution=relative_index,
    cases=_distances,
    mistakes=(
        Mistake(
            "no shift", lambda relative, K: relative.clamp(-K, K),
            "You clipped and did not shift. Row -1 is then the last row of the table, and no "
            "error says so. Add K.",
        ),
        Mistake(
            "shift before clip", lambda relative, K: (relative + K).clamp(-K, K),
            "You shifted first and clipped afterwards to [-K, K]: distance 0 and all of the "
            "future share row K. Clip to [-K, K], then add K.",
        ),
        Mistake(
            "wrapped", lambda relative, K: (relative + K) % (2 * K + 1),
            "The remainder wraps around: a key just beyond K in the past gets the row of the "
            "far future. Clip instead: everything beyond K takes the outermost row.",
        ),
        Mistake(
            "absolute value", lambda relative, K: relative.abs().clamp(max=K),
            "abs() throws the direction away: two back and two ahead get the same vector. "
            "Keep the sign; the shift by K makes the row number positive.",
        ),
        Mistake(
            "clipped at zero", lambda relative, K: relative.clamp(0, 2 * K),
            "You clipped to the range of the rows without shifting: the whole past falls on "
            "row 0. Row K is distance 0.",
        ),
    ),
)  # fmt: skip


_TOO_LARGE = (
    "The numbers are right, but a vector for each pair was built on the way. Sum the weights "
    "of each row of the table first, into (query, rows); then one product with the table."
)


@dataclass(frozen=True)
class SmallExercise(Exercise):
    """An exercise whose answer may build nothing larger than its weights, table or result."""

    def __call__(self, answer: Callable[..., Any]) -> Verdict:
        verdict = super().__call__(answer)
        if not verdict.correct:
            return verdict
        for weights, table, relative in self.cases():
            allowed = max(weights.numel(), weights.shape[0] * max(table.shape))
            shape = largest_tensor(answer, weights, table, relative)
            if prod(shape) > allowed:
                return Verdict(False, f"Not yet. {_TOO_LARGE} The largest had shape {shape}.")
        return verdict


def _values(weights: Tensor, table: Tensor, relative: Tensor) -> Tensor:
    return shaw_values(weights[None, None], table, relative)[0, 0]


def _every_pair(weights: Tensor, table: Tensor, relative: Tensor) -> Tensor:
    vectors = table[relative_index(relative, len(table) // 2)]  # (query, key, head_dim)
    return (weights[..., None] * vectors).sum(1)


def _unweighted(weights: Tensor, table: Tensor, relative: Tensor) -> Tensor:
    return _values(torch.ones_like(weights), table, relative)


def _mirrored(weights: Tensor, table: Tensor, relative: Tensor) -> Tensor:
    return _values(weights, table, -relative)


def _overwritten(weights: Tensor, table: Tensor, relative: Tensor) -> Tensor:
    """The weight of a row is set, not added up: the last key wins."""
    index = relative_index(relative, len(table) // 2)
    by_row = weights.new_zeros(len(weights), len(table))
    for key in range(weights.shape[1]):
        by_row[torch.arange(len(weights)), index[:, key]] = weights[:, key]
    return by_row @ table


def _averaged(weights: Tensor, table: Tensor, relative: Tensor) -> Tensor:
    index = relative_index(relative, len(table) // 2)
    zeros = weights.new_zeros(len(weights), len(table))
    total = zeros.scatter_add(1, index, weights)
    count = zeros.scatter_add(1, index, torch.ones_like(weights))
    return total / count.clamp(min=1) @ table


def _value_cases() -> list[tuple]:
    generator = torch.Generator().manual_seed(0)
    cases = []
    for queries, keys, distance, head_dim in ((2, 3, 1, 2), (5, 7, 2, 3), (24, 24, 2, 16)):
        weights = torch.rand(queries, keys, generator=generator).softmax(-1)
        table = torch.randn(2 * distance + 1, head_dim, generator=generator)
        cases.append((weights, table, relative_positions(queries, keys)))
    return cases


values = SmallExercise(
    name="my_values",
    solution=_values,
    cases=_value_cases,
    mistakes=(
        Mistake("every pair", _every_pair, _TOO_LARGE),
        Mistake(
            "no weights", _unweighted,
            "Every key counts the same in your sum. The vector of key j comes in with the "
            "attention weight of key j.",
        ),
        Mistake(
            "mirrored", _mirrored,
            "Past and future are swapped: the row is that of j - i, not of i - j.",
        ),
        Mistake(
            "overwritten", _overwritten,
            "Several keys share a row (all the far ones do), and yours keeps only the last of "
            "them. Add the weights up: scatter_add, not an assignment.",
        ),
        Mistake(
            "averaged", _averaged,
            "You took the mean of the weights that share a row. The formula is a sum: ten far "
            "keys count ten times.",
        ),
    ),
)  # fmt: skip
