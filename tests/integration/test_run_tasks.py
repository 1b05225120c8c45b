"""The task base with a real database and a real queue: stale messages, waits, failures and continued runs."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from fetch_world import World, open_world
from redis import Redis
from sqlalchemy.exc import OperationalError

import celeryconfig
from models.records import Run
from models.store import operations, runs
from tasks import steps
from worker import runtime
from worker.errors import FatalError, RetryableError
from worker.runtime import Runtime
from worker.task import LONGEST_COUNTDOWN, RunTask, heartbeating, tries

pytestmark = pytest.mark.usefixtures("redis_client")
Body = Callable[[Runtime, Run], None]


@pytest.fixture
def world(tmp_path: Path, database_url: str, redis_url: str) -> Iterator[World]:
    """Yield a world with the runtime of this process."""
    with open_world(tmp_path, database_url, redis_url) as opened:
        runtime.adopt(opened.current)
        yield opened
        runtime.forget()


@pytest.fixture
def make_task(redis_url: str) -> Callable[..., RunTask]:
    """Return a function that makes a task of a body, in a new application with the real server as queue."""
    return maker(Celery("tests", broker=redis_url.replace("unix://", "redis+socket://")))


@pytest.fixture
def cut_off(tmp_path: Path) -> Celery:
    """Return an application whose queue does not answer, and that does not wait for it."""
    app = Celery("tests", broker=f"redis+socket://{tmp_path}/gone.sock")
    app.conf.task_publish_retry = False
    return app


def maker(app: Celery) -> Callable[..., RunTask]:
    """Return a function that makes a task of a body."""

    def make(body: Body, **options: Any) -> RunTask:
        # Not shared: otherwise Celery would register it with every application of this process.
        named = {"name": "tests.fetch.step", "steps": ("fetch",), **options}
        decorate: Callable[[Body], RunTask] = app.task(base=RunTask, shared=False, **named)
        return decorate(body)

    return make


def queued(redis_client: Redis) -> int:
    """Return the number of messages in the queue."""
    return int(redis_client.llen("fetch"))


def message_time(redis_client: Redis) -> datetime:
    """Return when the only message of the queue is due."""
    message = json.loads(redis_client.lrange("fetch", 0, 0)[0])
    return datetime.fromisoformat(message["headers"]["eta"])


def raising(*errors: Exception) -> Body:
    """Return a body that raises one error after the other, and the last one for ever."""
    left = list(errors)

    def body(_current: Runtime, _run: Run) -> None:
        raise left.pop(0) if len(left) > 1 else left[0]

    return body


def test_a_task_claims_its_run_and_gives_the_body_the_stored_one(
    world: World, make_task: Callable[..., RunTask]
) -> None:
    """The queued run becomes running, with a heartbeat and a start."""
    seen: list[Run] = []

    def body(_current: Runtime, given: Run) -> None:
        seen.append(given)

    run = world.request()
    world.clock.advance(timedelta(seconds=5))
    make_task(body).apply((run.run_id, 1))
    assert [claimed.run_id for claimed in seen] == [run.run_id]
    latest = world.latest(run)
    assert (latest.state, latest.started_at, latest.heartbeat_at) == ("running", world.clock(), world.clock())


@pytest.mark.usefixtures("world")
def test_a_message_of_an_unknown_run_is_logged(
    make_task: Callable[..., RunTask], caplog: pytest.LogCaptureFixture
) -> None:
    """Two installations with one Redis take each other's messages, and the log says so."""
    with caplog.at_level("WARNING", "worker.task"):
        make_task(raising(AssertionError("must not run"))).apply(("00000000-0000-4000-8000-000000000000", 1))
    (record,) = caplog.records
    assert record.message == "run is not in this database"
    assert "give each its own Redis" in record.__dict__["why"]


@pytest.mark.parametrize("what", ["another attempt", "another step", "ended"])
def test_a_stale_message_does_nothing(world: World, make_task: Callable[..., RunTask], what: str) -> None:
    """The body does not run, and no row changes."""
    run = world.request()
    if what == "ended":
        world.end_early(run)
    before = world.latest(run)
    task = make_task(
        raising(AssertionError("must not run")), steps=("facts",) if what == "another step" else ("fetch",)
    )
    task.apply((run.run_id, 2 if what == "another attempt" else 1))
    assert world.latest(run) == before


@pytest.mark.parametrize(("asked", "waited"), [(None, 2.0), (0.1, 1.0), (17.0, 17.0), (3600.0, 3600.0)])
def test_a_retryable_error_pauses_the_run_and_sends_its_message_again(
    world: World, make_task: Callable[..., RunTask], redis_client: Redis, asked: float | None, waited: float
) -> None:
    """The row has the reason and the end of the wait; the message's countdown never exceeds its limit."""
    run = world.request()
    make_task(raising(RetryableError("Jira is busy", asked))).apply((run.run_id, 1))
    latest = world.latest(run)
    assert (latest.state, latest.error) == ("paused", "Jira is busy")
    assert latest.wait_until is not None
    most = waited if asked else waited * 1.25  # without a requested time, the back-off adds jitter
    assert waited <= (latest.wait_until - world.clock()).total_seconds() <= most
    assert queued(redis_client) == 1
    countdown = message_time(redis_client) - datetime.now(UTC)
    assert countdown <= timedelta(seconds=min(most, LONGEST_COUNTDOWN))
    assert countdown > timedelta(seconds=min(waited, LONGEST_COUNTDOWN) - 60)  # even on a busy machine


def test_no_unacknowledged_message_is_delivered_twice() -> None:
    """The longest countdown and the longest task are shorter than the visibility timeout of the queue."""
    assert LONGEST_COUNTDOWN + celeryconfig.task_time_limit <= celeryconfig.visibility_timeout


def test_a_step_that_ended_without_a_queue_is_not_lost(world: World, cut_off: Celery) -> None:
    """Redis stopped before the next message was sent: the run is queued at its next step, and has not failed."""

    def body(current: Runtime, given: Run) -> None:
        with current.sessions.begin() as session:
            assert runs.advance(session, given.run_id, given.attempt, current.clock(session), to="facts")
        steps.enqueue(cut_off, given, "facts")

    run = world.request()
    assert maker(cut_off)(body).apply((run.run_id, 1)).successful()
    assert (world.latest(run).state, world.latest(run).step, world.latest(run).error) == ("queued", "facts", None)


def test_a_pause_that_cannot_send_its_message_is_a_pause(world: World, cut_off: Celery) -> None:
    """The row has the end of the pause; the check for stalled runs requeues it."""
    run = world.request()
    assert maker(cut_off)(raising(RetryableError("Jira is busy"))).apply((run.run_id, 1)).successful()
    assert (world.latest(run).state, world.latest(run).error) == ("paused", "Jira is busy")


def test_a_database_that_stopped_is_a_retryable_error(world: World, make_task: Callable[..., RunTask]) -> None:
    """A restart of PostgreSQL during a step must not fail the run."""
    run = world.request()
    make_task(raising(OperationalError("select 1", {}, Exception("server closed")))).apply((run.run_id, 1))
    latest = world.latest(run)
    assert latest.state == "paused"
    assert "OperationalError" in str(latest.error)
    assert "select" not in str(latest.error)


@pytest.mark.parametrize(("attempts", "waits"), [(1, 7), (4, 1), (5, 1)])
def test_failed_attempts_are_limited(
    world: World, make_task: Callable[..., RunTask], attempts: int, waits: int
) -> None:
    """There are eight, in one slice or in several; run and Fetch Operation fail with the last reason."""
    run = world.request()
    with world.current.sessions.begin() as session:
        operations.save_fetch(session, world.operation(run))
    busy = [RetryableError("Jira is busy", tries=attempts)] * waits
    task = make_task(raising(*busy, RetryableError("Jira answered 503", tries=attempts)))
    for _ in range(waits):
        task.apply((run.run_id, 1))
        assert world.latest(run).state == "paused"
    task.apply((run.run_id, 1))
    latest = world.latest(run)
    assert latest.state == "failed"
    assert (
        latest.error == f"Jira answered 503; given up after {attempts * (waits + 1)} tries: flowbeat check looks closer"
    )
    with world.current.reads() as session:
        fetched = operations.fetch_of(session, run.run_id)
    assert fetched is not None
    assert (fetched.state, fetched.error) == ("failed", latest.error)


def test_progress_resets_the_count_of_attempts(world: World, make_task: Callable[..., RunTask]) -> None:
    """A step with progress writes a cursor without the count."""
    run = world.request()
    task = make_task(raising(RetryableError("Jira is busy", tries=4)))
    for _ in range(3):
        task.apply((run.run_id, 1))
        assert tries(world.latest(run)) == 4
        with world.current.sessions.begin() as session:
            runs.heartbeat(session, run.run_id, 1, world.clock(), cursor={"stage": "census"})
    assert world.latest(run).state == "paused"


def test_a_wait_for_a_pause_is_not_a_failed_attempt(world: World, make_task: Callable[..., RunTask]) -> None:
    """Jira may refuse requests for an hour, and refuse again because of another worker's requests."""
    run = world.request()
    task = make_task(raising(RetryableError("Jira asked for a pause", 3600.0, tries=0)))
    for _ in range(12):
        task.apply((run.run_id, 1))
        assert world.latest(run).state == "paused"
        world.clock.advance(timedelta(hours=1))
    assert tries(world.latest(run)) == 0


def test_attempts_of_ten_minutes_fail_the_run(world: World, make_task: Callable[..., RunTask]) -> None:
    """A Jira that fails only after minutes is not tried eight times; waits between attempts do not count."""
    run = world.request()

    def slow(_current: Runtime, _run: Run) -> None:
        world.clock.advance(timedelta(minutes=3))
        raise RetryableError("Jira timed out", 300.0)

    task = make_task(slow)
    for _ in range(3):
        task.apply((run.run_id, 1))
        assert world.latest(run).state == "paused"
        world.clock.advance(timedelta(hours=5))
    task.apply((run.run_id, 1))
    assert world.latest(run).error == "Jira timed out; given up after 4 tries: flowbeat check looks closer"


def test_a_run_has_heartbeats_while_a_step_works(world: World) -> None:
    """A separate thread sends them, because an answer of Jira or a metric may take longer than a stall."""
    run = world.request()
    world.clock.advance(timedelta(minutes=1))
    with heartbeating(world.current, run, every=0.01):
        until = time.monotonic() + 10
        while world.latest(run).heartbeat_at == run.heartbeat_at and time.monotonic() < until:
            time.sleep(0.01)
    assert world.latest(run).heartbeat_at == world.clock()
    world.clock.advance(timedelta(minutes=1))
    time.sleep(0.05)
    assert world.latest(run).heartbeat_at < world.clock()


def test_every_step_has_a_heartbeat(world: World, make_task: Callable[..., RunTask]) -> None:
    """The body needs no code for it; the heartbeat ends with the step, whatever ended it."""
    run = world.request()
    seen: list[bool] = []

    def body(_current: Runtime, _run: Run) -> None:
        world.clock.advance(timedelta(minutes=1))
        until = time.monotonic() + 10
        while world.latest(run).heartbeat_at != world.clock() and time.monotonic() < until:
            time.sleep(0.05)
        seen.append(world.latest(run).heartbeat_at == world.clock())
        raise FatalError("enough")

    make_task(body, steps=("fetch",)).apply((run.run_id, 1))
    assert seen == [True]
    assert not [thread for thread in threading.enumerate() if thread.name == "heartbeat"]


def test_a_fatal_error_fails_the_run_and_its_fetch(
    world: World, make_task: Callable[..., RunTask], redis_client: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """Both rows and the log have one sentence without a traceback, and no further message is sent."""
    run = world.request()
    with world.current.sessions.begin() as session:
        operations.save_fetch(session, world.operation(run))
    make_task(raising(FatalError("Jira refused the login"))).apply((run.run_id, 1))
    latest = world.latest(run)
    assert (latest.state, latest.error, latest.ended_at) == ("failed", "Jira refused the login", world.clock())
    with world.current.reads() as session:
        fetched = operations.fetch_of(session, run.run_id)
    assert fetched is not None
    assert (fetched.state, fetched.error) == ("failed", "Jira refused the login")
    assert [record.message for record in caplog.records if record.name == "worker.task"] == ["run failed"]
    assert not any(record.exc_info for record in caplog.records)
    assert queued(redis_client) == 0


def test_an_unexpected_error_is_named_only_by_its_type(world: World, make_task: Callable[..., RunTask]) -> None:
    """Its text may contain data; the log has the redacted text."""
    run = world.request()
    make_task(raising(KeyError("jane.doe@acme.example"))).apply((run.run_id, 1))
    latest = world.latest(run)
    assert latest.state == "failed"
    assert "KeyError" in str(latest.error)
    assert "jane" not in str(latest.error)


def test_a_task_that_records_its_error_does_not_fail_the_run(world: World, make_task: Callable[..., RunTask]) -> None:
    """Metrics record a `calculation_error` in this way."""
    recorded: list[str] = []

    def recover(_current: Runtime, _run: Run, error: Exception) -> None:
        recorded.append(type(error).__name__)

    run = world.request()
    make_task(raising(ZeroDivisionError()), recover=staticmethod(recover)).apply((run.run_id, 1))
    assert recorded == ["ZeroDivisionError"]
    assert world.latest(run).state == "running"
