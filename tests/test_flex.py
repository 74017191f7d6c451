"""flex_attention gives what the plain kernels give, and is taken only where that was decided."""

import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.attention.flex_attention import create_block_mask

from posenc_lib import (
    AlibiBias,
    FireBias,
    KerpleLogBias,
    MultiHeadAttention,
    Places,
    T5Bias,
    TransformerStack,
    attention_output,
    attention_ways,
    padding_mask,
)
from posenc_lib.base.masks import Masks
from posenc_lib.layers import flex, fused
from tests.reference import randomise, tokens

pytestmark = pytest.mark.unchecked  # no graph can be traced through the shape checker

BIASES = {
    "none": lambda causal: None,
    "alibi": lambda causal: AlibiBias(4, causal=causal),
    "t5": lambda causal: T5Bias(4, bidirectional=not causal),
    "kerple_log": lambda causal: KerpleLogBias(4),
    "fire": lambda causal: FireBias(4),
}


def heads(queries=150, keys=150, kv_heads=4, dtype=torch.float32):
    make = torch.Generator().manual_seed(queries)
    shapes = [(2, 4, queries, 16), (2, kv_heads, keys, 16), (2, kv_heads, keys, 16)]
    return [torch.randn(*shape, generator=make).to(dtype) for shape in shapes]


@pytest.fixture
def uncompiled():
    """flex_attention pair by pair, as PyTorch runs it without a compiler."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("name", BIASES)
@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize(
    ("queries", "keys", "given"),
    [
        (140, 140, {}), (140, 140, {"window": 7}), (130, 200, {"window": 140}), (1, 9, {}),
        (5, 140, {"padded": True}), (140, 140, {"mask": True}),
        (130, 130, {"kv_heads": 2}),
    ],
)  # fmt: skip
def test_it_is_the_plain_kernel(name, causal, queries, keys, given):
    if name == "fire" and not causal:
        pytest.skip("FIRE knows no future")
    given = dict(given)
    query, key, value = heads(queries, keys, given.pop("kv_heads", 4))
    bias = BIASES[name](causal)
    if bias is not None:
        randomise(bias, 1)
    if given.pop("padded", False):
        given["padding"] = padding_mask([keys, keys // 2], keys)
    if given.pop("mask", False):
        make = torch.Generator().manual_seed(0)
        given["mask"] = torch.rand(2, 1, queries, keys, generator=make) > 0.4
    with torch.no_grad():
        plain = attention_output(query, key, value, bias=bias, causal=causal, flex=False, **given)
        with attention_ways() as ways:
            ours = attention_output(query, key, value, bias=bias, causal=causal, flex=True, **given)
    torch.testing.assert_close(ours, plain, rtol=1e-5, atol=2e-6)
    way = {"none": "flex", "alibi": "flex, formula"}.get(name, "flex, table")
    assert ways == [way]


@settings(max_examples=20)
@given(st.integers(1, 600), st.integers(1, 600), st.booleans(), st.none() | st.integers(1, 400))
def test_blocks_are_sorted_as_if_every_pair_had_been_looked_at(queries, keys, causal, window):
    places = Places.counting(queries, keys, causal=causal, window=window)
    padded = flex.block_mask(Masks(places, padding=torch.ones(2, 1, 1, keys, dtype=torch.bool)))
    assert not padded.full_kv_num_blocks.any(), "no block is whole where padding is asked for"
    ours = flex.block_mask(Masks(places))
    if ours is None:
        assert places.seen is None
        return
    theirs = create_block_mask(
        flex.mask_mod(Masks(places)), None, None, queries, keys, device="cpu"
    )
    for kind in ("kv", "full_kv"):
        counts, order = (getattr(ours, f"{kind}_{part}") for part in ("num_blocks", "indices"))
        wanted, wanted_order = (getattr(theirs, f"{kind}_{p}") for p in ("num_blocks", "indices"))
        assert torch.equal(counts, wanted)
        for row, count in enumerate(counts[0, 0].tolist()):
            assert order[0, 0, row, :count].tolist() == wanted_order[0, 0, row, :count].tolist()


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("name", ["t5", "fire"])
def test_trained_numbers_get_the_gradients_of_the_plain_kernel(name):
    query, key, value = heads()
    found = []
    for way in (False, True):
        bias = randomise(BIASES[name](True), 1)
        output = attention_output(query, key, value, bias=bias, causal=True, flex=way)
        (output * torch.linspace(-1, 1, output.numel()).view_as(output)).sum().backward()
        found.append([p.grad for p in bias.parameters()])
    for plain, ours in zip(*found, strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-4, atol=1e-4)


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("name", ["rope", "t5"])
def test_a_layer_and_a_stack_take_it_when_told_so(name):
    plain = randomise(TransformerStack(16, 4, 2, encoding=name, causal=True), 0).eval()
    told = TransformerStack(16, 4, 2, encoding=name, causal=True, flex=True).eval()
    told.load_state_dict(plain.state_dict())
    x = tokens(2, 40, 16, dtype=torch.float32)
    with torch.no_grad(), attention_ways() as ways:
        torch.testing.assert_close(told(x), plain(x), rtol=1e-4, atol=1e-5)
    assert [way.split(",")[0] for way in ways] == ["flex"] * 2 + ["kernel"] * 2


@pytest.mark.usefixtures("uncompiled")
def test_a_cpu_compiles_it_neither_when_told_nor_in_a_graph(monkeypatch):
    """Compiled for a CPU by PyTorch 2.13 it gives rows of zeros, here with 8 features a head."""
    monkeypatch.setattr(flex, "_compiled", lambda: pytest.fail("a compilation was started"))
    layer = MultiHeadAttention(16, 2, encoding="alibi", causal=True, flex=True).eval()
    x = tokens(2, 40, 16, dtype=torch.float32)
    with torch.no_grad(), attention_ways() as ways:
        wanted, _ = layer(x)
        torch.testing.assert_close(layer(x, need_weights=False)[0], wanted, rtol=1e-4, atol=1e-5)
        assert ways == ["weights", "flex, formula"]
        monkeypatch.setattr(flex, "flexible", lambda *given: pytest.fail("it is in the graph"))
        graph = torch.compile(layer, backend="eager")
        torch.testing.assert_close(graph(x, need_weights=False)[0], wanted, rtol=1e-4, atol=1e-5)


def test_with_too_many_shapes_the_plain_kernel_does_it(monkeypatch):
    def hit(*given, **how):
        raise torch._dynamo.exc.FailOnRecompileLimitHit("too many")

    monkeypatch.setattr(flex, "_uncompiled", hit)
    query, key, value = heads(20, 20)
    with torch.no_grad(), attention_ways() as ways:
        told = attention_output(query, key, value, causal=True, flex=True)
        plain = attention_output(query, key, value, causal=True)
    torch.testing.assert_close(told, plain)
    assert ways == ["kernel, is_causal"] * 2


def test_on_a_cpu_nothing_is_compiled_unasked(monkeypatch):
    monkeypatch.setattr(flex, "_compiled", lambda: pytest.fail("a compilation was started"))
    monkeypatch.setattr(fused, "FLEX_FROM", 1)
    query, key, value = heads()
    with torch.no_grad(), attention_ways() as ways:
        attention_output(query, key, value, bias=AlibiBias(4), causal=True)
        MultiHeadAttention(16, 4, encoding="alibi", causal=True)(
            tokens(1, 9, 16, dtype=torch.float32), need_weights=False
        )
    assert ways == ["kernel, matrix"] * 2


output = attention_output


class OnGpu:
    """Stands in for queries on a GPU, for the decision alone."""

    def __init__(self, dtype=torch.bfloat16, ndim=4):
        self.device, self.dtype, self.ndim = torch.device("cuda"), dtype, ndim


@pytest.mark.parametrize("compiling", [False, True])
def test_on_a_gpu_it_is_taken_for_long_texts_and_in_graphs(monkeypatch, compiling):
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: compiling)

    def pays(length, bias=None, query=None, sink=None, mask=None, **how):
        masks = Masks(Places.counting(length, **how), mask)
        bias = None if bias is None else bias.prepare(masks.places)[0]
        return fused._flex_pays(query or OnGpu(), bias, masks, sink)

    long, short = 4096, 64
    assert pays(long, AlibiBias(4), causal=True)
    assert pays(short, AlibiBias(4), causal=True) == compiling
    assert pays(long, window=100, causal=True)
    assert pays(long, sink=torch.zeros(4), causal=True)
    assert not pays(long, causal=True)  # the plain kernel needs no matrix either
    assert not pays(long, AlibiBias(4), mask=torch.ones(1, 1, dtype=torch.bool))
    assert not pays(long, AlibiBias(4), query=OnGpu(torch.float64))
    assert not pays(long, AlibiBias(4), query=OnGpu(ndim=3))


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda q, k, v: output(q, k, v, bias=torch.zeros(150, 150), flex=True), "matrix"),
        (lambda q, k, v: output(q[0], k[0], v[0], flex=True), "3 axes"),
        (lambda q, k, v: output(q.requires_grad_(), k, v, flex=True), "gradients on a CPU"),
        (lambda q, k, v: output(q, k, v, sink=torch.zeros(4), flex=True), "a sink on a CPU"),
        (
            lambda q, k, v: MultiHeadAttention(16, 4, encoding="alibi", causal=True, flex=True)(
                tokens(1, 3, 16, dtype=torch.float32).detach(), need_weights=False,
                positions=torch.tensor([0, 2, 5]),
            ),
            "not in a row",
        ),
    ],
)  # fmt: skip
def test_what_it_cannot_do_is_refused(call, words):
    with pytest.raises(ValueError, match=f"attention_output: flex = .*{words}"):
        call(*heads())


@pytest.mark.bad_input
def test_a_score_mod_wants_positions_in_a_row():
    for bias in (AlibiBias(2), T5Bias(2)):
        bias.score_mod(Places(torch.arange(4)))
        with pytest.raises(ValueError, match="in a row"):
            bias.score_mod(Places(torch.tensor([0, 2, 3])))
    with pytest.raises(ValueError, match="in a row"):
        Places(torch.tensor([0, 2, 3])).mask_mod(*[torch.tensor(0)] * 4)
    with pytest.raises(TypeError, match="flex = 'yes'"):
        attention_output(*heads(), flex="yes")
