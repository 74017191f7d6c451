"""Every control of a panel, moved as by hand over all that it allows."""

import os
import random

from tests.browser.reader import Hand, Reader, as_field, number

FULL = os.environ.get("POSENC_SWEEP") == "full"
"""`make test-panels` moves everything, and a panel 1,000 times before it is weighed; otherwise one
slider of each panel goes to its two ends by key, and is pulled by the mouse."""

RANDOM = 20
"""Values of each slider besides its two ends. Three of them are set by hand, the others from code:
all are computed, and those by hand are followed to the picture."""

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


def sweep(panel: Reader) -> int:
    """Move every control, and leave each where it stood; the number of moves.

    Each move is followed or refused in words (`Reader.settle` asserts that and more).
    """
    if not FULL:
        hand = next(hand for hand in panel.controls.values() if hand.kind == "slider")
        drawn = ends(hand)
        drawn += not hand.drag(0.4)["message"]
        assert drawn, f"{hand.name}: nothing was drawn"
        return drawn
    moves = 0
    for hand in panel.controls.values():
        needs, wanted = NEEDS.get((panel.title, hand.name), (None, None))
        stood = panel.controls[needs].shows if needs else None
        if needs:
            panel.controls[needs].choose(wanted)
        found = {"slider": slide, "choice": choose, "toggle": toggle, "text": write}[hand.kind](
            hand
        )
        assert found, f"{hand.name}: nothing was drawn"
        moves += found
        if needs:
            panel.controls[needs].choose(stood)
    return moves


def ends(hand: Hand) -> int:
    """The lowest and the highest value."""
    low, high, _ = hand.allowed
    drawn = 0
    for key, end in (("Home", low), ("End", high)):
        seen = hand.press(key)
        assert seen["message"] or number(hand.shows) == end, f"{hand.name}: {key} is {hand.shows}"
        drawn += not seen["message"]
    return drawn


def slide(hand: Hand) -> int:
    """Both ends, and values between: one clicked, one pulled, one typed, the others from code."""
    rng = random.Random(f"{hand.reader.title}: {hand.name}")
    first = hand.shows
    low, high, step = hand.allowed
    drawn = ends(hand)
    by_hand = (
        lambda: hand.drag(rng.random(), held=False),
        lambda: hand.drag(rng.random()),
        lambda: hand.type(some_value(rng, low, high, step)),
    )
    drawn += sum(not act()["message"] for act in by_hand)
    values = [some_value(rng, low, high, step) for _ in range(RANDOM - len(by_hand))]
    drawn += hand.from_code([int(number(v)) if step else number(v) for v in values])
    hand.type(first)
    return drawn


def some_value(rng: random.Random, low: float, high: float, step: float) -> str:
    """A number that the control allows, as its field writes it."""
    if step:
        return as_field(low + step * rng.randint(0, int((high - low) // step)))
    return as_field(min(max(low * (high / low) ** rng.random(), low), high))


def choose(hand: Hand) -> int:
    """Every option, the present one last."""
    first, drawn = hand.shows, 0
    others = [option for option in hand.options if option != first]
    for option in [*others, first]:
        drawn += not hand.choose(option)["message"]
    return drawn


def toggle(hand: Hand) -> int:
    first = hand.shows
    drawn = not hand.toggle()["message"]
    assert hand.shows is not first
    return drawn + (not hand.toggle()["message"])


def write(hand: Hand) -> int:
    first = hand.shows
    return sum(not hand.type(text)["message"] for text in (*SENTENCES, first))
