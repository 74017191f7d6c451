"""Compares what a layer adds to the inputs of its queries and keys, and not to its values (DETR).

    queries = W_q (x + p),   keys = W_k (x + p),   something else, the values, of x alone

The projections are listened to: what they were given, and what they gave.

The trap: looking at the scores alone. They are the product of queries and keys whatever these are
made of.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from posenc_lib import AxialSinusoidalEncoding, PositionEncoding
from tools.families.projections import projection_ratio
from tools.families.record import Attention
from tools.families.verdict import TOLERANCE, Differs, Unchecked


def compared_added(where: str, added: PositionEncoding, event: Attention, model: nn.Module) -> None:
    """Queries and keys are projected from x + p, and something else, the values, from x."""
    tokens = event.query.shape[2]
    asked = [made for made in (source_of(event.query, event), source_of(event.key, event)) if made]
    if len(asked) != 2:
        raise Unchecked(f"{where}: what its queries and keys are made of was not heard")
    plain = [one for one, _ in event.made if one.shape == asked[0][0].shape]
    for p in places_for(added, tokens, model):
        for x in plain:
            if all(
                float((made - x - p).abs().max()) <= TOLERANCE * max(1.0, float(made.abs().max()))
                for (made,) in asked
            ):
                return
    raise Differs(f"{where}: what is added to queries and keys is none of its places")


def source_of(used: Tensor, event: Attention) -> tuple[Tensor] | None:
    """What the projection that gave these queries or keys was given."""
    for given, gave in event.made:
        if projection_ratio(used, [gave]) is not None:
            return (given.reshape(-1, *given.shape[-2:]),)
    return None


@torch.no_grad()
def places_for(added: PositionEncoding, tokens: int, model: nn.Module) -> Iterator[Tensor]:
    """The places of so many tokens: of each grid that has so many cells, or of each table."""
    at = torch.arange(tokens)
    if isinstance(added, AxialSinusoidalEncoding):
        for rows in range(1, tokens + 1):
            if tokens % rows == 0:
                grid = added.resized((rows, tokens // rows))
                yield grid.at_embeddings(torch.zeros(1, tokens, added.dim), at)
        return
    for _, table in model.named_parameters():  # some keep the contents of a query beside its place
        if table.ndim == 2 and table.shape[0] == tokens and table.shape[1] in (
            added.dim, 2 * added.dim,
        ):  # fmt: skip
            for rows in table.detach().split(added.dim, -1):
                filled = copy.deepcopy(added)
                filled.weight.copy_(rows)
                yield filled.at_embeddings(torch.zeros(1, tokens, added.dim), at)
