"""The probe `flowbeat alive` and `check` name what does not work: a hanging pool, a hanging process, a full Redis."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis_server import RedisServer, lose_disk, redis_server
from world import World, eventually


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """Yield a server that the test may break."""
    with redis_server(tmp_path / "redis") as started:
        yield started


def test_what_does_not_work_is_named(make_world: Callable[..., World], server: RedisServer) -> None:
    """A stopped child of the worker, a stopped scheduler, and then a Redis that refuses writes; at last, none runs."""
    world = make_world(latency=0.3, silent=3600, issues=900)
    world.environment["FLOWBEAT_REDIS_URL"] = server.url
    assert "no worker runs on this machine; start one: flowbeat worker" in world.run("alive", "worker").stderr
    worker = world.start("worker", "-c", "1", "-n", "one@host", "--without-mingle", "--without-gossip")
    beat = world.start("beat")
    for kind in ("worker", "beat"):
        eventually(lambda: world.run("alive", kind).returncode == 0, pause=0.5)  # noqa: B023 - called at once
    world.run("refresh", "--no-wait")
    eventually(lambda: world.has("issues"))
    children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text(encoding="utf-8").split()
    for pid in (*map(int, children), beat.pid):
        os.kill(pid, signal.SIGSTOP)
    hangs = eventually(lambda: fault(world, "worker"), pause=0.5)
    assert "the pool of one@host hangs: tasks.fetch.slice has not responded for " in hangs
    assert "runs, but has not responded for " in eventually(lambda: fault(world, "beat"), pause=0.5)
    sentences = {
        line["what"]: line["message"]
        for line in json.loads(world.run("check", "--local", "--format", "json").stdout)
        if line["state"] == "bad"
    }
    assert "the pool of one@host hangs" in sentences["workers"]
    assert "has not responded" in sentences["scheduler"]
    for pid in (*map(int, children), beat.pid):
        os.kill(pid, signal.SIGCONT)
    for kind in ("worker", "beat"):
        eventually(lambda: world.run("alive", kind).returncode == 0, pause=0.5)  # noqa: B023 - called at once
    mend = lose_disk(server)
    assert "one@host cannot work: Redis answers its writes with: " in eventually(
        lambda: fault(world, "worker"), pause=0.5
    )
    mend()
    eventually(lambda: world.run("alive", "worker").returncode == 0, pause=0.5)
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait(15)
    assert "no worker runs on this machine" in fault(world, "worker")


def fault(world: World, kind: str) -> str:
    """Return what the probe says of a kind of process that does not work, else an empty text."""
    done = world.run("alive", kind)
    return done.stderr if done.returncode == 1 else ""
