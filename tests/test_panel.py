"""The shared machinery of the live panels: driven from code, one message a move, still pictures."""

import gc
import subprocess
import sys
import threading
import time
import weakref

import matplotlib
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from ipywidgets.widgets.widget import _instances

from posenc_lib import explorers
from posenc_lib.explorers.canvas import Canvas, encoded, quantised
from posenc_lib.explorers.panel import Choice, LogSlider, Panel, Slider, Text, Toggle, UpTo
from posenc_lib.plots.palette import PALETTES
from posenc_lib.plots.teaching_figure import (
    CYCLE,
    TeachingFigure,
    colour_map,
    teaching_style,
    views_figure,
)
from posenc_lib.plots.views import LARGEST_HEATMAP, Curves, Heatmap, number


def compute(dim, length, base, scale, causal, palette, sentence):
    if dim % 2 and length > 100:
        raise ValueError("an odd dim needs a length of at most 100. Shorten length.")
    if sentence == "crash":
        raise ZeroDivisionError("by the author's mistake")
    angles = np.arange(length)[:, None] / base ** (np.arange(dim) / dim)
    table = scale * np.sin(angles)
    if causal:
        table[np.triu_indices(length, 1, dim)] = np.nan
    return [
        Heatmap("table", table, "position", "dimension", "value", (-3, 3), palette),
        Curves("first wave", np.arange(length), table[:, 0], "dim 0", "position", "value"),
    ]


def panel(**settings):
    return Panel(
        title="Test table",
        controls=[
            Slider("dim", 64, 2, 512, label="dim d"),
            Slider("length", 50, 2, 512, step=2),
            LogSlider("base", 10_000.0, 3.0, 1e6),
            Slider("scale", 1.0, 0.5, 3.0, step=0.1),
            Toggle("causal", False),
            Choice("palette", "diverging", ["diverging", "sequential"]),
            Text("sentence", "the cat sat"),
        ],
        compute=compute,
        settings=settings,
    )


def heat(values=((1.0, 2.0),), **arguments):
    return Heatmap("map", values, "row", "column", "value", **arguments)


def lines(x=(0, 1), ys=((0, 1),), labels=("a",), y_label="y", **arguments):
    return Curves("curves", x, ys, labels, "x", y_label, **arguments)


def line(*controls, compute=lambda **_: lines(), **more):
    return Panel(title="A line", controls=controls, compute=compute, **more)


def tell(made, **content):
    """What the page says."""
    made.canvas._handle_custom_msg(content, [])


def from_page(made, **settings):
    """A hand wants these settings, and the others as they are."""
    tell(made, want=made.settings | settings, turn=made.canvas.answered + 1)


def pictures(sent, made):
    """The bytes of each message that this panel has sent."""
    return [size for widget, _, size in sent if widget is made.canvas]


# --- settings ---------------------------------------------------------------------------------

GOOD = {
    "dim": 7, "length": 98, "base": 12_345.6, "scale": 2.5, "causal": True,
    "palette": "sequential", "sentence": "a b c",
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), GOOD.items())
def test_a_setting_reads_back_and_goes_to_the_page_as_by_hand(name, value):
    made, moved = panel(dim=8), panel(dim=8)
    old, before = made.settings, made.alt
    setattr(made, name, value)
    assert getattr(made, name) == made.canvas.settings["values"][name] == value
    assert made.settings == old | {name: value} and made.alt != before
    from_page(moved, **{name: value})
    assert (moved.settings, moved.alt, moved.canvas.answered) == (made.settings, made.alt, 1)
    assert moved.canvas.picture == made.canvas.picture


def test_settings_at_construction_equal_settings_afterwards_and_become_plain():
    numpy = {"length": np.int64(98), "scale": np.float32(2.5), "causal": np.bool_(True)}
    first, second = panel(**GOOD | numpy), panel()
    second.set(**GOOD)
    assert repr(first.settings) == repr(second.settings) and first.alt == second.alt
    assert [encoded(view) for view in first.views] == [encoded(view) for view in second.views]
    heatmap, curves = first.views
    assert heatmap.values.shape == (98, 7)
    np.testing.assert_allclose(heatmap.values[:, 0], curves.ys[0])
    assert {"dim", "length", "figure"} <= set(dir(first))


# --- refusals ---------------------------------------------------------------------------------

BAD = [
    ("length", 514, ValueError, "from 2 to 512"),
    ("length", 51, ValueError, "in steps of 2"),
    ("length", 50.0, TypeError, "a whole number"),
    ("length", float("nan"), ValueError, "a whole number"),
    ("length", True, TypeError, "a whole number"),
    ("base", float("inf"), ValueError, "from 3 to 1,000,000"),
    ("base", 1e7, ValueError, "from 3 to 1,000,000"),
    ("base", "10", TypeError, "a number"),
    ("scale", 0.0, ValueError, "from 0.5 to 3"),
    ("causal", 1, TypeError, "True or False"),
    ("palette", "rainbow", ValueError, "'diverging', 'sequential'"),
    ("palette", 3, TypeError, "'diverging', 'sequential'"),
    ("sentence", "", ValueError, "at most 200 characters"),
    ("sentence", "x" * 201, ValueError, "at most 200 characters"),
    ("sentence", 5, TypeError, "a text"),
]


@pytest.mark.bad_input
@pytest.mark.parametrize(("name", "value", "error", "allowed"), BAD)
def test_a_bad_setting_is_refused_and_the_picture_stays(name, value, error, allowed, sent):
    made = panel()
    settings, views = made.settings, made.views
    sent.clear()
    with pytest.raises(error) as refused:
        made.set(dim=10, **{name: value})
    for part in ("Test table", name, repr(value), allowed):
        assert part in str(refused.value)
    assert made.settings == settings and made.views == views and not sent
    with pytest.raises(error):
        panel(**{name: value})


@pytest.mark.bad_input
def test_a_misspelt_setting_or_a_combination_that_compute_refuses_raises_from_code():
    made = panel(dim=7)
    with pytest.raises(TypeError, match=r"'lenght'.*Did you mean 'length'"):
        made.set(lenght=3)
    with pytest.raises(AttributeError, match="Did you mean 'length'"):
        made.lenght = 3
    with pytest.raises(AttributeError, match="lenght"):
        made.lenght  # noqa: B018
    with pytest.raises(ValueError, match="'Test table': length = 200 is refused: an odd dim"):
        made.length = 200
    assert made.length == made.canvas.settings["values"]["length"] == 50
    made.set(length=200, dim=8)
    assert made.settings["length"] == 200


def test_a_combination_that_compute_refuses_is_said_in_the_panel(caplog, sent):
    made = panel(length=200)
    views, picture = made.views, made.picture()
    sent.clear()
    with caplog.at_level("INFO"):
        from_page(made, dim=7)
    assert made.message == (
        "dim d = 7 is not drawn: an odd dim needs a length of at most 100. Shorten length."
    )
    assert [m[1:] for m in sent] == [({"message", "answered"}, 0)], "no picture goes again"
    assert made.views == views and made.dim == 64 and made.picture() == picture
    assert isinstance(made.error, ValueError) and "odd dim" in caplog.text
    from_page(made, dim=7, length=100)
    assert (made.message, made.error, made.canvas.answered) == ("", None, 2)
    assert made.views[0].values.shape == (100, 7)


def test_a_mistake_in_compute_keeps_the_picture_and_the_traceback(caplog):
    made = panel()
    views = made.views
    from_page(made, sentence="crash")
    said = "sentence = 'crash' is not drawn: ZeroDivisionError: by the author's mistake."
    assert (made.message, made.views, made.canvas.answered) == (said, views, 1)
    assert made.error.__traceback__ is not None and "Traceback" in caplog.text
    from_page(made, sentence="fine")
    assert made.message == ""


@pytest.mark.parametrize("wrong", [{"palette": "rainbow"}, {"length": None}, {"dimm": 3}])
def test_a_page_that_wants_what_no_control_offers_gets_an_answer_all_the_same(wrong):
    made = panel()
    before = made.settings
    from_page(made, **wrong)
    assert made.canvas.answered == 1 and made.settings == before


A, B = Slider("a", 1, 0, 2), Toggle("b", True)
IN_PAGE = {"page": "sinusoidal", "explorer": "sinusoidal_explorer"}
WRONG = [
    ([], {}, "controls is empty"),
    ([A, A], {}, "same name"),
    ([Slider("views", 1, 0, 2)], {}, "cannot be named 'views'"),
    ([Slider("pin", 1, 0, 2)], {}, "cannot be named 'pin'"),
    ([Slider("a b", 1, 0, 2)], {}, "cannot be named 'a b'"),
    ([Slider("a", 3, 0, 2)], {}, "a = 3 is refused"),
    ([Slider("a", 2, 0, 9, step=2)], {}, "ends at 9, which is none"),
    ([Slider("a", 1, 0, 2, needs=("b", [1]))], {}, "must be a Choice"),
    ([Slider("a", 1, 0, 2, upto=UpTo("c")), B], {}, "must be a Slider, a Choice of numbers or a"),
    ([Slider("a", 1, 0, 2, upto=UpTo("b")), B], {}, "'a' ends where 'b' says, which must be"),
    ([A], {"compute": lambda b: lines()}, "compute must take a"),
    ([A], {"compute": lambda a: []}, "at least one Heatmap"),
    ([A], {"compute": lambda a: [np.eye(2)]}, "one of them is ndarray"),
    ([A, B], {"front": "agh"}, "front names 'g', 'h', but the controls are a, b"),
    ([A], {"explorer": "sinusoid"}, r"explorer = 'sinusoid' is no function.*sinusoidal_expl"),
    ([A], IN_PAGE | {"page": "cubic"}, "page = 'cubic' is refused: it must be one of 'sinusoidal'"),
    ([A], IN_PAGE | {"explorer": None}, "needs its explorer"),
]


@pytest.mark.bad_input
@pytest.mark.parametrize(("controls", "more", "said"), WRONG)
def test_a_wrong_declaration_is_found_when_the_panel_is_made(controls, more, said):
    with pytest.raises((TypeError, ValueError), match=said):
        line(*controls, **more)


def test_the_page_is_told_which_controls_are_in_sight_and_which_have_an_effect():
    many = [Toggle(name, True) for name in "abcde"]
    assert line(*many).canvas.declared["front"] == ["a", "b", "c", "d"]
    assert line(*many, front=("e", "b")).canvas.declared["front"] == ["e", "b"]
    made = line(Choice("form", 1, [1, 2]), Slider("bend", 2, 0, 5, needs=("form", [2])))
    made.bend = 3
    assert made.bend == 3, "without effect it takes values from code as always"
    assert made.canvas.declared["controls"][1]["needs"] == ["form", [2]]


@pytest.mark.parametrize(
    ("other", "short", "end"),
    [
        (Slider("other", 8, 0, 8), 4, 7),
        (Choice("other", 8, {"all": 8, "half": 4}), 4, 7),
        (Text("other", "a b c d e f g h"), "to be or\tnot", 7),
        (Slider("other", 8, 0, 8), 0, 3),  # never below its minimum
    ],
)
def test_a_range_that_follows_another_control(other, short, end):
    made = line(Slider("at", 15, 3, 31, step=2, upto=UpTo("other", 2, -1)), other)
    first = made.settings
    with pytest.raises(ValueError, match=r"at = 17 is refused with other = .* 3 to 15 in steps"):
        made.at = 17
    with pytest.raises(ValueError, match=rf"it must be .*{end}.*Set both, or another other"):
        made.other = short
    assert made.settings == first
    made.set(other=short, at=end)
    assert made.settings == {"other": short, "at": end}


def test_views_at_other_settings_leave_the_panel_alone(sent):
    for made in (panel(), explorers.sinusoidal_explorer(dim=64)):
        settings, views, alt = made.settings, made.views, made.alt
        sent.clear()
        assert made.views_at(length=20, dim=8)[0].values.shape == (20, 8)
        with pytest.raises(ValueError, match="length = 1000 is refused"):
            made.views_at(length=1000)
        assert (made.settings, made.views, made.alt, sent) == (settings, views, alt, [])


# --- messages and memory -----------------------------------------------------------------------


@pytest.mark.parametrize(("length", "dim"), [(50, 64), (200, 128), (512, 512)])
def test_a_move_sends_one_picture_of_bounded_size(length, dim, sent):
    made = panel(length=length, dim=dim)
    cell = 2 if length * dim <= 65_536 else 1
    for move in (lambda: from_page(made, scale=2.0), lambda: made.set(base=5.0, scale=1.0)):
        sent.clear()
        move()
        assert [size for *_, size in sent] == [cell * length * dim + (8 + 4) * length]


def test_after_200_rapid_moves_the_picture_is_the_last_one(sent):
    made, other = panel(), panel()
    sent.clear()
    for length in range(2, 402, 2):
        from_page(made, length=length)
    assert len(pictures(sent, made)) == 200 and pictures(sent, other) == []
    assert made.settings == panel(length=400).settings != other.settings
    assert made.canvas.picture["views"] == panel(length=400).canvas.picture["views"]


def test_a_picture_once_taken_does_not_change_with_the_arrays_behind_it():
    table = np.zeros((2, 2))
    made = line(A, compute=lambda a: heat(np.add(table, a, out=table)))
    before = made.views[0]
    made.a = 2
    assert before.values.max() == 1
    with pytest.raises(ValueError, match="read-only"):
        before.values[0, 0] = 7


def test_pictures_do_not_pile_up_and_nothing_is_left_after_close(sent):
    before = set(_instances)
    made = panel(length=200, dim=128)
    old = [weakref.ref(thing) for thing in (made.figure(), *made.views)]
    for length in range(100, 200, 2):
        made.length = length
    made.picture()
    gc.collect()
    assert all(thing() is None for thing in old)
    assert len(set(_instances) - before) == 2, "the canvas and its layout"
    made.close()
    made.close()
    assert set(_instances) == before
    made.length = 20
    assert made.views[0].values.shape == (20, 128), "from code it works on"
    assert set(made._repr_mimebundle_()[0]) == {"text/plain", "image/png"}, "and is its picture"


def test_a_cell_and_a_hand_take_turns():
    drawing, overlaps = threading.Lock(), []

    def compute(a):
        overlaps.append(not drawing.acquire(blocking=False))
        time.sleep(0.005)
        if not overlaps[-1]:
            drawing.release()
        return lines([0, 1], [0, a])

    made = line(Slider("a", 1, 0, 99), compute=compute)
    hands = [threading.Thread(target=from_page, args=(made,), kwargs={"a": n}) for n in range(9)]
    for n, hand in enumerate(hands, 20):
        hand.start()
        made.a = n
    for hand in hands:
        hand.join()
    assert not any(overlaps) and made.views[0].ys[0, 1] == made.a


# --- quantised numbers ------------------------------------------------------------------------


def restored(view):
    sent = encoded(view)
    codes = np.frombuffer(sent["codes"], np.uint8 if sent["bytes"] == 1 else np.uint16)
    values = sent["low"] + sent["step"] * codes.astype(float)
    values[codes == np.iinfo(codes.dtype).max] = np.nan
    return values.reshape(sent["shape"]), sent["step"]


@given(
    hnp.arrays(
        st.sampled_from([np.float32, np.float64]),
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=8),
        elements=st.one_of(
            st.floats(-1e6, 1e6, width=32), st.just(np.nan), st.integers(-40_000, 40_000)
        ),
    )
)
def test_numbers_come_back_within_half_a_step(values):
    back, step = restored(heat(values))
    np.testing.assert_array_equal(np.isnan(back), np.isnan(values))
    slack = 0.51 * step + 1e-6 * np.nanmax(np.abs(values), initial=0)
    assert np.all(np.abs(back - values)[~np.isnan(values)] <= slack)


@pytest.mark.parametrize("length", [4, 128, 512])
def test_whole_numbers_are_exact_at_every_size(length):
    offsets = np.arange(length)[None] - np.arange(length)[:, None]
    back, step = restored(heat(offsets))
    assert step == 1.0
    np.testing.assert_array_equal(back, offsets)


def test_both_ends_are_exact_and_a_constant_and_a_fully_masked_map_are_drawn():
    for cells, last in ((2, 65_534), (65_538, 254)):  # two bytes a cell, and one
        codes, low, step = quantised(np.resize([-0.3, 0.7], (1, cells)), (-0.3, 0.7))
        assert codes[0, :2].tolist() == [0, last] and low + last * step == pytest.approx(0.7)
    np.testing.assert_allclose(restored(heat(np.full((3, 3), 0.5), palette="sequential"))[0], 0.5)
    masked = heat(np.full((3, 3), np.nan))
    assert np.isnan(restored(masked)[0]).all()
    assert masked.alt.endswith("every cell masked.")
    assert views_figure([masked]).png()


# --- views ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "limits"),
    [({}, (-4, 4)), ({"palette": "sequential"}, (-4, 2)), ({"limits": (-1, 1)}, (-1, 1))],
)
def test_the_colour_scale(arguments, limits):
    view = heat([[-4, 2.0]], **arguments)
    assert view.limits == limits
    assert view.beyond == ((True, True) if limits == (-1, 1) else (False, False))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.int64])
def test_torch_tensors_are_taken_off_their_graph(dtype):
    tensor = torch.ones(2, 3, dtype=dtype, requires_grad=dtype.is_floating_point)
    np.testing.assert_array_equal(heat(tensor).values, np.ones((2, 3)))


TWO = {"ys": np.ones((2, 2)), "labels": ["a", "b"]}
LOWEST = np.finfo(np.float32).min
BAD_VIEWS = [
    (lambda: heat([1.0, 2.0]), "values .*(2,).* two axes"),
    (lambda: heat(np.ones((0, 3))), "values .*(0, 3).* at least one"),
    (lambda: heat([[1.0], [1.0, 2.0]]), "values .*ragged .*NaN"),
    (lambda: heat([["a"]]), "values .*real numbers"),
    (lambda: heat([[1j]]), "values .*complex128"),
    (lambda: heat([[-np.inf, 0]]), "values .*-inf.* Put NaN"),
    (lambda: heat([[LOWEST, 0]]), "values .*-3.4e+38.* Put NaN"),
    (lambda: heat(np.zeros((1, LARGEST_HEATMAP + 1), np.float32)), "4,194,305 .*[:2048, :2048]"),
    (lambda: heat(palette="jet"), "palette .*'jet'.* 'sequential'"),
    (lambda: heat(limits=(1, 1)), "limits .*(1, 1)"),
    (lambda: heat(limits=(0, np.nan)), "limits .*nan"),
    (lambda: heat(limits=3), "limits .*3"),
    (lambda: heat(row_ticks=["a", "b"]), "row_ticks .*1 texts"),
    (lambda: heat(column_ticks="ab"), "column_ticks .*2 texts.* 'ab'"),
    (lambda: lines(ys=[[0, 1, 2]]), "ys .*(2,)"),
    (lambda: lines(x=[], ys=[[]]), "ys .*(1, 0)"),
    (lambda: lines(x=[1, 0]), "x .*increasing.* Sort"),
    (lambda: lines(x=[0, np.nan]), "x .*finite"),
    (lambda: lines(ys=[[0, np.inf]]), "ys .*inf.* Put NaN"),
    (lambda: lines(labels=["a", "b"]), "labels .*1 texts"),
    (lambda: lines(ys=np.zeros((17, 2)), labels=["a"] * 17), "17 curves.* at most 16.* Heatmap"),
    (lambda: lines(styles=[0, 1]), "styles .*1 different.* [0, 1]"),
    (lambda: lines(styles=[16]), "styles .*0 to 15.* [16]"),
    (lambda: lines(**TWO, styles=[3, 3]), "styles .*2 different.* [3, 3]"),
    (lambda: lines(log_x=True), "log_x .*smallest is 0"),
    (lambda: lines(log_y=True), "log_y .*smallest is 0"),
    (lambda: lines(ys=[[1, 2]], log_y=True, limits=(0, 2)), "limits .*logarithmic"),
    (lambda: views_figure([]), "views is empty"),
    (lambda: colour_map("jet"), "'jet'.* sequential"),
    (lambda: TeachingFigure("  "), "alt .*blank"),
    (lambda: TeachingFigure(None), "alt .*None"),
    (lambda: Canvas({}).show({}, ["no view"], "Nothing."), "must be a Heatmap, Curves or Clocks"),
]


@pytest.mark.bad_input
@pytest.mark.parametrize(("call", "said"), BAD_VIEWS, ids=[said for _, said in BAD_VIEWS])
def test_bad_views_are_refused(call, said):
    with pytest.raises((TypeError, ValueError)) as refused:
        call()
    for part in said.split(".*"):
        assert part.strip() in str(refused.value)


def test_a_gap_in_a_curve_is_kept_and_positions_past_a_million_stay_exact():
    x = [16_777_216, 16_777_217, 16_777_218]
    view = lines(x=x, ys=[[0, np.nan, 2]])
    sent = encoded(view)
    assert np.frombuffer(sent["x"], np.float64).tolist() == x
    assert np.isnan(np.frombuffer(sent["ys"], np.float32)[1])
    assert view.limits[0] < 0 < 2 < view.limits[1]


def test_a_curve_has_the_colour_and_the_dashes_of_its_style():
    view = lines(ys=[[0, 1], [2, 3]], labels=["a", "b"], styles=[7, 0])
    drawn = views_figure([view], "two lines").axes[0].lines[:2]
    assert [line.get_color() for line in drawn] == [CYCLE[1], CYCLE[0]]
    assert [line.is_dashed() for line in drawn] == [True, False]
    assert (encoded(view)["styles"], encoded(lines())["styles"]) == ([7, 0], [0])


def test_numbers_for_readers():
    assert number(-0.0) == "0"
    written = {0.0: "0", 1e4: "10,000", 0.5: "0.5", 1234.5: "1,230", 1e-9: "1e-09"}
    assert {value: number(value) for value in written} == written


# --- the still picture ------------------------------------------------------------------------


def test_the_description_is_fixed_and_meaningful():
    made = panel(causal=True, length=20, dim=4, scale=2.0)
    assert repr(made) == made.alt == panel(causal=True, length=20, dim=4, scale=2.0).alt
    for part in ("Test table with dim d = 4, ", "base = 10,000, ", "causal = on, ", "20 x 4"):
        assert part in made.alt
    assert repr(made.canvas) == made.alt and repr(Canvas({"title": "T"})) == "T."
    assert "0x" not in "".join(map(repr, [made, made.canvas, *made.controls.values()]))
    assert lines(ys=[[6.1e-17, 1]]).alt == lines(ys=[[-3e-18, 1]]).alt, "rounding noise shows"


def test_a_notebook_gets_the_sentence_the_picture_and_the_widget(monkeypatch):
    made, shown = panel(), []
    data, metadata = made._repr_mimebundle_()
    assert data["text/plain"] == metadata["image/png"]["alt"] == made.alt
    assert data["image/png"].startswith("iVBOR")
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == made.canvas.model_id
    monkeypatch.setattr("IPython.display.display", lambda data, **_: shown.append(data))
    made._ipython_display_()
    assert shown[0] == data and "posenc-saved" in shown[1]["text/html"]
    made.close()
    made._ipython_display_()
    assert len(shown) == 3 and set(shown[2]) == {"text/plain", "image/png"}


def test_the_still_picture_is_deterministic_and_follows_the_settings():
    made = panel()
    first = made.picture()
    assert first.startswith(b"\x89PNG")
    assert not any(text in first for text in (b"Software", b"matplotlib", b"Date"))
    made.length = 20
    assert made.picture() != first
    made.length = 50
    with matplotlib.rc_context({"font.size": 30, "savefig.dpi": 20, "figure.facecolor": "red"}):
        before = dict(matplotlib.rcParams)
        assert made.picture() == panel().picture() == first
        assert dict(matplotlib.rcParams) == before


def test_a_live_panel_needs_no_matplotlib_and_a_picture_no_pyplot():
    code = (
        "import sys\n"
        "from posenc_lib.explorers.panel import Panel, Slider\n"
        "from posenc_lib.plots.views import Curves\n"
        "made = Panel(title='t', controls=[Slider('a', 1, 0, 2)],\n"
        "    compute=lambda a: Curves('c', [0, 1], [0, a], 'y', 'x', 'y'))\n"
        "made.a = 2\n"
        "assert not {'matplotlib', 'torch'} & set(sys.modules)\n"
        "made.picture()\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_canvas_and_still_picture_share_their_colours():
    sent = Canvas({}).palettes
    for name, table in PALETTES.items():
        assert np.frombuffer(sent[name], np.uint8).reshape(256, 3).tolist() == table.tolist()
        drawn = colour_map(name)(np.arange(256), bytes=True)[:, :3]
        np.testing.assert_array_equal(drawn, table)
    assert sent["cycle"] == list(CYCLE)


def test_palettes_read_in_grey():
    weights = [0.2126, 0.7152, 0.0722]
    light, both = ((PALETTES[k] / 255) ** 2.2 @ weights for k in ("sequential", "diverging"))
    assert np.all(np.diff(light) > -1e-3)
    assert light[-1] - light[0] > 0.6
    assert np.all(np.diff(both[:127]) > -1e-3) and np.all(np.diff(both[129:]) < 1e-3)


@pytest.mark.parametrize("matrix", [
    [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],  # no red cones
    [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],  # no green cones
])  # fmt: skip
def test_colours_stay_apart_for_colour_blind_readers(matrix):
    """Machado, Oliveira and Fernandes (2009), severity 1, applied to linear RGB."""

    def seen(table):
        return np.clip((np.asarray(table) / 255.0) ** 2.2 @ np.transpose(matrix), 0, 1) ** (1 / 2.2)

    ends = seen(PALETTES["diverging"][[40, 215]])
    assert np.linalg.norm(ends[0] - ends[1]) > 0.4
    cycle = seen([list(bytes.fromhex(colour[1:])) for colour in CYCLE])
    apart = np.linalg.norm(cycle[:, None] - cycle[None], axis=-1)
    assert apart[np.triu_indices(len(CYCLE), 1)].min() > 0.1


def test_a_teaching_figure_is_shown_with_its_sentence():
    with teaching_style():
        figure = TeachingFigure("A line from 0 to 1.", size=(3, 2))
        figure.subplots().plot([0, 1])
    data, metadata = figure._repr_mimebundle_()
    assert data["text/plain"] == repr(figure) == "A line from 0 to 1."
    assert set(data) == {"text/plain", "image/png"}
    assert metadata == {"image/png": {"alt": "A line from 0 to 1."}}


def test_the_cells_carry_their_numbers_where_they_fit():
    def texts(view):
        return [text.get_text() for text in views_figure([view]).axes[0].texts]

    offsets = np.arange(4)[None] - np.arange(4)[:, None]
    assert texts(heat(offsets, square=True))[:4] == ["0", "1", "2", "3"]
    assert texts(heat(np.where(offsets > 0, np.nan, 0.25)))[:2] == ["0.25", ""]
    assert texts(heat(np.zeros((40, 40)))) == texts(heat(offsets, numbers=False)) == []
