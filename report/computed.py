"""Values of a past instant that no calculation stored, computed from the copy when they are shown."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy.orm import Session

from models.metrics.calculate import calculate
from models.metrics.catalogue import METRICS
from models.metrics.rules import rules_hash
from models.metrics.windows import windows
from models.records import METRIC_TYPES, MetricResult, WindowKind, instant, micros
from models.store import caches, columns
from report import staleness
from report.marks import NOT_STORED
from worker import view as views
from worker.database import Stored
from worker.snapshots import load_snapshot


def compute_missing(
    current: Stored,
    session: Session,
    profile: str,
    as_of: datetime,
    *,
    kind: WindowKind,
    metric: str | None,
    known: Collection[tuple[str, datetime]],
) -> list[MetricResult]:
    """Return the results at ``as_of`` whose (metric, start of window) is not ``known``, by the present rules.

    The list is empty where the copy cannot tell: it has no data as late as that, or facts or fields of other rules.
    """
    looked = load_view_at(current, session, profile, as_of)
    if looked is None:
        return []
    starts = [instant(window.start) for window in windows(micros(as_of), looked.rules) if window.kind == kind]
    missing = [
        name
        for name in _metrics(metric)
        if kind in METRICS[name].windows and any((name, start) not in known for start in starts)
    ]
    if not missing:
        return []
    snapshot, named = load_snapshot(session, profile, looked), rules_hash(looked.rules)
    rows = [
        MetricResult.of(
            measured, profile=profile, as_of=as_of, rules_hash=named, run_id=NOT_STORED, calculated_at=current.now()
        )
        for name in missing
        for measured in calculate(name, snapshot)
        if measured.window.kind == kind
    ]
    return [row for row in rows if (row.metric_type, row.window_start) not in known]


def count_stale_facts(current: Stored, session: Session, profile: str) -> int:
    """Return how many issues have no facts by the present rules; their numbers need a calculation."""
    if profile not in current.settings.profiles:
        return 0
    cache = caches.find(session, profile)
    if cache is None or cache.data_as_of is None:
        return 0
    looked = views.load_view(current, session, profile, None)
    return columns.count_stale(session, profile, looked.context.facts_rules_hash)


def load_view_at(current: Stored, session: Session, profile: str, as_of: datetime) -> views.View | None:
    """Return the view to compute with; None if its numbers would be of other data or rules than it says."""
    cache = caches.find(session, profile)
    if profile not in current.settings.profiles or cache is None or cache.data_as_of is None:
        return None
    if as_of > cache.data_as_of or count_stale_facts(current, session, profile):
        return None
    looked = views.load_view(current, session, profile, as_of)
    return looked if rules_hash(looked.rules) == staleness.hash_of_now(current, profile, cache) else None


def _metrics(metric: str | None) -> tuple[str, ...]:
    return METRIC_TYPES if metric is None else (metric,)
