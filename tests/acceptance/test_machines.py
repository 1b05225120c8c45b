"""Several machines with one Redis and one PostgreSQL: each has its own folder, and all share one Jira quota."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import create_engine, text
from world import World, eventually

from sandbox.faults import Limit
from worker.embedded import server_binary

PASSWORD = "redis-pass-of-the-team"
SECOND_TEAM = """
[profiles.platform]
connection = "sandbox"
jql = "project in (PAY, OPS)"
"""

FETCHING = """SELECT count(DISTINCT profile) FROM runs JOIN issues USING (profile)
    WHERE state = 'running' AND step = 'fetch'"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """Yield the URL of a Redis-compatible server on localhost that requires a password."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = [
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--requirepass",
        PASSWORD,
        "--save",
        "",
        "--dir",
        str(tmp_path),
    ]
    with subprocess.Popen([server_binary(), *options], stdout=subprocess.DEVNULL) as process:
        url = f"redis://:{PASSWORD}@127.0.0.1:{port}/0"
        eventually(lambda: answers(url))
        yield url
        process.terminate()


def answers(url: str) -> bool:
    """Return whether the server answers."""
    try:
        with Redis.from_url(url) as client:
            return bool(client.ping())
    except RedisError:
        return False


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_machines_share_the_runs_the_quota_and_the_results(
    make_world: Callable[..., World], database_url: str, server: str
) -> None:
    """One worker is killed during a fetch, and another ends the run; the quota holds; all read the same results."""
    first = make_world(silent=5, issues=2000, more=SECOND_TEAM, requests=10)
    first.environment |= {"FLOWBEAT_DATABASE_URL": database_url, "FLOWBEAT_REDIS_URL": server}
    first.jira.limit = Limit(10, 1.0)
    second, third = (machine(first, name) for name in ("second", "third"))
    workers = [world.start("worker", "-c", "1", "--without-mingle", "--without-gossip") for world in (second, third)]
    eventually(lambda: all(any("ready." in line["message"] for line in world.log_lines()) for world in (second, third)))
    first.start("beat")
    assert first.run("refresh", "--no-wait").returncode == 0
    eventually(lambda: rows(database_url, FETCHING) == [(2,)])
    os.killpg(workers[0].pid, signal.SIGKILL)
    eventually(lambda: rows(database_url, "SELECT DISTINCT state FROM runs") == [("completed",)], 120)
    assert rows(database_url, "SELECT max(attempt) FROM runs") == [(2,)]
    assert (first.jira.limit.most, first.jira.limit.refused) == (10, 0)
    printed = [world.run("results", "--format", "json").stdout for world in (first, third)]
    assert printed[0] == printed[1] != ""
    assert not any((world.folder / ".flowbeat" / "redis").exists() for world in (first, second, third))
    for world in (first, second, third):
        logged = "".join(file.read_text() for file in (world.folder / "logs").glob("*"))
        assert all(secret not in logged for secret in (PASSWORD, first.token))


def machine(first: World, name: str) -> World:
    """Return another machine with the same configuration."""
    folder = first.folder / name
    folder.mkdir()
    shutil.copy(first.folder / "flowbeat.toml", folder)
    return World(folder, first.url, first.jira, first.environment, first.stack)


def rows(url: str, sql: str) -> list[Any]:
    """Return the rows that a query selects."""
    engine = create_engine(url)
    with engine.connect() as connection:
        stored = [tuple(row) for row in connection.execute(text(sql))]
    engine.dispose()
    return stored
