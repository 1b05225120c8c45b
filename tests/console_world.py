"""A small world for the console's tests: a made-up team's Jira in this process, fetched and calculated into SQLite."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from fakeredis import FakeRedis

from models import store
from models.database import migrate
from models.records import Run
from sandbox.adapter import SandboxAdapter
from sandbox.api import Jira
from sandbox.server import Options, build
from sandbox.team import EMAIL, TOKEN
from tasks import calculate, fetch, steps
from worker import settings
from worker.jira.client import Client, open_session
from worker.limiter import Limiter
from worker.runtime import Runtime
from worker.settings import Connection

NOW: Final = datetime(2026, 10, 14, 12, 0, tzinfo=UTC)  # a Wednesday
BASE_URL: Final = "https://sandbox.example"
CONFIG: Final = """
timezone = "Europe/Zagreb"
[connections.sandbox]
base_url = "{base_url}"
email = "{email}"
token_env = "SANDBOX_TOKEN"
requests = 1000
per_seconds = 1
[profiles.payments]
connection = "sandbox"
jql = "project = PAY"
history_weeks = 12
[profiles.payments.fields]
points = "Story point estimate"
[profiles.payments.workflow]
waiting = ["In Review", "Blocked"]
[profiles.payments.deployments]
source = "versions"
{incidents}
"""
INCIDENTS: Final = '[profiles.payments.incidents]\ntypes = ["Incident"]'


@dataclass(eq=False)
class InProcess(Runtime):
    """A runtime whose Jira answers in this process, and whose Redis is fakeredis."""

    jira: Jira | None = None

    def client(self, connection: Connection) -> Client:
        """A client without a network."""
        if self.jira is None:
            raise AssertionError("this world has no Jira")
        session = open_session(1)
        session.mount(BASE_URL, SandboxAdapter(self.jira))
        limiter = Limiter(FakeRedis(), key="test", requests=1000, per_seconds=1.0, timeout=10.0)
        return Client(connection, TOKEN, limiter, session=session)


def configure(folder: Path, *, base_url: str = BASE_URL, incidents: str = INCIDENTS, more: str = "") -> Path:
    """Write the configuration of the profile ``payments``."""
    file = folder / "flowbeat.toml"
    text = more + CONFIG.format(base_url=base_url, email=EMAIL, incidents=incidents)
    file.write_text(text, encoding="utf-8")
    return file


@contextmanager
def world(folder: Path, *, issues: int = 120) -> Iterator[InProcess]:
    """The runtime of a configured folder whose Jira has so many issues at NOW; the database is not there yet."""
    jira = build(Options(issues=issues), NOW)
    jira.clock = lambda: NOW
    current = InProcess(settings.load(folder / "flowbeat.toml", {}), lambda: NOW, jira=jira)
    try:
        yield current
    finally:
        current.close()


def refresh(current: Runtime, **options: object) -> Run:
    """A whole refresh of ``payments``, as a worker would do it."""
    return carry_out(current, request(current, "refresh", **options))


def request(current: Runtime, kind: str, as_of: datetime | None = None, **options: object) -> Run:
    """A run of ``payments`` in the queue."""
    migrate(current.engine)
    run, _ = steps.request(current.sessions, "payments", kind, current.now(), as_of=as_of, **options)
    return run


def carry_out(current: Runtime, run: Run) -> Run:
    """Every step of a run, one after the other."""
    fetch.work(current, run)
    calculate.work(current, found(current, run))
    while (run := found(current, run)).step != "finish":
        calculate._metric(current, run)
    with current.sessions.begin() as session:
        store.end_run(session, run.run_id, run.attempt, current.now())
    return found(current, run)


def found(current: Runtime, run: Run) -> Run:
    """The run as it is stored now."""
    with current.reads() as session:
        stored = store.find_run(session, run.run_id)
    if stored is None:
        raise AssertionError(f"run {run.run_id} is gone")
    return stored


def environment(folder: Path) -> dict[str, str]:
    """The variables a command in a process of its own needs."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FLOWBEAT_")}
    return {**kept, "FLOWBEAT_CONFIG": str(folder / "flowbeat.toml"), "SANDBOX_TOKEN": TOKEN, "COLUMNS": "80"}
