"""Thousands of issues at once: work items as columns, the few deploying issues and incidents as records, findings."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

import numpy as np

from models.metrics import histories
from models.metrics.arrays import NO_INSTANT, Ints, ints
from models.metrics.blocking import BlockedSpans, FlagChanges, blocked_spans, is_flag_empty
from models.metrics.columns import Items, Lives, items_of
from models.metrics.contributions import INVALID_VALUE
from models.metrics.histories import Changes, Histories, StatusVisits
from models.metrics.mapped_fields import failed, ids_in, mapped_instant, points_of, rework
from models.metrics.rules import Context
from models.metrics.statuses import BROKEN_CHAIN, MOVED_BACKWARDS, STOPPED_BEFORE_STARTED, UNMAPPED_STATUS
from models.names import fold_name
from models.records import (
    INVALID,
    UNMAPPED,
    Deployment,
    Incident,
    Issue,
    IssueHead,
    ItemHead,
    MappedInstant,
    Micros,
    Timeline,
    Transition,
    micros,
)

# Issue id → reason → what exactly was found, where there is anything.
Findings = Mapping[str, Mapping[str, Sequence[str]]]
_ITEM, _SPECIAL, _IGNORED = 0, 1, 2
_head_values = attrgetter(*IssueHead._fields)


@dataclass(frozen=True, slots=True)
class Batch:
    """Issues as they are stored: heads, and as many histories in the same order.

    ``changes``: by field id, those of the other fields whose histories were read.
    """

    heads: Sequence[IssueHead]
    histories: Histories
    changes: Mapping[str, FlagChanges]

    @classmethod
    def of(cls, issues: Sequence[Issue]) -> "Batch":
        """Return issues as a batch; of a history item that is there more than once, one counts."""
        heads = [IssueHead(*_head_values(issue)) for issue in issues]
        by_field = _changes_by_field(issues)
        changes = by_field.pop("status", [])
        columns = Changes(
            rows=np.array([row for row, _ in changes], np.int64),
            at=np.array([micros(change.at) for _, change in changes], np.int64),
            history_ids=[change.history_id for _, change in changes],
            positions=[change.position for _, change in changes],
            left=[(change.from_id, change.from_name) for _, change in changes],
            entered=[(change.to_id, change.to_name) for _, change in changes],
        )
        created = ints(micros(issue.created) for issue in issues)
        resolved = ints(NO_INSTANT if issue.resolved is None else micros(issue.resolved) for issue in issues)
        others = {field: FlagChanges.of(rows) for field, rows in by_field.items()}
        return cls(heads, Histories.of(created, resolved, [head.status_id for head in heads], columns), others)


@dataclass(frozen=True, slots=True)
class BatchFacts:
    """What the issues of a batch are to the metrics.

    ``items`` and the rows of ``columns`` are the same work items in the same order. ``others`` are the issues that
    deploy or are incidents by their type. ``deployments`` have the id of their issue beside them.
    """

    items: Sequence[ItemHead]
    columns: Items
    others: Items
    incidents: Sequence[Incident]
    deployments: Sequence[tuple[str, Deployment]]
    findings: Findings


def read(batch: Batch, context: Context, visits: StatusVisits | None = None) -> BatchFacts:
    """Return everything the metrics need of a batch; damage becomes a finding, never an exception.

    ``visits`` are those of the batch, where they are known already.
    """
    visits = visits or histories.status_visits(batch.histories, context.stages)
    lives = _lives(batch, visits, context)
    roles = _roles(batch.heads, context)
    rows, other_rows = np.flatnonzero(roles == _ITEM), np.flatnonzero(roles == _SPECIAL)
    items = [head_of(batch.heads[row], context) for row in rows.tolist()]
    others = [_bare(batch.heads[row]) for row in other_rows.tolist()]
    incidents: list[Incident] = []
    deployments = list(_entries(batch, visits, roles, context))
    for row in other_rows.tolist():
        head, line = batch.heads[row], lives.timelines.line(row)
        incident = incident_of(head, line, context)
        incidents += [incident] if incident else []
        deployments += [(head.issue_id, deployment) for deployment in deploying(head, line, context)]
    findings = _findings(batch, visits, roles, context)
    _add_invalid(findings, items, incidents, deployments)
    columns = items_of(items, lives.take(rows)), items_of(others, lives.take(other_rows))
    return BatchFacts(items, *columns, incidents, deployments, findings)


def work_item_rows(heads: Sequence[IssueHead], context: Context) -> Ints:
    """Return the rows of those issues that are work items."""
    return np.flatnonzero(_roles(heads, context) == _ITEM)


def _lives(batch: Batch, visits: StatusVisits, context: Context) -> Lives:
    """Return what the histories of the issues say, of each stage and of the excluded statuses."""
    is_excluded = [context.stages.is_among(ref, context.excluded_statuses) for ref in batch.histories.refs]
    exclusions = histories.toggles(visits, is_excluded)
    blocked = blocked_of(batch, visits, context)
    return Lives(histories.timelines_of(visits), batch.histories.resolved, *exclusions, blocked)


def blocked_of(batch: Batch, visits: StatusVisits, context: Context) -> BlockedSpans:
    """Return when the issues were in progress and blocked, by their statuses or by the mapped flag."""
    is_blocked = [context.stages.is_among(ref, context.blocked_statuses) for ref in batch.histories.refs]
    changes, flags = FlagChanges.of(()), None
    if context.flagged is not None:
        changes = batch.changes.get(context.flagged, changes)
        flags = np.array([not is_flag_empty(head.fields.get(context.flagged)) for head in batch.heads], np.bool_)
    return blocked_spans(visits, is_blocked, changes, flags)


def _bare(head: IssueHead) -> ItemHead:
    """Return an issue that does not count as a work item, beside its life."""
    return ItemHead(head.issue_id, head.key, head.type, UNMAPPED, False, None, None, (), ())  # noqa: FBT003 - as declared


def _changes_by_field(issues: Sequence[Issue]) -> dict[str, list[tuple[int, Transition]]]:
    """Return (row, change) of each change, each once, by its field."""
    by_field: defaultdict[str, list[tuple[int, Transition]]] = defaultdict(list)
    for row, issue in enumerate(issues):
        changes = {(c.field, c.history_id, c.position): c for c in sorted(issue.transitions, key=_content)}
        for change in changes.values():
            by_field[change.field].append((row, change))
    return by_field


def _content(change: Transition) -> tuple[object, ...]:
    # So that even of two versions of one history item, which Jira never sends, the same one counts in any order.
    ends = (change.from_id, change.to_id, change.from_name, change.to_name)
    return (change.at, *(text or "" for text in ends))


def _roles(heads: Sequence[IssueHead], context: Context) -> Ints:
    special = context.special_types
    role_of: dict[tuple[object, ...], int] = {}
    for head in heads:
        if (kind := (head.type, head.hierarchy_level, head.subtask)) not in role_of:
            is_special = fold_name(head.type) in special
            role_of[kind] = _IGNORED if context.is_ignored(head) else _SPECIAL if is_special else _ITEM
    return np.array([role_of[head.type, head.hierarchy_level, head.subtask] for head in heads], np.int64)


def _findings(batch: Batch, visits: StatusVisits, roles: Ints, context: Context) -> dict[str, dict[str, list[str]]]:
    """Return what is odd about the histories of all but the ignored issues."""
    past, stages = batch.histories, context.stages
    reasons = {
        UNMAPPED_STATUS: histories.unmapped(visits, past, stages),
        BROKEN_CHAIN: histories.broken(past, stages),
        MOVED_BACKWARDS: histories.moved_backwards(visits, past, stages),
        STOPPED_BEFORE_STARTED: histories.stopped_before_started(visits, past, stages),
    }
    findings: dict[str, dict[str, list[str]]] = {}
    for reason, odd in reasons.items():
        for row, detail in zip(odd.rows.tolist(), odd.details, strict=True):
            if roles[row] != _IGNORED:
                _add(findings, batch.heads[row].issue_id, reason, detail)
    return findings


def _add_invalid(
    findings: dict[str, dict[str, list[str]]],
    items: Sequence[ItemHead],
    incidents: Sequence[Incident],
    deployments: Sequence[tuple[str, Deployment]],
) -> None:
    """Add the mapped fields whose values are neither moments nor numbers, each by its role."""
    for item in items:
        for role in invalid_roles(item):
            _add(findings, item.issue_id, INVALID_VALUE, role)
    for issue_id, deployment in deployments:
        if deployment.at == INVALID:
            _add(findings, issue_id, INVALID_VALUE, "deployed_at")
    for incident in incidents:
        ends: tuple[tuple[str, MappedInstant], ...]
        ends = (("detected_at", incident.detected_at), ("restored_at", incident.restored_at))
        for role, value in ends:
            if value == INVALID:
                _add(findings, incident.issue_id, INVALID_VALUE, role)


def _add(findings: dict[str, dict[str, list[str]]], issue_id: str, reason: str, detail: str) -> None:
    findings.setdefault(issue_id, {}).setdefault(reason, []).append(detail)


def _entries(batch: Batch, visits: StatusVisits, roles: Ints, context: Context) -> Iterator[tuple[str, Deployment]]:
    """Yield each entry of a work item into one of the statuses from outside them, for source ``status``."""
    if context.source != "status":
        return
    past = batch.histories
    is_deployed = [context.stages.is_among(ref, context.deployment_statuses) for ref in past.refs]
    entered = histories.entries(visits, is_deployed)
    for row, visit in zip(*(column.tolist() for column in entered), strict=True):
        if roles[row] == _ITEM:
            change = visits.changes[visit]
            entry_id = f"{past.history_ids[change]}.{past.positions[change]}"
            head = batch.heads[row]
            yield head.issue_id, entry(head, int(visits.at[visit]), entry_id, context)


# --- the three roles --------------------------------------------------------------------------------------------------


def head_of(issue: IssueHead, context: Context) -> ItemHead:
    """Return what an issue is as a work item, beside its timeline."""
    return ItemHead(
        issue_id=issue.issue_id,
        key=issue.key,
        type=issue.type,
        category=context.categories.get(fold_name(issue.type), UNMAPPED),
        excluded=fold_name(issue.resolution or "") in context.excluded_resolutions,
        committed_at=mapped_instant(issue, "committed_at", context),
        points=points_of(issue, context),
        version_ids=ids_in(issue, "fixVersions"),
        linked_ids=ids_in(issue, "links"),
    )


def invalid_roles(head: ItemHead) -> tuple[str, ...]:
    """Return the roles that are mapped to values of a work item which are neither a moment nor a number."""
    values = (("committed_at", head.committed_at), ("points", head.points))
    return tuple(role for role, value in values if value == INVALID)


def deploying(issue: IssueHead, line: Timeline, context: Context) -> tuple[Deployment, ...]:
    """Return the deployment that an issue of such a type is, for source ``issues``."""
    if context.source != "issues" or fold_name(issue.type) not in context.deployment_types:
        return ()
    deployment = Deployment(
        deployment_id=issue.issue_id,
        source="issues",
        name=issue.key,
        at=mapped_instant(issue, "deployed_at", context),
        created=line[0][0],
        timeline=line,
        failed=failed(issue, context),
        rework=rework(issue, context),
        version_ids=ids_in(issue, "fixVersions"),
    )
    return (deployment,)


def entry(issue: IssueHead, at: Micros, entry_id: str, context: Context) -> Deployment:
    """Return the deployment that an entry of a history is, for source ``status``."""
    return Deployment(
        deployment_id=f"{issue.issue_id}.{entry_id}",
        source="status",
        name=issue.key,
        at=at,
        failed=failed(issue, context),
        issue_ids=(issue.issue_id,),
        linked_ids=ids_in(issue, "links"),
    )


def incident_of(issue: IssueHead, line: Timeline, context: Context) -> Incident | None:
    """Return the incident that an issue is by its type and priority."""
    if fold_name(issue.type) not in context.incident_types:
        return None
    priority = issue.fields.get("priority")
    if context.incident_priorities and fold_name(str(priority)) not in context.incident_priorities:
        return None
    return Incident(
        issue_id=issue.issue_id,
        key=issue.key,
        timeline=line,
        detected_at=mapped_instant(issue, "detected_at", context),
        restored_at=mapped_instant(issue, "restored_at", context),
        version_ids=ids_in(issue, "versions"),
        linked_ids=ids_in(issue, "links"),
        excluded=fold_name(issue.resolution or "") in context.excluded_incidents,
    )
