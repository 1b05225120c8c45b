"""The figures for a monitor, read from a real database and a real Redis."""

import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from celery import Celery
from fetch_world import NAME, TimedRuntime, World, open_world
from redis import Redis
from sqlalchemy import text

import celeryconfig
from console.monitor.collector import Figures, Part
from console.monitor.figures import Sample
from console.monitor.queues import QueueFigures
from console.monitor.stored import StoredFigures
from models.records import Retries
from models.store import operations, quality, runs
from scheduler.turn import Turn
from worker import embedded, nodes, signs
from worker.settings import Settings

Values = Mapping[tuple[str, ...], float]
PROFILE = (NAME,)


@pytest.fixture
def world(tmp_path: Path, database_url: str, redis_url: str) -> Iterator[World]:
    """Yield a world whose profile has a schedule."""
    with open_world(tmp_path, database_url, redis_url) as opened:
        opened.profile(schedule="0 2 * * *")
        yield opened


def stored(world: World) -> StoredFigures:
    """Return what reads the figures of the world's database, by its clock."""
    return StoredFigures(world.current.settings, lambda settings: TimedRuntime(settings, world.clock))


def values(samples: list[Sample]) -> Values:
    """Return (name, labels…) → value; no figure comes twice with the same labels."""
    result = {(sample.name, *sample.labels): float(sample.value) for sample in samples}
    assert len(result) == len(samples)
    return result


def test_the_age_of_the_data_is_compared_with_the_schedule(world: World) -> None:
    """The copy of 09:30 is late from the next night at 02:00 on; before the first fetch its age is unknown."""
    read = stored(world)
    before = values(read())
    assert before["flowbeat_data_present", NAME] == 0
    assert ("flowbeat_data_age_seconds", NAME) not in before
    assert ("flowbeat_data_overdue_seconds", NAME) not in before
    world.fetch()
    world.clock.advance(timedelta(hours=1))
    fresh = values(read())
    assert fresh["flowbeat_data_present", NAME] == 1
    assert fresh["flowbeat_data_age_seconds", NAME] == pytest.approx(3600, abs=120)
    assert fresh["flowbeat_data_overdue_seconds", NAME] == 0
    night = world.clock().replace(hour=2, minute=0, second=0, microsecond=0) + timedelta(days=1)
    assert fresh["flowbeat_next_refresh_timestamp_seconds", NAME] == night.timestamp()
    world.clock.advance(timedelta(days=2))
    late = values(read())
    assert late["flowbeat_data_overdue_seconds", NAME] == (world.clock() - night).total_seconds()


def test_a_profile_without_a_schedule_is_never_overdue(world: World) -> None:
    """Its age is known all the same."""
    world.profile(schedule=None)
    world.fetch()
    names = {name for name, *labels in values(stored(world)()) if labels == [NAME]}
    assert "flowbeat_data_age_seconds" in names
    assert not names & {"flowbeat_data_overdue_seconds", "flowbeat_next_refresh_timestamp_seconds"}


def test_runs_are_counted_by_state_and_the_last_one_is_measured(world: World) -> None:
    """A state without a run is known to have none."""
    read, first = stored(world), world.request()
    begun = claimed(world, first.run_id)
    world.clock.advance(timedelta(seconds=90))
    end(world, first.run_id)
    assert values(read())["flowbeat_last_run_failed", NAME, "refresh"] == 0
    world.clock.advance(timedelta(hours=1))
    end(world, world.request().run_id, error="no login")
    assert begun
    result = values(read())
    assert [result["flowbeat_runs", state] for state in ("queued", "running", "paused", "completed", "failed")] == [
        0,
        0,
        0,
        1,
        1,
    ]
    assert result["flowbeat_last_run_failed", NAME, "refresh"] == 1
    assert ("flowbeat_last_run_duration_seconds", NAME, "refresh") not in result  # that one never began
    third = world.request()
    claimed(world, third.run_id)
    world.clock.advance(timedelta(seconds=30))
    end(world, third.run_id)
    assert values(read())["flowbeat_last_run_duration_seconds", NAME, "refresh"] == 30


def claimed(world: World, run_id: str) -> bool:
    """Begin a run."""
    with world.current.sessions.begin() as session:
        return runs.claim(session, run_id, 1, ("fetch",), world.clock()) is not None


def end(world: World, run_id: str, error: str | None = None) -> None:
    """End a run."""
    with world.current.sessions.begin() as session:
        runs.end(session, run_id, 1, world.clock(), error=error, error_kind=error and "login")


def test_a_pause_counts_from_the_last_progress(world: World) -> None:
    """Tries in between, which fail again, do not end it."""
    read, run, since = stored(world), world.request(), world.clock()
    claimed(world, run.run_id)
    assert values(read())["flowbeat_run_paused_seconds", NAME] == 0
    for tried in (1, 2):
        world.clock.advance(timedelta(minutes=10))
        with world.current.sessions.begin() as session:
            cursor = Retries(tried, 1.0, since, "no answer").to_json()
            runs.heartbeat(session, run.run_id, 1, world.clock(), state="paused", cursor=cursor)
    world.clock.advance(timedelta(minutes=1))
    assert values(read())["flowbeat_run_paused_seconds", NAME] == 21 * 60


def test_requests_never_count_back(world: World) -> None:
    """Neither a fetch before the start nor the deletion of old rows changes the count."""
    world.fetch()
    read = stored(world)
    assert values(read())["flowbeat_jira_requests_total", NAME] == 0
    run = world.request()
    operation = replace(world.operation(run), state="in_progress", api_calls_made=3, rate_limit_delays=1)
    for calls in (3, 5):
        with world.current.sessions.begin() as session:
            operations.save_fetch(session, replace(operation, api_calls_made=calls))
        assert values(read())["flowbeat_jira_requests_total", NAME] == calls
    assert values(read())["flowbeat_jira_request_delays_total", NAME] == 1
    with world.current.sessions.begin() as session:
        operations.complete_fetch(session, operation.request_id, world.clock())
    for _ in range(2):
        world.clock.advance(timedelta(hours=2))
        assert values(read())["flowbeat_jira_requests_total", NAME] == 5
    with world.current.sessions.begin() as session:
        assert operations.delete_before(session, "fetch_operations", world.clock()) == 2
    assert values(read())["flowbeat_jira_requests_total", NAME] == 5
    assert values(stored(world)())["flowbeat_jira_requests_total", NAME] == 0


def test_differences_are_known_once_a_verification_has_completed(world: World) -> None:
    """Absent before, 0 where the copy equals Jira, else the number of issues."""
    read = stored(world)
    world.fetch()
    assert ("flowbeat_verify_differences", NAME) not in values(read())
    world.fetch(verify=True)
    assert values(read())["flowbeat_verify_differences", NAME] == 0
    with world.current.sessions.begin() as session:
        differing = {"1": {"differed_type": 1, "differed_history": 1}, "2": {"not_stored": 1}}
        quality.save_findings(session, NAME, "verify", differing)
    assert values(read())["flowbeat_verify_differences", NAME] == 2


def test_a_proof_has_an_age_once_every_issue_was_compared(world: World) -> None:
    """Absent while one never was: its age would be that of the others."""
    read = stored(world)
    world.fetch()
    world.clock.advance(timedelta(days=2))
    assert values(read())["flowbeat_verified_age_seconds", NAME] == pytest.approx(2 * 86_400, abs=120)
    with world.current.engine.begin() as connection:
        connection.execute(text("UPDATE issues SET verified_at = NULL WHERE key = (SELECT min(key) FROM issues)"))
    assert ("flowbeat_verified_age_seconds", NAME) not in values(read())


def test_a_night_says_how_many_issues_differed(world: World) -> None:
    """0 after a share without a difference, then the number; nothing is said before a night."""
    read = stored(world)
    world.fetch()
    world.clock.advance(timedelta(days=1))
    world.fetch(due_at=world.clock())
    assert values(read())["flowbeat_verify_differences", NAME] == 0
    with world.current.engine.begin() as connection:
        connection.execute(text("UPDATE issues SET resolution = 'Odd'"))
    world.clock.advance(timedelta(days=1))
    night = world.fetch(due_at=world.clock())
    assert values(read())["flowbeat_verify_differences", NAME] == night.issues_differed > 0


def test_a_verification_that_failed_says_nothing_without_a_difference(world: World) -> None:
    """It may have stopped before the first issue that differs."""
    world.fetch(verify=True)
    run = world.request(verify=True)
    world.clock.advance(timedelta(minutes=1))
    with world.current.sessions.begin() as session:
        operations.save_fetch(session, replace(world.operation(run), kind="verify"))
        operations.fail_fetch_of(session, run.run_id, world.clock(), "no login")
    assert ("flowbeat_verify_differences", NAME) not in values(stored(world)())


# --- Redis ----------------------------------------------------------------------------------------------------------


def test_an_empty_queue_is_zero_and_a_waiting_message_has_an_age(world: World, redis_client: Redis) -> None:
    """The oldest message counts; one that does not say when it was sent has no age."""
    result = values(QueueFigures(world.current.settings)())
    for queue in ("fetch", "calculate", "maintain"):
        assert result["flowbeat_queue_messages", queue] == 0
        assert result["flowbeat_queue_oldest_message_seconds", queue] == 0
    broker = str(world.current.settings.redis_url).replace("unix://", "redis+socket://")
    app = Celery("tests", broker=broker)
    app.config_from_object(celeryconfig)
    app.conf.update(broker_url=broker)
    for _ in range(2):
        app.send_task("tasks.fetch.slice", ("run", 1), queue="fetch", headers={signs.SENT_AT: time.time()})
    app.close()
    redis_client.lpush("maintain", "not a message")
    result = values(QueueFigures(world.current.settings, lambda: time.time() + 300)())
    assert result["flowbeat_queue_messages", "fetch"] == 2
    assert result["flowbeat_queue_oldest_message_seconds", "fetch"] == pytest.approx(300, abs=30)
    assert result["flowbeat_queue_messages", "maintain"] == 1
    assert ("flowbeat_queue_oldest_message_seconds", "maintain") not in result


def test_a_worker_counts_while_it_is_published_and_gives_signs_of_life(world: World, redis_client: Redis) -> None:
    """One that was killed stays published, and one that has ended leaves a sign for up to a minute."""
    read = QueueFigures(world.current.settings)
    assert values(read())["flowbeat_workers_alive",] == 0
    assert values(read())["flowbeat_scheduler_alive",] == 0
    for name in ("one@host", "two@host", "killed@host", "celerybeat@host"):
        nodes.publish(redis_client, name, nodes.Node("configuration"))
    for name in ("one@host", "two@host", "ended@host"):
        nodes.keep_alive(redis_client, name)
    turn = Turn(lambda: redis_client)
    assert turn.take()
    assert values(read())["flowbeat_workers_alive",] == 2
    assert values(read())["flowbeat_scheduler_alive",] == 1


def test_the_share_of_a_quota_counts_requests_under_way_and_recent_ones(world: World) -> None:
    """Of ten requests in a minute three are used: one is under way, two were answered."""
    world.connection(requests=10, per_seconds=60.0)
    connection = world.current.settings.connections["sandbox"]
    limiter = world.current.limiter(connection, connection.token({}))
    read = QueueFigures(world.current.settings)
    assert values(read())["flowbeat_quota_used_ratio", "sandbox"] == 0
    for _ in range(2):
        with limiter.slot():
            pass
    with limiter.slot():
        assert values(read())["flowbeat_quota_used_ratio", "sandbox"] == pytest.approx(0.3)
    assert values(read())["flowbeat_quota_pause_seconds", "sandbox"] == 0
    limiter.pause(50, "Jira asked")
    assert values(read())["flowbeat_quota_pause_seconds", "sandbox"] == pytest.approx(50, abs=10)


def test_without_its_token_only_the_figures_of_a_quota_are_absent(world: World) -> None:
    """The key of a quota is made from the token."""
    world.connection(token_file=Path("/nowhere/token"))
    result = values(QueueFigures(world.current.settings)())
    assert not [key for key in result if key[0].startswith("flowbeat_quota")]
    assert ("flowbeat_workers_alive",) in result


def test_the_embedded_server_is_read_while_it_runs_and_neither_started_nor_kept_alive(
    world: World, tmp_path: Path
) -> None:
    """Its last user stops it, although a monitor reads every few seconds."""
    own = replace(world.current.settings, redis_url=None, state_dir=tmp_path / "own")
    figures = Figures([Part("redis", QueueFigures(own))])
    assert collected(figures) == {("flowbeat_up", "redis"): 0}
    assert not (tmp_path / "own").exists()
    handle = embedded.ensure(own.state_dir)
    assert collected(figures)["flowbeat_up", "redis"] == 1
    handle.close()
    assert not embedded.is_running(own.state_dir)
    assert collected(figures) == {("flowbeat_up", "redis"): 0}


# --- one part is missing --------------------------------------------------------------------------------------------


def collected(figures: Figures) -> Values:
    """Return what a monitor gets: (name, labels…) → value."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in figures.collect()
        for sample in family.samples
    }


def parts(world: World, configured: Settings) -> Figures:
    """Return the figures of both parts."""
    read = StoredFigures(configured, lambda settings: TimedRuntime(settings, world.clock))
    return Figures([Part("database", read), Part("redis", QueueFigures(configured))])


@contextmanager
def silent_server() -> Iterator[int]:
    """Yield the port of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.mark.parametrize("kind", ["silent", "missing", "refused"])
def test_a_database_that_does_not_answer_leaves_the_figures_of_redis(world: World, tmp_path: Path, kind: str) -> None:
    """Within a few seconds, and no file is created."""
    with silent_server() as port:
        urls = {
            "silent": f"postgresql://postgres@127.0.0.1:{port}/flowbeat",
            "missing": f"sqlite:///{tmp_path / 'none.db'}",
            "refused": "postgresql://postgres@127.0.0.1:1/flowbeat",
        }
        before = time.monotonic()
        result = collected(parts(world, replace(world.current.settings, database_url=urls[kind])))
        assert time.monotonic() - before < 8
    assert result["flowbeat_up", "database"] == 0
    assert result["flowbeat_up", "redis"] == 1
    assert result["flowbeat_queue_messages", "fetch"] == 0
    assert not [key for key in result if key[0].startswith(("flowbeat_data", "flowbeat_run", "flowbeat_jira"))]
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize("kind", ["silent", "refused"])
def test_a_redis_that_does_not_answer_leaves_the_figures_of_the_database(world: World, kind: str) -> None:
    """Workers are then unknown, not zero."""
    world.fetch()
    with silent_server() as port:
        url = f"redis://127.0.0.1:{port if kind == 'silent' else 1}/0"
        result = collected(parts(world, replace(world.current.settings, redis_url=url)))
    assert result["flowbeat_up", "redis"] == 0
    assert result["flowbeat_up", "database"] == 1
    assert result["flowbeat_data_present", NAME] == 1
    assert not [key for key in result if key[0].startswith(("flowbeat_queue", "flowbeat_workers", "flowbeat_quota"))]


def test_a_reading_that_hangs_is_not_begun_twice_and_its_late_answer_is_not_shown() -> None:
    """A monitor that asks every few seconds would otherwise pile up threads and connections."""
    calls: list[datetime | None] = []
    is_open = [False]

    def read() -> list[Sample]:
        calls.append(None)
        until = time.monotonic() + 20
        while not is_open[0] and time.monotonic() < until:
            time.sleep(0.01)
        return [Sample("flowbeat_workers_alive", len(calls))]

    part = Part("redis", read)
    for _ in range(2):
        part.begin()
        assert part.end(0.05) == [Sample("flowbeat_up", value=False, labels=("redis",))]
    assert len(calls) == 1
    is_open[0] = True
    eventually(lambda: part._reading is not None and part._reading.over.is_set())
    part.begin()
    assert part.end(5) == [Sample("flowbeat_up", value=True, labels=("redis",)), Sample("flowbeat_workers_alive", 2)]


def eventually(check: Callable[[], bool]) -> None:
    """Wait until a check holds."""
    until = time.monotonic() + 20
    while not check():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_locked_table_is_no_answer(
    tmp_path: Path, redis_url: str, new_postgres: Callable[[], AbstractContextManager[str]]
) -> None:
    """PostgreSQL ends the statement after three seconds, and the next reading goes well."""
    with new_postgres() as url, open_world(tmp_path, url, redis_url) as world:
        figures = parts(world, world.current.settings)
        with world.current.engine.begin() as connection:
            connection.execute(text("LOCK TABLE runs IN ACCESS EXCLUSIVE MODE"))
            assert collected(figures)["flowbeat_up", "database"] == 0
        assert collected(figures)["flowbeat_up", "database"] == 1
