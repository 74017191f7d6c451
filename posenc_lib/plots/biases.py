"""Figures of notebook 05: penalties against distance, buckets, slopes, and reversed sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from posenc_lib.plots.teaching_figure import (
    CYCLE,
    TeachingFigure,
    settled,
    teaching_style,
    views_figure,
)
from posenc_lib.plots.views import Curves, number
from posenc_lib.scores.alibi import alibi_slopes
from posenc_lib.scores.kerple import kerple_log, kerple_power
from posenc_lib.scores.t5 import T5Bias, t5_bucket

DISTANCE = "key minus query (positions)"
ROUNDING = 1e-6


def penalty_curves(
    farthest: int, *, slope: float, r1: float, rate: float, exponent: float
) -> dict[str, NDArray[np.float64]]:
    """ALiBi, the two KERPLE kernels and an untrained T5 table at distances -farthest .. 0.

    >>> penalty_curves(1, slope=0.5, r1=1.0, rate=1.0, exponent=0.5)["ALiBi"]
    array([-0.5,  0. ])
    """
    distance = torch.arange(-farthest, 1)
    one = torch.ones(1, dtype=torch.float64)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        t5 = T5Bias(1, bidirectional=False, std=1.0)
    drawn = {
        "ALiBi": slope * distance.double(),
        "KERPLE, log": kerple_log(distance, r1 * one, rate * one)[0],
        "KERPLE, power": kerple_power(distance, r1 * one, exponent * one)[0],
        "T5, untrained": t5.by_distance(distance)[0].detach().double(),
    }
    return {name: curve.numpy() for name, curve in drawn.items()}


def penalties(
    farthest: int = 60,
    *,
    slope: float = 0.125,
    r1: float = 1.0,
    rate: float = 1.0,
    exponent: float = 0.5,
) -> TeachingFigure:
    """What a distance adds to the score, and the factor this puts on a weight.

    >>> penalties(10).alt[:35]
    'Bias against distance, -10 to 0: AL'
    """
    options = {"slope": slope, "r1": r1, "rate": rate, "exponent": exponent}
    curves = penalty_curves(farthest, **options)
    x = np.arange(-farthest, 1)
    falling = {name: np.exp(curve) for name, curve in curves.items() if name != "T5, untrained"}
    at_end = ", ".join(f"{name} {curve[0]:.2f}" for name, curve in curves.items())
    left = ", ".join(f"{name} {curve[0]:.2g}" for name, curve in falling.items())
    views = [
        Curves("bias", x, np.array(list(c.values())), list(c), DISTANCE, label)
        for c, label in ((curves, "added to the score"), (falling, "exp(bias)"))
    ]
    views[1] = Curves(
        "what is left of a weight",
        x,
        views[1].ys,
        views[1].labels,
        DISTANCE,
        "exp(bias)",
        (0, 1.05),
    )
    words = (
        f"Bias against distance, -{farthest} to 0: ALiBi a straight line, KERPLE curves that "
        f"flatten, T5 steps of any height. At -{farthest}: {at_end}. Right, exp(bias) falls from 1 "
        f"at distance 0; at -{farthest}: {left}."
    )
    return settled(views_figure(views, words))


def staircase(farthest: int = 130, *, buckets: int = 32, max_distance: int = 128) -> TeachingFigure:
    """T5's bucket of each distance, causal and in both directions.

    >>> staircase(20).alt[:24]
    'T5 bucket against distan'
    """
    x = torch.arange(-farthest, farthest + 1)
    options: dict[str, Any] = {"buckets": buckets, "max_distance": max_distance}
    both = t5_bucket(x, **options).double()
    causal = t5_bucket(x, bidirectional=False, **options).double()
    causal[x > 0] = torch.nan
    labels = ["causal", "both directions"]
    view = Curves(f"{buckets} buckets", x, torch.stack([causal, both]), labels, DISTANCE, "bucket")
    words = (
        f"T5 bucket against distance, -{farthest} to {farthest}: steps of width 1 near 0, wider "
        f"and wider farther out. Causal: bucket 0 at distance 0 to {causal.nan_to_num().max():.0f} "
        f"in the past. Both directions: 0 to {both[x <= 0].max():.0f} in the past, "
        f"{both[x > 0].min():.0f} to {both.max():.0f} in the future."
    )
    return settled(views_figure([view], words))


def slopes(counts: Sequence[int]) -> TeachingFigure:
    """ALiBi's slopes against the number of the head, one row of points for each count of heads.

    >>> slopes([2, 3]).alt[-45:]
    '2: 1/16 to 1/256; 3: 1/16 to 1/256, then 1/4.'
    """
    parts = []
    for count in counts:
        values = [f"1/{number(1 / slope)}" for slope in alibi_slopes(count).tolist()]
        lower = 2 ** (count.bit_length() - 1)
        rest = (
            ""
            if count == lower
            else f", then {' to '.join(dict.fromkeys([values[lower], values[-1]]))}"
        )
        parts.append(f"{count}: {values[0]} to {values[lower - 1]}{rest}")
    figure = TeachingFigure(
        "Slopes of ALiBi on a logarithmic axis against the head, counted from 1. Heads "
        f"{'; '.join(parts)}.",
        (9.0, 4.0),
    )
    with teaching_style():
        axes = figure.subplots()
        for colour, marker, count in zip(CYCLE, "os^D", counts, strict=False):
            slopes = alibi_slopes(count).numpy()
            heads = np.arange(1, count + 1)
            axes.semilogy(heads, slopes, color=colour, linewidth=0.8, alpha=0.5)
            axes.plot(
                heads, slopes, marker, markersize=8 if marker == "o" else 6, color=colour,
                fillstyle="none" if marker == "o" else "full", label=f"{count} heads",
            )  # fmt: skip
        powers = np.arange(0, 9)
        axes.set_yticks(2.0**-powers, ["1", *(f"1/{2**p}" for p in powers[1:])])
        axes.minorticks_off()
        axes.set_xticks(range(1, max(counts) + 1))
        axes.set(xlabel="head (from 1)", ylabel="slope (per position)")
        axes.grid(alpha=0.3)
        axes.legend()
    return settled(figure)


def reversal_changes(
    layers: Mapping[str, nn.Module], x: Float[Tensor, "batch length dim"]
) -> dict[str, float]:
    """Largest change of each layer's mean output when the tokens are reversed."""
    with torch.no_grad():
        means = {
            n: (layer(x)[0].mean(1), layer(x.flip(1))[0].mean(1)) for n, layer in layers.items()
        }
    return {name: float((one - other).abs().max()) for name, (one, other) in means.items()}


def reversal(
    layers: Mapping[str, nn.Module], x: Float[Tensor, "batch length dim"]
) -> TeachingFigure:
    """`reversal_changes` as points on a logarithmic axis; what lies at rounding is blind."""
    changes = reversal_changes(layers, x)
    words = ", ".join(
        f"{name} {'below 1e-6' if change < ROUNDING else f'{change:.2f}'}"
        for name, change in changes.items()
    )
    figure = TeachingFigure(
        f"Largest change of the mean output when {x.shape[0]} sentences of {x.shape[1]} tokens are "
        f"reversed, logarithmic: {words}.",
        (9.0, 0.5 * len(changes) + 1.3),
    )
    with teaching_style():
        axes = figure.subplots()
        names = list(changes)[::-1]
        for row, name in enumerate(names):
            blind = changes[name] < ROUNDING
            shown = max(changes[name], 1e-9)
            axes.plot(
                shown, row, "o" if blind else "D", color=CYCLE[0 if blind else 1], markersize=9
            )
        axes.axvspan(1e-10, ROUNDING, color="grey", alpha=0.15)
        axes.text(ROUNDING / 1.3, -0.5, "rounding", ha="right", va="bottom")
        axes.set_xscale("log")
        axes.set_yticks(range(len(names)), names)
        axes.set(
            xlabel="largest change of the mean output", xlim=(1e-10, 3),
            ylim=(-0.6, len(names) - 0.4),
        )  # fmt: skip
        axes.grid(alpha=0.3, axis="x")
    return settled(figure)
