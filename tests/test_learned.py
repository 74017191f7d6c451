"""Laws of LearnedEncoding: a trained table of positions."""

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from posenc_lib import LearnedEncoding


def test_the_start_is_normal_with_standard_deviation_002():
    torch.manual_seed(0)
    weight = LearnedEncoding(512, 256).weight.detach()
    assert weight.mean().item() == pytest.approx(0.0, abs=4 * 0.02 / 362)  # 362^2 entries
    assert weight.std().item() == pytest.approx(0.02, rel=0.01)
    # Normal, not uniform: 68.3 % of the entries lie within one standard deviation.
    assert (weight.abs() < 0.02).double().mean().item() == pytest.approx(0.683, abs=0.005)


@given(st.integers(1, 3), st.integers(1, 12), st.integers(1, 6))
def test_it_adds_the_first_rows_to_every_batch_row(batch, length, dim):
    encode = LearnedEncoding(12, dim)
    x = torch.randn(batch, length, dim)
    found = encode(x)
    for b in range(batch):
        for p in range(length):
            assert torch.equal(found[b, p], x[b, p] + encode.weight[p])


@given(st.lists(st.integers(0, 9), min_size=1, max_size=8))
def test_given_positions_pick_their_rows(positions):
    encode = LearnedEncoding(10, 3)
    both = torch.tensor([positions, positions[::-1]])
    found = encode(torch.zeros(2, len(positions), 3), both)
    for row, listed in zip(found, both.tolist(), strict=True):
        torch.testing.assert_close(row, torch.stack([encode.weight[p] for p in listed]))
    one_list = encode(torch.zeros(2, len(positions), 3), both[0])
    torch.testing.assert_close(one_list[1], found[0])


def test_a_position_that_never_occurs_gets_no_gradient_and_keeps_its_noise():
    encode = LearnedEncoding(64, 4)
    before = encode.weight.detach().clone()
    optimiser = torch.optim.SGD(encode.parameters(), lr=1.0)
    encode(torch.randn(2, 16, 4)).pow(2).sum().backward()
    assert (encode.weight.grad[:16] != 0).all()
    assert not encode.weight.grad[16:].any()
    optimiser.step()
    assert torch.equal(encode.weight[16:], before[16:])
    assert not torch.equal(encode.weight[:16], before[:16])


@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16], ids=str
)
@pytest.mark.parametrize(
    ("old", "new"),
    [(512, 511), (512, 513), (512, 1024), (1024, 77), (197, 577), (2, 3000), (3000, 2), (7, 1)],
)
def test_extension_is_within_one_rounding_of_exact_fractions(old, new, dtype):
    table = torch.randn(old, 3, generator=torch.manual_seed(0)).to(dtype)
    found = LearnedEncoding.from_table(table).extended(new).weight.detach()
    assert found.dtype == dtype
    rows = []
    for p in range(new):
        at = Fraction(p * (old - 1), max(new - 1, 1))
        below, above = math.floor(at), math.ceil(at)
        share = float(at - below)
        rows.append((1 - share) * table[below].double() + share * table[above].double())
    exact = torch.stack(rows)
    step = torch.finfo(dtype).eps * 2.0 ** torch.frexp(exact)[1].double().sub(1)
    slack = 1e-15 if dtype == torch.float64 else exact.abs() * 2**-24  # half: by way of float32
    assert ((found.double() - exact).abs() <= step / 2 + slack).all()
    assert torch.equal(found[0], table[0])
    assert new == 1 or torch.equal(found[-1], table[-1])


@given(st.integers(1, 300))
def test_extension_to_the_same_length_changes_no_bit(length):
    table = torch.randn(length, 2)
    assert torch.equal(LearnedEncoding.from_table(table).extended(length).weight, table)


def test_extension_is_a_new_module_that_works_past_the_old_end():
    short = LearnedEncoding(4, 3, dropout=0.1)
    long = short.extended(9)
    assert long(torch.zeros(1, 9, 3)).shape == (1, 9, 3)
    assert (long.length, long.dropout.p, long.weight.requires_grad) == (9, 0.1, True)
    with torch.no_grad():
        long.weight.zero_()
    assert short.weight.any()


def test_extension_keeps_the_mode():
    assert not LearnedEncoding(4, 3, dropout=0.5).eval().extended(9).training
    assert LearnedEncoding(4, 3, dropout=0.5).train().extended(9).training


def test_from_table_takes_a_copy():
    table = torch.randn(5, 4)
    encode = LearnedEncoding.from_table(table)
    assert torch.equal(encode.weight, table)
    table.zero_()
    assert encode.weight.any()


def test_dropout_is_off_in_eval():
    torch.manual_seed(0)
    encode = LearnedEncoding(50, 40, dropout=0.5)
    x = torch.full((2, 50, 40), 3.0)
    assert (encode.train()(x) == 0).double().mean().item() == pytest.approx(0.5, abs=0.04)
    assert torch.equal(encode.eval()(x), x + encode.weight)
