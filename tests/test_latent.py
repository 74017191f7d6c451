"""Latent attention: the plain form with keys written out, its small cache, decoupled RoPE."""

import pytest
import torch

from posenc_lib import (
    AlibiBias,
    DecoupledRotary,
    DynamicNtkRotary,
    KeyValueCache,
    LatentAttention,
    RotaryEncoding,
    YarnRotary,
    attention,
)
from tests.reference import randomise, tokens

DIM, HEADS, LATENT, PLAIN, TURNED, VALUE = 16, 3, 5, 6, 4, 7
SIZES = {"latent": LATENT, "plain_dim": PLAIN, "value_dim": VALUE}
ROPES = {
    "rope": lambda: RotaryEncoding(TURNED),
    "yarn": lambda: YarnRotary(TURNED, 4.0, trained_length=8, form="code"),
    "dynamic": lambda: DynamicNtkRotary(TURNED, trained_length=4),
}
every = pytest.mark.parametrize("name", ROPES)


def layer_with(name="rope", dtype=torch.float64, **options):
    layer = LatentAttention(
        DIM, HEADS, rope=ROPES[name](), causal=True, **({"query_latent": 4} | SIZES | options)
    )
    return randomise(layer, seed=3).to(dtype).eval()


def plain_form(layer, x, at, window=None, scale=(PLAIN + TURNED) ** -0.5):
    """Every key and value of every head written out, in the paper's words."""
    rope = layer.rope
    c_q = layer.to_query_latent(x)
    query = layer.to_query(c_q).unflatten(-1, (HEADS, PLAIN + TURNED)).transpose(1, 2)
    query = torch.cat((query[..., :PLAIN], rope.at_query(query[..., PLAIN:], at)), -1)
    down = layer.to_latent(x)
    c = layer.latent_norm(down[..., :LATENT])
    shared = rope.at_key(down[:, None, :, LATENT:], at)
    up = layer.from_latent.weight.reshape(HEADS, PLAIN + VALUE, LATENT)
    keys, values = [], []
    for h in range(HEADS):
        keys.append(torch.cat((c @ up[h, :PLAIN].T, shared[:, 0]), -1))
        values.append(c @ up[h, PLAIN:].T)
    seen = at[..., None, :] <= at[..., :, None]
    if window is not None:
        seen = seen & (at[..., :, None] - at[..., None, :] < window)
    output, weights = attention(
        query, torch.stack(keys, 1), torch.stack(values, 1), mask=seen, scale=scale
    )
    return layer.to_output(output.transpose(1, 2).flatten(2)), weights


@every
@pytest.mark.parametrize("options", [{}, {"query_latent": None}, {"window": 3}, {"scale": 0.7}])
def test_it_is_the_plain_form_with_keys_written_out(name, options):
    layer, x = layer_with(name, **options), tokens(2, 9, DIM)
    for at in (torch.arange(9), torch.arange(9) + 5):
        expected = plain_form(
            layer, x, at, **{k: v for k, v in options.items() if k != "query_latent"}
        )
        torch.testing.assert_close(layer(x, positions=at), expected)
        fused = layer(x, positions=at, need_weights=False)
        assert fused[1] is None
        torch.testing.assert_close(fused[0], expected[0])


def test_small_latents_are_normed_with_the_eps_of_the_released_code():
    layer = layer_with()
    for norm in (layer.latent_norm, layer.to_query_latent[1]):
        c = 1e-3 * tokens(1, 4, norm.weight.numel())
        expected = c / (c.square().mean(-1, keepdim=True) + 1e-6).sqrt() * norm.weight
        torch.testing.assert_close(norm(c), expected)


@every
@pytest.mark.parametrize("need_weights", [True, False])
def test_decoding_with_latents_is_the_full_pass(name, need_weights):
    layer, x, cache = layer_with(name), tokens(2, 9, DIM), KeyValueCache()
    for first, last in [(0, 3), (3, 4), (4, 7), (7, 9)]:
        step = layer(x[:, first:last], cache=cache, need_weights=need_weights)[0]
        torch.testing.assert_close(step, layer(x[:, :last])[0][:, first:])
    assert cache.key.shape == (2, 1, 9, TURNED) and cache.value.shape == (2, 1, 9, LATENT)
    held = sum(part.numel() for part in (cache.key, cache.value))
    assert held == 2 * 9 * (LATENT + TURNED)
    rope, down = layer.rope, layer.to_latent(x)
    kept = down[:, None, :, LATENT:]
    kept = rope.at_key(kept, torch.arange(9)) if rope.keeps_turned_keys else kept
    torch.testing.assert_close(cache.key, kept)


def test_scores_depend_on_the_distance_only():
    layer, x, at = layer_with(), tokens(1, 7, DIM), torch.tensor([0, 1, 2, 4, 5, 9, 30])
    torch.testing.assert_close(layer(x, positions=at), layer(x, positions=at + 1003))
    assert (layer(x, positions=at * 2)[1] - layer(x, positions=at)[1]).abs().max() > 1e-3


def test_padding_rows_and_sinks_go_on_as_in_other_layers():
    layer, x = layer_with(sink=True), tokens(2, 6, DIM)
    at = torch.tensor([[0, 0, 0, 1, 2, 3], [0, 1, 2, 3, 4, 5]])
    padding = torch.tensor([[False] * 2 + [True] * 4, [True] * 6])
    output = layer(x, positions=at, padding=padding)[0]
    torch.testing.assert_close(output[:1, 2:], layer(x[:1, 2:])[0])
    torch.testing.assert_close(output[1:], layer(x[1:])[0])
    broken = x.clone()
    broken[0, 0] = torch.nan  # padding may hold anything
    got = layer(broken, positions=at, padding=padding)[0]
    torch.testing.assert_close(got[:, 2:], output[:, 2:])
    with torch.no_grad():
        layer.sink.fill_(2.0)
    assert layer(x)[1].sum(-1).max() < 1.0


def test_gradients_reach_every_map():
    layer, x = layer_with(), tokens(2, 9, DIM).requires_grad_()
    cache = KeyValueCache()
    out = [layer(x[:, :5], cache=cache)[0], layer(x[:, 5:], cache=cache)[0]]
    torch.cat(out, 1).square().sum().backward()
    assert x.grad.abs().min() >= 0 and x.grad.isfinite().all()
    for label, value in layer.named_parameters():
        assert value.grad.abs().max() > 0, label


@pytest.mark.unchecked
def test_compiled_in_one_graph_it_gives_the_same_numbers():
    torch._dynamo.reset()
    layer, x = layer_with(dtype=torch.float32), tokens(2, 7, DIM, dtype=torch.float32)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), layer(x), rtol=1e-5, atol=1e-6)


def test_half_precision_is_near():
    layer, x = layer_with(), tokens(2, 9, DIM)
    expected, cache = layer(x)[0], KeyValueCache()
    layer = layer.bfloat16()
    steps = [layer(x[:, t : t + 1].bfloat16(), cache=cache)[0] for t in range(9)]
    torch.testing.assert_close(torch.cat(steps, 1).double(), expected, rtol=0, atol=0.05)


# Decoupled RoPE, as a plan has it


def test_the_last_features_are_turned_by_any_rope():
    q, at = torch.randn(2, 3, 5, 10).double(), torch.arange(5) + 3
    for rope in (RotaryEncoding(4, layout="half"), YarnRotary(4, 8.0, trained_length=16)):
        turned = DecoupledRotary(10, rope).at_query(q, at)
        assert torch.equal(turned[..., :6], q[..., :6])
        assert torch.equal(turned[..., 6:], rope.at_query(q[..., 6:], at))
    assert DecoupledRotary(12).rope.head_dim == 6
    assert not DecoupledRotary(8, DynamicNtkRotary(4, trained_length=4)).keeps_turned_keys


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: DecoupledRotary(4, RotaryEncoding(4)), ValueError, "more than the 4 features"),
        (lambda: DecoupledRotary(4, AlibiBias(4)), TypeError, "rope = 'AlibiBias'"),
        (lambda: LatentAttention(8, 2, rope=None, **SIZES), TypeError, "rope = 'NoneType'"),
        (lambda: LatentAttention(8, 2, rope=RotaryEncoding(4), **SIZES | {"latent": 0}),
         ValueError, "latent = 0"),
        (lambda: LatentAttention(8, 2, rope=RotaryEncoding(4), kv_heads=1, **SIZES),
         TypeError, "'kv_heads'"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()
