"""Are two results the same? Shapes first, then numbers: nothing is broadcast."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

KINDS = {"b": "True and False", "i": "whole numbers", "u": "whole numbers", "f": "numbers"}


def close(left: np.ndarray, right: np.ndarray, tolerance: float, relative: float = 0.0) -> bool:
    """The same shape and the same numbers, whatever their dtype."""
    if left.shape != right.shape or left.dtype.kind in "Oc" or right.dtype.kind in "Oc":
        return False
    return bool(np.allclose(left, right, rtol=relative, atol=tolerance, equal_nan=True))


def all_close(
    left: Sequence[np.ndarray], right: Sequence[np.ndarray], tolerance: float, relative: float = 0.0
) -> bool:
    return len(left) == len(right) and all(
        close(a, b, tolerance, relative) for a, b in zip(left, right, strict=True)
    )


def dtype_problem(given: np.ndarray, wanted: np.ndarray, exact: str = "") -> str:
    """Why the dtype will not do, or nothing: a mask is boolean, a row number a whole number."""
    got, want = given.dtype.kind, wanted.dtype.kind
    if want == "b" and got != "b":
        return (
            f"yours are numbers of dtype {given.dtype}, expected True and False. Compare (<=, ==)"
        )
    if want in "iu" and got == "b":
        return "yours are True and False, expected whole numbers 0 and 1. Add .long()"
    if want in "iu" and got not in "iu":
        return (
            f"yours are {given.dtype}, expected whole numbers, since they number things. Keep to "
            "whole numbers on the way (// instead of /), or end with .long()"
        )
    if want == "f" and got == "b":
        return "yours are True and False, expected numbers"
    if exact and given.dtype != exact and got == want:
        return f"yours are {given.dtype}, and the task asks for {exact}: dtype=torch.{exact}"
    return ""


def difference(given: np.ndarray, wanted: np.ndarray) -> str:
    """The largest difference, in a sentence, when nothing better is known."""
    if given.shape != wanted.shape:
        return f"shape {given.shape}, expected {wanted.shape}{_shapes(given, wanted)}."
    if given.dtype == object:
        return f"results of type {type(given.flat[0]).__name__}, expected {_kind(wanted)}."
    apart = np.abs(given.astype(float) - wanted.astype(float))
    apart = np.where(np.isnan(apart), np.inf, apart)
    at = np.unravel_index(int(apart.argmax()), apart.shape)
    place = f" at {[int(i) for i in at]}" if at else ""
    return f"largest difference{place}: yours {given[at]:.6g}, expected {wanted[at]:.6g}."


def _shapes(given: np.ndarray, wanted: np.ndarray) -> str:
    if given.ndim != wanted.ndim:
        number = abs(given.ndim - wanted.ndim)
        axes = "one axis" if number == 1 else f"{number} axes"
        return f": {axes} too {'many' if given.ndim > wanted.ndim else 'few'}"
    axis = next(n for n in range(given.ndim) if given.shape[n] != wanted.shape[n])
    got, want = given.shape[axis], wanted.shape[axis]
    if want and got and got % want == 0:
        return f": {got // want} times as many along axis {axis}"
    return f": {abs(got - want)} too {'many' if got > want else 'few'} along axis {axis}"


def _kind(wanted: np.ndarray) -> str:
    return KINDS[wanted.dtype.kind]
