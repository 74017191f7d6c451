"""Laws of RoPE's length scaling: PI, NTK, dynamic NTK, YaRN and Llama 3."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posenc_lib import (
    DynamicNtkRotary,
    InterpolatedRotary,
    Llama3Rotary,
    NtkRotary,
    RotaryEncoding,
    YarnRotary,
    dynamic_ntk_factor,
    interpolated_frequencies,
    llama3_frequencies,
    ntk_base,
    ntk_frequencies,
    yarn_frequencies,
    yarn_magnitude,
)

# The pair 0 is the fastest: w falls along the axis.
pairs = st.integers(2, 40)
factors = st.floats(1.0, 64.0)
bases = st.floats(2.0, 1e7)
lengths = st.integers(8, 200_000)


def plain(rotary_dim, base=10000.0):
    """RoPE's w_i from `RotaryEncoding`, which none of the scaled functions calls."""
    return RotaryEncoding(rotary_dim, base=base).frequencies()


def random(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def scores(query, key):
    return query @ key.transpose(-1, -2)


# Position interpolation


@given(pairs, factors, bases, lengths)
def test_pi_is_rope_at_divided_positions_and_makes_no_new_angle(count, factor, base, trained):
    rope, pi = (
        RotaryEncoding(2 * count, base=base),
        InterpolatedRotary(2 * count, factor, base=base),
    )
    positions = torch.tensor([0, 1, 5, math.floor((trained - 1) * factor)])
    torch.testing.assert_close(
        pi.angles(positions), rope.angles(positions.double() / factor), rtol=1e-12, atol=0
    )
    largest_seen = rope.angles(torch.tensor([trained - 1]))
    assert (pi.angles(positions) <= largest_seen * (1 + 1e-12)).all()


# NTK


@settings(max_examples=25)
@given(pairs, factors, bases)
def test_ntk_keeps_the_fastest_pair_and_divides_the_slowest_by_exactly_the_factor(
    count, factor, base
):
    w, scaled = plain(2 * count, base), ntk_frequencies(2 * count, factor, base=base)
    assert scaled[0] == 1.0
    assert scaled[-1] == w[-1] / factor
    share = (w / scaled).log() / max(math.log(factor), 1e-3)
    if factor > 1.001:  # even steps of the logarithm between the two
        torch.testing.assert_close(share.diff(), torch.full_like(share[1:], 1 / (count - 1)))


@settings(max_examples=25)
@given(pairs, factors, bases)
def test_ntk_is_rope_at_the_larger_base(count, factor, base):
    """The textbook form, base' = base s^(d / (d - 2)), is the same function."""
    larger = plain(2 * count, ntk_base(base, factor, 2 * count))
    torch.testing.assert_close(
        NtkRotary(2 * count, factor, base=base).frequencies(), larger, rtol=1e-12, atol=0
    )


def test_ntk_worked_by_hand():
    # d = 4: exponent d / (d - 2) = 2, so base 100 and factor 3 give 900; w = 1 and 900^(-1/2).
    assert ntk_base(100.0, 3.0, 4) == pytest.approx(900.0)
    torch.testing.assert_close(
        ntk_frequencies(4, 3.0, base=100.0), torch.tensor([1.0, 1 / 30]).double(), rtol=1e-7, atol=0
    )


# Dynamic NTK


@settings(max_examples=25)
@given(st.integers(1, 50), st.integers(1, 400), st.floats(1.0, 8.0))
def test_dynamic_ntk_is_ntk_at_the_factor_of_the_length_and_rope_to_the_last_bit_within_it(
    trained, length, factor
):
    """Whatever was asked before; beside it in the batch is a row that is longer."""
    dynamic = DynamicNtkRotary(12, trained, factor=factor)
    positions, s = torch.arange(length), max(1.0, factor * length / trained - (factor - 1))
    dynamic.angles(positions + 1000)
    found = dynamic.angles(torch.stack((positions, positions + 500)))[0]
    expected = NtkRotary(12, s).angles(positions)
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=0)
    rope = RotaryEncoding(12).angles(positions)
    assert torch.equal(found, rope) == (length <= trained or length == 1 or s == 1)


def test_dynamic_ntk_factor_worked_by_hand():
    lengths = torch.tensor([[1, 2048, 2049], [4096, 8192, 0]])
    one = dynamic_ntk_factor(lengths, 2048)
    assert one.tolist() == [[1, 1, 2049 / 2048], [2, 4, 1]]  # n / L
    two = dynamic_ntk_factor(lengths, 2048, factor=2.0)
    assert two.tolist() == [[1, 1, 1 + 2 / 2048], [3, 7, 1]]  # 2 n / L - 1


def test_a_fraction_of_a_position_does_not_make_a_text_longer():
    dynamic = DynamicNtkRotary(4, 4)
    for last, length in ((3.0, 4), (3.9, 4), (4.0, 5), (7.25, 8), (-2.5, 4)):
        angles = dynamic.angles(torch.tensor([1.0, last]))
        s = max(1.0, length / 4)
        torch.testing.assert_close(angles[0, 1].item(), 0.01 / s)
    assert dynamic.at_query(random(1, 2, 0, 4), torch.arange(0)).shape == (1, 2, 0, 4)


def test_a_cache_of_turned_keys_is_stale_under_dynamic_ntk_only():
    query, key = random(1, 2, 40, 16, seed=1), random(1, 2, 40, 16, seed=2)
    for encoding, stale in (
        (RotaryEncoding(16), False),
        (YarnRotary(16, 4.0, trained_length=4096), False),
        (DynamicNtkRotary(16, 40), False),  # within the trained length there is no fault
        (DynamicNtkRotary(16, 10), True),
    ):
        whole = encoding.at_key(key, torch.arange(40))
        kept = torch.cat([encoding.at_key(key[..., t : t + 1, :], torch.tensor([t]))
                          for t in range(40)], -2)  # fmt: skip
        last = encoding.at_query(query, torch.arange(40))[..., -1:, :]
        gap = (scores(last, kept) - scores(last, whole)).abs().max()
        assert gap > 0.5 if stale else gap < 1e-12
        assert encoding.keeps_turned_keys == (not isinstance(encoding, DynamicNtkRotary))


# YaRN


def test_the_two_forms_of_yarn_are_not_the_same_numbers():
    w = plain(128)
    share = {}
    for form in ("paper", "code"):
        found = yarn_frequencies(128, 16.0, 4096, form=form)
        share[form] = (found / w - 1 / 16) / (1 - 1 / 16)  # gamma
    # r = 32 at pair 20.94 and r = 1 at pair 45.03, which the code moves out to 20 and 46.
    assert [int((share["paper"] == g).sum()) for g in (1, 0)] == [21, 18]
    assert [int((share["code"] == g).sum()) for g in (1, 0)] == [21, 18]
    assert share["paper"][33].item() == pytest.approx(0.15, abs=0.005)
    assert share["code"][33].item() == pytest.approx(0.5)
    line = 1 - (torch.arange(64) - 20).clamp(0, 26).double() / 26
    torch.testing.assert_close(share["code"], line, rtol=0, atol=1e-15)


@given(pairs, factors, st.integers(1, 10**9), bases, st.booleans())
def test_the_codes_form_stays_between_interpolation_and_rope(count, s, trained, base, truncate):
    """Also where all pairs are fast or all are slow, and the ends of the ramp meet."""
    w = plain(2 * count, base)
    found = yarn_frequencies(
        2 * count, s, trained, base=base, form="code", truncate=truncate
    )  # fmt: skip
    kept = found / w
    assert ((kept >= (1 / s) * (1 - 1e-12)) & (kept <= 1 + 1e-12)).all()
    assert (kept.diff() <= 1e-12).all()  # a slower pair is never kept more than a faster one


@settings(max_examples=15)
@given(factors)
def test_yarn_multiplies_what_it_turns_by_the_magnitude_and_leaves_the_rest(s):
    m = 0.1 * math.log(s) + 1
    assert yarn_magnitude(s) == pytest.approx(m)
    yarn, x = YarnRotary(8, s, trained_length=64, rotary_dim=4), random(1, 2, 9, 8)
    found = yarn.at_query(x, torch.arange(9) + 70)
    torch.testing.assert_close(found[..., :4].norm(dim=-1), m * x[..., :4].norm(dim=-1))
    assert torch.equal(found[..., 4:], x[..., 4:])
    silent = YarnRotary(8, s, trained_length=64, rotary_dim=4, magnitude=1.0)
    quiet = silent.at_query(x, torch.arange(9) + 70)
    torch.testing.assert_close(found[..., :4], m * quiet[..., :4])


def test_yarn_magnitude_worked_by_hand():
    assert yarn_magnitude(1.0) == 1.0
    assert yarn_magnitude(math.exp(2)) == pytest.approx(1.2)
    assert yarn_magnitude(math.exp(2), slope=0.05) == pytest.approx(1.1)


# Llama 3.1


@given(pairs, factors, lengths, bases, st.floats(0.1, 8.0), st.floats(1.5, 64.0))
def test_llama3_and_yarns_paper_form_are_definition_2_with_ends_of_their_own(
    count, s, trained, base, low, ratio
):
    high, loop = low * ratio, []
    for i in range(count):
        w = base ** (-2 * i / (2 * count))
        r = trained / (2 * math.pi / w)
        gamma = 0.0 if r < low else 1.0 if r > high else (r - low) / (high - low)
        loop.append((1 - gamma) * w / s + gamma * w)
    loop = torch.tensor(loop, dtype=torch.float64)
    llama = llama3_frequencies(2 * count, s, trained, base=base, low=low, high=high)
    yarn = yarn_frequencies(2 * count, s, trained, base=base, alpha=low, beta=high)
    torch.testing.assert_close(llama, loop, rtol=1e-11, atol=0)
    torch.testing.assert_close(yarn, loop, rtol=1e-11, atol=0)


@pytest.mark.parametrize(
    ("cls", "function", "required", "options"),
    [
        (InterpolatedRotary, interpolated_frequencies, {"factor": 4.0}, {"base": 50.0}),
        (NtkRotary, ntk_frequencies, {"factor": 4.0}, {"base": 50.0}),
        (
            YarnRotary, yarn_frequencies, {"factor": 4.0, "trained_length": 4096},
            {"base": 5e4, "alpha": 2.0, "beta": 9.0, "form": "code", "truncate": False},
        ),
        (
            Llama3Rotary, llama3_frequencies, {"factor": 4.0, "trained_length": 4096},
            {"base": 5e4, "low": 2.0, "high": 9.0},
        ),
    ],
)  # fmt: skip
def test_a_class_hands_every_setting_to_its_function_and_factor_1_is_rope(
    cls, function, required, options
):
    model = cls(80, **required, rotary_dim=64, **options)
    assert torch.equal(model.frequencies(), function(64, **required, **options))
    for name in options:  # and each of them matters
        fewer = {key: value for key, value in options.items() if key != name}
        assert not torch.equal(model.frequencies(), function(64, **required, **fewer)), name
    silent = function(64, **required | {"factor": 1.0}, base=10000.0)
    torch.testing.assert_close(silent, plain(64), rtol=1e-15, atol=0)
