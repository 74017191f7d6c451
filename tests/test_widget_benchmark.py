"""The page of the benchmark of live panels is written from its stored results."""

import json
from pathlib import Path

from benchmarks.widgets import report

FOLDER = Path(report.__file__).parent
RESULTS = json.loads((FOLDER / "results.json").read_text(encoding="utf-8"))


def test_the_page_is_the_one_of_the_results():
    assert (FOLDER / "README.md").read_text(encoding="utf-8") == report.page(RESULTS)
