"""Every control of a panel, moved as by hand over all that it allows."""

import random

from tests.browser.reader import Hand, Reader, as_field, number

RANDOM = 20
"""Values of each slider besides its two ends."""

# Where a control has something to act on: (title of the panel, control) to the choice it needs.
NEEDS = {
    ("Relative positions", "clip"): ("form", "Shaw scores (random table)"),
    ("Relative positions", "dim"): ("form", "Shaw scores (random table)"),
    ("Relative positions", "same_query"): ("form", "Shaw scores (random table)"),
    ("Relative positions", "head"): ("form", "ALiBi, both directions"),
    ("Rotary encoding (RoPE)", "factor"): ("scaling", "NTK"),
}

SENTENCES = ("a bird sings", "seven long words stand in this line", "one")


def sweep(panel: Reader) -> int:
    """Move every control, and leave each where it stood; the number of moves.

    Each move is followed or refused in words (`Reader.settle` asserts that and more).
    """
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


def slide(hand: Hand) -> int:
    """Both ends, and values between: typed, pulled, and one clicked."""
    rng = random.Random(f"{hand.reader.title}: {hand.name}")
    first = hand.shows
    low, high, step = hand.allowed
    drawn = 0
    for key, end in (("Home", low), ("End", high)):
        seen = hand.press(key)
        assert seen["message"] or number(hand.shows) == end, f"{hand.name}: {key} is {hand.shows}"
        drawn += not seen["message"]
    for turn in range(RANDOM):
        if turn == 0:
            seen = hand.click(rng.random())
        elif turn % 2:
            seen = hand.drag(rng.random())
        else:
            seen = hand.type(some_value(rng, low, high, step))
        drawn += not seen["message"]
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
