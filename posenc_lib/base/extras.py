"""What a part of the library needs that a plain install does not bring, and how to get it.

    with extra("notebooks"):
        import anywidget

turns a bare ModuleNotFoundError into one that names the extra and the command that installs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class MissingExtra(ModuleNotFoundError):
    """A package is not installed that an extra of posenc-lib brings along."""


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Imports inside need the extra `name`, as pyproject.toml lists it.

    Raises MissingExtra, an ImportError, for a package that is not there; anything else passes.

    >>> with extra("notebooks"):
    ...     import no_such_package
    Traceback (most recent call last):
    posenc_lib.base.extras.MissingExtra: no_such_package is not installed. It comes with the extra
    "notebooks": pip install "posenc-lib[notebooks]"
    """
    try:
        yield
    except MissingExtra:
        raise
    except ModuleNotFoundError as missing:
        package = (missing.name or "").partition(".")[0]
        if package in ("", "posenc_lib"):  # our own mistake: no extra would help
            raise
        raise MissingExtra(
            f'{package} is not installed. It comes with the extra "{name}": '
            f'pip install "posenc-lib[{name}]"',
            name=missing.name,
        ) from missing


def with_extra(name: str, getter: Callable[[str], Any]) -> Callable[[str], Any]:
    """A package's lazy `__getattr__` that names the extra where a package is missing."""

    def __getattr__(attribute: str) -> Any:
        with extra(name):
            return getter(attribute)

    return __getattr__
