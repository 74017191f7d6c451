"""Arrays from what callers pass: tensors taken off their graph, tables checked before use."""

from __future__ import annotations

from typing import Any

import numpy as np

from posenc_lib.base import validation


def to_numpy(value: Any, function: str = "to_numpy", argument: str = "value") -> Any:
    """A torch tensor as an array, off its graph and device; anything else as it is.

    NumPy has no bfloat16, so that becomes float32, which holds it exactly. Other dtypes stay.
    Torch is not imported.

    Raises TypeError for a masked array, in the name of the function and argument given: what
    takes the result on would drop the mask.
    """
    validation.unmasked(function, argument, value)
    if not hasattr(value, "detach"):
        return value
    value = value.detach().cpu()
    return (value.float() if str(value.dtype) == "torch.bfloat16" else value).numpy()


def as_table(function: str, value: Any, *, rows: int = 1) -> np.ndarray:
    """Return `value`, an array or tensor of shape (length, dim), as a finite float64 array.

    Raises TypeError for anything but real numbers and for a masked array, ValueError for another
    rank, an empty axis, fewer than `rows` rows, NaN or infinity.
    """
    value = to_numpy(value, function, "table")
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
        kind = value.dtype if isinstance(value, np.ndarray) else type(value).__name__
        raise validation.refuse(
            TypeError, function, "table", kind, "an array of real numbers",
            "Convert it first, for example with np.asarray(table, dtype=float).",
        )  # fmt: skip
    validation.rank(function, "table", value, axes="length dim")
    if value.shape[0] < rows or value.shape[1] < 1:
        raise validation.refuse(
            ValueError, function, "table.shape", value.shape,
            f"at least {rows} row{'s' if rows > 1 else ''} and 1 column",
            "A table has one row a position and one column a dimension.",
        )  # fmt: skip
    table = value.astype(np.float64)
    if not np.isfinite(table).all():
        row = int(np.argmin(np.isfinite(table).all(axis=1)))
        raise validation.refuse(
            ValueError, function, "table", f"NaN or infinity in row {row}", "finite numbers",
            "Fill or drop the broken rows first.",
        )  # fmt: skip
    return table


def in_range(table: np.ndarray, axis: int | None = None) -> np.ndarray:
    """The table times a power of two, which is exact, so that its largest number is about 1.

    With axis=1 each row has its own. Squares of the numbers then neither vanish nor overflow.
    """
    exponent = np.frexp(np.abs(table).max(axis=axis, keepdims=True))[1]
    scaled: np.ndarray = np.ldexp(table, -exponent)
    return scaled
