"""Brings the copy of a profile up to date with Jira: a series of slices, each a task of about a minute.

A fetch goes through stages; where it stands is the run's ``cursor``, written in the transaction that stores the rows:

- ``begin``: is the copy good enough as it is (a cache hit)? Else ask the site who it is and resolve the mapped fields.
- ``changed``: (Cloud, when there is a copy) what was updated since the watermark less the overlap.
- ``census``: every id of the JQL against what is stored: what is new is read, what is listed is marked.
- ``look``: what was not listed is looked at again, by id: hidden, moved out of the JQL, or only missed by the list.
- ``gone``: the hidden and the moved are marked gone, unless there are suspiciously many hidden.
- ``sweep``: (where not all was read anyway) histories read longest ago are read again, some each run.
- ``lists``: statuses and versions, then the Cache Metadata: the copy is what Jira was when the fetch began.
"""

import logging
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.orm import Session

from models import store
from models.records import CACHE_VERSION, CacheMetadata, FetchOperation, FieldMapping, Run, iso
from tasks import absent, failures, halving, named_lists, steps, verify, versions
from worker.app import app
from worker.errors import FatalError, FlowbeatError, UnansweredError
from worker.identity import cache_key, source
from worker.jira import fields, parse
from worker.jira.client import Client
from worker.jira.faults import RefusedError
from worker.jira.reader import INCOMPLETE, Batch, Listing, Reader, size_of
from worker.jira.site import confirm_login, identify, reader
from worker.redact import redact
from worker.runtime import Runtime
from worker.settings import Connection, Profile
from worker.task import RunTask, StaleAttemptError, last_fault, tries
from worker.timing import log_fetch

log = logging.getLogger(__name__)

SLICE_SECONDS: Final = 60.0
PAGE: Final = 100
HIDDEN: Final = "deleted or no longer visible"
MOVED: Final = "moved out of the JQL"
# The rotation reads histories of open issues and of those updated in so many days: older ones stay what they are.
SWEPT_DAYS: Final = 30
SWEPT_AT_ONCE: Final = 1_000
# No copy is complete without most of its issues: when more than this and more than half cannot be read, it is refused.
MANY_UNREADABLE: Final = 20
MAX_LIST_RESTARTS: Final = 3  # times that lists of one fetch are begun again

Cursor = dict[str, Any]


@app.task(base=RunTask, name="tasks.fetch.slice", steps=("fetch",))
def fetch_slice(current: Runtime, run: Run) -> None:
    """Work at the fetch for about a minute, then hand on: to the next slice, or to the calculation."""
    step = work(current, run)
    steps.enqueue(app, run.run_id, run.attempt, step)


def work(current: Runtime, run: Run, seconds: float = SLICE_SECONDS) -> str:
    """Go through the stages until the time is up or the fetch is done; returns the run's step then.

    However short the time, something is committed: a slice never ends where it began. What Jira was asked by a stage
    that failed is counted too.
    """
    fetch = Fetch(current, run)
    until = time.monotonic() + seconds
    while fetch.stage != "end":
        try:
            STAGES[fetch.stage](fetch, until)
        except FlowbeatError as error:
            cause = fetch.cause_of(error)
            fetch.record_requests()
            if cause is not error:
                raise cause from error
            raise
        if fetch.stage != "end" and time.monotonic() >= until:
            fetch.yield_slice()
            return "fetch"
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
        self._client: Client | None = None
        self._reader: Reader | None = None

    @property
    def stage(self) -> str:
        """The stage to go on with."""
        return str(self.cursor.get("stage", "begin"))

    @property
    def client(self) -> Client:
        """The client of the connection."""
        if self._client is None:
            self._client = self.current.client(
                self.connection, tries(self.run), fault=last_fault(self.run), heard=self.stage != "begin"
            )
        return self._client

    @property
    def reader(self) -> Reader:
        """The reader that fits the site found in the stage ``begin``."""
        if self._reader is None:
            wanted = parse.Wanted(self.cursor["mapped"], self.profile.store_summaries)
            sizes = self.cursor.get("sizes", {})
            self._reader = reader(self.client, self.cursor["flavour"], wanted, self.cursor.get("zone"), sizes)
        return self._reader

    def use_account_timezone(self) -> None:
        """From now on instants are written in the account's zone; the next commit remembers it."""
        self.cursor["zone"] = self.reader.zone()
        self._reader = None

    @property
    def full(self) -> bool:
        """Whether every issue is read anew."""
        return bool(self.cursor["kind"] != "incremental")

    @property
    def is_verify(self) -> bool:
        """Whether what is read anew is held against the stored copy."""
        return bool(self.cursor["kind"] == "verify")

    @property
    def started_at(self) -> datetime:
        """When the fetch began, by Jira's clock."""
        return datetime.fromisoformat(self.cursor["jira_now"])

    @property
    def batch(self) -> int:
        """How many issues are read between two commits: a page for each parallel reader."""
        return size_of(self.reader.sizes, "issues", PAGE) * min(self.connection.concurrency, 10)

    def commit(
        self,
        moved: Mapping[str, Any],
        store_rows: "Callable[[Session], Fetched]" = lambda _: Fetched(),
        **changes: Any,
    ) -> None:
        """Store rows, the Fetch Operation's counts and the cursor in one transaction, if the run is still ours."""
        cursor = {**self.cursor, **moved}
        if self._reader is not None:
            cursor["sizes"] = dict(self._reader.sizes)
        with self.current.sessions.begin() as session:
            self._count(session, cursor, store_rows(session))
            progress = {"restarts": 0} if cursor != self.cursor else {}
            self._beat(session, cursor=cursor, **{**progress, **changes})
        self.cursor = cursor
        if self._client is not None:
            self._client.tried = 0  # there was progress

    def record_requests(self) -> None:
        """Count what was asked since the last commit; the cursor stays where it is, so that the stage is done again."""
        with self.current.sessions.begin() as session:
            self._count(session, self.cursor, Fetched())
            self._beat(session)

    def cause_of(self, error: FlowbeatError) -> FlowbeatError:
        """Return the error to report for one of a stage (see ``tasks.failures``)."""
        has_answered = self.stage != "begin" or self._has_copy()
        return failures.find_cause(error, self._client, has_answered=has_answered)

    def _has_copy(self) -> bool:
        """Whether a copy of this Jira is stored, for any profile of the connection."""
        profiles = self.current.settings.profiles.values()
        names = [each.name for each in profiles if each.connection == self.connection.name]
        with self.current.reads() as session:
            caches = [store.find_cache(session, name) for name in names]
        addresses = {cache.cursor.get("base_url") for cache in caches if cache is not None}
        return self.connection.base_url in addresses

    def yield_slice(self) -> None:
        """The run waits for a worker to take its next slice: silence is not a fall then."""
        with self.current.sessions.begin() as session:
            self._beat(session, state="queued")

    def _count(self, session: Session, cursor: Cursor, fetched: Fetched) -> None:
        calls, delays = self._client.traffic.take() if self._client else (0, 0)
        added = {
            "data_volume_fetched": fetched.issues,
            "issues_changed": fetched.changed,
            "issues_gone": fetched.gone,
            "api_calls_made": calls,
            "rate_limit_delays": delays,
        }
        store.count_fetch(session, cursor.get("request_id", ""), added)

    def _beat(self, session: Session, **changes: Any) -> None:
        if not store.beat_run(session, self.run.run_id, self.run.attempt, self.current.clock(session), **changes):
            raise StaleAttemptError


# --- begin ----------------------------------------------------------------------------------------------------------


def _begin(fetch: Fetch, _until: float) -> None:
    """A cache hit ends the fetch here; else the site is asked who it is, and the fetch is planned."""
    with fetch.current.reads() as session:
        cache = store.find_cache(session, fetch.run.profile)
    if "request_id" not in fetch.cursor:
        kept = None if cache is None else _reusable_cache(fetch, cache)
        if kept is not None:
            _hit(fetch, kept)
            return
        operation = _operation(fetch)
        fetch.commit({"request_id": operation.request_id}, lambda session: _saved(session, operation))
    site = identify(fetch.client)
    is_same_source = cache is not None and cache.cursor.get("source") == source(fetch.connection, fetch.profile)
    if not is_same_source or fetch.run.options.get("full"):
        confirm_login(fetch.client)  # a copy that is begun without a login looks like a small one
    plan = {
        **_plan(fetch, cache, site.flavour),
        "jira_now": iso(site.now),
        "address": site.address,
        "same_source": is_same_source,
    }
    fetch.commit(plan, lambda session: _planned(session, fetch, plan["kind"]))


def _saved(session: Session, operation: FetchOperation) -> Fetched:
    store.save_fetch(session, operation)
    return Fetched()


def _planned(session: Session, fetch: Fetch, kind: Any) -> Fetched:
    operation = store.find_fetch(session, fetch.cursor["request_id"])
    if kind == "verify":  # what the last one found has been repaired
        store.clear_findings(session, fetch.run.profile, verify.ORIGIN)
    if operation is not None:
        store.save_fetch(session, replace(operation, kind=kind))
    return Fetched()


def _reusable_cache(fetch: Fetch, cache: CacheMetadata) -> CacheMetadata | None:
    """The Cache Metadata to go on with where a calculation needs nothing from Jira, else None."""
    if fetch.run.kind != "calculate" or cache.state(fetch.current.now()) == "invalidated":
        return None
    past = fetch.run.as_of is not None  # a past instant needs no fresher data than there is
    if not past and cache.state(fetch.current.now()) == "expired":
        return None
    if cache.cursor.get("summaries") != fetch.profile.store_summaries:
        return None
    key = cache_key(fetch.connection, fetch.profile)
    if key == cache.cache_key:
        return cache
    mapped = _known_mapping(fetch.profile, cache)
    if mapped is None or cache.cursor.get("source") != source(fetch.connection, fetch.profile):
        return None
    return replace(cache, cache_key=key, config_hash=key, cursor={**cache.cursor, "resolved": mapped})


def _known_mapping(profile: Profile, cache: CacheMetadata) -> dict[str, FieldMapping] | None:
    """The profile's mapping resolved by the fields already stored; None where it names another."""
    known = [parse.field({"id": key, "name": name}) for key, name in cache.cursor.get("mapped", {}).items()]
    try:
        return dict(fields.resolved(profile.rules, known, profile.name).fields)
    except FatalError:
        return None


def _hit(fetch: Fetch, cache: CacheMetadata) -> None:
    asked = _operation(fetch)
    operation = replace(asked, state="completed", end_time=asked.start_time, duration_seconds=0.0, cache_hit=True)

    def rows(session: Session) -> Fetched:
        store.save_fetch(session, operation)
        store.save_cache(session, cache)
        return Fetched()

    fetch.commit({"stage": "end"}, rows, step="facts", restarts=0, state="queued")
    log_fetch(operation)


def _plan(fetch: Fetch, cache: CacheMetadata | None, flavour: str) -> Cursor:
    """Full where there is no copy to build on (none, another site, a field never fetched) or it was asked for."""
    known = fetch_fields(fetch, flavour)
    rules = fields.resolved(fetch.profile.rules, known, fetch.profile.name)
    names = {each.field_id: each.name for each in known}
    mapped = {key: names[key] for key in fields.roots(rules)}
    old = cache.cursor if cache is not None and cache.version_identifier == CACHE_VERSION else {}
    same_site = old.get("base_url") == fetch.connection.base_url
    same_fields = (
        mapped.keys() <= old.get("mapped", {}).keys() and old.get("summaries") == fetch.profile.store_summaries
    )
    grown = bool(old) and same_site and same_fields and not fetch.run.options.get("full")
    kind = "full" if not grown else "verify" if fetch.run.options.get("verify") else "incremental"
    if grown:  # what is stored stays mapped, under the name the site has for it now
        mapped = {key: names.get(key, name) for key, name in old["mapped"].items()}
    watermark = old.get("watermark") if grown else None
    return {
        "kind": kind,
        "flavour": flavour,
        "zone": _zone(fetch, flavour, old) if grown else None,
        "mapped": mapped,
        "resolved": dict(rules.fields),
        "watermark": watermark,
        "stage": "changed" if kind == "incremental" and flavour == "cloud" and watermark else "census",
        "seen": 0,
        "expected": cache.issue_count if cache is not None else None,
        **_sizes(fetch, cache),
    }


def _sizes(fetch: Fetch, cache: CacheMetadata | None) -> Cursor:
    """Return how many to ask this site for at a time, as the last fetch learned it."""
    known = cache.cursor if cache is not None else {}
    remembered = known.get("sizes", {}) if known.get("base_url") == fetch.connection.base_url else {}
    return {"remembered": remembered, "sizes": halving.starting_sizes(remembered, fetch.current.now())}


def _zone(fetch: Fetch, flavour: str, old: Mapping[str, Any]) -> str | None:
    """The account's zone as it is today, where this site has refused epoch milliseconds before."""
    return None if old.get("zone") is None else reader(fetch.client, flavour, parse.Wanted()).zone()


def fetch_fields(fetch: Fetch, flavour: str) -> list[Any]:
    """The site's fields, asked for only where the profile maps one."""
    if not fetch.profile.rules.fields:
        return []
    return reader(fetch.client, flavour, parse.Wanted()).fields()


def _operation(fetch: Fetch) -> FetchOperation:
    return FetchOperation(
        request_id=str(uuid.uuid4()),
        jql_query=str(redact(fetch.profile.jql)),
        start_time=fetch.current.run_time(),
        run_id=fetch.run.run_id,
        profile=fetch.run.profile,
    )


# --- changed and census ---------------------------------------------------------------------------------------------


def _changed(fetch: Fetch, until: float) -> None:
    """A page of what was updated since the watermark less the overlap; what stands as stored is not read again.

    What differs waits until there is a batch of it: the histories of a batch cost one request, however few they are.
    """
    since = datetime.fromisoformat(fetch.cursor["watermark"]) - timedelta(minutes=fetch.connection.overlap_minutes)
    page = _listed(fetch, lambda position: fetch.reader.changed(fetch.profile.jql, since, position), dated=True)
    stored = _standing(fetch, page)
    differing = [issue_id for issue_id in page.updates if _is_changed(issue_id, page, stored)]
    waiting = list(dict.fromkeys([*fetch.cursor.get("waiting", ()), *differing]))
    moved = _next(page, "changed", "census") | _newest(fetch, page.updates.values())
    whole = len(waiting) // fetch.batch * fetch.batch if page.after else len(waiting)
    if _read(fetch, waiting[:whole], until):
        fetch.commit(moved | {"waiting": waiting[whole:]})


def _census(fetch: Fetch, until: float) -> None:
    """A page of ids against what is stored: new and differing ones are read; then all that Jira has are marked."""
    dated = fetch.reader.lists_updates and bool(fetch.cursor.get("position"))
    page = _listed(fetch, lambda position: fetch.reader.census(fetch.profile.jql, position), dated=dated)
    stored = _standing(fetch, page)
    with fetch.current.reads() as session:
        unread = store.unread_issues(session, fetch.run.profile, list(page.updates))
    wanted = [key for key in page.updates if key in unread or _is_wanted(fetch, key, page, stored)]
    if not _read(fetch, wanted, until):
        return
    listed = [key for key in page.updates if key not in fetch.cursor.get("vanished", ())]
    seen = int(fetch.cursor["seen"]) + len(page.updates)
    fetch.commit(
        _next(page, "census", "look") | {"seen": seen, "unshown": fetch.cursor.get("unshown", 0) + page.unshown},
        lambda session: _marked(session, fetch, {fetch.run.run_id: listed}),
        progress=_progress(fetch, seen),
    )


def _listed(fetch: Fetch, ask: Callable[[Any], Listing], *, dated: bool) -> Listing:
    """The page of a list where the cursor stands; what Jira refuses of it in the end is the profile's own query."""
    try:
        return _asked(fetch, ask, dated=dated)
    except RefusedError as error:
        if fetch.cursor.get("position"):  # the query was accepted for the first page
            raise
        raise RefusedError(f"{str(error).rstrip('.')}; correct profiles.{fetch.run.profile}.jql") from error


def _asked(fetch: Fetch, ask: Callable[[Any], Listing], *, dated: bool) -> Listing:
    """Return the page as Jira gives it, with a second try.

    Where Jira refuses or repeats a page token (they die after some days), the list is begun again, a few times at most;
    where it refuses a query with our instant in it, it is asked once more with the instant as a literal.
    """
    try:
        return ask(fetch.cursor.get("position"))
    except (RefusedError, UnansweredError) as error:
        again = int(fetch.cursor.get("begun_again", 0))
        if "token" in (fetch.cursor.get("position") or ()) and again < MAX_LIST_RESTARTS:
            fetch.cursor |= {"position": None, "seen": 0, "unshown": 0, "begun_again": again + 1}
            log.warning("a list is begun again", extra={"stage": fetch.stage, "why": str(error)})
        elif isinstance(error, RefusedError) and dated and fetch.cursor.get("zone") is None:
            fetch.use_account_timezone()
            log.warning("dates are asked in local time", extra={"zone": fetch.cursor["zone"], "why": str(error)})
        else:
            raise
    return ask(fetch.cursor.get("position"))


def _standing(fetch: Fetch, page: Listing) -> dict[str, store.Standing]:
    with fetch.current.reads() as session:
        return store.standing_issues(session, fetch.run.profile, list(page.updates))


def _is_wanted(fetch: Fetch, issue_id: str, page: Listing, stored: Mapping[str, store.Standing]) -> bool:
    known = stored.get(issue_id)
    if known is None or (fetch.full and known.mark != fetch.run.run_id):
        return True
    if fetch.reader.lists_updates:
        return _is_changed(issue_id, page, stored)
    return page.keys.get(issue_id, known.key) != known.key


def _is_changed(issue_id: str, page: Listing, stored: Mapping[str, store.Standing]) -> bool:
    """Whether a listed issue is new, was updated, or has another key: renaming a project touches no issue."""
    known = stored.get(issue_id)
    if known is None or known.updated != page.updates[issue_id]:
        return True
    return page.keys.get(issue_id, known.key) != known.key


def _next(page: Listing, stage: str, following: str) -> Cursor:
    """The cursor behind a page: at the next page of the stage, or at the stage that follows."""
    return {"position": page.after, "stage": stage if page.after else following, "vanished": []}


def _read(fetch: Fetch, ids: Sequence[str], until: float) -> bool:
    """Read issues and commit them group by group, at least one; return False when the time is up before the last one.

    Where Jira could not answer for a group, its halves are asked for next. Ids that came to nothing are kept in the
    cursor, so that no slice asks for them again: until the page is done, or until the run is where Jira cannot answer.
    """
    is_first = True
    while True:
        failed, others = halving.take(fetch.cursor.get("failed", ()), max(1, fetch.connection.concurrency // 2))
        groups = halving.halves(failed) or _next_group(fetch, ids)
        if not groups:
            return True
        if not is_first and time.monotonic() >= until:
            return False
        batch = fetch.reader.issues(*groups)
        fetch.reader.sizes.update(halving.smaller(fetch.reader.sizes, halving.learned_sizes(failed, batch)))
        read = [issue_id for group in groups for issue_id in group]
        _store_batch(fetch, read, batch, failed=[*others, *halving.to_json(batch.failed)])
        ids = [issue_id for issue_id in ids if issue_id not in set(read)]
        is_first = False


def _next_group(fetch: Fetch, ids: Sequence[str]) -> list[Sequence[str]]:
    """Return the next issues to read, as one group; none where all were asked for."""
    passed = {*fetch.cursor.get("vanished", ()), *fetch.cursor.get("unreadable", ())}
    group = [issue_id for issue_id in ids if issue_id not in passed][: fetch.batch]
    return [group] if group else []


def _store_batch(fetch: Fetch, asked: Sequence[str], batch: Batch, failed: Sequence[Cursor]) -> None:
    """Commit what was asked for; the mark says that this run has read it. ``failed`` waits to be asked for again."""
    read = [issue.issue_id for issue in batch.issues]
    pending = {issue_id for failure in batch.failed for issue_id in failure.ids}
    done = [issue_id for issue_id in asked if issue_id not in pending]
    vanished = set(done) - set(read) - batch.broken.keys()
    differing = _differing(fetch, batch)

    def rows(session: Session) -> Fetched:
        verify.save(session, fetch.run.profile, differing)
        changed = store.save_issues(session, fetch.run.profile, batch.issues)
        broken = {issue_id: {_finding(why): 1} for issue_id, why in batch.broken.items()}
        store.save_findings(session, fetch.run.profile, "changelog", broken)
        _marked(session, fetch, {fetch.run.run_id: [*read, *batch.broken]})
        store.note_histories(session, fetch.run.profile, [*read, *batch.broken], fetch.started_at)
        return Fetched(issues=len(read), changed=changed)

    moved = {
        "vanished": [*fetch.cursor.get("vanished", ()), *sorted(vanished)],
        "unreadable": [*fetch.cursor.get("unreadable", ()), *sorted(batch.broken)],
        "failed": [*failed],
        "waiting": [issue_id for issue_id in fetch.cursor.get("waiting", ()) if issue_id not in set(done)],
        "read": int(fetch.cursor.get("read", 0)) + len(done),
    }
    fetch.commit(
        moved
        | _newest(fetch, [issue.updated for issue in batch.issues])
        | (verify.noted(fetch.cursor, len(read), differing) if fetch.is_verify else {}),
        rows,
        progress=_progress(fetch, int(fetch.cursor["seen"]) + len(done)),
    )
    verify.log_differences(differing)
    _refuse_unreadable(fetch, batch)


def _refuse_unreadable(fetch: Fetch, batch: Batch) -> None:
    """Raise where Jira cannot answer for most of the issues: then not a single issue is at fault."""
    count, asked = len(fetch.cursor["unreadable"]), int(fetch.cursor["read"])
    if count <= MANY_UNREADABLE or count * 2 <= asked or not batch.broken:
        return
    why = next(iter(batch.broken.values()))
    raise FatalError(
        f"{count} of the first {asked} issues could not be read ({why}); what came was stored. Ask Jira's administrator"
        f" to look at them, then run: flowbeat refresh {fetch.run.profile}"
    )


def _finding(why: str) -> str:
    return "incomplete_history" if why == INCOMPLETE else "unreadable_issue"


def _differing(fetch: Fetch, batch: Batch) -> list[verify.Difference]:
    if not fetch.is_verify:
        return []
    with fetch.current.reads() as session:
        return verify.differences(session, fetch.run.profile, batch.issues, fetch.cursor["watermark"] or "")


def _newest(fetch: Fetch, updates: Iterable[datetime | None]) -> Cursor:
    """The largest ``updated`` seen in committed pages: the watermark to be."""
    seen = [iso(updated) for updated in updates if updated is not None]
    return {"newest": max([*seen, fetch.cursor.get("newest", "")])}


def _marked(session: Session, fetch: Fetch, marks: Mapping[str, Sequence[str]]) -> Fetched:
    for mark, ids in marks.items():
        store.mark_issues(session, fetch.run.profile, ids, mark)
    return Fetched()


def _progress(fetch: Fetch, seen: int) -> dict[str, Any]:
    expected = fetch.cursor.get("expected")
    return {"done": seen, "total": max(expected, seen) if expected else None, "read": fetch.cursor.get("read", 0)}


# --- look and gone --------------------------------------------------------------------------------------------------


def _look(fetch: Fetch, until: float) -> None:
    """Look at some of what was not listed again, by id; what matches after all was missed by the list, and is read.

    Where Jira cannot answer, fewer are looked at. A single issue without an answer stays as it was stored: it may be
    there.
    """
    run_id, most = fetch.run.run_id, int(fetch.cursor.get("look", fetch.batch))
    with fetch.current.reads() as session:
        marks = (run_id, _hidden(run_id), _moved(run_id))
        absent = store.unmarked_issues(session, fetch.run.profile, marks, most)
    if not absent:
        fetch.commit({"stage": "gone"})
        return
    try:
        visible = fetch.reader.visible(absent)
        missed = fetch.reader.matching(fetch.profile.jql, sorted(visible)) if visible else set()
    except UnansweredError as error:
        _look_at_fewer(fetch, absent, error)
        return
    if not _read(fetch, sorted(missed), until):
        return
    seen = {
        run_id: sorted(missed),
        _hidden(run_id): sorted(set(absent) - visible),
        _moved(run_id): sorted(visible - missed),
    }
    fetch.commit({"look": min(2 * most, fetch.batch)}, lambda session: _marked(session, fetch, seen))


def _look_at_fewer(fetch: Fetch, absent: Sequence[str], error: UnansweredError) -> None:
    if len(absent) > 1:
        fetch.commit({"look": (len(absent) + 1) // 2})
        return
    log.warning("issue cannot be looked at", extra={"issue_id": absent[0], "why": str(error)})
    _store_batch(fetch, absent, Batch((), {absent[0]: str(error)}), failed=())
    fetch.commit({"look": fetch.batch})


def _gone(fetch: Fetch, _until: float) -> None:
    """Mark what the second look confirmed; refuse where that would empty the copy, unless ``--full`` says so."""
    run_id, profile = fetch.run.run_id, fetch.run.profile
    with fetch.current.reads() as session:
        projects = _presence(store.count_marks(session, profile), run_id)
        lost = [one for mark in (_hidden(run_id), _moved(run_id)) for one in verify.gone(session, profile, mark)]
    if any(each.hidden or each.moved for each in projects.values()):
        _refuse_loss(fetch, projects)
    lost = lost if fetch.is_verify else []
    now = fetch.current.now()

    def rows(session: Session) -> Fetched:
        verify.save(session, profile, lost)
        hidden = store.mark_gone(session, profile, _hidden(run_id), HIDDEN, now)
        return Fetched(gone=hidden + store.mark_gone(session, profile, _moved(run_id), MOVED, now))

    if fetch.is_verify:
        fetch.commit({"stage": "lists"} | verify.noted(fetch.cursor, len(lost), lost), rows)
    else:
        fetch.commit({"stage": "lists" if fetch.full else "sweep"}, rows)
    verify.log_differences(lost)


def _presence(counts: Mapping[tuple[str, str | None], int], run_id: str) -> dict[str, absent.Presence]:
    """Project key → what became of its stored issues."""
    marks = (_hidden(run_id), _moved(run_id))
    stored: Counter[str] = Counter()
    for (project, _), number in counts.items():
        stored[project] += number
    return {
        key: absent.Presence(number, *(counts.get((key, mark), 0) for mark in marks)) for key, number in stored.items()
    }


def _refuse_loss(fetch: Fetch, projects: Mapping[str, absent.Presence]) -> None:
    """Raise where the login is lost, or where a permission seems to be and ``--full`` does not say otherwise."""
    confirm_login(fetch.client)
    loss = absent.find_loss(projects, is_same_jql=bool(fetch.cursor.get("same_source")))
    if loss is None or fetch.run.options.get("full"):
        return
    raise FatalError(
        f"{loss}; the account may have lost a permission. Nothing was marked gone: check what the account may see in"
        f" Jira. If they are really gone: flowbeat refresh {fetch.run.profile} --full"
    )


def _hidden(run_id: str) -> str:
    return f"{run_id} hidden"


def _moved(run_id: str) -> str:
    return f"{run_id} moved"


# --- sweep ----------------------------------------------------------------------------------------------------------


def _sweep(fetch: Fetch, until: float) -> None:
    """Read histories again that were read longest ago, for some change without moving ``updated``.

    What differs from the stored history is read whole. A turn takes ``turn_days``, a run ``issues_per_run`` at most.
    """
    swept, rules = int(fetch.cursor.get("swept", 0)), fetch.current.settings.sweep
    before, lately = (fetch.started_at - timedelta(days=days) for days in (rules.turn_days, SWEPT_DAYS))
    limit = min(rules.issues_per_run - swept, SWEPT_AT_ONCE)
    with fetch.current.reads() as session:
        due = store.due_histories(session, fetch.run.profile, before, lately, limit)
        stored = store.load_histories(session, fetch.run.profile, due)
    if not due:
        fetch.commit({"stage": "lists", "vanished": []})
        return
    read = fetch.reader.histories(due)
    differing = [issue_id for issue_id in due if read.get(issue_id) != tuple(stored.get(issue_id, ()))]
    if differing:
        log.info("histories changed silently", extra={"issue_ids": differing})
    if _read(fetch, differing, until):
        fetch.commit({"swept": swept + len(due)}, lambda session: _swept(session, fetch, due))


def _swept(session: Session, fetch: Fetch, ids: Sequence[str]) -> Fetched:
    store.note_histories(session, fetch.run.profile, ids, fetch.started_at)
    return Fetched()


# --- lists: the end -------------------------------------------------------------------------------------------------


def _lists(fetch: Fetch, _until: float) -> None:
    """Statuses and versions as they are now, and the Cache Metadata: with this the fetch is complete."""
    profile, request_id = fetch.run.profile, fetch.cursor["request_id"]
    with fetch.current.reads() as session:
        projects = store.known_projects(session, profile) if versions.needs_versions(fetch.profile) else {}
    statuses = fetch.reader.statuses()
    answer = versions.read_versions(fetch.reader, projects, fetch.connection.concurrency)
    if answer.is_refused:
        confirm_login(fetch.client)  # to the anonymous every private project is closed
    listed = _listed_names(fetch)

    def rows(session: Session) -> Fetched:
        store.save_statuses(session, profile, statuses)
        versions.save_versions(session, profile, answer)
        if not fetch.profile.store_summaries:
            store.clear_summaries(session, profile)
        store.forget_unread(session, profile, fetch.cursor.get("unreadable", ()))
        store.save_cache(session, _cache(session, fetch, listed))
        store.complete_fetch(session, request_id, fetch.current.clock(session))
        return Fetched()

    # The count of issues read is none of issues worked out.
    fetch.commit({"stage": "end"}, rows, step="facts", restarts=0, state="queued", progress={})
    with fetch.current.reads() as session:
        operation = store.find_fetch(session, request_id)
    if operation is not None:
        log_fetch(operation)


def _listed_names(fetch: Fetch) -> dict[str, Any]:
    """Return the lists of names to keep; a fetch that asks for no list of changed issues has a request to spare."""
    with fetch.current.reads() as session:
        cache = store.find_cache(session, fetch.run.profile)
    is_same = cache is not None and cache.cursor.get("base_url") == fetch.connection.base_url
    kept = cache.cursor.get("listed", {}) if cache is not None and is_same else {}
    most = 1 if fetch.cursor["kind"] == "incremental" else 2
    return named_lists.refreshed(fetch.reader, fetch.profile.rules, kept, fetch.cursor["jira_now"], most)


def _cache(session: Session, fetch: Fetch, listed: Mapping[str, Any]) -> CacheMetadata:
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
            "address": fetch.cursor.get("address"),
            "source": source(fetch.connection, fetch.profile),
            "summaries": fetch.profile.store_summaries,
            "zone": fetch.cursor.get("zone"),
            "unshown": fetch.cursor.get("unshown", 0),
            "sizes": halving.remember_sizes(fetch.cursor.get("remembered", {}), fetch.reader.sizes, now),
            "mapped": fetch.cursor["mapped"],
            "resolved": fetch.cursor["resolved"],
            "listed": dict(listed),
        },
    )


STAGES: Final[Mapping[str, Callable[[Fetch, float], None]]] = {
    "begin": _begin,
    "changed": _changed,
    "census": _census,
    "look": _look,
    "gone": _gone,
    "sweep": _sweep,
    "lists": _lists,
}
