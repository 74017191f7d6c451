"""Listens to a model while it runs: what it turns, what it multiplies, what it adds.

    Product      q, k of each product of queries and keys, as the model multiplies them
    Softmax      the scores just before the softmax, mask and bias in them: what is compared
    Turn         what went into a rotary function and what came out
    added        all that was added to something: the table of positions is among it

It is done under the model, at the calls of torch, so that no family needs code of its own; only
rotary functions are found by their names.

The trap: listening to what a model says of itself (`output_attentions`), which is after the softmax
and hides a scale that is wrong for all keys alike... and cannot be had of some models at all.
"""

from __future__ import annotations

import inspect
import math
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

ROTARY = re.compile(
    r"^_?(apply|vision_apply|rotate_queries)_?\w*(rotary|rope|rotate|or_keys)\w*$"
    r"|^rotate_queries_or_keys$|^apply_multidimensional_rope$"
)
SOFTMAX = {torch.softmax, torch.nn.functional.softmax, Tensor.softmax}
MATMUL = {torch.matmul, Tensor.matmul, Tensor.__matmul__, torch.bmm, Tensor.bmm}
ADD = {torch.add, Tensor.add, Tensor.add_, Tensor.__add__, Tensor.__radd__, Tensor.__iadd__}
LINEAR = {torch.nn.functional.linear}


@dataclass
class Turn:
    """One tensor that a rotary function was given, and what it gave back."""

    before: Tensor
    after: Tensor


@dataclass
class Attention:
    """One softmax over keys, with the queries and keys whose product it is."""

    query: Tensor  # (batch, heads, query, head_dim), as multiplied
    key: Tensor  # (batch, heads, key, head_dim)
    scores: Tensor  # (batch, heads, query, key), or one more for a sink, before the softmax
    turns: list[Turn]
    linears: list[Tensor]
    made: list[tuple[Tensor, Tensor]] = field(default_factory=list)  # what a projection got, gave
    warmth: Tensor | None = None  # what the model multiplies the product by, where it is trained
    sinks_after: bool = False  # the model has sinks, and may use them after the softmax


@dataclass
class Heard:
    """All that was heard in one forward pass."""

    attentions: list[Attention] = field(default_factory=list)
    added: list[Tensor] = field(default_factory=list)
    failed: bool = False  # behind some of its attentions


class Listener(TorchFunctionMode):
    """Writes down products, softmaxes and sums while it is entered."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = Heard()
        self.products: list[tuple[Tensor, Tensor, Tensor]] = []
        self.turns: list[Turn] = []
        self.linears: list[Tensor] = []
        self.made: list[tuple[Tensor, Tensor]] = []

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in ADD and len(args) == 2:
            for one in args:
                kept = isinstance(one, Tensor) and one.ndim >= 2 and one.is_floating_point()
                if kept and one.numel() < 2_000_000 and one.device.type == "cpu":
                    self.heard.added.append(one.detach().clone())
        if func is torch.nn.functional.multi_head_attention_forward:
            return self._packed(func, args, kwargs)
        if func in SOFTMAX:
            self._softmax(args[0] if args else kwargs["input"])
        out = func(*args, **kwargs)
        if func in MATMUL:
            first, second = (*args, *kwargs.values())[:2]
            if isinstance(out, Tensor) and out.ndim >= 3:
                self.products.append((first, second.transpose(-1, -2), out))
        elif func is torch.einsum and isinstance(out, Tensor) and len(args) >= 3:
            self._einsum(args, out)
        elif func in (torch.baddbmm, Tensor.baddbmm):
            first, second = (*args[1:3], kwargs.get("batch1"), kwargs.get("batch2"))[:2]
            self.products.append((first, second.transpose(-1, -2), out))
        elif func in LINEAR:
            self.linears.append(out)
            self.made.append((args[0] if args else kwargs["input"], out))
        return out

    def _packed(self, func: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Attention in one call of torch: its queries and keys, where they explain its output.

        Nothing can be heard inside the call. So queries, keys and scores are made again from its
        own weights, and kept if softmax(scores) v, projected, is what the call gave.
        """
        out = func(*args, **kwargs)
        given = dict(zip(inspect.signature(func).parameters, args, strict=False)) | kwargs
        heads, weight, bias = given["num_heads"], given["in_proj_weight"], given["in_proj_bias"]
        if weight is None or given["query"].ndim != 3:
            return out
        three = zip(("query", "key", "value"), weight.chunk(3), bias.chunk(3), strict=True)
        q, k, v = (
            torch.nn.functional.linear(given[name], w, b).unflatten(-1, (heads, -1))
            .permute(1, 2, 0, 3) for name, w, b in three
        )  # fmt: skip
        scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
        mask, padded = given.get("attn_mask"), given.get("key_padding_mask")
        if mask is not None:
            if mask.dtype == torch.bool:
                mask = torch.zeros(mask.shape).masked_fill(mask, -math.inf)
            scores = scores + (mask if mask.ndim == 2 else mask.reshape(scores.shape))
        if padded is not None:
            scores = scores.masked_fill(padded[:, None, None, :].bool(), -math.inf)
        ours = (scores.softmax(-1) @ v).permute(2, 0, 1, 3).flatten(-2)
        ours = torch.nn.functional.linear(ours, given["out_proj_weight"], given["out_proj_bias"])
        if torch.allclose(ours, out[0], atol=1e-4, rtol=1e-4):
            self.heard.attentions.append(
                Attention(
                    q.detach(), k.detach(), scores.detach(), self.turns, [],
                    [(given[name].transpose(0, 1), one.transpose(1, 2).flatten(-2))
                     for name, one in (("query", q), ("key", k), ("value", v))],
                )
            )  # fmt: skip
            self.products, self.turns, self.linears = [], [], []
        return out

    def _einsum(self, args: Any, out: Tensor) -> None:
        """Keep a product as (..., query, dim) and (..., key, dim), whatever the order of axes."""
        operands = args[1] if isinstance(args[1], (list, tuple)) else args[1:]
        terms = str(args[0]).replace(" ", "").replace("...", "")
        if len(operands) != 2 or "->" not in terms:
            return
        left, result = terms.split("->")
        one, other = left.split(",")
        shared = [axis for axis in one if axis in other and axis not in result]
        if len(shared) != 1 or len(result) < 3:
            return
        batch = [axis for axis in result if axis in one and axis in other]
        wanted_one = [*batch, *(a for a in one if a in result and a not in batch), *shared]
        wanted_other = [*batch, *(a for a in other if a in result and a not in batch), *shared]
        if len(wanted_one) != len(one) or len(wanted_other) != len(other):
            return
        order_out = [*batch, wanted_one[len(batch)], wanted_other[len(batch)]]
        if len(order_out) != len(result):
            return
        self.products.append(
            (
                operands[0].permute([one.index(a) for a in wanted_one]),
                operands[1].permute([other.index(a) for a in wanted_other]),
                out.permute([result.index(a) for a in order_out]),
            )
        )

    def _softmax(self, scores: Tensor) -> None:
        if scores.ndim < 3 or not self.products:
            return
        for query, key, product in reversed(self.products):
            queries, keys = product.shape[-2:]
            fits = scores.shape[-2] == queries and scores.shape[-1] in (keys, keys + 1)
            if fits and scores.numel() == product.numel() // keys * scores.shape[-1]:
                four = four_axes(query), four_axes(key), four_axes(scores)
                detached = [one.detach().clone() for one in four]
                last = self.heard.attentions[-1] if self.heard.attentions else None
                again = last is not None and not self.turns and same(last.query, detached[0])
                if last is not None and again:  # two softmaxes of the same queries
                    self.turns, self.linears = last.turns, last.linears
                self.heard.attentions.append(
                    Attention(*detached, self.turns, self.linears, self.made)
                )
                self.products, self.turns, self.linears, self.made = [], [], [], []
                return


def same(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors are the same numbers."""
    return one.shape == other.shape and torch.equal(one, other)


def four_axes(x: Tensor) -> Tensor:
    """(batch, heads, length, width), from (batch * heads, length, width) or from more axes."""
    if x.ndim == 3:
        return x[None]
    return x if x.ndim == 4 else x.reshape(-1, *x.shape[-3:])


@contextmanager
def rotary_functions(model: nn.Module, listener: Listener) -> Iterator[None]:
    """Let all rotary functions of the model's files tell the listener what they turn."""
    files = {sys.modules[type(one).__module__] for one in model.modules()}
    files = {one for one in files if one.__name__.startswith("transformers.models.")}
    kept: list[tuple[Any, str, Any]] = []
    for file in files:
        for name, function in list(vars(file).items()):
            if callable(function) and ROTARY.match(name) and not isinstance(function, type):
                kept.append((file, name, function))
                setattr(file, name, _told(function, listener))
    for one in model.modules():
        for name in dir(type(one)):
            if ROTARY.match(name) and type(one).__module__.startswith("transformers.models."):
                function = getattr(one, name)
                if callable(function) and not isinstance(function, nn.Module):
                    one.__dict__[name] = _told(function, listener)
                    kept.append((one, name, None))
    try:
        yield
    finally:
        for owner, name, function in kept:
            if function is None:
                owner.__dict__.pop(name, None)
            else:
                setattr(owner, name, function)


def _told(function: Callable[..., Any], listener: Listener) -> Callable[..., Any]:
    def told(*args: Any, **kwargs: Any) -> Any:
        given = [*args, *kwargs.values()]
        before = [one.detach().clone() for one in given if isinstance(one, Tensor)]
        out = function(*args, **kwargs)
        outs = out if isinstance(out, (tuple, list)) else (out,)
        at = 0
        for after in outs:
            while at < len(before) and before[at].shape != after.shape:
                at += 1
            if at < len(before):
                listener.turns.append(Turn(before[at], after.detach().clone()))
                at += 1
        return out

    return told


@torch.no_grad()
def listen(model: nn.Module, given: dict[str, Any]) -> Heard:
    """Run the model once and return what was heard.

    A model that fails behind its attentions (in a projector, say) was heard all the same.
    """
    listener = Listener()
    try:
        with rotary_functions(model, listener), listener:
            model(**given)
    except Exception:
        if not listener.heard.attentions:
            raise
        listener.heard.failed = True
    return listener.heard
