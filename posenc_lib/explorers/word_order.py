"""The panel of notebook 08: trained readers judge your sentence in four orders."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import torch
from torch import Tensor

from posenc_lib.experiments.data.word_windows import RARE, numbers_of, words_of
from posenc_lib.experiments.parts.training_settings import Training
from posenc_lib.experiments.parts.transformer import TinyTransformer
from posenc_lib.experiments.text.order_readers import ORDERS, first_weights, natural, orders
from posenc_lib.experiments.text.word_order import TextOrderSettings, trained_model
from posenc_lib.explorers.attention_layer import shortened
from posenc_lib.explorers.panel import Choice, Panel, Slider, Text
from posenc_lib.plots.views import Curves, Heatmap, View
from posenc_lib.registry import encodings

SETTINGS = TextOrderSettings(layers=1, training=Training(steps=150, rate=1e-2))
NAMES = ("none", "alibi", "t5", "rope")
SENTENCE = "the value of the name is an object"


def word_order_explorer(
    *, models: Mapping[str, TinyTransformer] | None = None, **settings: object
) -> Panel:
    """The probability of "natural order" for a sentence, its reverse, a swap and a shuffle.

    The first 8 words of the sentence count; a word that the models never met stands in brackets.
    `models` maps a name to a `TinyTransformer` of `trained_model` for the tasks "reversed" or
    "shuffled", all with as many heads. Left out, four small ones are trained on "reversed" within
    seconds, once. `settings` are first values of the controls: sentence, first, second (places
    that are swapped), seed (of the shuffle), encoding, shown (one of `ORDERS`), head.

    Raises TypeError for models that are none, ValueError for models of another vocabulary or
    number of outputs, a sentence of one word, a place that does not exist, and settings out of
    range.

    >>> panel = word_order_explorer(sentence="the name of the value", second=4)
    >>> panel.views[0].values.shape
    (4, 4)
    """
    readers = _small() if models is None else _own_readers(models)
    known = {name: entry.title for name, entry in encodings().items()} | {"none": "none"}
    titles = {name: known.get(name, name) for name in readers}
    heads = next(iter(readers.values())).layers[0].attention.heads

    def compute(
        sentence: str, first: int, second: int, seed: int, encoding: str, shown: str, head: int
    ) -> list[View]:
        words = sentence.split()[: SETTINGS.words]
        last = len(words) - 1
        if not last:
            raise ValueError("one word has no order: type at least two.")
        for place in (first, second):
            if place > last:
                raise ValueError(f"place {place} does not exist: the words stand at 0 to {last}.")
        row, asked = numbers_of(words), orders(len(words), first, second, seed)
        order = asked[ORDERS.index(shown)]
        swaps = torch.stack([orders(len(words), k, k + 1, seed)[2] for k in range(last)])
        rows = row[torch.cat((asked, swaps))]  # the four orders, then every swap of neighbours
        found = torch.stack([natural(reader, rows) for reader in readers.values()])
        weights = first_weights(readers[encoding], row[order][None])[head]
        ticks = _ticks(words, row)
        return [
            Heatmap(
                f"natural? {first} and {second} swapped, seed {seed}", found[:, :4].T,
                "order of the words", "encoding", "probability", (0.0, 1.0),
                row_ticks=ORDERS, column_ticks=list(titles.values()),
            ),
            _weights(titles[encoding], weights, [ticks[n] for n in order]),
            Curves(
                "after swapping two neighbours", torch.arange(last),
                found[:, 4:] - found[:, :1], list(titles.values()),
                "place of the first of the two (positions)", "change of probability", (-1.0, 1.0),
            ),
        ]  # fmt: skip

    return Panel(
        title="A sentence in four orders, judged by trained readers",
        controls=[
            Text("sentence", SENTENCE, label=f"sentence (up to {SETTINGS.words} words)"),
            Slider("first", 0, 0, SETTINGS.words - 1, label="swap the word at place"),
            Slider("second", 1, 0, SETTINGS.words - 1, label="with the word at place"),
            Slider("seed", 0, 0, 99, label="seed of the shuffle"),
            Choice("encoding", "t5" if "t5" in titles else next(iter(titles)),
                   {title: name for name, title in titles.items()}, label="weights of"),
            Choice("shown", ORDERS[0], ORDERS, label="weights for the order"),
            Slider("head", 0, 0, heads - 1, label="head shown"),
        ],
        compute=compute,
        settings=settings,
        explorer="word_order_explorer",
        own=() if models is None else tuple(readers),
    )  # fmt: skip


def _weights(title: str, weights: Tensor, ticks: list[str]) -> Heatmap:
    return Heatmap(
        f"weights: {title}", weights, "query", "key", "weight", (0.0, 1.0), "sequential",
        row_ticks=ticks, column_ticks=ticks, square=True,
    )  # fmt: skip


def _ticks(words: list[str], row: Tensor) -> list[str]:
    """The words as they stand at an axis, in brackets where the models know no such word."""
    read = words_of(row)
    return shortened(
        [f"({word})" if known == RARE else word for word, known in zip(words, read, strict=True)]
    )


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
