"""One issue's life read row by row: what explanations are made of."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter, lt
from typing import NamedTuple

from models.metrics.statuses import BROKEN_CHAIN, IN_PROGRESS, UNMAPPED_STATUS, StatusStages
from models.records import STAGES, Issue, Micros, Stage, Timeline, Transition, micros

_instant_of_entry = itemgetter(0)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about an issue's data that a person should know: a reason, and what exactly it was found in."""

    reason: str
    detail: str


class StatusVisit(NamedTuple):
    """A status an issue was in, from an instant on: its id and name as the history has them; either may be unknown."""

    at: Micros
    status_id: str | None
    name: str | None
    change: Transition | None = None

    @property
    def entry_id(self) -> str:
        """Names the history item that led here."""
        return "" if self.change is None else f"{self.change.history_id}.{self.change.position}"


@dataclass(frozen=True, slots=True)
class Facts:
    """What was true of an issue at an instant; ``active`` and ``waiting`` are microseconds spent there once started."""

    stage: Stage
    started_at: Micros | None
    done_at: Micros | None
    active: Micros
    waiting: Micros


def status_changes(issue: Issue) -> list[Transition]:
    """The issue's status changes in their order, each once, whatever order and repeats they were stored in."""
    changes = [change for change in issue.transitions if change.field == "status"]
    if _is_settled(changes):
        return changes
    unique: dict[tuple[str, int], Transition] = {}
    for change in sorted(changes, key=_order):
        unique.setdefault((change.history_id, change.position), change)
    return list(unique.values())


def visits(issue: Issue, changes: Sequence[Transition]) -> list[StatusVisit]:
    """The statuses an issue was in, one after the other, from its creation.

    It begins in the ``from`` of the first change, else in the current status. A change dated before ``created`` counts
    at ``created``; where a chain breaks the earlier ``to`` stands until the next change.
    """
    created = micros(issue.created)
    if not changes:
        return [StatusVisit(created, issue.status_id, None)]
    first = StatusVisit(created, changes[0].from_id, changes[0].from_name)
    return [first, *(StatusVisit(max(created, micros(t.at)), t.to_id, t.to_name, t) for t in changes)]


def timeline(path: Sequence[StatusVisit], stage_of: StatusStages) -> Timeline:
    """The stages of a path of visited statuses: changes of stage only, the first entry at ``created``."""
    return tuple(_stage_changes((visit.at, stage_of.stage(visit.status_id, visit.name)[0]) for visit in path))


def findings(
    issue: Issue, changes: Sequence[Transition], path: Sequence[StatusVisit], stage_of: StatusStages
) -> tuple[Finding, ...]:
    """What is odd about a history: statuses nobody can place, and changes that do not follow from one another."""
    unknown = {v.name or v.status_id or "no status" for v in path if not stage_of.stage(v.status_id, v.name)[1]}
    broken = [t.history_id for t, after in pairwise(changes) if not _follows(t, after)]
    if changes and not _arrives(changes[-1], issue, stage_of):
        broken.append(changes[-1].history_id)
    return (
        *(Finding(UNMAPPED_STATUS, status) for status in sorted(unknown)),
        *(Finding(BROKEN_CHAIN, f"after history {history_id}") for history_id in broken),
    )


def facts(line: Timeline, as_of: Micros | None) -> Facts | None:
    """The facts of an issue at ``as_of`` (None: just after its last change); None where it did not exist yet.

    - Events at or after ``as_of`` do not exist.
    - ``started_at``: the first entry into active or waiting. ``done_at``: the last entry into done, if it is done.
    - ``active`` and ``waiting`` run from the start to ``done_at``, for an item not done to ``as_of``.
    """
    known = line if as_of is None else line[: _entries_before(line, as_of)]
    if not known:
        return None
    last, stage = known[-1]
    until = last if as_of is None else as_of
    spent = dict.fromkeys(STAGES, 0)
    started_at = None
    for index, (at, entered) in enumerate(known):
        if started_at is None and entered in IN_PROGRESS:
            started_at = at
        spent[entered] += (known[index + 1][0] if index + 1 < len(known) else until) - at
    return Facts(stage, started_at, last if stage == "done" else None, spent["active"], spent["waiting"])


def _entries_before(line: Timeline, at: Micros) -> int:
    return len(line) if line[-1][0] < at else bisect_left(line, at, key=_instant_of_entry)


def _stage_changes(entries: Iterable[tuple[Micros, Stage]]) -> Iterator[tuple[Micros, Stage]]:
    before: Stage | None = None
    for at, stage in entries:
        if stage != before:
            yield at, stage
        before = stage


def _is_settled(changes: Sequence[Transition]) -> bool:
    """Whether they are in order and each is there once, as stored histories are."""
    places = [change[:3] for change in changes]
    return all(map(lt, places, places[1:])) and len({(c.history_id, c.position) for c in changes}) == len(changes)


def _order(change: Transition) -> tuple[object, ...]:
    # The ids come last so that even two versions of one history item, which Jira never sends, have one order.
    content = (change.history_id, change.from_id, change.to_id, change.from_name, change.to_name)
    return (change.at, change.history_number, change.position, *(text or "" for text in content))


def _follows(change: Transition, after: Transition) -> bool:
    if change.to_id is not None and after.from_id is not None:
        return change.to_id == after.from_id
    return change.to_name == after.from_name


def _arrives(last: Transition, issue: Issue, stage_of: StatusStages) -> bool:
    if last.to_id is not None:
        return last.to_id == issue.status_id
    return last.to_name is not None and stage_of.names.get(issue.status_id) == last.to_name
