"""The statistics: each formula once, exact, compared with figures worked out by hand."""

import random
from fractions import Fraction

import numpy as np
import pytest

from models.metrics.stats import mean, median, median_share, percentile, total


@pytest.mark.parametrize(
    ("row", "percent", "expected"),
    [
        ([7], 75, 7),  # a single value is every percentile
        ([1, 2], 50, Fraction(3, 2)),  # rank (2 - 1) × 0.5 = 0.5: half-way
        ([1, 2, 3, 4], 75, Fraction(13, 4)),  # rank 3 × 0.75 = 2.25: 3 + 0.25 × 1
        ([10, 20, 30, 40, 50], 85, 44),  # rank 4 × 0.85 = 3.4: 40 + 0.4 × 10
        ([10, 20, 30, 40, 50], 95, 48),  # rank 4 × 0.95 = 3.8: 40 + 0.8 × 10
        ([0, 0, 10], 50, 0),  # rank 2 × 0.5 = 1: exactly one value
        ([5, 9], 100, 9),  # the last rank has no neighbour above
        ([-4, 2], 50, -1),  # below zero too
    ],
)
def test_a_percentile_interpolates_linearly_between_ranks(row: list[int], percent: int, expected: Fraction) -> None:
    """Hyndman-Fan type 7: rank (n − 1) × percent ÷ 100."""
    assert percentile(np.array(row), percent) == expected


def test_the_median_is_the_middle_or_halfway_between_the_two_middles() -> None:
    """An odd number of values has one middle, an even number has two."""
    assert median(np.array([1, 5, 100])) == 5
    assert median(np.array([1, 5, 10, 100])) == Fraction(15, 2)


def test_the_mean_is_exact_where_floats_are_not() -> None:
    """Three times a third of a microsecond is one microsecond."""
    assert mean(np.array([1, 0, 0])) * 3 == 1


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ([(1, 2)], Fraction(1, 2)),
        ([(1, 2), (1, 4)], Fraction(3, 8)),  # (0.5 + 0.25) / 2
        ([(9, 10), (1, 10), (5, 10)], Fraction(1, 2)),
        ([(0, 5), (5, 5), (1, 3)], Fraction(1, 3)),
    ],
)
def test_the_median_of_shares_takes_each_share_once(shares: list[tuple[int, int]], expected: Fraction) -> None:
    """A long item counts as much as a short one."""
    assert median_share(*np.array(shares).T) == expected


def test_shares_that_no_float_can_tell_apart_still_have_an_order() -> None:
    """Two spans of a thousand years that differ by a microsecond are different, in any order of rows."""
    whole = 31_556_952_000_000_000
    shares = [(whole // 3, whole), (whole // 3 + 1, whole), (whole // 3 + 1, whole - 1)]
    for seed in range(6):
        random.Random(seed).shuffle(shares)
        assert median_share(*np.array(shares).T) == Fraction(whole // 3 + 1, whole)


def test_equal_shares_in_different_figures_are_one_place_each() -> None:
    """1/2, 2/4 and 3/6 are equal, so the middle of five is one half."""
    assert median_share(np.array([1, 2, 3, 0, 9]), np.array([2, 4, 6, 1, 9])) == Fraction(1, 2)


@pytest.mark.parametrize("seed", range(20))
def test_the_median_of_many_shares_is_that_of_the_sorted_fractions(seed: int) -> None:
    """Compared with plain sorting, with many equal values and values a microsecond apart."""
    source = random.Random(seed)
    largest = source.choice([3, 1000, 2**53 - 1, 2**58])
    wholes = [source.randint(max(1, largest - 3), largest) for _ in range(source.randint(1, 60))]
    parts = [source.randint(max(0, whole // 2 - 2), whole // 2) for whole in wholes]
    exact = sorted(map(Fraction, parts, wholes))
    expected = (exact[(len(exact) - 1) // 2] + exact[len(exact) // 2]) / 2
    assert median_share(np.array(parts), np.array(wholes)) == expected


def test_a_sum_is_exact_beyond_what_64_bits_hold() -> None:
    """Damaged dates make spans of thousands of years; a hundred of them overflow."""
    assert total(np.full(100, 2**58)) == 100 * 2**58
    assert total(np.full(100, -(2**58))) == -100 * 2**58
    assert total(np.array([], np.int64)) == 0
