"""A temporary worker: checks whether a worker serves the queue, and otherwise runs a prefork worker during a wait."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from kombu.exceptions import OperationalError
from redis.exceptions import NoPermissionError, RedisError

from console.shared import nodes
from models.database import PRIVATE
from worker.errors import FatalError
from worker.runtime import Runtime

LOOK_SECONDS: Final = 10.0
CONCURRENCY: Final = 2
MAX_DEATHS: Final = 2  # one soon after the other: then a third worker would end in the same way
LONG_LIFE_SECONDS: Final = 60.0
WARM_SECONDS: Final = 10.0
COLD_SECONDS: Final = 5.0
_BOTH: Final = WARM_SECONDS + COLD_SECONDS
_CRITICAL: Final = " CRITICAL "  # as the short lines on a console name the level
LEAVING: Final = f"ExitWithParent: its worker may need up to {_BOTH:.0f} s to end; Ctrl-C again leaves at once"


class OwnWorker:
    """The worker of this process: started when needed, started again when it dies, stopped at the end."""

    def __init__(self, current: Runtime) -> None:
        """Store the settings; no worker is started yet."""
        self._current = current
        self._settings = current.settings
        self._process: subprocess.Popen[bytes] | None = None
        self._starts = 0
        self._deaths = 0
        self._started = 0.0
        # Nobody can be at work behind a server that was started for us: no need to ask, which takes a second.
        self._is_first = current.server is not None and current.server.is_new
        self._look_again = 0.0
        self.others = nodes.Answering()
        """The nodes that answered when last asked."""

    @property
    def pid(self) -> int | None:
        """Return the worker's process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def serve(self) -> None:
        """Ensure that the queue is served: start an own worker if no other worker answers.

        Called again and again; raises FatalError when our worker keeps dying.
        """
        if self._process is None:
            if time.monotonic() < self._look_again:
                return
            self._look_again = time.monotonic() + LOOK_SECONDS
            # A Redis that is away says nothing about workers; the next look comes soon.
            with contextlib.suppress(OperationalError, RedisError, OSError):
                self.others = self._answering()
                if not self.others.serve:
                    self._keep_running()
            return
        self._keep_running()

    def _answering(self) -> nodes.Answering:
        """Return the nodes that answer; none if the login may not ask, which an own worker will report."""
        if self._is_first:
            self._is_first = False
            return nodes.Answering()
        try:
            return nodes.answering(self._current)
        except (OperationalError, NoPermissionError) as error:
            if isinstance(error, NoPermissionError) or isinstance(error.__cause__, NoPermissionError):
                return nodes.Answering()
            raise

    def _keep_running(self) -> None:
        if self.pid is not None:
            return
        if self._process is not None:
            self._count_death(self._process.returncode)
        self._starts += 1
        self._started = time.monotonic()
        self._process = self._start()

    def _count_death(self, code: int) -> None:
        """Raise FatalError if the worker has died twice, each time soon after its start."""
        lived_long = time.monotonic() - self._started > LONG_LIFE_SECONDS
        self._deaths = 1 if lived_long else self._deaths + 1
        if self._deaths >= MAX_DEATHS:
            how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
            why = last_words(self._words)
            raise FatalError(
                f"the worker of this command {how}, the second time in a row{f': {why}' if why else ''}; "
                f"its output is in {self._words}, and flowbeat check looks closer"
            )

    def stop(self) -> None:
        """Stop the worker: first warm, then cold (its messages return to the queue), then with SIGKILL."""
        if self._process is None:
            return
        for number, seconds in ((signal.SIGTERM, WARM_SECONDS), (signal.SIGQUIT, COLD_SECONDS), (signal.SIGKILL, None)):
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
                break
        self._process = None

    @property
    def _words(self) -> Path:
        return self._settings.state_dir / "worker.out"

    def _start(self) -> subprocess.Popen[bytes]:
        self._words.parent.mkdir(parents=True, exist_ok=True)
        name = f"waiting-{os.getpid()}-{self._starts}@%h"
        command = [sys.executable, "-m", "worker.temporary", name, str(CONCURRENCY), str(os.getpid())]
        # In a session of its own, so that Ctrl-C reaches only us; we pass it on. If we are killed, it leaves by itself.
        with _open_private(self._words) as words:
            return subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
                command,
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=words,
                env=self._environment(),
                start_new_session=True,
            )

    def _environment(self) -> dict[str, str]:
        path = self._settings.path
        return {**os.environ, **({"FLOWBEAT_CONFIG": str(path)} if path else {})}


def _open_private(file: Path) -> BinaryIO:
    """Open an empty file for writing that other users of the machine cannot read."""
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, PRIVATE), "wb")


def last_words(output: Path) -> str:
    """Return why a worker ended, from its output: its last CRITICAL line, else its last line; empty without any."""
    lines = [line.strip() for line in output.read_text(encoding="utf-8", errors="replace").splitlines()]
    written = [line for line in lines if line]
    critical = [line.partition(_CRITICAL)[2] for line in written if _CRITICAL in line]
    return [*written[-1:], *critical][-1] if written else ""


@contextlib.contextmanager
def serving(current: Runtime) -> Iterator[OwnWorker]:
    """Serve the queue during the block, by calls of the yielded ``serve``; the temporary worker ends with the block.

    A closed terminal or SIGTERM has the same effect as Ctrl-C.
    """
    own = OwnWorker(current)
    if current.server:
        current.server.watch()
    before = {number: signal.signal(number, signal.default_int_handler) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        own.serve()
        yield own
    finally:
        own.stop()
        for number, handler in before.items():
            signal.signal(number, handler)
