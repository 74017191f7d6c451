"""Where a fault was reported: a public thread, what was seen there, and how it ended.

`addresses.toml` holds them by the name of the fault. Each thread was read before it was written
down; a fault that no thread confirms has no address.
"""

from __future__ import annotations

import functools
import tomllib
from importlib import resources
from typing import NamedTuple


class Address(NamedTuple):
    """A public thread about a fault."""

    thread: str
    """Its address."""
    reported: str
    """What people saw who met the fault."""
    ended: str
    """What became of it."""
    called: str = ""
    """The project in short, where its name is long."""

    @property
    def short(self) -> str:
        """Project and number, as people quote it.

        >>> address_of("bias_from_zero").short
        'candle 899'
        """
        project, _, number = self.thread.split("/")[-3:]
        return f"{self.called or project} {number}"


@functools.cache
def _addresses() -> dict[str, Address]:
    text = resources.files(__package__).joinpath("addresses.toml").read_text("utf-8")
    return {name: Address(**told) for name, told in tomllib.loads(text).items()}


def address_of(fault: str) -> Address | None:
    """The thread about a fault, by its name; None where no thread confirms it."""
    return _addresses().get(fault)
