"""What is prepared once: places, what encodings make of them, and layers that share it."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from posenc_lib import (
    AlibiBias,
    AxialRotary,
    Door,
    KeyValueCache,
    MultiHeadAttention,
    Places,
    TransformerStack,
    XposRotary,
    encodings,
    make_encoding,
    relative_positions,
)
from tests.reference import RotaryInTwentyLines, randomise, tokens

DIM, HEADS, LENGTH = 32, 4, 64
ENTRIES = encodings()
every = pytest.mark.parametrize("name", ENTRIES)
by_itself = pytest.mark.parametrize("name", [n for n, e in ENTRIES.items() if not e.sees_ahead])
sizes, starts = st.integers(1, 7), st.integers(-5, 9)


def layer_with(name, causal=True):
    encoding = make_encoding(
        name, dim=DIM, heads=HEADS, length=LENGTH, causal=causal or ENTRIES[name].causal_only
    )
    causal = causal and not ENTRIES[name].sees_ahead
    layer = MultiHeadAttention(DIM, HEADS, encoding=randomise(encoding, 3), causal=causal)
    return randomise(layer, seed=1).double().eval()


# Places


@given(sizes, sizes, starts, starts, st.booleans(), st.none() | st.integers(1, 9), st.booleans())
def test_places_in_a_row_know_what_any_others_find_pair_by_pair(
    queries, keys, q, k, causal, window, batched
):
    query, key = q + torch.arange(queries), k + torch.arange(keys)
    query = query.expand(2, -1) if batched else query
    near = Places(query, key, causal=causal, window=window)
    far = Places(query.double(), key.double(), causal=causal, window=window)
    assert (near.offset, far.offset) == (k - q, None)
    assert (near.start, far.start) == (k, None)
    distances = relative_positions(query, key)
    assert torch.equal(near.distances, distances)
    assert near.row.tolist() == sorted(set(distances.flatten().tolist()))
    hidden = torch.zeros_like(distances, dtype=torch.bool)
    hidden |= causal & (distances > 0)
    hidden |= window is not None and distances.abs() >= (window or 0)
    for places in (near, far):
        seen = torch.ones_like(hidden) if places.seen is None else places.seen.expand_as(
            hidden.unsqueeze(-3) if places.seen.ndim == 4 else hidden
        )  # fmt: skip
        assert torch.equal(
            seen.reshape(-1, queries, keys)[0], ~hidden.reshape(-1, queries, keys)[0]
        )
    assert near.hides == bool(hidden.any())
    assert (near.seen is None) == (not hidden.any())
    assert near.square == (
        causal and (k - q, queries) == (0, keys) and not (hidden & (distances <= 0)).any()
    )


@given(sizes, sizes, starts)
def test_counting_is_what_given_positions_say(queries, keys, start):
    counted = Places.counting(queries, keys, start=start)
    given = Places(counted.query, counted.key)
    assert (counted.offset, counted.start) == (given.offset, given.start) == (queries - keys, start)
    assert counted.query[-1] == counted.key[-1] == start + keys - 1


# Prepared


@every
@pytest.mark.parametrize(
    "positions", [None, torch.arange(6) + 3, torch.tensor([0, 2, 3, 7, 8, 20])]
)
def test_prepared_is_the_same_as_not_prepared(name, positions):
    layer, x = layer_with(name), tokens(2, 6, DIM)
    if ENTRIES[name].sees_ahead and positions is not None:
        positions = torch.arange(6) + positions[0]  # tokens in a row
    expected, weights = layer(x, positions=positions)
    prepared = layer.prepare(layer.places(x, positions=positions))
    got, same_weights = layer(x, prepared=prepared)
    torch.testing.assert_close(got, expected, rtol=0, atol=0)
    torch.testing.assert_close(same_weights, weights, rtol=0, atol=0)
    again = layer(x, prepared=prepared, need_weights=False)[0]  # what is prepared is not used up
    torch.testing.assert_close(again, expected)


@every
@pytest.mark.parametrize("length", [1, 5, 7])
@pytest.mark.bad_input
def test_what_was_prepared_for_another_length_is_refused(name, length):
    layer = layer_with(name)
    prepared = layer.prepare(layer.places(tokens(2, 6, DIM)))
    with pytest.raises(ValueError, match=r"MultiHeadAttention: length of x = \d.*prepared"):
        layer(tokens(2, length, DIM), prepared=prepared)
    one = layer.prepare(layer.places(tokens(2, 1, DIM)))  # would broadcast
    with pytest.raises(ValueError, match="prepared"):
        layer(tokens(2, 6, DIM), prepared=one)


@pytest.mark.parametrize("name", [n for n, e in ENTRIES.items() if e.door is not Door.EMBEDDINGS])
@pytest.mark.bad_input
def test_every_door_refuses_what_was_prepared_for_another_length_or_batch(name):
    encoding, q = layer_with(name).encoding, torch.randn(2, HEADS, 6, DIM // HEADS).double()
    for positions, wrong in (
        (torch.arange(6), q[:, :, :5]),
        (torch.arange(1), q),
        (torch.tensor([[0, 1, 3, 4, 6, 9]] * 3), q),
    ):
        at, new, key = encoding.prepare(Places(positions, dtype=torch.float64))
        if encoding.door is Door.QUERIES_KEYS:
            with pytest.raises(ValueError, match="prepared"):
                encoding.at_query(wrong, at)
            with pytest.raises(ValueError, match="prepared"):
                encoding.at_key(wrong, new)
        elif encoding.door is Door.SCORES:
            with pytest.raises(ValueError, match="prepared"):
                encoding.at_scores(wrong, wrong, at, key)
            if wrong is not q:
                with pytest.raises(ValueError, match="prepared"):  # other keys alone
                    encoding.at_scores(q, wrong, at, key)


@pytest.mark.bad_input
def test_what_another_layer_prepared_is_refused_unless_it_fits():
    x, alibi = tokens(1, 5, 8, dtype=torch.float32), AlibiBias(2)
    layer, twin = (MultiHeadAttention(8, 2, encoding=alibi, causal=True) for _ in range(2))
    prepared = layer.prepare(layer.places(x))
    twin(x, prepared=prepared)
    for other in (
        MultiHeadAttention(8, 2, encoding=AlibiBias(2), causal=True),
        MultiHeadAttention(8, 2, encoding=alibi, causal=True, window=2),
    ):
        with pytest.raises(ValueError, match="another encoding or mask"):
            other(x, prepared=prepared)
    with pytest.raises(ValueError, match="None beside prepared"):
        layer(x, prepared=prepared, positions=torch.arange(5))
    with pytest.raises(TypeError, match="prepared = 'tuple'"):
        layer(x, prepared=(1, 2))
    with pytest.raises(ValueError, match=r"x.dtype = torch.float64"):
        layer.double()(x.double(), prepared=prepared)
    with pytest.raises(ValueError, match="length of keys"):
        layer.float()(x, prepared=prepared, cache=_filled(layer))


def _filled(layer):
    cache = KeyValueCache()
    layer(tokens(1, 2, 8, dtype=torch.float32), cache=cache)
    return cache


@pytest.mark.bad_input
def test_xpos_asks_for_the_dtype_of_the_queries_that_come():
    """Prepared for float32 input, used under autocast: the reach is that of float16."""
    xpos, positions = XposRotary(4), torch.tensor([3000])
    at, _, _ = xpos.prepare(Places(positions))
    xpos.at_query(torch.ones(1, 1, 1, 4), at)
    with pytest.raises(ValueError, match=r"3000.0 is not allowed.*float16"):
        xpos.at_query(torch.ones(1, 1, 1, 4).half(), at)


# The stack


# What single families of models do, all of it, is decoded at night; the laws decode it in a layer.
@pytest.mark.parametrize("name", [
    pytest.param(n, marks=() if e.on_panels else pytest.mark.every_graph)
    for n, e in ENTRIES.items() if not e.sees_ahead
])  # fmt: skip
@pytest.mark.parametrize("options", [{}, {"window": 3}])
def test_a_stack_is_its_layers_one_by_one_and_decodes_with_its_caches(name, options):
    stack = TransformerStack(DIM, HEADS, 2, encoding=name, length=LENGTH, causal=True, **options)
    stack, x = randomise(stack, 0).double().eval(), tokens(2, 9, DIM)
    counted, gaps = torch.arange(9), torch.tensor([0, 0, 1, 2, 3, 4, 6, 7, 18])
    padding = torch.tensor([[False] + [True] * 8, [True] * 9])
    for positions, given_ in ((counted, {}), (gaps, {}), (gaps, {"padding": padding})):
        expected = stack.at_start.at_embeddings(x, positions)  # what is added is added once
        for layer in stack.layers:
            expected = layer(expected, positions, **given_)
        torch.testing.assert_close(stack(x, positions, **given_), expected)
    if ENTRIES[name].stable:  # the answers of others change as the text grows
        caches, steps = stack.new_caches(), []
        for first, last in [(0, 4), (4, 5), (5, 7), (7, 8), (8, 9)]:
            steps.append(stack(x[:, first:last], caches=caches))
        torch.testing.assert_close(torch.cat(steps, 1), stack(x))


@pytest.mark.bad_input
def test_a_stack_refuses_other_caches():
    stack = TransformerStack(8, 2, 3, encoding="rope", causal=True)
    x = tokens(1, 2, 8, dtype=torch.float32)
    for wrong in ([KeyValueCache()], KeyValueCache()):
        with pytest.raises(ValueError, match="a list of 3 caches"):
            stack(x, caches=wrong)
    caches = stack.new_caches()
    stack(x, caches=caches)
    with pytest.raises(ValueError, match="another layer"):
        stack(x, caches=caches[::-1])
    with pytest.raises(ValueError, match=r"caches = 'lengths \[2, 0, 2\]'"):
        stack(x, caches=[caches[0], KeyValueCache(), caches[2]])
    assert [len(cache) for cache in caches] == [2, 2, 2]


@pytest.mark.bad_input
def test_what_was_prepared_with_a_context_wants_it_again():
    layer, x = MultiHeadAttention(8, 2, encoding="rope"), tokens(1, 6, 8, dtype=torch.float32)
    prepared = layer.prepare(layer.places(x, x, context_positions=torch.arange(6) + 50))
    layer(x, x, prepared=prepared)
    with pytest.raises(ValueError, match="for a context"):
        layer(x, prepared=prepared)


# A learner's class runs as it is


# A learner's class runs as it is


def test_a_class_without_prepare_gets_positions_in_stacks_and_caches():
    stack = TransformerStack(16, 2, 2, encoding=RotaryInTwentyLines(), causal=True)
    stack, x = randomise(stack, 0).double().eval(), tokens(2, 7, 16)
    caches = stack.new_caches()
    steps = [stack(x[:, t : t + 1], caches=caches) for t in range(7)]
    torch.testing.assert_close(torch.cat(steps, 1), stack(x))


# Coordinates of a picture


def test_coordinates_are_cells_and_a_prefix_stays_unturned():
    rope, q = AxialRotary(8, (3, 4), prefix=1), torch.randn(2, 1, 13, 8).double()
    cells = torch.arange(13)
    turned = rope.at_query(q, cells)
    assert torch.equal(turned[:, :, 0], q[:, :, 0])
    plain = AxialRotary(8, (3, 4))
    assert torch.equal(turned[:, :, 1:], plain.at_query(q[:, :, 1:], torch.arange(12)))
    coordinates = torch.stack((torch.arange(12) // 4, torch.arange(12) % 4), -1)
    for at in (coordinates, coordinates[None], coordinates.double(), coordinates.expand(2, -1, -1)):
        torch.testing.assert_close(rope.at_query(q, at), turned, rtol=0, atol=0)
    between = coordinates + torch.tensor([0.5, 0.25])  # centres need not be whole
    moved = rope.at_query(q, between) @ rope.at_key(q, between).mT
    near = turned @ rope.at_key(q, cells).mT
    torch.testing.assert_close(moved[..., 1:, 1:], near[..., 1:, 1:])  # both shifted alike
    layer = randomise(MultiHeadAttention(8, 1, encoding=rope), 0).double()
    x = tokens(2, 13, 8)
    torch.testing.assert_close(layer(x, positions=coordinates)[0], layer(x)[0])
    causal = MultiHeadAttention(8, 1, encoding=rope, causal=True).double()
    causal.load_state_dict(copy.deepcopy(layer.state_dict()))
    torch.testing.assert_close(causal(x, positions=coordinates)[0], causal(x)[0])


@pytest.mark.bad_input
def test_197_tokens_do_not_fit_196_cells():
    rope, q = AxialRotary(16, (14, 14)), torch.randn(1, 1, 197, 16)
    with pytest.raises(ValueError, match="196"):
        rope.at_query(q, torch.arange(197))
    with pytest.raises(ValueError, match="196"):
        MultiHeadAttention(16, 1, encoding=rope)(torch.randn(1, 197, 16))
    AxialRotary(16, (14, 14), prefix=1).at_query(q, torch.arange(197))
    with pytest.raises(ValueError, match="197"):
        AxialRotary(16, (14, 14), prefix=1).at_query(q, torch.arange(198)[:, None].expand(-1, 2))


@pytest.mark.parametrize(("name", "shared"), [("shaw", False), ("t5", True), ("rope", True)])
def test_a_stack_shares_what_its_paper_shares(name, shared):
    encoding = make_encoding(name, dim=16, heads=2)
    stack = TransformerStack(16, heads=2, layers=2, encoding=encoding)
    first, second = (layer.attention.encoding for layer in stack.layers)
    assert (first is second) == shared
