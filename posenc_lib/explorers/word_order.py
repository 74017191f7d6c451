"""The panel of notebook 08: trained readers judge your sentence in four orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from posenc_lib.experiments.data.word_windows import RARE, numbers_of, words_of
from posenc_lib.experiments.parts.training_settings import Training
from posenc_lib.experiments.parts.transformer import TinyTransformer
from posenc_lib.experiments.text.order_readers import (
    ORDERS,
    SWAPPED,
    first_weights,
    natural,
    orders,
)
from posenc_lib.experiments.text.word_order import TextOrderSettings, trained_model
from posenc_lib.explorers.attention_layer import shortened
from posenc_lib.explorers.panel import Choice, Panel, Slider, Text, UpTo
from posenc_lib.explorers.transformer import exported, precise, runs_in_page
from posenc_lib.plots.views import Curves, Heatmap, View
from posenc_lib.registry import on_panels

SETTINGS = TextOrderSettings(layers=1, training=Training(steps=150, rate=1e-2))
NAMES = ("none", "alibi", "t5", "rope")
SENTENCE = "the value of the name is an object"
PLACES, SEEDS = torch.arange(SETTINGS.words), 100
SWAP = ORDERS.index(SWAPPED)
SHORT = ("stands", "reversed", "swapped", "shuffled")  # as `ORDERS`, for narrow columns
NOISE = 1e-12  # of rounding, where nothing changes
NAMED = 2
"""So many of the words that are left out are named."""


def word_order_explorer(
    *,
    models: Mapping[str, TinyTransformer] | None = None,
    question: str | None = None,
    front: Sequence[str] | None = None,
    **settings: object,
) -> Panel:
    """The probability of "natural order" for a sentence, its reverse, a swap and a shuffle.

    The first 8 words of the sentence count, and the panel names those it leaves out; a word that
    the models never met stands in brackets, and all such words are one to them. `models` maps a
    name to a `TinyTransformer` of `trained_model` for the tasks "reversed" or "shuffled", all with
    as many heads. Left out, four small ones are trained on "reversed" within seconds, once.
    `question` and `front` (the controls in sight) stand in the head of the panel instead of its
    own. `settings` are first values of the controls: sentence, first, second (places that are
    swapped), seed (of the shuffle), encoding, shown (one of `ORDERS`), head.

    Raises TypeError for models that are none, ValueError for models of another vocabulary or
    number of outputs, a sentence of one word, a place that does not exist, and settings out of
    range.

    >>> panel = word_order_explorer(sentence="the name of the value", second=4)
    >>> panel.views[0].values.shape
    (4, 4)
    >>> [row[2] for row in panel.views[1].texts]
    ['value', 'name', 'of', 'the', 'the']
    """
    given = _small() if models is None else _own_readers(models)
    readers = {name: precise(model) for name, model in given.items()}
    known = {name: entry.title for name, entry in on_panels().items()} | {"none": "none"}
    titles = {name: known.get(name, name) for name in readers}
    heads = next(iter(readers.values())).layers[0].attention.heads
    chosen = "t5" if "t5" in titles else next(iter(titles))
    last = UpTo("sentence", plus=-1)

    def compute(
        sentence: str, first: int, second: int, seed: int, encoding: str, shown: str, head: int
    ) -> list[View]:
        written = sentence.split()
        words = written[: SETTINGS.words]
        if len(words) < 2:
            raise ValueError("one word has no order: type at least two.")
        row, asked = numbers_of(words), orders(len(words), first, second, seed)
        place = ORDERS.index(shown)
        swaps = torch.stack([orders(len(words), k, k + 1, seed)[2] for k in range(len(words) - 1)])
        rows = row[torch.cat((asked, swaps))]  # the four orders, then every swap of neighbours
        found = torch.stack([natural(reader, rows) for reader in readers.values()])
        changes = found[:, 4:] - found[:, :1]
        changes[changes.abs() < NOISE] = 0.0
        weights = first_weights(readers[encoding], row[asked[place]][None])[head]
        ticks = _ticks(words, row)
        here = [ticks[n] for n in asked[place]]
        swapped = f"{first} and {second} swapped{_no_swap(words, row, first, second)}"
        beside = [(min(first, second), "swapped")] if abs(first - second) == 1 else []
        return [
            Heatmap(
                f"natural? places {swapped}", found[:, :4].T,
                "order of the words", "encoding", "probability", (0.0, 1.0),
                row_ticks=ORDERS, column_ticks=list(titles.values()),
                marks=[(place, list(readers).index(encoding))], picks=("shown", "encoding"),
            ),
            Heatmap(
                f"in each order{_left_out(written)}", asked.T, "place", "order",
                "place in your sentence", (0, SETTINGS.words - 1), "sequential",
                column_ticks=SHORT, texts=[[ticks[n] for n in places] for places in asked.T],
                marks=[(None, place), (first, SWAP), (second, SWAP)], picks=(None, "shown"),
            ),
            Curves(
                "after swapping two neighbours", torch.arange(len(words) - 1),
                changes, list(titles.values()),
                "place of the first of the two (positions)", "change of probability", (-1.0, 1.0),
                marks=beside, picks=(None, "encoding"),
            ),
            Heatmap(
                f"weights of {titles[encoding]}, {shown}, head {head}", weights, "query", "key",
                "weight", (0.0, 1.0), "sequential",
                row_ticks=here, column_ticks=here, square=True,
            ),
        ]  # fmt: skip

    live = all(runs_in_page(model, PLACES) for model in given.values())
    return Panel(
        title="A sentence in four orders, judged by small trained models",
        controls=[
            Text("sentence", SENTENCE, label=f"sentence (up to {SETTINGS.words} words)"),
            Slider("first", 0, 0, SETTINGS.words - 1, label="swap the word at place", upto=last),
            Slider("second", 1, 0, SETTINGS.words - 1, label="with the word at place", upto=last),
            Slider("seed", 0, 0, SEEDS - 1, label="seed of the shuffle"),
            Choice("encoding", chosen,
                   {title: name for name, title in titles.items()}, label="weights of"),
            Choice("shown", ORDERS[0], ORDERS, label="weights for the order"),
            Slider("head", 0, 0, heads - 1, label="head shown"),
        ],
        compute=compute,
        settings=settings,
        explorer="word_order_explorer",
        own=() if models is None else tuple(readers),
        page="word_order" if live else None,
        data=_data(given, titles) if live else None,
        question=question or (
            "Which swap does no reader notice? Which swap of different words does "
            f"{titles[chosen]} accept? Who minds swapped neighbours?"
        ),
        front=front or ("sentence", "first", "second"),
    )  # fmt: skip


def _no_swap(words: list[str], row: Tensor, first: int, second: int) -> str:
    """Why this swap changes nothing, for any model; empty where it may."""
    if first == second:
        return ": one word"
    if row[first] != row[second]:
        return ""
    if words_of(row[[first]])[0] == RARE:
        return ": both unknown, read alike"
    return f": both '{words[first].lower()}'"


def _left_out(written: list[str]) -> str:
    """Which words do not count, in words."""
    beyond = shortened(written[SETTINGS.words :])
    if not beyond:
        return ""
    more = f" and {len(beyond) - NAMED} more" if len(beyond) > NAMED else ""
    return f"; left out: {', '.join(beyond[:NAMED])}{more}"


def _ticks(words: list[str], row: Tensor) -> list[str]:
    """The words as they stand at an axis, in brackets where the models know no such word."""
    read = words_of(row)
    return shortened(
        [f"({word})" if known == RARE else word for word, known in zip(words, read, strict=True)]
    )


def _data(readers: Mapping[str, TinyTransformer], titles: Mapping[str, str]) -> dict[str, Any]:
    """What the page takes from the library: see `page_word_order.js`."""
    shuffles = [
        orders(length, 0, 0, seed)[3] for length in range(2, len(PLACES) + 1)
        for seed in range(SEEDS)
    ]  # fmt: skip
    vocabulary = words_of(torch.arange(SETTINGS.vocabulary))
    return {
        "models": {name: exported(model, PLACES) for name, model in readers.items()},
        "titles": dict(titles),
        "orders": list(ORDERS),
        "short": list(SHORT),
        "vocabulary": " ".join(vocabulary),
        "shuffles": torch.cat(shuffles).to(torch.uint8).numpy().tobytes(),
        "words": len(PLACES),
        "seeds": SEEDS,
        "named": NAMED,
        "swap": SWAP,
        "noise": NOISE,
    }


@lru_cache(maxsize=1)
def _small() -> dict[str, TinyTransformer]:
    """Four readers, trained once in a process."""
    found = {name: trained_model(SETTINGS, "reversed", name, seed=0)[0] for name in NAMES}
    return {name: model for name, model in found.items() if isinstance(model, TinyTransformer)}


def _own_readers(models: Mapping[str, TinyTransformer]) -> dict[str, TinyTransformer]:
    if not models:
        raise ValueError("word_order_explorer: models is empty. Pass at least one, by its name.")
    for name, model in models.items():
        if not isinstance(model, TinyTransformer):
            raise TypeError(
                f"word_order_explorer: models[{name!r}] must be a TinyTransformer, but it is "
                f"{type(model).__name__}. A bag of words has no attention to show."
            )
        size, wanted = (model.vocabulary, model.out.out_features), (SETTINGS.vocabulary + 1, 2)
        if size != wanted:
            raise ValueError(
                f"word_order_explorer: models[{name!r}] has (vocabulary, outputs) = {size}, but "
                f"it must have {wanted}. Train it with trained_model on 'reversed' or 'shuffled'."
            )
    heads = {name: model.layers[0].attention.heads for name, model in models.items()}
    if len(set(heads.values())) > 1:
        raise ValueError(f"word_order_explorer: models must have as many heads, but have {heads}.")
    return dict(models)
