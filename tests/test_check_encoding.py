"""Encodings from outside the library: they join the registry, one call holds them to the laws."""

import pytest
import torch

from posenc_lib import (
    DistanceBias,
    Door,
    MultiHeadAttention,
    PositionEncoding,
    TransformerStack,
    encodings,
    make_encoding,
    register_encoding,
    unregister_encoding,
)
from posenc_lib.registry import on_panels


class Slope(DistanceBias):
    """One trained slope a head, with an option and without a default for its heads."""

    def __init__(self, heads, *, steepness=1.0):
        super().__init__()
        self.slope = torch.nn.Parameter(torch.full((heads,), steepness))

    def by_distance(self, distance):
        return -self.slope.double().reshape(-1, *[1] * distance.ndim) * distance.abs()


@pytest.fixture
def slope():
    """`Slope`, registered for one test."""
    yield register_encoding("slope", Slope, title="Sloping", depends_on="distance")
    unregister_encoding("slope")


# The registry


def test_a_registered_encoding_is_known_by_its_name_everywhere(slope):
    assert encodings()["slope"] is slope and slope.sizes == ("heads",)
    assert list(encodings()).index("slope") == len(encodings()) - 1  # the last of its door
    assert "slope" not in on_panels()
    assert make_encoding("slope", dim=8, heads=2, steepness=3.0).slope.tolist() == [3.0, 3.0]
    layer = MultiHeadAttention(8, 2, encoding="slope")
    assert isinstance(layer.encoding, Slope)
    stack = TransformerStack(8, 2, layers=2, encoding="slope")
    assert stack.layers[0].attention.encoding is not stack.layers[1].attention.encoding
    with pytest.raises(KeyError, match="Did you mean 'slope'"):
        encodings()["Sloping"]
    assert "`slope` | Sloping" in encodings()._repr_markdown_()


def test_what_is_taken_out_leaves_no_trace():
    before, door = list(encodings()), Door.NONE
    register_encoding("nothing", type("Nothing", (PositionEncoding,), {"door": door}))
    assert list(encodings()) == ["none", "nothing", *before[1:]]
    unregister_encoding("nothing")
    assert list(encodings()) == before
    with pytest.raises(ValueError, match="make_encoding: name = 'nothing'"):
        make_encoding("nothing", dim=8, heads=2)


class Wants(PositionEncoding):
    def __init__(self, heads, temperature):
        super().__init__()


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("rope", Slope), "name = 'rope' is not allowed; expected a name that is not taken.*own"),
        (("slope", Slope), "name = 'slope' .* not taken.*unregister_encoding first"),
        (("", Slope), "name = '' .* at least one character"),
        ((7, Slope), "name = 7 .* a string"),
        (("mine", torch.nn.Linear), "cls = 'Linear' .* a subclass of PositionEncoding"),
        (("mine", Slope(2)), "cls = 'Slope' .* the class itself"),
        (("mine", Wants), r"defaults = \{\} .* a value for 'temperature', which Wants has no"),
        (("mine", Slope, {"sizes": ()}), r"defaults = \{\} .* a value for 'heads'"),
        (("mine", Slope, {"sizes": ["head"]}), "sizes = 'head' .*Did you mean 'heads'"),
        (("mine", Slope, {"sizes": ["dim", "heads"]}), "option = 'dim' .* one of 'heads'"),
        (("mine", Slope, {"sizes": "heads"}), "sizes = 'heads' .* a tuple of names"),
        (("mine", Slope, {"defaults": {"steepnes": 1}}), "option = .* Did you mean .steepness."),
        (("mine", DistanceBias, {"defaults": {"slope": 1}}), "option = 'slope' .* no options"),
        (("mine", Slope, {"defaults": [1]}), "defaults = 'list' .* a dictionary"),
        (("mine", Slope, {"source": None}), "source = None .* a string"),
        (("mine", Slope, {"takes_longer": "yes"}), "takes_longer = 'yes' .* True or False"),
    ],
)  # fmt: skip
def test_what_cannot_join_is_refused_and_nothing_is_kept(given, words, slope):
    before = list(encodings())
    (name, cls), more = given[:2], given[2] if len(given) > 2 else {}
    with pytest.raises((ValueError, TypeError), match=f"register_encoding: {words}"):
        register_encoding(name, cls, **more)
    assert list(encodings()) == before


@pytest.mark.bad_input
@pytest.mark.parametrize("name", ["rope", "zzz", None, ["slope"]])
def test_only_what_was_registered_can_be_taken_out(name, slope):
    with pytest.raises(ValueError, match=r"unregister_encoding: name = .* expected one of 'slope'"):
        unregister_encoding(name)
    assert "rope" in encodings() and "slope" in encodings()
