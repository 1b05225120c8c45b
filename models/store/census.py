"""The census: what Jira listed is marked in the copy, so that what it did not list can be looked at again.

A mark names the run whose census listed the issue, or what the run found out about one that was not listed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from models.store.facts import delete_facts
from models.store.shared import among, change
from models.tables.catalogue import StatusRow
from models.tables.issues import IssueRow


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
    query = select(IssueRow.issue_id, IssueRow.updated, IssueRow.census, IssueRow.content_hash, IssueRow.key)
    rows = session.execute(query.where(*_present(profile), among(session, IssueRow.issue_id, ids)))
    return {issue_id: Standing(at, mark, known, key) for issue_id, at, mark, known, key in rows}


def mark(session: Session, profile: str, ids: Sequence[str], mark: str) -> None:
    """Put the mark on those of the ids that are stored."""
    listed = (IssueRow.profile == profile, among(session, IssueRow.issue_id, ids))
    change(session, update(IssueRow).where(*listed, IssueRow.census.is_distinct_from(mark)).values(census=mark))


def unmarked(session: Session, profile: str, marks: Sequence[str], limit: int) -> list[str]:
    """Return ids of at most ``limit`` issues that are not gone and carry none of the marks."""
    without = or_(IssueRow.census.is_(None), IssueRow.census.not_in(marks))
    query = select(IssueRow.issue_id).where(*_present(profile), without)
    return list(session.scalars(query.order_by(IssueRow.issue_id).limit(limit)))


def count_marks(session: Session, profile: str) -> dict[tuple[str, str | None], int]:
    """Return (Project key, mark) → how many issues that are not gone have it."""
    query = select(IssueRow.project, IssueRow.census, func.count()).where(*_present(profile))
    rows = session.execute(query.group_by(IssueRow.project, IssueRow.census)).all()
    return {(project, mark): number for project, mark, number in rows}


def mark_gone(session: Session, profile: str, mark: str, reason: str, now: datetime) -> int:
    """Mark the issues that carry the mark as gone; their facts go, the issues stay. Returns how many."""
    query = select(IssueRow.issue_id).where(*_present(profile), IssueRow.census == mark)
    ids = list(session.scalars(query))
    chosen = (IssueRow.profile == profile, among(session, IssueRow.issue_id, ids))
    change(session, update(IssueRow).where(*chosen).values(gone_at=now, gone_reason=reason, facts_hash=None))
    delete_facts(session, profile, ids)
    return len(ids)


def marked(session: Session, profile: str, mark: str) -> dict[str, str]:
    """Issue id → key of those that are not gone and carry the mark."""
    query = select(IssueRow.issue_id, IssueRow.key).where(*_present(profile), IssueRow.census == mark)
    return dict(session.execute(query.order_by(IssueRow.issue_id)).all())


def note_histories(session: Session, profile: str, ids: Sequence[str], at: datetime) -> None:
    """Note when the histories of these issues were last read."""
    chosen = (IssueRow.profile == profile, among(session, IssueRow.issue_id, ids))
    change(session, update(IssueRow).where(*chosen).values(history_read_at=at))


def due_histories(session: Session, profile: str, before: datetime, lately: datetime, limit: int) -> list[str]:
    """Return ids of issues whose history was read before an instant, those read longest ago first, at most ``limit``.

    Only issues that are not done, or were updated since ``lately``: the history of old work stays what it is.
    """
    unread = or_(IssueRow.history_read_at.is_(None), IssueRow.history_read_at < before)
    open_or_late = or_(StatusRow.category.is_distinct_from("done"), IssueRow.updated >= lately)
    same = (StatusRow.profile == IssueRow.profile) & (StatusRow.status_id == IssueRow.status_id) & StatusRow.listed
    query = select(IssueRow.issue_id).outerjoin(StatusRow, same).where(*_present(profile), unread, open_or_late)
    oldest_first = query.order_by(IssueRow.history_read_at.asc().nulls_first(), IssueRow.issue_id)
    return list(session.scalars(oldest_first.limit(limit)))


def _present(profile: str) -> tuple[Any, ...]:
    return (IssueRow.profile == profile, IssueRow.gone_at.is_(None))
