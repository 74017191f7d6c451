"""What is measured: the same work by the first edition and by this tree."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import NamedTuple

import torch
from torch import Tensor, nn

import posenc_lib as P
from benchmarks.measure import Way
from benchmarks.reads import reads
from posenc_lib.rotary.rotation import rotate

BEFORE, NOW = "first edition", "this tree"
NAMES = {"rope": "RoPE", "alibi": "ALiBi", "t5": "T5", "shaw": "Shaw"}
LAYERS = 6
LAYOUTS = ("half", "interleaved")


class Sizes(NamedTuple):
    """How large each job is."""

    dim: int = 256
    heads: int = 8
    forward: int = 2048
    context: int = 4096
    train: int = 1024
    compiled: tuple[int, ...] = (1, 8, 2048, 128)
    turned: tuple[int, ...] = (1, 32, 4096, 128)

    @classmethod
    def quick(cls) -> Sizes:
        """Small enough to see in seconds whether everything runs."""
        return cls(32, 4, 64, 64, 32, (1, 2, 64, 16), (1, 2, 64, 16))


@dataclass
class Job:
    """One table of the report. `facts` are looked at once, before any clock runs."""

    key: str
    title: str
    ways: dict[str, Way]
    facts: dict[str, Callable[[], float]] = field(default_factory=dict)
    rounds: int = 15
    trains: bool = False


class Stacks(NamedTuple):
    """Six layers of both editions with the same weights: each takes x and caches."""

    before: nn.Module
    now: nn.Module

    @classmethod
    def of(cls, first: ModuleType, name: str, sizes: Sizes) -> Stacks:
        torch.manual_seed(0)
        now = P.TransformerStack(sizes.dim, sizes.heads, LAYERS, encoding=name, causal=True)
        before = FirstStack(first, name, sizes, shared=name != "shaw")
        before.layers.load_state_dict(now.layers.state_dict())
        return cls(before.eval(), now.eval())


class FirstStack(nn.Module):
    """The layers of the first edition one after the other, which had no stack that takes caches."""

    def __init__(self, first: ModuleType, name: str, sizes: Sizes, *, shared: bool) -> None:
        super().__init__()
        layer = first.experiments.transformer.Layer
        self.new_cache = first.KeyValueCache

        def build() -> nn.Module:
            return first.make_encoding(name, dim=sizes.dim, heads=sizes.heads, causal=True)

        one = build()
        self.layers = nn.ModuleList(
            layer(sizes.dim, sizes.heads, encoding=one if shared else build(), causal=True)
            for _ in range(LAYERS)
        )

    def forward(self, x: Tensor, caches: list | None = None) -> Tensor:
        for layer, cache in zip(self.layers, caches or [None] * LAYERS, strict=True):
            seen, _ = layer.attention(layer.norms[0](x), cache=cache, need_weights=False)
            x = x + seen
            x = x + layer.mlp(layer.norms[1](x))
        return x

    def new_caches(self) -> list:
        return [self.new_cache() for _ in self.layers]


def gap(one: object, other: object) -> float:
    """The largest difference of two results, tensors or pairs of them."""
    if isinstance(one, Tensor):
        return float((one.double() - other.double()).abs().max())
    return max(map(gap, one, other))


def jobs(first: ModuleType, sizes: Sizes) -> Iterator[Callable[[], Job]]:
    """Every job, to be made when it is its turn: tensors of the others are gone by then."""
    for name in ("rope", "alibi", "t5", "shaw"):
        yield lambda name=name: forward(first, name, sizes)
    for name in ("rope", "alibi", "shaw", "t5"):
        yield lambda name=name: decoding(first, name, sizes)
    for name in ("rope", "alibi", "t5", "shaw"):
        yield lambda name=name: training(first, name, sizes)
    for layout in LAYOUTS:
        yield lambda layout=layout: compiled(first, layout, sizes)
    yield lambda: turning(first, sizes)


def forward(first: ModuleType, name: str, sizes: Sizes) -> Job:
    stacks, x = Stacks.of(first, name, sizes), torch.randn(1, sizes.forward, sizes.dim)
    ways = {BEFORE: lambda: stacks.before(x), NOW: lambda: stacks.now(x)}
    return Job(
        f"forward {name}", f"{NAMES[name]}: six layers forward, {sizes.forward:,} tokens", ways,
        {"gap": lambda: gap(stacks.before(x), stacks.now(x)),
         "reads before": lambda: reads(ways[BEFORE]), "reads now": lambda: reads(ways[NOW])},
        rounds=9,
    )  # fmt: skip


def decoding(first: ModuleType, name: str, sizes: Sizes) -> Job:
    """One more token each time, so the context grows by some dozen while it is measured."""
    stacks = Stacks.of(first, name, sizes)
    text, token = torch.randn(1, sizes.context, sizes.dim), torch.randn(1, 1, sizes.dim)
    caches = [stack.new_caches() for stack in stacks]
    with torch.no_grad():
        for piece in text.split(1024, 1):
            for stack, cache in zip(stacks, caches, strict=True):
                stack(piece, caches=cache)

    ways = {
        BEFORE: lambda: stacks.before(token, caches=caches[0]),
        NOW: lambda: stacks.now(token, caches=caches[1]),
    }
    title = f"{NAMES[name]}: decoding one token after {sizes.context:,}"
    found = {"gap": lambda: gap(ways[BEFORE](), ways[NOW]())}
    return Job(f"decoding {name}", title, ways, found, rounds=31)


def training(first: ModuleType, name: str, sizes: Sizes) -> Job:
    stacks, x = Stacks.of(first, name, sizes), torch.randn(1, sizes.train, sizes.dim)

    def step(stack: nn.Module) -> dict[str, Tensor]:
        stack.zero_grad()
        stack(x).square().mean().backward()
        return {n: p.grad for n, p in stack.layers.named_parameters() if p.grad is not None}

    def difference() -> float:
        before, now = (step(stack) for stack in stacks)
        largest = max(float(gradient.abs().max()) for gradient in before.values())
        return max(gap(before[n], now[n]) for n in before) / largest

    return Job(
        f"training {name}", f"{NAMES[name]}: forward and backward, {sizes.train:,} tokens",
        {BEFORE: lambda: step(stacks.before), NOW: lambda: step(stacks.now)},
        {"gap": difference}, rounds=9, trains=True,
    )  # fmt: skip


def compiled(first: ModuleType, layout: str, sizes: Sizes) -> Job:
    """Queries and keys turned in one graph, the sines and cosines made inside it."""
    *_, length, head_dim = sizes.compiled
    query, key = torch.randn(sizes.compiled), torch.randn(sizes.compiled)
    positions = torch.arange(length)
    now = P.RotaryEncoding(head_dim, layout=layout)
    before = first.RotaryEncoding(head_dim, layout=layout)

    def turn_now(query: Tensor, key: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        at_query, at_key, _ = now.prepare(P.Places(positions))
        return now.at_query(query, at_query), now.at_key(key, at_key)

    def turn_before(query: Tensor, key: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        return before.at_query(query, positions), before.at_key(key, positions)

    calls = {
        f"{BEFORE}, eager": turn_before,
        f"{BEFORE}, compiled": torch.compile(turn_before, dynamic=False, fullgraph=True),
        f"{NOW}, eager": turn_now,
        f"{NOW}, compiled": torch.compile(turn_now, dynamic=False, fullgraph=True),
    }
    ways = {name: lambda call=call: call(query, key, positions) for name, call in calls.items()}
    shape = ", ".join(f"{n:,}" for n in sizes.compiled)
    return Job(
        f"compiled {layout}", f"RoPE, {layout}, compiled: queries and keys of ({shape}), float32",
        ways, {"gap": lambda: gap(ways[f"{BEFORE}, eager"](), ways[f"{NOW}, compiled"]())},
    )  # fmt: skip


def turning(first: ModuleType, sizes: Sizes) -> Job:
    *_, length, head_dim = sizes.turned
    x, positions = torch.randn(sizes.turned).bfloat16(), torch.arange(length)
    rope = P.RotaryEncoding(head_dim, layout="half")
    prepared, angles = rope.prepare(P.Places(positions))[0], rope.angles(positions)
    ways = {
        f"{BEFORE}, rotate": lambda: first.rotate(x, angles, layout="half"),
        f"{NOW}, rotate": lambda: rotate(x, angles, layout="half"),
        f"{NOW}, turn of prepared positions": lambda: rope.turn(x, prepared),
    }
    shape = ", ".join(f"{n:,}" for n in sizes.turned)
    before, _, now = ways.values()
    return Job(
        "turning", f"RoPE, half, one turn of ({shape}), bfloat16", ways,
        {"gap": lambda: gap(before(), now())},
    )  # fmt: skip
