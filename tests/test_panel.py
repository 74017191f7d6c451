"""The shared machinery of the live panels: driven from code, one message a move, still pictures."""

import gc
import subprocess
import sys
import weakref

import ipywidgets
import matplotlib
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from posenc_lib.explorers.canvas import Canvas, encoded, quantised
from posenc_lib.explorers.panel import Choice, LogSlider, Panel, Slider, Text, Toggle
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


def from_page(made, name, value):
    """What a message of the page does: set the control, as the hand would."""
    control = made.controls[name]
    if isinstance(control, ipywidgets.Dropdown):
        control.set_state({"index": [option for _, option in control.options].index(value)})
    else:
        control.set_state({"value": value})


def typed(made, name, text):
    """What the page sends when a reader types into the field beside a slider."""
    made._fields[name].set_state({"value": text})


def pictures(sent, made):
    """The bytes of each picture that this panel has sent."""
    return [size for widget, _, size in sent if widget is made.canvas]


# --- settings ---------------------------------------------------------------------------------

GOOD = {
    "dim": 7, "length": 98, "base": 12_345.6, "scale": 2.5, "causal": True,
    "palette": "sequential", "sentence": "a b c",
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), GOOD.items())
def test_a_setting_moves_its_control_its_field_and_reads_back(name, value):
    made = panel(dim=8)
    old, before = made.settings, made.alt
    setattr(made, name, value)
    assert getattr(made, name) == made.controls[name].value == value
    assert made.settings == old | {name: value} and made.alt != before
    if name in made._fields:
        assert made._fields[name].value == f"{value:,}"
    from_page(made, name, 64 if name == "dim" else old[name])
    assert getattr(made, name) == (64 if name == "dim" else old[name])


def test_settings_at_construction_equal_settings_afterwards():
    first, second = panel(**GOOD), panel()
    second.set(**GOOD)
    assert first.settings == second.settings and first.alt == second.alt
    assert [encoded(view) for view in first.views] == [encoded(view) for view in second.views]
    heatmap, curves = first.views
    assert heatmap.values.shape == (98, 7)
    np.testing.assert_allclose(heatmap.values[:, 0], curves.ys[0])
    assert {"dim", "length", "figure"} <= set(dir(first))


def test_numpy_values_are_taken_and_become_plain():
    made = panel(length=np.int64(20), scale=np.float32(1.5), causal=np.bool_(True))
    kinds = [type(made.settings[name]) for name in ("length", "scale", "causal")]
    assert kinds == [int, float, bool]


def test_the_hand_moves_a_logarithmic_slider_to_three_digits_and_to_its_ends():
    """The steps begin at the minimum, and need not meet the maximum."""
    made = panel(base=1e6)
    slider = made.controls["base"]
    last = int((slider.max - slider.min) / slider.step)
    for steps in (53, 0, last):
        step = 10.0 ** (slider.min + steps * slider.step)
        from_page(made, "base", step)
        assert made.base == float(f"{step:.3g}")
    assert made.base < 0.99e6
    from_page(made, "base", 10.0**slider.max)
    assert made.base == 1e6
    scale = LogSlider("scale", 1.0, 0.1, 20.0)
    assert scale._nearest(19.9)[1] == 19.95, "the last step before the end is not the end"


@pytest.mark.parametrize("value", [12_345.0, 9_999.99])
def test_a_handle_that_settles_on_its_step_is_no_move(value):
    """A page puts the handle of a slider on a step, and reports that as if the hand had done it."""
    made = panel(base=value, scale=1.234)
    for name in ("base", "scale"):
        slider = made.controls[name]
        step = made._declared[name]._nearest(slider.value)[0]
        assert step != slider.value
        from_page(made, name, step)
    assert (made.base, made.scale) == (value, 1.234)
    assert made.canvas.picture["count"] == 1, "nothing was drawn again"
    for moved in (1.3, 1.2):
        from_page(made, "scale", moved)
        assert made.scale == moved


def test_late_reports_of_a_handle_change_nothing():
    """Values between the steps, set from code one after the other: the reports come later."""
    made = panel()
    control = made._declared["base"]
    for value in (777.25, 888.5, 5_432.1):
        made.base = value
    for value in (777.25, 5_432.1):  # the report on the one between was left out
        from_page(made, "base", control.step_of(value))
        assert made.base == 5_432.1
    from_page(made, "base", control.step_of(777.25))
    assert made.base == control._nearest(777.25)[1], "a move of the hand"


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
    ("sentence", "", ValueError, "1 to 200 characters"),
    ("sentence", "x" * 201, ValueError, "1 to 200 characters"),
    ("sentence", 5, TypeError, "text"),
]


@pytest.mark.bad_input
@pytest.mark.parametrize(("name", "value", "error", "allowed"), BAD)
def test_a_bad_setting_is_refused_and_the_picture_stays(name, value, error, allowed, sent):
    made = panel()
    settings, views, position = made.settings, made.views, made.controls[name].value
    sent.clear()
    with pytest.raises(error) as refused:
        made.set(dim=10, **{name: value})
    for part in ("Test table", name, repr(value), allowed):
        assert part in str(refused.value)
    assert made.settings == settings and made.views == views
    assert made.controls[name].value == position and not sent
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
    assert made.length == made.controls["length"].value == 50
    made.set(length=200, dim=8)
    assert made.settings["length"] == 200


def test_a_combination_that_compute_refuses_is_said_in_the_panel(caplog, sent):
    made = panel(dim=7)
    views, picture = made.views, made.picture()
    sent.clear()
    with caplog.at_level("INFO"):
        from_page(made, "length", 200)
    assert made.message == (
        "length = 200 is not drawn: an odd dim needs a length of at most 100. Shorten length. "
        "The picture still shows length = 50."
    )
    assert pictures(sent, made) == [0], "a message does not send the picture again"
    assert made.views == views and made.settings["length"] == 50 and made.picture() == picture
    assert isinstance(made.error, ValueError) and "odd dim" in caplog.text
    from_page(made, "dim", 8)  # the waiting length is drawn as soon as it fits
    assert (made.message, made.error) == ("", None)
    assert made.views[0].values.shape == (200, 8)


def test_a_mistake_in_compute_keeps_the_picture_and_the_traceback(caplog):
    made = panel()
    views = made.views
    from_page(made, "sentence", "crash")
    assert "ZeroDivisionError: by the author's mistake. The picture still shows" in made.message
    assert made.views == views
    assert made.error.__traceback__ is not None and "Traceback" in caplog.text
    from_page(made, "sentence", "fine")
    assert made.message == ""


LINE = [Curves("line", [0, 1], [0, 1], "y", "x", "y")]


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("controls", "compute", "error", "match"),
    [
        ([], lambda: LINE, ValueError, "controls is empty"),
        ([Slider("a", 1, 0, 2)] * 2, lambda a: LINE, ValueError, "same name"),
        ([Slider("keys", 1, 0, 2)], lambda keys: LINE, ValueError, "cannot be named 'keys'"),
        ([Slider("pin", 1, 0, 2)], lambda pin: LINE, ValueError, "cannot be named 'pin'"),
        ([Slider("a b", 1, 0, 2)], lambda **_: LINE, ValueError, "cannot be named 'a b'"),
        ([Slider("a", 3, 0, 2)], lambda a: LINE, ValueError, "a = 3 is refused"),
        ([Slider("a", 2, 0, 9, step=2)], lambda a: LINE, ValueError, "ends at 9, which is none"),
        ([Slider("a", 1, 0, 2, needs=("b", [1]))], lambda a: LINE, ValueError, "must be a Choice"),
        ([Slider("a", 1, 0, 2)], lambda b: LINE, TypeError, "compute must take a"),
        ([Slider("a", 1, 0, 2)], lambda a: [], TypeError, "at least one Heatmap"),
        ([Slider("a", 1, 0, 2)], lambda a: [np.eye(2)], TypeError, "one of them is ndarray"),
    ],
)
def test_a_wrong_declaration_is_found_when_the_panel_is_made(controls, compute, error, match):
    with pytest.raises(error, match=match):
        Panel(title="Wrong", controls=controls, compute=compute)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("128", 128),
        ("1e2", 100),
        *dict.fromkeys(["abc", "", "1e999", "-5", "12.5", "0x10"]).items(),
    ],
)
def test_a_typed_number_is_taken_exactly_or_refused_in_words(text, value):
    made = panel()
    before, views = made.settings, made.views
    typed(made, "length", text)
    if value is None:
        assert repr(text) in made.message and "a whole number from" in made.message
        assert made.settings == before and made.views[0] is views[0]
        assert made._fields["length"].value == str(before["length"])
        typed(made, "length", str(value := 60))
    assert made.length == made.controls["length"].value == value and made.message == ""


def test_a_control_is_greyed_out_where_it_has_no_effect():
    made = Panel(
        title="A form",
        controls=[
            Choice("form", "plain", ["plain", "bent"]),
            Slider("bend", 2, 0, 5, needs=("form", ["bent"])),
        ],
        compute=lambda form, bend: [Curves(form, [0, 1], [0, bend], "y", "x", "y")],
    )
    parts = (made.controls["bend"], made._fields["bend"])
    assert [part.disabled for part in parts] == [True, True]
    made.form = "bent"
    assert [part.disabled for part in parts] == [False, False]
    from_page(made, "form", "plain")
    assert [part.disabled for part in parts] == [True, True]
    made.bend = 3
    assert made.bend == 3, "from code it takes values as always"


# --- messages and memory -----------------------------------------------------------------------


@pytest.mark.parametrize(("length", "dim"), [(50, 64), (200, 128), (512, 512)])
def test_a_move_sends_one_picture_of_bounded_size(length, dim, sent):
    made = panel(length=length, dim=dim)
    cell = 2 if length * dim <= 65_536 else 1
    for move in (lambda: from_page(made, "scale", 2.0), lambda: made.set(base=5.0, scale=1.0)):
        sent.clear()
        move()
        assert pictures(sent, made) == [cell * length * dim + (8 + 4) * length]
        assert not any(size for widget, _, size in sent if widget is not made.canvas)


def test_after_200_rapid_moves_the_picture_is_the_last_one(sent):
    made, other = panel(), panel()
    sent.clear()
    for length in range(2, 402, 2):
        from_page(made, "length", length)
    assert len(pictures(sent, made)) == 200 and pictures(sent, other) == []
    assert made.settings == panel(length=400).settings != other.settings
    assert made.canvas.picture["views"] == panel(length=400).canvas.picture["views"]


def test_a_picture_once_taken_does_not_change_with_the_arrays_behind_it():
    table = np.zeros((2, 2))
    made = Panel(
        title="Shared",
        controls=[Slider("a", 1, 0, 9)],
        compute=lambda a: Heatmap("table", np.add(table, a, out=table), "r", "c", "v"),
    )
    before = made.views[0]
    made.a = 5
    assert before.values.max() == 1
    with pytest.raises(ValueError, match="read-only"):
        before.values[0, 0] = 7


def test_pictures_do_not_pile_up_and_nothing_is_left_after_close():
    made = panel(length=200, dim=128)
    parts = {id(part) for part in (made, made.canvas, *made.controls.values())}
    old = [weakref.ref(thing) for thing in (made.figure(), *made.views)]
    for length in range(100, 200, 2):
        made.length = length
    made.picture()
    gc.collect()
    assert all(thing() is None for thing in old)
    made.close()
    assert not parts & {id(widget) for widget in ipywidgets.widgets.widget._instances.values()}


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


@pytest.mark.parametrize(("side", "steps"), [(256, 65_534), (257, 254)])
def test_small_maps_take_two_bytes_a_cell_and_large_ones_one(side, steps):
    values = np.random.default_rng(0).uniform(-1, 1, (side, side))
    back, step = restored(heat(values))
    assert step == pytest.approx(np.ptp(values) / steps)
    assert np.abs(back - values).max() <= 0.51 * step


@pytest.mark.parametrize("length", [4, 128, 512])
def test_whole_numbers_are_exact_at_every_size(length):
    offsets = np.arange(length)[None] - np.arange(length)[:, None]
    back, step = restored(heat(offsets))
    assert step == 1.0
    np.testing.assert_array_equal(back, offsets)


def test_both_ends_are_exact_and_a_constant_and_a_fully_masked_map_are_drawn():
    codes, low, step = quantised(np.array([[-0.3, 0.7]]), (-0.3, 0.7))
    assert codes.tolist() == [[0, 65_534]] and low + 65_534 * step == pytest.approx(0.7)
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
    (lambda: Canvas().show(["no view"], "Nothing."), "must be a Heatmap or Curves"),
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
    view = lines(ys=[[0, 1], [2, 3]], labels=["a", "b"], styles=[7, 2])
    drawn = views_figure([view], "two lines").axes[0].lines
    assert [line.get_color() for line in drawn] == [CYCLE[1], CYCLE[2]]
    assert [line.is_dashed() for line in drawn] == [True, False]
    assert (encoded(view)["styles"], encoded(lines())["styles"]) == ([7, 2], [0])


def test_numbers_for_readers():
    assert number(-0.0) == "0"
    written = {0.0: "0", 1e4: "10,000", 0.5: "0.5", 1234.5: "1,230", 1e-9: "1e-09"}
    assert {value: number(value) for value in written} == written


# --- the still picture ------------------------------------------------------------------------


def test_the_description_is_fixed_and_meaningful():
    made = panel(causal=True, length=20, dim=4, scale=2.0)
    assert repr(made) == made.alt == panel(causal=True, length=20, dim=4, scale=2.0).alt
    for part in ("Test table with dim = 4, ", "base = 10,000, ", "causal = on, ", "20 x 4"):
        assert part in made.alt
    assert repr(made.canvas) == made.alt and repr(Canvas()) == "An empty canvas."
    assert "0x" not in "".join(map(repr, [made, made.canvas, *made.controls.values()]))
    assert lines(ys=[[6.1e-17, 1]]).alt == lines(ys=[[-3e-18, 1]]).alt, "rounding noise shows"


def test_a_notebook_gets_the_sentence_the_picture_and_the_widget():
    made = panel()
    data, metadata = made._repr_mimebundle_()
    assert data["text/plain"] == metadata["image/png"]["alt"] == made.alt
    assert data["image/png"].startswith("iVBOR")
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == made.model_id


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
    sent = Canvas().palettes
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
