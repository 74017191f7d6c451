"""Laws of relative positions: key minus query, clipped, looked up, banded."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from posenc_lib import (
    band_mask,
    causal_mask,
    clip_relative,
    lookup_relative,
    padding_mask,
    relative_index,
    relative_positions,
    toy_relative,
)
from tests.reference import relative_loop

sizes = st.integers(1, 9)
offsets = st.integers(-20, 20)
limits = st.integers(0, 12)
positions = st.lists(st.integers(-1000, 1000), min_size=1, max_size=6)


# The matrix j - i


@given(sizes, sizes, offsets, st.none() | limits)
def test_every_entry_is_key_minus_query_for_any_sizes_offset_and_clip(n, m, offset, clip):
    found = relative_positions(n, m, offset=offset, clip=clip)
    queries, keys = range(offset, offset + n), range(m)
    expected = relative_loop(queries, keys, float("inf") if clip is None else clip)
    assert found.dtype == torch.int64
    assert found.tolist() == expected


@given(positions, positions, st.none() | limits)
def test_positions_of_one_axis_or_two_on_either_side_give_the_same_matrix(queries, keys, clip):
    expected = relative_loop(queries, keys, float("inf") if clip is None else clip)
    one, other = torch.tensor(queries), torch.tensor(keys)
    assert relative_positions(one, other, clip=clip).tolist() == expected
    many, others = torch.stack((one.flip(0), one)), torch.stack((other.flip(0), other))
    for pair in ((many, others), (many, other), (one, others)):
        assert relative_positions(*pair, clip=clip)[1].tolist() == expected
    assert relative_positions(many, others, clip=clip)[0].tolist() == [
        row[::-1] for row in expected[::-1]
    ]
    counted = relative_loop(range(7, 10), keys), relative_loop(queries, range(4))
    assert relative_positions(3, other, offset=7).tolist() == counted[0]
    assert relative_positions(one, 4).tolist() == counted[1]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64])
def test_small_integer_dtypes_do_not_wrap(dtype):
    ends = torch.tensor([0, 127], dtype=dtype)
    assert relative_positions(ends, ends).tolist() == [[0, 127], [-127, 0]]
    assert relative_positions(ends, torch.tensor([100], dtype=dtype)).tolist() == [[100], [-27]]


def test_real_positions_keep_their_fractions():
    found = relative_positions(torch.tensor([0.5, 2.0]), torch.tensor([0.0, 0.25]), clip=1)
    assert found.tolist() == [[-0.5, -0.25], [-1.0, -1.0]]


# Clipping, table rows, look-up


@given(sizes, sizes, offsets, limits)
def test_rows_of_a_table_are_clipped_distances_from_its_middle(n, m, offset, k):
    table = torch.randn(2 * k + 1, 2)
    relative = relative_positions(n, m, offset=offset)
    clipped = torch.tensor(relative_loop(range(offset, offset + n), range(m), k))
    assert torch.equal(clip_relative(relative, k), clipped)
    assert torch.equal(relative_index(relative, k), clipped + k)
    for found in (
        lookup_relative(table, relative), lookup_relative(table, torch.stack([relative] * 2))[1]
    ):  # fmt: skip
        assert torch.equal(found, table[clipped + k])


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32])
def test_whole_distances_of_any_dtype_are_distances(dtype):
    table = torch.randn(601, 2)
    relative = torch.tensor([[0, 3, 100]])
    small = relative.to(dtype)
    assert torch.equal(relative_index(small, 300), relative + 300)
    assert torch.equal(lookup_relative(table, small), lookup_relative(table, relative))
    assert clip_relative(small, 300).tolist() == [[0, 3, 100]]


# Bands and masks


@given(sizes, sizes, offsets, st.none() | limits, st.none() | limits)
def test_a_band_is_a_double_loop_over_pairs(n, m, offset, before, after):
    found = band_mask(relative_positions(n, m, offset=offset), before=before, after=after)
    assert found.dtype == torch.bool
    for i in range(n):
        for j in range(m):
            past, future = (i + offset) - j, j - (i + offset)
            expected = (before is None or past <= before) and (after is None or future <= after)
            assert found[i, j] == expected


@given(sizes, sizes, positions, positions)
def test_the_causal_mask_compares_positions_or_the_ends_of_two_lengths(n, m, queries, keys):
    expected = [[j <= i + m - n for j in range(m)] for i in range(n)]
    assert causal_mask(n, m).tolist() == expected and all(expected[-1])
    found = causal_mask(torch.tensor(queries), torch.tensor([keys]))
    assert found[0].tolist() == [[k <= q for k in keys] for q in queries]


@given(st.lists(st.integers(0, 8), min_size=0, max_size=5), st.integers(8, 10))
def test_the_padding_mask_counts_the_real_tokens_from_the_left(lengths, length):
    found = padding_mask(lengths, length)
    assert found.dtype == torch.bool
    assert found.tolist() == [[t < n for t in range(length)] for n in lengths]
    assert torch.equal(padding_mask(torch.tensor(lengths, dtype=torch.long), length), found)


# The tutorials' toy


@given(sizes, st.integers(1, 5), st.integers(1, 3))
def test_the_mended_toy_is_a_triple_loop_for_any_length_and_dim(length, dim, batch):
    x = torch.randn(batch, length, dim, dtype=torch.float64)
    weight = torch.randn(length, dim, dtype=torch.float64)
    found = toy_relative(x, weight)
    for b in range(batch):
        for i in range(length):
            added = sum((j - i) * weight[j] for j in range(length))
            torch.testing.assert_close(found[b, i], x[b, i] + added)
    torch.testing.assert_close(toy_relative(x[0], weight), found[0])
