"""The three doors through which position enters a Transformer, as one small protocol.

1. added to the embeddings          `at_embeddings`   x + p
2. applied to queries and keys      `at_query`, `at_key`   R(i) q, R(j) k
3. added to the scores              `at_scores`       q.k / sqrt(head_dim) + b(i, j)
   (and, for Shaw and NEZHA, to the values: `at_values`)

A new encoding is a subclass of `PositionEncoding` that overrides what its door needs; the
other methods do nothing. `MultiHeadAttention` and the attention panel take any of them.
Positions are always passed in, never guessed from an axis.

`prepare` runs once before the layers and says what the doors get in place of positions. It is an
offer: without it the doors get the positions themselves.

Door 3 may ask for more, and then gets it by name: `needs_seen` for `seen`, the keys that the masks
let through, and `needs_input` for `from_input`, what the method of that name made of each key's
token before it was a key. Gates are made so, from the layer's input.
"""

from __future__ import annotations

import inspect
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from posenc_lib.base import validation
from posenc_lib.base.places import Places

Own = TypeVar("Own", bound="PositionEncoding")

Positions = Shaped[Tensor, "#batch length"] | Shaped[Tensor, " length"]
QueryPositions = Shaped[Tensor, "#batch query"] | Shaped[Tensor, " query"]
KeyPositions = Shaped[Tensor, "#batch key"] | Shaped[Tensor, " key"]

Coordinates = Shaped[Tensor, "#batch _tokens axes"] | Shaped[Tensor, "_tokens axes"]
"""Where an encoding takes several numbers a token, such as row and column."""


class Door(Enum):
    """Where an encoding enters; the value is the words used on figures.

    >>> Door.SCORES.value
    'added to the scores'
    """

    NONE = "no position"
    EMBEDDINGS = "added to the embeddings"
    QUERIES_KEYS = "applied to queries and keys"
    SCORES = "added to the scores"


class PositionEncoding(nn.Module):
    """Base class of every encoding: all doors closed. Override the methods of your door.

    An encoding that adds the negative distance to every score, in full:

    >>> from posenc_lib import relative_positions
    >>> class Recency(PositionEncoding):
    ...     door = Door.SCORES
    ...     def at_scores(self, query, key, query_positions, key_positions):
    ...         distance = relative_positions(query_positions, key_positions).abs()
    ...         return -distance.to(query.dtype).unsqueeze(-3)  # an axis for the heads
    >>> Recency().door.value
    'added to the scores'
    """

    door: ClassVar[Door] = Door.NONE
    needs_seen: bool = False  # True where at_scores also takes `seen`, what the masks let through
    needs_input: bool = False  # True where it also takes `from_input`, made of the layer's input
    causal_only: bool = False  # True where the encoding means nothing for keys after the query
    sees_ahead: bool = False  # True where door 1 reads neighbours, so a causal layer refuses it
    keeps_turned_keys: bool = False  # True where a turned key stays right as the text grows
    lifts_positions: bool = False  # True where a plain position p is short for (p, p, ..., p)
    tells_order: bool = True  # False where it only tells how far into a text a query stands
    layer_scale: float | None = None  # what q . k is to be multiplied by; None: 1 / sqrt(head_dim)
    widens: ClassVar[int] = 1  # features of a query or key behind door 2, for each one before it
    __signature__: ClassVar[inspect.Signature]

    def __init_subclass__(cls, **options: Any) -> None:
        """Python up to 3.11.2 takes a class for its `__new__` where it inherits its `__init__`."""
        super().__init_subclass__(**options)
        if cls.__init__ is not nn.Module.__init__:
            own = inspect.signature(cls.__init__)
            cls.__signature__ = own.replace(parameters=list(own.parameters.values())[1:])

    def __new__(cls: type[Own], *arguments: Any, **options: Any) -> Own:
        """Refuse an option that the class does not have, with the name that was meant."""
        known = inspect.signature(cls.__init__).parameters
        if not any(p.kind is p.VAR_KEYWORD for p in known.values()):
            for option in options:
                if option not in known:
                    raise validation.unknown_option(cls.__name__, option, list(known)[1:])
        return super().__new__(cls)

    if TYPE_CHECKING:  # nn.Module does not say what a call returns

        def __call__(self, *arguments: Any, **options: Any) -> Tensor: ...

    def prepare(self, places: Places) -> tuple[Any, Any, Any]:
        """What the doors get in place of positions: for queries, for keys to turn, for all keys.

        `at_embeddings` and `at_query` get the first, `at_key` the second, `at_scores` and
        `at_values` the first and the third; a context's embeddings get the third. Made once
        before all layers that share this object: a table of cosines, the numbers of all distances.
        """
        return places.query, places.new if self.keeps_turned_keys else places.key, places.key

    def forward(self, *arguments: Any, **options: Any) -> Tensor:
        """Refused: what enters after the embeddings is not called, its doors are."""
        doors = {
            Door.QUERIES_KEYS: "at_query(query, positions) and at_key(key, positions)",
            Door.SCORES: "at_scores(query, key, query_positions, key_positions)",
        }
        raise validation.refuse(
            TypeError, type(self).__name__, "call", "encoding(...)",
            doors.get(self.door, "at_embeddings(x, positions)"),
            "Or let MultiHeadAttention(..., encoding=encoding) open the doors.",
        )  # fmt: skip

    def check_positions(
        self, function: str, argument: str, positions: Tensor, length: int, batch: int
    ) -> Tensor:
        """Return positions that this encoding takes, one for each token; refuse any others."""
        validation.positions(function, argument, positions, length=length, batch=batch)
        return positions

    def check_continues(self, places: Places) -> None:
        """Refuse a step that a stack with caches cannot take; here nothing is refused.

        Asked before a `TransformerStack` adds to its caches. A layer alone turns its keys again
        where their angles change; deeper layers hold keys that were made of earlier answers.
        """

    @property
    def needs_weights(self) -> bool:
        """Whether `at_values` has to see the attention weights: so if a subclass overrides it."""
        return type(self).at_values is not PositionEncoding.at_values

    def at_embeddings(
        self, x: Float[Tensor, "batch length dim"], positions: Positions | Any
    ) -> Float[Tensor, "batch length dim"]:
        """Door 1: return the input with position added."""
        return x

    def at_query(
        self, query: Float[Tensor, "batch heads query head_dim"], positions: QueryPositions | Any
    ) -> Float[Tensor, "batch heads query turned"]:
        """Door 2: return the queries transformed by their positions."""
        return query

    def at_key(
        self, key: Float[Tensor, "batch heads key head_dim"], positions: KeyPositions | Any
    ) -> Float[Tensor, "batch heads key turned"]:
        """Door 2: return the keys transformed by their positions."""
        return key

    def from_input(
        self, x: Float[Tensor, "batch length dim"]
    ) -> Float[Tensor, "batch heads length ..."]:
        """Door 3: what `at_scores` wants of each token besides its key, made of the layer's input.

        Called where `needs_input` is True, with what the keys are projected from. A cache keeps it
        beside the keys, so it is (batch, heads, length), with more axes behind if need be.
        """
        raise validation.refuse(
            NotImplementedError, type(self).__name__, "from_input", "no method",
            "one, beside needs_input = True", "Return (batch, heads, length), or leave it False.",
        )  # fmt: skip

    def at_scores(
        self,
        query: Float[Tensor, "batch heads query head_dim"],
        key: Float[Tensor, "batch heads key head_dim"],
        query_positions: QueryPositions | Any,
        key_positions: KeyPositions | Any,
    ) -> Float[Tensor, "... query key"] | None:
        """Door 3: return what is added to the scaled scores, broadcastable to
        (batch, heads, query, key), or None. A term for each batch row needs a heads axis."""
        return None

    def at_values(
        self,
        weights: Float[Tensor, "batch heads query key"],
        query_positions: QueryPositions | Any,
        key_positions: KeyPositions | Any,
    ) -> Float[Tensor, "batch heads query head_dim"] | None:
        """Door 3: return what is added to the attention output, or None."""
        return None


class Prepared(NamedTuple):
    """What `MultiHeadAttention.prepare` makes of places, for every layer with this encoding."""

    encoding: PositionEncoding
    places: Places
    query: Any
    new: Any
    key: Any


def refuse_ahead(name: str, encoding: PositionEncoding, causal: bool) -> None:
    """Refuse an encoding that carries later tokens into earlier ones, where none may be seen."""
    if causal and encoding.sees_ahead:
        raise validation.refuse(
            ValueError, name, "causal", True,
            f"False with {type(encoding).__name__}, which reads the tokens on both sides",
            "What it adds to a token holds later ones: no mask of the scores hides them.",
        )  # fmt: skip


def without_padding(encoding: PositionEncoding, x: Tensor, padding: Tensor | None) -> Tensor:
    """x with zeros for padded tokens, if the encoding would carry them into their neighbours.

    What is no mask of these tokens is left to the checks of the layer.
    """
    if not encoding.sees_ahead or not isinstance(padding, Tensor):
        return x
    if padding.dtype != torch.bool or padding.shape != x.shape[:2]:
        return x
    return x.masked_fill(~padding.to(x.device).unsqueeze(-1), 0.0)


def check_heads_first(function: str, argument: str, x: Tensor, positions: Any) -> None:
    """Refuse (batch, length, heads, head_dim) where the number of positions tells it apart."""
    if not isinstance(positions, Tensor) or not positions.ndim or x.ndim != 4:
        return
    length = positions.shape[-1]
    if x.shape[2] != length == x.shape[1]:
        raise validation.refuse(
            ValueError, function, f"{argument}.shape", tuple(x.shape),
            f"(batch, heads, length, head_dim) with length = {length}",
            f"The second axis is as long as the positions: {argument}.transpose(1, 2).",
        )  # fmt: skip


def check_from_input(name: str, made: object, key: Tensor) -> Tensor:
    """Refuse a door 3 that was not given what `from_input` makes of the tokens of these keys."""
    if not isinstance(made, Tensor):
        raise validation.refuse(
            TypeError, name, "from_input", type(made).__name__, "what from_input(x) returned",
            "Pass from_input=encoding.from_input(x), x being what keys are projected from.",
        )  # fmt: skip
    if made.ndim < 3 or (made.shape[0], made.shape[2]) != (key.shape[0], key.shape[2]):
        raise validation.refuse(
            ValueError, name, "from_input.shape", tuple(made.shape),
            f"({key.shape[0]}, heads, {key.shape[2]}, ...), one for each key",
            "With a cache, the old ones come first.",
        )  # fmt: skip
    return made


def check_same_heads(name: str, heads: int, query: Tensor) -> None:
    """Refuse queries, (..., heads, query, head_dim), with other heads than an encoding has."""
    if query.shape[-3] != heads:
        raise validation.refuse(
            ValueError, name, "heads", heads, f"the heads of the queries, {query.shape[-3]}",
            "Build both with the same heads.",
        )  # fmt: skip


def checked_tokens(name: str, x: Any, dim: int, positions: Any) -> Tensor:
    """Where the tokens of x stand, 0 .. length - 1 unless given; refuse what door 1 cannot take."""
    validation.floating(name, "x", x, axes="batch length dim")
    validation.last_axis(name, "x", x, "dim", dim)
    if positions is None:
        positions = torch.arange(x.shape[1], device=x.device)
    validation.positions(name, "positions", positions, length=x.shape[1], batch=x.shape[0])
    checked: Tensor = positions
    return checked


def checked_places(
    name: str, query: Tensor, key: Tensor, at: Any, keys_at: Any, dtype: torch.dtype = torch.float32
) -> Places:
    """The places of queries and keys, if there is one position for each of them."""
    for argument, x, positions in (("query", query, at), ("key", key, keys_at)):
        validation.positions(
            name, f"{argument}_positions", positions, length=x.shape[-2], batch=x.shape[0]
        )
    return Places.given(at, keys_at, keys_at, dtype=dtype)


def is_foreign(encoding: PositionEncoding) -> bool:
    """Whether a class is not the library's own: what it returns is looked at."""
    own = (one for one in encoding.modules() if isinstance(one, PositionEncoding))
    return not all(type(one).__module__.startswith("posenc_lib.") for one in own)


def check_prepared(
    name: str,
    argument: str,
    length: int,
    prepared: int,
    batch: int | None = None,
    prepared_batch: int | None = None,
) -> None:
    """Refuse what was prepared for another number of tokens, or another batch, than is there."""
    if length != prepared:
        raise validation.refuse(
            ValueError, name, f"length of {argument}", length,
            f"{prepared}, the length that was prepared", "Prepare again for each length.",
        )  # fmt: skip
    if prepared_batch not in (None, 1, batch):
        raise validation.refuse(
            ValueError, name, f"batch of {argument}", batch,
            f"{prepared_batch}, the batch that was prepared", "Prepare again for each batch.",
        )  # fmt: skip
