"""The kernel's half of a panel that computes its numbers in the page."""

import numpy as np
import pytest

from posenc_lib import explorers
from posenc_lib.explorers.page import IN_PAGE
from tests.test_panel import tell


def test_a_move_of_the_hand_computes_nothing_and_sends_no_numbers(sent):
    panel, asked = explorers.sinusoidal_explorer(dim=16, length=30), []
    compute = panel._compute
    vars(panel)["_compute"] = lambda **settings: asked.append(settings) or compute(**settings)
    count = panel.canvas.settings["count"]
    sent.clear()
    tell(panel, settings=panel.settings | {"length": 44})
    assert panel.length == 44 and asked == []
    assert panel.canvas.settings == {"values": panel.settings, "count": count}
    assert [message[1:] for message in sent] == [({"settings"}, 0)]
    assert "length = 44" in panel.alt and len(panel.views[0].values) == 44 and len(asked) == 1


def test_what_is_set_from_code_has_a_count_and_the_page_says_where_it_has_gone():
    panel = explorers.sinusoidal_explorer(dim=16, length=30)
    count = panel.canvas.settings["count"]
    panel.set(length=31, base=777.25)
    assert panel.canvas.settings["count"] == count + 1
    assert panel.canvas.settings["values"]["base"] == 777.25
    panel.reset()
    assert panel.canvas.settings == {"values": panel.settings, "count": count + 2}
    tell(panel, settings={"length": 40, "base": 12345})
    assert panel.length == 40 and type(panel.base) is float
    tell(panel, press="pin", settings={"length": 41})
    assert panel.pinned["length"] == panel.length == 41
    assert panel.canvas.pinned["at"] == panel.pinned
    assert panel.canvas.pinned["settings"].startswith("dim d = 16, length = 41, ")
    assert "views" not in panel.canvas.pinned
    panel.length = 20
    panel.heatmaps = "difference"
    assert "live minus pinned" in panel.alt and panel.picture().startswith(b"\x89PNG")
    tell(panel, settings=panel.canvas.declared["first"])
    assert panel.length == 30
    tell(panel, press="unpin", settings=panel.settings)
    assert (panel.pinned, panel.canvas.pinned) == (None, {})
    with pytest.raises(ValueError, match="length = 513 is refused"):
        panel._follow({"length": 513})
    assert panel.length == 30


@pytest.mark.parametrize("compute", IN_PAGE)
def test_the_declaration_says_what_the_page_needs(compute):
    panel = getattr(explorers, f"{compute}_explorer")()
    declared = panel.canvas.declared
    assert (declared["compute"], declared["first"]) == (compute, panel.settings)
    assert [control["name"] for control in declared["controls"]] == list(panel.controls)
    assert panel.canvas.picture == {} and repr(panel.canvas) == f"{panel.title}."


def test_the_numbers_that_the_page_is_given_are_the_library_s():
    data = explorers.relative_explorer().canvas.declared["data"]
    edges = data["t5"][1]["edges"]
    assert edges[:16] == list(range(1, 17)) and edges[16:19] == [19, 21, 24] and len(edges) == 31
    assert data["alibi"]["slopes"] == [2.0**-h for h in range(1, 9)]
    queries = np.frombuffer(data["draws"]["queries"], np.float32)
    assert abs(queries.mean()) < 0.03 and abs(queries.std() - 1) < 0.03
