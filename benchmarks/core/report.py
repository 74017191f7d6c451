"""The measured numbers as a page: the aims first, then every table."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.core.jobs import BEFORE, NAMES, NOW
from benchmarks.tables import Aim, table, verdicts

FASTER = {
    "forward": {"rope": 1.6, "alibi": 2.0, "t5": 2.0},
    "decoding": {"rope": 2.2, "alibi": 1.8, "shaw": 1.6, "t5": 1.5},
}
ROUNDING = 1e-5
"""Six layers of float32 end this far apart when every sum may be taken in another order."""


def ratio(job: dict | None, over: str, under: str) -> float | None:
    """Median over median; None for a job that was not measured."""
    if job is None:
        return None
    return job["seconds"][over]["median"] / job["seconds"][under]["median"]


def fact(job: dict | None, name: str) -> float | None:
    """What was looked at beside the clock."""
    return None if job is None else job["facts"][name]


def aims(jobs: dict[str, dict]) -> Iterator[Aim]:
    """Every aim, with what these jobs say about it."""
    for name, times in FASTER["forward"].items():
        job = jobs.get(f"forward {name}")
        text = f"{NAMES[name]}, forward: at least {times:g} times faster"
        yield Aim(text, ratio(job, BEFORE, NOW), "least", times)
    for name in NAMES:
        found = fact(jobs.get(f"forward {name}"), "gap")
        text = f"{NAMES[name]}, forward: equal to rounding, {ROUNDING:g}"
        yield Aim(text, found, "most", ROUNDING)
    for name, times in FASTER["decoding"].items():
        job = jobs.get(f"decoding {name}")
        text = f"{NAMES[name]}, decoding: at least {times:g} times faster"
        yield Aim(text, ratio(job, BEFORE, NOW), "least", times)
        text = f"{NAMES[name]}, decoding: equal to 1e-6"
        yield Aim(text, fact(job, "gap"), "most", 1e-6)
    for name in NAMES:
        found = ratio(jobs.get(f"training {name}"), BEFORE, NOW)
        yield Aim(f"{NAMES[name]}, training step: not slower (0.97)", found, "least", 0.97)
    for name in NAMES:
        found = fact(jobs.get(f"forward {name}"), "reads now")
        yield Aim(f"{NAMES[name]}, forward: the host reads at most 4 numbers", found, "most", 4)
    for layout in ("half", "interleaved"):
        job = jobs.get(f"compiled {layout}")
        if layout == "half":  # the other eager one is a single complex product, hard to beat
            found = ratio(job, f"{NOW}, compiled", f"{NOW}, eager")
            yield Aim(f"RoPE, {layout}: compiled over eager at most 10/13", found, "most", 10 / 13)
        found = None if job is None else 1e3 * job["seconds"][f"{NOW}, compiled"]["median"]
        yield Aim(f"RoPE, {layout}: compiled in at most 10 ms", found, "most", 10)


def times(job: dict) -> str:
    """The times of one job: medians, quartiles, and how often each way goes into the first."""
    rows = [["", "median ms", "quartiles", "times faster than the first edition"]]
    slowest = next(iter(job["seconds"].values()))["median"]
    for name, found in job["seconds"].items():
        low, median, high = (f"{1e3 * found[at]:.3g}" for at in ("low", "median", "high"))
        rows.append([name, median, f"{low} to {high}", f"{slowest / found['median']:.2f}"])
    return table(rows)


def others(job: dict) -> str:
    """What was looked at beside the clock, in a sentence."""
    facts = job["facts"]
    trained = job["key"].startswith("training")
    what = "gradient over the largest one" if trained else "number"
    text = f"Largest difference of a {what}: {facts['gap']:.1e}."
    if "reads now" in facts:
        text += (
            f" Numbers that the host reads: {facts['reads before']:.0f} in the first edition, "
            f"{facts['reads now']:.0f} now."
        )
    return text


def page(results: dict) -> str:
    """The whole README of this folder."""
    about = results["machine"]
    versions = ", ".join(f"{name} {v}" for name, v in about["versions"].items())
    jobs = results["jobs"]
    parts = [
        "# How fast the core is, beside the first edition",
        "Written by `make bench-core`; do not edit. Both editions run in one process, in turn, on "
        "one thread, with the same weights: six pre-norm layers with their feed-forward part, dim "
        f"{results['dim']}, {results['heads']} heads, causal, no weights asked for. Ratios are "
        "those of medians. Times on another machine differ: read the ratios, and the quartiles "
        "beside them. A training step counts as not slower from 0.97 on: that is as near as a "
        "shared machine can tell. Two bfloat16 numbers between 2 and 4 are at least 1.6e-02 apart. "
        f"The first edition is commit {results['commit']}, unpacked under another name.",
        f"Machine: {about['processor']}, {about['cores']} cores (1 thread used), "
        f"{about['memory_gib']} GiB, {about['system']}, Python {about['python']}, {versions}. "
        f"{about['date']}, load {about['load_at_start']} at the start and "
        f"{about['load_at_end']} at the end.",
        "## What was aimed at, and what was found",
        verdicts(aims({job["key"]: job for job in jobs})),
    ]
    for job in jobs:
        parts += [f"## {job['title']}", times(job), others(job)]
    return "\n\n".join(parts) + "\n"
