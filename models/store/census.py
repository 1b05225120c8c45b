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
from models.store.shared import IN_LIST, change, parts
from models.tables import IssueRow


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a stored issue before it is read again: Jira's ``updated``, and the mark of the last census."""

    updated: datetime
    mark: str | None


def standing_issues(session: Session, profile: str, ids: Sequence[str]) -> dict[str, Standing]:
    """Those of the ids that are stored and not gone."""
    found: dict[str, Standing] = {}
    for some in parts(ids, IN_LIST):
        query = select(IssueRow.issue_id, IssueRow.updated, IssueRow.census)
        rows = session.execute(query.where(*_present(profile), IssueRow.issue_id.in_(some)))
        found.update({issue_id: Standing(updated, mark) for issue_id, updated, mark in rows})
    return found


def mark_issues(session: Session, profile: str, ids: Sequence[str], mark: str) -> None:
    """Put the mark on those of the ids that are stored."""
    for some in parts(ids, IN_LIST):
        chosen = (IssueRow.profile == profile, IssueRow.issue_id.in_(some), IssueRow.census.is_distinct_from(mark))
        change(session, update(IssueRow).where(*chosen).values(census=mark))


def unmarked_issues(session: Session, profile: str, marks: Sequence[str], limit: int) -> list[str]:
    """Ids of at most ``limit`` issues that are not gone and carry none of the marks."""
    without = or_(IssueRow.census.is_(None), IssueRow.census.not_in(marks))
    query = select(IssueRow.issue_id).where(*_present(profile), without)
    return list(session.scalars(query.order_by(IssueRow.issue_id).limit(limit)))


def count_marked(session: Session, profile: str, mark: str) -> int:
    """How many issues that are not gone carry the mark."""
    return session.scalar(select(func.count()).where(*_present(profile), IssueRow.census == mark)) or 0


def mark_gone(session: Session, profile: str, mark: str, reason: str, now: datetime) -> int:
    """Mark the issues that carry the mark as gone; their facts go, the issues stay. Returns how many."""
    query = select(IssueRow.issue_id).where(*_present(profile), IssueRow.census == mark)
    ids = list(session.scalars(query))
    for some in parts(ids, IN_LIST):
        chosen = (IssueRow.profile == profile, IssueRow.issue_id.in_(some))
        change(session, update(IssueRow).where(*chosen).values(gone_at=now, gone_reason=reason, facts_hash=None))
    delete_facts(session, profile, ids)
    return len(ids)


def _present(profile: str) -> tuple[Any, ...]:
    return (IssueRow.profile == profile, IssueRow.gone_at.is_(None))
