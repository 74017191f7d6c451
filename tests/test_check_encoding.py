"""Encodings from outside the library: they join the registry, one call holds them to the laws."""

import re

import pytest
import torch

from posenc_lib import (
    DistanceBias,
    Door,
    MultiHeadAttention,
    PositionEncoding,
    TransformerStack,
    check_encoding,
    encodings,
    make_encoding,
    register_encoding,
    relative_positions,
    unregister_encoding,
)
from posenc_lib.laws.law import LAWS
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
    assert "slope" not in on_panels() and not slope.on_panels
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


# The laws: an encoding that breaks each of them, and no other


class Turn(PositionEncoding):
    """RoPE in a few lines, rounded once; each faulty one below changes one of them."""

    door = Door.QUERIES_KEYS

    def angles(self, x, positions):
        pair = torch.arange(0, x.shape[-1], 2, device=x.device).double()
        return (positions.double()[..., None] * 10000.0 ** (-pair / x.shape[-1])).unsqueeze(-3)

    def turn(self, x, positions):
        wide = torch.promote_types(x.dtype, torch.float32)
        angles = self.angles(x, positions)
        cos, sin = angles.cos().to(wide), angles.sin().to(wide)
        even, odd = x[..., 0::2].to(wide), x[..., 1::2].to(wide)
        turned = torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1)
        return turned.flatten(-2).to(x.dtype)

    def at_query(self, query, positions):
        return self.turn(query, positions)

    def at_key(self, key, positions):
        return self.turn(key, positions)


class Recency(PositionEncoding):
    """Minus the distance; the same for all heads."""

    door = Door.SCORES

    def at_scores(self, query, key, query_positions, key_positions):
        distance = relative_positions(query_positions, key_positions).abs()
        return -distance.double().unsqueeze(-3)


class AtAnotherDoor(Turn):
    door = Door.SCORES


class Blind(Recency):
    def at_scores(self, *given):
        return super().at_scores(*given) * 0.0


class MixesRows(Recency):
    def at_scores(self, query, *given):
        slope = (
            query.double().mean((0, 1, 3)).exp()[:, None]
        )  # of the batch, where each row has its own
        return slope * super().at_scores(query, *given)


class FirstRowOnly(Recency):
    def at_scores(self, query, key, query_positions, key_positions):
        first = [p[0] if p.ndim == 2 else p for p in (query_positions, key_positions)]
        return super().at_scores(query, key, *first)


class Foresees(Turn):
    def at_key(self, key, positions):
        return self.turn(key + 0.5 * key.roll(-1, -2), positions)  # and the token behind it


class KeepsKeysOfAnotherLength(Turn):
    keeps_turned_keys = True

    def angles(self, x, positions):
        return super().angles(x, positions) / (
            1 + positions.double().amax(-1)[..., None, None, None]
        )


class CountsTheCacheFromZero(Recency):
    def at_scores(self, query, key, query_positions, key_positions):
        if key.shape[-2] > query.shape[-2]:
            key_positions = torch.arange(key.shape[-2], device=key.device)
        return -super().at_scores(query, key, query_positions, key_positions).square()


class CountsPadding(Recency):
    def at_scores(self, query, key, query_positions, key_positions):
        counted = key.double().mean(-1).sigmoid().cumsum(-1)  # from the first of the row
        return 3 * counted.sqrt().unsqueeze(-2)


class DividesByNothing(Recency):
    def at_values(self, weights, query_positions, key_positions):
        share = (weights / weights.sum(-1, keepdim=True)).sum(-1, keepdim=True)
        return share.expand(*weights.shape[:3], 8)


class Untrained(Recency):
    def __init__(self, heads):
        super().__init__()
        self.slope = torch.nn.Parameter(torch.ones(heads))


class StartsBelowItsBound(Untrained):
    def at_scores(self, *given):
        return self.slope.double().clamp(min=2.0)[:, None, None] * super().at_scores(*given)


class ForgottenTable(Recency):
    def __init__(self):
        super().__init__()
        self.slope = float(torch.rand(()))  # drawn, and in no state dict

    def at_scores(self, *given):
        return self.slope * super().at_scores(*given)


class MovesPositions(Recency):
    def at_scores(self, query, key, query_positions, key_positions):
        key_positions += 1  # in place
        return super().at_scores(query, key, query_positions, key_positions)


class RoundsAngles(Turn):
    def angles(self, x, positions):
        pair = torch.arange(0, x.shape[-1], 2, device=x.device).to(x.dtype)
        return (positions.to(x.dtype)[..., None] * 10000.0 ** (-pair / x.shape[-1])).unsqueeze(-3)


class CutsBits(Turn):
    def turn(self, x, positions):
        turned = super().turn(x.float() if x.dtype == torch.bfloat16 else x, positions)
        if x.dtype == torch.bfloat16:  # its first 16 bits, where rounding would look at the rest
            turned = (turned.view(torch.int32) & -(2**16)).view(torch.float32)
        return turned.to(x.dtype)


class Promotes(Turn):
    def turn(self, x, positions):
        one = torch.ones(1, device=x.device)  # float32, which bfloat16 becomes beside it
        return super().turn(x, positions) * one


class StaysOnTheCpu(Recency):
    def __init__(self, heads):
        super().__init__()
        self.slopes = 0.5 ** torch.arange(1, heads + 1)  # no buffer: .to(device) leaves it

    def at_scores(self, *given):
        return self.slopes[:, None, None] * super().at_scores(*given)


class Remembers(Recency):
    def __init__(self, heads):
        super().__init__()
        self.slope = torch.nn.Parameter(torch.zeros(heads))
        self.kept = None

    def at_scores(self, *given):
        self.kept = self.slope.double().exp() if self.kept is None else self.kept
        return self.kept[:, None, None] * super().at_scores(*given)


class PreparesOther(Turn):
    def prepare(self, places):
        return places.query * 2, places.key * 2, places.key * 2


class Branches(Recency):
    def at_scores(self, query, *given):
        steep = not query.is_meta and float(query.sum()) > 1e9  # a number of a tensor decides
        return super().at_scores(query, *given) * (2 if steep else 1)


NAMED = "the door that it names is open"
ORDER = "the order of the tokens is seen"
PREPARED = "what is prepared is what the positions say"
WRITTEN = "the positions and the input are left as they are"
ALONE = "each batch row stands by itself"
ROWS = "batch rows may have positions of their own"
FUTURE = "a causal layer ignores the future"
CACHE = "decoding with a cache gives what one pass gives"
PADDING = "padding changes nothing for real tokens"
NO_NAN = "a token that may see nothing is no NaN"
DTYPE = "a layer keeps its dtype"
FAR = "far positions in half precision are within one rounding"
DEVICE = "it follows the layer to another device"
GRADIENTS = "gradients reach every parameter"
STATE = "a state dict holds everything"
MEMORY = "nothing is answered from memory"
GRAPH = "it compiles in one graph"
FAULTY = [  # the encoding, the law it breaks, and what is said of it
    (AtAnotherDoor, NAMED, "door is 'added to the scores', but there is no at_scores"),
    (Blind, ORDER, "token 5 has the same output after tokens 0, 1, 2, 3, 4 and after 3, 0, 2, 1"),
    (PreparesOther, PREPARED, "positions 2, 3, 4, 5: .* prepared, .* from the positions"),
    (MovesPositions, WRITTEN, "positions 3, 4, 5, 6, 7, 8 became 4, 5, 6, 7, 8, 9"),
    (MixesRows, ALONE, "row 0, token 1, feature 0: .* beside others, .* alone"),
    (FirstRowOnly, ROWS, "positions 1, 3, 5, 7, 9 in row 1, token 1, .* at other positions"),
    (Foresees, FUTURE, "row 0, token 0|row 0, token"),
    (KeepsKeysOfAnotherLength, CACHE, "row 0, token ., .* with a cache, .* in one pass"),
    (CountsTheCacheFromZero, CACHE, "row 0, token 3, .* with a cache, .* in one pass"),
    (CountsPadding, PADDING, r"with padding 0111111 \(1 is real\), .* without"),
    (DividesByNothing, NO_NAN, "row 1, which is all padding, .* nan was found"),
    (Promotes, DTYPE, "raised TypeError: Promotes.at_query: result.dtype = torch.float32"),
    (
        RoundsAngles,
        FAR,
        "torch.float32, position 100,00.: at_query gave .*, [\\d,]+ roundings from",
    ),
    (CutsBits, FAR, "torch.bfloat16, position 100,0..: at_query gave .*, 2 roundings from"),
    (StaysOnTheCpu, DEVICE, "raised RuntimeError: .*meta"),
    (Untrained, GRADIENTS, "none reaches slope"),
    (StartsBelowItsBound, GRADIENTS, "none reaches slope"),
    (ForgottenTable, STATE, "row 0, token 1, .* after loading, .* before"),
    (Remembers, MEMORY, "positions 0, 1, 2, 3, 4, 5: row 0, .* after other positions and weights"),
]


@pytest.mark.parametrize(
    ("cls", "broken", "why"), FAULTY, ids=lambda value: getattr(value, "__name__", "")
)
def test_a_faulty_encoding_breaks_its_law_and_no_other(cls, broken, why):
    report = check_encoding(cls)
    also = {Foresees: {PADDING}, MovesPositions: {CACHE}}.get(cls, set())  # what follows from it
    assert {finding.law for finding in report.broken} == {broken} | also, report
    assert re.search(why, report[broken].why), report[broken].why
    assert not report.holds and f"{broken}" in repr(report)


def test_every_law_that_is_required_has_a_faulty_encoding_that_breaks_it():
    required = {law.words for law in LAWS if not law.reported}
    assert required == {broken for _, broken, _ in FAULTY} | {GRAPH}


@pytest.mark.unchecked
def test_a_branch_on_a_number_breaks_the_graph_and_nothing_else():
    report = check_encoding(Branches, compiled=True)
    assert [finding.law for finding in report.broken] == [GRAPH]
    assert check_encoding(Turn, compiled=True).holds
    assert GRAPH not in {finding.law for finding in check_encoding(Branches)}


@pytest.mark.parametrize("cls", [Turn, Recency, Slope])
def test_what_is_right_holds(cls):
    report = check_encoding(cls)
    assert report.holds, report
    for yes in ("scores depend on the distance only", "earlier answers stay as the text grows"):
        assert report[yes].verdict == "yes"


# One of each way in `make test`; at night all, whose laws tests/test_laws.py holds one by one.
EACH_WAY = {"none", "sinusoidal", "rope", "xpos", "shaw", "alibi", "cope", "forgetting", "cpvt"}


@pytest.mark.parametrize("name", [
    pytest.param(n, marks=() if n in EACH_WAY else pytest.mark.every_graph) for n in encodings()
])  # fmt: skip
def test_the_registry_holds_and_says_of_itself_what_the_laws_find(name):
    entry, report = encodings()[name], check_encoding(name)
    assert report.holds, report
    found = {finding.law: finding.verdict == "yes" for finding in report}
    assert found["scores depend on the distance only"] == (entry.distance_only or name == "none")
    assert found["earlier answers stay as the text grows"] == entry.stable


def test_what_is_only_reported_is_said_with_a_case():
    report = check_encoding("sinusoidal")
    assert report["scores depend on the distance only"].verdict == "no"
    assert re.fullmatch(
        r"positions \(0, 0\) and \(1, 1\) gave -?[\d.]+ and -?[\d.]+",
        report["scores depend on the distance only"].why,
    )
    growing = check_encoding("rope_dynamic_ntk")["earlier answers stay as the text grows"]
    assert growing.verdict == "no" and "in a text of 256" in growing.why
    assert "at_query" in check_encoding("xpos")["queries and keys keep their length"].why
    row = check_encoding("cope")["tokens that keep their positions may stand in any order"]
    assert row.verdict == "no" and "in the order 3, 0, 4, 1, 2" in row.why


class StopsCounting(Recency):
    def at_scores(self, query, key, *positions):
        return super().at_scores(query, key, *(p.clamp(max=1000) for p in positions))


def test_a_distance_that_ends_far_out_is_no_distance():
    found = check_encoding(StopsCounting)["scores depend on the distance only"]
    assert found.verdict == "no" and re.match(r"positions \(\d+, \d+\) and \(1\d{3}, ", found.why)


class Raises(Recency):
    def at_scores(self, *given):
        raise ZeroDivisionError("by zero\nand more")


def test_what_an_encoding_raises_breaks_the_law_that_was_looked_at():
    report = check_encoding(Raises)
    assert report[CACHE].why == "raised ZeroDivisionError: by zero"
    assert report[NAMED].verdict == "holds"


# Calling it


def test_an_object_is_taken_with_its_own_sizes_and_left_as_it_is():
    slope = Slope(6)
    before, state = slope.slope.detach().clone(), torch.random.get_rng_state()
    assert check_encoding(slope, heads=6).holds
    assert torch.equal(slope.slope, before) and slope.slope.grad is None
    assert torch.equal(torch.random.get_rng_state(), state)
    assert check_encoding(make_encoding("rope", dim=24, heads=2), heads=2).holds
    assert check_encoding(make_encoding("learned", dim=24, heads=2, length=40), heads=2).holds
    assert check_encoding(Slope, heads=3, dim=9, steepness=2.0).holds
    assert check_encoding("rope", base=500.0).holds


def test_a_report_is_a_table_in_words_and_in_jupyter():
    report = check_encoding(Untrained)
    lines = repr(report).splitlines()
    assert lines[0] == "Untrained: 14 of 15 laws hold" and len(lines) == len(report) + 1
    markdown = report._repr_markdown_().splitlines()
    assert len(markdown) == len(report) + 4
    assert {line.count(" | ") for line in markdown[2:]} == {2}
    assert f"| {GRADIENTS} | **broken** | none reaches slope |" in markdown
    with pytest.raises(KeyError, match="LawReport: law = 'gradients'"):
        report["gradients"]
    assert report[:2] == report.findings[:2] and len(list(report)) == len(report)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("given", "options", "words"),
    [
        (7, {}, "check_encoding: encoding = 'int' .* a name of the registry"),
        (torch.nn.Linear, {}, "check_encoding: encoding = 'Linear'"),
        ("ropey", {}, "make_encoding: name = 'ropey' .*Did you mean 'rope'"),
        (Recency(), {"base": 2.0}, "check_encoding: options = .*none beside an object"),
        (Recency, {"slope": 2.0}, "Recency: option = 'slope'"),
        (Wants, {}, "Wants: defaults = .* a value for 'temperature'"),
        (Recency, {"length": 31}, "check_encoding: length = 31 .* at least 32"),
        (Recency, {"heads": 0}, "check_encoding: heads = 0"),
        (Recency, {"dim": 7}, "make_encoding: heads = 4 .* divisor of dim = 7"),
        (Recency, {"compiled": 1}, "check_encoding: compiled = 1"),
    ],
)
def test_what_cannot_be_checked_is_refused(given, options, words):
    with pytest.raises((TypeError, ValueError), match=words):
        check_encoding(given, **options)
