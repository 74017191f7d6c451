"""Laws of randomised positions: every subset alike, sorted, seeded."""

import itertools
from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from posenc_lib import randomised_positions


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@given(st.integers(1, 30), st.integers(0, 30), st.one_of(st.none(), st.integers(1, 4)))
def test_positions_rise_and_stay_inside(length, spare, batch):
    max_length = length + spare
    drawn = randomised_positions(length, max_length, batch=batch)
    assert drawn.shape == ((length,) if batch is None else (batch, length))
    assert drawn.dtype == torch.int64
    assert (drawn.diff() > 0).all()  # sorted, and no position twice
    assert drawn.min() >= 0 and drawn.max() < max_length


def test_without_spare_room_it_counts():
    assert torch.equal(randomised_positions(7, 7), torch.arange(7))


def chi_square(draws, outcomes):
    """sum (seen - expected)^2 / expected over all outcomes."""
    expected = len(draws) / len(outcomes)
    seen = Counter(map(tuple, draws.tolist()))
    assert set(seen) <= set(outcomes)
    return sum((seen[o] - expected) ** 2 / expected for o in outcomes)


@pytest.mark.parametrize("together", [True, False])
def test_every_subset_is_equally_likely(together):
    """3 of 6: 20 subsets, 19 degrees of freedom; 43.8 is exceeded once in a thousand seeds."""
    subsets = list(itertools.combinations(range(6), 3))
    generator, many = seeded(), 6000
    if together:
        draws = randomised_positions(3, 6, batch=many, generator=generator)
    else:
        draws = torch.stack([randomised_positions(3, 6, generator=generator) for _ in range(many)])
    assert chi_square(draws, subsets) < 43.8
    # Sorted gaps, an idea that looks right, favours some subsets: the same test sees it.
    gaps = torch.rand(many, 4, generator=generator).sort(-1).values[:, 1:]
    biased = (gaps * 4).long() + torch.arange(3)
    assert chi_square(biased.clamp(max=5).sort(-1).values, subsets + same(biased)) > 43.8


def same(draws):
    """Outcomes of the biased draw that are no subsets of distinct positions."""
    rows = {tuple(row) for row in draws.clamp(max=5).sort(-1).values.tolist()}
    return [row for row in rows if len(set(row)) < 3]


def test_a_seed_repeats_and_rows_differ():
    first = randomised_positions(20, 500, batch=3, generator=seeded(4))
    assert torch.equal(first, randomised_positions(20, 500, batch=3, generator=seeded(4)))
    assert not torch.equal(first, randomised_positions(20, 500, batch=3, generator=seeded(5)))
    assert not torch.equal(first[0], first[1])
    torch.manual_seed(7)
    free = randomised_positions(20, 500)
    torch.manual_seed(7)
    assert torch.equal(free, randomised_positions(20, 500))
