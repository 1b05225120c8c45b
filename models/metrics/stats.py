"""The statistics of the metrics, each defined once, over whole microseconds and exact until the last division."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

HOUR: Final = 3_600_000_000
DAY: Final = 24 * HOUR
WEEK: Final = 7 * DAY


def percentile(ordered: Sequence[int], percent: int) -> Fraction:
    """The value below which ``percent`` of an ascending, non-empty row lies, interpolated linearly.

    Hyndman-Fan type 7, NumPy's default: the rank is (n − 1) × percent ÷ 100, counted from 0.
    """
    whole, rest = divmod((len(ordered) - 1) * percent, 100)
    if not rest:
        return Fraction(ordered[whole])
    return Fraction(ordered[whole] * (100 - rest) + ordered[whole + 1] * rest, 100)


def median(ordered: Sequence[int]) -> Fraction:
    """The 50th percentile of an ascending, non-empty row."""
    return percentile(ordered, 50)


def mean(values: Sequence[int]) -> Fraction:
    """The arithmetic mean of a non-empty row, in any order."""
    return Fraction(sum(values), len(values))


def median_share(shares: Sequence[tuple[int, int]]) -> Fraction:
    """The median of fractions given as (part, whole) with wholes above zero, in any order but not empty."""
    # Two different fractions of microseconds within ten thousand years lie more than 2**-128 apart: the order is exact.
    ordered = sorted(shares, key=lambda share: (share[0] << 128) // share[1])
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return (Fraction(*low) + Fraction(*high)) / 2
