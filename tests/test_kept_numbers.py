"""No number is lost in silence: by its dtype, by a mask, by its size or by the name it is under."""

import inspect
import math
import re
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
    TransformerXLRelative,
    XposRotary,
    _validate,
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
    plots,
    relative_index,
    relative_positions,
    sandwich_by_distance,
    sinusoidal_table,
    t5_bucket,
    t5_bucket_textbook,
    timing_signal,
    wave_spectrum,
)
from posenc_lib.checks.exercise import Exercise
from posenc_lib.explorers import grid_explorer

pytestmark = pytest.mark.bad_input

ENTRIES = encodings()
FORM = re.compile(r"[\w.]+: .+? = .+ is not allowed; expected .+\. \S.+")
ones = torch.ones(1)


def refused(error, call, *words):
    """Our own error, of exactly this type and of the usual form."""
    with pytest.raises(Exception) as caught:
        call()
    message = str(caught.value).strip('"').replace("\n", " ")
    assert type(caught.value) is error, repr(caught.value)
    assert FORM.fullmatch(message), message
    assert all(word in message for word in words), message


def heads(dtype=torch.float32):
    return torch.ones(1, 1, 5, 4, dtype=dtype)


def at_scores(encoding):
    return lambda at: encoding.at_scores(heads(), heads(), at, at)


# By the dtype

LOSSY = [
    torch.bool, torch.complex64, torch.complex128, torch.uint16, torch.uint32, torch.uint64,
    torch.float8_e4m3fn, torch.float8_e5m2,
]  # fmt: skip
HALF = [torch.float16, torch.bfloat16]
WHOLE = [torch.uint8, torch.int8, torch.int16, torch.int32]


def of(dtype, count=5):
    return torch.arange(count).to(dtype)


def quantised(count=5):
    return torch.quantize_per_tensor(torch.arange(float(count)), 1.0, 0, torch.quint8)


@pytest.mark.parametrize("name", ENTRIES)
def test_a_layer_refuses_positions_of_a_dtype_that_loses_numbers(name):
    layer, x = (
        MultiHeadAttention(32, 4, encoding=name, length=64, causal=True),
        torch.ones(1, 5, 32),
    )
    for dtype in [*LOSSY, *HALF]:
        call = lambda dtype=dtype: layer(x, positions=of(dtype))  # noqa: E731
        refused(TypeError, call, "positions.dtype", str(dtype))
    for dtype in (torch.float8_e4m3fn, torch.int8):
        refused(TypeError, lambda dtype=dtype: layer(x.to(dtype)), "dtype", str(dtype))


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
    "t5_bucket": t5_bucket,
    "t5_bucket_textbook": t5_bucket_textbook,
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
    "RotaryEncoding": lambda at: RotaryEncoding(4).at_query(heads(), at),
    "XposRotary": lambda at: XposRotary(4).at_key(heads(), at),
    "AlibiBias.at_scores": at_scores(AlibiBias(1)),
    "NezhaRelative.at_scores": at_scores(NezhaRelative(4, 2)),
    "TransformerXLRelative.at_scores": at_scores(TransformerXLRelative(4, 1)),
}
WHOLE_ONLY = {"relative_index", "lookup_relative", "T5Bias", "t5_bucket", "t5_bucket_textbook",
              "NezhaRelative.at_scores"}  # fmt: skip
TAKE = TAKE_DISTANCES | TAKE_POSITIONS


@pytest.mark.parametrize("name", TAKE)
def test_distances_and_positions_are_kept_whole_or_refused(name):
    take = TAKE[name]
    for at in (quantised(), *(of(dtype) for dtype in LOSSY)):
        refused(TypeError, lambda at=at: take(at), ".dtype", str(at.dtype))
    refused(TypeError, lambda: take(np.arange(5)))
    if name in TAKE_POSITIONS:
        for dtype in HALF:
            refused(TypeError, lambda dtype=dtype: take(of(dtype)), ".dtype", "Half precision")
    if name not in WHOLE_ONLY:
        for bad in (math.nan, math.inf, -math.inf):
            at = torch.tensor([0.0, 1.0, bad, 3.0, 4.0])
            refused(ValueError, lambda at=at: take(at), "NaN or infinity", "Fill")

    def seeded(at):
        torch.manual_seed(0)
        return take(at)

    expected = seeded(of(torch.int64))
    assert all(torch.equal(seeded(of(dtype)), expected) for dtype in WHOLE)


MAKE_ANGLES = [
    name
    for name, entry in ENTRIES.items()
    if name.startswith(("rope", "sinusoidal", "transformer_xl")) and entry.takes_longer
]


@pytest.mark.parametrize("name", MAKE_ANGLES)
@pytest.mark.parametrize("far", [2**53 + 1, -(2**53) - 1, 2**62])
def test_positions_that_float64_cannot_tell_apart_are_refused(name, far):
    encoding = make_encoding(name, dim=8, heads=2, length=9, causal=True)
    at = far + torch.tensor([0, 2])  # not in a row, so that nothing is made from distances alone
    x, split = torch.ones(1, 2, 8), torch.ones(1, 2, 2, 4)
    calls = {
        "EMBEDDINGS": lambda: encoding.at_embeddings(x, at),
        "QUERIES_KEYS": lambda: encoding.at_query(split, at),
        "SCORES": lambda: encoding.at_scores(split, split, at, at),
    }
    refused(ValueError, calls[encoding.door.name], str(far)[:9], "2**53")


# By a mask

masked = np.ma.masked_array(np.arange(24.0).reshape(6, 4) ** 2, mask=np.eye(6, 4))
TAKE_TABLES = {
    "cosine_matrix": cosine_matrix,
    "wave_spectrum": wave_spectrum,
    "grid_explorer": lambda table: grid_explorer(table, (2, 3)),
    "Heatmap": lambda table: plots.Heatmap("map", table, "query", "key", "weight"),
}


@pytest.mark.parametrize("name", TAKE_TABLES)
def test_a_masked_array_is_refused_and_not_stripped_of_its_mask(name):
    for table in (masked, np.ma.masked_array(masked.data)):  # in the second nothing is masked
        with pytest.raises(TypeError, match=r"a masked array.* not allowed.*\.filled\("):
            TAKE_TABLES[name](table)


def test_a_masked_answer_or_number_is_no_answer_and_no_number():
    exercise = Exercise("ones", np.ones, lambda: [(3,)], mistakes=())
    found = exercise(lambda n: np.ma.masked_array(np.ones(n), mask=[1, 0, 0]))
    assert not found.correct and "masked array" in str(found)
    assert exercise(np.ones).correct
    for number in (np.ma.masked_array(100.0, mask=True), np.ma.masked):
        refused(TypeError, lambda number=number: frequencies(4, base=number))


# By its kind, size or word


def test_a_number_loses_no_part_and_no_kind_on_its_way_to_a_float():
    for value in (
        1j, torch.tensor(100 + 0j), "100", np.array("100"), np.timedelta64(100, "s"), True, None,
        [100.0], torch.ones(2), torch.tensor(100.0, device="meta"),
    ):  # fmt: skip
        refused(TypeError, lambda v=value: _validate.real("f", "x", v), "f: x", "Pass one float")
    for value in (2, 2.0, np.float32(2), np.int8(2), np.array(2), torch.tensor(2), ones[0] + 1):
        assert _validate.real("f", "x", value) == 2.0
    for value in (10**400, -(10**400), 10**5000, math.inf, math.nan):
        refused(ValueError, lambda v=value: _validate.real("f", "x", v), "a finite number")


SIZES = {"dim", "heads", "head_dim", "length", "trained_length", "rotary_dim", "max_distance"}
SIZES |= {"buckets", "hidden", "max_position", "prefix"}
HUGE = [2**63, 2**64, 10**5000]
CLASSES = {entry.cls.__name__: entry for entry in ENTRIES.values()}
USUAL = {"shape": (4, 4), "factor": 2.0, "shortest": 1.0, "longest": 9.0}


@pytest.mark.parametrize("name", CLASSES)
def test_a_size_past_64_bits_and_a_wrong_word_are_refused_by_every_class(name):
    cls = CLASSES[name].cls
    given = inspect.signature(cls).parameters.values()
    needed = {p.name: USUAL.get(p.name, 16) for p in given if p.default is p.empty}
    for size in SIZES & {p.name for p in given}:
        for value in HUGE:
            call = lambda size=size, value=value: cls(**needed | {size: value})  # noqa: E731
            refused(ValueError, call, size, "2**63 - 1")
    for choice in {"layout", "form"} & {p.name for p in given}:
        for value in (np.array("half"), torch.arange(2), ["half"], {"half": 1}, None, 1, "Half"):
            call = lambda choice=choice, value=value: cls(**needed | {choice: value})  # noqa: E731
            refused(ValueError, call, choice, "one of")


@pytest.mark.parametrize(
    "call",
    [
        lambda n: sinusoidal_table(n, 4), lambda n: relative_positions(3, n),
        lambda n: relative_positions(3, 3, clip=n), lambda n: geometric_periods(n, 1, 2),
        lambda n: MultiHeadAttention(n, 2), lambda n: LearnedEncoding(2, 2).extended(n),
        lambda n: AxialLearnedEncoding(4, (n, 2)), lambda n: index_probe(np.ones((9, 2)), folds=n),
    ],
)  # fmt: skip
def test_a_size_past_64_bits_is_refused_by_functions(call):
    for value in HUGE:
        refused(ValueError, lambda value=value: call(value), "2**63 - 1")


def test_no_offset_and_no_distance_wraps_around_64_bits():
    for offset in (2**63, -(2**63) - 1):
        refused(ValueError, lambda offset=offset: relative_positions(3, 3, offset=offset), "offset")
    assert relative_positions(2, 2, offset=2**62)[0, 0] == -(2**62)
    for far in (2**63 - 1, 2**62 + 1, -(2**63)):
        at = torch.tensor([0, far])
        for pair in ((at, 2), (2, at), (at, at)):
            refused(ValueError, lambda pair=pair: relative_positions(*pair), "2**62", "int64")
    ends = torch.tensor([-(2**62), 2**62 - 1])
    assert relative_positions(ends, ends)[0].tolist() == [0, 2**63 - 1]


# By an extreme number: finite in, finite out, or an error

TINY, MAX = 5e-324, sys.float_info.max
LONG = torch.tensor([-(2**63), -(2**63) + 1, -1, 0, 1, 2**63 - 1])


@pytest.mark.parametrize("name", TAKE)
def test_the_farthest_distances_and_positions_give_numbers_or_are_refused(name):
    if name in TAKE_DISTANCES and "clip" not in name and "band" not in name:
        assert torch.isfinite(TAKE[name](LONG)).all()
    for dtype in (torch.float32, torch.float64):
        farthest = torch.finfo(dtype).max
        for far in (farthest, -farthest, farthest / 2, 1e38, -1e38, 2.0**64, -(2.0**63)):
            at = torch.tensor([far, -far, 0.0, 1.0, 3.0], dtype=dtype)
            try:
                assert TAKE[name](at).isfinite().all()
            except (TypeError, ValueError) as error:
                assert FORM.fullmatch(str(error).replace("\n", " ")), error


@pytest.mark.parametrize("value", [TINY, 1e-300, 1e-37, 1.0, 1e37, 1e300, MAX])
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("kernel", [kerple_log, kerple_power])
def test_kerple_gives_falling_numbers_or_refuses(kernel, first, value):
    extreme = torch.tensor([value], dtype=torch.float64)
    try:
        found = kernel(LONG, *((extreme, ones) if first else (ones, extreme)))
    except ValueError as error:
        assert "at most" in str(error) and value > 1
    else:
        assert torch.isfinite(found).all() and (found[0, :4].diff() >= 0).all()


@pytest.mark.parametrize("c", [TINY, 1e-100, 1.0, 1e99, MAX])
@pytest.mark.parametrize("threshold", [TINY, 1e-100, 1.0, 1e99, MAX])
def test_fire_gives_shares_or_refuses(c, threshold):
    at = torch.tensor([0, 3, 2**62])
    if all(1e-100 <= value < 1e100 for value in (c, threshold)):
        found = fire_input(at, at, c, threshold)
        assert ((found >= 0) & (found <= 1)).all()
        bias = FireBias(1, c=c, threshold=threshold)
        assert torch.isfinite(bias.by_distance(-at.clamp(max=min(threshold, 2.0**62)))).all()
        assert torch.isfinite(bias.by_pair(at, at)).all()
    else:
        refused(ValueError, lambda: fire_input(at, at, c, threshold), "1e-100", "1e+100")
        refused(ValueError, lambda: FireBias(1, c=c, threshold=threshold), "1e-100", "1e+100")
        exact = (torch.tensor(value, dtype=torch.float64) for value in (c, threshold))
        refused(ValueError, lambda: fire_input(at, at, *exact))


@pytest.mark.parametrize("scale", [TINY, 1e-320, 1e-200, 1.0, 1e200, 1e308])
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


def test_a_spread_and_an_epsilon_are_drawn_where_float32_holds_them_and_refused_elsewhere():
    tables = (
        lambda std: LearnedEncoding(30, 40, std=std),
        lambda std: AxialLearnedEncoding(40, (20, 30), std=std),
    )
    for make in tables:
        for std in (TINY, 1e-46, 1e-39, 3e38, 1e300, MAX):
            refused(ValueError, lambda m=make, s=std: m(s), "std", "1e-37 to 1e+37")
        for std in (0, 1e-37, 0.02, 1e37):
            for parameter in make(std).parameters():
                drawn = parameter.detach().double() / (std or 1.0)
                assert drawn.std().item() == pytest.approx(1.0 if std else 0.0, rel=0.1)
    for eps in (TINY, 1e-46, 1e39, MAX):
        refused(ValueError, lambda e=eps: BertEmbeddings(9, 4, eps=e), "eps", "1e-37", "1e+37")
    embed = BertEmbeddings(9, 1, eps=1e-37, dropout=0.0)  # one column: its variance is 0
    assert torch.isfinite(embed(torch.tensor([[1, 2]]))).all()


def test_a_bias_of_ones_own_still_takes_any_distance():
    class Recency(DistanceBias):
        def by_distance(self, distance):
            return -distance.abs().double().unsqueeze(0)

    x, at = torch.zeros(1, 1, 3, 4), torch.tensor([0.0, 0.5, 2.5])
    assert Recency().at_scores(x, x, at, at)[0, 0].tolist() == [0.0, -0.5, -2.5]
