"""What holds for every panel: without a mouse or eyes, with bad values, zoomed and narrow.

`make test` tries two panels, `make test-panels` all of them. They stand in one notebook: the tests
are handed out file by file, so that only one process opens it.
"""

import re
from contextlib import contextmanager

import pytest

from tests.browser.sweep import FULL, NEEDS

pytestmark = pytest.mark.browser

BAD = ("abc", "nan", "inf", "1e300", "-7", "")
ROLES = {"slider": "slider", "choice": "combobox", "toggle": "checkbox", "text": "textbox"}
NARROW = 400
NOTEBOOK = "root => root.closest('.jp-Notebook').clientWidth"

# What a hand can act on, as it stands in the page, and which of it has the focus.
PARTS = """root => [
  ...root.querySelectorAll(".noUi-handle, input, select, button, canvas.posenc-canvas"),
].filter((part) => part.checkVisibility() && !part.closest("[disabled]"))"""
FOCUS_BEFORE = """root => {
  window.before = document.createElement("button");
  root.before(window.before);
  window.before.focus();
}"""
REACHED = f"""root => root.contains(document.activeElement)
  ? ({PARTS})(root).indexOf(document.activeElement) : "out" """


def hands(panel, *kinds):
    """Each control of these kinds, where it has an effect; the panel is reset after each.

    `make test` takes the first of each kind.
    """
    found = {kind: [h for h in panel.controls.values() if h.kind == kind] for kind in kinds}
    for some in found.values():
        for hand in some if FULL else some[:1]:
            needs, choice = NEEDS.get((panel.title, hand.name), (None, None))
            if needs:
                panel.controls[needs].choose(choice)
            yield hand
            panel.reset()


def test_bad_values_are_refused_in_words(panel):
    """The settings, the picture and the field stay, and the next good value is taken."""
    for hand in hands(panel, "slider", "text"):
        step, stood = hand.allowed[-1] if hand.kind == "slider" else 0, hand.shows
        for text in ("",) if hand.kind == "text" else (*BAD, "2.5") if step else BAD:
            hand.write(text)
            said = f"{hand.name} = {text!r} is " if hand.kind == "slider" else hand.name
            panel.locator.locator(".posenc-message", has_text=said).wait_for(timeout=20_000)
        seen = panel.settle()  # the same settings, the same picture
        assert f"The picture still shows {hand.name} = " in seen["message"]
        assert hand.kind == "text" or hand.shows == stood, "the field keeps what was refused"
        assert not hand.change()["message"]


def test_tab_reaches_everything_in_order(panel):
    count = panel.page.evaluate(f"root => ({PARTS})(root).length", panel.root)
    panel.page.evaluate(FOCUS_BEFORE, panel.root)
    reached = []
    for _ in range(count + 1):
        panel.page.keyboard.press("Tab")
        reached.append(panel.page.evaluate(REACHED, panel.root))
    panel.page.evaluate("before.remove()")
    assert reached == [*range(count), "out"]


def test_controls_have_names(panel):
    nameless = []
    for hand in panel.controls.values():
        label, role = hand.label, ROLES[hand.kind]
        if not label or panel.locator.get_by_role(role, name=label, exact=True).count() != 1:
            nameless.append((role, label))
        field = panel.locator.get_by_role("textbox", name=re.compile(f"^{re.escape(label)}"))
        if hand.kind == "slider" and field.count() != 1:
            nameless.append(("textbox", label))
    assert nameless == []


def test_keys_move_every_slider(panel):
    for hand in hands(panel, "slider"):
        low, high, _ = hand.allowed
        hand.press("Home")
        for way, keys in ((1, "ArrowRight ArrowUp PageUp End"), (-1, "ArrowLeft PageDown Home")):
            end = high if way == 1 else low
            for key in keys.split():
                before = hand.value
                hand.press(key)
                # the last keys may have nowhere to go
                assert way * (hand.value - before) > 0 or before == end, f"{hand.name}: {key}"
            assert hand.value == end


def test_jupyterlab_takes_no_key_of_a_control(panel):
    content = f"{panel.visit.panel}.content"
    state = f"() => [{content}.widgets.length, {content}.activeCellIndex, {content}.mode]"
    taken = []
    for hand in panel.controls.values():
        for key in ("b", "ArrowDown"):  # a new cell, the next cell
            hand.elements[0].focus()
            before = panel.page.evaluate(state)
            panel.page.keyboard.press(key)
            after = panel.page.evaluate(state)
            if after != before:
                taken.append((hand.name, key))
            if after[0] != before[0]:
                panel.visit.press("notebook:undo-cell-action")
    panel.show()
    panel.reset()
    assert taken == []


def test_the_picture_is_told_in_words(panel):
    silent = []
    for hand in hands(panel, *ROLES):
        before = [pane["label"] for pane in panel.seen["panes"]]
        assert not hand.change()["message"]
        assert {pane["role"] for pane in panel.seen["panes"]} == {"img"}
        after = [pane["label"] for pane in panel.seen["panes"]]
        if after == before or not all(after):
            silent.append((hand.name, hand.shows))
    assert silent == [], "the words stayed as they were"


@pytest.mark.parametrize("scale", [2, pytest.param(1, marks=pytest.mark.long)])
def test_nothing_is_cut_off_zoomed_or_narrow(panel, scale):
    """At 200 %, and in a notebook about 400 pixels wide; without the file browser beside it.

    `look` and `settle` assert that everything fits and each canvas has its pixels.
    """
    plain, size = panel.seen["panes"], panel.page.viewport_size
    panel.visit.press("application:toggle-left-area")
    with window(panel.page, scale) as resize:
        resize(size["width"] // 2 if scale == 2 else 2 * NARROW)
        panel.show()
        assert panel.page.evaluate("devicePixelRatio") == scale
        if scale == 1:  # what else stands in the window depends on JupyterLab's version
            resize(3 * NARROW - panel.page.evaluate(NOTEBOOK, panel.root))
            panel.show()
            assert abs(panel.page.evaluate(NOTEBOOK, panel.root) - NARROW) <= 20
        panel.look()
        for hand in panel.controls.values():
            if hand.kind == "choice":
                hand.choose(max(hand.options, key=len))
        slider = next(hand for hand in panel.controls.values() if hand.kind == "slider")
        slider.press("End")
        slider.press("Home")
        panel.look()
        assert panel.seen["panes"] != plain
    panel.visit.press("application:toggle-left-area")
    panel.show()
    panel.look()


@contextmanager
def window(page, scale: float):
    """A function that gives the page's window a width, with `scale` pixels to a CSS pixel."""
    session = page.context.new_cdp_session(page)
    size = {"height": 900 // int(scale), "deviceScaleFactor": scale, "mobile": False}
    try:
        yield lambda width: session.send(
            "Emulation.setDeviceMetricsOverride", size | {"width": width}
        )
    finally:
        session.send("Emulation.clearDeviceMetricsOverride")
        session.detach()


LEGENDS = """root => [...root.querySelectorAll(".posenc-legend span:has(> i)")].map(
  (entry) => [entry.textContent, getComputedStyle(entry.querySelector("i")).borderTopColor]
)"""


@pytest.mark.long
@pytest.mark.parametrize("panel", ["forecast_explorer"], indirect=True)
def test_a_name_has_one_colour(panel):
    entries = panel.page.evaluate(LEGENDS, panel.root)
    colours = {tuple(entry) for entry in entries}
    # the model and its baseline stand in two views, the others once each, and all differ
    assert len(entries) == 8 and len(colours) == 6
    assert len({name for name, _ in colours}) == len({colour for _, colour in colours}) == 6
