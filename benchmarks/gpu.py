"""`python -m benchmarks.gpu FOLDER`: what only a GPU can tell, in one run of at most 8 minutes.

Speed and memory of RoPE, of biases through flex_attention and of whole layers; that the numbers
are those of the CPU; and that the host does not wait. What is done is written to the folder at
once, so a run that is cut off keeps it. Needs torch 2.11 or newer; where there is no CUDA it says
so and does nothing.
"""

from __future__ import annotations

import argparse
import copy
import functools
import gc
import json
import re
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

import posenc_lib as P
from benchmarks.machine import machine
from benchmarks.reads import reads
from benchmarks.tables import Aim, table, verdicts

Way = Callable[[], Any]
DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32}
LAYOUTS = ("half", "interleaved")
USUAL, COPY = "usual code", "copy of both"
BIASES = {
    "ALiBi": P.AlibiBias,
    "T5": lambda heads: P.T5Bias(heads, bidirectional=False),
    "KERPLE": P.KerpleLogBias,
}
PLAIN = "no bias, is_causal"
AS_FAST = 0.97
"""A ratio from which on something counts as not slower."""


class Sizes(NamedTuple):
    """How large each job is."""

    rope: tuple[int, ...] = (4, 32, 4096, 128)
    lengths: tuple[int, ...] = (1024, 2048, 4096, 16384)
    heads: int = 16
    head_dim: int = 64
    matrix_up_to: int = 4096  # at 16,384 the matrix alone would be 17 GB
    equal: int = 512
    dim: int = 1024
    layers: int = 6
    tokens: int = 4096
    rounds: int = 15

    @classmethod
    def dry(cls) -> Sizes:
        """Small enough for a CPU."""
        return cls((1, 2, 64, 16), (64, 128), 4, 16, 64, 150, 32, 2, 64, 3)


class Bench:
    """The device, the clock, and what was found so far.

    `dry` puts the CPU in place of the GPU: times then say nothing, but all of the script has run.
    """

    def __init__(self, folder: Path, *, dry: bool, minutes: float) -> None:
        self.dry, self.sizes = dry, Sizes.dry() if dry else Sizes()
        self.device = torch.device("cpu" if dry else "cuda")
        self.path = folder / "gpu.json"
        self.begun = time.monotonic()
        self.until = self.begun + 60 * minutes
        self.about = machine(("torch", "numpy"))
        self.about["gpu"] = "none" if dry else torch.cuda.get_device_name()
        self.jobs: dict[str, list[dict]] = {}

    @contextmanager
    def unit(self, job: str, **named: Any) -> Iterator[Callable[..., None]]:
        """A part of a job: rows are added to it by the call it hands out, and then written.

        An error ends the part, not the run. Every part compiles anew, since torch compiles one
        function for 8 settings at most.
        """
        if time.monotonic() > self.until:
            raise TimeoutError
        torch._dynamo.reset()
        gc.collect()
        if not self.dry:
            torch.cuda.empty_cache()
        rows = self.jobs.setdefault(job, [])
        print(f"{time.monotonic() - self.begun:5.0f} s  {job}", *named.values(), flush=True)
        try:
            yield lambda **found: rows.append({**named, **found})
        except Exception as error:
            rows.append({**named, "error": f"{type(error).__name__}: {error}"[:1500]})
            print(f"         {rows[-1]['error']}", flush=True)
        self.write()

    def write(self) -> None:
        """All of it so far, the aims included."""
        judged = [{**aim._asdict(), "verdict": aim.verdict} for aim in aims(self.jobs)]
        spent = round(time.monotonic() - self.begun)
        found = {"machine": self.about, "seconds": spent, "aims": judged, "jobs": self.jobs}
        self.path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")

    def milliseconds(self, ways: dict[str, Way], *, repeat: int = 5) -> dict[str, float]:
        """The median of each way, which take turns. One sample is a few calls in a row, so that
        the host may run ahead as it does in a model."""
        for way in ways.values():
            for _ in range(3):
                way()  # the first calls compile
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(self.sizes.rounds):
            for name, way in ways.items():
                taken[name].append(self._sample(way, repeat))
        return {name: statistics.median(times) for name, times in taken.items()}

    def _sample(self, way: Way, repeat: int) -> float:
        if self.dry:
            start = time.perf_counter()
            way()
            return 1e3 * (time.perf_counter() - start)
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda.synchronize()
        start.record()
        for _ in range(repeat):
            way()
        end.record()
        torch.cuda.synchronize()
        return start.elapsed_time(end) / repeat

    def extra_mb(self, way: Way) -> float:
        """Peak memory of one call beyond what was held before, its result included."""
        if self.dry:
            way()
            return 0.0
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        result = way()
        torch.cuda.synchronize()
        del result
        return (torch.cuda.max_memory_allocated() - before) / 1e6

    def random(self, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.randn(shape, device=self.device).to(dtype)


# ------------------------------------------------------------------------------------------- RoPE


def usual_rope(query: Tensor, key: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor]:
    """What models of the Llama family do: x cos + (-second, first) sin, in the dtype of x."""

    def turned(x: Tensor) -> Tensor:
        first, second = x.chunk(2, -1)
        return x * cos.unsqueeze(1) + torch.cat((-second, first), -1) * sin.unsqueeze(1)

    return turned(query), turned(key)


def the_usual() -> tuple[Callable[..., Any], str]:
    """transformers' function where it is installed and runs, else the one above."""
    try:
        from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

        x = torch.zeros(1, 1, 2, 4)
        apply_rotary_pos_emb(x, x, x[0], x[0])
    except Exception as error:
        return usual_rope, f"written here ({type(error).__name__})"
    return apply_rotary_pos_emb, "transformers"


def exact_turn(x: Tensor, layout: str) -> Tensor:
    """The turn of x in float64, as the product of complex numbers that it is."""
    length, head_dim = x.shape[-2:]
    pair = torch.arange(head_dim // 2, dtype=torch.float64, device=x.device)
    position = torch.arange(length, dtype=torch.float64, device=x.device)
    angle = position[:, None] * 10000.0 ** (-2 * pair / head_dim)
    pairs = (-1, 2) if layout == "interleaved" else (2, -1)
    axis = -1 if layout == "interleaved" else -2
    first, second = x.double().unflatten(-1, pairs).unbind(axis)
    turned = torch.complex(first, second) * torch.polar(torch.ones_like(angle), angle)
    return torch.stack((turned.real, turned.imag), axis).flatten(-2)


@torch.no_grad()
def rope(bench: Bench) -> None:
    """Queries and keys turned, beside a copy of both and the usual code."""
    usual, origin = the_usual()
    length, head_dim = bench.sizes.rope[-2:]
    positions = torch.arange(length, device=bench.device)
    for name, dtype in DTYPES.items():
        with bench.unit("rope", dtype=name) as add:
            query, key = (bench.random(*bench.sizes.rope, dtype=dtype) for _ in range(2))
            ways = usual_ropes(usual, query, key)
            for layout in LAYOUTS:
                more = our_ropes(layout, head_dim, query, key, positions)
                ways |= {f"ours, {layout}, {how}": way for how, way in more.items()}
            taken = bench.milliseconds(ways)
            for way, ms in taken.items():
                found = {"way": way, "ms": ms, "copies": ms / taken[COPY]}
                if way != COPY and dtype == torch.float32:
                    layout = "interleaved" if "interleaved" in way else "half"
                    gap = ways[way]()[0][:1].double() - exact_turn(query[:1], layout)
                    found["error"] = float(gap.abs().max())
                add(**found, usual_code=origin)
    for layout in LAYOUTS:
        with bench.unit("rope, kernels", layout=layout) as add:
            query, key = (bench.random(*bench.sizes.rope, dtype=torch.bfloat16) for _ in range(2))
            inside = our_ropes(layout, head_dim, query, key, positions)["compiled, prepare inside"]
            code = "\n".join(compiled_code(inside))
            names = kernels(inside, dry=bench.dry)
            product = max(names, key=names.get, default="")
            add(
                product=product, product_has_cos="cos" in product if names else None,
                code_calls_operator="posenc.cos_sin" in code,
                code_has_cos=bool(re.search(r"\bcos\(", code)), kernels=names,
            )  # fmt: skip


def usual_ropes(usual: Callable[..., Any], query: Tensor, key: Tensor) -> dict[str, Way]:
    """The floor and the usual code, whose cosines are made outside, in the dtype of the queries."""
    length, head_dim = query.shape[-2:]
    pair = torch.arange(0, head_dim, 2, device=query.device).float()
    angle = torch.arange(length, device=query.device)[:, None] * 10000.0 ** (-pair / head_dim)
    angle = torch.cat((angle, angle), -1)[None]
    cos, sin = angle.cos().to(query.dtype), angle.sin().to(query.dtype)
    fast = torch.compile(usual, dynamic=False)
    return {
        COPY: lambda: (query.clone(), key.clone()),
        f"{USUAL}, eager": lambda: usual(query, key, cos, sin),
        f"{USUAL}, compiled": lambda: fast(query, key, cos, sin),
    }


def our_ropes(
    layout: str, head_dim: int, query: Tensor, key: Tensor, positions: Tensor
) -> dict[str, Way]:
    encoding = P.RotaryEncoding(head_dim, layout=layout)
    turns = encoding.prepare(P.Places(positions))[0]

    def prepared(query: Tensor, key: Tensor, turns: Any) -> tuple[Tensor, Tensor]:
        return encoding.at_query(query, turns), encoding.at_key(key, turns)

    def inside(query: Tensor, key: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        at_query, at_key, _ = encoding.prepare(P.Places(positions))
        return encoding.at_query(query, at_query), encoding.at_key(key, at_key)

    fast, fast_inside = (torch.compile(f, dynamic=False) for f in (prepared, inside))
    return {
        "eager": lambda: prepared(query, key, turns),
        "compiled": lambda: fast(query, key, turns),
        "compiled, prepare inside": lambda: fast_inside(query, key, positions),
    }


def compiled_code(way: Way) -> list[str]:
    """What the compiler wrote for the first call of a compiled way."""
    from torch._inductor.utils import run_and_get_code

    return run_and_get_code(way)[1]


def kernels(way: Way, *, dry: bool) -> dict[str, float]:
    """Microseconds of each kernel of one call."""
    way()
    wanted = [ProfilerActivity.CPU] if dry else [ProfilerActivity.CPU, ProfilerActivity.CUDA]
    with profile(activities=wanted) as seen:
        way()
        if not dry:
            torch.cuda.synchronize()
    if dry:
        return {event.key: event.self_cpu_time_total for event in seen.key_averages()}
    return {
        event.key: event.self_device_time_total for event in seen.key_averages()
        if event.device_type == torch.autograd.DeviceType.CUDA
        and not getattr(event, "is_user_annotation", False)
    }  # fmt: skip


# -------------------------------------------------------------------------------------- attention


@torch.no_grad()
def attention(bench: Bench) -> None:
    """Biases through flex_attention and through a matrix, beside plain causal attention."""
    sizes = bench.sizes
    for length in sizes.lengths:
        shape = (1, sizes.heads, length, sizes.head_dim)
        for name, build in BIASES.items():
            with bench.unit("attention", bias=name, length=length) as add:
                qkv = [bench.random(*shape, dtype=torch.bfloat16) for _ in range(3)]
                bias = build(sizes.heads).to(bench.device)
                choices = (None, True, False) if length <= sizes.matrix_up_to else (None, True)
                ways = {
                    f"flex={flex}": lambda q=qkv, b=bias, f=flex: P.attention_output(
                        *q, bias=b, causal=True, flex=f
                    )
                    for flex in choices
                }
                ways[PLAIN] = lambda q=qkv: nn.functional.scaled_dot_product_attention(
                    *q, is_causal=True
                )
                taken = bench.milliseconds(ways)
                for way, call in ways.items():
                    with P.attention_ways() as recorded:
                        call()
                    add(
                        way=way, ms=taken[way], times_plain=taken[way] / taken[PLAIN],
                        extra_mb=bench.extra_mb(call), result_mb=qkv[0].nbytes / 1e6,
                        took=", ".join(recorded),
                    )  # fmt: skip


def relative_gap(found: Tensor, wanted: Tensor) -> float:
    """The largest difference over the largest number."""
    found, wanted = (t.detach().double().cpu() for t in (found, wanted))
    return float((found - wanted).abs().max() / wanted.abs().max())


def flex_equals(bench: Bench) -> None:
    """flex_attention against the plain kernels in float32, gradients included."""
    length, heads, head_dim = bench.sizes.equal, bench.sizes.heads, bench.sizes.head_dim
    real = torch.arange(length, device=bench.device)[None] < length - length // 3
    causal = {"causal": True}
    cases: dict[str, tuple[str | None, int, dict]] = {
        name: (name, heads, causal) for name in BIASES
    } | {
        "grouped heads": ("T5", heads // 4, causal),
        "window": (None, heads, {"causal": True, "window": length // 8}),
        "window of both sides": ("ALiBi", heads, {"window": length // 8}),
        "padding": ("T5", heads, {"causal": True, "padding": real}),
        "sink": ("ALiBi", heads, {"causal": True, "sink": bench.random(heads)}),
    }
    for case, (bias, kv_heads, settings) in cases.items():
        with bench.unit("flex against plain", case=case) as add:
            if bias is not None:
                build = BIASES[bias]
                if not settings.get("causal"):
                    build = lambda heads: P.AlibiBias(heads, causal=False)  # noqa: E731
                settings = {**settings, "bias": build(heads).to(bench.device)}
            shapes = [(1, n, length, head_dim) for n in (heads, kv_heads, kv_heads)]
            qkv = [bench.random(*shape) for shape in shapes]
            plain, flex = (flex_run(bench, qkv, settings, flex) for flex in (False, True))
            for what, wanted in plain.items():
                add(of=what, gap=relative_gap(flex[what], wanted))


def flex_run(bench: Bench, qkv: list[Tensor], settings: dict, flex: bool) -> dict[str, Tensor]:
    """The output and the gradients of queries, keys, values and the bias, as far as there are."""
    trained = {}
    if not bench.dry:  # on a CPU flex_attention gives a table its gradient, and nothing else
        qkv = [t.clone().requires_grad_() for t in qkv]
        trained = dict(zip(("query", "key", "value"), qkv, strict=True))
    elif settings.get("sink") is not None:
        flex = False
    if (bias := settings.get("bias")) is not None:
        trained |= dict(bias.named_parameters())
    output = P.attention_output(*qkv, **settings, flex=flex)
    if not trained:
        return {"output": output}
    generator = torch.Generator().manual_seed(0)
    back = torch.randn(output.shape, generator=generator).to(bench.device)
    gradients = torch.autograd.grad(output, list(trained.values()), back)
    named = (f"gradient of {name}" for name in trained)
    return {"output": output, **dict(zip(named, gradients, strict=True))}


# ---------------------------------------------------------------------- numbers of every encoding


@torch.no_grad()
def registry(bench: Bench, *, fast: bool) -> None:
    """Every encoding in a causal layer, float32 on the GPU, against float64 on the CPU.

    float32 on the CPU stands beside it: so far off is rounding alone.
    """
    job = "every encoding, compiled" if fast else "every encoding, eager"
    for name in P.encodings():
        with bench.unit(job, encoding=name) as add:
            torch.manual_seed(0)
            layer = P.MultiHeadAttention(64, 4, encoding=name, length=24, causal=True).eval()
            x = torch.randn(2, 24, 64)
            exact, _ = copy.deepcopy(layer).double()(x.double(), need_weights=False)
            rounded, _ = layer(x, need_weights=False)
            layer = layer.to(bench.device)
            run = torch.compile(layer, dynamic=False) if fast else layer
            found, _ = run(x.to(bench.device), need_weights=False)
            add(gap=relative_gap(found, exact), gap_on_cpu=relative_gap(rounded, exact))


# ----------------------------------------------------------------------------------------- layers


@torch.no_grad()
def layers(bench: Bench) -> None:
    """Six layers, bfloat16: time, memory, and the ways that attention took."""
    sizes = bench.sizes
    for name in ("none", "rope", "rope_half", "alibi", "t5"):
        with bench.unit("layers", encoding=name) as add:
            stack = P.TransformerStack(
                sizes.dim, sizes.heads, sizes.layers, encoding=name, causal=True
            )
            stack = stack.to(bench.device, torch.bfloat16).eval()
            x = bench.random(1, sizes.tokens, sizes.dim, dtype=torch.bfloat16)
            ways = {name: lambda stack=stack, x=x: stack(x)}
            ms = bench.milliseconds(ways)[name]
            with P.attention_ways() as took:
                ways[name]()
            extra, took = bench.extra_mb(ways[name]), ", ".join(dict.fromkeys(took))
            add(ms=ms, extra_mb=extra, took=took)


@torch.no_grad()
def waits(bench: Bench) -> None:
    """Where the host waits for the GPU, in layers whose positions the library counts."""
    sizes = bench.sizes
    for name in ("rope", "alibi", "t5"):
        stack = P.TransformerStack(sizes.dim, sizes.heads, sizes.layers, encoding=name, causal=True)
        stack = stack.to(bench.device, torch.bfloat16).eval()
        for length in (sizes.equal, sizes.tokens):
            with bench.unit("waits", encoding=name, step=f"{length:,} tokens") as add:
                x = bench.random(1, length, sizes.dim, dtype=torch.bfloat16)
                add(**waiting(bench, lambda stack=stack, x=x: stack(x)))
        with bench.unit("waits", encoding=name, step="one token with a cache") as add:
            caches = stack.new_caches()
            stack(bench.random(1, 128, sizes.dim, dtype=torch.bfloat16), caches=caches)
            x = bench.random(1, 1, sizes.dim, dtype=torch.bfloat16)
            step = lambda stack=stack, x=x, c=caches: stack(x, caches=c)  # noqa: E731
            add(**waiting(bench, step))


def waiting(bench: Bench, way: Way) -> dict[str, Any]:
    """Whether torch refuses the call where the host must not wait, and the lines that waited."""
    for _ in range(3):
        way()
    if bench.dry:
        return {"waits": reads(way) > 0, "where": ""}
    torch.cuda.synchronize()
    refused, caught = "", []
    try:
        torch.cuda.set_sync_debug_mode("error")
        try:
            way()
        except RuntimeError as error:
            refused = str(error).splitlines()[0]
        torch.cuda.set_sync_debug_mode("warn")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            way()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    lines = [
        f"{Path(w.filename).name}:{w.lineno}" for w in caught if "synchronizing" in str(w.message)
    ]
    where = ", ".join(f"{line} x {lines.count(line)}" for line in dict.fromkeys(lines))
    return {"waits": bool(refused or lines), "where": where, "refused": refused}


# ------------------------------------------------------------------------------------------- aims


def aims(jobs: dict[str, list[dict]]) -> Iterator[Aim]:
    """Every aim, with what was found so far; what failed is not measured."""

    def rows(job: str, **named: Any) -> list[dict]:
        found = jobs.get(job, [])
        return [row for row in found if all(row.get(k) == v for k, v in named.items())]

    def value(column: str, job: str, **named: Any) -> float | None:
        return next((row[column] for row in rows(job, **named) if column in row), None)

    def times(dtype: str, slow: str, fast: str) -> float | None:
        slow, fast = (value("ms", "rope", dtype=dtype, way=way) for way in (slow, fast))
        return None if None in (slow, fast) else slow / fast

    for dtype in DTYPES:
        for layout in LAYOUTS:
            ours, what = f"ours, {layout}", f"RoPE {dtype}, {layout}"
            found = times(dtype, f"{USUAL}, compiled", f"{ours}, compiled")
            yield Aim(f"{what}: compiled, 1.3 times faster than the usual", found, "least", 1.3)
            found = times(dtype, f"{USUAL}, compiled", f"{ours}, compiled, prepare inside")
            yield Aim(f"{what}: prepare inside, not slower than the usual", found, "least", AS_FAST)
            faster = {"half": AS_FAST, "interleaved": 1.7 if dtype == "bfloat16" else 4.0}[layout]
            found = times(dtype, f"{USUAL}, eager", f"{ours}, eager")
            words = "not slower" if layout == "half" else f"{faster:g} times faster"
            yield Aim(f"{what}: eager, {words} than the usual", found, "least", faster)
    for layout, most in (("half", 2.2), ("interleaved", 2.5)):
        found = times("bfloat16", f"ours, {layout}, compiled", COPY)
        yield Aim(f"RoPE bfloat16, {layout}: compiled, at most {most} copies", found, "most", most)
    for layout in LAYOUTS:
        errors = [
            row["error"] for row in rows("rope", dtype="float32")
            if row.get("way", "").startswith(f"ours, {layout}")
        ]  # fmt: skip
        text = f"RoPE float32, {layout}: largest error at most 1e-6"
        yield Aim(text, max(errors, default=None), "most", 1e-6)
        seen = value("product_has_cos", "rope, kernels", layout=layout)
        text = f"RoPE, {layout}, prepare inside: cosines in the kernel of the product, 0"
        yield Aim(text, None if seen is None else float(seen), "most", 0)
        seen = value("code_has_cos", "rope, kernels", layout=layout)
        text = f"RoPE, {layout}, prepare inside: cosines in the code of the compiler, 0"
        yield Aim(text, None if seen is None else float(seen), "most", 0)
    for bias in BIASES:
        longest = {"bias": bias, "length": 16384, "way": "flex=None"}
        found = value("times_plain", "attention", **longest)
        yield Aim(f"{bias}, 16,384: at most 6 times plain causal attention", found, "most", 6)
        found = value("extra_mb", "attention", **longest)
        yield Aim(f"{bias}, 16,384: at most 100 MB extra, with the result", found, "most", 100)
    for what, most in (("output", 2e-6), ("gradient", 1e-5)):
        gaps = [row["gap"] for row in rows("flex against plain") if what in row.get("of", "")]
        text = f"flex against plain, every {what}: to {most:g} of the largest number"
        yield Aim(text, max(gaps, default=None), "most", most)
    for how in ("eager", "compiled"):
        found = rows(f"every encoding, {how}")
        failed = any("error" in row for row in found)
        gaps = [row["gap"] for row in found if "gap" in row]
        worst = None if failed or len(gaps) < len(P.encodings()) else max(gaps)
        text = f"all encodings, {how}: to 5e-7 of the largest number"
        yield Aim(text, worst, "most", 5e-7)
    for name in ("rope", "alibi", "t5"):
        found = rows("waits", encoding=name)
        count = sum(bool(row.get("waits", True)) for row in found) if found else None
        yield Aim(f"{name}: steps in which the host waits, 0", count, "most", 0)


def tables(jobs: dict[str, list[dict]]) -> Iterator[str]:
    """Every job as a table, with the columns that it has."""
    for job, rows in jobs.items():
        columns = list(dict.fromkeys(name for row in rows for name in row if name != "kernels"))
        body = [[_cell(row.get(name, "")) for name in columns] for row in rows]
        yield f"{job}\n\n" + table([columns, *body])
    rows = jobs.get("attention", [])
    for bias in BIASES:
        ms = {(row["length"], row["way"]): row["ms"] for row in rows
              if row["bias"] == bias and "ms" in row}  # fmt: skip
        pays = [
            f"{length:,} ({ms[length, 'flex=False'] / ms[length, 'flex=True']:.2f})"
            for length, way in ms if way == "flex=True" and (length, "flex=False") in ms
        ]  # fmt: skip
        if pays:
            yield f"{bias}: flex is so many times faster than a matrix at {', '.join(pays)}"


def _cell(value: object) -> object:
    return f"{value:.3g}" if isinstance(value, float) else value


JOBS: dict[str, Callable[[Bench], None]] = {
    "registry": functools.partial(registry, fast=False),
    "waits": waits,
    "rope": rope,
    "attention": attention,
    "layers": layers,
    "flex": flex_equals,
    "registry-compiled": functools.partial(registry, fast=True),
}
"""In this order, so that a run that is cut off has told the most."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("folder", type=Path, help="where gpu.json goes")
    parser.add_argument("--minutes", type=float, default=7.5, help="start nothing after that")
    parser.add_argument("--only", nargs="+", choices=JOBS, default=list(JOBS), help="these jobs")
    parser.add_argument("--dry-cpu", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not (options.dry_cpu or torch.cuda.is_available()):
        print("There is no CUDA here, so nothing was measured.")
        return
    options.folder.mkdir(parents=True, exist_ok=True)
    bench = Bench(options.folder, dry=options.dry_cpu, minutes=options.minutes)

    try:
        for name in options.only:
            torch.manual_seed(0)
            JOBS[name](bench)
    except TimeoutError:
        print(f"Stopped in {name}: {options.minutes:g} minutes are over.")
    bench.write()
    print(*tables(bench.jobs), verdicts(aims(bench.jobs)), sep="\n\n", flush=True)


if __name__ == "__main__":
    main()
