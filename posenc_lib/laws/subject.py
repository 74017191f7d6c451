"""The encoding under a law: fresh copies of it, and attention layers built around them.

Every layer gets a copy of its own, so that what one law finds is not what another left behind. The
parameters are moved a little from where they start, or a table of zeros would obey everything.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from posenc_lib.base.doors import PositionEncoding, is_foreign
from posenc_lib.layers.multihead import MultiHeadAttention


@dataclass(frozen=True)
class Subject:
    """One encoding and the sizes of the layers that it is looked at in.

    `build` makes another one from the same class, None where only the object is known.
    """

    encoding: PositionEncoding
    dim: int
    heads: int
    length: int
    build: Callable[[], PositionEncoding] | None = None

    @property
    def name(self) -> str:
        """The name of its class."""
        return type(self.encoding).__name__

    @property
    def close(self) -> float:
        """Two ways to one number may differ by this much in float64.

        Encodings of this library compute in float64 there; others may use float32 inside.
        """
        return 1e-5 if is_foreign(self.encoding) else 1e-7

    @property
    def in_row(self) -> bool:
        """Whether it reads neighbours: then tokens stand side by side, and no layer is causal."""
        return self.encoding.sees_ahead

    def opens(self, method: str) -> bool:
        """Whether the class has a method of the protocol itself."""
        return getattr(type(self.encoding), method) is not getattr(PositionEncoding, method)

    def fresh(self, dtype: torch.dtype = torch.float64) -> PositionEncoding:
        """A copy whose parameters lie a little away from their start, the same each time."""
        return moved(copy.deepcopy(self.encoding)).to(dtype)

    def layer(self, dtype: torch.dtype = torch.float64, *, seed: int = 0) -> MultiHeadAttention:
        """A layer around a fresh copy, with random projections."""
        return self.layer_around(self.fresh(dtype), dtype, seed=seed)

    def layer_around(
        self, encoding: PositionEncoding, dtype: torch.dtype = torch.float64, *, seed: int = 0
    ) -> MultiHeadAttention:
        """A layer with this encoding and random projections, causal unless the encoding refuses."""
        torch.default_generator.manual_seed(seed)
        head_dim = getattr(encoding, "head_dim", None)
        layer = MultiHeadAttention(
            self.dim, self.heads, encoding=encoding, causal=not encoding.sees_ahead,
            head_dim=head_dim if isinstance(head_dim, int) else None,
        )  # fmt: skip
        return layer.to(dtype).eval()

    def tokens(
        self, batch: int, length: int, dtype: torch.dtype = torch.float64, *, seed: int = 0
    ) -> Tensor:
        """Random input, (batch, length, dim), the same for the same seed."""
        generator = torch.Generator().manual_seed(seed)
        x = torch.randn(batch, length, self.dim, generator=generator, dtype=torch.float64)
        return x.to(dtype)

    def scores(self, layer: MultiHeadAttention, x: Tensor, positions: Tensor) -> Tensor:
        """What the doors make of these tokens, (batch, heads, query, key), before mask and softmax.

        The doors get what the layer prepares.
        """
        _, _, at_query, at_new, at_key = layer.prepare(layer.places(x, positions=positions))
        return self.scores_of(layer, x, at_query, at_new, at_key)

    def scores_of(
        self, layer: MultiHeadAttention, x: Tensor, at_query: Any, at_new: Any, at_key: Any
    ) -> Tensor:
        """The same for what the doors are given: something prepared, or plain positions."""
        encoding = layer.encoding
        x = encoding.at_embeddings(x, at_query)
        query, key = layer._split(layer.to_query(x)), layer._split(layer.to_key(x))
        query, key = encoding.at_query(query, at_query), encoding.at_key(key, at_new)
        scores: Tensor = query @ key.transpose(-1, -2) * layer.scale
        more = {"from_input": encoding.from_input(x)} if encoding.needs_input else {}
        bias: Tensor | None = encoding.at_scores(query, key, at_query, at_key, **more)
        return scores if bias is None else scores + bias


def moved(encoding: PositionEncoding) -> PositionEncoding:
    """The same encoding, its parameters a little away from where they were."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in encoding.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator).to(parameter) * 0.1)
    return encoding
