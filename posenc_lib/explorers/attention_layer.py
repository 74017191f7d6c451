"""The untrained layer behind the attention panel: fixed random numbers, cut to the size asked for.

A larger dim or a longer sentence keeps all numbers that were there before, and a word has the
same embedding wherever it stands. So what changes when a control moves is that control's doing.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from functools import lru_cache

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from posenc_lib.base.doors import PositionEncoding
from posenc_lib.layers.dot_product import attention
from posenc_lib.registry import make_encoding

DIM, LENGTH = 256, 128
"""The largest layer and the longest sentence."""

Factory = Callable[[int, int, int], PositionEncoding]
"""(dim, heads, length) -> encoding."""


def check_head(dim: int, heads: int, head: int) -> None:
    """Refuse heads that cannot share dim and a head that is not there, in words for the panel."""
    if dim % heads:
        raise ValueError(f"{heads} heads cannot share dim = {dim} evenly.")
    if head >= heads:
        raise ValueError(f"head {head} does not exist: the heads are 0 to {heads - 1}.")


def shortened(tokens: list[str]) -> list[str]:
    """Tokens as they stand at an axis.

    >>> shortened(["a_rather_long_token"])
    ['a_rather_lo…']
    """
    return [token if len(token) <= 12 else f"{token[:11]}…" for token in tokens]


def embeddings(tokens: list[str], dim: int) -> Float[Tensor, "length {dim}"]:
    """One N(0, 1) vector for each different word.

    >>> x = embeddings(["the", "cat", "the"], 8)
    >>> bool((x[0] == x[2]).all()), bool((x[0] == x[1]).any())
    (True, False)
    """
    return torch.stack([_normal(zlib.crc32(word.encode()), DIM) for word in tokens])[:, :dim]


def projections(dim: int) -> Float[Tensor, "2 {dim} {dim}"]:
    """W_q and W_k, entries N(0, 1 / dim): queries and keys then spread as embeddings do.

    >>> projections(4).shape
    torch.Size([2, 4, 4])
    """
    return _normal(0, 2, DIM, DIM)[:, :dim, :dim] / math.sqrt(dim)


def attend(
    x: Float[Tensor, "length dim"],
    heads: int,
    head: int,
    encoding: PositionEncoding,
    *,
    mask: Bool[Tensor, "length length"],
    scale: float = 1.0,
) -> tuple[Float[Tensor, "length length"], Float[Tensor, "length length"]]:
    """Scores and weights of one head of a `MultiHeadAttention` with these projections, no biases.

    `scale` multiplies the queries, beside the usual 1 / sqrt(head_dim).

    >>> from posenc_lib import NoEncoding
    >>> x = embeddings(["the", "cat"], 8)
    >>> scores, weights = attend(x, 2, 0, NoEncoding(), mask=torch.eye(2, dtype=torch.bool))
    >>> scores.shape, weights.tolist()
    (torch.Size([2, 2]), [[1.0, 0.0], [0.0, 1.0]])
    """
    positions = torch.arange(len(x))
    x = encoding.at_embeddings(x[None], positions)  # door 1: (1, length, dim)
    query, key = (
        (x @ matrix).unflatten(-1, (heads, -1)).transpose(1, 2)  # (1, heads, length, head_dim)
        for matrix in projections(x.shape[-1])
    )
    query = encoding.at_query(query * scale, positions)  # door 2
    key = encoding.at_key(key, positions)
    bias = encoding.at_scores(query, key, positions, positions)  # door 3
    query, key = query[0, head], key[0, head]  # (length, head_dim)
    scores = query @ key.T / math.sqrt(query.shape[-1])
    if bias is not None:
        bias = bias.expand(1, heads, *scores.shape)[0, head]
        scores = scores + bias
    return scores, attention(query, key, key, bias=bias, mask=mask)[1]


@torch.random.fork_rng(devices=[])
def encoding_of(
    encoding: Factory | PositionEncoding | str, dim: int, heads: int, *, causal: bool, length: int
) -> PositionEncoding:
    """The encoding of a factory or of a name in the registry, from one seed that is not the
    reader's; an encoding that is made already stays as it is.

    Trained numbers start as N(0, 1), cut from one table: as strong as the embeddings.

    Raises TypeError when a factory returns something else, ValueError where the encoding is for
    causal layers only.

    >>> encoding_of("nezha", 8, 2, causal=False, length=5).head_dim
    4
    """
    torch.manual_seed(0)
    if isinstance(encoding, PositionEncoding):
        chosen = encoding
    elif isinstance(encoding, str):
        chosen = _loud(make_encoding(encoding, dim=dim, heads=heads, length=LENGTH, causal=causal))
    else:
        chosen = encoding(dim, heads, length)
    if not isinstance(chosen, PositionEncoding):
        raise TypeError(
            "attention_explorer: the function of an encoding must return a PositionEncoding, "
            f"but it returned {type(chosen).__name__}."
        )
    if chosen.causal_only and not causal:
        raise ValueError("This encoding knows no future: choose the causal mask.")
    return chosen.eval()


def _loud(encoding: PositionEncoding) -> PositionEncoding:
    """Tables of trained numbers as strong as the embeddings, the same for every dim."""
    for n, parameter in enumerate(encoding.parameters()):
        if parameter.ndim == 2 and max(parameter.shape) <= DIM:
            rows, columns = parameter.shape
            parameter.data = _normal(n + 1, DIM, DIM)[:rows, :columns].clone()
    return encoding


@lru_cache(maxsize=512)
def _normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
