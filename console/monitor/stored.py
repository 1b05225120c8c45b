"""The figures from the database: the age of the data, runs, requests, and the last verification."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import make_url
from sqlalchemy.orm import Session

from console.monitor.figures import Sample
from models.records import ENDED_STATES, LIVE_STATES, Retries, Run
from models.store import monitoring, runs, verified
from models.store.monitoring import EndedRun, FetchCounts
from report import reading
from worker.cron import next_due
from worker.database import Stored
from worker.settings import Profile, Settings

STATEMENT_SECONDS: Final = 3.0
_LOOKS_BACK: Final = timedelta(hours=1)  # longer than clocks differ
# Of libpq: a server that is gone is noticed within seconds, not within hours.
_TIMEOUTS: Final = {
    "connect_timeout": "3",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}


class StoredFigures:
    """Reads them in one transaction over a new connection, because a file or server may have been replaced."""

    def __init__(self, configured: Settings, opened: Callable[[Settings], Stored] = Stored) -> None:
        """Connect to nothing yet."""
        self._settings = replace(configured, database_url=_with_timeouts(configured.database_url))
        self._opened = opened
        self._counter = RequestCounter()

    def __call__(self) -> list[Sample]:
        """Return the figures of this moment; errors of the database are raised."""
        current = self._opened(self._settings)
        try:
            reading.require_schema(current)
            with current.reads() as session:
                monitoring.limit_statements(session, STATEMENT_SECONDS)
                return list(self._read(session, current.clock(session)))
        finally:
            current.close()

    def _read(self, session: Session, now: datetime) -> Iterator[Sample]:
        profiles = self._settings.profiles
        zone = ZoneInfo(self._settings.timezone)
        instants = monitoring.data_instants(session)
        for name, profile in profiles.items():
            yield from _of_data(profile, instants.get(name), zone, now)
        states = monitoring.count_runs(session)
        for state in (*LIVE_STATES, *ENDED_STATES):
            yield Sample("flowbeat_runs", states.get(state, 0), (state,))
        for run in monitoring.last_ended_runs(session):
            if run.profile in profiles:
                yield from _of_ended(run)
        live = {run.profile: run for run in runs.live(session)}
        for name in profiles:
            yield Sample("flowbeat_run_paused_seconds", _paused_seconds(live.get(name), now), (name,))
        self._counter.count(monitoring.fetch_counts(session, self._counter.since(now)), now)
        yield from self._counter.samples(profiles)
        for name in profiles:
            up_to = verified.proof(session, name).up_to
            if up_to is not None:
                yield Sample("flowbeat_verified_age_seconds", max(0.0, (now - up_to).total_seconds()), (name,))
        for name, number in monitoring.verify_differences(session).items():
            if name in profiles:
                yield Sample("flowbeat_verify_differences", number, (name,))


class RequestCounter:
    """Counts requests since the process began: a sum over stored rows would fall when old rows are deleted.

    A monitor takes a counter that falls for one that began again at zero, and would count all requests twice.
    """

    def __init__(self) -> None:
        """Count from now on."""
        self._last: datetime | None = None
        self._seen: dict[str, FetchCounts] = {}
        self._requests: Counter[str] = Counter()
        self._delays: Counter[str] = Counter()

    def since(self, now: datetime) -> datetime:
        """Return the instant: a Fetch Operation that ended earlier has been counted whole."""
        return (self._last or now) - _LOOKS_BACK

    def count(self, fetches: Sequence[FetchCounts], now: datetime) -> None:
        """Add what these Fetch Operations have requested since the last time; the first time nothing is added."""
        if self._last is not None:
            for fetch in fetches:
                before = self._seen.get(fetch.request_id)
                self._requests[fetch.profile] += fetch.requests - (before.requests if before else 0)
                self._delays[fetch.profile] += fetch.delays - (before.delays if before else 0)
        self._seen = {fetch.request_id: fetch for fetch in fetches}
        self._last = max(now, self._last or now)

    def samples(self, profiles: Iterable[str]) -> Iterator[Sample]:
        """Yield the counts of each profile."""
        for name in profiles:
            yield Sample("flowbeat_jira_requests_total", self._requests[name], (name,))
            yield Sample("flowbeat_jira_request_delays_total", self._delays[name], (name,))


def _of_data(profile: Profile, data_as_of: datetime | None, zone: ZoneInfo, now: datetime) -> Iterator[Sample]:
    """Yield how old the copy of a profile is, and how late for its schedule."""
    labels = (profile.name,)
    yield Sample("flowbeat_data_present", data_as_of is not None, labels)
    if data_as_of is not None:
        yield Sample("flowbeat_data_age_seconds", max(0.0, (now - data_as_of).total_seconds()), labels)
    if profile.schedule is None:
        return
    due = next_due(profile.schedule, zone, now)
    yield Sample("flowbeat_next_refresh_timestamp_seconds", due.timestamp(), labels)
    if data_as_of is not None:
        wanted = next_due(profile.schedule, zone, data_as_of)
        yield Sample("flowbeat_data_overdue_seconds", max(0.0, (now - wanted).total_seconds()), labels)


def _of_ended(run: EndedRun) -> Iterator[Sample]:
    labels = (run.profile, run.kind)
    yield Sample("flowbeat_last_run_failed", run.state == "failed", labels)
    if run.started_at is not None:
        seconds = (run.ended_at - run.started_at).total_seconds()
        yield Sample("flowbeat_last_run_duration_seconds", max(0.0, seconds), labels)


def _paused_seconds(run: Run | None, now: datetime) -> float:
    """Return for how long a paused run has made no progress, its tries in between included."""
    if run is None or run.state != "paused":
        return 0.0
    since = Retries.from_json(run.cursor).since or run.heartbeat_at
    return max(0.0, (now - since).total_seconds())


def _with_timeouts(url: str) -> str:
    """Return the URL of a PostgreSQL server with short time-outs, where it does not name others."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return url
    given = parsed.set(query={**_TIMEOUTS, **parsed.query})
    return given.render_as_string(hide_password=False)
