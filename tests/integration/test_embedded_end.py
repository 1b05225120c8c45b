"""The embedded server stops with its last user, also when that receives SIGTERM, or has left children behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from worker import embedded

ROOT = Path(__file__).parents[2]
USE = """
import pathlib, sys, time
from worker.runtime import Runtime
from worker.settings import Settings
folder = pathlib.Path(sys.argv[1])
current = Runtime(Settings("sqlite://", folder, folder))
print(current.server.client_url, flush=True)
time.sleep(60)
"""
FORK = """
import os, pathlib, sys, time
from worker import embedded
handle = embedded.ensure(pathlib.Path(sys.argv[1]))
child = os.fork()
if child == 0:
    time.sleep(60)
print(child, flush=True)
time.sleep(60)
"""


@contextmanager
def python(script: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Yield a process of its own that runs a script, not measured: coverage's handler of SIGTERM would replace ours."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    with subprocess.Popen(
        [sys.executable, "-c", script, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env={**variables, "PYTHONPATH": str(ROOT)},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def runs(folder: Path) -> bool:
    """Return whether a server runs on the folder, by the lock that it holds as long as it lives."""
    return embedded._is_running(folder / "redis")


def first_line(process: subprocess.Popen[str]) -> str:
    """Return what a script prints when it is ready."""
    assert process.stdout is not None
    return process.stdout.readline()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_last_user_that_is_told_to_end_stops_the_server(tmp_path: Path, number: signal.Signals) -> None:
    """Without a handler the process would be gone before it could; its exit code says which signal it was."""
    with python(USE, tmp_path) as user:
        assert "unix://" in first_line(user)
        assert runs(tmp_path)
        user.send_signal(number)
        code = user.wait(20)
    assert code == (-number if number is signal.SIGINT else 128 + number)
    assert not runs(tmp_path)


def test_a_user_that_is_told_to_end_while_it_starts_the_server_stops_it(tmp_path: Path) -> None:
    """At whatever moment between the first lock and the first answer."""
    for delay in (0.0, 0.005, 0.02, 0.04):
        folder = tmp_path / str(delay)
        with python(USE, folder) as user:
            until = time.monotonic() + 20
            while not (folder / "redis" / "users.lock").exists():
                assert time.monotonic() < until
                time.sleep(0.001)
            time.sleep(delay)
            user.terminate()
            assert user.wait(20) == 128 + signal.SIGTERM
        assert not runs(folder)


def test_a_child_that_outlives_its_killed_parent_is_no_user(tmp_path: Path) -> None:
    """A worker's pool process may live on for a while; whoever leaves then is the last all the same."""
    with python(FORK, tmp_path) as parent:
        child = int(first_line(parent))
        try:
            other = embedded.ensure(tmp_path)
            parent.kill()
            parent.wait()
            other.close()
            assert not runs(tmp_path)
        finally:
            os.kill(child, signal.SIGKILL)
