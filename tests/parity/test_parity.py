"""Each case of tests/parity/cases stays within its bound, and the table is theirs."""

import re

import pytest
import torch

from posenc_lib import encodings
from tests.parity import EQUATION, Case, all_cases
from tests.parity.table import HEAD, PAGE, in_order, row

CASES = all_cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.encoding}-{case.run.__name__}")
def test_agrees_with_its_reference(case):
    assert case.difference() <= case.bound


@pytest.mark.parametrize("name", encodings())
def test_every_encoding_has_a_reference(name):
    assert name in {case.encoding for case in CASES}


def test_the_table_lists_the_cases_that_run():
    """All but the differences, which change in their last digits from machine to machine."""
    page = PAGE.read_text(encoding="utf-8")
    assert page.startswith(HEAD)
    written = [re.sub(r"\| [^|]+ (\| [^|]+ \|)$", r"\1", s) for s in page[len(HEAD) :].splitlines()]
    expected = [row(case, "").replace(" |  | ", " | ") for case in in_order(CASES)]
    assert written == expected, "run `make parity`"


def test_no_case_compares_nothing_or_constants():
    def case(*pairs):
        return Case("x", EQUATION, "", "none", 0.0, lambda: pairs)

    one, two = torch.tensor([0.0, 1.0]), torch.tensor([0.0, 3.0])
    assert case((one, one), (one, two)).difference() == 2.0
    for pairs in [(), ((one[:1], one[:1]),), ((one, one[:1]),), ((one, one / 0),)]:
        with pytest.raises(AssertionError):
            case(*pairs).difference()
