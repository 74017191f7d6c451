"""The kernel's half of a panel that computes its numbers in the page."""

import numpy as np
import pytest

from posenc_lib import explorers
from posenc_lib.explorers.page import IN_PAGE
from posenc_lib.explorers.panel import Panel, Slider, Text
from posenc_lib.plots.views import Curves


def by_hand(panel, name, value):
    panel.controls[name].set_state({"value": value})


def from_page(panel, **content):
    panel.canvas._handle_custom_msg(content, [])


def test_a_move_of_the_hand_computes_nothing_and_sends_no_numbers(sent):
    panel, asked = explorers.sinusoidal_explorer(dim=16, length=30), []
    compute = panel._compute
    vars(panel)["_compute"] = lambda **settings: asked.append(settings) or compute(**settings)
    count = panel.canvas.settings["count"]
    sent.clear()
    by_hand(panel, "length", 44)
    assert panel.length == 44 and asked == []
    assert panel.canvas.settings == {"values": panel.settings, "count": count}
    ours = [(names, size) for widget, names, size in sent if widget is panel.canvas]
    assert ours == [({"settings"}, 0)]
    assert "length = 44" in panel.alt and len(panel.views[0].values) == 44 and len(asked) == 1


def test_what_is_set_from_code_has_a_count_and_the_page_says_where_it_has_gone():
    panel = explorers.sinusoidal_explorer(dim=16, length=30)
    count = panel.canvas.settings["count"]
    panel.set(length=31, base=777.25)
    assert panel.canvas.settings["count"] == count + 1
    assert panel.canvas.settings["values"]["base"] == 777.25
    assert panel.controls["length"].value == 31
    panel.reset()
    assert panel.canvas.settings == {"values": panel.settings, "count": count + 2}
    from_page(panel, settings={"length": 40, "base": 12345})
    assert panel.settings == {"dim": 16, "length": 40, "base": 12345.0, "start": 0}
    from_page(panel, press="pin", settings={"length": 41})
    assert panel.pinned["length"] == panel.length == 41
    assert panel.canvas.pinned["at"] == panel.pinned
    assert panel.canvas.pinned["settings"].startswith("dim = 16, length = 41, ")
    assert "views" not in panel.canvas.pinned
    panel.length = 20
    panel.heatmaps = "difference"
    assert "live minus pinned" in panel.alt and panel.picture().startswith(b"\x89PNG")
    from_page(panel, press="reset", settings=panel.canvas.page["first"])
    assert panel.length == 30
    from_page(panel, press="unpin", settings=panel.settings)
    assert (panel.pinned, panel.canvas.pinned) == (None, {})
    with pytest.raises(ValueError, match="length = 513 is refused"):
        panel._follow({"length": 513})
    assert panel.length == 30


@pytest.mark.parametrize("explorer", [explorers.sinusoidal_explorer, explorers.relative_explorer])
def test_the_declaration_names_every_control_and_its_widget(explorer):
    panel = explorer()
    page = panel.canvas.page
    assert page["compute"] in IN_PAGE and page["first"] == panel.settings
    assert [control["name"] for control in page["controls"]] == list(panel.settings)
    for control in page["controls"]:
        widget = panel.controls[control["name"]]
        assert control["widget"] == f"IPY_MODEL_{widget.model_id}"
        assert ("field" in control) == (control["kind"] == "slider")
    assert panel.canvas.picture == {} and repr(panel.canvas).endswith("computed in the page.")


def test_the_numbers_that_the_page_is_given_are_the_library_s():
    data = explorers.relative_explorer().canvas.page["data"]
    edges = data["t5"][1]["edges"]
    assert edges[:16] == list(range(1, 17)) and edges[16:19] == [19, 21, 24] and len(edges) == 31
    assert data["alibi"]["slopes"] == [2.0**-h for h in range(1, 9)]
    queries = np.frombuffer(data["draws"]["queries"], np.float32)
    assert abs(queries.mean()) < 0.03 and abs(queries.std() - 1) < 0.03


UNFOLLOWED = [
    ({"page": "cubic"}, ValueError, "page = 'cubic' is refused: it must be one of 'sinusoidal'"),
    ({"explorer": None}, ValueError, "needs its explorer"),
    ({"own": [2]}, ValueError, "settings that its line of code can hold"),
    ({"controls": [Text("slope", "two")]}, TypeError, "'slope' is a Text, which .* cannot follow"),
]


@pytest.mark.bad_input
@pytest.mark.parametrize("options, error, said", UNFOLLOWED)
def test_a_declaration_that_the_page_cannot_follow_is_refused(options, error, said):
    given = {
        "title": "A line", "controls": [Slider("slope", 2, -5, 5)], "page": "sinusoidal",
        "explorer": "sinusoidal_explorer",
        "compute": lambda slope: [Curves("line", [0, 1], [0, 1], "y", "x", "y")],
    }  # fmt: skip
    Panel(**given)
    with pytest.raises(error, match=said):
        Panel(**(given | options))


def test_a_refused_move_does_not_block_the_other_controls():
    """Kernel panels: what stays in the controls is tried again, and let go if it is in the way."""
    panel = explorers.learned_explorer(length=100, start=0)
    by_hand(panel, "start", 500)
    assert "is not drawn" in panel.message and panel.start == 0
    by_hand(panel, "dim", 32)
    assert (panel.message, panel.dim, panel.start) == ("", 32, 0)
    assert panel.controls["start"].value == 0 and panel._fields["start"].value == "0"
    by_hand(panel, "start", 500)
    by_hand(panel, "length", 12)  # now both go together
    assert (panel.message, panel.start, panel.length) == ("", 500, 12)
