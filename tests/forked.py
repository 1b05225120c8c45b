"""Processes of Flowbeat for the tests, each a fork of one that has imported it: real ones, without a second of imports.

The words are those after the interpreter's name: ``-m MODULE …`` or ``-c CODE …``.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryFile
from threading import Lock
from typing import IO, Final

from fork_server import HEADER_BYTES

SERVER: Final = Path(__file__).with_name("fork_server.py")
STOP_SECONDS: Final = 10.0


class Server:
    """The process that forks, started with the first command of this test process."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._lock = Lock()
        self._channel: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def send(self, request: bytes, files: list[int]) -> None:
        """Send a request with its open files."""
        with self._lock:
            channel = self._channel or self._start()
            socket.send_fds(channel, [len(request).to_bytes(HEADER_BYTES)], files)
            channel.sendall(request)

    def _start(self) -> socket.socket:
        self._channel, theirs = socket.socketpair()
        with theirs:
            number = theirs.fileno()
            command = [sys.executable, str(SERVER), str(number)]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[number])
        return self._channel

    def stop(self) -> None:
        """End it, so that it writes which lines it has reached."""
        if self._channel is not None and self._process is not None:
            self._channel.close()
            self._process.wait(STOP_SECONDS)


SERVER_OF_TESTS: Final = Server()


class Process:
    """A running command, with what tests use of ``subprocess.Popen``."""

    def __init__(self, report: int) -> None:
        """Wait until it has been forked."""
        self._report = os.fdopen(report, "rb", buffering=0)
        self.pid = int(self._report.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return its exit code if it has exited."""
        return self._code(0)

    def wait(self, timeout: float | None = None) -> int:
        """Return its exit code."""
        code = self._code(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0.0)
        return code

    def _code(self, seconds: float | None) -> int | None:
        if self.returncode is None and select.select([self._report], [], [], seconds)[0]:
            self.returncode = int(self._report.readline())
            self._report.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal while it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send it SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send it SIGKILL."""
        self.send_signal(signal.SIGKILL)


def start(
    *words: str, cwd: Path, env: Mapping[str, str], stdout: IO[bytes], stderr: IO[bytes], new_session: bool = False
) -> Process:
    """Start a command."""
    request = {"words": words, "cwd": str(cwd), "environment": dict(env), "new_session": new_session}
    ours, theirs = os.pipe()
    SERVER_OF_TESTS.send(json.dumps(request).encode(), [stdout.fileno(), stderr.fileno(), theirs])
    os.close(theirs)
    return Process(ours)


def run(*words: str, cwd: Path, env: Mapping[str, str], timeout: float) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; one that needs more seconds is killed."""
    with TemporaryFile() as out, TemporaryFile() as err:
        process = start(*words, cwd=cwd, env=env, stdout=out, stderr=err)
        try:
            code = process.wait(timeout)
        except BaseException:
            process.kill()
            process.wait()
            raise
        for file in (out, err):
            file.seek(0)
        return subprocess.CompletedProcess(words, code, out.read().decode(), err.read().decode())
