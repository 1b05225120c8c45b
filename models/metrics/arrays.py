"""The kinds of arrays that hold what the metrics read, and ragged columns.

A ragged column (timelines, fix versions) is one array of all rows' values, and the offsets at which the values of each
row begin, with a last end.
"""

from collections.abc import Iterable, Sequence, Sized
from itertools import accumulate
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int8]
Bools = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.bytes_]
AnyScalar = TypeVar("AnyScalar", bound=np.generic)

# Outside every instant that a datetime can hold.
NO_INSTANT: Final = int(np.iinfo(np.int64).min)
INVALID_INSTANT: Final = NO_INSTANT + 1
NONE: Final = -1  # in a column of codes or places: there is none


def ints(values: Iterable[int]) -> Ints:
    """Return whole numbers as an array, also of none."""
    return np.array(list(values), np.int64)


def offsets_of(rows: Iterable[Sized]) -> Ints:
    """Return where the values of each row begin in a ragged column, and a last end."""
    return ints(accumulate(map(len, rows), initial=0))


# Not np.unique and np.isin: both import np.ma, which takes longer than the rest of an explanation.


def distinct(values: npt.NDArray[AnyScalar]) -> npt.NDArray[AnyScalar]:
    """Return each value once, sorted."""
    ordered = np.sort(values)
    is_first = np.ones(len(ordered), np.bool_)
    is_first[1:] = ordered[1:] != ordered[:-1]
    return ordered[is_first]


def are_among(values: Ints, chosen: Ints) -> Bools:
    """Return which values are among those chosen, of which there is at least one."""
    ordered = np.sort(chosen)
    places = np.searchsorted(ordered, values).clip(max=len(ordered) - 1)
    among: Bools = ordered[places] == values
    return among


def segment_sums(values: Ints | Bools, offsets: Ints) -> Ints:
    """Return the sum of each row of a ragged column; 0 of an empty one."""
    # The running sum may wrap around; its differences are right as long as each row's own sum fits.
    running = np.concatenate(([0], np.cumsum(values)))
    return running[offsets[1:]] - running[offsets[:-1]]


def segment_minima(values: Ints, offsets: Ints, default: int) -> Ints:
    """Return the least value of each row of a ragged column; ``default`` of an empty one."""
    starts, filled = offsets[:-1], offsets[1:] > offsets[:-1]
    minima = np.full(len(starts), default, np.int64)
    if len(values):
        minima[filled] = np.minimum.reduceat(values, starts[filled])
    return minima


def taken_offsets(offsets: Ints, rows: Ints) -> tuple[Ints, Ints]:
    """Return the offsets of a ragged column's chosen rows, and where their values lie in the old one."""
    lengths = (offsets[1:] - offsets[:-1])[rows]
    new = np.concatenate(([0], np.cumsum(lengths)))
    return new, np.arange(new[-1]) + np.repeat(offsets[:-1][rows] - new[:-1], lengths)


def joined_offsets(offsets: Sequence[Ints]) -> Ints:
    """Return the offsets of several ragged columns put one after the other."""
    shifts = accumulate((int(column[-1]) for column in offsets), initial=0)
    return np.concatenate([ints([0]), *(column[1:] + shift for column, shift in zip(offsets, shifts, strict=False))])
