"""The stored rows that are shown: the newest, or those of an instant, which are computed if not stored."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from models.metrics.windows import week_name
from models.records import METRIC_TYPES, CacheMetadata, MetricResult, Window, WindowKind, micros
from models.store import caches
from models.wording import format_count
from report import staleness
from report.on_demand import compute_missing, count_stale_facts
from worker.database import Stored
from worker.errors import FatalError

_HALF_A_WEEK: Final = timedelta(days=3.5)


def newest(rows: Iterable[MetricResult]) -> list[MetricResult]:
    """Return, for each metric and window, the row that the views show: latest confirmed, then latest calculated.

    There is only one period per metric: that of the newest confirmation.
    """
    best: dict[tuple[Any, ...], MetricResult] = {}
    ranked = sorted(rows, key=lambda row: row.rules_hash, reverse=True)
    for row in sorted(ranked, key=lambda row: (row.confirmed_as_of, row.calculated_at)):
        best[slot_of(row)] = row
    return sorted(best.values(), key=order_of)


def at(rows: Iterable[MetricResult], as_of: datetime) -> list[MetricResult]:
    """Return the rows valid at an instant: between ``as_of`` and ``confirmed_as_of``."""
    return [row for row in rows if row.as_of <= as_of <= row.confirmed_as_of]


def week_of(row: MetricResult, zone: ZoneInfo) -> str:
    """Return the ISO name of a weekly row's week."""
    start, end = micros(row.window_start), micros(row.window_end)
    return week_name(Window("week", start, end, end), zone)


def order_of(row: MetricResult) -> tuple[Any, ...]:
    return METRIC_TYPES.index(row.metric_type), row.window_start


def slot_of(row: MetricResult) -> tuple[Any, ...]:
    """Return the key of a value; the middle of a week is in the same week in every time zone."""
    week = (row.window_start + _HALF_A_WEEK).isocalendar()[:2] if row.window_kind == "week" else ()
    return (row.metric_type, *week)


def choose_rows(
    current: Stored,
    session: Session,
    profile: str,
    rows: list[MetricResult],
    *,
    text: str | None,
    as_of: datetime | None,
    kind: WindowKind,
    metric: str | None,
) -> list[MetricResult]:
    """Return the rows to show: the newest, or those of an instant, which are computed if not stored."""
    if as_of is None:
        return newest(rows)
    cache = caches.find(session, profile)
    present = at(rows, as_of)
    # Several rules may have a result of a past day: the present rules come first.
    mine = newest(row for row in present if row.rules_hash == staleness.hash_of_now(current, profile, cache))
    known = {(row.metric_type, row.window_start) for row in mine}
    computed = compute_missing(current, session, profile, as_of, kind=kind, metric=metric, known=known)
    best = {slot_of(row): row for row in (*newest(present), *computed, *mine)}
    if rows and not best:
        stale = count_stale_facts(current, session, profile)
        raise FatalError(_not_calculated(profile, text, as_of, cache, stale))
    return sorted(best.values(), key=order_of)


def _is_later(as_of: datetime, cache: CacheMetadata | None) -> bool:
    return cache is not None and cache.data_as_of is not None and as_of > cache.data_as_of


def _not_calculated(
    profile: str, text: str | None, as_of: datetime, cache: CacheMetadata | None, stale: int = 0
) -> str:
    if _is_later(as_of, cache):
        later = f"the as-of {text} is later than the data of {profile!r}"
        return f"{later}: leave it out, or once it is past: flowbeat refresh {profile}"
    why = f", and the facts of {format_count(stale, 'issue')} are older than the data or the rules" if stale else ""
    what = f"no result of {profile!r} is stored for {text}{why}"
    return f"{what}; calculate it: flowbeat calculate {profile} --as-of {text}"
