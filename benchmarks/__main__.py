"""`python -m benchmarks`: measure everything, write README.md, results.json and length.png."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import torch

from benchmarks import cases, report
from benchmarks.machine import machine
from benchmarks.measure import medians, peaks

HERE = Path(__file__).parent
PACKAGES = (
    "torch", "numpy", "transformers", "x-transformers", "rotary-embedding-torch",
    "positional-encodings",
)  # fmt: skip


def measured(job: cases.Job, *, rounds: int, seconds: float) -> dict:
    """One job as plain data."""
    print(job.title, flush=True)
    times = medians(job.ways, rounds=rounds, seconds=seconds)
    truth = job.truth() if job.truth else None
    errors = {}
    for name, read in job.errors.items():
        found = read(job.ways[name]())
        gap = found if truth is None else found.double() - truth
        errors[name] = float(gap.abs().max())
    return {"title": job.title, "floor": job.floor, "seconds": times, "errors": errors}


def with_memory(data: dict, job: cases.Job) -> dict:
    """The same with peak memory, measured after all times: it changes how memory is handed out."""
    return {**data, "peak_bytes": peaks(job.ways)}


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=20.0, help="for each job, about")
    parser.add_argument("--only", default="", help="jobs whose title contains this; write nothing")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    makers = [
        lambda: cases.sinusoidal(5_000),
        lambda: cases.sinusoidal(50_000),
        cases.sinusoidal_parts,
        lambda: cases.rope(),
        lambda: cases.rope(dtype=torch.bfloat16),
        lambda: cases.t5(2048),
        lambda: cases.alibi(2048),
        lambda: cases.shaw(2048),
        lambda: cases.transformer_xl(2048),
        lambda: cases.attention(),
        cases.imports,
    ]
    sweeps = {
        "sinusoidal table, dim 512": cases.sinusoidal,
        "RoPE, 8 heads of 128": lambda n: cases.rope(n, heads=8),
        "T5 bias, 8 heads": cases.t5,
        "Shaw scores, 2 heads of 64": cases.shaw,
    }
    lengths = (128, 256, 512, 1024, 2048)
    if options.only:
        for make in makers:
            job = make()
            if options.only.lower() in job.title.lower():
                data = measured(job, rounds=options.rounds, seconds=options.seconds)
                print(report.table(data))
        return

    about = machine(PACKAGES) | {"threads": torch.get_num_threads()}
    spent = {"rounds": options.rounds, "seconds": options.seconds}
    jobs = [measured(make(), **spent) for make in makers]
    swept = {
        title: {n: measured(make(n), rounds=9, seconds=6) for n in lengths}
        for title, make in sweeps.items()
    }
    jobs = [with_memory(data, make()) for data, make in zip(jobs, makers, strict=True)]
    swept = {
        title: {n: with_memory(swept[title][n], make(n)) for n in lengths}
        for title, make in sweeps.items()
    }
    about["load_at_end"] = round(os.getloadavg()[0], 1)
    results = {"machine": about, "jobs": jobs, "sweeps": swept}
    (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (HERE / "README.md").write_text(report.page(results), encoding="utf-8")
    report.picture(results["sweeps"]).savefig(HERE / "length.png", dpi=110)


if __name__ == "__main__":
    main()
