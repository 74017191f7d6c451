"""The measured numbers as a page and a picture."""

from __future__ import annotations

from collections.abc import Iterator

from matplotlib.figure import Figure

from benchmarks.cases import FLOOR
from posenc_lib.plots.palette import CYCLE


def table(job: dict) -> str:
    """One job as a Markdown table: time, ratios to ours and to the floor, error, peak memory."""
    seconds, errors, peak = job["seconds"], job["errors"], job.get("peak_bytes", {})
    mine = next((s for name, s in seconds.items() if name.startswith("ours")), None)
    floor = seconds.get(FLOOR)
    head = ["", "median ms"]
    head += ["times ours"] * (mine is not None) + ["times the floor"] * (floor is not None)
    head += ["largest error"] * bool(errors) + ["peak extra MB"] * bool(peak)
    rows = [head, ["---"] + ["--:"] * (len(head) - 1)]
    for name, s in seconds.items():
        row = [f"floor: {job['floor']}" if name == FLOOR else name, f"{1e3 * s:.3g}"]
        row += [f"{s / whole:.2f}" for whole in (mine, floor) if whole is not None]
        row += [f"{errors[name]:.1e}" if name in errors else ""] * bool(errors)
        bytes_used = peak.get(name)
        row += [f"{bytes_used / 1e6:.1f}" if bytes_used is not None else ""] * bool(peak)
        rows.append(row)
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def bars(jobs: list[dict]) -> str:
    """Each aim, the number found and whether it was reached, as a Markdown table."""
    rows = ["| aim | found | |", "|---|--:|---|"]
    for text, found, limit, wanted in _aims({job["title"]: job for job in jobs}):
        reached = found >= limit if wanted == "least" else found <= limit
        rows.append(f"| {text} | {found:.2g} | {'reached' if reached else 'not reached'} |")
    return "\n".join(rows)


def _aims(jobs: dict[str, dict]) -> Iterator[tuple[str, float, float, str]]:
    """(what, the number, the limit, "least" or "most")."""

    def job(start: str) -> tuple[dict, dict]:
        found = next(job for title, job in jobs.items() if title.startswith(start))
        return found["seconds"], found["errors"]

    def peer(seconds: dict) -> float:
        return min(s for n, s in seconds.items() if not n.startswith(("ours", FLOOR)))

    for size in ("5,000", "50,000"):
        seconds, errors = job(f"Sinusoidal table, {size}")
        title = f"sinusoidal table, {size} x 512"
        yield (
            f"{title}: at least 3 times faster than the fastest peer",
            (peer(seconds) / seconds["ours"]),
            3,
            "least",
        )
        yield f"{title}: at most 2 times a write", seconds["ours"] / seconds[FLOOR], 2, "most"
        yield f"{title}: largest error at most 2e-7", errors["ours"], 2e-7, "most"
    seconds, errors = job("RoPE, queries and keys of (1, 32, 4,096, 128), float32")
    slowest = max(seconds["ours, interleaved"], seconds["ours, half"])
    yield "RoPE float32, slower layout: at most 2 times a copy", slowest / seconds[FLOOR], 2, "most"
    yield (
        "RoPE float32, slower layout: at least 2 times faster than every peer",
        (peer(seconds) / slowest),
        2,
        "least",
    )
    seconds, errors = job("RoPE, queries and keys of (1, 32, 4,096, 128), bfloat16")
    slowest = max(seconds["ours, interleaved"], seconds["ours, half"])
    yield "RoPE bfloat16: not slower than the fastest peer", peer(seconds) / slowest, 1, "least"
    ours = max(error for name, error in errors.items() if name.startswith("ours"))
    fastest = min((n for n in errors if not n.startswith("ours")), key=seconds.get)
    text = "RoPE bfloat16: largest error of the fastest peer over ours, more than 1"
    yield text, errors[fastest] / ours, 1.01, "least"
    seconds, _ = job("T5 bias")
    yield (
        "T5 bias: at least 3 times faster than transformers",
        (seconds["transformers"] / seconds["ours"]),
        3,
        "least",
    )
    yield "T5 bias: near one write (1.5)", seconds["ours"] / seconds[FLOOR], 1.5, "most"
    seconds, _ = job("ALiBi")
    yield (
        "ALiBi: at least 3 times faster than x-transformers",
        (seconds["x-transformers"] / seconds["ours"]),
        3,
        "least",
    )
    yield "ALiBi: near one write (1.5)", seconds["ours"] / seconds[FLOOR], 1.5, "most"
    for name in ("Shaw scores", "Transformer-XL"):
        seconds, _ = job(name)
        yield (
            f"{name}, 2,048: at least 4 times faster than naive",
            (peer(seconds) / seconds["ours"]),
            4,
            "least",
        )
    seconds, _ = job("Attention")
    yield (
        "attention with a ready bias: time over torch's (1.05)",
        (seconds["ours, attention_output"] / peer(seconds)),
        1.05,
        "most",
    )
    seconds, _ = job("A fresh")
    yield (
        "import posenc_lib: seconds over an empty process, at most 0.15",
        (seconds["import posenc_lib"] - seconds[FLOOR]),
        0.15,
        "most",
    )


def limit(jobs: list[dict]) -> str:
    """Why the small sinusoidal table stays behind its aim, from the job that takes it apart."""
    job = next(job for job in jobs if job["title"].startswith("Where the time goes"))
    whole, small, product, threads, floor = (1e3 * s for s in job["seconds"].values())
    return (
        f"What limits the sinusoidal table of 5,000 rows: of its {whole:.2f} ms, {product:.2f} go "
        "into one complex product, which writes the table into fresh memory, and "
        f"{small:.2f} into the two small tables it is made from. Only writing takes {floor:.2f}. "
        "The product is one NumPy call on one thread, where the peers use PyTorch's threads; "
        f"shared between two threads it takes {threads:.2f}."
    )


def page(results: dict) -> str:
    """The whole README of this folder."""
    about = results["machine"]
    versions = ", ".join(f"{name} {v}" for name, v in about["versions"].items())
    parts = [
        "# How fast, and how exact",
        "Written by `make bench`; do not edit. All candidates run in one process, in turn; the "
        "tables give the median of each. Times on another machine differ, and on a shared machine "
        "they differ from hour to hour: read the ratios. The floor is the least work the result "
        "could need: a plain write, or copy, of the same bytes into memory newly asked for. What "
        "new memory costs changes from call to call, so a ratio near or below 1 means: no more "
        "than the memory itself. Errors are the largest absolute difference from float64. Peak "
        "memory is what the process held at most during one call, its result included.",
        '"By distance" makes the n + m - 1 different numbers, not the matrix. "Usual code" is what '
        'tutorials print. "Naive" looks up every pair. A "ready matrix" of distances is made '
        "beforehand. rotary-embedding-torch makes its positions in the dtype of the input, and "
        "bfloat16 knows no whole numbers past 256: hence its error there.",
        f"Machine: {about['processor']}, {about['cores']} cores ({about['threads']} threads used), "
        f"{about['memory_gib']} GiB, {about['system']}, Python {about['python']}, {versions}. "
        f"{about['date']}, load {about['load_at_start']} at the start and "
        f"{about['load_at_end']} at the end.",
    ]
    parts += ["## What was aimed at, and what was found", bars(results["jobs"])]
    parts += [limit(results["jobs"])]
    for job in results["jobs"]:
        parts += [f"## {job['title']}", table(job)]
    parts += [
        "## Time and memory against length",
        "![Median time and peak memory of ours, the peers and the floor against length, for four "
        "jobs, on logarithmic axes.](length.png)",
    ]
    return "\n\n".join(parts) + "\n"


def picture(sweeps: dict) -> Figure:
    """Two rows, time and peak memory, one column a job; logarithmic axes."""
    figure = Figure(figsize=(4.2 * len(sweeps), 7.6), layout="constrained")
    axes = figure.subplots(2, len(sweeps), sharex=True)
    for column, (title, by_length) in enumerate(sweeps.items()):
        lengths = sorted(by_length, key=int)
        names = list(by_length[lengths[0]]["seconds"])
        for n, name in enumerate(names):
            style = {
                "label": name, "color": "0.5" if name == FLOOR else CYCLE[n % len(CYCLE)],
                "marker": "o", "linestyle": ":" if name == FLOOR else "-",
                "linewidth": 2.5 if name.startswith("ours") else 1.5,
            }  # fmt: skip
            at = [int(length) for length in lengths]
            time, memory = axes[:, column]
            time.plot(at, [1e3 * by_length[n]["seconds"][name] for n in lengths], **style)
            peak = [by_length[n]["peak_bytes"][name] for n in lengths]
            if None not in peak:
                memory.plot(at, [max(p, 1e4) / 1e6 for p in peak], **style)
        time.set(title=title, ylabel="median time (ms)", xscale="log", yscale="log")
        memory.set(xlabel="length (positions)", ylabel="peak extra memory (MB)", yscale="log")
        memory.set_xticks(at, [str(n) for n in at])
        memory.minorticks_off()
        time.legend(fontsize=8)
    return figure
