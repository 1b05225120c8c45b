"""A small world for the console's tests: a made-up team's Jira in this process, fetched and calculated into SQLite."""

import csv
import io
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import forked
from databases import begin_with_schema
from fakeredis import FakeRedis
from made_once import made_once
from site_copies import copy_of

from console.cli import run
from models.database import migrate
from models.records import Run
from models.store import runs
from sandbox.adapter import SandboxAdapter
from sandbox.api import Jira
from sandbox.server import Options, build
from sandbox.site import Site
from sandbox.team import EMAIL, TOKEN
from tasks import calculate, steps
from tasks.fetch.task import work
from worker import settings, view
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
{keys}
[profiles.payments.fields]
points = "Story point estimate"
flagged = "Flagged"
[profiles.payments.service_level]
days = 10
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

    def client(self, connection: Connection, tried: int = 0, **past: Any) -> Client:
        """Return a client without a network."""
        if self.jira is None:
            raise AssertionError("this world has no Jira")
        session = open_session(1)
        session.mount(BASE_URL, SandboxAdapter(self.jira))
        limiter = Limiter(FakeRedis(), key="test", requests=1000, per_seconds=1.0, timeout=10.0)
        return Client(connection, TOKEN, limiter, session=session, tried=tried, **past)


def configure(folder: Path, *, base_url: str = BASE_URL, incidents: str = INCIDENTS, keys: str = "") -> Path:
    """Write the configuration of the profile ``payments``; ``keys`` are further lines of its own section."""
    file = folder / "flowbeat.toml"
    text = CONFIG.format(base_url=base_url, email=EMAIL, incidents=incidents, keys=keys)
    file.write_text(text, encoding="utf-8")
    return file


@cache
def _site(issues: int) -> Site:
    return build(Options(issues=issues), NOW).site


@contextmanager
def world(folder: Path, *, issues: int = 120) -> Iterator[InProcess]:
    """Yield the runtime of a configured folder whose Jira has ``issues`` issues at NOW, without a database."""
    jira = Jira(copy_of(_site(issues)), lambda: NOW)
    current = InProcess(settings.load(folder / "flowbeat.toml", {}), lambda: NOW, jira=jira)
    try:
        yield current
    finally:
        current.close()


@contextmanager
def refreshed(place: Path, issues: int = 200, **keys: str) -> Iterator[Path]:
    """Yield a folder with a refreshed ``payments``, removed at the end; ``keys`` as ``configure`` takes them."""
    configuration = configure(place, **keys)

    def make() -> None:
        with world(place, issues=issues) as current:
            refresh(current)

    made_once(place / "flowbeat.db", (issues, configuration.read_text(encoding="utf-8")), make)
    yield place
    shutil.rmtree(place)


def refresh(current: Runtime) -> Run:
    """Return a whole refresh of ``payments``, as a worker would do it."""
    return carry_out(current, request(current, "refresh"))


def request(current: Runtime, kind: str, as_of: datetime | None = None) -> Run:
    """Return a run of ``payments`` in the queue."""
    begin_with_schema(current.settings.database_url)
    migrate(current.engine)
    configured = view.configured_rules_hash(current, "payments")
    run, _ = steps.request(current.sessions, "payments", kind, current.now(), as_of=as_of, rules=configured)
    return run


def carry_out(current: Runtime, run: Run, *, ends: bool = True) -> Run:
    """Carry out every step of a run, one after the other, the last one if it ends; return the run."""
    work(current, run)
    calculate.work(current, found(current, run))
    while (run := found(current, run)).step != "finish":
        calculate.metric_step(current, run)
    if ends:
        calculate.finish_step(current, run)
    return found(current, run)


def found(current: Runtime, run: Run) -> Run:
    """Return the run as it is stored now."""
    with current.reads() as session:
        stored = runs.find(session, run.run_id)
    if stored is None:
        raise AssertionError(f"run {run.run_id} is gone")
    return stored


@dataclass(frozen=True, slots=True)
class Said:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, read as JSON."""
        return json.loads(self.out)

    @property
    def csv(self) -> list[dict[str, str]]:
        """What it printed, read as CSV with a header."""
        return list(csv.DictReader(io.StringIO(self.out)))


def say(folder: Path, *words: str, columns: int | str = 80, **environ: str) -> Said:
    """Run a reading command in this process, as from a shell whose environment names the folder's configuration."""
    return said_here(folder, {**environment(folder), "COLUMNS": str(columns), **environ}, *words)


def said_here(folder: Path, environ: Mapping[str, str], *words: str) -> Said:
    """Run a command in this process, in the folder and with exactly this environment, and restore both."""
    out, err = io.StringIO(), io.StringIO()
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environ)
    try:
        with redirect_stdout(out), redirect_stderr(err), chdir(folder):
            code = run(list(words))
    finally:
        os.environ.clear()
        os.environ.update(before)
    return Said(code, out.getvalue(), err.getvalue())


def say_apart(folder: Path, *words: str, **environ: str) -> Said:
    """Run a command in a process of its own, because it attaches logs or is killed; see `forked`."""
    done = forked.run("-m", "console", *words, env={**environment(folder), **environ}, cwd=folder, timeout=60)
    return Said(done.returncode, done.stdout, done.stderr)


def program(*words: str) -> list[str]:
    """Return the command line of the ``flowbeat`` script in this environment."""
    return [sys.executable, "-c", "from console.cli import main; main()", *words]


# Of a process that can write no large file: a compiled module that it cuts off would end every later process.
UNCOMPILED: Final = {"PYTHONDONTWRITEBYTECODE": "1"}


def environment(folder: Path) -> dict[str, str]:
    """Return the variables of a person who works in the folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FLOWBEAT_")}
    root = str(Path(__file__).parents[1])
    own = {"FLOWBEAT_CONFIG": str(folder / "flowbeat.toml"), "SANDBOX_TOKEN": TOKEN, "COLUMNS": "80"}
    return {**kept, **own, "PYTHONPATH": root}
