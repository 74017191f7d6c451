"""Random numbers of our own: those of the reader stand afterwards where they stood."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def own_draws(seed: int = 0) -> Iterator[None]:
    """The global generator starts from `seed` and is put back; a decorator, too.

    The generators of GPUs, which `torch.manual_seed` would seed as well, are left alone: modules
    are made on the CPU.

    >>> with own_draws():
    ...     first = torch.rand(())
    >>> with own_draws():
    ...     bool(torch.rand(()) == first)
    True
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
