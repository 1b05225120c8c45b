"""Facts of issues, as a calculation writes them: work items, incidents and deployments, and what is stale."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

import numpy as np
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from models.metrics.arrays import INVALID_INSTANT, NO_INSTANT
from models.metrics.columns import Chunk, Items
from models.metrics.contributions import NOT_DELIVERED
from models.metrics.issues import BatchFacts, invalid_roles
from models.metrics.timelines import facts_at
from models.records import (
    INVALID,
    STAGES,
    Deployment,
    Incident,
    Micros,
    Timeline,
    instant,
    iso,
)
from models.store.columns import append_columns, forget_items
from models.store.quality import save_findings
from models.store.shared import Row, among, change, delete_of, insert_columns, insert_rows
from models.store.written import written_instants
from models.tables.base import to_json
from models.tables.facts import DeploymentRow, IncidentRow, WorkItemRow
from models.tables.issues import IssueRow

_ISSUES: Final = IssueRow.__table__.c


def stale(session: Session, profile: str, limit: int) -> dict[str, str]:
    """Return id → content hash of present issues whose facts are missing, at most ``limit`` of them."""
    query = select(_ISSUES.issue_id, _ISSUES.content_hash).where(
        _ISSUES.profile == profile, _ISSUES.facts_hash.is_(None), _ISSUES.gone_at.is_(None)
    )
    return dict(session.execute(query.order_by(_ISSUES.issue_id).limit(limit)).all())


def save(
    session: Session,
    profile: str,
    rules: str,
    hashes: Mapping[str, str],
    batch_facts: BatchFacts,
) -> None:
    """Replace the facts of the issues in ``hashes`` (id → content hash); what they no longer are is removed.

    ``rules`` names the rules that made them.
    """
    ids = list(hashes)
    _delete_rows(session, profile, ids)
    append_columns(session, profile, Chunk(np.array(ids, np.int64), batch_facts.columns, batch_facts.others), rules)
    insert_columns(session, WorkItemRow, _item_columns(session, profile, rules, hashes, batch_facts))
    insert_rows(session, IncidentRow, [_incident_row(profile, incident) for incident in batch_facts.incidents])
    insert_rows(
        session, DeploymentRow, [_deployment_row(profile, issue, item) for issue, item in batch_facts.deployments]
    )
    counts = {
        issue_id: {reason: len(details) for reason, details in batch_facts.findings.get(issue_id, {}).items()}
        for issue_id in ids
    }
    save_findings(session, profile, "facts", counts)
    # An issue whose content has changed since it was read stays stale.
    read = (among(session, _ISSUES.issue_id, ids), among(session, _ISSUES.content_hash, list(hashes.values())))
    chosen = (_ISSUES.profile == profile, *read)
    change(session, update(IssueRow).where(*chosen).values(facts_hash=_ISSUES.content_hash + ":" + rules))


def replace_version_deployments(session: Session, profile: str, deployments: Sequence[Deployment]) -> None:
    """Put the deployments that versions are in place of those of the last calculation, where they differ."""
    table = DeploymentRow.__table__.c
    of_versions = (table.profile == profile, table.source == "versions")
    standing = session.execute(select(table.deployment_id, table.name, table.deployed_at).where(*of_versions)).all()
    if {tuple(row) for row in standing} == {(item.deployment_id, item.name, _moment(item.at)) for item in deployments}:
        return
    change(session, delete(DeploymentRow).where(*of_versions))
    insert_rows(session, DeploymentRow, [_deployment_row(profile, None, deployment) for deployment in deployments])


def delete_facts(session: Session, profile: str, ids: Sequence[str]) -> None:
    """Remove all facts of these issues."""
    _delete_rows(session, profile, ids)
    forget_items(session, profile, ids)


def _delete_rows(session: Session, profile: str, ids: Sequence[str]) -> None:
    for table in (WorkItemRow, IncidentRow, DeploymentRow):
        delete_of(session, table, profile, ids)


def _item_columns(
    session: Session, profile: str, rules: str, hashes: Mapping[str, str], batch_facts: BatchFacts
) -> dict[str, list[Any]]:
    """Work items with their facts up to the last change: what is still open has no later time in it."""
    facts, items, columns = facts_at(batch_facts.columns.timelines, None), batch_facts.items, batch_facts.columns
    is_done, excluded = facts.done != NO_INSTANT, columns.is_excluded(None)
    committed = np.where(columns.committed == INVALID_INSTANT, NO_INSTANT, columns.committed)
    return {
        "profile": [profile] * len(items),
        "issue_id": [item.issue_id for item in items],
        "key": [item.key for item in items],
        "type": [item.type for item in items],
        "facts_hash": [f"{hashes[item.issue_id]}:{rules}" for item in items],
        "started_at": written_instants(session, facts.started),
        "done_at": written_instants(session, facts.done),
        "active_seconds": [active / 1_000_000 for active in facts.active.tolist()],
        "waiting_seconds": [waiting / 1_000_000 for waiting in facts.waiting.tolist()],
        "category": [item.category for item in items],
        "delivered": (is_done & ~excluded).tolist(),
        "reason": [NOT_DELIVERED if value else None for value in (is_done & excluded).tolist()],
        "timeline": _timelines(columns),
        "committed_at": written_instants(session, committed),
        "points": [None if item.points == INVALID else item.points for item in items],
        "version_ids": [_written(item.version_ids) for item in items],
        "excluded": excluded.tolist(),
        "invalid": [_written(invalid_roles(item)) for item in items],
        "blocked_since": written_instants(session, columns.blocked.open_since()),
    }


def _timelines(columns: Items) -> list[str]:
    """Return ``_timeline_json`` of each item, written: of all at once NumPy writes the instants several times
    as fast.
    """
    instants = np.datetime_as_string(columns.at.view("datetime64[us]"), timezone="UTC").tolist()
    stages = [STAGES[code] for code in columns.stages.tolist()]
    entries = [f'["{at}","{stage}"]' for at, stage in zip(instants, stages, strict=True)]
    return [f"[{','.join(entries[begin:end])}]" for begin, end in pairwise(columns.timeline_offsets.tolist())]


def _written(texts: tuple[str, ...]) -> str:
    return to_json(texts) if texts else "[]"


def _deployment_row(profile: str, issue_id: str | None, deployment: Deployment) -> Row:
    return {
        "profile": profile,
        "source": deployment.source,
        "deployment_id": deployment.deployment_id,
        "name": deployment.name,
        "deployed_at": _moment(deployment.at),
        "failed": deployment.failed,
        "rework": deployment.rework,
        "invalid": deployment.at == INVALID,
        "created": None if deployment.created is None else instant(deployment.created),
        "issue_id": issue_id,
        "timeline": _timeline_json(deployment.timeline),
        "version_ids": list(deployment.version_ids),
        "issue_ids": list(deployment.issue_ids),
        "linked_ids": list(deployment.linked_ids),
        "issue_keys": None,
        "versions": None,
    }


def _incident_row(profile: str, incident: Incident) -> Row:
    return {
        "profile": profile,
        "issue_id": incident.issue_id,
        "key": incident.key,
        "created": instant(incident.created),
        "detected_at": _moment(incident.detected_at),
        "restored_at": _moment(incident.restored_at),
        "invalid": [role for role in ("detected_at", "restored_at") if getattr(incident, role) == INVALID],
        "timeline": _timeline_json(incident.timeline),
        "version_ids": list(incident.version_ids),
        "linked_ids": list(incident.linked_ids),
        "excluded": incident.excluded,
    }


def _timeline_json(value: Timeline) -> list[list[str]]:
    return [[iso(instant(at)), stage] for at, stage in value]


def _moment(value: Micros | str | None) -> datetime | None:
    return instant(value) if isinstance(value, int) else None
