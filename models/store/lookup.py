"""Issues by a key that a person has: the present one, or one from before a move."""

from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.tables.histories import FormerKeyRow
from models.tables.issues import IssueRow

_ISSUES: Final = IssueRow.__table__.c
_FORMER: Final = FormerKeyRow.__table__.c


class Match(NamedTuple):
    """An issue that has a key, or had it; ``gone_at`` is set if it left Jira."""

    profile: str
    issue_id: str
    key: str
    gone_at: datetime | None
    gone_reason: str | None
    gone_counts: bool | None


def find_by_key(session: Session, key: str) -> list[Match]:
    """Return the issue of each profile that has a key; of a profile where none has it, the issues that once had it."""
    columns = (
        _ISSUES.profile,
        _ISSUES.issue_id,
        _ISSUES.key,
        _ISSUES.gone_at,
        _ISSUES.gone_reason,
        _ISSUES.gone_counts,
    )
    present = [Match(*row) for row in session.execute(select(*columns).where(_ISSUES.key == key)).all()]
    same = (_ISSUES.profile == _FORMER.profile) & (_ISSUES.issue_id == _FORMER.issue_id)
    query = select(*columns).join(FormerKeyRow.__table__, same).where(_FORMER.key == key)
    former = [Match(*row) for row in session.execute(query).all()]
    having = {match.profile for match in present}
    return sorted([*present, *(match for match in former if match.profile not in having)])
