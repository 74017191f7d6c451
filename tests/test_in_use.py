"""What engineers do with a layer: quantise, differentiate twice, branch a cache, count syncs."""

import copy
import pickle

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from posenc_lib import (
    KeyValueCache,
    MultiHeadAttention,
    RotaryEncoding,
    TransformerStack,
    encodings,
    make_encoding,
)
from tests.reference import randomise, tokens

ENTRIES = encodings()
every = pytest.mark.parametrize("name", ENTRIES)


def layer_with(name, dtype=torch.float64, **options):
    """A layer of 4 heads of 8 features, causal where its encoding allows it."""
    causal = not ENTRIES[name].sees_ahead
    encoding = make_encoding(name, dim=32, heads=4, length=64, causal=causal)
    layer = MultiHeadAttention(32, 4, encoding=encoding, causal=causal, **options)
    return randomise(layer, seed=2).to(dtype).eval()


# Derivatives and quantised weights


@every
def test_jacobians_and_hessians_of_a_layer(name):
    layer, x = layer_with(name), tokens(1, 3, 32)

    def output(x):
        return layer(x)[0][0, -1, :2]

    def loss(scale):
        return layer(x * scale)[0].square().sum()

    one, step = torch.tensor([1.0], dtype=torch.float64), 1e-4
    slopes = [torch.autograd.functional.jacobian(loss, one + sign * step) for sign in (1, -1)]
    expected = (slopes[0] - slopes[1]).flatten() / (2 * step)
    for vectorize in (False, True):
        rows = torch.autograd.functional.jacobian(output, x, vectorize=vectorize)
        torch.testing.assert_close(rows, torch.func.jacrev(output)(x))
        second = torch.autograd.functional.hessian(loss, one, vectorize=vectorize)
        torch.testing.assert_close(second.flatten(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.filterwarnings("ignore")
@every
def test_a_layer_can_be_quantised_dynamically(name):
    layer, x = layer_with(name, torch.float32), tokens(1, 6, 32, dtype=torch.float32)
    small = torch.ao.quantization.quantize_dynamic(layer, {nn.Linear}, dtype=torch.qint8)
    exact, rough = layer(x)[0], small(x)[0]
    assert (exact - rough).norm() < 0.1 * exact.norm()
    if ENTRIES[name].sees_ahead:  # nothing is decoded
        return
    cache = KeyValueCache()
    steps = [small(x[:, t : t + 1], cache=cache)[0] for t in range(6)]
    if ENTRIES[name].stable:
        assert (torch.cat(steps, 1) - exact).norm() < 0.1 * exact.norm()


# What the host waits for


class HostReads(TorchDispatchMode):
    """Counts how often a number of a tensor is read into Python, which waits for a device."""

    count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.count += function is torch.ops.aten._local_scalar_dense.default
        return function(*args, **(kwargs or {}))


@every
@pytest.mark.parametrize("given", [False, True])
def test_six_layers_read_at_most_four_numbers(name, given):
    causal = not ENTRIES[name].sees_ahead
    stack = TransformerStack(32, 4, 6, encoding=name, length=64, causal=causal).eval()
    x, positions = tokens(1, 9, 32, dtype=torch.float32), torch.arange(9) + 2 if given else None
    with HostReads() as reads:
        stack(x, positions)
    most = 4
    if name == "fire":
        most += 6  # its threshold is trained, one for each layer, and says which form to take
    assert reads.count <= most


# The cache


@pytest.mark.parametrize("name", ["rope", "rope_dynamic_ntk", "alibi", "shaw"])
def test_branches_of_a_cache_never_see_each_other(name):
    layer, x = layer_with(name), tokens(1, 12, 32)
    cache = KeyValueCache()
    with torch.no_grad():
        for t in range(4):  # from one by one there is room to write on
            layer(x[:, t : t + 1], cache=cache)
        kept = cache.key.clone()
        one, two = copy.copy(cache), copy.copy(cache)
        for branch, start in ((one, 4), (two, 8), (one, 5), (two, 9)):
            layer(x[:, start : start + 1], cache=branch)
    assert torch.equal(cache.key, kept) and len(cache) == 4
    for branch, ends in ((one, [4, 5]), (two, [8, 9])):
        text = x[:, [0, 1, 2, 3, *ends]]
        expected = KeyValueCache()
        layer(text, cache=expected)
        torch.testing.assert_close(branch.key, expected.key)
        torch.testing.assert_close(branch.value, expected.value)


def test_a_cropped_cache_goes_on_from_there_and_leaves_what_was_returned():
    layer, x, cache = layer_with("rope"), tokens(2, 9, 32), KeyValueCache()
    with torch.no_grad():
        for t in range(6):
            layer(x[:, t : t + 1], cache=cache)
        before, copied = cache.key, cache.key.clone()
        cache.crop(3)
        assert len(cache) == 3 and cache.positions.tolist() == [0, 1, 2]
        got = layer(x[:, 6:8], cache=cache)[0]
        assert torch.equal(before, copied)
        expected = layer(x[:, [0, 1, 2, 6, 7]])[0][:, -2:]
    torch.testing.assert_close(got, expected)
    cache.crop(0)
    torch.testing.assert_close(layer(x, cache=cache)[0], layer(x)[0])


@pytest.mark.parametrize("seed", range(3))
def test_modes_of_gradients_may_change_from_step_to_step(seed):
    make = torch.Generator().manual_seed(seed)
    layer, x, cache = layer_with("rope"), tokens(2, 14, 32), KeyValueCache()
    expected = layer(x)[0]
    modes = (torch.enable_grad, torch.no_grad, torch.inference_mode)
    for t in range(14):
        with modes[int(torch.randint(3, (1,), generator=make))]():
            step = layer(x[:, t : t + 1], cache=cache)[0]
        torch.testing.assert_close(step.clone(), expected[:, t : t + 1])


def test_keys_are_turned_once_where_they_stay_right():
    turned = []

    class Counting(RotaryEncoding):
        def at_key(self, key, positions):
            turned.append(key.shape[-2])
            return super().at_key(key, positions)

    layer, cache = MultiHeadAttention(8, 2, encoding=Counting(4), causal=True), KeyValueCache()
    for length in (3, 1, 1):
        layer(tokens(1, length, 8, dtype=torch.float32), cache=cache)
    assert turned == [3, 1, 1]
    assert [n for n, e in ENTRIES.items() if not (e.stable or e.sees_ahead)] == [
        "rope_dynamic_ntk",
        "rope_long",
    ]


@pytest.mark.parametrize("batched", [False, True])
@pytest.mark.parametrize("by_steps", [False, True])
def test_beams_are_reordered(batched, by_steps):
    layer, x, cache = layer_with("rope"), tokens(3, 7, 32), KeyValueCache()
    positions = torch.arange(5) + torch.tensor([[0], [4], [9]]) if batched else torch.arange(5)
    with torch.set_grad_enabled(not by_steps):  # without gradients there is room to write on
        for part in torch.arange(5).split(1 if by_steps else 5):
            layer(x[:, part], positions=positions[..., part], cache=cache)
    rows = torch.tensor([2, 0, 2, 1])
    cache.reorder(rows)
    with torch.set_grad_enabled(not by_steps):
        got = layer(x[[0, 1, 2, 0], 5:6], cache=cache)[0]
    for b, row in enumerate(rows):
        own = positions[row] if batched else positions
        text = torch.cat((x[row, :5], x[[0, 1, 2, 0][b], 5:6]))[None]
        where = torch.cat((own, own[-1:] + 1))
        torch.testing.assert_close(got[b], layer(text, positions=where)[0][0, -1:])


@pytest.mark.parametrize("way", ["deepcopy", "cache first", "pickle"])
def test_a_cache_survives_a_copy_together_with_its_layer(way):
    layer, x, cache = layer_with("rope"), tokens(1, 6, 32), KeyValueCache()
    layer(x[:, :4], cache=cache)  # with a graph: nothing was switched off
    if way == "pickle":
        other, kept = pickle.loads(pickle.dumps((layer, cache)))
    elif way == "deepcopy":
        other, kept = copy.deepcopy((layer, cache))
    else:
        kept, other = copy.deepcopy((cache, layer))
    expected = layer(x)[0][:, 4:]
    torch.testing.assert_close(other(x[:, 4:], cache=kept)[0], expected)
    torch.testing.assert_close(layer(x[:, 4:], cache=copy.deepcopy(cache))[0], expected)
    torch.testing.assert_close(layer(x[:, 4:], cache=cache)[0], expected)


@pytest.mark.bad_input
def test_a_cache_is_claimed_only_by_a_call_that_succeeds():
    layer, other, x, cache = (
        layer_with("rope"),
        layer_with("rope"),
        tokens(1, 4, 32),
        KeyValueCache(),
    )
    with pytest.raises(ValueError):
        layer(x, cache=cache, padding=torch.ones(1, 9, dtype=torch.bool))
    other(x, cache=cache)
    for stranger in (layer, copy.deepcopy(other)):
        with pytest.raises(ValueError, match="the cache of another layer"):
            stranger(x, cache=cache)


# Calls that are refused in words


@pytest.mark.bad_input
@pytest.mark.parametrize("name", ["rope", "xpos", "alibi", "t5", "shaw", "nezha", "transformer_xl"])
def test_heads_behind_the_length_are_told_apart(name):
    encoding = make_encoding(name, dim=32, heads=4, causal=True)
    wrong, at = torch.ones(1, 9, 4, 8), torch.arange(9)  # (batch, length, heads, head_dim)
    with pytest.raises(ValueError, match=r"shape = \(1, 9, 4, 8\).*transpose\(1, 2\)"):
        if ENTRIES[name].door.name == "QUERIES_KEYS":
            encoding.at_query(wrong, at)
        else:
            encoding.at_scores(wrong, wrong, at, at)
