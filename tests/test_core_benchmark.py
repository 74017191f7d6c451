"""The benchmarks of the core itself: aims are judged by their numbers, and what cannot run says so.

No test looks at a time.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.core import report
from benchmarks.core.jobs import BEFORE, NOW
from benchmarks.reads import reads

ROOT = Path(__file__).resolve().parents[1]


def job(key: str, before: float, now: float, **facts: float) -> dict:
    seconds = {
        name: {"low": s, "median": s, "high": s} for name, s in ((BEFORE, before), (NOW, now))
    }
    return {"key": key, "title": key, "seconds": seconds, "facts": facts}


def verdict(aims, start: str) -> str:
    [found] = [aim.verdict for aim in aims if aim.text.startswith(start)]
    return found


@pytest.mark.parametrize(("now", "said"), [(0.6, "reached"), (0.7, "not reached")])
def test_an_aim_is_judged_by_the_times(now, said):
    jobs = {"forward rope": job("forward rope", 1.0, now, gap=0.0, **{"reads now": 0})}
    assert verdict(report.aims(jobs), "RoPE, forward: at least 1.6") == said
    assert verdict(report.aims(jobs), "T5, forward: at least 2") == "not measured"


@pytest.mark.parametrize(
    ("gap", "count", "said"), [(1e-7, 4, "reached"), (1e-3, 5, "not reached"),
                               (float("nan"), 5, "not reached")],
)  # fmt: skip
def test_a_wrong_result_and_a_waiting_host_are_not_reached(gap, count, said):
    jobs = {"forward t5": job("forward t5", 1.0, 0.1, gap=gap, **{"reads now": count})}
    assert verdict(report.aims(jobs), "T5, forward: equal") == said
    assert verdict(report.aims(jobs), "T5, forward: the host") == said


def test_every_kind_of_read_is_counted():
    numbers = torch.arange(3)
    assert reads(lambda: numbers + 1) == 0
    assert reads(lambda: (numbers.tolist(), bool(numbers.any()), numbers[0].item())) == 3


def test_without_cuda_nothing_is_measured(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu", str(tmp_path / "out")],
        cwd=ROOT, env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == "There is no CUDA here, so nothing was measured.\n"
    assert list(tmp_path.iterdir()) == []
