"""How often the host asks a tensor for a number: on a GPU it waits for the answer each time.

The trap: `item`, `bool` and `int` are an operator that a dispatch mode sees; `tolist` reads the
memory itself and is seen one level up only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode


class _Scalars(TorchDispatchMode):
    found = 0

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        self.found += function is torch.ops.aten._local_scalar_dense.default
        return function(*args, **(kwargs or {}))


class _Lists(TorchFunctionMode):
    found = 0

    def __torch_function__(
        self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        self.found += function is torch.Tensor.tolist
        return function(*args, **(kwargs or {}))


def reads(run: Callable[[], object]) -> int:
    """The reads while this runs."""
    with _Scalars() as scalars, _Lists() as lists:
        run()
    return scalars.found + lists.found
