"""A Redis that fails over, refuses writes or loses its data: workers and scheduler keep running."""

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis_server import FAULTS, RedisServer, fail_over, lose_data, lose_disk, redis_server
from world import World, eventually

# Beat as `flowbeat beat` starts it, but with something to send each second: a profile's schedule counts in minutes.
BUSY_BEAT = """
from worker.app import app
app.conf.beat_schedule = {"often": {"task": "tasks.maintain.requeue_stalled", "schedule": 1.0}}
app.start(["beat", "--loglevel", "INFO"])
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """Yield a server that the test may break."""
    with redis_server(tmp_path / "redis") as started:
        yield started


def lines_about_redis(world: World) -> list[dict[str, Any]]:
    """Return the warnings and errors that Celery logged about its connection."""
    problems = [line for line in world.log_lines() if line["level"] in ("WARNING", "ERROR", "CRITICAL")]
    return [line for line in problems if line["module"].startswith(("celery", "kombu", "scheduler"))]


def unsent(world: World) -> list[dict[str, Any]]:
    """Return the log lines of a scheduler that could not send a message."""
    return [line for line in world.log_lines() if line["message"].startswith("scheduled task not sent")]


def is_ready(world: World) -> bool:
    """Return whether a worker serves the queue."""
    return any(line["message"].endswith(" ready.") for line in world.log_lines())


def test_a_worker_and_a_scheduler_outlive_every_fault(make_world: Callable[..., World], server: RedisServer) -> None:
    """They wait with few log lines; a refused refresh stores no run, and the next refresh is served."""
    world = make_world(issues=60)
    world.environment["FLOWBEAT_REDIS_URL"] = server.url
    worker = world.start("worker", "-c", "1", "--without-mingle", "--without-gossip")
    beat = world.spawn("beat", sys.executable, "-c", BUSY_BEAT)
    eventually(lambda: is_ready(world) and any(line["module"] == "celery.beat" for line in world.log_lines()))
    for served, (name, fault) in enumerate(FAULTS.items(), 1):
        mend = fault(server)
        if fault is not lose_data:
            eventually(lambda: len(unsent(world)) == served)  # noqa: B023 - called at once
            refused = world.run("refresh", "--no-wait")
            assert (name, refused.returncode) == (name, 1)
            assert (
                "Redis cannot write to its disk" if fault is lose_disk else "Redis cannot be used"
            ) in refused.stderr
        mend()
        assert world.run("refresh", "--no-wait").returncode == 0
        eventually(lambda: world.rows("select state from runs") == [("completed",)] * served)  # noqa: B023 - called at once
        assert (name, worker.poll(), beat.poll()) == (name, None, None)
    assert len(lines_about_redis(world)) <= 4 * len(FAULTS)
    assert not [line for line in lines_about_redis(world) if "exception" in line]


def test_a_worker_with_a_message_in_hand_outlives_a_failover(
    make_world: Callable[..., World], server: RedisServer
) -> None:
    """The slice that the worker could not acknowledge is done again, and the run is completed."""
    world = make_world(latency=0.2, silent=5, issues=900)
    world.environment["FLOWBEAT_REDIS_URL"] = server.url
    worker = world.start("worker", "-c", "1")
    world.start("beat")
    eventually(lambda: is_ready(world))
    assert world.run("refresh", "--no-wait").returncode == 0
    eventually(lambda: world.has("issues"))
    mend = fail_over(server)
    # The first sign depends on what the slice was doing: waiting for Jira, taking a slot, or sending the next message.
    signs = ("slot not given back", "run waits", "next message not sent", "Connection to broker lost")
    eventually(lambda: any(line["message"].startswith(signs) for line in world.log_lines()))
    mend()
    world.hurry()
    eventually(lambda: world.rows("select state, error from runs") == [("completed", None)], 90)
    assert worker.poll() is None


REFUSED = {
    "channels": (("~*", "resetchannels", "+@all"), "No permissions to access a channel"),
    "scripts": (("~*", "&*", "+@all", "-@scripting"), "has no permissions to run the 'evalsha' command"),
}


@pytest.mark.parametrize("lacking", REFUSED)
def test_a_login_that_may_not_do_what_a_worker_must_is_named(
    make_world: Callable[..., World], server: RedisServer, lacking: str
) -> None:
    """A refresh stops when its worker has exited twice, and stores no run; check says which commands to allow."""
    rules, reason = REFUSED[lacking]
    world = make_world(issues=60)
    world.environment["FLOWBEAT_REDIS_URL"] = server.url_of("limited", *rules)
    refused = world.run("refresh")
    assert refused.returncode == 1
    assert reason in refused.stderr
    assert "limited-password" not in refused.stderr
    assert world.rows("select * from runs") == []
    checked = world.run("check", "--format", "json")
    assert checked.returncode == 1
    (line,) = [line for line in json.loads(checked.stdout) if f"may not use {lacking}" in line["message"]]
    assert (line["what"], line["state"]) == ("Redis", "bad")
    assert "ACL SETUSER" in line["advice"]


DOCS = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_documented_redis_login_may_do_all_that_is_needed(
    make_world: Callable[..., World], server: RedisServer
) -> None:
    """With the documented rule a worker and a scheduler run, a refresh succeeds, and check finds no error."""
    rule = re.search(r"`(ACL SETUSER (\S+) on >(\S+) [^`]*)`", DOCS.read_text(encoding="utf-8"))
    assert rule is not None
    command, user, password = rule.groups()
    server.client.execute_command(*command.split())
    server.client.execute_command("ACL", "SETUSER", "default", "off")
    world = make_world(issues=60)
    world.environment["FLOWBEAT_REDIS_URL"] = server.url.replace("redis://", f"redis://{user}:{password}@")
    alone = world.run("refresh")
    assert alone.returncode == 0, alone.stderr
    worker, beat = world.start("worker", "-c", "1"), world.start("beat")
    eventually(lambda: {"workers", "scheduler"} <= set(well(world)))
    assert "Redis" in well(world)
    served = world.run("refresh", "--full")
    assert served.returncode == 0, served.stderr
    assert world.rows("SELECT state, error FROM runs") == [("completed", None)] * 2
    assert (worker.poll(), beat.poll()) == (None, None)
    refused = [line for line in world.log_lines() if "permission" in json.dumps(line).lower()]
    assert refused == []


def well(world: World) -> list[str]:
    """Return the lines of check that are in order; no line is an error or names a refused Redis command."""
    checked = world.run("check", "--format", "json")
    lines = json.loads(checked.stdout)
    assert (checked.returncode, [line for line in lines if line["state"] == "bad"]) == (0, [])
    assert not [line for line in lines if "may not use" in line["message"]]
    return [line["what"] for line in lines if line["state"] == "ok"]
