"""When items in progress were blocked: in one of the profile's blocked statuses, or with their flag set."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from models.metrics.arrays import NO_INSTANT, NONE, Bools, Ints, ints, segment_sums, taken_offsets
from models.metrics.histories import StatusVisits, numbers_of
from models.metrics.timelines import in_progress
from models.records import Micros, Transition, micros

Side = tuple[str | None, str | None]
_EMPTY_SIDES: Final = (None, "", "[]")


@dataclass(frozen=True, slots=True)
class FlagChanges:
    """The changes of a flag in a batch of issues, in their order: by row, instant, integer history id, position.

    - ``rows``: (n,) int64, those of their issues. ``at``: (n,) int64 microseconds.
    - ``was_set``, ``is_set``: whether the flag was set before and after each change.
    - ``history_ids``, ``positions``: what Jira calls each change.
    """

    rows: Ints
    at: Ints
    was_set: Bools
    is_set: Bools
    history_ids: npt.NDArray[np.object_]
    positions: Ints

    @classmethod
    def of(cls, changes: Sequence[tuple[int, Transition]]) -> "FlagChanges":
        """Return changes with the rows of their issues, in any order; each must be there once."""
        return cls.of_columns(
            rows=ints(row for row, _ in changes),
            at=ints(micros(change.at) for _, change in changes),
            history_ids=[change.history_id for _, change in changes],
            positions=[change.position for _, change in changes],
            left=[(change.from_id, change.from_name) for _, change in changes],
            entered=[(change.to_id, change.to_name) for _, change in changes],
        )

    @classmethod
    def of_columns(
        cls,
        *,
        rows: Ints,
        at: Ints,
        history_ids: Sequence[str],
        positions: Sequence[int],
        left: Sequence[Side],
        entered: Sequence[Side],
    ) -> "FlagChanges":
        """Return changes as parallel columns, in any order; a side is its id and its text."""
        order = np.lexsort((np.array(positions, np.int64), numbers_of(history_ids), at, rows))
        return cls(
            rows[order],
            at[order],
            np.array([not is_empty_side(*side) for side in left], np.bool_)[order],
            np.array([not is_empty_side(*side) for side in entered], np.bool_)[order],
            np.array(history_ids, object)[order],
            np.array(positions, np.int64)[order],
        )


class BlockedSpans(NamedTuple):
    """Blocked spans of issues: ``at[offsets[row]:offsets[row + 1]]`` begin and end them, alternately."""

    offsets: Ints
    at: Ints

    def take(self, rows: Ints) -> "BlockedSpans":
        """Return those of these rows, in this order."""
        offsets, inner = taken_offsets(self.offsets, rows)
        return BlockedSpans(offsets, self.at[inner])

    def open_since(self) -> Ints:
        """Return when the span that has not ended began, of each row; NO_INSTANT where all have ended."""
        since = np.full(len(self.offsets) - 1, NO_INSTANT, np.int64)
        rows = np.flatnonzero(np.diff(self.offsets) % 2 == 1)
        since[rows] = self.at[self.offsets[rows + 1] - 1]
        return since


def is_empty_side(value_id: str | None, text: str | None) -> bool:
    """Return whether a side of a change says that a field had no value: neither its id nor its text has one."""
    return value_id in _EMPTY_SIDES and text in _EMPTY_SIDES


def is_flag_empty(value: Any) -> bool:
    """Return whether a flag's present value says that it is not set."""
    return value is None or value is False or value in ("", [])


def blocked_spans(
    visits: StatusVisits, is_blocked: Sequence[bool], changes: FlagChanges, flags_now: Bools | None
) -> BlockedSpans:
    """Return the spans in which each row was in progress, and in a blocked status or with its flag set.

    - ``is_blocked``: of each of the refs. ``flags_now``: present values; None where no field is mapped.
    - Before its first change the flag is what that change says it was; without any, the present value.
    - A change before the birth counts at the birth. Spans of no length are none.
    """
    within = in_progress(visits.stages) & np.array(is_blocked, np.bool_)[visits.refs]
    rows, at = visits.rows, visits.at
    if flags_now is not None:
        rows, at, within = _with_flags(visits, within, changes, flags_now)
    is_last = np.append((rows[1:] != rows[:-1]) | (at[1:] != at[:-1]), np.ones(min(1, len(rows)), np.bool_))
    rows, at, within = rows[is_last], at[is_last], within[is_last]
    was_within = np.append(False, within[:-1])[: len(within)] & (rows == np.append(NONE, rows[:-1])[: len(rows)])
    is_toggle = within != was_within
    counts = np.bincount(rows[is_toggle], minlength=len(visits.offsets) - 1)
    return BlockedSpans(np.concatenate(([0], np.cumsum(counts))), at[is_toggle])


def blocked_lengths(spans: BlockedSpans, as_of: Micros) -> Ints:
    """Return how long each row was blocked before ``as_of``."""
    past = np.minimum(spans.at, as_of)
    place = np.arange(len(past)) - np.repeat(spans.offsets[:-1], np.diff(spans.offsets))
    is_open = np.diff(spans.offsets) % 2 == 1
    return segment_sums(np.where(place % 2 == 0, -past, past), spans.offsets) + np.where(is_open, as_of, 0)


def _with_flags(
    visits: StatusVisits, in_status: Bools, changes: FlagChanges, flags_now: Bools
) -> tuple[Ints, Ints, Bools]:
    """Return (rows, instants, blocked) after each visit and each change of a flag, in their order."""
    births, rows = visits.at[visits.offsets[:-1]], visits.rows
    is_active = in_progress(visits.stages)
    flags = flags_now.copy()
    first = np.append(True, changes.rows[1:] != changes.rows[:-1])[: len(changes.rows)]
    flags[changes.rows[first]] = changes.was_set[first]
    flag_rows = np.concatenate([np.arange(len(births)), changes.rows])
    flag_at = np.concatenate([births, np.maximum(changes.at, births[changes.rows])])
    states = np.concatenate([flags, changes.is_set])
    whole_rows, whole_at = np.concatenate([rows, flag_rows]), np.concatenate([visits.at, flag_at])
    is_flag = np.arange(len(whole_rows)) >= len(rows)
    order = np.lexsort((is_flag, whole_at, whole_rows))
    last_visit = np.maximum.accumulate(np.where(is_flag[order], NONE, order))
    last_flag = np.maximum.accumulate(_places(is_flag[order]))
    sorted_flags = states[order[is_flag[order]] - len(rows)]
    is_set = np.append(sorted_flags, False)[last_flag]
    within = in_status[last_visit] | (is_active[last_visit] & is_set)
    return whole_rows[order], whole_at[order], within


def _places(is_flag: Bools) -> Ints:
    """Return of each flag its place among the flags, NONE of the others."""
    return np.where(is_flag, np.cumsum(is_flag) - 1, NONE)
