"""The state of a fetch in this process: the run, the reader of its Jira, and the cursor as last committed."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Unpack

from sqlalchemy.orm import Session

from models.records import FetchCursor, Run, RunProgress, iso
from models.store import caches, census, operations, runs
from models.store.runs import AdvanceChanges, HeartbeatChanges
from worker.errors import FatalError, FlowbeatError
from worker.jira import parse
from worker.jira.client import Client
from worker.jira.faults import AstrayError, LoginError, NoAnswerError
from worker.jira.reader import Reader, size_of
from worker.jira.site import confirm_login, reader
from worker.runtime import Runtime
from worker.settings import Connection, Profile
from worker.task import StaleAttemptError, last_fault, tries

log = logging.getLogger(__name__)
# A run gives up after this long where nothing has ever answered: a person waits who has just written the address.
FIRST_CONTACT_SECONDS: Final = 60.0
PROVING_STAGES: Final = ("verify_share", "audit_changelogs")


@dataclass(frozen=True, slots=True)
class Fetched:
    """The results of a page, to be added to the Fetch Operation."""

    issues: int = 0
    changed: int = 0
    gone: int = 0
    verified: int = 0
    differed: int = 0


class Fetch:
    """A fetch in this process: the run, the reader of its Jira, and the cursor as last committed."""

    def __init__(self, current: Runtime, run: Run, client: Client | None = None) -> None:
        """Continue the run at its cursor; the ``client`` is the connection's if none is given."""
        self.current = current
        self.run = run
        self.profile: Profile = current.profile(run.profile)
        self.connection: Connection = current.settings.connections[self.profile.connection]
        self.cursor = FetchCursor.from_json(run.cursor)
        self._client = client
        self._reader: Reader | None = None

    @property
    def stage(self) -> str:
        """Return the stage to continue with."""
        return self.cursor.stage

    @property
    def client(self) -> Client:
        """Return the client of the connection."""
        if self._client is None:
            self._client = self.current.client(
                self.connection, tries(self.run), fault=last_fault(self.run), heard=self.stage != "begin"
            )
        return self._client

    @property
    def reader(self) -> Reader:
        """Return the reader for the site identified in the stage ``begin``."""
        if self._reader is None:
            cursor, identity = self.cursor, self.cursor.identity
            wanted = parse.Wanted(
                identity.mapped,
                self.profile.store_summaries,
                flagged=identity.flagged,
                multi_valued=cursor.multi_valued,
            )
            pages = self.current.pages
            self._reader = reader(self.client, cursor.flavour, wanted, cursor.zone, sizes=cursor.sizes, pages=pages)
        return self._reader

    def use_account_timezone(self) -> None:
        """Write instants in the account's zone from now on; the next commit stores this."""
        self.write_instants_in(self.reader.zone())

    def write_instants_in(self, zone: str | None) -> None:
        """Write instants in a zone from now on, or as epoch milliseconds; the next commit stores this."""
        self.cursor = replace(self.cursor, zone=zone)
        self._reader = None

    @property
    def full(self) -> bool:
        """Return whether every issue is read again."""
        return self.cursor.kind != "incremental"

    @property
    def is_verify(self) -> bool:
        """Return whether the issues that are read again are compared with the stored copy."""
        return self.cursor.kind == "verify"

    @property
    def is_scheduled(self) -> bool:
        """Return whether the run answers an instant of the schedule, and not a person."""
        return self.run.due_at is not None

    @property
    def proves(self) -> bool:
        """Return whether the issues of this stage are read to be compared with the stored copy."""
        return self.is_verify or self.stage in PROVING_STAGES

    @property
    def started_at(self) -> datetime:
        """Return when the fetch began, by Jira's clock."""
        return datetime.fromisoformat(self.cursor.jira_now)

    @property
    def recent(self) -> datetime:
        """Return from when on the search index is not trusted: it may be late about what changed since then."""
        return self.started_at - timedelta(minutes=self.connection.overlap_minutes)

    @property
    def batch(self) -> int:
        """Return how many whole issues are read between two commits: two pages for each parallel reader, at most ten.

        A batch has to end before a slice's time limit, also where Jira is slow.
        """
        pages = min(2 * self.connection.concurrency, 10)
        return size_of(self.reader.sizes, "issues", self.current.pages.whole) * pages

    @property
    def plain_batch(self) -> int:
        """Return how many issues without multi-valued fields are read between two commits; 0 if all are read whole."""
        pages = self.current.pages
        size = size_of(self.reader.sizes, "plain", pages.plain)
        return size if self.cursor.multi_listed and size > pages.whole else 0

    def commit(
        self,
        cursor: FetchCursor,
        store_rows: "Callable[[Session], Fetched]" = lambda _: Fetched(),
        to: str | None = None,
        progress: RunProgress | None = None,
    ) -> None:
        """Store rows, the Fetch Operation's counts and the cursor in one transaction, if the run is still this
        worker's.

        ``to`` is the run's next step, where this is the end of the fetch.
        """
        if self._reader is not None:
            cursor = replace(cursor, sizes=dict(self._reader.sizes))
        with self.current.sessions.begin() as session:
            self._count(session, cursor, store_rows(session))
            if to is None:
                self._beat(session, **self._changes(cursor, progress))
            else:
                self._advance(session, to, cursor=cursor.to_json(), progress=progress or RunProgress())
        self.cursor = cursor
        if self._client is not None:
            self._client.tried = 0  # there was progress

    def _changes(self, cursor: FetchCursor, progress: RunProgress | None) -> HeartbeatChanges:
        changes: HeartbeatChanges = {"cursor": cursor.to_json()}
        if cursor != self.cursor:
            changes["restarts"] = 0
        if progress is not None:
            changes["progress"] = progress
        return changes

    def record_requests(self) -> None:
        """Count the requests since the last commit. The cursor stays, so that the stage is done again."""
        with self.current.sessions.begin() as session:
            self._count(session, self.cursor, Fetched())
            self._beat(session)

    def cause_of(self, error: FlowbeatError) -> FlowbeatError:
        """Return the error to report for an error of a stage (see ``find_cause``)."""
        has_answered = self.stage != "begin" or self._has_copy()
        return find_cause(error, self._client, has_answered=has_answered)

    def _has_copy(self) -> bool:
        """Return whether a copy of this Jira is stored, for any profile of the connection."""
        profiles = self.current.settings.profiles.values()
        names = [profile.name for profile in profiles if profile.connection == self.connection.name]
        with self.current.reads() as session:
            copies = [caches.find(session, name) for name in names]
        addresses = {cache.cursor.identity.base_url for cache in copies if cache is not None}
        return self.connection.base_url in addresses

    def yield_slice(self) -> None:
        """Return whether the run now waits for a worker to take its next slice, which is not a stall."""
        with self.current.sessions.begin() as session:
            self._beat(session, state="queued")

    def _count(self, session: Session, cursor: FetchCursor, fetched: Fetched) -> None:
        calls, delays = self._client.traffic.take() if self._client else (0, 0)
        added = {
            "data_volume_fetched": fetched.issues,
            "issues_changed": fetched.changed,
            "issues_gone": fetched.gone,
            "issues_verified": fetched.verified,
            "issues_differed": fetched.differed,
            "api_calls_made": calls,
            "rate_limit_delays": delays,
        }
        operations.count_fetch(session, cursor.request_id or "", added)

    def _beat(self, session: Session, **changes: Unpack[HeartbeatChanges]) -> None:
        if not runs.heartbeat(session, self.run.run_id, self.run.attempt, self.current.clock(session), **changes):
            raise StaleAttemptError

    def _advance(self, session: Session, to: str, **changes: Unpack[AdvanceChanges]) -> None:
        now = self.current.clock(session)
        if not runs.advance(session, self.run.run_id, self.run.attempt, now, to=to, **changes):
            raise StaleAttemptError


def newest_update(fetch: Fetch, updates: Iterable[datetime | None]) -> str:
    """Return the largest ``updated`` of committed pages, which becomes the watermark."""
    seen = [iso(updated) for updated in updates if updated is not None]
    return max([*seen, fetch.cursor.newest])


def mark_issues(session: Session, fetch: Fetch, marks: Mapping[str, Sequence[str]]) -> Fetched:
    for mark, ids in marks.items():
        census.mark(session, fetch.run.profile, ids, mark)
    return Fetched()


def progress_of(fetch: Fetch, seen: int) -> RunProgress:
    expected = fetch.cursor.expected
    return RunProgress(seen, max(expected, seen) if expected else None, fetch.cursor.read)


def hidden_mark(run_id: str) -> str:
    return f"{run_id} hidden"


def moved_mark(run_id: str) -> str:
    return f"{run_id} moved"


def find_cause(error: FlowbeatError, client: Client | None, *, has_answered: bool) -> FlowbeatError:
    """Return the error to report for this one; ``has_answered``: this Jira has answered this installation before.

    A JQL that names a project, a mapped field, a version: to the anonymous each of them is not there. So Jira is asked
    who the login is before a person is sent to correct them; one request.
    """
    if isinstance(error, NoAnswerError) and not has_answered:
        error.patience = FIRST_CONTACT_SECONDS
    if client is None or not isinstance(error, FatalError) or isinstance(error, LoginError | AstrayError):
        return error
    try:
        confirm_login(client)
    except LoginError as refused:
        return refused
    except FlowbeatError:  # what happened first is what there is to report
        return error
    return error
