"""No number is lost in silence: by its dtype, by a mask, by its size or by the name it is under."""

import inspect
import math
import sys

import numpy as np
import pytest
import torch

from posenc_lib import (
    AlibiBias,
    AxialLearnedEncoding,
    BertEmbeddings,
    DistanceBias,
    FireBias,
    KerpleLogBias,
    KerplePowerBias,
    LearnedEncoding,
    MultiHeadAttention,
    NezhaRelative,
    Places,
    RotaryEncoding,
    SandwichBias,
    T5Bias,
    TimingEncoding,
    XposRotary,
    axial_sinusoidal_at,
    band_mask,
    causal_mask,
    clip_relative,
    cosine_by_offset,
    cosine_matrix,
    encodings,
    fire_input,
    frequencies,
    geometric_periods,
    index_probe,
    kerple_log,
    kerple_power,
    lookup_relative,
    make_encoding,
    nezha_table,
    plots,
    relative_index,
    relative_positions,
    sandwich_by_distance,
    shift_rotation,
    sinusoidal_table,
    t5_bucket,
    t5_bucket_textbook,
    timing_signal,
    wave_spectrum,
)
from posenc_lib.base import validation
from posenc_lib.checks.exercise import Exercise
from posenc_lib.explorers import grid_explorer, learned_explorer
from tests.test_bad_input import FORM

pytestmark = pytest.mark.bad_input

ENTRIES = encodings()
ones = torch.ones(1)


def refused(error, call, *words):
    """The message of our own error, of exactly this type and of the usual form."""
    with pytest.raises(Exception) as caught:
        call()
    message = str(caught.value).strip('"')
    assert type(caught.value) is error, repr(caught.value)
    assert FORM.fullmatch(message.replace("\n", " ")), message
    for word in words:
        assert word in message
    return message


# By the dtype

LOSSY = [
    torch.bool, torch.complex64, torch.complex128, torch.uint16, torch.uint32, torch.uint64,
    torch.float8_e4m3fn, torch.float8_e5m2,
]  # fmt: skip
HALF = [torch.float16, torch.bfloat16]


def of(dtype, count=5):
    return torch.arange(count).to(dtype)


def quantised(count=5):
    return torch.quantize_per_tensor(torch.arange(float(count)), 1.0, 0, torch.quint8)


@pytest.mark.parametrize("dtype", [*LOSSY, *HALF], ids=str)
@pytest.mark.parametrize("name", ENTRIES)
def test_positions_of_a_dtype_that_loses_numbers_are_refused_by_every_layer(name, dtype):
    layer = MultiHeadAttention(32, 4, encoding=name, length=64, causal=True)
    call = lambda: layer(torch.zeros(1, 5, 32), positions=of(dtype))  # noqa: E731
    refused(TypeError, call, "positions.dtype", str(dtype))


@pytest.mark.parametrize("name", [n for n, e in ENTRIES.items() if "embeddings" in e.door.value])
def test_quantised_positions_are_refused_by_every_encoding_that_is_added(name):
    encoding = make_encoding(name, dim=32, heads=4, length=64)
    refused(TypeError, lambda: encoding(torch.zeros(1, 5, 32), quantised()), "quint8")


TAKE_DISTANCES = {
    "kerple_log": lambda at: kerple_log(at, ones, ones),
    "kerple_power": lambda at: kerple_power(at, ones, ones),
    "KerpleLogBias": lambda at: KerpleLogBias(1).by_distance(at),
    "KerplePowerBias": lambda at: KerplePowerBias(1).by_distance(at),
    "sandwich_by_distance": lambda at: sandwich_by_distance(at, 1),
    "SandwichBias": lambda at: SandwichBias(1).by_distance(at),
    "FireBias": lambda at: FireBias(1).by_distance(at),
    "AlibiBias": lambda at: AlibiBias(2).by_distance(at),
    "AlibiBias, both directions": lambda at: AlibiBias(2, causal=False).by_distance(at),
    "T5Bias": lambda at: T5Bias(2).by_distance(at),
    "t5_bucket": lambda at: t5_bucket(at),
    "t5_bucket_textbook": lambda at: t5_bucket_textbook(at),
    "clip_relative": lambda at: clip_relative(at[None], 2),
    "band_mask": lambda at: band_mask(at[None], before=1, after=1),
    "relative_index": lambda at: relative_index(at[None], 2),
    "lookup_relative": lambda at: lookup_relative(torch.zeros(5, 2), at[None]),
}
TAKE_POSITIONS = {
    "KerpleLogBias.by_pair": lambda at: KerpleLogBias(1).by_pair(at, at),
    "SandwichBias.by_pair": lambda at: SandwichBias(1).by_pair(at, at),
    "FireBias.by_pair": lambda at: FireBias(1).by_pair(at, at),
    "fire_input": lambda at: fire_input(at, at, 1.0, 1.0),
    "relative_positions, queries": lambda at: relative_positions(at, 5),
    "relative_positions, keys": lambda at: relative_positions(5, at),
    "causal_mask": lambda at: causal_mask(at, at),
    "axial_sinusoidal_at": lambda at: axial_sinusoidal_at(at[:, None], 4),
    "timing_signal": lambda at: timing_signal(at, [24.0]),
    "Places": lambda at: Places(at).distances,
    "RotaryEncoding": lambda at: RotaryEncoding(4).at_query(torch.ones(1, 1, 5, 4), at),
    "XposRotary": lambda at: XposRotary(4).at_key(torch.ones(1, 1, 5, 4), at),
    "AlibiBias.at_scores": lambda at: AlibiBias(1).at_scores(*[torch.ones(1, 1, 5, 4)] * 2, at, at),
    "NezhaRelative.at_scores": lambda at: NezhaRelative(4, 2).at_scores(
        *[torch.ones(1, 1, 5, 4)] * 2, at, at
    ),
}
WHOLE_ONLY = {"relative_index", "lookup_relative", "T5Bias", "t5_bucket", "t5_bucket_textbook",
              "NezhaRelative.at_scores"}  # fmt: skip
TAKE = TAKE_DISTANCES | TAKE_POSITIONS


@pytest.mark.parametrize("dtype", [*LOSSY, "quantised"], ids=str)
@pytest.mark.parametrize("name", TAKE)
def test_distances_and_positions_of_a_lossy_dtype_are_refused(name, dtype):
    at = quantised() if dtype == "quantised" else of(dtype)
    refused(TypeError, lambda: TAKE[name](at), ".dtype", str(at.dtype))


@pytest.mark.parametrize("name", TAKE)
def test_distances_and_positions_are_given_as_tensors(name):
    refused(TypeError, lambda: TAKE[name](np.arange(5)))


@pytest.mark.parametrize("dtype", HALF, ids=str)
@pytest.mark.parametrize("name", TAKE_POSITIONS)
def test_positions_in_half_precision_are_refused(name, dtype):
    refused(TypeError, lambda: TAKE[name](of(dtype)), ".dtype", "Half precision")


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", sorted(set(TAKE) - WHOLE_ONLY))
def test_distances_and_positions_that_are_not_finite_are_refused(name, bad):
    at = torch.tensor([0.0, 1.0, bad, 3.0, 4.0])
    refused(ValueError, lambda: TAKE[name](at), "NaN or infinity", "Fill")


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64])
@pytest.mark.parametrize("name", TAKE)
def test_every_other_whole_dtype_gives_the_same_as_int64(name, dtype):
    torch.manual_seed(0)
    expected = TAKE[name](of(torch.int64))
    torch.manual_seed(0)
    assert torch.equal(TAKE[name](of(dtype)), expected)


MAKE_ANGLES = {
    name: entry
    for name, entry in ENTRIES.items()
    if name.startswith(("rope", "xpos", "sinusoidal", "transformer_xl")) and entry.takes_longer
}


@pytest.mark.parametrize("name", MAKE_ANGLES)
@pytest.mark.parametrize("far", [2**53 + 1, -(2**53) - 1, 2**62])
def test_positions_that_float64_cannot_tell_apart_are_refused(name, far):
    encoding = make_encoding(name, dim=8, heads=2, length=9, causal=True)
    at = far + torch.tensor([0, 2])  # not in a row, so that nothing is made from distances alone
    x, heads = torch.ones(1, 2, 8), torch.ones(1, 2, 2, 4)
    calls = {
        "EMBEDDINGS": lambda: encoding.at_embeddings(x, at),
        "QUERIES_KEYS": lambda: encoding.at_query(heads, at),
        "SCORES": lambda: encoding.at_scores(heads, heads, at, at),
    }
    if name == "xpos":
        pytest.skip("its reach ends long before")
    refused(ValueError, calls[encoding.door.name], str(far)[:9], "2**53")


FLOATS = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
MAKE_DTYPE = {
    "timing_signal": lambda dtype: timing_signal(torch.arange(3), [24.0], dtype=dtype),
    "axial_sinusoidal_at": lambda dtype: axial_sinusoidal_at(torch.ones(2, 2), 4, dtype=dtype),
}


@pytest.mark.parametrize("dtype", [*LOSSY, torch.int64, "float32", float, None], ids=str)
@pytest.mark.parametrize("name", MAKE_DTYPE)
def test_a_result_is_never_rounded_to_what_is_no_float(name, dtype):
    refused(TypeError, lambda: MAKE_DTYPE[name](dtype), "dtype", "torch.float32")
    assert [MAKE_DTYPE[name](dtype).dtype for dtype in FLOATS] == FLOATS


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2, torch.int8], ids=str)
@pytest.mark.parametrize("name", ENTRIES)
def test_content_in_float8_is_refused_at_every_door(name, dtype):
    encoding = make_encoding(name, dim=32, heads=4, length=64, causal=ENTRIES[name].causal_only)
    x, at = torch.zeros(1, 5, 32).to(dtype), torch.arange(5)
    heads = torch.zeros(1, 4, 5, 8).to(dtype)
    calls = {
        "embeddings": lambda: encoding.at_embeddings(x, at),
        "queries": lambda: encoding.at_query(heads, at),
        "scores": lambda: encoding.at_scores(heads, heads, at, at),
        "no position": lambda: MultiHeadAttention(32, 4)(x),
    }
    call = next(call for door, call in calls.items() if door in encoding.door.value)
    refused(TypeError, call, "dtype", str(dtype))


# By a mask

masked = np.ma.masked_array(np.arange(24.0).reshape(6, 4) ** 2, mask=np.eye(6, 4))
TAKE_TABLES = {
    "cosine_matrix": cosine_matrix,
    "cosine_by_offset": lambda table: cosine_by_offset(table, 2),
    "wave_spectrum": wave_spectrum,
    "index_probe": index_probe,
    "grid_explorer": lambda table: grid_explorer(table, (2, 3)),
    "learned_explorer": learned_explorer,
    "weight_maps": lambda table: plots.attention.weight_maps({"map": table}, "abcd"),
    "Heatmap": lambda table: plots.Heatmap("map", table, "query", "key", "weight"),
    "Curves": lambda table: plots.Curves("map", np.arange(4), table, list("abcdef"), "x", "y"),
}


@pytest.mark.parametrize("name", TAKE_TABLES)
def test_a_masked_array_is_refused_and_not_stripped_of_its_mask(name):
    for table in (masked, np.ma.masked_array(masked.data)):  # in the second nothing is masked
        with pytest.raises(TypeError, match=r"a masked array.* not allowed.*\.filled\("):
            TAKE_TABLES[name](table)


def test_an_answer_that_is_masked_is_wrong_in_words():
    exercise = Exercise("ones", np.ones, lambda: [(3,)], mistakes=())
    found = exercise(lambda n: np.ma.masked_array(np.ones(n), mask=[1, 0, 0]))
    assert not found.correct and "masked array" in str(found)
    assert exercise(np.ones).correct


def test_a_number_out_of_a_masked_array_is_refused():
    refused(TypeError, lambda: frequencies(4, base=np.ma.masked_array(100.0, mask=True)))
    refused(TypeError, lambda: frequencies(4, base=np.ma.masked))


# By its part or kind


@pytest.mark.parametrize(
    "value",
    [
        1j, np.complex128(100 + 2j), np.array(100 + 2j), torch.tensor(100 + 2j),
        torch.tensor(100 + 0j), "100", b"100", bytearray(b"100"), np.array("100"),
        np.timedelta64(100, "s"), np.datetime64("2025-01-01"), True, np.bool_(True), None, [100.0],
        torch.tensor(True), torch.ones(2), np.ones(2), torch.tensor(100.0, device="meta"),
    ],
    ids=repr,
)  # fmt: skip
def test_what_is_no_real_number_is_none(value):
    refused(TypeError, lambda: validation.real("f", "x", value), "f: x", "Pass one float")


@pytest.mark.parametrize("value", [10**400, -(10**400), 10**5000, math.inf, math.nan], ids=range(5))
def test_what_no_float_holds_is_refused_in_words(value):
    refused(ValueError, lambda: validation.real("f", "x", value), "a finite number")


def test_what_is_a_real_number_is_taken():
    for value in (2, 2.0, np.float32(2), np.int8(2), np.array(2), torch.tensor(2), ones[0] + 1):
        assert validation.real("f", "x", value) == 2.0


# By its size

SIZES = {"dim", "heads", "head_dim", "length", "trained_length", "rotary_dim", "max_distance"}
SIZES |= {"buckets", "hidden", "max_position", "prefix"}
HUGE = [2**63, 2**64, 10**30, 10**5000]


def arguments(cls):
    return inspect.signature(cls).parameters.values()


def sized(cls):
    return [p.name for p in arguments(cls) if p.name in SIZES]


CLASSES = {entry.cls.__name__: entry for entry in ENTRIES.values()}
SIZED = [(name, size) for name, entry in CLASSES.items() for size in sized(entry.cls)]
USUAL = {"shape": (4, 4), "factor": 2.0, "shortest": 1.0, "longest": 9.0}


@pytest.mark.parametrize("value", HUGE, ids=["2^63", "2^64", "10^30", "10^5000"])
@pytest.mark.parametrize(("name", "size"), SIZED)
def test_a_size_past_64_bits_is_refused_by_every_class(name, size, value):
    cls = CLASSES[name].cls
    needed = {p.name: USUAL.get(p.name, 16) for p in arguments(cls) if p.default is p.empty}
    refused(ValueError, lambda: cls(**needed | {size: value}), size, "2**63 - 1")


@pytest.mark.parametrize(
    "call",
    [
        lambda n: sinusoidal_table(n, 4), lambda n: sinusoidal_table(4, n), frequencies,
        lambda n: shift_rotation(1, n), lambda n: nezha_table(n, 4), lambda n: nezha_table(2, n),
        lambda n: relative_positions(n, 3), lambda n: relative_positions(3, n),
        lambda n: relative_positions(3, 3, clip=n), lambda n: causal_mask(n, 3),
        lambda n: geometric_periods(n, 1, 2), lambda n: MultiHeadAttention(n, 2),
        lambda n: MultiHeadAttention(4, n), lambda n: LearnedEncoding(2, 2).extended(n),
        lambda n: AxialLearnedEncoding(4, (n, 2)), lambda n: make_encoding("rope", dim=n, heads=2),
        lambda n: make_encoding("learned", dim=4, heads=2, length=n),
        lambda n: index_probe(np.ones((9, 2)), folds=n), lambda n: relative_index(of(int)[None], n),
    ],
)  # fmt: skip
@pytest.mark.parametrize("value", HUGE, ids=["2^63", "2^64", "10^30", "10^5000"])
def test_a_size_past_64_bits_is_refused_by_functions(call, value):
    refused(ValueError, lambda: call(value), "2**63 - 1")


def test_an_offset_past_64_bits_is_refused_and_none_wraps():
    for offset in (2**63, -(2**63) - 1, 10**30):
        refused(ValueError, lambda offset=offset: relative_positions(3, 3, offset=offset), "offset")
    assert relative_positions(2, 2, offset=2**62)[0, 0] == -(2**62)


@pytest.mark.parametrize("far", [2**63 - 1, 2**62 + 1, -(2**63)])
def test_whole_positions_whose_distance_might_wrap_are_refused(far):
    at = torch.tensor([0, far])
    for pair in ((at, 2), (2, at), (at, at)):
        refused(ValueError, lambda pair=pair: relative_positions(*pair), "2**62", "int64")
    ends = torch.tensor([-(2**62), 2**62 - 1])
    assert relative_positions(ends, ends)[0].tolist() == [0, 2**63 - 1]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", TAKE)
def test_the_farthest_real_distances_and_positions_give_numbers_or_are_refused(name, dtype):
    farthest = torch.finfo(dtype).max
    for far in (farthest, -farthest, farthest / 2, 1e38, -1e38, 2.0**64, -(2.0**63)):
        at = torch.tensor([far, -far, 0.0, 1.0, 3.0], dtype=dtype)
        torch.manual_seed(0)
        try:
            found = TAKE[name](at)
        except (TypeError, ValueError) as error:
            assert FORM.fullmatch(str(error).replace("\n", " ")), error
        else:
            assert found.isfinite().all()


# By a choice of words


@pytest.mark.parametrize(
    "value",
    [np.array(["half", "interleaved"]), np.array("half"), torch.arange(2), ["half"], ("half",),
     {"half": 1}, None, 1, True, b"half", "Half", "", "halff"],
    ids=repr,
)  # fmt: skip
def test_what_is_not_one_of_the_words_is_refused_by_every_choice(value):
    words = "one of 'interleaved', 'half'"
    refused(ValueError, lambda: validation.choice("f", "x", value, ("interleaved", "half")), words)
    refused(ValueError, lambda: validation.choice("f", "x", value, ["interleaved", "half"]), words)
    for entry in CLASSES.values():
        for choice in {"layout", "form"} & {p.name for p in arguments(entry.cls)}:
            make = lambda e=entry, c=choice: make_encoding(  # noqa: E731
                e.name, dim=32, heads=4, length=64, **{c: value}
            )
            refused(ValueError, make, choice, "one of")


def test_a_word_that_is_nearly_right_is_named():
    refused(ValueError, lambda: RotaryEncoding(4, layout="Half"), "Did you mean 'half'?")
    refused(ValueError, lambda: RotaryEncoding(4, layout="gpt"), "Check the spelling.")


# By an extreme number: finite in, finite out, or an error

TINY, MAX = 5e-324, sys.float_info.max
LONG = torch.tensor([-(2**63), -(2**63) + 1, -1, 0, 1, 2**63 - 1])


@pytest.mark.parametrize("name", [n for n in TAKE_DISTANCES if "clip" not in n and "band" not in n])
def test_the_longest_whole_distances_give_numbers(name):
    torch.manual_seed(0)
    found = TAKE_DISTANCES[name](LONG)
    assert torch.isfinite(found).all()


@pytest.mark.parametrize("bias", [KerpleLogBias(2), KerplePowerBias(2)])
def test_the_longest_distance_is_the_largest_penalty(bias):
    past = bias.by_distance(LONG[:4])
    assert (past.diff() >= 0).all() and (past[:, 0] < past[:, 2]).all()


@pytest.mark.parametrize("value", [TINY, 1e-300, 1e-150, 1e-37, 1.0, 1e37, 1e150, 1e300, MAX])
@pytest.mark.parametrize("argument", ["r1", "r2"])
@pytest.mark.parametrize("cls", [KerpleLogBias, KerplePowerBias])
def test_a_start_of_kerple_is_kept_or_refused(cls, argument, value):
    try:
        bias = cls(1, **{argument: value})
    except ValueError as error:
        assert argument in str(error) and not 1e-37 <= value < (2 if cls != KerpleLogBias else 1e37)
        return
    assert float(getattr(bias, argument).detach()) == pytest.approx(value, rel=1e-4)
    assert torch.isfinite(bias.by_distance(LONG)).all()


@pytest.mark.parametrize("value", [TINY, 1e-300, 1e-37, 1.0, 1e37, 1e300, MAX])
@pytest.mark.parametrize("kernel", [kerple_log, kerple_power])
@pytest.mark.parametrize("first", [True, False])
def test_the_parameters_of_a_kernel_give_numbers_or_are_refused(kernel, value, first):
    extreme = torch.tensor([value], dtype=torch.float64)
    try:
        found = kernel(LONG, *((extreme, ones) if first else (ones, extreme)))
    except ValueError as error:
        assert "at most" in str(error) and value > 1
    else:
        assert torch.isfinite(found).all()


@pytest.mark.parametrize("c", [TINY, 1e-300, 1e-100, 1.0, 1e99, 1e300, MAX])
@pytest.mark.parametrize("threshold", [TINY, 1e-300, 1e-100, 1.0, 1e99, 1e300, MAX])
def test_fire_gives_shares_or_refuses(c, threshold):
    at = torch.tensor([0, 3, 2**62])
    inside = all(1e-100 <= value < 1e100 for value in (c, threshold))
    if inside:
        found = fire_input(at, at, c, threshold)
        assert ((found >= 0) & (found <= 1)).all()
        bias = FireBias(1, c=c, threshold=threshold)
        assert torch.isfinite(bias.by_distance(-at.clamp(max=min(threshold, 2.0**62)))).all()
        assert torch.isfinite(bias.by_pair(at, at)).all()
    else:
        refused(ValueError, lambda: fire_input(at, at, c, threshold), "1e-100", "1e+100")
        refused(ValueError, lambda: FireBias(1, c=c, threshold=threshold), "1e-100", "1e+100")
    exact = torch.tensor(c, dtype=torch.float64), torch.tensor(threshold, dtype=torch.float64)
    if not inside:
        refused(ValueError, lambda: fire_input(at, at, *exact))


ENDS = [TINY, 2.5e-308, 1e-300, 1e-160, 1.0, 1e160, 1e300, MAX]


@pytest.mark.parametrize(
    ("shortest", "longest"), [(a, b) for a in ENDS for b in ENDS if a < b], ids=str
)
def test_periods_of_any_size_rise_between_their_ends(shortest, longest):
    found = geometric_periods(8, shortest, longest)
    assert torch.isfinite(found).all() and (found > 0).all()
    assert (found.diff() > 0).all()
    assert float(found[0]) == shortest
    assert float(found[-1]) == pytest.approx(longest, rel=1e-12)
    zero = torch.zeros(1, dtype=torch.int64)
    if shortest > 1e-10:  # below, no time can be placed in a period; that is refused
        assert torch.isfinite(timing_signal(zero, found)).all()
        encode = TimingEncoding(8, shortest=shortest, longest=longest)
        assert torch.isfinite(encode(torch.zeros(1, 1, 8), zero - 1)).all()


@pytest.mark.parametrize("scale", [TINY, 1e-320, 1e-200, 1e-20, 1.0, 1e20, 1e200, 1e308])
def test_what_is_read_off_a_table_does_not_change_with_its_unit(scale):
    table = np.array([[1, 0], [1, 1], [0, 1], [-1, 1], [-1, 0], [0, -1], [1, 0], [1, 1]]) * 1.0
    scaled = table * scale
    np.testing.assert_allclose(cosine_matrix(scaled), cosine_matrix(table), atol=1e-12)
    np.testing.assert_allclose(cosine_by_offset(scaled, 3), cosine_by_offset(table, 3), atol=1e-12)
    np.testing.assert_allclose(wave_spectrum(scaled)[1], wave_spectrum(table)[1], atol=1e-12)
    assert index_probe(scaled) == index_probe(table)


def test_rows_of_very_different_length_have_a_cosine():
    table = np.array([[TINY, 0], [1e308, 1e308], [0, 1e-200], [0.0, 0.0]])
    found, half = cosine_matrix(table), math.sqrt(0.5)
    expected = [[1, half, 0], [half, 1, half], [0, half, 1]]
    np.testing.assert_allclose(found[:3, :3], expected, atol=1e-12)
    assert np.isnan(found[3]).all()  # a row of zeros has no direction


@pytest.mark.parametrize("std", [TINY, 1e-300, 1e-46, 1e-39, 3e38, 1e39, 1e300, MAX])
def test_a_spread_that_float32_does_not_hold_is_refused(std):
    for make in (
        lambda: LearnedEncoding(3, 4, std=std), lambda: AxialLearnedEncoding(4, (2, 3), std=std)
    ):  # fmt: skip
        refused(ValueError, make, "std", "1e-37 to 1e+37")


@pytest.mark.parametrize("std", [0, 1e-37, 0.02, 1e37])
def test_a_spread_that_float32_holds_is_drawn(std):
    for encode in (LearnedEncoding(30, 40, std=std), AxialLearnedEncoding(40, (20, 30), std=std)):
        for parameter in encode.parameters():
            assert torch.isfinite(parameter).all()
            drawn = parameter.detach().double() / (std or 1.0)
            assert drawn.std().item() == pytest.approx(1.0 if std else 0.0, rel=0.1)


@pytest.mark.parametrize("eps", [TINY, 1e-300, 1e-46, 1e39, 1e300, MAX])
def test_an_epsilon_that_float32_does_not_hold_is_refused(eps):
    refused(ValueError, lambda: BertEmbeddings(9, 4, eps=eps), "eps", "1e-37", "1e+37")


def test_the_smallest_epsilon_still_divides():
    embed = BertEmbeddings(9, 1, eps=1e-37, dropout=0.0)  # one column: its variance is 0
    assert torch.isfinite(embed(torch.tensor([[1, 2]]))).all()


# By another name


@pytest.mark.parametrize(("theirs", "ours"), validation.SYNONYMS.items())
def test_a_name_from_elsewhere_is_answered_with_ours(theirs, ours):
    error = validation.unknown_option("f", theirs, ["other", ours])
    assert type(error) is TypeError
    assert FORM.fullmatch(str(error)) and f"Did you mean {ours!r}?" in str(error)


def test_a_name_that_nobody_knows_is_answered_with_all_there_are():
    assert "one of 'base', 'layout'. Check" in str(
        validation.unknown_option("f", "zz", ["base", "layout"])
    )
    assert "expected no options." in str(validation.unknown_option("f", "zz", []))


def test_a_bias_of_ones_own_still_takes_any_distance():
    class Recency(DistanceBias):
        def by_distance(self, distance):
            return -distance.abs().double().unsqueeze(0)

    x, at = torch.zeros(1, 1, 3, 4), torch.tensor([0.0, 0.5, 2.5])
    assert Recency().at_scores(x, x, at, at)[0, 0].tolist() == [0.0, -0.5, -2.5]
