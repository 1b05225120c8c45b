"""Runs are timed by the database's clock, and fail only after many killed workers without progress."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fetch_world import NAME, World, open_world
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from models.database import migrate
from models.records import Run
from models.store import operations, runs
from tasks import calculate, maintain, steps
from tasks.fetch.task import work
from worker.runtime import Runtime
from worker.settings import Settings
from worker.task import heartbeating, record_heartbeat


def machine(folder: Path, database_url: str, redis_url: str, off: float) -> Runtime:
    """Return the runtime of a machine with the same database and a clock that is wrong by some seconds."""
    settings = Settings(database_url, folder, folder, redis_url=redis_url)
    return Runtime(settings, lambda: datetime.now(UTC) + timedelta(seconds=off))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("off", [-45.0, 45.0])
def test_a_machine_whose_clock_is_wrong_keeps_its_runs(
    tmp_path: Path, database_url: str, redis_url: str, off: float
) -> None:
    """It does not take runs of others either: a run is stalled after 30 s, and no heartbeat is older than that."""
    wrong, right = (machine(tmp_path, database_url, redis_url, difference) for difference in (off, 0.0))
    migrate(right.engine)
    for worker, sweeper in ((wrong, right), (right, wrong)):
        run, _ = steps.request(worker.sessions, f"of {off} {worker is wrong}", "refresh", worker.run_time())
        with worker.sessions.begin() as session:
            taken = runs.claim(session, run.run_id, 1, ("fetch",), worker.clock(session))
        assert taken is not None
        record_heartbeat(worker, taken)
        assert maintain.requeue_stalled(sweeper) == 0
        record_heartbeat(worker, taken, state="paused", wait_until=worker.run_time() + timedelta(seconds=5))
        with sweeper.reads() as session:
            paused = runs.load(session, run.run_id)
            assert paused is not None
            assert paused.attempt == 1
            assert paused.wait_until is not None
            assert 0 < (paused.wait_until - sweeper.clock(session)).total_seconds() <= 5
    for worker in (wrong, right):
        worker.close()


def test_a_run_with_a_heartbeat_before_its_requeue_is_not_taken(
    tmp_path: Path, database_url: str, redis_url: str
) -> None:
    """A machine that wakes up has an old heartbeat for a moment."""
    with open_world(tmp_path, database_url, redis_url) as world:
        run = world.request()
        world.clock.advance(timedelta(minutes=1))
        with world.current.reads() as session:
            (silent,) = runs.stalled(session, world.clock())
        record_heartbeat(world.current, run)
        with world.current.sessions.begin() as session:
            assert runs.requeue(session, silent, world.clock()) is None


def test_a_run_that_waits_its_turn_is_not_sent_again(tmp_path: Path, database_url: str, redis_url: str) -> None:
    """While its queue holds messages it may be one of them; once the queue is empty its message was lost."""
    with open_world(tmp_path, database_url, redis_url) as world:
        run = world.request()
        queue = steps.queue_of(run.step)
        with world.current.sessions.begin() as session:
            assert runs.requeue(session, run, world.clock()) is not None
        with world.current.reads() as session:
            (waiting,) = runs.live(session)
        world.clock.advance(timedelta(minutes=1))
        world.current.redis.delete(queue)
        world.current.redis.lpush(queue, "another's message")
        assert maintain.waits_its_turn(world.current, waiting)
        assert maintain.requeue_stalled(world.current) == 0
        assert not maintain.waits_its_turn(world.current, replace(waiting, state="running"))
        world.current.redis.delete(queue)
        assert not maintain.waits_its_turn(world.current, waiting)


@pytest.fixture
def world(tmp_path: Path, database_url: str, redis_url: str) -> Iterator[World]:
    """Yield a Jira and a database without a copy."""
    with open_world(tmp_path, database_url, redis_url) as opened:
        yield opened


def restarts(world: World) -> int:
    """Return how often the step of the only run was restarted."""
    with world.current.reads() as session:
        return int(session.scalars(text("SELECT restarts FROM runs")).one())


def let_it_die(world: World, times: int) -> Run:
    """Kill the worker of the only run several times, without progress."""
    for _ in range(times):
        with world.current.sessions.begin() as session:
            (run,) = runs.live(session)
            runs.claim(session, run.run_id, run.attempt, steps.STEPS, world.clock())
        world.clock.advance(timedelta(minutes=1))
        with world.current.sessions.begin() as session:
            (silent,) = runs.stalled(session, world.clock() - timedelta(seconds=30))
            runs.requeue(session, silent, world.clock())
    with world.current.reads() as session:
        (run,) = runs.live(session)
    return run


def test_progress_resets_the_count_of_restarts(world: World) -> None:
    """A long fetch succeeds even if some of its workers are killed."""
    world.request()
    run = let_it_die(world, maintain.MAX_RESTARTS)
    assert restarts(world) == maintain.MAX_RESTARTS
    assert work(world.current, run, seconds=0) == "fetch"
    assert restarts(world) == 0


STOP = "CREATE TRIGGER stop BEFORE UPDATE ON runs WHEN NEW.step <> 'facts' BEGIN SELECT RAISE(ABORT, 'stopped'); END"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_stored_facts_are_progress(world: World) -> None:
    """They count even if the step is not completed."""
    run = world.request()
    while work(world.current, world.latest(run)) == "fetch":
        pass
    run = let_it_die(world, maintain.MAX_RESTARTS)
    assert (run.step, restarts(world)) == ("facts", maintain.MAX_RESTARTS)
    with world.current.sessions.begin() as session:
        session.execute(text(STOP))
    with pytest.raises(IntegrityError, match="stopped"):
        calculate.work(world.current, run)
    assert restarts(world) == 0


def test_a_heartbeat_alone_is_not_progress(world: World) -> None:
    """Otherwise a worker that is always killed would be restarted for ever."""
    world.request()
    run = let_it_die(world, 2)
    record_heartbeat(world.current, run)
    with heartbeating(world.current, run, every=0.01):
        pass
    assert restarts(world) == 2


def test_a_run_failed_by_restarts_is_an_error_in_the_log(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Run and Fetch Operation fail with the same message, which names the log."""
    run = world.request()
    with world.current.sessions.begin() as session:
        operations.save_fetch(session, world.operation(run))
    latest = let_it_die(world, maintain.MAX_RESTARTS)
    with world.current.sessions.begin() as session:
        runs.claim(session, run.run_id, latest.attempt, steps.STEPS, world.clock())
    world.clock.advance(timedelta(minutes=1))
    assert maintain.requeue_stalled(world.current) == 0
    ended = world.latest(run)
    assert ended.state == "failed"
    assert "flowbeat logs --level ERROR" in str(ended.error)
    (line,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert line.__dict__["why"] == ended.error
    with world.current.reads() as session:
        operation = operations.fetch_of(session, run.run_id)
    assert operation is not None
    assert (operation.state, operation.error, operation.profile) == ("failed", ended.error, NAME)
