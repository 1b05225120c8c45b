"""Real workers notify the operator of a scheduled refresh that failed, and of its mending, once each."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from world import TOKEN_VARIABLE, World, eventually

LOOKS_SECONDS = 2.5  # the workers look each second
SEND = "from worker.app import app; app.send_task('tasks.maintain.nightly', ('payments',))"
WRITE = "import sys; open('notices', 'a').write(sys.stdin.read() + chr(10))"
NOTIFY = f"[notify]\ncommand = {json.dumps([sys.executable, '-c', WRITE])}\n"


def test_a_failed_night_and_a_good_one_are_told_by_two_workers_once_each(make_world: Callable[..., World]) -> None:
    """The token is refused, both workers are killed, and two others have the right one."""
    world = make_world(issues=60, more=NOTIFY)
    world.environment["FLOWBEAT_PROFILES__PAYMENTS__SCHEDULE"] = "0 2 * * *"
    token = world.environment[TOKEN_VARIABLE]
    world.environment[TOKEN_VARIABLE] = "a-wrong-token"
    workers = [start_worker(world, name) for name in ("one@host", "two@host")]
    world.python(SEND)
    (failed,) = eventually(lambda: notices_of(world))
    assert (failed["event"], failed["profile"]) == ("failed", "payments")
    assert "a-wrong-token" not in failed["text"]
    assert world.rows("select state, run_id from runs") == [("failed", failed["run_id"])]
    for worker in workers:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait(15)
    world.environment[TOKEN_VARIABLE] = token
    for name in ("three@host", "four@host"):
        start_worker(world, name)
    world.python(SEND)
    eventually(lambda: [notice["event"] for notice in notices_of(world)] == ["failed", "mended"])
    third = len(world.rows("select run_id from runs")) + 1
    world.python(SEND)  # another good night changes nothing
    eventually(lambda: world.rows("select state from runs").count(("completed",)) == third - 1)
    time.sleep(LOOKS_SECONDS)
    assert [notice["event"] for notice in notices_of(world)] == ["failed", "mended"]


def start_worker(world: World, name: str) -> Any:
    """Start a worker with one process."""
    return world.start("worker", "-c", "1", "-n", name, "--without-mingle", "--without-gossip")


def notices_of(world: World) -> list[dict[str, Any]]:
    """Return what the command has received."""
    file = world.folder / "notices"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
