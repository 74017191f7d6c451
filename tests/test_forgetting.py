"""Gates made of the layer's input: the Forgetting Transformer, and one written by a learner."""

import copy

import pytest
import torch

from posenc_lib import (
    AlibiBias,
    Door,
    ForgettingBias,
    KeyValueCache,
    MultiHeadAttention,
    PositionEncoding,
    TransformerStack,
    alibi_slopes,
    causal_mask,
    forgetting_bias,
)
from tests.reference import randomise, tokens

DIM, HEADS = 16, 4


def layer_with(encoding, **options):
    layer = MultiHeadAttention(DIM, HEADS, encoding=encoding, causal=True, **options)
    return randomise(layer, seed=1).double().eval()


def some_gates(length, batch=2, seed=0):
    return -torch.rand(batch, HEADS, length, generator=torch.manual_seed(seed)).double()


# The sums


@pytest.mark.parametrize(
    "at", [torch.arange(6), torch.tensor([4, 0, 9, 1, 2, 7]), torch.tensor([0.5, 0.1, 2, 3, 9, 8])]
)
def test_each_pair_sums_the_gates_between_it(at):
    log_gates = some_gates(6)
    found, seen = forgetting_bias(log_gates, at, at), torch.rand(6, 6) > 0.3
    some = forgetting_bias(log_gates, at, at, seen)
    for i in range(6):
        for j in range(6):
            if at[j] <= at[i]:
                between = [k for k in range(6) if at[j] < at[k] <= at[i]]
                assert torch.allclose(found[..., i, j], log_gates[..., between].sum(-1))
                between = [k for k in between if seen[i, k]]
                assert torch.allclose(some[..., i, j], log_gates[..., between].sum(-1))
            else:
                assert not found[..., i, j].any()


def test_worked_by_hand_a_gate_of_a_half_halves_what_came_before():
    log_gates = torch.tensor([[[0.3, 0.5, 0.9, 0.5]]]).log()
    found = forgetting_bias(log_gates, torch.arange(4), torch.arange(4)).exp()
    torch.testing.assert_close(found[0, 0, 3], torch.tensor([0.225, 0.45, 0.5, 1.0]))


def test_gates_that_are_all_alike_are_alibi():
    """The slope is -log f: the layer's weights and output are those of ALiBi."""
    forget, alibi, x = ForgettingBias(DIM, HEADS), AlibiBias(HEADS), tokens(2, 9, DIM)
    layer, other = layer_with(forget), layer_with(alibi)
    with torch.no_grad():
        forget.weight.zero_()
        forget.bias.copy_(-torch.expm1(alibi_slopes(HEADS).double()).log())  # log f = -slope
    other.load_state_dict({n: p for n, p in layer.state_dict().items() if "encoding" not in n})
    torch.testing.assert_close(layer(x), other(x))


def test_far_into_a_text_neighbours_are_told_apart_as_at_its_start():
    """One running sum of a whole text is large, and float32 drops what two neighbours differ by."""
    log_gates = torch.full((1, 1, 20_000), -5.0) - torch.rand(20_000) * 1e-3
    at = torch.arange(20_000)
    found = forgetting_bias(log_gates, at[-1:], at)[0, 0, 0, -3:]
    exact = forgetting_bias(log_gates[..., -3:].double(), at[2:3], at[:3])[0, 0, 0]
    running = log_gates.cumsum(-1)[0, 0, -3:]
    assert (found - exact).abs().max() < 1e-5
    assert (running[-1] - running - exact).abs().max() > 1e-3


def test_a_closed_gate_ends_the_past_and_an_open_one_keeps_it():
    layer, x = layer_with(ForgettingBias(DIM, HEADS)), tokens(1, 7, DIM)
    with torch.no_grad():
        layer.encoding.weight.zero_()
        layer.encoding.bias.fill_(200.0)
    plain = layer_with(None)
    plain.load_state_dict({n: p for n, p in layer.state_dict().items() if "encoding" not in n})
    torch.testing.assert_close(layer(x), plain(x))
    with torch.no_grad():
        layer.encoding.bias.fill_(-200.0)
    torch.testing.assert_close(layer(x)[1], torch.eye(7).double().expand(1, HEADS, 7, 7))


def test_the_gate_starts_where_it_is_told_to():
    gates = ForgettingBias(DIM, HEADS, start=4.0).from_input(torch.zeros(1, 1, DIM)).exp()
    torch.testing.assert_close(gates, torch.full((1, HEADS, 1), 0.98201379))


# What the cache keeps


def test_a_cache_keeps_what_was_made_of_the_input_through_all_it_does():
    layer, x = layer_with(ForgettingBias(DIM, HEADS), kv_heads=2), tokens(3, 8, DIM)
    full, cache = layer(x)[0], KeyValueCache()
    layer(x[:, :5], cache=cache)
    branch, copied = copy.copy(cache), copy.deepcopy(cache)
    assert copied.from_input is not cache.from_input and not copied.from_input.requires_grad
    for each in (cache, branch, copied):
        assert each.from_input.shape == (3, HEADS, 5)
        torch.testing.assert_close(layer(x[:, 5:], cache=each)[0], full[:, 5:])
    cache.crop(6)
    torch.testing.assert_close(layer(x[:, 6:], cache=cache)[0], full[:, 6:])
    rows = torch.tensor([2, 2, 0])
    branch.crop(7)
    branch.reorder(rows)
    torch.testing.assert_close(layer(x[rows, 7:], cache=branch)[0], full[rows, 7:])
    cache.crop(0)
    assert cache.from_input is None


def test_a_call_that_is_refused_leaves_the_cache_as_it_was():
    layer, cache = layer_with(ForgettingBias(DIM, HEADS)), KeyValueCache()
    layer(tokens(1, 3, DIM), cache=cache)
    with pytest.raises(ValueError, match="mask"):
        layer(tokens(1, 1, DIM), cache=cache, mask=torch.ones(1, 9, dtype=torch.bool))
    assert len(cache) == cache.from_input.shape[2] == 3


# A learner's encoding may ask for the input too


class Importance(PositionEncoding):
    """Adds to each key a number read off its token, whatever the query."""

    door = Door.SCORES
    needs_input = True

    def from_input(self, x):
        return x[:, None, :, 0]

    def at_scores(self, query, key, query_positions, key_positions, from_input):
        return from_input.unsqueeze(-2)


def test_a_learners_encoding_gets_what_it_made_of_every_keys_token():
    layer, x = layer_with(Importance()), tokens(2, 6, DIM)
    plain = layer_with(None)
    q, k = plain._split(plain.to_query(x)), plain._split(plain.to_key(x))
    scores = (q @ k.mT * plain.scale + x[:, None, None, :, 0]).masked_fill(
        ~causal_mask(6, 6), -torch.inf
    )
    torch.testing.assert_close(layer(x)[1], scores.softmax(-1))
    context = tokens(2, 3, DIM, seed=5)  # keys of another text: their own input
    both = MultiHeadAttention(DIM, HEADS, encoding=Importance()).double()
    loud = context + torch.tensor([[0.0], [50.0], [0.0]]) * torch.eye(DIM)[0]
    assert (both(x, loud)[1][..., 1] > 0.99).all()
    stack = randomise(TransformerStack(DIM, HEADS, 2, encoding=Importance(), causal=True), 0)
    stack, caches = stack.double(), stack.new_caches()
    steps = [stack(x[:, t : t + 1], caches=caches) for t in range(6)]
    torch.testing.assert_close(torch.cat(steps, 1), stack(x))


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("made", "error", "words"),
    [
        (lambda self, x: None, TypeError, "result = 'NoneType'"),
        (lambda self, x: x[..., 0], ValueError, r"result.shape = \(2, 6\)"),
        (lambda self, x: x, ValueError, r"result.shape = \(2, 6, 16\) .*\(2, heads, 6, ...\)"),
    ],
)
def test_what_is_not_made_for_each_token_is_refused(made, error, words):
    encoding = type("Mine", (Importance,), {"from_input": made})()
    with pytest.raises(error, match=rf"Mine.from_input: {words}"):
        layer_with(encoding)(tokens(2, 6, DIM))


@pytest.mark.bad_input
def test_needing_the_input_without_a_method_for_it_is_said():
    encoding = type("Mine", (PositionEncoding,), {"needs_input": True, "door": Door.SCORES})()
    with pytest.raises(NotImplementedError, match="Mine: from_input = 'no method'"):
        layer_with(encoding)(tokens(1, 2, DIM))


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("made", "words"),
    [
        (None, "from_input = 'NoneType' .* what from_input"),
        (torch.zeros(1, HEADS, 2), r"from_input.shape = \(1, 4, 2\) .*\(1, heads, 3, ...\)"),
        (torch.zeros(2, HEADS, 3), r"from_input.shape = \(2, 4, 3\)"),
        (torch.zeros(1, HEADS, 3, 1), r"from_input.shape = \(1, 4, 3, 1\)"),
        (torch.zeros(1, HEADS, 3).long(), "from_input.dtype = torch.int64"),
    ],
)
def test_a_door_without_what_it_needs_says_so(made, words):
    forget, q, at = ForgettingBias(DIM, HEADS), torch.ones(1, HEADS, 3, 4), torch.arange(3)
    with pytest.raises((TypeError, ValueError), match=f"ForgettingBias: {words}"):
        forget.at_scores(q, q, at, at, from_input=made)
