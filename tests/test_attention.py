"""Laws of scaled dot-product attention, and parity with PyTorch's own."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from posenc_lib import attention, band_mask, causal_mask, padding_mask, relative_positions
from tests.reference import tokens

sizes = st.integers(1, 6)


# attention: the formula


@given(st.integers(1, 3), sizes, sizes, sizes, st.integers(0, 5), st.booleans(), st.integers(0, 9))
def test_it_is_the_double_loop(batch, queries, keys, head_dim, value_dim, shut, seed):
    q, k = tokens(batch, queries, head_dim, seed), tokens(batch, keys, head_dim, seed + 1)
    v = tokens(batch, keys, value_dim, seed + 2)
    bias = tokens(batch, queries, keys, seed + 3)
    mask = tokens(batch, queries, keys, seed + 4) > (0.5 if shut else -9)
    output, weights = attention(q, k, v, bias=bias, mask=mask)
    for b in range(batch):
        for i in range(queries):
            seen = [j for j in range(keys) if mask[b, i, j]]
            score = {j: q[b, i] @ k[b, j] / math.sqrt(head_dim) + bias[b, i, j] for j in seen}
            total = sum(s.exp() for s in score.values())
            for j in range(keys):
                expected = score[j].exp() / total if j in seen else torch.tensor(0.0).double()
                torch.testing.assert_close(weights[b, i, j], expected)
    torch.testing.assert_close(output, weights @ v)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("options", ["plain", "mask", "causal", "bias", "scale"])
@pytest.mark.parametrize("shape", [(2, 3, 5, 8), (4, 6, 3), (7, 2)])
def test_it_agrees_with_pytorch(dtype, options, shape):
    q, k, v = torch.randn(3, *shape, generator=torch.manual_seed(0)).to(dtype)
    length = shape[-2]
    mask = torch.rand(*shape[:-1], length, generator=torch.manual_seed(1)) > 0.4
    mask = mask | torch.eye(length).bool()
    bias = torch.randn(length, length, generator=torch.manual_seed(2)).to(dtype)
    ours, theirs = {
        "plain": ({}, {}),
        "mask": ({"mask": mask}, {"attn_mask": mask}),
        "causal": ({"causal": True}, {"is_causal": True}),
        "bias": ({"bias": bias}, {"attn_mask": bias}),
        "scale": ({"scale": 1.0}, {"scale": 1.0}),
    }[options]
    output, weights = attention(q, k, v, **ours)
    assert output.dtype == weights.dtype == dtype
    expected = F.scaled_dot_product_attention(q, k, v, **theirs)
    eps = torch.finfo(dtype).eps
    half = {"rtol": 0, "atol": 4 * eps} if dtype.itemsize == 2 else {}  # both round on the way
    torch.testing.assert_close(output, expected, **half)
    rows = weights.double().sum(-1)
    torch.testing.assert_close(rows, torch.ones_like(rows), rtol=0, atol=length * eps)


def test_float16_scores_do_not_overflow():
    q = torch.full((1, 3, 64), 200.0).half()  # q.k = 2,560,000; float16 ends at 65,504
    v = tokens(1, 3, 2, dtype=torch.float32).half()
    output, weights = attention(q, q, v)
    torch.testing.assert_close(weights, torch.full((1, 3, 3), 1 / 3).half())
    torch.testing.assert_close(output, F.scaled_dot_product_attention(q, q, v))


def test_large_scores_do_not_overflow():
    q = torch.tensor([[1e4], [-1e4]])
    output, weights = attention(q, q, torch.eye(2))
    assert torch.equal(weights, torch.eye(2))
    assert torch.equal(output, torch.eye(2))


def test_gradients_agree_with_finite_differences():
    q, k, v = (tokens(1, 3, 2, seed).requires_grad_() for seed in range(3))
    bias = tokens(1, 3, 3, 4).requires_grad_()
    mask = causal_mask(3, 3)
    assert torch.autograd.gradcheck(
        lambda *x: attention(*x[:3], bias=x[3], mask=mask), (q, k, v, bias)
    )


# attention: masks


def test_a_bias_of_minus_infinity_is_a_mask():
    q = tokens()
    mask = torch.rand(7, 7, generator=torch.manual_seed(0)) > 0.4
    bias = torch.zeros(7, 7, dtype=torch.float64).masked_fill(~mask, -math.inf)
    torch.testing.assert_close(attention(q, q, q, bias=bias), attention(q, q, q, mask=mask))


@pytest.mark.parametrize("how", ["mask", "bias", "padding", "causal"])
def test_a_row_that_may_see_nothing_gives_zeros_and_finite_gradients(how):
    queries = 5 if how == "causal" else 3  # five queries at the end of three keys: two see none
    q, k, v = tokens(2, queries), tokens(2, 3, seed=1), tokens(2, 3, seed=2)
    for operand in (q, k, v):
        operand.requires_grad_()
    mask = torch.ones(queries, 3).bool()
    mask[1] = False
    bias = torch.zeros(queries, 3, dtype=torch.float64).masked_fill(~mask, -math.inf)
    bias.requires_grad_()
    options = {
        "mask": {"mask": mask},
        "bias": {"bias": bias},
        "padding": {"padding": padding_mask([3, 0], 3)},
        "causal": {"causal": True},
    }[how]
    output, weights = attention(q, k, v, **options)
    dead = {"padding": (1,), "causal": (slice(None), slice(2))}.get(how, (slice(None), 1))
    assert not weights[dead].any()
    assert not output[dead].any()
    sums = weights.sum(-1)
    torch.testing.assert_close(sums, (sums > 0.5).double())  # every row sums to 1 or to 0
    assert (sums == 0).sum() == {"padding": 3, "causal": 4}.get(how, 2)
    with torch.autograd.set_detect_anomaly(True):  # no NaN on the way back either
        output.square().sum().backward()
    for operand in (q, k, v):
        assert operand.grad.isfinite().all()
        assert operand.grad.any()
    assert not q.grad[dead].any()
    if how == "bias":
        assert bias.grad.isfinite().all()


@pytest.mark.parametrize("value", [-1e300, torch.finfo(torch.float32).min])
def test_a_row_of_hugely_negative_biases_never_gives_nan(value):
    q = tokens(1, 3, 2, dtype=torch.float32) * 100
    output, weights = attention(q, q, q, bias=torch.full((3, 3), value, dtype=torch.float64))
    assert output.isfinite().all()
    assert weights.isfinite().all()


def test_pytorch_gives_nan_where_a_plain_softmax_sees_nothing():
    assert torch.full((3,), -math.inf).softmax(0).isnan().all()  # why the law above is needed


@given(sizes, sizes)
def test_causal_aligns_the_ends(queries, keys):
    q, k = tokens(1, queries), tokens(1, keys, seed=1)
    weights = attention(q, k, k, causal=True)[1][0]
    for i in range(queries):
        for j in range(keys):
            assert (weights[i, j] > 0) == (j <= i + keys - queries)


def test_masks_combine_by_and():
    q = tokens(2, 6)
    padding, band = padding_mask([6, 4], 6), band_mask(relative_positions(6, 6), before=2, after=2)
    bias = torch.zeros(6, 6, dtype=torch.float64)
    bias[:, 1] = -math.inf
    found = attention(q, q, q, mask=band, causal=True, padding=padding, bias=bias)[1]
    expected = band & causal_mask(6, 6) & padding[:, None] & (torch.arange(6) != 1)
    assert torch.equal(found > 0, expected)


@pytest.mark.parametrize("heads", [(), (3,), (3, 2)])
def test_padding_belongs_to_the_first_axis(heads):
    q = torch.randn(2, *heads, 5, 4, generator=torch.manual_seed(0))
    weights = attention(q, q, q, padding=padding_mask([5, 2], 5))[1]
    assert (weights[0] > 0).all()
    seen = torch.tensor([True, True, False, False, False])
    assert torch.equal(weights[1] > 0, seen.expand(*heads, 5, 5))
