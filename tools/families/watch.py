"""What a model of transformers computes on its way to each softmax of attention.

A `Watch` sees every operation: the product of queries and keys before a softmax, the logits that
enter it, and what goes into and comes out of the functions that turn queries and keys. So the same
few lines serve hundreds of models, whatever they call their layers.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode

TURNS = re.compile(r"apply_\w*rot\w*|\w*apply_rotary\w*|apply_\w*rope\w*|rotate_queries_or_keys")


@dataclass
class Attention:
    """One softmax: where it stands, (batch, heads, query, key) logits, and its two factors."""

    place: str
    logits: Tensor
    query: Tensor
    key: Tensor
    turned: list[tuple[Tensor, Tensor]] = field(default_factory=list)  # before and after
    projected: list[Tensor] = field(default_factory=list)  # what came out of the layer's matrices


class Watch(TorchDispatchMode):
    """Collects the attentions of a forward pass, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Attention] = []
        self.embedded: list[tuple[Tensor, Tensor]] = []  # weights and indices of each look-up
        self.modules: list[str] = []
        self.turned: list[tuple[Tensor, Tensor]] = []
        self.projected: list[Tensor] = []
        self.product: tuple[Tensor, Tensor, Tensor] | None = None

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if name in ("bmm", "baddbmm"):
            left, right = args[-2:]
            self.product = (left.detach().clone(), right.detach().clone(), result.detach().clone())
        elif name == "embedding":
            self.embedded.append((args[0], args[1]))
        elif name in ("_softmax", "_safe_softmax"):
            self._keep(args[0].detach())
        return result

    def _keep(self, logits: Tensor) -> None:
        if self.product is None or logits.ndim not in (3, 4):
            return
        left, right, _ = self.product
        many, queries, width = left.shape
        keys = right.shape[-1]
        if logits.shape[-1] - keys not in (0, 1) or logits.shape[-2] != queries:
            return
        if logits.numel() // logits.shape[-1] != many * queries:
            return
        rows = logits.shape[0] if logits.ndim == 4 else 1
        split = (rows, many // rows)
        self.found.append(Attention(
            self.modules[-1] if self.modules else "",
            logits.reshape(*split, queries, logits.shape[-1]).clone(),
            left.reshape(*split, queries, width), right.mT.reshape(*split, keys, width),
            self.turned, self.projected,
        ))  # fmt: skip
        self.turned, self.projected = [], []


def _functions(modules: list[ModuleType]) -> Iterator[tuple[Any, str]]:
    """The functions that turn, and those that are static methods of a class."""
    for module in modules:
        for name, value in list(vars(module).items()):
            if TURNS.fullmatch(name) and callable(value):
                yield module, name
            if isinstance(value, type) and value.__module__ == module.__name__:
                yield from ((value, n) for n, v in list(vars(value).items())
                            if TURNS.fullmatch(n) and isinstance(v, staticmethod))  # fmt: skip


@contextmanager
def watching(model: nn.Module, modules: list[ModuleType]) -> Iterator[Watch]:
    """Everything that `model` does inside is seen; `modules` hold the functions that turn."""
    watch = Watch()

    def recorded(turn: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            before = [a.detach().clone() for a in (*args, *kwargs.values()) if _heads(a)]
            out = turn(*args, **kwargs)
            after = [out] if isinstance(out, Tensor) else [o for o in out if _heads(o)]
            for other in after:  # the tables of cosines have other shapes
                one = next((b for b in before if b.shape == other.shape), None)
                if one is not None:
                    before = [b for b in before if b is not one]
                    watch.turned.append((one, other.detach().clone()))
            return out

        return call

    with ExitStack() as stack:
        for module, name in _functions(modules):
            call = recorded(getattr(module, name))
            stack.enter_context(
                patch.object(module, name, staticmethod(call) if isinstance(module, type) else call)
            )
        for name, part in model.named_modules():
            before = part.register_forward_pre_hook(_enter(watch, name))
            after = part.register_forward_hook(_leave(watch))
            stack.callback(before.remove)
            stack.callback(after.remove)
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        with watch, torch.no_grad():
            yield watch


def _heads(value: Any) -> bool:
    return isinstance(value, Tensor) and value.ndim in (3, 4) and value.is_floating_point()


def _enter(watch: Watch, name: str) -> Any:
    return lambda *_: watch.modules.append(name)


def _leave(watch: Watch) -> Any:
    def leave(module: nn.Module, _: Any, out: Any) -> None:
        watch.modules.pop()
        if isinstance(module, nn.Linear) and isinstance(out, Tensor) and out.ndim == 3:
            watch.projected.append(out.detach().clone())

    return leave


def before_turning(attention: Attention, *, heated: bool = False) -> tuple[Tensor, Tensor]:
    """Query and key as they were before position: what was turned is put back where it stands.

    `heated` queries were multiplied by a temperature of their position: that is taken off as well.
    """
    key = _back(attention.key, attention, heated=False)
    return _back(attention.query, attention, heated=heated), key


def _back(factor: Tensor, attention: Attention, *, heated: bool) -> Tensor:
    """`factor` with each slice that a turning function returned replaced by what it was given."""
    whole, heat = factor.clone(), None
    for before, after in attention.turned:
        place = _placed(before, after, factor)
        if place is not None:
            first, one, times = place
            whole[..., first : first + one.shape[-1]] = times * one
            heat = times
    if not heated:
        return whole
    if heat is not None:
        return whole / heat
    rows, heads, length, width = factor.shape
    for out in attention.projected:
        if out.shape[:2] == (rows, length) and out.shape[2] == heads * width:
            one = out.view(rows, length, heads, width).transpose(1, 2)
            times = (factor * one).sum(-1, True) / one.square().sum(-1, True)
            if torch.allclose(factor, times * one, atol=1e-6):
                return one
    return whole


def _placed(before: Tensor, after: Tensor, factor: Tensor) -> tuple[int, Tensor, Tensor] | None:
    """Where in `factor` the turned slice stands, what it was before, and times how much.

    A norm after the turn multiplies each row, and may as well come before it.
    """
    for one, other in _ways(before, after, factor):
        width = other.shape[-1]
        for first in range(factor.shape[-1] - width + 1):
            part = factor[..., first : first + width]
            if part.shape == other.shape:
                times = (part * other).sum(-1, True) / other.square().sum(-1, True)
                if torch.allclose(part, times * other, atol=1e-6):
                    return first, one, times
    return None


def _ways(before: Tensor, after: Tensor, like: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """The two as (batch, heads, length, width): transposed, with a batch axis, heads repeated."""
    pairs = [(before, after)]
    if after.ndim == 3:  # (length, heads, width), without a batch
        pairs = [(x[None], y[None]) for x, y in pairs]
    pairs += [(x.transpose(1, 2), y.transpose(1, 2)) for x, y in pairs]
    heads = like.shape[1]
    for x, y in pairs:
        if x.shape[:-1] != y.shape[:-1] or x.shape[2] != like.shape[2]:
            continue
        if y.shape[1] and heads % y.shape[1] == 0:
            again = heads // y.shape[1]
            yield x.repeat_interleave(again, 1), y.repeat_interleave(again, 1)
