"""The benchmark of the live panels itself: its report, and its slow link."""

import copy
import json
from pathlib import Path

import pytest

pytest.importorskip("playwright")

from benchmarks.widgets import report

FOLDER = Path(report.__file__).parent
RESULTS = json.loads((FOLDER / "results.json").read_text(encoding="utf-8"))
PLAIN = "plain JupyterLab, 50 x 64: median at"


def verdicts(results: dict) -> dict[str, str]:
    rows = [line.strip("| ").split(" | ") for line in report.bars(results).splitlines()[2:]]
    return {row[0].strip(): row[-1].strip() for row in rows}


def test_the_page_is_the_one_of_the_results():
    assert (FOLDER / "README.md").read_text(encoding="utf-8") == report.page(RESULTS)


@pytest.mark.parametrize(
    ("path", "good", "bad", "bar"),
    [
        (("settings", "canvas", "moves", "200 x 128", "p95"), 49, 51, "`make lab`, 200 x 128: 95"),
        (("plain", "canvas", "moves", "50 x 64", "median"), 44, 46, f"{PLAIN} most 45"),
        (("plain", "naive", "moves", "50 x 64", "median"), 1e5, 1, f"{PLAIN} least 6 times"),
        (("settings", "canvas", "drag", "frames_per_second"), 16, 14, "drag: at least 15"),
        (("settings", "canvas", "drag", "right"), True, False, "drag: final state"),
        (("slow", "canvas", "drag", "after"), 2, 40, "150 ms each way: pictures"),
        (("settings", "canvas", "updates", "kernel_growth"), 4e6, 6e6, "1,000 updates: kernel"),
        (("settings", "canvas", "updates", "figures_open"), 0, 1, "1,000 updates: figures"),
    ],
)
def test_a_bar_is_judged_by_its_number(path, good, bad, bar):
    for value, verdict in ((good, "reached"), (bad, "not reached")):
        results = copy.deepcopy(RESULTS)
        results["settings"]["canvas"]["updates"]["n"] = 1000
        place = results
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        found = [said for text, said in verdicts(results).items() if text.startswith(bar)]
        assert found == [verdict]
