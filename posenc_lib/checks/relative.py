"""Exercises of notebook 03: the matrix j - i, the rows of the table, Shaw's values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

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
    cases=lambda: [(3, 4, 0), (4, 4, 0), (1, 6, 5), (2, 5, 3), (2, 3, 4)],
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
            "Right as long as the offset is 0: it is not used, or cancels. With a cache the first "
            "query stands at offset.",
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
        Mistake(
            "i - j, transposed", lambda q, k, o: _minus_plus(q, k, o).T,
            "Two things: past and future are swapped (key minus query), and so are the axes: "
            "queries are the rows.",
        ),
        Mistake(
            "i - j without offset", lambda q, k, o: -relative_positions(q, k),
            "Two things: that is query minus key, so past and future are swapped, and the offset "
            "is not used.",
        ),
        Mistake(
            "i - j, offset on the keys", lambda q, k, o: -_offset_on_keys(q, k, o),
            "Two things: that is query minus key, so past and future are swapped, and the offset "
            "belongs to the query: i + offset.",
        ),
        Mistake(
            "i - j without offset, transposed", lambda q, k, o: -relative_positions(q, k).T,
            "Three things: query minus key is the wrong way round, the axes are swapped, and the "
            "offset is not used.",
        ),
        Mistake(
            "key by query without offset", lambda q, k, o: relative_positions(q, k).T,
            "Two things: the axes are swapped (queries are the rows), and the offset is not used.",
        ),
        Mistake(
            "key by query, offset on the keys", lambda q, k, o: _offset_on_keys(q, k, o).T,
            "Two things: the axes are swapped (queries are the rows), and the offset belongs to "
            "the query: i + offset.",
        ),
        Mistake(
            "transposed and i - j on the keys", lambda q, k, o: -_offset_on_keys(q, k, o).T,
            "Three things: query minus key is the wrong way round, the axes are swapped, and the "
            "offset belongs to the query.",
        ),
        Mistake(
            "absolute", lambda q, k, o: relative_positions(q, k, offset=o).abs(),
            "abs() throws the direction away. Keep the sign: the past is negative.",
        ),
        Mistake(
            "absolute without offset", lambda q, k, o: relative_positions(q, k).abs(),
            "Two things: abs() throws the direction away, and the offset is not used.",
        ),
        Mistake(
            "offset guessed", lambda q, k, o: relative_positions(q, k, offset=k - q),
            "You take keys - queries for the offset. That is right with a full cache only: use "
            "the offset that is given.",
        ),
        Mistake(
            "offset twice", lambda q, k, o: relative_positions(q, k, offset=2 * o),
            "The offset comes in twice. Query i stands at i + offset.",
        ),
        Mistake(
            "offset times i", lambda q, k, o: torch.arange(k) - torch.arange(q)[:, None] * o,
            "You multiply i by the offset. Query i stands at i + offset.",
        ),
        Mistake(
            "sum", lambda q, k, o: torch.arange(k) + torch.arange(q)[:, None] + o,
            "You add the two positions. The distance is their difference, key minus query.",
        ),
        Mistake(
            "product", lambda q, k, o: torch.arange(k) * (torch.arange(q)[:, None] + o),
            "You multiply the two positions. The distance is their difference, key minus query.",
        ),
        Mistake(
            "one on", lambda q, k, o: relative_positions(q, k, offset=o + 1),
            "Your queries stand one too far, as if they counted from 1: query i stands at "
            "i + offset.",
        ),
        Mistake(
            "one behind", lambda q, k, o: relative_positions(q, k, offset=o - 1),
            "Your keys count from 1, or your queries stand one too early: both count from 0.",
        ),
        Mistake(
            "past only", lambda q, k, o: relative_positions(q, k, offset=o).clamp(max=0),
            "The future is cut off at 0. Keys after the query have positive distances.",
        ),
        Mistake(
            "future only", lambda q, k, o: relative_positions(q, k, offset=o).clamp(min=0),
            "The past is cut off at 0. Keys before the query have negative distances.",
        ),
        Mistake(
            "shifted", lambda q, k, o: relative_positions(q, k, offset=o) + q - 1,
            "You shifted the distances so that none is negative. That is for the rows of a table, "
            "later: here the past is negative.",
        ),
        Mistake(
            "mask", lambda q, k, o: relative_positions(q, k, offset=o) <= 0,
            "That is a mask, True and False. Return the distances themselves, key minus query.",
        ),
        Mistake(
            "queries from the end", lambda q, k, o: relative_positions(q, k, offset=o).flip(0),
            "Your queries stand in reverse order: row 0 is the query at offset.",
        ),
        Mistake(
            "keys from the offset", lambda q, k, o: torch.arange(o, k) - torch.arange(
                o, o + q)[:, None],
            "Your keys begin at the offset. They begin at 0: it is the queries that stand later.",
        ),
        Mistake(
            "sign alone", lambda q, k, o: relative_positions(q, k, offset=o).sign(),
            "You kept the sign only. Return the distance, key minus query.",
        ),
        Mistake(
            "range to queries", lambda q, k, o: torch.arange(k) - torch.arange(o, q)[:, None],
            "arange(offset, queries) stops too early: it runs from offset to offset + queries.",
        ),
        Mistake(
            "key positions only", lambda q, k, o: torch.arange(k).expand(q, k),
            "Those are the positions of the keys. Take off the position of the query.",
        ),
    ),
)  # fmt: skip


def _distances() -> list[tuple]:
    return [
        (relative_positions(3, 4), 1),
        (relative_positions(5, 5), 2),
        (relative_positions(1, 9, offset=8), 3),
        (relative_positions(2, 9), 4),
    ]


def _far_alike(relative: Tensor, K: int) -> Tensor:
    """Everything beyond K on one side, whatever its sign."""
    return torch.where(relative.abs() > K, K, relative) + K


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
        Mistake(
            "no clip", lambda relative, K: relative + K,
            "You shifted and did not clip: beyond K the row numbers leave the table, 0 ... 2K. "
            "Clip to [-K, K] first.",
        ),
        Mistake(
            "not clipped below", lambda relative, K: relative.clamp(max=K) + K,
            "You clip the future only, so the far past gets negative row numbers, which count "
            "from the end of the table. Clip both ends.",
        ),
        Mistake(
            "not clipped above", lambda relative, K: relative.clamp(min=-K) + K,
            "You clip the past only, so the far future gets rows beyond 2K. Clip both ends.",
        ),
        Mistake(
            "one row too few", lambda relative, K: relative.clamp(-K, K - 1) + K,
            "You clip one too early at the upper end (K - 1, or 2K - 1 after the shift), so the "
            "last "
            "row, 2K, is never used. Distances run from -K to K, both included.",
        ),
        Mistake(
            "one row too few, below", lambda relative, K: relative.clamp(-K + 1, K) + K,
            "You clip to -K + 1, so row 0 is never used. Distances run from -K to K, both "
            "included.",
        ),
        Mistake(
            "one row too few, both", lambda relative, K: relative.clamp(-K + 1, K - 1) + K - 1,
            "You clip one too early on both sides. Distances run from -K to K, both included, and "
            "make 2K + 1 rows.",
        ),
        Mistake(
            "shifted by K - 1", lambda relative, K: relative.clamp(-K, K) + K - 1,
            "Your rows are one too low, so -K gets row -1, which is the last one. Shift by K.",
        ),
        Mistake(
            "shifted by K + 1", lambda relative, K: relative.clamp(-K, K) + K + 1,
            "Your rows are one too high: K would get row 2K + 1, which does not exist. Shift by K.",
        ),
        Mistake(
            "shifted by 2K", lambda relative, K: relative.clamp(-K, K) + 2 * K,
            "You shift by 2K. The smallest distance is -K and gets row 0, so shift by K.",
        ),
        Mistake(
            "one row too many", lambda relative, K: (relative + K).clamp(0, 2 * K + 1),
            "You clip at 2K + 1. The table has 2K + 1 rows, so the last is number 2K.",
        ),
        Mistake(
            "shift, clip to K", lambda relative, K: (relative + K).clamp(0, K),
            "Distance 0 and all of the future share row K in yours. Clip to [-K, K] before the "
            "shift (or to [0, 2K] after it): the future has rows of its own, K + 1 to 2K.",
        ),
        Mistake(
            "clip of the future", lambda relative, K: relative.clamp(0, K),
            "You clipped to 0 ... K without shifting: the whole past falls on row 0. Clip to "
            "[-K, K], then add K.",
        ),
        Mistake(
            "sign alone", lambda relative, K: relative.sign() * K + K,
            "You kept the sign only, so all of the past is row 0 and all of the future row 2K. "
            "Distances up to K have rows of their own: clip, do not cut.",
        ),
        Mistake(
            "one hot", lambda relative, K: F.one_hot(relative_index(relative, K), 2 * K + 1),
            "Those are rows of 0 and 1 (one hot). Return the row numbers.",
        ),
        Mistake(
            "wrapped like a list", lambda relative, K: torch.where(
                relative < 0, relative + 2 * K + 1, relative).clamp(0, 2 * K),
            "You count negative distances from the end, as a list does. Then the past stands "
            "behind the future: clip to [-K, K], then add K.",
        ),
        Mistake(
            "absolute value after the shift",
            lambda relative, K: (relative + K).abs().clamp(max=2 * K),
            "abs() after the shift turns the far past into rows of its mirror image. Clip: the "
            "far past gets row 0.",
        ),
        Mistake(
            "clipped at K - 1, shifted by K", lambda relative, K: relative.clamp(1 - K, K - 1) + K,
            "You clip at K - 1, so the first and the last row are never used. Distances run "
            "from -K to K, both included.",
        ),
        Mistake(
            "each row once", lambda relative, K: relative_index(relative, K).unique(),
            "You return each row number once. Every pair needs its own: the shape stays "
            "(query, key).",
        ),
        Mistake(
            "mirrored", lambda relative, K: K - relative.clamp(-K, K),
            "Past and future are swapped: row 0 belongs to the far past, -K, and row 2K to the "
            "far future.",
        ),
        Mistake(
            "clipped at 2K", lambda relative, K: relative.clamp(-2 * K, 2 * K) + 2 * K,
            "You clip at 2K and shift by 2K. The table reaches from -K to K: clip at K and shift "
            "by K.",
        ),
        Mistake(
            "clipped at 2K, shifted by K", lambda relative, K: relative.clamp(-2 * K, 2 * K) + K,
            "You clip at 2K. The table reaches from -K to K: clip there, then shift by K.",
        ),
        Mistake(
            "far alike", _far_alike,
            "Everything beyond K gets the last row, also the far past. Clip: the far past gets "
            "row 0.",
        ),
        Mistake(
            "absolute value, shifted", lambda relative, K: relative.abs().clamp(max=K) + K,
            "abs() throws the direction away: two back and two ahead get the same vector. Keep "
            "the sign.",
        ),
        Mistake(
            "absolute value, not clipped", lambda relative, K: relative.abs(),
            "abs() throws the direction away, and nothing is clipped. Clip to [-K, K], add K.",
        ),
        Mistake(
            "shifted by the smallest", lambda relative, K: (
                relative.clamp(-K, K) - relative.clamp(-K, K).min()),
            "You shift by the smallest distance that occurs. Then a distance has another row in "
            "another text: always shift by K.",
        ),
        Mistake(
            "remainder of K", lambda relative, K: relative % K,
            "The remainder wraps around, so far distances share rows with near ones. Clip to "
            "[-K, K], then add K.",
        ),
        Mistake(
            "unchanged", lambda relative, K: relative.clone(),
            "You return the distances. Clip them to [-K, K], then add K: rows are 0 ... 2K.",
        ),
        Mistake(
            "zeroed beyond", lambda relative, K: torch.where(relative.abs() > K, 0, relative) + K,
            "What lies beyond K gets the row of distance 0. Clip: it gets the outermost rows.",
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
        for case in self.cases():
            weights, table, relative = case
            allowed = max(weights.numel(), weights.shape[0] * max(table.shape))
            shape = largest_tensor(answer, weights, table, relative)
            if prod(shape) > allowed:
                message = f"Not yet. {_TOO_LARGE} The largest had shape {shape}."
                return Verdict(False, message, case, shape, allowed)
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


def _by_rows(row_of: Callable[[Tensor, int], Tensor]) -> Callable[..., Tensor]:
    """The right sum with other row numbers, a function of relative and K."""

    def answer(weights: Tensor, table: Tensor, relative: Tensor) -> Tensor:
        index = row_of(relative, len(table) // 2)
        return torch.stack([w @ table[i] for w, i in zip(weights, index, strict=True)])

    return answer


def _first_query(relative: Tensor, K: int) -> Tensor:
    return relative_index(relative, K)[:1].expand_as(relative)


def _far_left_out(weights: Tensor, table: Tensor, relative: Tensor) -> Tensor:
    return _values(weights * (relative.abs() <= len(table) // 2), table, relative)


def _key_rows(weights: Tensor, table: Tensor, relative: Tensor) -> Tensor:
    """Summed over the queries: a vector for each key."""
    index = relative_index(relative, len(table) // 2)
    return torch.stack([w @ table[i] for w, i in zip(weights.T, index.T, strict=True)])


def _by_table_row(weights: Tensor, table: Tensor, relative: Tensor) -> Tensor:
    index = relative_index(relative, len(table) // 2)
    return weights.new_zeros(len(weights), len(table)).scatter_add(1, index, weights)


def _largest(weights: Tensor, table: Tensor, relative: Tensor) -> Tensor:
    index = relative_index(relative, len(table) // 2)
    by_row = weights.new_zeros(len(weights), len(table))
    for i in range(len(weights)):
        for j in range(weights.shape[1]):
            by_row[i, index[i, j]] = torch.maximum(by_row[i, index[i, j]], weights[i, j])
    return by_row @ table


def _value_cases() -> list[tuple]:
    generator = torch.Generator().manual_seed(0)
    cases = []
    for queries, keys, distance, head_dim in ((2, 3, 1, 2), (3, 5, 1, 3), (9, 9, 2, 7)):
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
        Mistake(
            "largest", _largest,
            "Where several keys share a row you keep the largest weight. Add the weights up.",
        ),
        Mistake(
            "not shifted", _by_rows(lambda relative, K: relative.clamp(-K, K)),
            "Your rows are the clipped distances, not shifted: -1 then reads the last row. Add K: "
            "relative_index does both.",
        ),
        Mistake(
            "wrapped", _by_rows(lambda relative, K: (relative + K) % (2 * K + 1)),
            "Your rows wrap around: what lies beyond K reads a row of the other side. Clip "
            "instead, as relative_index does.",
        ),
        Mistake(
            "not clipped", _by_rows(lambda relative, K: relative + K),
            "Your rows are not clipped: beyond K they leave the table, or count from its end. "
            "relative_index clips and shifts.",
        ),
        Mistake(
            "neither", _by_rows(lambda relative, K: relative),
            "You read the table at the distances themselves, neither clipped nor shifted. "
            "relative_index clips to [-K, K] and adds K.",
        ),
        Mistake(
            "absolute", _by_rows(lambda relative, K: relative.abs().clamp(max=K)),
            "abs() throws the direction away. The row is clip(j - i, -K, K) + K.",
        ),
        Mistake(
            "absolute, shifted", _by_rows(lambda relative, K: relative.abs().clamp(max=K) + K),
            "abs() throws the direction away, so the whole past reads rows of the future. The "
            "row is "
            "clip(j - i, -K, K) + K.",
        ),
        Mistake(
            "first query's rows", _by_rows(_first_query),
            "All queries use the rows of the first query. The row depends on i and j: "
            "relative[i, j].",
        ),
        Mistake(
            "rows of the keys", _by_rows(
                lambda relative, K: torch.arange(relative.shape[1]).clamp(max=2 * K).expand_as(
                    relative)),
            "You read row j of the table for key j. The row belongs to the distance: "
            "clip(relative, -K, K) + K.",
        ),
        Mistake(
            "far left out", _far_left_out,
            "Keys beyond K are left out. Clipping gives them the outermost rows, with all their "
            "weight.",
        ),
        Mistake(
            "summed over queries", _key_rows,
            "You sum over the queries, so each key gets a vector. Sum over the keys: one vector "
            "for each query.",
        ),
        Mistake(
            "table left out", _by_table_row,
            "That is the weight of each row of the table, (query, rows). One step is left: "
            "multiply it by the table.",
        ),
        Mistake(
            "mean over keys", lambda w, t, r: _values(w, t, r) / w.shape[1],
            "You took a mean over the keys. The formula is a sum; the weights already share out 1.",
        ),
        Mistake(
            "softmax of the rows", lambda w, t, r: _by_table_row(w, t, r).softmax(-1) @ t,
            "You took a softmax of the weight of each row. They are sums of weights already: use "
            "them as they are.",
        ),
        Mistake(
            "K too large", lambda w, t, r: w.new_zeros(len(w), len(t)).scatter_add(
                1, relative_index(r, len(t)), w) @ t,
            "K is not the number of rows. The table has 2K + 1 of them, so K = len(table) // 2.",
        ),
        Mistake(
            "clipped without shift", _by_rows(lambda relative, K: relative.clamp(0, 2 * K)),
            "Your rows are not shifted: the whole past reads row 0. Row K is distance 0: clip "
            "to [-K, K], then add K.",
        ),
        Mistake(
            "mean vector", lambda w, t, r: w.sum(-1, keepdim=True) * t[
                relative_index(r, len(t) // 2)].mean(1),
            "Every key counts the same in yours: you average the vectors. The vector of key j "
            "comes in with the attention weight of key j.",
        ),
        Mistake(
            "softmax again", lambda w, t, r: _values(w.softmax(-1), t, r),
            "You took a softmax of the weights. They are weights already: use them as they are.",
        ),
        Mistake(
            "vectors of pairs", lambda w, t, r: t[relative_index(r, len(t) // 2)],
            "Those are the vectors of all pairs, without weights and without the sum over the "
            "keys: and they are what the task wants you not to build.",
        ),
        Mistake(
            "weighted, no sum", lambda w, t, r: w[..., None] * t[relative_index(r, len(t) // 2)],
            "The sum over the keys is missing, and a vector for each pair was built. Sum the "
            "weights of each row of the table first.",
        ),
        Mistake(
            "summed over heads", lambda w, t, r: _values(w, t, r).sum(-1),
            "You summed the features away. The result is a vector for each query: "
            "(query, head_dim).",
        ),
    ),
)  # fmt: skip
