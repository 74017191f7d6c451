"""A stack of Transformer layers that makes what position needs once, not once a layer.

    door 1 once:       x = encoding(x)
    in each layer:     x = x + attention(norm(x)),  then  x = x + mlp(norm(x))

Pre-norm; the feed-forward part is 4 times as wide, with GELU. `causal=True` makes it a decoder.
Where the tokens stand is found out once for all layers; layers that share an encoding object share
what it prepares, cosines or the numbers of all distances. What is trained for one layer alone is
prepared just before that layer and forgotten after it.

Source: Vaswani et al. 2017, "Attention Is All You Need", section 3; Xiong et al. 2020, "On Layer
Normalization in the Transformer Architecture" (pre-norm); Hendrycks and Gimpel 2016 (GELU).

Layers need not be alike: a `PositionPlan` says which encoding and which mask each one has.

The trap: `MultiHeadAttention` opens door 1 too, being a layer that teaches. Given to each layer of
a stack, an encoding of door 1 would be added again before every attention.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Sequence
from typing import Any

from jaxtyping import Bool, Float
from torch import Tensor, nn

from posenc_lib.base import validation
from posenc_lib.base.combined import Combined
from posenc_lib.base.doors import (
    Coordinates,
    Door,
    PositionEncoding,
    Positions,
    Prepared,
    is_foreign,
    refuse_ahead,
    without_padding,
)
from posenc_lib.base.no_encoding import NoEncoding
from posenc_lib.layers.kv_cache import KeyValueCache
from posenc_lib.layers.multihead import MultiHeadAttention
from posenc_lib.layers.plan import PositionPlan
from posenc_lib.rotary.decoupled import DecoupledRotary
from posenc_lib.scores.t5 import T5Bias


class TransformerLayer(nn.Module):
    """One pre-norm layer: attention, then a feed-forward network, each added to its input.

    x + attention(norm(x)), then x + mlp(norm(x)); x is (batch, length, dim). The sizes, the
    encoding and `settings` are those of `MultiHeadAttention`, which raises for what does not fit.

    Raises ValueError and TypeError like `MultiHeadAttention`.

    Source: Xiong et al. 2020, figure 1 (b).

    >>> import torch
    >>> layer = TransformerLayer(8, 2, encoding=NoEncoding(), causal=True)
    >>> layer(torch.zeros(1, 3, 8), torch.arange(3)).shape
    torch.Size([1, 3, 8])
    """

    def __init__(self, dim: int, heads: int, *, wider: int = 4, **settings: Any) -> None:
        super().__init__()
        dim = validation.size("TransformerLayer", "dim", dim)
        wider = validation.size("TransformerLayer", "wider", wider)
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(2))
        self.attention = MultiHeadAttention(dim, heads, **settings)
        self.mlp = nn.Sequential(
            nn.Linear(dim, wider * dim), nn.GELU(), nn.Linear(wider * dim, dim)
        )

    def forward(
        self,
        x: Float[Tensor, "batch length dim"],
        positions: Positions | Coordinates | None = None,
        mask: Bool[Tensor, "..."] | None = None,
        *,
        padding: Bool[Tensor, "batch key"] | None = None,
        cache: KeyValueCache | None = None,
        prepared: Prepared | None = None,
    ) -> Float[Tensor, "batch length dim"]:
        """(batch, length, dim) -> (batch, length, dim); the rest as in `MultiHeadAttention`."""
        self.attention.check_input("x", x)  # a layer norm would say it in its own words
        seen, _ = self.attention(
            self.norms[0](x), positions=positions, mask=mask, padding=padding, cache=cache,
            prepared=prepared, need_weights=False,
        )  # fmt: skip
        x = x + seen
        output: Tensor = x + self.mlp(self.norms[1](x))
        return output


class TransformerStack(nn.Module):
    """`layers` pre-norm layers with one kind of position encoding, (batch, length, dim) throughout.

    `encoding` is a name of the registry, built for these sizes with `length` and `options`, or a
    `PositionEncoding`:

    - door 1: one object, added once, before the first layer;
    - T5, and whatever trains nothing: one object for all layers;
    - other trained ones of doors 2 and 3: one for each layer, a deep copy where one was given.

    `settings` are those of `MultiHeadAttention`, such as kv_heads, head_dim, scale, window, sink.

    In place of all that, `plan` is a `PositionPlan`: it says how many layers there are, and for
    each one its encoding, causality, window, chunk, scale, sink and what it adds. Its objects are
    taken as they are.

    Raises ValueError for sizes below 1, an unknown name, options beside an object, and for what a
    plan says already; TypeError for another kind of encoding or plan.

    Source: Vaswani et al. 2017, section 3; Xiong et al. 2020 (pre-norm); Raffel et al. 2020,
    section 2.1 (the shared bias).

    >>> import torch
    >>> stack = TransformerStack(8, heads=2, layers=3, encoding="rope", causal=True).eval()
    >>> x, caches = torch.randn(1, 5, 8), stack.new_caches()
    >>> steps = [stack(x[:, t : t + 1], caches=caches) for t in range(5)]
    >>> torch.allclose(torch.cat(steps, 1), stack(x), atol=1e-5)
    True
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        layers: int | None = None,
        *,
        encoding: PositionEncoding | str | None = None,
        length: int | None = None,
        options: dict[str, Any] | None = None,
        causal: bool | None = None,
        plan: PositionPlan | None = None,
        **settings: Any,
    ) -> None:
        super().__init__()
        if plan is None:
            layers = validation.size("TransformerStack", "layers", layers)
            encoding = "none" if encoding is None else encoding
            causal = False if causal is None else causal
            each = _encodings(encoding, layers, dim, heads, length, causal, options)
            at_start = each[0].door is Door.EMBEDDINGS
            self.at_start = each[0] if at_start else NoEncoding()
            each = [NoEncoding()] * layers if at_start else each
            how: list[dict[str, Any]] = [
                {"encoding": one, "causal": causal} | settings for one in each
            ]
        else:
            said = {"encoding": encoding, "length": length, "options": options, "causal": causal}
            _check_plan(plan, layers, {n: v for n, v in said.items() if v is not None} | settings)
            self.at_start = plan.at_start
            how = [{n: getattr(one, n) for n in _PLANNED} | settings for one in plan]
        for one in how:
            refuse_ahead("TransformerStack", self.at_start, one["causal"])
        self.layers = nn.ModuleList(TransformerLayer(dim, heads, **one) for one in how)

    def forward(
        self,
        x: Float[Tensor, "batch length dim"],
        positions: Positions | Coordinates | None = None,
        mask: Bool[Tensor, "..."] | None = None,
        *,
        padding: Bool[Tensor, "batch key"] | None = None,
        caches: Sequence[KeyValueCache] | None = None,
    ) -> Float[Tensor, "batch length dim"]:
        """(batch, length, dim) through door 1 and all layers.

        Positions are (length,) or (batch, length), 0 .. length - 1 unless given, or counted on
        from what `caches` hold: one cache for each layer, made by `new_caches`. `mask` and
        `padding` are those of `MultiHeadAttention`.
        """
        layers: Any = self.layers  # a ModuleList does not say of what
        each = self._caches(caches)
        asked = next((n for n, layer in enumerate(layers) if _takes_coordinates(layer)), 0)
        places = layers[asked].attention.places(x, positions=positions, cache=each[asked])
        if caches is not None and len(layers) > 1:
            for encoding in {id(e): e for e in (one.attention.encoding for one in layers)}.values():
                encoding.check_continues(places)
        x = without_padding(self.at_start, x, padding)
        x = self.at_start.at_embeddings(x, self.at_start.prepare(places)[0])
        uses = Counter(_prepares(layer.attention) for layer in layers)
        shared: dict[Any, Prepared] = {}
        for layer, cache in zip(layers, each, strict=True):
            attention, same = layer.attention, _prepares(layer.attention)
            prepared = shared.get(same) or attention.prepare(places)
            if uses[same] > 1:
                shared[same] = prepared
            if prepared.places.mask != attention.mask:
                prepared = prepared._replace(places=places.masked(*attention.mask))
            x = layer(x, mask=mask, padding=padding, cache=cache, prepared=prepared)
        return x

    def new_caches(self) -> list[KeyValueCache]:
        """An empty cache for each layer, to be given to every step of one decoding."""
        return [KeyValueCache() for _ in self.layers]

    def _caches(self, caches: Sequence[KeyValueCache] | None) -> Sequence[KeyValueCache | None]:
        if caches is None:
            return [None] * len(self.layers)
        if not isinstance(caches, Sequence) or len(caches) != len(self.layers):
            found = len(caches) if isinstance(caches, Sequence) else type(caches).__name__
            raise validation.refuse(
                ValueError, "TransformerStack", "caches", found,
                f"a list of {len(self.layers)} caches, one for each layer",
                "Make them with new_caches().",
            )  # fmt: skip
        lengths = [len(cache) for cache in caches if isinstance(cache, KeyValueCache)]
        if len(set(lengths)) > 1:
            raise validation.refuse(
                ValueError, "TransformerStack", "caches", f"lengths {lengths}",
                "caches that hold the same tokens", "Crop all of them to one length.",
            )  # fmt: skip
        return caches


_PLANNED = ("encoding", "causal", "window", "chunk", "scale", "sink", "added")


def _takes_coordinates(layer: Any) -> bool:
    """Whether the positions of this layer may have several axes."""
    parts = [one for one in layer.attention.encoding.modules() if isinstance(one, PositionEncoding)]
    parts = [one for one in parts if not isinstance(one, (Combined, DecoupledRotary))]  # they ask
    plain = PositionEncoding.check_positions
    return any(type(one).check_positions is not plain for one in parts)


def _prepares(attention: MultiHeadAttention) -> tuple[object, ...]:
    """What layers have to have in common to share what is prepared: the encoding object, and the
    mask too where it may be a part of that. Angles never ask what is seen."""
    encoding = attention.encoding
    scored = encoding.door is Door.SCORES or is_foreign(encoding)
    return (id(encoding), *attention.mask) if scored else (id(encoding),)


def _check_plan(plan: object, layers: int | None, beside: dict[str, Any]) -> None:
    """Refuse what is no plan, and what a plan says already."""
    name = "TransformerStack"
    if not isinstance(plan, PositionPlan):
        raise validation.refuse(
            TypeError, name, "plan", type(plan).__name__, "a PositionPlan or None",
            "PositionPlan([LayerPlan(encoding)] * layers).",
        )  # fmt: skip
    if layers is not None and validation.size(name, "layers", layers) != len(plan):
        raise validation.refuse(
            ValueError, name, "layers", layers, f"the {len(plan)} layers of the plan, or None",
            "The plan says how many layers there are.",
        )  # fmt: skip
    for argument in (*_PLANNED, "length", "options"):
        if argument in beside:
            raise validation.refuse(
                ValueError, name, argument, beside[argument], "nothing beside a plan",
                "Say it in the LayerPlan of each layer.",
            )  # fmt: skip


def trains_for_one_layer(encoding: PositionEncoding) -> bool:
    """Whether each layer has to have its own: not T5, door 1, and what trains nothing."""
    shared = isinstance(encoding, T5Bias) or encoding.door is Door.EMBEDDINGS
    return not shared and next(encoding.parameters(), None) is not None


def _encodings(
    encoding: PositionEncoding | str,
    layers: int,
    dim: int,
    heads: int,
    length: int | None,
    causal: bool,
    options: dict[str, Any] | None,
) -> list[PositionEncoding]:
    """One encoding a layer: the same object, or each its own."""
    if options is not None and not isinstance(options, dict):
        raise validation.refuse(
            TypeError, "TransformerStack", "options", type(options).__name__,
            "a dictionary of options of the encoding", 'For example options={"base": 500.0}.',
        )  # fmt: skip
    options = options or {}
    if isinstance(encoding, str):
        from posenc_lib.registry import make_encoding

        def build() -> PositionEncoding:
            return make_encoding(
                encoding, dim=dim, heads=heads, length=length, causal=causal, **options
            )

        first = build()
        own = trains_for_one_layer(first)
        return [first] + [build() if own else first for _ in range(layers - 1)]
    if not isinstance(encoding, PositionEncoding):
        raise validation.refuse(
            TypeError, "TransformerStack", "encoding", type(encoding).__name__,
            "a PositionEncoding or a name of the registry", "Take no position with 'none'.",
        )  # fmt: skip
    if options or length is not None:
        raise validation.refuse(
            ValueError, "TransformerStack", "options, length", (options, length),
            "None beside an encoding that is made already", "Give them to the encoding.",
        )  # fmt: skip
    own = trains_for_one_layer(encoding)
    return [encoding] + [copy.deepcopy(encoding) if own else encoding for _ in range(layers - 1)]
