"""The full results, as they ship: which settings and versions made them, and no date.

    python -m posenc_lib.experiments          trains everything again and writes the files

`full_results("extrapolation")` reads them without torch, so that a notebook shows the whole
picture at once and trains only the small version. A file is stale when its settings are not those
of the code any more; a test looks. A file that was changed by hand has another checksum than the
one that was written with it, and is refused.

The trap: numbers in a notebook that no code makes any more.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from importlib import import_module
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from posenc_lib.base import validation
from posenc_lib.base.extras import extra
from posenc_lib.base.shipped import whole
from posenc_lib.experiments.parts.kept_runs import keeping_runs
from posenc_lib.experiments.parts.records import Record, Results

FULL = {  # the function, and its settings beside it
    "extrapolation": "ExtrapolationSettings",
    "text_order": "TextOrderSettings",
    "order_budget": "OrderBudgetSettings",
    "digits": "DigitsSettings",
    "photo": "PhotographSettings",
    "pixels": "PixelsSettings",
    "series": "SeriesSettings",
    "dates": "DatesSettings",
}
PACKAGES = ("torch", "numpy", "scikit-learn")
CHECKSUMS = "checksums.json"


def full_results(name: str) -> Results:
    """The stored results of an experiment, by its name in `FULL`.

    Raises ValueError for another name, OSError where the file is missing or damaged.

    >>> full_results("digits").values("metric")
    ['accuracy', 'accuracy, shuffled']
    """
    stored = _stored(name)
    return Results(Record(*row) for row in stored["rows"])


def full_settings(name: str) -> dict[str, Any]:
    """The settings and versions that made the stored results, as plain dictionaries.

    Raises like `full_results`.

    >>> sorted(full_settings("digits"))
    ['settings', 'versions']
    """
    stored = _stored(name)
    return {"settings": stored["settings"], "versions": stored["versions"]}


def current_settings(name: str) -> dict[str, Any]:
    """The full settings of the code as it is now, in the form in which they are stored.

    Raises ValueError for another name.

    >>> current_settings("digits")["seeds"]
    [0, 1, 2]
    """
    _, settings = _experiment(name)
    return json.loads(json.dumps(asdict(settings())))


def run_full(
    name: str,
    tasks: Iterable[str] | None = None,
    *,
    jobs: int | None = None,
    missing: bool = False,
    folder: Path | None = None,
) -> Path:
    """Train the full version of an experiment and write its file, task by task; minutes.

    `tasks` are those of the settings, all of them unless given. What other tasks have stored stays
    if it was made by the same settings and versions, so a run that is cut short can go on later:
    `missing=True` leaves out what is there. Within a task each finished training is kept in the
    folder `unfinished`, until all of them are.

    Raises ValueError for another name or task, and like the experiment; PermissionError, before it
    trains, for a folder that cannot be written.
    """
    function, settings = _experiment(name)
    where = folder or results_folder()
    if where.exists() and not os.access(where, os.W_OK):
        raise PermissionError(
            f"run_full: {where} cannot be written, so the results would be lost. Pass another "
            "folder, or run it from a copy of the repository that is yours."
        )
    plan, unfinished = settings(), where / "unfinished" / name
    for task in plan.tasks if tasks is None else tasks:
        validation.choice("run_full", "tasks", task, plan.tasks)
        if missing and _still_valid(name, plan, folder).where(task=task):
            continue
        with keeping_runs(unfinished):
            found = function(replace(plan, tasks=(task,)), jobs=jobs)
        others = [r for r in _still_valid(name, plan, folder) if r.task != task]
        order = sorted((*others, *found), key=lambda record: plan.tasks.index(record.task))
        write(name, plan, Results(order), folder)
    shutil.rmtree(unfinished, ignore_errors=True)
    return (folder or results_folder()) / f"{name}.json"


def write(name: str, settings: Any, results: Results, folder: Path | None = None) -> Path:
    """Write results with their settings and versions, a record a line, rounded to six digits.

    The checksum of the file goes into `checksums.json` beside it.

    Raises ValueError for another name.
    """
    validation.choice("write", "name", name, tuple(FULL))
    path = (folder or results_folder()) / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    head: dict[str, Any] = {"settings": asdict(settings), "versions": current_versions()}
    head["columns"] = list(Record.__dataclass_fields__)
    value = head["columns"].index("value")
    rows = [[*asdict(record).values()] for record in results]
    for row in rows:
        row[value] = float(f"{row[value]:.6g}")
    lines = ",\n".join(json.dumps(row) for row in rows)
    text = json.dumps(head, indent=1)[:-2] + ',\n "rows": [\n' + lines + "\n]}\n"
    content = text.encode()
    sums = _checksums(path.parent) | {path.name: hashlib.sha256(content).hexdigest()}
    path.write_bytes(content)
    told = json.dumps(dict(sorted(sums.items())), indent=1) + "\n"
    path.with_name(CHECKSUMS).write_bytes(told.encode())
    return path


def current_versions() -> dict[str, str]:
    """The versions that numbers depend on, without a build's suffix."""
    with extra("experiments"):
        found = {package: version(package).split("+")[0] for package in PACKAGES}
    return {"python": platform.python_version()} | found


def _still_valid(name: str, settings: Any, folder: Path | None) -> Results:
    """What is stored already and was made by the same settings and versions."""
    try:
        stored = _stored(name, folder)
    except OSError:  # not there, or not as it was written
        return Results()
    same = {"settings": json.loads(json.dumps(asdict(settings))), "versions": current_versions()}
    if any(stored[key] != value for key, value in same.items()):
        return Results()
    return Results(Record(*row) for row in stored["rows"])


def _experiment(name: str) -> tuple[Callable[..., Results], type]:
    settings = FULL[validation.choice("experiment", "name", name, tuple(FULL))]
    package = import_module("posenc_lib.experiments")
    return getattr(package, name), getattr(package, settings)


def results_folder() -> Path:
    """Where the stored results lie."""
    return Path(str(files("posenc_lib").joinpath("experiments", "results")))


def _checksums(folder: Path) -> dict[str, str]:
    path = folder / CHECKSUMS
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _stored(name: str, folder: Path | None = None) -> dict[str, Any]:
    file = f"{validation.choice('full_results', 'name', name, tuple(FULL))}.json"
    folder = folder or results_folder()
    content = (folder / file).read_bytes()
    sha256 = _checksums(folder).get(file, "one in checksums.json")
    return json.loads(whole("full_results", file, content, sha256))
