"""Celery's consumer, which outlives a Redis that fails over, refuses writes or lost its data."""

import logging
import time
from collections.abc import Callable
from typing import Any, Final

from celery.exceptions import WorkerShutdown
from celery.worker import state
from celery.worker.consumer import Consumer as CeleryConsumer
from redis.exceptions import NoPermissionError

from worker import messages

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS: Final = 0.5
LAST_PAUSE_SECONDS: Final = 5.0
CALM_SECONDS: Final = 60.0  # after this time without an error the pauses start again from the first
_SLICE_SECONDS: Final = 0.25


class Consumer(CeleryConsumer):
    """Waits between two tries to use Redis, longer each time; ends where its login may not do what a worker must."""

    def __init__(self, *args: Any, **options: Any) -> None:
        """Begin as Celery does, with no error seen yet."""
        super().__init__(*args, **options)
        self._failed_at = float("-inf")
        self._pause = 0.0

    def on_connection_error_before_connected(self, exc: Exception) -> None:
        """Wait before the next try."""
        super().on_connection_error_before_connected(exc)
        self._rest(exc)

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Give the connection up as Celery does, and wait before the next."""
        super().on_connection_error_after_connected(exc)
        self._rest(exc)

    def create_task_handler(self, *args: Any, **options: Any) -> Callable[[Any], None]:
        """Return Celery's handler, which gets only the messages that Flowbeat may have sent."""
        handle = super().create_task_handler(*args, **options)

        def on_task_received(message: Any) -> None:
            why = messages.fault_of(message, self.app.tasks)
            if why is None:
                handle(message)
                return
            log.error("message refused", extra={"why": why, "queue_bytes": len(message.body or "")})
            message.reject_log_error(log, vars(self)["connection_errors"])

        return on_task_received

    def _rest(self, error: Exception) -> None:
        if isinstance(error, NoPermissionError):
            log.critical("Redis refuses its login a command that a worker needs: %s", error)
            raise WorkerShutdown(1) from error
        now = time.monotonic()
        is_first = now - self._failed_at > CALM_SECONDS
        self._pause = FIRST_PAUSE_SECONDS if is_first else min(2 * self._pause, LAST_PAUSE_SECONDS)
        self._failed_at = now
        while (left := now + self._pause - time.monotonic()) > 0:
            state.maybe_shutdown()
            time.sleep(min(left, _SLICE_SECONDS))
