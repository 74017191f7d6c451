"""Tidy results: one record a number, with the task, encoding, setting and seed it belongs to.

    mean = sum(v_s) / n,     spread = sqrt(sum((v_s - mean)^2) / (n - 1)),     s the seeds

The trap: the spread over seeds says how much luck a training run has. It says nothing about the
test set, which all seeds share.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from posenc_lib.base import validation

Variant = tuple[str, Mapping[str, Any]]  # an encoding and its setting


@dataclass(frozen=True)
class Record:
    """One measured number.

    `task` is the data and the question, `encoding` the name, `seed` that of the run (None for a
    baseline, which has none), `at` a length in tokens or a horizon in steps, `metric` what is
    measured and in which unit, `value` the number, `setting` what sets this run apart from others
    with the same encoding, as JSON can hold it.

    >>> Record("text", "alibi", 0, 32, "loss in nats", 1.9).value
    1.9
    """

    task: str
    encoding: str
    seed: int | None
    at: int
    metric: str
    value: float
    setting: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def label(self) -> str:
        """Encoding and setting in words.

        >>> Record("co2", "rope", 0, 12, "rmse", 0.8, {"by_time": True, "rate": 0.01}).label
        'rope, by time, rate 0.01'
        """
        return label_of(self.encoding, self.setting)


def label_of(encoding: str, setting: Mapping[str, Any]) -> str:
    """An encoding with its setting in words; what is True is named without its value.

    >>> label_of("sinusoidal", {"base": 10.0}), label_of("rope", {})
    ('sinusoidal, base 10', 'rope')
    """
    told = [
        name.replace("_", " ") + ("" if value is True else f" {str(value).removesuffix('.0')}")
        for name, value in setting.items()
    ]
    return ", ".join([encoding, *told])


FIELDS = (*Record.__dataclass_fields__, "label")  # what `where`, `values` and `table` take


class Results(Sequence[Record]):
    """Records in the order they were measured; filtered, averaged and shown as a table.

    Raises TypeError for an entry that is not a `Record`.

    >>> both = Results(Record("sum", "rope", seed, 32, "accuracy", seed / 2) for seed in (0, 1))
    >>> both.mean(encoding="rope"), len(both.where(seed=0))
    (0.25, 1)
    """

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self.records = tuple(records)
        for record in self.records:
            if not isinstance(record, Record):
                raise validation.refuse(
                    TypeError, "Results", "records", type(record).__name__, "Record objects",
                    "Make each number a Record.",
                )  # fmt: skip

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: Any) -> Any:
        found = self.records[index]
        return Results(found) if isinstance(index, slice) else found

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def __add__(self, other: Iterable[Record]) -> Results:
        return Results((*self.records, *other))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Results) and self.records == other.records

    def where(self, **fields: Any) -> Results:
        """The records with these fields, such as `where(task="text", at=32)`, or this `label`.

        Raises TypeError for a field that records do not have.
        """
        unknown = set(fields) - set(FIELDS)
        if unknown:
            raise validation.refuse(
                TypeError, "Results.where", "fields", sorted(unknown),
                f"fields among {list(FIELDS)}", "Check the spelling.",
            )  # fmt: skip
        wanted = fields.items()
        return Results(r for r in self if all(getattr(r, k) == v for k, v in wanted))

    def values(self, field: str) -> list[Any]:
        """The different values of a field, or the labels, in the order in which they come."""
        found: list[Any] = []
        for record in self:
            value = getattr(record, field)
            if value not in found:  # a setting cannot be hashed
                found.append(value)
        return found

    def mean(self, **fields: Any) -> float:
        """The mean value of the records with these fields.

        Raises ValueError where there are none, and where one encoding comes in several settings.
        """
        return statistics.fmean(self._numbers(fields))

    def spread(self, **fields: Any) -> float:
        """Their standard deviation, n - 1 below the line; 0 for a single record."""
        numbers = self._numbers(fields)
        return statistics.stdev(numbers) if len(numbers) > 1 else 0.0

    def _numbers(self, fields: dict[str, Any]) -> list[float]:
        found = self.where(**fields)
        if not found:
            raise validation.refuse(
                ValueError, "Results", "fields", fields, "fields of at least one record",
                "values() lists what there is.",
            )  # fmt: skip
        if len(labels := found.values("label")) > len(found.values("encoding")):
            raise validation.refuse(
                ValueError, "Results", "fields", fields,
                f"one setting of each encoding, not {labels}", "Filter by setting or label.",
            )  # fmt: skip
        return [record.value for record in found]

    def table(self, rows: str = "encoding", columns: str = "at", digits: int = 3) -> str:
        """A markdown table of mean ± spread, for results that are filtered to one task and metric.

        With `rows="label"`, each setting of an encoding has a row.

        Raises ValueError where a cell would mix tasks, metrics or settings.
        """
        told_apart = {rows, columns}
        if "label" in told_apart:
            told_apart |= {"encoding"}
        for name in sorted({"task", "metric", "at", "encoding"} - told_apart):
            if len(self.values(name)) > 1:
                raise validation.refuse(
                    ValueError, "Results.table", name, self.values(name), "one of them",
                    f"Filter first: where({name}=...).",
                )  # fmt: skip
        heads = self.values(columns)
        lines = [f"| {rows} | " + " | ".join(str(h) for h in heads) + " |"]
        lines.append("|" + " --- |" * (len(heads) + 1))
        for row in self.values(rows):
            cells = [self._cell({rows: row, columns: head}, digits) for head in heads]
            lines.append(f"| {row} | " + " | ".join(cells) + " |")
        return "\n".join(lines)

    def _cell(self, fields: dict[str, Any], digits: int) -> str:
        found = self.where(**fields)
        if not found:
            return ""
        mean = f"{found.mean():.{digits}f}"
        return mean if len(found) == 1 else f"{mean} ± {found.spread():.{digits}f}"

    def __repr__(self) -> str:
        tasks, metrics = self.values("task"), self.values("metric")
        return f"Results({len(self)} records, tasks={tasks}, metrics={metrics})"

    def as_dicts(self) -> list[dict[str, Any]]:
        """One dictionary a record, as a data frame or JSON takes them."""
        return [asdict(record) for record in self]
