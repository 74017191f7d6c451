"""What the library knows about one encoding, beside its class: the entry of the registry.

Each encoding's file ends with its entries, `ENTRIES`; `encodings()` gathers them. What an entry
says (parameters, distance only, longer than trained) is tested, not only stated.

The trap: a table of properties far from the code that has them, which goes on saying what was
true once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from posenc_lib.base.doors import Door, PositionEncoding

POSITION = "position"
DISTANCE = "distance"
NOTHING = "nothing"

UNSEEN = "yes, with vectors or angles the model has never seen"
SAME = "yes: the rule goes on"
NO_CELL = "no: ValueError past the grid"
CLIPPED = "yes: all distances past the last share one entry"


@dataclass(frozen=True)
class RegistryEntry:
    """What the library knows about one encoding.

    - `name`: the key, as `MultiHeadAttention(encoding=...)` takes it; `title` is for figures.
    - `cls`: the class; `sizes` and `defaults` are its arguments.
    - `parameters`: the number of trained numbers, as a formula in the arguments.
    - `depends_on`: "distance" means that scores depend on j - i only; "position" on where the
      tokens stand; everything else is said in words.
    - `longer`: what happens past the length it was made or trained for; `takes_longer` is False
      where that is an error.
    - `stable`: False where the answer for early tokens changes as the text grows; derived.
    - `causal_only`: True where it exists for causal layers only.
    - `on_panels`: False where the panels leave it out: what single families of models do.
    - `source`: the paper.

    >>> from posenc_lib import encodings
    >>> entry = encodings()["alibi"]
    >>> entry.door.value, entry.depends_on, entry.takes_longer
    ('added to the scores', 'distance', True)
    """

    name: str
    title: str
    cls: type[PositionEncoding]
    sizes: tuple[str, ...]
    parameters: str
    depends_on: str
    longer: str
    source: str
    defaults: dict[str, Any] = field(default_factory=dict)
    takes_longer: bool = True
    causal_only: bool = False
    on_panels: bool = True

    @property
    def class_name(self) -> str:
        """The name of the class in `posenc_lib`."""
        return self.cls.__name__

    @property
    def door(self) -> Door:
        """The door through which it enters."""
        return self.cls.door

    @property
    def sees_ahead(self) -> bool:
        """Whether it reads the neighbours on both sides, so that no causal layer takes it."""
        return self.cls.sees_ahead

    @property
    def stable(self) -> bool:
        """Whether the answers for early tokens stay as they are while the text grows.

        Not the same as `keeps_turned_keys`, which asks for the keys alone, but it follows: what
        enters at queries and keys is stable where a turned key stays right, all else is, but for
        what reads the tokens ahead.
        """
        if self.sees_ahead:
            return False
        return self.door is not Door.QUERIES_KEYS or self.cls.keeps_turned_keys

    @property
    def distance_only(self) -> bool:
        """Whether its scores depend on j - i only."""
        return self.depends_on == DISTANCE
