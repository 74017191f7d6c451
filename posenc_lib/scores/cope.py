"""CoPE: positions that count what the query finds worth counting, not tokens.

    g_ij = sigmoid(q_i . k_j / sqrt(head_dim))              does token j count?
    p_ij = g_ij + g_i,j+1 + ... + g_ii                      counted back from the query
    scores_ij = q_i . k_j / sqrt(head_dim) + q_i . e[p_ij]

p is a real number between 0 and i - j + 1. e is a trained table of
max_position + 1 vectors, shared by the heads. Between whole positions, q_i . e is interpolated:
e[p] = (p - floor p) e[ceil p] + (1 - p + floor p) e[floor p]. Counts above `max_position` are cut
to it.

Source: Golovneva et al. 2024, "Contextual Position Encoding: Learning to Count What's
Important", section 4; the scaling is that of the listing in appendix B.

The traps: future keys have to be kept out of the count before it is summed, or the past knows
the future; so do padding and whatever else a mask hides, or tokens nobody sees are counted; the
position of the query's own token is g_ii, not 0. And the scale: in appendix B the gates see the
scaled scores and q . e is added undivided, as here; the training code published with the paper
divides q . e by sqrt(head_dim) too, unless told not to.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from posenc_lib.base import validation
from posenc_lib.base.doors import (
    Door,
    KeyPositions,
    PositionEncoding,
    QueryPositions,
    check_prepared,
)
from posenc_lib.base.masks import broadcastable
from posenc_lib.base.places import Places
from posenc_lib.base.precision import product, wide
from posenc_lib.base.registry_entry import RegistryEntry


def cope_positions(
    scores: Float[Tensor, "batch heads query key"],
    query_positions: QueryPositions,
    key_positions: KeyPositions,
    seen: Bool[Tensor, "..."] | None = None,
) -> Float[Tensor, "batch heads query key"]:
    """p_ij = sum of sigmoid(scores_ik) over the keys k from j up to the query; 0 for the future.

    `scores` are q . k / sqrt(head_dim). Keys come in the order of their texts; a key counts where
    its position is at most the query's. In packed rows a text ends where positions fall, and
    nothing past that end is counted. `seen` is a boolean mask that broadcasts to the scores: keys
    that padding or a mask shuts out are not counted. With a cache, keys are all tokens so far.

    Raises ValueError for positions that do not fit the scores, TypeError for integer scores.

    Source: Golovneva et al. 2024, section 4, and the listing in appendix B.

    >>> scores, positions = torch.zeros(1, 1, 3, 3), torch.arange(3)
    >>> cope_positions(scores, positions, positions)[0, 0]
    tensor([[0.5000, 0.0000, 0.0000],
            [1.0000, 0.5000, 0.0000],
            [1.5000, 1.0000, 0.5000]])
    """
    name = "cope_positions"
    validation.floating(name, "scores", scores, axes="batch heads query key")
    batch, _, queries, keys = scores.shape
    validation.positions(name, "query_positions", query_positions, length=queries, batch=batch)
    validation.positions(name, "key_positions", key_positions, length=keys, batch=batch)
    if seen is not None:
        validation.boolean(name, "seen", seen)
        broadcastable(name, "seen", seen, scores.shape)
    places = Places.given(query_positions, key_positions, key_positions, causal=True)
    return _counted(scores, PreparedTexts.of(places), seen)


class PreparedTexts(NamedTuple):
    """What CoPE prepares: the keys that each query may count, and the end of each key's text.

    `past` is None where every query sees every key, `ends` where a row is one text.
    """

    places: Places
    past: Tensor | None
    ends: Tensor | None

    @classmethod
    def of(cls, places: Places) -> PreparedTexts:
        """Found once for all layers."""
        return cls(
            places, places.masked(True, None).seen, places.once("texts", lambda: _text_ends(places))
        )


def _counted(scores: Tensor, texts: PreparedTexts, seen: Tensor | None) -> Tensor:
    """`cope_positions` of checked input."""
    shown = [part for part in (texts.past, seen) if part is not None]
    gates = scores.sigmoid()
    for part in shown:
        gates = gates.masked_fill(~part, 0.0)
    counts = gates.flip(-1).cumsum(-1).flip(-1)  # from key j to the last key
    if texts.ends is None:
        return counts
    return counts - F.pad(counts, (0, 1)).gather(-1, texts.ends.expand_as(counts))


class CopeBias(PositionEncoding):
    """q_i . e[p_ij] added to the scaled scores, p_ij counted by gates (`cope_positions`).

    `table` is e, (max_position + 1, head_dim), shared by the heads, trained, and starts as
    N(0, std): at 0, as in the published code. For causal layers only. Keys come in the
    order of the text, and a decoder has to keep all of them: p is counted over them. Counts above
    `max_position` stay there, so longer texts need no new vectors.

    Raises ValueError for head_dim < 1, max_position < 1, std < 0 or queries of another head_dim.

    Source: Golovneva et al. 2024, section 4 and appendix B.

    >>> cope = CopeBias(head_dim=1, max_position=2)
    >>> _ = cope.table.data.copy_(torch.tensor([[0.0], [1.0], [2.0]]))
    >>> q, k, positions = torch.ones(1, 1, 3, 1), torch.zeros(1, 1, 3, 1), torch.arange(3)
    >>> cope.at_scores(q, k, positions, positions)[0, 0, 2].tolist()
    [1.5, 1.0, 0.5]
    """

    door = Door.SCORES
    causal_only = True
    needs_seen = True

    def __init__(self, head_dim: int, max_position: int = 64, *, std: float = 0.0) -> None:
        super().__init__()
        self.head_dim = validation.size("CopeBias", "head_dim", head_dim)
        self.max_position = validation.size("CopeBias", "max_position", max_position)
        std = validation.spread("CopeBias", std)
        self.table = nn.Parameter(torch.randn(self.max_position + 1, self.head_dim) * std)

    def prepare(self, places: Places) -> tuple[PreparedTexts, None, PreparedTexts]:
        """What may be counted, and where texts end."""
        prepared = PreparedTexts.of(places)
        return prepared, None, prepared

    def at_scores(
        self,
        query: Float[Tensor, "batch heads query head_dim"],
        key: Float[Tensor, "batch heads key head_dim"],
        query_positions: QueryPositions | PreparedTexts,
        key_positions: KeyPositions | PreparedTexts,
        seen: Bool[Tensor, "..."] | None = None,
    ) -> Float[Tensor, "batch heads query key"]:
        """q_i . e[p_ij], in float32 at least, also under autocast; only `seen` keys count."""
        for argument, x in (("query", query), ("key", key)):
            validation.floating("CopeBias", argument, x, axes="batch heads length head_dim")
            validation.last_axis("CopeBias", argument, x, "head_dim", self.head_dim)
        scores = product(query, key) / math.sqrt(self.head_dim)
        by_position = product(query, self.table.to(wide(query)))  # (..., query, max_position + 1)
        if isinstance(query_positions, PreparedTexts):
            places = query_positions.places
            check_prepared(
                "CopeBias", "query", query.shape[2], places.queries, query.shape[0], places.batch
            )
            check_prepared("CopeBias", "key", key.shape[2], places.keys)
            positions = _counted(scores, query_positions, seen)
        else:
            keys_at: Any = key_positions  # not prepared either: `cope_positions` looks at it
            positions = cope_positions(scores, query_positions, keys_at, seen)
        positions = positions.clamp(max=self.max_position)
        low, high = positions.floor(), positions.ceil()
        share = positions - low
        # A query that is NaN, such as one of padding, has to stay so and not to break the look-up.
        at_low, at_high = (by_position.gather(-1, at.nan_to_num(0.0).long()) for at in (low, high))
        return share * at_high + (1 - share) * at_low

    def extra_repr(self) -> str:
        return f"head_dim={self.head_dim}, max_position={self.max_position}"


def _text_ends(places: Places) -> Tensor | None:
    """For each key, the index after the last key of its text, (key,) or (batch, 1, 1, key).

    None where a row is one text, as all positions in a row are.
    """
    if places.offset is not None:
        return None
    positions = places.key if places.key.is_floating_point() else places.key.long()
    later = torch.arange(places.keys, device=positions.device) > 0
    falls = (positions < positions.roll(1, -1)) & later
    if validation.readable(falls) and not bool(falls.any()):
        return None
    text = falls.cumsum(-1)  # the text that a key belongs to, counted from 0
    ends = (text[..., None, :] <= text[..., :, None]).sum(-1)
    return ends[:, None, None] if ends.ndim == 2 else ends


ENTRIES = [
    RegistryEntry(
        name="cope",
        title="CoPE",
        cls=CopeBias,
        sizes=("head_dim",),
        defaults={"max_position": 64},
        parameters="(max_position + 1) * head_dim",
        depends_on="what stands between query and key",
        causal_only=True,
        longer="yes: all counts past max_position share one vector",
        source="Golovneva et al. 2024, section 4",
    ),
]
