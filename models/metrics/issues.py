"""The facts of thousands of issues at once: work items as columns, the few deploying issues and incidents as records.

By the rules of ``facts.read``, which reads one issue at a time and is what explanations are made of; a test holds the
two together.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.metrics import histories
from models.metrics.columns import Ints, Items, Timelines, items_of
from models.metrics.contributions import INVALID_VALUE
from models.metrics.histories import Histories, Visits
from models.metrics.lifecycle import Finding, StatusVisit
from models.metrics.mapped_fields import Head, failed, ids_in, mapped_instant, points_of
from models.metrics.rules import Context
from models.metrics.statuses import BROKEN_CHAIN, UNMAPPED_STATUS, StatusRef
from models.records import INVALID, STAGES, Deployment, Incident, IssueHead, ItemHead, Micros, Timeline

UNMAPPED: Final = "unmapped"
Findings = Mapping[str, Mapping[str, int]]
_ITEM, _SPECIAL, _IGNORED = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Batch:
    """Issues as they are stored: heads, and as many histories in the same order."""

    heads: Sequence[IssueHead]
    histories: Histories


@dataclass(frozen=True, slots=True)
class BatchFacts:
    """What the issues of a batch are to the metrics.

    ``items`` and the rows of ``columns`` are the same work items in the same order. ``deployments`` have the id of
    their issue beside them. ``findings``: issue id → reason → count, where there is any.
    """

    items: Sequence[ItemHead]
    columns: Items
    incidents: Sequence[Incident]
    deployments: Sequence[tuple[str, Deployment]]
    findings: Findings


def read(batch: Batch, context: Context) -> BatchFacts:
    """Everything the metrics need of a batch; damage becomes a finding, never an exception."""
    path = histories.visits(batch.histories)
    lines = histories.timelines(path, batch.histories, context.stage_of)
    roles = _roles(batch.heads, context)
    rows = np.flatnonzero(roles == _ITEM)
    items = [head_of(batch.heads[row], context) for row in rows.tolist()]
    findings = _findings(batch, path, roles, context)
    for item in items:
        _count(findings, item.issue_id, INVALID_VALUE, len(invalid_roles(item)))
    incidents: list[Incident] = []
    deployments = list(_entries(batch, path, roles, context))
    for row in np.flatnonzero(roles == _SPECIAL).tolist():
        head, line = batch.heads[row], _line(lines, row)
        incident, deployed = incident_of(head, line, context), deploying(head, line, context)
        incidents += [incident] if incident else []
        deployments += [(head.issue_id, one) for one in deployed]
        _count(findings, head.issue_id, INVALID_VALUE, len(invalid_ends(deployed, incident)))
    return BatchFacts(items, items_of(items, lines.take(rows)), incidents, deployments, findings)


def _roles(heads: Sequence[IssueHead], context: Context) -> Ints:
    special = context.deployment_types | context.incident_types
    role_of: dict[str, int] = {}
    for kind in {head.type for head in heads}:
        folded = kind.casefold()
        role_of[kind] = _IGNORED if folded in context.ignored else _SPECIAL if folded in special else _ITEM
    return np.array([role_of[head.type] for head in heads], np.int64)


def _findings(batch: Batch, path: Visits, roles: Ints, context: Context) -> dict[str, dict[str, int]]:
    """What is odd about the histories of all but the ignored issues."""
    counts = {
        UNMAPPED_STATUS: histories.count_unmapped(path, batch.histories, context.stage_of),
        BROKEN_CHAIN: histories.count_broken(batch.histories, context.stage_of),
    }
    found: dict[str, dict[str, int]] = {}
    for reason, numbers in counts.items():
        for row in np.flatnonzero((numbers > 0) & (roles != _IGNORED)).tolist():
            _count(found, batch.heads[row].issue_id, reason, int(numbers[row]))
    return found


def _count(found: dict[str, dict[str, int]], issue_id: str, reason: str, number: int) -> None:
    if number:
        found.setdefault(issue_id, {})[reason] = number


def _entries(batch: Batch, path: Visits, roles: Ints, context: Context) -> Iterator[tuple[str, Deployment]]:
    """Source ``status``: each entry of a work item into one of the statuses from outside them."""
    if context.source != "status":
        return
    past = batch.histories
    found = histories.entries(path, [is_deployed(place, context) for place in past.places])
    for row, change, at in zip(*(each.tolist() for each in found), strict=True):
        if roles[row] == _ITEM:
            head, entry_id = batch.heads[row], f"{past.history_ids[change]}.{past.positions[change]}"
            yield head.issue_id, entry(head, at, entry_id, context)


def _line(lines: Timelines, row: int) -> Timeline:
    entries = slice(lines.begins[row], lines.begins[row + 1])
    stages = (STAGES[code] for code in lines.stages[entries].tolist())
    return tuple(zip(lines.at[entries].tolist(), stages, strict=True))


# --- the three roles --------------------------------------------------------------------------------------------------


def head_of(issue: Head, context: Context) -> ItemHead:
    """What an issue is as a work item, beside its timeline."""
    return ItemHead(
        issue_id=issue.issue_id,
        key=issue.key,
        type=issue.type,
        category=context.categories.get(issue.type.casefold(), UNMAPPED),
        excluded=(issue.resolution or "").casefold() in context.excluded_resolutions,
        committed_at=mapped_instant(issue, "committed_at", context),
        points=points_of(issue, context),
        version_ids=ids_in(issue, "fixVersions"),
    )


def invalid_roles(head: ItemHead) -> tuple[str, ...]:
    """The roles that are mapped to values of a work item which are no moment or no number."""
    values = (("committed_at", head.committed_at), ("points", head.points))
    return tuple(role for role, value in values if value == INVALID)


def deploying(issue: Head, line: Timeline, context: Context) -> tuple[Deployment, ...]:
    """The deployment that an issue of such a type is, for source ``issues``."""
    if context.source != "issues" or issue.type.casefold() not in context.deployment_types:
        return ()
    deployment = Deployment(
        deployment_id=issue.issue_id,
        source="issues",
        name=issue.key,
        at=mapped_instant(issue, "deployed_at", context),
        created=line[0][0],
        timeline=line,
        failed=failed(issue, context),
        version_ids=ids_in(issue, "fixVersions"),
    )
    return (deployment,)


def entry(issue: Head, at: Micros, entry_id: str, context: Context) -> Deployment:
    """The deployment that an entry of a history is, for source ``status``."""
    return Deployment(
        deployment_id=f"{issue.issue_id}.{entry_id}",
        source="status",
        name=issue.key,
        at=at,
        failed=failed(issue, context),
        issue_ids=(issue.issue_id,),
        linked_ids=ids_in(issue, "links"),
    )


def is_deployed(visit: StatusVisit | StatusRef, context: Context) -> bool:
    """Whether a visited status is one of those that deploy, by its id or the name it has today."""
    names = (visit.status_id, context.stage_of.named(visit.status_id, visit.name))
    return any((text or "").casefold() in context.deployment_statuses for text in names)


def incident_of(issue: Head, line: Timeline, context: Context) -> Incident | None:
    """The incident that an issue is by its type and priority."""
    if issue.type.casefold() not in context.incident_types:
        return None
    priority = issue.fields.get("priority")
    if context.incident_priorities and str(priority).casefold() not in context.incident_priorities:
        return None
    return Incident(
        issue_id=issue.issue_id,
        key=issue.key,
        timeline=line,
        detected_at=mapped_instant(issue, "detected_at", context),
        restored_at=mapped_instant(issue, "restored_at", context),
        version_ids=ids_in(issue, "versions"),
        linked_ids=ids_in(issue, "links"),
    )


def invalid_ends(deployments: Sequence[Deployment], incident: Incident | None) -> tuple[Finding, ...]:
    """The mapped fields of a deploying issue or an incident whose values are no moments."""
    values = [("deployed_at", deployment.at) for deployment in deployments]
    if incident is not None:
        values += [("detected_at", incident.detected_at), ("restored_at", incident.restored_at)]
    return tuple(Finding(INVALID_VALUE, role) for role, value in values if value == INVALID)
