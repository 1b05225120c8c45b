"""A command on a real terminal: a pseudo-terminal that is its controlling one, answered as a person would."""

import contextlib
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import forked

_SECONDS: Final = 60
# The child's standard input becomes its controlling terminal, so that /dev/tty is this one, also for passwords.
_PROGRAM: Final = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); from console.cli import main; main()"
_ESCAPES: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A running command, what it has shown so far, and where its next output begins."""

    def __init__(self, process: subprocess.Popen[bytes] | forked.Process, descriptor: int) -> None:
        """Hold a process and the other end of its terminal."""
        self.process = process
        self._descriptor = descriptor
        self._bytes = b""
        self._read_up_to = 0

    @property
    def text(self) -> str:
        """Everything that was shown, without colours, with plain line ends."""
        return _ESCAPES.sub("", self._bytes.decode(errors="replace")).replace("\r\n", "\n")

    def wait_for(self, words: str) -> str:
        """Return what is shown after the last answer, once it contains these words."""
        until = time.monotonic() + _SECONDS
        while words not in self.text[self._read_up_to :]:
            if time.monotonic() > until or not self._read(until):
                raise AssertionError(f"{words!r} was not shown, but: {self.text[self._read_up_to :]}")
        return self.text[self._read_up_to :]

    def answer(self, question: str, line: str) -> None:
        """Wait for a question, and type a line."""
        self.wait_for(question)
        self._read_up_to = len(self.text)
        os.write(self._descriptor, f"{line}\n".encode())

    def interrupt(self) -> None:
        """Press Ctrl-C, as a person does: again after a second in which the command did not say that it ends.

        Python notices a signal between two of its instructions, or because the signal ends a system call. One that
        arrives after the last instruction and before the call that waits for a key is noticed with the next key.
        """
        for _ in range(_SECONDS):
            os.write(self._descriptor, b"\x03")
            until = time.monotonic() + 1.0
            while "Interrupted." not in self.text and self._read(until):
                pass
            if "Interrupted." in self.text:
                return
        raise AssertionError(f"not interrupted, but: {self.text}")

    def end(self) -> int:
        """Return the exit code, once the command has ended and all its output was read."""
        until = time.monotonic() + _SECONDS
        while self._read(until):
            pass
        return self.process.wait(_SECONDS)

    def _read(self, until: float) -> bool:
        """Read more output; return whether there was any."""
        ready, _, _ = select.select([self._descriptor], [], [], max(0.0, until - time.monotonic()))
        try:
            more = os.read(self._descriptor, 65_536) if ready else b""
        except OSError:  # Linux says so when the last process has closed its end
            more = b""
        self._bytes += more
        return bool(more)


@contextmanager
def terminal(folder: Path, environ: Mapping[str, str], *words: str, new_program: bool = False) -> Iterator[Terminal]:
    """Yield a flowbeat command on a terminal of its own; it is killed at the end of the block if it still runs.

    With ``new_program`` it is started as a person starts it, else it is a fork; see `forked`.
    """
    ours, theirs = pty.openpty()
    try:
        process = (_start if new_program else _fork)(
            folder, {**environ, "TERM": "xterm", "COLUMNS": "100"}, words, theirs
        )
    finally:
        os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(_SECONDS)
        with contextlib.suppress(OSError):
            os.close(ours)


def _start(folder: Path, environ: Mapping[str, str], words: Sequence[str], file: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", _PROGRAM, *words]
    return subprocess.Popen(
        command, cwd=folder, env=environ, stdin=file, stdout=file, stderr=file, start_new_session=True
    )


def _fork(folder: Path, environ: Mapping[str, str], words: Sequence[str], file: int) -> forked.Process:
    return forked.start("-m", "console", *words, cwd=folder, env=environ, files=(file, file, file), terminal=True)
