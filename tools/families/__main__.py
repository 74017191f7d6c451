"""`make families`: compares every family that counts, and writes the map of the field.

    python -m tools.families                all of them, about 20 minutes on one core
    python -m tools.families llama gemma3   these families, the others as they were
    python -m tools.families state:differs  those that differed in the last run

Results go to build/families/results.json as they come.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import CONFIG_MAPPING

from posenc_lib import encoding_from_config
from tools.families.compare import Differs, Unchecked, compared
from tools.families.denominator import FILE
from tools.families.page import write
from tools.families.settings import default, why

RESULTS = Path(__file__).parents[2] / "build" / "families" / "results.json"
LIMIT = 60  # seconds a family
MEMORY = 6 * 1024**3  # bytes that all of them may take


def counted() -> dict[str, dict[str, Any]]:
    """The families that count, from the committed list, by `model_type`."""
    found: dict[str, dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))["counted"]
    return found


def looked_at(family: str, mechanisms: list[str]) -> dict[str, Any]:
    """What came of one family: equal, unchecked, differs or refused, and why."""
    began = time.monotonic()
    cls = CONFIG_MAPPING[family]
    result: dict[str, Any] = {"class": cls.__name__, "mechanisms": mechanisms}
    try:
        built = encoding_from_config(default(cls).to_dict())
    except Exception as refusal:
        kind = "refused" if isinstance(refusal, ValueError) else "breaks"
        return result | {"state": kind, "why": str(refusal)}
    result["report"] = built.report
    if given := why(cls):
        result["given"] = given
    signal.signal(signal.SIGALRM, _late)
    signal.alarm(LIMIT)
    try:
        done = compared(cls)
        result |= {"state": "equal", "checked": vars(done)}
    except Differs as found:
        result |= {"state": "differs", "why": str(found)}
    except Unchecked as found:
        result |= {"state": "unchecked", "why": str(found)}
    except Exception as problem:
        last = traceback.extract_tb(problem.__traceback__)[-1]
        at = f"{Path(last.filename).name}:{last.lineno}"
        text = str(problem).strip().split("\n")[0][:160]
        result |= {"state": "unchecked", "why": f"{type(problem).__name__} at {at}: {text}"}
    finally:
        signal.alarm(0)
    return result | {"seconds": round(time.monotonic() - began, 1)}


def _late(*_: object) -> None:
    raise Unchecked(f"more than {LIMIT} seconds")


def main(names: list[str]) -> None:
    """Compare all, or those named."""
    transformers.logging.set_verbosity_error()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    stored = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    listed = counted()
    stored = {family: one for family, one in stored.items() if names and family in listed}
    for family in listed:
        state = "state:" + stored.get(family, {"state": "new"})["state"]
        if names and family not in names and state not in names:
            continue
        stored[family] = looked_at(family, listed[family]["mechanisms"])
        RESULTS.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
        if names:
            one = stored[family]
            print(family, one["state"], one.get("why", one.get("checked")), flush=True)
    if not listed.keys() - stored.keys():
        write(stored)
    states = [one["state"] for one in stored.values()]
    print({state: states.count(state) for state in sorted(set(states))}, "of", len(listed))


if __name__ == "__main__":
    main(sys.argv[1:])
