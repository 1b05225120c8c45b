"""Brings the copy of a profile up to date with Jira: a series of slices, each a task of about a minute.

A fetch goes through stages; where it stands is the run's ``cursor``, written in the transaction that stores the rows:

- ``begin``: is the copy good enough as it is (a cache hit)? Else ask the site who it is and resolve the mapped fields.
- ``changed``: (Cloud, when there is a copy) what was updated since the watermark less the overlap.
- ``census``: every id of the JQL against what is stored: what is new, what is absent.
- ``look``: the absent are looked at again, by id, whatever the JQL says.
- ``gone``: those still not there are marked gone, unless there are suspiciously many.
- ``lists``: statuses and versions, then the Cache Metadata: the copy is what Jira was when the fetch began.
"""

import hashlib
import json
import logging
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from models import store
from models.records import CACHE_VERSION, CacheMetadata, FetchOperation, Run, iso
from tasks import steps
from worker.app import app
from worker.errors import FatalError, RetryableError
from worker.jira import fields, parse
from worker.jira.client import Client
from worker.jira.jql import normalised
from worker.jira.reader import Batch, Reader, chunks, parallel
from worker.jira.site import identify, reader
from worker.redact import redact
from worker.runtime import Runtime
from worker.settings import Connection, Profile
from worker.task import MovedOnError, RunTask, beat

log = logging.getLogger(__name__)

SLICE_SECONDS: Final = 60.0
BEAT_SECONDS: Final = 5.0
PAGE: Final = 100
# A lost permission must not empty a copy: more absent issues than both of these, and the fetch is refused.
MANY_ABSENT: Final = 20
HIDDEN: Final = "deleted or no longer visible"
MOVED: Final = "moved out of the JQL"

Cursor = dict[str, Any]


@app.task(base=RunTask, name="tasks.fetch.slice", steps=("fetch",))
def fetch_slice(current: Runtime, run: Run) -> None:
    """Work at the fetch for about a minute, then hand on: to the next slice, or to the calculation."""
    step = work(current, run)
    steps.enqueue(app, run.run_id, run.attempt, step)


def work(current: Runtime, run: Run, seconds: float = SLICE_SECONDS) -> str:
    """Go through the stages until the time is up or the fetch is done; returns the run's step then."""
    fetch = Fetch(current, run)
    until = time.monotonic() + seconds
    while (stage := fetch.cursor.get("stage", "begin")) != "end":
        if time.monotonic() >= until:
            return "fetch"
        STAGES[stage](fetch, until)
    return "facts"


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a page brought in, to be added to the Fetch Operation."""

    issues: int = 0
    changed: int = 0
    gone: int = 0


class Fetch:
    """A fetch at work in this process: the run, the reader of its Jira, and the cursor as last committed."""

    def __init__(self, current: Runtime, run: Run) -> None:
        """Take up the run where its cursor stands."""
        self.current = current
        self.run = run
        self.profile: Profile = current.profile(run.profile)
        self.connection: Connection = current.settings.connections[self.profile.connection]
        self.cursor: Cursor = {key: value for key, value in run.cursor.items() if key != "trouble"}
        self._beaten = time.monotonic()
        self._client: Client | None = None
        self._reader: Reader | None = None

    @property
    def client(self) -> Client:
        """The client of the connection; its answers keep the run alive."""
        if self._client is None:
            self._client = self.current.client(self.connection, self.alive)
        return self._client

    @property
    def reader(self) -> Reader:
        """The reader that fits the site found in the stage ``begin``."""
        if self._reader is None:
            wanted = parse.Wanted(self.cursor["mapped"], self.profile.store_summaries)
            self._reader = reader(self.client, self.cursor["flavour"], wanted)
        return self._reader

    @property
    def full(self) -> bool:
        """Whether every issue is read anew."""
        return bool(self.cursor["kind"] == "full")

    @property
    def batch(self) -> int:
        """How many issues are read between two commits: a page for each parallel reader."""
        return PAGE * min(self.connection.concurrency, 10)

    def alive(self) -> None:
        """A sign of life between commits, at most every few seconds."""
        if time.monotonic() - self._beaten > BEAT_SECONDS:
            self._beaten = time.monotonic()
            beat(self.current, self.run)

    def commit(
        self, moved: Mapping[str, Any], store_rows: Callable[[Any], Fetched] = lambda _: Fetched(), **changes: Any
    ) -> None:
        """Store rows, the Fetch Operation's counts and the cursor in one transaction, if the run is still ours."""
        cursor = {**self.cursor, **moved}
        now = self.current.now()
        calls, delays = self.client.traffic.take() if self._client else (0, 0)
        with self.current.sessions.begin() as session:
            self._note(session, store_rows(session), calls, delays)
            if not store.beat_run(session, self.run.run_id, self.run.attempt, now, cursor=cursor, **changes):
                raise MovedOnError
        self.cursor = cursor
        self._beaten = time.monotonic()

    def _note(self, session: Any, fetched: Fetched, calls: int, delays: int) -> None:
        operation = store.find_fetch(session, self.cursor.get("request_id", ""))
        if operation is None:
            return
        added: dict[str, Any] = {
            "data_volume_fetched": operation.data_volume_fetched + fetched.issues,
            "issues_changed": operation.issues_changed + fetched.changed,
            "issues_gone": operation.issues_gone + fetched.gone,
            "api_calls_made": operation.api_calls_made + calls,
            "rate_limit_delays": operation.rate_limit_delays + delays,
            "state": "in_progress" if operation.end_time is None else operation.state,
        }
        store.save_fetch(session, replace(operation, **added))


# --- begin ----------------------------------------------------------------------------------------------------------


def _begin(fetch: Fetch, _until: float) -> None:
    """A cache hit ends the fetch here; else the site is asked who it is, and the fetch is planned."""
    with fetch.current.reads() as session:
        cache = store.find_cache(session, fetch.run.profile)
    if cache is not None and (kept := _kept(fetch, cache)) is not None:
        _hit(fetch, kept)
        return
    operation = _operation(fetch, "initiated")
    fetch.commit({"request_id": operation.request_id}, lambda session: _started(session, operation))
    site = identify(fetch.client)
    plan = _plan(fetch, cache, site.flavour)
    plan |= {"jira_now": iso(site.now)}
    kind: Any = plan["kind"]
    fetch.commit(plan, lambda session: _started(session, replace(operation, kind=kind)))


def _kept(fetch: Fetch, cache: CacheMetadata) -> CacheMetadata | None:
    """The Cache Metadata to go on with where a calculation needs nothing from Jira, else None."""
    if fetch.run.kind != "calculate" or cache.state(fetch.current.now()) == "invalidated":
        return None
    past = fetch.run.as_of is not None  # a past instant needs no fresher data than there is
    if not past and cache.state(fetch.current.now()) == "expired":
        return None
    key = cache_key(fetch.connection, fetch.profile)
    if key == cache.cache_key:
        return cache
    mapped = _known_mapping(fetch.profile, cache)
    if mapped is None or cache.cursor.get("source") != _source(fetch.connection, fetch.profile):
        return None
    return replace(cache, cache_key=key, config_hash=key, cursor={**cache.cursor, "resolved": mapped})


def _known_mapping(profile: Profile, cache: CacheMetadata) -> dict[str, str] | None:
    """The profile's mapping resolved by the fields already stored; None where it names another."""
    known = [parse.field({"id": key, "name": name}) for key, name in cache.cursor.get("mapped", {}).items()]
    try:
        return dict(fields.resolved(profile.rules, known, profile.name).fields)
    except FatalError:
        return None


def _hit(fetch: Fetch, cache: CacheMetadata) -> None:
    operation = replace(
        _operation(fetch, "completed"), end_time=fetch.current.now(), duration_seconds=0.0, cache_hit=True
    )
    operation = replace(operation, end_time=operation.start_time)

    def rows(session: Any) -> Fetched:
        store.save_fetch(session, operation)
        store.save_cache(session, cache)
        return Fetched()

    fetch.commit({"stage": "end"}, rows, step="facts", restarts=0)


def _plan(fetch: Fetch, cache: CacheMetadata | None, flavour: str) -> Cursor:
    """Full where there is no copy to build on (none, another site, a field never fetched) or it was asked for."""
    known = fetch_fields(fetch, flavour)
    rules = fields.resolved(fetch.profile.rules, known, fetch.profile.name)
    names = {each.field_id: each.name for each in known}
    mapped = {key: names[key] for key in fields.roots(rules.fields)}
    old = cache.cursor if cache is not None and cache.version_identifier == CACHE_VERSION else {}
    same_site = old.get("base_url") == fetch.connection.base_url
    same_fields = (
        mapped.keys() <= old.get("mapped", {}).keys() and old.get("summaries") == fetch.profile.store_summaries
    )
    incremental = bool(old) and same_site and same_fields and not fetch.run.options.get("full")
    return {
        "kind": "incremental" if incremental else "full",
        "flavour": flavour,
        "mapped": old["mapped"] if incremental else mapped,
        "resolved": dict(rules.fields),
        "watermark": old.get("watermark") if incremental else None,
        "stage": "changed" if incremental and flavour == "cloud" and old.get("watermark") else "census",
        "low": 0,
        "last": 0,
        "seen": 0,
        "expected": cache.issue_count if cache is not None else None,
    }


def fetch_fields(fetch: Fetch, flavour: str) -> list[Any]:
    """The site's fields, asked for only where the profile maps one."""
    if not fetch.profile.rules.fields:
        return []
    return reader(fetch.client, flavour, parse.Wanted()).fields()


def _operation(fetch: Fetch, state: Any) -> FetchOperation:
    return FetchOperation(
        request_id=fetch.cursor.get("request_id") or str(uuid.uuid4()),
        jql_query=str(redact(fetch.profile.jql)),
        start_time=fetch.current.now(),
        run_id=fetch.run.run_id,
        profile=fetch.run.profile,
        kind="incremental",
        state=state,
    )


def _started(session: Any, operation: FetchOperation) -> Fetched:
    store.save_fetch(session, operation)
    return Fetched()


# --- changed and census ---------------------------------------------------------------------------------------------


def _changed(fetch: Fetch, until: float) -> None:
    """A page of what was updated since the watermark less the overlap; what stands as stored is not read again."""
    since = datetime.fromisoformat(fetch.cursor["watermark"]) - timedelta(minutes=fetch.connection.overlap_minutes)
    page = fetch.reader.changed(fetch.profile.jql, since, fetch.cursor.get("position"))
    with fetch.current.reads() as session:
        stored = store.stored_updates(session, fetch.run.profile, list(page.updates))
    differing = [issue_id for issue_id, updated in page.updates.items() if stored.get(issue_id) != updated]
    if not _read(fetch, differing, until, lambda _: {}):
        return
    fetch.commit({"position": page.after, "stage": "changed" if page.after else "census"})


def _census(fetch: Fetch, until: float) -> None:
    """A page of all ids against what is stored in its range: new ones are read, absent ones are marked."""
    low = int(fetch.cursor["low"])
    page = fetch.reader.census(fetch.profile.jql, fetch.cursor.get("position"))
    numbers = [int(issue_id) for issue_id in page.updates]
    if any(after <= before for before, after in zip([low, *numbers], numbers, strict=False)):
        raise RetryableError("Jira did not list the issues in the order of their ids")
    high = None if page.after is None else numbers[-1]
    with fetch.current.reads() as session:
        stored = store.stored_range(session, fetch.run.profile, low, high)
    wanted = [issue_id for issue_id in page.updates if _is_wanted(fetch, issue_id, page.updates[issue_id], stored)]
    if not _read(fetch, wanted, until, lambda ids: {"last": int(ids[-1])}):
        return
    absent = [issue_id for issue_id in stored if issue_id not in page.updates]

    def rows(session: Any) -> Fetched:
        store.mark_absent(session, fetch.run.profile, absent, fetch.run.run_id)
        return Fetched()

    moved = {
        "position": page.after,
        "low": high or low,
        "last": high or low,
        "stage": "census" if page.after else "look",
    }
    seen = int(fetch.cursor["seen"]) + len(page.updates)
    fetch.commit({**moved, "seen": seen}, rows, progress=_progress(fetch, seen))


def _is_wanted(fetch: Fetch, issue_id: str, updated: datetime | None, stored: Mapping[str, datetime]) -> bool:
    if int(issue_id) <= int(fetch.cursor["last"]):  # read before this page was interrupted
        return False
    return fetch.full or issue_id not in stored or (updated is not None and updated != stored[issue_id])


def _read(fetch: Fetch, ids: Sequence[str], until: float, moved: Callable[[Sequence[str]], Cursor]) -> bool:
    """Read issues and commit them batch by batch; False when the time is up before the last one."""
    for some in chunks(ids, fetch.batch):
        if time.monotonic() >= until:
            return False
        batch = fetch.reader.issues(some)
        newest = max((iso(issue.updated) for issue in batch.issues), default="")
        kept = {"newest": max(newest, fetch.cursor.get("newest", "")), "read": _count(fetch, "read") + len(some)}
        fetch.commit(
            {**moved(some), **kept},
            lambda session, batch=batch: _store(session, fetch, batch),  # type: ignore[misc]  # bound per loop
            progress=_progress(fetch, int(fetch.cursor["seen"]) + len(some)),
        )
    return True


def _store(session: Any, fetch: Fetch, batch: Batch) -> Fetched:
    changed = store.save_issues(session, fetch.run.profile, batch.issues)
    unreadable = {issue_id: {"unreadable_issue": 1} for issue_id in batch.broken}
    store.save_findings(session, fetch.run.profile, "changelog", unreadable)
    return Fetched(issues=len(batch.issues), changed=changed)


def _progress(fetch: Fetch, seen: int) -> dict[str, Any]:
    expected = fetch.cursor.get("expected")
    return {"done": seen, "total": max(expected, seen) if expected else None, "read": _count(fetch, "read")}


def _count(fetch: Fetch, name: str) -> int:
    return int(fetch.cursor.get(name, 0))


# --- look and gone --------------------------------------------------------------------------------------------------


def _look(fetch: Fetch, _until: float) -> None:
    """Look at some of the absent again, by id: seen ones have left the JQL, the others are hidden or deleted."""
    absent = _absent(fetch, fetch.run.run_id, fetch.batch)
    if not absent:
        fetch.commit({"stage": "gone"})
        return
    visible = fetch.reader.visible(absent)

    def rows(session: Any) -> Fetched:
        for mark, ids in (("moved", visible), ("hidden", set(absent) - visible)):
            store.mark_absent(session, fetch.run.profile, sorted(ids), f"{fetch.run.run_id} {mark}")
        return Fetched()

    fetch.commit({}, rows)


def _gone(fetch: Fetch, _until: float) -> None:
    """Mark what the second look confirmed; refuse where that would empty the copy, unless ``--full`` says so."""
    with fetch.current.reads() as session:
        hidden = store.count_absent(session, fetch.run.profile, f"{fetch.run.run_id} hidden")
        total = store.count_issues(session, fetch.run.profile)
    if hidden > MANY_ABSENT and hidden * 2 > total and not fetch.run.options.get("full"):
        raise FatalError(
            f"{hidden} of {total} stored issues are no longer visible; the account may have lost a permission. Nothing"
            f" was marked gone. If they are really gone: flowbeat refresh {fetch.run.profile} --full"
        )
    now = fetch.current.now()

    def rows(session: Any) -> Fetched:
        gone = 0
        for mark, reason in (("hidden", HIDDEN), ("moved", MOVED)):
            gone += store.mark_gone(session, fetch.run.profile, f"{fetch.run.run_id} {mark}", reason, now)
        return Fetched(gone=gone)

    fetch.commit({"stage": "lists"}, rows)


def _absent(fetch: Fetch, mark: str, limit: int) -> list[str]:
    with fetch.current.reads() as session:
        return store.absent_issues(session, fetch.run.profile, mark, limit)


# --- lists: the end -------------------------------------------------------------------------------------------------


def _lists(fetch: Fetch, _until: float) -> None:
    """Statuses and versions as they are now, and the Cache Metadata: with this the fetch is complete."""
    statuses = fetch.reader.statuses()
    with fetch.current.reads() as session:
        projects = store.projects(session, fetch.run.profile) if _needs_versions(fetch.profile) else []
    found = parallel(fetch.reader.versions, projects, fetch.connection.concurrency)
    versions = [version for some in found for version in some]

    def rows(session: Any) -> Fetched:
        store.save_statuses(session, fetch.run.profile, statuses)
        store.save_versions(session, fetch.run.profile, versions)
        store.save_cache(session, _cache(session, fetch))
        return _completed(session, fetch)

    fetch.commit({"stage": "end"}, rows, step="facts", restarts=0)


def _needs_versions(profile: Profile) -> bool:
    deployments = profile.rules.deployments
    return deployments is not None and deployments.source in ("versions", "table")


def _cache(session: Any, fetch: Fetch) -> CacheMetadata:
    now, run = fetch.current.now(), fetch.run
    began = fetch.cursor["jira_now"]
    newest = max(fetch.cursor.get("newest", ""), fetch.cursor.get("watermark") or "")
    key = cache_key(fetch.connection, fetch.profile)
    return CacheMetadata(
        cache_key=key,
        creation_timestamp=now,
        expiration_timestamp=now + timedelta(hours=fetch.current.settings.max_age_hours),
        data_size_bytes=store.data_size(session, run.profile),
        version_identifier=CACHE_VERSION,
        config_hash=key,
        issue_count=store.count_issues(session, run.profile),
        jql_query=str(redact(fetch.profile.jql)),
        profile=run.profile,
        data_as_of=datetime.fromisoformat(began),
        cursor={
            "watermark": min(newest, began) or None,  # an issue edited while we read must be seen again
            "base_url": fetch.connection.base_url,
            "source": _source(fetch.connection, fetch.profile),
            "summaries": fetch.profile.store_summaries,
            "mapped": fetch.cursor["mapped"],
            "resolved": fetch.cursor["resolved"],
        },
    )


def _completed(session: Any, fetch: Fetch) -> Fetched:
    operation = store.find_fetch(session, fetch.cursor["request_id"])
    if operation is not None:
        now = max(fetch.current.now(), operation.start_time)
        seconds = (now - operation.start_time).total_seconds()
        done = replace(operation, state="completed", end_time=now, duration_seconds=seconds)
        store.save_fetch(session, done)
        logging.getLogger("flowbeat.performance").info("fetch operation", extra=asdict(done))
    return Fetched()


def cache_key(connection: Connection, profile: Profile) -> str:
    """32 hex digits, the MD5 of the normalised configuration: connection, JQL, field mappings, time period."""
    rules = profile.rules
    parts = {
        "connection": [connection.base_url, connection.email],
        "fields": dict(rules.fields),
        "jql": normalised(profile.jql),
        "summaries": profile.store_summaries,
        "time_period_days": rules.time_period_days,
    }
    return _md5(parts)


def _source(connection: Connection, profile: Profile) -> str:
    """Names what the copy is a copy of: the same connection and JQL."""
    return _md5([connection.base_url, connection.email, normalised(profile.jql)])


def _md5(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


STAGES: Final[Mapping[str, Callable[[Fetch, float], None]]] = {
    "begin": _begin,
    "changed": _changed,
    "census": _census,
    "look": _look,
    "gone": _gone,
    "lists": _lists,
}
