"""Lets the workers themselves look for stalled runs: one of them at a time, with or without a scheduler.

The look goes to the queue ``maintain``. Where no worker takes from it, a worker sends the look to a queue of its own.
"""

import contextlib
import logging
from typing import Any, Final

from celery import bootsteps
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from worker import queues, runtime

SWEEP: Final = "tasks.maintain.requeue_stalled"
NOTIFY: Final = "tasks.maintain.notify"  # sent beside it, where the configuration has a [notify]
_TURN: Final = "flowbeat:sweep"  # who holds it has sent the sweep of this interval
_MAINTAINED: Final = "flowbeat:maintained"  # a worker that takes from the queue ``maintain`` was at work lately
_MAINTAINED_INTERVALS: Final = 3
_MARGIN_SECONDS: Final = 0.5  # so that the next interval finds it free


class Sweeping(bootsteps.StartStopStep):
    """Sends the sweep at intervals from the consumer's own event loop."""

    requires = ("celery.worker.consumer:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        """Send nothing yet."""
        super().__init__(consumer, **options)
        self._timer: Any = None

    def start(self, consumer: Any) -> None:
        """Begin; the first sweep is sent after one interval."""
        every = runtime.current().settings.stalled_runs.check_every_seconds
        self._timer = consumer.timer.call_repeatedly(every, send_sweep, (consumer.app, every))

    def stop(self, consumer: Any) -> None:  # noqa: ARG002 - Celery's signature
        """Send no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def send_sweep(app: Any, every: float) -> bool:
    """Send the sweep unless another worker has sent it within ``every`` seconds; returns whether it was sent.

    A sweep that no process took until the next one is dropped. Without Redis nothing is sent: the next time comes soon.
    """
    with contextlib.suppress(RedisError, OperationalError):
        queue = _queue_for_sweep(app, every)
        turn = max(every - _MARGIN_SECONDS, _MARGIN_SECONDS)
        current = runtime.current()
        if queue is not None and current.redis.set(_TURN, "", nx=True, px=int(turn * 1000)):
            app.send_task(SWEEP, expires=every, retry=False, queue=queue)
            if current.settings.notify.is_configured:
                app.send_task(NOTIFY, expires=every, retry=False, queue=queue)
            return True
    return False


def _queue_for_sweep(app: Any, every: float) -> str | None:
    """Return the queue that this worker sends the sweep to; None where it sends none.

    A worker without the queue ``maintain`` leaves the sweep to the workers that have it, because in its own queue the
    sweep waits behind other work.
    """
    redis, queue = runtime.current().redis, queues.own_queue(app)
    if queue == queues.MAINTAIN:
        redis.set(_MAINTAINED, "", px=int(_MAINTAINED_INTERVALS * every * 1000))
        return queue
    return None if redis.exists(_MAINTAINED) else queue


class QuietSweeps(logging.Filter):
    """Holds back the lines in which Celery reports that a sweep came and went; its warnings and errors pass."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is written."""
        if record.levelno > logging.INFO or not record.name.startswith("celery."):
            return True
        message = record.getMessage()
        return SWEEP not in message and NOTIFY not in message
