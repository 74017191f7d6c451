"""Independent runs side by side: the same call over one core, all cores, or a cluster.

    results = the runs in the order of the calls, whoever finishes first

joblib chooses where they run: `jobs` processes here, or the backend that the caller has put in
force, such as Dask with `joblib.parallel_config(backend="dask")`.

The traps: two threads a run on a busy machine, which is slower at these sizes and sums in another
order; and anything drawn from a generator that runs share. Each run gets one thread and a seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import Any

from posenc_lib.base.extras import extra
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

    Raises what the function raises, and like joblib for jobs = 0.

    >>> def twice(seed): return [Record("toy", "none", seed, 0, "value", 2.0 * seed)]
    >>> [record.value for record in side_by_side(twice, [{"seed": 1}, {"seed": 2}])]
    [2.0, 4.0]
    """
    with extra("experiments"):
        from joblib import Parallel, delayed

    runs = Parallel(n_jobs=jobs)(delayed(_alone)(function, call) for call in calls)
    return Results(record for run in runs for record in run)


def every_run(settings: Any) -> list[dict[str, Any]]:
    """The calls of an experiment: one for each task, encoding and seed of its settings.

    `settings` has `tasks`, `trained` (the encodings) and `seeds`; each call gets it too.

    >>> from types import SimpleNamespace
    >>> every_run(SimpleNamespace(tasks=["text"], trained=["t5"], seeds=[0, 1]))[1]["seed"]
    1
    """
    return [
        {"settings": settings, "task": task, "encoding": encoding, "seed": seed}
        for task in settings.tasks
        for encoding in settings.trained
        for seed in settings.seeds
    ]


def _alone(function: Callable[..., Iterable[Record]], call: dict[str, Any]) -> list[Record]:
    with one_thread():
        return list(function(**call))


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
