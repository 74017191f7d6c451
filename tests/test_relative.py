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


def test_negative_is_the_past_and_positive_the_future():
    relative = relative_positions(4, 4)
    assert relative[3, 0] == -3  # the last query looks back at the first key
    assert relative[0, 3] == 3
    assert torch.equal(relative, -relative.T)
    assert (relative.tril(-1) <= 0).all()


def test_an_offset_places_the_newest_queries_at_the_end_of_a_cache():
    whole = relative_positions(7, 7)
    assert torch.equal(relative_positions(2, 7, offset=5), whole[5:])


@given(positions, positions, st.none() | limits)
def test_position_tensors_give_the_same_matrix(queries, keys, clip):
    expected = relative_loop(queries, keys, float("inf") if clip is None else clip)
    found = relative_positions(torch.tensor(queries), torch.tensor(keys), clip=clip)
    assert found.tolist() == expected
    batch = relative_positions(
        torch.tensor([queries, queries[::-1]]), torch.tensor([keys, keys[::-1]]), clip=clip
    )
    assert batch[0].tolist() == expected
    assert batch[1].tolist() == [row[::-1] for row in expected[::-1]]


@given(positions, positions)
def test_one_batched_side_meets_every_row_of_it(queries, keys):
    expected = relative_loop(queries, keys)
    many = torch.tensor([queries, [q + 1 for q in queries]])
    found = relative_positions(many, torch.tensor(keys))
    assert found[0].tolist() == expected
    assert torch.equal(found[1], found[0] - 1)
    found = relative_positions(torch.tensor(queries), torch.tensor([keys] * 3))
    assert found.shape == (3, len(queries), len(keys))
    assert found[2].tolist() == expected


@given(positions, sizes, offsets)
def test_a_length_beside_a_tensor_counts_from_zero(listed, length, offset):
    given_keys = relative_positions(length, torch.tensor(listed), offset=offset)
    assert given_keys.tolist() == relative_loop(range(offset, offset + length), listed)
    given_queries = relative_positions(torch.tensor(listed), length)
    assert given_queries.tolist() == relative_loop(listed, range(length))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64])
def test_small_integer_dtypes_do_not_wrap(dtype):
    ends = torch.tensor([0, 127], dtype=dtype)
    assert relative_positions(ends, ends).tolist() == [[0, 127], [-127, 0]]
    assert relative_positions(ends, torch.tensor([100], dtype=dtype)).tolist() == [[100], [-27]]


def test_real_positions_keep_their_fractions():
    found = relative_positions(torch.tensor([0.5, 2.0]), torch.tensor([0.0, 0.25]), clip=1)
    assert found.tolist() == [[-0.5, -0.25], [-1.0, -1.0]]


@given(positions, positions, st.integers(-500, 500))
def test_distances_do_not_change_when_everything_moves(queries, keys, shift):
    q, k = torch.tensor(queries), torch.tensor(keys)
    assert torch.equal(relative_positions(q + shift, k + shift), relative_positions(q, k))


def test_the_copied_one_liner_is_not_a_matrix():
    assert not (torch.arange(4) - torch.arange(4)).any()  # a vector of zeros
    with pytest.raises(RuntimeError, match="must match the size"):
        torch.arange(4) - torch.arange(5)


# Clipping, table rows, look-up


@given(sizes, sizes, offsets, limits)
def test_clipping_twice_is_clipping_once_and_keeps_near_distances(n, m, offset, k):
    relative = relative_positions(n, m, offset=offset)
    clipped = clip_relative(relative, k)
    assert torch.equal(clip_relative(clipped, k), clipped)
    assert clipped.abs().max() <= k
    near = relative.abs() <= k
    assert torch.equal(clipped[near], relative[near])
    assert torch.equal(clipped.sign(), relative.sign() * (k > 0))


@given(sizes, sizes, offsets, limits)
def test_every_distance_has_a_row_and_the_middle_row_is_distance_zero(n, m, offset, k):
    relative = relative_positions(n, m, offset=offset)
    row = relative_index(relative, k)
    assert row.min() >= 0
    assert row.max() <= 2 * k
    assert torch.equal(row - k, clip_relative(relative, k))
    assert (row[relative == 0] == k).all()


@given(sizes, sizes, offsets, st.integers(0, 4), st.integers(1, 3))
def test_look_up_is_a_double_loop_over_pairs(n, m, offset, k, dim):
    table = torch.randn(2 * k + 1, dim)
    relative = relative_positions(n, m, offset=offset)
    found = lookup_relative(table, relative)
    assert found.shape == (n, m, dim)
    for i in range(n):
        for j in range(m):
            distance = max(-k, min(k, j - (i + offset)))
            assert torch.equal(found[i, j], table[k + distance])
    batched = lookup_relative(table, torch.stack([relative, -relative]))
    assert torch.equal(batched[0], found)


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


@given(sizes, sizes)
def test_the_causal_mask_of_two_lengths_ends_with_a_row_that_sees_all(n, m):
    found = causal_mask(n, m)
    for i in range(n):
        for j in range(m):
            assert found[i, j] == (j <= i + m - n)
    assert found[-1].all()


def test_the_causal_mask_of_a_square_is_the_lower_triangle():
    assert torch.equal(causal_mask(5, 5), torch.ones(5, 5).tril().bool())


@given(positions, positions)
def test_the_causal_mask_of_positions_compares_them(queries, keys):
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


def test_the_copied_toy_runs_only_where_length_equals_dim():
    def copied(x, weight):  # weight is (dim, dim), as in the tutorials
        return x + relative_positions(len(x), len(x)).float() @ weight

    assert copied(torch.zeros(4, 4), torch.ones(4, 4)).shape == (4, 4)
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        copied(torch.zeros(6, 4), torch.ones(4, 4))
    assert toy_relative(torch.zeros(6, 4), torch.ones(6, 4)).shape == (6, 4)
