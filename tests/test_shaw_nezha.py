"""Laws of Shaw's relative representations and of NEZHA's fixed ones."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from posenc_lib import (
    MultiHeadAttention,
    NezhaRelative,
    ShawRelative,
    attention,
    lookup_relative,
    nezha_table,
    relative_positions,
    shaw_scores,
    shaw_scores_naive,
    shaw_values,
    shaw_values_naive,
    shift_rotation,
    sinusoidal_at,
)
from tests.reference import LargestStorage, randomise, shaw_attention_loop, sinusoidal_loop

sizes = st.integers(1, 6)


def random_shaw(batch, heads, queries, keys, dim, k, batched, seed=0):
    """Query, weights, table and distances, in float64."""
    make = torch.Generator().manual_seed(seed)
    normal = lambda *shape: torch.randn(*shape, generator=make, dtype=torch.float64)  # noqa: E731
    relative = relative_positions(queries, keys, offset=keys - queries)
    if batched:
        relative = relative + torch.arange(batch)[:, None, None]
    weights = normal(batch, heads, queries, keys).softmax(-1)
    return normal(batch, heads, queries, dim), weights, normal(2 * k + 1, dim), relative


# Scores and values, efficient and naive


@given(sizes, sizes, sizes, sizes, sizes, st.integers(0, 4), st.booleans())
def test_efficient_and_naive_agree(batch, heads, queries, keys, dim, k, batched):
    q, w, table, relative = random_shaw(batch, heads, queries, keys, dim, k, batched)
    scores, values = shaw_scores(q, table, relative), shaw_values(w, table, relative)
    torch.testing.assert_close(scores, shaw_scores_naive(q, table, relative))
    torch.testing.assert_close(values, shaw_values_naive(w, table, relative))
    assert scores.shape == (batch, heads, queries, keys)
    assert values.shape == (batch, heads, queries, dim)


@given(st.integers(1, 2), st.integers(1, 2), sizes, sizes, st.integers(1, 3), st.integers(0, 3))
def test_both_are_the_double_loop_of_the_paper(batch, heads, queries, keys, dim, k):
    q, w, table, relative = random_shaw(batch, heads, queries, keys, dim, k, batched=True)
    scores, values = shaw_scores(q, table, relative), shaw_values(w, table, relative)
    for b in range(batch):
        for h in range(heads):
            for i in range(queries):
                total = torch.zeros(dim, dtype=torch.float64)
                for j in range(keys):
                    a = table[max(-k, min(k, int(relative[b, i, j]))) + k]
                    torch.testing.assert_close(scores[b, h, i, j], q[b, h, i] @ a)
                    total += w[b, h, i, j] * a
                torch.testing.assert_close(values[b, h, i], total)


def test_gradients_agree_too():
    q, w, table, relative = random_shaw(2, 3, 5, 7, 4, 2, batched=False)
    for function, naive, operand in (
        (shaw_scores, shaw_scores_naive, q),
        (shaw_values, shaw_values_naive, w),
    ):
        found = gradients(function, operand, table, relative)
        for one, other in zip(found, gradients(naive, operand, table, relative), strict=True):
            torch.testing.assert_close(one, other)
            assert one.abs().max() > 0
    inputs = (q.requires_grad_(), table.requires_grad_())
    assert torch.autograd.gradcheck(lambda a, b: shaw_scores(a, b, relative), inputs)


def gradients(function, operand, table, relative):
    operand, table = operand.clone().requires_grad_(), table.clone().requires_grad_()
    function(operand, table, relative).cos().sum().backward()
    return operand.grad, table.grad


@pytest.mark.parametrize("training", [False, True])
def test_the_efficient_form_never_builds_query_key_head_dim(training):
    batch, heads, length, dim, k = 1, 2, 64, 32, 4
    q, w, table, relative = random_shaw(batch, heads, length, length, dim, k, batched=False)
    table.requires_grad_(training)
    score_matrix = batch * heads * length * length
    rows = batch * heads * length * (2 * k + 1)
    for efficient, naive, operand in (
        (shaw_scores, shaw_scores_naive, q),
        (shaw_values, shaw_values_naive, w),
    ):
        operand = operand.clone().requires_grad_(training)
        held = []
        for function in (efficient, naive):
            with LargestStorage() as made:
                result = function(operand, table, relative)
                if training:
                    result.sum().backward()
            held.append(made.elements)
        assert held[0] <= max(score_matrix, rows)
        assert held[1] == score_matrix * dim


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_the_dtype_is_kept(dtype):
    q, w, table, relative = random_shaw(1, 2, 3, 4, 4, 2, batched=False)
    assert shaw_scores(q.to(dtype), table.to(dtype), relative).dtype == dtype
    assert shaw_values(w.to(dtype), table.to(dtype), relative).dtype == dtype


# Inside attention


@given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 5), st.booleans())
def test_attention_with_shaw_is_equations_3_and_4(length, dim, k, values):
    shaw = randomise(ShawRelative(dim, k, values=values), seed=k).double()
    q, key, v = torch.randn(3, 1, 1, length, dim, dtype=torch.float64)
    positions = torch.arange(length)
    bias = shaw.at_scores(q, key, positions, positions)
    output, weights = attention(q, key, v, bias=bias)
    extra = shaw.at_values(weights, positions, positions)
    output = output if extra is None else output + extra
    value_table = shaw.value_table if values else torch.zeros(2 * k + 1, dim).double()
    with torch.no_grad():
        expected = shaw_attention_loop(q[0, 0], key[0, 0], v[0, 0], shaw.key_table, value_table, k)
    torch.testing.assert_close((output[0, 0], weights[0, 0]), expected)


def test_tables_start_at_002_are_trained_and_can_do_without_values():
    torch.manual_seed(0)
    shaw = ShawRelative(64, 64)
    assert {name: p.shape for name, p in shaw.named_parameters()} == {
        "key_table": (129, 64), "value_table": (129, 64)
    }  # fmt: skip
    for table in shaw.parameters():
        assert table.std().item() == pytest.approx(0.02, rel=0.03)
    assert list(ShawRelative(4, 2, values=False).state_dict()) == ["key_table"]


def test_a_distance_that_never_occurs_gets_no_gradient():
    layer = MultiHeadAttention(8, 2, encoding=randomise(ShawRelative(4, 6), seed=0))
    layer(torch.randn(1, 3, 8))[0].pow(2).sum().backward()
    for table in (layer.encoding.key_table, layer.encoding.value_table):
        touched = table.grad.any(dim=1)
        assert touched.tolist() == [-2 <= distance <= 2 for distance in range(-6, 7)]


# NEZHA


@given(st.integers(0, 40), st.integers(1, 17), st.floats(1.5, 1e5))
def test_row_r_of_the_papers_form_encodes_distance_r_minus_k(k, dim, base):
    paper = nezha_table(k, dim, base=base)
    expected = sinusoidal_at([float(d) for d in range(-k, k + 1)], dim, base=base)
    np.testing.assert_allclose(paper, expected, rtol=0, atol=2e-7)
    code = nezha_table(k, dim, base=base, form="code")
    np.testing.assert_allclose(
        code, sinusoidal_at([float(r) for r in range(2 * k + 1)], dim, base=base), rtol=0, atol=2e-7
    )
    assert paper.dtype == code.dtype == np.float32


@given(st.integers(0, 40), st.integers(1, 8), st.floats(1.5, 1e5))
def test_the_codes_rows_are_the_papers_rows_turned_by_one_rotation(k, pairs, base):
    paper = nezha_table(k, 2 * pairs, base=base).astype(float)
    code = nezha_table(k, 2 * pairs, base=base, form="code")
    turn = shift_rotation(k, 2 * pairs, base=base)
    np.testing.assert_allclose(paper @ turn.T, code, rtol=0, atol=1e-6)


@given(
    st.integers(0, 40), st.integers(1, 17), st.floats(1.5, 1e5), st.sampled_from(["paper", "code"])
)
def test_the_layers_table_is_the_formula_in_float64(k, dim, base, form):
    keys, values = NezhaRelative(dim, k, base=base, form=form).tables()
    assert torch.equal(keys, values)
    first = -k if form == "paper" else 0
    exact = sinusoidal_loop(range(first, first + 2 * k + 1), dim, base)
    np.testing.assert_allclose(keys, exact, rtol=0, atol=1e-13)
    np.testing.assert_allclose(keys, nezha_table(k, dim, base=base, form=form), rtol=0, atol=2e-7)


def test_nezha_trains_and_saves_nothing():
    nezha = NezhaRelative(8, 5)
    assert not nezha.state_dict() and not list(nezha.parameters())


def test_another_base_or_form_gives_another_table_in_any_call_order():
    options = [{}, {"base": 50.0}, {"form": "code"}]
    first = [NezhaRelative(8, 5, **option).tables()[0] for option in options]
    second = [NezhaRelative(8, 5, **option).tables()[0] for option in reversed(options)][::-1]
    for a, b in zip(first, second, strict=True):
        assert torch.equal(a, b)
    assert (first[0] - first[1]).abs().max() > 0.1
    assert (first[0] - first[2]).abs().max() > 0.1


def test_the_two_forms_differ_in_output():
    layer = randomise(MultiHeadAttention(16, 2, encoding=NezhaRelative(8, 4)), seed=0)
    x = torch.randn(2, 9, 16, generator=torch.Generator().manual_seed(0))
    paper = layer(x)[0]
    layer.encoding = NezhaRelative(8, 4, form="code")
    assert (layer(x)[0] - paper).abs().max() > 0.3


def test_scores_of_nezha_are_scaled_like_the_rest():
    nezha = NezhaRelative(16, 3)
    q = torch.randn(1, 1, 5, 16)
    positions = torch.arange(5)
    found = nezha.at_scores(q, q, positions, positions)
    vectors = lookup_relative(nezha.tables()[0].float(), relative_positions(5, 5))
    expected = torch.einsum("id,ijd->ij", q[0, 0], vectors) / math.sqrt(16)
    torch.testing.assert_close(found[0, 0], expected)


# What both share: positions, precision, graphs


def both(head_dim=4, k=3):
    return [randomise(ShawRelative(head_dim, k), seed=3), NezhaRelative(head_dim, k)]


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 200), st.booleans())
def test_positions_in_a_row_take_the_short_way_to_the_same_numbers(queries, keys, start, small):
    """The same positions as a batch of one row go the long way, through the whole matrix."""
    dtype = torch.uint8 if small else torch.int64  # uint8 would wrap below 0
    at_query, at_key = start + torch.arange(queries), torch.arange(keys)
    at_query, at_key = at_query.to(dtype), at_key.to(dtype)
    q, w, _, _ = random_shaw(2, 3, queries, keys, 4, 0, batched=False)
    for encoding in both():
        short = encoding.at_scores(q, q[:, :, :1].expand(-1, -1, keys, -1), at_query, at_key)
        long = encoding.at_scores(q, q[:, :, :1].expand(-1, -1, keys, -1), at_query[None], at_key)
        assert torch.equal(short, long)
        short = encoding.at_values(w, at_query, at_key)
        assert torch.equal(short, encoding.at_values(w, at_query[None], at_key[None]))


class IndexMatrices(TorchDispatchMode):
    """Counts the (query, key) matrices of whole numbers that are made; views do not count."""

    made: set

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        whole = isinstance(result, torch.Tensor) and result.dtype == torch.int64
        if whole and result.untyped_storage().nbytes() > 8 * 1000:
            self.made.add(result)  # kept, so that no memory is used twice
        return result

    def count(self):
        return len({matrix.untyped_storage().data_ptr() for matrix in self.made})


def test_positions_in_a_row_cost_one_index_matrix():
    at, counted = torch.arange(64), []
    q = torch.randn(1, 1, 64, 4)
    for positions in (at, at[None], 2 * at):
        with IndexMatrices() as matrices:
            matrices.made = set()
            ShawRelative(4, 2).at_scores(q, q, positions, positions)
        counted.append(matrices.count())
    assert counted == [1, 1, 2]  # the rows; the same; the distances and the clipped rows


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_thousands_of_small_weights_add_up_in_half_precision(dtype):
    """2,048 weights of 1/2048 beyond K make 1. A running sum in bfloat16 would stop at 1/8."""
    length = 2048
    shaw = ShawRelative(2, 1).to(dtype)
    torch.nn.init.ones_(shaw.value_table)
    weights = torch.full((1, 1, 1, length), 1 / length, dtype=dtype)
    found = shaw.at_values(weights, torch.tensor([length + 5]), torch.arange(length))
    assert found.dtype == dtype
    assert found.flatten().tolist() == [1.0, 1.0]
    public = shaw_values(weights, shaw.value_table, relative_positions(1, length, offset=length))
    assert torch.equal(public, found)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_values_in_half_precision_are_the_float64_answer_rounded_once(dtype):
    """Past and future pull in opposite directions: sums rounded before that would show."""
    shaw, at = ShawRelative(1, 1).to(dtype), torch.arange(301)
    shaw.value_table.data = torch.tensor([[1.0], [0.0], [-1.0]], dtype=dtype)
    weights = torch.rand(1, 1, 301, 301, generator=torch.manual_seed(0)).to(dtype)
    exact = shaw_values(weights.double(), shaw.value_table.double(), relative_positions(at, at))
    found = shaw.at_values(weights, at, at)
    assert torch.equal(found, exact.to(dtype))
    sums = torch.stack([weights.tril(-1).sum(-1), weights.triu(1).sum(-1)], -1)  # rounded early
    assert (sums @ shaw.value_table[[0, 2]] != found).any()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_scores_are_float32_at_least_and_one_rounding_from_float64(dtype):
    at = 100_000 + torch.arange(6)
    q = torch.randn(1, 2, 6, 16, generator=torch.manual_seed(0)).to(dtype)
    for encoding in both(16, 9):
        encoding = encoding.to(dtype)
        found = encoding.at_scores(q, q, at, at)
        table = encoding.tables()[0].double()
        exact = shaw_scores(q.double(), table, relative_positions(at, at)) / 4
        assert found.dtype == torch.float32
        torch.testing.assert_close(found.double(), exact, rtol=0, atol=2e-6)


def test_scores_do_not_overflow_under_autocast():
    q, at = torch.full((1, 1, 3, 4), 200.0), torch.arange(3)
    shaw = ShawRelative(4, 2)
    torch.nn.init.constant_(shaw.key_table, 200.0)  # 4 * 200 * 200 is more than float16 holds
    with torch.autocast("cpu", dtype=torch.float16):
        assert (shaw.at_scores(q, q, at, at) == 80_000).all()


def test_moving_dtype_leaves_no_stale_table():
    for encoding in both():
        at, q = torch.arange(5), torch.randn(1, 1, 5, 4, generator=torch.manual_seed(0))
        before = encoding.at_scores(q, q, at, at)
        encoding.double().at_scores(q.double(), q.double(), at, at)
        assert torch.equal(encoding.float().at_scores(q, q, at, at), before)


def test_the_repr_shows_every_setting():
    assert repr(ShawRelative(4, 2)) == "ShawRelative(head_dim=4, max_distance=2, values=True)"
    assert repr(ShawRelative(4, 2, values=False)).endswith("values=False)")
    expected = "NezhaRelative(head_dim=4, max_distance=2, base=100, form='code')"
    assert repr(NezhaRelative(4, 2, base=100, form="code")) == expected


def test_without_a_value_table_the_weights_are_not_needed():
    assert ShawRelative(4, 2).needs_weights and NezhaRelative(4, 2).needs_weights
    shaw = ShawRelative(4, 2, values=False)
    assert not shaw.needs_weights
    layer, x = MultiHeadAttention(8, 2, encoding=shaw), torch.randn(2, 5, 8)
    torch.testing.assert_close(layer(x, need_weights=False)[0], layer(x)[0])


@pytest.mark.unchecked
def test_the_meta_device_and_vmap_work():
    for encoding in both():
        q = torch.randn(3, 1, 2, 5, 4, generator=torch.manual_seed(0))
        at = torch.stack([torch.arange(5), torch.arange(5) * 2, torch.arange(5) + 9])
        found = torch.func.vmap(encoding.at_scores)(q, q, at, at)
        for row in range(3):
            expected = encoding.at_scores(q[row], q[row], at[row], at[row])
            torch.testing.assert_close(found[row], expected)
        layer = MultiHeadAttention(8, 2, encoding=encoding).to("meta")
        assert layer(torch.zeros(1, 5, 8, device="meta"))[0].shape == (1, 5, 8)
