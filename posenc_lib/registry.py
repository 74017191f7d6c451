"""Every encoding by name: where it enters, what it depends on, what lies behind it.

`encodings()` lists them, `make_encoding("rope", dim=64, heads=4)` builds one. What each entry
says about itself (parameters, distance only, longer than trained) is tested, not only stated.

The trap: a comparison of encodings that gives one of them other sizes than the rest. Here all
are built from the same (dim, heads, length).
"""

from __future__ import annotations

import difflib
import inspect
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.resources import files
from typing import Any

from posenc_lib.base import validation
from posenc_lib.base.doors import Door, PositionEncoding
from posenc_lib.base.registry_entry import RegistryEntry

_OWN = ("dim", "heads", "length", "causal")  # the arguments of make_encoding itself


class Registry(Mapping[str, RegistryEntry]):
    """Name to `RegistryEntry`, read only; shown as a table, in plain text and in Jupyter.

    Raises KeyError for a name that is not there; it says which one is meant by a title such as
    "ALiBi" or a class name such as "RotaryEncoding".

    >>> "rope" in encodings(), encodings()["rope"].title
    (True, 'RoPE')
    """

    def __init__(self, entries: Iterable[RegistryEntry]) -> None:
        self._entries = {entry.name: entry for entry in entries}

    def __getitem__(self, name: str) -> RegistryEntry:
        if not isinstance(name, str) or name not in self._entries:
            raise _unknown(KeyError, "encodings", name, self._entries)
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        lines = [
            f"{e.name:17} {e.class_name:24} {e.door.value:28} {e.source}" for e in self.values()
        ]
        return "\n".join(lines)

    def _repr_markdown_(self) -> str:
        head = "name | encoding | door | trained numbers | depends on | past the length | source"
        rows = [
            f"`{e.name}` | {e.title} | {e.door.value} | {e.parameters.replace('*', '·')} | "
            f"{e.depends_on} | {e.longer} | {e.source}"
            for e in self.values()
        ]
        return "\n".join(f"| {row} |" for row in [head, " | ".join(["---"] * 7), *rows])


def encodings() -> Registry:
    """All entries, name to `RegistryEntry`, in the order of the doors. Read only.

    An encoding's entry stands at the end of its file; the files are those of the list of names.

    >>> [name for name, entry in encodings().items() if entry.door is Door.NONE]
    ['none']
    """
    return Registry(_entries())


def on_panels() -> Registry:
    """The entries that the panels offer, in the order of `encodings()`."""
    return Registry(entry for entry in _entries() if entry.on_panels)


def make_encoding(
    name: str,
    *,
    dim: int,
    heads: int,
    length: int | None = None,
    causal: bool = False,
    **options: Any,
) -> PositionEncoding:
    """Build an encoding by its name for layers of these sizes.

    `dim` is the model width, `head_dim` = dim / heads; `length` the number of positions it is
    made or trained for, needed by tables and by scaled RoPE. T5 and ALiBi have a form for
    `causal` layers and one for both directions; an entry with `causal_only` is right under a causal
    mask alone, which `MultiHeadAttention` makes sure of. `options` go to the class and replace the
    defaults of the entry, for example `base=500000.0`.

    An encoding of a grid gets the squarest `shape` for `length` tokens, those of its `prefix` left
    out, unless given.

    Raises ValueError for an unknown name, heads that do not divide dim, or a missing length;
    TypeError for an option that the class does not have, with the name that is meant where it is
    one from another library, such as `theta`.

    >>> make_encoding("rope", dim=64, heads=4, base=500000.0)
    RotaryEncoding(head_dim=16, base=500000, layout='interleaved', rotary_dim=16)
    """
    known = encodings()
    if not isinstance(name, str) or name not in known:
        raise _unknown(ValueError, "make_encoding", name, known)
    entry = known[name]
    for option in options:
        if option not in (taken := _arguments(entry.cls)):
            allowed = dict.fromkeys([*taken, *_OWN])
            raise validation.unknown_option("make_encoding", option, allowed)
    sizes = _sizes(dim, heads, length, causal, options.get("prefix", 0))
    if not set(entry.sizes) <= {*sizes, *options}:
        raise validation.refuse(
            ValueError, "make_encoding", "length", None, f"an integer for {name!r}",
            "Pass the number of positions that it is made for.",
        )  # fmt: skip
    arguments = {size: sizes[size] for size in entry.sizes if size not in options}
    return entry.cls(**{**arguments, **entry.defaults, **options})


@cache
def _entries() -> list[RegistryEntry]:
    """The entries of all files, as the list of names has these; read once, for every layer."""
    names = files("posenc_lib").joinpath("__init__.pyi").read_text(encoding="utf-8")
    of_a_door = r"^from \.((?:base|embeddings|rotary|scores)\.\w+) import"
    modules = [import_module(f"posenc_lib.{m}") for m in re.findall(of_a_door, names, re.MULTILINE)]
    found = [entry for module in modules for entry in getattr(module, "ENTRIES", ())]
    return sorted(found, key=lambda entry: list(Door).index(entry.door))


def _arguments(cls: type[PositionEncoding]) -> list[str]:
    """The names of what a class is built from."""
    parameters = inspect.signature(cls).parameters.values()
    return [p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


def _unknown(
    error: type[Exception], function: str, name: Any, entries: Mapping[str, RegistryEntry]
) -> Exception:
    """The error for a name that is not there, with the name that is meant by it."""
    meant = _meant(name, entries) if isinstance(name, str) else None
    remedy = f"Did you mean {meant!r}?" if meant else "Check the spelling."
    options = "one of " + ", ".join(map(repr, entries))
    return validation.refuse(error, function, "name", name, options, remedy)


def _meant(name: str, entries: Mapping[str, RegistryEntry]) -> str | None:
    """The entry of this title, class name or word of a title, or nearly; else one that holds it."""
    known: dict[str, str] = {}
    for entry in entries.values():
        for called in (entry.name, entry.title, entry.class_name):
            known.setdefault("".join(_words(called)), entry.name)
    for entry in entries.values():
        for word in _words(entry.title):
            known.setdefault(word, entry.name)
    asked = "".join(_words(name))
    close = difflib.get_close_matches(asked, known, n=1, cutoff=0.85)
    close += [called for called in known if asked and asked in called]
    close += difflib.get_close_matches(asked, known, n=1)
    return known[close[0]] if close else None


def _words(name: str) -> list[str]:
    """The words of letters and digits, in lower case."""
    return re.findall("[a-z0-9]+", name.lower())


def _sizes(dim: int, heads: int, length: int | None, causal: bool, prefix: Any) -> dict[str, Any]:
    """Every size that a class may ask for, by the name of its argument."""
    dim = validation.size("make_encoding", "dim", dim)
    heads = validation.size("make_encoding", "heads", heads)
    validation.divides("make_encoding", "heads", heads, "dim", dim)
    causal = validation.flag("make_encoding", "causal", causal)
    sizes: dict[str, Any] = {"dim": dim, "heads": heads, "head_dim": dim // heads}
    sizes |= {"causal": causal, "bidirectional": not causal}
    if length is None:
        return sizes
    length = validation.size("make_encoding", "length", length)
    prefix = validation.size("make_encoding", "prefix", prefix, minimum=0)
    cells = max(length - prefix, 1)
    columns = math.isqrt(cells - 1) + 1  # the squarest grid that holds them all
    shape = (-(-cells // columns), columns)
    return {**sizes, "length": length, "trained_length": length, "shape": shape}
