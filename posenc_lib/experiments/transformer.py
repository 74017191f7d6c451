"""A tiny Transformer that takes any encoding of the registry, so that only position differs.

    x = embed(tokens), door 1 once
    in each layer:  x = x + attention(norm(x)),  then  x = x + mlp(norm(x))

Pre-norm; the feed-forward part is 4 times as wide, with GELU. `causal=True` makes it a decoder.

Source: Vaswani et al. 2017, "Attention Is All You Need", section 3; Xiong et al. 2020, "On Layer
Normalization in the Transformer Architecture" (pre-norm); Hendrycks and Gimpel 2016 (GELU).

The trap: `MultiHeadAttention` opens door 1 too, being a layer that teaches. Given to each layer of
a stack, an encoding of door 1 would be added again before every attention.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor, nn

from posenc_lib import _validate
from posenc_lib.doors import Door, NoEncoding, PositionEncoding, Positions
from posenc_lib.multihead import MultiHeadAttention
from posenc_lib.registry import encodings, make_encoding
from posenc_lib.t5 import T5Bias

READ_OUTS = ("token", "mean", "last")


class Layer(nn.Module):
    """One pre-norm layer: attention, then a feed-forward network, each added to its input.

    x + attention(norm(x)), then x + mlp(norm(x)); x is (batch, length, dim). The sizes and the
    encoding are those of `MultiHeadAttention`, which raises for what does not fit.

    >>> layer = Layer(8, 2, encoding=NoEncoding(), causal=True)
    >>> layer(torch.zeros(1, 3, 8), torch.arange(3)).shape
    torch.Size([1, 3, 8])
    """

    def __init__(
        self, dim: int, heads: int, *, encoding: PositionEncoding, causal: bool, wider: int = 4
    ) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(2))
        self.attention = MultiHeadAttention(dim, heads, encoding=encoding, causal=causal)
        self.mlp = nn.Sequential(
            nn.Linear(dim, wider * dim), nn.GELU(), nn.Linear(wider * dim, dim)
        )

    def forward(
        self,
        x: Float[Tensor, "batch length dim"],
        positions: Positions,
        mask: Bool[Tensor, "..."] | None = None,
    ) -> Float[Tensor, "batch length dim"]:
        """(batch, length, dim) -> (batch, length, dim); `mask` as in `MultiHeadAttention`."""
        seen, _ = self.attention(
            self.norms[0](x), positions=positions, mask=mask, need_weights=False
        )
        x = x + seen
        return x + self.mlp(self.norms[1](x))


class TinyTransformer(nn.Module):
    """Embedding, `layers` pre-norm layers, norm and a linear read-out, with any encoding.

    Give either `vocabulary`, for whole tokens (batch, length), or `features`, for real vectors
    (batch, length, features). `encoding` is a name of the registry, built for these sizes with
    `length` and `options`, or a `PositionEncoding`:

    - door 1: one object, added once, at the embeddings;
    - doors 2 and 3: one for each layer, a deep copy where an object was given;
    - T5: one object for all layers, as in the paper. All others have their own.

    `read_out`: "token" gives (batch, length, outputs), "mean" and "last" give (batch, outputs)
    from the mean over the tokens or from the last token. Nothing is drawn while it runs.

    Raises ValueError for both or none of vocabulary and features, sizes below 1, an unknown name
    or read-out, and options beside an object; TypeError for another kind of encoding or input.

    Source: Vaswani et al. 2017, section 3; Xiong et al. 2020 (pre-norm); Raffel et al. 2020,
    section 2.1 (the shared bias).

    >>> model = TinyTransformer(vocabulary=10, outputs=10, dim=16, heads=2, layers=2,
    ...                         encoding="t5", causal=True)
    >>> model(torch.tensor([[3, 1, 4]])).shape
    torch.Size([1, 3, 10])
    """

    def __init__(
        self,
        *,
        outputs: int,
        vocabulary: int | None = None,
        features: int | None = None,
        dim: int = 64,
        heads: int = 8,
        layers: int = 2,
        encoding: PositionEncoding | str = "none",
        length: int | None = None,
        options: dict[str, Any] | None = None,
        causal: bool = False,
        read_out: str = "token",
    ) -> None:
        super().__init__()
        name = "TinyTransformer"
        if (vocabulary is None) == (features is None):
            raise _validate.refuse(
                ValueError, name, "vocabulary, features", (vocabulary, features),
                "exactly one of the two", "Tokens have a vocabulary, real vectors have features.",
            )  # fmt: skip
        layers = _validate.size(name, "layers", layers)
        dim = _validate.size(name, "dim", dim)
        self.vocabulary, self.features = vocabulary, features
        self.read_out = _validate.choice(name, "read_out", read_out, READ_OUTS)
        if vocabulary is not None:
            self.embed = nn.Embedding(_validate.size(name, "vocabulary", vocabulary), dim)
        else:
            self.embed = nn.Linear(_validate.size(name, "features", features), dim)
        made = _made(encoding, layers, dim, heads, length, causal, options)
        at_start = made[0].door is Door.EMBEDDINGS
        self.at_start = made[0] if at_start else NoEncoding()
        self.layers = nn.ModuleList(
            Layer(dim, heads, encoding=NoEncoding() if at_start else each, causal=causal)
            for each in made
        )
        self.norm = nn.LayerNorm(dim)
        self.out = nn.Linear(dim, _validate.size(name, "outputs", outputs))

    def forward(
        self,
        x: Shaped[Tensor, "..."],
        positions: Positions | None = None,
        mask: Bool[Tensor, "..."] | None = None,
    ) -> Float[Tensor, "..."]:
        """Tokens (batch, length) or vectors (batch, length, features) to the read-out.

        Positions are 0 .. length - 1 unless given: (length,) or (batch, length).
        """
        _validate.tensor("TinyTransformer", "x", x)
        axes = "batch length" if self.vocabulary is not None else "batch length features"
        _validate.rank("TinyTransformer", "x", x, axes=axes)
        if self.vocabulary is not None:
            x = _validate.indices(
                "TinyTransformer", "x", x, rows=self.vocabulary, remedy="Raise the vocabulary."
            )
        if positions is None:
            positions = torch.arange(x.shape[1], device=x.device)
        hidden = self.at_start.at_embeddings(self.embed(x), positions)  # (batch, length, dim)
        for layer in self.layers:
            hidden = layer(hidden, positions, mask)
        if self.read_out == "mean":
            hidden = hidden.mean(1)
        elif self.read_out == "last":
            hidden = hidden[:, -1]
        return self.out(self.norm(hidden))

    def replace_encoding(self, made: PositionEncoding) -> TinyTransformer:
        """A copy with the same weights and another encoding of doors 2 or 3 in every layer.

        So a model trained with RoPE is run with scaled RoPE, without training.

        Raises ValueError for an encoding of door 1, TypeError for another kind.
        """
        if not isinstance(made, PositionEncoding):
            raise _validate.refuse(
                TypeError, "replace_encoding", "made", type(made).__name__, "a PositionEncoding",
                "Build it with make_encoding.",
            )  # fmt: skip
        if made.door is Door.EMBEDDINGS:
            raise _validate.refuse(
                ValueError, "replace_encoding", "made", type(made).__name__,
                "an encoding of doors 2 or 3", "One of door 1 belongs to the trained embeddings.",
            )  # fmt: skip
        model = copy.deepcopy(self)
        for layer in model.layers:
            layer.attention.encoding = copy.deepcopy(made)
        return model


def _made(
    encoding: PositionEncoding | str,
    layers: int,
    dim: int,
    heads: int,
    length: int | None,
    causal: bool,
    options: dict[str, Any] | None,
) -> list[PositionEncoding]:
    """One encoding a layer: the same object for T5 and door 1, otherwise each its own."""
    options = options or {}
    if isinstance(encoding, str):

        def build() -> PositionEncoding:
            return make_encoding(
                encoding, dim=dim, heads=heads, length=length, causal=causal, **options
            )

        known = encodings()
        first = build()
        shared = known[encoding].cls is T5Bias or first.door is Door.EMBEDDINGS
        return [first] + [first if shared else build() for _ in range(layers - 1)]
    if not isinstance(encoding, PositionEncoding):
        raise _validate.refuse(
            TypeError, "TinyTransformer", "encoding", type(encoding).__name__,
            "a PositionEncoding or a name of the registry", "Take no position with 'none'.",
        )  # fmt: skip
    if options or length is not None:
        raise _validate.refuse(
            ValueError, "TinyTransformer", "options, length", (options, length),
            "None beside an encoding that is made already", "Give them to the encoding.",
        )  # fmt: skip
    shared = isinstance(encoding, T5Bias) or encoding.door is Door.EMBEDDINGS
    return [encoding] + [encoding if shared else copy.deepcopy(encoding) for _ in range(layers - 1)]
