"""Processes of Flowbeat for the tests, each a fork of one that has imported it: real ones, without a second of imports.

The words are those after the interpreter's name: ``-m MODULE …``, ``-c CODE …`` or ``FILE …``.
"""

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
from typing import BinaryIO, Final

from requested import Command, send

SERVER: Final = Path(__file__).with_name("fork_server.py")
STOP_SECONDS: Final = 10.0
STDERR: Final = 2


class Server:
    """The process that forks, started with the first command of this test process."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._lock = Lock()
        self._channel: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def send(self, command: Command, files: list[int]) -> None:
        """Send a command with its open files."""
        with self._lock:
            send(self._channel or self._start(), command, files)

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
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:  # a command still runs
                self._process.kill()
                self._process.wait()


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
    *words: str,
    cwd: Path,
    env: Mapping[str, str],
    files: tuple[int, int, int],
    new_session: bool = False,
    terminal: bool = False,
) -> Process:
    """Start a command with its standard input, output and error."""
    command = Command(words, str(cwd), dict(env), new_session=new_session or terminal, terminal=terminal)
    ours, theirs = os.pipe()
    SERVER_OF_TESTS.send(command, [*files, theirs])
    os.close(theirs)
    return Process(ours)


def start_quiet(
    *words: str, cwd: Path, env: Mapping[str, str], output: BinaryIO | None = None, new_session: bool = False
) -> Process:
    """Start a command that reads nothing, with all that it prints in a file, or nowhere."""
    with Path(os.devnull).open("r+b") as nowhere:
        out = (output or nowhere).fileno()
        return start(*words, cwd=cwd, env=env, files=(nowhere.fileno(), out, out), new_session=new_session)


def run(*words: str, cwd: Path, env: Mapping[str, str], timeout: float) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; one that needs more seconds is killed."""
    with Path(os.devnull).open("rb") as nothing, TemporaryFile() as out, TemporaryFile() as err:
        process = start(*words, cwd=cwd, env=env, files=(nothing.fileno(), out.fileno(), err.fileno()))
        try:
            code = process.wait(timeout)
        except BaseException:
            process.kill()
            process.wait()
            raise
        for file in (out, err):
            file.seek(0)
        return subprocess.CompletedProcess(words, code, out.read().decode(), err.read().decode())


class Conversation:
    """A command whose input is written and whose output is read line by line."""

    def __init__(self, *words: str, env: Mapping[str, str]) -> None:
        """Start it in this folder."""
        their_input, ours = os.pipe()
        output, theirs = os.pipe()
        self._input, self._output = os.fdopen(ours, "w"), os.fdopen(output)
        self.process = start(*words, cwd=Path(), env=env, files=(their_input, theirs, STDERR))
        os.close(their_input)
        os.close(theirs)

    def line(self) -> str:
        """Return the next line of its output."""
        return self._output.readline()

    def write(self, text: str) -> None:
        """Write to its input."""
        self._input.write(text)
        self._input.flush()

    def end(self, text: str = "") -> str:
        """Write the last of its input; return the rest of its output when it has exited."""
        with self._input, self._output:
            self._input.write(text)
            self._input.close()
            rest = self._output.read()
            self.process.wait(120)
        return rest
