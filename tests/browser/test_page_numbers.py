"""Panels computed in the page: every number, limit and word is the one of the library."""

import base64
import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from posenc_lib.explorers.canvas import Canvas, encoded
from posenc_lib.explorers.controls import UpTo
from posenc_lib.explorers.page import IN_PAGE
from posenc_lib.plots.views import number
from tests.browser.conftest import EXPLORERS, FULL, but_long, made
from tests.browser.mounted import READ, plain

pytestmark = pytest.mark.browser

EXAMPLES = 300 if FULL else 30
TRAINED = ("length", "shuffle", "word_order", "forecast", "dates")
"""Models in float32, whose sums the page makes in another order."""
FEW = {
    "who": {"strange": ["old"], "most": 9},
    "dates": {"strange": ["may", "Ω", "don't"], "most": 6},
}
"""Panels that refuse a long text, or one of words that they do not know."""
MODULE = f"""async (source) => {{
  const page = await import(URL.createObjectURL(new Blob([source], {{ type: "text/javascript" }})));
  window.page = {{ ...page, read: {READ} }};
}}"""
PARTS = "IN_PAGE, Refused, number, shown, general, parsed, allowed, endOf, stopsOf"
PARTS += ", ticks, placed, fitted"

# Views with their arrays as bytes, or the words in which the page refuses them.
VIEWS = """([compute, settings]) => {
  const text = (bytes) => {
    let found = "";
    for (let i = 0; i < bytes.length; i += 8192) {
      found += String.fromCharCode(...bytes.subarray(i, i + 8192));
    }
    return btoa(found);
  };
  const plain = (value) => ArrayBuffer.isView(value)
    ? {
        kind: value.constructor.name,
        bytes: text(new Uint8Array(value.buffer, value.byteOffset, value.byteLength)),
      }
    : value;
  try {
    const views = page.IN_PAGE[compute](settings, page.data);
    return views.map((view) =>
      Object.fromEntries(Object.entries(view).map(([name, value]) => [name, plain(value)])),
    );
  } catch (error) {
    if (!(error instanceof page.Refused)) throw error;
    return error.message;
  }
}"""


@pytest.fixture(scope="module")
def page(browser):
    """An empty page with the module that panels run."""
    page = browser.new_page()
    page.evaluate(MODULE, f"{Canvas._esm}\nexport {{ {PARTS} }};")
    yield page
    page.close()


@st.composite
def drawn(draw, controls, strange=("7", "Ω", "don't"), most=14):
    """Settings that each control allows; together they may be refused."""
    found = {}
    for control in sorted(controls, key=lambda control: "upto" in control):
        if control["kind"] == "slider":
            low, most = control["minimum"], control["maximum"]
            if "upto" in control:
                most = max(low, min(most, UpTo(*control["upto"]).end(found)))
            if control["whole"]:
                step = control["step"]
                value = st.integers(0, int((most - low) // step)).map(
                    lambda n, s=step, start=low: start + s * n
                )
            elif control["log"]:
                share = st.floats(0, 1)
                value = share.map(lambda s, a=low, b=most: min(max(a * (b / a) ** s, a), b))
            else:
                value = st.floats(low, most)
        elif control["kind"] == "choice":
            value = st.sampled_from([value for _, value in control["options"]])
        elif control["kind"] == "toggle":
            value = st.booleans()
        else:
            words = st.sampled_from([*control["value"].split(), "the", "a", *strange])
            value = st.lists(words, min_size=1, max_size=most).map(" ".join)
            value = value.filter(lambda text, most=control["maximum"]: len(text) <= most)
        found[control["name"]] = draw(value)
    return {control["name"]: found[control["name"]] for control in controls}


def moved(control):
    """Another value: the next step of a slider, or its least where it stands at its end."""
    if control["kind"] == "slider":
        value, step = control["value"], control["step"]
        more = value * 10**step if control["log"] else value + step
        more = round(more) if control["whole"] else more
        return more if more <= control["maximum"] else control["minimum"]
    if control["kind"] == "toggle":
        return not control["value"]
    if control["kind"] == "text":
        return " ".join(reversed(control["value"].split()))
    return next(v for _, v in control["options"] if v != control["value"])


def shortened(controls, changed):
    """The first settings with this one moved by hand: other ranges may end earlier then."""
    found = {control["name"]: control["value"] for control in controls} | changed
    for control in controls:
        if "upto" in control:
            end = max(control["minimum"], UpTo(*control["upto"]).end(found))
            found[control["name"]] = min(
                found[control["name"]], int(end) if control["whole"] else end
            )
    return found


def array(sent):
    return np.frombuffer(
        base64.b64decode(sent["bytes"]), sent["kind"].removesuffix("Array").lower()
    )


def words(value):
    """A sentence without its numbers, and its numbers: the third digit may be rounded otherwise."""
    found = re.split(r"(-?\d[\d,]*\.?\d*(?:e[+-]\d+)?)", value)
    return found[::2], [float(part.replace(",", "")) for part in found[1::2]]


def compare(there, view, rtol):
    """A view of the page and the library's."""
    here = encoded(view)
    assert there.keys() - {"values"} == here.keys()
    if "values" in there:  # exact beside the whole numbers that are drawn
        exact, codes = array(there["values"]), array(there["codes"]).astype(float)
        codes[codes == (255 if there["bytes"] == 1 else 65_535)] = np.nan
        close(exact, view.values.ravel(), rtol)
        step = there["step"]
        np.testing.assert_allclose(there["low"] + step * codes, exact, rtol=0, atol=0.51 * step)
    for name in here.keys() - {"codes", "low", "step"}:
        one, other = there[name], here[name]
        if isinstance(other, bytes):
            one = array(one)
            close(one, np.frombuffer(other, one.dtype), rtol)
        elif name == "limits":
            close(one, other, rtol)
        elif name == "alt" and one != other:
            assert words(one)[0] == words(other)[0]
            np.testing.assert_allclose(words(one)[1], words(other)[1], rtol=5e-3)
        else:
            assert one == plain(other), name


def close(there, here, rtol):
    here = np.asarray(here, float)
    scale = float(np.nanmax(np.abs(here), initial=0.0))
    np.testing.assert_allclose(np.asarray(there, float), here, rtol=rtol, atol=rtol * scale)


@pytest.mark.parametrize("compute", but_long(IN_PAGE, "{}_explorer".format))
def test_the_page_computes_what_the_library_computes(page, compute):
    """At settings drawn from all that the controls allow, ends included, and at the first ones."""
    panel = made(f"{compute}_explorer")
    declared = panel.canvas.declared
    assert declared["compute"] == compute
    page.evaluate("data => { page.data = page.read(data); }", plain(declared["data"]))
    controls = [c | {"value": declared["first"][c["name"]]} for c in declared["controls"]]
    rtol = 1e-5 if compute in TRAINED else 1e-6
    refused = []

    def check(chosen):
        made = page.evaluate(VIEWS, [compute, chosen])
        try:
            views = panel.views_at(**chosen)
        except ValueError as error:
            refused.append(chosen)
            assert made == str(error.__cause__).rstrip("."), chosen
            return
        assert not isinstance(made, str), f"the page alone refuses {chosen}: {made}"
        for there, view in zip(made, views, strict=True):
            compare(there, view, rtol)

    def one_moved(control, settings):
        """Alone: what the page kept of the settings before is not shown for another."""
        now = [c | {"value": settings[c["name"]]} for c in controls]
        name = control["name"]
        check(shortened(now, {name: moved(control | {"value": settings[name]})}))

    @settings(max_examples=EXAMPLES, derandomize=True, deadline=None, database=None,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(drawn(controls, **FEW.get(compute, {})), st.sampled_from(controls))
    def at(chosen, control):
        check(chosen)
        one_moved(control, chosen)

    check(declared["first"])
    for control in controls:
        one_moved(control, declared["first"])
        check(declared["first"])
    at()
    assert len(refused) < EXAMPLES, "hardly anything was drawn"


def test_the_page_has_the_functions_that_python_knows(page):
    assert sorted(page.evaluate("Object.keys(page.IN_PAGE)")) == sorted(IN_PAGE)


NUMBERS = [
    0, -0.0, 1, -7, 12_345, 100_000, 999.6, 99.96, 0.5, 0.125, 62.5, 100.5, -100.5, 101.5, 1e-5,
    0.000123456, 0.00009999, 1234.5, 1e7, 12_345_678.9, 9.999e6, 1e15, 1e16, 123e20, 2 / 3, 1e-300,
]  # fmt: skip


def test_numbers_are_written_alike(page):
    write = "all => all.map(v => [page.number(v), page.shown(v), page.general(v, 4, true)])"
    expected = [[number(value), f"{value:,.12g}", f"{value:,.4g}"] for value in NUMBERS]
    assert page.evaluate(write, NUMBERS) == expected


@pytest.mark.parametrize("low, high, whole", [(-11, 11, True), (-4, 4, True), (0, 1.02, False)])
def test_a_scale_has_more_than_one_number(page, low, high, whole):
    made = page.evaluate("given => page.ticks(...given).map(({ at }) => at)", [low, high, 2, whole])
    assert len(made) >= 2 and all(low <= at <= high for at in made)


def test_a_word_that_stands_twice_is_read_with_its_place(page):
    read = "page.placed(['la', 'the', 'la'], 2, 5) + page.placed(['la', 'the'], 1, 0)"
    assert page.evaluate(read) == "la (7)the"


def test_an_axis_without_room_loses_its_brackets_first(page):
    """Each letter of this pen is as wide as its font is high."""
    written = page.evaluate("""room => {
      const pen = { font: "10px x" };
      pen.measureText = (text) => ({ width: text.length * parseFloat(pen.font) });
      let found;
      page.fitted(pen, "error (per cent)", room, (label) => (found = [label, pen.font]));
      return found;
    }""", 50)  # fmt: skip
    assert written == ["error", "10px x"]


TYPED = {
    "0,5": 0.5, "12,345": 12345, "1,2,3": None, "1,234.5": 1234.5, " 7 ": 7, "\u22122": -2, "+3": 3,
    ".5": 0.5, "5.": 5, "1e3": 1000, "1,234,567": 1234567, "0x10": None, "1.2.3": None, "": None,
    "Infinity": None, "-": None, "1 000": None, "1,23": 1.23, "12,3456": 12.3456, "1e": None,
}  # fmt: skip


def test_a_typed_number_is_read_as_it_is_meant(page):
    read = "all => all.map(text => { const v = page.parsed(text); return v === v ? v : null; })"
    assert page.evaluate(read, list(TYPED)) == list(TYPED.values())


@pytest.mark.parametrize("explorer", but_long(EXPLORERS))
def test_a_slider_allows_the_same_here_and_there(page, explorer):
    """Its end as the others stand; every place of its handle is allowed, nothing past its ends."""
    panel = made(explorer)
    for control in panel.controls.values():
        declared = control.declared()
        if declared["kind"] != "slider":
            continue
        read = """([c, s, v]) =>
          [page.endOf(c, s), page.stopsOf(c, s), v.map(x => page.allowed(c, x, s))]"""
        low, most, step = control.minimum, control.end(panel.settings), control.step
        values = [low, most, low - 1, most + 1, low + step, low + 0.5, (low + most) / 2]
        end, stops, fine = page.evaluate(read, [declared, panel.settings, values])
        assert end == most and stops[0] == low and stops[-1] == most and len(stops) < 1500
        assert stops == sorted(set(stops)) and [control.checked(value) for value in stops] == stops
        assert fine == [takes(control, value) and value <= most for value in values]


def takes(control, value):
    whole = control.whole and float(value).is_integer()
    try:
        control.checked(int(value) if whole else value)
    except (TypeError, ValueError):
        return False
    return True
