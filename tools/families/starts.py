"""Looks for the table or wave at the start among all that a model adds.

    a table      with the rows of the model's own, or read anew for the tiny picture
    two tables   of rows and of columns, summed
    features     random Fourier features of a picture's cells, with the model's directions

The trap: a table that is equal everywhere. Weights are drawn so that no two rows are alike.
"""

from __future__ import annotations

import math
import re
from itertools import product
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from posenc_lib import AxialLearnedEncoding, PositionEncoding, RandomFourierEncoding
from posenc_lib.models.part_positions import PartPositions
from tools.families import tiny
from tools.families.record import Attention
from tools.families.verdict import Differs, Unchecked
from tools.families.weights import tables

if TYPE_CHECKING:
    from tools.families.compare import Located

SHUFFLED = {"vilt"}  # takes its patches in random order, each with its row


def compared_start(
    name: str,
    part: PartPositions,
    model: nn.Module,
    added: list[Tensor],
    heard: list[Attention],
    places: Located | None = None,
) -> None:
    """Look for the table or wave at the start among all that the model adds."""
    start, tokens = part.plan.at_start, heard[0].query.shape[2]
    waves = not hasattr(start, "weight")
    rows = getattr(start, "length", None) or (
        len(start.weight) if hasattr(start, "weight") and start.weight.ndim == 2 else tokens
    )
    registers = getattr(start, "registers", 0)
    if name.split(".")[-1] == "text":  # beside a picture in one row of tokens
        tokens = min(tokens, tiny.LENGTH)
    count = rows + registers
    if waves or name.split(".")[-1] in ("text", "encoder", "decoder"):
        count = min(tokens, count)
    wanted: list[Tensor] = []
    filled_tables = (
        [start]
        if waves or isinstance(start, AxialLearnedEncoding)
        else list(tables(name, start, part.skipped_rows, model))
    )
    if isinstance(start, RandomFourierEncoding):  # at the picture's cells, beside the tokens
        rows = count = math.prod(start.shape)
        drawn = [one for n, one in [*model.named_parameters(), *model.named_buffers()]
                 if n.endswith("shared_image_embedding.positional_embedding")]  # fmt: skip
        if not drawn or drawn[0].T.shape != start.directions.shape:
            raise Differs(f"{name}: no directions of {start.dim} features")
        with torch.no_grad():  # theirs take the column first
            start.directions.copy_(drawn[0].T.flip(-1))
        p = start.at_embeddings(torch.zeros(1, count, start.dim), torch.arange(count))[0]
        near = [one.reshape(-1, start.dim) for one in added if one.numel() == p.numel()]
        if any(torch.allclose(one, p, atol=1e-4) for one in near):
            return
        raise Differs(f"{name}: what is added at the start is none of what the model adds")
    if isinstance(start, AxialLearnedEncoding):  # at row and column from 1, as they are given
        filled_tables, count = [start], tokens
        if not fill_axes(start, model):
            raise Differs(f"{name}: no two tables of {start.shape[0]} rows")
        at = torch.stack(torch.meshgrid(torch.arange(3), torch.arange(4), indexing="ij"), -1) + 1
        row, column = at.reshape(-1, 2).unbind(-1)
        cells = row * start.shape[1] + column
        p = start.at_embeddings(torch.zeros(1, len(cells), start.dim), cells)[0].detach()
        sums = [one + other for one in added for other in added if one.shape == other.shape]
        if any(one.ndim == 3 and same_rows(one[0], p) for one in sums):
            return
        raise Differs(f"{name}: what is added at the start is none of what the model adds")
    for filled in filled_tables:
        dim = next(iter(filled.parameters())).shape[-1] if not waves else start.dim
        with torch.no_grad():
            p = filled.at_embeddings(torch.zeros(1, count, dim), torch.arange(count))[0]
        prefix = getattr(start, "prefix", 0)
        p = torch.cat((p[:prefix], p[prefix + registers :]))
        wanted.append(p)
        if places is not None and places.grid is not None and len(p) == len(places.grid):
            _, row, column = places.grid.unbind(-1)
            wanted.append(p[row * int(column.max() + 1) + column])
    if not wanted:
        raise Differs(f"{name}: no table of {rows} rows and {part.skipped_rows} before them")
    for p in wanted:
        shuffled = part.family in SHUFFLED and p[p[:, 0].argsort()]
        for one in added:
            if one.shape[-1] != p.shape[-1]:
                continue
            if (
                shuffled is not False
                and one.ndim == 3
                and same_rows(one[0][one[0][:, 0].argsort()], shuffled)
            ):
                return
            flatter = one.reshape(-1, *one.shape[-2:])[0]
            if flatter.ndim == 2 and same_rows(flatter, p):
                return
            flatter = one.reshape(-1, one.shape[-1])  # rows and columns apart
            if len(flatter) == len(p) and same_rows(flatter, p):
                return
    if hasattr(start, "resized") and tokens != rows + registers:
        if any(same_resized(table, added, tokens) for table in filled_tables):
            return
        raise Unchecked("its table is resized to the tiny picture")
    raise Differs(f"{name}: what is added at the start is none of what the model adds")


@torch.no_grad()
def fill_axes(start: AxialLearnedEncoding, model: nn.Module) -> bool:
    """Copy the tables of rows and columns."""
    named = [(n, one) for n, one in model.named_parameters() if re.search("row|column", n)]
    found = [one for _, one in sorted(named, key=lambda pair: "column" in pair[0])]
    if [one.shape for one in found] != [own.shape for own in start.tables]:
        return False
    for own, one in zip(start.tables, found, strict=True):
        own.copy_(one)
    return True


def same_resized(table: PositionEncoding, added: list[Tensor], tokens: int) -> bool:
    """Whether the table was added after it was read anew for another picture."""
    around = table.prefix + table.suffix
    sides = {one.shape[-3:-1] for one in added if one.ndim >= 4 and one.shape[-1] == table.dim}
    side = math.isqrt(max(tokens - around - table.registers, 1))
    for shape in {*sides, (side, side)} - {tuple(table.shape)}:
        if math.prod(shape) > 4 * tokens:
            continue
        for method, antialias, corners in product(
            ("bicubic", "bilinear"), (False, True), (False, True)
        ):
            if antialias and corners:
                continue
            new = table.resized(shape, method=method, antialias=antialias, align_corners=corners)
            cells = new.weight.detach()[table.prefix :]
            for one in added:
                if one.shape[-1] != table.dim or one.numel() % table.dim:
                    continue
                flatter = one.detach().reshape(-1, table.dim)
                if len(flatter) >= len(cells) >= 4 and torch.allclose(
                    flatter[-len(cells) :], cells, atol=1e-5, rtol=1e-4
                ):
                    return True
    return False


def same_rows(one: Tensor, table: Tensor) -> bool:
    """Whether a table was added: all of its rows, or all but up to 5 first ones of a prefix."""
    missing = len(table) - len(one)
    if not 0 <= missing <= 5 or len(one) < 4:
        return False
    return torch.allclose(one, table[missing:], atol=1e-5, rtol=1e-5)
