"""A plan of positions: for each layer of a model, which encoding it takes and which keys it sees.

    scores of layer l  =  scale_l (at_query(q) . at_key(k)) + at_scores(q, k),
    shut out where the mask of layer l says so: causal, window, chunk

    with `added`:  q = W_q (x + p),  k = W_k (x + p),  v = W_v x

Models of today do not treat all layers alike: Gemma 3 has five layers with a window and base
10,000 for each one that sees everything with base 1,000,000; Llama 4 leaves position out of every
fourth layer and cuts the text of the others into chunks; gpt-oss gives every head a sink.

Source: Gemma Team 2025, "Gemma 3 Technical Report", section 2 (two bases); the code released with
Llama 4 (chunks; layers without position) and with gpt-oss (sinks); Carion et al. 2020, "End-to-End
Object Detection with Transformers", appendix A.4 (positions added in every layer).

The traps: a window counts the query itself here, as it does in the configurations of decoders
(`sliding_window` 512: 511 steps back); ModernBERT's `local_attention` 128 lets 64 steps through on
either side, which is `window` 65. And a chunk is counted from position 0 of the text, so with left
padding the positions have to say where the text begins.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool

from posenc_lib.base import validation
from posenc_lib.base.doors import (
    Door,
    KeyPositions,
    PositionEncoding,
    QueryPositions,
    refuse_ahead,
)
from posenc_lib.base.no_encoding import NoEncoding
from posenc_lib.base.places import Places


@dataclass(frozen=True)
class LayerPlan:
    """What one layer does with positions.

    - `encoding`: what enters at doors 2 and 3. Layers may share one object; one that trains
      numbers is then trained for all of them.
    - `causal`: keys after the query are shut out.
    - `window`: only keys whose position is fewer than `window` steps away are seen, on both sides
      where the layer is not causal.
    - `chunk`: only keys in the query's own chunk of so many positions are seen, counted from
      position 0 (Llama 4).
    - `scale`: what q . k is multiplied by; None: what the encoding asks for, or
      1 / sqrt(head_dim).
    - `sink`: one more trained score a head, without a value (gpt-oss).
    - `added`: an encoding of door 1 that this layer adds to what its queries and keys are made of,
      and not to what its values are made of (DETR).

    Raises TypeError for an encoding that is none and for other than whole numbers, ValueError for
    an `encoding` of door 1, which is added once before all layers (`PositionPlan.at_start`) or
    stands in `added`, for an `added` of another door, for an encoding that knows no future in a
    layer that sees it, for an `added` that carries later tokens into earlier ones of a causal
    layer, and for a window or chunk below 1.

    Source: Beltagy et al. 2020, "Longformer", section 3.1 (windows); the code released with Llama 4
    (chunks) and with gpt-oss (sinks).

    >>> from posenc_lib import RotaryEncoding
    >>> LayerPlan(RotaryEncoding(head_dim=8), window=512).window
    512
    """

    encoding: PositionEncoding
    causal: bool = True
    window: int | None = None
    chunk: int | None = None
    scale: float | None = None
    sink: bool = False
    added: PositionEncoding = field(default_factory=NoEncoding)

    def __post_init__(self) -> None:
        name = "LayerPlan"
        _encoding(name, "encoding", self.encoding)
        if self.encoding.door is Door.EMBEDDINGS:
            raise validation.refuse(
                ValueError, name, "encoding", type(self.encoding).__name__,
                "an encoding of door 2 or 3, or NoEncoding()",
                "What is added to the embeddings is PositionPlan's at_start, what each layer adds "
                "to its queries and keys is added.",
            )  # fmt: skip
        _added(name, "added", self.added)
        refuse_ahead(name, self.added, self.causal)
        validation.flag(name, "causal", self.causal)
        validation.flag(name, "sink", self.sink)
        for argument, value in (("window", self.window), ("chunk", self.chunk)):
            if value is not None:
                validation.size(name, argument, value)
        if self.scale is not None:
            largest = torch.finfo(torch.float32).max
            validation.real(name, "scale", self.scale, above=0.0, below=largest)
        if self.encoding.causal_only and not self.causal:
            raise validation.refuse(
                ValueError, name, "causal", False,
                f"True with {type(self.encoding).__name__}, which knows no future",
                "Take the two-sided form of the encoding.",
            )  # fmt: skip

    def mask(
        self, query_positions: QueryPositions, key_positions: KeyPositions | None = None
    ) -> Bool[torch.Tensor, "query key"] | Bool[torch.Tensor, "batch query key"]:
        """True where a query of this layer may see a key, (query, key).

        (batch, query, key) for positions with a batch axis; keys stand where the queries stand
        unless given. Padding is not a matter of positions: it is shut out beside this.

        Raises TypeError and ValueError like `Places`.
        """
        places = Places(
            query_positions, key_positions,
            causal=self.causal, window=self.window, chunk=self.chunk,
        )  # fmt: skip
        batch = () if places.batch is None else (places.batch,)
        shape = (*batch, places.queries, places.keys)
        seen = places.seen
        if seen is None:
            return torch.ones(shape, dtype=torch.bool, device=places.query.device)
        return (seen.squeeze(-3) if seen.ndim == 4 else seen).expand(shape)

    def words(self) -> str:
        """The layer in one line: its encoding, then what is not as in a plain layer."""
        parts = [" ".join(repr(self.encoding).split())]
        parts.append("causal" if self.causal else "both directions")
        parts += [f"window {self.window:,}"] if self.window is not None else []
        parts += [f"chunks of {self.chunk:,}"] if self.chunk is not None else []
        parts += [f"scale {self.scale:g}"] if self.scale is not None else []
        parts += ["a sink for each head"] if self.sink else []
        if self.added.door is Door.EMBEDDINGS:
            parts += [f"added to queries and keys: {' '.join(repr(self.added).split())}"]
        return ", ".join(parts)


@dataclass(frozen=True, repr=False)
class PositionPlan:
    """The plan of a stack: door 1 once, then one `LayerPlan` for each layer.

    `at_start` is what is added to the embeddings, nothing unless given. `TransformerStack(dim,
    heads, plan=plan)` builds it. Its repr says which layers are alike.

    Raises TypeError for what is no `LayerPlan`, ValueError for no layers and for an `at_start` that
    enters elsewhere.

    Source: Gemma Team 2025, "Gemma 3 Technical Report", section 2 (five local layers to a global
    one).

    >>> from posenc_lib import RotaryEncoding
    >>> near = LayerPlan(RotaryEncoding(head_dim=8), window=512)
    >>> far = LayerPlan(RotaryEncoding(head_dim=8, base=1e6))
    >>> plan = PositionPlan([near, near, far] * 2)
    >>> print(plan)  # doctest: +NORMALIZE_WHITESPACE
    layers 0-1, 3-4: RotaryEncoding(head_dim=8, base=10000, layout='interleaved', rotary_dim=8),
                     causal, window 512
    layers 2, 5: RotaryEncoding(head_dim=8, base=1e+06, layout='interleaved', rotary_dim=8), causal
    >>> plan.mask(2, torch.arange(2)).int()
    tensor([[1, 0],
            [1, 1]], dtype=torch.int32)
    """

    layers: Sequence[LayerPlan]
    at_start: PositionEncoding = field(default_factory=NoEncoding)

    def __post_init__(self) -> None:
        name = "PositionPlan"
        listed = isinstance(self.layers, Sequence) and not isinstance(self.layers, str)
        wrong = [one for one in self.layers if not isinstance(one, LayerPlan)] if listed else []
        if not listed or wrong:
            found = type(wrong[0] if wrong else self.layers).__name__
            raise validation.refuse(
                TypeError, name, "layers", found, "a list of LayerPlan, one for each layer",
                "For layers alike: [LayerPlan(encoding)] * 12.",
            )  # fmt: skip
        if not len(self.layers):
            raise validation.refuse(
                ValueError, name, "layers", self.layers, "at least one LayerPlan",
                "For layers alike: [LayerPlan(encoding)] * 12.",
            )  # fmt: skip
        _added(name, "at_start", self.at_start)
        object.__setattr__(self, "layers", tuple(self.layers))

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, layer: int) -> LayerPlan:
        return self.layers[layer]

    def __iter__(self) -> Iterator[LayerPlan]:
        return iter(self.layers)

    def __repr__(self) -> str:
        lines = [f"{_spans(at)}: {words}" for words, at in self.alike().items()]
        if self.at_start.door is Door.EMBEDDINGS:
            lines.insert(0, f"at the start: {' '.join(repr(self.at_start).split())}")
        return "\n".join(lines)

    @property
    def encodings(self) -> Sequence[PositionEncoding]:
        """The encoding of each layer."""
        return [layer.encoding for layer in self.layers]

    def alike(self) -> dict[str, list[int]]:
        """What a layer does, in words, and the numbers of the layers that do it."""
        found: dict[str, list[int]] = {}
        for number, layer in enumerate(self.layers):
            found.setdefault(layer.words(), []).append(number)
        return found

    def mask(
        self,
        layer: int,
        query_positions: QueryPositions,
        key_positions: KeyPositions | None = None,
    ) -> Bool[torch.Tensor, "query key"] | Bool[torch.Tensor, "batch query key"]:
        """`LayerPlan.mask` of this layer, counted from 0: True where a query may see a key.

        Raises IndexError for a layer that is not there, and like `LayerPlan.mask`.
        """
        number = validation.integer("PositionPlan.mask", "layer", layer)
        if not -len(self) <= number < len(self):
            raise validation.refuse(
                IndexError, "PositionPlan.mask", "layer", layer,
                f"one of {len(self)} layers, counted from 0", "Ask len(plan).",
            )  # fmt: skip
        return self.layers[number].mask(query_positions, key_positions)


def _encoding(function: str, argument: str, encoding: object) -> None:
    """Refuse what is no encoding object."""
    if not isinstance(encoding, PositionEncoding):
        raise validation.refuse(
            TypeError, function, argument, type(encoding).__name__, "a PositionEncoding",
            "Build one, for example with make_encoding('rope', dim=64, heads=8).",
        )  # fmt: skip


def _added(function: str, argument: str, encoding: PositionEncoding) -> None:
    """Refuse what adds nothing to vectors: another door than the first."""
    _encoding(function, argument, encoding)
    if encoding.door not in (Door.EMBEDDINGS, Door.NONE):
        raise validation.refuse(
            ValueError, function, argument, type(encoding).__name__,
            "an encoding of door 1, or NoEncoding()",
            "What enters at queries, keys or scores is the encoding of the layers.",
        )  # fmt: skip


def _spans(numbers: list[int]) -> str:
    """The numbers of layers, neighbours as a span: layers 0-4, 6."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    shown = ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in spans)
    return f"layer{'s' if len(numbers) > 1 else ''} {shown}"
