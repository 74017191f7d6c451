"""Laws of SinusoidalEncoding: the table as a module, for (batch, length, dim) input."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from posenc_lib import SinusoidalEncoding, sinusoidal_at, sinusoidal_table


def assert_encodes_along_the_length(encode, batch=3, length=7, dim=8):
    """The one test that catches a position added along the wrong axis."""
    found = encode(torch.zeros(batch, length, dim))
    assert found.shape == (batch, length, dim)
    for row in found[1:]:
        assert torch.equal(row, found[0]), "batch rows differ: position follows the batch axis"
    apart = (found[0][:, None] - found[0]).norm(dim=-1) + torch.eye(length)
    assert apart.min() > 0.01, "two positions share one vector"  # .018 for 44, close to 14 pi


@given(st.integers(1, 4), st.integers(2, 60), st.integers(2, 17))
def test_every_batch_row_gets_the_same_encoding_and_every_position_another(batch, length, dim):
    assert_encodes_along_the_length(SinusoidalEncoding(dim), batch, length, dim)


@given(st.integers(0, 200), st.integers(1, 9), st.floats(1.5, 1e6))
def test_it_adds_the_rows_of_the_table_at_any_length(length, dim, base):
    x = torch.randn(2, length, dim)
    expected = x.clone()
    if length:
        expected += torch.from_numpy(sinusoidal_table(length, dim, base=base))
    torch.testing.assert_close(SinusoidalEncoding(dim, base=base)(x), expected, rtol=0, atol=0)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9), st.integers(1, 9))
def test_given_positions_are_the_rows_at_those_positions(positions, dim):
    expected = torch.from_numpy(sinusoidal_at(positions, dim))
    encode = SinusoidalEncoding(dim)
    x = torch.randn(2, len(positions), dim)
    one_list = encode(x, torch.tensor(positions, dtype=torch.float64))
    torch.testing.assert_close(one_list, x + expected, rtol=0, atol=0)
    backwards = torch.tensor([positions, positions[::-1]], dtype=torch.float64)
    per_row = encode(x, backwards)
    torch.testing.assert_close(per_row, x + torch.stack([expected, expected.flip(0)]))


# Precision: the table in float64, one rounding of the sum


@given(st.integers(-(10**6), 10**6), st.integers(1, 40), st.integers(1, 17), st.floats(1.5, 1e6))
def test_both_ways_to_the_table_agree(start, length, dim, base):
    encode, x = SinusoidalEncoding(dim, base=base), torch.zeros(1, length, dim)
    counted = torch.arange(start, start + length)
    quick, by_sine = encode(x, counted), encode(x, counted.double())
    torch.testing.assert_close(quick, by_sine, rtol=0, atol=1.2e-7)
    assert (encode(x.double(), counted) - by_sine).abs().max() <= 2**-25


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int32])
def test_small_integers_do_not_wrap(dtype):
    encode, x = SinusoidalEncoding(4), torch.zeros(1, 3, 4)
    top = torch.iinfo(dtype).max
    wrapped = torch.tensor([top, torch.iinfo(dtype).min, torch.iinfo(dtype).min + 1], dtype=dtype)
    torch.testing.assert_close(encode(x, wrapped), encode(x, wrapped.double()), rtol=0, atol=1.2e-7)


# Graphs and transforms


def test_vmap_over_input_and_positions():
    encode, x = SinusoidalEncoding(6), torch.randn(4, 2, 3, 6)
    positions = torch.randint(0, 9_000, (4, 3))
    mapped = torch.func.vmap(encode)(x, positions)
    for one, at, found in zip(x, positions, mapped, strict=True):
        torch.testing.assert_close(found, encode(one, at))


def test_gradients_reach_fractional_positions():
    encode, x = SinusoidalEncoding(2), torch.zeros(1, 1, 2)
    slope = torch.func.grad(lambda p: encode(x, p).sum())(torch.tensor([0.5]))
    assert float(slope) == pytest.approx(np.cos(0.5) - np.sin(0.5), abs=1e-6)


def test_the_input_is_not_changed_in_place():
    x = torch.zeros(2, 5, 4)
    SinusoidalEncoding(4)(x)
    assert not x.any()


def test_dropout_acts_on_the_sum_in_training_only():
    torch.manual_seed(0)
    encode = SinusoidalEncoding(64, dropout=0.25)
    x = torch.full((8, 100, 64), 3.0)  # the sum is at least 2: a zero is a dropped entry
    full = encode.eval()(x)
    torch.testing.assert_close(full, SinusoidalEncoding(64)(x), rtol=0, atol=0)
    dropped = encode.train()(x)
    kept = dropped != 0
    assert kept.double().mean().item() == pytest.approx(0.75, abs=0.01)  # 51,200 entries
    torch.testing.assert_close(dropped[kept], full[kept] / 0.75)


def test_the_door_is_the_module_itself():
    encode = SinusoidalEncoding(4)
    x, positions = torch.randn(2, 3, 4), torch.tensor([5, 1, 2])
    assert torch.equal(encode.at_embeddings(x, positions), encode(x, positions))
