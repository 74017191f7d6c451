"""Exercises of notebook 02: BERT's sum and LayerNorm, a longer table."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from posenc_lib.checks.exercise import Exercise, Mistake
from posenc_lib.embeddings.learned import LearnedEncoding


def _layer_norm(
    total: Tensor, eps: float, *, axis: int | tuple[int, int] = -1, correction: int = 0
) -> Tensor:
    centred = total - total.mean(axis, keepdim=True)
    variance = total.var(axis, correction=correction, keepdim=True)
    return centred / torch.sqrt(variance + eps)


def _embed(word: Tensor, position: Tensor, token_type: Tensor, eps: float) -> Tensor:
    total = word + position + token_type
    return F.layer_norm(total, total.shape[-1:], eps=eps)


def _embedding_cases() -> list[tuple]:
    draw = torch.Generator().manual_seed(0)
    sizes = ((3, 4, 1e-12), (5, 5, 1e-12), (2, 8, 0.1))
    cases = [(*torch.randn(3, n, d, generator=draw), eps) for n, d, eps in sizes]
    flat = torch.zeros(2, 4)  # every feature the same: a variance of zero
    return [*cases, (flat + 1, flat + 2, flat, 1e-12)]


embeddings = Exercise(
    name="my_embeddings",
    solution=_embed,
    cases=_embedding_cases,
    mistakes=(
        Mistake(
            "wrong axis", lambda w, p, t, eps: _layer_norm(w + p + t, eps, axis=0),
            "You normalised over the positions, so the tokens mix. LayerNorm works inside one "
            "token: take mean and variance over the last axis, with keepdim=True.",
        ),
        Mistake(
            "all at once", lambda w, p, t, eps: _layer_norm(w + p + t, eps, axis=(0, 1)),
            "You took one mean for the whole sentence. Every token has its own mean and "
            "variance: name the last axis, with keepdim=True.",
        ),
        Mistake(
            "unbiased variance", lambda w, p, t, eps: _layer_norm(w + p + t, eps, correction=1),
            "Every value is a little too small. tensor.var and tensor.std divide by n - 1 unless "
            "told otherwise; LayerNorm divides by n: pass correction=0.",
        ),
        Mistake(
            "eps outside the root",
            lambda w, p, t, eps: (
                (w + p + t - (w + p + t).mean(-1, keepdim=True))
                / ((w + p + t).std(-1, correction=0, keepdim=True) + eps)
            ),
            "Right while eps is tiny, wrong at eps = 0.1. Is your eps inside the square root?",
        ),
        Mistake(
            "no eps", lambda w, p, t, eps: _layer_norm(w + p + t, 0.0),
            "A token whose features are all equal gives 0 / 0. That is what eps is for: add it "
            "to the variance, under the root.",
        ),
        Mistake(
            "variance, no root",
            lambda w, p, t, eps: (
                (w + p + t - (w + p + t).mean(-1, keepdim=True))
                / ((w + p + t).var(-1, correction=0, keepdim=True) + eps)
            ),
            "You divided by the variance. Take its square root: the result must have variance 1.",
        ),
        Mistake(
            "no token type", lambda w, p, t, eps: _layer_norm(w + p, eps),
            "BERT adds three rows. Where is the token type?",
        ),
        Mistake(
            "normalised first",
            lambda w, p, t, eps: sum(_layer_norm(part, eps) for part in (w, p, t)),
            "You normalised each part and then added. BERT adds first and normalises the sum once.",
        ),
        Mistake(
            "not normalised", lambda w, p, t, eps: w + p + t,
            "The sum is right. Now LayerNorm: take off its mean, divide by its spread.",
        ),
    ),
)  # fmt: skip


def _read_at(table: Tensor, where: Tensor) -> Tensor:
    """Rows at real positions, linear in between, the last row beyond the end."""
    where = where.clamp(0, len(table) - 1)
    low = where.floor().long().clamp(max=max(len(table) - 2, 0))
    high = (low + 1).clamp(max=len(table) - 1)
    part = (where - low)[:, None]
    return (1 - part) * table[low] + part * table[high]


def _stretched(table: Tensor, length: int) -> Tensor:
    return LearnedEncoding.from_table(table).extended(length).weight.detach()


def _half_pixel(table: Tensor, length: int) -> Tensor:
    return F.interpolate(table.T[None], size=length, mode="linear", align_corners=False)[0].T


def _extended_cases() -> list[tuple]:
    draw = torch.Generator().manual_seed(1)
    sizes = ((4, 3, 7), (2, 2, 5), (6, 4, 6), (5, 5, 8))
    return [(torch.randn(n, d, generator=draw), length) for n, d, length in sizes]


extended = Exercise(
    name="my_extended",
    solution=_stretched,
    cases=_extended_cases,
    mistakes=(
        Mistake(
            "corners off", _half_pixel,
            "Both ends of your table sit still for a while. F.interpolate lines up the middles of "
            "cells unless you pass align_corners=True; here the first and last rows must meet.",
        ),
        Mistake(
            "length over length",
            lambda table, length: _read_at(table, torch.arange(length) * len(table) / length),
            "Your last row is read past the end. There are length - 1 steps between length rows: "
            "row p is read at p (old - 1) / (new - 1).",
        ),
        Mistake(
            "last row repeated",
            lambda table, length: table[torch.arange(length).clamp(max=len(table) - 1)],
            "You repeated the last row: every position past the end is the same place. Spread the "
            "old rows over the new length instead.",
        ),
        Mistake(
            "wrapped around",
            lambda table, length: table[torch.arange(length) % len(table)],
            "You started again at row 0: two positions then share a vector. Spread the old rows "
            "over the new length instead.",
        ),
        Mistake(
            "zeros appended",
            lambda table, length: torch.cat(
                [table, torch.zeros(length - len(table), table.shape[1])]
            ),
            "The new rows are all zero, so the model cannot tell them apart. Spread the old rows "
            "over the new length instead.",
        ),
        Mistake(
            "nearest row",
            lambda table, length: table[torch.linspace(0, len(table) - 1, length).round().long()],
            "You copied the nearest old row. Mix its two neighbours: (1 - part) * table[low] + "
            "part * table[low + 1].",
        ),
    ),
)  # fmt: skip
