"""Copies the trained numbers of a tiny model into the encodings of a plan.

    tables      the rows of a position table at the start, after the rows that are skipped
    load_bias   the tables and vectors of relative biases, layer by layer

A table is found by its shape, among those whose names speak of positions.

The trap: copying by name alone. A table with two rows too many fits any name; here the shape has to
be that of the plan, with the rows that the plan says come before position 0.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Iterator

import torch
from torch import nn

from posenc_lib import PositionEncoding
from posenc_lib.embeddings.learned_grid import LearnedGridEncoding
from posenc_lib.embeddings.resize_grid import resize_grid
from posenc_lib.layers.plan import PositionPlan

NAMED = re.compile(r"pos|wpe|temporal|embed", re.IGNORECASE)
RELATIVE = re.compile(r"relative|rel_|bias|distance|rel\b", re.IGNORECASE)


def tables(
    part: str, start: PositionEncoding, skipped: int, model: nn.Module
) -> Iterator[PositionEncoding]:
    """The encoding at the start, with each table of the model that has its shape."""
    (weight,) = start.parameters()
    own = dict(model.named_parameters())
    window = next((one for name, one in own.items() if name.endswith("pos_embed_window")), None)
    if window is not None and isinstance(start, LearnedGridEncoding):  # Hiera's table is a sum
        far = next(one for name, one in own.items() if name.endswith("pos_embed"))
        rows, columns = start.shape
        spread = resize_grid(far[0].flatten(1).T.detach(), far.shape[-2:], start.shape)
        tiled = window[0].tile(1, rows // window.shape[-2], columns // window.shape[-1])
        filled = copy.deepcopy(start)
        with torch.no_grad():
            next(iter(filled.parameters())).copy_(spread + tiled.flatten(1).T)
        yield filled
        return
    for before in (skipped, skipped + 1):  # a class token that a model without one still keeps
        if before > skipped and part in ("text", "encoder", "decoder"):
            return
        wanted = (weight.shape[0] + before, weight.shape[-1])
        for name, one in [*model.named_parameters(), *model.named_buffers()]:
            fits = one.numel() == wanted[0] * wanted[1] and one.shape[-1] == wanted[1]
            if not fits or not NAMED.search(name):
                continue
            rows = one.detach().reshape(wanted)
            forms = [rows[before:]]
            if before > skipped:  # or the row of the class token is added to all (ViTPose)
                forms.append(rows[before:] + rows[:before])
            for table in forms:
                filled = copy.deepcopy(start)
                with torch.no_grad():
                    next(iter(filled.parameters())).copy_(table)
                yield filled


def load_bias(part: str, plan: PositionPlan, model: nn.Module) -> list[torch.Tensor]:
    """Fill the trained numbers of all encodings in the layers, in the order of the model.

    Returned is what each layer multiplies its scores by where that is trained too (Swin V2).
    """
    encodings: list[PositionEncoding] = []
    for layer in plan:
        if layer.encoding not in encodings and list(layer.encoding.parameters()):
            encodings.append(layer.encoding)
    warmths = [
        one.detach().clamp(max=math.log(100.0)).exp()
        for name, one in model.named_parameters()
        if name.endswith("logit_scale") and one.ndim == 3
    ]
    if not encodings:
        return warmths
    named = [
        (name, one) for name, one in model.named_parameters()
        if RELATIVE.search(name) and (part not in ("encoder", "decoder") or part in name)
    ]  # fmt: skip
    if part in ("encoder", "decoder") and not named:  # a model of one stack names none
        named = [(name, one) for name, one in model.named_parameters() if RELATIVE.search(name)]
    used: set[str] = set()
    for encoding in encodings:
        for _, own in encoding.named_parameters():
            for name, one in named:
                fits = one.shape == own.shape or (
                    one.numel() == own.numel() and one.squeeze().shape == own.squeeze().shape
                )
                if name not in used and fits:
                    with torch.no_grad():
                        own.copy_(one.reshape(own.shape))
                    used.add(name)
                    break
    return warmths
