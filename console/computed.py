"""Values of a past instant that no calculation has stored: computed from the copy while they are looked at."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from models import store
from models.metrics.calculate import calculate
from models.metrics.rules import rules_hash
from models.metrics.windows import windows
from models.records import METRIC_TYPES, MetricResult, WindowKind, instant, micros
from tasks import view as views
from worker.stored import Stored

NOT_STORED: Final = ""  # in place of the run that stored a row
Place = tuple[Any, ...]


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

    Raises FatalError where the copy has no data as late as that.
    """
    looked = views.look(current, session, profile, as_of)
    starts = [instant(window.start) for window in windows(micros(as_of), looked.rules) if window.kind == kind]
    missing = [name for name in _metrics(metric) if any((name, start) not in known for start in starts)]
    if not missing:
        return []
    snapshot, named = views.load_snapshot(session, profile, looked), rules_hash(looked.rules)
    rows = [
        MetricResult.of(
            measured, profile=profile, as_of=as_of, rules_hash=named, run_id=NOT_STORED, calculated_at=current.now()
        )
        for name in missing
        for measured in calculate(name, snapshot)
        if measured.window.kind == kind
    ]
    return [row for row in rows if (row.metric_type, row.window_start) not in known]


def computed_note(rows: Sequence[MetricResult], again: str) -> tuple[str, ...]:
    """Return what to know of rows that are computed now: how many they are, and what stores them."""
    computed = [row for row in rows if row.run_id == NOT_STORED]
    if not computed:
        return ()
    running = all(not row.complete for row in computed)
    which = "The values" if len(computed) == len(rows) else f"{len(computed):,} of the {len(rows):,} values"
    why = " (a later calculation replaces the week that was running then)" if running else ""
    return (f"{which} are computed now and not stored{why}. To store them, run: {again}",)


def copy_notes(session: Session, profile: str) -> tuple[str, ...]:
    """Return what to know of the copy and of the stored rows as such: no issue at all, metrics of another version."""
    notes = []
    if not store.count_issues(session, profile):
        notes.append(f"The JQL of {profile} finds no issue, so a 0 here means no data; check profiles.{profile}.jql.")
    unknown = store.unknown_metrics(session, profile)
    if unknown:
        notes.append(f"Not shown, because another version of Flowbeat stored them: {', '.join(unknown)}.")
    return tuple(notes)


def _metrics(metric: str | None) -> tuple[str, ...]:
    return METRIC_TYPES if metric is None else (metric,)
