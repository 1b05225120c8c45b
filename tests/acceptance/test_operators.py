"""Commands for operators: Celery's own with the same `celeryconfig`, Flower with its password, `flowbeat check`."""

import base64
import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from world import World, eventually

CELERY = [str(Path(sys.executable).with_name("celery")), "-A", "worker.app"]


def test_celery_worker_and_beat_by_hand_do_the_work_and_flower_shows_it(make_world: Callable[..., World]) -> None:
    """A worker and Beat started by `celery` serve a refresh; Flower requires its password and shows no secret."""
    world = make_world()
    world.environment["FLOWBEAT_PROFILES__PAYMENTS__SCHEDULE"] = "* * * * *"
    world.spawn("worker", *CELERY, "worker", "-c", "1", "--loglevel", "INFO")
    world.spawn("beat", *CELERY, "beat")
    assert world.run("refresh").returncode == 0
    # Beat sends what was due last when it starts, so nobody has to wait for the next minute.
    eventually(lambda: any("tasks.maintain.missed" in line["message"] for line in world.log_lines()), 90)
    world.environment["FLOWER_BASIC_AUTH"] = "operator:secret-of-flower"
    port = free_port()
    world.start("flower", f"--port={port}")
    workers = eventually(lambda: ask(port, "/api/workers?refresh=1", "operator:secret-of-flower"))
    assert len(workers) == 1
    world.run("refresh")
    tasks = eventually(lambda: ask(port, "/api/tasks", "operator:secret-of-flower"))
    names = {task["name"] for task in tasks.values()}
    assert names & {"tasks.fetch.slice", "tasks.calculate.facts", "tasks.calculate.lead_time"}
    assert world.token not in json.dumps([workers, tasks])
    assert any("('payments', run " in task["args"] for task in tasks.values())
    assert [ask(port, path, None) for path in ("/api/tasks", "/metrics", "/healthcheck")] == [None] * 3
    assert read(port, "/metrics", "operator:secret-of-flower").startswith("# HELP ")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", port), timeout=5)
    assert any(line["module"].startswith("flower") for line in world.log_lines())


def test_check_says_what_works_and_what_to_do(refreshed_copy: World) -> None:
    """A healthy installation exits with code 0; a wrong token with 1, and the line names the connection."""
    world = refreshed_copy
    world.start("worker", "-c", "1", "--without-mingle", "--without-gossip")
    done = eventually(lambda: healthy(world))
    assert "sandbox" in done.stdout
    wrong = world.run("check", ACCEPTANCE_JIRA_TOKEN="another-token")
    assert wrong.returncode == 1
    assert "token" in wrong.stdout


def healthy(world: World) -> subprocess.CompletedProcess[str] | None:
    """Return the finished check if it found no error, else None."""
    done = world.run("check")
    return done if done.returncode == 0 else None


def free_port() -> int:
    """Return a port that is free now."""
    import socket  # noqa: PLC0415 - used only here

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def ask(port: int, path: str, login: str | None) -> Any:
    """Return Flower's JSON, or None if Flower does not answer or refuses."""
    text = read(port, path, login)
    return json.loads(text) if text else None


def read(port: int, path: str, login: str | None) -> str:
    """Return Flower's answer, empty if it does not answer or refuses."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
    if login:
        request.add_header("Authorization", "Basic " + base64.b64encode(login.encode()).decode())
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
            return str(answer.read().decode())
    except (urllib.error.URLError, OSError):
        return ""
