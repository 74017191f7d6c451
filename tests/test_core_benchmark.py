"""The benchmarks of the core itself: aims are judged by their numbers, and what cannot run says so.

No test looks at a time.
"""

import os
import subprocess
import sys
from pathlib import Path

import torch

from benchmarks.reads import reads

ROOT = Path(__file__).resolve().parents[1]


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
