"""The panel of notebook 13: an English date, translated token by token, and where each one looks.

The models are those of `stored_translators`: one layer to read, one to write, 32 features. The page
gets their weights and runs them itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from posenc_lib.experiments.data.dates import as_text, patterns, pieces
from posenc_lib.experiments.translation.date_tokens import END, numbered, vocabulary
from posenc_lib.experiments.translation.encoder_decoder import EncoderDecoder
from posenc_lib.experiments.translation.stored_translators import (
    NAMES,
    TRAINED,
    stored_translator,
)
from posenc_lib.explorers.attention_layer import shortened
from posenc_lib.explorers.panel import Choice, Panel, Slider, Text
from posenc_lib.explorers.translator import exported_translator, precise_translator
from posenc_lib.explorers.who import swapped_with_next
from posenc_lib.plots.views import Heatmap, View
from posenc_lib.registry import on_panels

SENTENCE = "Sunday, December 26, 2021"
MOST, LIKELY = 24, 6  # tokens that are read or written at most; candidates that are shown
MEAN = "mean"
TOKEN = re.compile("[0-9]|[A-Za-z]+|[^A-Za-z0-9 ]+")
EACH = "what is right, and what each one writes"
NO_DATE = "the English is no date, so nothing is right"
LEAST = 0.005  # as likely a token has to be at least, to be named
LETTERS = 4  # of a token in a narrow column
NAMED = 2
"""So many of the tokens that are left out are named."""
QUESTION = (
    "Tap the English tokens to change their places: whose translation never changes? "
    "Then T5, Hungarian: what does the map look like, and why?"
)


def titles() -> dict[str, str]:
    """Name to title of the stored encodings."""
    known = on_panels()
    return {name: "none" if name == "none" else known[name].title for name in NAMES}


def dates_explorer(
    *, question: str | None = None, front: Sequence[str] | None = None, **settings: object
) -> Panel:
    """Five trained models translate an English date, and one of them shows where it looks.

    - What each model writes, under what is right: yellow where they agree. A tap on a token shows
      its row of the map. Where the English is no date, nothing is right, and all is grey.
    - The English tokens, with the weight that the token shown gives to each. A tap swaps a token
      with the next one.
    - The cross-attention map of the chosen model: a row for each token that is written.
    - What else could have been written in that place: the six most likely tokens.

    Controls: `sentence` (English, up to 24 tokens; those that the models never met are left out,
    and the panel says so), `language` ("German", "French", "Hungarian"), `encoding` ("none",
    "sinusoidal", "learned", "t5", "rope"), `place` (of the token shown), `head` ("mean", "0", "1").
    `question` and `front` (the controls in sight) stand in the head of the panel instead of its
    own.

    Raises ValueError for a sentence without a token that the models know or with more than 24, and
    for a setting out of its range.

    >>> panel = dates_explorer(encoding="rope")
    >>> panel.views[0].texts[0][:3]
    ('Son.', ',', '2')
    """
    return Panel(
        title="A date, translated",
        controls=[
            Text("sentence", SENTENCE, label="English", maximum=80),
            Choice("language", "German", list(TRAINED.languages)),
            Choice("encoding", "none", {title: name for name, title in titles().items()}),
            Slider("place", 2, 0, MOST - 1, label="token shown"),
            Choice("head", MEAN, {"mean of both heads": MEAN, "0": "0", "1": "1"}, label="head"),
        ],
        compute=_views,
        explorer="dates_explorer",
        settings=settings,
        page="dates",
        data=_data(),
        question=question or QUESTION,
        front=front or ("sentence", "language", "encoding", "place"),
    )


def _views(sentence: str, language: str, encoding: str, place: int, head: str) -> list[View]:
    source, unknown = read(sentence)
    if not source:
        raise ValueError("the models know none of these: type a date such as May 1, 2026.")
    if len(source) > MOST:
        raise ValueError(f"up to {MOST} tokens can be read: there are {len(source)}.")
    row = tuple(numbered(source))
    found = {name: _written(name, row, language) for name in NAMES}
    right = answer_of(source, language)
    lines = {name: _tokens(numbers) for name, (numbers, _, _) in found.items()}
    numbers, likely, maps = found[encoding]
    at = min(place, len(numbers) - 1)
    weights = maps.mean(0) if head == MEAN else maps[int(head)]
    swapped = [as_text(swapped_with_next(source, k), "English") for k in range(len(source))]
    order = np.argsort(-likely[at], kind="stable")[:LIKELY]
    shares = likely[at][order]
    named = [(_said(int(n)), f"{p:.0%}") for n, p in zip(order, shares, strict=True) if p > LEAST]
    named += [("", "")] * (LIKELY - len(named))
    title = titles()[encoding]
    left_out = _left_out(unknown)
    words = cut(source)
    return [
        _lines_view(lines, right, language, encoding, at),
        Heatmap(
            f"English{left_out}; tap: swap with the next", np.stack([weights[at]] * 2),
            "row", "place", "weight", (0.0, 1.0), "sequential",
            row_ticks=("token", "weight"),
            texts=(words, [f"{weight:.0%}" for weight in weights[at]]),
            picks=(None, ("sentence", swapped)),
        ),
        Heatmap(
            f"where {title} looks, {language}", weights, "token written", "English token",
            "weight", (0.0, 1.0), "sequential",
            row_ticks=shortened(list(lines[encoding])), column_ticks=words,
            marks=[(at, None)], picks=("place", None),
        ),
        Heatmap(
            f"{title}, token {at}: what is likely there", np.stack([shares] * 2), "row", "rank",
            "probability", (0.0, 1.0), "sequential", row_ticks=("token", "likely"),
            texts=(shortened([token for token, _ in named]), [share for _, share in named]),
        ),
    ]  # fmt: skip


def read(sentence: str) -> tuple[list[str], list[str]]:
    """The tokens of a text that the models know, digit by digit, and those that they do not.

    >>> read("the 3 may,")
    (['3', 'May', ','], ['the'])
    """
    known, unknown = [], []
    for token in TOKEN.findall(sentence):
        written = token[0].upper() + token[1:].lower()
        if written in _english():
            known.append(written)
        else:
            unknown.append(token)
    return known, unknown


def answer_of(source: Sequence[str], language: str) -> list[str] | None:
    """The right translation of English tokens, with the end; None where they are no date.

    >>> answer_of(["Friday", ",", "May", "1", ",", "2", "0", "2", "6"], "French")
    ['vendredi', '1', 'mai', '2', '0', '2', '6', '<end>']
    """
    english, there = patterns()["English"], patterns()[language]
    text = " ".join(source)
    weekdays, months = ("|".join(english[names]) for names in ("weekdays", "months"))
    form = f"({weekdays}) , ({months}) ([0-9](?: [0-9])?) , ([0-9] [0-9] [0-9] [0-9])"
    match = re.fullmatch(form, text)
    if match is None:
        return None
    weekday, month, day, year = match.groups()
    fields = {
        "weekday": [there["weekdays"][english["weekdays"].index(weekday)]],
        "month": [there["months"][english["months"].index(month)]],
        "day": day.split(), "year": year.split(),
    }  # fmt: skip
    found = [token for piece in pieces(language) for token in fields.get(piece, [piece])]
    return [*found, END]


def cut(tokens: Sequence[str]) -> list[str]:
    """Tokens as they fit into a narrow column.

    >>> cut(["Sunday", "May", "<end>"])
    ['Sun.', 'May', 'end']
    """
    short = {END: "end"}
    return [short.get(t, t if len(t) <= LETTERS else f"{t[: LETTERS - 1]}.") for t in tokens]


@lru_cache(maxsize=256)
@torch.no_grad()
def _written(
    encoding: str, source: tuple[int, ...], language: str
) -> tuple[list[int], np.ndarray, np.ndarray]:
    """The numbers of what a model writes, how likely each token was at each place, and the weights
    of its only cross-attention, (heads, written, read); all in float64."""
    model = _precise(encoding)
    memory, real = model.memory(torch.tensor([source]))
    given = numbered([f"<{language}>"])
    likely: list[np.ndarray] = []
    maps = None
    while len(likely) < MOST:
        logits, (maps,) = model.decoded(torch.tensor([given]), memory, real)
        likely.append(logits[0, -1].softmax(-1).numpy())
        given = [*given, int(likely[-1].argmax())]
        if given[-1] == numbered([END])[0]:
            break
    assert maps is not None
    return given[1:], np.stack(likely), maps[0].numpy()


@lru_cache(maxsize=len(NAMES))
def _precise(encoding: str) -> EncoderDecoder:
    return precise_translator(stored_translator(encoding))


def _lines_view(
    lines: dict[str, list[str]], right: list[str] | None, language: str, encoding: str, at: int
) -> Heatmap:
    """A row for what is right and one for what each model writes, padded to one length."""
    rows = [right or [], *lines.values()]
    length = max(map(len, rows))
    agrees = np.full((len(rows), length), np.nan)
    for n, row in enumerate(rows if right else []):
        for k, token in enumerate(row):
            agrees[n, k] = float(right is not None and k < len(right) and token == right[k])
    texts = [cut([*row, *[""] * (length - len(row))]) for row in rows]
    return Heatmap(
        f"{language}: {NO_DATE if right is None else EACH}", agrees, "model", "place",
        "right (1) or wrong (0)", (0.0, 1.0), "sequential",
        row_ticks=("right", *titles().values()), texts=texts,
        marks=[(1 + NAMES.index(encoding), at)],
        picks=(("encoding", [None, *NAMES]), "place"),
    )  # fmt: skip


def _tokens(numbers: Sequence[int]) -> list[str]:
    return [_said(number) for number in numbers]


def _said(number: int) -> str:
    return vocabulary()[number]


def _left_out(unknown: list[str]) -> str:
    """Which tokens do not count, in words."""
    if not unknown:
        return ""
    more = f" and {len(unknown) - NAMED} more" if len(unknown) > NAMED else ""
    return f", without {', '.join(shortened(unknown[:NAMED]))}{more}"


@lru_cache(maxsize=1)
def _english() -> frozenset[str]:
    """The tokens of English dates."""
    names = patterns()["English"]
    return frozenset([*names["weekdays"], *names["months"], ",", *map(str, range(10))])


@lru_cache(maxsize=1)
def _data() -> dict[str, Any]:
    """What the page takes from the library: see `page_dates.js`."""
    known = patterns()
    return {
        "models": {name: exported_translator(stored_translator(name), MOST + 1) for name in NAMES},
        "titles": titles(),
        "vocabulary": list(vocabulary()),
        "names": {
            name: {key: known[name][key] for key in ("months", "weekdays")}
            for name in ("English", *TRAINED.languages)
        },
        "pieces": {name: list(pieces(name)) for name in TRAINED.languages},
        "end": END,
        "mean": MEAN,
        "most": MOST,
        "likely": LIKELY,
        "least": LEAST,
        "letters": LETTERS,
        "said": {"each": EACH, "none": NO_DATE},
        "named": NAMED,
    }
