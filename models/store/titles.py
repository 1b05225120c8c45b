"""What a list of issues shows of each: its title, its type and its status."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.store.shared import among
from models.tables.issues import IssueRow

_ISSUES: Final = IssueRow.__table__.c


class Title(NamedTuple):
    """An issue as a list shows it; ``summary`` is None where summaries are not stored."""

    issue_id: str
    key: str
    type: str
    status_id: str
    summary: str | None


def load_titles(session: Session, profile: str, ids: Sequence[str]) -> dict[str, Title]:
    """Return issue id → what a list shows of it, for those of the ids that are stored."""
    columns = (_ISSUES.issue_id, _ISSUES.key, _ISSUES.type, _ISSUES.status_id, _ISSUES.summary)
    query = select(*columns).where(_ISSUES.profile == profile, among(session, _ISSUES.issue_id, ids))
    return {row[0]: Title(*row) for row in session.execute(query).all()}
