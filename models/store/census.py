"""The census: what Jira listed is marked in the copy, so that what it did not list can be looked at again.

A mark names the run whose census listed the issue, or what the run found out about one that was not listed.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from models.store.shared import among, change
from models.tables.catalogue import StatusRow
from models.tables.issues import IssueRow

_ISSUES: Final = IssueRow.__table__.c
_STATUSES: Final = StatusRow.__table__.c


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a stored issue before it is read again.

    Jira's ``updated`` and key, the mark of the last census, and the hash of the content.
    """

    updated: datetime
    mark: str | None
    content_hash: str
    key: str


def standing(session: Session, profile: str, ids: Sequence[str]) -> dict[str, Standing]:
    """Return those of the ids that are stored and not gone."""
    query = select(_ISSUES.issue_id, _ISSUES.updated, _ISSUES.census, _ISSUES.content_hash, _ISSUES.key)
    rows = session.execute(query.where(*_present(profile), among(session, _ISSUES.issue_id, ids)))
    return {issue_id: Standing(at, mark, known, key) for issue_id, at, mark, known, key in rows}


def with_values(session: Session, profile: str, ids: Sequence[str], fields: Collection[str]) -> set[str]:
    """Return those of the ids whose stored issue has a value in any of these fields."""
    query = select(_ISSUES.issue_id, _ISSUES.fields)
    rows = session.execute(query.where(*_present(profile), among(session, _ISSUES.issue_id, ids)))
    return {issue_id for issue_id, stored in rows if any(stored.get(name) for name in fields)}


def mark(session: Session, profile: str, ids: Sequence[str], mark: str) -> None:
    """Put the mark on those of the ids that are stored."""
    listed = (_ISSUES.profile == profile, among(session, _ISSUES.issue_id, ids))
    change(session, update(IssueRow).where(*listed, _ISSUES.census.is_distinct_from(mark)).values(census=mark))


def unmarked(session: Session, profile: str, marks: Sequence[str], limit: int) -> list[str]:
    """Return ids of at most ``limit`` issues that are not gone and carry none of the marks."""
    without = or_(_ISSUES.census.is_(None), _ISSUES.census.not_in(marks))
    query = select(_ISSUES.issue_id).where(*_present(profile), without)
    return list(session.scalars(query.order_by(_ISSUES.issue_id).limit(limit)))


def count_marks(session: Session, profile: str) -> dict[tuple[str, str | None], int]:
    """Return (Project key, mark) → how many issues that are not gone have it."""
    query = select(_ISSUES.project, _ISSUES.census, func.count()).where(*_present(profile))
    rows = session.execute(query.group_by(_ISSUES.project, _ISSUES.census)).all()
    return {(project, mark): number for project, mark, number in rows}


def mark_gone(session: Session, profile: str, mark: str, reason: str, now: datetime) -> int:
    """Mark the issues that carry the mark as gone; their facts go, the issues stay. Returns how many."""
    query = select(_ISSUES.issue_id).where(*_present(profile), _ISSUES.census == mark)
    ids = list(session.scalars(query))
    chosen = (_ISSUES.profile == profile, among(session, _ISSUES.issue_id, ids))
    change(session, update(IssueRow).where(*chosen).values(gone_at=now, gone_reason=reason, facts_hash=None))
    if ids:
        from models.store.facts import delete_facts  # noqa: PLC0415 - imports NumPy, which other fetches do not need

        delete_facts(session, profile, ids)
    return len(ids)


def marked(session: Session, profile: str, mark: str) -> dict[str, str]:
    """Issue id → key of those that are not gone and carry the mark."""
    query = select(_ISSUES.issue_id, _ISSUES.key).where(*_present(profile), _ISSUES.census == mark)
    return dict(session.execute(query.order_by(_ISSUES.issue_id)).all())


def note_histories(session: Session, profile: str, ids: Sequence[str], at: datetime) -> None:
    """Note when the histories of these issues were last read."""
    chosen = (_ISSUES.profile == profile, among(session, _ISSUES.issue_id, ids))
    change(session, update(IssueRow).where(*chosen).values(history_read_at=at))


def note_whole(session: Session, profile: str, ids: Sequence[str], at: datetime) -> None:
    """Note when these issues were last read whole and compared with their copies, or stored."""
    chosen = (_ISSUES.profile == profile, among(session, _ISSUES.issue_id, ids))
    change(session, update(IssueRow).where(*chosen).values(history_read_at=at, verified_at=at))


def due_histories(session: Session, profile: str, before: datetime, lately: datetime, limit: int) -> list[str]:
    """Return ids of issues whose history was read before an instant, those read longest ago first, at most ``limit``.

    Only issues that are not done, or were updated since ``lately``: the history of old work stays what it is.
    """
    unread = or_(_ISSUES.history_read_at.is_(None), _ISSUES.history_read_at < before)
    open_or_late = or_(_STATUSES.category.is_distinct_from("done"), _ISSUES.updated >= lately)
    same = (_STATUSES.profile == _ISSUES.profile) & (_STATUSES.status_id == _ISSUES.status_id) & _STATUSES.listed
    query = (
        select(_ISSUES.issue_id).outerjoin(StatusRow.__table__, same).where(*_present(profile), unread, open_or_late)
    )
    oldest_first = query.order_by(_ISSUES.history_read_at.asc().nulls_first(), _ISSUES.issue_id)
    return list(session.scalars(oldest_first.limit(limit)))


def _present(profile: str) -> tuple[Any, ...]:
    return (_ISSUES.profile == profile, _ISSUES.gone_at.is_(None))
