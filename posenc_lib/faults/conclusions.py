"""Faults of what is said about results: a conclusion that no result can change.

Each docstring says what is wrong, what it should be, and which test catches it.
"""

from __future__ import annotations

from collections.abc import Callable

from posenc_lib.faults.exhibit import exhibit

Conclude = Callable[[dict[str, float]], str]


def follows_the_numbers(conclude: Conclude) -> bool:
    """Swap two losses, and the other name is in the conclusion; equal losses name nobody."""
    one, other = conclude({"ALiBi": 1.0, "RoPE": 2.0}), conclude({"ALiBi": 2.0, "RoPE": 1.0})
    even = conclude({"ALiBi": 1.0, "RoPE": 1.0})
    return "ALiBi" in one and "RoPE" in other and "RoPE" not in even and "ALiBi" not in even


def _from_the_numbers(losses: dict[str, float]) -> str:
    best = min(losses.values())
    names = [name for name, loss in losses.items() if loss < best + 0.01]
    return f"{names[0]} extrapolates best" if len(names) == 1 else "no difference found"


@exhibit(right=_from_the_numbers, law=follows_the_numbers)
def written_beforehand(losses: dict[str, float]) -> str:
    """Wrong: the losses are printed, and below them a sentence written before the run.

    Right: the sentence is made from the numbers, and can say that there is no difference. Caught
    by `follows_the_numbers`.

    >>> written_beforehand({"ALiBi": 2.0, "RoPE": 1.0})
    'ALiBi extrapolates best'
    """
    return "ALiBi extrapolates best"
