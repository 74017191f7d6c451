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

from posenc_lib.doors import NoEncoding, PositionEncoding
from posenc_lib.dot_product import attention
from posenc_lib.learned import LearnedEncoding
from posenc_lib.nezha import NezhaRelative
from posenc_lib.shaw import ShawRelative
from posenc_lib.sinusoidal_encoding import SinusoidalEncoding

DIM, LENGTH = 256, 128
"""The largest layer and the longest sentence."""

SHAW_DISTANCE = 8

Factory = Callable[[int, int, int], PositionEncoding]
"""(dim, heads, length) -> encoding."""


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
def made(factory: Factory, name: str, dim: int, heads: int, length: int) -> PositionEncoding:
    """The encoding of a factory, from one seed and without touching the reader's.

    Raises TypeError when the factory returns something else.

    >>> made(ENCODINGS["NEZHA"], "NEZHA", 8, 2, 5).head_dim
    4
    """
    torch.manual_seed(0)
    encoding = factory(dim, heads, length)
    if not isinstance(encoding, PositionEncoding):
        raise TypeError(
            f"attention_explorer: encodings[{name!r}] must return a PositionEncoding, "
            f"but it returned {type(encoding).__name__}."
        )
    return encoding.eval()


@lru_cache(maxsize=512)
def _normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _learned(dim: int, heads: int, length: int) -> PositionEncoding:
    return LearnedEncoding.from_table(_normal(1, LENGTH, DIM)[:length, :dim])


def _shaw(dim: int, heads: int, length: int) -> PositionEncoding:
    encoding = ShawRelative(dim // heads, SHAW_DISTANCE, values=False)
    encoding.key_table.data = _normal(2, 2 * SHAW_DISTANCE + 1, DIM)[:, : dim // heads]
    return encoding


ENCODINGS: dict[str, Factory] = {
    "none": lambda dim, heads, length: NoEncoding(),
    "sinusoidal": lambda dim, heads, length: SinusoidalEncoding(dim),
    "learned": _learned,
    "Shaw": _shaw,
    "NEZHA": lambda dim, heads, length: NezhaRelative(dim // heads, LENGTH),
}
"""The panel's own. Learned and Shaw tables are N(0, 1): as strong as the embeddings."""
