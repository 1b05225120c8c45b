"""The facts of thousands of issues at once: work items as columns, the few deploying issues and incidents as records.

By the rules of ``facts.read``, which reads one issue at a time and is what explanations are made of; a test holds the
two together.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models.metrics import facts, histories
from models.metrics.columns import Ints, Items, Timelines, items_of
from models.metrics.facts import Context
from models.metrics.histories import Histories, Visits
from models.metrics.lifecycle import BROKEN_CHAIN, UNMAPPED_STATUS
from models.metrics.parts import INVALID_VALUE
from models.records import STAGES, Deployment, Incident, IssueHead, ItemHead, Timeline

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
    items = [facts.head_of(batch.heads[row], context) for row in rows.tolist()]
    findings = _findings(batch, path, roles, context)
    for item in items:
        _count(findings, item.issue_id, INVALID_VALUE, len(facts.invalid_roles(item)))
    incidents: list[Incident] = []
    deployments = list(_entries(batch, path, roles, context))
    for row in np.flatnonzero(roles == _SPECIAL).tolist():
        head, line = batch.heads[row], _line(lines, row)
        incident, deploying = facts.incident_of(head, line, context), facts.deploying(head, line, context)
        incidents += [incident] if incident else []
        deployments += [(head.issue_id, one) for one in deploying]
        _count(findings, head.issue_id, INVALID_VALUE, len(facts.invalid_ends(deploying, incident)))
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
    found = histories.entries(path, [facts.is_deployed(place, context) for place in past.places])
    for row, change, at in zip(*(each.tolist() for each in found), strict=True):
        if roles[row] == _ITEM:
            head, entry_id = batch.heads[row], f"{past.history_ids[change]}.{past.positions[change]}"
            yield head.issue_id, facts.entry(head, at, entry_id, context)


def _line(lines: Timelines, row: int) -> Timeline:
    entries = slice(lines.begins[row], lines.begins[row + 1])
    stages = (STAGES[code] for code in lines.stages[entries].tolist())
    return tuple(zip(lines.at[entries].tolist(), stages, strict=True))
