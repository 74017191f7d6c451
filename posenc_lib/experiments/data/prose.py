"""Real English text: the topics of the Python language reference, split by topic.

79 topics, frozen in `posenc_lib/data` (PSF licence): no download, the same text for every Python.

The trap: the topics repeat each other. "specialnames" holds "customization" word for word, and one
paragraph in five stands in two topics or more; a split by topic alone would test on text that was
trained on. Here a paragraph belongs to the first split that has it: test, validation, train.
"""

from __future__ import annotations

import gzip
import json
import re
from functools import cache

import numpy as np
from jaxtyping import Int64

from posenc_lib.base import validation
from posenc_lib.base.shipped import shipped

FILE = "pydoc_topics.json.gz"
SHA256 = "c19908784a026757067d08e356e0d97432333d6bc3d6be03a885182a94b48d8e"
SPLITS = ("train", "validation", "test")
TEST = ("typesmapping", "comparisons", "in", "import", "calls", "objects", "typesmethods")
VALIDATION = (
    "dynamic-features", "exceptions", "execmodel", "naming", "assignment", "strings",
    "identifiers", "raise", "binary",
)  # fmt: skip
SHORTEST = 60  # characters: shorter paragraphs are headings and signatures, which do repeat
VOCABULARY = 97  # printable ASCII, the line break, and one sign for everything else


def paragraphs(split: str) -> dict[str, tuple[str, ...]]:
    """The paragraphs of the topics of one split, topic to paragraphs, spaces set to one.

    "train", "validation" or "test"; whole topics each. No paragraph stands in two splits, nor
    twice in one. Paragraphs of fewer than 60 characters are left out.

    Raises ValueError for another split, OSError for a file that is not the one that was shipped.

    Source: the Python language reference, 3.11.7.

    >>> sum(len(p) for topic in paragraphs("test").values() for p in topic) > 32_768
    True
    """
    return dict(_splits()[validation.choice("paragraphs", "split", split, SPLITS)])


def text(split: str) -> str:
    """The paragraphs of a split in one string, a line break after each.

    Raises like `paragraphs`.

    >>> text("test").splitlines()[0][:40]
    'A *mapping* object maps *hashable* value'
    """
    joined = (p for topic in paragraphs(split).values() for p in topic)
    return "".join(f"{p}\n" for p in joined)


def characters(split: str) -> Int64[np.ndarray, " characters"]:
    """`text(split)` as whole numbers below `VOCABULARY`, one a character.

    Printable ASCII is 0 .. 94, the line break 95, anything else 96: nothing is fitted to a split.

    Raises like `paragraphs`.

    >>> bool(characters("test").max() < VOCABULARY)
    True
    """
    codes = np.array([ord(letter) for letter in text(split)], dtype=np.int64)
    printable = (codes >= 32) & (codes < 127)
    return np.where(printable, codes - 32, np.where(codes == 10, 95, 96))


@cache
def _splits() -> dict[str, dict[str, tuple[str, ...]]]:
    topics = json.loads(gzip.decompress(_content()))
    rest = tuple(sorted(set(topics) - {*TEST, *VALIDATION}))
    met: set[str] = set()
    found = {}
    for split, names in (("test", TEST), ("validation", VALIDATION), ("train", rest)):
        found[split] = {name: _new(topics[name], met) for name in names}
    return found


def _new(topic: str, met: set[str]) -> tuple[str, ...]:
    """The paragraphs of a topic that were not met before; they are met from now on."""
    new = []
    for block in re.split(r"\n\s*\n", topic):
        paragraph = " ".join(block.split())
        if len(paragraph) >= SHORTEST and paragraph not in met:
            met.add(paragraph)
            new.append(paragraph)
    return tuple(new)


def _content() -> bytes:
    return shipped("paragraphs", FILE, SHA256)
