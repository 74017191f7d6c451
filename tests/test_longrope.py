"""LongRoPE: which list is used when, and a cache that grows past the switch. Partial rotation."""

import math

import pytest
import torch

from posenc_lib import (
    Combined,
    DynamicNtkRotary,
    KeyValueCache,
    LayerPlan,
    LongRotary,
    MultiHeadAttention,
    PartialRotary,
    PositionPlan,
    QueryTemperature,
    RotaryEncoding,
    TransformerStack,
    longrope_frequencies,
    longrope_magnitude,
)
from tests.reference import randomise, tokens

TRAINED = 6


def rope(**options):
    return LongRotary(
        8, 4.0, trained_length=TRAINED, short=[1, 1, 1.5, 2], long=[1, 2, 4, 4], **options
    )


def test_the_list_is_that_of_the_length_of_each_row():
    encoding = rope()
    rows = torch.tensor([[0, 1, 2, 5], [3, 4, 5, 6], [0, 0, 0, 0], [5, 5, 5, 9]])
    angles = encoding.angles(rows)
    for positions, found, length in zip(rows, angles, (6, 7, 1, 10), strict=True):
        torch.testing.assert_close(found, positions[:, None] * encoding.frequencies(length))
    short, long = encoding.frequencies(TRAINED), encoding.frequencies(TRAINED + 1)
    assert torch.equal(short, encoding.frequencies())
    plain = RotaryEncoding(8).frequencies()
    torch.testing.assert_close(plain / short, torch.tensor([1, 1, 1.5, 2]).double())
    torch.testing.assert_close(plain / long, torch.tensor([1, 2, 4, 4]).double())


def test_values_by_hand():
    # sqrt(1 + ln 32 / ln 4096) = sqrt(1 + 5 / 12)
    assert longrope_magnitude(32.0, 4096) == pytest.approx((17 / 12) ** 0.5, abs=1e-12)
    assert longrope_magnitude(1.0, 4096) == 1.0
    assert rope().magnitude == longrope_magnitude(4.0, TRAINED)
    assert rope(magnitude=1.5).magnitude == 1.5
    assert longrope_frequencies(4, [2, 5], base=100.0).tolist() == [0.5, 0.02]
    for length in (3, TRAINED + 3):  # with ones throughout it is RoPE in any text
        flat, at = LongRotary(8, 1.0, trained_length=TRAINED), torch.arange(length)
        torch.testing.assert_close(flat.angles(at), RotaryEncoding(8).angles(at))


def test_a_layer_turns_its_keys_again_where_a_cached_text_passes_the_trained_length():
    layer = MultiHeadAttention(16, 2, encoding=rope(), causal=True)
    layer, x = randomise(layer, 0).double().eval(), tokens(2, 10, 16)
    cache, steps = KeyValueCache(), []
    for first, last in [(0, 4), (4, 6), (6, 7), (7, 10)]:
        steps.append(layer(x[:, first:last], cache=cache)[0])
        full = layer(x[:, :last])[0][:, first:last]
        torch.testing.assert_close(steps[-1], full)  # as the text is then, not as it was
    assert (layer(x)[0][:, :6] - torch.cat(steps[:2], 1)).abs().max() > 1e-3
    cache.crop(5)  # back into the short list
    torch.testing.assert_close(layer(x[:, 5:6], cache=cache)[0], layer(x[:, :6])[0][:, 5:])


@pytest.mark.parametrize("given", [False, True])
def test_a_stack_refuses_to_pass_the_trained_length_behind_a_cache(given):
    stack = TransformerStack(16, 2, 2, encoding=rope(), causal=True)
    stack, x = randomise(stack, 0).double().eval(), tokens(2, 10, 16)
    caches = stack.new_caches()

    def positions(first, last):
        gaps = torch.stack((torch.arange(10), torch.arange(10) - 2))  # rows of two lengths
        return gaps[:, first:last] if given else None

    stack(x[:, :5], positions(0, 5), caches=caches)
    stack(x[:, 5:6], positions(5, 6), caches=caches)  # up to it: no word
    with pytest.raises(ValueError, match=r"LongRotary: length of the text = 7.*new caches"):
        stack(x[:, 6:7], positions(6, 7), caches=caches)
    assert [len(cache) for cache in caches] == [6, 6]  # as they were
    fresh = stack.new_caches()  # what it says to do
    again = stack(x[:, :9], positions(0, 9), caches=fresh)
    torch.testing.assert_close(again, stack(x[:, :9], positions(0, 9)))
    last = stack(x[:, 9:], positions(9, 10), caches=fresh)
    torch.testing.assert_close(last, stack(x, positions(0, 10))[:, 9:])


def test_one_layer_or_a_plan_with_others_is_asked_in_the_same_way():
    x = tokens(1, 8, 16, dtype=torch.float32)
    for plan, refused in (
        (PositionPlan([LayerPlan(rope())]), False),  # exact in one layer
        (PositionPlan([LayerPlan(RotaryEncoding(8)), LayerPlan(rope())]), True),
    ):
        stack = TransformerStack(16, 2, plan=plan)
        caches = stack.new_caches()
        stack(x[:, :5], caches=caches)
        if refused:
            with pytest.raises(ValueError, match="beside a cache of 5 tokens"):
                stack(x[:, 5:], caches=caches)
        else:
            stack(x[:, 5:], caches=caches)


# A share of the features


@pytest.mark.parametrize("layout", ["half", "interleaved"])
def test_an_even_cut_is_rope_on_the_first_features(layout):
    x, at = tokens(1, 5, 16).unflatten(-1, (1, 16)).transpose(1, 2), torch.arange(5) + 3
    cut = PartialRotary(16, 0.5, layout=layout)
    assert torch.equal(
        cut.at_query(x, at), RotaryEncoding(16, rotary_dim=8, layout=layout).at_query(x, at)
    )
    odd = PartialRotary(16, 0.33, layout=layout)  # 5 features: 6 are turned, exponents of 5
    assert odd.rotary_dim == 6
    torch.testing.assert_close(odd.frequencies(), 10000.0 ** (-2 * torch.arange(3).double() / 5))
    assert torch.equal(odd.at_query(x, at)[..., 6:], x[..., 6:])
    assert (odd.at_query(x, at)[..., :6] != x[..., :6]).all()


def test_proportional_leaves_out_the_slowest_pairs_of_the_whole_head():
    x, at = tokens(1, 5, 16).unflatten(-1, (1, 16)).transpose(1, 2), torch.arange(5) + 3
    turned = PartialRotary(16, 0.25, form="proportional", layout="half").at_query(x, at)
    whole = RotaryEncoding(16, layout="half").at_query(x, at)
    moved = torch.tensor([0, 1, 8, 9])
    still = torch.tensor([n for n in range(16) if n not in moved])
    assert torch.equal(turned[..., still], x[..., still])
    assert torch.equal(turned[..., moved], whole[..., moved])
    every = PartialRotary(16, 1.0, form="proportional", factor=2.0)
    torch.testing.assert_close(every.frequencies(), RotaryEncoding(16).frequencies() / 2)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: LongRotary(8, 4.0, trained_length=4, long=[1.0]), ValueError, "There are 1"),
        (lambda: LongRotary(8, 4.0, trained_length=4, short=[1, 1, 0, 1]), ValueError, "short = 0"),
        (lambda: LongRotary(8, 4.0, trained_length=4, long=3.0), TypeError, "long = 'float'"),
        (lambda: LongRotary(8, 4.0, trained_length=1), ValueError, "trained_length = 1"),
        (lambda: PartialRotary(8, 1.5), ValueError, "share = 1.5"),
        (lambda: PartialRotary(8, 0.1), ValueError, "share = 0.1"),
        (lambda: PartialRotary(8, 0.2, form="proportional"), ValueError, "share = 0.2"),
        (lambda: PartialRotary(7, 1.0), ValueError, "rotary_dim = 8"),
    ],
)
def test_what_makes_no_pairs_is_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()


# A temperature that grows with the position


def test_the_temperature_steps_as_each_model_counts():
    at = torch.tensor([0, 6, 7, 8, 15, 16])
    llama = QueryTemperature(8, slope=0.1).factors(at)
    ministral = QueryTemperature(8, slope=0.1, first=0).factors(at)
    log2, log3 = 1 + 0.1 * math.log(2), 1 + 0.1 * math.log(3)
    torch.testing.assert_close(llama, torch.tensor([1, 1, log2, log2, log3, log3]).double())
    torch.testing.assert_close(ministral, torch.tensor([1, 1, 1, log2, log2, log3]).double())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_query_in_half_precision_is_rounded_once(dtype):
    heat, at = QueryTemperature(3, slope=0.7), torch.arange(9)
    x = tokens(2, 9, 8, dtype=dtype)[:, None]
    expected = (x.double() * heat.factors(at)[:, None]).to(dtype)
    assert torch.equal(heat.at_query(x, at), expected)


@pytest.mark.parametrize("rotation", [RotaryEncoding(8), DynamicNtkRotary(8, trained_length=4)])
def test_beside_a_rotation_it_multiplies_the_scores_of_each_query(rotation):
    both = Combined(rotation, QueryTemperature(3, slope=2.0))
    layer = MultiHeadAttention(16, 2, encoding=both, causal=True)
    layer, x = randomise(layer, 0).double().eval(), tokens(2, 9, 16)
    plain = MultiHeadAttention(16, 2, encoding=rotation, causal=True)
    plain.load_state_dict(layer.state_dict(), strict=False)
    factor = both.parts[1].factors(torch.arange(9))
    cooler = plain.double().eval()(x)[1].log() * factor[:, None]
    torch.testing.assert_close(layer(x)[1], cooler.softmax(-1))
    cache = KeyValueCache()
    for first, last in [(0, 2), (2, 3), (3, 7), (7, 9)]:
        step = layer(x[:, first:last], cache=cache)[0]
        torch.testing.assert_close(step, layer(x[:, :last])[0][:, first:])


@pytest.mark.bad_input
def test_a_position_without_a_logarithm_is_refused():
    with pytest.raises(ValueError, match=r"positions = -2.0.*from -1"):
        QueryTemperature(8).factors(torch.tensor([-1, -2]))
