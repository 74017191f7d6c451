"""Relative position as in Transformer-XL: a sinusoid of the distance, projected for each head.

    scores_ij = ((q_i + u) . k_j + (q_i + v) . W r_(i-j)) / sqrt(head_dim)
    r_d       = (sin(d w_0), sin(d w_1) ..., cos(d w_0), cos(d w_1) ...),  w_k = base ** (-2k / dim)

Multiplied out, these are the paper's terms (a) to (d): k_j already holds its W_k,E, and W is its
W_k,R. u and v are one trained vector a head: how much any query likes a key's content (u) and a
distance (v). W projects r, which is fixed, to the head_dim of each head.

Two ways to the same numbers, neither builds (query, key, head_dim):
- positions in a row: n queries and m keys have n + m - 1 distances. Multiply (q_i + v) with the
  vector of every distance, then shift row i so that each key meets its own (`skew`).
- any positions: r_(i-j) is r_(-j) turned by i, pair by pair. So turn W^T (q_i + v) back by i, as
  RoPE does, and multiply with r_(-j).

Source: Dai et al. 2019, "Transformer-XL: Attentive Language Models Beyond a Fixed-Length
Context", section 3.3 (the scores) and appendix B (the shift). All sines come first and then all
cosines, as in the authors' code; another order of r is another order of the columns of W.

The trap: the paper's shift is made for causal attention. It pads one column, reshapes and drops,
on distances 0 .. m - 1 only. What it leaves above the diagonal comes from the row of the next
query, which a causal mask hides and a bidirectional encoder reads.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Float64, Num
from torch import Tensor, nn

from posenc_lib.base import validation
from posenc_lib.base.angles import cos_sin, frequencies64
from posenc_lib.base.distance_rows import skew
from posenc_lib.base.doors import (
    Door,
    KeyPositions,
    PositionEncoding,
    QueryPositions,
    check_heads_first,
    check_prepared,
    check_same_heads,
    checked_places,
)
from posenc_lib.base.float64 import in_float64
from posenc_lib.base.places import Places
from posenc_lib.base.precision import product, weights_of, wide
from posenc_lib.base.registry_entry import DISTANCE, UNSEEN, RegistryEntry
from posenc_lib.base.relative import relative_positions, whole64


def transformer_xl_scores_naive(
    query: Float[Tensor, "batch heads query head_dim"],
    key: Float[Tensor, "batch heads key head_dim"],
    vectors: Float[Tensor, "heads distances head_dim"],
    u: Float[Tensor, "heads head_dim"],
    v: Float[Tensor, "heads head_dim"],
) -> Float[Tensor, "batch heads query key"]:
    """((q_i + u) . k_j + (q_i + v) . vectors[j - i]) / sqrt(head_dim), pair by pair.

    The readable reference for `transformer_xl_scores`: makes (batch, heads, query, key, head_dim).
    Raises like it.

    Source: Dai et al. 2019, section 3.3.

    >>> one = torch.ones(1, 1, 2, 1)
    >>> vectors = torch.tensor([[[10.0], [20.0], [30.0]]])  # distances -1, 0, 1
    >>> zero = torch.zeros(1, 1)
    >>> transformer_xl_scores_naive(one, one, vectors, zero, zero)[0, 0]
    tensor([[21., 31.],
            [11., 21.]])
    """
    _check("transformer_xl_scores_naive", query, key, vectors, u, v)
    queries, keys = query.shape[2], key.shape[2]
    distance = relative_positions(queries, keys) + queries - 1  # (query, key), from 0
    at_pair = vectors[:, distance.to(vectors.device)]  # (heads, query, key, head_dim)
    content = ((query + u[:, None])[..., :, None, :] * key[..., None, :, :]).sum(-1)
    position = ((query + v[:, None])[..., :, None, :] * at_pair).sum(-1)
    return (content + position) / math.sqrt(query.shape[-1])


def transformer_xl_scores(
    query: Float[Tensor, "batch heads query head_dim"],
    key: Float[Tensor, "batch heads key head_dim"],
    vectors: Float[Tensor, "heads distances head_dim"],
    u: Float[Tensor, "heads head_dim"],
    v: Float[Tensor, "heads head_dim"],
) -> Float[Tensor, "batch heads query key"]:
    """((q_i + u) . k_j + (q_i + v) . vectors[j - i]) / sqrt(head_dim), by the shift.

    `vectors` holds W r for each of the query + key - 1 distances, the most negative first: row
    j - i + query - 1 belongs to key j and query i, counted from their own first one. Keys may
    stand on both sides of a query. Extra memory (batch, heads, query, distances).

    Raises ValueError for wrong ranks or sizes that do not fit, TypeError for integer input or
    two dtypes.

    Source: Dai et al. 2019, section 3.3 and appendix B.

    >>> one = torch.ones(1, 1, 2, 1)
    >>> vectors = torch.tensor([[[10.0], [20.0], [30.0]]])  # distances -1, 0, 1
    >>> zero = torch.zeros(1, 1)
    >>> transformer_xl_scores(one, one, vectors, zero, zero)[0, 0]
    tensor([[21., 31.],
            [11., 21.]])
    """
    _check("transformer_xl_scores", query, key, vectors, u, v)
    scale = 1 / math.sqrt(query.shape[-1])  # on the queries: less to multiply than the scores
    content = ((query + u[:, None]) * scale) @ key.transpose(-1, -2)  # (batch, heads, query, key)
    return content + skew(((query + v[:, None]) * scale) @ vectors.transpose(-1, -2))


class PreparedVectors(NamedTuple):
    """What Transformer-XL prepares: W r of the distances of positions in a row, else None."""

    places: Places
    vectors: Tensor | None


class TransformerXLRelative(PositionEncoding):
    """Trained u, v and W of Transformer-XL; the q . k part is the attention's own.

    Adds (u . k_j + (q_i + v) . W r_(i-j)) / sqrt(head_dim) to the scaled scores. Distances may
    have either sign, so encoders and decoders take it; there is no longest distance.

    Parameters: `u` and `v` (heads, head_dim), N(0, 0.02) at the start; `to_vectors`, W, a linear
    map (dim -> heads * head_dim) without bias. Give one object to several layers to share them.

    Raises ValueError for sizes below 1, an odd dim, heads that do not divide dim or base <= 1.

    Source: Dai et al. 2019, section 3.3.

    >>> encoding = TransformerXLRelative(dim=8, heads=2)
    >>> {name: tuple(p.shape) for name, p in encoding.named_parameters()}
    {'u': (2, 4), 'v': (2, 4), 'to_vectors.weight': (8, 8)}
    """

    door = Door.SCORES

    def __init__(self, dim: int, heads: int, *, base: float = 10000.0) -> None:
        super().__init__()
        name = type(self).__name__
        self.dim = validation.size(name, "dim", dim)
        self.heads = validation.size(name, "heads", heads)
        validation.divides(name, "heads", self.heads, "dim", self.dim)
        if self.dim % 2:
            raise validation.refuse(
                ValueError, name, "dim", dim, "an even integer",
                "The vector of a distance has as many sines as cosines.",
            )  # fmt: skip
        self.base = validation.real(name, "base", base, above=1.0)
        self.head_dim = self.dim // self.heads
        self.u = nn.Parameter(torch.randn(self.heads, self.head_dim) * 0.02)
        self.v = nn.Parameter(torch.randn(self.heads, self.head_dim) * 0.02)
        self.to_vectors = nn.Linear(self.dim, self.dim, bias=False)

    def angles(self, positions: Num[Tensor, "*shape"]) -> Float64[Tensor, "*shape pairs"]:
        """position * w_k, in radians, in float64."""
        at = in_float64(positions, type(self).__name__)
        return at[..., None] * frequencies64(self.dim, self.base, at.device)

    def vectors(
        self, distance: Num[Tensor, " distances"]
    ) -> Float[Tensor, "heads distances head_dim"]:
        """W r_(i-j) of each head for distances j - i (key minus query): r is taken at -distance."""
        return self._projected(self._waves(distance))

    def _waves(self, distance: Tensor) -> Float[Tensor, "distances dim"]:
        """r_(i-j) of distances j - i, sines first."""
        weight = weights_of(self.to_vectors)[0]
        cos, sin = cos_sin(self.angles(-whole64(distance)), wide(weight))
        return torch.cat((sin, cos), -1).to(weight.device)

    def _projected(self, r: Tensor) -> Float[Tensor, "heads distances head_dim"]:
        """W r of each head."""
        vectors = product(r, weights_of(self.to_vectors)[0])
        by_head: Tensor = vectors.unflatten(-1, (self.heads, self.head_dim))
        return by_head.transpose(0, 1)

    def prepare(self, places: Places) -> tuple[PreparedVectors, None, PreparedVectors]:
        """W r of all distances; r, which nobody trains, is shared by layers of the same size."""
        vectors, row = None, places.row
        if row is not None:
            same = ("transformer_xl", self.dim, self.base, wide(weights_of(self.to_vectors)[0]))
            vectors = self._projected(places.once(same, lambda: self._waves(row)))
        prepared = PreparedVectors(places, vectors)
        return prepared, None, prepared

    def at_scores(
        self,
        query: Float[Tensor, "batch heads query head_dim"],
        key: Float[Tensor, "batch heads key head_dim"],
        query_positions: QueryPositions | PreparedVectors,
        key_positions: KeyPositions | PreparedVectors,
    ) -> Float[Tensor, "batch heads query key"]:
        """(u . k_j + (q_i + v) . W r_(i-j)) / sqrt(head_dim), float32 at least."""
        name = type(self).__name__
        for argument, x in (("query", query), ("key", key)):
            validation.floating(name, argument, x, axes=f"batch heads {argument} head_dim")
            validation.last_axis(name, argument, x, "head_dim", self.head_dim)
        batch = query.shape[0]
        check_heads_first(name, "query", query, query_positions)
        check_same_heads(name, self.heads, query)
        prepared = query_positions
        if isinstance(prepared, PreparedVectors):
            places = prepared.places
            check_prepared(name, "query", query.shape[2], places.queries, batch, places.batch)
            check_prepared(name, "key", key.shape[2], places.keys)
        else:
            places = checked_places(name, query, key, query_positions, key_positions)
            prepared = self.prepare(places)[0]
        scale = 1 / math.sqrt(self.head_dim)
        content = product(self.u[:, None], key) * scale  # (batch, heads, 1, key)
        query_v = (query.to(wide(query, self.v)) + self.v[:, None]) * scale  # q_i + v
        if prepared.vectors is None:
            return content + self._scores_by_turning(query_v, places.query, places.key)
        return content + skew(product(query_v, prepared.vectors))

    def _scores_by_turning(
        self, query_v: Tensor, query_positions: Tensor, key_positions: Tensor
    ) -> Tensor:
        """(q_i + v) . W r_(i-j) for any positions: what query i wants, turned back by i."""
        weight = weights_of(self.to_vectors)[0].unflatten(0, (self.heads, self.head_dim))
        wanted = product(query_v, weight.transpose(-1, -2))  # W^T (q_i + v), (..., query, dim)
        sines, cosines = wanted.chunk(2, -1)
        (cos, sin), (key_cos, key_sin) = (
            [t.to(wanted.device) for t in cos_sin(self.angles(p).unsqueeze(-3), wanted.dtype)]
            for p in (query_positions, key_positions)
        )  # with an axis for the heads
        turned = torch.cat((cosines * sin - sines * cos, sines * sin + cosines * cos), -1)
        return product(turned, torch.cat((key_sin, key_cos), -1))

    def extra_repr(self) -> str:
        return f"dim={self.dim}, heads={self.heads}, base={self.base:g}"


def _check(
    function: str, query: Tensor, key: Tensor, vectors: Tensor, u: Tensor, v: Tensor
) -> None:
    """Refuse tensors that do not fit together."""
    operands = {"query": query, "key": key, "vectors": vectors, "u": u, "v": v}
    axes = {"vectors": "heads distances head_dim", "u": "heads head_dim", "v": "heads head_dim"}
    for argument, operand in operands.items():
        names = axes.get(argument, f"batch heads {argument} head_dim")
        validation.floating(function, argument, operand, axes=names)
        validation.last_axis(function, argument, operand, "head_dim", query.shape[-1])
    validation.same_dtype(function, **operands)
    batch, heads, queries, head_dim = query.shape
    keys = key.shape[2]
    expected = {
        "key": (batch, heads, keys, head_dim),
        "vectors": (heads, queries + keys - 1, head_dim),
        "u": (heads, head_dim),
        "v": (heads, head_dim),
    }
    for argument, shape in expected.items():
        if tuple(operands[argument].shape) != shape:
            raise validation.refuse(
                ValueError, function, f"{argument}.shape", tuple(operands[argument].shape),
                f"{shape} beside query.shape = {tuple(query.shape)}",
                "n queries and m keys have n + m - 1 distances.",
            )  # fmt: skip


ENTRIES = [
    RegistryEntry(
        name="transformer_xl",
        title="Transformer-XL",
        cls=TransformerXLRelative,
        sizes=("dim", "heads"),
        parameters="2 * dim + dim * dim",
        depends_on=DISTANCE,
        longer=UNSEEN,
        source="Dai et al. 2019, section 3.3",
    ),
]
