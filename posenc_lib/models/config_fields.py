"""The fields of a model's configuration, read one at a time, each checked as it is read.

    field given in the config           that value, checked
    field left out, family has a default    the default of the family's configuration class
    neither                             refused: what is missing, of which family

A field has one name in the library's rules (`hidden_size`) and often another in a family
(`n_embd` in GPT-2). Which, and what a family takes for a field that is left out, stands in
`defaults.json`, which is made from the configuration classes of transformers.

The trap: a default that fills in for a misspelt field. A field that no rule has read and that looks
like one of them is refused: see `refuse_misspelt`.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from posenc_lib.base import validation

FUNCTION = "encoding_from_config"

# What speaks of positions: a field of such a name that a family does not know is refused.
POSITIONAL = re.compile(
    r"^(?!.*dropout).*(rope|rotary|position|alibi|sliding|window|relative|theta|chunk_size)"
)
SIZES = ("hidden_size", "num_hidden_layers", "num_attention_heads")
_REQUIRED = object()


@dataclass(frozen=True)
class Known:
    """What `defaults.json` says of one configuration class.

    - `config`: the name of the class in transformers.
    - `names`: the library's name of a field -> the family's own.
    - `defaults`: the family's value for a field that is left out.
    - `parts`: the field of a part, such as text_config -> the family it has unless it says another.
    - `rope`: the family's `rope_parameters` for a config that gives none.
    """

    config: str
    names: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    parts: Mapping[str, str] = field(default_factory=dict)
    rope: Mapping[str, Any] = field(default_factory=dict)


class ConfigFields:
    """The fields of one family's config; `part` says where in a composite config it stands."""

    def __init__(
        self, family: str, config: Mapping[str, Any], known: Known, part: str = ""
    ) -> None:
        self.family, self.config, self.known, self.part = family, config, known, part
        self.read: set[str] = set()
        self.from_defaults: dict[str, Any] = {}

    def own_name(self, name: str) -> str:
        """The family's name of a field."""
        return self.known.names.get(name, name)

    def has(self, name: str) -> bool:
        """Whether the config itself gives the field a value."""
        names = {name, self.own_name(name)}
        self.read |= names
        return any(self.config.get(key) is not None for key in names)

    def get(self, name: str, default: Any = _REQUIRED) -> Any:
        """The value of a field: the config's, the family's or `default`; refused without them."""
        own = self.own_name(name)
        self.read |= {name, own}
        given = {key: self.config[key] for key in (own, name) if self.config.get(key) is not None}
        if len(given) == 2 and given[own] != given[name]:
            raise self.refuse(
                own, given[own], f"{given[name]!r}, which the config gives as {name}",
                "The two are one field: keep one.",
            )  # fmt: skip
        if given:
            return next(iter(given.values()))
        if own in self.known.defaults or name in self.known.defaults:
            value = self.known.defaults.get(own, self.known.defaults.get(name))
            if value is not None:
                if name in SIZES and not self.part and own not in self.config:
                    raise self.missing(own)  # which would be another model
                self.from_defaults[own] = value
                return value
        if default is _REQUIRED:
            raise self.missing(own)
        return default

    def missing(self, name: str) -> Exception:
        """The error for a field that has to be there."""
        meant = difflib.get_close_matches(name, list(self.config), n=1, cutoff=0.8)
        remedy = f"Is it {meant[0]!r}, misspelt? " if meant else ""
        return self.refuse(
            name, "missing", "a value in the config",
            f"{remedy}Without it the positions of {self.family} are not known.",
        )  # fmt: skip

    def refuse(self, name: str, value: object, allowed: str, remedy: str = "") -> Exception:
        """The error for a field of this family: field, value, family, what is allowed."""
        where = f"{self.part}: " if self.part else ""
        return validation.refuse(
            ValueError, FUNCTION, f"{where}{self.family} {name}", value, allowed, remedy
        )

    def argument(self, name: str) -> str:
        """What an error calls a field."""
        return f"{self.part + ': ' if self.part else ''}{self.family} {self.own_name(name)}"

    def size(self, name: str, default: Any = _REQUIRED, *, minimum: int = 1) -> int:
        """A whole number of at least `minimum`."""
        value = self.get(name, default)
        return validation.size(
            FUNCTION, self.argument(name), value, minimum=minimum, remedy="Look at the config."
        )

    def size_or_none(self, name: str) -> int | None:
        """A whole number of at least 1, or None."""
        return None if self.get(name, None) is None else self.size(name)

    def real(self, name: str, default: Any = _REQUIRED, *, above: float = -math.inf) -> float:
        """A finite number."""
        value = self.get(name, default)
        return validation.real(FUNCTION, self.argument(name), value, above=above)

    def flag(self, name: str, default: Any = _REQUIRED) -> bool:
        """True or False."""
        return validation.flag(FUNCTION, self.argument(name), self.get(name, default))

    def choice(self, name: str, allowed: Sequence[str], default: Any = _REQUIRED) -> str:
        """One of these words."""
        value = self.get(name, default)
        return validation.choice(FUNCTION, self.argument(name), value, allowed)

    def mapping(self, name: str) -> Mapping[str, Any]:
        """A dict of further fields; empty where it is not there."""
        value = self.get(name, None)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            raise self.refuse(name, value, "a dict of fields, or null")
        return value

    def sequence(self, name: str) -> list[Any] | None:
        """A list, or None."""
        value = self.get(name, None)
        if value is None:
            return None
        if not isinstance(value, (list, tuple)):
            raise self.refuse(name, value, "a list, or null")
        return list(value)

    def pair(self, name: str, default: Any = _REQUIRED) -> tuple[int, int]:
        """(rows, columns), from one whole number or from two."""
        value = self.get(name, default)
        both = list(value) if isinstance(value, (list, tuple)) else [value, value]
        if len(both) != 2:
            raise self.refuse(name, value, "one size or (height, width)")
        rows, columns = (validation.size(FUNCTION, self.argument(name), one) for one in both)
        return rows, columns

    def refuse_unread(self) -> None:
        """Refuse what speaks of positions but was read by nobody, and what is nearly a field."""
        for name, value in self.config.items():
            if name in self.read or value is None or value is False:
                continue
            if name in self.known.defaults or name in self.known.parts or name in self.known.rope:
                continue
            meant = difflib.get_close_matches(name, sorted(self.read), n=1, cutoff=0.85)
            if meant and not name.endswith(f"_{meant[0]}"):  # as the field of another part
                raise self.refuse(
                    name, value, f"fields of {self.family}", f"Did you mean {meant[0]!r}?"
                )
            if POSITIONAL.search(name):
                known = sorted(one for one in self.read if POSITIONAL.search(one))
                raise self.refuse(
                    name, value, f"one of the fields that {self.family} reads: {', '.join(known)}",
                    "Code that reads this field is not that of the family.",
                )  # fmt: skip
