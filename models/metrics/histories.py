"""The status histories of thousands of issues at once, as columns: their timelines, and what is odd about them.

By the rules of ``lifecycle``, which reads one issue at a time and is what explanations are made of; a test holds the
two together.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.metrics.columns import Bools, Ints, Timelines, segment_sums
from models.metrics.statuses import StatusRef, StatusStages
from models.records import STAGES

_NONE = -1  # stands for an unknown id or name in a column of codes


class Changes(NamedTuple):
    """Changes of status as parallel columns, in any order; ``issues``: the row of each one's issue in its batch.

    ``left`` and ``entered`` are as StatusRef; plain tuples, for a batch has a hundred thousand of them.
    """

    issues: Ints
    at: Ints
    history_ids: Sequence[str]
    positions: Sequence[int]
    left: Iterable[tuple[str | None, str | None]]
    entered: Iterable[tuple[str | None, str | None]]


@dataclass(frozen=True)
class Histories:
    """What a batch of issues went through, a row each; instants are microseconds.

    - ``created``; ``current``: the status an issue is in.
    - ``begins``: where the changes of each row begin, and a last end. Of one row they are in their order.
    - ``at``, ``left``, ``entered``, ``history_ids``, ``positions``: of each change.
    - ``current``, ``left`` and ``entered`` are indices of ``places``.
    """

    created: Ints
    current: Ints
    begins: Ints
    at: Ints
    left: Ints
    entered: Ints
    history_ids: npt.NDArray[np.object_]
    positions: Ints
    places: tuple[StatusRef, ...]

    @classmethod
    def of(cls, created: Ints, statuses: Iterable[str], changes: Changes) -> "Histories":
        """Put changes in order: by instant, integer history id, position. Each must be there once."""
        codes: dict[tuple[str | None, str | None], int] = {}
        current = _coded(((status_id, None) for status_id in statuses), codes)
        left, entered = _coded(changes.left, codes), _coded(changes.entered, codes)
        positions = np.array(changes.positions, np.int64)
        order = np.lexsort((positions, _numbers(changes.history_ids), changes.at, changes.issues))
        counts = np.bincount(changes.issues, minlength=len(created))
        return cls(
            created=created,
            current=current,
            begins=np.concatenate(([0], np.cumsum(counts))),
            at=changes.at[order],
            left=left[order],
            entered=entered[order],
            history_ids=np.array(changes.history_ids, object)[order],
            positions=positions[order],
            places=tuple(StatusRef(*place) for place in codes),
        )

    @cached_property
    def issues(self) -> Ints:
        """The row of each change."""
        return np.repeat(np.arange(len(self.created)), np.diff(self.begins))


@dataclass(frozen=True, slots=True)
class Visits:
    """The statuses that issues were in, as ``lifecycle.visits``; ``begins``: where those of each row begin."""

    begins: Ints
    at: Ints
    places: Ints
    is_creation: Bools


def visits(histories: Histories) -> Visits:
    """Every issue begins in what its first change left, else in its current status; nothing is before its creation."""
    rows, changes = len(histories.created), len(histories.at)
    begins = histories.begins + np.arange(rows + 1)
    is_creation = np.zeros(rows + changes, np.bool_)
    is_creation[begins[:-1]] = True
    at, places = np.empty(rows + changes, np.int64), np.empty(rows + changes, np.int64)
    first = np.append(histories.left, _NONE)[histories.begins[:-1]]
    has_changed = np.diff(histories.begins) > 0
    at[is_creation], places[is_creation] = histories.created, np.where(has_changed, first, histories.current)
    at[~is_creation] = np.maximum(histories.at, histories.created[histories.issues])
    places[~is_creation] = histories.entered
    return Visits(begins, at, places, is_creation)


def timelines(path: Visits, histories: Histories, stage_of: StatusStages) -> Timelines:
    """The changes of stage of each row, as ``lifecycle.timeline``; the first one is its creation."""
    stage_of_place = np.array([STAGES.index(stage_of.stage(*place)[0]) for place in histories.places], np.int8)
    stages = stage_of_place[path.places]
    is_kept = path.is_creation | np.append(True, stages[1:] != stages[:-1])[: len(stages)]
    begins = np.concatenate(([0], np.cumsum(segment_sums(is_kept, path.begins))))
    return Timelines(begins, path.at[is_kept], stages[is_kept])


def count_unmapped(path: Visits, histories: Histories, stage_of: StatusStages) -> Ints:
    """Of each row: how many different statuses nobody can place."""
    labels: dict[str, int] = {}
    label_of_place = [_label(place, stage_of, labels) for place in histories.places]
    if not labels:
        return np.zeros(len(histories.created), np.int64)
    found = np.array(label_of_place, np.int64)[path.places]
    rows = np.repeat(np.arange(len(histories.created)), np.diff(path.begins))
    is_unknown = found != _NONE
    each_once = np.unique(rows[is_unknown] * len(labels) + found[is_unknown])
    return np.bincount(each_once // len(labels), minlength=len(histories.created))


def count_broken(histories: Histories, stage_of: StatusStages) -> Ints:
    """Of each row: how many changes do not lead to where the next one begins, the last one to the current status."""
    ids, names, listed = _identities(histories.places, stage_of)
    issues, left, entered = histories.issues, histories.left, histories.entered
    after, before = entered[:-1], left[1:]
    have_ids = (ids[after] != _NONE) & (ids[before] != _NONE)
    follows = np.where(have_ids, ids[after] == ids[before], names[after] == names[before])
    is_broken = np.zeros(len(issues), np.bool_)
    is_broken[:-1] = (issues[1:] == issues[:-1]) & ~follows
    rows = np.flatnonzero(np.diff(histories.begins))
    last, current = histories.begins[1:][rows] - 1, histories.current[rows]
    there, called = ids[entered[last]], names[entered[last]]
    arrives = np.where(there != _NONE, there == ids[current], (called != _NONE) & (called == listed[current]))
    is_broken[last] = ~arrives
    return segment_sums(is_broken, histories.begins)


def entries(path: Visits, inside: Sequence[bool]) -> tuple[Ints, Ints, Ints]:
    """(row, change, instant) of each entry into the places ``inside`` from outside of them; no birth is one."""
    within = np.array(inside, np.bool_)[path.places]
    entered = np.flatnonzero(within & ~np.append(False, within[:-1])[: len(within)] & ~path.is_creation)
    rows = np.searchsorted(path.begins, entered, side="right") - 1
    return rows, entered - rows - 1, path.at[entered]


def _coded(places: Iterable[tuple[str | None, str | None]], codes: dict[tuple[str | None, str | None], int]) -> Ints:
    return np.array([codes.setdefault(place, len(codes)) for place in places], np.int64)


def _numbers(texts: Sequence[str]) -> Ints:
    """Integer ids; where one is beyond 64 bits, their ranks, which have the same order."""
    numbers = [int(text) for text in texts]
    try:
        return np.array(numbers, np.int64)
    except OverflowError:
        ranks = {number: rank for rank, number in enumerate(sorted(set(numbers)))}
        return np.array([ranks[number] for number in numbers], np.int64)


def _label(place: StatusRef, stage_of: StatusStages, labels: dict[str, int]) -> int:
    """The number of an unknown place's label, a new one if need be; _NONE of a known one."""
    if stage_of.stage(*place)[1]:
        return _NONE
    return labels.setdefault(place.name or place.status_id or "no status", len(labels))


def _identities(places: Sequence[StatusRef], stage_of: StatusStages) -> tuple[Ints, Ints, Ints]:
    """Of each place, as codes: its id, its name, and the name under which the site lists its id today."""
    ids: dict[str | None, int] = {None: _NONE}
    names: dict[str | None, int] = {None: _NONE}
    listed = [stage_of.names.get(place.status_id or "") for place in places]
    return (
        np.array([ids.setdefault(place.status_id, len(ids)) for place in places], np.int64),
        np.array([names.setdefault(place.name, len(names)) for place in places], np.int64),
        np.array([names.setdefault(name, len(names)) for name in listed], np.int64),
    )
