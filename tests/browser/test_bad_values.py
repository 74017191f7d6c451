"""Whatever is typed beside a slider: a bad value is refused in words and nothing else changes."""

import pytest

from tests.browser.sweep import NEEDS

pytestmark = pytest.mark.browser

BAD = ("abc", "nan", "inf", "1e300", "-7", "")


def test_bad_values_are_refused(panel):
    hands = [hand for hand in panel.controls.values() if hand.kind == "slider"]
    assert hands
    for hand in hands:
        needs, choice = NEEDS.get((panel.title, hand.name), (None, None))
        if needs:
            panel.controls[needs].choose(choice)
        step, stood = hand.allowed[-1], hand.shows
        for text in (*BAD, "2.5") if step else BAD:
            hand.write(text)
            said = f"{hand.name} = {text!r} is refused"
            panel.locator.locator(".posenc-message", has_text=said).wait_for(timeout=20_000)
        seen = panel.settle()  # the same settings, the same picture
        assert f"The picture still shows {hand.name} = " in seen["message"]
        assert hand.shows == stood, "the field keeps what was refused"
        # the next good value is taken, and the message goes away
        assert not hand.change()["message"]
        panel.reset()


def test_an_empty_line_of_text_is_refused(panel):
    for hand in panel.controls.values():
        if hand.kind == "text":
            first = hand.shows
            hand.write("")
            assert hand.name in panel.settle()["message"]
            assert not hand.type(f"now {first}")["message"]
