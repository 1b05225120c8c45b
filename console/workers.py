"""A worker for as long as somebody waits: finds out whether one serves the queue, else runs a real prefork worker."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from worker.app import app
from worker.errors import FatalError
from worker.runtime import Runtime

PING_SECONDS: Final = 1.0
CONCURRENCY: Final = 2
MAX_STARTS: Final = 5
WARM_SECONDS: Final = 10.0
COLD_SECONDS: Final = 5.0


def are_there() -> bool:
    """Whether any worker answers on the broker; beat answers pings too, and is none."""
    answers = app.control.ping(timeout=PING_SECONDS)
    return any(not name.startswith("celerybeat@") for answer in answers or () for name in answer)


class OwnWorker:
    """A worker of this process: started when needed, started again when it dies, stopped in the end."""

    def __init__(self, current: Runtime) -> None:
        """Nothing runs yet."""
        self._settings = current.settings
        self._process: subprocess.Popen[bytes] | None = None
        self._starts = 0

    @property
    def pid(self) -> int | None:
        """The worker's process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def keep_running(self) -> None:
        """Start the worker if it does not run; raises FatalError when it keeps dying."""
        if self.pid is not None:
            return
        if self._starts >= MAX_STARTS:
            raise FatalError(f"the worker died {self._starts} times; its last words are in {self._words}")
        self._starts += 1
        self._process = self._start()

    def stop(self) -> None:
        """End it as gently as it lets us: warm, then cold (its messages go back to the queue), then killed."""
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
        command = [sys.executable, "-m", "celery", "-A", "worker.app", "worker", "-n", name, "-c", str(CONCURRENCY)]
        # In a session of its own, so that Ctrl-C reaches only us; we pass it on.
        with self._words.open("wb") as words:
            return subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
                [*command, "--loglevel", "WARNING", "--without-mingle", "--without-gossip"],
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=words,
                env=self._environment(),
                start_new_session=True,
            )

    def _environment(self) -> dict[str, str]:
        path = self._settings.path
        return {**os.environ, **({"FLOWBEAT_CONFIG": str(path)} if path else {})}


@contextlib.contextmanager
def serving(current: Runtime) -> Iterator[OwnWorker | None]:
    """Own worker for the time of the block if nobody else serves the queue, else None."""
    if are_there():
        yield None
        return
    own = OwnWorker(current)
    own.keep_running()
    try:
        yield own
    finally:
        own.stop()
