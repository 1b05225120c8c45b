"""Several machines at one Redis and one PostgreSQL: folders of their own, nothing else shared, one Jira quota."""

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
    """Yield the URL of a Redis-compatible server that asks for a password, on a port of this machine."""
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
    """Return whether the server is there."""
    try:
        with Redis.from_url(url) as client:
            return bool(client.ping())
    except RedisError:
        return False


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_machines_share_the_runs_the_quota_and_the_results(
    make_world: Callable[..., World], database_url: str, server: str
) -> None:
    """One dies in the middle of a fetch, another ends the run; Jira sees no more than the quota; all read the same."""
    one = make_world(silent=5, issues=2000, more=SECOND_TEAM, requests=10)
    one.environment |= {"FLOWBEAT_DATABASE_URL": database_url, "FLOWBEAT_REDIS_URL": server}
    one.jira.limit = Limit(10, 1.0)
    two, three = (machine(one, name) for name in ("two", "three"))
    workers = [each.start("worker", "-c", "1", "--without-mingle", "--without-gossip") for each in (two, three)]
    eventually(lambda: all(any("ready." in line["message"] for line in each.log_lines()) for each in (two, three)))
    one.start("beat")
    assert one.run("refresh", "--no-wait").returncode == 0
    eventually(lambda: rows(database_url, FETCHING) == [(2,)])
    os.killpg(workers[0].pid, signal.SIGKILL)
    eventually(lambda: rows(database_url, "SELECT DISTINCT state FROM runs") == [("completed",)], 120)
    assert rows(database_url, "SELECT max(attempt) FROM runs") == [(2,)]
    assert (one.jira.limit.most, one.jira.limit.refused) == (10, 0)
    told = [each.run("results", "--format", "json").stdout for each in (one, three)]
    assert told[0] == told[1] != ""
    assert not any((each.folder / ".flowbeat" / "redis").exists() for each in (one, two, three))
    for each in (one, two, three):
        found = "".join(file.read_text() for file in (each.folder / "logs").glob("*"))
        assert all(secret not in found for secret in (PASSWORD, one.token))


def machine(one: World, name: str) -> World:
    """Another machine with the same configuration."""
    folder = one.folder / name
    folder.mkdir()
    shutil.copy(one.folder / "flowbeat.toml", folder)
    return World(folder, one.url, one.jira, one.environment, one.stack)


def rows(url: str, sql: str) -> list[Any]:
    """Return what the database says."""
    engine = create_engine(url)
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(text(sql))]
    engine.dispose()
    return found
