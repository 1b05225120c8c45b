"""The sub-tasks of a profile, with the issues above them."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.metrics.sub_tasks import SubTask
from models.tables.issues import SUB_TASKS, IssueRow


def load(session: Session, profile: str) -> list[SubTask]:
    """Return the present sub-tasks whose parent Jira names."""
    columns = (IssueRow.key, IssueRow.parent, IssueRow.status_id)
    rows = session.execute(select(*columns).where(IssueRow.profile == profile, SUB_TASKS))
    return [SubTask(key, parent, status_id) for key, parent, status_id in rows if parent is not None]
