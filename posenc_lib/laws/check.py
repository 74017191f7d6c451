"""All laws by one call: which hold for an encoding, and the smallest case against each other one.

The tests of this library hold every entry of the registry to the same laws.
"""

from __future__ import annotations

import html
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from posenc_lib.base import validation
from posenc_lib.base.doors import PositionEncoding
from posenc_lib.base.draws import own_draws
from posenc_lib.laws import by_position, in_a_layer, in_numbers, in_training
from posenc_lib.laws.law import LAWS, Finding, applied
from posenc_lib.laws.subject import Subject
from posenc_lib.registry import make_encoding, make_from_class

_FILES = (by_position, in_a_layer, in_training, in_numbers)  # each puts its laws on the list
_SHORTEST = 32


class LawReport(Sequence[Finding]):
    """What every law found, in order; shown as a table, in plain text and in Jupyter.

    `holds` is True if no required law is broken, `broken` are those that are. By its words a law's
    finding is `report["a causal layer ignores the future"]`.

    >>> from posenc_lib import check_encoding
    >>> report = check_encoding("alibi")
    >>> report.holds, report["scores depend on the distance only"].verdict
    (True, 'yes')
    """

    def __init__(self, name: str, findings: Sequence[Finding]) -> None:
        self.name, self.findings = name, tuple(findings)

    @property
    def broken(self) -> list[Finding]:
        """The findings of required laws that do not hold."""
        return [finding for finding in self if finding.verdict == "broken"]

    @property
    def holds(self) -> bool:
        """Whether every required law holds, or does not apply."""
        return not self.broken

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, str):
            return self.findings[key]
        known = {finding.law: finding for finding in self}
        if key not in known:
            raise validation.refuse(
                KeyError, "LawReport", "law", key, "one of " + ", ".join(map(repr, known)),
                "Take its words from the table.",
            )  # fmt: skip
        return known[key]

    def __len__(self) -> int:
        return len(self.findings)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def _headline(self) -> str:
        looked_at = [f for f in self if f.verdict in ("holds", "broken")]
        held = len(looked_at) - len(self.broken)
        return f"{self.name}: {held} of {len(looked_at)} laws hold"

    def __repr__(self) -> str:
        width = max(len(finding.law) for finding in self)
        lines = [f"{f.law:{width}}  {f.verdict:14}  {f.why}".rstrip() for f in self]
        return "\n".join([self._headline(), *lines])

    def _repr_markdown_(self) -> str:
        rows = [
            (f.law, f"**{f.verdict}**" if f.verdict == "broken" else f.verdict,
             html.escape(f.why).replace("|", "\\|"))
            for f in self
        ]  # fmt: skip
        table = [("law", "verdict", "smallest case against it, or why"), ("---",) * 3, *rows]
        lines = "\n".join("| " + " | ".join(row) + " |" for row in table)
        return f"{html.escape(self._headline())}\n\n{lines}"


def check_encoding(
    encoding: PositionEncoding | type[PositionEncoding] | str,
    *,
    dim: int | None = None,
    heads: int | None = None,
    length: int | None = None,
    compiled: bool = False,
    **options: Any,
) -> LawReport:
    """Hold an encoding to the laws of this library; return which hold, to be shown as a table.

    `encoding` is a class, an object, or a name of the registry. A class is built for `dim` 32,
    `heads` 4 and `length` 64, or others, with `options`; an object is taken with its own sizes,
    where it has attributes of these names. It is looked at in causal layers, at positions up to
    `length` and, if it takes them, far beyond. `compiled` compiles it too, which takes seconds.

    What the encoding raises breaks the law that was being looked at. The encoding given is left as
    it is: every law works on copies.

    Raises TypeError for what is no encoding, and for options beside an object; ValueError for sizes
    that do not fit, or a length below 32.

    >>> from posenc_lib import Door, PositionEncoding
    >>> class Recency(PositionEncoding):
    ...     door = Door.SCORES
    ...     def at_scores(self, query, key, query_positions, key_positions):
    ...         at, keys_at = (p[0] if p.ndim == 2 else p for p in (query_positions, key_positions))
    ...         return -(at[:, None] - keys_at[None, :]).double()  # the first row's, for every row
    >>> report = check_encoding(Recency)
    >>> report.holds, [finding.law for finding in report.broken]
    (False, ['batch rows may have positions of their own'])
    """
    name = "check_encoding"
    compiled = validation.flag(name, "compiled", compiled)
    asked = {"dim": dim, "heads": heads, "length": length}
    given = {n: validation.size(name, n, v) for n, v in asked.items() if v is not None}
    build: Callable[[], PositionEncoding] | None = None
    if isinstance(encoding, PositionEncoding):
        if options:
            raise validation.refuse(
                TypeError, name, "options", options, "none beside an object",
                "Give them to the encoding, or pass its class.",
            )  # fmt: skip
        sizes = _own_sizes(encoding, given)
    else:
        sizes = {"dim": 32, "heads": 4, "length": 64, **given}
        build = _builder(encoding, sizes, options)
    if sizes["length"] < _SHORTEST:
        raise validation.refuse(
            ValueError, name, "length", sizes["length"], f"at least {_SHORTEST}",
            "The laws need room for a few positions.",
        )  # fmt: skip
    with own_draws():
        one = encoding if isinstance(encoding, PositionEncoding) else None
        one = build() if build is not None else one
        assert one is not None
        subject = Subject(one, sizes["dim"], sizes["heads"], sizes["length"], build)
        laws = [law for law in LAWS if compiled or not law.asked]
        return LawReport(subject.name, [applied(law, subject) for law in laws])


def _builder(
    encoding: Any, sizes: dict[str, int], options: dict[str, Any]
) -> Callable[[], PositionEncoding]:
    """How one more of this class, or of this name, is made."""
    how: dict[str, Any] = {**sizes, "causal": True, **options}
    if isinstance(encoding, str):
        return lambda: make_encoding(encoding, **how)
    if inspect.isclass(encoding) and issubclass(encoding, PositionEncoding):
        return lambda: make_from_class(encoding, **how)
    raise validation.refuse(
        TypeError, "check_encoding", "encoding",
        getattr(encoding, "__name__", type(encoding).__name__),
        "a PositionEncoding, a class of it, or a name of the registry",
        "Subclass PositionEncoding and open a door.",
    )  # fmt: skip


def _own_sizes(encoding: PositionEncoding, given: dict[str, int]) -> dict[str, int]:
    """The sizes of an object's own attributes, where none were given."""
    own = {n: getattr(encoding, n, None) for n in ("dim", "heads", "length", "head_dim")}
    sizes = {"heads": 4, "length": 64, **{n: v for n, v in own.items() if isinstance(v, int)}}
    sizes |= given
    dim = sizes.get("dim", sizes.get("head_dim", 8) * sizes["heads"])
    return {"dim": dim, "heads": sizes["heads"], "length": sizes["length"]}
