"""What holds for every panel: without a mouse or eyes, with bad values, by touch, on any screen.

What a panel declares says what is tried. `make test` takes one control of each kind,
`make test-panels` all of them, also of the panels that train models.
"""

from contextlib import contextmanager

import pytest

from posenc_lib.explorers.canvas import encoded
from tests.browser.conftest import EXPLORERS, FULL, but_long

pytestmark = pytest.mark.browser

BAD = ("abc", "nan", "inf", "1e300", "-7", "1,2,3", "")
ROLES = {"slider": "slider", "choice": "combobox", "toggle": "checkbox", "text": "textbox"}
KINDS = tuple(ROLES)

FEW = ("rotary_explorer", "attention_explorer")  # clocks and curves, a text and maps to tap
ALL = but_long(EXPLORERS, few=FEW)


@pytest.fixture(scope="module", params=ALL)
def shown(mounted, request):
    """Each panel in turn in an empty page, as large as a usual screen."""
    with mounted(request.param) as panel:
        yield panel


@pytest.fixture
def panel(shown):
    """The same as it stood at first."""
    shown.reset()
    return shown


def hands(panel, *kinds):
    """Each control of these kinds where it has an effect; the panel is reset after each."""
    for kind in kinds:
        found = [hand for hand in panel.controls.values() if hand.kind == kind]
        for hand in found if FULL else found[:1]:
            hand.free()
            yield hand
            panel.reset()


# --- values -----------------------------------------------------------------------------------


def test_every_control_draws_over_all_that_it_allows(panel):
    """Each move is followed or refused in words (`settle` asserts that and more)."""
    for hand in hands(panel, *KINDS):
        first = hand.value
        if hand.kind == "slider":
            acts = [lambda hand=hand, key=key: hand.press(key) for key in ("Home", "End")]
            acts += [lambda hand=hand: hand.drag(0.3, False), lambda hand=hand: hand.drag(0.6)]
        else:
            values = hand.options if hand.kind == "choice" else hand.others()
            acts = [lambda hand=hand, v=v: hand.put(v) for v in values if v != first]
        pictures = {str(panel.seen["panes"]), *(str(act()["panes"]) for act in acts)}
        assert len(pictures) > 1, f"{hand.name}: nothing new was drawn"
        assert not hand.put(first)["refused"], f"{hand.name}: {first} is refused now"


def test_bad_values_are_refused_in_words(panel):
    """The settings, the picture and the field stay, and the next good value is taken."""
    for hand in hands(panel, "slider", "text"):
        stood, called = hand.value, hand.declared["called"]
        bad = BAD if hand.kind == "slider" else ("", " ", "a" * 9999)
        for text in (*bad, "2.5") if hand.declared.get("whole") else bad:
            if hand.kind == "slider" and text == "-7" and hand.ends[0] <= -7:
                continue
            hand.write(text)
            seen = panel.settle()
            assert (
                seen["message"].startswith(called) and "is refused: it must be" in seen["message"]
            )
            assert hand.kind == "text" or hand.value == stood, "the field keeps what was refused"
        assert not hand.change()["message"]


def test_keys_move_every_slider(panel):
    for hand in hands(panel, "slider"):
        if hand.press("Home")["refused"]:
            continue
        for way, keys in ((1, "ArrowRight ArrowUp PageUp End"), (-1, "ArrowLeft PageDown Home")):
            for key in keys.split():
                before, end = hand.value, hand.ends[way == 1]
                refused = hand.press(key)["refused"]
                moved = way * (hand.value - before) > 0
                assert moved or refused or before == end, f"{hand.name}: {key}"
            assert refused or hand.value == pytest.approx(end), hand.name


PLAYED = """([root, count]) => {
  root.played.add(String(reader.look(root).panes.map((pane) => pane.pixels)));
  return root.played.size >= count;
}"""


def test_play_sweeps_a_slider_until_it_is_stopped(panel):
    for hand in hands(panel, "slider"):
        places = int(hand.main.get_attribute("max")) + 1
        ends = {
            str([pane["pixels"] for pane in hand.press(key)["panes"]]) for key in ("Home", "End")
        }
        panel.reset()
        hand.free()
        if len(ends) == 1:  # the layers of some models are all alike
            continue
        panel.root.evaluate("root => { root.played = new Set(); }")
        hand.row.get_by_role("button", name="Play: ").click()
        panel.page.wait_for_function(PLAYED, arg=[panel.root, min(places, 3)])
        hand.row.get_by_role("button", name="Stop: ").click()
        stood = panel.look()["drawn"]
        panel.page.wait_for_timeout(150)
        assert panel.look()["drawn"] == stood, f"{hand.name} plays on"


def unmarked(panel):
    """What the panel shows, without what is marked in it."""
    return [encoded(view) | {"marks": None, "picks": None} for view in panel.panel.views]


def test_the_picture_is_told_in_words(panel):
    for hand in hands(panel, *KINDS):
        before, plain = [pane["label"] for pane in panel.seen["panes"]], unmarked(panel)
        seen = hand.change()
        assert {pane["role"] for pane in seen["panes"]} == {"img"}
        after = [pane["label"] for pane in seen["panes"]]
        told = after != before or unmarked(panel) == plain
        assert all(after) and told, f"{hand.name}: the words stayed as they were"


# --- by keyboard ------------------------------------------------------------------------------

# What a hand can act on, as it stands in the page, and which of it has the focus.
PARTS = """root => [...root.querySelectorAll("input, select, button, summary, .posenc-canvas")]
  .filter((part) => part.checkVisibility() && !part.disabled)"""
FOCUS_BEFORE = """root => {
  window.before = document.createElement("button");
  root.before(window.before);
  window.before.focus();
}"""
REACHED = f"""root => root.contains(document.activeElement)
  ? ({PARTS})(root).indexOf(document.activeElement) : "out" """


def test_tab_reaches_everything_in_order(panel):
    count = panel.root.evaluate(f"root => ({PARTS})(root).length")
    panel.root.evaluate(FOCUS_BEFORE)
    reached = []
    for _ in range(count + 1):
        panel.page.keyboard.press("Tab")
        reached.append(panel.root.evaluate(REACHED))
    panel.page.evaluate("before.remove()")
    assert reached == [*range(count), "out"]


def test_everything_has_a_name(panel):
    for hand in panel.controls.values():
        label = hand.declared["label"]
        named = [(ROLES[hand.kind], label)]
        if hand.kind == "slider":
            named += [("textbox", f"{label}: type a number"), ("button", f"Play: {label}")]
        for role, name in named:
            found = hand.row.get_by_role(role, name=name, exact=True, include_hidden=True)
            assert found.count() == 1, f"{role} of {hand.name}"
        if hand.kind == "slider":
            assert hand.main.get_attribute("aria-valuetext") == hand.field.input_value()
    names = panel.locator.get_by_role("button").evaluate_all(
        "all => all.map(b => b.ariaLabel || b.innerText)"
    )
    assert all(names) and len(set(names)) == len(names)


# --- by touch ---------------------------------------------------------------------------------

SMALL = """root => ["button, input, select, summary, .posenc-legend .posenc-chooses"]
  .flatMap((parts) => [...root.querySelectorAll(parts)])
  .filter(part => part.checkVisibility())
  .filter(part => Math.min(...["width", "height"].map(s => part.getBoundingClientRect()[s])) < 24)
  .map(part => part.outerHTML)"""
PLACES = [(x, y) for y in (0.45, 0.3, 0.6, 0.15) for x in (0.3, 0.6, 0.45, 0.75)]


@pytest.fixture(scope="module", params=ALL)
def touched(mounted, request):
    with mounted(request.param, 820, 1180, has_touch=True) as panel:
        yield panel


def point(canvas, place):
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    return box["x"] + place[0] * box["width"], box["y"] + place[1] * box["height"]


def test_a_tap_reads_a_value_or_chooses(touched):
    """What was read stays; where a view says that it chooses, something is set."""
    panel = touched
    for canvas in panel.locator.locator(".posenc-canvas").all():
        label = canvas.get_attribute("aria-label")
        chooses = "posenc-chooses" in canvas.get_attribute("class")
        panel.reset()
        first, read = panel.settings, set()
        for place in PLACES:
            panel.page.touchscreen.tap(*point(canvas, place))
            read.add(panel.look()["readout"])
            if panel.settings != first or (any(read) and not chooses):
                break
        assert any(read), f"{label} tells nothing"
        if not label.startswith("Clocks"):
            assert (panel.settings != first) == chooses, label
            continue
        panel.page.mouse.move(*point(canvas, PLACES[0]))  # hands are turned
        panel.page.mouse.down()
        for place in PLACES[:6]:
            panel.page.mouse.move(*point(canvas, place))
        panel.page.mouse.up()
        assert panel.look()["settings"] != first


def test_everything_is_large_enough_for_a_finger(touched):
    assert touched.root.evaluate(SMALL) == []


# --- on any screen ----------------------------------------------------------------------------


@contextmanager
def resized(panel, width, height, folded=True):
    """The panel in a window of this size, folded as it stood at first."""
    fold = "(root, open) => { root.querySelector('details').open = open; }"
    before = panel.page.viewport_size
    panel.root.evaluate(fold, not folded)
    panel.page.set_viewport_size({"width": width, "height": height})
    panel.page.wait_for_timeout(60)
    panel.look()
    try:
        yield
    finally:
        panel.root.evaluate(fold, True)
        panel.page.set_viewport_size(before)
        panel.look()


BOX = """e => {
  const { top, bottom, height } = e.getBoundingClientRect();
  return [top, bottom, height];
}"""


@pytest.mark.parametrize("width", [1010, 1290])  # JupyterLab's notebook with its files and without
def test_it_fits_a_laptop(panel, width):
    """Its controls and all of its pictures, at 1366 x 768."""
    with resized(panel, width, 620):
        assert panel.locator.evaluate(BOX)[2] <= 620


def test_a_narrow_screen_has_the_controls_beside_the_first_picture(panel):
    with resized(panel, 800, 900):
        parts = [panel.controls[name].row for name in panel.declared["front"]]
        boxes = [
            part.evaluate(BOX) for part in (*parts, panel.locator.locator(".posenc-stage").first)
        ]
        assert max(box[1] for box in boxes) - min(box[0] for box in boxes) <= 900


@pytest.mark.parametrize("width", [400, 640])  # a narrow notebook, and 1280 pixels at 200 %
def test_nothing_is_cut_off_narrow_or_zoomed(panel, width):
    """`look` and `settle` assert that everything fits and each canvas has its pixels."""
    plain = panel.seen["panes"]
    with resized(panel, width, 450, folded=False):
        for hand in panel.controls.values():
            if hand.kind == "choice":
                hand.free()
                hand.put(max(hand.declared["options"], key=lambda option: len(option[0]))[1])
        slider = next(hand for hand in panel.controls.values() if hand.kind == "slider")
        slider.press("End")
        assert panel.seen["panes"] != plain


# Texts that do not stand out from the ground behind them by 4.5, as WCAG asks for.
FAINT = r"""root => {
  const rgb = (text) => text.match(/[\d.]+/g).map(Number);
  const light = (colour) => colour.slice(0, 3).map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0.05);
  const ground = (part) => {
    for (; part; part = part.parentElement) {
      const colour = rgb(getComputedStyle(part).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const texts = "label, button, input[type=text], select, summary, strong, figcaption," +
    " .posenc-legend, .posenc-readout";
  return [...root.querySelectorAll(texts)]
    .filter((part) => part.checkVisibility() && !part.disabled && !part.closest(".posenc-idle"))
    .map((part) => [part.outerHTML, light(rgb(getComputedStyle(part).color)) / light(ground(part))])
    .filter(([, ratio]) => Math.max(ratio, 1 / ratio) < 4.5);
}"""


def test_light_and_dark_can_both_be_read(panel):
    seen = []
    for dark in (True, False, True, False):  # a canvas that was read is drawn a little otherwise
        panel.page.evaluate("dark => document.body.classList.toggle('dark', dark)", dark)
        panel.page.wait_for_timeout(300)
        seen.append([pane["pixels"] for pane in panel.look()["panes"]])
        assert panel.root.evaluate(FAINT) == []
    assert seen[1] == seen[3] and not {*seen[2]} & {*seen[3]}


SWATCHES = """root => [...root.querySelectorAll(".posenc-legend span:has(> svg)")].map(
  (entry) => [entry.textContent, entry.querySelector("line").getAttribute("stroke")]
)"""


def test_a_name_has_one_colour_in_all_pictures(panel):
    entries = {tuple(entry) for entry in panel.root.evaluate(SWATCHES)}
    assert len({name for name, _ in entries}) == len(entries), entries
