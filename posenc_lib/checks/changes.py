"""What can have happened to a right answer: each change with the sentence that says so.

A change makes the learner's answer out of the right one. A missing step is the other way round:
it makes the right answer out of the learner's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import permutations

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Change:
    says: str
    apply: Callable[..., Array]


def softmax(x: Array, axis: int) -> Array:
    power = np.exp(x - x.max(axis, keepdims=True))
    return power / power.sum(axis, keepdims=True)


def _pairs_joined(x: Array) -> Array:
    """First half in the even columns, second half in the odd ones."""
    half = (x.shape[-1] + 1) // 2
    joined = np.empty_like(x)
    joined[..., 0::2], joined[..., 1::2] = x[..., :half], x[..., half:]
    return joined


def _pairs_parted(x: Array) -> Array:
    return np.concatenate([x[..., 0::2], x[..., 1::2]], -1)


def _neighbours(x: Array) -> Array:
    swapped = x.copy()
    even = x.shape[-1] // 2 * 2
    swapped[..., 0:even:2], swapped[..., 1:even:2] = x[..., 1:even:2], x[..., 0:even:2]
    return swapped


def _halves(x: Array) -> Array:
    half = x.shape[-1] // 2
    return np.concatenate([x[..., half:], x[..., :half]], -1)


def axis_name(axis: int, rank: int) -> str:
    if rank == 1:
        return "the numbers"
    return ("the rows", "the columns")[axis] if rank == 2 else f"axis {axis}"


def on_every_number(kind: str) -> Iterator[Change]:
    """Changes of single numbers, so that they can be looked for in a part of the answer as well."""
    if kind == "b":
        yield Change(
            "True and False are swapped: yours marks exactly what should not be marked. Turn the "
            "comparison round, or put ~ before it.", np.logical_not,
        )  # fmt: skip
        return
    yield Change(
        "the sign is turned, yours is minus the right answer. Look for a minus that is missing or "
        "one too many, or for a difference taken the wrong way round (a - b for b - a).",
        np.negative,
    )
    yield Change(
        "the sign is lost, yours is the absolute value of the right answer. Is there an abs() or a "
        "square that does not belong there?", np.abs,
    )  # fmt: skip
    for name, function in (
        ("1 minus the right one", lambda x: 1 - x),
        ("the square of the right one", np.square),
        ("the square root of the right one", np.sqrt),
        ("1 divided by the right one", np.reciprocal),
        ("e to the power of the right one", np.exp),
        ("the logarithm of the right one", np.log),
        ("2 to the power of the right one", np.exp2),
        ("the sine of the right one", np.sin),
        ("the cosine of the right one", np.cos),
    ):
        yield Change(
            f"every number of yours is {name}. Look at the last step: is it one too many, one too "
            "few, or turned round?", _as_float(function),
        )  # fmt: skip
    if kind == "f":
        for name, function in (
            ("rounded down", np.floor), ("rounded up", np.ceil),
            ("rounded to whole numbers", np.round), ("cut to whole numbers", np.trunc),
        ):  # fmt: skip
            yield Change(
                f"your numbers are the right ones {name}. Is there an int, a // or a round() on "
                "the way, or an array of whole numbers that you fill?", function,
            )  # fmt: skip
        yield Change(
            "your numbers are right to three digits only: half precision (float16). Calculate in "
            "float32 or float64.", lambda x: x.astype(np.float16),
        )  # fmt: skip
        for decimals in (1, 2, 3, 4):
            yield Change(
                f"your numbers are the right ones rounded, to {decimals} behind the point. Round "
                "nothing before the end, and then only to print.",
                lambda x, d=decimals: np.asarray(x).round(d),
            )  # fmt: skip


def _as_float(function: Callable) -> Callable[[Array], Array]:
    return lambda x: function(x.astype(float))


def of_the_whole(rank: int, kind: str) -> Iterator[Change]:
    """Changes of order and shape, for right answers with `rank` axes."""
    for order in permutations(range(rank)):
        if order != tuple(range(rank)):
            what = (
                "your answer is transposed: rows and columns are swapped. Which of the two should "
                "be the rows, [:, None], and which the columns, [None, :]?"
                if rank == 2
                else f"your axes stand in another order, {list(order)} of the right ones."
            )
            yield Change(what, lambda x, order=order: x.transpose(order))
    for axis in range(rank):
        name = axis_name(axis, rank)
        yield Change(
            f"{name} of yours stand in reverse order, the last first. Look for a flip, [::-1], or "
            "a difference taken the wrong way round.", lambda x, a=axis: np.flip(x, a),
        )  # fmt: skip
        for by, which in ((1, "last"), (-1, "first")):
            yield Change(
                f"{name} are rolled round by one, so that the {which} one has come to the other "
                "end. Where does your count start, at 0 or at 1?",
                lambda x, a=axis, by=by: np.roll(x, by, a),
            )
        yield Change(
            f"your answer is the right one added up along {name} (a cumulative sum).",
            lambda x, a=axis: np.cumsum(x, a),
        )
    if rank:
        columns = "columns" if rank > 1 else "numbers"
        yield Change(
            f"your {columns} are grouped by halves: first all even ones (0, 2, 4 ...), then all "
            "odd ones. The task wants them interleaved, pair by pair.", _pairs_parted,
        )  # fmt: skip
        yield Change(
            f"your {columns} are interleaved (first half to 0, 2, 4 ..., second half to 1, 3, 5 "
            "...), and the task wants the halves side by side.", _pairs_joined,
        )  # fmt: skip
        yield Change(
            f"neighbouring {columns} are swapped: 0 with 1, 2 with 3 and so on. Are sine and "
            "cosine, or first and second, the other way round?", _neighbours,
        )  # fmt: skip
        yield Change(
            f"the two halves of the {columns} are swapped: the second stands first.", _halves
        )
        if kind != "b":
            for word, step in (("ascending", 1), ("descending", -1)):
                yield Change(
                    f"the right numbers, but sorted ({word}). Leave them in the order in which "
                    "they are made.", lambda x, s=step: np.sort(x, -1)[..., ::s],
                )  # fmt: skip
    yield from _of_the_shape(rank, kind)


def _of_the_shape(rank: int, kind: str) -> Iterator[Change]:
    for axis in range(rank):
        name = axis_name(axis, rank)
        one = name.removeprefix("the ").removesuffix("s")
        for place, which in ((0, "first"), (-1, "last")):
            if rank > 1:
                yield Change(
                    f"all {name.removeprefix('the ')} are alike: the {which} {one} is right and "
                    "repeated (broadcast). What should change from one to the next?",
                    lambda x, a=axis, p=place: np.repeat(
                        np.take(x, [p], a), x.shape[a], axis=a),
                )  # fmt: skip
            for kept in (place, [place]):  # without its axis, and with it
                yield Change(
                    f"that is the {which} {one} alone, right as it is; the task wants them all.",
                    lambda x, a=axis, k=kept: np.take(x, k, a),
                )
        for step in (2, 3):
            yield Change(
                f"only every {('second', 'third')[step - 2]} of the {name.removeprefix('the ')} is "
                "there. Is the step of a range or slice too large?",
                lambda x, a=axis, s=step: x[(slice(None),) * a + (slice(None, None, s),)],
            )  # fmt: skip
        yield Change(
            f"one {one} is missing: the last. Does your range stop one too early?",
            lambda x, a=axis: np.delete(x, -1, a),
        )
        yield Change(
            f"one {one} is missing: the first. Does your range start one too late?",
            lambda x, a=axis: np.delete(x, 0, a),
        )
        if kind == "b":
            continue
        for word, reduce in (("mean", np.mean), ("sum", np.sum), ("maximum", np.max)):
            for keep in (False, True):
                yield Change(
                    f"yours is the {word} of the right answer along axis {axis}: one step too "
                    "many.", lambda x, a=axis, r=reduce, k=keep: r(x, axis=a, keepdims=k),
                )  # fmt: skip
        for flavour, function in (
            ("a softmax", softmax), ("two softmaxes", _twice), ("the mean taken off", _centred),
            ("length 1 made", _unit), ("mean 0 and spread 1 made", _standard),
        ):  # fmt: skip
            yield Change(
                f"yours is the right answer with {flavour} along axis {axis} on top.",
                lambda x, a=axis, f=function: f(x, a),
            )
    if rank == 2:
        yield Change(
            "your two halves lie one below the other, and they belong side by side: concatenate "
            "along the last axis (hstack).", _below,
        )  # fmt: skip
        yield Change(
            "your two halves lie side by side, and they belong one below the other: concatenate "
            "along axis 0 (vstack).", _beside,
        )  # fmt: skip
    if rank > 1 and kind != "b":
        for word, reduce in (("mean", np.mean), ("sum", np.sum), ("maximum", np.max)):
            yield Change(
                f"yours is one number, the {word} of the whole right answer. Keep the axes.",
                lambda x, r=reduce: np.asarray(r(x)),
            )


def _centred(x: Array, axis: int) -> Array:
    return x - x.mean(axis, keepdims=True)


def _unit(x: Array, axis: int) -> Array:
    return x / np.linalg.norm(x, axis=axis, keepdims=True)


def _standard(x: Array, axis: int) -> Array:
    return _centred(x, axis) / x.std(axis, keepdims=True)


def _below(x: Array) -> Array:
    return np.concatenate(np.split(x, 2, axis=-1), axis=0)


def _beside(x: Array) -> Array:
    return np.concatenate(np.split(x, 2, axis=0), axis=-1)


def _twice(x: Array, axis: int) -> Array:
    return softmax(softmax(x, axis), axis)


def missing_steps(rank: int, kind: str) -> Iterator[Change]:
    """From the learner's answer, with `rank` axes, to the right one."""
    for axis in range(rank):
        which = f" along axis {axis}" if rank > 1 else ""
        if kind != "b":
            yield Change(
                f"the softmax{which} is missing: with it yours is right.",
                lambda x, a=axis: softmax(x, a),
            )
            yield Change(
                f"the sums{which} should be 1 and are not: divide by them and yours is right.",
                lambda x, a=axis: x / x.sum(a, keepdims=True),
            )
            for word, reduce in (
                ("mean", np.mean), ("sum", np.sum), ("maximum", np.max), ("minimum", np.min),
            ):  # fmt: skip
                yield Change(
                    f"a last step is missing: the {word}{which} of your numbers is the right "
                    "answer.", lambda x, a=axis, r=reduce: r(x, axis=a),
                )  # fmt: skip
        yield Change(
            f"yours has one entry too many{which}: without the last it is right. Does your "
            "range go one too far?", lambda x, a=axis: np.delete(x, -1, a),
        )  # fmt: skip
        yield Change(
            f"yours has one entry too many{which}: without the first it is right. Does your "
            "range start one too early?", lambda x, a=axis: np.delete(x, 0, a),
        )  # fmt: skip
        yield Change(
            f"yours is still a running sum{which}: take the differences.",
            lambda x, a=axis: np.diff(x, axis=a, prepend=0),
        )
    if kind == "f":
        for word, function in (("down", np.floor), ("to the nearest", np.round), ("up", np.ceil)):
            yield Change(f"a last step is missing: round {word}, then yours is right.", function)
    if rank and kind != "b":
        for word, reduce in (("mean", np.mean), ("sum", np.sum), ("maximum", np.max)):
            yield Change(
                f"a last step is missing: the {word} of all your numbers is the right answer.",
                lambda x, r=reduce: np.asarray(r(x)),
            )
            yield Change(
                f"a last step is missing: the {word} of the absolute values of all your numbers is "
                "the right answer.", lambda x, r=reduce: np.asarray(r(np.abs(x))),
            )  # fmt: skip
    if kind != "b":
        yield Change("negative numbers are left where their size is meant: take abs().", np.abs)
        yield Change(
            "yours goes below 0 where the right answer stops at 0: clip it from below.",
            lambda x: np.maximum(x, 0),
        )
