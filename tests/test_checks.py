"""Every exercise: right answer, untouched stub, every known mistake, and something else wrong."""

import copy
import importlib
import pkgutil

import pytest

from posenc_lib import checks
from posenc_lib.checks.exercise import Exercise

EXERCISES = {
    f"{info.name}.{name}": value
    for info in pkgutil.iter_modules(checks.__path__)
    for name, value in vars(importlib.import_module(f"posenc_lib.checks.{info.name}")).items()
    if isinstance(value, Exercise)
}
MISTAKES = [
    pytest.param(exercise, mistake, id=f"{where}-{mistake.name}")
    for where, exercise in EXERCISES.items()
    for mistake in exercise.mistakes
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

    assert exercise(spoils).correct and exercise(exercise.solution).correct


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


def test_a_mask_of_numbers_is_not_taken_for_a_boolean_one():
    verdict = checks.attention.causal(lambda *sizes: 1.0 * checks.attention.causal.solution(*sizes))
    assert not verdict.correct and "expected True and False" in verdict.message
