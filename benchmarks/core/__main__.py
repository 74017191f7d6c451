"""`python -m benchmarks.core`: time both editions, write README.md and results.json."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import torch

from benchmarks.core import report
from benchmarks.core.editions import COMMIT, first_edition
from benchmarks.core.jobs import Job, Sizes, jobs
from benchmarks.machine import machine
from benchmarks.measure import quartiles

HERE = Path(__file__).parent


def measured(job: Job, *, seconds: float) -> dict:
    """One job as plain data; only a training step keeps gradients."""
    with torch.set_grad_enabled(job.trains):
        facts = {name: look() for name, look in job.facts.items()}
        taken = quartiles(job.ways, rounds=job.rounds, seconds=seconds)
    return {"key": job.key, "title": job.title, "seconds": taken, "facts": facts}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.core", description=__doc__)
    parser.add_argument("--seconds", type=float, default=40.0, help="for each job, about")
    parser.add_argument("--only", default="", help="jobs whose title contains this; write nothing")
    parser.add_argument("--quick", action="store_true", help="tiny sizes; write nothing")
    options = parser.parse_args()
    torch.set_num_threads(1)

    about = machine(("torch", "numpy"))
    sizes, found = Sizes.quick() if options.quick else Sizes(), []
    with first_edition() as first:
        for make in jobs(first, sizes):
            job = make()
            if options.only.lower() not in job.title.lower():
                continue
            print(job.title, flush=True)
            found.append(measured(job, seconds=2.0 if options.quick else options.seconds))
            print(report.times(found[-1]), report.others(found[-1]), sep="\n\n", flush=True)
    about["load_at_end"] = round(os.getloadavg()[0], 1)
    results = {
        "machine": about, "commit": COMMIT, "dim": sizes.dim, "heads": sizes.heads, "jobs": found,
    }  # fmt: skip
    if options.only or options.quick:
        aims = report.aims({job["key"]: job for job in found})
        print(report.verdicts(aim for aim in aims if aim.found is not None))
        return
    (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (HERE / "README.md").write_text(report.page(results), encoding="utf-8")


if __name__ == "__main__":
    main()
