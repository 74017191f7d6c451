"""The panel of notebook 00: who does it? A trained reader, with its position and without."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from posenc_lib.explorers.panel import Choice, Panel, Slider, Text, Toggle
from posenc_lib.lessons.reader import PLACES, WORDS, Reader, trained_reader
from posenc_lib.plots.views import Heatmap, View

ENCODINGS = {
    "sinusoidal": "sinusoidal", "learned": "learned", "ALiBi": "alibi", "T5": "t5", "RoPE": "rope",
}  # fmt: skip
SENTENCE, MOST = "dog bites man", 8
HEADS = 2
QUESTION = (
    "Tap a word: it changes places with the word after it. What does the reader say then, and what "
    "does it say once you switch position on?"
)


def who_explorer(
    *, question: str | None = None, front: Sequence[str] | None = None, **settings: object
) -> Panel:
    """Who does it, says a trained reader of `posenc_lib.trained_reader`.

    How likely each word is the one that does it, the same for neighbours swapped and for the
    sentence read backwards, and where the reader looked. A tap on a word swaps it with the next
    one. NumPy alone. Controls: `sentence` (up to 8 words that the reader knows), `position`
    (whether the reader has one), `encoding` (which), `head` (whose weights are drawn). `question`
    and `front` (the controls in sight) stand in the head of the panel instead of its own.

    Raises ValueError for one word or more than 8, for an unknown word, and for a setting out of
    its range.

    >>> panel = who_explorer()
    >>> panel.views[0].texts
    (('dog', 'bites', 'man'), ('80%', '0%', '20%'))
    >>> panel.views_at(sentence="man bites dog")[0].texts[1]
    ('20%', '0%', '80%')
    """
    return Panel(
        title="Who does it",
        controls=[
            Text("sentence", SENTENCE, label=f"sentence (up to {MOST} words)"),
            Toggle("position", False, label="position"),
            Choice("encoding", "sinusoidal", ENCODINGS, needs=("position", [True])),
            Slider("head", 0, 0, HEADS - 1, label="head shown"),
        ],
        compute=_compute,
        settings=settings,
        explorer="who_explorer",
        page="who",
        data=_data(),
        question=question or QUESTION,
        front=front or ("sentence", "position"),
    )


def _compute(sentence: str, position: bool, encoding: str, head: int) -> list[View]:
    words = sentence.lower().split()
    if not 2 <= len(words) <= MOST:
        raise ValueError(f"type two to {MOST} words: there are {len(words)}.")
    for word in words:
        if word not in WORDS:
            raise ValueError(f"the reader does not know '{word}'. It knows {' '.join(WORDS)}.")
    reader = trained_reader(encoding if position else "none")
    orders = reorderings(words)
    likely = np.array([[p for _, p in reader.who(" ".join(order))] for order in orders])
    title = next(name for name, value in ENCODINGS.items() if value == encoding)
    named = f"with {title} position" if position else "without position"
    taps = [" ".join(swapped_with_next(words, k)) for k in range(len(words))]
    return [
        Heatmap(
            f"who does it? The reader {named}", np.stack([likely[0]] * 2), "row", "place",
            "probability", (0.0, 1.0), "sequential",
            row_ticks=("word", "does it"), texts=(words, [f"{p:.0%}" for p in likely[0]]),
            picks=(None, ("sentence", taps)),
        ),
        Heatmap(
            "and in other orders", likely, "order", "place", "probability", (0.0, 1.0),
            "sequential",
            row_ticks=names(len(words)),
            texts=[[f"{w} {p:.0%}" for w, p in zip(order, row, strict=True)]
                   for order, row in zip(orders, likely, strict=True)],
            marks=[(0, None)], picks=(("sentence", [" ".join(order) for order in orders]), None),
        ),
        Heatmap(
            f"where it looked: weights of head {head}", reader.weights(sentence)[head],
            "query", "key", "weight", (0.0, 1.0), "sequential",
            row_ticks=words, column_ticks=words, square=True,
        ),
    ]  # fmt: skip


def reorderings(words: list[str]) -> list[list[str]]:
    """As typed, each two neighbours swapped, and backwards.

    >>> [" ".join(order) for order in reorderings(["dog", "bites", "man"])]
    ['dog bites man', 'bites dog man', 'dog man bites', 'man bites dog']
    """
    return [words, *(swapped_with_next(words, k) for k in range(len(words) - 1)), words[::-1]]


def names(length: int) -> list[str]:
    """What the orders are called."""
    return ["as typed", *(f"{k} and {k + 1} swapped" for k in range(length - 1)), "backwards"]


def swapped_with_next(words: Sequence[str], place: int) -> list[str]:
    """The word at this place and the next one swapped; the last one with the one before it."""
    place = max(min(place, len(words) - 2), 0)
    return [*words[:place], *words[place : place + 2][::-1], *words[place + 2 :]]


def _data() -> dict[str, Any]:
    """What the page takes from the library: see `page_who.js`."""
    return {
        "models": {name: _sent(trained_reader(name)) for name in ("none", *ENCODINGS.values())},
        "titles": {value: name for name, value in ENCODINGS.items()},
        "words": list(WORDS),
        "most": MOST,
    }


def _sent(reader: Reader) -> dict[str, Any]:
    """The reader as `transformer.js` takes it: weights in float32, its tables in float64."""
    kept = reader.kept

    def part(name: str) -> dict[str, bytes | None]:
        found = (kept.get(f"{name}.{kind}") for kind in ("w", "b"))
        made = [None if array is None else array.astype(np.float32).tobytes() for array in found]
        return dict(zip(("w", "b"), made, strict=True))

    turns = {
        name: kept[f"turns.{name}"].tobytes() for name in ("cos", "sin") if "turns.cos" in kept
    }
    named = ("query", "key", "value", "output", "wide", "narrow")
    layer = {name: part(name) for name in named} | {
        "norms": [part("norms.0"), part("norms.1")],
        "turns": turns | {"half": False} if turns else None,
        "bias": kept["bias"].tobytes() if "bias" in kept else None,
    }
    start = kept["start"].astype(np.float32).tobytes() if "start" in kept else None
    return {
        "dim": kept["embed.w"].shape[1], "heads": int(kept["heads"]), "length": PLACES,
        "causal": False, "scale": float(kept["scale"]), "whole": True, "read_out": "token",
        "embed": part("embed"), "start": start,
        "layers": [layer], "norm": part("norm"), "out": part("out"),
    }  # fmt: skip
