"""Several encodings in one layer: their doors are opened one after the other, biases are added.

    query  ->  at_query_2(at_query_1(q)),     key  ->  at_key_2(at_key_1(k))
    scores  =  q . k scale + b_1(i, j) + b_2(i, j)

A rotation beside a bias by distance, or a rotation beside a temperature that grows with the
position (`TemperatureScaling`). What is added to the embeddings is no part of a layer: it is the
`at_start` of a `PositionPlan`.

The trap: order. A bias that reads queries or keys (Shaw, CoPE) reads them as door 2 left them,
turned, whichever comes first in the list, since a layer opens door 2 before door 3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from posenc_lib.base import validation
from posenc_lib.base.doors import Door, PositionEncoding
from posenc_lib.base.places import Places
from posenc_lib.base.precision import wide


class Combined(PositionEncoding):
    """The encodings given, all in one layer: q and k pass through each, their biases are added.

    They may be of doors 2 and 3, each an object of its own. Where one of them has to turn cached
    keys again as the text grows, all are turned again.

    Raises ValueError for fewer than two, for the same object twice, for an encoding of door 1,
    which is added once before all layers, and for two that need the layer's input or ask for
    different scales; TypeError for what is no encoding.

    >>> import torch
    >>> from posenc_lib import AlibiBias, RotaryEncoding
    >>> both, at = Combined(RotaryEncoding(2), AlibiBias(1)), torch.arange(2)
    >>> x = torch.zeros(1, 1, 2, 2)
    >>> torch.equal(both.at_scores(x, x, at, at), AlibiBias(1).at_scores(x, x, at, at))
    True
    """

    door = Door.SCORES  # of an object the last one that its parts open

    def __init__(self, *encodings: PositionEncoding) -> None:
        super().__init__()
        for encoding in encodings:
            if not isinstance(encoding, PositionEncoding):
                raise validation.refuse(
                    TypeError, "Combined", "encodings", type(encoding).__name__,
                    "PositionEncoding objects", "Combined(RotaryEncoding(64), AlibiBias(8)).",
                )  # fmt: skip
            if encoding.door is Door.EMBEDDINGS:
                raise validation.refuse(
                    ValueError, "Combined", "encodings", type(encoding).__name__,
                    "encodings of door 2 or 3",
                    "What is added to the embeddings is PositionPlan's at_start.",
                )  # fmt: skip
        if len(set(map(id, encodings))) != len(encodings) or len(encodings) < 2:
            raise validation.refuse(
                ValueError, "Combined", "encodings", [type(one).__name__ for one in encodings],
                "at least two, each of them once", "One encoding goes into a layer as it is.",
            )  # fmt: skip
        self.encodings = nn.ModuleList(encodings)
        self._check_together(encodings)
        doors = [one.door for one in encodings]
        last = max(doors, key=list(Door).index)
        self.door = last  # type: ignore[misc]
        self.causal_only = any(one.causal_only for one in encodings)
        self.needs_seen = any(one.needs_seen for one in encodings)
        self.needs_input = any(one.needs_input for one in encodings)
        asked = [one.layer_scale for one in encodings if one.layer_scale is not None]
        self.layer_scale = asked[0] if asked else None
        self.widens = math.prod(one.widens for one in encodings)  # type: ignore[misc]
        self.tells_order = any(one.tells_order for one in encodings)
        self.lifts_positions = any(one.lifts_positions for one in encodings)
        turning = [one for one in encodings if type(one).at_key is not PositionEncoding.at_key]
        opening = [one for one in encodings if type(one).at_query is not PositionEncoding.at_query]
        self._several_turn = len(opening) > 1
        self.keeps_turned_keys = all(one.keeps_turned_keys for one in turning)

    def _check_together(self, encodings: Sequence[PositionEncoding]) -> None:
        """Refuse what asks for one thing twice: the layer's input, or a scale of its own."""
        scales = [one.layer_scale for one in encodings if one.layer_scale is not None]
        for wrong, what in (
            (sum(one.needs_input for one in encodings) > 1, "at most one that needs_input"),
            (len(set(scales)) > 1, "at most one layer_scale"),
        ):
            if wrong:
                names = [type(one).__name__ for one in encodings]
                raise validation.refuse(
                    ValueError, "Combined", "encodings", names, what,
                    "A cache holds one such row, and a layer has one scale.",
                )  # fmt: skip

    @property
    def parts(self) -> Sequence[PositionEncoding]:
        """The encodings, in order."""
        return list(self.encodings)  # type: ignore[arg-type]

    @property
    def needs_weights(self) -> bool:
        """Whether one of them has to see the attention weights."""
        return any(one.needs_weights for one in self.parts)

    def prepare(self, places: Places) -> tuple[tuple[Any, ...], tuple[Any, ...], tuple[Any, ...]]:
        """What each of them prepares, for keys that are all turned in the same step."""
        if not self.keeps_turned_keys:
            places = places.turning_all_keys()
        query, new, key = zip(*(one.prepare(places) for one in self.parts), strict=True)
        return query, new, key

    def check_positions(
        self, function: str, argument: str, positions: Tensor, length: int, batch: int
    ) -> Tensor:
        """Return positions that all of them take."""
        for one in (each for each in self.parts if each.door is not Door.NONE):
            positions = one.check_positions(function, argument, positions, length, batch)
        return positions

    def check_continues(self, places: Places) -> None:
        """Refuse a step that a stack with caches cannot take with one of them."""
        for one in self.parts:
            one.check_continues(places)

    def at_query(
        self, query: Float[Tensor, "batch heads query head_dim"], positions: Any
    ) -> Float[Tensor, "batch heads query turned"]:
        """Door 2: the queries, through each of them, rounded once at the end."""
        made = query.to(wide(query)) if self._several_turn else query
        for one, at in self._each(positions):
            made = one.at_query(made, at)
        return made.to(query.dtype)

    def at_key(
        self, key: Float[Tensor, "batch heads key head_dim"], positions: Any
    ) -> Float[Tensor, "batch heads key turned"]:
        """Door 2: the keys, through each of them, rounded once at the end."""
        made = key.to(wide(key)) if self._several_turn else key
        for one, at in self._each(positions):
            made = one.at_key(made, at)
        return made.to(key.dtype)

    def from_input(
        self, x: Float[Tensor, "batch length dim"]
    ) -> Float[Tensor, "batch heads length ..."]:
        """Door 3: what the one of them that needs the layer's input makes of it."""
        return next(one for one in self.parts if one.needs_input).from_input(x)

    def at_scores(
        self,
        query: Float[Tensor, "batch heads query head_dim"],
        key: Float[Tensor, "batch heads key head_dim"],
        query_positions: Any,
        key_positions: Any,
        **more: Any,
    ) -> Float[Tensor, "... query key"] | None:
        """Door 3: the sum of their biases, None where none has any."""
        total: Tensor | None = None
        for (one, at), (_, key_at) in zip(
            self._each(query_positions), self._each(key_positions), strict=True
        ):
            wanted = {"seen": more["seen"]} if one.needs_seen else {}
            if one.needs_input:
                wanted["from_input"] = more["from_input"]
            bias = one.at_scores(query, key, at, key_at, **wanted)
            if bias is not None:
                total = bias if total is None else total + bias
        return total

    def at_values(
        self,
        weights: Float[Tensor, "batch heads query key"],
        query_positions: Any,
        key_positions: Any,
    ) -> Float[Tensor, "batch heads query head_dim"] | None:
        """Door 3: the sum of what they add to the output, None where none does."""
        total: Tensor | None = None
        for (one, at), (_, key_at) in zip(
            self._each(query_positions), self._each(key_positions), strict=True
        ):
            added = one.at_values(weights, at, key_at)
            if added is not None:
                total = added if total is None else total + added
        return total

    def biases(self, at_query: Any) -> list[Any]:
        """What those of door 3 get for queries: one alone may have a kernel of its own."""
        opened = PositionEncoding.at_scores
        return [at for one, at in self._each(at_query) if type(one).at_scores is not opened]

    def _each(self, positions: Any) -> list[tuple[PositionEncoding, Any]]:
        """Each encoding and what it gets: what it prepared, or the positions themselves."""
        prepared = isinstance(positions, tuple)
        each = positions if prepared else [positions] * len(self.encodings)
        return list(zip(self.parts, each, strict=True))

    def __repr__(self) -> str:
        return f"Combined({', '.join(map(repr, self.parts))})"
