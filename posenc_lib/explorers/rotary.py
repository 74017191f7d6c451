"""The rotary panel: features turning, scores against distance, and the scaled wavelengths."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from posenc_lib.explorers.panel import Choice, LogSlider, Panel, Slider, UpTo
from posenc_lib.explorers.sinusoidal import DOTTED, nearest_positions, points_a_position
from posenc_lib.plots.views import Clocks, Curves, Heatmap, View, number
from posenc_lib.rotary.llama3 import Llama3Rotary
from posenc_lib.rotary.ntk import NtkRotary
from posenc_lib.rotary.position_interpolation import InterpolatedRotary
from posenc_lib.rotary.rope import RotaryEncoding
from posenc_lib.rotary.rotation import LAYOUTS
from posenc_lib.rotary.yarn import YarnRotary

WIDEST, DRAWS = 128, 256
PLAIN = "plain RoPE"
SCALED = ("pi", "ntk", "yarn", "llama3")
SCALINGS = {"none": "none", "PI": "pi", "NTK": "ntk", "YaRN (paper)": "yarn", "Llama 3.1": "llama3"}
QUESTION = (
    "Play the position: query and key turn, and the angle between them stands still. "
    "Which of the other controls change that angle?"
)
TRAINED_END = "trained length"
BESIDE = 3
"""The style of plain RoPE in all pictures, where another scaling is shown beside it."""


def rotary_explorer(
    *, question: str | None = None, front: Sequence[str] | None = None, **settings: object
) -> Panel:
    """RoPE under your hands: what turns, how scores follow the distance, what scaling changes.

    - The vector whose every pair is (1, 0), turned by each position: a pair becomes (cos, sin).
    - Pairs as clocks: a query at the position shown and a key `distance` later. Both hands turn
      with the position, the angle between them belongs to the distance.
    - Scores against distance. "Long-term decay" holds for a constant q = k only: for Gaussian
      q and k the root mean square (RMS) of 256 draws is flat.
    - Every pair's wavelength beside the trained length, scaled and not.
    - The two features of one pair along the positions.

    Controls: `head_dim`, `length`, `start` (first position), `base`, `pair` (shown), `pair_layout`
    ("interleaved", "half"), `scaling` ("none", "pi", "ntk", "yarn", "llama3"), `factor`, `trained`
    (trained length, for YaRN and Llama 3.1), `position` (of the query, counted from the first),
    `distance` (key minus query). q and k are N(0, 1) from a fixed seed. `question` and `front`
    (the controls in sight) stand in the head of the panel instead of its own.

    Raises ValueError for a setting out of its range, such as a pair that head_dim does not have.

    >>> panel = rotary_explorer(head_dim=4, length=3, pair=0)
    >>> panel.views[0].values[:, :2].round(2)
    array([[ 1.  ,  0.  ],
           [ 0.54,  0.84],
           [-0.42,  0.91]])
    """
    last = UpTo("length", plus=-1)
    pairs = UpTo("head_dim", factor=0.5, plus=-1)
    return Panel(
        title="Rotary encoding (RoPE)",
        controls=[
            Slider("head_dim", 64, 4, WIDEST, step=2),  # 2: one pair, which NTK cannot scale
            Slider("length", 128, 2, 512, label="length (positions)"),
            Slider("start", 0, 0, 100_000, label="first position"),
            LogSlider("base", 10_000.0, 2.0, 1_000_000.0),
            Slider("pair", 4, 0, WIDEST // 2 - 1, label="pair shown", upto=pairs),
            Choice("pair_layout", "interleaved", LAYOUTS, label="layout of the pairs"),
            Choice("scaling", "none", SCALINGS, label="scaling for longer texts"),
            Slider("factor", 4, 1, 32, label="factor s", needs=("scaling", SCALED)),
            Slider("trained", 2048, 16, 8192, step=16, label="trained length L"),
            Slider("position", 1, 0, 511, label="position of the query", upto=last),
            Slider("distance", 1, 0, 511, label="distance of the key", upto=last),
        ],
        compute=_views,
        explorer="rotary_explorer",
        settings=settings,
        page="rotary",
        data=_data(),
        question=question or QUESTION,
        front=front or ("position", "distance", "pair", "scaling"),
    )


@torch.no_grad()
def _views(
    head_dim: int, length: int, start: int, base: float, pair: int, pair_layout: str,
    scaling: str, factor: int, trained: int, position: int, distance: int,
) -> list[View]:  # fmt: skip
    plain = RotaryEncoding(head_dim, base=base, layout=pair_layout)
    shown = {PLAIN: plain}
    if scaling != "none":
        title = next(title for title, name in SCALINGS.items() if name == scaling)
        made = _rope_with(scaling, head_dim, float(factor), trained, base, pair_layout)
        shown = {title: made, PLAIN: plain}
    here = start + position
    return [
        _turned(shown, length, start, here, pair),
        _clocks(shown, here, distance, pair),
        _scores(shown, length, distance, trained),
        _wavelengths(shown, trained, pair),
        _pair(shown, length, start, here, pair, trained),
    ]


def _rope_with(
    scaling: str, head_dim: int, factor: float, trained: int, base: float, layout: str
) -> RotaryEncoding:
    options: dict[str, Any] = {"base": base, "layout": layout}
    if scaling == "pi":
        return InterpolatedRotary(head_dim, factor, **options)
    if scaling == "ntk":
        return NtkRotary(head_dim, factor, **options)
    cls = {"yarn": YarnRotary, "llama3": Llama3Rotary}[scaling]
    return cls(head_dim, factor, trained_length=trained, **options)


def _features(rope: RotaryEncoding, pair: int) -> tuple[int, int]:
    """The two features of a pair."""
    return (pair, pair + rope.head_dim // 2) if rope.layout == "half" else (2 * pair, 2 * pair + 1)


def _turned(
    shown: dict[str, RotaryEncoding], length: int, start: int, here: int, pair: int
) -> Heatmap:
    """A vector whose every pair is (1, 0), turned by each position."""
    rope = next(iter(shown.values()))
    pairs = rope.head_dim // 2
    unit = torch.zeros(rope.head_dim, dtype=torch.float64)
    unit[[_features(rope, i)[0] for i in range(pairs)]] = 1.0
    turned = rope.turn(unit.expand(1, 1, length, -1), torch.arange(start, start + length))[0, 0]
    top = float(rope.magnitude)
    of = [at % pairs if rope.layout == "half" else at // 2 for at in range(rope.head_dim)]
    made = "turned into (cos, sin)" if top == 1 else f"turned and made {number(top)} times as long"
    return Heatmap(
        f"each pair (1, 0), {made}", turned, "position", "feature", "value",
        limits=(-top, top), row_start=start,
        marks=[(here, None), *((None, at) for at in _features(rope, pair))],
        picks=(("position", range(length)), ("pair", of)),
    )  # fmt: skip


def _clocks(shown: dict[str, RotaryEncoding], here: int, distance: int, pair: int) -> Clocks:
    """The fastest pair, the chosen one and the middle one: query and key on one dial."""
    rope = next(iter(shown.values()))
    pairs = sorted({0, pair, rope.head_dim // 4})
    speed = rope.frequencies()[pairs]
    turn = 2 * math.pi / speed
    key = here + distance
    return Clocks(
        f"query at {number(here)}, key at {number(key)} (wavelength)",
        torch.stack([here * speed, key * speed], 1),
        [f"pair {i} ({wave:,.4g})" for i, wave in zip(pairs, turn.tolist(), strict=True)],
        speed, "position", hands=("query", "key"), marks=[pairs.index(pair)], picks=("position",),
    )  # fmt: skip


def _pair(
    shown: dict[str, RotaryEncoding], length: int, start: int, here: int, pair: int, trained: int
) -> Curves:
    """Two features of the turned vector along the positions."""
    rope, plain = next(iter(shown.values())), shown[PLAIN]
    fine = points_a_position(float(_wavelength(plain)[pair]), length)  # the faster one
    steps = np.arange((length - 1) * fine + 1)
    x = start + steps / fine
    angle, top = x * float(rope.frequencies()[pair]), float(rope.magnitude)
    first, second = (f"feature {at}" for at in _features(rope, pair))
    curves = {first: top * np.cos(angle), second: top * np.sin(angle)}
    if rope is not plain:
        curves[f"cos, {PLAIN}"] = np.cos(x * float(plain.frequencies()[pair]))
    ends = [(trained, TRAINED_END)] if start <= trained < start + length else []
    wavelength = number(float(_wavelength(rope)[pair]))
    return Curves(
        f"pair {pair}: one turn in {wavelength} positions", x, np.stack(list(curves.values())),
        list(curves), "position", "value", limits=(-1.05 * top, 1.05 * top),
        marks=[(here, f"position {number(here)}"), *ends],
        picks=(("position", nearest_positions(steps, fine)), None),
        dots=fine if length <= DOTTED else 0, styles=[0, 1, BESIDE][: len(curves)],
    )  # fmt: skip


def _scores(shown: dict[str, RotaryEncoding], length: int, distance: int, trained: int) -> Curves:
    """q turned against k by distance: all ones, one Gaussian draw, the RMS of many draws."""
    rope, plain = next(iter(shown.values())), shown[PLAIN]
    far = torch.arange(length)
    gaussian = _by_distance(rope, *_gaussian_products(rope.head_dim // 2), far)
    ones = torch.full((1, rope.head_dim // 2), 2.0), torch.zeros(1, rope.head_dim // 2)
    curves = {
        "q = k, all ones": _by_distance(rope, *ones, far)[0],
        "one random q, k": gaussian[0],
        "many random, RMS": gaussian.square().mean(0).sqrt(),
    }
    if rope is not plain:
        curves[f"all ones, {PLAIN}"] = _by_distance(plain, *ones, far)[0]
    ends = [(trained, TRAINED_END)] if trained < length else []
    return Curves(
        "score by distance", far, torch.stack(list(curves.values())), list(curves),
        "key minus query (positions)", "q · k / √head_dim",
        marks=[(distance, f"distance {distance}"), *ends], picks=("distance", None),
    )  # fmt: skip


def _by_distance(rope: RotaryEncoding, along: Tensor, across: Tensor, distance: Tensor) -> Tensor:
    """(draws, distances): every pair adds along * cos(angle) + across * sin(angle).

    Turning q and k for every draw would give the same numbers, tens of times slower.
    """
    angles = rope.angles(distance)  # (distances, pairs)
    total = along.double() @ angles.cos().T + across.double() @ angles.sin().T
    return total * rope.magnitude**2 / math.sqrt(rope.head_dim)


@cache
def _gaussian_products(pairs: int) -> tuple[Tensor, Tensor]:
    """Dot product and cross product of each pair of k and q: (draws, pairs) each.

    Drawn at full size: a larger head_dim keeps the pairs that were there.
    """
    drawn = np.random.default_rng(0).standard_normal((2, DRAWS, WIDEST // 2, 2))
    q, k = torch.from_numpy(drawn)[:, :, :pairs].unbind()
    along = (q * k).sum(-1)
    across = q[..., 1] * k[..., 0] - q[..., 0] * k[..., 1]
    return along, across


@cache
def _data() -> dict[str, object]:
    """What the page takes from the draws. A score is a sum of cosines and sines of the pairs, so
    its mean square over all draws is a quadratic form in them: `squares` is its matrix, `draw`
    the first sum. By pairs: what goes with the cosine, what goes with the sine."""
    draws = torch.stack(_gaussian_products(WIDEST // 2), -1).flatten(1).numpy()  # (draws, WIDEST)
    squares = draws.T @ draws / DRAWS
    scalings = {name: title for title, name in SCALINGS.items()}
    return {"draw": draws[0].tobytes(), "squares": squares.tobytes(), "scalings": scalings}


def _wavelengths(shown: dict[str, RotaryEncoding], trained: int, pair: int) -> Curves:
    curves = {name: _wavelength(rope) for name, rope in shown.items()}
    pairs = torch.arange(len(curves[PLAIN]))
    curves[f"trained length ({trained:,})"] = torch.full(
        pairs.shape, float(trained), dtype=torch.float64
    )
    return Curves(
        "wavelength of each pair", pairs, torch.stack(list(curves.values())), list(curves),
        "pair", "positions for one turn", log_y=True,
        styles=[0, 2] if len(shown) == 1 else [0, BESIDE, 2],
        marks=[(pair, f"pair {pair}")], picks=("pair", None),
    )  # fmt: skip


def _wavelength(rope: RotaryEncoding) -> Tensor:
    return 2 * math.pi / rope.frequencies()
