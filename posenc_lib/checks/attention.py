"""Exercises of notebook 04: attention itself, and the mask that hides the future."""

from __future__ import annotations

import torch
from torch import Tensor

from posenc_lib.base.masks import causal_mask
from posenc_lib.checks.exercise import Exercise, Mistake
from posenc_lib.layers.dot_product import attention


def _attention(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    return attention(query, key, value, bias=bias)


def _weighted(scores: Tensor, value: Tensor, axis: int = -1) -> tuple[Tensor, Tensor]:
    weights = scores.softmax(axis)
    return weights @ value, weights


def _no_scale(query, key, value, bias):
    return _weighted(query @ key.mT + bias, value)


def _by_head_dim(query, key, value, bias):
    return _weighted(query @ key.mT / query.shape[-1] + bias, value)


def _bias_scaled(query, key, value, bias):
    return _weighted((query @ key.mT + bias) / query.shape[-1] ** 0.5, value)


def _over_queries(query, key, value, bias):
    return _weighted(query @ key.mT / query.shape[-1] ** 0.5 + bias, value, axis=-2)


def _bias_after(query, key, value, bias):
    weights = (query @ key.mT / query.shape[-1] ** 0.5).softmax(-1) + bias
    return weights @ value, weights


def _no_bias(query, key, value, bias):
    return attention(query, key, value)


def _by_keys(query, key, value, bias):
    """The root of the wrong axis: the number of keys instead of head_dim."""
    return _weighted(query @ key.mT / key.shape[-2] ** 0.5 + bias, value)


def _swapped(query, key, value, bias):
    output, weights = _attention(query, key, value, bias)
    return weights, output


def _inputs() -> list[tuple]:
    """(query, key, value, bias) alone, and with (batch, heads) in front."""
    generator = torch.Generator().manual_seed(0)

    def case(*leading: int, queries: int, keys: int, head_dim: int) -> tuple:
        shapes = [(queries, head_dim), (keys, head_dim), (keys, 3), (queries, keys)]
        return tuple(torch.randn(*leading, *shape, generator=generator) for shape in shapes)

    return [
        case(queries=4, keys=5, head_dim=8),
        case(2, 3, queries=6, keys=2, head_dim=16),
    ]


dot_product = Exercise(
    name="my_attention",
    solution=_attention,
    cases=_inputs,
    mistakes=(
        Mistake(
            "no scale", _no_scale,
            "The scores are not divided by sqrt(head_dim), so the softmax is too sharp.",
        ),
        Mistake(
            "by head_dim", _by_head_dim,
            "You divide by head_dim. Divide by its square root: a sum of head_dim products "
            "spreads like the root of head_dim.",
        ),
        Mistake(
            "by keys", _by_keys,
            "You divide by the root of the number of keys. The sum q . k runs over the last axis "
            "of the query: query.shape[-1].",
        ),
        Mistake(
            "bias scaled", _bias_scaled,
            "The bias is divided as well. Scale the products first, then add the bias.",
        ),
        Mistake(
            "over queries", _over_queries,
            "Your softmax runs over the query axis: columns sum to 1. Each query shares out its "
            "attention over the keys, so rows sum to 1: the last axis.",
        ),
        Mistake(
            "bias after", _bias_after,
            "The bias is added to the weights. Add it to the scores, before the softmax: then "
            "rows still sum to 1.",
        ),
        Mistake("no bias", _no_bias, "Everything is right but the bias: it is not used."),
        Mistake("swapped", _swapped, "You return (weights, output). The order is output, weights."),
    ),
)  # fmt: skip


def _distance(queries: int, keys: int, shift: int) -> Tensor:
    return torch.arange(keys)[None, :] - torch.arange(queries)[:, None] - shift


causal = Exercise(
    name="my_causal_mask",
    solution=causal_mask,
    cases=lambda: [(4, 4), (2, 5), (1, 3)],
    mistakes=(
        Mistake(
            "starts aligned", lambda n, m: _distance(n, m, 0) <= 0,
            "Right for as many keys as queries. With a cache the queries are the last positions: "
            "query i stands at i + (keys - queries).",
        ),
        Mistake(
            "strict", lambda n, m: _distance(n, m, m - n) < 0,
            "A query may see its own position. With a strict < the first of 4 queries on 4 keys "
            "sees nothing at all.",
        ),
        Mistake(
            "future", lambda n, m: _distance(n, m, m - n) >= 0,
            "You show the future and hide the past: the triangle is transposed.",
        ),
        Mistake(
            "inverted", lambda n, m: _distance(n, m, m - n) > 0,
            "True marks what is hidden in your mask. Here True means: may be seen.",
        ),
        Mistake(
            "transposed", lambda n, m: _distance(n, m, m - n).mT <= 0,
            "Rows are keys in your mask. Rows are queries: shape (queries, keys).",
        ),
    ),
)  # fmt: skip
