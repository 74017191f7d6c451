"""The data behind the playground: two encodings of the registry in one layer."""

import itertools

import numpy as np
import pytest
import torch

from posenc_lib import MultiHeadAttention, encodings, make_encoding
from posenc_lib.explorers import attention_explorer, playground_explorer
from posenc_lib.explorers.attention_layer import DIM, LENGTH, embeddings, projections
from posenc_lib.plots.views import Heatmap

NAMES = list(encodings())
CAUSAL = {name for name, entry in encodings().items() if entry.causal_only}
FIXED = ["none", "sinusoidal", "rope", "rope_half", "nezha", "alibi", "sandwich"]


def mask_for(*names):
    return "causal" if CAUSAL & set(names) else "none"


def by_distance(matrix, seen):
    """Mean of each diagonal, a loop over the pairs that are seen."""
    n = len(matrix)
    found = {d: [] for d in range(1 - n, n)}
    for i, j in itertools.product(range(n), range(n)):
        if seen[i, j]:
            found[j - i].append(matrix[i, j])
    return {d: np.mean(values) for d, values in found.items() if values}


# ----------------------------------------------------------------------------------- what is drawn


@pytest.mark.parametrize("mask", ["none", "causal"])
@pytest.mark.parametrize("name", FIXED)
def test_both_sides_are_what_the_layer_computes(name, mask):
    """Against MultiHeadAttention, for encodings without trained numbers."""
    panel = playground_explorer(
        first=name, second="none", mask=mask, length=6, dim=24, heads=3, head=2, repeated=False
    )
    words = ["the", "dog", "chased", "the", "cat", "the"]
    causal = mask == "causal"
    for at, chosen in enumerate((name, "none")):
        encoding = make_encoding(chosen, dim=24, heads=3, length=6, causal=causal)
        layer = MultiHeadAttention(24, 3, encoding=encoding, causal=causal, bias=False).eval()
        with torch.no_grad():
            for part, matrix in zip((layer.to_query, layer.to_key), projections(24), strict=True):
                part.weight.copy_(matrix.T)
            weights = layer(embeddings(words, 24)[None])[1][0, 2].numpy()
        drawn = panel.views[at].values.astype(np.float64)
        shifted = np.exp(drawn - np.nanmax(drawn, axis=1, keepdims=True))
        softmax = np.nan_to_num(shifted / np.nansum(shifted, axis=1, keepdims=True))
        np.testing.assert_allclose(softmax, weights, atol=1e-5)
        if name != "none":
            means = by_distance(weights, np.tril(np.ones((6, 6))) if causal else np.ones((6, 6)))
            curves = panel.views[3]
            assert list(curves.x) == sorted(means)
            wanted = [means[d] for d in sorted(means)]
            np.testing.assert_allclose(curves.ys[at], wanted, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_each_side_is_the_attention_panel_with_that_encoding(name):
    settings = {"mask": mask_for(name), "length": 12, "dim": 32, "heads": 2, "head": 1}
    wanted = attention_explorer(encoding=name, **settings).views[1].values
    left = playground_explorer(first=name, second="none", repeated=False, **settings)
    right = playground_explorer(first="none", second=name, repeated=False, **settings)
    np.testing.assert_array_equal(left.views[0].values, wanted)
    np.testing.assert_array_equal(right.views[1].values, wanted)
    means = by_distance(wanted, ~np.isnan(wanted))
    np.testing.assert_array_equal(left.views[2].x, sorted(means))
    np.testing.assert_allclose(left.views[2].ys[0], [means[d] for d in sorted(means)], atol=1e-5)


def test_both_maps_share_one_colour_scale_that_holds_every_score():
    panel = playground_explorer(first="alibi", second="t5", mask="causal")
    first, second = panel.views[:2]
    assert first.limits == second.limits
    values = np.stack([first.values, second.values])
    assert first.limits == (np.nanmin(values), np.nanmax(values))


def test_with_the_causal_mask_the_future_is_neither_drawn_nor_counted():
    panel = playground_explorer(first="fire", second="cope", mask="causal", length=9)
    i, j = np.indices((9, 9))
    for view in panel.views[:2]:
        np.testing.assert_array_equal(np.isnan(view.values), j > i)
    for view in panel.views[2:]:
        assert view.x.tolist() == list(range(-8, 1))
        assert np.isfinite(view.ys).all()


@pytest.mark.parametrize("name", NAMES)
def test_one_word_repeated_has_constant_diagonals_where_only_the_distance_counts(name):
    panel = playground_explorer(first=name, second="none", mask=mask_for(name), length=20)
    scores = panel.views[0].values
    seen = [np.diagonal(scores, d) for d in range(-19, 20)]
    spread = max(np.ptp(diagonal) for diagonal in seen if not np.isnan(diagonal).any())
    constant = encodings()[name].distance_only or name in {
        "none", "fire", "cope", "rope_dynamic_ntk",  # change further out, or with the words
    }  # fmt: skip
    assert (spread < 1e-4) == constant


def test_the_words_are_named_where_they_differ():
    panel = playground_explorer(sentence="a  bb a_rather_long_token", repeated=False, length=5)
    for view in panel.views[:2]:
        assert view.row_ticks == view.column_ticks == ("a", "bb", "a_rather_lo…", "a", "bb")
    panel.repeated = True  # the first word only
    assert panel.views[0].row_ticks is None
    alone = playground_explorer(sentence="a", repeated=False, length=5)
    np.testing.assert_array_equal(panel.views[0].values, alone.views[0].values)


# ------------------------------------------------------------------------------ the panel itself


def test_the_choices_are_the_registry_with_titles_as_labels():
    controls = playground_explorer().controls
    wanted = tuple((entry.title, name) for name, entry in encodings().items())
    assert controls["first"].options == controls["second"].options == wanted


def test_every_pair_of_encodings_draws():
    """Under the causal mask, where all of them exist."""
    panel = playground_explorer(length=5, dim=16, mask="causal")
    for first, second in itertools.combinations(NAMES, 2):
        panel.set(first=first, second=second)
        titles = [encodings()[name].title for name in (first, second)]
        assert [view.name for view in panel.views[:2]] == [f"scores: {title}" for title in titles]
        assert panel.views[2].labels == panel.views[3].labels == tuple(titles)


@pytest.mark.parametrize("name", ["none", "rope"])
def test_an_encoding_beside_itself_is_one_curve(name):
    panel = playground_explorer(first=name, second=name)
    first, second = panel.views[:2]
    np.testing.assert_array_equal(first.values, second.values)
    assert panel.views[2].labels == (encodings()[name].title,)


def test_the_ends_of_all_sliders_draw():
    panel = playground_explorer(mask="causal")
    for names in itertools.zip_longest(NAMES[::2], NAMES[1::2], fillvalue="none"):
        panel.set(first=names[0], second=names[1], length=LENGTH, dim=DIM, heads=8, head=7)
        assert panel.views[0].values.shape == (LENGTH, LENGTH)
        panel.set(length=2, dim=8, heads=1, head=0)
        assert panel.views[2].x.tolist() == [-1, 0]
    assert panel.message == ""
    assert len(panel.views) == 4 and isinstance(panel.views[1], Heatmap)
    assert panel.picture().startswith(b"\x89PNG")


def test_impossible_combinations_are_refused_in_words():
    panel = playground_explorer()
    before = panel.views[0].values
    with pytest.raises(ValueError, match="3 heads cannot share dim = 64 evenly"):
        panel.heads = 3
    with pytest.raises(ValueError, match="head 2 does not exist: the heads are 0 to 1"):
        panel.head = 2
    for name in CAUSAL:
        title = encodings()[name].title
        for side in ("first", "second"):
            with pytest.raises(ValueError, match=f"{title} knows no future: choose the causal"):
                panel.set(**{side: name})
    assert panel.views[0].values is before
    panel.controls["second"].value = "fire"  # by hand: a sentence, and the mask cures it
    assert "FIRE knows no future" in panel.message
    panel.controls["mask"].value = "causal"
    assert panel.message == "" and panel.second == "fire"


def test_the_reader_s_seed_is_left_alone():
    torch.manual_seed(7)
    wanted = torch.rand(3)
    torch.manual_seed(7)
    playground_explorer(first="t5", second="learned")
    torch.testing.assert_close(torch.rand(3), wanted)
