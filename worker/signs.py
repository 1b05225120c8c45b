"""The signs of life of a worker, from a thread of its own: its main loop, its tasks, its queues, its Redis."""

import json
import logging
import os
import threading
import time
from pathlib import Path
from typing import Any

from celery import bootsteps
from celery.worker import state
from redis import Redis
from redis.exceptions import RedisError

from worker import alive, nodes, runtime
from worker.runtime import Runtime

log = logging.getLogger(__name__)

_SILENT = "tasks.maintain."  # they take a moment, and give no sign
SENT_AT = "flowbeat_sent_at"  # a message's header: when it was sent, in seconds since 1970


class Signs(bootsteps.StartStopStep):
    """Keeps the worker's file up to date until the worker ends."""

    def __init__(self, worker: Any, **options: Any) -> None:
        """Begin with a main loop that responds."""
        super().__init__(worker, **options)
        worker.loop_at = time.time()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep_until_over, args=(worker,), name="signs", daemon=True)

    def start(self, parent: Any) -> None:  # noqa: ARG002 - Celery's signature
        """Begin to write."""
        self._thread.start()

    def stop(self, parent: Any) -> None:  # noqa: ARG002 - Celery's signature
        """Write no more, and remove the file."""
        self._over.set()
        self._thread.join(alive.EVERY_SECONDS)
        alive.drop(alive.folder_of(runtime.current().settings.state_dir), "worker")

    terminate = stop

    def _keep_until_over(self, worker: Any) -> None:
        current, watch = runtime.current(), _Watch()
        folder = alive.folder_of(current.settings.state_dir)
        while not self._over.is_set():
            alive.keep(folder, "worker", watch.look(current, worker, folder))
            self._over.wait(alive.EVERY_SECONDS)


class LoopSign(bootsteps.StartStopStep):
    """Shows that the worker's main loop responds; it runs only while Redis is connected."""

    requires = ("celery.worker.consumer:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        """Show nothing yet."""
        super().__init__(consumer, **options)
        self._timer: Any = None

    def start(self, consumer: Any) -> None:
        """Begin."""
        self._show(consumer)
        self._timer = consumer.timer.call_repeatedly(alive.EVERY_SECONDS, self._show, (consumer,))

    def stop(self, consumer: Any) -> None:  # noqa: ARG002 - Celery's signature
        """Show no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _show(self, consumer: Any) -> None:
        if consumer.controller is not None:
            consumer.controller.loop_at = time.time()


class _Watch:
    """What one look compares with the one before."""

    def __init__(self) -> None:
        self._finished = 0
        self._finished_at = time.time()

    def look(self, current: Runtime, worker: Any, folder: Path) -> dict[str, Any]:
        now, active = time.time(), list(state.active_requests)
        finished = sum(state.total_count.values()) - len(active)
        if finished != self._finished:
            self._finished, self._finished_at = finished, now
        sign = {
            "node": worker.hostname,
            "loop_at": worker.loop_at,
            "slots": worker.concurrency,
            "finished_at": self._finished_at,
            "active": [_task(request, folder, now) for request in active],
        }
        return sign | _redis(current.redis, list(worker.app.amqp.queues.consume_from), worker.hostname, now)


def _task(request: Any, folder: Path, now: float) -> dict[str, Any]:
    """Return how long a task has been at work, and how long it has been silent; None for one that gives no sign."""
    seconds = max(0.0, now - (request.time_start or now))
    silent = None
    if not str(request.name).startswith(_SILENT):
        silent = alive.silence_of_task(folder, request.worker_pid or os.getpid(), now)
    return {"name": request.name, "seconds": seconds, "silent": None if silent is None else min(silent, seconds)}


def _redis(redis: "Redis", queues: list[str], node: str, now: float) -> dict[str, Any]:
    """Return what Redis lacks, how many messages wait, and how long the oldest of them has."""
    try:
        nodes.keep_alive(redis, node)
        waiting = sum(int(redis.llen(queue)) for queue in queues)
        ages = [age for queue in queues if (age := age_of_oldest(redis, queue, now)) is not None]
    except RedisError as error:
        first, *_ = str(error).splitlines() or [type(error).__name__]
        return {"redis": f"Redis answers its writes with: {first}", "queued": None, "oldest_seconds": None}
    return {"redis": None, "queued": waiting, "oldest_seconds": max(ages, default=0.0)}


def age_of_oldest(redis: "Redis", queue: str, now: float) -> float | None:
    """Return the seconds that the oldest message of a queue has waited, 0 for an empty one, None if it does not say."""
    text: Any = redis.lindex(queue, -1)
    if text is None:
        return 0.0
    try:
        return max(0.0, now - float(json.loads(text)["headers"][SENT_AT]))
    except (KeyError, TypeError, ValueError):
        return None
