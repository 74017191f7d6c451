"""What every entry of the registry must obey, and what each one says about itself."""

import copy
import inspect

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posenc_lib import (
    Door,
    KeyValueCache,
    MultiHeadAttention,
    TransformerStack,
    encodings,
    make_encoding,
)
from tests.reference import of_input, tokens

DIM, HEADS, LENGTH = 32, 4, 64
HEAD_DIM = DIM // HEADS
ENTRIES = encodings()
TOLERANCE = {torch.float64: 1e-9, torch.float32: 2e-4, torch.bfloat16: 0.15}

every = pytest.mark.parametrize("name", ENTRIES)
few = settings(max_examples=6)


def made(name, dtype=torch.float64, **options):
    """An encoding whose parameters are a little away from their start."""
    generator = torch.manual_seed(1)
    encoding = make_encoding(
        name, dim=DIM, heads=HEADS, length=LENGTH, causal=ENTRIES[name].causal_only, **options
    )
    with torch.no_grad():
        for parameter in encoding.parameters():
            parameter += torch.randn(parameter.shape, generator=generator) * 0.1
    return encoding.to(dtype)


def layer_with(name, dtype=torch.float64, causal=True, seed=0):
    torch.manual_seed(seed)
    causal = causal and not ENTRIES[name].sees_ahead
    return MultiHeadAttention(DIM, HEADS, encoding=made(name), causal=causal).to(dtype).eval()


def logits(layer, x, positions):
    """The scores before mask and softmax, (batch, heads, query, key), whatever the door."""
    encoding = layer.encoding
    x = encoding.at_embeddings(x, positions)
    query, key = (layer._split(project(x)) for project in (layer.to_query, layer.to_key))
    query, key = encoding.at_query(query, positions), encoding.at_key(key, positions)
    scores = query @ key.transpose(-1, -2) * layer.scale
    bias = encoding.at_scores(query, key, positions, positions, **of_input(encoding, x))
    return scores if bias is None else scores + bias


def past(scores, positions):
    """The scores of keys that do not lie after the query: all that a causal encoding defines."""
    return scores[..., positions[None, :] <= positions[:, None]]


def names_that(condition):
    return pytest.mark.parametrize("name", [n for n, e in ENTRIES.items() if condition(e)])


# Those for which a token enters by itself. The others, which read its neighbours, want them all
# there and in order, and no causal layer takes them: their laws are in tests/test_convolution.py.
each_token_by_itself = names_that(lambda entry: not entry.sees_ahead)


# What the scores depend on

gaps = st.lists(st.integers(1, 5), min_size=2, max_size=8)


@names_that(lambda entry: entry.distance_only)
@few
@given(
    dtype=st.sampled_from(list(TOLERANCE)), gaps=gaps, shift=st.integers(1, 3000),
    seed=st.integers(0, 9),
)  # fmt: skip
def test_scores_depend_on_the_distance_only(name, dtype, gaps, shift, seed):
    positions = torch.tensor(gaps).cumsum(0)
    layer, x = layer_with(name, dtype), tokens(1, len(gaps), DIM, seed=seed, dtype=dtype)
    here, there = (past(logits(layer, x, positions + s), positions) for s in (0, shift))
    torch.testing.assert_close(here, there, rtol=0, atol=TOLERANCE[dtype])
    same = past(logits(layer, x[:, :1].expand_as(x), positions), positions)  # one word throughout
    distance = past(positions[None, :] - positions[:, None], positions)
    for value in distance.unique():
        group = same[..., distance == value]
        assert (group - group[..., :1]).abs().max() <= TOLERANCE[dtype]


@names_that(lambda e: not (e.distance_only or e.sees_ahead) and e.name != "none")
def test_the_others_really_depend_on_something_else(name):
    layer, word = layer_with(name), tokens(1, 1, DIM)
    found = []
    for positions in ([6, 7, 8, 10], [0, 1, 2, 4], [0, 5, 700, 1100]):
        positions = torch.tensor(positions)
        if not ENTRIES[name].takes_longer and positions.max() >= LENGTH:
            continue
        x = word.expand(1, 4, DIM)
        scores = past(logits(layer, x, positions), positions)
        distance = past(positions[None, :] - positions[:, None], positions)
        for value in distance.unique():
            group = scores[..., distance == value]
            found.append(float((group - group[..., :1]).detach().abs().max()))
        shift = 1 if not ENTRIES[name].takes_longer else 1003
        moved = past(logits(layer, x, positions + shift), positions)
        found.append(float((moved - scores).detach().abs().max()))
    assert max(found) > 1e-3


@every
def test_the_order_of_the_tokens_is_seen_with_an_encoding_only(name):
    layer, x = layer_with(name), tokens(1, 6, DIM)
    order, positions = [3, 0, 2, 1, 4, 5], torch.arange(6)  # the last token sees all others
    scores = logits(layer, x, positions)[..., 5, :]
    mixed = logits(layer, x[:, order], positions)[..., 5, :]
    blind = name == "none" or not layer.encoding.tells_order
    assert ((mixed - scores[..., order]).abs().max() > 1e-6) == (not blind)
    if name == "none":
        assert torch.equal(logits(layer, x, positions * 7)[..., 5, :], scores)


@names_that(lambda entry: entry.name != "cope" and not entry.sees_ahead)  # CoPE counts along
@pytest.mark.parametrize("causal", [True, False])
def test_tokens_that_keep_their_positions_may_stand_in_any_order(name, causal):
    layer = layer_with(name, causal=causal or ENTRIES[name].causal_only)
    x, order = tokens(2, 7, DIM), torch.tensor([3, 0, 6, 1, 5, 2, 4])
    output, weights = layer(x)
    mixed, mixed_weights = layer(x[:, order], positions=order)
    torch.testing.assert_close(mixed, output[:, order])
    torch.testing.assert_close(mixed_weights, weights[..., order, :][..., order])


# One fades, one takes the softplus of each feature, one multiplies queries alone, and one is what
# V-JEPA 2 computes.
NO_ROTATION = {"xpos", "pope", "query_temperature", "rope_2d_unpaired"}


@names_that(lambda entry: entry.door is Door.QUERIES_KEYS and entry.name not in NO_ROTATION)
@few
@given(start=st.integers(0, 100_000), seed=st.integers(0, 9))
def test_a_rotation_keeps_norms(name, start, seed):
    start = start if ENTRIES[name].takes_longer else start % (LENGTH - 4)
    encoding, x = made(name), tokens(2, HEADS * 5, HEAD_DIM, seed=seed).unflatten(1, (HEADS, 5))
    turned = encoding.at_query(x, start + torch.arange(5))
    magnitude = getattr(encoding, "magnitude", 1.0)  # YaRN multiplies on purpose
    torch.testing.assert_close(turned.norm(dim=-1), magnitude * x.norm(dim=-1))
    assert torch.equal(encoding.at_key(x, start + torch.arange(5)), turned)


# In a layer: left padding and rows of padding alone are laws of `check_encoding`, to which
# tests/test_check_encoding.py holds every entry


@each_token_by_itself
@pytest.mark.parametrize("gaps", [1, 3])
def test_a_layer_weighs_by_the_scores_of_the_doors(name, gaps):
    """The layer prepares what the doors, called one by one, make of the positions themselves."""
    layer, x, at = layer_with(name), tokens(2, 7, DIM), torch.arange(7) * gaps + 5
    scores = logits(layer, x, at).masked_fill(at[None, :] > at[:, None], -torch.inf)
    torch.testing.assert_close(layer(x, positions=at)[1], scores.softmax(-1))


@each_token_by_itself
@few
@given(
    dtype=st.sampled_from(list(TOLERANCE)), length=st.integers(2, 12), seed=st.integers(0, 9),
    cut=st.integers(1, 11),
)  # fmt: skip
def test_a_causal_layer_ignores_the_future(name, dtype, length, seed, cut):
    cut = min(cut, length - 1)
    layer, x = layer_with(name, dtype), tokens(2, length, DIM, seed=seed, dtype=dtype)
    changed = torch.cat((x[:, :cut], x[:, cut:] * -3 + 1), 1)
    before, after = layer(x)[0][:, :cut], layer(changed)[0][:, :cut]
    torch.testing.assert_close(before, after, rtol=0, atol=TOLERANCE[dtype] / 100)


@each_token_by_itself
@pytest.mark.parametrize(("length", "start"), [(1, 40), (7, 0), (9, 5)])
def test_each_batch_row_has_its_own_positions(name, length, start):
    layer, x, counted = layer_with(name), tokens(3, length, DIM), torch.arange(length)
    rows = torch.stack((counted, start + counted, counted * 2))
    together = layer(x, positions=rows)
    for b in range(3):
        alone = layer(x[b : b + 1], positions=rows[b])
        torch.testing.assert_close(tuple(part[b : b + 1] for part in together), alone)


@each_token_by_itself
@pytest.mark.parametrize("by", ["padding", "mask"])
@pytest.mark.parametrize("poison", [1.0, float("nan")])
def test_tokens_that_nobody_sees_might_as_well_not_be_there(name, by, poison):
    """With the weights explained and without, where the fused kernel may be taken."""
    layer, x = layer_with(name), tokens(1, 8, DIM)
    real = torch.tensor([True, True, False, True, False, False, True, True])
    positions = real.cumsum(0) - 1  # the rest do not count
    expected = layer(x[:, real])[0]
    x[:, ~real] *= poison
    shut = {"padding": real[None]} if by == "padding" else {"mask": real.expand(8, 8)}
    for need_weights in (True, False):
        output, weights = layer(x, positions=positions, need_weights=need_weights, **shut)
        torch.testing.assert_close(output[:, real], expected)
        assert (weights is not None) == need_weights


@every
def test_gradients_reach_every_parameter_and_the_input(name):
    layer = layer_with(name)
    x = tokens(2, LENGTH, DIM).requires_grad_()
    layer(x)[0].square().sum().backward()
    for label, value in [("x", x), *layer.named_parameters()]:
        assert value.grad is not None, label
        assert torch.isfinite(value.grad).all(), label
        assert value.grad.abs().max() > 0 or label == "to_key.bias", label


DRAWN = {"fourier_2d": {"directions"}}  # drawn at random once and never trained: part of the model


@every
def test_a_state_dict_goes_round(name):
    layer, other = layer_with(name), layer_with(name, seed=5)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    other.load_state_dict(copy.deepcopy(layer.state_dict()))
    x = tokens(2, 7, DIM)
    assert torch.equal(layer(x)[0], other(x)[0])
    kept = {n for n, _ in layer.encoding.named_parameters()} | DRAWN.get(name, set())
    assert set(layer.encoding.state_dict()) == kept


# Decoding


@each_token_by_itself
@pytest.mark.parametrize("start", [0, 5])
def test_decoding_with_a_cache_is_the_full_pass(name, start):
    layer, x = layer_with(name), tokens(2, 10, DIM)
    positions = start + torch.arange(10)
    full = layer(x, positions=positions)[0]
    cache, steps = KeyValueCache(), []
    for first, last in [(0, 4), (4, 5), (5, 6), (6, 8), (8, 9), (9, 10)]:
        where = positions[:4] if first == 0 else None  # counts on by itself
        steps.append(layer(x[:, first:last], positions=where, cache=cache)[0])
    if ENTRIES[name].stable:
        torch.testing.assert_close(torch.cat(steps, 1), full)
    else:  # what was said earlier was said of a shorter text
        torch.testing.assert_close(steps[-1], full[:, -1:])
    assert len(cache) == 10


@names_that(lambda entry: entry.stable and not entry.sees_ahead)
def test_a_context_with_positions_of_its_own_is_the_full_pass_too(name):
    layer, x = layer_with(name), tokens(2, 6, DIM)
    output, weights = layer(x)
    for t in range(6):
        step, step_weights = layer(
            x[:, t : t + 1], x[:, : t + 1],
            positions=torch.tensor([t]), context_positions=torch.arange(t + 1),
        )  # fmt: skip
        torch.testing.assert_close(step[:, 0], output[:, t])
        torch.testing.assert_close(step_weights[:, :, 0], weights[:, :, t, : t + 1])


@names_that(lambda entry: not (entry.stable or entry.sees_ahead))
def test_an_unstable_encoding_does_change_what_it_said(name):
    layer, x = layer_with(name), tokens(1, 2 * LENGTH, DIM)
    long, short = layer(x)[0], layer(x[:, :LENGTH])[0]
    assert (long[:, :LENGTH] - short).abs().max() > 1e-4
    cache = KeyValueCache()
    layer(x[:, :-1], cache=cache)
    torch.testing.assert_close(layer(x[:, -1:], cache=cache)[0], long[:, -1:])


# Graphs: in `make test` one for each way through the code, in `make test-graphs` all of them

OWN_WAY = {
    "sinusoidal", "learned", "rope", "rope_half", "rope_dynamic_ntk", "shaw", "transformer_xl",
    "alibi", "cope", "forgetting",
}  # fmt: skip
every_graph = pytest.mark.every_graph
graphs = pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in OWN_WAY else every_graph) for n in ENTRIES]
)


@pytest.mark.unchecked
@graphs
def test_compiled_in_one_graph_it_gives_the_same_numbers(name):
    torch._dynamo.reset()
    layer, x = layer_with(name, torch.float32), tokens(2, 7, DIM, dtype=torch.float32)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    positions = torch.tensor([[3, 4, 5, 6, 7, 8, 9], [0, 1, 2, 3, 0, 1, 2]])
    if ENTRIES[name].sees_ahead:  # tokens in a row
        positions = torch.arange(7) + torch.tensor([[3], [0]])
    got, expected = compiled(x, positions=positions), layer(x, positions=positions)
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.unchecked
@graphs
def test_exported_it_gives_the_same_numbers_at_any_length(name):
    layer, x = layer_with(name, torch.float32), tokens(2, 7, DIM, dtype=torch.float32)
    length = torch.export.Dim("length", min=1, max=40)
    program = torch.export.export(
        layer,
        (x,),
        {"positions": torch.arange(7)},
        dynamic_shapes={"x": {1: length}, "positions": {0: length}},
    ).module()
    for longer in (7, 12, 2, 1):
        x, positions = tokens(2, longer, DIM, dtype=torch.float32), torch.arange(longer) + 5
        got = program(x, positions=positions)
        torch.testing.assert_close(got, layer(x, positions=positions), rtol=1e-5, atol=1e-6)


@pytest.mark.unchecked
def test_a_stack_and_its_fused_attention_compile():
    torch._dynamo.reset()
    stack = TransformerStack(DIM, HEADS, 2, encoding="rope", causal=True).eval()
    x = tokens(2, 7, DIM, dtype=torch.float32)
    compiled = torch.compile(stack, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), stack(x), rtol=1e-5, atol=1e-6)
    exported = torch.export.export(stack, (x,), strict=True).module()
    torch.testing.assert_close(exported(x), stack(x), rtol=1e-5, atol=1e-6)


@pytest.mark.unchecked
@pytest.mark.parametrize(
    ("name", "options", "more"),
    [
        pytest.param(n, {"dynamic": each}, {}, marks=every_graph if each or n != "alibi" else ())
        for n in ENTRIES for each in (False, True)
    ]
    + [
        pytest.param(*case, marks=every_graph) for case in (
        ("rope", {}, {"rotary_dim": 4}), ("rope_dynamic_ntk", {}, {"trained_length": 4}),
        ("rope_yarn", {}, {"form": "code"}), ("nezha", {}, {"form": "code"}),
        ("shaw", {}, {"values": False}), ("fire", {}, {"threshold": 3.0}),
        )
    ],
)  # fmt: skip
def test_compiled_for_counted_positions_and_for_any_length(name, options, more):
    torch._dynamo.reset()
    causal = not ENTRIES[name].sees_ahead
    layer = MultiHeadAttention(DIM, HEADS, encoding=made(name, **more), causal=causal).eval()
    compiled = torch.compile(layer.float(), fullgraph=True, backend="eager", **options)
    for length in (7, 9):
        x = tokens(2, length, DIM, dtype=torch.float32)
        torch.testing.assert_close(compiled(x), layer(x), rtol=1e-5, atol=1e-6)


@pytest.mark.unchecked
@names_that(lambda entry: entry.door is Door.SCORES)
def test_scores_can_be_mapped_over(name):
    encoding, q = made(name), tokens(3, HEADS * 5, HEAD_DIM).unflatten(1, (1, HEADS, 5))
    at = torch.stack([torch.arange(5), torch.arange(5) * 2, torch.arange(5) + 9])
    more = [of_input(encoding, x) for x in tokens(3, 5, DIM).unsqueeze(1)]
    rows = {name: torch.stack([row[name] for row in more]) for name in more[0]}
    found = torch.func.vmap(lambda q, at, rows: encoding.at_scores(q, q, at, at, **rows))(
        q, at, rows
    )
    for row in range(3):
        expected = encoding.at_scores(q[row], q[row], at[row], at[row], **more[row])
        torch.testing.assert_close(found[row], expected)


@every
@pytest.mark.parametrize("built", ["on the CPU", "on the meta device"])
def test_on_the_meta_device_it_has_a_shape(name, built):
    with torch.device("meta" if built == "on the meta device" else "cpu"):
        causal = not ENTRIES[name].sees_ahead
        layer = MultiHeadAttention(DIM, HEADS, encoding=made(name), causal=causal).to("meta")
    x, counted = torch.zeros(2, 7, DIM, device="meta"), torch.arange(7, device="meta")
    for positions in (None, counted, counted.expand(2, 7)):
        output, weights = layer(x, positions=positions)
        assert output.is_meta and output.shape == (2, 7, DIM)
        assert weights.is_meta and weights.shape == (2, HEADS, 7, 7)


# Precision

NEARER = {
    "learned": 0,  # the tables end before position 100,000
    "learned_2d": 0,
    "learned_grid": 0,
    "swin": 0,
    "beit": 0,
    "levit": 0,
    "swin_v2": 0,
    "mvit_v2": 0,
    "cpvt": 0,
    "sinusoidal_2d": 0,  # and so does the grid
    "rope_2d": 0,
    "rope_2d_dealt": 0,
    "rope_2d_centred": 0,
    "fourier_2d": 0,
    "rope_2d_unpaired": 0,
    "rope_mixed": 0,
    "xpos": 2000,  # its factors leave the range of float16 soon after; it says so
}


def parts(encoding, dtype, positions):
    """What each door returns for fixed content that is exact in every dtype."""
    x = tokens(1, len(positions), DIM).mul(8).round().div(8)
    heads = x.unflatten(-1, (HEADS, HEAD_DIM)).transpose(1, 2).to(dtype)
    yield encoding.at_embeddings(x.to(dtype), positions)
    yield encoding.at_query(heads, positions)
    yield encoding.at_key(heads, positions)
    more = of_input(encoding, x.to(dtype))
    bias = encoding.at_scores(heads, heads, positions, positions, **more)
    if bias is not None:
        assert bias.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
        keep = positions[None, :] <= positions[:, None]
        yield bias.expand(1, HEADS, *keep.shape)[..., keep]


@every
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_far_positions_are_within_one_rounding_of_float64(name, dtype):
    steps = torch.arange(6) if ENTRIES[name].sees_ahead else torch.tensor([0, 1, 2, 5, 11, 30])
    positions = NEARER.get(name, 100_000) + steps
    exact = made(name, dtype).double()  # the same parameters, rounded to the dtype first
    rough = copy.deepcopy(exact).to(dtype)
    for ours, truth in zip(
        parts(rough, dtype, positions), parts(exact, torch.float64, positions), strict=True
    ):
        exponent = torch.frexp(truth).exponent - 1
        half_step = torch.ldexp(torch.full_like(truth, torch.finfo(dtype).eps / 2), exponent)
        inside = 3e-6 * max(1.0, float(truth.detach().abs().max()))  # the products are float32
        assert ((ours.double() - truth).abs() <= half_step + inside).all()


@every
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_precision_and_autocast_are_the_full_answer_rounded(name, dtype):
    x, loose = tokens(2, 9, DIM).to(dtype), {torch.bfloat16: 0.04, torch.float16: 0.005}[dtype]
    full = layer_with(name)(x.double())
    for own, autocast in ((dtype, False), (torch.float32, True)):
        with torch.autocast("cpu", dtype, enabled=autocast):
            got = layer_with(name, own)(x.to(own))
        for ours, exact in zip(got, full, strict=True):
            assert ours.dtype in (dtype, own)
            torch.testing.assert_close(ours.double(), exact, rtol=0, atol=loose)


STARTS_WITH_BASE = {"rope_mixed"}  # what is trained starts there; later the base says nothing


@names_that(
    lambda entry: (
        "base" in inspect.signature(entry.cls).parameters and entry.name not in STARTS_WITH_BASE
    )
)
def test_another_base_is_never_answered_from_memory(name):
    x, positions = tokens(1, 5, DIM), torch.arange(5) + 3
    layer = layer_with(name)
    before = logits(layer, x, positions)
    layer.encoding.base = 50.0
    fresh = layer_with(name)
    fresh.encoding.base = 50.0
    changed = logits(layer, x, positions)
    assert torch.equal(changed, logits(fresh, x, positions))
    assert (changed - before).abs().max() > 1e-3


@every
def test_another_dtype_is_never_answered_from_memory(name):
    x, layer = tokens(1, 5, DIM), layer_with(name)
    expected = layer(x)[0]
    layer.bfloat16()(x.bfloat16())
    again = layer_with(name)
    torch.testing.assert_close(again(x)[0], expected, rtol=0, atol=0)
    back = layer.double()
    back.load_state_dict(again.state_dict())
    assert torch.equal(back(x)[0], expected)


# What the registry says


def test_the_entry_with_a_layout_in_its_name_has_it():
    layouts = [make_encoding(name, dim=8, heads=2).layout for name in ("rope", "rope_half")]
    assert layouts == ["interleaved", "half"]


@every
def test_the_number_of_parameters_is_what_the_formula_says(name):
    entry = ENTRIES[name]
    for dim, heads, length in ((32, 4, 64), (24, 2, 30)):
        encoding = make_encoding(
            name, dim=dim, heads=heads, length=length, causal=entry.causal_only
        )
        assert isinstance(encoding, entry.cls)
        assert (entry.door, entry.causal_only) == (encoding.door, encoding.causal_only)
        for setting in entry.sizes:
            assert f"{setting}=" in repr(encoding)
        cells = length - entry.defaults.get("prefix", 0)
        rows = -(-cells // (columns := int((cells - 1) ** 0.5) + 1))
        sizes = {
            "dim": dim, "heads": heads, "head_dim": dim // heads, "length": length,
            "shape": (rows, columns), **entry.defaults,
        }  # fmt: skip
        found = sum(parameter.numel() for parameter in encoding.parameters())
        assert found == eval(entry.parameters, {}, sizes)


@every
def test_longer_than_made_for_works_or_is_an_error_as_said(name):
    x, positions = tokens(1, 3, DIM), torch.tensor([0, LENGTH - 1, 4 * LENGTH])
    if ENTRIES[name].sees_ahead:  # tokens in a row
        positions = 4 * LENGTH + torch.arange(-2, 1)
    if ENTRIES[name].takes_longer:
        assert torch.isfinite(layer_with(name)(x, positions=positions)[0]).all()
    else:
        with pytest.raises((IndexError, ValueError), match=f"positions = {4 * LENGTH} is not"):
            layer_with(name)(x, positions=positions)
        last = torch.arange(LENGTH - 3, LENGTH)  # is taken
        layer_with(name)(x, positions=last)


def test_the_registry_is_a_table_that_nobody_changes():
    table = ENTRIES._repr_markdown_().splitlines()
    assert len(table) == len(ENTRIES) + 2
    assert {line.count("|") for line in table} == {8}
    with pytest.raises(TypeError):
        ENTRIES["mine"] = ENTRIES["rope"]
    with pytest.raises(KeyError, match="Did you mean 'rope'"):
        ENTRIES["ropey"]


@every
@pytest.mark.bad_input
def test_the_title_and_the_class_of_an_entry_lead_to_its_name(name):
    entry = ENTRIES[name]
    first = next(e.name for e in ENTRIES.values() if e.class_name == entry.class_name)
    asked = {entry.title: name, entry.title.upper(): name, entry.class_name: first}
    asked = {called: meant for called, meant in asked.items() if called != name}
    for called, meant in asked.items():
        with pytest.raises(KeyError, match=f"Did you mean '{meant}'"):
            ENTRIES[called]
        with pytest.raises(ValueError, match=f"Did you mean '{meant}'"):
            make_encoding(called, dim=DIM, heads=HEADS, length=LENGTH)


@every
@pytest.mark.bad_input
def test_an_option_that_the_class_does_not_have_is_refused_with_the_one_that_is_meant(name):
    taken = inspect.signature(ENTRIES[name].cls).parameters
    elsewhere = {
        "theta": "base", "rope_theta": "base", "scaling_factor": "factor",
        "original_max_position_embeddings": "trained_length", "num_buckets": "buckets",
        "n_heads": "heads", "num_heads": "heads", "max_len": "length", "d_model": "dim",
    }  # fmt: skip
    for option, ours in elsewhere.items():
        known = ours in taken or ours in ("heads", "length", "dim")
        meant = f"Did you mean '{ours}'" if known else "not allowed; expected one of"
        with pytest.raises(TypeError, match=f"make_encoding: option = '{option}'.*{meant}"):
            make_encoding(name, dim=DIM, heads=HEADS, **{option: 4})
    for option in taken:
        if taken[option].kind is inspect.Parameter.KEYWORD_ONLY:
            with pytest.raises(TypeError, match=f"Did you mean '{option}'"):
                make_encoding(name, dim=DIM, heads=HEADS, length=LENGTH, **{f"{option}_": 4})


@pytest.mark.bad_input
@pytest.mark.parametrize("name", [None, 7, ["rope"], b"rope", "", "zzzz"])
def test_what_is_no_name_is_refused_in_words(name):
    with pytest.raises(KeyError, match=r"encodings: name = .* expected one of 'none'.*spelling"):
        ENTRIES[name]
    with pytest.raises(ValueError, match=r"make_encoding: name = .* expected one of 'none'"):
        make_encoding(name, dim=DIM, heads=HEADS)
    assert name not in ENTRIES


@pytest.mark.bad_input
def test_a_grid_for_a_number_of_tokens_leaves_the_prefix_out():
    encoding = make_encoding("learned_2d", dim=8, heads=2, length=197, prefix=1)
    assert encoding.shape == (14, 14)
    assert make_encoding("beit", dim=8, heads=2, length=197).shape == (14, 14)  # prefix=1 already
    with pytest.raises(ValueError, match="make_encoding: prefix = -1"):
        make_encoding("learned_2d", dim=8, heads=2, length=197, prefix=-1)


@names_that(lambda entry: entry.causal_only)
@pytest.mark.bad_input
def test_a_causal_encoding_is_refused_in_a_layer_that_sees_the_future(name):
    with pytest.raises(ValueError, match="causal = False"):
        MultiHeadAttention(DIM, HEADS, encoding=name, length=LENGTH)


@names_that(lambda entry: entry.sees_ahead)
@pytest.mark.bad_input
def test_what_reads_the_tokens_on_both_sides_is_refused_in_a_causal_layer(name):
    with pytest.raises(ValueError, match=r"MultiHeadAttention: causal = True .*both sides"):
        MultiHeadAttention(DIM, HEADS, encoding=name, length=LENGTH, causal=True)
    with pytest.raises(ValueError, match=r"TransformerStack: causal = True .*both sides"):
        TransformerStack(DIM, HEADS, 2, encoding=name, length=LENGTH, causal=True)
    MultiHeadAttention(DIM, HEADS, encoding=name, length=LENGTH)
