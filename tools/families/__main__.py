"""Compare every family that counts: `python -m tools.families [families]`.

Results go to build/families/results.json as they come, so that an interrupted run keeps them.
"""

import argparse
import json
import os
import sys
import warnings
from collections import Counter
from dataclasses import asdict

from tools.families.compare import check
from tools.families.denominator import FILE
from tools.notebooks import ROOT

RESULTS = ROOT / "build" / "families" / "results.json"


def main(arguments: list[str] | None = None) -> int:
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(prog="python -m tools.families", description=__doc__)
    parser.add_argument("families", nargs="*", help="default: all that count")
    parser.add_argument("--missing", action="store_true", help="those without a result only")
    options = parser.parse_args(arguments)
    counted = json.loads(FILE.read_text(encoding="utf-8"))["counted"]
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    for family in options.families or sorted(counted):
        if options.missing and results.get(family, {}).get("state") == "equal":
            continue
        verdict = check(family)
        results[family] = asdict(verdict)
        print(f"{family:32} {verdict.state:10} {verdict.why[:100]}", flush=True)
        RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    states = Counter(found["state"] for name, found in results.items() if name in counted)
    print(f"{dict(states)} of {len(counted)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
