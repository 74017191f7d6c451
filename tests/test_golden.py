"""Every panel and every figure shows what its golden snapshot says, and no label is cut off."""

import inspect
import io

import numpy as np
import pytest
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image

from posenc_lib import explorers, plots
from posenc_lib.plots.teaching_figure import DPI, teaching_style
from posenc_lib.registry import on_panels
from tests import golden
from tests.golden_cases import CASES, FIGURES, PANELS, drawn, moved

SNAPSHOTS = sorted((topic, name) for topic, cases in CASES.items() for name in cases)
AGAIN = "If this is meant, run `python -m tests.golden` and read the diff of tests/golden/."


@pytest.mark.parametrize("topic, name", SNAPSHOTS)
def test_it_shows_what_is_stored(topic, name):
    kept = golden.stored(topic).get(name)
    assert kept is not None, f"{topic} has no snapshot {name!r}. {AGAIN}"
    found = golden.differences(kept, golden.shown(CASES[topic][name]()), name)
    assert not found, "\n".join([f"{topic} shows something else:", *found[:20], AGAIN])


def test_no_snapshot_is_superfluous():
    kept = {path.stem: list(golden.stored(path.stem)) for path in golden.FOLDER.iterdir()}
    assert kept == {topic: list(cases) for topic, cases in CASES.items()}, AGAIN


def test_a_snapshot_sees_wrong_numbers_and_not_another_rounding():
    table = np.random.default_rng(0).normal(size=(12, 12))
    kept = golden.plain(table)
    for other in (table.T, table[::-1], table + 0.01, np.where(table == table[5, 7], 0, table)):
        assert golden.differences(kept, golden.plain(other))
    assert not golden.differences(kept, golden.plain(table.astype(np.float32) * (1 + 1e-6)))
    assert golden.differences("query 5, 0.12", "query 6, 0.12")
    assert golden.differences({"legend": ["a", "b"]}, {"legend": ["a"]})
    assert not golden.differences("query 5, 0.12", "query 5, 0.13")


@pytest.mark.parametrize("topic", PANELS)
def test_every_option_and_both_ends_of_every_slider_are_among_the_settings(topic):
    make, settings = PANELS[topic]
    panel = moved(make, {})
    for name, control in panel._declared.items():
        seen = {panel.settings[name], *(each.get(name, panel.settings[name]) for each in settings)}
        if hasattr(control, "pairs"):
            wanted = {value for _, value in control.pairs}
        elif hasattr(control, "minimum"):
            wanted = {control.minimum, control.maximum}
        else:
            wanted = set() if isinstance(control.value, str) else {True, False}
        if not wanted >= set(on_panels()):  # a law goes through all encodings
            assert wanted <= seen, f"{topic}: {name} is never {wanted - seen}"


def test_every_function_that_returns_a_figure_is_among_the_calls():
    modules = [getattr(plots, name) for name in plots.__all__ if name.islower()]
    made = {
        f"{module.__name__.split('.')[-1]}.{name}"
        for module in filter(inspect.ismodule, modules)
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
        and "TeachingFigure" in str(inspect.signature(function).return_annotation)
    }  # fmt: skip
    assert made | {"heatmap", "curves", "views_figure"} == set(FIGURES)
    assert len(PANELS) - 1 == sum(
        name.endswith("_explorer") for name in explorers.__all__
    )  # two grids


@pytest.mark.parametrize("topic", PANELS)
def test_a_panel_that_moved_about_and_back_shows_what_it_showed_at_first(topic):
    make, settings = PANELS[topic]
    first = moved(make, {})
    panel = moved(make, settings[0])
    panel.set(**settings[-1])
    panel.reset()
    assert panel.message == "" and not golden.differences(golden.shown(first), golden.shown(panel))


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_no_label_is_cut_off_and_a_settled_figure_stays(name):
    figure = drawn(name)
    first = pixels(figure)
    for edge in (first[:2], first[-2:], first[:, :2], first[:, -2:]):
        assert edge.min() > 200
    settled = not isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine)
    assert not settled or (pixels(figure) == first).all()


def pixels(figure):
    """The picture in grey, without the work of packing it."""
    drawn = io.BytesIO()
    with teaching_style():
        figure.savefig(drawn, format="png", dpi=DPI, pil_kwargs={"compress_level": 0})
    with Image.open(drawn) as picture:
        return np.asarray(picture.convert("L"))
