"""A name has one colour in the legends of a panel."""

from collections import defaultdict

import pytest

pytestmark = pytest.mark.browser

ENTRIES = """root => [...root.querySelectorAll(".posenc-legend span:has(> i)")].map(
  (entry) => [entry.textContent, getComputedStyle(entry.querySelector("i")).borderTopColor]
)"""


@pytest.mark.parametrize("panel", ["forecast_explorer"], indirect=True)
def test_a_name_has_one_colour(panel):
    colours = defaultdict(list)
    for name, colour in panel.page.evaluate(ENTRIES, panel.root):
        colours[name].append(colour)
    for name in ("sinusoidal", "last value"):  # the model and its baseline, in two views
        one, other = colours.pop(name)
        assert one == other
    assert sum(map(len, colours.values())) == len(colours) == 4  # the others, once each
