"""Every control of a panel, moved as by hand over all that it allows."""

import os
import random

from tests.browser.reader import Hand, Reader, as_field, number

FULL = os.environ.get("POSENC_SWEEP") == "full"
"""`make test-panels` moves everything, and a panel 1,000 times before it is weighed; otherwise one
slider of each panel goes to its two ends by key, and is pulled by the mouse."""

# Where a control has something to act on: (title of the panel, control) to the choice it needs.
NEEDS = {
    ("Relative positions", "clip"): ("form", "Shaw scores (random table)"),
    ("Relative positions", "dim"): ("form", "Shaw scores (random table)"),
    ("Relative positions", "same_query"): ("form", "Shaw scores (random table)"),
    ("Relative positions", "head"): ("form", "ALiBi, both directions"),
    ("Rotary encoding (RoPE)", "factor"): ("scaling", "NTK"),
    ("Forecasts", "gaps"): ("series", "El Niño"),
}

SENTENCES = ("a bird sings", "seven long words stand in this line", "one")


def sweep(panel: Reader) -> None:
    """Move every control, and leave each where it stood.

    Each move is followed or refused in words (`Reader.settle` asserts that and more).
    """
    if not FULL:
        hand = next(hand for hand in panel.controls.values() if hand.kind == "slider")
        acts = (lambda: hand.press("Home"), lambda: hand.press("End"), lambda: hand.drag(0.4))
        pictures = {str(act()["panes"]) for act in acts}
        assert len(pictures) == 3, f"{hand.name}: a key or the mouse did nothing"
        return
    for hand in panel.controls.values():
        needs, wanted = NEEDS.get((panel.title, hand.name), (None, None))
        stood = panel.controls[needs].shows if needs else None
        if needs:
            panel.controls[needs].choose(wanted)
        assert MOVES[hand.kind](hand), f"{hand.name}: nothing was drawn"
        if needs:
            panel.controls[needs].choose(stood)


def ends(hand: Hand) -> int:
    """The lowest and the highest value, by key."""
    low, high, _ = hand.allowed
    drawn = 0
    for key, end in (("Home", low), ("End", high)):
        seen = hand.press(key)
        assert seen["message"] or number(hand.shows) == end, f"{hand.name}: {key} is {hand.shows}"
        drawn += not seen["message"]
    return drawn


def slide(hand: Hand) -> int:
    """Both ends, and values between: one clicked, one pulled, some typed."""
    rng = random.Random(f"{hand.reader.title}: {hand.name}")
    first, drawn = hand.shows, ends(hand)
    low, high, step = hand.allowed
    for held in (False, True):
        drawn += not hand.drag(rng.random(), held)["message"]
    for _ in range(3):
        if step:
            value = low + step * rng.randint(0, int((high - low) // step))
        else:
            value = min(max(low * (high / low) ** rng.random(), low), high)
        drawn += not hand.type(as_field(value))["message"]
    hand.type(first)
    return drawn


def choose(hand: Hand) -> int:
    """Every option, the present one last."""
    first = hand.shows
    options = [*(option for option in hand.options if option != first), first]
    return sum(not hand.choose(option)["message"] for option in options)


def toggle(hand: Hand) -> int:
    first, drawn = hand.shows, not hand.toggle()["message"]
    assert hand.shows is not first
    return drawn + (not hand.toggle()["message"])


def write(hand: Hand) -> int:
    first = hand.shows
    return sum(not hand.type(text)["message"] for text in (*SENTENCES, first))


MOVES = {"slider": slide, "choice": choose, "toggle": toggle, "text": write}
