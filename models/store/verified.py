"""How far a copy is proved: which issues were read again and compared whole, and when; those of longest ago are due."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from models.store.quality import UNREAD
from models.tables.issues import IssueRow
from models.tables.quality import DataQualityRow

_ISSUES: Final = IssueRow.__table__.c
_FINDINGS: Final = DataQualityRow.__table__.c


@dataclass(frozen=True, slots=True)
class Proof:
    """How many present issues a copy has, how many of them were ever verified, and since when all of these were.

    Issues that Jira could not answer for are left out: they have a finding of their own.
    """

    issues: int
    verified: int
    oldest: datetime | None

    @property
    def up_to(self) -> datetime | None:
        """Return the instant since which every issue was verified; None if one never was, or there is none."""
        return self.oldest if self.issues and self.verified == self.issues else None


def proof(session: Session, profile: str) -> Proof:
    """Return how far the copy of a profile is proved."""
    unread = select(_FINDINGS.issue_id).where(_FINDINGS.profile == profile, _FINDINGS.reason.in_(UNREAD))
    figures = (func.count(), func.count(_ISSUES.verified_at), func.min(_ISSUES.verified_at))
    query = select(*figures).where(*_present(profile), _ISSUES.issue_id.not_in(unread))
    return Proof(*session.execute(query).one())


def count_overdue(session: Session, profile: str, before: datetime) -> int:
    """Return how many present issues were verified before an instant, or never."""
    return session.scalar(select(func.count()).where(*_present(profile), _older(before))) or 0


def due(session: Session, profile: str, before: datetime, passed: Collection[str], limit: int) -> list[str]:
    """Return ids of issues that were verified before an instant, longest ago first, at most ``limit``; none of
    ``passed``.
    """
    query = select(_ISSUES.issue_id).where(*_present(profile), _older(before))
    oldest_first = query.order_by(_ISSUES.verified_at.asc().nulls_first(), _ISSUES.issue_id)
    ids = session.scalars(oldest_first.limit(limit + len(passed)))
    return [issue_id for issue_id in ids if issue_id not in passed][:limit]


def _older(before: datetime) -> Any:
    return or_(_ISSUES.verified_at.is_(None), _ISSUES.verified_at < before)


def _present(profile: str) -> tuple[Any, ...]:
    return (_ISSUES.profile == profile, _ISSUES.gone_at.is_(None))
