"""Every fault of the museum breaks its law, and its mended form keeps it; figures and solutions."""

import re

import numpy as np
import pytest
import torch

from posenc_lib import RotaryEncoding, T5Bias, checks, faults, plots, relative_positions
from posenc_lib.explorers import museum_explorer
from posenc_lib.faults import Exhibit
from posenc_lib.faults.address import _addresses
from posenc_lib.faults.exhibit import NO_THREAD
from tests.tools.solutions import folded_solutions

EXHIBITS = faults.exhibits()
each_exhibit = pytest.mark.parametrize("exhibit", EXHIBITS.values(), ids=EXHIBITS.keys())


@each_exhibit
def test_the_law_fails_for_the_fault_and_holds_for_the_mended_form(exhibit):
    assert not exhibit.holds(exhibit.fault)
    assert exhibit.holds(exhibit.right)
    assert exhibit.law(exhibit.right) is True  # a plain bool, and no error behind it


def test_an_error_counts_as_a_failure_and_is_named():
    def breaks(x):
        raise IndexError("past the end")

    exhibit = Exhibit(breaks, right=abs, law=lambda f: f(-1) == 1)
    assert not exhibit.holds(exhibit.fault) and exhibit.holds(abs)
    assert "IndexError for this fault, True for" in exhibit.verdict


# ------------------------------------------------------------------------------ where they lived

THREAD = re.compile(r"https://github\.com/[\w.-]+/[\w.-]+/(issues|pull)/\d+")


def test_every_address_is_a_thread_about_a_fault_that_is_shown():
    assert set(_addresses()) <= set(EXHIBITS)
    for name, exhibit in EXHIBITS.items():
        shown, lived = repr(exhibit), exhibit.address
        assert f"def {name}(" in shown and exhibit.verdict in shown
        if lived is None:
            assert NO_THREAD in shown
            continue
        assert THREAD.fullmatch(lived.thread) and lived.thread in shown
        assert f"]({lived.thread})" in exhibit._repr_markdown_()  # to be followed in a notebook
        assert lived.reported.split()[0] in shown and lived.short.split()[-1] in lived.thread


def test_the_mended_form_stands_beside_the_fault():
    assert "def _filled_once(" in repr(faults.masks.one_floor_too_many)
    assert "def _filled_once(" in repr(faults.masks.one_floor_too_many.mended)
    told = "# mended: yarn_frequencies in posenc_lib/rotary/yarn.py"
    assert told in repr(faults.rotary.yarn_reversed)


# ------------------------------------------- faults that look right where their authors looked


def test_server_faults_agree_where_they_were_tried():
    keys, rows = faults.inference.permuted_by_group, torch.arange(64.0)[:, None]
    assert torch.equal(keys(rows, 64, 8), keys.right(rows, 64, 8))  # 64 / 8 is 8
    one = [2, (2, 3), 4]
    pictures, bias = faults.inference.first_picture_only, faults.inference.bias_from_zero
    assert torch.equal(pictures(one), pictures.right(one))
    t5 = T5Bias(2, bidirectional=False)
    torch.testing.assert_close(bias(t5, 5, 5), bias.right(t5, 5, 5))  # no cache
    full, floor = torch.ones(2, 5, dtype=torch.bool), faults.masks.one_floor_too_many
    for fault in (faults.inference.padding_counted, faults.serving.decoded_by_column):
        assert torch.equal(fault(full), fault.right(full))
    nothing_padded = torch.ones(1, 5, dtype=torch.bool)
    assert torch.equal(floor(faults.masks.CAUSAL, nothing_padded), floor.right(
        faults.masks.CAUSAL, nothing_padded))  # fmt: skip


def test_faults_agree_with_the_mended_form_on_the_case_that_was_tried():
    times = torch.linspace(0, 50, 20)
    timing = faults.absolute.multiplied_timescale
    torch.testing.assert_close(timing(times, 8), timing.right(times, 8))  # shortest timescale 1
    slopes = faults.biases.one_formula_for_all
    for heads in (1, 2, 4, 8, 16):
        torch.testing.assert_close(slopes(heads), slopes.right(heads))
    odd = faults.absolute.odd_dim_forgotten
    np.testing.assert_allclose(odd(9, 6), odd.right(9, 6), atol=1e-6)
    square = faults.relative.square_weight
    torch.testing.assert_close(square(torch.ones(4, 4), torch.ones), square.right(
        torch.ones(4, 4), torch.ones))  # fmt: skip
    assert sorted(faults.relative.no_extra_axis(4, 4).shape) == [4]
    wrapped, table = faults.absolute.wrapped_look_up, torch.randn(8, 2)
    torch.testing.assert_close(wrapped(table, torch.arange(8)), table)


def test_a_causal_mask_hides_the_shortcut_and_the_causal_shift():
    past = torch.ones(7, 7, dtype=torch.bool).tril()
    short = faults.biases.shortcut_both_ways
    weights = [f(7, 0.5).masked_fill(~past, -torch.inf).softmax(-1) for f in (short, short.right)]
    torch.testing.assert_close(*weights)
    shift, distances = faults.relative.causal_shift, torch.randn(7, 13)
    torch.testing.assert_close(shift(distances)[past], shift.right(distances)[past])
    assert (shift(distances) != shift.right(distances))[~past].all()


def test_the_timing_fault_turns_the_square_of_the_timescale_too_fast():
    timing, s = faults.absolute.multiplied_timescale, 4.0
    times = torch.linspace(0, 3, 13)
    fast, right = timing(times, 8, s, 1000.0), timing.right(times * s**2, 8, s, 1000.0)
    torch.testing.assert_close(fast[:, 0], right[:, 0], atol=1e-4, rtol=0)


def test_the_wrong_head_leaves_every_score_where_it_was():
    q, k = torch.randn(2, 1, 3, 6, 8).double()
    wrong = faults.rotary.turned_by_the_head
    torch.testing.assert_close(wrong(q) @ wrong(k).mT, q @ k.mT)


# ---------------------------------------------------------------------------------------- figures


def test_the_shifts_that_are_drawn():
    figure = plots.museum.shifts(6)
    right, wrong = (axes.images[0].get_array() for axes in figure.axes if axes.images)
    expected = relative_positions(6, 6).double().numpy()
    np.testing.assert_array_equal(right, expected)
    lower = np.tri(6, dtype=bool)
    np.testing.assert_array_equal(wrong[lower], expected[lower])
    assert (wrong[~lower] <= 0).all() and "of the 15 pairs above it 15 are wrong" in figure.alt


# ------------------------------------------------------------- answers and solutions of notebook 11


def test_the_answer_to_the_question_of_the_panel():
    """Mean weight at distance 0: 1 / length with the shortcut; the causal mask hides the fault."""
    own, panel = {}, museum_explorer()
    for mask in ("none", "causal"):
        for length in (32, 64):
            panel.set(mask=mask, length=length)
            own[mask, length] = panel.views[0].ys[:, length - 1]  # the shortcut and the penalty
    for length in (32, 64):
        np.testing.assert_allclose(own["none", length][0], 1 / length, rtol=1e-5)
        np.testing.assert_allclose(*own["causal", length], rtol=1e-5)
    assert abs(own["none", 64][1] - own["none", 32][1]) < 0.02


def test_old_keys_of_longrope_are_misjudged_from_the_trained_length_on():
    panel = museum_explorer(exhibit="long")
    for length, wrong in ((16, []), (17, [*range(1, 16)]), (40, [*range(1, 16)])):
        old, turned = panel.views_at(length=length)[0].ys
        assert np.flatnonzero(np.abs(old - turned) > 1e-6).tolist() == wrong


def test_the_folded_solutions_pass_their_checks():
    names = folded_solutions("11_bug_museum.ipynb", torch=torch)
    assert checks.museum.order_law(names["my_law"]).correct
    for _ in range(20):  # the solution draws its own query and key
        assert checks.museum.distance_law(names["my_distance_law"]).correct


# --------------------------------------------------------- "nearly all return the right shapes"


def _layer():
    from posenc_lib import MultiHeadAttention

    return MultiHeadAttention(16, 2, encoding=RotaryEncoding(8), causal=True)


row, five = torch.ones(5, 8), torch.arange(5)
TRIED = {  # a call that an author may have looked at
    "added_to_the_batch": (torch.zeros(5, 5, 8),), "column_as_pair": (7, 8),
    "odd_dim_forgotten": (7, 8), "half_precision_angles": (five, 8),
    "wrapped_look_up": (torch.eye(8), five), "multiplied_timescale": (five, 8),
    "no_extra_axis": (4, 4), "sign_swapped": (3, 4), "one_formula_for_all": (12,),
    "square_weight": (torch.zeros(4, 4), torch.ones), "causal_shift": (torch.randn(4, 7),),
    "shortcut_both_ways": (6, 0.5), "divided_bias": (row[:3], row[:4], torch.ones(3, 4)),
    "two_sided_buckets": (torch.arange(-9, 1),), "mixed_layouts": (row, five),
    "turned_by_the_head": (torch.ones(1, 2, 5, 8),), "values_turned": (row, five),
    "yarn_reversed": (64, 4.0, 2048), "decoded_at_zero": (_layer(), torch.ones(1, 5, 16)),
    "stale_cache": (RotaryEncoding(8), torch.ones(1, 1, 5, 8), 3),
    "scaling_ignored": (faults.serving.LLAMA_3_1, five),
    "decoded_by_column": (torch.ones(2, 5, dtype=torch.bool),),
    "padding_counted": (torch.ones(2, 5, dtype=torch.bool),),
    "one_floor_too_many": (faults.masks.CAUSAL, faults.masks.PADDED),
    "floor_that_ties": (torch.zeros(5, 5), faults.masks.CAUSAL),
    "bias_from_zero": (T5Bias(2, bidirectional=False), 1, 5),
    "permuted_by_group": (torch.ones(64, 5), 64, 8), "first_picture_only": ([(2, 3), 4],),
}  # fmt: skip


def test_a_shape_test_stops_hardly_any_of_them():
    """All 28 that return an array run on such a case, and 27 return the right shape."""
    others = {"forgetful_cache", "never_scaled_back", "written_beforehand"}
    assert set(EXHIBITS) - set(TRIED) == others
    shapes = {
        name: [tuple(f(*call).shape) for f in (EXHIBITS[name].fault, EXHIBITS[name].right)]
        for name, call in TRIED.items()
    }
    assert [name for name, (wrong, right) in shapes.items() if wrong != right] == ["no_extra_axis"]
