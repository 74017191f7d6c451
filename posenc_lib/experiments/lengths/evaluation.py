"""Three ways to read a long text with a model that was trained on a short one, and their score.

    plain     one long row, every earlier token in sight
    windowed  one long row, the latest n keys of each query in sight
    sliding   rows of n tokens that overlap by half, the second half of each scored

Source: Press et al. 2022, "Train Short, Test Long", section 4 and appendix B (sliding window).

The trap: rows without overlap as a control. Their first tokens have no context, and the loss says
so for every encoding alike.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from posenc_lib.base.randomised import randomised_positions
from posenc_lib.base.relative import band_mask, relative_positions
from posenc_lib.experiments.data import prose, sequences
from posenc_lib.experiments.lengths.settings import RANDOMISED, ROOM, ExtrapolationSettings
from posenc_lib.experiments.parts.training import cross_entropy, predict
from posenc_lib.experiments.parts.training_settings import IGNORED, Batch


def scored_batch(settings: ExtrapolationSettings, task: str, split: str, length: int) -> Batch:
    """`settings.scored` tokens in rows of `length`: the same text at every length."""
    if task != "text":
        generator = torch.Generator().manual_seed({"validation": 10**6, "test": 10**6 + 1}[split])
        return sequences.drawn(task, generator, settings.scored_drawn // length, length)
    text = torch.from_numpy(prose.characters(split))[: settings.scored + 1]
    return Batch(text[:-1].view(-1, length), text[1:].view(-1, length))


def positions_of(settings: ExtrapolationSettings, name: str, length: int) -> Tensor:
    """0 .. length - 1, or a drawn sample where the model was trained with samples."""
    if name != RANDOMISED:
        return torch.arange(length)
    generator = torch.Generator().manual_seed(length)
    return randomised_positions(length, ROOM * settings.longest, generator=generator)


def plain(
    model: nn.Module, batch: Batch, encoding: str, settings: ExtrapolationSettings
) -> tuple[Tensor, Tensor]:
    """One long row, every key before the query in sight."""
    return _logits(model, batch, positions_of(settings, encoding, batch.x.shape[1])), batch.target


def windowed(
    model: nn.Module, batch: Batch, encoding: str, settings: ExtrapolationSettings
) -> tuple[Tensor, Tensor]:
    """One long row, the latest keys of each query in sight, as many as the trained length."""
    length = batch.x.shape[1]
    mask = band_mask(relative_positions(length, length), before=settings.length - 1, after=0)
    return _logits(model, batch, positions_of(settings, encoding, length), mask=mask), batch.target


def sliding(
    model: nn.Module, batch: Batch, encoding: str, settings: ExtrapolationSettings
) -> tuple[Tensor, Tensor]:
    """Rows of the trained length that overlap by half; each token is scored once."""
    length, half = settings.length, settings.length // 2
    x = batch.x.unfold(1, length, half)  # (rows, windows, length)
    target = batch.target.unfold(1, length, half).clone()
    target[:, 1:, :half] = IGNORED  # scored by the window before
    short = Batch(x.flatten(0, 1), target.flatten(0, 1))
    return _logits(model, short, positions_of(settings, encoding, length)), short.target


def _logits(model: nn.Module, batch: Batch, positions: Tensor, **options: Any) -> Tensor:
    """The logits, some thousand tokens at a time."""
    rows = max(1, 4096 // batch.x.shape[1])
    with torch.no_grad():
        parts = [predict(model, Batch(x, x, positions), **options) for x in batch.x.split(rows)]
    return torch.cat(parts)


def scores(logits: Tensor, target: Tensor) -> tuple[float, float]:
    """Cross-entropy in nats and the share of tokens guessed right."""
    scored = target != IGNORED
    right = (logits.argmax(-1) == target)[scored].double().mean()
    return float(cross_entropy(logits.double(), target)), float(right)
