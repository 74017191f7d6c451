"""Multi-head attention with three doors for position.

    head_h = attention(x W_q^h, x W_k^h, x W_v^h),     output = concat(head_1 .. head_H) W_o

Source: Vaswani et al. 2017, section 3.2.2.

The trap: a Transformer adds an absolute encoding once, before its first layer. This module is
one layer that teaches, so it opens door 1 too; when you stack several, give an encoding of
door 1 to the first one only.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from posenc_lib import _validate
from posenc_lib.doors import KeyPositions, NoEncoding, PositionEncoding, QueryPositions
from posenc_lib.dot_product import attention, broadcastable, seen_pairs
from posenc_lib.fused import attention_output
from posenc_lib.kv_cache import KeyValueCache
from posenc_lib.masks import causal_mask


class MultiHeadAttention(nn.Module):
    """Self- or cross-attention over `heads` heads; a position encoding plugs into any door.

    head_h = attention(x W_q^h, x W_k^h, x W_v^h), output = concat(head_1 .. head_H) W_o.

    `encoding` is any `PositionEncoding`, or its name in the registry ("rope", "alibi" ...), with
    `length` where that entry needs one; None means no position. `causal` masks the keys whose
    position lies after that of the query. Dropout acts on the output, not on the weights, so
    that the weights returned are the weights used.

    Raises ValueError for sizes below 1, a number of heads that does not divide `dim`, an unknown
    name, an encoding for causal layers in one that is not, or input of another rank or dim;
    TypeError for an encoding that is not a `PositionEncoding`, for input of another dtype than
    the weights, and for a mask that is not boolean.

    Source: Vaswani et al. 2017, section 3.2.2.

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
    ) -> None:
        super().__init__()
        self.dim = _validate.size("MultiHeadAttention", "dim", dim)
        self.heads = _validate.size("MultiHeadAttention", "heads", heads)
        _validate.divides("MultiHeadAttention", "heads", self.heads, "dim", self.dim)
        self.head_dim = self.dim // self.heads
        self.causal = _validate.flag("MultiHeadAttention", "causal", causal)
        self.encoding = self._encoding(encoding, length)
        bias = _validate.flag("MultiHeadAttention", "bias", bias)
        self.to_query = nn.Linear(self.dim, self.dim, bias=bias)
        self.to_key = nn.Linear(self.dim, self.dim, bias=bias)
        self.to_value = nn.Linear(self.dim, self.dim, bias=bias)
        self.to_output = nn.Linear(self.dim, self.dim, bias=bias)
        self.dropout = nn.Dropout(_validate.probability("MultiHeadAttention", "dropout", dropout))

    def forward(
        self,
        x: Float[Tensor, "batch query dim"],
        context: Float[Tensor, "batch key dim"] | None = None,
        *,
        positions: QueryPositions | None = None,
        context_positions: KeyPositions | None = None,
        mask: Bool[Tensor, "..."] | None = None,
        padding: Bool[Tensor, "batch key"] | None = None,
        cache: KeyValueCache | None = None,
        need_weights: bool = True,
    ) -> tuple[Float[Tensor, "batch query dim"], Float[Tensor, "batch heads query key"] | None]:
        """Return output (batch, query, dim) and weights (batch, heads, query, key).

        Queries come from `x`, keys and values from `context` (from `x` when it is None).
        Positions are (length,) or (batch, length), 0 .. length - 1 unless given; a causal layer
        with a context needs both. `mask` is (query, key) or (batch, heads, query, key), True may
        be seen; `padding` is (batch, key), True for a real token. With a `cache`, x holds the new
        tokens, the keys are all tokens so far, and positions count on from the cached ones.

        With `need_weights=False` the weights are None and the fused kernel gives the output,
        unless the encoding itself needs the weights.
        """
        positions = self._continued(cache, x, context, positions)
        positions, key_positions = self._positions(x, context, positions, context_positions)
        x = self._door("at_embeddings", x, positions)  # door 1
        context = x if context is None else self._door("at_embeddings", context, key_positions)

        query = self._split(self.to_query(x))  # (batch, heads, query, head_dim)
        key, value = self._split(self.to_key(context)), self._split(self.to_value(context))
        if cache is not None:  # the keys and values of earlier tokens come first
            joined = key, value, key_positions = cache.joined(key, value, key_positions)
        query = self._door("at_query", query, positions)  # door 2
        key = self._door("at_key", key, key_positions)

        mask = self._mask(mask, query, key, positions, key_positions)
        seen = self._seen(mask, padding, query, key)
        bias = self.encoding.at_scores(query, key, positions, key_positions, **seen)  # door 3
        self._check_rows(bias, positions, key_positions)
        given = {"bias": bias, "mask": mask, "padding": padding}
        if need_weights or self.encoding.needs_weights:
            output, weights = attention(query, key, value, **given)
            output = self._with_values(output, weights, positions, key_positions)  # door 3
        else:
            output, weights = attention_output(query, key, value, **given), None
        if cache is not None:
            cache.keep(*joined)  # only now: a call that was refused leaves the cache as it was
        output = self.dropout(self.to_output(self._merge(output)))
        return output, weights if need_weights else None

    def _encoding(
        self, encoding: PositionEncoding | str | None, length: int | None
    ) -> PositionEncoding:
        """The encoding given, or made from its name."""
        if encoding is None:
            return NoEncoding()
        if isinstance(encoding, str):
            from posenc_lib.registry import make_encoding  # it knows every module, so not before

            encoding = make_encoding(
                encoding, dim=self.dim, heads=self.heads, length=length, causal=self.causal
            )
        elif length is not None:
            raise _validate.refuse(
                ValueError, "MultiHeadAttention", "length", length,
                "None beside an encoding that is made already", "Give the length to the encoding.",
            )  # fmt: skip
        if not isinstance(encoding, PositionEncoding):
            raise _validate.refuse(
                TypeError, "MultiHeadAttention", "encoding", type(encoding).__name__,
                "a PositionEncoding, a name of the registry or None",
                "Subclass PositionEncoding and open a door.",
            )  # fmt: skip
        if encoding.causal_only and not self.causal:
            raise _validate.refuse(
                ValueError, "MultiHeadAttention", "causal", False,
                f"True with {type(encoding).__name__}, which knows no future",
                "Pass causal=True, or take the two-sided form of the encoding.",
            )  # fmt: skip
        return encoding

    def _continued(
        self,
        cache: KeyValueCache | None,
        x: Tensor,
        context: Tensor | None,
        positions: Tensor | None,
    ) -> Tensor | None:
        """The positions of new tokens: those given, or counted on from the cached ones."""
        if cache is None:
            return positions
        if not isinstance(cache, KeyValueCache):
            raise _validate.refuse(
                TypeError, "MultiHeadAttention", "cache", type(cache).__name__,
                "a KeyValueCache or None", "Make one a layer, before the first token.",
            )  # fmt: skip
        if context is not None or not self.causal:
            raise _validate.refuse(
                ValueError, "MultiHeadAttention", "cache", "a KeyValueCache",
                "None with a context or without causal=True",
                "What a token saw is final only if it never sees a later one.",
            )  # fmt: skip
        cache.claim(self)
        if positions is not None or not isinstance(x, Tensor) or x.ndim != 3:
            return positions  # a wrong x is refused by the checks that follow
        if cache.positions is None:
            return None
        last = cache.positions[..., -1:]
        start = (last if last.is_floating_point() else last.long()) + 1  # uint8 would wrap
        return start + torch.arange(x.shape[1], device=x.device)

    def _door(self, method: str, x: Tensor, positions: Tensor) -> Tensor:
        """Pass x through a method of the encoding, which has to return as much as it got."""
        return self._same_shape(method, getattr(self.encoding, method)(x, positions), x)

    def _with_values(
        self, output: Tensor, weights: Tensor, positions: Tensor, key_positions: Tensor
    ) -> Tensor:
        """The output plus what the encoding adds to the values, if it does."""
        extra = self.encoding.at_values(weights, positions, key_positions)
        return output if extra is None else output + self._same_shape("at_values", extra, output)

    def _same_shape(self, method: str, result: Tensor, like: Tensor) -> Tensor:
        function = f"{type(self.encoding).__name__}.{method}"
        if not isinstance(result, Tensor):
            raise _validate.refuse(
                TypeError, function, "result", type(result).__name__,
                f"a tensor of shape {tuple(like.shape)}", "Does the method end with return?",
            )  # fmt: skip
        if result.shape != like.shape:
            raise _validate.refuse(
                ValueError, function, "result.shape", tuple(result.shape),
                f"{tuple(like.shape)}, the shape it was given", "Keep every axis.",
            )  # fmt: skip
        if result.dtype != like.dtype and _validate.autocast_on(like):
            return result.to(like.dtype)
        if result.dtype != like.dtype:
            raise _validate.refuse(
                TypeError, function, "result.dtype", result.dtype,
                f"{like.dtype}, the dtype it was given", "End with .to(x.dtype).",
            )  # fmt: skip
        return result

    def _check_rows(self, bias: Tensor | None, *positions: Tensor) -> None:
        """Refuse (batch, query, key), which would be read as (heads, query, key)."""
        rows = any(p.ndim == 2 for p in positions)
        if rows and bias is not None and bias.ndim == 3 and bias.shape[0] != 1:
            raise _validate.refuse(
                ValueError, f"{type(self.encoding).__name__}.at_scores", "result.shape",
                tuple(bias.shape), "(batch, heads, query, key) where positions have a batch axis",
                "Add the heads axis: result.unsqueeze(-3).",
            )  # fmt: skip

    def _positions(
        self, x: Tensor, context: Tensor | None, positions: Tensor | None, others: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """The positions of queries and keys, counted from 0 where none are given."""
        given, positions = positions, self._checked("x", x, "positions", positions)
        if context is None:
            if others is not None:
                raise _validate.refuse(
                    ValueError, "MultiHeadAttention", "context_positions", "a tensor",
                    "None without a context", "Pass the context too, or use positions=.",
                )  # fmt: skip
            return positions, positions
        if self.causal and (given is None or others is None):
            raise _validate.refuse(
                ValueError, "MultiHeadAttention", "positions, context_positions", "None",
                "both, for a causal layer with a context",
                "Lengths alone do not say where the queries stand among the keys.",
            )  # fmt: skip
        others = self._checked("context", context, "context_positions", others)
        if context.shape[0] != x.shape[0]:
            raise _validate.refuse(
                ValueError, "MultiHeadAttention", "context.shape[0]", context.shape[0],
                f"the batch of x, {x.shape[0]}", "Expand the shared one first.",
            )  # fmt: skip
        return positions, others

    def _checked(
        self, name: str, x: Tensor, positions_name: str, positions: Tensor | None
    ) -> Tensor:
        """The positions of one input, after checking both."""
        _validate.floating("MultiHeadAttention", name, x, axes="batch length dim")
        _validate.last_axis("MultiHeadAttention", name, x, "dim", self.dim)
        if not _validate.autocast_on(x):
            _validate.same_dtype("MultiHeadAttention", **{name: x, "weight": self.to_query.weight})
        if positions is None:
            return torch.arange(x.shape[1], device=x.device)
        _validate.positions(
            "MultiHeadAttention", positions_name, positions, length=x.shape[1], batch=x.shape[0]
        )
        return positions

    def _seen(
        self, mask: Tensor | None, padding: Tensor | None, query: Tensor, key: Tensor
    ) -> dict[str, Tensor | None]:
        """What the masks let through, for an encoding that has to know."""
        if not self.encoding.needs_seen:
            return {}
        shape = torch.Size([*query.shape[:3], key.shape[2]])
        return {"seen": seen_pairs("attention", shape, query.device, mask, False, padding)}

    def _mask(
        self,
        mask: Tensor | None,
        query: Tensor,
        key: Tensor,
        query_positions: Tensor,
        key_positions: Tensor,
    ) -> Tensor | None:
        """The mask given and, for a causal layer, no key whose position lies after the query."""
        if mask is not None:
            _validate.boolean("MultiHeadAttention", "mask", mask)
            scores = torch.Size([*query.shape[:3], key.shape[2]])
            if mask.ndim == 3:
                raise _validate.refuse(
                    ValueError, "MultiHeadAttention", "mask.shape", tuple(mask.shape),
                    "(query, key) or (batch, heads, query, key), with 1 where one serves all",
                    "One mask a batch row is mask[:, None], one a head is mask[None].",
                )  # fmt: skip
            broadcastable("MultiHeadAttention", "mask", mask, scores)
        if not self.causal:
            return mask
        causal = causal_mask(query_positions, key_positions)
        causal = causal.unsqueeze(1) if causal.ndim == 3 else causal  # a heads axis
        return causal if mask is None else causal & mask

    def _split(self, x: Tensor) -> Tensor:
        """(batch, length, dim) -> (batch, heads, length, head_dim)."""
        return x.unflatten(-1, (self.heads, self.head_dim)).transpose(1, 2)

    def _merge(self, x: Tensor) -> Tensor:
        """(batch, heads, length, head_dim) -> (batch, length, dim)."""
        return x.transpose(1, 2).flatten(2)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, heads={self.heads}, causal={self.causal}"
