"""Writing a translation token by token, and telling whether it is right to the last token.

    y_t = argmax over v of p(v | source, y_1 .. y_(t-1)),     until y_t is the end

A translation is right if every token is (exact match). To know it, nothing has to be written: the
greedy choice follows the right answer as long as each of its tokens is right, so one pass over the
right answer tells whether all of them would have been.

The trap: the share of right tokens. Weekday, month and signs are right in every model here, so a
model that gets every date wrong has most of its tokens right.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor, nn

from posenc_lib.base import validation
from posenc_lib.experiments.data.dates import SPLITS, as_text, days
from posenc_lib.experiments.parts.training_settings import IGNORED, Batch
from posenc_lib.experiments.translation.date_tokens import (
    END,
    TARGETS,
    UNITS,
    YEARS,
    numbered,
    tokens,
    vocabulary,
)
from posenc_lib.experiments.translation.encoder_decoder import EncoderDecoder

MOST = 40  # tokens that are written at most


class Translation(NamedTuple):
    """What a model wrote: its tokens, the end among them if it came, how sure it was of each, and
    the cross-attention weights of each layer, (layers, heads, written, read).

    >>> Translation(("2", "7"), (0.9, 0.8), None).tokens
    ('2', '7')
    """

    tokens: tuple[str, ...]
    sure: tuple[float, ...]
    weights: Tensor | None


def right_to_the_end(logits: Tensor, target: Tensor) -> Bool[Tensor, " batch"]:
    """Whether the most likely token is the right one at every step that is scored.

    Raises ValueError for logits that are not (batch, steps, vocabulary).

    >>> logits = torch.eye(3)[None]  # says 0, then 1, then 2
    >>> right_to_the_end(logits, torch.tensor([[0, 1, -100]])).tolist()
    [True]
    """
    validation.rank("right_to_the_end", "logits", logits, axes="batch steps vocabulary")
    return ((logits.argmax(-1) == target) | (target == IGNORED)).all(-1)


@torch.no_grad()
def exact_match(model: nn.Module, batch: Batch) -> float:
    """The share of rows that the model would write without a mistake.

    Raises like the model.
    """
    found: Tensor = right_to_the_end(model(batch.x), batch.target)
    return float(found.double().mean())


@torch.no_grad()
def translate(
    model: EncoderDecoder, source: Sequence[str], language: str, units: str = "digits"
) -> Translation:
    """Write the translation of these English tokens, the most likely token at each step.

    It ends with "<end>", or after 40 tokens. Raises ValueError for a token or language that the
    models do not know.

    >>> model = EncoderDecoder(vocabulary=len(vocabulary()), dim=16, heads=2)
    >>> len(translate(model, ["May", "1"], "German").tokens) <= 40
    True
    """
    validation.choice("translate", "language", language, TARGETS)
    known = vocabulary(units)
    memory, real = model.memory(torch.tensor([numbered(source, units)]))
    given = torch.tensor([numbered([f"<{language}>"], units)])
    written: list[str] = []
    sure: list[float] = []
    while True:
        logits, maps = model.decoded(given, memory, real)
        likely = logits[0, -1].softmax(-1)
        best = int(likely.argmax())
        written.append(known[best])
        sure.append(float(likely[best]))
        if written[-1] == END or len(written) == MOST:
            return Translation(tuple(written), tuple(sure), torch.cat(maps))
        given = torch.cat((given, torch.tensor([[best]])), 1)


def translated(model: EncoderDecoder, day: date, language: str, units: str = "digits") -> str:
    """A date as the model writes it in a language, joined as a reader would.

    Raises like `translate`.
    """
    found = translate(model, tokens(day, "English", units), language, units).tokens
    return as_text([token for token in found if token != END], language)


def bag_ceiling(units: str = "digits", *, calendar: bool = True) -> float:
    """The largest share of dates that can be right, on average, if the source is a bag of tokens.

    Dates whose English tokens are the same but for their order look alike to such a model, and it
    writes the same for all of them: right for one at best. So the ceiling is the number of
    different bags over the number of dates, for all days of the years that are drawn from. With
    `calendar=False` the weekday is left out of the bag: that is the ceiling of a model that
    translates the weekday, but cannot compute from it which of the dates is meant.

    Raises ValueError for other units, TypeError for a `calendar` that is not True or False.

    >>> bag_ceiling("numbers", calendar=False)
    1.0
    """
    first, last = YEARS[validation.choice("bag_ceiling", "units", units, UNITS)]
    with_weekday = validation.flag("bag_ceiling", "calendar", calendar)
    every = np.concatenate([days(split, first, last) for split in SPLITS])
    stamps = (every - date(1970, 1, 1).toordinal()).astype("datetime64[D]")
    starts = stamps.astype("datetime64[M]")
    month, day = starts.astype(int) % 12, (stamps - starts).astype(int)  # both from 0
    year = stamps.astype("datetime64[Y]").astype(int) + 1970
    weekday = every % 7 if with_weekday else 0
    if units == "digits":  # 8 to the power of each digit: a sum knows how often each digit comes
        powers = np.array([sum(8 ** int(digit) for digit in str(n)) for n in range(last + 1)])
        bag = powers[day + 1] + powers[year]
    else:  # no day is a year, so a pair has no order to lose
        bag = 32 * year + day
    return len(np.unique((bag * 12 + month) * 7 + weekday)) / len(every)
