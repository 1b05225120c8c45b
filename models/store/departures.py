"""Issues that are gone from Jira: whose facts are missing, what they were when they left, and which still count."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session

from models.records import Departure, instant
from models.store.shared import among, change
from models.tables.issues import IssueRow

_ISSUES: Final = IssueRow.__table__.c


def counted() -> ColumnElement[bool]:
    """Return the condition that an issue counts: it is present, or gone and kept."""
    return or_(_ISSUES.gone_at.is_(None), _ISSUES.gone_counts.is_(True))


def stale(session: Session, profile: str, limit: int) -> dict[str, str]:
    """Return id → content hash of gone issues whose facts are missing, at most ``limit`` of them."""
    query = select(_ISSUES.issue_id, _ISSUES.content_hash).where(
        _ISSUES.profile == profile, _ISSUES.facts_hash.is_(None), _ISSUES.gone_at.is_not(None)
    )
    return dict(session.execute(query.order_by(_ISSUES.issue_id).limit(limit)).all())


def save(
    session: Session,
    profile: str,
    ids: Collection[str],
    value: Mapping[str, Departure],
    kept: Collection[str],
) -> None:
    """Store what these gone issues were when they left; ``kept`` are those that still count."""
    nothing = {"gone_done_at": None, "gone_delivered": False, "gone_counts": False}
    chosen = (_ISSUES.profile == profile, _ISSUES.gone_at.is_not(None))
    change(session, update(IssueRow).where(*chosen, among(session, _ISSUES.issue_id, list(ids))).values(nothing))
    for issue_id, departure in value.items():
        values = {
            "gone_done_at": instant(departure.done_at),
            "gone_delivered": departure.delivered,
            "gone_counts": issue_id in kept,
        }
        change(session, update(IssueRow).where(*chosen, _ISSUES.issue_id == issue_id).values(values))


def count(session: Session, profile: str, start: datetime, end: datetime) -> dict[tuple[str, bool], int]:
    """Return (reason, whether they still count) → number of gone issues that were delivered in ``[start, end)``."""
    query = (
        select(func.coalesce(_ISSUES.gone_reason, ""), _ISSUES.gone_counts, func.count())
        .where(
            _ISSUES.profile == profile,
            _ISSUES.gone_at.is_not(None),
            _ISSUES.gone_delivered.is_(True),
            _ISSUES.gone_done_at >= start,
            _ISSUES.gone_done_at < end,
        )
        .group_by(_ISSUES.gone_reason, _ISSUES.gone_counts)
        .order_by(_ISSUES.gone_reason)
    )
    return {(reason, bool(counts)): number for reason, counts, number in session.execute(query)}


def count_kept(session: Session, profile: str) -> int:
    """Return how many gone issues still count."""
    query = select(func.count()).where(_ISSUES.profile == profile, _ISSUES.gone_counts.is_(True))
    return session.scalar(query) or 0
