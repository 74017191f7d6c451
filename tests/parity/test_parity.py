"""Each case of tests/parity/cases stays within its bound."""

import pytest

from tests.parity import all_cases


@pytest.mark.parametrize(
    "case", all_cases(), ids=lambda case: f"{case.encoding}-{case.run.__name__}"
)
def test_agrees_with_its_reference(case):
    assert case.difference() <= case.bound
