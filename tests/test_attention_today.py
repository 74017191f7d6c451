"""What today's models ask of attention: fewer key heads, a window, a sink, masks that hide all."""

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from posenc_lib import (
    AlibiBias,
    DistanceBias,
    KerpleLogBias,
    MultiHeadAttention,
    T5Bias,
    attention,
    attention_output,
    attention_ways,
    band_mask,
    causal_mask,
    padding_mask,
    relative_positions,
)
from tests.reference import randomise, tokens

FLOOR = torch.finfo(torch.float32).min
both = pytest.mark.parametrize("run", [lambda *a, **k: attention(*a, **k)[0], attention_output])


def heads(queries=6, keys=6, groups=4, kv_heads=4, seed=0, dtype=torch.float64):
    make = torch.Generator().manual_seed(seed)
    shapes = [(2, groups, queries, 8), (2, kv_heads, keys, 8), (2, kv_heads, keys, 8)]
    return [torch.randn(*shape, generator=make, dtype=torch.float64).to(dtype) for shape in shapes]


def by_hand(query, key, value, allowed, bias=None, scale=None, sink=None):
    """Attention one row at a time, over the keys that `allowed` lets through."""
    allowed = allowed.expand(*query.shape[:-1], key.shape[-2])
    out = torch.zeros(*query.shape[:-1], value.shape[-1], dtype=query.dtype)
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    group = query.shape[1] // key.shape[1]
    for b, h, i in itertools.product(*(range(n) for n in query.shape[:3])):
        keys = allowed[b, h, i].nonzero().flatten()
        if not len(keys):
            continue
        scores = key[b, h // group, keys] @ query[b, h, i] * scale
        if bias is not None:
            scores = scores + bias.expand(*query.shape[:-1], key.shape[-2])[b, h, i, keys]
        if sink is not None:
            scores = torch.cat((scores, sink[h : h + 1].to(scores)))
        out[b, h, i] = scores.softmax(0)[: len(keys)] @ value[b, h // group, keys]
    return out


# Fewer heads of keys, windows, sinks, scales


@both
@given(
    queries=st.integers(1, 6), keys=st.integers(1, 6), causal=st.booleans(),
    window=st.none() | st.integers(1, 4), with_sink=st.booleans(), padded=st.booleans(),
    biased=st.sampled_from(["", "tensor", "row", "alibi", "t5", "kerple"]),
    seed=st.integers(0, 9), kv_heads=st.sampled_from([1, 2, 4]), masked=st.booleans(),
)  # fmt: skip
def test_every_combination_is_the_softmax_over_what_is_seen(
    run, queries, keys, causal, window, with_sink, padded, biased, seed, kv_heads, masked
):
    query, key, value = heads(queries, keys, kv_heads=kv_heads, seed=seed)
    given = {"causal": causal, "window": window, "scale": 0.7}
    relative = relative_positions(queries, keys, offset=keys - queries)
    before = None if window is None else window - 1
    allowed = band_mask(relative, before=before, after=0 if causal else before)
    if masked:
        given["mask"] = torch.rand(2, 1, queries, keys, generator=torch.manual_seed(seed)) > 0.4
        allowed = allowed & given["mask"]
    bias = None
    if with_sink:
        given["sink"] = torch.linspace(-1, 2, 4).double()
    if padded:
        given["padding"] = padding_mask([keys, max(0, keys - 2)], keys)
        allowed = allowed & given["padding"][:, None, None]
    if biased in ("tensor", "row"):
        rows = queries if biased == "tensor" else 1
        bias = given["bias"] = torch.randn(4, rows, keys, dtype=torch.float64)
    elif biased:  # one that is no matrix
        kinds = {"alibi": AlibiBias(4, causal=False), "t5": T5Bias(4), "kerple": KerpleLogBias(4)}
        given["bias"] = randomise(kinds[biased], 2).double()
        bias = given["bias"].by_distance(relative)
    expected = by_hand(query, key, value, allowed, bias=bias, scale=0.7, sink=given.get("sink"))
    torch.testing.assert_close(run(query, key, value, **given), expected)


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
def test_a_layer_with_fewer_key_heads_is_one_whose_heads_are_repeated(kv_heads):
    few = randomise(MultiHeadAttention(16, 4, encoding="rope", causal=True, kv_heads=kv_heads), 0)
    full = MultiHeadAttention(16, 4, encoding="rope", causal=True)
    state = few.state_dict()
    for name in ("to_key", "to_value"):
        for part in ("weight", "bias"):
            rows = state[f"{name}.{part}"].unflatten(0, (kv_heads, 4))
            rows = rows.repeat_interleave(4 // kv_heads, 0).flatten(0, 1)
            state[f"{name}.{part}"] = rows
    full.load_state_dict(state)
    few, full, x = few.double(), full.double(), tokens(2, 7, 16)
    for ours, theirs in zip(few(x), full(x), strict=True):
        torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(few(x, need_weights=False)[0], full(x)[0])


def test_sizes_and_scale_of_a_head_are_free():
    layer = randomise(MultiHeadAttention(10, 3, head_dim=4, scale=1.0, kv_heads=1), 0).double()
    x = tokens(2, 5, 10)
    query, key, value = (
        layer._split(project(x)) for project in (layer.to_query, layer.to_key, layer.to_value)
    )
    assert query.shape == (2, 3, 5, 4) and key.shape == (2, 1, 5, 4)
    output, weights = attention(query, key, value, scale=1.0)
    torch.testing.assert_close(layer(x)[1], weights)
    torch.testing.assert_close(layer(x)[0], layer.to_output(layer._merge(output)))


@pytest.mark.parametrize("name", ["rope", "alibi", "shaw", "cope"])
@pytest.mark.parametrize("need_weights", [True, False])
def test_a_window_and_a_sink_in_a_layer(name, need_weights):
    options = {"encoding": name, "causal": True}
    plain = randomise(MultiHeadAttention(16, 4, **options), 0).double()
    narrow = MultiHeadAttention(16, 4, window=3, **options).double()
    narrow.load_state_dict(plain.state_dict())
    x = tokens(2, 8, 16)
    mask = band_mask(relative_positions(8, 8), before=2, after=0)
    got = narrow(x, need_weights=need_weights)[0]
    torch.testing.assert_close(got, plain(x, mask=mask)[0])
    sunk = MultiHeadAttention(16, 4, sink=True, **options).double()
    sunk.load_state_dict(plain.state_dict() | {"sink": torch.full((4,), -1e9).double()})
    torch.testing.assert_close(sunk(x, need_weights=need_weights)[0], plain(x)[0])
    sunk(x, need_weights=need_weights)[0].sum().backward()
    assert sunk.sink.grad is not None


@both
def test_a_sink_is_trained(run):
    query, key, value = heads()
    sink = torch.randn(4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda s: run(query, key, value, sink=s, causal=True), sink)


# Masks by minus infinity


@both
def test_a_float_padding_mask_of_the_lowest_number_does_not_tie_with_what_is_shut_out(run):
    query, key, value = heads(dtype=torch.float32)
    bias = torch.zeros(1, 6)
    bias[:, :2] = FLOOR
    output = run(query, key, torch.ones_like(value), bias=bias, causal=True)
    torch.testing.assert_close(output, torch.ones_like(output))  # every row sees something


def hidden_ways():
    """Ways to hide keys 1 and 4 from everybody: by padding, by a mask, by a bias."""
    real = torch.tensor([True, False, True, True, False, True])
    shut = torch.zeros(6).masked_fill(~real, -math.inf)
    return {
        "padding": {"padding": real.expand(2, 6)},
        "mask": {"mask": real.expand(6, 6)},
        "bias": {"bias": shut.expand(6, 6)},
        "bias and padding": {"bias": shut.expand(6, 6), "padding": torch.ones(2, 6, dtype=bool)},
        "alibi and padding": {"bias": AlibiBias(4), "padding": real.expand(2, 6)},
    }, real


@both
@pytest.mark.parametrize("way", hidden_ways()[0])
@pytest.mark.parametrize("of", ["key", "value"])
def test_what_nobody_sees_may_be_anything_and_reaches_no_gradient(run, way, of):
    given, real = hidden_ways()
    for causal, poison in itertools.product((False, True), (math.nan, math.inf, -math.inf, 3e38)):
        query, key, value = heads(dtype=torch.float32)
        clean = run(query, key, value, **given[way], causal=causal)
        (key if of == "key" else value)[:, :, ~real] = poison
        parts = [part.requires_grad_() for part in (query, key, value)]
        got = run(*parts, **given[way], causal=causal)
        torch.testing.assert_close(got, clean)
        if not math.isfinite(poison):
            got.square().sum().backward()
            assert all(part.grad.isfinite().all() for part in parts)


@both
@pytest.mark.parametrize("given", [{"causal": True}, {"causal": True, "window": 2}, {"window": 2},
                                   {"causal": True, "bias": AlibiBias(4)}])  # fmt: skip
@pytest.mark.parametrize("of", ["key", "value"])
def test_only_the_rows_that_see_a_broken_token_are_broken(run, given, of):
    window = given.get("window")
    before = None if window is None else window - 1
    for keys in (6, 9):
        query, key, value = heads(6, keys, dtype=torch.float32)
        clean = run(query, key, value, **given)
        (key if of == "key" else value)[:, 2, 4, 3] = math.nan
        got = run(query, key, value, **given)
        relative = relative_positions(6, keys, offset=keys - 6)
        sees = band_mask(relative, before=before, after=0 if "causal" in given else before)[:, 4]
        assert 0 < sees.sum() < 6
        torch.testing.assert_close(got[:, :, ~sees], clean[:, :, ~sees])
        assert got[:, 2, sees].isnan().any(-1).all()


@both
def test_a_distance_bias_that_shuts_out_hides_what_is_broken(run):
    class Near(DistanceBias):
        def by_distance(self, distance):
            return torch.where(distance.abs() > 1, -math.inf, 0.0).unsqueeze(0)

    query, key, value = heads(dtype=torch.float32)
    value[:, :, 5] = math.nan
    output = run(query, key, value, bias=Near())
    assert output[:, :, :4].isfinite().all() and output[:, :, 4:].isnan().any(-1).all()
    assert run(query[:, :, :0], key, value, bias=Near()).shape == (2, 4, 0, 8)


@both
@pytest.mark.parametrize("way", ["causal", "mask", "padding"])
@pytest.mark.parametrize("of", ["key", "value"])
def test_a_broken_token_breaks_no_other_row_of_the_batch(run, way, of):
    """Without an axis for the heads the first axis is the batch."""
    query, key, value = (part[:, 0].clone() for part in heads(dtype=torch.float32))
    given = {
        "causal": {"causal": True},
        "mask": {"mask": torch.ones(6, 6, dtype=torch.bool).tril()},
        "padding": {"padding": padding_mask([6, 4], 6), "causal": True},
    }[way]
    clean = run(query, key, value, **given)
    (key if of == "key" else value)[0, 2] = math.nan
    value[1, 5] = math.inf if way == "padding" else value[1, 5]  # behind the padding
    got = run(query, key, value, **given)
    torch.testing.assert_close(got[1], clean[1])
    torch.testing.assert_close(got[0, :2], clean[0, :2])
    assert got[0, 2:].isnan().any(-1).all()


# The ways


def test_under_autocast_both_ways_answer_in_the_dtype_they_were_given():
    query, key, value = heads(dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        output, weights = attention(query, key, value, causal=True)
        torch.testing.assert_close(attention_output(query, key, value, causal=True), output)
    assert output.dtype == weights.dtype == torch.float32


def test_the_way_taken_can_be_seen():
    query, key, value = heads()
    mask = causal_mask(6, 6)
    with attention_ways() as ways:
        attention(query, key, value)
        attention_output(query, key, value)
        attention_output(query, key, value, causal=True)
        attention_output(query[:, :, :1], key, value, causal=True)  # decoding: all is seen
        attention_output(query, key, value, mask=mask)
        attention_output(query, key, value, bias=AlibiBias(4), causal=True)
        layer = MultiHeadAttention(16, 4, encoding="rope", causal=True)
        layer(tokens(1, 5, 16, dtype=torch.float32), need_weights=False)
    assert ways == [
        "weights", "kernel", "kernel, is_causal", "kernel", "kernel, matrix", "kernel, matrix",
        "kernel, is_causal",
    ]  # fmt: skip
    attention(query, key, value)
    assert len(ways) == 7


# Bad input


@pytest.mark.bad_input
@both
@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_a_foreign_bias_is_looked_at(run, number):
    class Broken(DistanceBias):
        def by_distance(self, distance):
            return torch.where(distance == -1, number, 0.0).unsqueeze(0)

    query, key, value = heads()
    with pytest.raises(ValueError, match=r"Broken: bias = 'NaN or \+inf'"):
        run(query, key, value, bias=Broken())
    with pytest.raises(ValueError, match="NaN"):
        run(query, key, value, bias=torch.full((6, 6), number).double())


# As published


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
def test_a_sink_is_that_of_gpt_oss(kv_heads):
    from transformers.models.gpt_oss.modeling_gpt_oss import eager_attention_forward

    query, key, value = heads(kv_heads=kv_heads)
    sink = torch.tensor([0.5, -1.0, 2.0, 0.0], dtype=torch.float64)
    module = torch.nn.Module().eval()
    module.sinks, module.num_key_value_groups = sink, 4 // kv_heads
    hidden = torch.zeros(1, 1, 6, 6).double().masked_fill(~causal_mask(6, 6), FLOOR)
    theirs, weights = eager_attention_forward(module, query, key, value, hidden, scaling=0.3)
    given = {"causal": True, "scale": 0.3, "sink": sink}
    torch.testing.assert_close(attention(query, key, value, **given)[1], weights)
    for ours in (
        attention(query, key, value, **given)[0],
        attention_output(query, key, value, **given),
    ):
        torch.testing.assert_close(ours.transpose(1, 2), theirs)


@pytest.mark.parametrize("window", [1, 3, 9])
def test_a_window_is_that_of_mistral(window):
    from transformers.masking_utils import sliding_window_causal_mask_function

    sees = sliding_window_causal_mask_function(window)
    theirs = [
        [bool(sees(0, 0, torch.tensor(i), torch.tensor(j))) for j in range(7)] for i in range(7)
    ]
    query, key, value = heads(7, 7)
    weights = attention(query, key, value, causal=True, window=window)[1]
    assert (weights > 0).all(0).all(0).tolist() == theirs
