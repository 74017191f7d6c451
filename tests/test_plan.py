"""A plan per layer: its masks, its stack, and what it says of itself."""

import copy

import pytest
import torch

from posenc_lib import (
    AlibiBias,
    Combined,
    ConvolutionEncoding,
    Door,
    KeyValueCache,
    LayerPlan,
    LearnedEncoding,
    MultiHeadAttention,
    MultimodalRotary,
    NoEncoding,
    Places,
    PositionPlan,
    RotaryEncoding,
    ShawRelative,
    SinusoidalEncoding,
    TransformerStack,
    attention_ways,
)
from tests.reference import randomise, tokens

DIM, HEADS = 16, 2
ROPE = RotaryEncoding(8)
SLOW = RotaryEncoding(8, base=1e6, layout="half")


def mixed():
    """A layer of each kind that the models in use have."""
    return PositionPlan([
        LayerPlan(ROPE, window=3),  # Gemma 3, local
        LayerPlan(SLOW),  # Gemma 3, global
        LayerPlan(NoEncoding()),  # SmolLM3
        LayerPlan(ROPE, chunk=4),  # Llama 4
        LayerPlan(ROPE, window=5, sink=True),  # gpt-oss
        LayerPlan(AlibiBias(HEADS), scale=1.0, chunk=5),
        LayerPlan(AlibiBias(HEADS), window=2, chunk=3),
        LayerPlan(ROPE, added=SinusoidalEncoding(DIM)),  # DETR, were it causal
    ])  # fmt: skip


def stack_of(plan, seed=0):
    return randomise(TransformerStack(DIM, HEADS, plan=plan), seed).double().eval()


def allowed(plan, query, key):
    """Which keys a layer lets through, pair by pair."""
    rows = []
    for i in query.tolist():
        row = []
        for j in key.tolist():
            near = plan.window is None or abs(i - j) < plan.window
            same = plan.chunk is None or i // plan.chunk == j // plan.chunk
            row.append(near and same and (j <= i or not plan.causal))
        rows.append(row)
    return torch.tensor(rows)


# Masks


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize(("window", "chunk"), [(None, None), (3, None), (None, 4), (2, 3), (4, 2)])
def test_a_mask_is_what_window_and_chunk_say_of_each_pair(causal, window, chunk):
    plan = LayerPlan(NoEncoding(), causal=causal, window=window, chunk=chunk)
    for query, key in (
        (torch.arange(9), torch.arange(9)),
        (torch.arange(7, 9), torch.arange(9)),  # decoding
        (torch.arange(9) + 3, torch.arange(9) + 3),
        (torch.arange(3), torch.arange(4, 7)),  # a context of its own
        (torch.arange(4, 7), torch.arange(3)),
        (torch.tensor([-5, -1, 0, 8]), torch.tensor([0, -1, 7, 8, 9])),
    ):
        assert torch.equal(plan.mask(query, key), allowed(plan, query, key))
    rows = torch.stack((torch.arange(9), torch.arange(9) + 2))
    expected = torch.stack([allowed(plan, row, row) for row in rows])
    assert torch.equal(plan.mask(rows), expected)
    assert torch.equal(PositionPlan([plan]).mask(0, rows), expected)


@pytest.mark.parametrize("encoding", [NoEncoding(), ROPE, AlibiBias(HEADS)])
@pytest.mark.parametrize("shape", ["counted", "given", "rows", "gaps"])
@pytest.mark.parametrize("window", [None, 3])
def test_a_layer_sees_the_chunk_of_its_query_whichever_way_it_goes(encoding, shape, window):
    layer = MultiHeadAttention(DIM, HEADS, encoding=encoding, causal=True, window=window, chunk=4)
    layer, x = randomise(layer, 1).double().eval(), tokens(2, 9, DIM)
    at = {
        "counted": None, "given": torch.arange(9) + 3, "gaps": torch.arange(9) * 2,
        "rows": torch.arange(9) + torch.tensor([[0], [2]]),
    }[shape]  # fmt: skip
    plan = LayerPlan(encoding, window=window, chunk=4)
    seen = plan.mask(torch.arange(9) if at is None else at).expand(2, 9, 9)
    open_ = MultiHeadAttention(DIM, HEADS, encoding=encoding, causal=True)
    open_.load_state_dict(copy.deepcopy(layer.state_dict()))
    expected, weights = open_.double().eval()(x, positions=at, mask=seen[:, None])
    output, shown = layer(x, positions=at)
    torch.testing.assert_close((output, shown), (expected, weights))
    assert torch.equal(shown > 0, seen[:, None].expand_as(shown))
    torch.testing.assert_close(layer(x, positions=at, need_weights=False)[0], expected)
    broken = x.clone()
    broken[:, 3] = torch.nan  # who sees it has no answer, and nobody else
    for need_weights in (True, False):
        got = layer(broken, positions=at, need_weights=need_weights)[0]
        answer = expected.masked_fill(seen[:, :, 3, None], torch.nan)
        torch.testing.assert_close(got, answer, equal_nan=True)


def test_in_one_chunk_there_is_no_matrix():
    layer, x = MultiHeadAttention(DIM, HEADS, causal=True, chunk=9), torch.randn(1, 9, DIM)
    with attention_ways() as ways:
        layer(x, need_weights=False)
        layer(x, positions=torch.arange(9) + 1, need_weights=False)
    assert ways == ["kernel, is_causal", "kernel, matrix"]
    assert Places(torch.arange(3) + 9, torch.arange(8, 12), chunk=4).seen is None


@pytest.mark.unchecked
def test_flex_cuts_the_text_into_chunks():
    layer = MultiHeadAttention(DIM, HEADS, encoding=AlibiBias(HEADS), causal=True, chunk=128)
    layer, x = layer.eval(), tokens(2, 300, DIM, dtype=torch.float32)
    with torch.no_grad(), attention_ways() as ways:
        for at in (None, torch.arange(300) + torch.tensor([[0], [50]])):
            expected = layer(x, positions=at)[0]
            layer.flex = True
            got = layer(x, positions=at, need_weights=False)[0]
            layer.flex = None
            torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)
    assert ways == ["weights", "flex, formula"] * 2


# The stack


@pytest.mark.parametrize("start", [0, 6])
def test_a_mixed_stack_is_its_layers_and_its_caches_are_the_full_pass(start):
    plan, x = mixed(), tokens(2, 11, DIM)
    stack, at = stack_of(plan), torch.arange(11) + start
    expected = x
    for layer, one in zip(stack.layers, plan, strict=True):
        assert layer.attention.encoding is one.encoding
        free = copy.deepcopy(layer)
        free.attention.window = free.attention.chunk = None
        expected = free(expected, at, mask=one.mask(at))
    torch.testing.assert_close(stack(x, at), expected)
    caches, steps = stack.new_caches(), []
    for first, last in [(0, 3), (3, 4), (4, 7), (7, 8), (8, 11)]:
        where = at[:3] if first == 0 else None  # counts on by itself
        steps.append(stack(x[:, first:last], where, caches=caches))
    torch.testing.assert_close(torch.cat(steps, 1), expected)


def test_what_is_added_in_a_layer_reaches_queries_and_keys_and_no_value():
    table = LearnedEncoding(6, DIM, std=1.0)
    plan = PositionPlan([LayerPlan(NoEncoding(), causal=False, added=table)] * 2)
    stack, x = stack_of(plan), tokens(2, 5, DIM)
    at, expected = torch.tensor([4, 0, 5, 2, 1]), x
    for layer in stack.layers:
        attention, inside = layer.attention, layer.norms[0](expected)
        placed = inside + table.weight[at]
        q, k, v = (
            part.unflatten(-1, (HEADS, -1)).transpose(1, 2)
            for part in (
                attention.to_query(placed), attention.to_key(placed), attention.to_value(inside)
            )
        )  # fmt: skip
        weights = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).softmax(-1)
        seen = attention.to_output((weights @ v).transpose(1, 2).flatten(2))
        expected = expected + seen
        expected = expected + layer.mlp(layer.norms[1](expected))
    torch.testing.assert_close(stack(x, at), expected)


def test_left_padding_moves_the_chunks_with_the_text():
    stack, x = stack_of(mixed()), tokens(1, 9, DIM)
    padded = torch.cat((tokens(1, 3, DIM, seed=7), x), 1)
    at = torch.tensor([[0] * 3 + list(range(9))])
    output = stack(padded, at, padding=(torch.arange(12) >= 3)[None])
    torch.testing.assert_close(output[:, 3:], stack(x))


def test_a_plan_of_equal_layers_is_the_plain_stack():
    plain = randomise(
        TransformerStack(DIM, HEADS, 3, encoding=ROPE, causal=True, window=4, sink=True), 0
    )
    planned = TransformerStack(DIM, HEADS, plan=PositionPlan([plain_layer()] * 3))
    planned.load_state_dict(copy.deepcopy(plain.state_dict()))
    x = tokens(2, 9, DIM, dtype=torch.float32)
    assert torch.equal(planned.eval()(x), plain.eval()(x))


def plain_layer():
    return LayerPlan(ROPE, window=4, sink=True)


def test_door_1_opens_once_before_the_planned_layers():
    table = LearnedEncoding(9, DIM)
    plan = PositionPlan([LayerPlan(NoEncoding()), LayerPlan(ROPE, window=2)], at_start=table)
    bare, x = PositionPlan(plan.layers), tokens(1, 9, DIM)
    stack = stack_of(plan)
    other = TransformerStack(DIM, HEADS, plan=bare).double().eval()
    other.load_state_dict(copy.deepcopy(stack.state_dict()), strict=False)
    torch.testing.assert_close(stack(x), other(table.at_embeddings(x, torch.arange(9))))


def test_what_layers_share_is_prepared_once(monkeypatch):
    made = []
    for cls in (RotaryEncoding, AlibiBias):
        plain = cls.prepare

        def prepare(self, places, plain=plain):
            made.append(self)
            return plain(self, places)

        monkeypatch.setattr(cls, "prepare", prepare)
    rope, alibi = RotaryEncoding(8), AlibiBias(HEADS)
    layers = [LayerPlan(e, window=w) for w in (None, 3, None) for e in (rope, alibi)]
    stack = stack_of(PositionPlan(layers))
    stack(tokens(1, 9, DIM))
    assert made == [rope, alibi, alibi]  # a bias holds the mask, angles do not


def test_objects_of_a_plan_are_taken_as_they_are():
    shaw = ShawRelative(8, max_distance=4)
    shared = stack_of(PositionPlan([LayerPlan(shaw)] * 2))
    assert all(layer.attention.encoding is shaw for layer in shared.layers)


def test_a_plan_keeps_its_layers_when_the_list_goes_on():
    layers = [LayerPlan(ROPE)]
    plan = PositionPlan(layers)
    layers.append(LayerPlan(SLOW))
    assert list(plan) == layers[:1]


@pytest.mark.unchecked
@pytest.mark.every_graph  # each kind of layer is traced by a test of its own
def test_a_mixed_stack_compiles():
    torch._dynamo.reset()
    stack, x = stack_of(mixed()).float(), tokens(2, 11, DIM, dtype=torch.float32)
    compiled = torch.compile(stack, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), stack(x), rtol=1e-4, atol=1e-5)
    at = torch.arange(11) + torch.tensor([[2], [0]])
    torch.testing.assert_close(compiled(x, at), stack(x, at), rtol=1e-4, atol=1e-5)


# What a plan says


def test_a_plan_says_which_layers_are_alike():
    near, far = LayerPlan(ROPE, window=512), LayerPlan(SLOW, causal=False, scale=0.5, sink=True)
    plan = PositionPlan(
        [near] * 5 + [far] + [near] * 5 + [far, LayerPlan(NoEncoding(), chunk=8192)]
    )
    rope, slow = (" ".join(repr(each).split()) for each in (ROPE, SLOW))
    assert repr(plan).splitlines() == [
        f"layers 0-4, 6-10: {rope}, causal, window 512",
        f"layers 5, 11: {slow}, both directions, scale 0.5, a sink for each head",
        "layer 12: NoEncoding(), causal, chunks of 8,192",
    ]
    assert (len(plan), plan[5], list(plan)[11]) == (13, far, far)
    assert plan.encodings[0] is ROPE
    started = PositionPlan([near], at_start=LearnedEncoding(9, 4))
    assert repr(started).startswith("at the start: LearnedEncoding(")


# What is refused


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: LayerPlan("rope"), TypeError, "LayerPlan: encoding = 'str'"),
        (lambda: LayerPlan(LearnedEncoding(4, 4)), ValueError, "at_start"),
        (lambda: LayerPlan(ROPE, window=0), ValueError, "window = 0"),
        (lambda: LayerPlan(ROPE, chunk=2.0), TypeError, "chunk = 2.0"),
        (lambda: LayerPlan(ROPE, causal=1), TypeError, "causal = 1"),
        (lambda: LayerPlan(ROPE, scale=0), ValueError, "scale = 0"),
        (lambda: LayerPlan(ROPE, sink=None), TypeError, "sink = None"),
        (lambda: LayerPlan(ROPE, added=ROPE), ValueError, "added = 'RotaryEncoding'"),
        (lambda: LayerPlan(ROPE, added="rope"), TypeError, "added = 'str'"),
        (lambda: LayerPlan(ROPE, added=ConvolutionEncoding(16)), ValueError, "causal = True"),
        (lambda: MultiHeadAttention(8, 2, added=ROPE), ValueError, "added = 'RotaryEncoding'"),
        (lambda: MultiHeadAttention(8, 2, added=3), TypeError, "added = 'int'"),
        (lambda: PositionPlan([]), ValueError, "at least one LayerPlan"),
        (lambda: PositionPlan(3), TypeError, "layers = 'int'"),
        (lambda: PositionPlan([ROPE]), TypeError, "layers = 'RotaryEncoding'"),
        (lambda: PositionPlan([LayerPlan(ROPE)], ROPE), ValueError, "at_start = 'RotaryEncoding'"),
        (lambda: PositionPlan([LayerPlan(ROPE)], 3), TypeError, "at_start = 'int'"),
        (lambda: mixed().mask(8, torch.arange(3)), IndexError, "one of 8 layers"),
        (lambda: TransformerStack(8, 2), TypeError, "layers = None"),
        (lambda: TransformerStack(8, 2, plan=[3]), TypeError, "plan = 'list'"),
        (lambda: TransformerStack(16, 2, 2, plan=mixed()), ValueError, "the 8 layers of the plan"),
        *[
            (lambda more=more: TransformerStack(16, 2, plan=mixed(), **more), ValueError,
             f"{next(iter(more))} = .*nothing beside a plan")
            for more in ({"encoding": ROPE}, {"causal": False}, {"window": 2}, {"chunk": 2},
                         {"scale": 1.0}, {"sink": False}, {"added": None},
                         {"length": 3}, {"options": {}})
        ],
    ],
)  # fmt: skip
def test_contradictions_are_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()


@pytest.mark.bad_input
def test_a_cache_serves_causal_plans_only():
    stack = TransformerStack(8, 2, plan=PositionPlan([LayerPlan(ROPE), LayerPlan(ROPE, False)]))
    with pytest.raises(ValueError):
        stack(torch.zeros(1, 2, 8), caches=[KeyValueCache(), KeyValueCache()])


# Beside the masks of transformers


def test_masks_are_those_of_transformers():
    """Windows of decoders and encoders, and chunks behind left padding."""
    from transformers import masking_utils as theirs

    length = 23
    i, j = torch.arange(length)[:, None], torch.arange(length)[None, :]
    at, row = torch.arange(length), torch.tensor(0)
    causal = theirs.sliding_window_causal_mask_function(6)
    assert torch.equal(LayerPlan(ROPE, window=6).mask(at), causal(row, row, i, j))
    both = theirs.sliding_window_bidirectional_mask_function(5)  # ModernBERT: 10 // 2
    ours = LayerPlan(ROPE, causal=False, window=6).mask(at)
    assert torch.equal(ours, both(row, row, i, j).expand(length, length))
    padded = torch.tensor([0, 3, 8])
    chunked = theirs.chunked_causal_mask_function(4, padded)
    ours = LayerPlan(ROPE, chunk=4).mask(at - padded[:, None])
    for b in range(3):
        assert torch.equal(ours[b], chunked(torch.tensor(b), row, i, j))


def test_coordinates_reach_the_layers_that_take_them():
    """A layer without position first, as in no model yet: the plan asks the one that knows axes."""
    rope = MultimodalRotary(8, (2, 1, 1))
    plan = PositionPlan([
        LayerPlan(NoEncoding()), LayerPlan(Combined(rope, NoEncoding())),
        LayerPlan(rope, window=3), LayerPlan(NoEncoding(), chunk=4),
    ])  # fmt: skip
    stack, x = stack_of(plan), tokens(1, 9, DIM)
    at = torch.tensor([[0, 0, 0], [1, 1, 1], [2, 2, 2], [2, 2, 3], [2, 3, 2], [2, 3, 3]])
    at = torch.cat((at, torch.arange(4, 7)[:, None].expand(3, 3)))[None]
    expected = x
    for layer, one in zip(stack.layers, plan, strict=True):
        expected = layer(expected, None if one.encoding.door is Door.NONE else at)
    torch.testing.assert_close(stack(x, at), expected)
    caches = stack.new_caches()
    steps = [stack(x[:, :6], at[:, :6], caches=caches)]
    steps += [stack(x[:, t : t + 1], caches=caches) for t in range(6, 9)]
    torch.testing.assert_close(torch.cat(steps, 1), expected)
