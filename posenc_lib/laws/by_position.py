"""Laws of what the scores depend on: order, distance, and the positions as they are given."""

from __future__ import annotations

import torch
from torch import Tensor

from posenc_lib.base.doors import Door
from posenc_lib.laws.law import NEIGHBOURS, DoesNotApply, first_difference, law, listed, told_apart
from posenc_lib.laws.subject import Subject

WANTED = {
    Door.NONE: (),
    Door.EMBEDDINGS: ("at_embeddings",),
    Door.QUERIES_KEYS: ("at_query", "at_key"),
    Door.SCORES: ("at_scores",),
}
"""The methods of each door that an encoding has to have."""
EVERY = ("at_embeddings", "at_query", "at_key", "at_scores", "at_values")


@law("the door that it names is open")
def door_is_open(subject: Subject) -> str | None:
    """`door` says where it enters, for figures and stacks; the methods say where it does."""
    door = subject.encoding.door
    opened = [method for method in EVERY if subject.opens(method)]
    missing = [method for method in WANTED[door] if method not in opened]
    if missing:
        return f"door is {door.value!r}, but there is no {' and no '.join(missing)}"
    if door is Door.NONE and opened:
        return f"door is {door.value!r}, but there is {opened[0]}: set door"
    return None


@law("the order of the tokens is seen")
def order_is_seen(subject: Subject) -> str | None:
    """Without position the last token, which sees all others, would see a bag of words."""
    if subject.encoding.door is Door.NONE:
        raise DoesNotApply("it is no position at all")
    if not subject.encoding.tells_order:
        raise DoesNotApply("it says that it tells no order")
    layer, x = subject.layer(), subject.tokens(1, 6)
    for order in ([1, 0, 2, 3, 4, 5], [3, 0, 2, 1, 4, 5]):
        if (layer(x)[0][:, -1] - layer(x[:, order])[0][:, -1]).abs().max() > 1e-7:
            return None
    return f"token 5 has the same output after tokens 0, 1, 2, 3, 4 and after {listed(order[:5])}"


@law("scores depend on the distance only", reported=True)
def distance_only(subject: Subject) -> str | None:
    """One word throughout, so that positions alone can make two scores of one distance differ."""
    if subject.in_row:
        raise DoesNotApply(NEIGHBOURS)
    layer, first = subject.layer(), dict[int, tuple[Tensor, tuple[int, int]]]()
    near = (torch.arange(8), torch.arange(8) + 5, torch.tensor([0, 1, 2, 4, 9]))
    far = torch.tensor([0, 5, 700, 1100])
    for at in (*near, far, far + 1003):
        x = subject.tokens(1, 1).expand(1, len(at), subject.dim)
        try:
            scores = subject.scores(layer, x, at.clone()).detach()[0]
        except (IndexError, ValueError):
            if at[-1] < subject.length:
                raise
            continue  # past what it was made for
        for i in range(len(at)):
            for j in range(i + 1):
                pair, distance = (int(at[i]), int(at[j])), int(at[j] - at[i])
                known, there = first.setdefault(distance, (scores[..., i, j], pair))
                gap = (scores[..., i, j] - known).abs()
                if not bool((gap <= 10 * subject.close * known.abs().clamp(min=1)).all()):
                    head = int(gap.nan_to_num(torch.inf).argmax())
                    one, other = told_apart(float(known[head]), float(scores[head, i, j]))
                    return f"positions {there} and {pair} gave {one} and {other}"
    return None


@law("queries and keys keep their length", reported=True)
def norms_are_kept(subject: Subject) -> str | None:
    """A rotation does; xPos and YaRN change it on purpose."""
    if subject.encoding.door is not Door.QUERIES_KEYS:
        raise DoesNotApply("it does not touch them")
    layer, at = subject.layer(), torch.arange(5)
    query = layer._split(layer.to_query(subject.tokens(1, 5)))
    for method in ("at_query", "at_key"):
        turned = getattr(layer.encoding, method)(query, at)
        before, after = query.norm(dim=-1), turned.norm(dim=-1)
        where = first_difference(
            after, before, ("row", "head", "position"), ("long", "long before"), 10 * subject.close
        )
        if where:
            return f"{method}, {where}"
    return None


@law("tokens that keep their positions may stand in any order", reported=True)
def row_does_not_matter(subject: Subject) -> str | None:
    """What counts along the row, as CoPE does, needs tokens in the order of their text."""
    if subject.in_row:
        raise DoesNotApply(NEIGHBOURS)
    layer, x, order = subject.layer(), subject.tokens(1, 5), torch.tensor([3, 0, 4, 1, 2])
    output, mixed = layer(x)[0], layer(x[:, order], positions=order.clone())[0]
    ways = (f"in the order {listed(order)}", "in a row")
    return first_difference(
        mixed, output[:, order], ("row", "place", "feature"), ways, subject.close
    )


@law("what is prepared is what the positions say")
def prepared_is_the_same(subject: Subject) -> str | None:
    """The doors may be given plain positions, or what `prepare` made of them once."""
    if not subject.opens("prepare"):
        raise DoesNotApply("it prepares nothing")
    layer = subject.layer()
    for at in (torch.arange(4) + 2, torch.tensor([0, 2, 3, 9])):
        x, seen = subject.tokens(2, 4), at[None, :] <= at[:, None]
        once = subject.scores(layer, x, at.clone())
        plain = subject.scores_of(layer, x, *(at.clone() for _ in range(3)))
        once, plain = (scores.masked_fill(~seen, 0.0) for scores in (once, plain))
        axes, ways = ("row", "head", "query", "key"), ("prepared", "from the positions")
        if where := first_difference(once, plain, axes, ways, subject.close):
            return f"positions {listed(at)}: {where}"
    return None


@law("the positions and the input are left as they are")
def nothing_is_written_into(subject: Subject) -> str | None:
    """A caller counts its own tensor on, and gives it to other layers."""
    layer, x, at = subject.layer(), subject.tokens(2, 6), torch.arange(6) + 3
    given, before = at.clone(), x.clone()
    with torch.no_grad():  # a leaf that needs a gradient would refuse
        layer(x, positions=given)
    if not torch.equal(given, at):
        return f"positions {listed(at)} became {listed(given)}"
    return first_difference(x, before, ("row", "token", "feature"), ("after", "before"), 0.0)
