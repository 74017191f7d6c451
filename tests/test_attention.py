"""Laws of scaled dot-product and multi-head attention, and parity with PyTorch's own."""

import math

import pytest
import torch
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from posenc_lib import (
    MultiHeadAttention,
    attention,
    attention_output,
    causal_mask,
    padding_mask,
)
from tests.reference import randomise, tokens

sizes = st.integers(1, 6)


# attention: the formula


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("shape", [(2, 3, 5, 8), (4, 6, 3), (7, 2), (2, 1, 3, 4, 8)])
def test_it_agrees_with_pytorch_with_the_weights_and_without(dtype, shape):
    q, k, v = torch.randn(3, *shape, generator=torch.manual_seed(0)).to(dtype)
    length, eps = shape[-2], torch.finfo(dtype).eps
    mask = torch.rand(*shape[:-1], length, generator=torch.manual_seed(1)) > 0.4
    mask = mask | torch.eye(length).bool()
    bias = torch.randn(length, length, generator=torch.manual_seed(2)).to(dtype)
    half = {"rtol": 0, "atol": 4 * eps} if dtype.itemsize == 2 else {}  # both round on the way
    for ours, theirs in (
        ({}, {}),
        ({"mask": mask}, {"attn_mask": mask}),
        ({"causal": True}, {"is_causal": True}),
        ({"bias": bias}, {"attn_mask": bias}),
        ({"scale": 1.0}, {"scale": 1.0}),
    ):
        output, weights = attention(q, k, v, **ours)
        assert output.dtype == weights.dtype == dtype
        expected = F.scaled_dot_product_attention(q, k, v, **theirs)
        torch.testing.assert_close(output, expected, **half)
        torch.testing.assert_close(attention_output(q, k, v, **ours), expected, **half)
        rows = weights.double().sum(-1)
        torch.testing.assert_close(rows, torch.ones_like(rows), rtol=0, atol=length * eps)


def test_large_scores_do_not_overflow():
    q = torch.full((1, 3, 64), 200.0).half()  # q.k = 2,560,000; float16 ends at 65,504
    torch.testing.assert_close(attention(q, q, q)[1], torch.full((1, 3, 3), 1 / 3).half())
    torch.testing.assert_close(attention_output(q, q, q), q)
    q = torch.tensor([[1e4], [-1e4]])
    assert torch.equal(attention(q, q, torch.eye(2))[1], torch.eye(2))


def test_gradients_agree_with_finite_differences():
    q, k, v = (tokens(1, 3, 2, seed).requires_grad_() for seed in range(3))
    bias = tokens(1, 3, 3, 4).requires_grad_()
    mask = causal_mask(3, 3)
    assert torch.autograd.gradcheck(
        lambda *x: attention(*x[:3], bias=x[3], mask=mask), (q, k, v, bias)
    )


# attention: masks


@pytest.mark.parametrize("how", ["mask", "bias", "padding", "causal"])
@pytest.mark.parametrize("fused", [False, True])
def test_a_row_that_may_see_nothing_gives_zeros_and_finite_gradients(how, fused):
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
    if fused:
        output = attention_output(q, k, v, **options)
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


@pytest.mark.parametrize("heads", [(), (3,), (3, 2)])
def test_padding_belongs_to_the_first_axis(heads):
    q = torch.randn(2, *heads, 5, 4, generator=torch.manual_seed(0))
    weights = attention(q, q, q, padding=padding_mask([5, 2], 5))[1]
    assert (weights[0] > 0).all()
    seen = torch.tensor([True, True, False, False, False])
    assert torch.equal(weights[1] > 0, seen.expand(*heads, 5, 5))


# Heads


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("cross", "masked"),
    [(False, "none"), (False, "causal"), (False, "padding"), (False, "both"), (True, "padding")],
)
def test_multi_head_attention_agrees_with_pytorch(bias, cross, masked):
    theirs = randomise(nn.MultiheadAttention(16, 4, bias=bias, batch_first=True), seed=0).double()
    ours = MultiHeadAttention(16, 4, bias=bias, causal=masked in ("causal", "both")).double()
    state = {"to_output." + name: value for name, value in theirs.out_proj.named_parameters()}
    for kind in ("weight", "bias") if bias else ("weight",):
        parts = getattr(theirs, f"in_proj_{kind}").chunk(3)
        for name, part in zip(("to_query", "to_key", "to_value"), parts, strict=True):
            state[f"{name}.{kind}"] = part
    ours.load_state_dict(state)
    x, context = tokens(3, 6), tokens(3, 6, seed=1) if cross else None
    keys = x if context is None else context
    padding = padding_mask([6, 4, 1], 6) if masked in ("padding", "both") else None
    expected = theirs(
        x, keys, keys, average_attn_weights=False,
        key_padding_mask=None if padding is None else ~padding,  # PyTorch: True shuts out
        attn_mask=~causal_mask(6, 6) if ours.causal else None,
    )  # fmt: skip
    torch.testing.assert_close(ours(x, context, padding=padding), expected)


def test_dropout_acts_on_the_output_and_leaves_the_weights_whole():
    layer, x = randomise(MultiHeadAttention(16, 4, dropout=0.5), 0).double(), tokens(8, 20)
    output, weights = layer(x)
    assert (output == 0).double().mean().item() == pytest.approx(0.5, abs=0.04)  # 2,560 entries
    torch.testing.assert_close(weights.sum(-1), torch.ones(8, 4, 20, dtype=torch.float64))
    assert not (layer.eval()(x)[0] == 0).any()


@pytest.mark.parametrize("length", [1, 4, 50])
def test_a_causal_mask_alone_lets_position_t_output_one_over_t(length):
    layer = MultiHeadAttention(2, 1, causal=True, bias=False).double()
    with torch.no_grad():
        layer.to_key.weight.copy_(torch.tensor([[1.0, 0], [1, 0]]))  # reads the constant
        layer.to_value.weight.copy_(torch.tensor([[0.0, 1], [0, 0]]))  # reads the flag
        layer.to_output.weight.copy_(torch.eye(2))
    x = torch.zeros(1, length, 2, dtype=torch.float64)
    x[0, :, 0] = 1  # a constant
    x[0, 0, 1] = 1  # a flag on the first token
    output = layer(x)[0][0, :, 0]
    torch.testing.assert_close(output, 1 / torch.arange(1, length + 1).double())
    layer.causal = False
    torch.testing.assert_close(layer(x)[0][0, :, 0], torch.full_like(output, 1 / length))
