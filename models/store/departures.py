"""Issues that are gone from Jira: whose facts are missing, what they were when they left, and which still count."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session

from models.records import Departure, instant
from models.store.shared import among, change
from models.tables.issues import IssueRow


def counted() -> ColumnElement[bool]:
    """Return the condition that an issue counts: it is present, or gone and kept."""
    return or_(IssueRow.gone_at.is_(None), IssueRow.gone_counts.is_(True))


def stale(session: Session, profile: str, limit: int) -> dict[str, str]:
    """Return id → content hash of gone issues whose facts are missing, at most ``limit`` of them."""
    query = select(IssueRow.issue_id, IssueRow.content_hash).where(
        IssueRow.profile == profile, IssueRow.facts_hash.is_(None), IssueRow.gone_at.is_not(None)
    )
    return dict(session.execute(query.order_by(IssueRow.issue_id).limit(limit)).all())


def save(
    session: Session,
    profile: str,
    ids: Collection[str],
    value: Mapping[str, Departure],
    kept: Collection[str],
) -> None:
    """Store what these gone issues were when they left; ``kept`` are those that still count."""
    nothing = {"gone_done_at": None, "gone_delivered": False, "gone_counts": False}
    chosen = (IssueRow.profile == profile, IssueRow.gone_at.is_not(None))
    change(session, update(IssueRow).where(*chosen, among(session, IssueRow.issue_id, list(ids))).values(nothing))
    for issue_id, departure in value.items():
        values = {
            "gone_done_at": instant(departure.done_at),
            "gone_delivered": departure.delivered,
            "gone_counts": issue_id in kept,
        }
        change(session, update(IssueRow).where(*chosen, IssueRow.issue_id == issue_id).values(values))


def count(session: Session, profile: str, start: datetime, end: datetime) -> dict[tuple[str, bool], int]:
    """Return (reason, whether they still count) → number of gone issues that were delivered in ``[start, end)``."""
    query = (
        select(func.coalesce(IssueRow.gone_reason, ""), IssueRow.gone_counts, func.count())
        .where(
            IssueRow.profile == profile,
            IssueRow.gone_at.is_not(None),
            IssueRow.gone_delivered.is_(True),
            IssueRow.gone_done_at >= start,
            IssueRow.gone_done_at < end,
        )
        .group_by(IssueRow.gone_reason, IssueRow.gone_counts)
        .order_by(IssueRow.gone_reason)
    )
    return {(reason, bool(counts)): number for reason, counts, number in session.execute(query)}


def count_kept(session: Session, profile: str) -> int:
    """Return how many gone issues still count."""
    query = select(func.count()).where(IssueRow.profile == profile, IssueRow.gone_counts.is_(True))
    return session.scalar(query) or 0
