"""What a plan does, in plain words, read off its encoding objects.

    RoPE, half layout, base 500,000; pairs with wavelengths over 8,192 slowed eightfold, under
    2,048 kept

A class without words of its own is named by its repr, so that nothing is ever left unsaid.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from posenc_lib.base.doors import Door, PositionEncoding
from posenc_lib.base.no_encoding import NoEncoding
from posenc_lib.layers.plan import LayerPlan
from posenc_lib.models.part_positions import PartPositions

FOLD: dict[float, str] = {2: "twofold", 4: "fourfold", 8: "eightfold", 16: "sixteenfold"}


def number(value: float) -> str:
    """131072 -> 131,072 and 0.5 -> 0.5."""
    return f"{int(value):,}" if float(value).is_integer() else f"{value:,.6g}"


def times(factor: float) -> str:
    """8 -> eightfold."""
    return FOLD.get(factor, f"{number(factor)} times")


def _rope(one: Any) -> str:
    share = "" if one.rotary_dim == one.head_dim else (
        f", {one.rotary_dim} of {one.head_dim} features turned"
    )  # fmt: skip
    return f"RoPE, {one.layout} layout, base {number(one.base)}{share}"


def _llama3(one: Any) -> str:
    long, short = one.trained_length / one.low, one.trained_length / one.high
    return (
        f"{_rope(one)}; pairs with wavelengths over {number(long)} slowed {times(one.factor)}, "
        f"under {number(short)} kept"
    )


def _yarn(one: Any) -> str:
    return (
        f"{_rope(one)}; YaRN: pairs that turn less than {number(one.alpha)} times within "
        f"{number(one.trained_length)} slowed {times(one.factor)}, more than {number(one.beta)} "
        f"times kept; turned features times {one.magnitude:.4g}"
    )


def _interpolated(one: Any) -> str:
    return f"{_rope(one)}; all pairs slowed {times(one.factor)} (position interpolation)"


def _dynamic(one: Any) -> str:
    return (
        f"{_rope(one)}; past {number(one.trained_length)} the base grows with the text, "
        f"factor {number(one.factor)} (dynamic NTK)"
    )


def _learned(one: Any) -> str:
    return f"a learned table of {number(one.length)} positions, {number(one.dim)} features"


def _learned_grid(one: Any) -> str:
    rows, columns = one.shape
    around = [
        f"{count} {what}"
        for count, what in (
            (one.prefix, "before"), (one.registers, "without a row"), (one.suffix, "after")
        )
        if count
    ]  # fmt: skip
    more = f", {', '.join(around)}" if around else ""
    return f"a learned table of a grid of {rows} by {columns}{more}, {number(one.dim)} features"


def _t5(one: Any) -> str:
    ways = "both directions" if one.bidirectional else "the past"
    return (
        f"T5's bias: {one.buckets} buckets of distances, {ways}, "
        f"all past {number(one.max_distance)} alike"
    )


def _long(one: Any) -> str:
    return (
        f"{_rope(one)}; LongRoPE: a factor for each pair, one list up to "
        f"{number(one.trained_length)} tokens, another past them; turned features times "
        f"{one.magnitude:.4g}"
    )


def _partial(one: Any) -> str:
    if one.form == "cut":
        return f"{_rope(one)} (an odd share, rounded up)"
    turned = int((one.frequencies() > 0).sum())
    return (
        f"RoPE, {one.layout} layout, base {number(one.base)}; the fastest {turned} of "
        f"{one.rotary_dim // 2} pairs turn, the others stand still (proportional)"
    )


def _mrope(one: Any) -> str:
    axes = ("time", "height", "width")
    shares = ", ".join(f"{n} pairs {axis}" for n, axis in zip(one.sections, axes, strict=False))
    plain = encoding_words(one.scaled) if one.scaled is not None else _rope(one)
    order = {"sections": "in stretches", "interleaved": "in turn", "time_last": "time last"}
    return f"{plain}, three axes (M-RoPE): {shares}, {order[one.arrangement]}"


def _axial(one: Any) -> str:
    where = {"index": "", "from_one": ", counted from 1", "centred": ", from -1 to 1"}
    order = "rows and columns" if one.axis_order[0] == 0 else "columns and rows"
    order = order if len(one.shape) == 2 else "frames, rows and columns"
    grid = "" if set(one.shape) == {1} else f" of a grid of {one.shape[0]} by {one.shape[1]}"
    still = [f"{n} tokens {side} unturned" for n, side in
             ((one.prefix, "before"), (one.suffix, "after")) if n]  # fmt: skip
    return ", ".join(
        [f"RoPE in two axes, {order}{grid}{where[one.cells_at]}, {one.layout} layout, base "
         f"{number(one.base)}", *still]
    ).replace("two axes, frames", "three axes, frames")  # fmt: skip


def _unpaired(one: Any) -> str:
    return (
        f"an angle for each feature, not for each pair (no rotation), {len(one.shape)} axes of "
        f"{_shape(one)}, base {number(one.base)}"
    )


def _split(one: Any) -> str:
    kind = "sines" if one.order == "sin_cos" else "cosines"
    first = f", counted from {one.first}" if one.first else ""
    return f"sinusoids, all {kind} first, base {number(one.base)}{first}"


def _window(one: Any) -> str:
    token = " and a class token" if one.prefix else ""
    return f"a number for each offset of row and column in {_shape(one)}{token}, {one.heads} heads"


def _swin_v2(one: Any) -> str:
    return (
        f"a small network of the offset of row and column in {_shape(one)} (Swin V2), "
        f"{one.heads} heads"
    )


def _decomposed(one: Any) -> str:
    return f"a vector for each offset of rows and of columns in {_shape(one)}, times the query"


def _deberta(one: Any) -> str:
    reach = f"past {number(one.max_distance)} alike"
    if one.buckets is not None:
        reach = f"{one.buckets} buckets each way, {reach}"
    met = {"c2p": "queries", "p2c": "keys"}
    what = " and ".join(met[term] for term in one.terms)
    return f"DeBERTa's vectors of distances, times {what}: {reach}; one table for all layers"


def _levit(one: Any) -> str:
    return (
        f"a number for each absolute offset of row and column in {_shape(one)}, {one.heads} heads"
    )


def _shape(one: Any) -> str:
    return " by ".join(map(str, one.shape))


def _fourier(one: Any) -> str:
    return f"random Fourier features of a place in {_shape(one)}, {number(one.dim)} features"


def _axial_waves(one: Any) -> str:
    order = "all sines of an axis, then its cosines" if one.split else "sines and cosines in turn"
    turn = one.span is not None and math.isclose(one.span, 2 * math.pi)
    far = "one turn" if turn else number(one.span or 0.0)
    spread = "" if one.span is None else f", spread over {far} in every picture"
    return f"sines of row and column, base {number(one.base)}, {order}{spread}"


def _axis_tables(one: Any) -> str:
    how = "added up" if one.summed else "side by side"
    rows = " and ".join(number(size) for size in one.shape)
    return f"learned tables of {rows} rows, one for each axis, {number(one.dim)} features, {how}"


WORDS: dict[str, Callable[[Any], str]] = {
    "NoEncoding": lambda one: "no position",
    "RotaryEncoding": _rope,
    "Llama3Rotary": _llama3,
    "YarnRotary": _yarn,
    "InterpolatedRotary": _interpolated,
    "DynamicNtkRotary": _dynamic,
    "LearnedEncoding": _learned,
    "LearnedGridEncoding": _learned_grid,
    "AxialLearnedEncoding": _axis_tables,
    "AxialSinusoidalEncoding": _axial_waves,
    "AlibiBias": lambda one: f"ALiBi, a slope for each of {one.heads} heads",
    "T5Bias": _t5,
    "WindowBias": _window,
    "SwinV2Bias": _swin_v2,
    "DecomposedRelative": _decomposed,
    "LevitBias": _levit,
    "BackwardRotary": lambda one: f"{_rope(one)}, turned backwards",
    "DebertaRelative": _deberta,
    "UnpairedAxialRotary": _unpaired,
    "RandomFourierEncoding": _fourier,
    "LongRotary": _long,
    "PartialRotary": _partial,
    "MultimodalRotary": _mrope,
    "AxialRotary": _axial,
    "SinusoidalEncoding": lambda one: f"sinusoids, base {number(one.base)}",
    "SplitSinusoidalEncoding": _split,
    "QueryTemperature": lambda one: (
        f"queries longer past {number(one.trained_length)} tokens, slope {number(one.slope)}"
    ),
    "DecoupledRotary": lambda one: (
        f"latent attention, the last {one.rope.head_dim} of {one.head_dim} features turn: "
        f"{encoding_words(one.rope)}"
    ),
    "Combined": lambda one: " with ".join(encoding_words(part) for part in one.encodings),
}


def encoding_words(encoding: PositionEncoding) -> str:
    """What one encoding does, in words."""
    found = WORDS.get(type(encoding).__name__)
    return found(encoding) if found else " ".join(repr(encoding).split())


def layer_words(layer: LayerPlan) -> str:
    """What one layer does: its encoding, and what it sees."""
    parts = [encoding_words(layer.encoding)]
    if layer.window is not None:
        near = f"the last {number(layer.window)} tokens"
        parts.append(f"sees {near}" if layer.causal else
                     f"sees {number(layer.window - 1)} tokens on either side")  # fmt: skip
    if layer.chunk is not None:
        parts.append(f"sees its own chunk of {number(layer.chunk)}")
    if not layer.causal and layer.window is None:
        parts.append("sees both directions")
    if layer.scale is not None:
        parts.append(f"q . k times {number(layer.scale)}")
    if layer.sink:
        parts.append("a sink for each head")
    if layer.added.door is not Door.NONE:
        added = encoding_words(layer.added)
        told = f"added to what queries and keys are made of, not to values: {added}"
        parts = [told, *parts[isinstance(layer.encoding, NoEncoding) :]]
    return "; ".join(parts)


def part_words(part: PartPositions) -> list[str]:
    """The lines of the report for one part."""
    lines = []
    start = part.plan.at_start
    if start.door is not Door.NONE:
        lines.append(f"at the start: {encoding_words(start)}")
    groups: dict[str, list[int]] = {}
    for at, layer in zip(part.numbers, part.plan.layers, strict=True):
        words = layer_words(layer)
        if start.door is not Door.NONE and words.startswith("no position"):
            words = words.replace("no position", "nothing more in the layers", 1)
        groups.setdefault(words, []).append(at)
    if len(groups) == 1 and len(part.numbers) == part.layers_in_all:
        lines.append(f"{next(iter(groups))}; {_layers(part.layers_in_all)} alike")
    else:
        lines += [f"{spans(found)}: {words}" for words, found in groups.items()]
        left = part.layers_in_all - len(part.numbers)
        lines += [f"{_layers(left)} without attention"] if left else []
    lines += _length_words(part)
    lines += list(part.notes)
    if part.skipped_rows:
        lines.append(f"position 0 is row {part.skipped_rows} of the model's own table")
    if part.from_defaults:
        given = ", ".join(f"{name} {value}" for name, value in part.from_defaults.items())
        lines.append(f"not in the config, the family's own: {given}")
    return lines


def _layers(count: int) -> str:
    return "1 layer" if count == 1 else f"{count} layers"


def _length_words(part: PartPositions) -> list[str]:
    original, stated = part.original_length, part.stated_length
    if stated is None:
        return []
    if original is None or original >= stated:
        return [f"states {number(stated)} positions"]
    return [f"states {number(stated)} positions, {number(original)} before RoPE was scaled"]


def spans(numbers: list[int]) -> str:
    """The numbers of layers, a step that repeats said once: layers 5, 11, 17 ... 47 (every 6th)."""
    steps = {b - a for a, b in pairwise(numbers)}
    if len(numbers) > 3 and len(steps) == 1 and steps != {1}:
        step = steps.pop()
        return f"layers {numbers[0]}, {numbers[1]} ... {numbers[-1]} (every {step}th)".replace(
            "every 2th", "every second"
        ).replace("every 3th", "every third")
    runs: list[list[int]] = []
    for one in numbers:
        if runs and one == runs[-1][1] + 1:
            runs[-1][1] = one
        else:
            runs.append([one, one])
    shown = [f"{a}" if a == b else f"{a}-{b}" for a, b in runs]
    if len(shown) > 6:
        shown = [*shown[:3], "...", shown[-1]]
    text = ", ".join(shown).replace(", ..., ", " ... ")
    return (
        f"layer{'s' if len(numbers) > 1 else ''} {text} ({len(numbers)} in all)"
        if len(runs) > 6
        else f"layer{'s' if len(numbers) > 1 else ''} {text}"
    )
