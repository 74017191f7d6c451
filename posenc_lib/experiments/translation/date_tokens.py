"""Dates as rows of tokens: an English side to read, and a side to write in another language.

    source    Friday , November 2 7 , 2 0 2 6
    written   <German> Freitag , 2 7 . November 2 0 2 6          what the decoder has so far
    target             Freitag , 2 7 . November 2 0 2 6 <end>    what it has to say next

The language is the first token that the decoder gets. "digits" makes each digit a token of its own,
"numbers" takes whole numbers, years from 1990 to 2029. A row may hold several dates, one after the
other, all to be translated.

Source: Johnson et al. 2017, "Google's Multilingual Neural Machine Translation System" (a token that
names the language).

The trap: a vocabulary collected from a sample of texts with `set`. Its order differs from one
process to the next, and a stored model reads other words than it was trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.experiments.data.dates import days, patterns, pieces, written
from posenc_lib.experiments.parts.training_settings import IGNORED, Batch

UNITS = ("digits", "numbers")
YEARS = {"digits": (1000, 2999), "numbers": (1990, 2029)}
TARGETS = ("German", "French", "Hungarian", "Japanese")
PAD, END = "<pad>", "<end>"


class Sides(NamedTuple):
    """The two sides of a batch: `source` (batch, read) and `written` (batch, steps), both whole
    tokens, padded on the right with 0.

    >>> Sides(torch.zeros(2, 9), torch.zeros(2, 12)).source.shape
    torch.Size([2, 9])
    """

    source: Tensor
    written: Tensor


@cache
def vocabulary(units: str = "digits") -> tuple[str, ...]:
    """All tokens of all languages, in an order that never changes; padding is number 0.

    Raises ValueError for other units.

    >>> vocabulary()[:4], len(vocabulary())
    (('<pad>', '<end>', '<German>', '<French>'), 100)
    """
    validation.choice("vocabulary", "units", units, UNITS)
    found: set[str] = set()
    for language, names in patterns().items():
        fields = {"weekday", "month", "month number", "day", "year"}
        found |= {*names["weekdays"], *(set(pieces(language)) - fields)}
        found |= set(names["months"]) if "month" in pieces(language) else set()
    if units == "digits":
        numbers = [str(digit) for digit in range(10)]
    else:
        first, last = YEARS["numbers"]
        numbers = [str(number) for number in (*range(1, 32), *range(first, last + 1))]
    return (PAD, END, *(f"<{name}>" for name in TARGETS), *numbers, *sorted(found))


def tokens(day: date, language: str, units: str = "digits") -> list[str]:
    """A date in a language, token by token.

    Raises ValueError for another language or other units, TypeError for what is no date.

    >>> tokens(date(2026, 11, 27), "French")
    ['vendredi', '2', '7', 'novembre', '2', '0', '2', '6']
    """
    validation.choice("tokens", "units", units, UNITS)
    found: list[str] = []
    for piece in written(day, language):
        found += list(piece) if units == "digits" and piece.isdigit() else [piece]
    return found


def numbered(row: Sequence[str], units: str = "digits") -> list[int]:
    """The numbers of tokens in the vocabulary.

    Raises ValueError for a token that is not in it.

    >>> numbered(["<pad>", "<end>"])
    [0, 1]
    """
    known = _numbers(units)
    for token in row:
        if token not in known:
            validation.choice("numbered", "row", token, tuple(known))
    return [known[token] for token in row]


def batch_of(rows: Sequence[tuple[Sequence[date], str]], units: str = "digits") -> Batch:
    """Rows of (dates, language) as a batch: `x` is `Sides`, `target` (batch, steps).

    Padding is not scored. Raises ValueError for no rows and other units.

    >>> batch = batch_of([([date(2026, 11, 27)], "French")])
    >>> batch.x.source.shape, batch.x.written.shape, batch.target.shape
    (torch.Size([1, 10]), torch.Size([1, 9]), torch.Size([1, 9]))
    """
    if not rows:
        raise validation.refuse(
            ValueError, "batch_of", "rows", rows, "at least one row", "([a date], 'German') is one."
        )
    sources = [[n for day in dates for n in _row(day, "English", units)] for dates, _ in rows]
    answers = [[n for day in dates for n in _row(day, name, units)] for dates, name in rows]
    starts = [numbered([f"<{name}>"], units) for _, name in rows]
    source = _padded(sources, 0)
    given = _padded([start + row for start, row in zip(starts, answers, strict=True)], 0)
    return Batch(Sides(source, given), _padded([[*row, 1] for row in answers], IGNORED))  # type: ignore[arg-type]


def drawn(
    generator: torch.Generator, rows: int, units: str, languages: Sequence[str], most: int = 1
) -> Batch:
    """Random dates of the training, each for a random language; up to `most` of them in a row.

    Raises ValueError for other units.

    >>> drawn(torch.Generator().manual_seed(0), 4, "digits", ("German",)).x.written.shape[0]
    4
    """
    first, last = YEARS[validation.choice("drawn", "units", units, UNITS)]
    every = days("train", first, last)
    picked = torch.randint(len(every), (rows, most), generator=generator)
    named = torch.randint(len(languages), (rows,), generator=generator)
    counts = torch.randint(most, (rows,), generator=generator) + 1
    return batch_of(
        [
            ([date.fromordinal(int(every[at])) for at in line[: int(count)]], languages[int(name)])
            for line, count, name in zip(picked.tolist(), counts, named, strict=True)
        ],
        units,
    )


def held_out(split: str, units: str, language: str, count: int = 1) -> Batch:
    """All dates of "validation" or "test" for one language, so many in a row.

    A row of several takes the date and those that follow it in the part.

    Raises ValueError for another split, language or other units.

    >>> held_out("test", "digits", "German").target.shape
    torch.Size([1000, 11])
    """
    first, last = YEARS[validation.choice("held_out", "units", units, UNITS)]
    validation.choice("held_out", "split", split, ("validation", "test"))
    found = [date.fromordinal(int(day)) for day in days(split, first, last)]
    rows = [[found[(n + k) % len(found)] for k in range(count)] for n in range(len(found))]
    return batch_of([(row, language) for row in rows], units)


@cache
def _numbers(units: str) -> dict[str, int]:
    return {token: number for number, token in enumerate(vocabulary(units))}


def _row(day: date, language: str, units: str) -> list[int]:
    """`numbered(tokens(day, language, units))`, from tables: a batch is drawn at every step."""
    at = {"weekday": day.weekday(), "month": day.month, "day": day.day, "year": day.year}
    at["month number"] = day.month
    return [n for piece, table in _tables(language, units) for n in table[at.get(piece, 0)]]


@cache
def _tables(language: str, units: str) -> list[tuple[str, dict[int, list[int]]]]:
    """For each piece of a date the numbers of its tokens, by the weekday, month, day or year."""
    first, last = YEARS[units]
    some = {  # a day for each value of each field; of these only the years differ in size
        "weekday": {n: date(2001, 1, 1 + n) for n in range(7)},  # a Monday first
        "month": {n: date(2001, n, 1) for n in range(1, 13)},
        "day": {n: date(2001, 1, n) for n in range(1, 32)},
        "year": {n: date(n, 1, 1) for n in range(first, last + 1)},
    }
    some["month number"] = some["month"]
    found = []
    for place, piece in enumerate(pieces(language)):
        table = {}
        for value, day in some.get(piece, {0: date(2001, 1, 1)}).items():
            part = written(day, language)[place]
            whole = list(part) if units == "digits" and part.isdigit() else [part]
            table[value] = numbered(whole, units)
        found.append((piece, table))
    return found


def _padded(rows: list[list[int]], filling: int) -> Tensor:
    made = np.full((len(rows), max(map(len, rows))), filling, dtype=np.int64)
    for line, row in zip(made, rows, strict=True):
        line[: len(row)] = row
    return torch.from_numpy(made)
