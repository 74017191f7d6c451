"""Your own encoding in an experiment of this library, beside the results that ship.

    compare(MyEncoding)    a task of the length experiment: rates chosen on validation, three seeds

The same data, model, recipe and seeds as the stored runs have, so that the two can stand in one
figure. A class of twenty lines will do: see "Add an encoding" in CONTRIBUTING.

The trap: a comparison in which one's own encoding had its learning rate tuned by hand, for longer,
and on the test data. Here it gets what the others got.
"""

from __future__ import annotations

import getpass
import inspect
import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from posenc_lib.base import validation
from posenc_lib.base.doors import PositionEncoding
from posenc_lib.experiments.lengths import train_short
from posenc_lib.experiments.lengths.settings import TASKS, ExtrapolationSettings
from posenc_lib.experiments.parts.kept_runs import keeping_runs
from posenc_lib.experiments.parts.parallel import side_by_side
from posenc_lib.experiments.parts.records import Record, Results
from posenc_lib.experiments.shipped_results import full_results
from posenc_lib.registry import register_encoding, unregister_encoding


class Comparison(Results):
    """Results of one task that a notebook shows as the figure of the length experiment.

    >>> Comparison([Record("text", "rope", 0, 32, "loss in nats", 1.7)]).task
    'text'
    """

    @property
    def task(self) -> str:
        """The task that all records are of."""
        return self.values("task")[0]

    def figure(self) -> Any:
        """The metric of the task against the length: the loss on text, else the accuracy."""
        metric = train_short.LOSS if self.task == "text" else train_short.ACCURACY
        # Pictures are a room above this one, so the figure is looked up when it is wanted.
        draw = import_module("posenc_lib.plots.lengths").losses
        return draw(self, task=self.task, metric=metric)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return self.figure()._repr_mimebundle_(**options)


def compare(
    encoding: type[PositionEncoding],
    *,
    task: str = "text",
    settings: ExtrapolationSettings | None = None,
    jobs: int | None = None,
    keep: str | os.PathLike[str] | None = "",
) -> Comparison:
    """Train the small decoder with your encoding, and put it beside the stored results of a task.

    `encoding` is a class; sizes that it has no default for are filled in as `make_encoding` does.
    Its learning rate is chosen on the validation data, as that of the others was, then it is
    trained with the same three seeds and read at 32 to 256 tokens: about two minutes. A notebook
    shows the result as a figure; it is also a `Results`, with all numbers.

    `settings` other than the stored ones train the others too. `keep` is the folder in which
    finished runs are kept, so that an interrupted call goes on: a temporary folder unless given,
    nothing for None. `jobs` is that of `side_by_side`.

    Raises TypeError for what is no class of a `PositionEncoding`, ValueError for another task and a
    class whose name the library has; what the encoding raises.

    >>> from posenc_lib import DistanceBias
    >>> class Nearest(DistanceBias):
    ...     def by_distance(self, distance):
    ...         return -distance.abs().double().unsqueeze(0)  # an axis for the heads
    >>> from posenc_lib.experiments import Training
    >>> quick = ExtrapolationSettings(trained=("rope",), seeds=(0,), rates=(), dim=16,
    ...                               drawn=Training(steps=2), scored_drawn=256)
    >>> compare(Nearest, task="sum", settings=quick, keep=None).values("encoding")[-1]
    'Nearest'
    """
    if not (inspect.isclass(encoding) and issubclass(encoding, PositionEncoding)):
        raise validation.refuse(
            TypeError, "compare", "encoding",
            getattr(encoding, "__name__", type(encoding).__name__),
            "a subclass of PositionEncoding", "Pass the class itself, not an object of it.",
        )  # fmt: skip
    validation.choice("compare", "task", task, TASKS)
    plan = replace(ExtrapolationSettings() if settings is None else settings, tasks=(task,))
    name = encoding.__name__
    with keeping_runs(_kept_folder() if keep == "" else keep):
        register_encoding(name, encoding)  # refuses a taken name before anything is trained
        unregister_encoding(name)
        if settings is None:
            others = Results(full_results("extrapolation").where(task=task))
        else:
            others = train_short.extrapolation(plan, jobs=jobs)
        mine = replace(plan, trained=(name,))
        tried = _side_by_side(encoding, train_short.tuning_calls(mine), jobs)
        own = _side_by_side(encoding, train_short.tested_calls(mine, tried), jobs)
    return Comparison((*others, *tried.where(task=task), *own))


def _side_by_side(
    encoding: type[PositionEncoding], calls: list[tuple[Callable[..., Any], dict[str, Any]]],
    jobs: int | None,
) -> Results:  # fmt: skip
    given = [{"run": run, "own": encoding, "call": call} for run, call in calls]
    return side_by_side(run_own, given, jobs=jobs)


def run_own(
    run: Callable[..., list[Record]], own: type[PositionEncoding], call: dict[str, Any]
) -> list[Record]:
    """One run with your encoding under its name, in whatever process that is.

    Raises like the run and like `register_encoding`.
    """
    register_encoding(own.__name__, own)
    try:
        return run(**call)
    finally:
        unregister_encoding(own.__name__)


def _kept_folder() -> Path:
    return Path(tempfile.gettempdir()) / f"posenc_runs_{getpass.getuser()}"
