"""Every exercise: right answer, untouched stub, every known mistake, and something else wrong.

What the diagnosis finds is in test_diagnosis, right answers of other kinds in test_right_answers.
"""

import copy
import importlib
import pkgutil

import numpy as np
import pytest

from posenc_lib import checks
from posenc_lib.checks.exercise import Exercise

EXERCISES = {
    f"{info.name}.{name}": value
    for info in pkgutil.iter_modules(checks.__path__)
    for name, value in vars(importlib.import_module(f"posenc_lib.checks.{info.name}")).items()
    if isinstance(value, Exercise)
}
night = pytest.mark.every_graph
MISTAKES = [  # a third of them for every push: the others go the same way
    pytest.param(exercise, mistake, id=f"{where}-{mistake.name}", marks=[night] * (n % 3 > 0))
    for where, exercise in EXERCISES.items()
    for n, mistake in enumerate(exercise.mistakes)
]
each_exercise = pytest.mark.parametrize("exercise", EXERCISES.values(), ids=EXERCISES.keys())


@each_exercise
def test_the_solution_is_accepted(exercise):
    verdict = exercise(exercise.solution)
    assert verdict.correct and verdict.message.startswith("Correct")


@each_exercise
def test_an_untouched_stub_is_told_apart_from_a_wrong_answer(exercise):
    def stub(*arguments): ...

    def raises(*arguments):
        raise NotImplementedError

    for untouched in (stub, raises):
        verdict = exercise(untouched)
        assert not verdict.correct and "not attempted yet" in verdict.message


@pytest.mark.parametrize("exercise, mistake", MISTAKES)
def test_each_mistake_gets_its_own_hint(exercise, mistake):
    verdict = exercise(mistake.answer)
    assert not verdict.correct
    assert mistake.hint in verdict.message
    others = {other.hint for other in exercise.mistakes if other is not mistake}
    assert not any(hint in verdict.message for hint in others if hint not in mistake.hint)


@each_exercise
def test_there_are_at_least_three_mistakes_with_different_hints(exercise):
    assert len({mistake.hint for mistake in exercise.mistakes}) == len(exercise.mistakes) >= 3


@pytest.mark.parametrize("where", [name for name in EXERCISES if name != "relative.values"])
def test_an_answer_that_spoils_its_arguments_spoils_no_case(where):  # there a copy counts as work
    exercise = EXERCISES[where]

    def spoils(*arguments):
        result = exercise.solution(*copy.deepcopy(arguments))
        for argument in arguments:
            if hasattr(argument, "dtype"):
                argument[...] = 0
        return result

    found = exercise(spoils)
    assert found.correct or "The numbers are right, but your function changes" in found.message
    assert exercise(exercise.solution).correct


@each_exercise
def test_a_wrong_shape_is_never_broadcast(exercise):
    def one_axis_more(*arguments):
        result = exercise.solution(*arguments)
        return result[0][None] if isinstance(result, tuple) else [result]

    assert not exercise(one_axis_more).correct


@each_exercise
def test_an_error_in_the_answer_is_reported_with_its_call(exercise):
    def broken(*arguments):
        raise ZeroDivisionError("by hand")

    message = exercise(broken).message
    assert exercise.name in message and "ZeroDivisionError: by hand" in message


@pytest.mark.bad_input
@each_exercise
def test_a_value_in_place_of_a_function_is_refused(exercise):
    assert "without calling it" in exercise(3).message


@each_exercise
def test_a_return_that_is_missing_is_asked_for(exercise):
    def prints(*arguments):
        str(exercise.solution(*arguments))

    assert "returned None: is there a `return`?" in exercise(prints).message
    count = []

    def now_and_then(*arguments):
        count.append(arguments)
        return None if len(count) == 2 else exercise.solution(*arguments)

    if len(list(exercise.cases())) > 1:
        message = exercise(now_and_then).message
        assert "returned None for" in message or "does not answer for" in message


@each_exercise
def test_a_wrong_answer_has_its_smallest_case_and_it_can_be_read(exercise):
    verdict = exercise(lambda *arguments: exercise.mistakes[0].answer(*arguments))
    sizes = [getattr(a, "numel", lambda: 1)() for case in exercise.cases() for a in case]
    assert max(sizes) <= 108
    if verdict.case is not None and not hasattr(verdict.case[0], "function"):
        exercise.solution(*verdict.case)
        assert verdict.yours is not None and verdict.expected is not None


@pytest.mark.unchecked  # thousands of calls of solutions whose shapes other tests check
@each_exercise
def test_nothing_is_told_about_noise(exercise):
    """Numbers of the right shape that have nothing to do with the right ones."""
    rng = np.random.default_rng(5)

    def noise(*arguments):
        results = exercise.solution(*arguments)
        draws = {
            "b": lambda size: rng.random(size) < 0.5, "i": lambda size: rng.integers(-99, 99, size)
        }  # fmt: skip
        made = [
            draws.get(np.asarray(r).dtype.kind, lambda size: rng.normal(size=size))(np.shape(r))
            for r in _several(results)
        ]
        return tuple(made) if isinstance(results, tuple) else made[0]

    message = exercise(noise).message
    assert "largest difference" in message or "Your law" in message


def _several(results):
    return results if isinstance(results, tuple) else (results,)


def test_whole_numbers_are_whole_and_named_dtypes_are_kept():
    starts, pairs = checks.lengths.starts, checks.text.pairs
    for exercise, dtype in (
        (checks.relative.matrix, float), (checks.relative.rows, float), (starts, np.int32),
        (checks.biases.bucket, float), (checks.biases.slopes, np.float32), (starts, float),
        (pairs, float), (pairs, bool),
    ):  # fmt: skip

        def cast(*arguments, exercise=exercise, dtype=dtype):
            results = exercise.solution(*arguments)
            made = [np.asarray(r) for r in _several(results)]
            made[-1] = made[-1].astype(dtype)
            return tuple(made) if isinstance(results, tuple) else made[0]

        verdict = exercise(cast)
        assert not verdict.correct and "their dtype is not" in verdict.message


def test_no_order_is_its_own_inverse_in_the_test_of_blindness():
    """Otherwise an answer that applies the inverse order would be right."""
    cases = checks.text.blindness.cases()
    assert any(not (o.argsort(1) == o).all(1).any() for _, _, o in cases)


def test_windows_are_tried_on_a_text_that_ends_within_one():
    assert any(
        (length - n) % (n // 2) and length > n for length, n in checks.lengths.starts.cases()
    )
