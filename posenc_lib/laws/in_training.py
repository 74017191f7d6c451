"""Laws of what is trained and stored: gradients, state dicts, and nothing kept from before."""

from __future__ import annotations

import copy

import torch

from posenc_lib.laws.law import DoesNotApply, first_difference, law, listed
from posenc_lib.laws.subject import Subject, moved

OUTPUT = ("row", "token", "feature")


@law("gradients reach every parameter")
def gradients_arrive(subject: Subject) -> str | None:
    """A parameter without one is not trained, and nobody says so."""
    names = [name for name, p in subject.encoding.named_parameters() if p.numel()]
    if not names:
        raise DoesNotApply("it trains nothing")
    layer = subject.layer()
    layer(subject.tokens(2, subject.length))[0].square().sum().backward()
    for name in names:
        slope = layer.encoding.get_parameter(name).grad
        if slope is None or not bool((slope != 0).any()):
            return f"none reaches {name}"
        if not bool(slope.isfinite().all()):
            return f"that of {name} is not finite"
    return None


@law("a state dict holds everything")
def state_dict_is_enough(subject: Subject) -> str | None:
    """Weights that are stored and loaded give the same outputs; tables that are not, do not."""
    one = subject.layer()
    torch.default_generator.manual_seed(5)  # another start
    other = subject.layer_around(
        (subject.build() if subject.build else copy.deepcopy(subject.encoding)).double(), seed=5
    )
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    other.load_state_dict(copy.deepcopy(one.state_dict()))
    x = subject.tokens(1, 5)
    return first_difference(other(x)[0], one(x)[0], OUTPUT, ("after loading", "before"), 0.0)


@law("nothing is answered from memory")
def nothing_is_stale(subject: Subject) -> str | None:
    """A layer that has seen other positions and other weights answers like one that has not."""
    used, unused, x = subject.layer(), subject.layer(), subject.tokens(1, 6)
    used(x)
    for layer in (used, unused):
        moved(layer.encoding)
    apart = [] if subject.in_row else [torch.tensor([0, 2, 3, 5, 9, 11])]
    for at in (torch.arange(6), torch.arange(6) + 4, *apart):
        found = used(x, positions=at.clone())[0]
        expected = copy.deepcopy(unused)(x, positions=at.clone())[0]
        ways = ("after other positions and weights", "in a layer that had no others")
        if where := first_difference(found, expected, OUTPUT, ways, subject.close):
            return f"positions {listed(at)}: {where}"
    return None
