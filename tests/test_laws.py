"""What every entry of the registry must obey, and what each one says about itself."""

import copy
import inspect

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posenc_lib import Door, KeyValueCache, MultiHeadAttention, encodings, make_encoding
from tests.reference import tokens

DIM, HEADS, LENGTH = 32, 4, 64
HEAD_DIM = DIM // HEADS
ENTRIES = encodings()
TOLERANCE = {torch.float64: 1e-9, torch.float32: 2e-4, torch.bfloat16: 0.15}

every = pytest.mark.parametrize("name", ENTRIES)
dtypes = pytest.mark.parametrize("dtype", TOLERANCE, ids=lambda dtype: str(dtype)[6:])
few = settings(max_examples=15)


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
    return MultiHeadAttention(DIM, HEADS, encoding=made(name), causal=causal).to(dtype).eval()


def logits(layer, x, positions):
    """The scores before mask and softmax, (batch, heads, query, key), whatever the door."""
    encoding = layer.encoding
    x = encoding.at_embeddings(x, positions)
    query, key = (layer._split(project(x)) for project in (layer.to_query, layer.to_key))
    query, key = encoding.at_query(query, positions), encoding.at_key(key, positions)
    scores = query @ key.transpose(-1, -2) / HEAD_DIM**0.5
    bias = encoding.at_scores(query, key, positions, positions)
    return scores if bias is None else scores + bias


def past(scores, positions):
    """The scores of keys that do not lie after the query: all that a causal encoding defines."""
    return scores[..., positions[None, :] <= positions[:, None]]


def names_that(condition):
    return pytest.mark.parametrize("name", [n for n, e in ENTRIES.items() if condition(e)])


# What the scores depend on

gaps = st.lists(st.integers(1, 5), min_size=2, max_size=8)


@names_that(lambda entry: entry.distance_only)
@dtypes
@few
@given(gaps=gaps, shift=st.integers(1, 3000), seed=st.integers(0, 9))
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


@names_that(lambda entry: not entry.distance_only and entry.name != "none")
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


def test_without_an_encoding_positions_change_nothing():
    layer, x = layer_with("none"), tokens(1, 5, DIM)
    assert torch.equal(logits(layer, x, torch.arange(5)), logits(layer, x, torch.arange(5) * 7))


@names_that(lambda entry: entry.name != "none")
def test_the_order_of_the_tokens_changes_the_output(name):
    layer, x = layer_with(name), tokens(1, 6, DIM)
    order, positions = [3, 0, 2, 1, 4, 5], torch.arange(6)  # the last token sees all others
    scores = logits(layer, x, positions)[..., 5, :]
    mixed = logits(layer, x[:, order], positions)[..., 5, :]
    assert (mixed - scores[..., order]).abs().max() > 1e-6


def test_without_an_encoding_the_order_of_the_others_is_not_seen():
    layer, x, positions = layer_with("none"), tokens(1, 6, DIM), torch.arange(6)
    scores = logits(layer, x, positions)[..., 5, :]
    mixed = logits(layer, x[:, [3, 0, 2, 1, 4, 5]], positions)[..., 5, :]
    torch.testing.assert_close(mixed, scores[..., [3, 0, 2, 1, 4, 5]])


@names_that(lambda entry: entry.door is Door.QUERIES_KEYS)
@few
@given(start=st.integers(0, 100_000), seed=st.integers(0, 9))
def test_a_rotation_keeps_norms(name, start, seed):
    if name == "xpos":
        pytest.skip("xPos stretches and shrinks on purpose; tests/test_xpos.py")
    start = start if ENTRIES[name].takes_longer else start % (LENGTH - 4)
    encoding, x = made(name), tokens(2, HEADS * 5, HEAD_DIM, seed=seed).unflatten(1, (HEADS, 5))
    turned = encoding.at_query(x, start + torch.arange(5))
    magnitude = encoding.magnitude  # YaRN multiplies on purpose
    torch.testing.assert_close(turned.norm(dim=-1), magnitude * x.norm(dim=-1))
    assert torch.equal(encoding.at_key(x, start + torch.arange(5)), turned)


# In a layer


@every
@dtypes
@few
@given(length=st.integers(2, 12), seed=st.integers(0, 9), cut=st.integers(1, 11))
def test_a_causal_layer_ignores_the_future(name, dtype, length, seed, cut):
    cut = min(cut, length - 1)
    layer, x = layer_with(name, dtype), tokens(2, length, DIM, seed=seed, dtype=dtype)
    changed = torch.cat((x[:, :cut], x[:, cut:] * -3 + 1), 1)
    before, after = layer(x)[0][:, :cut], layer(changed)[0][:, :cut]
    torch.testing.assert_close(before, after, rtol=0, atol=TOLERANCE[dtype] / 100)


@every
@few
@given(rows=st.integers(2, 4), length=st.integers(1, 9), start=st.integers(0, 40))
def test_batch_rows_get_the_same_positions(name, rows, length, start):
    layer, x = layer_with(name), tokens(1, length, DIM)
    alone, positions = layer(x, positions=start + torch.arange(length))[0], None
    positions = (start + torch.arange(length)).expand(rows, length)
    together = layer(x.expand(rows, -1, -1), positions=positions)[0]
    torch.testing.assert_close(together, alone.expand(rows, -1, -1))


@every
def test_left_padding_changes_nothing_for_the_real_tokens(name):
    layer, x = layer_with(name), tokens(2, 6, DIM)
    positions = torch.tensor([[0, 0, 0, 1, 2, 3], [0, 1, 2, 3, 4, 5]])
    padding = torch.tensor([[False] * 2 + [True] * 4, [True] * 6])
    output = layer(x, positions=positions, padding=padding)[0]
    torch.testing.assert_close(output[:1, 2:], layer(x[:1, 2:])[0])
    torch.testing.assert_close(output[1:], layer(x[1:])[0])


@every
@pytest.mark.parametrize("by", ["padding", "mask"])
def test_tokens_that_nobody_sees_might_as_well_not_be_there(name, by):
    layer, x = layer_with(name), tokens(1, 8, DIM)
    real = torch.tensor([True, True, False, True, False, False, True, True])
    positions = real.cumsum(0) - 1  # the rest do not count
    shut = {"padding": real[None]} if by == "padding" else {"mask": real.expand(8, 8)}
    output = layer(x, positions=positions, **shut)[0][:, real]
    torch.testing.assert_close(output, layer(x[:, real])[0])


@every
def test_gradients_reach_every_parameter_and_the_input(name):
    layer = layer_with(name)
    x = tokens(2, LENGTH, DIM).requires_grad_()
    layer(x)[0].square().sum().backward()
    for label, value in [("x", x), *layer.named_parameters()]:
        assert value.grad is not None, label
        assert torch.isfinite(value.grad).all(), label
        assert value.grad.abs().max() > 0 or label == "to_key.bias", label


@every
def test_a_state_dict_goes_round(name):
    layer, other = layer_with(name), layer_with(name, seed=5)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    other.load_state_dict(copy.deepcopy(layer.state_dict()))
    x = tokens(2, 7, DIM)
    assert torch.equal(layer(x)[0], other(x)[0])
    assert set(layer.encoding.state_dict()) == {n for n, _ in layer.encoding.named_parameters()}


@every
def test_the_fused_output_is_the_explained_one(name):
    layer, x = layer_with(name, torch.float32), tokens(2, 9, DIM, dtype=torch.float32)
    padding = torch.tensor([[True] * 9, [True] * 5 + [False] * 4])
    output, weights = layer(x, padding=padding, need_weights=False)
    assert weights is None
    torch.testing.assert_close(output, layer(x, padding=padding)[0], rtol=1e-5, atol=1e-6)


# Decoding


@every
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


@names_that(lambda entry: not entry.stable)
def test_an_unstable_encoding_does_change_what_it_said(name):
    layer, x = layer_with(name), tokens(1, 2 * LENGTH, DIM)
    long, short = layer(x)[0], layer(x[:, :LENGTH])[0]
    assert (long[:, :LENGTH] - short).abs().max() > 1e-4
    cache = KeyValueCache()
    layer(x[:, :-1], cache=cache)
    torch.testing.assert_close(layer(x[:, -1:], cache=cache)[0], long[:, -1:])


# Graphs


ONE_OF_A_KIND = ("sinusoidal_2d", "rope_yarn", "shaw", "transformer_xl", "t5", "cope")


@pytest.mark.unchecked
@pytest.mark.parametrize(
    ("name", "dynamic"), [(n, False) for n in ENTRIES] + [(n, True) for n in ONE_OF_A_KIND]
)
def test_compiled_in_one_graph_it_gives_the_same_numbers(name, dynamic):
    torch._dynamo.reset()
    layer, x = layer_with(name, torch.float32), tokens(2, 7, DIM, dtype=torch.float32)
    backend = "eager" if dynamic else "aot_eager"  # dynamic: can it be traced for any length?
    compiled = torch.compile(layer, fullgraph=True, backend=backend, dynamic=dynamic)
    positions = torch.tensor([[3, 4, 5, 6, 7, 8, 9], [0, 1, 2, 3, 0, 1, 2]])
    for where in (None, positions):
        got, expected = compiled(x, positions=where), layer(x, positions=where)
        torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.unchecked
@every
def test_exported_it_gives_the_same_numbers(name):
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


@every
@pytest.mark.parametrize("built", ["on the CPU", "on the meta device"])
def test_on_the_meta_device_it_has_a_shape(name, built):
    with torch.device("meta" if built == "on the meta device" else "cpu"):
        encoding = make_encoding(
            name, dim=DIM, heads=HEADS, length=LENGTH, causal=ENTRIES[name].causal_only
        )
        layer = MultiHeadAttention(DIM, HEADS, encoding=encoding, causal=True).to("meta")
    x, heads = torch.zeros(2, 7, DIM, device="meta"), torch.zeros(2, HEADS, 7, 8, device="meta")
    counted = torch.arange(7, device="meta")
    for positions in (None, counted, counted.expand(2, 7)):
        output, weights = layer(x, positions=positions)
        assert output.is_meta and output.shape == (2, 7, DIM)
        assert weights.is_meta and weights.shape == (2, HEADS, 7, 7)
    for positions in (counted, counted.expand(2, 7)):
        assert encoding.at_embeddings(x, positions).shape == x.shape
        assert encoding.at_query(heads, positions).shape == heads.shape
        assert encoding.at_key(heads, positions).shape == heads.shape
        bias = encoding.at_scores(heads, heads, positions, positions)
        assert bias is None or bias.broadcast_to(2, HEADS, 7, 7).is_meta
        if encoding.door is Door.EMBEDDINGS:
            assert encoding(x, positions).is_meta


# Precision

NEARER = {
    "learned": 0,  # the tables end before position 100,000
    "learned_2d": 0,
    "sinusoidal_2d": 0,  # and so does the grid
    "rope_2d": 0,
    "xpos": 2000,  # its factors leave the range of float16 soon after; it says so
}


def parts(encoding, dtype, positions):
    """What each door returns for fixed content that is exact in every dtype."""
    x = tokens(1, len(positions), DIM).mul(8).round().div(8)
    heads = x.unflatten(-1, (HEADS, HEAD_DIM)).transpose(1, 2).to(dtype)
    yield encoding.at_embeddings(x.to(dtype), positions)
    yield encoding.at_query(heads, positions)
    yield encoding.at_key(heads, positions)
    bias = encoding.at_scores(heads, heads, positions, positions)
    if bias is not None:
        keep = positions[None, :] <= positions[:, None]
        yield bias.expand(1, HEADS, *keep.shape)[..., keep]


@every
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_far_positions_are_within_one_rounding_of_float64(name, dtype):
    positions = NEARER.get(name, 100_000) + torch.tensor([0, 1, 2, 5, 11, 30])
    exact = made(name, dtype).double()  # the same parameters, rounded to the dtype first
    rough = copy.deepcopy(exact).to(dtype)
    for ours, truth in zip(
        parts(rough, dtype, positions), parts(exact, torch.float64, positions), strict=True
    ):
        exponent = torch.frexp(truth).exponent - 1
        half_step = torch.ldexp(torch.full_like(truth, torch.finfo(dtype).eps / 2), exponent)
        inside = 3e-6 * max(1.0, float(truth.abs().max()))  # the products are float32
        assert ((ours.double() - truth).abs() <= half_step + inside).all()


@names_that(lambda entry: "base" in inspect.signature(entry.cls).parameters)
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
    layer.load_state_dict(again.state_dict())
    back = layer.double()
    back.load_state_dict(again.state_dict())
    assert torch.equal(back(x)[0], expected)


# What the registry says


@every
def test_the_number_of_parameters_is_what_the_formula_says(name):
    entry = ENTRIES[name]
    for dim, heads, length in ((32, 4, 64), (24, 2, 30)):
        encoding = make_encoding(
            name, dim=dim, heads=heads, length=length, causal=entry.causal_only
        )
        rows = -(-length // (columns := int((length - 1) ** 0.5) + 1))
        sizes = {
            "dim": dim, "heads": heads, "head_dim": dim // heads, "length": length,
            "shape": (rows, columns), **entry.defaults,
        }  # fmt: skip
        found = sum(parameter.numel() for parameter in encoding.parameters())
        assert found == eval(entry.parameters, {}, sizes)


@every
def test_longer_than_made_for_works_or_is_an_error_as_said(name):
    x, positions = tokens(1, 3, DIM), torch.tensor([0, LENGTH - 1, 4 * LENGTH])
    if ENTRIES[name].takes_longer:
        assert torch.isfinite(layer_with(name)(x, positions=positions)[0]).all()
    else:
        with pytest.raises((IndexError, ValueError), match=f"positions = {4 * LENGTH} is not"):
            layer_with(name)(x, positions=positions)
        layer_with(name)(x, positions=positions.clamp(max=LENGTH - 1))  # the last one is taken


@every
def test_the_entry_agrees_with_the_class(name):
    entry, encoding = ENTRIES[name], made(name)
    assert entry.name == name
    assert entry.door is encoding.door
    assert entry.causal_only == encoding.causal_only
    assert isinstance(encoding, entry.cls)


@every
def test_a_layer_takes_the_name(name):
    layer = MultiHeadAttention(DIM, HEADS, encoding=name, length=LENGTH, causal=True)
    assert isinstance(layer.encoding, ENTRIES[name].cls)
    assert layer(tokens(1, 4, DIM, dtype=torch.float32))[0].shape == (1, 4, DIM)


def test_the_registry_is_a_table_that_nobody_changes():
    table = ENTRIES._repr_markdown_().splitlines()
    assert len(table) == len(ENTRIES) + 2
    assert {line.count("|") for line in table} == {8}
    assert len(repr(ENTRIES).splitlines()) == len(ENTRIES)
    with pytest.raises(TypeError):
        ENTRIES["mine"] = ENTRIES["rope"]
    with pytest.raises(KeyError, match="Did you mean 'rope'"):
        ENTRIES["ropey"]
    assert "ropey" not in ENTRIES and ENTRIES.get("RoPE") is None


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
    with pytest.raises(ValueError, match="make_encoding: prefix = -1"):
        make_encoding("learned_2d", dim=8, heads=2, length=197, prefix=-1)


@names_that(lambda entry: entry.causal_only)
@pytest.mark.bad_input
def test_a_causal_encoding_is_refused_in_a_layer_that_sees_the_future(name):
    with pytest.raises(ValueError, match="causal = False"):
        MultiHeadAttention(DIM, HEADS, encoding=name, length=LENGTH)
