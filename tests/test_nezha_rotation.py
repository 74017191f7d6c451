"""One rotation maps the paper's NEZHA onto that of the published code, to the last digit."""

import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posenc_lib import (
    MultiHeadAttention,
    NezhaRelative,
    nezha_rotation,
    nezha_table,
    turn_projections,
)
from tests.reference import randomise, tokens


def layer_of(form, head_dim=8, heads=3, k=4, seed=1, **options):
    encoding = NezhaRelative(head_dim, k, form=form)
    layer = MultiHeadAttention(heads * head_dim, heads, encoding=encoding, **options)
    return randomise(layer, seed=seed).double()


@given(st.integers(0, 60), st.integers(1, 8), st.floats(1.5, 1e5))
def test_the_rotation_moves_every_distance_by_k_and_is_orthogonal(k, pairs, base):
    turn = nezha_rotation(k, 2 * pairs, base=base)
    identity = torch.eye(2 * pairs, dtype=torch.float64)
    torch.testing.assert_close(turn @ turn.T, identity, rtol=0, atol=1e-12)
    paper, code = (
        NezhaRelative(2 * pairs, k, base=base, form=form).tables()[0] for form in ("paper", "code")
    )
    torch.testing.assert_close(paper @ turn.T, code, rtol=0, atol=1e-12)
    single = nezha_table(k, 2 * pairs, base=base) @ turn.numpy().T
    np.testing.assert_allclose(
        single, nezha_table(k, 2 * pairs, base=base, form="code"), rtol=0, atol=1e-6
    )


def test_a_rotation_worked_by_hand():
    """head_dim 2, K = 1: one pair, turned by one radian."""
    expected = torch.tensor(
        [[math.cos(1), math.sin(1)], [-math.sin(1), math.cos(1)]], dtype=torch.float64
    )
    torch.testing.assert_close(nezha_rotation(1, 2), expected, rtol=0, atol=1e-16)


@settings(max_examples=15)
@given(st.integers(1, 12), st.integers(0, 6), st.integers(1, 3), st.integers(1, 3), st.booleans())
def test_a_turned_layer_of_the_other_form_is_the_same_function(length, k, heads, pairs, causal):
    sizes = {"head_dim": 2 * pairs, "heads": heads, "k": k, "causal": causal}
    paper = layer_of("paper", **sizes)
    code = turn_projections(paper, nezha_rotation(k, 2 * pairs))
    code.encoding = NezhaRelative(2 * pairs, k, form="code")
    x, before = tokens(length=length, dim=2 * pairs * heads), copy.deepcopy(paper.state_dict())
    torch.testing.assert_close(code(x), paper(x), rtol=0, atol=1e-13)
    assert all(torch.equal(value, before[name]) for name, value in paper.state_dict().items())
    back = turn_projections(code, nezha_rotation(k, 2 * pairs).T)
    for one, other in zip(back.parameters(), paper.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-14)


def test_without_turning_the_outputs_differ_and_each_turn_is_needed():
    paper, x = layer_of("paper"), tokens(length=11, dim=24)
    turned = turn_projections(paper, nezha_rotation(4, 8))
    turned.encoding = NezhaRelative(8, 4, form="code")
    exact = paper(x)[0]
    assert (turned(x)[0] - exact).abs().max() < 1e-14 * 100
    code = layer_of("code")
    assert (code(x)[0] - exact).abs().max() > 0.3
    for name in ("to_query", "to_key", "to_value", "to_output"):
        half = turn_projections(paper, nezha_rotation(4, 8))
        half.encoding = turned.encoding
        setattr(half, name, getattr(paper, name))  # this one is left as it was
        assert (half(x)[0] - exact).abs().max() > 0.05, name


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_weights_are_rounded_once_to_their_own_dtype(dtype, bias):
    paper = layer_of("paper", bias=bias).to(dtype)
    turned = turn_projections(paper, nezha_rotation(4, 8).float())
    assert {p.dtype for p in turned.parameters()} == {dtype}
    exact = turn_projections(paper.double(), nezha_rotation(4, 8).float())
    for one, other in zip(turned.parameters(), exact.parameters(), strict=True):
        assert torch.equal(one, other.to(dtype))
