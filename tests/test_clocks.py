"""Clocks: what they show and what they refuse."""

import numpy as np
import pytest

from posenc_lib import explorers
from posenc_lib.plots import Clocks


def test_hands_turn_with_the_position_and_the_angle_between_them_with_the_distance():
    panel = explorers.rotary_explorer(position=3, distance=2)
    before = panel.views[1]
    panel.pin()
    panel.position = 20
    after = panel.views[1]
    np.testing.assert_allclose(after.angles - before.angles, np.outer(before.rates, [17, 17]))
    np.testing.assert_allclose(np.diff(after.angles)[:, 0], 2 * after.rates)
    assert "Dashed behind them, pinned: Clocks of query at 3" in panel.alt
    assert panel.picture().startswith(b"\x89PNG")


REFUSED = [
    ({"angles": np.zeros(7), "labels": "abcdefg", "rates": np.zeros(7)}, "1 to 6 clocks"),
    ({"angles": [np.nan]}, "must be finite"),
    ({"rates": [1.0, 2.0]}, "one entry for each of 1 clocks"),
    ({"hands": ["query", "key"]}, "and 2 for each"),
    ({"styles": [-1]}, "whole numbers from 0"),
    ({"marks": [1]}, "numbers of clocks, 0 to 0"),
]


@pytest.mark.bad_input
@pytest.mark.parametrize("given, said", REFUSED)
def test_what_clocks_cannot_show_is_refused(given, said):
    plain = {"angles": [0.5], "labels": ["a"], "rates": [1.0], "unit": "position"}
    with pytest.raises(ValueError, match=said):
        Clocks("dials", **(plain | given))
