"""Laws of multi-head attention with every encoding, and parity with PyTorch."""

import pytest
import torch
from torch import nn

from posenc_lib import (
    LearnedEncoding,
    MultiHeadAttention,
    NezhaRelative,
    NoEncoding,
    ShawRelative,
    SinusoidalEncoding,
    band_mask,
    causal_mask,
    padding_mask,
    relative_positions,
)
from tests.reference import RotaryInTwentyLines, randomise, tokens

DIM, HEADS, HEAD_DIM = 16, 4, 4
ENCODINGS = {
    "sinusoidal": lambda: SinusoidalEncoding(DIM),
    "learned": lambda: LearnedEncoding(1100, DIM),
    "shaw": lambda: ShawRelative(HEAD_DIM, 3),
    "nezha": lambda: NezhaRelative(HEAD_DIM, 3),
    "rotary": RotaryInTwentyLines,
}
none_or_each_encoding = pytest.mark.parametrize("name", ["none", *ENCODINGS])


def layer_with(name, **options):
    encoding = None if name == "none" else ENCODINGS[name]()
    return randomise(MultiHeadAttention(DIM, HEADS, encoding=encoding, **options), seed=3).double()


# Parity with PyTorch


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("cross", "masked"),
    [(False, "none"), (False, "causal"), (False, "padding"), (False, "both"),
     (True, "none"), (True, "padding")],
)  # fmt: skip
def test_multi_head_attention_agrees_with_pytorch(bias, cross, masked):
    theirs = randomise(nn.MultiheadAttention(DIM, HEADS, bias=bias, batch_first=True), seed=0)
    ours = copy_of(theirs, bias, causal=masked in ("causal", "both"))
    x, context = tokens(3, 6), tokens(3, 6, seed=1) if cross else None
    keys = x if context is None else context
    padding = padding_mask([6, 4, 1], 6) if masked in ("padding", "both") else None
    output, weights = ours(x, context, padding=padding)
    expected = theirs.double()(
        x, keys, keys, average_attn_weights=False,
        key_padding_mask=None if padding is None else ~padding,  # PyTorch: True shuts out
        attn_mask=~causal_mask(6, 6) if ours.causal else None,
    )  # fmt: skip
    torch.testing.assert_close((output, weights), expected)


def copy_of(theirs, bias, causal):
    ours = MultiHeadAttention(DIM, HEADS, bias=bias, causal=causal).double()
    projections = (ours.to_query, ours.to_key, ours.to_value)
    with torch.no_grad():
        for linear, weight in zip(projections, theirs.in_proj_weight.chunk(3), strict=True):
            linear.weight.copy_(weight)
        ours.to_output.weight.copy_(theirs.out_proj.weight)
        if bias:
            for linear, value in zip(projections, theirs.in_proj_bias.chunk(3), strict=True):
                linear.bias.copy_(value)
            ours.to_output.bias.copy_(theirs.out_proj.bias)
    return ours


@none_or_each_encoding
def test_shapes_of_self_and_cross_attention(name):
    layer = layer_with(name)
    output, weights = layer(tokens(2, 5))
    assert output.shape == (2, 5, DIM)
    assert weights.shape == (2, HEADS, 5, 5)
    output, weights = layer(tokens(2, 5), tokens(2, 9, seed=1))
    assert output.shape == (2, 5, DIM)
    assert weights.shape == (2, HEADS, 5, 9)


def test_no_heads_axis_is_mixed_with_another():
    """Each head depends on its own rows of the projections only."""
    layer = layer_with("none")
    before = layer(tokens())[1]
    with torch.no_grad():
        layer.to_key.weight[HEAD_DIM : 2 * HEAD_DIM] += 1
    changed = (layer(tokens())[1] - before).abs().amax((0, 2, 3)) > 0
    assert changed.tolist() == [False, True, False, False]


def test_dropout_acts_on_the_output_and_leaves_the_weights_whole():
    layer = layer_with("none", dropout=0.5)
    output, weights = layer(tokens(8, 20))
    assert (output == 0).double().mean().item() == pytest.approx(0.5, abs=0.04)  # 2,560 entries
    torch.testing.assert_close(weights.sum(-1), torch.ones(8, HEADS, 20, dtype=torch.float64))
    layer.eval()
    torch.testing.assert_close(layer(tokens(8, 20)), layer_with("none")(tokens(8, 20)))


# Order


def test_without_position_permuting_the_tokens_permutes_the_outputs():
    layer, x, order = layer_with("none"), tokens(), torch.tensor([3, 0, 6, 1, 5, 2, 4])
    output, weights = layer(x)
    permuted, permuted_weights = layer(x[:, order])
    torch.testing.assert_close(permuted, output[:, order])
    torch.testing.assert_close(permuted_weights, weights[..., order, :][..., order])


@pytest.mark.parametrize(
    ("name", "causal"), [("none", True), *((name, False) for name in ENCODINGS)]
)
def test_each_encoding_and_the_causal_mask_alone_break_that(name, causal):
    layer, x, order = layer_with(name, causal=causal), tokens(), torch.arange(7).flip(0)
    assert (layer(x[:, order])[0] - layer(x)[0][:, order]).abs().max() > 0.01


@none_or_each_encoding
@pytest.mark.parametrize("causal", [True, False])
def test_tokens_that_keep_their_positions_may_stand_in_any_order(name, causal):
    layer, x, order = layer_with(name, causal=causal), tokens(), torch.randperm(7)
    output, weights = layer(x)
    permuted, permuted_weights = layer(x[:, order], positions=order)
    torch.testing.assert_close(permuted, output[:, order])
    torch.testing.assert_close(permuted_weights, weights[..., order, :][..., order])


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


@none_or_each_encoding
def test_a_causal_layer_also_keeps_the_mask_it_is_given(name):
    layer, x = layer_with(name, causal=True), tokens()
    weights = layer(x, mask=band_mask(relative_positions(7, 7), before=2, after=2))[1]
    both = band_mask(relative_positions(7, 7), before=2, after=0)
    assert torch.equal(weights > 0, both.expand_as(weights))


@none_or_each_encoding
def test_a_causal_layer_never_looks_ahead(name):
    layer, x = layer_with(name, causal=True), tokens(1, 6).requires_grad_()
    output = layer(x)[0]
    for t in range(6):
        gradient = torch.autograd.grad(output[0, t].sum(), x, retain_graph=True)[0]
        assert not gradient[0, t + 1 :].any()
        assert gradient[0, : t + 1].any(dim=-1).all()


# Positions


@none_or_each_encoding
def test_decoding_token_by_token_equals_the_full_pass(name):
    layer, x = layer_with(name, causal=True), tokens(2, 6)
    output, weights = layer(x)
    for t in range(6):
        step, step_weights = layer(
            x[:, t : t + 1], x[:, : t + 1],
            positions=torch.tensor([t]), context_positions=torch.arange(t + 1),
        )  # fmt: skip
        torch.testing.assert_close(step[:, 0], output[:, t])
        torch.testing.assert_close(step_weights[:, :, 0], weights[:, :, t, : t + 1])


@pytest.mark.parametrize(
    ("name", "invariant"),
    [("none", True), ("shaw", True), ("nezha", True), ("rotary", True),
     ("sinusoidal", False), ("learned", False)],
)  # fmt: skip
def test_relative_encodings_do_not_notice_that_everything_moved(name, invariant):
    layer, x = layer_with(name), tokens()
    here, there = layer(x)[0], layer(x, positions=torch.arange(7) + 1000)[0]
    if invariant:
        torch.testing.assert_close(there, here)
    else:
        assert (there - here).abs().max() > 0.01


@none_or_each_encoding
def test_positions_of_each_batch_row_are_its_own(name):
    layer, x = layer_with(name, causal=True), tokens(3)
    rows = torch.stack([torch.arange(7), torch.arange(7) * 3, torch.randperm(7)])
    output, weights = layer(x, positions=rows)
    for b in range(3):
        alone = layer(x[b : b + 1], positions=rows[b])
        torch.testing.assert_close((output[b : b + 1], weights[b : b + 1]), alone)
    torch.testing.assert_close(layer(x, positions=rows[:1]), layer(x, positions=rows[0]))


@none_or_each_encoding
@pytest.mark.parametrize("causal", [True, False])
def test_a_padded_batch_equals_its_rows_alone(name, causal):
    layer, x, lengths = layer_with(name, causal=causal), tokens(3, 6), [6, 4, 1]
    output, weights = layer(x, padding=padding_mask(lengths, 6))
    for b, n in enumerate(lengths):
        alone, alone_weights = layer(x[b : b + 1, :n])
        torch.testing.assert_close(output[b, :n], alone[0])
        torch.testing.assert_close(weights[b, :, :n, :n], alone_weights[0])
        assert not weights[b, :, :, n:].any()


@none_or_each_encoding
def test_a_batch_row_sees_nothing_of_the_others(name):
    layer, x = layer_with(name), tokens(3)
    for b in range(3):
        torch.testing.assert_close(layer(x[b : b + 1])[0][0], layer(x)[0][b])


@none_or_each_encoding
def test_a_row_that_may_see_nothing_returns_the_output_bias(name):
    layer, x = layer_with(name), tokens(2, 5).requires_grad_()
    output, weights = layer(x, padding=padding_mask([5, 0], 5))
    assert not weights[1].any()
    torch.testing.assert_close(output[1], layer.to_output.bias.expand(5, DIM))
    output.square().sum().backward()
    assert x.grad.isfinite().all()


# Dtypes, state


@none_or_each_encoding
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_the_full_answer_rounded(name, dtype):
    x = tokens(2, 9).to(dtype)
    full = layer_with(name).double()(x.double())
    output, weights = layer_with(name).to(dtype)(x)
    assert output.dtype == weights.dtype == dtype
    loose = {torch.bfloat16: 0.15, torch.float16: 0.02}[dtype]
    torch.testing.assert_close(weights.double(), full[1], rtol=0, atol=loose)
    torch.testing.assert_close(output.double(), full[0], rtol=0, atol=loose * 3)


@none_or_each_encoding
def test_it_runs_under_autocast(name):
    layer = layer_with(name).float()
    x = tokens(dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output, _ = layer(x)
    torch.testing.assert_close(output.float(), layer(x)[0], rtol=0, atol=0.4)


def test_the_encoding_is_part_of_the_state_dict():
    names = [key for key in layer_with("shaw").state_dict() if key.startswith("encoding.")]
    assert names == ["encoding.key_table", "encoding.value_table"]
    assert isinstance(layer_with("none").encoding, NoEncoding)
    target = MultiHeadAttention(DIM, HEADS, encoding=ShawRelative(HEAD_DIM, 3)).double()
    target.load_state_dict(layer_with("shaw").state_dict())
    torch.testing.assert_close(target(tokens()), layer_with("shaw")(tokens()))


@none_or_each_encoding
def test_every_parameter_gets_a_gradient(name):
    layer = layer_with(name)
    layer(tokens())[0].square().sum().backward()
    for key, parameter in layer.named_parameters():
        if key != "to_key.bias":  # adds the same number to a whole row of scores: softmax drops it
            assert parameter.grad.abs().max() > 1e-6, key
