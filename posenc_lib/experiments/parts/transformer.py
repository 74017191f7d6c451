"""A tiny Transformer that takes any encoding of the registry, so that only position differs.

    tokens -> embedding -> `TransformerStack` (door 1 once, then its layers) -> norm -> read-out

Source: Vaswani et al. 2017, "Attention Is All You Need", section 3; Xiong et al. 2020, "On Layer
Normalization in the Transformer Architecture" (pre-norm).

The trap: a comparison in which one encoding sits in another model than the rest.
"""

from __future__ import annotations

import copy
from typing import Any

from jaxtyping import Bool, Float, Shaped
from torch import Tensor, nn

from posenc_lib.base import validation
from posenc_lib.base.doors import Door, PositionEncoding, Positions
from posenc_lib.layers.stack import TransformerStack, trains_for_one_layer

READ_OUTS = ("token", "mean", "last")


class TinyTransformer(nn.Module):
    """Embedding, `layers` pre-norm layers, norm and a linear read-out, with any encoding.

    Give either `vocabulary`, for whole tokens (batch, length), or `features`, for real vectors
    (batch, length, features). `encoding`, `length` and `options` are those of `TransformerStack`.

    `read_out`: "token" gives (batch, length, outputs), "mean" and "last" give (batch, outputs)
    from the mean over the tokens or from the last token. Nothing is drawn while it runs.

    Raises ValueError for both or none of vocabulary and features, sizes below 1, an unknown name
    or read-out, and options beside an object; TypeError for another kind of encoding or input.

    Source: Vaswani et al. 2017, section 3; Xiong et al. 2020 (pre-norm); Raffel et al. 2020,
    section 2.1 (the shared bias).

    >>> import torch
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
            raise validation.refuse(
                ValueError, name, "vocabulary, features", (vocabulary, features),
                "exactly one of the two", "Tokens have a vocabulary, real vectors have features.",
            )  # fmt: skip
        dim = validation.size(name, "dim", dim)
        causal = validation.flag(name, "causal", causal)
        self.vocabulary, self.features = vocabulary, features
        self.read_out = validation.choice(name, "read_out", read_out, READ_OUTS)
        if vocabulary is not None:
            tokens = validation.size(name, "vocabulary", vocabulary)
            self.embed: nn.Embedding | nn.Linear = nn.Embedding(tokens, dim)
        else:
            self.embed = nn.Linear(validation.size(name, "features", features), dim)
        self.stack = TransformerStack(
            dim, heads, layers, encoding=encoding, length=length, options=options, causal=causal
        )
        self.norm = nn.LayerNorm(dim)
        self.out = nn.Linear(dim, validation.size(name, "outputs", outputs))

    @property
    def at_start(self) -> PositionEncoding:
        """The encoding of door 1, or none."""
        return self.stack.at_start

    @property
    def layers(self) -> Any:
        """The layers, first to last: a ModuleList of `TransformerLayer`."""
        return self.stack.layers

    def forward(
        self,
        x: Shaped[Tensor, "..."],
        positions: Positions | None = None,
        mask: Bool[Tensor, "..."] | None = None,
    ) -> Float[Tensor, "..."]:
        """Tokens (batch, length) or vectors (batch, length, features) to the read-out.

        Positions are 0 .. length - 1 unless given: (length,) or (batch, length).
        """
        validation.tensor("TinyTransformer", "x", x)
        axes = "batch length" if self.vocabulary is not None else "batch length features"
        validation.rank("TinyTransformer", "x", x, axes=axes)
        if self.vocabulary is not None:
            x = validation.indices(
                "TinyTransformer", "x", x, rows=self.vocabulary, remedy="Raise the vocabulary."
            )
        hidden = self.stack(self.embed(x), positions, mask)  # (batch, length, dim)
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
            raise validation.refuse(
                TypeError, "replace_encoding", "made", type(made).__name__, "a PositionEncoding",
                "Build it with make_encoding.",
            )  # fmt: skip
        if made.door is Door.EMBEDDINGS:
            raise validation.refuse(
                ValueError, "replace_encoding", "made", type(made).__name__,
                "an encoding of doors 2 or 3", "One of door 1 belongs to the trained embeddings.",
            )  # fmt: skip
        model = copy.deepcopy(self)
        own = trains_for_one_layer(made)
        made = copy.deepcopy(made)
        for layer in model.layers:
            layer.attention.encoding = copy.deepcopy(made) if own else made
        return model
