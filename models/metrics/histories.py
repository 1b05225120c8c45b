"""The status histories of thousands of issues as columns: the statuses visited, what set each instant, what is odd."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from models.metrics.arrays import NONE, Bools, Codes, Ints, distinct, ints, segment_sums
from models.metrics.statuses import NO_STATUS, StatusRef, StatusStages
from models.metrics.timelines import DONE, TODO, Timelines, in_progress
from models.records import STAGES, Micros

LATE: Final = int(np.iinfo(np.int64).max)  # after every instant
RESOLUTION: Final = -2  # in place of a change
# Of each of STAGES: a later stage has a greater number; active and waiting are one.
_ORDER_OF_STAGE: Final = np.array([0, 1, 1, 2], np.int8)


class Changes(NamedTuple):
    """Changes of status as parallel columns, in any order; ``rows``: those of their issues in the batch.

    ``left`` and ``entered`` are as StatusRef; plain tuples, because a batch has a hundred thousand of them.
    """

    rows: Ints
    at: Ints
    history_ids: Sequence[str]
    positions: Sequence[int]
    left: Iterable[tuple[str | None, str | None]]
    entered: Iterable[tuple[str | None, str | None]]


@dataclass(frozen=True)
class Histories:
    """What a batch of issues went through, a row each; instants are microseconds.

    - ``created``; ``resolved``: NO_INSTANT without one; ``current``: the status an issue is in.
    - ``offsets``: where the changes of each row begin, and a last end. Of one row they are in their order.
    - ``at``, ``left``, ``entered``, ``history_ids``, ``positions``: of each change.
    - ``current``, ``left`` and ``entered`` are indices of ``refs``.
    """

    created: Ints
    resolved: Ints
    current: Ints
    offsets: Ints
    at: Ints
    left: Ints
    entered: Ints
    history_ids: npt.NDArray[np.object_]
    positions: Ints
    refs: tuple[StatusRef, ...]

    @classmethod
    def of(cls, created: Ints, resolved: Ints, statuses: Iterable[str], changes: Changes) -> "Histories":
        """Put changes in order: by instant, integer history id, position. Each must be there once."""
        codes: dict[tuple[str | None, str | None], int] = {}
        current = _coded(((status_id, None) for status_id in statuses), codes)
        left, entered = _coded(changes.left, codes), _coded(changes.entered, codes)
        positions = np.array(changes.positions, np.int64)
        order = np.lexsort((positions, numbers_of(changes.history_ids), changes.at, changes.rows))
        counts = np.bincount(changes.rows, minlength=len(created))
        return cls(
            created=created,
            resolved=resolved,
            current=current,
            offsets=np.concatenate(([0], np.cumsum(counts))),
            at=changes.at[order],
            left=left[order],
            entered=entered[order],
            history_ids=np.array(changes.history_ids, object)[order],
            positions=positions[order],
            refs=tuple(StatusRef(*ref) for ref in codes),
        )

    @cached_property
    def rows(self) -> Ints:
        """The row of each change."""
        return np.repeat(np.arange(len(self.created)), np.diff(self.offsets))


@dataclass(frozen=True, slots=True)
class StatusVisits:
    """The statuses that issues were in, one after the other, as a ragged column with a row for each issue.

    - ``at``: (n,) int64 microseconds, ascending within a row.
    - ``refs``: indices of ``Histories.refs``. ``stages``: indices of STAGES.
    - ``changes``: the change of ``Histories`` that led there; NONE for the birth of an issue, RESOLUTION for the
      resolution date of one that is done by a history that nobody recorded.
    """

    offsets: Ints
    at: Ints
    refs: Ints
    stages: Codes
    changes: Ints

    @property
    def rows(self) -> Ints:
        """The row of each visit."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))


@dataclass(frozen=True, slots=True)
class SetBy:
    """The visits that set the instants of each row, and the one it is in at an instant; NONE where there is none."""

    started: Ints
    done: Ints
    first_done: Ints
    current: Ints


class Findings(NamedTuple):
    """What is odd about histories: the row of each finding, and what exactly it was found in."""

    rows: Ints
    details: list[str]


def status_visits(histories: Histories, stages: StatusStages) -> StatusVisits:
    """Return the statuses that each issue was in, from its birth on.

    - An issue is born at the earlier of ``created`` and its first change, in the ``from`` of that change, else in its
      current status.
    - Where a chain breaks, the earlier ``to`` stands until the next change.
    - One whose first status is in done was in todo until ``resolved``, if that lies after its birth and not after its
      first change.
    """
    stage_of_ref = np.array([STAGES.index(stages.stage(*ref)[0]) for ref in histories.refs], np.int8)
    begins = histories.offsets[:-1]
    has_changed = np.diff(histories.offsets) > 0
    first_at = np.where(has_changed, np.append(histories.at, LATE)[begins], LATE)
    born = np.minimum(histories.created, first_at)
    first = np.where(has_changed, np.append(histories.left, NONE)[begins], histories.current)
    is_done = np.append(stage_of_ref, NONE)[first] == DONE
    is_unrecorded = is_done & (histories.resolved > born) & (histories.resolved <= first_at)
    offsets = histories.offsets + np.concatenate(([0], np.cumsum(1 + is_unrecorded)))
    resolutions = offsets[:-1][is_unrecorded] + 1
    changes = np.zeros(offsets[-1], np.int64)
    changes[offsets[:-1]], changes[resolutions] = NONE, RESOLUTION
    is_change = changes >= 0
    changes[is_change] = np.arange(len(histories.at))
    at, refs = np.empty(len(changes), np.int64), np.empty(len(changes), np.int64)
    at[offsets[:-1]], at[resolutions], at[is_change] = born, histories.resolved[is_unrecorded], histories.at
    refs[offsets[:-1]], refs[resolutions], refs[is_change] = first, first[is_unrecorded], histories.entered
    visited = stage_of_ref[refs]
    visited[offsets[:-1][is_unrecorded]] = TODO
    return StatusVisits(offsets, at, refs, visited, changes)


def timelines_of(visits: StatusVisits) -> Timelines:
    """Return the changes of stage of each row; the first one is its birth."""
    is_kept = _enters_stage(visits)
    offsets = np.concatenate(([0], np.cumsum(segment_sums(is_kept, visits.offsets))))
    return Timelines(offsets, visits.at[is_kept], visits.stages[is_kept])


def set_by(visits: StatusVisits, as_of: Micros) -> SetBy:
    """Return which visits set the facts that ``facts_at`` tells of the same timelines at ``as_of``."""
    begins, ends = visits.offsets[:-1], visits.offsets[1:]
    count = segment_sums(visits.at < as_of, visits.offsets)
    current = np.where(count > 0, begins + count - 1, NONE)
    behind = len(visits.at)
    starts = np.append(np.flatnonzero(in_progress(visits.stages)), behind)
    started = starts[np.searchsorted(starts, begins)]
    kept = np.flatnonzero(_enters_stage(visits))
    entered = np.append(kept, behind)[np.searchsorted(kept, current, side="right") - 1]
    dones = np.append(np.flatnonzero(visits.stages == DONE), behind)
    first_done = dones[np.searchsorted(dones, begins)]
    is_done = (current != NONE) & (np.append(visits.stages, NONE)[current] == DONE)
    return SetBy(
        started=np.where(started < np.minimum(begins + count, ends), started, NONE),
        done=np.where(is_done, entered, NONE),
        first_done=np.where(first_done < np.minimum(begins + count, ends), first_done, NONE),
        current=current,
    )


def unmapped(visits: StatusVisits, histories: Histories, stages: StatusStages) -> Findings:
    """Return the different statuses of each row that nobody can place, each by its name or else its id."""
    unknown = [None if stages.stage(*ref)[1] else ref.name or ref.status_id or NO_STATUS for ref in histories.refs]
    labels = sorted({label for label in unknown if label is not None})
    if not labels:
        return Findings(ints(()), [])
    codes = {label: code for code, label in enumerate(labels)}
    code_of_visit = ints(NONE if label is None else codes[label] for label in unknown)[visits.refs]
    rows = visits.rows
    is_unknown = code_of_visit != NONE
    each_once = distinct(rows[is_unknown] * len(labels) + code_of_visit[is_unknown])
    return Findings(each_once // len(labels), [labels[code] for code in (each_once % len(labels)).tolist()])


def broken(histories: Histories, stages: StatusStages) -> Findings:
    """Return the changes that do not lead to where the next one begins, or the last one to the current status."""
    ids, names, listed = _identities(histories.refs, stages)
    rows, left, entered = histories.rows, histories.left, histories.entered
    after, before = entered[:-1], left[1:]
    have_ids = (ids[after] != NONE) & (ids[before] != NONE)
    follows = np.where(have_ids, ids[after] == ids[before], names[after] == names[before])
    is_broken = np.zeros(len(rows), np.bool_)
    is_broken[:-1] = (rows[1:] == rows[:-1]) & ~follows
    changed = np.flatnonzero(np.diff(histories.offsets))
    last, current = histories.offsets[1:][changed] - 1, histories.current[changed]
    there, named = ids[entered[last]], names[entered[last]]
    is_broken[last] = ~np.where(there != NONE, there == ids[current], (named != NONE) & (named == listed[current]))
    places = np.flatnonzero(is_broken)
    return Findings(rows[places], [f"after history {history_id}" for history_id in histories.history_ids[places]])


def moved_backwards(visits: StatusVisits, histories: Histories, stages: StatusStages) -> Findings:
    """Return the moves into an earlier stage: from done to any other, from active or waiting to todo."""
    order = _ORDER_OF_STAGE[visits.stages]
    is_back = np.append(False, order[1:] < order[:-1])[: len(order)]
    is_back[visits.offsets[:-1]] = False
    moves = np.flatnonzero(is_back)
    labels = _labels(histories.refs, stages)
    pairs = zip(visits.refs[moves - 1].tolist(), visits.refs[moves].tolist(), strict=True)
    return Findings(_rows_at(visits, moves), [f"{labels[left]} → {labels[entered]}" for left, entered in pairs])


def stopped_before_started(visits: StatusVisits, histories: Histories, stages: StatusStages) -> Findings:
    """Return the rows that were in done earlier than first in active or waiting, with the two statuses."""
    begins, behind = visits.offsets[:-1], len(visits.at)
    starts = np.append(np.flatnonzero(in_progress(visits.stages)), behind)
    dones = np.append(np.flatnonzero(visits.stages == DONE), behind)
    started, done = starts[np.searchsorted(starts, begins)], dones[np.searchsorted(dones, begins)]
    at = np.append(visits.at, LATE)
    rows = np.flatnonzero((started < visits.offsets[1:]) & (done < started) & (at[done] < at[started]))
    labels = _labels(histories.refs, stages)
    pairs = zip(visits.refs[done[rows]].tolist(), visits.refs[started[rows]].tolist(), strict=True)
    return Findings(rows, [f"{labels[stopped]} before {labels[began]}" for stopped, began in pairs])


def entries(visits: StatusVisits, is_inside: Sequence[bool]) -> tuple[Ints, Ints]:
    """Return (row, visit) of each entry into the refs ``is_inside`` from outside of them.

    Neither a birth is one, nor what was never recorded.
    """
    within = np.array(is_inside, np.bool_)[visits.refs]
    was_within = np.append(False, within[:-1])[: len(within)]
    entered = np.flatnonzero(within & ~was_within & (visits.changes >= 0))
    return _rows_at(visits, entered), entered


def toggles(visits: StatusVisits, is_inside: Sequence[bool]) -> tuple[Ints, Ints]:
    """Return (offsets, instants) at which each row enters and leaves the refs ``is_inside``, alternately."""
    within = np.array(is_inside, np.bool_)[visits.refs]
    was_within = np.append(False, within[:-1])[: len(within)]
    was_within[visits.offsets[:-1]] = False
    is_toggle = within != was_within
    offsets = np.concatenate(([0], np.cumsum(segment_sums(is_toggle, visits.offsets))))
    return offsets, visits.at[is_toggle]


def _enters_stage(visits: StatusVisits) -> Bools:
    """Return which visits are into another stage than the one before, or the first of their row."""
    enters: Bools = np.append(True, visits.stages[1:] != visits.stages[:-1])[: len(visits.stages)]
    enters[visits.offsets[:-1]] = True
    return enters


def _rows_at(visits: StatusVisits, places: Ints) -> Ints:
    """Return the rows of these visits."""
    return np.searchsorted(visits.offsets, places, side="right") - 1


def _labels(refs: Sequence[StatusRef], stages: StatusStages) -> list[str]:
    """Return what a person calls each status: its name today, else the one of the history, else its id."""
    return [stages.named(*ref) or ref.status_id or NO_STATUS for ref in refs]


def _coded(refs: Iterable[tuple[str | None, str | None]], codes: dict[tuple[str | None, str | None], int]) -> Ints:
    return np.array([codes.setdefault(ref, len(codes)) for ref in refs], np.int64)


def numbers_of(texts: Sequence[str]) -> Ints:
    """Return integer ids; where one is beyond 64 bits, their ranks, which have the same order."""
    numbers = [int(text) for text in texts]
    try:
        return np.array(numbers, np.int64)
    except OverflowError:
        ranks = {number: rank for rank, number in enumerate(sorted(set(numbers)))}
        return np.array([ranks[number] for number in numbers], np.int64)


def _identities(refs: Sequence[StatusRef], stages: StatusStages) -> tuple[Ints, Ints, Ints]:
    """Return of each ref, as codes: its id, its name, and the name under which the site lists its id today."""
    ids: dict[str | None, int] = {None: NONE}
    names: dict[str | None, int] = {None: NONE}
    listed = [stages.names.get(ref.status_id or "") for ref in refs]
    return (
        np.array([ids.setdefault(ref.status_id, len(ids)) for ref in refs], np.int64),
        np.array([names.setdefault(ref.name, len(names)) for ref in refs], np.int64),
        np.array([names.setdefault(name, len(names)) for name in listed], np.int64),
    )
