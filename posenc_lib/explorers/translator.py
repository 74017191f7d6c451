"""Trained encoder-decoders for the page: `page_dates.js` runs what is exported here.

As `transformer.py` does for a stack, with one difference: weights travel as bfloat16, the upper
half of a float32, so a model that was not rounded before is refused.

The trap: a page whose weights are rounded and a kernel whose weights are not.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import nn

from posenc_lib.experiments.translation.encoder_decoder import EncoderDecoder
from posenc_lib.explorers.transformer import added_table, encoding_tables
from posenc_lib.layers.multihead import MultiHeadAttention
from posenc_lib.layers.stack import TransformerStack


def precise_translator(model: EncoderDecoder) -> EncoderDecoder:
    """A copy in float64, which computes what the page computes.

    >>> made = precise_translator(EncoderDecoder(vocabulary=9, dim=8, heads=2, layers=1))
    >>> made.out.weight.dtype
    torch.float64
    """
    return copy.deepcopy(model).double().eval()


@torch.no_grad()
def exported_translator(model: EncoderDecoder, length: int) -> dict[str, Any]:
    """The model as the page takes it, for up to `length` tokens on either side.

    Raises ValueError for weights that bfloat16 cannot hold.

    >>> made = EncoderDecoder(vocabulary=9, dim=8, heads=2, layers=1).bfloat16().float()
    >>> sent = exported_translator(made, 5)
    >>> len(sent["embed"]["w"]), len(sent["encoder"]["layers"])
    (144, 1)
    """
    exact, positions = precise_translator(model), torch.arange(length)
    first: Any = model.encoder.layers[0]
    cross = [_attention(part) for part in model.cross]
    return {
        "dim": first.attention.dim,
        "heads": first.attention.heads,
        "scale": first.attention.scale,
        "length": length,
        "encoder": _layers(model.encoder, exact.encoder, positions),
        "decoder": _layers(model.decoder, exact.decoder, positions),
        "cross": [
            part | {"norm": _half(norm)}
            for part, norm in zip(cross, model.cross_norms, strict=True)
        ],
        "embed": _half(model.embed),
        "memory_norm": _half(model.memory_norm),
        "norm": _half(model.norm),
        "out": _half(model.out),
    }


def _layers(stack: TransformerStack, exact: TransformerStack, positions: torch.Tensor) -> Any:
    made = []
    pairs: Any = zip(stack.layers, exact.layers, strict=True)  # a ModuleList does not say of what
    for layer, twin in pairs:
        parts = _attention(layer.attention) | {
            "wide": _half(layer.mlp[0]),
            "narrow": _half(layer.mlp[2]),
            "norms": [_half(norm) for norm in layer.norms],
        }
        made.append(parts | encoding_tables(twin.attention.encoding, positions))
    start = added_table(exact.at_start, first_of(exact).dim, positions)
    return {"causal": first_of(stack).causal, "start": start, "layers": made}


def first_of(stack: TransformerStack) -> MultiHeadAttention:
    """The attention of the first layer."""
    attention = stack.layers[0].attention
    assert isinstance(attention, MultiHeadAttention)
    return attention


def _attention(part: Any) -> dict[str, Any]:
    return {
        "query": _half(part.to_query), "key": _half(part.to_key),
        "value": _half(part.to_value), "output": _half(part.to_output),
    }  # fmt: skip


def _half(part: nn.Module) -> dict[str, bytes | None]:
    made = {"w": getattr(part, "weight", None), "b": getattr(part, "bias", None)}
    return {name: None if t is None else _upper_half(t) for name, t in made.items()}


def _upper_half(weights: torch.Tensor) -> bytes:
    bits = weights.detach().numpy().astype(np.float32).view(np.uint32)
    if (bits & 0xFFFF).any():
        raise ValueError(
            "exported_translator: the weights are no bfloat16 numbers. Round them first: "
            "model.bfloat16().float()."
        )
    return (bits >> 16).astype(np.uint16).tobytes()
