"""The values of the period before, beside those of the period, if the copy can give them."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from models.metrics.against import previous_window
from models.metrics.calculate import explain
from models.records import Measurement, MetricResult, micros
from models.store import issues
from report.computed import load_view_at
from worker.database import Stored
from worker.snapshots import load_snapshot


def load_earlier(
    current: Stored, session: Session, profile: str, rows: Sequence[MetricResult], asked: datetime | None
) -> Mapping[str, Measurement]:
    """Return metric → its measurement of as many days before the period of these rows, at the same as-of.

    Empty where the copy cannot tell: it has no data about all of those days, or facts or rules of another
    configuration than the rows.
    """
    period = [row for row in rows if row.window_kind == "period"]
    if not period:
        return {}
    as_of = asked or max(row.confirmed_as_of for row in period)
    view = load_view_at(current, session, profile, as_of)
    first = issues.first_created(session, profile)
    if view is None or first is None:
        return {}
    snapshot = load_snapshot(session, profile, view)
    window = next((window for window in snapshot.windows if window.kind == "period"), None)
    if window is None:
        return {}
    before = previous_window(window, view.rules)
    if before.start < micros(first):
        return {}
    same = [row for row in period if micros(row.window_start) == window.start]
    return {row.metric_type: explain(row.metric_type, snapshot, before).measurement for row in same}
