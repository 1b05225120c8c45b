"""All that the metrics read of a profile, as one snapshot: apart from the view, because reading results needs none."""

from sqlalchemy.orm import Session

from models.metrics.snapshot import Snapshot
from models.records import micros
from models.store import dataset as stored_dataset
from models.store.waiting import load_waiting
from worker.view import View


def load_snapshot(session: Session, profile: str, view: View) -> Snapshot:
    """Return all that the metrics read of a profile, seen from the view's instant."""
    source = view.rules.deployments.source if view.rules.deployments else None
    as_of = micros(view.as_of)
    dataset = stored_dataset.load(session, profile, source)
    return Snapshot(dataset, view.rules, as_of, load_waiting(session, profile, view.context, as_of))
