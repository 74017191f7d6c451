"""What the scoreboard says of an encoding, measured: three laws, a trained result, two counts.

    python -m posenc_lib.experiments.score_rows    measures and writes lessons/scoreboard.json

    order        layer(x[shuffled]) is not layer(x)[shuffled]
    direction    layer(x[backwards]) is not layer(x)[backwards]
    any place    layer(x, positions + 100) is layer(x, positions)

One layer in float64 with random weights and no mask. Trained numbers of tables are drawn from
N(0, 1): a table that starts near 0 would hide what it can do.

The trap: a law that holds because nothing was there to break it, such as a table of zeros.
"""

from __future__ import annotations

import json
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from posenc_lib.base.doors import Door, PositionEncoding
from posenc_lib.experiments.shipped_results import full_results, full_settings
from posenc_lib.layers.multihead import MultiHeadAttention
from posenc_lib.lessons.memory import largest_tensor
from posenc_lib.lessons.scoreboard import FILE
from posenc_lib.registry import encodings, make_encoding

NAMES = ("none", "sinusoidal", "learned", "shaw", "nezha", "alibi", "t5", "kerple_log", "rope")
DIM, HEADS, LENGTH, TOKENS, FAR = 64, 4, 512, 67, 100
MANY = 509  # a prime: what grows with the text can be told from what does not
DRAWN = ("learned", "shaw", "t5")  # tables: their numbers are drawn from N(0, 1)
NOT_MEASURED = "not measured"
SAME = 1e-9


@torch.no_grad()
def score_row(encoding: str | PositionEncoding) -> dict[str, str]:
    """The row of an encoding: of the registry, by its name, or your own, for dim 64 and 4 heads.

    Raises ValueError for an unknown name; what your encoding raises.

    >>> row = score_row("alibi")
    >>> row["order"], row["direction"], row["any_place"], row["trained"]
    ('yes', 'no', 'yes', '0')
    """
    name = encoding if isinstance(encoding, str) else None
    made = _made(encoding) if isinstance(encoding, str) else encoding.double()
    layer = _layer(made)
    x, places = _drawn((1, TOKENS, DIM), seed=1), torch.arange(TOKENS)
    plain, shuffled = layer(x)[0], torch.randperm(TOKENS, generator=_generator(2))

    def notices(order: Tensor) -> bool:
        return bool((layer(x[:, order])[0] - plain[:, order]).abs().max() > SAME)

    still = bool((layer(x, positions=places + FAR)[0] - plain).abs().max() < SAME)
    return {
        "title": type(made).__name__ if name is None else encodings()[name].title,
        "order": _yes(notices(shuffled)),
        "direction": _yes(notices(torch.arange(TOKENS).flip(0))),
        "any_place": _yes(still),
        "longer": _longer(name),
        "trained": f"{sum(p.numel() for p in made.parameters()):,}",
        "memory": _memory(made),
    }


def write_rows(folder: Path) -> Path:
    """Measure all rows and write them into `folder`."""
    path = folder / FILE
    rows = {name: score_row(name) for name in NAMES}
    path.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8", newline="\n")
    return path


def _made(name: str) -> PositionEncoding:
    generator = _generator(0)
    made = make_encoding(name, dim=DIM, heads=HEADS, length=LENGTH).double()
    if name in DRAWN:
        for numbers in made.parameters():
            numbers.copy_(torch.randn(numbers.shape, generator=generator, dtype=numbers.dtype))
    return made


def _layer(made: PositionEncoding) -> MultiHeadAttention:
    layer = MultiHeadAttention(DIM, HEADS, encoding=made).double().eval()
    for seed, linear in enumerate((layer.to_query, layer.to_key, layer.to_value, layer.to_output)):
        linear.weight.copy_(_drawn((DIM, DIM), seed) / DIM**0.5)
        linear.bias.zero_()
    return layer


def _longer(name: str | None) -> str:
    """Loss where the stored models were trained, and eight times as far."""
    settings = full_settings("extrapolation")["settings"]
    loss: dict[int, list[float]] = {}
    for record in full_results("extrapolation"):
        if (record.task, record.encoding, record.metric) == ("text", name, "loss in nats"):
            loss.setdefault(record.at, []).append(record.value)
    if not loss:
        return NOT_MEASURED
    short, long = settings["length"], settings["length"] * max(settings["length_multiples"])
    one, other = (sum(loss[at]) / len(loss[at]) for at in (short, long))
    return f"{one:.2f} to {other:.2f}"


def _memory(made: PositionEncoding) -> str:
    """How many numbers the largest tensor holds that its doors make for `MANY` tokens."""
    x, heads = _drawn((1, MANY, DIM), 3), _drawn((1, HEADS, MANY, DIM // HEADS), 4)
    places = torch.arange(MANY)
    doors: dict[Door, tuple[Any, ...]] = {
        Door.EMBEDDINGS: (made.at_embeddings, x, places),
        Door.QUERIES_KEYS: (made.at_query, heads, places),
        Door.SCORES: (made.at_scores, heads, heads, places, places),
    }
    if made.door not in doors:
        return "none"
    function, *arguments = doors[made.door]
    most = max(prod(largest_tensor(function, *arguments)), function(*arguments).numel())
    power = 2 if most % MANY**2 == 0 else 1
    return f"{most // MANY**power} n{'²' if power == 2 else ''}"


def _yes(found: bool) -> str:
    return "yes" if found else "no"


def _drawn(shape: tuple[int, ...], seed: int) -> Tensor:
    return torch.randn(shape, generator=_generator(seed), dtype=torch.float64)


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


if __name__ == "__main__":
    write_rows(Path(__file__).parents[1] / "lessons")
