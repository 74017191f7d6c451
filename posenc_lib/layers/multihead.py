"""Multi-head attention with three doors for position.

    head_h = attention(x W_q^h, x W_k^h, x W_v^h),     output = concat(head_1 .. head_H) W_o

Fewer heads of keys and values than of queries make it grouped-query or, with one, multi-query
attention.

Source: Vaswani et al. 2017, section 3.2.2; Ainslie et al. 2023, "GQA", section 2.2; Carion et al.
2020, "End-to-End Object Detection with Transformers", appendix A.4 (`added`).

The trap: a Transformer adds an absolute encoding once, before its first layer. This module is
one layer that teaches, so it opens door 1 too; when you stack several, give an encoding of
door 1 to the first one only (`TransformerStack` does).
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from posenc_lib.base import validation
from posenc_lib.base.combined import Combined
from posenc_lib.base.doors import (
    Coordinates,
    Door,
    KeyPositions,
    PositionEncoding,
    Prepared,
    QueryPositions,
    check_prepared,
    is_foreign,
    refuse_ahead,
    without_padding,
)
from posenc_lib.base.masks import Masks
from posenc_lib.base.no_encoding import NoEncoding
from posenc_lib.base.places import Places, lifted
from posenc_lib.base.precision import wide
from posenc_lib.layers.dot_product import checked_bias, checked_masks, explained, for_each_head
from posenc_lib.layers.fused import fused
from posenc_lib.layers.kv_cache import Identity, KeyValueCache
from posenc_lib.scores.distance_bias import PreparedBias


class MultiHeadAttention(nn.Module):
    """Self- or cross-attention over `heads` heads; a position encoding plugs into any door.

    head_h = attention(x W_q^h, x W_k^h, x W_v^h), output = concat(head_1 .. head_H) W_o.

    `encoding` is any `PositionEncoding`, or its name in the registry ("rope", "alibi" ...), with
    `length` where that entry needs one; None means no position. `causal` masks the keys whose
    position lies after that of the query. Dropout acts on the output, not on the weights, so
    that the weights returned are the weights used.

    - `kv_heads`: heads of keys and values; each serves heads / kv_heads query heads.
    - `head_dim`: features of a head, dim / heads unless given.
    - `scale`: what q . k is multiplied by; unless given what the encoding asks for (DeBERTa
      does), else 1 / sqrt(head_dim). T5 uses 1.
    - `window`: only keys whose position is fewer than `window` steps away are seen.
    - `chunk`: only keys in the query's own chunk of so many positions are seen (Llama 4).
    - `sink`: with True, `sink` is a trained score a head that takes part in the softmax and has
      no value, 0 at the start; the weights then sum to less than 1.
    - `added`: an encoding of door 1 that is added to what queries and keys are made of, and not to
      what values are made of (DETR); it takes the positions of this layer.
    - `flex`: as in `attention_output`, where no weights are asked for.

    Raises ValueError for sizes below 1, a number of heads that does not divide `dim`, an unknown
    name, an encoding for causal layers in one that is not, or input of another rank or dim;
    TypeError for an encoding that is not a `PositionEncoding`, for input of another dtype than
    the weights, and for a mask that is not boolean.

    Source: Vaswani et al. 2017, section 3.2.2; Ainslie et al. 2023, section 2.2, for kv_heads.

    >>> layer = MultiHeadAttention(dim=8, heads=2)
    >>> output, weights = layer(torch.zeros(1, 3, 8))
    >>> output.shape, weights.shape
    (torch.Size([1, 3, 8]), torch.Size([1, 2, 3, 3]))
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        *,
        encoding: PositionEncoding | str | None = None,
        length: int | None = None,
        causal: bool = False,
        dropout: float = 0.0,
        bias: bool = True,
        kv_heads: int | None = None,
        head_dim: int | None = None,
        scale: float | None = None,
        window: int | None = None,
        chunk: int | None = None,
        sink: bool = False,
        added: PositionEncoding | None = None,
        flex: bool | None = None,
    ) -> None:
        super().__init__()
        name = "MultiHeadAttention"
        self.dim = validation.size(name, "dim", dim)
        self.heads = validation.size(name, "heads", heads)
        if head_dim is None:
            validation.divides(name, "heads", self.heads, "dim", self.dim)
            head_dim = self.dim // self.heads
        self.head_dim = validation.size(name, "head_dim", head_dim)
        self.kv_heads = validation.size(name, "kv_heads", heads if kv_heads is None else kv_heads)
        validation.divides(name, "kv_heads", self.kv_heads, "heads", self.heads)
        self.window = None if window is None else validation.size(name, "window", window)
        self.chunk = None if chunk is None else validation.size(name, "chunk", chunk)
        self.flex = flex if flex is None else validation.flag(name, "flex", flex)
        self.causal = validation.flag(name, "causal", causal)
        self.encoding = self._encoding(encoding, length)
        self.added = self._added(added)
        scale = self.encoding.layer_scale if scale is None else scale
        scale = self.head_dim**-0.5 if scale is None else scale
        largest = torch.finfo(torch.float32).max
        self.scale = validation.real(name, "scale", scale, above=0.0, below=largest)
        bias = validation.flag(name, "bias", bias)
        inside, kv_inside = self.heads * self.head_dim, self.kv_heads * self.head_dim
        self.to_query = nn.Linear(self.dim, inside, bias=bias)
        self.to_key = nn.Linear(self.dim, kv_inside, bias=bias)
        self.to_value = nn.Linear(self.dim, kv_inside, bias=bias)
        self.to_output = nn.Linear(inside, self.dim, bias=bias)
        sink = validation.flag(name, "sink", sink)
        self.sink = nn.Parameter(torch.zeros(self.heads)) if sink else None
        self.dropout = nn.Dropout(validation.probability(name, "dropout", dropout))
        self._identity = Identity()

    def forward(
        self,
        x: Float[Tensor, "batch query dim"],
        context: Float[Tensor, "batch key dim"] | None = None,
        *,
        positions: QueryPositions | Coordinates | None = None,
        context_positions: KeyPositions | Coordinates | None = None,
        mask: Bool[Tensor, "..."] | None = None,
        padding: Bool[Tensor, "batch key"] | None = None,
        cache: KeyValueCache | None = None,
        need_weights: bool = True,
        prepared: Prepared | None = None,
    ) -> tuple[Float[Tensor, "batch query dim"], Float[Tensor, "batch heads query key"] | None]:
        """Return output (batch, query, dim) and weights (batch, heads, query, key).

        Queries come from `x`, keys and values from `context` (from `x` when it is None).
        Positions are (length,) or (batch, length), 0 .. length - 1 unless given, or coordinates,
        (batch, length, axes), of an encoding that takes them; a causal layer with a context needs
        both. `mask` is (query, key) or (batch, heads, query, key), True may
        be seen; `padding` is (batch, key), True for a real token. With a `cache`, x holds the new
        tokens, the keys are all tokens so far, and positions count on from the cached ones.

        With `need_weights=False` the weights are None and a fused kernel gives the output,
        unless the encoding itself needs the weights. `prepared` is what `prepare` made of the
        places of these tokens, in place of positions.
        """
        need_weights = validation.flag("MultiHeadAttention", "need_weights", need_weights)
        if prepared is None:
            prepared = self.prepare(self.places(x, context, positions, context_positions, cache))
        else:
            self._check_prepared(prepared, x, context, positions, context_positions, cache)
        _, places, at_query, at_new, at_key = prepared
        if context is None:
            x = without_padding(self.encoding, x, padding)
        else:
            context = without_padding(self.encoding, context, padding)
        x = self._door("at_embeddings", x, at_query)  # door 1
        context = x if context is None else self._door("at_embeddings", context, at_key)

        asking, asked = (
            self.added.at_embeddings(without_padding(self.added, one, padding), at)
            for one, at in ((x, places.query), (context, places.new))
        )
        query = self._split(self.to_query(asking))  # (batch, heads, query, head_dim)
        key, value = self._split(self.to_key(asked)), self._split(self.to_value(context))
        made = self._made_of_input(context, cache)
        query = self._door("at_query", query, at_query)  # door 2
        key, value, kept = self._keys_and_values(key, value, at_new, cache)

        masks = Masks(places, *self._masks(mask, padding, query, key))
        bias, masks = self._bias(query, key, prepared, masks, made)  # door 3
        if need_weights or self.encoding.needs_weights:
            output, weights = explained(query, key, value, bias, masks, self.scale, self.sink)
            more = self.encoding.at_values(weights, at_query, at_key)  # door 3
            output = (
                output if more is None else output + self._same_shape("at_values", more, output)
            )
        else:
            output = fused(query, key, value, bias, masks, self.scale, self.sink, self.flex)
        if cache is not None:  # only now: a call that was refused leaves the cache as it was
            cache.keep(*kept, places.key, from_input=made, start=places.start, owner=self._identity)
        output = self.dropout(self.to_output(self._merge(output)))
        return output, weights if need_weights else None

    def prepare(self, places: Places) -> Prepared:
        """What the doors of this layer get in place of positions, made once: give it to `forward`.

        Layers with the same encoding object and the same mask can share it. It serves one forward
        pass: what is made of trained numbers carries the gradients of the moment it is made in.
        """
        places = places.masked(*self.mask)
        return Prepared(self.encoding, places, *self.encoding.prepare(places))

    def places(
        self,
        x: Float[Tensor, "batch query dim"],
        context: Float[Tensor, "batch key dim"] | None = None,
        positions: QueryPositions | Coordinates | None = None,
        context_positions: KeyPositions | Coordinates | None = None,
        cache: KeyValueCache | None = None,
    ) -> Places:
        """Where the tokens of x and of the context stand; all that comes in is checked here."""
        self.check_input("x", x)
        self._check_cache(cache, context)
        how = dict(zip(("causal", "window", "chunk"), self.mask, strict=True), dtype=wide(x))
        if context is None and positions is None and context_positions is None:
            done = 0 if cache is None else len(cache)
            start = cache.start if cache is not None and done else 0
            if start is not None:  # the library counts, and need not look
                length = x.shape[1]
                return Places.counting(length, done + length, start=start, device=x.device, **how)
        query = self._positions("positions", x, positions, cache)
        if context is None:
            if context_positions is not None:
                raise validation.refuse(
                    ValueError, "MultiHeadAttention", "context_positions", "a tensor",
                    "None without a context", "Pass the context too, or use positions=.",
                )  # fmt: skip
            if cache is not None and cache.positions is not None:
                query, _ = self._alike("positions", query, cache.positions)
            every = query if cache is None else cache.joined_positions(query, x.shape[0])
            return Places.given(query, every, query, **how)
        if self.causal and (positions is None or context_positions is None):
            raise validation.refuse(
                ValueError, "MultiHeadAttention", "positions, context_positions", "None",
                "both, for a causal layer with a context",
                "Lengths alone do not say where the queries stand among the keys.",
            )  # fmt: skip
        self.check_input("context", context)
        if context.shape[0] != x.shape[0]:
            raise validation.refuse(
                ValueError, "MultiHeadAttention", "context.shape[0]", context.shape[0],
                f"the batch of x, {x.shape[0]}", "Expand the shared one first.",
            )  # fmt: skip
        key = self._positions("context_positions", context, context_positions, None)
        query, key = self._alike("positions, context_positions", query, key)
        return Places.given(query, key, key, **how)

    @property
    def mask(self) -> tuple[bool, int | None, int | None]:
        """Causality, window and chunk of this layer, as `Places` takes them."""
        return self.causal, self.window, self.chunk

    def check_input(self, argument: str, x: Tensor) -> None:
        """Refuse anything but (batch, length, dim) in the dtype of the weights."""
        validation.floating("MultiHeadAttention", argument, x, axes="batch length dim")
        validation.last_axis("MultiHeadAttention", argument, x, "dim", self.dim)
        if x.shape[-2] == 0:
            raise validation.refuse(
                ValueError, "MultiHeadAttention", f"{argument}.shape[-2]", 0,
                "a length of at least 1", "Without tokens there is nothing to look at.",
            )  # fmt: skip
        weight = self.to_query.weight
        if isinstance(weight, Tensor) and not validation.autocast_on(x):  # quantised: no tensor
            validation.same_dtype("MultiHeadAttention", **{argument: x, "weight": weight})

    def _positions(
        self, argument: str, x: Tensor, positions: Tensor | None, cache: KeyValueCache | None
    ) -> Tensor:
        """The positions given, or counted: from 0, or on from the cached ones."""
        if positions is not None:
            return self.encoding.check_positions(
                "MultiHeadAttention", argument, positions, x.shape[1], x.shape[0]
            )
        steps = torch.arange(x.shape[1], device=x.device)
        if cache is None or cache.positions is None or not len(cache):
            return steps
        if cache.positions.ndim == 3 and not self.encoding.lifts_positions:
            raise validation.refuse(
                ValueError, "MultiHeadAttention", argument, None,
                "coordinates beside a cache that holds coordinates",
                "After the cell of a grid there is no next one to count on to.",
            )  # fmt: skip
        last = cache.positions[..., -1:]
        if cache.positions.ndim == 3:  # after a picture, one past the largest of all axes
            last = cache.positions.amax((-2, -1))[:, None]
        return (last if last.is_floating_point() else last.long()) + 1 + steps  # uint8 would wrap

    def _alike(self, argument: str, one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
        """Both as coordinates where one is: a plain p becomes (p, p, ..., p), or is refused."""
        if 3 not in (one.ndim, other.ndim) or one.ndim == other.ndim:
            return one, other
        axes = (one if one.ndim == 3 else other).shape[-1]
        if not self.encoding.lifts_positions:
            raise validation.refuse(
                ValueError, "MultiHeadAttention", argument, "plain positions beside coordinates",
                "one of the two throughout",
                f"{type(self.encoding).__name__} reads a plain number as something else.",
            )  # fmt: skip
        lifted_one, lifted_other = (p if p.ndim == 3 else lifted(p, axes) for p in (one, other))
        return lifted_one, lifted_other

    def _check_cache(self, cache: KeyValueCache | None, context: Tensor | None) -> None:
        if cache is None:
            return
        if not isinstance(cache, KeyValueCache):
            raise validation.refuse(
                TypeError, "MultiHeadAttention", "cache", type(cache).__name__,
                "a KeyValueCache or None", "Make one a layer, before the first token.",
            )  # fmt: skip
        if context is not None or not self.causal:
            raise validation.refuse(
                ValueError, "MultiHeadAttention", "cache", "a KeyValueCache",
                "None with a context or without causal=True",
                "What a token saw is final only if it never sees a later one.",
            )  # fmt: skip
        if not cache.belongs_to(self._identity):
            raise validation.refuse(
                ValueError, "MultiHeadAttention", "cache", "the cache of another layer",
                "a cache of its own for each layer", "Make a KeyValueCache() a layer.",
            )  # fmt: skip

    def _check_prepared(
        self,
        prepared: Prepared,
        x: Tensor,
        context: Tensor | None,
        positions: Tensor | None,
        context_positions: Tensor | None,
        cache: KeyValueCache | None,
    ) -> None:
        """Refuse what was prepared for other tokens, another encoding or another mask."""
        name = "MultiHeadAttention"
        if not isinstance(prepared, Prepared):
            raise validation.refuse(
                TypeError, name, "prepared", type(prepared).__name__, "what prepare() returned",
                "Call layer.prepare(layer.places(x)).",
            )  # fmt: skip
        if positions is not None or context_positions is not None:
            raise validation.refuse(
                ValueError, name, "positions", "a tensor", "None beside prepared",
                "What is prepared holds the positions already.",
            )  # fmt: skip
        places = prepared.places
        if prepared.encoding is not self.encoding or places.mask != self.mask:
            raise validation.refuse(
                ValueError, name, "prepared", "what was made for another encoding or mask",
                "what this layer, or one with the same encoding object and mask, prepared",
                "Call layer.prepare(layer.places(x)).",
            )  # fmt: skip
        if context is None and places.new is not places.query:
            raise validation.refuse(
                ValueError, name, "prepared", "what was made for a context", "the context too",
                "Pass the context that it was prepared with.",
            )  # fmt: skip
        self.check_input("x", x)
        self._check_cache(cache, context)
        keys = x.shape[1] if context is None else context.shape[1]
        keys += 0 if cache is None else len(cache)
        check_prepared(name, "x", x.shape[1], places.queries, x.shape[0], places.batch)
        check_prepared(name, "keys", keys, places.keys)
        if places.dtype != wide(x):
            raise validation.refuse(
                ValueError, name, "x.dtype", x.dtype, f"{places.dtype}, which was prepared",
                "Prepare again for each dtype.",
            )  # fmt: skip

    def _encoding(
        self, encoding: PositionEncoding | str | None, length: int | None
    ) -> PositionEncoding:
        """The encoding given, or made from its name."""
        if length is not None:
            length = validation.size("MultiHeadAttention", "length", length)
        if encoding is None:
            return NoEncoding()
        if isinstance(encoding, str):
            from posenc_lib.registry import make_encoding  # it knows every module, so not before

            encoding = make_encoding(
                encoding, dim=self.dim, heads=self.heads, length=length, causal=self.causal
            )
        elif length is not None:
            raise validation.refuse(
                ValueError, "MultiHeadAttention", "length", length,
                "None beside an encoding that is made already", "Give the length to the encoding.",
            )  # fmt: skip
        if not isinstance(encoding, PositionEncoding):
            raise validation.refuse(
                TypeError, "MultiHeadAttention", "encoding", type(encoding).__name__,
                "a PositionEncoding, a name of the registry or None",
                "Subclass PositionEncoding and open a door.",
            )  # fmt: skip
        if encoding.causal_only and not self.causal:
            raise validation.refuse(
                ValueError, "MultiHeadAttention", "causal", False,
                f"True with {type(encoding).__name__}, which knows no future",
                "Pass causal=True, or take the two-sided form of the encoding.",
            )  # fmt: skip
        refuse_ahead("MultiHeadAttention", encoding, self.causal)
        return encoding

    def _added(self, added: PositionEncoding | None) -> PositionEncoding:
        """What is added to the inputs of queries and keys: door 1 or nothing."""
        added = NoEncoding() if added is None else added
        if not isinstance(added, PositionEncoding) or added.door not in (
            Door.EMBEDDINGS, Door.NONE,
        ):  # fmt: skip
            kind = TypeError if not isinstance(added, PositionEncoding) else ValueError
            raise validation.refuse(
                kind, "MultiHeadAttention", "added", type(added).__name__,
                "an encoding of door 1 or None",
                "What enters at queries, keys or scores is the encoding.",
            )  # fmt: skip
        refuse_ahead("MultiHeadAttention", added, self.causal)
        return added

    def _keys_and_values(
        self, key: Tensor, value: Tensor, at_new: object, cache: KeyValueCache | None
    ) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
        """All keys, turned, and values; and what the cache is to keep of them (door 2)."""
        if self.encoding.keeps_turned_keys or cache is None:
            key = self._door("at_key", key, at_new)
            kept = (key, value) if cache is None else cache.joined(key, value)
            return *kept, kept
        kept = cache.joined(key, value)
        return self._door("at_key", kept[0], at_new), kept[1], kept

    def _made_of_input(self, x: Tensor, cache: KeyValueCache | None) -> Tensor | None:
        """What the encoding makes of the input of every key, old ones first, if it asks for it."""
        if not self.encoding.needs_input:
            return None
        made = self.encoding.from_input(x)
        shape = tuple(made.shape) if isinstance(made, Tensor) else ()
        if len(shape) < 3 or (shape[0], shape[2]) != (x.shape[0], x.shape[1]):
            raise validation.refuse(
                ValueError if shape else TypeError, f"{type(self.encoding).__name__}.from_input",
                "result.shape" if shape else "result", shape or type(made).__name__,
                f"a tensor of shape ({x.shape[0]}, heads, {x.shape[1]}, ...)",
                "The tokens are the third axis, as those of keys are.",
            )  # fmt: skip
        return made if cache is None else cache.joined_from_input(made)

    def _bias(
        self,
        query: Tensor,
        key: Tensor,
        prepared: Prepared,
        masks: Masks,
        made: Tensor | None = None,
    ) -> tuple[Tensor | PreparedBias | None, Masks]:
        """What door 3 adds to the scores; what a foreign encoding returns is checked and may be
        -inf."""
        encoding, at_query, at_key = self.encoding, prepared.query, prepared.key
        if isinstance(encoding, Combined) and len(alone := encoding.biases(at_query)) == 1:
            at_query = alone[0] if isinstance(alone[0], PreparedBias) else at_query
        if isinstance(at_query, PreparedBias):
            at_query.encoding.check_heads(at_query.numbers, query)
            return at_query, masks
        if type(encoding).at_scores is PositionEncoding.at_scores:
            return None, masks
        more = {"seen": masks.seen()} if encoding.needs_seen else {}
        if made is not None:
            more["from_input"] = made
        bias = encoding.at_scores(query, for_each_head(key, query), at_query, at_key, **more)
        places = prepared.places
        if places.batch is not None and bias is not None and bias.ndim == 3 and bias.shape[0] != 1:
            raise validation.refuse(
                ValueError, f"{type(encoding).__name__}.at_scores", "result.shape",
                tuple(bias.shape), "(batch, heads, query, key) where positions have a batch axis",
                "Add the heads axis: result.unsqueeze(-3).",
            )  # fmt: skip
        if bias is None or not is_foreign(encoding):
            return bias, masks
        term = checked_bias(f"{type(encoding).__name__}.at_scores", bias, query, places)
        return term, masks._replace(bias=term if isinstance(term, Tensor) else None)

    def _door(self, method: str, x: Tensor, positions: object) -> Tensor:
        """Pass x through a method of the encoding, which has to return as much as it got."""
        widens = 1 if method == "at_embeddings" else self.encoding.widens
        return self._same_shape(method, getattr(self.encoding, method)(x, positions), x, widens)

    def _same_shape(self, method: str, result: Tensor, like: Tensor, widens: int = 1) -> Tensor:
        shape = (*like.shape[:-1], like.shape[-1] * widens)
        function = f"{type(self.encoding).__name__}.{method}"
        if not isinstance(result, Tensor):
            raise validation.refuse(
                TypeError, function, "result", type(result).__name__,
                f"a tensor of shape {shape}", "Does the method end with return?",
            )  # fmt: skip
        if result.shape != shape:
            as_given = "the shape it was given" if widens == 1 else f"{widens} times as wide"
            raise validation.refuse(
                ValueError, function, "result.shape", tuple(result.shape),
                f"{shape}, {as_given}", "Keep every axis.",
            )  # fmt: skip
        if result.dtype != like.dtype and validation.autocast_on(like):
            return result.to(like.dtype)
        if result.dtype != like.dtype:
            raise validation.refuse(
                TypeError, function, "result.dtype", result.dtype,
                f"{like.dtype}, the dtype it was given", "End with .to(x.dtype).",
            )  # fmt: skip
        return result

    def _masks(
        self, mask: Tensor | None, padding: Tensor | None, query: Tensor, key: Tensor
    ) -> tuple[Tensor | None, Tensor | None]:
        """The masks given, after the checks."""
        if mask is not None:
            validation.boolean("MultiHeadAttention", "mask", mask)
            if mask.ndim == 3:
                raise validation.refuse(
                    ValueError, "MultiHeadAttention", "mask.shape", tuple(mask.shape),
                    "(query, key) or (batch, heads, query, key), with 1 where one serves all",
                    "One mask a batch row is mask[:, None], one a head is mask[None].",
                )  # fmt: skip
        return checked_masks("MultiHeadAttention", query, key, mask, padding)

    def _split(self, x: Tensor) -> Tensor:
        """(batch, length, heads * head_dim) -> (batch, heads, length, head_dim)."""
        by_head: Tensor = x.unflatten(-1, (-1, self.head_dim))
        return by_head.transpose(1, 2)

    def _merge(self, x: Tensor) -> Tensor:
        """(batch, heads, length, head_dim) -> (batch, length, heads * head_dim)."""
        return x.transpose(1, 2).flatten(2)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, heads={self.heads}, causal={self.causal}"
