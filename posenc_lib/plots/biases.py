"""Figures of notebook 05: penalties against distance, buckets, slopes, and reversed sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from posenc_lib.base.draws import own_draws
from posenc_lib.plots.teaching_figure import (
    CYCLE,
    DASHES,
    TeachingFigure,
    settled,
    teaching_style,
)
from posenc_lib.plots.views import number
from posenc_lib.scores.alibi import alibi_slopes
from posenc_lib.scores.kerple import kerple_log, kerple_power
from posenc_lib.scores.t5 import T5Bias, t5_bucket

DISTANCE = "key minus query (positions)"
ROUNDING = 1e-6
UNTRAINED = "T5, untrained"


def penalty_curves(
    farthest: int, *, slope: float, r1: float, rate: float, exponent: float
) -> dict[str, NDArray[np.float64]]:
    """ALiBi, the two KERPLE kernels and an untrained T5 table at distances -farthest .. 0.

    >>> penalty_curves(1, slope=0.5, r1=1.0, rate=1.0, exponent=0.5)["ALiBi"]
    array([-0.5,  0. ])
    """
    distance = torch.arange(-farthest, 1)
    one = torch.ones(1, dtype=torch.float64)
    with own_draws():
        t5 = T5Bias(1, bidirectional=False, std=1.0)
    drawn = {
        "ALiBi": slope * distance.double(),
        "KERPLE, log": kerple_log(distance, r1 * one, rate * one)[0],
        "KERPLE, power": kerple_power(distance, r1 * one, exponent * one)[0],
        UNTRAINED: t5.by_distance(distance)[0].detach().double(),
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
    at_end = ", ".join(f"{name} {curve[0]:.2f}" for name, curve in curves.items())
    left = ", ".join(f"{n} {np.exp(c[0]):.2g}" for n, c in curves.items() if n != UNTRAINED)
    figure = TeachingFigure(
        f"Bias against distance, -{farthest} to 0: ALiBi a straight line, KERPLE curves that "
        f"flatten, T5 steps of any height. At -{farthest}: {at_end}. Right, exp(bias) falls from 1 "
        f"at distance 0; at -{farthest}: {left}.",
        (10.0, 4.6),
    )
    set_to = {
        "ALiBi": f"m = {_fraction(slope)}",
        "KERPLE, log": f"r1 = {_fraction(r1)}, r2 = {_fraction(rate)}",
        "KERPLE, power": f"r1 = {_fraction(r1)}, r2 = {_fraction(exponent)}",
        UNTRAINED: "random numbers",
    }
    with teaching_style():
        added, factor = figure.subplots(1, 2)
        for style, (name, curve) in enumerate(curves.items()):
            line: dict[str, Any] = {
                "color": CYCLE[style], "linestyle": DASHES[style],
                "label": f"{name}: {set_to[name]}",
            }  # fmt: skip
            if name == UNTRAINED:  # a number for each bucket: nothing lies between two distances
                line |= {"drawstyle": "steps-mid", "linestyle": "-", "linewidth": 1.2}
            else:
                factor.plot(x, np.exp(curve), **line)
            added.plot(x, curve, **line)
        added.set(title="added to the score", ylabel="bias")
        factor.set(title="factor on the weight", ylabel="exp(bias)", ylim=(0, 1.05))
        for axes in (added, factor):
            axes.set_xlabel(DISTANCE)
            axes.grid(alpha=0.3)
        figure.legend(*added.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return settled(figure)


def _fraction(value: float) -> str:
    """1/8 for 0.125, and the number itself where it is none.

    >>> _fraction(0.125), _fraction(2.0)
    ('1/8', '2')
    """
    whole = 0 < value < 1 and (1 / value).is_integer()
    return f"1/{1 / value:.0f}" if whole else number(value)


def staircase(farthest: int = 130, *, buckets: int = 32, max_distance: int = 128) -> TeachingFigure:
    """T5's bucket of each distance, causal and in both directions, as the steps that they are.

    >>> staircase(20).alt[:24]
    'T5 bucket against distan'
    """
    x = torch.arange(-farthest, farthest + 1)
    options: dict[str, Any] = {"buckets": buckets, "max_distance": max_distance}
    both = t5_bucket(x, **options).numpy()
    causal = t5_bucket(x, bidirectional=False, **options).numpy()
    past = x.numpy() <= 0
    half = buckets // 2
    figure = TeachingFigure(
        f"T5 bucket against distance, -{farthest} to {farthest}: steps of width 1 near 0, wider "
        f"and wider farther out. Causal: bucket 0 at distance 0 to {causal.max()} in the past. "
        f"Both directions: 0 to {both[past].max()} in the past, {both[~past].min()} to "
        f"{both.max()} in the future, so that bucket {half} is never used.",
        (10.0, 4.2),
    )
    with teaching_style():
        axes = figure.subplots()
        for style, (seen, bucket, label) in enumerate(
            [(past, causal, "causal"), (past, both, "both directions"), (~past, both, None)]
        ):
            axes.plot(
                x.numpy()[seen], bucket[seen], drawstyle="steps-mid", label=label,
                color=CYCLE[min(style, 1)], linestyle=DASHES[min(style, 1)],
            )  # fmt: skip
        axes.axhline(half, xmin=0.51, color="black", linewidth=1, linestyle=":")
        axes.text(farthest, half - 0.4, f"bucket {half}: nothing", ha="right", va="top")
        axes.set(xlabel=DISTANCE, ylabel="bucket", title=f"{buckets} buckets")
        axes.grid(alpha=0.3)
        axes.legend(loc="lower right")
    return settled(figure)


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
            lower = 2 ** (count.bit_length() - 1)
            for own in (slice(0, lower), slice(lower, count)):  # the extra heads start anew
                axes.semilogy(heads[own], slopes[own], color=colour, linewidth=0.8, alpha=0.5)
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
