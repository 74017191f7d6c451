"""No number is lost in silence: by its dtype, by a mask, by its size or by the name it is under.

What is refused argument by argument is in tests/test_bad_input.py.
"""

import math
import sys

import numpy as np
import pytest
import torch

from posenc_lib import (
    AxialLearnedEncoding,
    BertEmbeddings,
    DistanceBias,
    FireBias,
    KerpleLogBias,
    KerplePowerBias,
    LearnedEncoding,
    RotaryEncoding,
    TimingEncoding,
    cosine_by_offset,
    cosine_matrix,
    encodings,
    fire_input,
    geometric_periods,
    index_probe,
    kerple_log,
    kerple_power,
    make_encoding,
    plots,
    relative_positions,
    timing_signal,
    wave_spectrum,
)
from posenc_lib.base import validation
from posenc_lib.checks.exercise import Exercise
from posenc_lib.explorers import grid_explorer, learned_explorer
from tests.test_bad_input import FORM, PAIRS, call, valid

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


# By the dtype and the size of distances and positions

COUNTED = {"distance", "relative", "positions", "query_positions", "key_positions", "times"}
COUNTED |= {"coordinates", "queries", "keys"}
TAKE = [pair for pair in PAIRS if pair[1] in COUNTED and torch.is_tensor(valid(*pair))]
LAYERS = ("KeyValueCache", "MultiHead", "Latent", "Transf")  # what they return is no tensor
TAKE = [pair for pair in TAKE if not pair[0].startswith(LAYERS)]
takes = pytest.mark.parametrize(("target", "name"), TAKE, ids=map(".".join, TAKE))


def answer(target, name, value):
    """What the valid call gives with this value; random starts are the same each time."""
    torch.manual_seed(0)
    return call(target, **{name: value})


@takes
def test_every_whole_dtype_gives_the_same_as_int64(target, name):
    value = valid(target, name).abs().long()
    expected = answer(target, name, value)
    for dtype in (torch.uint8, torch.int8, torch.int16, torch.int32):
        assert torch.equal(answer(target, name, value.to(dtype)), expected)


@takes
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_the_farthest_real_distances_and_positions_give_numbers_or_are_refused(target, name, dtype):
    largest = torch.finfo(dtype).max
    for far in (largest, -largest, largest / 2, 1e38, -1e38, 2.0**64, -(2.0**63)):
        value = torch.full(valid(target, name).shape, far, dtype=dtype)
        value.view(-1)[0] = 1.0
        try:
            found = answer(target, name, value)
        except (TypeError, ValueError) as error:
            assert FORM.fullmatch(str(error).replace("\n", " ")), error
        else:
            hidden = found == -math.inf  # so far a key adds nothing, at -1e307 in float32
            assert (found.isfinite() | (hidden & target.endswith("at_scores"))).all()


@pytest.mark.parametrize("name", [n for n in ENTRIES if n.startswith(("rope", "sinus", "transf"))])
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
    if ENTRIES[name].takes_longer:
        refused(ValueError, calls[encoding.door.name], str(far)[:9], "2**53")


@pytest.mark.parametrize("far", [2**63 - 1, 2**62 + 1, -(2**63)])
def test_whole_positions_whose_distance_might_wrap_are_refused(far):
    at = torch.tensor([0, far])
    for pair in ((at, 2), (2, at), (at, at)):
        refused(ValueError, lambda pair=pair: relative_positions(*pair), "2**62", "int64")
    ends = torch.tensor([-(2**62), 2**62 - 1])
    assert relative_positions(ends, ends)[0].tolist() == [0, 2**63 - 1]
    assert relative_positions(2, 2, offset=2**62)[0, 0] == -(2**62)


# By a mask

masked = np.ma.masked_array(np.arange(24.0).reshape(6, 4) ** 2, mask=np.eye(6, 4))


@pytest.mark.parametrize(
    "take",
    [
        lambda table: grid_explorer(table, (2, 3)), learned_explorer,
        lambda table: plots.attention.weight_maps({"map": table}, "abcd"),
        lambda table: plots.Heatmap("map", table, "query", "key", "weight"),
        lambda table: plots.Curves("map", np.arange(4), table, list("abcdef"), "x", "y"),
    ],
)  # fmt: skip
def test_a_figure_refuses_a_masked_array_and_does_not_strip_its_mask(take):
    for table in (masked, np.ma.masked_array(masked.data)):  # in the second nothing is masked
        with pytest.raises(TypeError, match=r"a masked array.* not allowed.*\.filled\("):
            take(table)


def test_an_answer_that_is_masked_is_wrong_in_words():
    exercise = Exercise("ones", np.ones, lambda: [(3,)], mistakes=())
    found = exercise(lambda n: np.ma.masked_array(np.ones(n), mask=[1, 0, 0]))
    assert not found.correct and "masked array" in str(found)
    assert exercise(np.ones).correct


def test_what_is_a_real_number_is_taken():
    for value in (2, 2.0, np.float32(2), np.int8(2), np.array(2), torch.tensor(2), ones[0] + 1):
        assert validation.real("f", "x", value) == 2.0


def test_a_word_that_is_nearly_right_is_named():
    refused(ValueError, lambda: RotaryEncoding(4, layout="Half"), "Did you mean 'half'?")
    refused(ValueError, lambda: RotaryEncoding(4, layout="gpt"), "Check the spelling.")


# By an extreme number: finite in, finite out, or an error

TINY, MAX = 5e-324, sys.float_info.max
LONG = torch.tensor([-(2**63), -(2**63) + 1, -1, 0, 1, 2**63 - 1])


@pytest.mark.parametrize("target", [t for t, n in TAKE if n == "distance"])
def test_the_longest_whole_distances_give_numbers(target):
    assert torch.isfinite(answer(target, "distance", LONG)).all()


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


@pytest.mark.parametrize("std", [0, 1e-37, 0.02, 1e37])
def test_a_spread_that_float32_holds_is_drawn(std):
    for encode in (LearnedEncoding(30, 40, std=std), AxialLearnedEncoding(40, (20, 30), std=std)):
        for parameter in encode.parameters():
            assert torch.isfinite(parameter).all()
            drawn = parameter.detach().double() / (std or 1.0)
            assert drawn.std().item() == pytest.approx(1.0 if std else 0.0, rel=0.1)


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
