"""What needs nobody to wait: a scheduled refresh is not lost, and other workers take up a killed one's run."""

import os
import signal
from collections.abc import Callable

from world import World, eventually

SEND = "from worker.app import app; app.send_task('tasks.maintain.nightly', ('payments',))"


def test_a_nightly_refresh_follows_a_calculation_that_was_running(refreshed_copy: World) -> None:
    """A calculation sends no request to Jira, so the refresh follows it."""
    world = refreshed_copy
    before = len(runs_of(world, "refresh"))
    world.run("calculate", "--as-of", "2026-06-30", "--no-wait")
    world.python(SEND)  # while the calculation is live
    world.start("worker", "-c", "1", "--without-mingle", "--without-gossip")
    eventually(lambda: len(runs_of(world, "refresh")) == before + 1)
    eventually(lambda: set(runs_of(world, "refresh") + runs_of(world, "calculate")) == {"completed"})
    assert any(line["message"] == "scheduled refresh waits" for line in world.log_lines())


def test_workers_take_up_a_killed_workers_run_without_a_scheduler(make_world: Callable[..., World]) -> None:
    """No Beat runs and no command waits: another worker notices the silence, and the log of idle sweeps is short."""
    world = make_world(latency=0.3, silent=5, issues=900)
    first = world.start("worker", "-c", "1", "-n", "first@host", "--without-mingle", "--without-gossip")
    world.run("refresh", "--no-wait")
    eventually(lambda: world.has("issues"))
    os.killpg(first.pid, signal.SIGKILL)
    world.hurry()
    world.start("worker", "-c", "1", "-n", "second@host", "--without-mingle", "--without-gossip")
    eventually(lambda: runs_of(world, "refresh") == ["completed"], 90)
    assert any(line["message"] == "silent run picked up" for line in world.log_lines())
    assert not [line for line in world.log_lines() if "requeue_stalled" in line["message"] and line["level"] == "INFO"]


def test_a_queue_that_no_worker_consumes_is_named(make_world: Callable[..., World]) -> None:
    """Workers of some queues only: check, a request and status name the missing one, and refresh serves it itself."""
    world = make_world(issues=60)
    world.start("worker", "-c", "1", "-n", "fetches@host", "-Q", "fetch,maintain")
    missing = "no worker consumes the queue calculate; start one: flowbeat worker -Q calculate"
    eventually(lambda: missing in " ".join(world.run("check").stdout.split()))
    asked = world.run("refresh", "--no-wait")
    assert missing in asked.stderr
    eventually(lambda: world.rows("select step from runs") == [("facts",)])
    assert world.run("refresh").returncode == 0
    world.start("worker", "-c", "1", "-n", "calculates@host", "-Q", "calculate")
    eventually(lambda: missing not in " ".join(world.run("check").stdout.split()))


def test_a_missed_night_is_made_up_for_and_a_second_scheduler_waits(refreshed_copy: World) -> None:
    """Everything was down over night; then two schedulers start, and one of them is killed."""
    world = refreshed_copy
    for table, column in (("cache_metadata", "creation_timestamp"), ("runs", "requested_at")):
        world.execute(f"update {table} set {column} = datetime({column}, '-2 days') || '.000000'")  # noqa: S608 - a test's own words
    world.environment["FLOWBEAT_PROFILES__PAYMENTS__SCHEDULE"] = "0 2 * * *"
    world.start("worker", "-c", "1", "--without-mingle", "--without-gossip")
    first = world.start("beat")
    eventually(lambda: runs_of(world, "refresh") == ["completed", "completed"], 60)
    assert len(world.rows("select due_at from runs where due_at like '%:00:00.000000'")) == 1
    ((verified, differed),) = world.rows(
        "select issues_verified, issues_differed from fetch_operations order by start_time desc limit 1"
    )
    assert (verified > 0, differed) == (True, 0)  # a share of the copy was compared
    assert world.rows("select 1 from cache_metadata where recomputed_at is not null")
    (compared,) = [line for line in world.log_lines() if line["message"] == "facts and results made again and compared"]
    assert {name: compared["context"][name] for name in ("facts_differed", "results_differed")} == {
        "facts_differed": 0,
        "results_differed": {},
    }
    world.start("beat")
    waits = "another scheduler sends the schedule; this one waits"
    eventually(lambda: [line for line in world.log_lines() if line["message"] == waits])
    os.killpg(first.pid, signal.SIGKILL)
    takes_over = "the other scheduler does not respond; this one sends the schedule now"
    eventually(lambda: [line for line in world.log_lines() if line["message"] == takes_over], 60)
    assert len(runs_of(world, "refresh")) == 2


def runs_of(world: World, kind: str) -> list[str]:
    """Return the states of the runs of a kind."""
    return [state for state, one_kind in world.rows("select state, kind from runs") if one_kind == kind]
