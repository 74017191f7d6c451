"""The tools of every panel: reset, the pinned picture, the line of code, lecture mode."""

import numpy as np
import pytest

from posenc_lib import explorers
from posenc_lib.explorers.canvas import encoded
from posenc_lib.explorers.panel import Panel
from posenc_lib.explorers.pinned import beside, difference
from posenc_lib.plots.views import Heatmap
from tests.test_panel import from_page, heat, lines, panel, pictures, tell

EXPLORERS = [name for name in explorers.__all__ if name.endswith("_explorer")]


# --- reset ------------------------------------------------------------------------------------


def test_reset_goes_back_to_the_first_settings_in_one_redraw(sent):
    made, first = panel(dim=7, length=60), panel(dim=7, length=60)
    made.set(dim=32, length=200, base=100.0, causal=True, palette="sequential", sentence="a")
    made.pin()
    from_page(made, sentence="crash")
    assert made.message
    sent.clear()
    made.reset()  # to settings that single steps would not reach: an odd dim wants a short length
    assert made.settings == first.settings and made.pinned["dim"] == 32
    assert made.canvas.picture["views"] == first.canvas.picture["views"]
    assert made.message == "" and len(pictures(sent, made)) == 1
    assert made.canvas.declared["first"] == first.settings, "where the page's own button goes"


# --- pin --------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_code", [True, False])
def test_pin_keeps_the_present_picture_until_it_is_unpinned(by_code):
    made, plain = panel(dim=8, length=20), panel(dim=16, length=40)
    views, settings = made.canvas.picture["views"], made.settings

    def press(button):
        getattr(made, button)() if by_code else tell(made, press=button)

    assert made.pinned is None
    press("pin")
    made.set(dim=16, length=40)
    assert made.pinned == settings and made.canvas.pinned["views"] == views
    assert made.canvas.pinned["settings"].startswith("dim d = 8, length = 20, ")
    press("pin")
    assert made.pinned == made.settings
    if by_code:
        made.heatmaps = "difference"
    else:
        made.canvas.set_state({"heatmaps": "difference"})
    assert made.heatmaps == "difference"
    assert [encoded(view) for view in made.views] == [encoded(view) for view in plain.views]
    assert made.canvas.picture["views"] == plain.canvas.picture["views"], "the live ones stay"
    press("unpin")
    assert (made.pinned, made.canvas.pinned, made.heatmaps) == (None, {}, "live")


@pytest.mark.parametrize("mode", ["live", "pinned", "difference"])
def test_what_is_pinned_is_sent_once_and_not_with_a_move(mode, sent):
    made = panel(length=200, dim=128)
    made.scale = 2.0
    [(_, names, size)] = sent[-1:]
    assert names == {"picture", "settings"}
    sent.clear()
    made.pin()
    assert [message[1:] for message in sent] == [({"pinned"}, size)]
    sent.clear()
    made.lecture = True
    made.heatmaps = mode
    assert pictures(sent, made) == [0] * (1 + (mode != "live")), "a mode sends no numbers"
    sent.clear()
    from_page(made, scale=1.0)
    assert [message[1:] for message in sent] == [(names | {"answered"}, size)]


def test_the_description_says_what_is_pinned_and_shown():
    made = panel(dim=4, length=10)
    plain = made.alt
    made.pin()
    made.set(scale=2.0)
    assert ". Pinned to compare with: dim d = 4, length = 10, base = 10,000, scale = 1," in made.alt
    assert "Heat map of table: 10 x 4" in made.alt
    assert "Dashed behind them, pinned: Curves of first wave" in made.alt
    for mode, said in {"pinned": "(pinned)", "difference": "(live minus pinned)"}.items():
        made.heatmaps = mode
        assert f"Heat map of table {said}: 10 x 4" in made.alt
        assert repr(made) == made.alt == made.figure().alt
    made.unpin()
    made.reset()
    assert made.alt == plain


def test_the_still_picture_shows_what_is_pinned_and_is_the_old_one_without():
    made = panel(dim=4, length=10)
    before = made.picture()
    made.pin()
    made.scale = 2.0
    figure = made.figure()
    assert "Pinned: dim d = 4, length = 10" in figure.get_suptitle()
    curves = figure.axes[2]  # [1] is the colour scale
    names = [text.get_text() for text in curves.get_legend().get_texts()]
    assert names == ["dim 0", "dim 0 (pinned)"]
    live, old = curves.lines[:2]
    np.testing.assert_allclose(live.get_ydata(), 2.0 * old.get_ydata())
    assert old.get_linestyle() != live.get_linestyle() and old.get_zorder() < live.get_zorder()
    made.heatmaps = "difference"
    image = made.figure().axes[0].images[0].get_array()
    np.testing.assert_allclose(image, made.views[0].values / 2.0)
    made.set(length=4, scale=0.5)
    axes = made.figure().axes[2]
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    for live_or_old in axes.lines[:2]:  # they reach over the pinned curves
        x, y = live_or_old.get_data()
        assert left <= min(x) <= max(x) <= right and low <= min(y) <= max(y) <= high
    made.unpin()
    made.reset()
    made.lecture = True
    assert made.picture() == before, "and large text is for the page alone"


# --- live and pinned, view by view -------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "columns"), [((0, 0), (0, 0)), ((2, 0), (0, 3)), ((9, 0), (0, 0))]
)
def test_the_difference_is_taken_at_the_same_row_and_column_numbers(rows, columns):
    rng = np.random.default_rng(0)
    values, old_values = rng.standard_normal((5, 4)), rng.standard_normal((6, 3))
    old_values[2, 1] = np.nan
    live = heat(values, row_start=rows[0], column_start=columns[0])
    old = heat(old_values, row_start=rows[1], column_start=columns[1])
    made = difference(live, old)
    for i in range(5):
        for j in range(4):
            row, column = i + rows[0] - rows[1], j + columns[0] - columns[1]
            inside = 0 <= row < 6 and 0 <= column < 3
            expected = values[i, j] - old_values[row, column] if inside else np.nan
            np.testing.assert_equal(made.values[i, j], expected)
    assert (made.row_start, made.column_start) == (rows[0], columns[0])
    assert made.palette == "diverging"
    assert made.value_label == "value, live minus pinned"


@pytest.mark.parametrize(("most", "top"), [(0.3, 0.5), (0.5, 0.5), (1.2, 2.0), (6.0, 10.0), (0, 5)])
def test_the_scale_of_a_difference_is_symmetric_and_round(most, top):
    made = difference(heat([[most, 3.0]]), heat([[0.0, 3.0]]))
    assert made.limits == pytest.approx((-top, top))


def test_views_of_another_quantity_are_not_compared():
    x = [0.0, 1.0]
    live = [lines(x, x, "a"), lines(x, x, "a"), heat([[1.0]]), heat([[1.0]]), lines(x, x, "a")]
    old = [lines(x, x, "a", y_label="z"), heat([[1.0]]), lines(x, x, "a")]
    old.append(Heatmap("other", [[1.0]], "row", "column", "score"))
    for mode, names in {
        "live": ["curves", "curves", "map", "map", "curves"],
        "difference": ["curves", "curves", "map", "map", "curves"],
        "pinned": ["curves", "curves", "map", "other", "curves"],
    }.items():
        drawn = beside(live, old, mode)
        assert all(one.behind is None for one in drawn)
        for one, name in zip(drawn, names, strict=True):
            note = "pinned" if name == "other" else "not comparable with the pinned one"
            assert one.view.name == f"{name} ({note})"
        # curves are compared whatever the heat maps show
        [drawn] = beside(live[:1], [lines([0, 1, 2], [3, 4, 5], "b")], mode)
        assert drawn.view == live[0] and drawn.behind is not None


# --- the line of code --------------------------------------------------------------------------

MOVED = {
    "sinusoidal_explorer": {"dim": 10, "length": 30, "base": 123.5, "start": 7},
    "learned_explorer": {"table": "random start", "length": 12, "dim": 5, "reference": 3},
    "relative_explorer": {"form": "Shaw", "same_query": False, "queries": 4},
    "attention_explorer": {"sentence": 'it\'s "so" \\ ein Fluß', "heads": 4, "encoding": "rope"},
    "word_order_explorer": {"sentence": "the name is an object", "second": 3, "shown": "shuffled"},
    "dates_explorer": {"sentence": "2021, 6 May", "language": "French", "head": "1"},
}


@pytest.mark.parametrize("name", EXPLORERS)
def test_the_line_of_code_makes_the_same_figure(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = getattr(explorers, name)()
    made.set(**MOVED.get(name, {}))
    assert "\n" not in made.code
    again, figure = [], Panel.figure
    monkeypatch.setattr(Panel, "figure", lambda self: again.append(self) or figure(self))
    exec(made.code, {})
    assert again[0] is not made
    assert again[0].settings == made.settings
    assert [encoded(view) for view in again[0].views] == [encoded(view) for view in made.views]
    assert (tmp_path / "panel.png").read_bytes().startswith(b"\x89PNG")


def test_a_panel_without_a_line_of_code_says_why():
    made = panel()
    assert made.code.startswith("# No line of code: this panel was made by Panel(...)")
    assert made.canvas.picture["code"] == made.code
    exec(made.code, {})  # a comment


@pytest.mark.parametrize("size", [(6, 6), (600, 400)])
def test_a_table_or_an_encoding_of_one_s_own_has_no_line_of_code(size):
    made = explorers.learned_explorer(np.random.default_rng(0).standard_normal(size))
    assert "something of your own, which only you can pass to learned_explorer" in made.code
    made = explorers.attention_explorer(encodings={"mine": "rope"}, encoding="mine")
    assert "something of your own, which only you can pass to attention_explorer" in made.code
    made.encoding = "rope"
    assert "encoding='rope'" in made.code


def test_lecture_mode_is_set_by_code_and_by_the_page():
    made = panel()
    assert made.lecture is False
    made.lecture = True
    assert made.canvas.lecture is True
    made.canvas.set_state({"lecture": False})
    assert made.lecture is False


# --- refusals ----------------------------------------------------------------------------------


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("name", "value", "error", "match"),
    [
        ("heatmaps", "diff", ValueError, "heatmaps = 'diff' is refused.*'live', 'pinned', 'diff"),
        ("heatmaps", "pinned", ValueError, "nothing is pinned. Call pin"),
        ("lecture", 1, TypeError, "lecture = 1 is refused: it must be True or False"),
    ],
)
def test_a_bad_mode_is_refused_and_changes_nothing(name, value, error, match):
    made = panel()
    before = getattr(made, name)
    with pytest.raises(error, match=match):
        setattr(made, name, value)
    assert getattr(made, name) == before
