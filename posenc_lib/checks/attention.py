"""Exercises of notebook 04: attention itself, and the mask that hides the future."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

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


def _scores(query: Tensor, key: Tensor) -> Tensor:
    return query @ key.mT / query.shape[-1] ** 0.5


def _scaled_by(number):
    """Attention with another divisor, a function of query, key and value."""
    return lambda q, k, v, b: _weighted(q @ k.mT / number(q, k, v) + b, v)


def _made(weights):
    """Another rule for the weights, a function of the right scores."""

    def answer(query, key, value, bias):
        made = weights(_scores(query, key) + bias)
        return made @ value, made

    return answer


def _of_scores(query, key, value, bias):
    return _attention(query, key, value, bias)[0], _scores(query, key) + bias


def _plain_t(query, key, value, bias):
    """key.T turns all axes round."""
    return _weighted(query @ key.T / query.shape[-1] ** 0.5 + bias, value)


def _hidden(bias: Tensor, shift: int) -> Tensor:
    return _distance(bias.shape[0], bias.shape[1], shift) > 0


def _weighted_after(query, key, value, bias):
    weights = (query @ key.mT + bias).softmax(-1) / query.shape[-1] ** 0.5
    return weights @ value, weights


def _swapped(query, key, value, bias):
    output, weights = _attention(query, key, value, bias)
    return weights, output


def _inputs() -> list[tuple]:
    """(query, key, value, bias) alone, and with (batch, heads) in front."""
    generator = torch.Generator().manual_seed(0)

    def case(*leading: int, queries: int, keys: int, head_dim: int) -> tuple:
        shapes = [(queries, head_dim), (keys, head_dim), (keys, 2)]
        made = [torch.randn(*leading, *shape, generator=generator) for shape in shapes]
        return (*made, torch.randn(queries, keys, generator=generator))

    return [
        case(queries=2, keys=3, head_dim=4),
        case(queries=3, keys=3, head_dim=5),
        case(2, 3, queries=3, keys=2, head_dim=6),
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
        Mistake(
            "multiplied", _scaled_by(lambda q, k, v: q.shape[-1] ** -0.5),
            "You multiply by sqrt(head_dim). Divide by it: the products grow with head_dim, and "
            "the scale takes that back.",
        ),
        Mistake(
            "by value", _scaled_by(lambda q, k, v: v.shape[-1] ** 0.5),
            "You divide by the root of the value's width. The sum q . k runs over the last axis of "
            "the query: query.shape[-1].",
        ),
        Mistake(
            "by queries", _scaled_by(lambda q, k, v: q.shape[-2] ** 0.5),
            "You divide by the root of the number of queries. The sum q . k runs over the last "
            "axis of the query: query.shape[-1].",
        ),
        Mistake(
            "by axis 1", _scaled_by(lambda q, k, v: q.shape[1] ** 0.5),
            "query.shape[1] is head_dim only without (batch, heads) in front. Count from the end: "
            "query.shape[-1].",
        ),
        Mistake(
            "by axis 0", _scaled_by(lambda q, k, v: q.shape[0] ** 0.5),
            "You divide by the root of the first axis of the query. The sum q . k runs over its "
            "last axis: query.shape[-1].",
        ),
        Mistake(
            "fourth root", _scaled_by(lambda q, k, v: q.shape[-1] ** 0.25),
            "You divide by the fourth root of head_dim. One square root is enough.",
        ),
        Mistake(
            "by the square", _scaled_by(lambda q, k, v: q.shape[-1] ** 2),
            "You divide by the square of head_dim. It is its square root, head_dim ** 0.5.",
        ),
        Mistake(
            "half of head_dim", _scaled_by(lambda q, k, v: q.shape[-1] / 2),
            "You divide by half of head_dim. It is its square root, head_dim ** 0.5.",
        ),
        Mistake(
            "no scale, no bias", lambda q, k, v, b: _weighted(q @ k.mT, v),
            "Two steps are missing: divide the scores by sqrt(head_dim), then add the bias.",
        ),
        Mistake(
            "no scale, over queries", lambda q, k, v, b: _weighted(q @ k.mT + b, v, -2),
            "Two things: the scores are not divided by sqrt(head_dim), and the softmax runs over "
            "the queries in place of the keys, the last axis.",
        ),
        Mistake(
            "bias subtracted", lambda q, k, v, b: _attention(q, k, v, -b),
            "You subtract the bias. It is added to the scaled scores.",
        ),
        Mistake(
            "bias multiplied", lambda q, k, v, b: _weighted(_scores(q, k) * b, v),
            "You multiply by the bias. It is added to the scaled scores.",
        ),
        Mistake(
            "bias twice", lambda q, k, v, b: _attention(q, k, v, 2 * b),
            "The bias comes in twice. Add it once, to the scaled scores.",
        ),
        Mistake(
            "bias on top of the output", lambda q, k, v, b: (
                _attention(q, k, v, b)[0], _attention(q, k, v, 0 * b)[1]),
            "Your output is right, and the weights you return are those without the bias.",
        ),
        Mistake(
            "by 8", _scaled_by(lambda q, k, v: 8),
            "You divide by 8, the root of 64. The root is that of the head_dim you get: "
            "query.shape[-1] ** 0.5.",
        ),
        Mistake(
            "cosine", lambda q, k, v, b: _weighted(
                F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).mT + b, v),
            "You divide by the lengths of query and key (a cosine). Divide the product by "
            "sqrt(head_dim) only.",
        ),
        Mistake(
            "cosine, scaled", lambda q, k, v, b: _attention(
                F.normalize(q, dim=-1), F.normalize(k, dim=-1), v, b),
            "You make query and key one long first. Use them as they are: divide the product by "
            "sqrt(head_dim) only.",
        ),
        Mistake(
            "bias scaled up", lambda q, k, v, b: _attention(q, k, v, b * q.shape[-1] ** 0.5),
            "You multiply the bias by sqrt(head_dim). Add it as it is, after the scaling.",
        ),
        Mistake(
            "causal as well", lambda q, k, v, b: _attention(
                q, k, v, b.masked_fill(_hidden(b, 0), -1e9)),
            "You hide the future as well. No mask is asked for: the bias alone is added.",
        ),
        Mistake(
            "causal at the ends as well", lambda q, k, v, b: _attention(
                q, k, v, b.masked_fill(_hidden(b, b.shape[1] - b.shape[0]), -1e9)),
            "You hide the future as well. No mask is asked for: just add the bias.",
        ),
        Mistake(
            "query and key swapped", lambda q, k, v, b: _weighted(_scores(k, q) + b, v),
            "Query and key are swapped: rows of the scores are queries, query @ key.mT.",
        ),
        Mistake(
            "relu", _made(torch.relu),
            "You took relu, so rows do not sum to 1. Take the softmax over the last axis.",
        ),
        Mistake(
            "softmax of the value", lambda q, k, v, b: (
                _attention(q, k, v, b)[1] @ v.softmax(-1), _attention(q, k, v, b)[1]),
            "The weights are right, and the values went through a softmax. Mix them as they "
            "are.",
        ),
        Mistake(
            "less one", _scaled_by(lambda q, k, v: (q.shape[-1] - 1) ** 0.5),
            "You divide by the root of head_dim - 1. It is the root of head_dim.",
        ),
        Mistake(
            "by the logarithm", _scaled_by(lambda q, k, v: math.log(q.shape[-1])),
            "You divide by the logarithm of head_dim. It is its square root, head_dim ** 0.5.",
        ),
        Mistake(
            "bias scaled by head_dim",
            lambda q, k, v, b: _weighted((q @ k.mT + b) / q.shape[-1], v),
            "Two things: you divide by head_dim in place of its root, and the bias is divided "
            "as well.",
        ),
        Mistake(
            "scale and bias after", lambda q, k, v, b: (
                ((q @ k.mT).softmax(-1) / q.shape[-1] ** 0.5 + b) @ v,
                (q @ k.mT).softmax(-1) / q.shape[-1] ** 0.5 + b),
            "The softmax comes first in yours, then scale and bias. Both belong to the scores, "
            "before the softmax.",
        ),
        Mistake(
            "no softmax", _made(lambda scores: scores),
            "The softmax is missing: your weights are the scores. Each row has to be positive and "
            "sum to 1.",
        ),
        Mistake(
            "sigmoid", _made(torch.sigmoid),
            "You took a sigmoid, so rows do not sum to 1. Take the softmax over the last axis.",
        ),
        Mistake(
            "log softmax", _made(lambda scores: scores.log_softmax(-1)),
            "Your weights are logarithms: take softmax, not log_softmax.",
        ),
        Mistake(
            "not shared out", _made(torch.exp),
            "You took exp and did not divide by the sum of each row: the softmax does both.",
        ),
        Mistake(
            "divided only", _made(lambda scores: scores / scores.sum(-1, keepdim=True)),
            "You divided the scores by their sum and left out exp: softmax is exp, then divide.",
        ),
        Mistake(
            "over everything", _made(
                lambda s: s.flatten(-2).softmax(-1).view(s.shape)),
            "Your softmax runs over queries and keys together. Each query shares out 1 of its own: "
            "the last axis alone.",
        ),
        Mistake(
            "over axis 0", _made(lambda scores: scores.softmax(0)),
            "Your softmax runs over the first axis. Each query shares out its attention over the "
            "keys, the last axis.",
        ),
        Mistake(
            "over axis 1", _made(lambda scores: scores.softmax(1)),
            "softmax(1) runs over the keys only without (batch, heads) in front. Count from the "
            "end: softmax(-1).",
        ),
        Mistake(
            "softmax twice", _made(lambda scores: scores.softmax(-1).softmax(-1)),
            "The softmax is taken twice. Once makes weights of scores.",
        ),
        Mistake(
            "scaled after", lambda q, k, v, b: _weighted_after(q, k, v, b),
            "You divide after the softmax, so rows no longer sum to 1. Divide the scores, before "
            "it.",
        ),
        Mistake(
            "scores returned", _of_scores,
            "The output is right, the second result are the scores. Return the weights, after the "
            "softmax.",
        ),
        Mistake(
            "output alone", lambda q, k, v, b: _attention(q, k, v, b)[0],
            "You return the output alone. Return two results: output, weights.",
        ),
        Mistake(
            "weights alone", lambda q, k, v, b: _attention(q, k, v, b)[1],
            "You return the weights alone. The output is weights @ value: return output, weights.",
        ),
        Mistake(
            "value sent through", lambda q, k, v, b: (v, _attention(q, k, v, b)[1]),
            "The weights are right, and the output is the value itself. Mix the values: "
            "weights @ value.",
        ),
        Mistake(
            "key for value", lambda q, k, v, b: _weighted(_scores(q, k) + b, k),
            "The weights are right and mix the keys. The output mixes the values: "
            "weights @ value.",
        ),
        Mistake(
            "weights transposed", lambda q, k, v, b: (
                _attention(q, k, v, b)[1].mT @ v, _attention(q, k, v, b)[1]),
            "The weights are right, but transposed when they meet the values: weights @ value.",
        ),
        Mistake(
            "query by query", lambda q, k, v, b: _weighted(_scores(k, q).mT.flip(-1) + b, v),
            "Your keys stand in reverse order.",
        ),
        Mistake(
            "plain T", _plain_t,
            "key.T turns all axes round, which is right for two axes only. With (batch, heads) in "
            "front swap the last two: key.transpose(-1, -2).",
        ),
    ),
)  # fmt: skip


def _distance(queries: int, keys: int, shift: int) -> Tensor:
    return torch.arange(keys)[None, :] - torch.arange(queries)[:, None] - shift


def _right(n: int, m: int) -> Tensor:
    return _distance(n, m, m - n) <= 0


_ALIGNED = (
    "Your mask is aligned at the starts. With a cache the queries are the last positions: query i "
    "stands at i + (keys - queries)."
)

causal = Exercise(
    name="my_causal_mask",
    solution=causal_mask,
    cases=lambda: [(4, 4), (2, 5), (1, 3), (3, 4), (2, 2)],
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
        Mistake(
            "starts aligned, strict", lambda n, m: _distance(n, m, 0) < 0,
            f"{_ALIGNED} And a query may see its own position: <=, not <.",
        ),
        Mistake(
            "starts aligned, inverted", lambda n, m: _distance(n, m, 0) > 0,
            f"{_ALIGNED} And True means: may be seen; yours marks what is hidden.",
        ),
        Mistake(
            "starts aligned, future", lambda n, m: _distance(n, m, 0) >= 0,
            f"{_ALIGNED} And you show the future: tril keeps the past, triu the future.",
        ),
        Mistake(
            "sign of the shift", lambda n, m: _distance(n, m, n - m) <= 0,
            "The shift has the wrong sign: the queries stand further on, at "
            "i + (keys - queries), so longer rows of True, not shorter ones.",
        ),
        Mistake(
            "sign of the shift, inverted", lambda n, m: _distance(n, m, n - m) > 0,
            "Two things: True marks what is hidden in yours, and the shift has the wrong sign: "
            "query i stands at i + (keys - queries).",
        ),
        Mistake(
            "one ahead", lambda n, m: _distance(n, m, m - n + 1) <= 0,
            "Each query sees one key of the future. Its own position is the last it may see.",
        ),
        Mistake(
            "one ahead, starts aligned", lambda n, m: _distance(n, m, 1) <= 0,
            f"{_ALIGNED} And each query sees one key of the future.",
        ),
        Mistake(
            "future, strict inverted", lambda n, m: _distance(n, m, m - n + 1) > 0,
            "Two things: True marks what is hidden in yours, and the mask is off by one.",
        ),
        Mistake(
            "offset queries", lambda n, m: _distance(n, m, n) <= 0,
            "Query 0 stands at keys - queries, not at queries.",
        ),
        Mistake(
            "own position only", lambda n, m: _distance(n, m, m - n) == 0,
            "Each query sees its own position only. The past may be seen too: <=, not ==.",
        ),
        Mistake(
            "past of the wrong side", lambda n, m: _distance(n, m, n - m) >= 0,
            "Two things: you show the future and hide the past, and the shift has the wrong "
            "sign: query i stands at i + (keys - queries).",
        ),
        Mistake(
            "window", lambda n, m: _distance(n, m, m - n).abs() <= 1,
            "Each query sees its neighbours on both sides only. It sees its whole past, and no "
            "future.",
        ),
        Mistake(
            "window of the past",
            lambda n, m: (_distance(n, m, m - n) <= 0) & (_distance(n, m, m - n) >= -1),
            "Each query sees itself and one key before only. It sees its whole past.",
        ),
        Mistake(
            "all seen", lambda n, m: torch.ones(n, m, dtype=torch.bool),
            "Everything may be seen in your mask, the future too. Compare the position of the key "
            "with that of the query, which is i + (keys - queries).",
        ),
        Mistake(
            "none seen", lambda n, m: torch.zeros(n, m, dtype=torch.bool),
            "Nothing may be seen in your mask. Compare positions.",
        ),
        Mistake(
            "square of keys", lambda n, m: _distance(m, m, 0) <= 0,
            "You made as many rows as there are keys. Keep the last `queries` rows of them.",
        ),
        Mistake(
            "square of queries", lambda n, m: _distance(n, n, 0) <= 0,
            "You made as many columns as there are queries. Columns are keys.",
        ),
        Mistake(
            "added mask", lambda n, m: torch.zeros(n, m).masked_fill(~_right(n, m), -torch.inf),
            "That is a mask to add to scores, 0 and minus infinity. Return True where the key may "
            "be seen.",
        ),
        Mistake(
            "the past reversed", lambda n, m: _right(n, m).flip(1),
            "The columns are in reverse order: column 0 is the oldest key.",
        ),
        Mistake(
            "the queries reversed", lambda n, m: _right(n, m).flip(0),
            "The rows are in reverse order: the last query sees every key.",
        ),
        Mistake(
            "distances", lambda n, m: _distance(n, m, m - n),
            "Those are the distances key minus query. Compare them with 0: <= 0 may be seen.",
        ),
    ),
)  # fmt: skip
