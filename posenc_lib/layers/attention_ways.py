"""Which way attention took: the choice between kernels can be seen, not only trusted.

The trap: a benchmark of one kernel that ran another.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

_recorded: list[str] | None = None


def record_way(way: str) -> None:
    """Note the way an attention output was made, for `attention_ways`."""
    if _recorded is not None:
        _recorded.append(way)


@contextmanager
def attention_ways() -> Iterator[list[str]]:
    """The ways that attention takes inside the block, one for each call, in order.

    "weights" where the weights were asked for; "kernel", "kernel, is_causal" and "kernel, matrix"
    for `scaled_dot_product_attention` without a mask, with its own causal one, and with a matrix;
    "flex, table", "flex, formula" and "flex" for `flex_attention`. One block at a time, for all
    threads.

    >>> import torch
    >>> from posenc_lib import attention_output
    >>> q = torch.zeros(1, 1, 3, 4)
    >>> with attention_ways() as ways:
    ...     _ = attention_output(q, q, q, causal=True)
    >>> ways
    ['kernel, is_causal']
    """
    global _recorded
    before, _recorded = _recorded, []
    try:
        yield _recorded
    finally:
        _recorded = before
