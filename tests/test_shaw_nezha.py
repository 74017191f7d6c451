"""Laws of Shaw's relative representations and of NEZHA's fixed ones."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from posenc_lib import (
    MultiHeadAttention,
    NezhaRelative,
    ShawRelative,
    TableRelative,
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
from tests.reference import LargestStorage, randomise, shaw_attention_loop

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


def test_nothing_is_trained_or_saved_and_both_tables_are_the_same():
    nezha = NezhaRelative(8, 5, base=100.0)
    assert not nezha.state_dict()
    keys, values = nezha.tables()
    assert torch.equal(keys, values)
    np.testing.assert_array_equal(keys, nezha_table(5, 8, base=100.0))
    code = NezhaRelative(8, 5, form="code").tables()[0]
    np.testing.assert_array_equal(code, nezha_table(5, 8, form="code"))


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


class Float64Nezha(TableRelative):
    """NEZHA with tables that never pass through float32."""

    def __init__(self, head_dim, max_distance, form):
        super().__init__(head_dim, max_distance)
        start = -max_distance if form == "paper" else 0
        at = torch.arange(start, start + 2 * max_distance + 1).double()
        angle = at[:, None] * 10000.0 ** (-torch.arange(0, head_dim, 2).double() / head_dim)
        self.table = torch.stack([angle.sin(), angle.cos()], -1).flatten(-2)

    def tables(self):
        return self.table, self.table


def float32_nezha(head_dim, max_distance, form):
    return NezhaRelative(head_dim, max_distance, form=form)


@pytest.mark.parametrize("encoding", [Float64Nezha, float32_nezha])
def test_turning_the_projections_maps_one_form_onto_the_other(encoding):
    """q.(k + Ra) = (R'q).(R'k + a) and sum w (v + Ra) = R sum w (R'v + a): the same model class."""
    heads, head_dim, k = 3, 8, 4
    dim = heads * head_dim
    code = randomise(MultiHeadAttention(dim, heads, encoding=encoding(head_dim, k, "code")), seed=1)
    paper = MultiHeadAttention(dim, heads, encoding=encoding(head_dim, k, "paper"))
    code, paper = code.double(), paper.double()
    back = torch.from_numpy(np.kron(np.eye(heads), shift_rotation(k, head_dim).T))  # R', each head
    with torch.no_grad():
        for name in ("to_query", "to_key", "to_value"):
            turned, given_ = getattr(paper, name), getattr(code, name)
            turned.weight.copy_(back @ given_.weight)
            turned.bias.copy_(back @ given_.bias)
        paper.to_output.weight.copy_(code.to_output.weight @ back.T)
        paper.to_output.bias.copy_(code.to_output.bias)
    x = torch.randn(2, 11, dim, dtype=torch.float64)
    exact = encoding is Float64Nezha
    torch.testing.assert_close(paper(x), code(x), rtol=0, atol=1e-13 if exact else 1e-5)
    paper.encoding = encoding(head_dim, k, "code")  # without turning they are not the same
    assert (paper(x)[0] - code(x)[0]).abs().max() > 0.1


def test_scores_of_nezha_are_scaled_like_the_rest():
    nezha = NezhaRelative(16, 3)
    q = torch.randn(1, 1, 5, 16)
    positions = torch.arange(5)
    found = nezha.at_scores(q, q, positions, positions)
    vectors = lookup_relative(nezha.tables()[0], relative_positions(5, 5))
    expected = torch.einsum("id,ijd->ij", q[0, 0], vectors) / math.sqrt(16)
    torch.testing.assert_close(found[0, 0], expected)
