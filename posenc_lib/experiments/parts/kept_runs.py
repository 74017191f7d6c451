"""Finished runs, kept one by one: what was interrupted goes on where it stopped.

    name of a run's file = sha256(function, call, versions)

A run is the same one where its function, its whole call (settings and seed too) and the versions
of the packages are the same. Then its records are read instead of trained again.

The trap: a cache that forgets one of the settings. Here all of the call goes into the name.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, is_dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from posenc_lib.experiments.parts.records import Record

PACKAGES = ("torch", "numpy")
_FOLDER: ContextVar[Path | None] = ContextVar("folder of kept runs", default=None)


@contextmanager
def keeping_runs(folder: str | os.PathLike[str] | None) -> Iterator[None]:
    """Inside, `side_by_side` writes each finished run into `folder` and trains none of them twice.

    None keeps nothing. The folder is made where it does not exist.

    Raises OSError where the folder cannot be made.

    >>> with keeping_runs(None):
    ...     read_run(print, {"seed": 0}) is None
    True
    """
    path = None if folder is None else Path(folder)
    if path is not None:
        path.mkdir(parents=True, exist_ok=True)
    before = _FOLDER.set(path)
    try:
        yield
    finally:
        _FOLDER.reset(before)


def read_run(function: Callable[..., Any], call: Mapping[str, Any]) -> list[Record] | None:
    """The records of a run that is kept, or None."""
    path = _path(function, call)
    if path is None or not path.exists():
        return None
    return [Record(**record) for record in json.loads(path.read_text(encoding="utf-8"))]


def keep_run(function: Callable[..., Any], call: Mapping[str, Any], records: list[Record]) -> None:
    """Write the records of a finished run; nothing outside `keeping_runs`.

    The file gets its name at the end, so that half a file is never read.
    """
    path = _path(function, call)
    if path is None:
        return
    half = path.with_suffix(f".{os.getpid()}")
    half.write_text(json.dumps([asdict(record) for record in records]), encoding="utf-8")
    half.replace(path)


def _path(function: Callable[..., Any], call: Mapping[str, Any]) -> Path | None:
    folder = _FOLDER.get()
    if folder is None:
        return None
    name = f"{getattr(function, '__module__', '')}.{getattr(function, '__qualname__', function)}"
    told = {"function": name, "call": call, "versions": {p: version(p) for p in PACKAGES}}
    text = json.dumps(told, default=_plain, sort_keys=True)
    return folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"


def _plain(value: Any) -> Any:
    """Settings as dictionaries; anything else by its name, never by its address in memory."""
    if is_dataclass(value) and not isinstance(value, type):
        return {"settings": type(value).__name__, **asdict(value)}
    if hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}", _source(value)
    raise TypeError(f"keeping_runs: {type(value).__name__} in a call has no name to be kept under.")


def _source(value: Any) -> Any:
    """The code of a class or function of the reader's own: edited, it is another run.

    The library's own code is left out: its runs are told apart by their settings and versions. A
    class is read method by method, because a class in a notebook has no file that could be read.
    """
    if value.__module__.startswith("posenc_lib."):
        return None
    try:
        if not isinstance(value, type):
            return inspect.getsource(value)
        own = {name: part for name, part in vars(value).items() if not _by_python(name)}
        bases = [base for base in value.__bases__ if base.__module__ == value.__module__]
        return [
            [name, inspect.getsource(part) if inspect.isroutine(part) else repr(part)]
            for name, part in own.items()
        ] + [_source(base) for base in bases]
    except (OSError, TypeError):
        raise TypeError(
            f"keeping_runs: the code of {value.__qualname__} is not to be found, so an edited "
            "version could not be told apart. Write it in a cell or a file, or keep nothing."
        ) from None


def _by_python(name: str) -> bool:
    """Attributes that every class has, whatever its author wrote; `__init__` is not one of them."""
    return name.startswith("__") and name not in ("__init__", "__call__")
