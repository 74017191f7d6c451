"""Several encodings in one layer: both effects, caches, masks, graphs."""

import copy

import pytest
import torch

from posenc_lib import (
    AlibiBias,
    Combined,
    CopeBias,
    DebertaRelative,
    Door,
    DynamicNtkRotary,
    ForgettingBias,
    KeyValueCache,
    LayerPlan,
    LearnedEncoding,
    LongRotary,
    MultiHeadAttention,
    PolarEncoding,
    PositionPlan,
    QueryTemperature,
    RotaryEncoding,
    ShawRelative,
    TransformerStack,
    attention_ways,
    check_encoding,
)
from tests.reference import RotaryInTwentyLines, randomise, tokens

DIM, HEADS, HEAD_DIM = 16, 2, 8
PAIRS = {
    "rotation and bias": lambda: (RotaryEncoding(8), AlibiBias(HEADS)),
    "two biases, one at the values": lambda: (AlibiBias(HEADS), ShawRelative(8, max_distance=4)),
    "two rotations": lambda: (RotaryEncoding(8), RotaryEncoding(8, base=50.0)),
    "keys turned again": lambda: (RotaryEncoding(8), DynamicNtkRotary(8, trained_length=4)),
    "counted": lambda: (RotaryEncoding(8), CopeBias(8, max_position=6)),
    "with gates": lambda: (RotaryEncoding(8), ForgettingBias(DIM, HEADS)),
    "widened": lambda: (PolarEncoding(8, HEADS), AlibiBias(HEADS), QueryTemperature(3)),
    "a learner's": lambda: (RotaryInTwentyLines(), AlibiBias(HEADS)),
}
every = pytest.mark.parametrize("name", PAIRS)


def layer_with(name, dtype=torch.float64, **options):
    encoding = Combined(*PAIRS[name]())
    layer = MultiHeadAttention(DIM, HEADS, encoding=encoding, causal=True, **options)
    return randomise(layer, seed=4).to(dtype).eval()


@every
@pytest.mark.parametrize("gaps", [1, 2])
def test_a_combination_is_both_effects_by_hand(name, gaps):
    layer, x, at = layer_with(name), tokens(2, 7, DIM), torch.arange(7) * gaps + 3
    parts = layer.encoding.parts
    query, key, value = (
        layer._split(to(x)) for to in (layer.to_query, layer.to_key, layer.to_value)
    )
    for one in parts:
        query, key = one.at_query(query, at), one.at_key(key, at)
    seen = at[None, :] <= at[:, None]
    scores = query @ key.mT / HEAD_DIM**0.5
    for one in parts:
        more = {"seen": seen} if one.needs_seen else {}
        more |= {"from_input": one.from_input(x)} if one.needs_input else {}
        bias = one.at_scores(query, key, at, at, **more)
        scores = scores if bias is None else scores + bias
    weights = scores.masked_fill(~seen, -torch.inf).softmax(-1)
    output = weights @ value
    for one in parts:
        added = one.at_values(weights, at, at)
        output = output if added is None else output + added
    expected = layer.to_output(layer._merge(output))
    got, shown = layer(x, positions=at)
    torch.testing.assert_close((got, shown), (expected, weights))
    torch.testing.assert_close(layer(x, positions=at, need_weights=False)[0], expected)
    for lonely in parts if layer.encoding.widens == 1 else ():  # each of them counts
        alone = copy.deepcopy(layer)
        alone.encoding = copy.deepcopy(lonely)
        assert (alone(x, positions=at)[1] - weights).abs().max() > 1e-4


@every
def test_decoding_with_a_cache_is_the_full_pass(name):
    layer, x, cache = layer_with(name), tokens(2, 9, DIM), KeyValueCache()
    for first, last in [(0, 3), (3, 4), (4, 7), (7, 9)]:
        step = layer(x[:, first:last], cache=cache)[0]
        torch.testing.assert_close(step, layer(x[:, :last])[0][:, first:])
    assert layer.encoding.keeps_turned_keys == (name not in ("keys turned again", "a learner's"))


@every
def test_rows_of_their_own_and_padding(name):
    layer, x = layer_with(name), tokens(2, 6, DIM)
    at = torch.tensor([[0, 0, 0, 1, 2, 3], [0, 1, 2, 3, 4, 5]])
    for real in ([0, 0, 1, 1, 1, 1], [0, 1, 0, 1, 1, 1]):  # none in between counts either
        padding = torch.tensor([real, [1] * 6]).bool()
        output = layer(x, positions=at, padding=padding)[0]
        torch.testing.assert_close(output[:1, padding[0]], layer(x[:1, padding[0]])[0])
    torch.testing.assert_close(output[1:], layer(x[1:])[0])


@every
def test_gradients_reach_every_part(name):
    layer, x = layer_with(name), tokens(2, 9, DIM).requires_grad_()
    layer(x)[0].square().sum().backward()
    for label, value in [("x", x), *layer.named_parameters()]:
        assert value.grad.abs().max() > 0 or label == "to_key.bias", label


@pytest.mark.unchecked
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.every_graph] * (n != "widened")) for n in PAIRS]
)
def test_compiled_in_one_graph_it_gives_the_same_numbers(name):
    torch._dynamo.reset()
    layer, x = layer_with(name, torch.float32), tokens(2, 7, DIM, dtype=torch.float32)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    for at in (None, torch.tensor([[3, 4, 5, 6, 7, 8, 9], [0, 1, 2, 3, 0, 1, 2]])):
        torch.testing.assert_close(
            compiled(x, positions=at), layer(x, positions=at), rtol=1e-5, atol=1e-6
        )


def test_a_stack_prepares_a_combination_once_and_takes_the_ways_of_its_bias():
    both = Combined(RotaryEncoding(8), AlibiBias(HEADS))
    plan = PositionPlan([LayerPlan(both), LayerPlan(both, window=3), LayerPlan(both)])
    stack = randomise(TransformerStack(DIM, HEADS, plan=plan), 0).double().eval()
    x, caches = tokens(2, 9, DIM), stack.new_caches()
    with attention_ways() as ways:
        expected = stack(x)
    assert ways == ["kernel, matrix"] * 3
    one_by_one = x
    for layer in stack.layers:
        one_by_one = layer(one_by_one)
    torch.testing.assert_close(expected, one_by_one)
    steps = [stack(x[:, t : t + 1], caches=caches) for t in range(9)]
    torch.testing.assert_close(torch.cat(steps, 1), expected)
    assert both.door is Door.SCORES
    assert Combined(RotaryEncoding(8), QueryTemperature(3)).door is Door.QUERIES_KEYS
    assert repr(both).startswith("Combined(RotaryEncoding(")


def test_the_word_of_each_part_counts():
    assert Combined(RotaryEncoding(8), AlibiBias(2, causal=True)).causal_only
    assert not Combined(RotaryEncoding(8), AlibiBias(2, causal=False)).causal_only
    assert Combined(RotaryEncoding(8), CopeBias(8, max_position=3)).needs_seen
    long = Combined(LongRotary(8, 2.0, trained_length=4), AlibiBias(2))
    stack, x = TransformerStack(DIM, HEADS, 2, encoding=long, causal=True), torch.zeros(1, 6, DIM)
    caches = stack.new_caches()
    stack(x[:, :4], caches=caches)
    with pytest.raises(ValueError, match="LongRotary: length of the text"):
        stack(x[:, 4:], caches=caches)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ((), ValueError, "at least two"),
        ((RotaryEncoding(8),), ValueError, "at least two"),
        ((same := RotaryEncoding(8), same), ValueError, "each of them once"),
        ((RotaryEncoding(8), LearnedEncoding(4, 8)), ValueError, "at_start"),
        ((RotaryEncoding(8), "alibi"), TypeError, "encodings = 'str'"),
        ((ForgettingBias(8, 2), ForgettingBias(8, 2)), ValueError, "one that needs_input"),
        ((DebertaRelative(8, 2), DebertaRelative(8, 2, terms=("c2p",))), ValueError, "layer_scale"),
    ],
)
def test_what_does_not_combine_is_refused(wrong, error, words):
    with pytest.raises(error, match=words):
        Combined(*wrong)


@pytest.mark.bad_input
def test_what_was_prepared_for_another_length_is_refused():
    layer = layer_with("rotation and bias")
    prepared = layer.prepare(layer.places(tokens(2, 6, DIM)))
    with pytest.raises(ValueError, match="prepared"):
        layer(tokens(2, 5, DIM), prepared=prepared)


class RotationAndSlopes(Combined):
    """A combination with sizes, as one would register it."""

    def __init__(self, head_dim, heads):
        super().__init__(RotaryEncoding(head_dim), AlibiBias(heads))


class RotationAndTemperature(Combined):
    door = Door.QUERIES_KEYS

    def __init__(self, head_dim, trained_length=4):
        super().__init__(RotaryEncoding(head_dim), QueryTemperature(trained_length))


class TwoRotations(Combined):
    door = Door.QUERIES_KEYS

    def __init__(self, head_dim):
        super().__init__(RotaryEncoding(head_dim), RotaryEncoding(head_dim, base=50.0))


@pytest.mark.parametrize("cls", [RotationAndSlopes, RotationAndTemperature, TwoRotations])
def test_every_law_of_an_encoding_holds_for_a_combination(cls):
    found = check_encoding(cls)
    assert found.holds, found
