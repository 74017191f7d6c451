"""Panels computed in the page: every number, limit and word is the one of the library."""

import numpy as np
import pytest

from posenc_lib import explorers
from posenc_lib.explorers.canvas import Canvas, encoded
from posenc_lib.explorers.controls import listed, shown
from posenc_lib.explorers.page import IN_PAGE
from posenc_lib.plots.views import number

pytestmark = pytest.mark.browser

MODULE = """async (source) => {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  window.page = await import(url);
}"""
PARTS = "IN_PAGE, PagePanel, read, shown, number, listed, general, allowed"

# Arrays as lists; the bytes that the kernel would send as bytes.
VIEWS = """([compute, settings, data]) => {
  const draws = data.draws && { ...data.draws };
  for (const name of ["queries", "rows"]) {
    if (draws) draws[name] = new DataView(Float32Array.from(draws[name]).buffer);
  }
  const views = page.IN_PAGE[compute](settings, { ...data, draws });
  const plain = (value) => (ArrayBuffer.isView(value) ? Array.from(value) : value);
  return views.map((view) =>
    Object.fromEntries(Object.entries(view).map(([name, value]) => [name, plain(value)])),
  );
}"""

SINUSOIDAL = [
    {},
    {"dim": 30, "length": 61, "base": 12_345.678, "start": 77},
    {"dim": 2, "length": 2},
    {"dim": 2, "length": 512, "base": 2.0},
    {"dim": 512, "length": 512, "start": 100_000},
    {"dim": 510, "length": 3, "base": 1_000_000.0},
    {"dim": 6, "length": 129, "base": 129.0, "start": 4_096},
]
RELATIVE = [
    {},
    {"length": 90, "queries": 5, "offset": 3, "clip": 9, "dim": 6, "head": 3},
    {"length": 1, "queries": 1, "clip": 0, "dim": 2},
    {"length": 128, "queries": 128, "offset": 128, "clip": 64, "dim": 128, "same_query": False},
    {"length": 3, "queries": 2, "offset": 100, "clip": 1, "head": 7},
    {"length": 2, "queries": 70, "clip": 30, "dim": 16, "same_query": False, "head": 5},
]
FORMS = [value for _, value in explorers.relative_explorer().controls["form"].options]
CASES = [("sinusoidal", settings, i) for i, settings in enumerate(SINUSOIDAL)]
CASES += [("relative", {"form": f} | size, i) for f in FORMS for i, size in enumerate(RELATIVE)]
FEW = 2
"""Of each the first are compared by `make test`, all by `make test-panels`."""


@pytest.fixture(scope="module")
def page(browser):
    """An empty page with the module that panels run."""
    page = browser.new_page()
    page.evaluate(MODULE, f"{Canvas._esm}\nexport {{ {PARTS} }};")
    yield page
    page.close()


def decoded(view):
    """The numbers of a view that was made for sending, whichever side made it."""
    if view["kind"] == "heatmap":
        codes = np.asarray(view["codes"], float)
        none = codes == (255 if view["bytes"] == 1 else 65_535)
        return np.where(none, np.nan, view["low"] + view["step"] * codes)
    return np.concatenate([np.asarray(view["x"], float), np.asarray(view["ys"], float)])


def as_lists(view):
    """The message of the kernel as the page's own function gives it."""
    sent = encoded(view)
    if sent["kind"] == "heatmap":
        kind = np.uint8 if sent["bytes"] == 1 else np.uint16
        return sent | {"codes": np.frombuffer(sent["codes"], kind)}
    x, ys = np.frombuffer(sent["x"]), np.frombuffer(sent["ys"], np.float32)
    return sent | {"x": x, "ys": ys}


@pytest.mark.parametrize(
    "compute, settings",
    [pytest.param(*case, marks=[pytest.mark.long] * (i >= FEW)) for *case, i in CASES],
)
def test_the_page_computes_what_the_library_computes(page, compute, settings):
    panel = getattr(explorers, f"{compute}_explorer")(**settings)
    assert panel.canvas.page["compute"] == compute
    data = dict(panel.canvas.page["data"])
    if "draws" in data:
        bytes_of = ("queries", "rows")
        draws = {k: v for k, v in data["draws"].items() if k not in bytes_of}
        numbers = {k: np.frombuffer(data["draws"][k], np.float32).tolist() for k in bytes_of}
        data["draws"] = draws | numbers
    made = page.evaluate(VIEWS, [compute, panel.settings, data])
    assert len(made) == len(panel.views)
    for there, view in zip(made, panel.views, strict=True):
        here = as_lists(view)
        assert there.keys() == here.keys()
        # A number may fall on the other side of a rounding: one step of what is sent.
        step = here.get("step", 0.0)
        np.testing.assert_allclose(decoded(there), decoded(here), rtol=3e-7, atol=3e-7 + step)
        for name in here.keys() - {"codes", "x", "ys", "low", "step", "limits"}:
            expected = here[name]
            assert there[name] == (list(expected) if isinstance(expected, tuple) else expected)
        np.testing.assert_allclose(there["limits"], here["limits"], rtol=1e-6)
        for name in here.keys() & {"low", "step"}:
            assert there[name] == pytest.approx(here[name], rel=1e-6)


def test_the_page_has_the_functions_that_python_knows_and_all_are_tested(page):
    assert page.evaluate("Object.keys(page.IN_PAGE)") == list(IN_PAGE)
    assert {compute for compute, *_ in CASES} == set(IN_PAGE)


NUMBERS = [
    0, -0.0, 1, -7, 12_345, 100_000, 999.6, 99.96, 0.5, 0.125, 62.5, 100.5, -100.5, 101.5, 1e-5,
    0.000123456, 0.00009999, 1234.5, 1e7, 12_345_678.9, 9.999e6, 1e15, 1e16, 123e20, 2 / 3, 1e-300,
]  # fmt: skip


def test_numbers_and_settings_are_written_alike(page):
    write = "all => all.map(v => [page.number(v), page.shown(v), page.general(v, 4, true)])"
    expected = [[number(value), shown(value), f"{value:,.4g}"] for value in NUMBERS]
    assert page.evaluate(write, NUMBERS) == expected
    settings = {"dim": 64, "base": 12_345.678, "form": "T5 causal", "same_query": True, "x": False}
    assert page.evaluate("s => page.listed(s)", settings) == listed(settings)


def test_a_slider_means_the_same_here_and_there(page):
    panel = explorers.sinusoidal_explorer()
    controls = {control["name"]: control for control in panel.canvas.page["controls"]}
    base = panel._declared["base"]
    for present in (10_000.0, 12_345.0, 2.0, 1e6, 3.0):
        for moved in (2.0, 2.1, 12_345.0, 12_600.0, 1e6, 999_999.0, 500.0):
            on_step = base._nearest(moved)[0]  # where the handle can stand
            values = [moved, on_step, on_step * (1 + 1e-7)]
            read = "([c, all, p]) => all.map(v => page.read(c, v, p))"
            there = page.evaluate(read, [controls["base"], values, present])
            assert there == [base.read(value, present) for value in values], (moved, present)
    for name in ("dim", "base", "start"):
        for value in (2, 3, 64, 512, 513, 514, 64.5, 0, -2):
            try:
                panel._declared[name].checked(value)
                fine = True
            except (TypeError, ValueError):
                fine = False
            there = page.evaluate("([c, v]) => page.allowed(c, v)", [controls[name], value])
            assert there == fine, (name, value)
