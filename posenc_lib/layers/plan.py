"""A plan of positions: for each layer of a model, which encoding it takes and which keys it sees.

    scores of layer l  =  scale_l (at_query(q) . at_key(k)) + at_scores(q, k),
    shut out where the mask of layer l says so: causal, window, chunk

Models of today do not treat all layers alike: Gemma 3 has five layers with a window and base
10,000 for each one that sees everything with base 1,000,000; Llama 4 leaves position out of every
fourth layer; gpt-oss gives every head a sink.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from posenc_lib.base.doors import PositionEncoding
from posenc_lib.base.no_encoding import NoEncoding


@dataclass(frozen=True)
class LayerPlan:
    """What one layer does with positions.

    - `encoding`: what enters at doors 2 and 3; layers may share one object.
    - `causal`: keys after the query are shut out.
    - `window`: only keys fewer than `window` steps away are seen.
    - `chunk`: only keys of the query's own chunk of so many positions are seen (Llama 4).
    - `scale`: what q . k is multiplied by, 1 / sqrt(head_dim) for None.
    - `sink`: one more trained score a head, without a value (gpt-oss).
    """

    encoding: PositionEncoding
    causal: bool = True
    window: int | None = None
    chunk: int | None = None
    scale: float | None = None
    sink: bool = False


@dataclass(frozen=True)
class PositionPlan:
    """The plan of a stack: door 1 once, then one `LayerPlan` for each layer.

    `at_start` is what is added to the embeddings, nothing unless given.
    """

    layers: tuple[LayerPlan, ...]
    at_start: PositionEncoding = field(default_factory=NoEncoding)

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, layer: int) -> LayerPlan:
        return self.layers[layer]

    def __iter__(self) -> Iterator[LayerPlan]:
        return iter(self.layers)

    @property
    def encodings(self) -> Sequence[PositionEncoding]:
        """The encoding of each layer."""
        return [layer.encoding for layer in self.layers]
