"""Many processes that send requests to one Jira through one limiter: they obey its quota and its pauses.

The file is also such a process: run as a program it requests one endpoint as often as the limiter allows.
"""

import os
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime

import forked
import pytest
from redis import Redis

from sandbox.api import Jira
from sandbox.faults import Limit, too_many
from sandbox.server import Options, build, running
from sandbox.team import EMAIL, TOKEN
from worker.jira.client import Client
from worker.limiter import Limiter
from worker.settings import Connection

pytestmark = pytest.mark.usefixtures("redis_client")


def crowd(jira: Jira, redis_url: str, quota: tuple[int, float], *, processes: int, seconds: float) -> list[datetime]:
    """Return when the requests arrived that several processes sent as often as their limiter allowed."""
    with running(jira) as base_url:
        words = (__file__, base_url, redis_url, *map(str, quota), str(seconds))
        started = [forked.Conversation(*words, env=os.environ) for _ in range(processes)]
        for process in started:
            assert process.line() == "ready\n"
        for process in started:
            process.write("go\n")
        sent = [int(process.end()) for process in started]
    assert sum(sent) == len(jira.log)
    return [datetime.fromisoformat(seen.at) for seen in jira.log]


def test_ten_processes_never_exceed_their_limit(redis_url: str) -> None:
    """Jira enforces the same quota when requests arrive, and answers none with 429."""
    jira = build(Options(issues=1), datetime.now(UTC))
    jira.limit = Limit(50, 1.0)
    arrived = crowd(jira, redis_url, (50, 1.0), processes=10, seconds=5.0)
    assert len(arrived) > jira.limit.requests
    assert (jira.limit.refused, jira.limit.most <= jira.limit.requests) == (0, True)


def test_a_pause_of_one_process_holds_the_others(redis_url: str) -> None:
    """After one process received a 429, only requests already on their way arrive until the pause is over."""
    jira = build(Options(issues=1), datetime.now(UTC))
    jira.faults.append(replace(too_many(3), after=20))
    arrived = crowd(jira, redis_url, (50, 1.0), processes=4, seconds=5.0)
    paused_at = next(at for at, seen in zip(arrived, jira.log, strict=True) if seen.status == 429)
    after = [(at - paused_at).total_seconds() for at in arrived if at > paused_at]
    assert [at for at in after if 1.5 < at < 3.0] == []
    assert [at for at in after if at >= 3.0]


def _main(base_url: str, redis_url: str, requests: str, per_seconds: str, seconds: str) -> None:
    connection = Connection("acme", base_url, email=EMAIL)
    with Redis.from_url(redis_url) as redis:
        limiter = Limiter(redis, key="crowd", requests=int(requests), per_seconds=float(per_seconds))
        client = Client(connection, TOKEN, limiter)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        until = time.monotonic() + float(seconds)
        while time.monotonic() < until:
            client.get("/rest/api/3/serverInfo")
        sys.stdout.write(str(client.traffic.take()[0]))


if __name__ == "__main__":
    _main(*sys.argv[1:])
