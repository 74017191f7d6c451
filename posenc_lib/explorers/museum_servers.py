"""The exhibits of inference stacks in the panel of notebook 11: wrong beside right, in one picture.

Each function runs the fault of `posenc_lib.faults` and its mended form, for a text of `length`
tokens, and draws what they give. The name of the first view ends with the thread of the fault.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from posenc_lib.base.angles import frequencies64
from posenc_lib.base.batches import padded_positions
from posenc_lib.base.draws import own_draws
from posenc_lib.faults import inference, masks, serving
from posenc_lib.faults.address import address_of
from posenc_lib.plots.views import Curves, Heatmap, View
from posenc_lib.rotary.longrope import LongRotary
from posenc_lib.scores.t5 import T5Bias, t5_bucket

TRAINED = 16
"""The trained length of dynamic NTK and LongRoPE here."""
FILLERS = 8
"""Padding in front of a text."""
STEP = 512
"""Positions between two points of the Llama 3.1 picture."""
SIDE = 3
"""Rows and columns of a picture among words."""
PAIRS = 16

LONG = LongRotary(2 * PAIRS, factor=8.0, trained_length=TRAINED, magnitude=1.0)
SHORT_W, LONG_W = LONG.frequencies(TRAINED), LONG.frequencies(TRAINED + 1)
LLAMA_W = [f(serving.LLAMA_3_1, torch.tensor([1]))[0]
           for f in (serving.scaling_ignored.fault, serving.scaling_ignored.right)]  # fmt: skip

THREADS = {
    "half": "half_precision_angles", "ntk": "never_scaled_back", "long": "stale_cache",
    "padding": "padding_counted", "grouped": "permuted_by_group", "llama": "scaling_ignored",
    "t5": "bias_from_zero", "pictures": "first_picture_only", "masks": "one_floor_too_many",
}  # fmt: skip
"""The fault behind each exhibit."""
LABELS = {
    "half": "angles in half precision",
    "ntk": "dynamic NTK stays slow",
    "long": "LongRoPE beside old keys",
    "padding": "padding on the left",
    "grouped": "grouped keys reordered",
    "llama": "Llama 3.1, not scaled",
    "t5": "T5 bias beside a cache",
    "pictures": "M-RoPE, second picture",
    "masks": "two masks added up",
}
FIXED = ("grouped", "pictures")
"""Exhibits whose picture does not depend on the length."""


def _short(exhibit: str) -> str:
    found = address_of(THREADS[exhibit])
    return found.short if found else ""


SHORT = {exhibit: _short(exhibit) for exhibit in THREADS}
"""Project and number of the thread of each exhibit."""


def data() -> dict[str, object]:
    """What the page needs to draw the same: frequencies, buckets, threads, sizes."""
    return {
        "threads": SHORT, "trained": TRAINED, "fillers": FILLERS, "step": STEP, "side": SIDE,
        "short_w": _bytes(SHORT_W), "long_w": _bytes(LONG_W), "half_w": _bytes(_half_w()),
        "llama_w": [_bytes(w) for w in LLAMA_W],
        "buckets": t5_bucket(-torch.arange(128), bidirectional=False).tolist(),
    }  # fmt: skip


def _bytes(w: Tensor) -> bytes:
    return w.double().numpy().tobytes()


def _half_w() -> Tensor:
    return frequencies64(64, 10000.0)


def _two(
    exhibit: str, name: str, x: Any, ys: Sequence[Tensor], labels: Sequence[str],
    axes: tuple[str, str],
) -> list[View]:  # fmt: skip
    lines = torch.stack([line.double() for line in ys])
    return [Curves(f"{name} ({SHORT[exhibit]})", x, lines, labels, *axes)]


def _half(length: int) -> list[View]:
    """16 positions for each token of `length`: the largest error of a cosine at each."""
    w, at = _half_w().numpy(), np.arange(0, 16 * length, 8)
    cos = np.cos(at[:, None] * w)
    angle = (at[:, None].astype(np.float16) * w.astype(np.float16)).astype(np.float64)
    errors = [np.abs(made - cos).max(1) for made in (np.cos(angle), cos.astype(np.float16))]
    return _two(
        "half", "largest error of a cosine", at, [torch.from_numpy(error) for error in errors],
        ("angle in float16 (wrong)", "cosine rounded last (right)"), ("position", "error"),
    )  # fmt: skip


def _ntk(length: int) -> list[View]:
    frequencies = [make() for make in (serving.never_scaled_back, serving.never_scaled_back.right)]
    for text in (8, length):
        now = [f(text) for f in frequencies]
    now = [f(8) for f in frequencies]
    plain = serving.never_scaled_back.right()(8)
    return _two(
        "ntk", f"a text of 8 tokens, after one of {length}", range(len(plain)),
        [plain / w for w in now], ("what it is given (wrong)", "what it needs (right)"),
        ("pair", "times slower than trained"),
    )  # fmt: skip


def _mean_cos(query: float, w: Tensor, keys: Tensor, key_w: Tensor) -> Tensor:
    """The score of equal vectors, over its largest: the mean cosine of the pairs."""
    return (query * w - keys.double()[:, None] * key_w).cos().mean(-1)


def _long(length: int) -> list[View]:
    keys, grown = torch.arange(length), length > TRAINED
    now = LONG_W if grown else SHORT_W
    old = torch.where((keys < TRAINED)[:, None], SHORT_W, now)  # turned when they came
    return _two(
        "long", "score of the newest token with each key", range(length),
        [_mean_cos(length - 1, now, keys, w) for w in (old, now)],
        ("old keys as they were (wrong)", "all turned again (right)"),
        ("position of the key", "q · k over its largest"),
    )  # fmt: skip


def _padding(length: int) -> list[View]:
    real = torch.arange(FILLERS + length)[None] >= FILLERS
    columns, own = inference.padding_counted(real)[0, FILLERS:], padded_positions(real)[0, FILLERS:]
    by_column, by_row = (float(f(real)) for f in (
        serving.decoded_by_column.fault, serving.decoded_by_column.right))  # fmt: skip
    scores = [
        _mean_cos(query, SHORT_W, keys, SHORT_W)
        for query, keys in ((by_column, own), (by_column, columns), (by_row, own))
    ]
    return _two(
        "padding", f"score of the next token behind {FILLERS} fillers", range(length), scores,
        ("prompt by its own tokens, the next by column (wrong)", "all by column (forgiven)",
         "all by their own tokens (right)"),
        ("token of the prompt", "q · k over its largest"),
    )  # fmt: skip


def _grouped(length: int) -> list[View]:
    rows, head_dim = torch.arange(16.0)[:, None], 8
    views: list[View] = []
    for word, convert in (("wrong", inference.permuted_by_group.fault),
                          ("right", inference.permuted_by_group.right)):  # fmt: skip
        order = convert(rows, 8, len(rows) // head_dim).flatten().long()
        came = torch.nn.functional.one_hot(order, len(rows)).double()
        views.append(Heatmap(
            f"{word}: where each row of the keys came from ({SHORT['grouped']})", came,
            "row after", "row before", "taken from here (1)", (0.0, 1.0), "sequential", square=True,
            numbers=False,
        ))  # fmt: skip
    return views


def _llama(length: int) -> list[View]:
    at = torch.arange(0, STEP * length + 1, STEP // 4)
    plain, scaled = LLAMA_W
    turned = [_mean_cos(0.0, scaled, at, w - scaled) for w in (plain, scaled)]
    return _two(
        "llama", "a vector turned by both, compared", at, turned,
        ("plain RoPE (wrong)", "scaled as the file says (right)"),
        ("position", "mean cosine of the gap in angle"),
    )  # fmt: skip


@cache
def _numbered() -> T5Bias:
    """T5's bias with the number of each bucket as its weight; no random number is spent on it."""
    with own_draws():
        t5 = T5Bias(1, bidirectional=False)
    t5.weight = torch.nn.Parameter(torch.arange(32.0)[:, None], requires_grad=False)
    return t5


def _t5(length: int) -> list[View]:
    rows = [f(_numbered(), 1, length)[0, 0] for f in (
        inference.bias_from_zero.fault, inference.bias_from_zero.right)]  # fmt: skip
    return _two(
        "t5", "bucket of each key, for the newest token", range(length), rows,
        ("newest taken for the first (wrong)", "newest at the end (right)"),
        ("position of the key", "bucket"),
    )  # fmt: skip


def _pictures(length: int) -> list[View]:
    prompt = [2, (SIDE, SIDE), 2, (SIDE, SIDE), 2]
    made = [f(prompt) for f in (
        inference.first_picture_only.fault, inference.first_picture_only.right)]  # fmt: skip
    views: list[View] = []
    for axis, word in ((1, "row"), (2, "column")):
        views += _two(
            "pictures", f"{word} of each token: words and two pictures", range(len(made[0])),
            [places[:, axis] for places in made],
            ("picture two as text (wrong)", "a grid for each (right)"), ("token", word),
        )  # fmt: skip
    return views


def _masks(length: int) -> list[View]:
    fillers = min(FILLERS, length - 1)
    causal = torch.ones(length, length, dtype=torch.bool).tril()
    padded = torch.arange(length)[None] >= fillers
    none = torch.zeros(length, length, dtype=torch.float64)
    added, once = (f(causal, padded).double().softmax(-1) for f in (
        masks.one_floor_too_many.fault, masks.one_floor_too_many.right))  # fmt: skip
    nothing = masks.floor_that_ties.right(none, causal & padded)
    named = {
        f"two added ({SHORT['masks']})": added,
        "filled once: empty rows tie": once,
        "minus infinity (right)": nothing,
    }
    return [
        Heatmap(
            f"weights: {name}", made, "query", "key", "weight", (0.0, min(1.0, 4 / length)),
            "sequential", square=True, marks=((0, None),),
        )
        for name, made in named.items()
    ]  # fmt: skip


VIEWS: dict[str, Callable[[int], list[View]]] = {
    "half": _half, "ntk": _ntk, "long": _long, "padding": _padding, "grouped": _grouped,
    "llama": _llama, "t5": _t5, "pictures": _pictures, "masks": _masks,
}  # fmt: skip
"""What each exhibit draws, for a text of so many tokens."""
