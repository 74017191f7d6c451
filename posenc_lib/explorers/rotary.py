"""The rotary panel: features turning, scores against distance, and the scaled wavelengths."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from posenc_lib.explorers.panel import Choice, LogSlider, Panel, Slider
from posenc_lib.plots.views import Curves, Heatmap, View, number
from posenc_lib.rotary.llama3 import Llama3Rotary
from posenc_lib.rotary.ntk import NtkRotary
from posenc_lib.rotary.position_interpolation import InterpolatedRotary
from posenc_lib.rotary.rope import RotaryEncoding
from posenc_lib.rotary.rotation import LAYOUTS
from posenc_lib.rotary.yarn import YarnRotary

WIDEST, DRAWS = 128, 256
PLAIN = "plain RoPE"
SCALED = ("pi", "ntk", "yarn", "llama3")
SCALINGS = {"none": "none", "PI": "pi", "NTK": "ntk", "YaRN": "yarn", "Llama 3": "llama3"}


def rotary_explorer(**settings: object) -> Panel:
    """RoPE under your hands: what turns, how scores follow the distance, what scaling changes.

    - The vector whose every pair is (1, 0), turned by each position: a pair becomes (cos, sin).
    - The two features of one pair along the positions.
    - Scores against distance. "Long-term decay" holds for a constant q = k only: for Gaussian
      q and k the root mean square (RMS) of 256 draws is flat.
    - Every pair's wavelength beside the trained length, scaled and not.

    Controls: `head_dim`, `length`, `start` (first position), `base`, `pair` (shown in the second
    view), `pair_layout` ("interleaved", "half"), `scaling` ("none", "pi", "ntk", "yarn",
    "llama3"), `factor`, `trained` (trained length, for YaRN and Llama 3). q and k are N(0, 1)
    from a fixed seed.

    Raises ValueError for a setting out of its range, a pair that head_dim does not have, and NTK
    with one pair only.

    >>> panel = rotary_explorer(head_dim=2, length=3, pair=0)
    >>> panel.views[0].values.round(2)
    array([[ 1.  ,  0.  ],
           [ 0.54,  0.84],
           [-0.42,  0.91]])
    """
    return Panel(
        title="Rotary encoding (RoPE)",
        controls=[
            Slider("head_dim", 64, 2, WIDEST, step=2),
            Slider("length", 128, 2, 512, label="length (positions)"),
            Slider("start", 0, 0, 100_000, label="first position"),
            LogSlider("base", 10_000.0, 2.0, 1_000_000.0),
            Slider("pair", 4, 0, WIDEST // 2 - 1, label="pair shown"),
            Choice("pair_layout", "interleaved", LAYOUTS, label="layout of the pairs"),
            Choice("scaling", "none", SCALINGS),
            Slider("factor", 4, 1, 32, label="factor s", needs=("scaling", SCALED)),
            Slider("trained", 2048, 16, 8192, step=16, label="trained length L"),
        ],
        compute=_views,
        explorer="rotary_explorer",
        settings=settings,
    )


@torch.no_grad()
def _views(
    head_dim: int, length: int, start: int, base: float, pair: int, pair_layout: str,
    scaling: str, factor: int, trained: int,
) -> list[View]:  # fmt: skip
    pairs = head_dim // 2
    if pair >= pairs:
        has = f"pairs 0 to {pairs - 1}" if pairs > 1 else "pair 0 only"
        raise ValueError(
            f"pair {pair} does not exist: head_dim = {head_dim} has {has}. "
            "Show another pair, or choose a larger head_dim."
        )
    if scaling == "ntk" and pairs == 1:
        raise ValueError("NTK needs a fastest and a slowest pair: choose a head_dim of 4 or more.")
    plain = RotaryEncoding(head_dim, base=base, layout=pair_layout)
    shown = {PLAIN: plain}
    if scaling != "none":
        title = next(title for title, name in SCALINGS.items() if name == scaling)
        made = _rope_with(scaling, head_dim, float(factor), trained, base, pair_layout)
        shown = {title: made, PLAIN: plain}
    return [
        *_pair_views(shown, length, start, pair),
        _scores(shown, length),
        _wavelengths(shown, trained),
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


def _pair_views(
    shown: dict[str, RotaryEncoding], length: int, start: int, pair: int
) -> tuple[View, View]:
    """The turned vector as a map, and two of its features as curves."""
    rope = next(iter(shown.values()))
    pairs = rope.head_dim // 2
    half = rope.layout == "half"
    unit = torch.zeros(rope.head_dim, dtype=torch.float64)
    unit[slice(pairs) if half else slice(None, None, 2)] = 1.0  # every pair is (1, 0)
    positions = torch.arange(start, start + length)
    vectors = unit.expand(1, 1, length, -1)
    turned = rope.turn(vectors, positions)[0, 0]
    first, second = (pair, pair + pairs) if half else (2 * pair, 2 * pair + 1)
    curves = {f"feature {at}": turned[:, at] for at in (first, second)}
    if len(shown) > 1:
        plain = shown[PLAIN].turn(vectors, positions)[0, 0]
        curves[f"cos, {PLAIN}"] = plain[:, first]
    wavelength = number(float(_wavelength(rope)[pair]))
    top = float(rope.magnitude)
    return (
        Heatmap(
            "each pair (1, 0), turned into (cos, sin)", turned, "position", "feature", "value",
            limits=(-top, top), row_start=start,
        ),
        Curves(
            f"pair {pair}: one turn in {wavelength} positions", positions,
            torch.stack(list(curves.values())), list(curves), "position", "value",
            limits=(-1.05 * top, 1.05 * top),
        ),
    )  # fmt: skip


def _scores(shown: dict[str, RotaryEncoding], length: int) -> Curves:
    """q turned against k by distance: all ones, one Gaussian draw, the RMS of many draws."""
    rope, plain = next(iter(shown.values())), shown[PLAIN]
    distance = torch.arange(length)
    gaussian = _by_distance(rope, *_gaussian_products(rope.head_dim // 2), distance)
    ones = torch.full((1, rope.head_dim // 2), 2.0), torch.zeros(1, rope.head_dim // 2)
    curves = {
        "constant q = k": _by_distance(rope, *ones, distance)[0],
        "Gaussian q, k": gaussian[0],
        "Gaussian, RMS": gaussian.square().mean(0).sqrt(),
    }
    if rope is not plain:
        curves["plain, constant"] = _by_distance(plain, *ones, distance)[0]
    return Curves(
        "score by distance", distance, torch.stack(list(curves.values())), list(curves),
        "key minus query (positions)", "q · k / √head_dim",
    )  # fmt: skip


def _by_distance(rope: RotaryEncoding, along: Tensor, across: Tensor, distance: Tensor) -> Tensor:
    """(draws, distances): every pair adds along * cos(angle) + across * sin(angle).

    Turning q and k for every draw would give the same numbers, tens of times slower.
    """
    angles = rope.angles(distance)  # (distances, pairs)
    total = along.double() @ angles.cos().T + across.double() @ angles.sin().T
    return total * rope.magnitude**2 / math.sqrt(rope.head_dim)


def _gaussian_products(pairs: int) -> tuple[Tensor, Tensor]:
    """Dot product and cross product of each pair of k and q: (draws, pairs) each."""
    q, k = _query_key_draws()[:, :, :pairs].unbind()
    along = (q * k).sum(-1)
    across = q[..., 1] * k[..., 0] - q[..., 0] * k[..., 1]
    return along, across


@lru_cache(maxsize=1)
def _query_key_draws() -> Tensor:
    """q and k by pairs, at full size: a larger head_dim keeps the pairs that were there."""
    drawn = np.random.default_rng(0).standard_normal((2, DRAWS, WIDEST // 2, 2))
    return torch.from_numpy(drawn)


def _wavelengths(shown: dict[str, RotaryEncoding], trained: int) -> Curves:
    curves = {name: _wavelength(rope) for name, rope in shown.items()}
    pairs = torch.arange(len(curves[PLAIN]))
    curves[f"trained length ({trained:,})"] = torch.full(
        pairs.shape, float(trained), dtype=torch.float64
    )
    return Curves(
        "wavelength of each pair", pairs, torch.stack(list(curves.values())), list(curves),
        "pair", "positions for one turn", log_y=True,
    )  # fmt: skip


def _wavelength(rope: RotaryEncoding) -> Tensor:
    return 2 * math.pi / rope.frequencies()
