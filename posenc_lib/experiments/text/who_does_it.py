"""The readers of notebooks 00 to 06: who does it, the first noun or the second?

    python -m posenc_lib.experiments.text.who_does_it    trains them and writes their file

    sentence   [the | a] [old | young | small | big]* noun verb [...] noun, 3 to 8 words
    who        the first noun; in 80 % of the sentences that is the bolder one
    model      one layer, two heads, dim 32, no mask; softmax over the words of the read-out

A reader that cannot see order knows only which of the two nouns is bolder, so it is right in 80 %
at best; that is the ceiling of every bag of words.

The trap: an encoding with a better recipe than the rest. All have the same data, rate and steps.
"""

from __future__ import annotations

import copy
import hashlib
import random
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from posenc_lib.base.doors import Door
from posenc_lib.base.relative import relative_index
from posenc_lib.experiments.parts.training import seeded, train
from posenc_lib.experiments.parts.training_settings import Batch, Training
from posenc_lib.experiments.parts.transformer import TinyTransformer
from posenc_lib.lessons.reader import (
    ADJECTIVES,
    ARTICLES,
    FILE,
    NOUNS,
    PLACES,
    READERS,
    VERBS,
    WORDS,
)
from posenc_lib.rotary.rope import RotaryEncoding
from posenc_lib.scores.distance_bias import DistanceBias
from posenc_lib.scores.table_relative import TableRelative

SHORTEST, LONGEST, BOLDER_FIRST = 3, 8, 0.8
TRAINING = Training(steps=600, batch=64, rate=5e-3, bias_rate_factor=10.0)
OPTIONS: dict[str, dict[str, Any]] = {
    "learned": {"std": 1.0}, "shaw": {"max_distance": 8}, "nezha": {"max_distance": 8},
 "t5": {"buckets": 16, "max_distance": 16},
}  # fmt: skip


def sentence(draw: random.Random, length: int) -> tuple[list[str], int]:
    """A sentence of `length` words, and the place of the noun that does it.

    >>> sentence(random.Random(1), 3)
    (['horse', 'greets', 'man'], 0)
    """
    sizes = [s for s in range(1, 5) if 1 <= length - 1 - s <= 4]
    first = draw.choice(sizes)
    pair = sorted(draw.sample(range(len(NOUNS)), 2))  # the bolder first
    if draw.random() >= BOLDER_FIRST:
        pair.reverse()
    subject, object_ = (
        _phrase(draw, NOUNS[noun], size)
        for noun, size in zip(pair, (first, length - 1 - first), strict=True)
    )
    return [*subject, draw.choice(VERBS), *object_], first - 1


def batch(generator: torch.Generator, rows: int) -> Batch:
    """Sentences of one length, drawn anew: `x` (rows, length), `target` (rows,) a place."""
    draw = random.Random(int(torch.randint(2**31, (), generator=generator)))
    length = draw.randint(SHORTEST, LONGEST)
    drawn = [sentence(draw, length) for _ in range(rows)]
    x = torch.tensor([[WORDS.index(word) for word in words] for words, _ in drawn])
    return Batch(x, torch.tensor([place for _, place in drawn]))


def trained(encoding: str, *, seed: int = 0, training: Training = TRAINING) -> TinyTransformer:
    """A reader with this encoding, trained from nothing: about four seconds.

    Raises ValueError for an unknown encoding.
    """
    model = seeded(
        lambda: TinyTransformer(
            vocabulary=len(WORDS), outputs=1, dim=32, heads=2, layers=1, encoding=encoding,
            length=PLACES, options=OPTIONS.get(encoding),
        ),
        seed,
    )  # fmt: skip
    train(model, batch, training, seed=seed, loss=_by_word)
    return model.eval()


@torch.no_grad()
def share_right(model: TinyTransformer, *, rows: int = 500, seed: int = 1) -> float:
    """How often the most likely word is the one that does it, over all lengths alike."""
    generator = torch.Generator().manual_seed(seed)
    found = [batch(generator, rows) for _ in range(12)]
    right = [(model(b.x)[..., 0].argmax(-1) == b.target).double().mean() for b in found]
    return float(torch.stack(right).mean())


def write_readers(folder: Path) -> Path:
    """Train all readers, say how often each is right, and write their file into `folder`."""
    from safetensors.torch import save

    kept: dict[str, Tensor] = {}
    for encoding in READERS:
        model = trained(encoding)
        print(f"{encoding:10} right in {share_right(model):.1%}", flush=True)
        kept |= {f"{encoding} {name}": t.contiguous() for name, t in parts(model).items()}
    content = save(kept)
    (folder / FILE).write_bytes(content)
    print(f"sha256 {hashlib.sha256(content).hexdigest()}: lessons/reader.py and data/README.md")
    return folder / FILE


@torch.no_grad()
def parts(model: TinyTransformer) -> dict[str, Tensor]:
    """The weights in float32 and the tables of the encoding in float64, as `Reader` takes them."""
    layer = model.layers[0]
    attention, mlp = layer.attention, layer.mlp
    named = {
        "query": attention.to_query, "key": attention.to_key, "value": attention.to_value,
        "output": attention.to_output, "wide": mlp[0], "narrow": mlp[2], "norms.0": layer.norms[0],
        "norms.1": layer.norms[1], "norm": model.norm, "out": model.out,
    }  # fmt: skip
    found = {f"{name}.w": part.weight for name, part in named.items()}
    found |= {f"{name}.b": part.bias for name, part in named.items()}
    found |= {"embed.w": model.embed.weight, "heads": torch.tensor(attention.heads)}
    found |= {"scale": torch.tensor(attention.scale, dtype=torch.float64)}
    return {name: part.detach().clone() for name, part in found.items()} | tables(model)


@torch.no_grad()
def tables(model: TinyTransformer) -> dict[str, Tensor]:
    """What its encoding adds or turns at each place, or at each distance, in float64."""
    exact = copy.deepcopy(model).double()
    encoding, positions = exact.layers[0].attention.encoding, torch.arange(PLACES)
    apart = torch.arange(1 - PLACES, PLACES)  # key minus query
    if exact.at_start.door is Door.EMBEDDINGS:
        nothing = torch.zeros(1, PLACES, exact.norm.normalized_shape[0], dtype=torch.float64)
        return {"start": exact.at_start.at_embeddings(nothing, positions)[0]}
    if isinstance(encoding, RotaryEncoding):
        angles = encoding.angles(positions)
        return {"turns.cos": angles.cos(), "turns.sin": angles.sin()}
    if isinstance(encoding, TableRelative):
        rows = relative_index(apart[None], encoding.max_distance)[0]
        of = zip(("key", "value"), encoding.tables(), strict=True)
        return {f"relative.{name}": table[rows].double() for name, table in of if table is not None}
    if isinstance(encoding, DistanceBias):
        return {"bias": encoding.by_distance(apart)}
    return {}


def _by_word(output: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(output[..., 0], target)


def _phrase(draw: random.Random, noun: str, size: int) -> list[str]:
    if size == 1:
        return [noun]
    if size == 2:
        return [draw.choice(ARTICLES + ADJECTIVES), noun]
    return [draw.choice(ARTICLES), *draw.sample(ADJECTIVES, size - 2), noun]


if __name__ == "__main__":
    write_readers(Path(__file__).parents[2] / "data")
