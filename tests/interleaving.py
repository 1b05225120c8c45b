"""Two workers in one process, of which one runs at a time: a seed decides at each operation which, and which one dies.

Each worker is a thread that stops before every request, every call of Redis and every transaction that writes. So a
test can let one continue while the other stands in the middle of its work, again and again in the same order.
"""

import threading
from collections.abc import Callable
from typing import Any

from redis.connection import UnixDomainSocketConnection


class CrashError(BaseException):
    """Raised in a worker in place of each operation after its death: no code catches it, and nothing it does counts."""


class Actor:
    """A worker's thread; ``resume`` lets it run to its next stop, or to the end of its work."""

    def __init__(self) -> None:
        """Start the thread, with nothing to do."""
        self.is_busy = self.is_dead = False
        self.operations_left = 0
        """How many operations it does before it dies; 0: it lives."""
        self._work: Callable[[], None] = lambda: None
        self._error: BaseException | None = None
        self._go, self._stopped = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        _ACTORS[self._thread.ident] = self

    def begin(self, work: Callable[[], None]) -> None:
        """Give it something to do, as a new process if the last one died."""
        self._work, self.is_busy, self.is_dead = work, True, False

    def resume(self) -> None:
        """Let it run until it stops, dies or has ended its work."""
        self._go.release()
        self._stopped.acquire()
        if self._error is not None:
            raise self._error

    def operation(self, *, may_stop: bool) -> None:
        """Die here if it is time, else let another run."""
        if self.operations_left == 1:
            self.is_dead = True
        self.operations_left = max(0, self.operations_left - 1)
        if self.is_dead:
            raise CrashError
        if may_stop:
            self._stopped.release()
            self._go.acquire()

    def _run(self) -> None:
        while True:
            self._go.acquire()
            try:
                self._work()
            except CrashError:
                pass
            except BaseException as error:  # noqa: BLE001 - `resume` raises it
                self._error = error
            finally:
                self.is_busy, self.operations_left = False, 0
                self._stopped.release()


_ACTORS: dict[int | None, Actor] = {}


def stop(*_: Any) -> None:
    """Stop the worker of this thread before an operation, if it is one."""
    actor = _ACTORS.get(threading.get_ident())
    if actor is not None:
        actor.operation(may_stop=True)


def pass_by(*_: Any) -> None:
    """Let the worker of this thread die here, but not stop: it holds the database."""
    actor = _ACTORS.get(threading.get_ident())
    if actor is not None:
        actor.operation(may_stop=False)


class StoppingConnection(UnixDomainSocketConnection):
    """A connection to Redis at whose calls a worker stops."""

    def send_packed_command(self, *args: Any, **kwargs: Any) -> Any:
        """Stop, then send."""
        stop()
        send: Any = super().send_packed_command
        return send(*args, **kwargs)
