"""How long a run waits for a Jira: one minute if it has never answered, and much longer if it has."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from fetch_world import TimedRuntime, World, open_world
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection
from urllib3.exceptions import MaxRetryError, NewConnectionError

from models.records import Run
from sandbox.faults import failing
from tasks.fetch import task
from tasks.fetch.task import work
from worker import runtime
from worker.jira.client import Client
from worker.settings import Connection
from worker.task import MAX_TRIES, tries

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
POOL = HTTPConnectionPool("acme.example")
NO_CONNECTION = NewConnectionError(HTTPConnection("acme.example"), "Connection refused")
REFUSED = requests.ConnectionError(MaxRetryError(POOL, "/", NO_CONNECTION))
SILENT = requests.ReadTimeout("Read timed out.")
NOBODY = requests.ConnectTimeout("timed out")


class Way:
    """The way to Jira: it raises `error` after `seconds`, or is open if that is None."""

    error: Exception | None = None
    seconds = 0.0
    world: World

    def __call__(self) -> None:
        """Return, or advance the world's clock and raise the error."""
        if self.error is not None:
            self.world.clock.advance(timedelta(seconds=self.seconds))
            raise self.error


class QuickRuntime(TimedRuntime):
    """A runtime whose client does not sleep."""

    def client(self, connection: Connection, *more: Any, **past: Any) -> Client:
        """Return a client that does not sleep."""
        made = super().client(connection, *more, **past)
        made._sleep = lambda _: None
        return made


@pytest.fixture
def way() -> Way:
    """Return an open way."""
    return Way()


@pytest.fixture
def world(way: Way, tmp_path: Path, database_url: str, redis_url: str) -> Iterator[World]:
    """Yield a Cloud site that is reached over this way."""
    with open_world(tmp_path, database_url, redis_url, before=way) as opened:
        way.world, old = opened, opened.current
        opened.current = QuickRuntime(old.settings, old.now, old.open_session)
        runtime.adopt(opened.current)
        yield opened
        opened.current.close()
        runtime.forget()


def _run_to_its_end(world: World) -> tuple[Run, float, int]:
    """Return the ended run, its seconds by its own clock, and its number of slices, without waiting for pauses."""
    run, started, slices = world.request(), world.clock(), 0
    while (latest := world.latest(run)).state not in ("failed", "completed"):
        if latest.wait_until is not None and latest.state == "paused":
            world.clock.advance(max(timedelta(0), latest.wait_until - world.clock()))
        world.current.redis.flushall()  # the pauses between the slices are over at once
        task.fetch_slice(run.run_id, run.attempt)
        slices += 1
    return latest, (world.clock() - started).total_seconds(), slices


@pytest.mark.parametrize(
    ("error", "seconds", "longest"),
    [(REFUSED, 0.0, 45), (NOBODY, 10.0, 60), (SILENT, 30.0, 63)],
    ids=["closed port", "nobody there", "silence"],
)
def test_a_jira_that_has_never_answered_fails_the_run_within_a_minute(
    world: World, way: Way, error: Exception, seconds: float, longest: float
) -> None:
    """There is more than one attempt, and a message with the reason: the address was probably just written."""
    way.error, way.seconds = error, seconds
    run, spent, slices = _run_to_its_end(world)
    assert run.state == "failed"
    assert slices > 1
    assert spent <= longest
    assert str(run.error).startswith("acme.example cannot be reached (")
    assert f"given up after {slices} tries, because nothing has ever answered there: flowbeat check" in str(run.error)


def test_a_jira_that_has_answered_before_is_waited_for_longer(world: World, way: Way) -> None:
    """It is being restarted, or the network is down: the copy shows that the address is right."""
    world.fetch()
    way.error = REFUSED
    run, spent, slices = _run_to_its_end(world)
    assert (run.state, slices) == ("failed", MAX_TRIES)
    assert spent > 120
    assert "because nothing has ever answered" not in str(run.error)


def test_the_copy_of_another_address_does_not_count(world: World, way: Way) -> None:
    """A new address may be as wrong as a first one."""
    world.fetch()
    world.connection(base_url="https://acme.example/jira")
    way.error = REFUSED
    run, spent, _ = _run_to_its_end(world)
    assert (run.state, spent <= 60) == ("failed", True)


def test_a_jira_that_answered_this_run_is_waited_for_in_its_first_fetch_too(world: World, way: Way) -> None:
    """A fetch that has begun is not failed by a short outage."""
    run = world.request()
    assert work(world.current, run, seconds=0) == "fetch"
    world.end_early(run)
    way.error = REFUSED
    fresh = world.request()
    with world.current.sessions.begin() as session:
        session.connection().exec_driver_sql(
            "UPDATE runs SET cursor = ? WHERE run_id = ?", (json.dumps(world.latest(run).cursor), fresh.run_id)
        )
    way.seconds = 20.0
    task.fetch_slice(fresh.run_id, fresh.attempt)
    latest = world.latest(fresh)
    assert (latest.state, tries(latest)) == ("paused", 4)


def test_an_error_page_counts_as_an_answer(world: World) -> None:
    """A site in maintenance exists, so the run waits for it as long as for any other."""
    world.jira.faults.append(failing(503, retry_after=600, endpoint="serverInfo", times=99))
    run, _, slices = _run_to_its_end(world)
    assert slices == MAX_TRIES
    assert "because nothing has ever answered" not in str(run.error)
