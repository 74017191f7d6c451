"""Laws of RoPE's length scaling: PI, NTK, dynamic NTK, YaRN and Llama 3."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from posenc_lib import (
    DynamicNtkRotary,
    InterpolatedRotary,
    Llama3Rotary,
    MultiHeadAttention,
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

FIXED = {  # one of each whose frequencies do not depend on the text, for head_dim 16
    "pi": lambda **options: InterpolatedRotary(16, 4.0, **options),
    "ntk": lambda **options: NtkRotary(16, 4.0, **options),
    "yarn": lambda **options: YarnRotary(16, 4.0, trained_length=4096, **options),
    "yarn code": lambda **options: YarnRotary(16, 4.0, trained_length=4096, form="code", **options),
    "llama3": lambda **options: Llama3Rotary(16, 8.0, trained_length=8192, **options),
}
ALL = {**FIXED, "dynamic": lambda **options: DynamicNtkRotary(16, 32, factor=2.0, **options)}
fixed = pytest.mark.parametrize("make", FIXED.values(), ids=FIXED)
every = pytest.mark.parametrize("make", ALL.values(), ids=ALL)


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


@given(st.integers(1, 60), st.integers(1, 60), st.floats(1.0, 8.0), st.booleans())
def test_dynamic_ntk_within_the_trained_length_is_rope_to_the_last_bit(
    trained, length, factor, half
):
    layout = "half" if half else "interleaved"
    dynamic = DynamicNtkRotary(16, trained, factor=factor, layout=layout)
    rope, x = RotaryEncoding(16, layout=layout), random(2, 3, length, 16, dtype=torch.float32)
    positions = torch.arange(length)
    same = torch.equal(dynamic.at_query(x, positions), rope.at_query(x, positions))
    assert same == (length <= trained)


def test_dynamic_ntk_factor_worked_by_hand():
    lengths = torch.tensor([[1, 2048, 2049], [4096, 8192, 0]])
    one = dynamic_ntk_factor(lengths, 2048)
    assert one.tolist() == [[1, 1, 2049 / 2048], [2, 4, 1]]  # n / L
    two = dynamic_ntk_factor(lengths, 2048, factor=2.0)
    assert two.tolist() == [[1, 1, 1 + 2 / 2048], [3, 7, 1]]  # 2 n / L - 1


@given(st.integers(1, 50), st.integers(1, 400), st.floats(1.0, 8.0))
def test_dynamic_ntk_is_ntk_at_the_factor_of_the_length(trained, length, factor):
    positions = torch.arange(length)
    s = max(1.0, factor * length / trained - (factor - 1))
    ntk = NtkRotary(12, s)
    found = DynamicNtkRotary(12, trained, factor=factor).angles(positions)
    torch.testing.assert_close(found, ntk.angles(positions), rtol=1e-11, atol=0)


def test_each_row_of_dynamic_ntk_has_its_own_length():
    dynamic = DynamicNtkRotary(16, 8, factor=2.0)
    rows = torch.stack([torch.arange(6), torch.arange(6) + 30, torch.arange(6).flip(0)])
    together = dynamic.angles(rows)
    for row, angles in zip(rows, together, strict=True):
        assert torch.equal(dynamic.angles(row), angles)
        assert torch.equal(dynamic.angles(row[None])[0], angles)
    assert torch.equal(together[0], RotaryEncoding(16).angles(rows[0]))
    assert not torch.equal(together[1], RotaryEncoding(16).angles(rows[1]))


def test_a_fraction_of_a_position_does_not_make_a_text_longer():
    dynamic = DynamicNtkRotary(4, 4)
    for last, length in ((3.0, 4), (3.9, 4), (4.0, 5), (7.25, 8), (-2.5, 4)):
        angles = dynamic.angles(torch.tensor([1.0, last]))
        s = max(1.0, length / 4)
        torch.testing.assert_close(angles[0, 1].item(), 0.01 / s)
    assert dynamic.at_query(random(1, 2, 0, 4), torch.arange(0)).shape == (1, 2, 0, 4)


def test_dynamic_ntk_keeps_nothing_between_calls():
    dynamic = DynamicNtkRotary(16, 8)
    short, middle, long = (torch.arange(n) for n in (8, 20, 90))
    first = [dynamic.angles(p) for p in (short, middle, long)]
    again = [dynamic.angles(p) for p in (long, middle, short)][::-1]
    for one, other in zip(first, again, strict=True):
        assert torch.equal(one, other)


def decode(encoding, query, key, *, turn_all):
    """Scores of the last token against all keys, decoding one token at a time.

    turn_all=True keeps keys as they came and turns all of them at each step; False keeps what
    was turned when the token came, as a cache of turned keys does.
    """
    turned = []
    for step in range(query.shape[-2]):
        seen = torch.arange(step + 1)
        last = encoding.at_query(query[..., step : step + 1, :], seen[-1:])
        if turn_all:
            keys = encoding.at_key(key[..., : step + 1, :], seen)
        else:
            turned.append(encoding.at_key(key[..., step : step + 1, :], seen[-1:]))
            keys = torch.cat(turned, -2)
    return scores(last, keys)[..., 0, :]


@pytest.mark.parametrize("turn_all", [False, True])
def test_a_cache_of_turned_keys_is_stale_under_dynamic_ntk_only(turn_all):
    query, key = random(1, 2, 40, 16, seed=1), random(1, 2, 40, 16, seed=2)
    positions = torch.arange(40)

    def gap(encoding):
        whole = scores(encoding.at_query(query, positions), encoding.at_key(key, positions))
        found = decode(encoding, query, key, turn_all=turn_all)
        return (found - whole[..., -1, :]).abs().max()

    for make in FIXED.values():
        assert gap(make()) < 1e-12
    assert gap(DynamicNtkRotary(16, 40)) < 1e-12  # within the trained length there is no fault
    stale = gap(DynamicNtkRotary(16, 10))
    assert stale < 1e-12 if turn_all else stale > 0.5


def test_a_causal_pass_is_not_decoding_under_dynamic_ntk():
    """What the docstring warns of: an early answer changes when tokens are added."""
    x = random(1, 40, 16, seed=3, dtype=torch.float32)
    for trained, changes in ((40, False), (10, True)):
        layer = MultiHeadAttention(16, 2, encoding=DynamicNtkRotary(8, trained), causal=True)
        gap = (layer(x)[0][:, :15] - layer(x[:, :15])[0]).abs().max()
        assert (gap > 1e-3) == changes


# YaRN


def yarn_loop(rotary_dim, s, trained, base, alpha, beta):
    """Definition 2, one pair at a time."""
    result = []
    for i in range(rotary_dim // 2):
        theta = base ** (-2 * i / rotary_dim)
        r = trained / (2 * math.pi / theta)
        gamma = 0.0 if r < alpha else 1.0 if r > beta else (r - alpha) / (beta - alpha)
        result.append((1 - gamma) * theta / s + gamma * theta)
    return torch.tensor(result, dtype=torch.float64)


@given(pairs, factors, lengths, bases, st.floats(0.1, 8.0), st.floats(1.5, 64.0))
def test_yarn_is_the_loop_over_definition_2(count, s, trained, base, alpha, ratio):
    beta = alpha * ratio
    found = yarn_frequencies(2 * count, s, trained, base=base, alpha=alpha, beta=beta)
    loop = yarn_loop(2 * count, s, trained, base, alpha, beta)
    torch.testing.assert_close(found, loop, rtol=1e-11, atol=0)


def assert_fast_pairs_stay_and_slow_pairs_are_divided(found, w, s, trained, alpha=1.0, beta=32.0):
    turns = trained * w / (2 * math.pi)
    fast, slow = turns > beta, turns < alpha
    assert fast.any() and slow.any()
    assert torch.equal(found[fast], w[fast])
    assert torch.equal(found[slow], w[slow] / s)
    between = ~fast & ~slow
    assert ((found >= w / s) & (found <= w)).all()
    assert (found[between] < w[between]).all() and (found[between] > w[between] / s).all()
    assert (found.diff() < 0).all()


def yarn_reversed(w, s, trained, alpha=1.0, beta=32.0):
    """The fault: gamma and 1 - gamma exchanged."""
    gamma = ((trained * w / (2 * math.pi) - alpha) / (beta - alpha)).clamp(0, 1)
    return gamma * w / s + (1 - gamma) * w


@pytest.mark.parametrize(("s", "trained", "base"), [(16.0, 4096, 1e4), (4.0, 32768, 1e6)])
def test_yarn_keeps_the_fast_pairs_and_divides_the_slow_ones(s, trained, base):
    w = plain(128, base)
    law = assert_fast_pairs_stay_and_slow_pairs_are_divided
    law(yarn_frequencies(128, s, trained, base=base), w, s, trained)
    for wrong in (
        yarn_reversed(w, s, trained),
        interpolated_frequencies(128, s, base=base),
        ntk_frequencies(128, s, base=base),
        yarn_frequencies(128, s, trained, base=base, alpha=1.0, beta=4.0),
    ):
        with pytest.raises(AssertionError):
            law(wrong, w, s, trained)


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


def test_without_truncation_the_codes_ramp_ends_where_the_papers_does():
    w, s = plain(128), 16.0
    found = yarn_frequencies(128, s, 4096, form="code", truncate=False)
    assert_fast_pairs_stay_and_slow_pairs_are_divided(found, w, s, 4096)
    moved = yarn_frequencies(128, s, 4096, form="code")
    assert (found - moved).abs().max() > 1e-4
    paper = yarn_frequencies(128, s, 4096)
    assert torch.equal(paper, yarn_frequencies(128, s, 4096, truncate=False))


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


@given(factors)
def test_yarn_multiplies_scores_by_the_square_of_the_magnitude(s):
    m = 0.1 * math.log(s) + 1
    assert yarn_magnitude(s) == pytest.approx(m)
    yarn, silent = (
        YarnRotary(8, s, trained_length=64),
        YarnRotary(8, s, trained_length=64, magnitude=1.0),
    )
    q, k, positions = random(1, 2, 9, 8), random(1, 2, 9, 8, seed=1), torch.arange(9) + 70
    loud = scores(yarn.at_query(q, positions), yarn.at_key(k, positions))
    quiet = scores(silent.at_query(q, positions), silent.at_key(k, positions))
    torch.testing.assert_close(loud, quiet * m**2)
    torch.testing.assert_close(yarn.at_query(q, positions).norm(dim=-1), m * q.norm(dim=-1))


def test_yarn_magnitude_worked_by_hand():
    assert yarn_magnitude(1.0) == 1.0
    assert yarn_magnitude(math.exp(2)) == pytest.approx(1.2)
    assert yarn_magnitude(math.exp(2), slope=0.05) == pytest.approx(1.1)
    assert YarnRotary(4, math.exp(2), trained_length=64).magnitude == pytest.approx(1.2)


def test_under_partial_rotation_the_rest_keeps_its_size():
    yarn = YarnRotary(8, 16.0, trained_length=64, rotary_dim=4)
    x = random(1, 1, 3, 8)
    turned = yarn.at_key(x, torch.arange(3))
    assert torch.equal(turned[..., 4:], x[..., 4:])
    torch.testing.assert_close(turned[0, 0, 0, :4], x[0, 0, 0, :4] * yarn_magnitude(16.0))


# Llama 3


@given(pairs, factors, lengths, bases, st.floats(0.1, 8.0), st.floats(1.5, 64.0))
def test_llama3_is_yarns_paper_form_with_other_ends(count, s, trained, base, low, ratio):
    high = low * ratio
    llama = llama3_frequencies(2 * count, s, trained, base=base, low=low, high=high)
    yarn = yarn_frequencies(2 * count, s, trained, base=base, alpha=low, beta=high)
    torch.testing.assert_close(llama, yarn, rtol=1e-12, atol=0)


def test_the_published_settings_of_llama_3_1():
    w, found = plain(128, 500000.0), llama3_frequencies(128, 8.0, 8192)
    # r = L w / (2 pi) is 4 at pair 28.22 and 1 at pair 34.98.
    assert torch.equal(found[:29], w[:29])
    assert torch.equal(found[35:], w[35:] / 8)
    assert ((found < w) & (found > w / 8))[29:35].all()
    r = 8192 * 500000.0 ** (-30 / 64) / (2 * math.pi)
    assert found[30].item() == pytest.approx(w[30].item() * ((4 - r) / 3 / 8 + (r - 1) / 3))
    model = Llama3Rotary(128, 8.0, trained_length=8192)
    assert torch.equal(model.frequencies(), found) and model.magnitude == 1.0


# All of them


def test_factor_1_is_rope():
    for function in (
        lambda: interpolated_frequencies(64, 1.0),
        lambda: ntk_frequencies(64, 1.0),
        lambda: yarn_frequencies(64, 1.0, 4096),
        lambda: yarn_frequencies(64, 1.0, 4096, form="code"),
        lambda: llama3_frequencies(64, 1.0, 4096, base=10000.0),
    ):
        torch.testing.assert_close(function(), plain(64), rtol=1e-15, atol=0)


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
def test_a_class_hands_every_setting_to_its_function(cls, function, required, options):
    model = cls(80, **required, rotary_dim=64, **options)
    assert torch.equal(model.frequencies(), function(64, **required, **options))
    for name in options:  # and each of them matters
        fewer = {key: value for key, value in options.items() if key != name}
        assert not torch.equal(model.frequencies(), function(64, **required, **fewer)), name


@fixed
@given(st.integers(-3000, 3000), st.integers(0, 100_000))
def test_scores_depend_on_the_distance_only(make, distance, start):
    encoding = make()
    q, k = random(1, 1, 1, 16, seed=1), random(1, 1, 1, 16, seed=2)

    def score(at):
        at = torch.tensor([at])
        return scores(encoding.at_query(q, at), encoding.at_key(k, at + distance))

    torch.testing.assert_close(score(start), score(0), rtol=0, atol=1e-8)


def test_scores_of_dynamic_ntk_depend_on_the_length_too():
    dynamic = DynamicNtkRotary(16, 32)
    q, k = random(1, 1, 20, 16, seed=1), random(1, 1, 20, 16, seed=2)

    def at(start):
        positions = torch.arange(20) + start
        return scores(dynamic.at_query(q, positions), dynamic.at_key(k, positions))

    torch.testing.assert_close(at(0), at(12))  # both within 32
    assert (at(0) - at(13)).abs().max() > 1e-3
    assert (at(0) - at(500)).abs().max() > 0.5


@every
def test_the_half_layout_is_the_interleaved_one_after_the_permutation(make):
    x, positions = random(2, 2, 50, 16), torch.arange(50)
    order = torch.cat([torch.arange(0, 16, 2), torch.arange(1, 16, 2)])
    one = make().at_query(x, positions)[..., order]
    other = make(layout="half").at_query(x[..., order], positions)
    torch.testing.assert_close(one, other)


@every
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_position_100_000_is_within_one_rounding_of_float64(make, dtype):
    positions = torch.tensor([99_999, 100_000])
    x = random(1, 2, 2, 16).to(dtype)
    exact = make().at_query(x.double(), positions)
    found = make().at_query(x, positions)
    assert found.dtype == dtype
    # half a unit in the last place, and the float32 rounding of a sum of two products
    room = exact.abs() * torch.finfo(dtype).eps / 2 + 4e-7
    if dtype == torch.float32:
        room = room + 1e-6
    assert ((found.double() - exact).abs() <= room).all()


@every
def test_nothing_is_trained_or_saved_and_half_precision_changes_no_angle(make):
    encoding = make()
    assert not encoding.state_dict() and not list(encoding.parameters())
    before = encoding.angles(torch.arange(90))
    assert torch.equal(encoding.half().angles(torch.arange(90)), before)
    assert before.dtype == torch.float64


@every
def test_another_base_gives_other_angles_in_any_order(make):
    positions = torch.arange(90)
    first = [make(base=base).angles(positions) for base in (100.0, 1e6)]
    again = [make(base=base).angles(positions) for base in (1e6, 100.0)][::-1]
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])
    assert (first[0] - first[1]).abs().max() > 0.1


def layer_and_rows(make):
    rows = torch.stack([torch.arange(40), torch.arange(40) + 100])  # past 32, row by row
    layer = MultiHeadAttention(32, 2, encoding=make(), causal=True)
    return layer, random(2, 40, 32, dtype=torch.float32), rows


@every
def test_an_exported_layer_gives_the_same_numbers_at_any_length(make):
    layer, x, rows = layer_and_rows(make)
    exported = torch.export.export(layer, (x,), {"positions": rows}).module()
    for positions in (rows, rows + 60, rows * 0 + torch.arange(40) - 20):
        expected = layer(x, positions=positions)[0]
        torch.testing.assert_close(exported(x, positions=positions)[0], expected)


@pytest.mark.unchecked
@every
def test_a_compiled_layer_gives_the_same_numbers_at_any_length(make):
    layer, x, rows = layer_and_rows(make)
    torch._dynamo.reset()
    compiled = torch.compile(layer, fullgraph=True, backend="eager")
    for positions in (None, rows, rows + 60, rows - 120):
        expected = layer(x, positions=positions)[0]
        torch.testing.assert_close(compiled(x, positions=positions)[0], expected)


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        (InterpolatedRotary(8, 2.0), ["factor=2"]),
        (NtkRotary(8, 2.0, layout="half"), ["factor=2", "layout='half'", "head_dim=8"]),
        (DynamicNtkRotary(8, 64, factor=2.0), ["trained_length=64", "factor=2"]),
        (
            YarnRotary(8, 2.0, trained_length=64, form="code", truncate=False, beta=16.0),
            ["factor=2", "trained_length=64", "alpha=1", "beta=16", "'code'", "truncate=False",
             "magnitude=1.06931"],
        ),
        (
            Llama3Rotary(8, 2.0, trained_length=64),
            ["base=500000", "factor=2", "low=1", "high=4", "=64"],
        ),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_every_setting_is_in_the_repr(encoding, shown):
    for part in shown:
        assert part in repr(encoding)


# What the reference does otherwise


def llama(parameters, trained, head_dim=16):
    modeling = pytest.importorskip("transformers.models.llama.modeling_llama")
    parameters = {"rope_theta": 10000.0, **parameters}
    config = modeling.LlamaConfig(
        hidden_size=head_dim, num_attention_heads=1, head_dim=head_dim,
        max_position_embeddings=trained, rope_parameters=parameters,
    )  # fmt: skip
    return modeling.LlamaRotaryEmbedding(config)


def test_in_transformers_a_row_and_an_earlier_call_change_dynamic_ntk():
    """Two differences that our docstring states. If this fails, transformers has changed."""
    parameters = {"rope_type": "dynamic", "factor": 2.0}
    x, short, long = torch.zeros(1), torch.arange(12)[None], torch.arange(12)[None] + 60
    alone = llama(parameters, 16)(x, short)[0]
    beside = llama(parameters, 16)(x, torch.cat([short, long]))[0][:1]
    assert (alone - beside).abs().max() > 0.1
    remembers = llama(parameters, 16)
    remembers(x, long)
    middle = torch.arange(12)[None] + 20
    assert (remembers(x, middle)[0] - llama(parameters, 16)(x, middle)[0]).abs().max() > 0.1


def test_far_out_the_references_float32_angles_are_wrong_and_ours_are_not():
    """Llama 3.1 at the end of its 131,072 positions, beside a loop in float64."""
    theirs = llama(
        {
            "rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0,
            "high_freq_factor": 4.0, "original_max_position_embeddings": 8192,
        }, 131072, head_dim=128,
    )  # fmt: skip
    at = 131_071
    exact = []
    for i in range(64):
        w = 500000.0 ** (-2 * i / 128)
        g = min(1.0, max(0.0, (8192 * w / (2 * math.pi) - 1) / 3))
        exact.append(math.cos(at * ((1 - g) * w / 8 + g * w)))
    exact = torch.tensor(exact, dtype=torch.float64)
    unit = torch.zeros(1, 1, 1, 128)
    unit[..., :64] = 1  # turning it leaves the cosines
    ours = Llama3Rotary(128, 8.0, trained_length=8192, layout="half").at_query(
        unit, torch.tensor([at])
    )
    assert (ours[0, 0, 0, :64] - exact).abs().max() < 1e-7
    cosines = theirs(torch.zeros(1), torch.tensor([[at]]))[0]
    assert (cosines[0, 0, :64] - exact).abs().max() > 1e-3
