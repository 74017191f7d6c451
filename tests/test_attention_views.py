"""The data behind the attention panel, its figures and the folded solutions of notebook 04."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from posenc_lib import (
    AlibiBias,
    Door,
    MultiHeadAttention,
    NoEncoding,
    PositionEncoding,
    SinusoidalEncoding,
    checks,
    encodings,
    plots,
    relative_positions,
)
from posenc_lib.explorers import attention_explorer
from posenc_lib.explorers.attention import keys_used, mean_by_distance
from posenc_lib.explorers.attention_layer import (
    DIM,
    LENGTH,
    attend,
    embeddings,
    encoding_of,
    projections,
)

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "04_attention.ipynb"
NAMES = list(encodings())
CAUSAL = {name for name, entry in encodings().items() if entry.causal_only}


class PerHead(PositionEncoding):
    """A door 3 encoding with a slope of its own for each head, broadcast over the batch."""

    door = Door.SCORES

    def at_scores(self, query, key, query_positions, key_positions):
        slopes = 0.5 ** torch.arange(query.shape[1])[:, None, None]
        return -slopes * relative_positions(query_positions, key_positions).abs()


FACTORIES = {name: name for name in NAMES} | {"per head": lambda dim, heads, length: PerHead()}


def mask_for(name):
    """The mask under which an encoding means something."""
    return "causal" if name in CAUSAL else "none"


# ------------------------------------------------------------------------------ the panel's layer


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("name", FACTORIES)
def test_the_panel_computes_what_the_layer_does(name, causal):
    if name in CAUSAL and not causal:
        pytest.skip("for causal layers only")
    dim, heads, length = 24, 3, 7
    x = embeddings(list("abcabca"), dim)
    encoding = encoding_of(FACTORIES[name], dim, heads, causal=causal, length=length)
    layer = MultiHeadAttention(dim, heads, encoding=encoding, causal=causal, bias=False)
    with torch.no_grad():
        for linear, matrix in zip((layer.to_query, layer.to_key), projections(dim), strict=True):
            linear.weight.copy_(matrix.T)
        mask = torch.ones(length, length, dtype=torch.bool).tril(0 if causal else length)
        wanted = layer(x[None])[1][0]
        for head in range(heads):
            scores, weights = attend(x, heads, head, encoding, mask=mask)
            torch.testing.assert_close(weights, wanted[head])
            shut = scores.masked_fill(~mask, -torch.inf).softmax(-1)
            torch.testing.assert_close(weights, shut)


def test_scale_one_over_a_root_undoes_the_division():
    x, everything = embeddings(["a", "b"], 16), torch.ones(2, 2, dtype=torch.bool)
    query, key = (x @ matrix for matrix in projections(16))
    scores, _ = attend(x, 1, 0, NoEncoding(), mask=everything, scale=4.0)
    torch.testing.assert_close(scores, query @ key.T)


def test_numbers_stay_when_sizes_grow():
    torch.testing.assert_close(embeddings(["a"], 64)[:, :8], embeddings(["a"], 8))
    small, large = (encoding_of("learned", d, 2, causal=False, length=5).weight for d in (16, 32))
    torch.testing.assert_close(small, large[:, :16])


def test_the_reader_s_seed_is_left_alone():
    torch.manual_seed(7)
    wanted = torch.rand(3)
    torch.manual_seed(7)
    attention_explorer(encodings={"mine": lambda d, h, n: SinusoidalEncoding(d)}, encoding="mine")
    torch.testing.assert_close(torch.rand(3), wanted)


# ---------------------------------------------------------------------------------- its statistics


def test_mean_by_distance_against_a_loop():
    weights = torch.rand(6, 6, generator=torch.Generator().manual_seed(0))
    seen = torch.ones(6, 6, dtype=torch.bool).tril()
    wanted = [
        np.mean([float(weights[i, i + d]) for i in range(6) if 0 <= i + d < 6])
        if d <= 0
        else np.nan
        for d in range(-5, 6)
    ]
    np.testing.assert_allclose(mean_by_distance(weights, seen), wanted, rtol=1e-6)


def test_keys_used_counts_even_shares():
    even = torch.tensor([[1.0, 0, 0, 0], [0.5, 0.5, 0, 0], [0.25] * 4])
    np.testing.assert_allclose(keys_used(even), [1, 2, 4], rtol=1e-6)
    assert 1 < keys_used(torch.tensor([[0.9, 0.1]])).item() < 2


# --------------------------------------------------------------------------------------- the panel


@pytest.mark.parametrize("name", NAMES)
def test_one_word_repeated_has_constant_diagonals_where_only_the_distance_counts(name):
    panel = attention_explorer(sentence="la", length=20, encoding=name, mask=mask_for(name))
    scores = panel.views[1].values
    seen = [np.diagonal(scores, d) for d in range(-19, 20)]
    spread = max(np.ptp(diagonal) for diagonal in seen if not np.isnan(diagonal).any())
    entry = encodings()[name]
    constant = entry.distance_only or name in ("none", "fire", "cope", "rope_dynamic_ntk")
    assert (spread < 1e-4) == constant  # FIRE and dynamic NTK change further out, CoPE with words


@pytest.mark.parametrize("name", NAMES)
def test_twins_are_told_apart_by_every_encoding_only(name):
    panel = attention_explorer(encoding=name, mask=mask_for(name))  # the dog chased the cat
    scores = panel.views[1].values
    gap = abs(scores[4, 0] - scores[4, 3])  # how "cat" sees the one "the" and the other
    assert (gap < 1e-6) == (name == "none")


def test_masks_hide_what_they_say():
    i, j = np.indices((8, 8))
    for mask, hidden in [("none", j < -1), ("causal", j > i), ("window", abs(i - j) > 2)]:
        weights, scores = attention_explorer(mask=mask, length=8).views[:2]
        np.testing.assert_array_equal(np.isnan(weights.values), hidden)
        np.testing.assert_array_equal(np.isnan(scores.values), hidden)
        np.testing.assert_allclose(np.nansum(weights.values, axis=1), 1, rtol=1e-5)


def test_the_sentence_is_repeated_and_cut():
    panel = attention_explorer(sentence="a  bb a_rather_long_token", length=5)
    assert panel.views[0].row_ticks == ("a", "bb", "a_rather_lo…", "a", "bb")
    panel.length = 2
    assert panel.views[0].column_ticks == ("a", "bb")


def test_the_ends_of_all_sliders_draw():
    panel = attention_explorer(length=LENGTH, dim=DIM, heads=8, head=7, scale=20.0)
    panel.mask = "causal"
    for name in NAMES:
        panel.encoding = name
        assert panel.views[0].values.shape == (LENGTH, LENGTH)
    panel.set(length=2, dim=8, heads=8, head=0, scale=0.1, encoding="alibi")
    assert panel.views[2].x.tolist() == [-1, 0, 1]


def test_a_learner_s_encoding_is_drawn():
    mine = {"mine": lambda dim, heads, length: PerHead()}
    panel = attention_explorer(encodings=mine, encoding="mine", sentence="la", heads=2, head=1)
    np.testing.assert_allclose(np.diff(panel.views[1].values[0]), -0.5, rtol=1e-4)
    assert panel.views[2].labels == ("mine", "no position (NoPE)")


@pytest.mark.parametrize("given", ["alibi", AlibiBias(2, causal=False)], ids=["name", "object"])
def test_an_encoding_is_taken_by_name_or_as_an_object(given):
    panel = attention_explorer(encodings={"mine": given}, encoding="mine")
    wanted = attention_explorer(encoding="alibi")
    np.testing.assert_array_equal(panel.views[0].values, wanted.views[0].values)


def test_impossible_combinations_are_refused_in_words():
    panel = attention_explorer()
    before = panel.views[0].values
    with pytest.raises(ValueError, match="3 heads cannot share dim = 32 evenly"):
        panel.heads = 3
    with pytest.raises(ValueError, match="head 2 does not exist: the heads are 0 to 1"):
        panel.head = 2
    with pytest.raises(ValueError, match="choose the causal mask"):
        panel.encoding = "fire"
    assert panel.settings["heads"] == 2 and panel.views[0].values is before


@pytest.mark.bad_input
def test_bad_encodings_are_refused():
    with pytest.raises(ValueError, match="'Shaw' is taken"):
        attention_explorer(encodings={"Shaw": lambda d, h, n: SinusoidalEncoding(d)})
    with pytest.raises(TypeError, match=r"encodings\['mine'\] = 'ropey' must be a Pos"):
        attention_explorer(encodings={"mine": "ropey"})
    with pytest.raises(TypeError, match=r"encodings\['mine'\] = 3 must be a Pos"):
        attention_explorer(encodings={"mine": 3})
    with pytest.raises(TypeError, match="must return a PositionEncoding, but it returned int"):
        attention_explorer(encodings={"mine": lambda d, h, n: 3}, encoding="mine")


# ------------------------------------------------------------------------------------- the figures


def test_weight_maps_say_how_far_the_twins_are_apart():
    a = np.array([[0.5, 0.5, 0.0], [0.2, 0.3, 0.5], [0.25, 0.75, 0.0]])
    figure = plots.attention.weight_maps(
        {"a": a, "b": a.T / a.sum(0)[:, None]}, "xyz", twins=(0, 2)
    )
    assert "a: 0.20 to 0.75, 2 cells masked, rows 0 and 2 differ by 0.250" in figure.alt
    assert figure.axes[0].get_title() == "a\nrows 0 and 2 differ by 0.250"
    drawn = figure.axes[0].images[0].get_array()
    np.testing.assert_array_equal(drawn.mask, a == 0)
    limits = {axes.images[0].get_clim() for axes in figure.axes[:2]}
    assert len(limits) == 1  # one colour scale


@pytest.mark.bad_input
def test_weight_maps_refuse_what_is_no_map():
    with pytest.raises(ValueError, match=r"shape \(query, key\) = \(2, 2\)"):
        plots.attention.weight_maps({"a": np.ones((1, 2, 2))}, "xy")
    with pytest.raises(ValueError, match="maps is empty"):
        plots.attention.weight_maps({}, "xy")


def test_the_picture_of_the_doors_uses_the_doors_own_words():
    titles = {sign.title for sign in plots.doors.DOORS.values()}
    assert titles == {door.value for door in Door} - {Door.NONE.value}
    for number, door in enumerate((Door.EMBEDDINGS, Door.QUERIES_KEYS, Door.SCORES), 1):
        by_number, by_door = plots.doors.three_doors(number), plots.doors.three_doors(door)
        assert by_number.alt == by_door.alt
        assert by_number.alt.endswith(f"Door {number}, {door.value}, is highlighted.")
        assert by_number.png() == by_door.png() != plots.doors.three_doors().png()


@pytest.mark.bad_input
@pytest.mark.parametrize("highlight", [0, 4, True, "2", Door.NONE])
def test_there_are_three_doors_only(highlight):
    with pytest.raises(ValueError, match="highlight must be 1, 2, 3 or None"):
        plots.doors.three_doors(highlight)


# ----------------------------------------------------------------------------- the folded solutions


def test_the_folded_solutions_are_right():
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    prose = "".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    names = {"relative_positions": relative_positions}
    for block in re.findall(r"```python\n(.*?)```", prose, flags=re.DOTALL):
        exec(block, names)
    assert checks.attention.dot_product(names["my_attention"]).correct
    assert checks.attention.causal(names["my_causal_mask"]).correct
