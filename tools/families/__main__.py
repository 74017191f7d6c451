"""`make families`: compares every family that counts, and writes the map of the field.

    python -m tools.families                all of them, about 20 minutes on one core
    python -m tools.families llama gemma3   these families or classes alone, without the page

Results go to build/families/results.json as they come.
"""

from __future__ import annotations

import json
import signal
import sys
import time
import tomllib
import traceback
import warnings
from pathlib import Path
from typing import Any

import torch
import transformers

from posenc_lib import encoding_from_config
from tools.families.compare import Differs, Unchecked, compared
from tools.families.denominator import TARGET, classes

RESULTS = Path(__file__).parents[2] / "build" / "families" / "results.json"
LIMIT = 90  # seconds a class


def counted() -> dict[str, dict[str, Any]]:
    """The classes that count, from the committed list."""
    found: dict[str, dict[str, Any]] = tomllib.loads(TARGET.read_text(encoding="utf-8"))["counts"]
    return found


def looked_at(cls: type) -> dict[str, Any]:
    """What came of one class: equal, unchecked, differs or refused, and why."""
    began = time.monotonic()
    result: dict[str, Any] = {"family": cls.model_type or "", "class": cls.__name__}
    try:
        built = encoding_from_config(cls().to_dict())
    except Exception as refusal:
        kind = "refused" if isinstance(refusal, ValueError) else "breaks"
        return result | {"state": kind, "why": str(refusal)}
    result["report"] = built.report
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
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    stored = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    listed = counted()
    if not names:
        stored = {}
    for cls in classes():
        if cls.__name__ not in listed:
            continue
        if names and not {cls.__name__, cls.model_type, *_states(stored, cls)} & set(names):
            continue
        stored[cls.__name__] = looked_at(cls)
        RESULTS.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
        if names:
            one = stored[cls.__name__]
            print(cls.__name__, one["state"], one.get("why", one.get("checked")))
    states = [one["state"] for one in stored.values()]
    print({state: states.count(state) for state in sorted(set(states))}, "of", len(listed))


def _states(stored: dict[str, Any], cls: type) -> set[str]:
    """`make families FAMILIES=state:differs` looks again at those that differed."""
    return {f"state:{stored[cls.__name__]['state']}"} if cls.__name__ in stored else {"state:new"}


if __name__ == "__main__":
    main(sys.argv[1:])
