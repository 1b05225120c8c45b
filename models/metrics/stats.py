"""The statistics of the metrics, each defined once, over whole microseconds and exact until the last division."""

from bisect import bisect_right
from fractions import Fraction
from itertools import accumulate
from typing import Final

import numpy as np

from models.metrics.arrays import Ints

HOUR: Final = 3_600_000_000
DAY: Final = 24 * HOUR
WEEK: Final = 7 * DAY


_LARGEST: Final = int(np.iinfo(np.int64).max)
_EXACT_IN_FLOAT: Final = 2**53
_FEW: Final = 8  # fractions that are made and sorted sooner than equal ones are put together


def percentile(ordered: Ints, percent: int) -> Fraction:
    """Return the value below which ``percent`` of an ascending, non-empty row lies, interpolated linearly.

    Hyndman-Fan type 7, NumPy's default: the rank is (n − 1) × percent ÷ 100, counted from 0.
    """
    whole, rest = divmod((len(ordered) - 1) * percent, 100)
    if not rest:
        return Fraction(int(ordered[whole]))
    return Fraction(int(ordered[whole]) * (100 - rest) + int(ordered[whole + 1]) * rest, 100)


def median(ordered: Ints) -> Fraction:
    """Return the 50th percentile of an ascending, non-empty row."""
    return percentile(ordered, 50)


def mean(values: Ints) -> Fraction:
    """Return the arithmetic mean of a non-empty row, in any order."""
    return Fraction(total(values), len(values))


def total(values: Ints) -> int:
    """Return the sum, exact whatever its size."""
    if not len(values):
        return 0
    largest = max(-int(values.min()), int(values.max()))
    return int(values.sum()) if largest * len(values) <= _LARGEST else sum(values.tolist())


def median_share(parts: Ints, wholes: Ints) -> Fraction:
    """Return the median of the fractions parts ÷ wholes, with wholes above zero, in any order but not empty."""
    low, high = (len(parts) - 1) // 2, len(parts) // 2
    lower = _share_at(low, parts, wholes)
    return lower if low == high else (lower + _share_at(high, parts, wholes)) / 2


def _share_at(place: int, parts: Ints, wholes: Ints) -> Fraction:
    """Return the fraction at a place of the ascending order.

    Division of floats is rounded but never turns an order round, so only those that no float tells apart from the one
    sought are compared exactly; and where a float cannot hold the figures themselves, all are.
    """
    if int(wholes.max()) >= _EXACT_IN_FLOAT:
        return sorted(map(Fraction, parts.tolist(), wholes.tolist()))[place]
    shares = parts / wholes
    sought = np.partition(shares, place)[place]
    places = np.flatnonzero(shares == sought)
    if len(places) <= _FEW:
        few = sorted(map(Fraction, parts[places].tolist(), wholes[places].tolist()))
        return few[place - int((shares < sought).sum())]
    alike = np.unique(_reduced(parts[places], wholes[places]), axis=1, return_counts=True)
    exact = sorted(zip(map(Fraction, *alike[0].tolist()), alike[1].tolist(), strict=True))
    until = list(accumulate(count for _, count in exact))
    return exact[bisect_right(until, place - int((shares < sought).sum()))][0]


def _reduced(parts: Ints, wholes: Ints) -> Ints:
    """Return both in lowest terms, one above the other: most shares that look alike are the very same, 0 and 1 above
    all.
    """
    return np.stack((parts, wholes)) // np.gcd(parts, wholes)
