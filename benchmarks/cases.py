"""What is measured: ours, the peers and a floor, for each job and size."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import torch
from torch.nn import functional as F

import posenc_lib as P
from benchmarks import peers
from benchmarks.measure import Way
from posenc_lib.embeddings.sinusoidal import _turns

FLOOR = "floor"


@dataclass
class Job:
    """One table of the report. `ways` maps a name to a call; "ours ..." and FLOOR are marked."""

    title: str
    ways: dict[str, Way]
    floor: str  # what the floor does
    truth: Callable[[], torch.Tensor] | None = None  # in float64, to measure errors against
    errors: dict[str, Callable[[object], torch.Tensor]] = field(default_factory=dict)


def sinusoidal(length: int, dim: int = 512) -> Job:
    def floor():
        block = np.empty((length, dim), np.float32)
        block.fill(1.0)
        return block

    def truth():
        angle = np.arange(length)[:, None] * P.frequencies(dim)
        return torch.from_numpy(np.stack((np.sin(angle), np.cos(angle)), -1).reshape(length, dim))

    def interleaved(table):  # [sin | cos] with a scale of its own -> sin, cos, sin, cos
        table = table / table[0, -1]
        return torch.stack(table.chunk(2, -1), -1).flatten(1)

    return Job(
        f"Sinusoidal table, {length:,} x {dim}",
        {
            "ours": lambda: P.sinusoidal_table(length, dim),
            "usual float32 code": lambda: peers.usual_table(length, dim),
            "positional-encodings": peers.positional_encodings_table(length, dim),
            "x-transformers": peers.x_transformers_table(length, dim),
            FLOOR: floor,
        },
        "writing as many bytes",
        truth,
        {
            "ours": torch.from_numpy,
            "usual float32 code": lambda table: table,
            "positional-encodings": lambda table: table[0],
            "x-transformers": interleaved,
        },
    )


def sinusoidal_parts(length: int = 5_000, dim: int = 512) -> Job:
    """Where the time of the small table goes."""
    w, step = P.frequencies(dim), math.isqrt(length)
    blocks = -(-length // step)
    coarse, fine = _turns(blocks, step * w), _turns(step, w)
    coarse32, fine32 = coarse.astype(np.complex64), fine.astype(np.complex64)
    return Job(
        f"Where the time goes: sinusoidal table, {length:,} x {dim}",
        {
            "ours, all of it": lambda: P.sinusoidal_table(length, dim),
            "ours, the two small tables": lambda: (_turns(blocks, step * w), _turns(step, w)),
            "ours, the one large product": lambda: coarse32[:, None] * fine32,
            "the same product on two threads": lambda: _on_two_threads(coarse32, fine32),
            FLOOR: sinusoidal(length, dim).ways[FLOOR],
        },
        "writing as many bytes",
    )


def _on_two_threads(coarse: np.ndarray, fine: np.ndarray) -> np.ndarray:
    table = np.empty((len(coarse), *fine.shape), np.complex64)
    half = len(coarse) // 2
    with ThreadPoolExecutor(1) as other:
        job = other.submit(np.multiply, coarse[:half, None], fine, out=table[:half])
        np.multiply(coarse[half:, None], fine, out=table[half:])
        job.result()
    return table


def rope(length: int = 4096, heads: int = 32, dtype: torch.dtype = torch.float32) -> Job:
    head_dim = 128
    generator = torch.Generator().manual_seed(0)
    query, key = (
        torch.randn(1, heads, length, head_dim, generator=generator).to(dtype) for _ in range(2)
    )
    positions = torch.arange(length)
    interleaved, half = (
        P.RotaryEncoding(head_dim, layout=name) for name in ("interleaved", "half")
    )

    def both(encoding):
        return lambda: (encoding.at_query(query, positions), encoding.at_key(key, positions))

    def exact(layout):
        encoding = P.RotaryEncoding(head_dim, layout=layout)
        return encoding.at_query(query.double(), positions)

    truths = {"interleaved": exact("interleaved"), "half": exact("half")}

    def error(layout):
        return lambda result: result[0].double() - truths[layout]

    return Job(
        f"RoPE, queries and keys of (1, {heads}, {length:,}, {head_dim}), {str(dtype)[6:]}",
        {
            "ours, interleaved": both(interleaved),
            "ours, half": both(half),
            "transformers, half": peers.transformers_rope(query, key),
            "rotary-embedding-torch, interleaved": peers.rotary_embedding_torch_rope(query, key),
            "x-transformers, interleaved": peers.x_transformers_rope(query, key),
            FLOOR: lambda: (query.clone(), key.clone()),
        },
        "copying queries and keys",
        errors={
            "ours, interleaved": error("interleaved"),
            "ours, half": error("half"),
            "transformers, half": error("half"),
            "rotary-embedding-torch, interleaved": error("interleaved"),
            "x-transformers, interleaved": error("interleaved"),
        },
    )


def t5(length: int, heads: int = 8) -> Job:
    bias, positions = P.T5Bias(heads), torch.arange(length)
    like = torch.empty(1, heads, length, 8)
    return Job(
        f"T5 bias, {heads} heads, {length:,} x {length:,}",
        {
            "ours": lambda: bias.at_scores(like, like, positions, positions),
            "ours, by distance": lambda: bias.by_distance(torch.arange(1 - length, length)),
            "transformers": peers.transformers_t5(length, heads),
            "x-transformers": peers.x_transformers_t5(length, heads),
            FLOOR: lambda: torch.empty(heads, length, length).fill_(1.0),
        },
        "writing as many bytes",
    )


def alibi(length: int, heads: int = 8) -> Job:
    bias, positions = P.AlibiBias(heads, causal=False), torch.arange(length)
    like = torch.empty(1, heads, length, 8)
    return Job(
        f"ALiBi, {heads} heads, {length:,} x {length:,}",
        {
            "ours": lambda: bias.at_scores(like, like, positions, positions),
            "ours, by distance": lambda: bias.by_distance(torch.arange(1 - length, length)),
            "x-transformers": peers.x_transformers_alibi(length, heads),
            "usual code": peers.usual_alibi(length, heads),
            FLOOR: lambda: torch.empty(heads, length, length).fill_(1.0),
        },
        "writing as many bytes",
    )


def shaw(length: int, heads: int = 2, head_dim: int = 64, max_distance: int = 64) -> Job:
    query = torch.randn(1, heads, length, head_dim, generator=torch.Generator().manual_seed(0))
    table = torch.randn(2 * max_distance + 1, head_dim, generator=torch.Generator().manual_seed(1))
    relative, positions = P.relative_positions(length, length), torch.arange(length)
    module = P.ShawRelative(head_dim, max_distance)
    return Job(
        f"Shaw scores, {heads} heads, {length:,} x {length:,}, head_dim {head_dim}, "
        f"K = {max_distance}",
        {
            "ours": lambda: module.at_scores(query, query, positions, positions),
            "ours, shaw_scores with a ready matrix": lambda: P.shaw_scores(query, table, relative),
            "naive, from the equation": lambda: P.shaw_scores_naive(query, table, relative),
            FLOOR: lambda: torch.empty(1, heads, length, length).fill_(1.0),
        },
        "writing the scores",
    )


def transformer_xl(length: int, heads: int = 2, head_dim: int = 64) -> Job:
    generator = torch.Generator().manual_seed(0)
    query, key = (torch.randn(1, heads, length, head_dim, generator=generator) for _ in range(2))
    vectors = torch.randn(heads, 2 * length - 1, head_dim, generator=generator)
    u, v = (torch.randn(heads, head_dim, generator=generator) for _ in range(2))
    given = (query, key, vectors, u, v)
    return Job(
        f"Transformer-XL position scores, {heads} heads, {length:,} x {length:,}, "
        f"head_dim {head_dim}",
        {
            "ours": lambda: P.transformer_xl_scores(*given),
            "naive, from the equation": lambda: P.transformer_xl_scores_naive(*given),
            FLOOR: lambda: torch.empty(1, heads, length, length).fill_(1.0),
        },
        "writing the scores",
    )


def attention(length: int = 2048, heads: int = 8, head_dim: int = 64) -> Job:
    generator = torch.Generator().manual_seed(0)
    query, key, value = (
        torch.randn(1, heads, length, head_dim, generator=generator) for _ in range(3)
    )
    bias = torch.randn(1, heads, length, length, generator=generator)
    return Job(
        f"Attention with a ready bias, {heads} heads, {length:,} tokens, head_dim {head_dim}",
        {
            "ours, attention_output": lambda: P.attention_output(query, key, value, bias=bias),
            "ours, attention (returns the weights)": lambda: P.attention(
                query, key, value, bias=bias
            ),
            "torch, scaled_dot_product_attention": lambda: F.scaled_dot_product_attention(
                query, key, value, attn_mask=bias
            ),
        },
        "",
    )


def imports() -> Job:
    def run(statement):
        return lambda: subprocess.run([sys.executable, "-c", statement], check=True)

    return Job(
        "A fresh Python process",
        {"import posenc_lib": run("import posenc_lib"), FLOOR: run("pass")},
        "a Python process that does nothing",
    )
