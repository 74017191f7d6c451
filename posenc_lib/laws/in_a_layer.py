"""Laws of an encoding in an attention layer: batch rows, the future, the cache, and padding."""

from __future__ import annotations

import torch

from posenc_lib.base.doors import Door
from posenc_lib.laws.law import NEIGHBOURS, DoesNotApply, first_difference, law, listed
from posenc_lib.laws.subject import Subject
from posenc_lib.layers.kv_cache import KeyValueCache

OUTPUT = ("row", "token", "feature")


@law("each batch row stands by itself")
def rows_are_alone(subject: Subject) -> str | None:
    """A row gives the same beside others as it gives alone."""
    for length in (1, 2, 6):
        x = subject.tokens(3, length)
        together = subject.layer()(x)[0]
        alone = torch.cat([subject.layer()(x[b : b + 1])[0] for b in range(3)])
        ways = ("beside others", "alone")
        if where := first_difference(together, alone, OUTPUT, ways, subject.close):
            return where
    return None


@law("batch rows may have positions of their own")
def rows_have_positions(subject: Subject) -> str | None:
    """Packed and padded rows do; as many rows as heads, where a missing axis would pass."""
    counted, heads = torch.arange(5), subject.heads
    apart = 0 if subject.in_row else 1
    rows = torch.stack([counted * (1 + apart * (b % 2)) + b % 3 for b in range(heads)])
    x = subject.tokens(heads, 5)
    together = subject.layer()(x, positions=rows.clone())[0]
    for b in range(heads):
        alike = subject.layer()(x, positions=rows[b].clone())[0]
        ways = ("beside rows at other positions", "beside rows at the same")
        where = first_difference(together[b : b + 1], alike[b : b + 1], OUTPUT, ways, subject.close)
        if where:
            return f"positions {listed(rows[b])} in {where.replace('row 0', f'row {b}')}"
    return None


@law("a causal layer ignores the future")
def future_is_ignored(subject: Subject) -> str | None:
    """Changing what comes later changes no output before it."""
    if subject.in_row:
        raise DoesNotApply(NEIGHBOURS)
    for length, cut in ((2, 1), (6, 3)):
        x = subject.tokens(2, length)
        changed = torch.cat((x[:, :cut], x[:, cut:] * -3 + 1), 1)
        before, after = (subject.layer()(each)[0][:, :cut] for each in (x, changed))
        ways = (f"with another token {cut} behind it", "before that was changed")
        if where := first_difference(after, before, OUTPUT, ways, subject.close):
            return where
    return None


def _decoded(subject: Subject, start: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The outputs of a few steps with a cache, and of one pass over all tokens."""
    layer, x, at = subject.layer(), subject.tokens(2, 8), start + torch.arange(8)
    cache, steps = KeyValueCache(), []
    for first, last in ((0, 3), (3, 4), (4, 6), (6, 7), (7, 8)):
        where = at[:last] if first == 0 else None  # counts on by itself
        steps.append(layer(x[:, first:last], positions=where, cache=cache)[0])
    return torch.cat(steps, 1), subject.layer()(x, positions=at)[0]


@law("decoding with a cache gives what one pass gives")
def cache_is_one_pass(subject: Subject) -> str | None:
    """The last token at least: what was said of a shorter text may change (dynamic NTK)."""
    if subject.in_row:
        raise DoesNotApply(NEIGHBOURS)
    may_change = subject.encoding.door is Door.QUERIES_KEYS
    may_change = may_change and not subject.encoding.keeps_turned_keys
    for start in (0, 5):
        steps, full = _decoded(subject, start)
        steps, full = (steps[:, -1:], full[:, -1:]) if may_change else (steps, full)
        where = first_difference(
            steps, full, OUTPUT, ("with a cache", "in one pass"), subject.close
        )
        if where:
            return where.replace("token 0", "token 7") if may_change else where
    return None


@law("earlier answers stay as the text grows", reported=True)
def answers_stay(subject: Subject) -> str | None:
    """Not where angles follow the length: the first words are then said of a longer text."""
    if subject.in_row:
        raise DoesNotApply(NEIGHBOURS)
    long = subject.tokens(1, min(4 * subject.length, 256))
    short = long[:, : subject.length // 2]
    try:
        after = subject.layer()(long)[0][:, : short.shape[1]]
    except (IndexError, ValueError):  # no longer than it was made for
        long = long[:, : subject.length]
        after = subject.layer()(long)[0][:, : short.shape[1]]
    ways = (f"in a text of {long.shape[1]}", f"in one of {short.shape[1]}")
    return first_difference(after, subject.layer()(short)[0], OUTPUT, ways, subject.close)


@law("padding changes nothing for real tokens")
def padding_is_not_there(subject: Subject) -> str | None:
    """On the left and in between: what nobody sees might as well not be there."""
    x = subject.tokens(1, 7)
    for real in ([0, 1, 1, 1, 1, 1, 1], [0, 0, 1, 1, 1, 1, 1], [1, 1, 0, 1, 0, 0, 1]):
        kept = torch.tensor(real).bool()
        at = (kept.cumsum(0) - 1).clamp(min=0)
        if subject.in_row:  # what is left out is a gap, where it stood
            at = torch.arange(7)
            if bool((kept.nonzero().diff(dim=0) != 1).any()):
                continue
        output = subject.layer()(x, positions=at, padding=kept[None])[0][:, kept]
        ways = (f"with padding {''.join(map(str, real))} (1 is real)", "without")
        alone = subject.layer()(x[:, kept], positions=at[kept])[0]
        if where := first_difference(output, alone, OUTPUT, ways, subject.close):
            return where
    return None


@law("a token that may see nothing is no NaN")
def nothing_seen_is_no_nan(subject: Subject) -> str | None:
    """A row of padding alone gives the bias of the output, and finite gradients."""
    layer, x = subject.layer(), subject.tokens(2, 4).requires_grad_()
    output, weights = layer(x, padding=torch.tensor([[True] * 4, [False] * 4]))
    expected = layer.to_output.bias.expand(4, -1)[None]
    where = first_difference(
        output[1:], expected, OUTPUT, ("was found", "is the output's bias"), subject.close
    )
    if where:
        return where.replace("row 0", "row 1, which is all padding")
    if bool(weights[1].any()):
        return "a row that is all padding gives weights that are not 0"
    output.square().sum().backward()
    broken = x.grad is None or not bool(x.grad.isfinite().all())
    return "the gradient of the input is not finite" if broken else None
