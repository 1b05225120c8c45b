"""The embedded server stops with its last user, also if that receives SIGTERM or leaves child processes."""

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
import pathlib, signal, sys, time
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it is ignored
from worker.runtime import Runtime
from worker.settings import Settings
folder = pathlib.Path(sys.argv[1])
current = Runtime(Settings("sqlite://", folder, folder))
print(current.server.client_url, flush=True)
while True:  # a signal that arrives just before the sleep is noticed after it
    time.sleep(0.1)
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
    """Yield a process that runs a script without coverage, whose handler of SIGTERM would replace Flowbeat's."""
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
    """Return whether a server runs on the folder: it holds a lock until it exits."""
    return embedded._is_running(folder / "redis")


def first_line(process: subprocess.Popen[str]) -> str:
    """Return the first line of a script's output, which it prints when it is ready."""
    assert process.stdout is not None
    return process.stdout.readline()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_last_user_that_is_terminated_stops_the_server(tmp_path: Path, number: signal.Signals) -> None:
    """Without a handler the process would end too soon; its exit code still names the signal."""
    with python(USE, tmp_path) as user:
        assert "unix://" in first_line(user)
        assert runs(tmp_path)
        user.send_signal(number)
        code = user.wait(20)
    assert code == (-number if number is signal.SIGINT else 128 + number)
    assert not runs(tmp_path)


def test_a_user_that_is_terminated_while_it_starts_the_server_stops_it(tmp_path: Path) -> None:
    """The signal may arrive at any moment between the first lock and the first answer."""
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


def test_a_child_that_outlives_its_killed_parent_is_not_a_user(tmp_path: Path) -> None:
    """A worker's pool process may run for a while after it; the next user to stop is still the last one."""
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
