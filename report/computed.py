"""Values of a past instant that no calculation has stored: computed from the copy while they are looked at."""

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from models.metrics.calculate import calculate
from models.metrics.catalogue import METRICS
from models.metrics.rules import rules_hash
from models.metrics.windows import windows
from models.records import METRIC_TYPES, MetricResult, WindowKind, instant, micros
from models.store import columns, issues, operations, results
from report import staleness
from worker import view as views
from worker.database import Stored

NOT_STORED: Final = ""  # in place of the run that stored a row


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


def with_mark(row: MetricResult) -> dict[str, Any]:
    """Return a row for every format, with whether it is ``stored``."""
    return {**asdict(row), "stored": row.run_id != NOT_STORED}


def count_stale_facts(current: Stored, session: Session, profile: str) -> int:
    """Return how many issues have no facts by the present rules, so that only a calculation can tell their numbers."""
    if profile not in current.settings.profiles:
        return 0
    cache = operations.find_cache(session, profile)
    if cache is None or cache.data_as_of is None:
        return 0
    looked = views.load_view(current, session, profile, None)
    return columns.count_stale(session, profile, looked.context.facts_rules_hash)


def load_view_at(current: Stored, session: Session, profile: str, as_of: datetime) -> views.View | None:
    """Return the view to compute by, None where a number of it would be of other data or rules than it says."""
    cache = operations.find_cache(session, profile)
    if profile not in current.settings.profiles or cache is None or cache.data_as_of is None:
        return None
    if as_of > cache.data_as_of or count_stale_facts(current, session, profile):
        return None
    looked = views.load_view(current, session, profile, as_of)
    return looked if rules_hash(looked.rules) == staleness.hash_of_now(current, profile, cache) else None


def computed_note(rows: Sequence[MetricResult], update: str) -> tuple[str, ...]:
    """Return the note about rows that are computed now: their number, and what stores them, as in ``run: …``."""
    computed = [row for row in rows if row.run_id == NOT_STORED]
    if not computed:
        return ()
    running = all(not row.complete for row in computed)
    which = "The values" if len(computed) == len(rows) else f"{len(computed):,} of the {len(rows):,} values"
    why = " (a later calculation replaces the week that was running then)" if running else ""
    are = "is" if len(computed) == 1 < len(rows) else "are"
    return (f"{which} {are} computed now and not stored{why}. To store them, {update}",)


def copy_notes(session: Session, profile: str) -> tuple[str, ...]:
    """Return the notes about the copy and the stored rows: an empty copy, metrics of another version."""
    notes = []
    cache = operations.find_cache(session, profile)
    is_fetched = cache is not None and cache.data_as_of is not None
    is_hidden = cache is not None and cache.cursor.unshown > 0  # another note says so
    if is_fetched and not is_hidden and not issues.count(session, profile):
        notes.append(f"The JQL of {profile} finds no issue, so a 0 here means no data; check profiles.{profile}.jql.")
    unknown = results.unknown_metrics(session, profile)
    if unknown:
        notes.append(f"Not shown, because another version of Flowbeat stored them: {', '.join(unknown)}.")
    return tuple(notes)


def _metrics(metric: str | None) -> tuple[str, ...]:
    return METRIC_TYPES if metric is None else (metric,)
