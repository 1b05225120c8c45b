"""The client against a Jira that limits requests: the effects on a request, a run and all other workers."""

import socketserver
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import pytest
from fetch_world import World, open_world

from models.records import Run
from models.store import operations, runs
from sandbox.faults import Fault, Limit, failing, too_many
from sandbox.server import Options, build, running
from sandbox.wire import Response
from tasks.fetch import task
from worker import runtime
from worker.limiter import Limiter, NoSlotError
from worker.runtime import Runtime
from worker.settings import Connection, Settings
from worker.task import MAX_TRIES, tries

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
pytestmark = pytest.mark.usefixtures("redis_client")


@pytest.fixture
def world(tmp_path: Path, database_url: str, redis_url: str) -> Iterator[World]:
    """Yield a Cloud site and the runtime of this process."""
    with open_world(tmp_path, database_url, redis_url) as opened:
        runtime.adopt(opened.current)
        yield opened
        runtime.forget()


def limiter_of(world: World) -> Limiter:
    """Return the limiter that all workers of this connection share."""
    connection = world.current.settings.connections["sandbox"]
    return world.current.limiter(connection, connection.token({}))


# --- Jira's refusals ------------------------------------------------------------------------------------------------

A_SECOND_LATER = "Mon, 02 Mar 2026 09:30:01 GMT"  # one second later than the world's clock


def saying(status: int, **headers: str) -> Fault:
    """Return a refusal with these headers and no body."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fault("serverInfo", instead=Response(status, b"", named))


@on_sqlite
@pytest.mark.parametrize(
    "fault",
    [
        too_many(1, endpoint="serverInfo"),
        too_many(None, endpoint="serverInfo"),
        failing(503, endpoint="serverInfo"),
        failing(502, retry_after=1, endpoint="serverInfo"),
        saying(429, Retry_After=A_SECOND_LATER),
        saying(429, X_RateLimit_Reset="2026-03-02T09:30Z", RateLimit_Reason="jira-of-tomorrow"),
    ],
    ids=["429", "gateway 429", "503", "502 that names a wait", "a date", "a reset"],
)
def test_a_temporary_refusal_costs_only_a_wait(world: World, fault: Fault) -> None:
    """The copy is complete; the wait is counted, and it held all workers until a moment ago."""
    world.jira.faults.append(fault)
    operation = world.fetch()
    assert fault.hits == 1
    assert len(world.copy()["issues"]) == len(world.shown())
    assert operation.api_calls_made == len(world.jira.log)
    assert operation.rate_limit_delays >= 1


@on_sqlite
def test_the_bucket_of_data_center_is_never_emptied_twice(tmp_path: Path, database_url: str, redis_url: str) -> None:
    """Flowbeat's own limit is far higher: only the headers of Jira's answers prevent a refusal."""
    with open_world(tmp_path, database_url, redis_url, flavour="datacenter") as world:
        world.connection(concurrency=1, requests=1000, per_seconds=1.0)
        world.jira.limit = Limit(3, 1.0)
        operation = world.fetch()
        assert operation.api_calls_made > world.jira.limit.requests
        assert world.jira.limit.refused == 0
        assert operation.rate_limit_delays > 0
        assert len(world.copy()["issues"]) == len(world.shown())


# --- attempts of a run ----------------------------------------------------------------------------------------------


def slices(world: World, run: Run, many: int) -> list[str]:
    """Return the state of the run after each of its next slices; the pauses between them are over at once."""
    states = []
    for _ in range(many):
        world.current.redis.flushall()
        task.fetch_slice(run.run_id, run.attempt)
        states.append(world.latest(run).state)
    return states


@on_sqlite
def test_a_jira_that_stays_closed_fails_the_fetch_after_eight_tries(world: World) -> None:
    """Run and Fetch Operation have the last reason; every call is counted; the copy is unchanged."""
    world.fetch()
    before = world.copy()
    world.jira.faults += [
        failing(503, retry_after=600, endpoint="serverInfo", times=MAX_TRIES - 1),
        too_many(900, endpoint="serverInfo"),
    ]
    run = world.request()
    assert slices(world, run, MAX_TRIES) == ["paused"] * (MAX_TRIES - 1) + ["failed"]
    with world.current.reads() as session:
        operation = operations.fetch_of(session, run.run_id)
    assert operation is not None
    assert (operation.state, operation.api_calls_made) == ("failed", MAX_TRIES)
    assert operation.rate_limit_delays == MAX_TRIES
    assert str(operation.error).endswith(
        "answered 429 (jira-burst-based); given up after 8 tries: flowbeat check looks closer"
    )
    assert world.latest(run).error == operation.error
    assert world.copy() == before


@on_sqlite
def test_tries_are_counted_since_the_last_progress(world: World) -> None:
    """The fetch continues after seven failures, a page, and seven more failures.

    From its third try on, a list asks another question of the same endpoint first.
    """
    for endpoint, times in (("serverInfo", MAX_TRIES - 1), ("search/jql", 2 + 2 * (MAX_TRIES - 3))):
        world.jira.faults.append(failing(503, retry_after=600, endpoint=endpoint, times=times))
    run = world.request()
    states = slices(world, run, 2 * MAX_TRIES - 1)
    assert states[:-1] == ["paused"] * (2 * MAX_TRIES - 2)
    assert world.latest(run).step == "facts"


def in_trouble(world: World, run: Run, tried: int) -> None:
    """Store that the run has failed attempts."""
    with world.current.sessions.begin() as session:
        cursor = {**world.latest(run).cursor, "trouble": {"tries": tried, "seconds": 0.0}}
        runs.heartbeat(session, run.run_id, 1, world.clock(), cursor=cursor)


@on_sqlite
def test_a_new_slice_continues_the_back_off(world: World) -> None:
    """After one attempt the wait is longer than the last one, not two seconds again."""
    world.jira.faults += [
        failing(503, retry_after=600, endpoint="serverInfo"),
        failing(502, endpoint="serverInfo", times=9),
    ]
    run = world.request()
    assert slices(world, run, 1) == ["paused"]
    in_trouble(world, run, 4)
    world.jira.log.clear()
    assert slices(world, run, 1) == ["paused"]
    latest = world.latest(run)
    assert (len(world.jira.log), tries(latest)) == (1, 5)
    assert latest.wait_until is not None
    assert timedelta(seconds=32) <= latest.wait_until - world.clock() <= timedelta(seconds=40)


@on_sqlite
def test_progress_within_a_slice_gives_back_its_patience(world: World) -> None:
    """After a success, a later failure is retried as if there had been no failure before."""
    world.jira.faults.append(failing(502, endpoint="search/jql"))
    run = world.request()
    in_trouble(world, run, MAX_TRIES - 1)
    task.fetch_slice(run.run_id, run.attempt)
    assert world.latest(run).step == "facts"


@on_sqlite
def test_a_pause_set_by_another_makes_the_run_wait_without_a_request(world: World) -> None:
    """No request is sent, no failure is counted, and the run continues when the pause is over."""
    limiter_of(world).pause(600.0, "jira-quota-global-based")
    run = world.request()
    task.fetch_slice(run.run_id, run.attempt)
    latest = world.latest(run)
    assert (latest.state, world.jira.log, tries(latest)) == ("paused", [], 0)
    assert "Jira asked for a pause" in str(latest.error)
    assert latest.wait_until is not None
    assert timedelta(seconds=590) < latest.wait_until - world.clock() <= timedelta(seconds=600)


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "unix:///nonexistent/redis.sock"])
def test_without_redis_no_request_is_sent_and_nobody_waits_for_it(tmp_path: Path, url: str) -> None:
    """The slice ends at once and is retried later: the run waits, not the worker."""
    jira = build(Options(issues=1), datetime.now(UTC))
    with running(jira) as base_url:
        connection = Connection("acme", base_url)
        current = Runtime(Settings("sqlite://", tmp_path, tmp_path, redis_url=url))
        started = time.monotonic()
        with pytest.raises(NoSlotError, match="Redis did not answer the limiter"):
            current.client(connection).get("/rest/api/3/serverInfo")
        assert time.monotonic() - started < 3.0
        assert jira.log == []
        current.close()


class Dropping(socketserver.BaseRequestHandler):
    """A handler that ends each connection at once and counts them."""

    seen: ClassVar[list[str]] = []

    def handle(self) -> None:
        """Count one connection."""
        self.seen.append("one")


def test_a_redis_that_drops_connections_is_tried_twice(tmp_path: Path) -> None:
    """More attempts are made by the run, which frees the worker between them."""
    Dropping.seen.clear()
    with socketserver.TCPServer(("127.0.0.1", 0), Dropping) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        url = f"redis://127.0.0.1:{server.server_address[1]}/0"
        current = Runtime(Settings("sqlite://", tmp_path, tmp_path, redis_url=url))
        with pytest.raises(NoSlotError):
            current.limiter(Connection("acme", "https://acme.example"), None).state()
        current.close()
        server.shutdown()
        thread.join()
    assert len(Dropping.seen) == 2
