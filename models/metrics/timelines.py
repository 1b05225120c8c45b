"""Timelines of stages as columns, and the facts they tell at an instant: started, done, time in each stage.

One reading for work items, deploying issues and incidents alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.metrics.arrays import NO_INSTANT, Bools, Codes, Ints, ints, offsets_of, segment_sums, taken_offsets
from models.records import STAGES, Micros, Timeline

TODO, ACTIVE, WAITING, DONE = (STAGES.index(stage) for stage in STAGES)
_CODE_OF_STAGE: Final = {name: code for code, name in enumerate(STAGES)}


@dataclass(frozen=True, slots=True)
class Timelines:
    """Changes of stage as a ragged column, the first of each row at its birth.

    ``at``: (n,) int64 microseconds, ascending within a row. ``stages``: indices of STAGES.
    """

    offsets: Ints
    at: Ints
    stages: Codes

    @classmethod
    def of(cls, lines: Sequence[Timeline]) -> "Timelines":
        """Return timelines that records have, a row each; a row may be empty."""
        at = ints(at for line in lines for at, _ in line)
        stages = np.array([_CODE_OF_STAGE[stage] for line in lines for _, stage in line], np.int8)
        return cls(offsets_of(lines), at, stages)

    def take(self, rows: Ints) -> "Timelines":
        """Return those of these rows, in this order."""
        offsets, inner = taken_offsets(self.offsets, rows)
        return Timelines(offsets, self.at[inner], self.stages[inner])

    def line(self, row: int) -> Timeline:
        """Return the timeline of a row as a record has it."""
        entries = slice(self.offsets[row], self.offsets[row + 1])
        stages = (STAGES[code] for code in self.stages[entries].tolist())
        return tuple(zip(self.at[entries].tolist(), stages, strict=True))


@dataclass(frozen=True, slots=True)
class Facts:
    """What was true of each row at an instant, as columns.

    - ``exists``: born before the instant. Of a row that does not exist nothing else is true.
    - ``started``: the first entry into active or waiting. ``done``: the last entry into done from another stage, if the
      row is in done. NO_INSTANT where there is none.
    - ``started_by_line``: the first entry into active or waiting, also where that lies after the instant.
    - ``active``, ``waiting``: microseconds in these stages from the start to ``done``, or else to the instant.
    """

    exists: Bools
    started: Ints
    started_by_line: Ints
    done: Ints
    active: Ints
    waiting: Ints


@dataclass(frozen=True, slots=True)
class Stays:
    """Stays in progress: when each began and ended (behind every instant without an end), and both in order of time."""

    begins: Ints
    ends: Ints
    rises: Ints
    falls: Ints


def stays_of(timelines: Timelines) -> Stays:
    """Return the stays in progress of all rows."""
    until = np.append(timelines.at, 0)[1:]
    until[timelines.offsets[1:] - 1] = np.iinfo(np.int64).max
    is_stay = in_progress(timelines.stages)
    begins, ends = timelines.at[is_stay], until[is_stay]
    return Stays(begins, ends, np.sort(begins), np.sort(ends))


def facts_at(timelines: Timelines, as_of: Micros | None) -> Facts:
    """Return the facts at ``as_of`` (None: just after the last change of each row).

    - Entries at or after ``as_of`` do not exist.
    - Time in active or waiting counts wherever it lies before ``done``; after the last entry into done there is none.
    """
    at, stages, offsets = timelines.at, timelines.stages, timelines.offsets
    begins = offsets[:-1]
    is_past = np.ones(len(at), np.bool_) if as_of is None else at < as_of
    count = segment_sums(is_past, offsets)
    exists = count > 0
    last = np.maximum(begins + count - 1, begins)
    spent = _spent(at, is_past, last[exists], as_of)
    first = _first_in_progress(timelines)
    started_by_line = np.append(at, NO_INSTANT)[first]
    ends_in_done = np.append(stages, -1)[last] == DONE
    return Facts(
        exists=exists,
        started=np.where(first < begins + count, started_by_line, NO_INSTANT),
        started_by_line=started_by_line,
        done=np.where(exists & ends_in_done, np.append(at, NO_INSTANT)[last], NO_INSTANT),
        active=segment_sums(np.where(stages == ACTIVE, spent, 0), offsets),
        waiting=segment_sums(np.where(stages == WAITING, spent, 0), offsets),
    )


def first_done(timelines: Timelines, as_of: Micros) -> Ints:
    """Return when each row first entered done before ``as_of``, NO_INSTANT where it did not."""
    begins, ends = timelines.offsets[:-1], timelines.offsets[1:]
    entries = np.append(np.flatnonzero((timelines.stages == DONE) & (timelines.at < as_of)), len(timelines.at))
    first = entries[np.searchsorted(entries, begins)]
    return np.where(first < ends, np.append(timelines.at, NO_INSTANT)[first], NO_INSTANT)


def done_at(lines: Sequence[Timeline], as_of: Micros) -> list[Micros | None]:
    """Return when each of these issues was done; None of one that is not done at ``as_of``, or has no timeline."""
    done = facts_at(Timelines.of(lines), as_of).done.tolist()
    return [None if at == NO_INSTANT else at for at in done]


def in_progress(stages: Codes) -> Bools:
    """Return which entries are into an active or a waiting stage."""
    is_in_progress: Bools = (stages == ACTIVE) | (stages == WAITING)
    return is_in_progress


def _spent(at: Ints, is_past: Bools, last: Ints, as_of: Micros | None) -> Ints:
    """Return how long each entry lasted: until the next one, the ``last`` of a row until the as-of, 0 of later ones."""
    until = np.append(at[1:], 0)[: len(at)]
    until[last] = at[last] if as_of is None else as_of
    return np.where(is_past, until - at, 0)


def _first_in_progress(timelines: Timelines) -> Ints:
    """Return where the first active or waiting entry of each row lies; behind all entries where it has none."""
    entries = np.append(np.flatnonzero(in_progress(timelines.stages)), len(timelines.at))
    first = entries[np.searchsorted(entries, timelines.offsets[:-1])]
    return np.where(first < timelines.offsets[1:], first, len(timelines.at))
