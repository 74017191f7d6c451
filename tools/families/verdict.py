"""What can come of a comparison beside equality: a difference, or none that can be made."""

from __future__ import annotations

TOLERANCE = 1e-5


class Differs(Exception):
    """The library says something else than the family's code does."""


class Unchecked(Exception):
    """The comparison cannot be made."""
