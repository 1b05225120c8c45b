"""The task base on a real database and a real queue: the fence, the waits, the failures, and who goes on."""

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
    """Yield a world whose runtime is this process's."""
    with open_world(tmp_path, database_url, redis_url) as opened:
        runtime.adopt(opened.current)
        yield opened
        runtime.forget()


@pytest.fixture
def make_task(redis_url: str) -> Callable[..., RunTask]:
    """Make a task of a body on an application of its own, whose queue is the real server."""
    return maker(Celery("tests", broker=redis_url.replace("unix://", "redis+socket://")))


@pytest.fixture
def cut_off(tmp_path: Path) -> Celery:
    """Return an application whose queue is gone, and that does not wait for it."""
    app = Celery("tests", broker=f"redis+socket://{tmp_path}/gone.sock")
    app.conf.task_publish_retry = False
    return app


def maker(app: Celery) -> Callable[..., RunTask]:
    """Make a task of a body."""

    def make(body: Body, **options: Any) -> RunTask:
        # Not shared: else Celery would register it with every application of this process.
        named = {"name": "tests.step", "steps": ("fetch",), **options}
        decorate: Callable[[Body], RunTask] = app.task(base=RunTask, shared=False, **named)
        return decorate(body)

    return make


def queued(redis_client: Redis) -> int:
    """Messages in the queue."""
    return int(redis_client.llen("celery"))


def message_time(redis_client: Redis) -> datetime:
    """Return when the one message of the queue is due."""
    message = json.loads(redis_client.lrange("celery", 0, 0)[0])
    return datetime.fromisoformat(message["headers"]["eta"])


def raising(*errors: Exception) -> Body:
    """Return a body that raises one after the other, the last for ever."""
    left = list(errors)

    def body(_current: Runtime, _run: Run) -> None:
        raise left.pop(0) if len(left) > 1 else left[0]

    return body


def test_a_task_takes_its_run_and_hands_the_body_what_is_stored(
    world: World, make_task: Callable[..., RunTask]
) -> None:
    """Queued becomes running, with a sign of life and a beginning."""
    seen: list[Run] = []

    def body(_current: Runtime, given: Run) -> None:
        seen.append(given)

    run = world.request()
    world.clock.advance(timedelta(seconds=5))
    make_task(body).apply((run.run_id, 1))
    assert [each.run_id for each in seen] == [run.run_id]
    latest = world.latest(run)
    assert (latest.state, latest.started_at, latest.heartbeat_at) == ("running", world.clock(), world.clock())


@pytest.mark.usefixtures("world")
def test_a_message_of_a_run_that_nobody_here_knows_is_named(
    make_task: Callable[..., RunTask], caplog: pytest.LogCaptureFixture
) -> None:
    """Two installations on one Redis swallow each other's messages: the log says so."""
    with caplog.at_level("WARNING", "worker.task"):
        make_task(raising(AssertionError("must not run"))).apply(("00000000-0000-4000-8000-000000000000", 1))
    (record,) = caplog.records
    assert record.message == "run is not in this database"
    assert "give each its own Redis" in record.__dict__["why"]


@pytest.mark.parametrize("what", ["another attempt", "another step", "ended"])
def test_a_message_of_a_run_that_moved_on_does_nothing(
    world: World, make_task: Callable[..., RunTask], what: str
) -> None:
    """The fence: neither the body runs nor does a row change."""
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
def test_a_passing_fault_makes_the_run_wait_and_sends_it_round_again(
    world: World, make_task: Callable[..., RunTask], redis_client: Redis, asked: float | None, waited: float
) -> None:
    """The row says why and until when; the message that brings it back never sleeps longer than a countdown may."""
    run = world.request()
    make_task(raising(RetryableError("Jira is busy", asked))).apply((run.run_id, 1))
    latest = world.latest(run)
    assert (latest.state, latest.error) == ("paused", "Jira is busy")
    assert latest.wait_until is not None
    most = waited if asked else waited * 1.25  # where nobody named a time, the back-off's jitter is added
    assert waited <= (latest.wait_until - world.clock()).total_seconds() <= most
    assert queued(redis_client) == 1
    countdown = message_time(redis_client) - datetime.now(UTC)
    assert countdown <= timedelta(seconds=min(most, LONGEST_COUNTDOWN))
    assert countdown > timedelta(seconds=min(waited, LONGEST_COUNTDOWN) - 60)  # however busy this machine is


def test_no_message_in_hand_is_given_out_a_second_time() -> None:
    """The longest countdown and the longest task both fit into the time after which the queue gives it to another."""
    assert LONGEST_COUNTDOWN + celeryconfig.task_time_limit <= celeryconfig.visibility_timeout


def test_a_step_that_ended_without_its_queue_is_not_lost(world: World, cut_off: Celery) -> None:
    """Redis went away before the next message was sent: the run stands queued at its next step, and nothing failed."""

    def body(current: Runtime, given: Run) -> None:
        with current.sessions.begin() as session:
            assert runs.advance(session, given.run_id, given.attempt, current.clock(session), to="facts")
        steps.enqueue(cut_off, given.run_id, given.attempt, "facts")

    run = world.request()
    assert maker(cut_off)(body).apply((run.run_id, 1)).successful()
    assert (world.latest(run).state, world.latest(run).step, world.latest(run).error) == ("queued", "facts", None)


def test_a_wait_that_cannot_send_its_message_is_a_wait(world: World, cut_off: Celery) -> None:
    """The row says when; whoever looks for silent runs brings it back."""
    run = world.request()
    assert maker(cut_off)(raising(RetryableError("Jira is busy"))).apply((run.run_id, 1)).successful()
    assert (world.latest(run).state, world.latest(run).error) == ("paused", "Jira is busy")


def test_a_database_that_went_away_is_a_passing_fault(world: World, make_task: Callable[..., RunTask]) -> None:
    """A restart of PostgreSQL in the middle of a step must not fail the run."""
    run = world.request()
    make_task(raising(OperationalError("select 1", {}, Exception("server closed")))).apply((run.run_id, 1))
    latest = world.latest(run)
    assert latest.state == "paused"
    assert "OperationalError" in str(latest.error)
    assert "select" not in str(latest.error)


@pytest.mark.parametrize(("each", "waits"), [(1, 7), (4, 1), (5, 1)])
def test_tries_in_vain_come_to_an_end(world: World, make_task: Callable[..., RunTask], each: int, waits: int) -> None:
    """Eight, however many of them a slice makes; run and Fetch Operation are failed with the last reason."""
    run = world.request()
    with world.current.sessions.begin() as session:
        operations.save_fetch(session, world.operation(run))
    busy = [RetryableError("Jira is busy", tries=each)] * waits
    task = make_task(raising(*busy, RetryableError("Jira answered 503", tries=each)))
    for _ in range(waits):
        task.apply((run.run_id, 1))
        assert world.latest(run).state == "paused"
    task.apply((run.run_id, 1))
    latest = world.latest(run)
    assert latest.state == "failed"
    assert latest.error == f"Jira answered 503; given up after {each * (waits + 1)} tries: flowbeat check looks closer"
    with world.current.reads() as session:
        fetched = operations.fetch_of(session, run.run_id)
    assert fetched is not None
    assert (fetched.state, fetched.error) == ("failed", latest.error)


def test_progress_makes_the_count_of_tries_begin_anew(world: World, make_task: Callable[..., RunTask]) -> None:
    """Whoever makes progress writes a cursor without it."""
    run = world.request()
    task = make_task(raising(RetryableError("Jira is busy", tries=4)))
    for _ in range(3):
        task.apply((run.run_id, 1))
        assert tries(world.latest(run)) == 4
        with world.current.sessions.begin() as session:
            runs.heartbeat(session, run.run_id, 1, world.clock(), cursor={"stage": "census"})
    assert world.latest(run).state == "paused"


def test_a_wait_for_a_pause_is_no_try_and_takes_no_patience(world: World, make_task: Callable[..., RunTask]) -> None:
    """Jira may close for an hour, and another worker's requests may make it do so again."""
    run = world.request()
    task = make_task(raising(RetryableError("Jira asked for a pause", 3600.0, tries=0)))
    for _ in range(12):
        task.apply((run.run_id, 1))
        assert world.latest(run).state == "paused"
        world.clock.advance(timedelta(hours=1))
    assert tries(world.latest(run)) == 0


def test_ten_minutes_of_trying_in_vain_are_enough(world: World, make_task: Callable[..., RunTask]) -> None:
    """A Jira that takes minutes to answer nothing is not asked eight times; the waits between do not count."""
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


def test_a_run_shows_signs_of_life_while_a_step_works(world: World) -> None:
    """From a thread of its own: an answer of Jira, or a metric, may take longer than the silence allowed."""
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


def test_every_step_beats(world: World, make_task: Callable[..., RunTask]) -> None:
    """Without a word from its body; the beat ends with the step, whatever ended it."""
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


def test_an_error_for_a_person_fails_the_run_and_its_fetch(
    world: World, make_task: Callable[..., RunTask], redis_client: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """One sentence in both rows and in the log, without a traceback, and no further message."""
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


def test_an_error_nobody_foresaw_is_named_by_its_type_alone(world: World, make_task: Callable[..., RunTask]) -> None:
    """Its text may hold data; the log has it, redacted."""
    run = world.request()
    make_task(raising(KeyError("jane.doe@acme.example"))).apply((run.run_id, 1))
    latest = world.latest(run)
    assert latest.state == "failed"
    assert "KeyError" in str(latest.error)
    assert "jane" not in str(latest.error)


def test_a_task_that_can_record_its_error_lets_the_run_go_on(world: World, make_task: Callable[..., RunTask]) -> None:
    """As the metrics do with calculation_error."""
    recorded: list[str] = []

    def recover(_current: Runtime, _run: Run, error: Exception) -> None:
        recorded.append(type(error).__name__)

    run = world.request()
    make_task(raising(ZeroDivisionError()), recover=staticmethod(recover)).apply((run.run_id, 1))
    assert recorded == ["ZeroDivisionError"]
    assert world.latest(run).state == "running"
