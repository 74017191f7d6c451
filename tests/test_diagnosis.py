"""What can happen to a right answer is found, said in a sentence, and not seen elsewhere."""

import math

import numpy as np
import pytest
import torch

from posenc_lib.checks.exercise import Exercise, Mistake


def right(n, width, offset):
    """(n, width) numbers that have no symmetry, of both signs and more than 1 apart."""
    rng = np.random.default_rng(n)
    return 3 * rng.normal(size=(n, width)) + offset * np.arange(1, width + 1)


def counted(x, shift):
    return np.abs(x) // 2 + shift


def halves(x):
    return x[:, : x.shape[1] // 2], x[:, x.shape[1] // 2 :]


MATRIX = Exercise("matrix", right, lambda: [(3, 4, 2), (5, 6, 0), (4, 4, -1), (3, 6, 0)], ())
MASK = Exercise("mask", lambda n, m: np.tri(n, m, m - n) > 0, lambda: [(3, 5), (4, 4), (2, 2)], ())
ROWS = Exercise(
    "rows", lambda at, k: np.clip(at, -k, k) + k,
    lambda: [(np.array([-5, 3, 0, 1, 7, -1]), 2), (np.array([9, -4, 2, 0, -9, 5, 3]), 4)], (),
)  # fmt: skip
PAIR = Exercise(
    "pair", lambda n: (right(n, 4, 1), np.arange(n) + 5), lambda: [(3,), (5,)], ()
)  # fmt: skip
WEIGHTS = Exercise(
    "weights", lambda n: torch.tensor(right(n, n + 1, 0)).softmax(-1), lambda: [(3,), (4,)], ()
)


def of(change):
    return lambda *arguments: change(right(*arguments))


FOUND = [
    (MATRIX, of(lambda x: x.T), "transposed: rows and columns"),
    (MATRIX, of(lambda x: x[::-1]), "the rows of yours stand in reverse order"),
    (MATRIX, of(lambda x: x[:, ::-1]), "the columns of yours stand in reverse order"),
    (MATRIX, of(np.negative), "the sign is turned"),
    (MATRIX, of(np.abs), "the sign is lost"),
    (MATRIX, of(lambda x: np.roll(x, 1, 0)), "the rows are rolled round by one"),
    (MATRIX, of(lambda x: 2 * x), "the right one times 2."),
    (MATRIX, of(lambda x: x / 2), "times one half"),
    (MATRIX, of(lambda x: 2 * np.pi * x), "times 2 pi"),
    (MATRIX, of(np.degrees), "degrees, where radians"),
    (MATRIX, of(lambda x: x / math.log(2)), "base 2, where e"),
    (MATRIX, of(lambda x: x / math.log(10)), "base 10, where e"),
    (MATRIX, lambda n, w, k: right(n, w, k) * math.sqrt(w), "times sqrt(`w`)"),
    (MATRIX, lambda n, w, k: right(n, w, k) / math.sqrt(n), "times 1 over sqrt(`n`)"),
    (MATRIX, lambda n, w, k: right(n, w, k) * n, "times `n`"),
    (MATRIX, of(lambda x: x + 1), "is 1 too large. Off by one"),
    (MATRIX, lambda n, w, k: right(n, w, k) - w, "too small by `w`"),
    (MATRIX, of(lambda x: 2 * x + 3), "the right one times 2, plus 3"),
    (MATRIX, of(lambda x: np.concatenate([x[:, ::2], x[:, 1::2]], 1)), "grouped by halves"),
    (MATRIX, of(lambda x: x.reshape(len(x), -1, 2)[..., ::-1].reshape(x.shape)), "0 with 1, 2"),
    (MATRIX, of(lambda x: np.hstack(halves(x)[::-1])), "the two halves of the columns are swapped"),
    (MATRIX, of(lambda x: np.vstack(halves(x))), "they belong side by side"),
    (MATRIX, of(lambda x: np.repeat(x[:1], len(x), 0)), "the first row is right and repeated"),
    (MATRIX, of(lambda x: x[None]), "axis of size 1 too many"),
    (MATRIX, of(np.ravel), "Axes were flattened"),
    (MATRIX, of(lambda x: x.mean(0)), "the mean of the right answer along axis 0"),
    (MATRIX, of(lambda x: x[:-1]), "one row is missing: the last"),
    (MATRIX, of(lambda x: x[:, 1:]), "one column is missing: the first"),
    (MATRIX, of(lambda x: x[::2]), "only every second of the rows"),
    (MATRIX, of(lambda x: np.vstack([x, x[:1]])), "one entry too many along axis 0"),
    (MATRIX, of(lambda x: np.sort(x, -1)), "sorted (ascending)"),
    (MATRIX, of(np.floor), "rounded down"),
    (MATRIX, of(np.trunc), "cut to whole numbers"),
    (MATRIX, of(lambda x: x.round(2)), "rounded, to 2 behind the point"),
    (MATRIX, of(np.float16), "half precision"),
    (MATRIX, of(np.exp), "e to the power of the right one"),
    (MATRIX, of(np.square), "the square of the right one"),
    (MATRIX, of(lambda x: x * np.nan), "NaNs"),
    (MATRIX, of(lambda x: 0 * x), "every number of yours is 0"),
    (MATRIX, of(lambda x: x * (np.arange(len(x)) > 0)[:, None]), "except in the first row"),
    (MATRIX, of(lambda x: x * (-1) ** np.arange(x.shape[1])), "5 ...). There, the sign is turned"),
    (MATRIX, lambda n, w, k: right(n, w, 0), "`k` = 0: is `k` used"),
    (MATRIX, lambda n, w, k: right(n, w, -k), "the sign of `k` turned"),
    (MATRIX, lambda n, w, k: right(n, w, k + 1), "`k` larger by one"),
    (MATRIX, lambda n, w, k: right(w, n, k), "`n` and `w` swapped"),
    (MATRIX, lambda n, w, k: right(n, w, 2), "`k` = 2 in every case"),
    (MATRIX, lambda n, w, k: right(n, w, k) + k * np.eye(n, w)[::-1], "wrong where `k` is not 0"),
    (MATRIX, of(lambda x: (x, x)), "number of results returned: 2, expected 1"),
    (MASK, lambda n, m: np.tri(n, m, m - n) == 0, "True and False are swapped"),
    (MASK, lambda n, m: np.tri(n, m, m - n), "expected True and False"),
    (MASK, lambda n, m: np.tri(n, m) > 0, "wrong where `n` and `m` differ"),
    (ROWS, lambda at, k: at + k, "right between them: the clip is missing"),
    (ROWS, lambda at, k: np.minimum(at, k) + k, "goes below"),
    (ROWS, lambda at, k: np.maximum(at, -k) + k, "missing at the upper end"),
    (ROWS, lambda at, k: np.clip(at, -k, k - 1) + k, "stops too early"),
    (ROWS, lambda at, k: np.clip(-at, -k, k) + k, "sign of `at` turned"),
    (ROWS, lambda at, k: np.clip(at, -k, k), "too small by `k`"),
    (ROWS, lambda at, k: 1.0 * (np.clip(at, -k, k) + k), "expected whole numbers"),
    (PAIR, lambda n: (np.arange(n) + 5, right(n, 4, 1)), "stand in another order"),
    (PAIR, lambda n: right(n, 4, 1), "Right so far: result 1"),
    (PAIR, lambda n: (right(n, 4, 1), np.arange(n)), "in result 2 of 2, every number"),
    (WEIGHTS, lambda n: right(n, n + 1, 0), "the softmax along axis 1 is missing"),
    (WEIGHTS, lambda n: np.exp(right(n, n + 1, 0)), "the sums along axis 1 should be 1"),
    (WEIGHTS, lambda n: torch.tensor(right(n, n + 1, 0)).log_softmax(-1), "the logarithm of"),
]  # fmt: skip


@pytest.mark.parametrize("exercise, answer, said", FOUND, ids=[said for *_, said in FOUND])
def test_a_change_is_found_and_said(exercise, answer, said):
    verdict = exercise(answer)
    assert not verdict.correct and said.lower() in verdict.message.lower()


def test_two_mistakes_at_once_are_both_said():
    exercise = Exercise(
        "sums", lambda n: np.add.outer(np.arange(n), 2.5 * np.arange(n + 1)), lambda: [(3,), (4,)],
        (Mistake("products", lambda n: np.multiply.outer(np.arange(n), 2.5 * np.arange(n + 1)),
                 "That is a product."),),
    )  # fmt: skip
    message = exercise(lambda n: -exercise.mistakes[0].answer(n)).message
    assert "Two things at once. That is a product." in message and "the sign is turned" in message


def test_an_error_is_shown_with_the_learners_own_line():
    def my_matrix(n, width, offset):
        made = right(n, width, offset)
        return made[n]

    message = MATRIX(my_matrix).message
    assert "IndexError" in message and "in line 3: return made[n]" in message
    assert "the last is number n - 1" in message

    def with_a_helper(n, width, offset):
        def helper(x):
            return x / len(x[0][0])

        return helper(right(n, width, offset))

    assert "in line 2 of helper: return x / len(x[0][0])" in MATRIX(with_a_helper).message
    shapes = MATRIX(lambda n, width, offset: right(n, width, offset) + np.ones(width + 1)).message
    assert "Two shapes do not fit together" in shapes


def test_an_answer_that_is_right_where_it_runs_is_told_so():
    def even_only(n, width, offset):
        if offset < 0:
            raise ValueError("negative")
        return right(n, width, offset)

    message = MATRIX(even_only).message
    assert message.startswith("Not yet. Right on the other cases, but matrix(4, 4, -1) raised")


def test_a_mistake_beside_an_error_is_named_only_where_it_is_the_only_one():
    first = Mistake("first", lambda n: n + 1, "One too many.")
    second = Mistake("second", lambda n: 2 * n, "Twice.")
    both = Exercise("number", lambda n: n, lambda: [(1,), (3,)], (first, second))

    def breaks(n):
        return 2 if n == 1 else 1 / 0

    assert (
        "One too many" not in both(breaks).message and "ZeroDivisionError" in both(breaks).message
    )
    one = Exercise("number", lambda n: n, lambda: [(1,), (3,)], (second,))
    assert "Twice." in one(breaks).message and "ZeroDivisionError" in one(breaks).message


def test_an_argument_changed_in_place_is_pointed_out():
    def spoils(at, k):
        at[:] = np.clip(at, -k, k) + k
        return at

    verdict = ROWS(spoils)
    assert not verdict.correct and "changes `at` in place" in verdict.message

    def overwrites(at, k):
        at += k
        return np.clip(at, -k, k) * (at % 3)

    assert "changes `at` in place" in ROWS(overwrites).message


def test_the_failing_case_is_the_smallest_and_is_whole():
    verdict = ROWS(lambda at, k: np.clip(at, -k, k) * 7 - at % 5)
    assert verdict.case[1] == 2 and verdict.expected.tolist() == [0, 4, 2, 3, 4, 1]
    assert verdict.yours.shape == (6,) and ".case, .yours and .expected" in verdict.message
    assert isinstance(ROWS(lambda at, k: 1 / 0).yours, ZeroDivisionError)
