"""Issues by a key that a person has: the present one, or one from before a move."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.tables.histories import FormerKeyRow
from models.tables.issues import IssueRow


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
        IssueRow.profile,
        IssueRow.issue_id,
        IssueRow.key,
        IssueRow.gone_at,
        IssueRow.gone_reason,
        IssueRow.gone_counts,
    )
    present = [Match(*row) for row in session.execute(select(*columns).where(IssueRow.key == key)).all()]
    same = (IssueRow.profile == FormerKeyRow.profile) & (IssueRow.issue_id == FormerKeyRow.issue_id)
    query = select(*columns).join(FormerKeyRow, same).where(FormerKeyRow.key == key)
    former = [Match(*row) for row in session.execute(query).all()]
    having = {match.profile for match in present}
    return sorted([*present, *(match for match in former if match.profile not in having)])
