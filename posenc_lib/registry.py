"""Every encoding by name: where it enters, what it depends on, what lies behind it.

`encodings()` lists them, `make_encoding("rope", dim=64, heads=4)` builds one, and
`register_encoding("mine", Mine)` adds one of your own. What each entry of the library says about
itself (parameters, distance only, longer than trained) is tested, not only stated.

The trap: a comparison of encodings that gives one of them other sizes than the rest. Here all
are built from the same (dim, heads, length).
"""

from __future__ import annotations

import difflib
import inspect
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from importlib.resources import files
from typing import Any

from posenc_lib.base import validation
from posenc_lib.base.doors import Door, PositionEncoding
from posenc_lib.base.registry_entry import RegistryEntry

_OWN = ("dim", "heads", "length", "causal")  # the arguments of make_encoding itself
_WITHOUT_LENGTH = ("dim", "heads", "head_dim", "causal", "bidirectional")
SIZES = (*_WITHOUT_LENGTH, "length", "trained_length", "shape")
"""What `make_encoding` can tell a class, by the name of its argument."""

_registered: dict[str, RegistryEntry] = {}  # those from outside the library


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

    def __contains__(self, name: object) -> bool:  # Mapping's would word an error to throw it away
        return isinstance(name, str) and name in self._entries

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
    Those that `register_encoding` added come last at their door.

    >>> [name for name, entry in encodings().items() if entry.door is Door.NONE]
    ['none']
    """
    return Registry(_by_door([*_entries(), *_registered.values()]))


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
    prefix = options.get("prefix", entry.defaults.get("prefix", 0))
    sizes = _sizes(dim, heads, length, causal, prefix)
    if not set(entry.sizes) <= {*sizes, *options}:
        raise validation.refuse(
            ValueError, "make_encoding", "length", None, f"an integer for {name!r}",
            "Pass the number of positions that it is made for.",
        )  # fmt: skip
    arguments = {size: sizes[size] for size in entry.sizes if size not in options}
    return entry.cls(**{**arguments, **entry.defaults, **options})


def make_from_class(
    cls: type[PositionEncoding],
    *,
    dim: int,
    heads: int,
    length: int | None = None,
    causal: bool = False,
    **options: Any,
) -> PositionEncoding:
    """Build a class that has no name here, with the sizes that it has no default for."""
    sizes = _sizes(dim, heads, length, causal, options.get("prefix", 0))
    wanted = _sizes_of(cls.__name__, cls, None, options)
    return cls(**{size: sizes[size] for size in wanted}, **options)


def register_encoding(
    name: str,
    cls: type[PositionEncoding],
    *,
    title: str | None = None,
    sizes: Sequence[str] | None = None,
    defaults: dict[str, Any] | None = None,
    parameters: str = "not said",
    depends_on: str = "not said",
    longer: str = "not said",
    takes_longer: bool = True,
    source: str = "outside this library",
) -> RegistryEntry:
    """Give an encoding of your own a name: `encodings()`, `make_encoding` and layers know it then.

    `sizes` are the arguments that `make_encoding` fills in, of dim, heads, head_dim, length,
    trained_length, shape, causal and bidirectional; unless given, those of them that the class has
    no default for. `defaults` are its other arguments. The rest is what the table of `encodings()`
    says about it, as in `RegistryEntry`; the panels leave it out. It stays until
    `unregister_encoding(name)`, or the end of the program.

    Raises ValueError for a name that is taken or empty, for a size that `make_encoding` does not
    know, and where an argument of the class is neither a size nor among the defaults; TypeError for
    what is no `PositionEncoding` class, and for an argument that it does not have.

    >>> from posenc_lib import DistanceBias, MultiHeadAttention, unregister_encoding
    >>> class Recency(DistanceBias):
    ...     def by_distance(self, distance):
    ...         return -distance.abs().double().unsqueeze(0)  # an axis for the heads
    >>> register_encoding("recency", Recency, depends_on="distance").sizes
    ()
    >>> MultiHeadAttention(8, 2, encoding="recency").encoding
    Recency()
    >>> unregister_encoding("recency").depends_on
    'distance'
    """
    function = "register_encoding"
    if not isinstance(name, str) or not name or name in encodings():
        taken = isinstance(name, str) and name in encodings()
        raise validation.refuse(
            ValueError if isinstance(name, str) else TypeError, function, "name", name,
            "a name that is not taken" if taken else "a string of at least one character",
            "Choose another, or call unregister_encoding first." if name in _registered
            else "Choose another: the library's own names stay." if taken
            else "It is what MultiHeadAttention(encoding=...) will take.",
        )  # fmt: skip
    if not (inspect.isclass(cls) and issubclass(cls, PositionEncoding)):
        raise validation.refuse(
            TypeError, function, "cls", getattr(cls, "__name__", type(cls).__name__),
            "a subclass of PositionEncoding", "Pass the class itself, not an object of it.",
        )  # fmt: skip
    title = _words_of(function, "title", name if title is None else title)
    said = {"parameters": parameters, "depends_on": depends_on, "longer": longer, "source": source}
    said = {argument: _words_of(function, argument, words) for argument, words in said.items()}
    takes_longer = validation.flag(function, "takes_longer", takes_longer)
    if not isinstance(defaults := {} if defaults is None else defaults, dict):
        raise validation.refuse(
            TypeError, function, "defaults", type(defaults).__name__, "a dictionary or None",
            'For example defaults={"base": 500.0}.',
        )  # fmt: skip
    entry = RegistryEntry(
        name=name, title=title, cls=cls, sizes=_sizes_of(function, cls, sizes, defaults),
        defaults=dict(defaults), takes_longer=takes_longer, causal_only=cls.causal_only,
        on_panels=False, **said,
    )  # fmt: skip
    _registered[name] = entry
    return entry


def unregister_encoding(name: str) -> RegistryEntry:
    """Take a name out again that `register_encoding` put in; return its entry.

    Layers that were built with it stay as they are.

    Raises ValueError for a name that was not registered, one of the library's own among them.

    >>> from posenc_lib import NoEncoding, register_encoding
    >>> entry = register_encoding("nothing_at_all", NoEncoding)
    >>> unregister_encoding("nothing_at_all") is entry, "nothing_at_all" in encodings()
    (True, False)
    """
    if not isinstance(name, str) or name not in _registered:
        allowed = "one of " + ", ".join(map(repr, _registered)) if _registered else "no name yet"
        raise validation.refuse(
            ValueError, "unregister_encoding", "name", name, allowed,
            "Only what register_encoding put in can be taken out.",
        )  # fmt: skip
    return _registered.pop(name)


def sizes_of(cls: type[PositionEncoding]) -> tuple[str, ...]:
    """The sizes that a class has no default for: what `make_encoding` would have to fill in."""
    return tuple(name for name in _needed(cls) if name in SIZES)


def _sizes_of(
    function: str,
    cls: type[PositionEncoding],
    sizes: Sequence[str] | None,
    defaults: dict[str, Any],
) -> tuple[str, ...]:
    """The sizes given, or those that the class asks for; with the defaults they have to do."""
    taken = _arguments(cls)
    if sizes is not None and (isinstance(sizes, str) or not isinstance(sizes, Sequence)):
        raise validation.refuse(
            TypeError, function, "sizes", sizes, "a tuple of names of arguments, or None",
            'For example sizes=("dim", "heads").',
        )  # fmt: skip
    chosen = [s for s in sizes_of(cls) if s not in defaults] if sizes is None else list(sizes)
    for size in chosen:
        validation.choice(function, "sizes", size, SIZES)
    for argument in [*chosen, *defaults]:
        if argument not in taken and not _takes_any(cls):
            raise validation.unknown_option(function, argument, taken)
    for argument in _needed(cls):
        if argument not in (*chosen, *defaults):
            raise validation.refuse(
                ValueError, function, "defaults", defaults,
                f"a value for {argument!r}, which {cls.__name__} has no default for",
                f'Pass defaults={{"{argument}": ...}}, or give the argument a default.',
            )  # fmt: skip
    return tuple(chosen)


def _words_of(function: str, argument: str, value: Any) -> str:
    """Return a string as it is; refuse anything else."""
    if not isinstance(value, str):
        raise validation.refuse(
            TypeError, function, argument, value, "a string", "It stands in the table as it is."
        )
    return value


@cache
def _entries() -> list[RegistryEntry]:
    """The entries of all files, as the list of names has these; read once, for every layer."""
    names = files("posenc_lib").joinpath("__init__.pyi").read_text(encoding="utf-8")
    of_a_door = r"^from \.((?:base|embeddings|rotary|scores)\.\w+) import"
    modules = [import_module(f"posenc_lib.{m}") for m in re.findall(of_a_door, names, re.MULTILINE)]
    found = [entry for module in modules for entry in getattr(module, "ENTRIES", ())]
    return _by_door(found)


def _by_door(entries: Iterable[RegistryEntry]) -> list[RegistryEntry]:
    return sorted(entries, key=lambda entry: list(Door).index(entry.door))


def _arguments(cls: type[PositionEncoding]) -> list[str]:
    """The names of what a class is built from."""
    parameters = inspect.signature(cls).parameters.values()
    return [p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


def _needed(cls: type[PositionEncoding]) -> list[str]:
    """The names of what a class cannot be built without."""
    parameters = inspect.signature(cls.__init__).parameters.values()
    any_kind = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    needed = [p for p in parameters if p.default is p.empty and p.kind not in any_kind]
    return [p.name for p in needed if p.name != "self"]


def _takes_any(cls: type[PositionEncoding]) -> bool:
    """Whether a class takes options by any name; without a constructor of its own, none."""
    parameters = inspect.signature(cls.__init__).parameters.values()
    own = cls.__init__ is not PositionEncoding.__init__
    return own and any(p.kind is p.VAR_KEYWORD for p in parameters)


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
