"""A small trained Transformer that answers "who does it?", in NumPy, so that its forward pass is
short enough to read.

    x       = embedding[words] + start                           door 1
    score   = scale * turn(q) . (turn(k) + a) + bias             doors 2 and 3
    x       = x + W_o softmax(score) (v + a')
    x       = x + mlp(norm(x));  who = softmax over the words of out(norm(x))

One pre-norm layer, two heads, no mask. `experiments.text.who_does_it` trains these readers, one
for each encoding, all alike but for position; their weights ship with the library.

The trap: reading the maps of one trained model as if every model had to look there.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from posenc_lib.base import validation
from posenc_lib.base.shipped import shipped

NOUNS = ("dog", "horse", "man", "woman", "girl", "cat", "bird", "mouse")  # the bolder first
VERBS = ("bites", "chases", "sees", "finds", "likes", "hears", "follows", "greets")
ARTICLES, ADJECTIVES = ("the", "a"), ("old", "young", "small", "big")
WORDS = (*ARTICLES, *ADJECTIVES, *NOUNS, *VERBS)
PLACES = 24
READERS = ("none", "sinusoidal", "learned", "shaw", "nezha", "alibi", "t5", "rope")
FILE = "readers.safetensors"
SHA256 = "30ae88c8579b83376027f5ae274b6ceda9c6a01c8e5028fed30c195c8ec1b967"

_erf = np.vectorize(math.erf)


class Reader:
    """One trained reader; `trained_reader` hands them out.

    Args:
        encoding: The name of its encoding in the registry.
        kept: Its weights and the tables of its encoding, by name.
    """

    def __init__(self, encoding: str, kept: dict[str, np.ndarray]) -> None:
        self.encoding = encoding
        self.kept = {name: array.astype(np.float64) for name, array in kept.items()}

    def __repr__(self) -> str:
        return f"<a trained reader with encoding {self.encoding!r}>"

    def who(self, sentence: str, start: int = 0) -> list[tuple[str, float]]:
        """How likely each word is the one that does it: (word, probability) in the order read.

        Args:
            sentence: Words of `posenc_lib.lessons.reader.WORDS`, with spaces between them.
            start: The position of the first word.

        Raises:
            ValueError: For an unknown word, no word, or a position past the last one, 23.

        >>> reader = trained_reader("sinusoidal")
        >>> [(word, round(p, 1)) for word, p in reader.who("man bites dog")]
        [('man', 1.0), ('bites', 0.0), ('dog', 0.0)]
        """
        words = sentence.lower().split()
        x, _ = self._attended(words, start)
        likely = _softmax(_linear(_normed(x, self.kept, "norm"), self.kept, "out")[:, 0])
        return list(zip(words, likely.tolist(), strict=True))

    def weights(self, sentence: str, start: int = 0) -> np.ndarray:
        """The attention weights, (heads, query, key); arguments and errors as in `who`.

        >>> trained_reader("none").weights("dog bites man").sum(-1).round(6).tolist()
        [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
        """
        return self._attended(sentence.lower().split(), start)[1]

    def _attended(self, words: list[str], start: int) -> tuple[np.ndarray, np.ndarray]:
        """What the layer makes of the words, (length, dim), and its weights."""
        kept, places = self.kept, _places(words, start)
        x = kept["embed.w"][_numbers(words)]
        if "start" in kept:
            x = x + kept["start"][places]  # door 1
        normed = _normed(x, kept, "norms.0")
        heads, size = int(kept["heads"]), x.shape[1] // int(kept["heads"])
        query, key, value = (
            _linear(normed, kept, name).reshape(len(x), heads, size).swapaxes(0, 1)
            for name in ("query", "key", "value")
        )  # (heads, length, head_dim)
        if "turns.cos" in kept:  # door 2
            cos, sin = (kept[f"turns.{name}"][places] for name in ("cos", "sin"))
            query, key = _turned(query, cos, sin), _turned(key, cos, sin)
        apart = places[None, :] - places[:, None] + PLACES - 1  # rows of tables by distance
        scores = query @ key.swapaxes(1, 2)
        if "relative.key" in kept:  # door 3, a vector
            scores = scores + np.einsum("hqd,qkd->hqk", query, kept["relative.key"][apart])
        scores = scores * float(kept["scale"])
        if "bias" in kept:  # door 3, a number
            scores = scores + kept["bias"][:, apart]
        weights = _softmax(scores)
        seen = weights @ value
        if "relative.value" in kept:
            seen = seen + np.einsum("hqk,qkd->hqd", weights, kept["relative.value"][apart])
        x = x + _linear(seen.swapaxes(0, 1).reshape(x.shape), kept, "output")
        wide = _linear(_normed(x, kept, "norms.1"), kept, "wide")
        gelu = wide * (1 + _erf(wide / math.sqrt(2))) / 2
        return x + _linear(gelu, kept, "narrow"), weights


@cache
def trained_reader(encoding: str) -> Reader:
    """A trained reader with this encoding; NumPy alone, the weights come with the library.

    Args:
        encoding: "none", "sinusoidal", "learned", "shaw", "nezha", "alibi", "t5" or "rope".

    Raises:
        ValueError: For another encoding.
        OSError: Where the file is damaged.

    Source: our own; `python -m posenc_lib.experiments.text.who_does_it` trains them.

    >>> blind = trained_reader("none")
    >>> one, other = dict(blind.who("dog bites man")), dict(blind.who("man bites dog"))
    >>> all(abs(one[word] - other[word]) < 1e-12 for word in one)
    True
    """
    validation.choice("trained_reader", "encoding", encoding, READERS)
    return Reader(encoding, _shipped()[encoding])


@cache
def _shipped() -> dict[str, dict[str, np.ndarray]]:
    from safetensors.numpy import load

    found: dict[str, dict[str, np.ndarray]] = {name: {} for name in READERS}
    for name, array in load(shipped("trained_reader", FILE, SHA256)).items():
        encoding, part = name.split(" ")
        found[encoding][part] = array
    return found


def _numbers(words: list[str]) -> list[int]:
    for word in words:
        if word not in WORDS:
            raise validation.refuse(
                ValueError, "Reader", "sentence", word, f"these words: {', '.join(WORDS)}",
                "Write the sentence with those.",
            )  # fmt: skip
    return [WORDS.index(word) for word in words]


def _places(words: list[str], start: int) -> np.ndarray:
    start = validation.size("Reader", "start", start, minimum=0)
    if not words or start + len(words) > PLACES:
        raise validation.refuse(
            ValueError, "Reader", "words, start", (len(words), start),
            f"at least one word, and places up to {PLACES - 1}", "Take a shorter sentence.",
        )  # fmt: skip
    return np.arange(start, start + len(words))


def _linear(x: np.ndarray, kept: dict[str, np.ndarray], name: str) -> np.ndarray:
    found: np.ndarray = x @ kept[f"{name}.w"].T + kept[f"{name}.b"]
    return found


def _normed(x: np.ndarray, kept: dict[str, np.ndarray], name: str) -> np.ndarray:
    centred = x - x.mean(-1, keepdims=True)
    spread = np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    found: np.ndarray = centred / spread * kept[f"{name}.w"] + kept[f"{name}.b"]
    return found


def _softmax(scores: np.ndarray) -> np.ndarray:
    raised = np.exp(scores - scores.max(-1, keepdims=True))
    found: np.ndarray = raised / raised.sum(-1, keepdims=True)
    return found


def _turned(x: np.ndarray, cos: np.ndarray, sin: np.ndarray) -> np.ndarray:
    even, odd = x[..., 0::2], x[..., 1::2]
    turned = (even * cos - odd * sin, even * sin + odd * cos)
    return np.stack(turned, axis=-1).reshape(x.shape)
