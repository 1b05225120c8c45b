"""One issue read row by row: what explanations are made of."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.metrics import lifecycle
from models.metrics.contributions import INVALID_VALUE
from models.metrics.issues import deploying, entry, head_of, incident_of, invalid_ends, invalid_roles, is_deployed
from models.metrics.lifecycle import Finding, StatusVisit
from models.metrics.rules import Context
from models.records import Deployment, Incident, Issue, Timeline, WorkItem


@dataclass(frozen=True, slots=True)
class IssueFacts:
    """What one issue is to the metrics: at most a work item, or a deploying issue, an incident, or both of these."""

    timeline: Timeline
    item: WorkItem | None
    incident: Incident | None
    deployments: tuple[Deployment, ...]
    findings: tuple[Finding, ...]


def read(issue: Issue, context: Context) -> IssueFacts:
    """Everything the metrics need of one issue; damage becomes a finding, never an exception.

    - Issues of ``ignored_types`` are left out of everything.
    - Those of a type named under deployments or incidents are no work items, whatever their priority.
    """
    changes = lifecycle.status_changes(issue)
    path = lifecycle.visits(issue, changes)
    line = lifecycle.timeline(path, context.stage_of)
    kind = issue.type.casefold()
    if kind in context.ignored:
        return IssueFacts(line, None, None, (), ())
    odd = lifecycle.findings(issue, changes, path, context.stage_of)
    if kind in context.deployment_types or kind in context.incident_types:
        deployments, incident = deploying(issue, line, context), incident_of(issue, line, context)
        return IssueFacts(line, None, incident, deployments, odd + invalid_ends(deployments, incident))
    head = head_of(issue, context)
    invalid = tuple(Finding(INVALID_VALUE, role) for role in invalid_roles(head))
    item = WorkItem(timeline=line, **head._asdict())
    return IssueFacts(line, item, None, _entries(issue, path, context), odd + invalid)


def _entries(issue: Issue, path: Sequence[StatusVisit], context: Context) -> tuple[Deployment, ...]:
    """Source ``status``: each entry of a work item into one of the statuses from outside them."""
    if context.source != "status":
        return ()
    inside = [is_deployed(visit, context) for visit in path]
    entries = [visit for visit, was, now in zip(path[1:], inside, inside[1:], strict=False) if now and not was]
    return tuple(entry(issue, visit.at, visit.entry_id, context) for visit in entries)
