"""What set the instants behind a number, looked up in the columns it was computed from: nothing is computed here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal

import numpy as np

from models.metrics import histories, issues, mapped_fields
from models.metrics.arrays import NONE
from models.metrics.blocking import BlockedSpans, is_empty_side, is_flag_empty
from models.metrics.contributions import INVALID_VALUE, NOT_AN_INCIDENT, NOT_DELIVERED, Contribution
from models.metrics.histories import RESOLUTION, SetBy, StatusVisits
from models.metrics.issues import Batch, BatchFacts
from models.metrics.rules import Context
from models.records import STAGES, Issue, MappedInstant, Micros, Stage, Transition, instant, iso, micros, transition_key

Source = Literal["history", "field", "created", "version", "table", "incident", "deployment", "item"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What set an instant, or decided something: its place, and the value there.

    ``at`` is the entry's own instant, also where it lies before the issue's creation; None where it has none.
    ``before`` and ``after`` are the names of the statuses (or values) left and entered; a field has but ``after``.
    """

    source: Source
    at: Micros | None
    key: str
    field: str
    before: str | None = None
    after: Any = None
    history_id: str = ""
    mapped_to: str = ""


@dataclass(frozen=True, slots=True)
class Stay:
    """A stay of an issue in a status; the stays in a stage add up to the time it spent there."""

    status: str | None
    stage: Stage
    at: Micros
    until: Micros


@dataclass(frozen=True, slots=True)
class Blocked:
    """A span in which an issue was in progress and blocked, and what blocked it when the span began."""

    at: Micros
    until: Micros
    by: tuple[Evidence, ...]


# The start of a span by its end: the mapped field that is not a moment, where one was left out because of it.
_BEGIN_OF: Final[Mapping[str, str]] = {"deployed": "committed", "restored": "detected"}


@dataclass(frozen=True)
class Trail:
    """Where evidence about some issues is looked up: their histories, and what they are to the metrics at an as-of."""

    issues: Mapping[str, Issue]
    context: Context
    as_of: Micros

    @classmethod
    def of(cls, issues: Iterable[Issue], context: Context, as_of: Micros) -> "Trail":
        """Return the trail of these issues."""
        return cls({issue.issue_id: issue for issue in issues}, context, as_of)

    @cached_property
    def batch(self) -> Batch:
        """The issues, a row each."""
        return Batch.of(list(self.issues.values()))

    @cached_property
    def rows(self) -> Mapping[str, int]:
        """The row of each issue."""
        return {issue_id: row for row, issue_id in enumerate(self.issues)}

    @cached_property
    def visits(self) -> StatusVisits:
        """The statuses that the issues were in."""
        return histories.status_visits(self.batch.histories, self.context.stages)

    @cached_property
    def set_by(self) -> SetBy:
        """The visits that set the facts of the issues."""
        return histories.set_by(self.visits, self.as_of)

    @cached_property
    def blocked(self) -> BlockedSpans:
        """The spans in which the issues were in progress and blocked."""
        return issues.blocked_of(self.batch, self.visits, self.context)

    @cached_property
    def facts(self) -> BatchFacts:
        """What the issues are to the metrics."""
        return issues.read(self.batch, self.context, self.visits)

    @cached_property
    def mapped(self) -> Mapping[str, Mapping[str, MappedInstant]]:
        """Issue id → role → the mapped instant, of those roles that the issue can have."""
        roles: dict[str, dict[str, MappedInstant]] = {}
        for item in self.facts.items:
            roles[item.issue_id] = {"committed_at": item.committed_at}
        for incident in self.facts.incidents:
            ends = {"detected_at": incident.detected_at, "restored_at": incident.restored_at}
            roles.setdefault(incident.issue_id, {}).update(ends)
        for issue_id, deployment in self.facts.deployments:
            roles.setdefault(issue_id, {}).update({"deployed_at": deployment.at})
        return roles


def set_by(part: Contribution, trail: Trail) -> dict[str, Evidence]:
    """Return what set each instant of a part that is about an issue, and why it was left out, by their names.

    A deployment's instant is not the issue's own, and not among them.
    """
    issue_id = part.subject_id
    evidence = {name: _SETTERS[name](trail, issue_id) for name, _ in part.instants if name in _SETTERS}
    if part.stage:
        evidence["stage"] = _visit(trail, issue_id, "current")
    if part.reason == NOT_DELIVERED:
        evidence |= _undelivered(trail, issue_id)
    if part.reason == NOT_AN_INCIDENT:
        evidence["resolution"] = resolution(trail.issues[issue_id])
    if part.reason == INVALID_VALUE:
        begin = _BEGIN_OF[part.instants[-1][0]]
        evidence[begin] = mapped(trail, issue_id, f"{begin}_at")
    return {name: setter for name, setter in evidence.items() if setter is not None}


def _undelivered(trail: Trail, issue_id: str) -> dict[str, Evidence | None]:
    """Return what says that nothing came of a done issue: the status it is in, or its resolution."""
    row = trail.rows[issue_id]
    ref = trail.batch.histories.refs[trail.visits.refs[trail.set_by.current[row]]]
    if trail.context.stages.is_among(ref, trail.context.excluded_statuses):
        return {"status": _visit(trail, issue_id, "current")}
    return {"resolution": resolution(trail.issues[issue_id])}


def stays(trail: Trail, issue_id: str) -> list[Stay]:
    """Return the stays of an issue in its statuses up to the as-of."""
    row, visits = trail.rows[issue_id], trail.visits
    places = range(visits.offsets[row], visits.offsets[row + 1])
    ends = [*visits.at[places.start + 1 : places.stop].tolist(), trail.as_of]
    return [
        Stay(_status_name(trail, visit), STAGES[visits.stages[visit]], at, min(until, trail.as_of))
        for visit, at, until in zip(places, visits.at[places.start : places.stop].tolist(), ends, strict=True)
        if at < trail.as_of
    ]


def blocked(trail: Trail, issue_id: str) -> list[Blocked]:
    """Return the spans up to the as-of in which an issue was in progress and blocked, with what blocked it.

    What blocked it: the change into the blocked status, or the flag as it was when the span began.
    """
    row, spans = trail.rows[issue_id], trail.blocked
    at = spans.at[spans.offsets[row] : spans.offsets[row + 1]]
    ends = np.append(at[1::2], trail.as_of)[: len(at[::2])].tolist()
    begins = at[::2].tolist()
    return [
        Blocked(begin, min(end, trail.as_of), _blocked_by(trail, row, begin))
        for begin, end in zip(begins, ends, strict=True)
        if begin < trail.as_of
    ]


def _blocked_by(trail: Trail, row: int, at: Micros) -> tuple[Evidence, ...]:
    """Return what blocked an issue at an instant: its status, its flag, or both."""
    visits = trail.visits
    begin, end = int(visits.offsets[row]), int(visits.offsets[row + 1])
    visit = begin + int(np.searchsorted(visits.at[begin:end], at, side="right")) - 1
    ref = trail.batch.histories.refs[visits.refs[visit]]
    is_status = trail.context.stages.is_among(ref, trail.context.blocked_statuses)
    flag = _flag_at(trail, row, at)
    return (*((_at_visit(trail, row, visit),) if is_status else ()), *((flag,) if flag else ()))


def _flag_at(trail: Trail, row: int, at: Micros) -> Evidence | None:
    """Return what says that the flag was set at an instant: its last change, its first one, or its present value."""
    field = trail.context.flagged
    if field is None:
        return None
    head = trail.batch.heads[row]
    issue = trail.issues[head.issue_id]
    changes = sorted({c[2:5]: c for c in issue.transitions if c.field == field}.values(), key=transition_key)
    past = [change for change in changes if micros(change.at) <= at]
    if past:
        change = past[-1]
        return None if is_empty_side(change.to_id, change.to_name) else _change(issue, change)
    if changes:
        return None if is_empty_side(changes[0].from_id, changes[0].from_name) else _change(issue, changes[0])
    value = head.fields.get(field)
    return None if is_flag_empty(value) else Evidence("field", None, head.key, "flagged", after=value, mapped_to=field)


def resolution(issue: Issue) -> Evidence:
    """Return the entry that set the present resolution, else the field alone."""
    changes = (change for change in issue.transitions if change.field == "resolution")
    for change in sorted(changes, key=transition_key, reverse=True):
        if change.to_name == issue.resolution:
            return _change(issue, change)
    return Evidence("field", None, issue.key, "resolution", after=issue.resolution)


def mapped(trail: Trail, issue_id: str, role: str, at: Micros | None = None) -> Evidence:
    """Return the mapped field of a role with the value it has in the issue."""
    issue = trail.issues[issue_id]
    paths = trail.context.rules.paths(role)
    values = {path: issue.fields.get(path, issue.fields.get(path.partition(".")[0])) for path in paths}
    filled = (path for path, value in values.items() if not mapped_fields.is_empty(value))
    mapping = next(filled, next(iter(paths), ""))
    value = values.get(mapping)
    return Evidence("field", at, issue.key, role, after=value, mapped_to=mapping)


def entry_named(trail: Trail, issue_id: str, history_id: str, position: str) -> Evidence | None:
    """Return the status change that a deployment of source ``status`` is."""
    if issue_id not in trail.rows:
        return None
    row, past = trail.rows[issue_id], trail.batch.histories
    for change in range(past.offsets[row], past.offsets[row + 1]):
        if (past.history_ids[change], str(past.positions[change])) == (history_id, position):
            return _at_change(trail, row, change)
    return None


def deployed(trail: Trail, issue_id: str) -> tuple[Micros, Evidence] | None:
    """Return when a deploying issue's deployment happened, and what says so; None where it has not happened."""
    if issue_id not in trail.rows or trail.set_by.current[trail.rows[issue_id]] == NONE:
        return None
    happened = _mapped_or_done(trail, issue_id, "deployed_at")
    return None if happened is None or happened[0] >= trail.as_of else happened


def restored(trail: Trail, issue_id: str) -> tuple[Micros, Evidence] | None:
    """Return when an incident was restored, and what says so; None where it is not."""
    return _mapped_or_done(trail, issue_id, "restored_at") if issue_id in trail.rows else None


# --- the instants -----------------------------------------------------------------------------------------------------


def _started(trail: Trail, issue_id: str) -> Evidence | None:
    return _visit(trail, issue_id, "started")


def _done(trail: Trail, issue_id: str) -> Evidence | None:
    return _visit(trail, issue_id, "done")


def _first_done(trail: Trail, issue_id: str) -> Evidence | None:
    return _visit(trail, issue_id, "first_done")


def _committed(trail: Trail, issue_id: str) -> Evidence | None:
    at = trail.mapped.get(issue_id, {}).get("committed_at")
    return _started(trail, issue_id) if at is None else mapped(trail, issue_id, "committed_at", _moment(at))


def _detected(trail: Trail, issue_id: str) -> Evidence | None:
    at, row = trail.mapped.get(issue_id, {}).get("detected_at"), trail.rows[issue_id]
    if at is None:
        birth = int(trail.visits.at[trail.visits.offsets[row]])
        if birth < trail.batch.histories.created[row]:
            return _at_change(trail, row, int(trail.batch.histories.offsets[row]))
        return Evidence("created", birth, trail.batch.heads[row].key, "created")
    return mapped(trail, issue_id, "detected_at", _moment(at))


def _restored(trail: Trail, issue_id: str) -> Evidence | None:
    happened = _mapped_or_done(trail, issue_id, "restored_at")
    return None if happened is None else happened[1]


_SETTERS: Final = {
    "started": _started,
    "done": _done,
    "first_done": _first_done,
    "committed": _committed,
    "detected": _detected,
    "restored": _restored,
}


def _mapped_or_done(trail: Trail, issue_id: str, role: str) -> tuple[Micros, Evidence] | None:
    """Return a mapped moment; only where the issue has no value at all, when it was done."""
    at = trail.mapped.get(issue_id, {}).get(role)
    if at is None:
        visit, done = int(trail.set_by.done[trail.rows[issue_id]]), _done(trail, issue_id)
        return None if done is None else (int(trail.visits.at[visit]), done)
    moment = _moment(at)
    return None if moment is None else (moment, mapped(trail, issue_id, role, moment))


def _moment(at: MappedInstant) -> Micros | None:
    return at if isinstance(at, int) else None


def _visit(trail: Trail, issue_id: str, which: Literal["started", "done", "first_done", "current"]) -> Evidence | None:
    row = trail.rows[issue_id]
    visit = int(getattr(trail.set_by, which)[row])
    return None if visit == NONE else _at_visit(trail, row, visit)


def _at_visit(trail: Trail, row: int, visit: int) -> Evidence:
    """Return what began a visit: the change that led there, the resolution date, or the birth of the issue."""
    change, key = int(trail.visits.changes[visit]), trail.batch.heads[row].key
    at, past = int(trail.visits.at[visit]), trail.batch.histories
    if change >= 0:
        return _at_change(trail, row, change)
    if change == RESOLUTION:
        return Evidence("field", at, key, "resolved", after=iso(instant(at)))
    if at < past.created[row]:
        return _at_change(trail, row, int(past.offsets[row]))  # an import, which brought a change from before it
    return Evidence("created", at, key, "status", after=_status_name(trail, visit))


def _status_name(trail: Trail, visit: int) -> str | None:
    """Return the name of a visited status; None of the one that an issue was in before its history was recorded."""
    if np.append(trail.visits.changes, NONE)[visit + 1] == RESOLUTION:
        return None
    ref = trail.batch.histories.refs[trail.visits.refs[visit]]
    return ref.name or trail.context.stages.named(ref.status_id, None) or ref.status_id


def _at_change(trail: Trail, row: int, change: int) -> Evidence:
    past = trail.batch.histories
    before, after = past.refs[past.left[change]], past.refs[past.entered[change]]
    return Evidence(
        "history",
        int(past.at[change]),
        trail.batch.heads[row].key,
        "status",
        before=before.name or before.status_id,
        after=after.name or after.status_id,
        history_id=past.history_ids[change],
    )


def _change(issue: Issue, change: Transition) -> Evidence:
    return Evidence(
        "history",
        micros(change.at),
        issue.key,
        change.field,
        before=change.from_name or change.from_id,
        after=change.to_name or change.to_id,
        history_id=change.history_id,
    )
