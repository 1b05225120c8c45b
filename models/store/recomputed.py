"""What a recomputation compares: the stored facts of some issues before and after they were made again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import or_, select, type_coerce, update
from sqlalchemy.orm import Session
from sqlalchemy.types import NullType

from models.store.shared import among, change
from models.tables.cache import CacheMetadataRow
from models.tables.facts import DeploymentRow, IncidentRow, WorkItemRow
from models.tables.issues import IssueRow
from models.tables.quality import DataQualityRow

_ISSUES: Final = IssueRow.__table__.c
_CACHES: Final = CacheMetadataRow.__table__.c
_FACTS: Final = {row.__tablename__: row.__table__ for row in (WorkItemRow, IncidentRow, DeploymentRow)}
_FINDINGS: Final = DataQualityRow.__table__.c
_OF_ISSUES: Final = ("profile", "issue_id", "facts_hash", "gone_done_at", "gone_delivered", "gone_counts")
_COMPARED: Final = {
    **{name: {column.name: column for column in table.columns} for name, table in _FACTS.items()},
    "data_quality": {column.name: column for column in _FINDINGS},
    "issues": {name: _ISSUES[name] for name in _OF_ISSUES},
}


@dataclass(frozen=True, slots=True)
class Calculated:
    """An issue whose facts are stored: the hash of its content, and whether it is gone from Jira."""

    issue_id: str
    content_hash: str
    is_gone: bool


def with_facts(session: Session, profile: str, after: str, limit: int) -> list[Calculated]:
    """Return issues with facts in the order of their ids, from behind an id on, at most ``limit``."""
    query = select(_ISSUES.issue_id, _ISSUES.content_hash, _ISSUES.gone_at.is_not(None))
    chosen = (_ISSUES.profile == profile, _ISSUES.issue_id > after, _ISSUES.facts_hash.is_not(None))
    rows = session.execute(query.where(*chosen).order_by(_ISSUES.issue_id).limit(limit))
    return [Calculated(issue_id, content, bool(is_gone)) for issue_id, content, is_gone in rows]


def facts_of(session: Session, profile: str, ids: Sequence[str]) -> Mapping[str, list[Any]]:
    """Return issue id → each stored row of its facts, with values as the driver returns them."""
    values: dict[str, list[Any]] = {issue_id: [] for issue_id in ids}
    for name, table in _COMPARED.items():
        raw = [type_coerce(column, NullType()) for column in table.values()]
        origin = (_FINDINGS.origin == "facts",) if name == "data_quality" else ()
        chosen = (table["profile"] == profile, among(session, table["issue_id"], ids), *origin)
        for issue_id, *row in session.execute(select(table["issue_id"], *raw).where(*chosen)):
            values[issue_id].append((name, row))
    return values


def are_equal(before: list[Any], after: list[Any]) -> bool:
    """Return whether two lists of ``facts_of`` have the same rows; their order means nothing."""
    return before == after or sorted(before, key=repr) == sorted(after, key=repr)


def counting_ids(session: Session, profile: str) -> set[str]:
    """Return the ids of the issues that may have facts: present ones, and gone ones that still count."""
    counts = or_(_ISSUES.gone_at.is_(None), _ISSUES.gone_counts.is_(True))
    return set(session.scalars(select(_ISSUES.issue_id).where(_ISSUES.profile == profile, counts)))


def ids_with_rows(session: Session, profile: str) -> set[str]:
    """Return the ids of all issues that a row of facts is stored of."""
    ids: set[str] = set()
    for table in _FACTS.values():
        query = select(table.c.issue_id).where(table.c.profile == profile, table.c.issue_id.is_not(None))
        ids.update(session.scalars(query))
    return ids


def instants(session: Session) -> dict[str, tuple[datetime, datetime | None]]:
    """Return profile → (when its copy was completed, when its facts and results were last made again)."""
    query = select(_CACHES.profile, _CACHES.creation_timestamp, _CACHES.recomputed_at)
    return {profile: (at, recomputed) for profile, at, recomputed in session.execute(query)}


def note(session: Session, profile: str, at: datetime) -> None:
    """Note when the facts and results of a profile were made again."""
    values: dict[str, Any] = {"recomputed_at": at}
    change(session, update(CacheMetadataRow).where(_CACHES.profile == profile).values(values))
