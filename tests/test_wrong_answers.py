"""The checkers on answers that they were never tuned to: `wrong_answers.toml`, frozen."""

import linecache
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from posenc_lib import checks

pytestmark = [
    pytest.mark.unchecked,  # the shapes of answers are not ours
    pytest.mark.xdist_group("wrong answers"),  # all are judged once, by one worker
]

FROZEN = tomllib.loads(Path(__file__).with_name("wrong_answers.toml").read_text("utf-8"))
SHARE = 0.8
UNNAMED = ("largest difference at", " raised ", ": shape (", "What is different there?")
"""Words of a message that says where an answer is wrong, and not what the mistake is."""


def function(code, name):
    """The answer as a cell of a notebook defines it."""
    linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
    scope = {"__name__": "answers"}
    exec(FROZEN["setup"], scope)
    exec(compile(code, name, "exec"), scope)
    return next(made for found, made in reversed(scope.items()) if found.startswith("my_"))


def verdict(entry, number):
    topic, check = entry["checker"].split(".")
    made = function(entry["answer"], f"<answer {number}>")
    return getattr(getattr(checks, topic), check)(made)


@pytest.fixture(scope="module")
def judged():
    return [(entry, verdict(entry, number)) for number, entry in enumerate(FROZEN["wrong"])]


@pytest.mark.filterwarnings("ignore")
def test_no_wrong_answer_is_accepted(judged):
    assert [entry["mistake"] for entry, found in judged if found.correct] == []


@pytest.mark.filterwarnings("ignore")
def test_no_right_answer_is_refused():
    found = [(entry, verdict(entry, -number)) for number, entry in enumerate(FROZEN["right"], 1)]
    assert [(entry["checker"], v.message) for entry, v in found if not v.correct] == []


@pytest.mark.filterwarnings("ignore")
def test_most_wrong_answers_get_a_hint_that_names_a_mistake(judged, record_property):
    """That it names the right one was judged by reading them all; the report has the share."""
    unnamed = [
        entry["checker"] for entry, found in judged
        if any(words in found.message for words in UNNAMED)
    ]  # fmt: skip
    share = 1 - len(unnamed) / len(judged)
    print(f"{share:.1%} of {len(judged)} wrong answers get a hint that names a mistake")
    record_property("share of wrong answers with a hint", share)
    assert share >= SHARE, Counter(unnamed).most_common()


@pytest.mark.filterwarnings("ignore")
def test_every_refusal_hands_out_its_case(judged):
    """Small enough to read, with what the answer made of it and what it should have made."""
    for entry, found in judged:
        if "law" not in entry["checker"]:
            assert found.case is not None, entry["mistake"]
            sizes = [getattr(argument, "size", 0) for argument in found.case]
            assert all(size <= 120 for size in sizes if isinstance(size, int)), entry["checker"]
