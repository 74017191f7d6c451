"""A decoder small enough for laws: random weights, tokens in, logits out, positions as given.

    tokens -> embedding -> `TransformerStack` -> a logit for each word

What a server has to keep right holds for any weights, so nothing is trained here.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from posenc_lib.base.doors import PositionEncoding
from posenc_lib.base.draws import own_draws
from posenc_lib.layers.attention_ways import attention_ways
from posenc_lib.layers.kv_cache import KeyValueCache
from posenc_lib.layers.multihead import MultiHeadAttention
from posenc_lib.layers.stack import TransformerStack

WORDS, DIM, HEADS, LENGTH = 50, 32, 4, 16


class TinyDecoder:
    """Two causal layers of 32 features and 4 heads, 50 words, the same random weights each time.

    `encoding` is a name of the registry or a `PositionEncoding`. Calling it takes whole tokens
    (batch, length) and what `TransformerStack` takes (positions, padding, mask, caches), and
    returns logits (batch, length, 50). No gradient is kept.

    >>> model = TinyDecoder("rope")
    >>> model(torch.tensor([[3, 1, 4]])).shape
    torch.Size([1, 3, 50])
    """

    def __init__(self, encoding: PositionEncoding | str) -> None:
        with own_draws():
            self.words, self.head = nn.Embedding(WORDS, DIM), nn.Linear(DIM, WORDS)
            length = LENGTH if isinstance(encoding, str) else None
            self.stack = TransformerStack(
                DIM, HEADS, 2, encoding=encoding, length=length, causal=True
            ).eval()

    @torch.no_grad()
    def __call__(
        self, tokens: Int64[Tensor, "batch length"], **places: Any
    ) -> Float[Tensor, "batch length words"]:
        logits: Tensor = self.head(self.stack(self.words(tokens), **places))
        return logits

    def new_caches(self) -> list[KeyValueCache]:
        """An empty cache for each layer."""
        return self.stack.new_caches()


def two_prompts() -> tuple[Int64[Tensor, "2 8"], Bool[Tensor, "2 8"]]:
    """Tokens of two prompts, and which are real: the first has five, behind three of padding.

    >>> two_prompts()[1].int()
    tensor([[0, 0, 0, 1, 1, 1, 1, 1],
            [1, 1, 1, 1, 1, 1, 1, 1]], dtype=torch.int32)
    """
    tokens = torch.randint(1, WORDS, (2, 8), generator=torch.Generator().manual_seed(1))
    real = torch.ones(2, 8, dtype=torch.bool)
    real[0, :3] = False
    return tokens, real


@torch.no_grad()
def kernel_way(encoding: str, *, flex: bool = False) -> str:
    """The way on which a causal layer with this encoding makes its output: see `attention_ways`.

    With `flex` the layer asks for FlexAttention, which runs uncompiled here; "refused" if it
    cannot do that encoding.

    >>> kernel_way("rope"), kernel_way("shaw")
    ('kernel, is_causal', 'weights')
    """
    layer = MultiHeadAttention(
        DIM, HEADS, encoding=encoding, length=LENGTH, causal=True, flex=flex or None
    )
    with attention_ways() as ways, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # FlexAttention says that it is slow so
        try:
            layer(torch.ones(1, LENGTH, DIM), need_weights=False)
        except ValueError:
            return "refused"
    return ways[0]
