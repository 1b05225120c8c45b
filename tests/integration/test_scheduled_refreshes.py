"""The tasks that beat sends: each instant of a schedule is answered by one refresh, however often it is sent."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from celery.exceptions import Retry
from fetch_world import NAME, World, open_world
from sqlalchemy.exc import OperationalError

from models.store import runs
from tasks import maintain
from worker import runtime
from worker.runtime import Runtime

pytestmark = pytest.mark.usefixtures("redis_client")


@pytest.fixture
def world(tmp_path: Path, database_url: str, redis_url: str) -> Iterator[World]:
    """Yield a world with the runtime of this process, and an application that sends to its Redis."""
    with open_world(tmp_path, database_url, redis_url) as opened:
        runtime.adopt(opened.current)
        yield opened
        runtime.forget()


def due(world: World, ago: timedelta = timedelta(0)) -> str:
    """Return an instant of the schedule, as beat writes it."""
    return (world.clock() - ago).isoformat()


def number_of_runs(world: World) -> int:
    """Return how many runs there are."""
    with world.current.reads() as session:
        return len(runs.load_newest(session, 100))


def test_an_instant_that_is_sent_twice_is_answered_once(world: World) -> None:
    """Two schedulers, or one that was started again: the second message finds the run, live or ended, well or not."""
    first = maintain.nightly.apply((NAME, due(world))).get()
    with world.current.reads() as session:
        run = runs.load(session, first)
    assert run is not None
    assert run.due_at == world.clock()
    assert maintain.nightly.apply((NAME, due(world))).get() is None
    with world.current.sessions.begin() as session:
        runs.end(session, run.run_id, run.attempt, world.clock(), error="no login", error_kind="login")
    assert maintain.nightly.apply((NAME, due(world))).get() is None
    world.clock.advance(timedelta(days=1))
    assert maintain.nightly.apply((NAME, due(world))).get() not in (None, first)


def test_a_refresh_by_a_person_after_the_instant_answers_it_unless_it_failed(world: World) -> None:
    """The message may wait in the queue while somebody refreshes by hand."""
    instant = due(world, timedelta(minutes=10))
    world.end_early(world.request())
    assert maintain.nightly.apply((NAME, instant)).get() is None
    world.clock.advance(timedelta(days=1))
    instant, failed = due(world), world.request()
    with world.current.sessions.begin() as session:
        runs.end(session, failed.run_id, failed.attempt, world.clock(), error="no login", error_kind="login")
    assert maintain.nightly.apply((NAME, instant)).get() is not None


def test_a_missed_night_is_made_up_for_once(world: World) -> None:
    """There is a copy from before the instant, and no refresh since."""
    world.fetch()
    world.clock.advance(timedelta(days=2))
    instant = due(world, timedelta(hours=8))
    run_id = maintain.missed.apply((NAME, instant)).get()
    with world.current.reads() as session:
        run = runs.load(session, run_id)
    assert run is not None
    assert run.due_at == world.clock() - timedelta(hours=8)
    world.end_early(run)
    assert maintain.missed.apply((NAME, instant)).get() is None


def test_a_new_profile_and_a_fresh_copy_have_missed_nothing(world: World) -> None:
    """The first fetch of a large Jira waits for its night; a copy that is newer than the instant is fresh."""
    assert maintain.missed.apply((NAME, due(world, timedelta(hours=8)))).get() is None
    assert number_of_runs(world) == 0
    world.fetch()
    assert maintain.missed.apply((NAME, due(world, timedelta(hours=8)))).get() is None
    assert number_of_runs(world) == 1


def test_a_live_calculation_is_waited_for(world: World) -> None:
    """It sends no request to Jira, so the refresh comes after it."""
    world.request("calculate")
    with pytest.raises(Retry):
        maintain.nightly.apply((NAME, due(world)), throw=True).get()
    assert number_of_runs(world) == 1


def test_a_message_without_an_instant_requests_a_refresh_now(world: World) -> None:
    """A person may send the task by hand."""
    assert maintain.nightly.apply((NAME,)).get() is not None
    assert number_of_runs(world) == 1


def test_a_night_is_not_lost_because_the_database_fails(world: World, tmp_path: Path) -> None:
    """The message is sent again for a day: the database of that minute may be locked, full or restarting."""
    broken = replace(world.current.settings, database_url=f"sqlite:///{tmp_path}")
    instant = due(world)
    for task in (maintain.nightly, maintain.missed):
        runtime.adopt(Runtime(broken, world.clock))
        with pytest.raises(Retry):
            task(NAME, instant)
        runtime.current().close()
    world.clock.advance(timedelta(days=1, seconds=1))
    runtime.adopt(Runtime(broken, world.clock))
    with pytest.raises(OperationalError):
        maintain.nightly(NAME, instant)
    runtime.current().close()
    runtime.adopt(world.current)
