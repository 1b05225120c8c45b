"""The items in progress of a profile, read from the stored copy."""

from sqlalchemy.orm import Session

from models.metrics import evidence, flow
from models.metrics.ageing import Aged, ageing, in_progress
from models.metrics.snapshot import Snapshot
from models.store import issues
from worker.view import View


def load_aged(session: Session, profile: str, view: View, snapshot: Snapshot) -> list[Aged]:
    """Return the items in progress at the snapshot's instant, oldest first."""
    ids = [issue_id for issue_id, *_ in in_progress(snapshot)]
    stored = issues.load(session, profile, ids)
    trail = evidence.Trail.of(stored, view.context, snapshot.as_of)
    stays = {issue.issue_id: evidence.stays(trail, issue.issue_id) for issue in stored}
    return ageing(snapshot, stays, flow.promise_of(view.rules))
