"""The scheduler: of several one sends, each instant is sent with its time, and what Redis refused is sent later."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from celery import Celery
from redis import Redis

from scheduler.beat import Scheduler
from scheduler.schedule import MISSED, NIGHTLY, Cron
from scheduler.turn import KEY, TURN_SECONDS
from worker import runtime
from worker.runtime import Runtime
from worker.settings import Settings

START = datetime(2026, 3, 28, 12, tzinfo=UTC)
ZAGREB = ZoneInfo("Europe/Zagreb")


class MovableClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        """Begin at noon of the day before the clocks change."""
        self.now = START

    def __call__(self) -> datetime:
        """Return the instant."""
        return self.now


@pytest.fixture
def clock() -> MovableClock:
    """Return the clock of the schedules."""
    return MovableClock()


@pytest.fixture
def app(tmp_path: Path, redis_client: Redis, redis_url: str, clock: MovableClock) -> Iterator[Celery]:
    """Yield an application with one nightly refresh, and the runtime of this process."""
    redis_client.flushdb()
    settings = Settings(database_url="sqlite://", log_dir=tmp_path, state_dir=tmp_path, redis_url=redis_url)
    current = Runtime(settings)
    runtime.adopt(current)
    named = Celery("tests", broker=redis_url.replace("unix://", "redis+socket://"))
    schedule = Cron("30 2 * * *", ZAGREB, nowfun=clock)
    named.conf.update(beat_schedule={"refresh": {"task": NIGHTLY, "schedule": schedule, "args": ("payments",)}})
    named.conf.update(result_expires=None, task_publish_retry=False)
    yield named
    runtime.forget()
    current.close()


def sent(redis_client: Redis) -> list[tuple[str, list[Any]]]:
    """Take the messages from the queue, oldest first: the task and its arguments."""
    messages = [json.loads(text) for text in redis_client.lrange("celery", 0, -1)][::-1]
    redis_client.delete("celery")
    import base64  # noqa: PLC0415 - used only here

    return [(item["headers"]["task"], json.loads(base64.b64decode(item["body"]))[0]) for item in messages]


def test_a_start_sends_what_was_due_last_and_then_each_instant(
    app: Celery, redis_client: Redis, clock: MovableClock
) -> None:
    """The night whose clocks change has no half past two: the refresh comes at three."""
    scheduler = Scheduler(app=app)
    scheduler.tick()
    assert sent(redis_client) == [(MISSED, ["payments", "2026-03-28T01:30:00+00:00"])]
    clock.now = START + timedelta(hours=12)
    scheduler.tick()
    assert sent(redis_client) == []
    clock.now = datetime(2026, 3, 29, 1, 0, 5, tzinfo=UTC)
    scheduler.tick()
    assert sent(redis_client) == [(NIGHTLY, ["payments", "2026-03-29T01:00:00+00:00"])]
    scheduler.close()


def test_an_instant_is_sent_again_once_after_ten_minutes(app: Celery, redis_client: Redis, clock: MovableClock) -> None:
    """A worker that is killed while it takes the message loses it; one that took it answers the instant only once."""
    scheduler = Scheduler(app=app)
    scheduler.tick()
    sent(redis_client)
    night = datetime(2026, 3, 29, 1, 0, 5, tzinfo=UTC)
    messages = []
    for minutes in (0, 9, 10, 20, 60):
        clock.now = night + timedelta(minutes=minutes)
        scheduler.tick()
        messages.append(sent(redis_client))
    once = [(NIGHTLY, ["payments", "2026-03-29T01:00:00+00:00"])]
    assert messages == [once, [], once, [], []]
    scheduler.close()


def test_of_two_schedulers_one_sends_until_it_stops(
    app: Celery, redis_client: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """The other one says once that it waits. Then it sends the last instant again: the workers compare it with runs."""
    first, second = Scheduler(app=app), Scheduler(app=app)
    with caplog.at_level("WARNING", "scheduler"):
        for scheduler in (first, second, second, first):
            scheduler.tick()
    assert [record.getMessage() for record in caplog.records] == [
        "another scheduler sends the schedule; this one waits"
    ]
    assert len(sent(redis_client)) == 1
    first.close()
    second.tick()
    assert [task for task, _ in sent(redis_client)] == [MISSED]
    second.close()
    assert redis_client.get(KEY) is None


def test_the_turn_of_a_killed_scheduler_ends(app: Celery, redis_client: Redis) -> None:
    """Its key lives for half a minute, and a scheduler that ends does not withdraw the turn of another."""
    killed, other = Scheduler(app=app), Scheduler(app=app)
    killed.tick()
    assert 0 < int(redis_client.ttl(KEY)) <= TURN_SECONDS
    redis_client.delete(KEY)  # as if the time were over
    other.tick()
    assert not killed._turn.take()
    killed.close()
    assert redis_client.get(KEY) is not None
    other.close()


def test_what_could_not_be_sent_is_sent_later(
    app: Celery, redis_client: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """The queue is of another type for a while, so that Redis refuses the message; one line in the log says so."""
    redis_client.set("celery", "not a list")
    scheduler = Scheduler(app=app)
    for _ in range(3):
        scheduler.tick()
    lines = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert lines == ["scheduled task not sent yet"]
    redis_client.delete("celery")
    scheduler.tick()
    assert [task for task, _ in sent(redis_client)] == [MISSED]
    scheduler.close()
