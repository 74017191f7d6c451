"""Independent runs side by side: the same call over one core, all cores, or a cluster.

    results = the runs in the order of the calls, whoever finishes first

joblib chooses where they run: `jobs` processes here, or the backend that the caller has put in
force, such as Dask with `joblib.parallel_config(backend="dask")`. Inside `keeping_runs(folder)`
each run is written as soon as it is finished, and what is there already is not run again.

The traps: two threads a run on a busy machine, which is slower at these sizes and sums in another
order; and anything drawn from a generator that runs share. Each run gets one thread and a seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import is_dataclass, replace
from threading import Lock
from typing import Any

from posenc_lib.base.extras import extra
from posenc_lib.experiments.parts.kept_runs import keep_run, read_run
from posenc_lib.experiments.parts.progress import progress, silent
from posenc_lib.experiments.parts.records import Record, Results

_SETTING = Lock()


def side_by_side(
    function: Callable[..., Iterable[Record]],
    calls: Iterable[dict[str, Any]],
    *,
    jobs: int | None = None,
) -> Results:
    """The records of `function(**call)` for each call, in the order of the calls.

    `jobs` is joblib's n_jobs: processes here, -1 for one a core. None leaves it to the backend in
    force, one run after the other where there is none. The number of jobs never changes a result.
    A bar counts the finished runs, once they have taken two seconds.

    Raises what the function raises, and like joblib for jobs = 0.

    >>> def twice(seed): return [Record("toy", "none", seed, 0, "value", 2.0 * seed)]
    >>> [record.value for record in side_by_side(twice, [{"seed": 1}, {"seed": 2}])]
    [2.0, 4.0]
    """
    with extra("experiments"):
        from joblib import Parallel, delayed

    calls = list(calls)
    runs = {number: read_run(function, call) for number, call in enumerate(calls)}
    missing = [number for number, records in runs.items() if records is None]
    parallel = Parallel(n_jobs=jobs, return_as="generator_unordered")
    finished = parallel(delayed(_alone)(function, calls[n], n) for n in missing)
    for number, records in progress(finished, "training", "run", total=len(missing)):
        keep_run(function, calls[number], records)
        runs[number] = records
    return Results(record for records in runs.values() for record in records or ())


def every_run(settings: Any) -> list[dict[str, Any]]:
    """The calls of an experiment: one for each task, encoding and seed of its settings.

    `settings` has `tasks`, `trained` (the encodings) and `seeds`; each call gets it too, narrowed
    to its own task, encoding and seed, so that a run is the same one whatever else is planned.

    >>> from types import SimpleNamespace
    >>> every_run(SimpleNamespace(tasks=["text"], trained=["t5"], seeds=[0, 1]))[1]["seed"]
    1
    """
    return [
        {
            "settings": narrowed(settings, task, encoding, seed),
            "task": task, "encoding": encoding, "seed": seed,
        }
        for task in settings.tasks
        for encoding in settings.trained
        for seed in settings.seeds
    ]  # fmt: skip


def narrowed(settings: Any, task: str, encoding: Any, seed: int) -> Any:
    """The settings of one run alone; what is no dataclass stays as it is."""
    if not is_dataclass(settings) or isinstance(settings, type):
        return settings
    return replace(settings, tasks=(task,), trained=(encoding,), seeds=(seed,))


def _alone(
    function: Callable[..., Iterable[Record]], call: dict[str, Any], number: int
) -> tuple[int, list[Record]]:
    with one_thread(), silent():
        return number, list(function(**call))


@contextmanager
def one_thread() -> Iterator[None]:
    """One torch thread inside; the number of before comes back afterwards.

    It holds for the Python thread that enters: others, and those that start meanwhile, keep their
    own number, in whatever order they enter and leave.
    """
    import torch

    before = torch.get_num_threads()
    _set_threads_here(1)
    try:
        yield
    finally:
        _set_threads_here(before)


def _set_threads_here(number: int) -> None:
    """torch.set_num_threads for this Python thread alone.

    It also sets the number that new threads start with, for the whole process. A thread of our own
    reads that one first and puts it back at once.
    """
    import torch

    with _SETTING, ThreadPoolExecutor(1) as elsewhere:
        start = elsewhere.submit(torch.get_num_threads).result()
        torch.set_num_threads(number)
        elsewhere.submit(torch.set_num_threads, start).result()
        if torch.get_num_threads() != number:  # a build of torch with one number for all threads
            torch.set_num_threads(number)
