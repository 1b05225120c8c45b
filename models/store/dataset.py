"""The stored facts as the metrics read them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.metrics.columns import Dataset
from models.names import fold_name
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
from models.store.catalogue import ids_of_keys, ids_of_versions, names_in
from models.store.columns import load_columns
from models.store.shared import columns, of_profile
from models.tables.facts import DeploymentRow, IncidentRow

_DEPLOYMENTS: Final = DeploymentRow.__table__.c


def load(session: Session, profile: str, source: str | None) -> Dataset:
    """Return all that the metrics read: facts of present issues, and the deployments of one source."""
    columns = load_columns(session, profile)
    return Dataset(
        items=columns.items,
        deployments=tuple(_deployments(session, profile, source)) if source else (),
        incidents=tuple(_incident(row) for row in of_profile(session, IncidentRow, profile)),
        others=columns.others,
    )


def _deployments(session: Session, profile: str, source: str) -> Iterator[Deployment]:
    rows = session.execute(
        select(*columns(DeploymentRow)).where(_DEPLOYMENTS.profile == profile, _DEPLOYMENTS.source == source)
    ).mappings().all()  # fmt: skip
    if source != "table":
        yield from (_deployment(row) for row in rows)
        return
    ids = ids_of_keys(session, profile, [key for row in rows for key in names_in(row["issue_keys"])])
    versions = ids_of_versions(session, profile)
    for row in rows:
        version_ids = {i for name in names_in(row["versions"]) for i in versions.get(fold_name(name), (name.strip(),))}
        issue_ids = {ids[fold_name(key)] for key in names_in(row["issue_keys"]) if fold_name(key) in ids}
        yield replace(_deployment(row), version_ids=tuple(sorted(version_ids)), issue_ids=tuple(sorted(issue_ids)))


def _deployment(row: Mapping[Any, Any]) -> Deployment:
    return Deployment(
        deployment_id=row["deployment_id"],
        source=row["source"],
        name=row["name"],
        at=INVALID if row["invalid"] else _micros(row["deployed_at"]),
        created=_micros(row["created"]),
        timeline=_timeline(row["timeline"] or ()),
        failed=row["failed"],
        rework=row["rework"],
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
