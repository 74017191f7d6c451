"""Trained models for the page: `transformer.js` runs what is exported here.

    trained weights  float32 bytes, as they are
    door 1           what is added at each place, float32 (places, dim), as in training
    door 2           cosine and sine of each place and pair, float64
    door 3           the bias of each head and distance, float64

The page sums in float64; so does the kernel with `precise` models, and both find the same numbers,
to the rounding of door 1's table.

The trap: an encoding that looks at the content of queries or keys. It has no table, so its model
cannot go to the page.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from posenc_lib.base.doors import Door, PositionEncoding
from posenc_lib.base.places import Places
from posenc_lib.experiments.parts.transformer import TinyTransformer
from posenc_lib.layers.stack import TransformerLayer
from posenc_lib.rotary.rope import RotaryEncoding, Turns
from posenc_lib.scores.distance_bias import DistanceBias


def precise(model: TinyTransformer) -> TinyTransformer:
    """A copy in float64, which computes what the page computes.

    >>> made = precise(TinyTransformer(vocabulary=9, outputs=2, dim=8, heads=2, layers=1))
    >>> made(torch.tensor([[3, 1]])).dtype
    torch.float64
    """
    return copy.deepcopy(model).double().eval()


def runs_in_page(model: TinyTransformer, positions: Tensor) -> bool:
    """Whether the page can run this model: its encoding is one of tables.

    >>> made = TinyTransformer(vocabulary=9, outputs=2, dim=8, heads=2, layers=1, encoding="shaw")
    >>> runs_in_page(made, torch.arange(4))
    False
    """
    made = precise(model)
    encodings = [layer.attention.encoding for layer in made.layers]
    return _adds_a_table(made.at_start, made.norm.normalized_shape[0], positions) and all(
        _has_a_table(encoding, positions) for encoding in encodings
    )


@torch.no_grad()
def exported(
    model: TinyTransformer, positions: Tensor, *, only_weights: bool = False
) -> dict[str, Any]:
    """The model as the page takes it, for tokens at the first of these positions.

    `only_weights` leaves out all but what the attention weights of the first layer need.

    >>> sent = exported(TinyTransformer(vocabulary=9, outputs=2, dim=8, heads=2), torch.arange(4))
    >>> sent["dim"], len(sent["layers"]), len(sent["embed"]["w"])
    (8, 2, 288)
    """
    exact = precise(model)
    first = model.layers[0].attention
    layers = list(zip(model.layers, exact.layers, strict=True))
    sent = {
        "dim": first.dim,
        "heads": first.heads,
        "length": len(positions),
        "causal": first.causal,
        "scale": first.scale,
        "whole": model.vocabulary is not None,
        "read_out": model.read_out,
        "embed": _part(model.embed),
        "start": start_table(model, positions),
        "layers": [
            _layer(layer, twin.attention.encoding, positions, only_weights)
            for layer, twin in layers[: 1 if only_weights else None]
        ],
    }
    return sent if only_weights else sent | {"norm": _part(model.norm), "out": _part(model.out)}


@torch.no_grad()
def start_table(model: TinyTransformer, positions: Tensor) -> bytes | None:
    """What door 1 adds at each of these positions, (positions, dim) in float32; None if it does not
    add anything."""
    return added_table(precise(model).at_start, model.norm.normalized_shape[0], positions)


def added_table(encoding: PositionEncoding, dim: int, positions: Tensor) -> bytes | None:
    """The same of an encoding in float64, for inputs of `dim` features."""
    if encoding.door is not Door.EMBEDDINGS:
        return None
    nothing = torch.zeros(1, len(positions), dim, dtype=torch.float64)
    return _bytes(encoding.at_embeddings(nothing, positions), np.float32)


def _layer(
    layer: TransformerLayer, encoding: PositionEncoding, positions: Tensor, only_weights: bool
) -> dict[str, Any]:
    attention, mlp = layer.attention, layer.mlp
    parts: dict[str, nn.Module] = {"query": attention.to_query, "key": attention.to_key}
    if not only_weights:
        parts |= {"value": attention.to_value, "output": attention.to_output}
        parts |= {"wide": mlp[0], "narrow": mlp[2]}
    norms = [_part(norm) for norm in (layer.norms[:1] if only_weights else layer.norms)]
    sent = {name: _part(part) for name, part in parts.items()}
    return sent | {"norms": norms} | encoding_tables(encoding, positions)


def encoding_tables(encoding: PositionEncoding, positions: Tensor) -> dict[str, Any]:
    """What doors 2 and 3 do at these positions: `turns` and `bias`, None where nothing happens."""
    turns = bias = None
    if isinstance(encoding, RotaryEncoding):
        made = _turns(encoding, positions)[0]
        tables = {name: _bytes(getattr(made, name), np.float64) for name in ("cos", "sin")}
        turns = tables | {"half": encoding.layout == "half"}
    elif isinstance(encoding, DistanceBias):
        bias = _bytes(encoding.by_distance(_distances(positions)), np.float64)
    return {"turns": turns, "bias": bias}


def _turns(encoding: RotaryEncoding, positions: Tensor) -> tuple[Turns, Turns]:
    query, key, _ = encoding.prepare(
        Places.given(positions, positions, positions, dtype=torch.float64)
    )
    return query, key


def _distances(positions: Tensor) -> Tensor:
    return torch.arange(1 - len(positions), len(positions))


def _adds_a_table(encoding: PositionEncoding, dim: int, positions: Tensor) -> bool:
    """Whether door 1 adds the same to every input."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, len(positions), dim, dtype=torch.float64, generator=generator)
    added = encoding.at_embeddings(x, positions) - x
    return bool(torch.allclose(added[0], added[1], atol=1e-9))


def _has_a_table(encoding: PositionEncoding, positions: Tensor) -> bool:
    if encoding.door in (Door.NONE, Door.EMBEDDINGS):
        return True
    if isinstance(encoding, RotaryEncoding):
        query, key = _turns(encoding, positions)
        same = torch.equal(query.cos, key.cos) and torch.equal(query.sin, key.sin)
        return same and encoding.keeps_turned_keys  # else a shorter text has other angles
    places = Places.given(positions, positions, positions, dtype=torch.float64)
    if not isinstance(encoding, DistanceBias) or places.offset is None:
        return False
    return encoding.follows_diagonals(places)


def _part(part: nn.Module) -> dict[str, bytes | None]:
    made = {"w": getattr(part, "weight", None), "b": getattr(part, "bias", None)}
    return {name: _bytes(values, np.float32) for name, values in made.items()}


def _bytes(values: Any, kind: type) -> bytes | None:
    return None if values is None else values.detach().numpy().astype(kind).tobytes()
