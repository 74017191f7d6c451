"""Exercises of notebook 02: BERT's sum and LayerNorm, a longer table."""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from posenc_lib.checks.exercise import Exercise, Mistake
from posenc_lib.embeddings.learned import LearnedEncoding


def _layer_norm(
    total: Tensor, eps: float, *, axis: int | tuple[int, int] = -1, correction: int = 0
) -> Tensor:
    centred = total - total.mean(axis, keepdim=True)
    variance = total.var(axis, correction=correction, keepdim=True)
    return centred / torch.sqrt(variance + eps)


def _normed(function):
    """The sum normalised by another rule: a function of the sum, the centred sum and eps."""
    return lambda w, p, t, eps: function(w + p + t, w + p + t - (w + p + t).mean(-1, True), eps)


def _var(x: Tensor, axis: int = -1) -> Tensor:
    return x.var(axis, correction=0, keepdim=True)


def _no_keepdim(word: Tensor, position: Tensor, token_type: Tensor, eps: float) -> Tensor:
    """Works on a square sum only, and takes the mean of token j from feature j there."""
    total = word + position + token_type
    return (total - total.mean(-1)) / torch.sqrt(total.var(-1, correction=0) + eps)


def _embed(word: Tensor, position: Tensor, token_type: Tensor, eps: float) -> Tensor:
    total = word + position + token_type
    return F.layer_norm(total, total.shape[-1:], eps=eps)


def _embedding_cases() -> list[tuple]:
    draw = torch.Generator().manual_seed(0)
    sizes = ((3, 4, 1e-12), (4, 4, 1e-12), (2, 6, 0.1))
    cases = [(*torch.randn(3, n, d, generator=draw), eps) for n, d, eps in sizes]
    flat = torch.zeros(2, 4)  # every feature the same: a variance of zero
    return [*cases, (flat + 1, flat + 2, flat, 1e-12)]


_FAULTS: dict[str, dict[str, Any]] = {
    "axis": {
        "": -1,
        "The mean and variance run over the positions (axis 0), so the tokens mix: take the last "
        "axis.": 0,
        "One mean is taken for the whole sentence: every token has its own, so name the last "
        "axis.": (0, 1),
    },
    "correction": {"": 0, "tensor.var and tensor.std divide by n - 1: pass correction=0.": 1},
    "divisor": {
        "": lambda var, eps: torch.sqrt(var + eps),
        "The eps is added outside the root: it belongs to the variance.": (
            lambda var, eps: torch.sqrt(var) + eps
        ),
        "The eps is missing: add it to the variance.": lambda var, eps: torch.sqrt(var),
        "The root is missing: you divide by the variance.": lambda var, eps: var + eps,
    },
    "sum": {
        "": lambda w, p, t: w + p + t,
        "The token type is missing.": lambda w, p, t: w + p,
    },
}


def _several_faults() -> list[Mistake]:
    """Two or three of the usual faults at once."""
    found = []
    for faults in product(*(options.items() for options in _FAULTS.values())):
        says = [text for text, _ in faults if text]
        if len(says) in (2, 3):
            answer = partial(_faulty, *(choice for _, choice in faults))
            number = "Two" if len(says) == 2 else "Three"
            name = f"{number} faults: {', '.join(text.split(':')[0] for text in says)}"
            found.append(Mistake(name, answer, f"{number} things. {' '.join(says)}"))
    return found


def _faulty(axis, correction, divisor, summed, word, position, token_type, eps) -> Tensor:
    total = summed(word, position, token_type)
    variance = total.var(axis, correction=correction, keepdim=True)
    return (total - total.mean(axis, keepdim=True)) / divisor(variance, eps)


embeddings = Exercise(
    name="my_embeddings",
    solution=_embed,
    cases=_embedding_cases,
    mistakes=(
        Mistake(
            "wrong axis", lambda w, p, t, eps: _layer_norm(w + p + t, eps, axis=0),
            "You normalised over the positions, so the tokens mix. LayerNorm works inside one "
            "token: take mean and variance over the last axis, with keepdim=True.",
        ),
        Mistake(
            "all at once", lambda w, p, t, eps: _layer_norm(w + p + t, eps, axis=(0, 1)),
            "You took one mean for the whole sentence. Every token has its own mean and "
            "variance: name the last axis, with keepdim=True.",
        ),
        Mistake(
            "unbiased variance", lambda w, p, t, eps: _layer_norm(w + p + t, eps, correction=1),
            "Every value is a little too small. tensor.var and tensor.std divide by n - 1 unless "
            "told otherwise; LayerNorm divides by n: pass correction=0.",
        ),
        Mistake(
            "eps outside the root",
            lambda w, p, t, eps: (
                (w + p + t - (w + p + t).mean(-1, keepdim=True))
                / ((w + p + t).std(-1, correction=0, keepdim=True) + eps)
            ),
            "Right while eps is tiny, wrong at eps = 0.1. Is your eps inside the square root?",
        ),
        Mistake(
            "no eps", lambda w, p, t, eps: _layer_norm(w + p + t, 0.0),
            "A token whose features are all equal gives 0 / 0. That is what eps is for: add it "
            "to the variance, under the root.",
        ),
        Mistake(
            "variance, no root",
            lambda w, p, t, eps: (
                (w + p + t - (w + p + t).mean(-1, keepdim=True))
                / ((w + p + t).var(-1, correction=0, keepdim=True) + eps)
            ),
            "You divided by the variance. Take its square root: the result must have variance 1.",
        ),
        Mistake(
            "no token type", lambda w, p, t, eps: _layer_norm(w + p, eps),
            "BERT adds three rows. Where is the token type?",
        ),
        Mistake(
            "no position", lambda w, p, t, eps: _layer_norm(w + t, eps),
            "BERT adds three rows. Where is the position?",
        ),
        Mistake(
            "no word", lambda w, p, t, eps: _layer_norm(p + t, eps),
            "BERT adds three rows. Where is the word?",
        ),
        Mistake(
            "word only", lambda w, p, t, eps: _layer_norm(w, eps),
            "You normalise the word alone. BERT adds position and token type to it first.",
        ),
        Mistake(
            "word only, raw", lambda w, p, t, eps: w,
            "That is the word alone. Add position and token type, then normalise the sum.",
        ),
        Mistake(
            "position subtracted", lambda w, p, t, eps: _layer_norm(w - p + t, eps),
            "You take the position off. BERT adds all three.",
        ),
        Mistake(
            "multiplied", lambda w, p, t, eps: _layer_norm(w * p * t, eps),
            "You multiply the three. BERT adds them.",
        ),
        Mistake(
            "position multiplied", lambda w, p, t, eps: _layer_norm(w * p + t, eps),
            "You multiply word and position. BERT adds them.",
        ),
        Mistake(
            "concatenated", lambda w, p, t, eps: _layer_norm(torch.cat([w, p, t], -1), eps),
            "You put the three side by side. BERT adds them, so the vector keeps its length.",
        ),
        Mistake(
            "stacked", lambda w, p, t, eps: torch.stack([w, p, t]).mean(0),
            "That is the mean of the three, not yet normalised. LayerNorm works on their sum, "
            "over the features of each token.",
        ),
        Mistake(
            "averaged", lambda w, p, t, eps: _layer_norm((w + p + t) / 3, eps),
            "You average the three. LayerNorm hides the third while eps is tiny, but not at "
            "eps = 0.1: take their sum.",
        ),
        Mistake(
            "scaled word", lambda w, p, t, eps: _layer_norm(
                w * w.shape[-1] ** 0.5 + p + t, eps),
            "You multiply the word by sqrt(dim), as the first Transformer did. BERT does not.",
        ),
        Mistake(
            "only centred", _normed(lambda x, c, eps: c),
            "The mean is off, the spread is not: divide by sqrt(variance + eps).",
        ),
        Mistake(
            "not centred", _normed(lambda x, c, eps: x / torch.sqrt(_var(x) + eps)),
            "You divide by the spread and leave the mean in. Take the mean off first.",
        ),
        Mistake(
            "root mean square", _normed(
                lambda x, c, eps: x / torch.sqrt((x * x).mean(-1, True) + eps)),
            "That is RMSNorm, which leaves the mean in. LayerNorm takes the mean off first.",
        ),
        Mistake(
            "divided by the length", _normed(
                lambda x, c, eps: c / torch.sqrt((c * c).sum(-1, True) + eps)),
            "You divide by the length of the vector, the root of a sum. The variance is a mean: "
            "divide the sum of squares by the number of features.",
        ),
        Mistake(
            "unit length", _normed(lambda x, c, eps: F.normalize(x, dim=-1)),
            "You made each vector one long. LayerNorm takes off the mean and divides by the "
            "spread.",
        ),
        Mistake(
            "no keepdim", _no_keepdim,
            "Mean and variance lost their axis, so on a square sum each feature gets the mean of "
            "another token, and on any other the shapes do not fit. Pass keepdim=True.",
        ),
        Mistake(
            "no root of eps", _normed(
                lambda x, c, eps: c / torch.sqrt(_var(x) + eps * eps)),
            "You square eps. It is added to the variance as it is.",
        ),
        Mistake(
            "eps under a root of its own", _normed(
                lambda x, c, eps: c / (torch.sqrt(_var(x)) + eps**0.5)),
            "Your eps has a root of its own. Add it to the variance, then take one root of both.",
        ),
        Mistake(
            "mean and variance of different axes", lambda w, p, t, eps: (
                w + p + t - (w + p + t).mean(-1, keepdim=True))
            / torch.sqrt(_var(w + p + t, 0) + eps),
            "The mean is right, the variance runs over the positions (axis 0). Both belong to the "
            "features of one token, the last axis.",
        ),
        Mistake(
            "mean of the positions", lambda w, p, t, eps: (
                w + p + t - (w + p + t).mean(0, keepdim=True)) / torch.sqrt(_var(w + p + t) + eps),
            "The variance is right, the mean runs over the positions (axis 0). Both belong to the "
            "features of one token, the last axis.",
        ),
        Mistake(
            "multiplied by the spread", _normed(lambda x, c, eps: c * torch.sqrt(_var(x) + eps)),
            "You multiply by the spread. Divide by it: the result must have variance 1.",
        ),
        Mistake(
            "mean absolute deviation", _normed(
                lambda x, c, eps: c / (c.abs().mean(-1, True) + eps)),
            "You divide by the mean of the absolute values. The spread is the root of the mean "
            "of the squares.",
        ),
        Mistake(
            "between 0 and 1", _normed(lambda x, c, eps: (x - x.min(-1, True).values) / (
                x.max(-1, True).values - x.min(-1, True).values + eps)),
            "You stretched each token to 0 ... 1. LayerNorm takes off the mean and divides by the "
            "spread.",
        ),
        Mistake(
            "softmax", lambda w, p, t, eps: (w + p + t).softmax(-1),
            "That is a softmax. LayerNorm takes off the mean and divides by the spread.",
        ),
        Mistake(
            "eps of BERT", lambda w, p, t, eps: _layer_norm(w + p + t, 1e-12),
            "Right while eps is tiny, wrong at eps = 0.1: you wrote a number of your own. Use the "
            "eps you are given.",
        ),
        Mistake(
            "eps of torch", lambda w, p, t, eps: _layer_norm(w + p + t, 1e-5),
            "Right but for eps: F.layer_norm takes 1e-5 unless told otherwise. Pass eps=eps.",
        ),
        Mistake(
            "eps outside, before", _normed(
                lambda x, c, eps: (c + eps) / torch.sqrt(_var(x) + eps)),
            "Your eps is in the numerator as well. It belongs to the variance only.",
        ),
        Mistake(
            "normalised twice", lambda w, p, t, eps: _layer_norm(
                _layer_norm(w + p + t, eps), eps),
            "You normalise twice. Add the three, then normalise once.",
        ),
        Mistake(
            "word normalised", lambda w, p, t, eps: _layer_norm(w, eps) + p + t,
            "You normalise the word and then add the others. BERT adds first and normalises the "
            "sum once.",
        ),
        Mistake(
            "token type after", lambda w, p, t, eps: _layer_norm(w + p, eps) + t,
            "You add the token type after the LayerNorm. BERT adds all three first.",
        ),
        Mistake(
            "not centred, unbiased", _normed(lambda x, c, eps: x / torch.sqrt(
                x.var(-1, keepdim=True) + eps)),
            "Two things: the mean is left in (take it off first), and tensor.var divides by n "
            "- 1 unless told otherwise (correction=0).",
        ),
        Mistake(
            "mean of squares", _normed(lambda x, c, eps: c / torch.sqrt(
                (x * x).mean(-1, True) + eps)),
            "You divide by the mean of the squares of the sum itself. The variance is that of "
            "the centred sum: take the mean off before you square.",
        ),
        Mistake(
            "largest", _normed(lambda x, c, eps: c / (c.abs().max(-1, True).values + eps)),
            "You divide by the largest value. LayerNorm divides by the spread, sqrt(variance + "
            "eps).",
        ),
        Mistake(
            "median", _normed(lambda x, c, eps: (
                x - x.median(-1, True).values) / torch.sqrt(_var(x) + eps)),
            "You take off the median. LayerNorm takes off the mean.",
        ),
        Mistake(
            "unit length, centred", _normed(lambda x, c, eps: F.normalize(c, dim=-1)),
            "You made each centred vector one long. The spread is the root of a mean of squares, "
            "not of a sum: divide by sqrt(variance + eps).",
        ),
        Mistake(
            "below each other", lambda w, p, t, eps: _layer_norm(torch.cat([w, p, t]), eps),
            "You put the three below each other, so there are three times as many tokens. BERT "
            "adds them.",
        ),
        Mistake(
            "tanh", lambda w, p, t, eps: torch.tanh(w + p + t),
            "You took tanh of the sum. LayerNorm takes off the mean and divides by the spread.",
        ),
        Mistake(
            "statistics of the word", lambda w, p, t, eps: (
                w + p + t - w.mean(-1, True)) / torch.sqrt(_var(w) + eps),
            "Mean and variance come from the word alone. Take them from the sum of all three.",
        ),
        *_several_faults(),
        Mistake(
            "normalised first",
            lambda w, p, t, eps: sum(_layer_norm(part, eps) for part in (w, p, t)),
            "You normalised each part and then added. BERT adds first and normalises the sum once.",
        ),
        Mistake(
            "not normalised", lambda w, p, t, eps: w + p + t,
            "The sum is right. Now LayerNorm: take off its mean, divide by its spread.",
        ),
    ),
)  # fmt: skip


def _read_at(table: Tensor, where: Tensor) -> Tensor:
    """Rows at real positions, linear in between, the last row beyond the end."""
    where = where.clamp(0, len(table) - 1)
    low = where.floor().long().clamp(max=max(len(table) - 2, 0))
    high = (low + 1).clamp(max=len(table) - 1)
    part = (where - low)[:, None]
    return (1 - part) * table[low] + part * table[high]


def _stretched(table: Tensor, length: int) -> Tensor:
    return LearnedEncoding.from_table(table).extended(length).weight.detach()


def _mixed(where, low=torch.floor, flip: bool = False):
    """Two rows mixed at other places: a function of the lengths, old and new."""

    def rows(table: Tensor, length: int) -> Tensor:
        at = where(len(table), length)
        under = low(at).long().clamp(0, max(len(table) - 2, 0))
        part = (at - under)[:, None]
        part = 1 - part if flip else part
        return (1 - part) * table[under] + part * table[under + 1]

    return rows


def _ends(old: int, new: int) -> Tensor:
    return torch.linspace(0, old - 1, new)


def _steps(old: int, new: int, upper: float, lower: float) -> Tensor:
    return torch.arange(new) * upper / lower


def _extrapolated(table: Tensor, length: int) -> Tensor:
    step = table[-1] - table[-2]
    beyond = torch.arange(1, length - len(table) + 1)[:, None]
    return torch.cat([table, table[-1] + beyond * step])


def _no_column(table: Tensor, length: int) -> Tensor:
    where = _ends(len(table), length)
    low = where.long().clamp(max=len(table) - 2)
    part = where - low
    return (1 - part) * table[low] + part * table[low + 1]


def _no_clamp(table: Tensor, length: int) -> Tensor:
    where = _ends(len(table), length)
    low = where.long()
    part = (where - low)[:, None]
    return (1 - part) * table[low] + part * table[low + 1]


def _along_features(table: Tensor, length: int) -> Tensor:
    return F.interpolate(table[None], size=length, mode="linear", align_corners=True)[0]


def _half_pixel(table: Tensor, length: int) -> Tensor:
    return F.interpolate(table.T[None], size=length, mode="linear", align_corners=False)[0].T


def _extended_cases() -> list[tuple]:
    draw = torch.Generator().manual_seed(1)
    sizes = ((4, 3, 7), (2, 2, 5), (6, 4, 6), (3, 5, 5))
    return [(torch.randn(n, d, generator=draw), length) for n, d, length in sizes]


extended = Exercise(
    name="my_extended",
    solution=_stretched,
    cases=_extended_cases,
    mistakes=(
        Mistake(
            "first to last", lambda table, length: torch.lerp(
                table[:1], table[-1:], torch.linspace(0, 1, length)[:, None]),
            "You drew one straight line from the first row to the last. The rows between count "
            "too: between two neighbours each, there is a line.",
        ),
        Mistake(
            "places from 0 to 1", lambda table, length: _read_at(
                table, torch.linspace(0, 1, length)),
            "Your places run from 0 to 1. In the old table they run from 0 to old length - 1.",
        ),
        Mistake(
            "last row twice",
            lambda table, length: torch.cat([_stretched(table, length - 1), table[-1:]]),
            "Your last row stands there twice: the rows before it are spread over length - 1 "
            "places. Spread them over all of them.",
        ),
        Mistake(
            "ends missing", lambda table, length: _stretched(table, length)[1:-1],
            "Both end rows are missing. The first and the last old row stay the ends.",
        ),
        Mistake(
            "corners off", _half_pixel,
            "Both ends of your table sit still for a while. F.interpolate lines up the middles of "
            "cells unless you pass align_corners=True; here the first and last rows must meet.",
        ),
        Mistake(
            "length over length",
            lambda table, length: _read_at(table, torch.arange(length) * len(table) / length),
            "Your last row is read past the end. There are length - 1 steps between length rows: "
            "row p is read at p (old - 1) / (new - 1).",
        ),
        Mistake(
            "last row repeated",
            lambda table, length: table[torch.arange(length).clamp(max=len(table) - 1)],
            "You repeated the last row: every position past the end is the same place. Spread the "
            "old rows over the new length instead.",
        ),
        Mistake(
            "wrapped around",
            lambda table, length: table[torch.arange(length) % len(table)],
            "You started again at row 0: two positions then share a vector. Spread the old rows "
            "over the new length instead.",
        ),
        Mistake(
            "zeros appended",
            lambda table, length: torch.cat(
                [table, torch.zeros(length - len(table), table.shape[1])]
            ),
            "The new rows are all zero, so the model cannot tell them apart. Spread the old rows "
            "over the new length instead.",
        ),
        Mistake(
            "nearest row",
            lambda table, length: table[torch.linspace(0, len(table) - 1, length).round().long()],
            "You copied the nearest old row. Mix its two neighbours: (1 - part) * table[low] + "
            "part * table[low + 1].",
        ),
        Mistake(
            "lower row", lambda table, length: table[_ends(len(table), length).floor().long()],
            "You copied the old row below. Mix it with the one above: (1 - part) * table[low] + "
            "part * table[low + 1].",
        ),
        Mistake(
            "upper row", lambda table, length: table[_ends(len(table), length).ceil().long()],
            "You copied the old row above. Mix it with the one below: (1 - part) * table[low] + "
            "part * table[low + 1].",
        ),
        Mistake(
            "nearest, by the lengths",
            lambda table, length: table[torch.arange(length) * len(table) // length],
            "You repeated old rows, each several times (so does F.interpolate without "
            "mode='linear' "
            "and align_corners=True). Between them the new rows are mixed: (1 - part) * table[low] "
            "+ part * table[low + 1], at p (old - 1) / (new - 1).",
        ),
        Mistake(
            "mixed the wrong way round", _mixed(_ends, flip=True),
            "The two shares are swapped: at part = 0 you are on the lower row, so it gets "
            "1 - part and the upper row gets part.",
        ),
        Mistake(
            "half and half", lambda table, length: (
                table[_ends(len(table), length).floor().long()]
                + table[_ends(len(table), length).ceil().long()]) / 2,
            "You take both neighbours half and half. The nearer one counts more: 1 - part and "
            "part.",
        ),
        Mistake(
            "extrapolated", _extrapolated,
            "You kept the old rows and went on beyond the last. Spread the old rows over the new "
            "length instead, so that both end rows stay ends.",
        ),
        Mistake(
            "mean appended", lambda table, length: torch.cat(
                [table, table.mean(0).expand(length - len(table), -1)]),
            "Your new rows are all the mean of the old ones. Spread the old rows over the new "
            "length instead.",
        ),
        Mistake(
            "mirrored", lambda table, length: torch.cat([table, table.flip(0), table])[:length],
            "Behind the end you walk back through the table, so two positions share a vector. "
            "Spread the old rows over the new length instead.",
        ),
        Mistake(
            "last steps short", _mixed(lambda old, new: _steps(old, new, old - 1, new)),
            "Your last row stops short of the old last row. There are length - 1 steps between "
            "length rows: divide by length - 1, not by length.",
        ),
        Mistake(
            "old length over steps",
            lambda table, length: _read_at(
                table, _steps(len(table), length, len(table), max(length - 1, 1))),
            "You read up to the old length, one past its last row. The last place is old - 1: "
            "row p is read at p (old - 1) / (new - 1).",
        ),
        Mistake(
            "one place late", lambda table, length: _read_at(
                table, _ends(len(table), length) + 1),
            "Your places are one too far: the first new row is read at 0.",
        ),
        Mistake(
            "other axis", _along_features,
            "You interpolated along the features. F.interpolate works on the last axis: give it "
            "table.T[None], and transpose the result back.",
        ),
        Mistake(
            "not turned back", lambda table, length: _stretched(table, length).T,
            "The numbers are right and still stand as (dim, length). Transpose them back.",
        ),
        Mistake(
            "no column", _no_column,
            "Your part is a row, so it runs along the features, and only where the new length "
            "equals dim without an error. Make it a column: part[:, None].",
        ),
        Mistake(
            "no clamp", _no_clamp,
            "At the last row low + 1 lies past the end of the table. Clamp low to len(table) - 2 "
            "(there part is 1), or low + 1 to the last row.",
        ),
        Mistake(
            "places", lambda table, length: _ends(len(table), length),
            "Those are the places at which the old table is read. Now mix the rows there.",
        ),
        Mistake(
            "old table", lambda table, length: table,
            "That is the old table. It needs `length` rows.",
        ),
        Mistake(
            "reversed", lambda table, length: _stretched(table, length).flip(0),
            "Your rows stand in reverse order: row 0 of the new table is row 0 of the old one.",
        ),
        Mistake(
            "smooth", _mixed(lambda old, new: (_ends(old, new).floor() + (1 - torch.cos(
                torch.pi * (_ends(old, new) - _ends(old, new).floor()))) / 2)),
            "Your mix follows a cosine between the rows. The task asks for a straight line.",
        ),
    ),
)  # fmt: skip
