"""The stored facts as the nine metrics read them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.metrics.columns import Dataset
from models.records import (
    EPOCH,
    INVALID,
    MICROSECOND,
    Deployment,
    Incident,
    Micros,
    Stage,
    Timeline,
    micros,
)
from models.store.columns import load_items
from models.store.lists import ids_of_versions
from models.store.shared import among, columns, of_profile
from models.tables import DeploymentRow, IncidentRow, IssueRow


def load_dataset(session: Session, profile: str, source: str | None) -> Dataset:
    """All that the nine metrics read: facts of present issues, and the deployments of one source."""
    return Dataset(
        items=load_items(session, profile),
        deployments=tuple(_deployments(session, profile, source)) if source else (),
        incidents=tuple(_incident(row) for row in of_profile(session, IncidentRow, profile)),
    )


def _deployments(session: Session, profile: str, source: str) -> Iterator[Deployment]:
    rows = session.execute(
        select(*columns(DeploymentRow)).where(DeploymentRow.profile == profile, DeploymentRow.source == source)
    ).mappings().all()  # fmt: skip
    if source != "table":
        yield from (_deployment(row) for row in rows)
        return
    keys = _ids_of_keys(session, profile, {key for row in rows for key in row["issue_keys"] or ()})
    names = ids_of_versions(session, profile)
    for row in rows:
        versions = {found for name in row["versions"] or () for found in names.get(str(name), (str(name),))}
        issues = {keys[key] for key in row["issue_keys"] or () if key in keys}
        yield replace(_deployment(row), version_ids=tuple(sorted(versions)), issue_ids=tuple(sorted(issues)))


def _ids_of_keys(session: Session, profile: str, keys: set[str]) -> dict[str, str]:
    named = (IssueRow.profile == profile, among(session, IssueRow.key, sorted(keys)))
    return dict(session.execute(select(IssueRow.key, IssueRow.issue_id).where(*named)).all())


def _deployment(row: Mapping[Any, Any]) -> Deployment:
    return Deployment(
        deployment_id=row["deployment_id"],
        source=row["source"],
        name=row["name"],
        at=INVALID if row["invalid"] else _micros(row["deployed_at"]),
        created=_micros(row["created"]),
        timeline=_timeline(row["timeline"] or ()),
        failed=row["failed"],
        version_ids=tuple(row["version_ids"] or ()),
        issue_ids=tuple(row["issue_ids"] or ()),
        linked_ids=tuple(row["linked_ids"] or ()),
    )


def _incident(row: Mapping[Any, Any]) -> Incident:
    return Incident(
        issue_id=row["issue_id"],
        key=row["key"],
        timeline=_timeline(row["timeline"]),
        detected_at=INVALID if "detected_at" in row["invalid"] else _micros(row["detected_at"]),
        restored_at=INVALID if "restored_at" in row["invalid"] else _micros(row["restored_at"]),
        version_ids=tuple(row["version_ids"]),
        linked_ids=tuple(row["linked_ids"]),
        excluded=row["excluded"],
    )


def _timeline(value: Iterable[tuple[str, Stage]]) -> Timeline:
    # Not micros(), whose care for zones takes longer than all else here: these texts are our own, and in UTC.
    return tuple(((datetime.fromisoformat(at) - EPOCH) // MICROSECOND, stage) for at, stage in value)


def _micros(value: datetime | None) -> Micros | None:
    return None if value is None else micros(value)
