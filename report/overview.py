"""All profiles side by side: the values of the newest period, their freshness, and problems."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from models.records import CacheMetadata, MetricResult
from models.store import caches, runs
from models.store import results as stored_results
from models.store.verified import proof
from report import staleness
from report.selection import newest
from report.words import format_duration
from worker.database import Stored


@dataclass(frozen=True, slots=True)
class Glance:
    """A profile's newest results by metric; ``age`` is that of its data, None if nothing was fetched yet."""

    profile: str
    results: Mapping[str, MetricResult]
    data_as_of: datetime | None
    age: timedelta | None
    verified_up_to: datetime | None
    problems: tuple[str, ...]


def load_glance(current: Stored, session: Session, profile: str) -> Glance:
    """Return what is stored for a profile, with its problems in short sentences that name a command."""
    cache = caches.find(session, profile)
    data_as_of = cache.data_as_of if cache else None
    rows = newest(stored_results.load(session, profile=profile, kind="period"))
    results = {row.metric_type: row for row in rows}
    age = None if data_as_of is None else max(timedelta(0), current.now() - data_as_of)
    problems = tuple(_problems(current, session, profile, cache, results))
    return Glance(profile, results, data_as_of, age, proof(session, profile).up_to, problems)


def _problems(
    current: Stored,
    session: Session,
    profile: str,
    cache: CacheMetadata | None,
    results: Mapping[str, MetricResult],
) -> Iterator[str]:
    last = runs.last_ended(session, profile, "refresh")
    if last is not None and last.state == "failed":
        yield f"the last refresh failed: {(last.error or '').rstrip('.')}"
    if cache is None or cache.data_as_of is None:
        yield f"no data yet; run: flowbeat refresh {profile}"
        return
    age = current.now() - cache.data_as_of
    if age > timedelta(hours=current.settings.max_age_hours):
        yield f"the data is {format_duration(age.total_seconds())} old; run: flowbeat refresh {profile}"
    if not results:
        yield f"nothing is calculated yet; run: flowbeat calculate {profile}"
    update = staleness.how_to_update(current, session, profile)
    if staleness.source_changed(current, profile, cache, update):
        yield f"flowbeat.toml names another source; {update}"
    elif staleness.rules_changed(current, profile, cache, [row.rules_hash for row in results.values()], update):
        yield f"calculated with an older configuration; {update}"
    yield from _states(results)


def _states(results: Mapping[str, MetricResult]) -> Iterator[str]:
    errors = [name for name, row in results.items() if row.state == "calculation_error"]
    if errors:
        yield f"could not be calculated: {', '.join(errors)}; see flowbeat logs --level ERROR"
    missing = [name for name, row in results.items() if row.state == "missing_mapping"]
    if missing:
        yield f"not configured: {', '.join(missing)}"
