"""What explaining reads beside issues: stored deployments and incidents, as far as they say why one failed."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.metrics.evidence import LinkedIncident, StoredDeployment
from models.records import micros
from models.store.lists import ids_of_versions
from models.tables import DeploymentRow, IncidentRow


def load_stored_deployments(session: Session, profile: str, source: str) -> list[StoredDeployment]:
    """The stored deployments of one source; versions that a row of the table names are resolved to their ids."""
    table = DeploymentRow
    names = ("deployment_id", "deployed_at", "failed", "version_ids", "issue_ids", "linked_ids", "versions")
    query = select(*(getattr(table, name) for name in names)).where(table.profile == profile, table.source == source)
    ids = ids_of_versions(session, profile) if source == "table" else {}
    return [_candidate(row, ids) for row in session.execute(query).mappings()]


def load_linked_incidents(session: Session, profile: str) -> list[LinkedIncident]:
    """The stored incidents."""
    names = ("issue_id", "key", "created", "version_ids", "linked_ids")
    query = select(*(getattr(IncidentRow, name) for name in names)).where(IncidentRow.profile == profile)
    return [
        LinkedIncident(issue_id, key, micros(created), frozenset(version_ids), frozenset(linked_ids))
        for issue_id, key, created, version_ids, linked_ids in session.execute(query)
    ]


def _candidate(row: Mapping[Any, Any], ids: Mapping[str, Iterable[str]]) -> StoredDeployment:
    named = [found for name in row["versions"] or () for found in ids.get(str(name), (str(name),))]
    return StoredDeployment(
        deployment_id=row["deployment_id"],
        at=None if row["deployed_at"] is None else micros(row["deployed_at"]),
        failed=row["failed"],
        version_ids=frozenset([*(row["version_ids"] or ()), *named]),
        issue_ids=frozenset(row["issue_ids"] or ()),
        linked_ids=frozenset(row["linked_ids"] or ()),
    )
