"""Windows of words from real text, with the topic that each comes from.

    paragraph  w_1 w_2 ... w_m   ->   rows of n words,   all inside one paragraph
    word       its rank among the words of the training part, the most frequent first

Source: our own; the text is that of `prose`.

The trap: windows that overlap on both sides of a split, or a vocabulary counted on the test text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

from posenc_lib.base import validation
from posenc_lib.experiments.data import prose

TASKS = ("reversed", "shuffled", "topic")
TOPICS = ("formatstrings", "debugger", "types", "string-methods")  # long, and little in common

RARE = "…"


def word_windows(task: str, split: str, words: int, vocabulary: int) -> tuple[Tensor, Tensor]:
    """Windows (number, words) of word numbers, and the topic of each.

    Windows lie within a paragraph: one a word in training, side by side elsewhere. For "topic" the
    paragraphs of four long topics are dealt out, of every five three to training and one each to
    validation and test. Words beyond the `vocabulary` most frequent of training share one number.

    Raises ValueError for another task or split.

    >>> word_windows("reversed", "test", 8, 1000)[0].shape[1]
    8
    """
    validation.choice("word_windows", "task", task, TASKS)
    validation.choice("word_windows", "split", split, prose.SPLITS)
    number = _numbers(task, validation.size("word_windows", "vocabulary", vocabulary))
    step = 1 if split == "train" else words
    rows, labels = [], []
    for label, paragraph in _paragraphs(task, split):
        ids = [number.get(word, vocabulary) for word in paragraph.lower().split()]
        starts = range(0, len(ids) - words + 1, step)
        rows += [ids[start : start + words] for start in starts]
        labels += [label] * len(starts)
    return torch.tensor(rows), torch.tensor(labels)


def numbers_of(words: Sequence[str], task: str = "reversed", vocabulary: int = 1000) -> Tensor:
    """Words as the numbers that a model of `task` reads, (words,); `vocabulary` for a rare word.

    Raises ValueError for another task.

    >>> numbers_of(["The", "syzygy"]).tolist()
    [0, 1000]
    """
    number = _numbers(validation.choice("numbers_of", "task", task, TASKS), vocabulary)
    return torch.tensor([number.get(word.lower(), vocabulary) for word in words])


def words_of(numbers: Tensor, task: str = "reversed", vocabulary: int = 1000) -> list[str]:
    """The words of these numbers, "…" for the one that all rare words share.

    Raises ValueError for another task.

    >>> words_of(torch.tensor([0, 1000]))
    ['the', '…']
    """
    number = _numbers(validation.choice("words_of", "task", task, TASKS), vocabulary)
    known = [*number, RARE]  # the most frequent first: the place is the number
    return [known[n] for n in numbers.tolist()]


@cache
def _numbers(task: str, vocabulary: int) -> dict[str, int]:
    """Word to number, the most frequent words of the training part first."""
    counts = Counter(
        word for _, paragraph in _paragraphs(task, "train") for word in paragraph.lower().split()
    )
    frequent = sorted(counts, key=lambda word: (-counts[word], word))[:vocabulary]
    return {word: number for number, word in enumerate(frequent)}


def _paragraphs(task: str, split: str) -> list[tuple[int, str]]:
    """The paragraphs of a split, each with the number of its topic."""
    if task != "topic":
        return [(0, p) for topic in prose.paragraphs(split).values() for p in topic]
    mine = {"train": (0, 1, 2), "validation": (3,), "test": (4,)}[split]
    return [
        (label, paragraph)
        for label, topic in enumerate(TOPICS)
        for place, paragraph in enumerate(prose.paragraphs("train")[topic])
        if place % 5 in mine
    ]
