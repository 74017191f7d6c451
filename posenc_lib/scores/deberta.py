"""DeBERTa's disentangled attention: a distance has a vector that asks, and one that is asked.

    scores_ij = s (q_i . k_j  +  q_i . W_k r[d_ij]  +  k_j . W_q r[d_ji])
                   content       content to position   position to content
    d_ij = 0 for i - j <= -K,  2K - 1 for i - j >= K,  i - j + K in between
    s = 1 / sqrt(3 head_dim), or 1 / sqrt(2 head_dim) with one of the two terms

r is a trained table of 2K vectors of the model's width, one for all layers. Each layer projects it
like content: W_k makes keys of distances and W_q queries. In the second version the two are the
layer's own W_k and W_q (`share_projections`), and far distances share buckets (`deberta_bucket`).

Source: He et al. 2021, "DeBERTa: Decoding-enhanced BERT with Disentangled Attention", equations 2
to 4. The buckets are those of the released code of the second version.

The traps: the scale. Three terms are summed, so all three are divided by sqrt(3 head_dim), the
content's too, and that one is the layer's: `MultiHeadAttention` takes it from the encoding unless
told otherwise, any other layer has to be given `encoding.layer_scale`. And the direction: the paper
looks up the distance d_ji in position to content, the released code d_ij in both terms, so trained
weights want `form="code"`. Distances are i - j here, query minus key.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int64, Integer
from torch import Tensor, nn

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
    checked_places,
)
from posenc_lib.base.places import Places
from posenc_lib.base.precision import product, weights_of, wide
from posenc_lib.base.registry_entry import CLIPPED, DISTANCE, RegistryEntry

_FORMS = ("paper", "code")
_TERMS = ("c2p", "p2c")


def deberta_bucket(
    distance: Integer[Tensor, "*shape"], *, buckets: int = 256, max_distance: int = 512
) -> Int64[Tensor, "*shape"]:
    """The bucket of each distance: itself up to m = buckets / 2, then by its logarithm.

    sign(d) (m + ceil((m - 1) log(|d| / m) / log((max_distance - 1) / m))) for |d| > m, and at most
    2m, from max_distance on; the sign stays. The edges are found with whole numbers, so no
    logarithm is rounded across one.

    Raises ValueError for buckets that are odd or below 4, and for a max_distance below m + 2;
    TypeError for distances that are not whole numbers.

    Source: the released code of the second version, with DeBERTa's own names for the arguments.

    >>> deberta_bucket(torch.tensor([-900, -128, 3, 128, 129, 511, 512]))
    tensor([-256, -128,    3,  128,  129,  255,  256])
    """
    buckets, max_distance = _settings("deberta_bucket", buckets, max_distance)
    return _bucket("deberta_bucket", distance, _edges(buckets // 2, max_distance - 1))


def _settings(function: str, buckets: int, max_distance: int) -> tuple[int, int]:
    buckets = validation.size(function, "buckets", buckets, minimum=4)
    if buckets % 2:
        raise validation.refuse(
            ValueError, function, "buckets", buckets, "an even integer",
            "One half of them holds one distance each.",
        )  # fmt: skip
    if buckets > 2**12:
        raise validation.refuse(
            ValueError, function, "buckets", buckets, f"at most {2**12}",
            "Published models have 256.",
        )  # fmt: skip
    remedy = "Past the distances with a bucket of their own there have to be some that share."
    least = buckets // 2 + 2
    return buckets, validation.size(
        function, "max_distance", max_distance, minimum=least, remedy=remedy
    )


@cache
def _edges(half: int, last: int) -> tuple[int, ...]:
    """The first distance of each bucket half + 1 .. 2 half, by whole numbers.

    A distance d is in bucket half + n or above if (d / half) ** (half - 1) is more than
    (last / half) ** (n - 1).
    """
    found, low = [], half
    for n in range(1, half + 1):
        bound = last ** (n - 1) * half ** (half - n)
        high = last + 1
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if middle ** (half - 1) > bound else (middle + 1, high)
        found.append(low)
    return tuple(found)


def _bucket(function: str, distance: Tensor, edges: tuple[int, ...]) -> Tensor:
    validation.whole(function, "distance", distance, "Buckets are of whole steps: .long().")
    distance = distance.long().clamp(min=1 - 2**63)  # its absolute value fits
    steps, half = distance.abs(), len(edges)
    past = torch.bucketize(steps, torch.tensor(edges, device=distance.device), right=True)
    return distance.sign() * torch.where(steps <= half, steps, half + past)


class PreparedTerms(NamedTuple):
    """The row of each pair in either direction, (query, key) or (batch, 1, query, key), and the
    projected table of each term, (heads, rows, head_dim), or None without that term."""

    forth: Tensor
    back: Tensor
    keys: Tensor | None
    queries: Tensor | None


class DebertaRelative(PositionEncoding):
    """Content to position and position to content, from one table of 2K vectors of the model.

    Adds s (q_i . W_k r[d_ij] + k_j . W_q r[d_ji]); `layer_scale` is s = 1 / sqrt(3 head_dim), or
    1 / sqrt(2 head_dim) with one term, which the layer takes for its q . k. K is `max_distance`, or
    `buckets`, if there are any; then r is looked up by `deberta_bucket`. `terms` may be one of the
    two. `form="code"` looks up d_ij in both, as released models do.

    Parameters: `table`, r, (2K, dim), N(0, 0.02) at the start; `to_key`, W_k, (dim -> dim) without
    a bias, which would change no weight, and `to_query`, W_q, with one. The layers of a model share
    the table: `other.table = first.table`.

    Raises ValueError for sizes below 1, heads that do not divide dim, terms that are none of the
    two, and what `deberta_bucket` refuses; TypeError for positions that are not integers.

    Source: He et al. 2021, equations 2 to 4; the released code for buckets and `form="code"`.

    >>> from posenc_lib import MultiHeadAttention
    >>> deberta = DebertaRelative(dim=8, heads=2, max_distance=4)
    >>> layer = MultiHeadAttention(8, 2, encoding=deberta)
    >>> round(layer.scale, 4)  # 1 / sqrt(3 * 4)
    0.2887
    """

    door = Door.SCORES

    def __init__(
        self,
        dim: int,
        heads: int,
        max_distance: int = 512,
        *,
        buckets: int | None = None,
        terms: Sequence[str] = _TERMS,
        form: str = "paper",
    ) -> None:
        super().__init__()
        name = "DebertaRelative"
        self.dim = validation.size(name, "dim", dim)
        self.heads = validation.size(name, "heads", heads)
        validation.divides(name, "heads", self.heads, "dim", self.dim)
        self.head_dim = self.dim // self.heads
        self.max_distance = validation.size(name, "max_distance", max_distance)
        self.buckets = buckets
        if buckets is not None:
            self.buckets, self.max_distance = _settings(name, buckets, max_distance)
        self.terms = _checked_terms(name, terms)
        self.form = validation.choice(name, "form", form, _FORMS)
        self.layer_scale: float = 1 / math.sqrt((1 + len(self.terms)) * self.head_dim)
        self.span = self.max_distance if self.buckets is None else self.buckets  # K
        self._starts = _edges(self.span // 2, self.max_distance - 1) if self.buckets else ()
        self.table = nn.Parameter(torch.randn(2 * self.span, self.dim) * 0.02)
        if "c2p" in self.terms:
            self.to_key = nn.Linear(self.dim, self.dim, bias=False)
        if "p2c" in self.terms:
            self.to_query = nn.Linear(self.dim, self.dim)

    def share_projections(self, to_query: nn.Linear, to_key: nn.Linear) -> None:
        """Project distances with the layer's own maps from here on, as the second version does.

        Give it `layer.to_query` and `layer.to_key`, each (dim -> dim).

        Raises TypeError for what is no linear map, ValueError for one of other sizes.
        """
        name = "DebertaRelative.share_projections"
        for argument, linear in (("to_query", to_query), ("to_key", to_key)):
            if not isinstance(linear, nn.Linear):
                raise validation.refuse(
                    TypeError, name, argument, type(linear).__name__, "a torch.nn.Linear",
                    "Pass those of the layer.",
                )  # fmt: skip
            if (linear.in_features, linear.out_features) != (self.dim, self.dim):
                raise validation.refuse(
                    ValueError, name, argument, tuple(linear.weight.shape),
                    f"a map from dim = {self.dim} to as many", "Build both with the same sizes.",
                )  # fmt: skip
        if "c2p" in self.terms:
            self.to_key = to_key
        if "p2c" in self.terms:
            self.to_query = to_query

    def rows(self, distance: Integer[Tensor, "*shape"]) -> Int64[Tensor, "*shape"]:
        """The table row of distances i - j, query minus key."""
        if self.buckets is None:
            validation.whole("DebertaRelative", "distance", distance, "A table has whole rows.")
            steps = distance.long().clamp(-self.span, self.span)
        else:
            steps = _bucket("DebertaRelative", distance, self._starts)
        return (steps + self.span).clamp(0, 2 * self.span - 1)

    def prepare(self, places: Places) -> tuple[PreparedTerms, None, PreparedTerms]:
        """The rows of all pairs, which layers share, and the projected tables."""
        settings = ("deberta", self.max_distance, self.buckets)
        forth = places.once((*settings, "forth"), lambda: self._index(places, -1))
        back = forth
        if self.form == "paper" and "p2c" in self.terms:
            back = places.once((*settings, "back"), lambda: self._index(places, 1))
        prepared = PreparedTerms(
            forth, back,
            self._projected("to_key") if "c2p" in self.terms else None,
            self._projected("to_query") if "p2c" in self.terms else None,
        )  # fmt: skip
        return prepared, None, prepared

    def _index(self, places: Places, sign: int) -> Tensor:
        """The row of sign (key - query) for each pair, with an axis for heads beside a batch."""
        row = places.row
        if row is not None:
            return spread(self.rows(sign * row.to(places.query.device)), places.queries)
        index = self.rows(sign * places.distances)
        return index.unsqueeze(1) if index.ndim == 3 else index

    def _projected(self, name: str) -> Float[Tensor, "heads rows head_dim"]:
        """The table as keys or queries of each head, in float32 at least."""
        weight, *bias = weights_of(self.get_submodule(name))
        vectors = product(self.table, weight)
        vectors = vectors + bias[0] if bias else vectors
        by_head: Tensor = vectors.unflatten(-1, (self.heads, self.head_dim))
        return by_head.transpose(0, 1)

    def at_scores(
        self,
        query: Float[Tensor, "batch heads query head_dim"],
        key: Float[Tensor, "batch heads key head_dim"],
        query_positions: QueryPositions | PreparedTerms,
        key_positions: KeyPositions | PreparedTerms,
    ) -> Float[Tensor, "batch heads query key"]:
        """s times the two terms, float32 at least."""
        name = "DebertaRelative"
        for argument, x in (("query", query), ("key", key)):
            validation.floating(name, argument, x, axes=f"batch heads {argument} head_dim")
            validation.last_axis(name, argument, x, "head_dim", self.head_dim)
        check_heads_first(name, "query", query, query_positions)
        check_same_heads(name, self.heads, query)
        prepared = self._prepared(query, key, query_positions, key_positions)
        found = torch.zeros((), dtype=wide(query), device=query.device)
        if prepared.keys is not None:
            by_row = product(query, prepared.keys)  # (batch, heads, query, rows)
            found = found + by_row.gather(-1, _for_each(prepared.forth, query))
        if prepared.queries is not None:
            by_row = product(key, prepared.queries)  # (batch, heads, key, rows)
            index = _for_each(prepared.back.transpose(-1, -2), key)
            found = found + by_row.gather(-1, index).transpose(-1, -2)
        return found * self.layer_scale

    def _prepared(self, query: Tensor, key: Tensor, at: Any, keys_at: Any) -> PreparedTerms:
        """What was prepared, or is now, if it fits queries and keys."""
        name, batch = "DebertaRelative", query.shape[0]
        if not isinstance(at, PreparedTerms):
            return self.prepare(checked_places(name, query, key, at, keys_at, wide(query)))[0]
        *rows, queries, keys = at.forth.shape
        check_prepared(name, "query", query.shape[2], queries, batch, rows[0] if rows else None)
        check_prepared(name, "key", key.shape[2], keys)
        return at

    def extra_repr(self) -> str:
        return (
            f"dim={self.dim}, heads={self.heads}, max_distance={self.max_distance}, "
            f"buckets={self.buckets}, terms={self.terms}, form={self.form!r}"
        )


def _for_each(index: Tensor, x: Tensor) -> Tensor:
    """The rows of each pair, for every batch row and head of x."""
    return index.expand(*x.shape[:2], -1, -1)


def _checked_terms(function: str, terms: Sequence[str]) -> tuple[str, ...]:
    """The terms, each once, in the order of the paper."""
    right = isinstance(terms, (list, tuple)) and all(isinstance(term, str) for term in terms)
    if not right or not terms or len(set(terms)) < len(terms) or set(terms) - set(_TERMS):
        raise validation.refuse(
            ValueError if isinstance(terms, (list, tuple)) else TypeError, function, "terms", terms,
            "('c2p', 'p2c'), or one of the two in a tuple",
            "c2p is content to position, p2c position to content.",
        )  # fmt: skip
    return tuple(term for term in _TERMS if term in terms)


ENTRIES = [
    RegistryEntry(
        name="deberta",
        title="DeBERTa",
        cls=DebertaRelative,
        sizes=("dim", "heads"),
        defaults={"max_distance": 64},
        parameters="2 * max_distance * dim + 2 * dim * dim + dim",
        depends_on=DISTANCE,
        longer=CLIPPED,
        source="He et al. 2021, equations 2 to 4",
        on_panels=False,
    ),
    RegistryEntry(
        name="deberta_v2",
        title="DeBERTa, version 2",
        cls=DebertaRelative,
        sizes=("dim", "heads"),
        defaults={"max_distance": 64, "buckets": 32, "form": "code"},
        parameters="2 * buckets * dim + 2 * dim * dim + dim",
        depends_on=DISTANCE,
        longer=CLIPPED,
        source="He et al. 2021, and the released code of version 2",
        on_panels=False,
    ),
]
