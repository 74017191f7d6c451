"""A small encoder-decoder whose position encoding can be any of the registry.

    encoder   read in both directions:  x + attention(norm x),  x + mlp(norm x)
    decoder   under a causal mask:      x + attention(norm x),  x + cross(norm x, memory),
                                        x + mlp(norm x)

`memory` is what the encoder made of the source. The encoding enters the encoder and the decoder's
own attention; cross-attention has none, as in T5: a query there finds its key by what the encoder
wrote into it. One embedding serves both sides.

Source: Vaswani et al. 2017, "Attention Is All You Need", section 3.1 and figure 1; Raffel et al.
2020, section 2.1 (no bias between decoder and encoder); Xiong et al. 2020 (pre-norm).

The trap: cross-attention that also knows positions, in the comparison of one encoding only.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from posenc_lib.base import validation
from posenc_lib.base.doors import PositionEncoding
from posenc_lib.experiments.parts.transformer import TinyTransformer
from posenc_lib.experiments.translation.date_tokens import Sides
from posenc_lib.layers.multihead import MultiHeadAttention
from posenc_lib.layers.stack import TransformerStack


class EncoderDecoder(nn.Module):
    """`layers` pre-norm layers to read a source, as many to write its translation.

    `encoding`, `length` and `options` are those of `TransformerStack`, for both sides. Token 0 is
    padding, and nobody sees it.

    Raises ValueError and TypeError like `TransformerStack`.

    Source: Vaswani et al. 2017, section 3.1.

    >>> model = EncoderDecoder(vocabulary=9, dim=16, heads=2, layers=1, encoding="rope")
    >>> model(Sides(torch.tensor([[3, 1, 4]]), torch.tensor([[2, 5]]))).shape
    torch.Size([1, 2, 9])
    """

    def __init__(
        self,
        *,
        vocabulary: int,
        dim: int = 64,
        heads: int = 4,
        layers: int = 2,
        encoding: PositionEncoding | str = "none",
        length: int | None = None,
        options: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        validation.size("EncoderDecoder", "vocabulary", vocabulary)
        self.vocabulary = vocabulary
        self.embed = nn.Embedding(vocabulary, dim)
        how: dict[str, Any] = {"encoding": encoding, "length": length, "options": options}
        self.encoder = TransformerStack(dim, heads, layers, **how)
        self.decoder = TransformerStack(dim, heads, layers, causal=True, **how)
        self.cross = nn.ModuleList(MultiHeadAttention(dim, heads) for _ in range(layers))
        self.cross_norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(layers))
        self.memory_norm, self.norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.out = nn.Linear(dim, vocabulary)

    def forward(self, sides: Sides) -> Float[Tensor, "batch steps vocabulary"]:
        """Logits of the token that comes next, after each that is written."""
        return self.decoded(sides.written, *self.memory(sides.source))[0]

    def memory(
        self, source: Int64[Tensor, "batch read"]
    ) -> tuple[Float[Tensor, "batch read dim"], Tensor]:
        """What the encoder makes of a source, and which of its tokens are real."""
        real = source != 0
        return self.memory_norm(self.encoder(self.embed(source), padding=real)), real

    def decoded(
        self, written: Int64[Tensor, "batch steps"], memory: Tensor, real: Tensor
    ) -> tuple[Float[Tensor, "batch steps vocabulary"], list[Tensor]]:
        """Logits, and the cross-attention weights of each layer, (batch, heads, steps, read)."""
        stack = self.decoder
        positions = torch.arange(written.shape[1], device=written.device)
        x = stack.at_start.at_embeddings(self.embed(written), positions)
        maps = []
        for layer, cross, norm in zip(stack.layers, self.cross, self.cross_norms, strict=True):
            own: Any = layer
            seen, _ = own.attention(own.norms[0](x), positions=positions, need_weights=False)
            x = x + seen
            read, weights = cross(norm(x), memory, padding=real)
            x = x + read
            x = x + own.mlp(own.norms[1](x))
            maps.append(weights)
        return self.out(self.norm(x)), maps


class DecoderOnly(nn.Module):
    """A causal `TinyTransformer` that reads the source and writes on behind it, in one row.

    The control: the causal mask alone says something about order (notebook 4).

    Raises ValueError and TypeError like `TinyTransformer`.

    Source: Liu et al. 2018, "Generating Wikipedia by Summarizing Long Sequences", section 4.2.3.

    >>> model = DecoderOnly(vocabulary=9, dim=16, heads=2, layers=1)
    >>> model(Sides(torch.tensor([[3, 1, 4]]), torch.tensor([[2, 5]]))).shape
    torch.Size([1, 2, 9])
    """

    def __init__(self, *, vocabulary: int, **settings: Any) -> None:
        super().__init__()
        self.model = TinyTransformer(
            vocabulary=vocabulary, outputs=vocabulary, causal=True, **settings
        )

    def forward(self, sides: Sides) -> Float[Tensor, "batch steps vocabulary"]:
        """Logits of the token that comes next, after each that is written."""
        source, written = sides
        read, steps = source.shape[1], written.shape[1]
        lengths = (source != 0).sum(1, keepdim=True)  # (batch, 1)
        column = torch.arange(read + steps)
        behind = column - lengths  # (batch, columns): the step that stands there
        joined = torch.cat((source, written), 1)
        # What stands in a column: the source, then what is written, then what nobody reads.
        row = joined.gather(1, torch.where(behind < 0, column, (read + behind) % (read + steps)))
        logits = self.model(row)
        at = lengths + torch.arange(steps)  # (batch, steps)
        return logits.gather(1, at[..., None].expand(-1, -1, logits.shape[-1]))
