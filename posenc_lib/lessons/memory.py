"""Count what a function builds on its way: exact numbers of elements, the same on every machine.

Peak memory in megabytes depends on the allocator and on what ran before; the shapes of the
tensors that a function makes do not.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class _MadeTensors(TorchDispatchMode):
    """Remembers the shape of every tensor that an operation makes; views make none."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple[int, ...]] = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        if not function.is_view:
            self.shapes += [tuple(t.shape) for t in tree_leaves(result) if isinstance(t, Tensor)]
        return result


def largest_tensor(function: Callable[..., Any], *arguments: Any, **options: Any) -> tuple:
    """The shape of the largest tensor that `function(*arguments, **options)` makes.

    Steps in between count, the result counts, views of other tensors do not. Of two tensors of
    the same size the first is given; a function that makes none gives ().

    Raises what the function raises.

    >>> import torch
    >>> row, column = torch.ones(1, 3), torch.ones(4, 1)
    >>> largest_tensor(lambda: (row * column).sum())
    (4, 3)
    """
    with _MadeTensors() as made:
        function(*arguments, **options)
    return max(made.shapes, key=prod, default=())
