"""The sub-tasks of a profile, with the issues above them."""

from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.metrics.sub_tasks import SubTask
from models.tables.issues import SUB_TASKS, IssueRow

_ISSUES: Final = IssueRow.__table__.c


def load(session: Session, profile: str) -> list[SubTask]:
    """Return the present sub-tasks whose parent Jira names."""
    columns = (_ISSUES.key, _ISSUES.parent, _ISSUES.status_id)
    rows = session.execute(select(*columns).where(_ISSUES.profile == profile, SUB_TASKS))
    return [SubTask(key, parent, status_id) for key, parent, status_id in rows if parent is not None]
