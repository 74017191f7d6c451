"""Dates as five languages write them in full: the same facts in another order.

    English    Friday, November 27, 2026        weekday, month, day, year
    German     Freitag, 27. November 2026       weekday, day, month, year
    French     vendredi 27 novembre 2026        weekday, day, month, year
    Hungarian  2026. november 27., péntek       year, month, day, weekday
    Japanese   year, month, day, weekday, too, with a sign after each number

Patterns and names are frozen in `posenc_lib/data` (Unicode licence), because they change from one
version of CLDR to the next: `tools/cldr_dates.py` wrote them. No download.

Source: Unicode CLDR, patterns of the full date; the mixing of bits is the finaliser of MurmurHash3
(Appleby 2011).

The trap: a split by a random generator of the day, or by every tenth day. The first differs from
one version to the next, the second would leave whole weekdays out of a part.
"""

from __future__ import annotations

import json
import re
from datetime import date
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Int64

from posenc_lib.base import validation
from posenc_lib.base.shipped import shipped

FILE = "dates.json"
SHA256 = "e3f56755d6116dd3ac3d8f0e6cbc5ac41ffcdc013d4be04e623f73742d9f52c9"
LANGUAGES = ("English", "German", "French", "Hungarian", "Japanese")
SPLITS = ("train", "validation", "test")
HELD_OUT = 1000  # dates of validation, and of the test; a tenth each where there are fewer
FIELDS = {"EEEE": "weekday", "MMMM": "month", "M": "month number", "d": "day", "y": "year"}


def patterns() -> dict[str, Any]:
    """The frozen file: each language's `pattern`, `months` and `weekdays`, Monday first.

    Raises OSError for a file that is not the one that was shipped.

    Source: Unicode CLDR.

    >>> patterns()["German"]["pattern"], patterns()["French"]["weekdays"][4]
    ('EEEE, d. MMMM y', 'vendredi')
    """
    return json.loads(shipped("patterns", FILE, SHA256))["languages"]


@cache
def pieces(language: str) -> tuple[str, ...]:
    """What a full date consists of, in order: fields by their names, other signs as they are.

    Raises ValueError for another language.

    >>> pieces("Hungarian")
    ('year', '.', 'month', 'day', '.', ',', 'weekday')
    """
    validation.choice("pieces", "language", language, LANGUAGES)
    found = re.findall("EEEE|MMMM|M|d|y|[^ ]", _patterns()[language]["pattern"])
    return tuple(FIELDS.get(piece, piece) for piece in found)


def written(day: date, language: str) -> tuple[str, ...]:
    """The pieces of a date in a language, numbers whole; `as_text` joins them.

    Raises ValueError for another language, TypeError for what is no date.

    >>> written(date(2026, 11, 27), "Hungarian")
    ('2026', '.', 'november', '27', '.', ',', 'péntek')
    """
    if not isinstance(day, date):
        raise validation.refuse(
            TypeError, "written", "day", type(day).__name__, "a datetime.date",
            "date(2026, 11, 27) is one.",
        )  # fmt: skip
    names = _patterns()[validation.choice("written", "language", language, LANGUAGES)]
    fields = {
        "weekday": names["weekdays"][day.weekday()],
        "month": names["months"][day.month - 1],
        "month number": str(day.month),
        "day": str(day.day),
        "year": str(day.year),
    }
    return tuple(fields.get(piece, piece) for piece in pieces(language))


def as_text(tokens: tuple[str, ...] | list[str], language: str) -> str:
    """Tokens as a reader would write them, digits side by side: a sign leans on what it follows.

    Raises ValueError for another language.

    >>> as_text(["Freitag", ",", "2", "7", ".", "November", "2", "0", "2", "6"], "German")
    'Freitag, 27. November 2026'
    """
    validation.choice("as_text", "language", language, LANGUAGES)
    text = ""
    for token in tokens:
        leans = token in (".", ",") or (token.isdigit() and text[-1:].isdigit())
        text += token if not text or leans or language == "Japanese" else f" {token}"
    return text


@cache
def days(split: str, first_year: int = 1000, last_year: int = 2999) -> Int64[np.ndarray, " days"]:
    """The days of a part, as ordinals (`date.fromordinal`), in an order without any pattern.

    All days of these years are shuffled by the bits of their number, alike on every machine; the
    first 1,000 of them are the test, the next 1,000 the validation, a tenth each where there are
    fewer than 10,000 days, and the rest the training.

    Raises ValueError for another split, and for years that are out of order or not 1 to 9999.

    >>> date.fromordinal(int(days("test")[0])).isoformat()
    '1161-01-11'
    """
    validation.choice("days", "split", split, SPLITS)
    first = validation.size("days", "first_year", first_year)
    last = validation.size("days", "last_year", last_year)
    if not first <= last <= date.max.year:
        raise validation.refuse(
            ValueError, "days", "last_year", last, f"a year from {first} to {date.max.year}",
            "Give the earlier year first.",
        )  # fmt: skip
    every = np.arange(date(first, 1, 1).toordinal(), date(last, 12, 31).toordinal() + 1)
    every = every[np.argsort(_mixed(every), kind="stable")]
    every.setflags(write=False)  # all callers get this one
    held = min(HELD_OUT, len(every) // 10)
    start, end = {"test": (0, held), "validation": (held, 2 * held)}.get(split, (2 * held, None))
    return every[start:end]


def _mixed(numbers: np.ndarray) -> np.ndarray:
    """Each number to another one of 32 bits, none twice."""
    bits = numbers.astype(np.uint32)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        bits = (bits ^ (bits >> np.uint32(shift))) * np.uint32(factor)
    return bits ^ (bits >> np.uint32(16))


@cache
def _patterns() -> dict[str, Any]:
    return patterns()
