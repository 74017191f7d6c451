"""The scoreboard and the recap of the notebooks."""

import json

import pytest

from posenc_lib import RotaryEncoding, checks, scoreboard
from posenc_lib.checks.questions import NOTEBOOKS
from posenc_lib.experiments import full_settings, score_rows
from posenc_lib.lessons.scoreboard import COLUMNS, NOTE, _board


def test_every_row_is_what_is_measured_now(tmp_path):
    """If this fails, python -m posenc_lib.experiments.score_rows."""
    assert json.loads(score_rows.write_rows(tmp_path).read_text()) == _board()


def test_what_is_said_under_the_board_is_what_was_measured():
    settings = full_settings("extrapolation")["settings"]
    short, long = settings["length"], settings["length"] * max(settings["length_multiples"])
    assert f"dim {score_rows.DIM}, {score_rows.HEADS} heads" in NOTE
    assert f"{score_rows.LENGTH} tokens" in NOTE and f"move by {score_rows.FAR}" in NOTE
    assert f"{short} tokens, there and on {long}" in NOTE
    assert f"loss at {short} and {long} tokens" in COLUMNS["longer"]


def test_an_encoding_of_your_own_gets_a_row():
    board = scoreboard("none", new="none", mine=score_rows.score_row(RotaryEncoding(16)))
    laws = ("order", "direction", "any_place", "trained", "memory")
    assert [board.rows["mine"][law] for law in laws] == [_board()["rope"][law] for law in laws]
    assert board.rows["mine"]["longer"] == score_rows.NOT_MEASURED
    assert all(title in repr(board) and title in board._repr_html_() for title in COLUMNS.values())
    with pytest.raises(ValueError, match="scoreboard: names"):
        scoreboard("fire")


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_every_question_has_one_right_answer_and_a_word_for_each_other(notebook):
    questions = checks.recap_questions(notebook)
    places = []
    for question in questions:
        assert question.asks.endswith("?") and len(question.choices) == 3
        assert all(choice.says and choice.believes for choice in question.choices)
        assert len({choice.says for choice in question.choices}) == 3
        (place,) = (n for n, choice in enumerate(question.choices) if choice.right)
        places.append(place)
    assert len(questions) == 3 and len(set(places)) > 1
    right = "".join("abc"[place] for place in places)
    wrong = "".join("abc"[(place + 1) % 3] for place in places)
    assert checks.recap(notebook, right).right == 3 and checks.recap(notebook, wrong).right == 0
    for question, place in zip(questions, places, strict=True):
        assert question.choices[(place + 1) % 3].believes in repr(checks.recap(notebook, wrong))


@pytest.mark.parametrize("answers", ["ab", "abcd", "abz", ""])
def test_other_answers_are_refused(answers):
    with pytest.raises(ValueError, match="recap: answers"):
        checks.recap("00", answers)
