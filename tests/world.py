"""A whole Flowbeat in a folder of its own: configuration, stand-in Jira, embedded server, real commands and workers."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import forked
from console_world import said_here

from sandbox import faults
from sandbox.api import Jira
from sandbox.server import Options, build, running
from worker import embedded

# Commands that only read, or only copy the database: no logs, no queue, so that they may run in a test's process.
HERE: Final = ("backup", "explain", "forecast", "logs", "performance", "results")
FLOWBEAT: Final = ("-m", "console")  # after the name of the interpreter
PROGRAM = [str(Path(sys.executable).with_name("flowbeat"))]
TOKEN_VARIABLE = "ACCEPTANCE_JIRA_TOKEN"
CONFIG = """
[stalled_runs]
after_seconds = {silent}
check_every_seconds = 1
[connections.sandbox]
base_url = "{url}"
email = "{email}"
token_env = "{variable}"
requests = {requests}
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
[profiles.payments.incidents]
types = ["Incident"]
"""


@dataclass
class World:
    """A folder with everything in it; ``jira`` is the sandbox that serves it."""

    folder: Path
    url: str
    jira: Jira
    environment: dict[str, str]
    stack: ExitStack = field(default_factory=ExitStack)
    asked: int = 0
    """How many requests the refresh has made that the world began with."""

    @property
    def token(self) -> str:
        """The secret that must turn up nowhere."""
        return self.environment[TOKEN_VARIABLE]

    def run(self, *args: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a flowbeat command to its end, in a process of its own unless it is one of ``HERE``; see `forked`."""
        if args[0] in HERE:
            said = said_here(self.folder, self.environment | environment, *args)
            return subprocess.CompletedProcess(args, said.code, said.out, said.err)
        return forked.run(*FLOWBEAT, *args, cwd=self.folder, env=self.environment | environment, timeout=120)

    def run_fresh(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Run the installed ``flowbeat`` to its end, as a person starts it."""
        return subprocess.run(
            [*PROGRAM, *args],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def hurry(self) -> None:
        """Let Jira answer at once from now on: what a test wanted to meet in the middle of a fetch has been met."""
        self.jira.faults.clear()

    def python(self, script: str, *args: str) -> None:
        """Run a few lines of Python in this world."""
        forked.run("-c", script, *args, cwd=self.folder, env=self.environment, timeout=120).check_returncode()

    def start(self, *args: str) -> forked.Process:
        """Start a flowbeat process in its own session, with its output in a file of the command's name; see `forked`.

        It runs until the end of the test.
        """
        with (self.folder / f"{args[0]}.out").open("ab") as out:
            process = forked.start_quiet(
                *FLOWBEAT, *args, cwd=self.folder, env=self.environment, output=out, new_session=True
            )
        self.stack.callback(kill_group, process)
        return process

    def serve(self) -> None:
        """Start a worker, and wait until it is ready: commands that wait then start none of their own."""
        self.start("worker", "-c", "1", "--without-mingle", "--without-gossip")
        eventually(lambda: any(line["message"].endswith(" ready.") for line in self.log_lines()))

    def spawn(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        """Start a new program in its own session that runs until the end of the test, with output in ``name.out``."""
        with (self.folder / f"{name}.out").open("ab") as out:
            process = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdout=out, stderr=out, start_new_session=True
            )
        self.stack.callback(kill_group, process)
        return process

    def rows(self, sql: str) -> list[Any]:
        """Return what the database says, read as any user would read it."""
        with closing(sqlite3.connect(self.folder / "flowbeat.db")) as connection, connection:
            return connection.execute(sql).fetchall()

    def execute(self, sql: str) -> None:
        """Change the database behind the program's back."""
        connection = sqlite3.connect(self.folder / "flowbeat.db")
        with connection:
            connection.execute(sql)
        connection.close()

    def has(self, table: str) -> bool:
        """Return whether the database, its schema and a row of the table are there yet."""
        if not (self.folder / "flowbeat.db").exists():
            return False
        named = self.rows(f"select 1 from sqlite_master where name = '{table}'")  # noqa: S608 - a test's own word
        return bool(named and self.rows(f"select 1 from {table} limit 1"))  # noqa: S608 - the same

    def log_lines(self) -> list[dict[str, Any]]:
        """Return every line of every app.log."""
        files = sorted((self.folder / "logs").glob("app.log*"))
        lines = [line for file in files for line in file.read_text().splitlines(keepends=True)]
        return [json.loads(line) for line in lines if line.endswith("\n")]  # the last may be half written


def kill_group(process: subprocess.Popen[bytes] | forked.Process) -> None:
    """End a process and all its children, gently first."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None and number is signal.SIGTERM:
            continue
        try:
            os.killpg(process.pid, number)
            process.wait(5)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue


def eventually(check: Callable[[], Any], seconds: float = 60.0, pause: float = 0.05) -> Any:
    """Return the first true answer of a check, which must come in time; ``pause`` is for checks that cost more."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if result := check():
            return result
        time.sleep(pause)
    raise AssertionError(f"not within {seconds} s")


def open_world(
    stack: ExitStack,
    folder: Path,
    *,
    latency: float = 0.0,
    silent: int = 10,
    requests: int = 1000,
    more: str = "",
    **options: Any,
) -> World:
    """Return a world that lasts as long as the stack, with a quota of ``requests`` a second.

    ``options`` are the sandbox's. Every answer of its Jira takes ``latency`` seconds, until ``hurry`` is called.
    """
    jira = build(Options(**{"issues": 300, **options}), datetime.now(UTC))
    account = jira.site.accounts[0]
    if latency:
        jira.faults.append(faults.slow(latency, times=faults.EVERY_TIME))
    url = stack.enter_context(running(jira))
    text = CONFIG.format(url=url, email=account.email, variable=TOKEN_VARIABLE, silent=silent, requests=requests)
    text += more
    (folder / "flowbeat.toml").write_text(text)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FLOWBEAT_")}
    environment = clean | {TOKEN_VARIABLE: account.token, "COLUMNS": "100"}
    world = World(folder, url, jira, environment)
    stack.callback(stop_server, folder)
    stack.enter_context(world.stack)
    stack.callback(world.hurry)  # so that processes at work end at once
    return world


def copied_world(stack: ExitStack, folder: Path, original: World) -> World:
    """Return a world at the same Jira that begins with the original's data; only its database is a copy."""
    for name in ("flowbeat.toml", "flowbeat.db"):
        shutil.copy(original.folder / name, folder)
    world = World(folder, original.url, original.jira, dict(original.environment))
    stack.callback(stop_server, folder)
    stack.enter_context(world.stack)
    return world


def stop_server(folder: Path) -> None:
    """Stop the embedded server of a folder, if there is one, as its last user."""
    if (folder / ".flowbeat" / "redis").exists():
        embedded.ensure(folder / ".flowbeat").close()
