"""A panel without a mouse or without eyes: reached by Tab, named, moved by keys, told in words."""

import re

import pytest

from tests.browser.sweep import NEEDS

pytestmark = pytest.mark.browser

ROLES = {"slider": "slider", "choice": "combobox", "toggle": "checkbox", "text": "textbox"}

# What a hand can act on, in the order in which it stands in the page.
PARTS = """root => [
  ...root.querySelectorAll(".noUi-handle, input, select, button, canvas.posenc-canvas"),
].filter((part) => part.checkVisibility() && !part.closest("[disabled]"))"""
FOCUS_BEFORE = """root => {
  window.before = document.createElement("button");
  root.before(window.before);
  window.before.focus();
}"""
REACHED = """root => { const found = PARTS;
  return [found(root).indexOf(document.activeElement), root.contains(document.activeElement)]; }"""


def test_tab_reaches_everything_in_order(panel):
    count = panel.page.evaluate(f"root => ({PARTS})(root).length", panel.root)
    panel.page.evaluate(FOCUS_BEFORE, panel.root)
    try:
        reached = []
        for _ in range(count):
            panel.page.keyboard.press("Tab")
            reached.append(panel.page.evaluate(REACHED.replace("PARTS", PARTS), panel.root))
        assert reached == [[i, True] for i in range(count)]
        panel.page.keyboard.press("Tab")
        assert not panel.page.evaluate(REACHED.replace("PARTS", PARTS), panel.root)[1]
    finally:
        panel.page.evaluate("before.remove()")


def test_controls_have_names(panel):
    nameless = []
    for hand in panel.controls.values():
        label = hand.label
        assert label
        role = ROLES[hand.kind]
        if panel.locator.get_by_role(role, name=label, exact=True).count() != 1:
            nameless.append((role, label))
        field = panel.locator.get_by_role("textbox", name=re.compile(f"^{re.escape(label)}"))
        if hand.kind == "slider" and field.count() != 1:
            nameless.append(("textbox", label))
    assert nameless == []


def test_keys_move_every_slider(panel):
    for hand in panel.controls.values():
        if hand.kind != "slider":
            continue
        low, high, _ = hand.allowed
        needed(panel, hand)
        hand.press("Home")
        for keys, end in (
            (("ArrowRight", "ArrowUp", "PageUp", "End"), high),
            (("ArrowLeft", "ArrowDown", "PageDown", "Home"), low),
        ):
            way = 1 if end == high else -1
            for key in keys:
                before = hand.value
                hand.press(key)
                moved = way * (hand.value - before)
                # the last keys may have nowhere to go
                assert moved > 0 or before == end, f"{hand.name}: {key} at {before}: {hand.value}"
            assert hand.value == end
        panel.reset()


def test_jupyterlab_takes_no_key_of_a_control(panel):
    state = f"() => [{panel.visit.panel}.content.widgets.length,"
    state += f" {panel.visit.panel}.content.activeCellIndex, {panel.visit.panel}.content.mode]"
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
    for hand in panel.controls.values():
        needed(panel, hand)
        before = [pane["label"] for pane in panel.seen["panes"]]
        assert not hand.change()["message"]
        assert [pane["role"] for pane in panel.seen["panes"]] == ["img"] * len(panel.seen["panes"])
        after = [pane["label"] for pane in panel.seen["panes"]]
        assert all(after)
        if after == before:
            silent.append((hand.name, hand.shows))
        panel.reset()
    assert silent == [], "the words stayed as they were"


def needed(panel, hand) -> None:
    """Choose what this control needs to have an effect."""
    needs, choice = NEEDS.get((panel.title, hand.name), (None, None))
    if needs:
        panel.controls[needs].choose(choice)
