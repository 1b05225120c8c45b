"""A Jira, a database and a configuration in one process: what the tests of the fetch drive and look at."""

import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, Final

import requests
from databases import begin_with_schema
from site_copies import copy_of, made_up
from sqlalchemy import make_url
from sqlalchemy.orm import Session

from models.database import migrate
from models.records import DeploymentRules, FetchOperation, IncidentRules, Rules, Run, RunOptions
from models.store import catalogue, operations, quality, runs
from models.store import issues as stored_issues
from sandbox.adapter import SandboxAdapter
from sandbox.api import Jira, Seen
from sandbox.shapes import Flavour, millis
from sandbox.site import Clock, Event, Issue, Site
from sandbox.team import EMAIL, TOKEN
from tasks import steps
from tasks.fetch.task import work
from worker.jira.client import Client, open_session
from worker.runtime import Runtime
from worker.settings import Connection, Profile, Settings

NOW: Final = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
BASE_URL: Final = "https://acme.example"
NAME: Final = "payments"
RULES: Final = Rules(
    history_weeks=12,
    fields={"points": "Story point estimate", "committed_at": "Committed at"},
    deployments=DeploymentRules("versions"),
    incidents=IncidentRules(("Incident",)),
)
PROFILE: Final = Profile(NAME, "sandbox", "project in (PAY, OPS)", rules=RULES)
_EVENTS: Final = count(9_000_000)


class KilledError(Exception):
    """Raised by a test's endpoint to stop a fetch like a killed process: no code catches it."""


class Killing:
    """Stops a fetch before a request: raises KilledError at the one that ``requests_left`` counts down to."""

    def __init__(self, requests_left: int = 0) -> None:
        """Stop at the request of this number; 0: at none."""
        self.requests_left = requests_left

    def __call__(self) -> None:
        """Count a request."""
        self.requests_left -= 1
        if self.requests_left == 0:
            raise KilledError


class Endpoint(SandboxAdapter):
    """The way to the stand-in; ``before`` is called ahead of each request and may throw."""

    def __init__(self, jira: Jira, before: Callable[[], None]) -> None:
        """Mount over a Jira."""
        super().__init__(jira)
        self.before = before

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Answer, unless stopped."""
        self.before()
        return super().send(request, *args, **kwargs)


class TimedRuntime(Runtime):
    """A runtime whose runs are timed by the test's clock, also at a database server, which has its own."""

    def clock(self, session: Session) -> datetime:  # noqa: ARG002 - no server is asked
        """Return the test's time."""
        return self.now()


class QuickRuntime(TimedRuntime):
    """A runtime whose client sleeps no wait."""

    def client(self, connection: Connection, *more: Any, **past: Any) -> Client:
        """Return the client, awake."""
        made = super().client(connection, *more, **past)
        made._sleep = lambda _: None
        return made


@dataclass(eq=False)
class World:
    """A site whose clock a test moves, and a runtime whose requests end there."""

    jira: Jira
    clock: Clock
    current: Runtime

    @property
    def endpoints(self) -> list[str]:
        """The last part of each endpoint that was knocked at, in order."""
        return [seen.endpoint.rsplit("/api/", 1)[1].split("/", 1)[1] for seen in self.jira.log]

    def hurry(self) -> None:
        """From now on no request waits for its next try; the limiter's pauses still hold."""
        old = self.current
        self.current = QuickRuntime(old.settings, old.now, old.open_session)
        old.close()

    def profile(self, **changes: Any) -> None:
        """Change the configured profile, as a user would between two runs."""
        old = self.current.settings
        changed = replace(old.profiles[NAME], **changes)
        self.current.settings = replace(old, profiles={NAME: changed})

    def connection(self, **changes: Any) -> None:
        """Change the configured connection."""
        old = self.current.settings
        self.current.settings = replace(old, connections={"sandbox": replace(old.connections["sandbox"], **changes)})

    def request(self, kind: str = "refresh", *, full: bool = False, verify: bool = False, **more: Any) -> Run:
        """Ask for a run; what was asked of Jira before is forgotten."""
        self.jira.log.clear()
        options = RunOptions(full=full, verify=verify)
        return steps.request(self.current.sessions, NAME, kind, self.current.now(), options=options, **more)[0]

    def fetch(self, kind: str = "refresh", **options: Any) -> FetchOperation:
        """Return a whole fetch, the run ended as if calculated."""
        run = self.request(kind, **options)
        assert work(self.current, run) == "facts"
        return self.end(run)

    def end(self, run: Run) -> FetchOperation:
        """End a run; returns its Fetch Operation."""
        with self.current.sessions.begin() as session:
            runs.end(session, run.run_id, run.attempt, self.current.now())
            operation = operations.fetch_of(session, run.run_id)
        assert operation is not None
        return operation

    def end_early(self, run: Run) -> None:
        """End a run that did nothing."""
        with self.current.sessions.begin() as session:
            runs.end(session, run.run_id, run.attempt, self.current.now())

    def operation(self, run: Run) -> FetchOperation:
        """Return a Fetch Operation of a run, as it is when it begins."""
        return FetchOperation(str(uuid.uuid4()), "project = PAY", self.current.now(), run_id=run.run_id, profile=NAME)

    def latest(self, run: Run) -> Run:
        """Return the run as stored now."""
        with self.current.reads() as session:
            stored = runs.load(session, run.run_id)
        assert stored is not None
        return stored

    def copy(self) -> Mapping[str, Any]:
        """Return all that a fetch stored of Jira, to be compared with another copy."""
        with self.current.reads() as session:
            hashes = stored_issues.hashes(session, NAME)
            return {
                "hashes": hashes,
                "issues": stored_issues.load(session, NAME, sorted(hashes)),
                "statuses": catalogue.load_statuses(session, NAME),
                "versions": catalogue.load_versions(session, NAME),
                "findings": quality.count_findings(session, NAME),
            }

    def issue_keys(self) -> set[str]:
        """Return the keys of the present issues."""
        return {issue.key for issue in self.copy()["issues"]}

    def shown(self) -> list[Issue]:
        """Return the issues Jira shows now, by id."""
        self.jira.site.advance(millis(self.clock()))
        return list(self.jira.site.indexed)

    def happen(self, issue: Issue, *sets: tuple[str, Any], touches: bool = True) -> None:
        """Something happens to an issue a minute from now; the clock moves there."""
        self.clock.advance(timedelta(minutes=1))
        self.jira.site.happen(issue, Event(millis(self.clock()), next(_EVENTS), sets, touches=touches))
        self.shown()


def settings_of(
    folder: Path, database_url: str, redis_url: str, *, concurrency: int = 4, profile: Profile = PROFILE, **more: Any
) -> Settings:
    """Return the configuration of a folder with one profile, and write its token there."""
    (folder / "token").write_text(TOKEN)
    connection = Connection(
        "sandbox",
        BASE_URL,
        email=EMAIL,
        token_file=folder / "token",
        requests=1_000_000,
        per_seconds=1.0,
        concurrency=concurrency,
    )
    return Settings(
        database_url=database_url,
        log_dir=folder / "logs",
        state_dir=folder / "state",
        path=folder / "flowbeat.toml",  # nobody reads it, but a task refuses to work where none was found
        redis_url=redis_url,
        connections={"sandbox": connection},
        profiles={NAME: profile},
        **more,
    )


def all_but(world: World, *numbers: int) -> set[str]:
    """Return the ids of all issues that Jira shows, without those named."""
    return {str(issue.id) for issue in world.shown()} - {str(number) for number in numbers}


@contextmanager
def open_world(
    folder: Path,
    database_url: str,
    redis_url: str,
    *,
    flavour: Flavour = "cloud",
    issues: int = 60,
    before: Callable[[], None] = lambda: None,
    jira: Jira | None = None,
) -> Iterator[World]:
    """Yield a world at NOW, its database migrated; another one's ``jira`` may be shared."""
    if jira is None:
        start = NOW - timedelta(weeks=12)
        jira = Jira(made_up(7, issues * 2, start, flavour=flavour, per_week=issues / 12), Clock(NOW))
    clock = jira.clock
    assert isinstance(clock, Clock)
    settings = settings_of(folder, database_url, redis_url)
    current = TimedRuntime(settings, clock, lambda _: mounted(jira, before))
    begin_with_schema(database_url)
    migrate(current.engine)
    current.redis.flushall()  # every world has the same limiter key: a pause of the test before would hold this one
    world = World(jira, clock, current)
    try:
        yield world
    finally:
        world.current.close()


@contextmanager
def unread_world(folder: Path, database_url: str, redis_url: str, **more: Any) -> Iterator[World]:
    """Yield a world that was not fetched, whose back-offs are short, and whose Jira only the test changes."""
    with open_world(folder, database_url, redis_url, **more) as world:
        world.hurry()
        world.shown()
        world.jira.site._due.clear()
        yield world


@dataclass(frozen=True, slots=True)
class _Begun:
    """A world after what many tests begin with: its site, its time, what was asked of it, and its database."""

    site: Site
    now: datetime
    log: tuple[Seen, ...]
    database: bytes


@contextmanager
def begun_world(
    folder: Path,
    database_url: str,
    redis_url: str,
    begin: Callable[[World], object] = World.fetch,
    *,
    flavour: Flavour = "cloud",
    issues: int = 60,
    before: Callable[[], None] = lambda: None,
) -> Iterator[World]:
    """Yield a world in which ``begin`` has happened to its Jira and its database, with the usual settings.

    On SQLite it happens once in a test process, and each test has a copy.
    """
    place = make_url(database_url)
    if place.get_backend_name() != "sqlite" or place.database is None:
        with open_world(folder, database_url, redis_url, flavour=flavour, issues=issues, before=before) as world:
            settings = world.current.settings
            begin(world)
            world.current.settings = settings
            yield world
        return
    begun = _begun(redis_url, begin, flavour, issues)
    Path(place.database).write_bytes(begun.database)
    jira = Jira(copy_of(begun.site), Clock(begun.now), log=list(begun.log))
    with open_world(folder, database_url, redis_url, flavour=flavour, jira=jira, before=before) as world:
        yield world


@cache
def _begun(redis_url: str, begin: Callable[[World], object], flavour: Flavour, issues: int) -> _Begun:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "begun.db"
        with open_world(folder, f"sqlite:///{file}", redis_url, flavour=flavour, issues=issues) as world:
            begin(world)
        return _Begun(world.jira.site, world.clock(), tuple(world.jira.log), file.read_bytes())


def fresh_copy(world: World, folder: Path, redis_url: str) -> Mapping[str, Any]:
    """Return what a full fetch of the same Jira leaves in an empty database."""
    folder.mkdir(exist_ok=True)
    url = f"sqlite:///{folder / 'fresh.db'}"
    with open_world(folder, url, redis_url, jira=world.jira) as other:
        other.current.settings = replace(world.current.settings, database_url=url)
        other.hurry()
        other.fetch()
        return other.copy()


def mounted(jira: Jira, before: Callable[[], None]) -> requests.Session:
    """Return a session whose only way leads to this Jira."""
    session = open_session(4)
    session.mount(BASE_URL, Endpoint(jira, before))
    return session
