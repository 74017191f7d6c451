"""The data behind the figures, the panel and the memory check of notebook 03."""

import numpy as np
import pytest
import torch

from posenc_lib import (
    LearnedEncoding,
    MultiHeadAttention,
    NezhaRelative,
    ShawRelative,
    SinusoidalEncoding,
    alibi_slopes,
    checks,
    plots,
    relative_index,
    relative_positions,
    shaw_scores,
    t5_bucket,
)
from posenc_lib.explorers.relative import FORMS as CHOICES
from posenc_lib.explorers.relative import relative_explorer
from posenc_lib.lessons.memory import largest_tensor

FORMS = list(CHOICES.values())


def loop(queries, keys, offset=0):
    return np.array([[j - (i + offset) for j in range(keys)] for i in range(queries)])


# ------------------------------------------------------------------------------------- memory


def test_the_largest_tensor_may_be_one_that_is_thrown_away_again():
    x = torch.ones(3)
    assert largest_tensor(lambda: (x[:, None] * x[None, :]).sum()) == (3, 3)


def test_views_are_not_counted():
    x = torch.ones(4)
    assert largest_tensor(lambda: x.expand(1000, 4).T) == ()


@pytest.mark.parametrize("heads, head_dim, max_distance", [(1, 4, 2), (4, 32, 8), (2, 3, 1)])
def test_formulas_of_the_memory_figure_agree_with_runs(heads, head_dim, max_distance):
    sizes = {"heads": heads, "head_dim": head_dim, "max_distance": max_distance}
    lengths = [20, 40]  # longer than the tables, so that the scores are the largest
    counted = plots.relative.element_counts(lengths, **sizes)
    found = plots.relative.measured_elements(lengths, **sizes)
    np.testing.assert_array_equal(found["naive"], counted["q × a, every pair and head"])
    np.testing.assert_array_equal(found["efficient"], counted["scores"])


def test_with_few_keys_the_efficient_form_makes_query_times_table():
    query, table = torch.zeros(1, 2, 5, 4), torch.zeros(33, 4)
    shape = largest_tensor(shaw_scores, query, table, relative_positions(5, 5))
    counted = plots.relative.element_counts([5], heads=2, head_dim=4, max_distance=16)
    assert np.prod(shape) == counted["q × table"][0]


# ------------------------------------------------------------------------------------ figures


def test_the_three_forms():
    figure = plots.relative.forms(4, 7, clip=2)
    drawn = [axes.images[0].get_array() for axes in figure.axes if axes.images][:3]
    expected = loop(4, 7)
    np.testing.assert_array_equal(drawn[0], expected)
    np.testing.assert_array_equal(drawn[1], np.clip(expected, -2, 2))
    np.testing.assert_array_equal(np.ma.getmaskarray(drawn[2]), abs(expected) > 2)
    assert f"{(abs(expected) > 2).sum()} of 28 pairs" in figure.alt


@pytest.fixture(scope="module")
def layers():
    torch.manual_seed(0)
    encodings = {
        "none": None,
        "sinusoidal": SinusoidalEncoding(16),
        "learned": LearnedEncoding(64, 16, std=1.0),
        "Shaw": ShawRelative(8, max_distance=3, std=1.0),
        "NEZHA": NezhaRelative(8, max_distance=3),
    }
    return {name: MultiHeadAttention(16, 2, encoding=e).eval() for name, e in encodings.items()}


def test_only_absolute_encodings_change_when_everything_moves(layers):
    x = torch.randn(2, 9, 16, generator=torch.Generator().manual_seed(1))
    changes = plots.relative.shift_changes(layers, x, [0, 5, 40])
    for name, values in changes.items():
        assert values[0] == 0
        if name in ("sinusoidal", "learned"):
            assert (values[1:] > 0.05).all()
        else:
            assert (values[1:] < 1e-6).all()


def test_the_figure_of_invariance_groups_what_does_not_change(layers):
    x = torch.randn(1, 6, 16, generator=torch.Generator().manual_seed(1))
    figure = plots.relative.invariance(layers, x, [0, 5])
    labels = [line.get_label() for line in figure.axes[0].lines]
    assert labels == ["sinusoidal", "learned", "none, Shaw, NEZHA"]
    assert figure.alt.count("below 1e-6") == 3


# -------------------------------------------------------------------------------------- panel


@pytest.mark.parametrize("queries, length, offset", [(3, 4, 0), (2, 9, 7), (5, 2, 3)])
def test_the_matrix_and_its_curve(queries, length, offset):
    panel = relative_explorer(queries=queries, length=length, offset=offset, clip=2)
    expected = loop(queries, length, offset)
    matrix, curve, pairs = panel.views
    np.testing.assert_array_equal(matrix.values, expected)
    assert set(curve.x) == set(expected.ravel())
    assert pairs.ys.sum() == expected.size

    panel.form = "clipped"
    matrix, curve, pairs = panel.views
    np.testing.assert_array_equal(matrix.values, np.clip(expected, -2, 2))
    np.testing.assert_array_equal(curve.ys[0], np.clip(curve.x, -2, 2))
    assert pairs.ys.sum() == expected.size

    panel.form = "band"
    matrix, curve, pairs = panel.views
    np.testing.assert_array_equal(np.isnan(matrix.values), abs(expected) > 2)
    np.testing.assert_array_equal(np.isnan(curve.ys[0]), abs(curve.x) > 2)
    assert pairs.ys.sum() == (abs(expected) <= 2).sum()


@pytest.mark.parametrize("form", ["Shaw", "NEZHA"])
@pytest.mark.parametrize("same_query", [True, False])
def test_scores_are_a_query_times_the_table_that_is_drawn(form, same_query):
    panel = relative_explorer(
        form=form, queries=6, length=9, offset=2, clip=3, dim=8, same_query=same_query
    )
    matrix, curves, table = panel.views
    assert table.values.shape == (7, 8) and table.row_start == -3
    expected = loop(6, 9, offset=2)
    rows = np.clip(expected, -3, 3) + 3
    drawn = dict(zip(curves.labels, curves.ys, strict=True))
    for label, ys in drawn.items():
        i = 0 if same_query else int(label.removeprefix("query "))
        at = np.searchsorted(curves.x, expected[i])
        np.testing.assert_allclose(matrix.values[i], ys[at], atol=1e-12)
    # one query vector explains its whole row: score = table @ q / sqrt(dim)
    query = np.linalg.lstsq(table.values[rows[2]], matrix.values[2], rcond=None)[0]
    np.testing.assert_allclose(table.values[rows[2]] @ query, matrix.values[2], atol=1e-9)
    same_diagonals = np.allclose(matrix.values[1:, 1:], matrix.values[:-1, :-1])
    assert same_diagonals == same_query


def test_moving_the_clip_distance_keeps_the_rows_of_the_table():
    panel = relative_explorer(form="Shaw", clip=2)
    small = panel.views[2].values
    panel.clip = 5
    np.testing.assert_array_equal(panel.views[2].values[3:-3], small)


def bucket_of(distance, causal):
    """T5's rule for 32 buckets and distances to 128, from the published table of edges."""
    edges = {
        True: [*range(1, 17), 19, 21, 24, 27, 31, 35, 40, 46, 52, 59, 67, 77, 87, 99, 113],
        False: [*range(1, 9), 12, 16, 23, 32, 46, 64, 91],
    }[causal]
    n = -distance if causal else abs(distance)
    bucket = sum(n >= edge for edge in edges)
    return bucket + 16 if distance > 0 and not causal else bucket


@pytest.mark.parametrize("form, causal", [("T5", False), ("T5 causal", True)])
@pytest.mark.parametrize("queries, length, offset", [(3, 4, 0), (30, 128, 98), (128, 128, 0)])
def test_t5_buckets_against_the_table_of_edges(form, causal, queries, length, offset):
    panel = relative_explorer(form=form, queries=queries, length=length, offset=offset)
    matrix, curve, pairs = panel.views
    distances = loop(queries, length, offset)
    wanted = np.vectorize(bucket_of)(distances, causal).astype(float)
    wanted[causal & (distances > 0)] = np.nan
    np.testing.assert_array_equal(matrix.values, wanted)
    library = t5_bucket(torch.from_numpy(distances), bidirectional=not causal).numpy()
    np.testing.assert_array_equal(matrix.values[~np.isnan(wanted)], library[~np.isnan(wanted)])
    assert set(curve.x) == set(distances[~np.isnan(wanted)])
    np.testing.assert_array_equal(curve.ys[0], [bucket_of(d, causal) for d in curve.x])
    counts = [(wanted == bucket).sum() for bucket in range(32)]
    np.testing.assert_array_equal(pairs.ys[0], counts)
    assert matrix.limits == (0, 31)


@pytest.mark.parametrize("head", range(8))
@pytest.mark.parametrize("form, causal", [("ALiBi", False), ("ALiBi causal", True)])
def test_alibi_is_minus_slope_times_distance(form, causal, head):
    panel = relative_explorer(form=form, head=head, queries=6, length=9, offset=2)
    matrix, curves, left = panel.views
    distances = loop(6, 9, offset=2)
    slope = 2.0 ** -(head + 1)
    assert slope == alibi_slopes(8)[head]
    wanted = -slope * abs(distances)
    wanted[causal & (distances > 0)] = np.nan
    np.testing.assert_array_equal(matrix.values, wanted)
    assert set(curves.x) == set(distances[~np.isnan(wanted)])
    np.testing.assert_array_equal(curves.ys[head], -slope * abs(curves.x))
    np.testing.assert_allclose(left.ys, np.exp(curves.ys))
    assert curves.labels[head] == f"head {head} (1/{1 / slope:g})"
    assert f"head {head} (slope 1/{1 / slope:g})" in matrix.name
    assert matrix.limits == (-0.5 * 7, 0)  # the steepest head: one colour scale for all


def test_the_first_picture_is_the_one_of_the_notebook():
    panel = relative_explorer()
    assert panel.settings == {
        "form": "raw", "length": 12, "queries": 12, "offset": 0, "clip": 4, "dim": 32,
        "same_query": True, "head": 0,
    }  # fmt: skip
    assert FORMS[:5] == ["raw", "clipped", "band", "Shaw", "NEZHA"]


@pytest.mark.parametrize("form", FORMS)
def test_the_ends_of_all_sliders_are_drawn(form):
    panel = relative_explorer(form=form, length=1, queries=1, offset=0, clip=0, dim=2)
    assert panel.views[0].values.shape == (1, 1)
    panel.set(length=128, queries=128, offset=128, clip=64, dim=128, same_query=False)
    assert panel.views[0].values.shape == (128, 128)
    panel.set(length=3, queries=2, offset=100, clip=1)  # a band without any key
    assert panel.message == ""


@pytest.mark.parametrize("length, expected", [(16, 11), (64, 54)])  # the notebook says 54
def test_the_answer_to_the_question_of_the_panel(length, expected):
    """The outer rows hold (n - K)(n - K + 1) / 2 pairs each, distance 0 holds n."""
    outer = [(length - k) * (length - k + 1) / 2 for k in range(length)]
    assert expected == next(k for k in range(length) if outer[k] < length)
    panel = relative_explorer(form="clipped", length=length, queries=length, clip=1)
    while panel.views[2].ys[0].argmax() != panel.clip:
        panel.clip += 1
    assert panel.clip == expected


# ------------------------------------------------------------------------ the exercise that counts


def test_a_loop_over_the_rows_is_accepted():
    def by_rows(weights, table, relative):
        index = relative_index(relative, len(table) // 2)
        total = [(weights * (index == row)).sum(1) for row in range(len(table))]
        return torch.stack(total, dim=1) @ table

    assert checks.relative.values(by_rows).correct


def test_right_numbers_by_way_of_a_large_tensor_are_refused():
    def one_hot(weights, table, relative):
        index = relative_index(relative, len(table) // 2)
        return torch.einsum(
            "qk,qkr,rd->qd", weights, torch.nn.functional.one_hot(index).float(), table
        )

    verdict = checks.relative.values(one_hot)
    assert not verdict.correct and "built on the way" in verdict.message
